"""Your own observations: python train.py --data FILE

The file is read by datafiles.py. From it comes a System like those of the paper, whose pairs are
drawn from the file: what is equivalent is known, the invariants are not. Some classes, as the
orbits of the file are called here, take no part in the training; which ones follows from the seed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from discover import datafiles
from discover.expressions import Expression
from physics import Pairs, System, derangement
from siamese import SiameseNetwork
from support.checks import UserError, finite_array
from support.files import fingerprint as digest

TEST_SHARE, TEST_CLASSES = 0.1, 20      # of the classes; so many where they are at most a quarter
FEW_PAIRS = 1000                        # with fewer there is a note
MOST_PAIRS = 50_000
FAR = 10                                # deviations from zero from which a column is said to be far
FIXED = 0.01                            # deviation of a known quantity, over that of its columns


@dataclass(frozen=True)
class OwnData(System):
    """A system whose pairs come from a user's file; some of its classes are for the test set."""
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
    """A SiameseNetwork that sees (x - centre) / scale, each (d,), for columns in any units."""

    def __init__(self, layer_sizes, *arguments, centre, scale, **options):
        super().__init__(layer_sizes, *arguments, **options)
        self.centre = finite_array("centre", centre, self.layer_sizes[0])
        self.scale = finite_array("scale", scale, self.layer_sizes[0])

    def standardise(self, x):
        return (x - self.centre) / self.scale

    def gradient(self, x):
        return super().gradient(x) / self.scale

    def state_dict(self):
        return {**super().state_dict(), "centre": self.centre, "scale": self.scale}

    @classmethod
    def from_state(cls, state):
        return super().from_state(state, centre=state["centre"], scale=state["scale"])


class PairsOf:
    """Draws pairs from observations (N, d) that are sorted by their classes (N,)."""

    def __init__(self, observations, classes):
        self.observations, self.classes = observations, classes
        _, self.first, self.size = np.unique(classes, return_index=True, return_counts=True)

    def __call__(self, n, rng):
        """n pairs x, x_prime (n, d), each of one class, and the classes (n,), all in turn."""
        turns = -(-n // len(self.first))
        number = np.concatenate([rng.permutation(len(self.first)) for _ in range(turns)])[:n]
        first, size = self.first[number], self.size[number]
        one = rng.integers(0, size)
        other = (one + rng.integers(1, size)) % size
        return self.observations[first + one], self.observations[first + other], number

    @property
    def count(self):
        """How many pairs of different members there are."""
        return int(np.sum(self.size * (self.size - 1) // 2))


def apart(partner, classes, rng):
    """Partners (n,), each one of the same class (classes: (n,)) replaced by one of another.

    Raises ValueError if one class holds everything.
    """
    if np.ptp(classes) == 0:
        raise ValueError("there must be two groups or more to make different pairs")
    partner = partner.copy()
    for same in np.flatnonzero(classes[partner] == classes):
        others = np.flatnonzero(classes != classes[same])
        partner[same] = others[rng.integers(len(others))]
    return partner


def load_system(path, group=None, known=(), drop=(), seed=0):
    """The OwnData of a file, with the typed expressions `known` as its known invariants.

    group, drop: names of columns, of the classes and to be left out. Raises UserError if the file
    cannot be read or used.
    """
    path = Path(path)
    try:
        read = datafiles.read(path, group, drop)
        return system_of(path, read, known, np.random.default_rng([seed, 1]))
    except OSError as error:
        raise UserError(f"cannot read --data {datafiles.shown(path)}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"cannot use --data: {error}") from error


def system_of(path, read, known, rng):
    """The OwnData of observations that were read, its classes split at random.

    Raises ValueError where a text of the `known` is no expression, or not finite on them.
    """
    x, classes = read.values, read.classes
    count = classes.max() + 1
    size = max(round(TEST_SHARE * count), min(TEST_CLASSES, count // 4), 2)
    tested = np.isin(classes, rng.permutation(count)[:size])
    draw, draw_test = PairsOf(x[~tested], classes[~tested]), PairsOf(x[tested], classes[tested])
    centre, scale = x.mean(axis=0), x.std(axis=0)
    known = {each.name: each for each in (Expression(text, read.names) for text in known)}
    fixed = tuple(name for name, each in known.items() if is_fixed(*each(x), scale))
    values = {name: lambda x, each=each: each(x)[0] for name, each in known.items()}
    name = datafiles.shown(path.name)               # which a folder, a page and a screen can show
    return OwnData(name, name, tuple(read.names), None, values, fixed=fixed,
                   train_pairs=min(MOST_PAIRS, draw.count),
                   test_pairs=max(2, min(MOST_PAIRS // 10, draw_test.count)),
                   draw=draw, draw_test=draw_test, centre=centre, scale=scale,
                   fingerprint=digest(path.read_bytes()),
                   notes=(*read.said, *notes(read.names, centre, scale, draw.count)))


def is_fixed(values, gradients, scale):
    """Whether what has these values (n,) and gradients (n, d) has one value, or nearly."""
    by_columns = np.sqrt(np.mean(np.sum((gradients * scale)**2, axis=1)))
    return bool(np.std(values) < FIXED * by_columns)


def notes(names, centre, scale, pairs):
    """What a reader of results on these data should know, a sentence each."""
    if pairs < FEW_PAIRS:
        yield f"There are only {pairs} pairs to train on; what a network finds may not be reliable."
    far = [name for name, middle, size in zip(names, centre, scale) if abs(middle) > FAR * size]
    if far:
        yield (f"Varying by less than a tenth of its size: {', '.join(far)}. Laws are found better "
               "with the mean, or a number near it, subtracted.")
