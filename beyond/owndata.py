"""Your own observations: python train.py --data FILE

Two kinds of file are read:

    .npz   x and x_prime, each (n, d): row i of both is the same thing, observed twice;
           or trajectories (orbits, times, d): each orbit at several times.
           Optional names (d,) of the columns. Nothing in the file is unpickled.
    .csv   a first line of column names; one observation a row; one column, named event, orbit, experiment
           or group (or as --group says), that tells which observations belong together.

From them comes a System like those of the paper, whose pairs are drawn from the file: what is equivalent is
known, the invariants are not.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beyond.expressions import Expression
from physics import Pairs, System, derangement
from siamese import SiameseNetwork
from support.checks import UserError, finite_array
from support.files import digest, load_arrays

GROUP_COLUMNS = ("event", "orbit", "experiment", "group")
TEST_SHARE = 0.1                        # of the groups; they take no part in the training
FEWEST_PAIRS, FEW_PAIRS = 10, 1000      # with fewer than the first a file is refused, than the second there is a note
MOST_PAIRS = 50_000
MOST_COLUMNS = 40                       # a polynomial of order 2 in them has 860 terms, whose gradients take a gigabyte
STILL = 0.01                            # share of its variance within groups below which a column tells groups apart by itself


@dataclass(frozen=True)
class OwnData(System):
    """A system whose pairs come from a user's file; some of its classes are kept for the test set."""
    draw: object = None                                 # PairsOf the classes to train on
    draw_test: object = None                            # and of those to test on
    centre: np.ndarray | None = None                    # (inputs,), mean of each column
    scale: np.ndarray | None = None                     # (inputs,), its standard deviation
    fingerprint: str = ""                               # of the file
    notes: tuple = ()                                   # what a reader of results should know

    def pairs(self, n, rng, test=False):
        """n equivalent pairs, and for each the number of another of a different class."""
        partner = derangement(n, rng)
        x, x_prime, classes = (self.draw_test if test else self.draw)(n, rng)
        return Pairs(x, x_prime, apart(partner, classes, rng), classes)

    @property
    def own(self):
        """What a plan for these data has that the paper's systems do not need."""
        about = {"data": self.fingerprint, "inputs": list(self.inputs),
                 "known": list(self.invariants), "fixed": list(self.fixed)}
        return {"network_class": ScaledNetwork, "about": about, "notes": self.notes,
                "network_options": {"centre": self.centre, "scale": self.scale}}


class ScaledNetwork(SiameseNetwork):
    """A SiameseNetwork that sees (x - centre) / scale, each (d,), for columns in units of any kind."""

    def __init__(self, layer_sizes, *arguments, centre, scale, **options):
        super().__init__(layer_sizes, *arguments, **options)
        self.centre = finite_array("centre", centre, self.layer_sizes[0])
        self.scale = finite_array("scale", scale, self.layer_sizes[0])

    def inputs(self, x):
        return (x - self.centre) / self.scale

    def gradient(self, x):
        return super().gradient(x) / self.scale

    def state(self):
        return {**super().state(), "centre": self.centre, "scale": self.scale}

    @classmethod
    def _restored(cls, state):
        return super()._restored(state, centre=state["centre"], scale=state["scale"])


def apart(partner, classes, rng):
    """Partners (n,), each one of the same class (classes: (n,)) replaced by one of another.

    Raises ValueError if one class holds everything.
    """
    if np.ptp(classes) == 0:
        raise ValueError("there must be two groups or more to make different pairs")
    partner = partner.copy()
    while len(same := np.flatnonzero(classes[partner] == classes)):
        partner[same] = rng.integers(0, len(classes), len(same))
    return partner


