"""All invariants of a system, one after another: python train.py --system em --discover

The paper fixes an invariant that it knows, and trains again to find the next. Here nothing need be known.
After f_1 is found, each "different" pair is made of observations that f_1 cannot tell apart, so that f_1 is
of no use any more, and a new network trained on such pairs must find something else. This goes on until
the accuracy says that nothing is left.
"""

from dataclasses import dataclass

import numpy as np

import physics
from reading import LEARNED

INDEPENDENT = 0.1                       # least independence of an f from those before it that counts as one more invariant
NEIGHBOURS = 5                          # a partner is drawn among so many of the nearest


@dataclass(frozen=True)
class Step:
    """One step of the search: the network, its accuracies, and how independent its f is of those before."""
    network: object
    train_accuracy: float
    test_accuracy: float
    independence: float                 # see `independence`; 1 for the first


def search(sets, learn, most, normals=lambda x: []):
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
        step = Step(network, network.evaluate(*train)[1], network.evaluate(*test)[1],
                    independence([*networks, network], x, normals(x)))
        yield step
        if not is_invariant(step):
            return
        networks.append(network)


def is_invariant(step):
    """Whether a step of the search found one more invariant: the stopping rule."""
    return step.test_accuracy >= LEARNED and step.independence >= INDEPENDENT


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
        partner = physics.apart(physics.derangement(len(x), rng), groups, rng)
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

    The part of the unit gradient of the last that is at right angles to the gradients of all others: the
    median over the observations of its length. Gradients are those by x / scale, as the networks see x, so that
    units have no part in it. Zero means that the rank of the Jacobian is not full, and the last f is a function
    of the others.
    normals: gradients (n, d) of what has one value in all observations. Only changes of f along the surface on
        which the observations lie count.
    """
    *others, last = [network.input_gradient(x)[:, 0].astype(float) * network.scale for network in networks]
    normals = [normal * networks[-1].scale for normal in normals]
    length = np.linalg.norm(across(last, normals), axis=1)
    some = length > 1e-6 * max(length.max(), 1e-300)
    return float(np.median(np.linalg.norm(across(last, [*normals, *others]), axis=1)[some] / length[some])) if some.any() else 0.0


def across(vectors, directions):
    """The part of each vector (n, d) that is at right angles to all directions, each (n, d)."""
    if not directions:
        return vectors
    along = np.linalg.qr(np.stack(directions, axis=2))[0]
    return vectors - np.einsum("nde,ne->nd", along, np.einsum("nde,nd->ne", along, vectors))
