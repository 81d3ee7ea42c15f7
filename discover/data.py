"""A user's observations as a System like those of the paper, for `python -m discover FILE`.

What is equivalent is known, the invariants are not. Some classes, as the groups of a file are
called here, take no part in the training; the seed says which.
"""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unicodedata import normalize

import numpy as np

from discover import tables
from discover.eigenproblem import Sample
from discover.expressions import Expression
from discover.laws import MAX_LAMBDA
from physics import Pairs, System, derangement
from siamese import SiameseNetwork
from support.checks import UserError, finite_array

TEST_SHARE, TEST_CLASSES = 0.1, 20      # of the classes; so many where they are at most a quarter
MAX_PAIRS = 50_000                      # to train on
MAX_NAME_LENGTH = 40                    # characters of a run's folder
MAX_FIXED_SPREAD = 0.01                 # of a fixed quantity, over that from its columns


@dataclass(frozen=True)
class OwnData(System):
    """A system whose pairs come from a user's file; some of its classes are for the test set."""
    draw: Sample | None = None          # what pairs to train on are drawn from
    draw_test: Sample | None = None     # and pairs to test on
    network: object = None              # what makes a ScaledNetwork for its columns
    units: tuple = ()                   # (d,), "deg" for all degrees
    notes: tuple = ()                   # sentences on what was read
    identity: dict | None = None        # all of the file and options that results depend on

    def pairs(self, n, rng, test=False):
        """n equivalent pairs, of all classes in turn, and for each the number of one of another."""
        partner, draw = derangement(n, rng), self.draw_test if test else self.draw
        count = len(draw.sizes)
        classes = np.concatenate([rng.permutation(count) for _ in range(-(-n // count))])[:n]
        first, size = draw.starts[classes], draw.sizes[classes]
        one = rng.integers(0, size)
        other = (one + rng.integers(1, size)) % size
        return Pairs(draw.x[first + one], draw.x[first + other],
                     replace_partners(partner, classes, rng), classes)


class ScaledNetwork(SiameseNetwork):
    """A SiameseNetwork that sees (x - centre) / scale, each (d,), for columns in any units."""

    def __init__(self, layer_sizes, *arguments, centre, scale, **options):
        super().__init__(layer_sizes, *arguments, **options)
        self.centre = finite_array("centre", centre, self.layer_sizes[0])
        self.scale = finite_array("scale", scale, self.layer_sizes[0])
        if np.any(self.scale <= 0):
            raise ValueError("scale must be above 0; leave out columns that have one value")

    def standardise(self, x):
        return (x - self.centre) / self.scale

    def gradient(self, x):
        return super().gradient(x) / self.scale

    def state_dict(self):
        return {**super().state_dict(), "centre": self.centre, "scale": self.scale}

    @classmethod
    def from_state(cls, state, **options):
        return super().from_state(state, centre=state["centre"], scale=state["scale"], **options)


def replace_partners(partner, classes, rng):
    """Partners (n,), those of the same class (classes: (n,)) replaced by some of another class."""
    partner = partner.copy()
    for same in np.flatnonzero(classes[partner] == classes):
        partner[same] = rng.choice(np.flatnonzero(classes != classes[same]))
    return partner


def load_system(path, group=(), drop=(), known=(), errors=(), seed=0):
    """The OwnData of a file.

    group, drop: names of columns; known: expressions of known invariants; errors: texts such as
    theta=0.005, or omega=2% of each reading. Raises UserError if anything cannot be used.
    """
    try:
        path = Path(path).expanduser()
        found = tables.read(path, group, drop)
        data = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        set_errors(found, errors)
        x, inputs = found.values, tuple(found.names.tolist())
        sample = Sample(x, found.classes, found.errors)
        known = {each.name: each for each in (Expression(text, inputs) for text in known)}
        fixed = tuple(name for name, each in known.items() if is_fixed(*each(x), x.std(axis=0)))
        for each in [name for name in known if name not in fixed]:
            share = sample.share(known[each].value(x))
            tables.require(share < MAX_LAMBDA, f"{each} is given as known, and {share:.0%} of its "
                           "variance lies within groups; give what is conserved")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; give a file that can be") from error
    except (ValueError, RuntimeError) as error:         # Runtime: there is no home folder
        raise UserError(str(error)) from error
    name = "".join(sign if sign.isprintable() else "_" for sign in path.name)
    if len(name) > MAX_NAME_LENGTH or name != path.name:
        name = f"{name[:MAX_NAME_LENGTH - 9]}-{data[:8]}"
    count = len(sample.sizes)
    size = max(round(TEST_SHARE * count), min(TEST_CLASSES, count // 4), 2)
    tested = np.isin(found.classes, np.random.default_rng([seed, 1]).permutation(count)[:size])
    draws = sample.part(~tested), sample.part(tested)
    pairs, test_pairs = (int(each.sizes @ (each.sizes - 1)) // 2 for each in draws)
    return OwnData(
        name, name, inputs, None, {name: each.value for name, each in known.items()}, fixed=fixed,
        train_pairs=min(MAX_PAIRS, pairs), test_pairs=max(2, min(MAX_PAIRS // 10, test_pairs)),
        network=partial(ScaledNetwork, centre=x.mean(axis=0), scale=x.std(axis=0)),
        draw=draws[0], draw_test=draws[1], units=tuple(found.units.tolist()),
        notes=tuple(found.notes),
        identity={"data": data, "group": [*group], "drop": [*drop], "errors": [*errors],
                  "known": [*known], "inputs": [*inputs]})


def set_errors(found, texts):
    """Set errors of Observations by texts: theta=0.005, or omega=2% of each reading."""
    said = set()
    for text in texts:
        name, _, number = map(str.strip, normalize("NFKC", text).partition("="))
        number, percent = number.removesuffix("%").strip(), number.endswith("%")
        column = found.names == name
        tables.require(
            column.any() and tables.NUMBER.fullmatch(number) and name not in said
            and 0 < float(number) < tables.MAX_MAGNITUDE, "--errors takes theta=0.005, or theta=2% "
            f"of each reading, once for each of {', '.join(found.names)}; got {text[:40]!r}")
        said.add(name)
        sizes = np.abs(found.values[:, column]) / 100 if percent else 1
        found.errors[:, column] = np.where(sizes > 0, float(number) * sizes, np.nan)


def is_fixed(values, gradients, scale):
    """Whether the quantity of these values (n,) and gradients (n, d) has one value, or nearly."""
    by_columns = np.sqrt(np.median(np.sum((gradients * scale)**2, axis=1)))
    return bool(np.std(values) < MAX_FIXED_SPREAD * by_columns)