def load_system(path, group_column=None, known=()):
    """The OwnData of a file, with the typed expressions `known` as its known invariants.

    Raises UserError if the file cannot be read or used.
    """
    try:
        return _load_system(Path(path), group_column, known)
    except OSError as error:
        raise UserError(f"cannot read --data {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"cannot use --data: {error}") from error


def _load_system(path, group_column, known):
    if path.suffix.lower() == ".npz":
        if group_column:
            raise ValueError(f"{path} has no columns of groups to name by --group {group_column}; that is for .csv files")
        observations, groups, names = read_npz(path)
    elif path.suffix.lower() == ".csv":
        observations, groups, names = read_csv(path, group_column)
    else:
        raise ValueError(f"{path} must be a .npz or a .csv file")
    observations, groups = checked(path, observations, groups, names)
    train, test = split(observations, groups)
    pairs = [count_pairs(part[1]) for part in (train, test)]
    if min(pairs) < FEWEST_PAIRS:
        raise ValueError(f"{path} has {pairs[0]} pairs of observations that belong together to learn from, and "
                         f"{pairs[1]} in other groups to test on, too few; give {FEWEST_PAIRS} of each or more, {FEW_PAIRS} are advisable")
    try:
        known = {expression.name: expression for expression in (Expression(text, names) for text in known)}
        for expression in known.values():
            expression(observations.astype(np.float32))                 # as the run sees them
    except ValueError as error:                         # here, not after the training
        raise ValueError(f"{path} with these --known: {error}") from error
    invariants = {name: lambda x, expression=expression: expression(x)[0]
                  for name, expression in known.items()}
    centre, scale = observations.mean(axis=0), observations.std(axis=0)
    fixed = tuple(name for name, expression in known.items()
                  if is_fixed(*expression(observations), scale))
    normals = [known[name](observations[:1000])[1] * scale for name in fixed]
    if not are_independent(normals):
        raise ValueError(f"{path} with these --known: {', '.join(fixed)} fix one thing twice; "
                         "leave out one of them")
    return OwnData(
        path.name, path.name, tuple(names), None, invariants, fixed=fixed,
        train_pairs=min(MOST_PAIRS, pairs[0]), test_pairs=min(MOST_PAIRS // 10, pairs[1]),
        draw=PairsOf(*train), draw_test=PairsOf(*test), centre=centre, scale=scale,
        fingerprint=digest(path.read_bytes()),
        notes=tuple(notes(observations, groups, names, centre, scale, pairs[0])))


def is_fixed(values, gradients, scale):
    """Whether an invariant with these values (n,) and gradients (n, d) has one value in all observations, or nearly."""
    return bool(np.std(values) < 0.01 * np.sqrt(np.mean(np.sum((gradients * scale)**2, axis=1))))


def are_independent(normals):
    """Whether no linear relation holds between these vectors, each (n, d), at most of the n samples."""
    if len(normals) < 2:
        return True
    unit = np.stack([normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300) for normal in normals], axis=2)
    return bool(np.median(np.linalg.eigvalsh(unit.transpose(0, 2, 1) @ unit)[:, 0]) > 1e-6)


def notes(observations, groups, names, centre, scale, pairs):
    """What a reader of results on these data should know, a sentence each.

    pairs: how many there are to train on.
    """
    if pairs < FEW_PAIRS:
        yield f"There are only {pairs} pairs to train on; what is found may not be reliable."
    far = [name for name, middle, size in zip(names, centre, scale) if abs(middle) > 10 * size]
    if far:
        yield (f"Varying by less than a tenth of its size: {', '.join(far)}. Formulas are found better with the mean, or a number near "
               "it, subtracted.")
    counts = np.bincount(groups)
    means = np.stack([np.bincount(groups, column) / counts for column in ((observations - centre) / scale).T])
    still = [name for name, between in zip(names, means**2 @ counts / len(groups)) if 1 - between < STILL]
    if still:
        yield (f"Hardly changing within a group, beside what it does from group to group: {', '.join(still)}. Each is an invariant by "
               "itself. Leave out time stamps and running numbers; other columns may be observed too briefly.")


class PairsOf:
    """Draws pairs from observations (N, d) that are sorted by their groups (N,)."""

    def __init__(self, observations, groups):
        self.observations, self.classes = observations, groups
        _, self.first, self.size = np.unique(groups, return_index=True, return_counts=True)

    def __call__(self, n, rng):
        """n pairs x, x_prime (n, d) of two members of a group, and their groups (n,); all groups alike in turn."""
        turns = -(-n // len(self.first))
        group = np.concatenate([rng.permutation(len(self.first)) for _ in range(turns)])[:n]
        one = rng.integers(0, self.size[group])
        other = (one + rng.integers(1, self.size[group])) % self.size[group]
        return self.observations[self.first[group] + one], self.observations[self.first[group] + other], group


def read_npz(path):
    """Observations (N, d), their groups (N,) and names of a .npz file."""
    arrays = load_arrays(path, "a .npz file, or is damaged, or holds Python objects, which are not read")
    for name, array in arrays.items():
        if name not in ("x", "x_prime", "trajectories"):
            continue
        if array.dtype.kind not in "iuf":
            raise ValueError(f"{path}: {name} must hold numbers, not {array.dtype}")
        if not array.size:
            raise ValueError(f"{path} holds no observations: {name} is empty")
        if not np.isfinite(array).all():
            where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
            raise ValueError(f"{path}: {name}{list(where)} is {array[where]}; leave such observations out")
    if "trajectories" in arrays and not {"x", "x_prime"} & set(arrays):
        trajectories = arrays["trajectories"]
        if trajectories.ndim != 3:
            raise ValueError(f"{path}: trajectories must have shape (orbits, times, columns), got {trajectories.shape}")
        orbits, times, columns = trajectories.shape
        observations, groups = trajectories.reshape(-1, columns), np.repeat(np.arange(orbits), times)
    elif {"x", "x_prime"} <= set(arrays) and "trajectories" not in arrays:
        x, x_prime = arrays["x"], arrays["x_prime"]
        if x.ndim != 2 or x.shape != x_prime.shape:
            raise ValueError(f"{path}: x and x_prime must have one and the same shape (pairs, columns), got {x.shape} and {x_prime.shape}")
        if np.array_equal(x, x_prime):
            raise ValueError(f"{path}: x and x_prime are the same observations; x_prime must be others, of the same things")
        columns = x.shape[1]
        observations, groups = np.concatenate([x, x_prime]), np.tile(np.arange(len(x)), 2)
    else:
        raise ValueError(f"{path} must hold x and x_prime, or trajectories, but holds {', '.join(arrays) or 'nothing'}")
    names = arrays.get("names", np.array([f"x{i + 1}" for i in range(columns)]))
    if names.ndim != 1 or names.dtype.kind != "U":
        raise ValueError(f"{path}: names must be a list of {columns} texts")
    return observations, groups, [str(name) for name in names]


def read_csv(path, group_column=None):
    """Observations (N, d), their groups (N,) and names of a .csv file."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            (_, head), *rows = [(reader.line_num, row) for row in reader if row] or [(1, [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a text file of comma-separated values ({error})") from None
    head = [name.strip() for name in head]
    candidates = [name for name in head if name == group_column or group_column is None and name.lower() in GROUP_COLUMNS]
    if len(candidates) != 1:
        raise ValueError(f"{path} must have one column that tells which observations belong together, named "
                         f"{group_column or ', '.join(GROUP_COLUMNS)}; its columns are {', '.join(head) or 'missing'}; "
                         + ("--group NAME names another" if len(head) != 1 else "there must be commas between them"))
    if not all(head):
        raise ValueError(f"{path}: column {head.index('') + 1} has no name; give it one, or leave it out")
    at = head.index(candidates[0])
    names = head[:at] + head[at + 1:]
    observations, groups = np.empty((len(rows), len(names))), []
    for i, (line, row) in enumerate(rows):
        if len(row) != len(head):
            raise ValueError(f"{path}: line {line} has {len(row)} values, the head has {len(head)}")
        if not row[at].strip():
            raise ValueError(f"{path}: line {line} has nothing in column {head[at]}; say what each observation belongs to, or leave it out")
        groups.append(row[at].strip())
        for j, text in enumerate(row[:at] + row[at + 1:]):
            try:
                observations[i, j] = float(text)
            except ValueError:
                raise ValueError(f"{path}: line {line} has {text[:20]!r} in column {names[j]}, where a number must stand") from None
            if not np.isfinite(observations[i, j]):
                raise ValueError(f"{path}: line {line} has {text.strip()} in column {names[j]}; leave such observations out")
    return observations, np.array(groups), names


def checked(path, observations, groups, names):
    """Observations as float64, sorted by group, and the groups as numbers; ValueError where they cannot be used."""
    observations = observations.astype(np.float64)
    rows, columns = observations.shape
    if rows == 0 or columns == 0:
        raise ValueError(f"{path} holds no observations")
    if len(names) != columns or len(set(names)) != columns or not all(names):
        raise ValueError(f"{path}: {columns} columns need as many different names, got {', '.join(names)}")
    odd = [name for name in names if set(name) & set("*^/|") or not name.isprintable()]
    if odd:
        raise ValueError(f"{path}: the column name {odd[0]!r} would make a formula or a table unreadable; leave *, ^, / and | and line "
                         "breaks out of names")
    if columns < 2:
        raise ValueError(f"{path} has the one column {names[0]}; an invariant needs two or more")
    if columns > MOST_COLUMNS:
        raise ValueError(f"{path} has {columns} columns; give {MOST_COLUMNS} or fewer, those that an invariant may be made of")
    still = [name for name, column in zip(names, observations.T) if np.ptp(column) <= 1e-12 * np.abs(column).max()]
    if still:
        raise ValueError(f"{path}: column {still[0]} has one value throughout, from which nothing can be learned; leave it out")
    far = [name for name, most in zip(names, np.abs(observations).max(axis=0)) if not 1e-30 < most < 1e30]
    if far:
        raise ValueError(f"{path}: column {far[0]} has values beyond 1e-30 to 1e30; give it in other units")
    narrow = [name for name, column in zip(names, observations.T) if np.std(column) < 1e-2 * np.sqrt(np.mean(column**2))]
    if narrow:
        raise ValueError(f"{path}: column {narrow[0]} varies by less than a hundredth of its size; subtract its mean, or a number near it")
    labels, groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if sizes.min() < 2:
        raise ValueError(f"{path}: {np.sum(sizes < 2)} of {len(sizes)} groups have a single observation, the first of them "
                         f"{labels[np.argmin(sizes)]}; give each two or more, or leave it out")
    if len(labels) < 4:
        raise ValueError(f"{path} has {len(labels)} groups; at least 4 are needed to tell same from different, in training and test")
    order = np.argsort(groups, kind="stable")
    return observations[order], groups[order]


def split(observations, groups):
    """Training and test part, each observations and groups; no group is in both, and the seed has no part in it."""
    labels = np.unique(groups)
    tested = np.random.default_rng(0).permutation(labels)[:max(2, round(TEST_SHARE * len(labels)))]
    test = np.isin(groups, tested)
    return (observations[~test], groups[~test]), (observations[test], groups[test])


def count_pairs(groups):
    """How many pairs of different members there are in all groups."""
    sizes = np.unique(groups, return_counts=True)[1]
    return int(np.sum(sizes * (sizes - 1) // 2))
