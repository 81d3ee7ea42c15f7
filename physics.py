"""The physical systems of section III: what is observed, how pairs are sampled, what is conserved.

A system is data (class System, collected in SYSTEMS at the end); the program that learns it is the
same for all. Observations are float64 of shape (n, inputs); units are c = 1. All randomness comes
from the numpy.random.Generator that is passed in.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Published:
    """What the paper reports for one experiment."""
    accuracy: tuple[float, float]                       # training, test
    table: str
    r2: dict[int, tuple[float, float]]                  # order of the polynomial: training, test
    equation: str
    polynomial: str                                     # first line of that equation
    formula: str                                        # its second line


@dataclass(frozen=True)
class System:
    """One experiment: its observations, its pairs of equivalent ones, and what is known about it."""
    name: str
    title: str
    inputs: tuple[str, ...]                             # names of the columns of an observation
    sample: Callable                                    # (n, rng) -> x, x_prime, each (n, inputs)
    invariants: dict[str, Callable]                     # name -> function of (n, inputs), giving (n,)
    published: Published
    train_pairs: int = 50_000                           # of each label
    test_pairs: int = 5_000


def labelled_pairs(system, n, rng):
    """Training or test set of n equivalent and n different pairs: x, x_prime (2n, d), labels (2n,).

    The first n are equivalent, y = 0 (section II). The others, y = 1, have their second members
    exchanged among themselves. Raises ValueError if n < 2.
    """
    partner = derangement(n, rng)
    x, x_prime = system.sample(n, rng)
    y = np.repeat([0.0, 1.0], n)
    return np.concatenate([x, x]), np.concatenate([x_prime, x_prime[partner]]), y


def derangement(n, rng):
    """Random permutation of 0..n-1 (one single cycle) that leaves no element in its place.

    The paper permutes freely, which leaves on average one equivalent pair labelled as different.
    """
    if n < 2:
        raise ValueError(f"n must be at least 2 to exchange partners, got {n}")
    cycle = rng.permutation(n)
    partner = np.empty(n, dtype=np.intp)
    partner[cycle] = np.roll(cycle, 1)
    return partner


# --------------------------------------------------------------- Lorentz transformations, Appendix A

METRIC = np.diag([-1.0, 1.0, 1.0, 1.0])                                                     # eq. (2)


def lorentz_transformations(n, rng, max_speed=0.9, full_group=True):
    """Random Lorentz transformations D1 Λ_v D2, eq. (A1), as (n, 4, 4).

    max_speed: boosts have β uniform in (-max_speed, max_speed), in units of c; 0 <= max_speed < 1.
    full_group: draw from all four components of O(3,1), eq. (4), that is with and without reflection
        and time reversal; otherwise rotations and boosts only, the proper orthochronous part.
    Raises ValueError if max_speed is outside its range.

    Appendix A has reflections, R in O(3), but keeps the direction of time, which (4) does not: under
    (A4) as printed sign(t) would be one more invariant. So D1 carries a time reversal too (AUDIT.md).
    """
    if not 0 <= max_speed < 1:
        raise ValueError(f"max_speed must be at least 0 and below 1, the speed of light; got {max_speed}")
    d1, d2 = np.zeros((2, n, 4, 4))                                                         # (A4)
    for d in (d1, d2):
        d[:, 0, 0] = 1
        d[:, 1:, 1:] = rotations(n, rng)
    if full_group:
        d1[:, 0, 0] = rng.choice([-1.0, 1.0], n)
        # In three dimensions -1 is a reflection, and O(3) consists of the rotations times ±1.
        d1[:, 1:, 1:] *= rng.choice([-1.0, 1.0], n)[:, None, None]
    return d1 @ boosts(rng.uniform(-max_speed, max_speed, n)) @ d2                          # (A1)


def boosts(beta):
    """Boosts along x with speeds beta (n,) in units of c, eqs. (A2) and (A3), as (n, 4, 4)."""
    gamma = 1 / np.sqrt(1 - beta**2)                                                        # (A3)
    boost = np.zeros((len(beta), 4, 4))                                                     # (A2)
    boost[:, 0, 0] = boost[:, 1, 1] = gamma
    boost[:, 0, 1] = boost[:, 1, 0] = -gamma * beta
    boost[:, 2, 2] = boost[:, 3, 3] = 1
    return boost


def rotations(n, rng):
    """Rotations distributed uniformly over SO(3) (Haar measure), as (n, 3, 3).

    A unit quaternion a + bi + cj + dk, uniform on the sphere in four dimensions, is a uniform rotation
    (Shoemake 1992); normalised Gaussian vectors are uniform on the sphere.
    """
    q = rng.standard_normal((4, n))
    a, b, c, d = q / np.linalg.norm(q, axis=0)
    return np.array([
        [1 - 2 * (c * c + d * d), 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), 1 - 2 * (b * b + d * d), 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), 1 - 2 * (b * b + c * c)],
    ]).transpose(2, 0, 1)


# ------------------------------------------------------------------- special relativity, section III.A

def scalar_product(x, y):
    """Minkowski product <x, y> = -t t' + x x' + y y' + z z' of four-vectors (n, 4), eq. (2), as (n,)."""
    return np.einsum("ni,ij,nj->n", x, METRIC, y)


def interval(x):
    """Spacetime interval s^2 = <x, x> of events (t, x, y, z) of shape (n, 4), eq. (3), as (n,)."""
    return scalar_product(x, x)


def sample_events(n, rng):
    """Events seen by two observers: x uniform in the box [-1, 1]^4, and Λ x; each (n, 4), c = 1."""
    x = rng.uniform(-1, 1, (n, 4))
    x_prime = np.einsum("nij,nj->ni", lorentz_transformations(n, rng), x)
    return x, x_prime


# --------------------------------------------------------------------------------------- the systems

SYSTEMS = {system.name: system for system in [
    System(
        name="sr",
        title="Special relativity",
        inputs=("t", "x", "y", "z"),
        sample=sample_events,
        invariants={"s^2": interval},
        published=Published(
            accuracy=(0.94, 0.92),
            table="I",
            r2={1: (0.0013, 0.0005), 2: (0.9894, 0.9893), 3: (0.9900, 0.9899), 4: (0.9907, 0.9906)},
            equation="5",
            polynomial="-87.41t² - 60.48 - 0.11x - 0.10yz + 0.04ty + 0.06z + 0.07y + 0.10tx + 0.12tz"
                       " + 0.15xz + 0.21xy + 2.50t + 88.10z² + 88.61y² + 88.63x²",
            formula="88 (-t² + x² + y² + z²) - 60",
        ),
    ),
]}
