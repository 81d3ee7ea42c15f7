"""All invariants of a system, one after another: python train.py --system em --discover

The paper fixes an invariant that it knows, and trains again to find the next. Here nothing need be known.
After f_1 is found, each "different" pair is made of observations that f_1 cannot tell apart, so that f_1 is
of no use any more, and a new network trained on such pairs must find something else. This goes on until
the accuracy says that nothing is left.
"""

from dataclasses import dataclass

import numpy as np

import physics
from beyond import comparison
from beyond.owndata import OwnData, apart
from siamese import Schedule

# One training of several: the rate falls faster than in quick, so that the accuracies, which decide how
# many invariants there are, do not depend on where the training ends.
SCHEDULE, PAIRS = Schedule(learning_rate=4.0, epochs=40, decay=0.9), 20_000
INDEPENDENT = 0.1                       # least independence of an f from those before it
NEIGHBOURS = 5                          # a partner is drawn among so many of the nearest


@dataclass(frozen=True)
class Step:
    """One step of the search: the network, its accuracies, and how independent its f is of those before."""
    network: object
    train_accuracy: float
    test_accuracy: float
    independence: float                 # see `independence`; 1 for the first
    found: bool                         # whether it is one more invariant


def search(sets, learn, most, learned, normals=lambda x: []):
    """Steps of the search for all invariants of the system that these pairs are of.

    sets: training and test set, each two arrays (n, d) of equivalent observations, and maybe their groups (n,).
    learn: (number of the step, train, test) -> a trained network, from sets (x, x_prime, y) of labelled pairs.
    most: the search ends after so many steps, whatever they find.
    normals: x (n, d) -> gradients (n, d) of what has one value in all observations.

    Each Step but the last has found one more invariant. At the last, unless it is the one numbered `most`, nothing
    was left: its test accuracy is below LEARNED, or its independence of the ones before below INDEPENDENT.
    """
    networks = []
    for number in range(most):
        train, test = [with_negatives(*pairs, networks=networks, seed=number) for pairs in sets]
        network = learn(number, train, test)
        x = sets[1][0]
        accuracies = [float(network.evaluate(*pairs)[1]) for pairs in (train, test)]
        independent = independence([*networks, network], x, normals(x))
        found = accuracies[1] >= learned and independent >= INDEPENDENT
        step = Step(network, *accuracies, independent, found)
        yield step
        if not step.found:
            return
        networks.append(network)


def equivalent(system, n, rng, test):
    """n equivalent pairs x, x_prime (n, d), and their classes (n,) where the system has such."""
    if isinstance(system, OwnData):
        return (system.draw_test if test else system.draw)(n, rng)
    return system.sample(n, rng)


def in_figures(step, system, sets):
    """The step as a result keeps it."""
    x, x_test = sets[0][0], sets[1][0]
    f, f_test = step.network.f(x), step.network.f(x_test)
    return {"train_accuracy": step.train_accuracy, "test_accuracy": step.test_accuracy,
            "independence": step.independence, "found": step.found,
            "on_invariants": comparison.explained(system, x, f, x_test, f_test)}


def with_negatives(x, x_prime, groups=None, networks=(), seed=0):
    """Labelled pairs: the given x, x_prime (n, d), y = 0; then x with others' x_prime, y = 1.

    networks: those others are such as none of the networks can tell from one's own.
    groups (n,): where there are any, the others are of different ones.
    """
    rng = np.random.default_rng(seed)
    groups = np.arange(len(x)) if groups is None else groups
    if networks:
        known = np.concatenate([network.bottleneck(x_prime) for network in networks], axis=1)
        partner = indistinguishable(known, groups, rng)
    else:
        partner = apart(physics.derangement(len(x), rng), groups, rng)
    return np.concatenate([x, x]), np.concatenate([x_prime, x_prime[partner]]), np.repeat([0.0, 1.0], len(x))


def indistinguishable(known, groups, rng):
    """For each observation with invariants (n, k), another one of the nearest in them, but of another group (n,)."""
    from scipy.spatial import cKDTree                   # here, since only this needs it and it takes long
    _, groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise ValueError("there must be two groups or more to make different pairs")
    scaled = known / np.maximum(known.std(axis=0), 1e-12)
    if sizes.max() > 100:                               # few and large groups: for each a tree of all others
        partner = np.empty(len(scaled), int)
        for own in np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1]):
            others = np.flatnonzero(groups != groups[own[0]])
            count = min(NEIGHBOURS, len(others))
            near = cKDTree(scaled[others]).query(scaled[own], range(1, count + 1))[1]
            partner[own] = others[near[np.arange(len(own)), rng.integers(0, count, len(own))]]
        return partner
    # One's own group may all be nearest.
    _, near = cKDTree(scaled).query(scaled, min(NEIGHBOURS + sizes.max(), len(scaled)))
    other = groups[near] != groups[:, None]
    # Of those of other groups, nearest first, one of the first NEIGHBOURS.
    rank = np.cumsum(other, axis=1)
    wanted = rng.integers(1, np.minimum(rank[:, -1], NEIGHBOURS) + 1)
    return near[np.arange(len(near)), np.argmax(rank >= wanted[:, None], axis=1)]


def independence(networks, x, normals=()):
    """How independent the last network's f is of the others, at observations x (n, d): from 0 to 1.

    It is the part of the unit gradient of the last that is at right angles to the gradients of all
    others: the median over the observations of its length. Each column is measured by its standard
    deviation, so that units have no part in it. Zero means that the rank of the Jacobian is not full,
    and the last f is a function of the others.
    normals: gradients (n, d) of what has one value in all observations. Only changes of f along the
        surface on which the observations lie count.
    """
    scale = x.std(axis=0)
    *others, last = [network.gradient(x) * scale for network in networks]
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
