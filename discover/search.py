"""All invariants of a system: python train.py --system em --discover

The laws come first: what combinations of features do not vary within a class (laws.py). Then a
network is asked whether anything is left. Its "different" pairs are made of observations that agree
in all that is known, so that the known is of no use to it: it must find something else, or fail.
What it finds is one more invariant, without a name, and is added to the known; and so on until a
network finds nothing.

It is the paper's "we now fix the invariant", with nothing known beforehand.
"""

from dataclasses import dataclass, replace
from typing import Callable

import numpy as np

from discover import verdict

PAIRS = 20_000                          # of each label at most, on schedule quick
INDEPENDENT = 0.1                       # least independence of an f from what is known
NEIGHBOURS = 5                          # a look-alike is drawn among so many of the nearest
LARGE = 100                             # pairs of one class from which each class has its tree


@dataclass(frozen=True)
class Known:
    """A conserved quantity: a law, or the f of a network."""
    value: Callable                     # x (n, d) -> (n,)
    gradient: Callable                  # x (n, d) -> (n, d)


@dataclass(frozen=True)
class Step:
    """A network that was asked whether anything is left, and the answer."""
    network: object
    verdict: verdict.Verdict
    independence: float                 # of f from what is known, see `independence`
    found: bool                         # whether it is one more invariant


def search(train, test, learn, known, most, fixed=(), more=None):
    """Yield the Steps of the search for what is conserved beside the `known`, a list of Known.

    train, test: Pairs to learn from and to judge by.
    learn: (number of the step, train, test Pairs of look-alikes, values of the known) -> a trained
        network, and its losses; with True as fifth argument, one that is trained longer.
    most: of invariants that there can be: one less than columns, or all would be alike.
    fixed: gradients, functions as in Known, of what has one value in all observations.
    more: gives train and test again, with more pairs, for a network that learned too little.
    Each Step but the last has found one more invariant.
    """
    known = list(known)
    for number in range(most - len(known) - len(fixed)):
        step = asked(number, train, test, learn, known, fixed)
        # Beside what is known, an f that varies so much within classes is something else.
        promising = not known or step.verdict.within < verdict.VARIES
        if more and step.verdict.weak and promising and step.independence >= INDEPENDENT:
            step = asked(number, *more(), learn, known, fixed, longer=True)
            sentence = f"{step.verdict.sentence}; trained once more, for longer"
            step = replace(step, verdict=replace(step.verdict, sentence=sentence))
        yield step
        if not step.found:
            return
        known.append(Known(step.network.f, step.network.gradient))


def asked(number, train, test, learn, known, fixed, longer=False):
    """The Step of a network that is trained on look-alikes; arguments as for `search`."""
    rng, values = np.random.default_rng(number), [each.value for each in known]
    alike_ones, alike_test = [alike(pairs, values, rng) for pairs in (train, test)]
    network, losses = learn(number, train, alike_test, values, *[True] * longer)
    judged = verdict.judge(network, alike_ones, alike_test, losses, values)
    new = Known(network.f, network.gradient)
    independent = independence([*known, new], test.x, [each(test.x) for each in fixed])
    found = judged.word == "conserved" and independent >= INDEPENDENT
    return Step(network, judged, independent, found)


# ------------------------------------------------------------------------------------- look-alikes

def alike(pairs, values, rng):
    """The Pairs, each with a partner of another class that agrees with it in all that is known.

    values: functions of observations (n, d), giving (n,); with none, partners stay as they are.
    """
    if not values:
        return pairs
    near = look_alikes(pairs, values)
    return replace(pairs, partner=drawn(near, rng))


class LookAlikes:
    """A training set, as train.FixedPairs, in which different pairs agree in all that is known.

    pairs: of physics.Pairs; values: functions of observations (n, d), giving (n,), one or more.
    Each epoch draws a new look-alike for each pair.
    """
    per_pair = 2

    def __init__(self, network, pairs, values):
        self.xp, self.near = network.xp, look_alikes(pairs, values)
        self.rows = network.rows(np.concatenate([pairs.x, pairs.x_prime]))
        self.partner = self.near[:, 0]

    def order(self, rng):
        self.partner = drawn(self.near, rng)
        return rng.permutation(len(self.near))

    def batch(self, numbers):
        m, n = len(numbers), len(self.near)
        rows = np.concatenate([numbers, n + numbers, n + self.partner[numbers]])
        first, second, y = np.tile(np.arange(m), 2), m + np.arange(2 * m), np.repeat([0, 1], m)
        rows, first, second = map(self.xp.asarray, (rows, first, second))
        return self.rows[rows], first, second, self.xp.asarray(y.astype(self.rows.dtype))


def drawn(near, rng):
    """One of the look-alikes (n, c) of each, at random, (n,)."""
    return near[np.arange(len(near)), rng.integers(0, near.shape[1], len(near))]


def look_alikes(pairs, values):
    """For each x' the numbers of those of other classes that are nearest in all values, (n, c).

    c is NEIGHBOURS, or as many as all have. Raises ValueError if there are not two classes.
    """
    from scipy.spatial import cKDTree                   # here, since only this needs it
    known = np.stack([each(pairs.x_prime) for each in values], axis=1)
    scaled = known / np.maximum(known.std(axis=0), 1e-300)
    classes = np.arange(len(known)) if pairs.classes is None else pairs.classes
    _, classes, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise ValueError("there must be two groups or more to make different pairs")
    count = min(NEIGHBOURS, len(known) - sizes.max())
    if sizes.max() <= LARGE:                            # all of one's own class may be nearest
        most = count + sizes.max()
        _, near = cKDTree(scaled).query(scaled, range(1, most + 1))
        own = classes[near] == classes[:, None]
        return np.take_along_axis(near, np.argsort(own, axis=1, kind="stable")[:, :count], axis=1)
    near = np.empty((len(scaled), count), int)          # for each class a tree of all others
    for members in np.split(np.argsort(classes, kind="stable"), np.cumsum(sizes)[:-1]):
        others = np.flatnonzero(classes != classes[members[0]])
        tree = cKDTree(scaled[others])
        near[members] = others[tree.query(scaled[members], range(1, count + 1))[1]]
    return near


# ------------------------------------------------------------------------------------ independence

def independence(quantities, x, normals=()):
    """How independent the last of some Known is of the others, at observations x (n, d): 0 to 1.

    It is the part of its unit gradient that is at right angles to the gradients of all others: the
    median over the observations of its length. Each column is measured by its standard deviation,
    so that units have no part in it. Zero means that the rank of the Jacobian is not full, and the
    last is a function of the others.
    normals: gradients (n, d) of what has one value in all observations. Only changes along the
    surface on which the observations lie count.
    """
    scale = x.std(axis=0)
    *others, last = [each.gradient(x) * scale for each in quantities]
    normals = [normal * scale for normal in normals]
    length = np.linalg.norm(across(last, normals), axis=1)
    some = length > 1e-6 * max(length.max(), 1e-300)
    if not some.any():
        return 0.0
    left = np.linalg.norm(across(last, [*normals, *others]), axis=1)
    return float(np.median(left[some] / length[some]))


def across(vectors, directions):
    """The part of each vector (n, d) that is at right angles to all directions, each (n, d)."""
    if not directions:
        return vectors
    along = np.linalg.qr(np.stack(directions, axis=2))[0]
    return vectors - np.einsum("nde,ne->nd", along, np.einsum("nde,nd->ne", along, vectors))


def gradient(function, x, steps):
    """Derivatives (n, d) of a function of x (n, d), giving (n,), by central differences.

    steps: (d,), by how much each column changes.
    """
    return np.stack([(function(x + h) - function(x - h)) / (2 * h.sum()) for h in np.diag(steps)],
                    axis=1)
