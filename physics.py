"""The physical systems of section III: what is observed, how pairs are sampled, what is conserved.

A system is data: an entry in SYSTEMS, at the end. One program learns all of them. Observations are
float64, (n, inputs); units are c = 1, m = 1 and G m M = 1. All randomness comes from the
numpy.random.Generator that is passed in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from support.checks import finite_array


@dataclass(frozen=True)
class Published:
    """What the paper reports for one experiment."""
    accuracy: tuple[float, float] | None = None         # training, test
    table: str = ""
    r2: dict[int, tuple[float, float]] = field(default_factory=dict)    # order: training, test
    equation: str = ""
    polynomial: str = ""                                # first line of that equation
    formula: str = ""                                   # its second line


@dataclass(frozen=True)
class System:
    """One experiment: its observations, its equivalent pairs, and what is known about it."""
    name: str
    title: str
    inputs: tuple[str, ...]                             # names of the columns of an observation
    sample: Callable                                    # (n, rng) -> x, x_prime, each (n, inputs)
    invariants: dict[str, Callable]                     # name -> function: (n, inputs) to (n,)
    published: Published = Published()
    fixed: tuple[str, ...] = ()                         # invariants with one value everywhere
    train_pairs: int = 50_000                           # of each label
    test_pairs: int = 5_000

    def pairs(self, n, rng, test=False):
        """n equivalent pairs and as many that are not, as Pairs; ValueError if n < 2.

        test: for the test set, which a system of measured data draws from other classes.
        """
        partner = derangement(n, rng)
        return Pairs(*self.sample(n, rng), partner)


# -------------------------------------------------------------------------------- pairs and seeds

class Labelled(NamedTuple):
    """Labelled pairs (section II): y[p] is 0 if x[first[p]] and x_prime[second[p]] are equivalent.

    x, x_prime: (n, inputs), each observation once; y, first, second: (pairs,).
    """
    x: np.ndarray
    x_prime: np.ndarray
    y: np.ndarray
    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True)
class Pairs:
    """Equivalent pairs x, x_prime, each (n, inputs), and the number of another pair, partner (n,).

    With its partner's x_prime, x makes a different pair (section II: second members are exchanged).
    classes: (n,), the class of each pair; None where all pairs are of different classes.
    """
    x: np.ndarray
    x_prime: np.ndarray
    partner: np.ndarray
    classes: np.ndarray | None = None

    def numbered(self):
        """All pairs as Labelled: the n equivalent pairs, y = 0, then n different ones, y = 1."""
        own = np.arange(len(self.x))
        return Labelled(self.x, self.x_prime, np.repeat([0.0, 1.0], len(own)),
                        np.append(own, own), np.append(own, self.partner))

    def labelled(self):
        """The same pairs as arrays x, x_prime (2n, inputs) and their labels y (2n,)."""
        x, x_prime, y, first, second = self.numbered()
        return x[first], x_prime[second], y


def labelled_pairs(system, n, rng):
    """n equivalent and n different pairs of a system, as `Pairs.labelled` gives them."""
    return system.pairs(n, rng).labelled()


def seed_streams(seed):
    """Independent streams of random numbers for the data, the initial weights and the batches."""
    return np.random.SeedSequence(seed).spawn(3)


def sample_sets(system, stream, train_pairs):
    """Pairs to train on and to test on, independent of each other."""
    for_training, for_test = map(np.random.default_rng, stream.spawn(2))
    return (system.pairs(train_pairs, for_training),
            system.pairs(system.test_pairs, for_test, test=True))


def derangement(n, rng):
    """Random permutation (n,), none in its place, all partners equally likely; n must be over 1.

    The paper permutes freely: on average one equivalent pair is then labelled as different.
    """
    if n < 2:
        raise ValueError(f"n must be at least 2 to exchange partners, got {n}")
    cycle = rng.permutation(n)          # a single one: no attempt is thrown away
    partner = np.empty(n, dtype=np.intp)
    partner[cycle] = np.roll(cycle, 1)
    return partner


# ------------------------------------------------------------- Lorentz transformations, Appendix A

METRIC = np.diag([-1.0, 1.0, 1.0, 1.0])                                                 # eq. (2)


def lorentz_transformations(n, rng, max_speed=0.9, full_group=True):
    """Random Lorentz transformations D1 Λ_v D2, eq. (A1), as (n, 4, 4).

    max_speed: β of the boosts is uniform in (-max_speed, max_speed); ValueError unless in [0, 1).
    full_group: draw from all four components of O(3,1), eq. (4), with and without reflection and
        time reversal; otherwise rotations and boosts only.

    Appendix A has reflections, R in O(3), but keeps the direction of time. Eq. (4) does not, and
    under (A4) as printed sign(t) of time-like events would be invariant too. So D1 may also reverse
    time (docs/audit.md). Reflections in D2 too would leave the distribution of Λ unchanged.
    """
    if not 0 <= max_speed < 1:
        raise ValueError("max_speed must be at least 0 and below 1, the speed of light; "
                         f"got {max_speed}")
    d1, d2 = np.zeros((2, n, 4, 4))                                                     # (A4)
    for d in (d1, d2):
        d[:, 0, 0] = 1
        d[:, 1:, 1:] = rotations(n, rng)
    if full_group:
        d1[:, 0, 0] = rng.choice([-1.0, 1.0], n)
        # In three dimensions -1 is a reflection, and O(3) consists of the rotations times ±1.
        d1[:, 1:, 1:] *= rng.choice([-1.0, 1.0], n)[:, None, None]
    return d1 @ boosts(rng.uniform(-max_speed, max_speed, n)) @ d2                      # (A1)


def boosts(beta):
    """Boosts along x with speeds beta (n,), eqs. (A2) and (A3), as (n, 4, 4).

    Raises ValueError unless -1 < beta < 1, the speed of light.
    """
    beta = finite_array("beta", beta, "n")
    if np.any(np.abs(beta) >= 1):
        raise ValueError("beta must lie between -1 and 1, the speed of light, both excluded")
    gamma = 1 / np.sqrt(1 - beta**2)                                                    # (A3)
    boost = np.zeros((len(beta), 4, 4))                                                 # (A2)
    boost[:, 0, 0] = boost[:, 1, 1] = gamma
    boost[:, 0, 1] = boost[:, 1, 0] = -gamma * beta
    boost[:, 2, 2] = boost[:, 3, 3] = 1
    return boost


def rotations(n, rng):
    """Rotations distributed uniformly over SO(3) (Haar measure), as (n, 3, 3).

    They are those of unit quaternions a + bi + cj + dk, uniform on their sphere (Shoemake 1992).
    """
    q = rng.standard_normal((4, n))
    a, b, c, d = q / np.linalg.norm(q, axis=0)
    return np.array([
        [1 - 2 * (c * c + d * d), 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), 1 - 2 * (b * b + d * d), 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), 1 - 2 * (b * b + c * c)],
    ]).transpose(2, 0, 1)


# ------------------------------------------------------------- special relativity, section III.A

def scalar_product(x, y):
    """Product <x, y> = -t t' + x x' + y y' + z z' of four-vectors (n, 4), eq. (2), as (n,)."""
    x = finite_array("x", x, "n", 4)
    y = finite_array("y", y, *x.shape)
    return np.einsum("ni,ij,nj->n", x, METRIC, y)


def interval(x):
    """Spacetime interval s^2 = <x, x> of events (t, x, y, z), (n, 4), eq. (3), as (n,); c = 1."""
    return scalar_product(x, x)


def sample_events(n, rng):
    """Events seen by two observers: x uniform in [-1, 1]^4, and Λ x; each (n, 4)."""
    return _lorentz_pairs(rng.uniform(-1, 1, (n, 4)), rng)


def sample_events_of_fixed_interval(n, rng):
    """The same with s^2 = -1: position uniform in [-1, 1]^3, t on either sheet of a hyperboloid."""
    position = rng.uniform(-1, 1, (n, 3))
    t = rng.choice([-1.0, 1.0], n) * np.sqrt(1 + np.sum(position**2, axis=1))
    return _lorentz_pairs(np.column_stack([t, position]), rng)


def _lorentz_pairs(x, rng):
    return x, np.einsum("nij,nj->ni", lorentz_transformations(len(x), rng), x)


# -------------------------------------------------------------- central potential, section III.B

def energy(x):
    """Energy E = v^2 / 2 - 1 / r of states (x, y, v_x, v_y), (n, 4), as (n,); m = G m M = 1.

    Eq. (6) as printed has + 1 / r, a repulsion without bound orbits (docs/audit.md).
    """
    x = finite_array("x", x, "n", 4)
    return 0.5 * (x[:, 2]**2 + x[:, 3]**2) - 1 / np.hypot(x[:, 0], x[:, 1])


def angular_momentum(x):
    """Angular momentum L = x v_y - y v_x of states (n, 4), eq. (8), as (n,)."""
    x = finite_array("x", x, "n", 4)
    return x[:, 0] * x[:, 3] - x[:, 1] * x[:, 2]


def laplace_runge_lenz(x):
    """Components A_x = L v_y - x / r, A_y = -L v_x - y / r of states (n, 4), as (n, 2).

    A points to the pericentre, and its length is the eccentricity: |A|^2 = 1 + 2 E L^2.
    """
    x = finite_array("x", x, "n", 4)
    position, velocity = x[:, :2], x[:, 2:]
    turned = np.column_stack([velocity[:, 1], -velocity[:, 0]])
    r = np.linalg.norm(position, axis=1, keepdims=True)
    return angular_momentum(x)[:, None] * turned - position / r


def hamiltons_equations(state):
    """Derivatives (4, n) of states (4, n) by s, with dt = r ds: eq. (7) for H = v^2 / 2 - 1 / r.

    In time itself, the closest encounter of all orbits would set the step for all. In s (Sundman
    1912) each orbit slows down where it is close, and all need about the same step.
    """
    # Not finite_array, since a trial step of the solver may lead to NaN: it takes that step back.
    x, y, v_x, v_y = np.asarray(state, dtype=float)
    r = np.sqrt(x * x + y * y)
    return np.array([r * v_x, r * v_y, -x / r**2, -y / r**2])


BLOCK = 4096            # orbits that solve_ivp follows together; its sixteen stages fit the cache
MAX_NONFINITE = 1000    # derivatives of trial steps, which the solver takes back; then it gives up
MAX_REJECTION_ROUNDS = 1000


def evolve(state, duration, equations=hamiltons_equations):
    """States (n, d) by eq. (7), each after its own of the durations (n,), as (n, d).

    equations: derivatives (d, n) of states (d, n) by the variable of the durations, by default s.
    Another potential is another such function (docs/course/session-4.md). Raises ValueError if a
    derivative is not finite at the start, RuntimeError if the solver gives up later.
    """
    state = finite_array("state", state, "n", "d")
    duration = finite_array("duration", duration, len(state))
    # From such a start solve_ivp would look for its first step forever (scipy/scipy#17846).
    with np.errstate(all="ignore"):
        finite_array("the derivative at the start", equations(state.T), *state.T.shape)
    after = np.empty(state.shape)
    # Orbits of like duration go together, since the longest of a block set everybody's step.
    order = np.argsort(np.abs(duration), kind="stable")
    for block in np.split(order, range(BLOCK, len(order), BLOCK)):
        after[block] = _evolve_block(state[block], duration[block], equations)
    return after


def _evolve_block(state, duration, equations):
    from scipy.integrate import solve_ivp           # here, since only orbits need it and it is slow
    start = np.ascontiguousarray(state.T)
    nonfinite = 0

    def derivative(_, flat):                        # every duration is stretched to 1
        nonlocal nonfinite
        rates = (duration * equations(flat.reshape(start.shape))).ravel()
        nonfinite += not np.isfinite(rates).all()
        if nonfinite > MAX_NONFINITE:
            raise RuntimeError("the orbits could not be integrated: a derivative is not finite")
        return rates

    # The solver's error is a mean over all orbits; so low a tolerance keeps the worst one to 1e-8.
    solution = solve_ivp(derivative, (0, 1), start.ravel(), method="DOP853", t_eval=[1.0],
                         rtol=1e-12, atol=1e-12)
    if not (solution.success and np.isfinite(solution.y).all()):
        raise RuntimeError(f"the orbits could not be integrated: {solution.message}")
    return solution.y[:, -1].reshape(start.shape).T.copy()


def bound_states(n, rng, draw):
    """The first n states (n, 4) from draw(n, rng) on moderate orbits, 0.1 < r < 3 all along.

    Raises RuntimeError if so many rounds of n draws hold fewer than n on such orbits.
    """
    kept = np.empty((0, 4))
    for _ in range(MAX_REJECTION_ROUNDS):
        x = draw(n, rng)
        x = x[energy(x) < 0]
        semi_major_axis = -0.5 / energy(x)
        e = np.linalg.norm(laplace_runge_lenz(x), axis=1)               # eccentricity
        moderate = (semi_major_axis * (1 - e) > 0.1) & (semi_major_axis * (1 + e) < 3)
        kept = np.concatenate([kept, x[moderate]])
        if len(kept) >= n:
            return kept[:n]
    raise RuntimeError(f"of {MAX_REJECTION_ROUNDS * n} drawn states, {len(kept)} are on orbits "
                       f"with 0.1 < r < 3; {n} are needed")


def sample_orbits(n, rng):
    """Particles seen at two times, from states in [-2, 2]^2 x [-1.5, 1.5]^2; each (n, 4)."""
    def draw(m, rng):
        return rng.uniform(-1, 1, (m, 4)) * [2, 2, 1.5, 1.5]
    return _orbit_pairs(bound_states(n, rng, draw), rng)


def sample_orbits_of_fixed_angular_momentum(n, rng):
    """The same with L = 1: the radial velocity is in [-1.5, 1.5], the tangential velocity L / r."""
    def draw(m, rng):
        position, radial = rng.uniform(-2, 2, (m, 2)), rng.uniform(-1.5, 1.5, (m, 1))
        r = np.linalg.norm(position, axis=1, keepdims=True)
        outward = position / r
        tangential = np.column_stack([-outward[:, 1], outward[:, 0]])
        return np.hstack([position, radial * outward + tangential / r])
    return _orbit_pairs(bound_states(n, rng, draw), rng)


def _orbit_pairs(x, rng):
    """States after two random parts of a turn, which in s takes 2 π sqrt(semi-major axis)."""
    turn = 2 * np.pi * np.sqrt(-0.5 / energy(x))
    # Half a turn back to half a turn ahead: the same points as in one turn, in half the steps.
    duration = np.concatenate([turn, turn]) * rng.uniform(-0.5, 0.5, 2 * len(x))
    states = evolve(np.concatenate([x, x]), duration)
    return states[:len(x)], states[len(x):]


# --------------------------------------------------------------- electromagnetism, section III.C

def field_tensor(x):
    """Field strength tensors (n, 4, 4), eq. (9), of fields (n, 6): E_x, E_y, E_z, B_x, B_y, B_z."""
    x = finite_array("x", x, "n", 6)
    e_x, e_y, e_z, b_x, b_y, b_z = x.T
    zero = np.zeros(len(x))
    tensor = np.array([[zero, e_x, e_y, e_z],
                       [-e_x, zero, -b_z, b_y],
                       [-e_y, b_z, zero, -b_x],
                       [-e_z, -b_y, b_x, zero]])
    return np.ascontiguousarray(tensor.transpose(2, 0, 1))


def fields(tensor):
    """Fields (n, 6) of field strength tensors (n, 4, 4), the inverse of eq. (9)."""
    tensor = finite_array("tensor", tensor, "n", 4, 4)
    e_x, e_y, e_z = tensor[:, 0, 1:].T
    b_x, b_y, b_z = -tensor[:, 2, 3], tensor[:, 1, 3], -tensor[:, 1, 2]
    return np.stack([e_x, e_y, e_z, b_x, b_y, b_z], axis=1)


def transform_fields(x, transformations):
    """Fields (n, 6) under Λ (n, 4, 4): F'_{μν} = F_{αβ} Λ^α_μ Λ^β_ν, eq. (10), as (n, 6)."""
    x = finite_array("x", x, "n", 6)
    transformations = finite_array("transformations", transformations, len(x), 4, 4)
    return fields(transformations.transpose(0, 2, 1) @ field_tensor(x) @ transformations)


def e_dot_b(x):
    """Invariant E·B of fields (n, 6), eq. (11), as (n,)."""
    x = finite_array("x", x, "n", 6)
    return np.sum(x[:, :3] * x[:, 3:], axis=1)


def b_squared_minus_e_squared(x):
    """Invariant |B|^2 - |E|^2 of fields (n, 6), eq. (12), as (n,)."""
    x = finite_array("x", x, "n", 6)
    return np.sum(x[:, 3:]**2 - x[:, :3]**2, axis=1)


def sample_fields(n, rng):
    """Fields seen by two observers: x uniform in [-1, 1]^6, and its transform; each (n, 6)."""
    return _field_pairs(rng.uniform(-1, 1, (n, 6)), rng)


def sample_fields_of_fixed_e_dot_b(n, rng):
    """The same with E·B = 0.3: B moves along E until E·B fits; fields that leave are dropped."""
    kept = np.empty((0, 6))
    while len(kept) < n:
        x = rng.uniform(-1, 1, (n, 6))
        e, b = x[:, :3], x[:, 3:]                       # views: to move b is to move x
        shift = (0.3 - e_dot_b(x)) / np.sum(e * e, axis=1)
        b += shift[:, None] * e
        kept = np.concatenate([kept, x[np.abs(b).max(axis=1) <= 1]])
    return _field_pairs(kept[:n], rng)


def _field_pairs(x, rng):
    # Appendix A has reflections as well, but they would flip the sign of E·B (docs/audit.md).
    return x, transform_fields(x, lorentz_transformations(len(x), rng, full_group=False))


# ------------------------------------------------------------------------------------ the systems

EVENT = ("t", "x", "y", "z")
STATE = ("x", "y", "v_x", "v_y")
FIELD = ("E_x", "E_y", "E_z", "B_x", "B_y", "B_z")

EVENT_INVARIANTS = {"s^2": interval}
ORBIT_INVARIANTS = {"L": angular_momentum, "E": energy,
                    "A_x": lambda x: laplace_runge_lenz(x)[:, 0],
                    "A_y": lambda x: laplace_runge_lenz(x)[:, 1]}
FIELD_INVARIANTS = {"E·B": e_dot_b, "|B|^2 - |E|^2": b_squared_minus_e_squared}

PUBLISHED = {
    "sr": Published(
        accuracy=(0.94, 0.92), table="I",
        r2={1: (0.0013, 0.0005), 2: (0.9894, 0.9893), 3: (0.9900, 0.9899), 4: (0.9907, 0.9906)},
        equation="5",
        polynomial="-87.41t² - 60.48 - 0.11x - 0.10yz + 0.04ty + 0.06z + 0.07y + 0.10tx + 0.12tz"
                   " + 0.15xz + 0.21xy + 2.50t + 88.10z² + 88.61y² + 88.63x²",
        formula="88 (-t² + x² + y² + z²) - 60"),
    "sr-fixed": Published(accuracy=(0.58, 0.57)),
    "cp": Published(
        accuracy=(0.98, 0.97), table="II",
        r2={1: (0.0003, -0.0003), 2: (0.9936, 0.9939), 3: (0.9937, 0.9940), 4: (0.9952, 0.9858)},
        equation="8",
        polynomial="-403.71x v_y - 4.85x - 0.58xy - 0.17x v_x - 0.02v_y² - 0.01v_x v_y + 0.00v_y²"
                   " + 0.01v_y + 0.02v_x + 0.45x² + 0.66y² + 0.74 + 0.99y v_y + 1.24y"
                   " + 402.44y v_x",
        formula="-403 (x v_y - y v_x)"),
    "cp-fixed": Published(
        accuracy=(0.99, 0.99), table="III",
        r2={1: (0.8055, 0.8074), 2: (0.9719, 0.9729), 3: (0.9938, 0.9940), 4: (0.9982, 0.9982)}),
    "em": Published(
        accuracy=(0.95, 0.94), table="IV",
        r2={1: (0.0000, 0.0000), 2: (0.9902, 0.9902), 3: (0.9902, 0.9902), 4: (0.9946, 0.9946)},
        equation="11",
        polynomial="-170.53E_2 B_2 - 170.22E_1 B_1 - 170.20E_3 B_3 - 4.13B_3² + ... + 4.92E_2²"
                   " + 53.43",
        formula="-170 (E_1 B_1 + E_2 B_2 + E_3 B_3) + 53"),
    "em-fixed": Published(
        accuracy=(0.93, 0.92), table="V",
        r2={1: (0.0002, -0.0003), 2: (0.9956, 0.9956), 3: (0.9957, 0.9956), 4: (0.9962, 0.9962)},
        equation="12",
        polynomial="-216.26E_2² - 216.016E_1² - 215.59E_3² - 1.83E_1 B_2 + ... + 5.55E_3 B_3"
                   " + 13.59 + 215.80B_3² + 216.57B_2² + 217.31B_1²",
        formula="-216 (E_1² + E_2² + E_3² - B_1² - B_2² - B_3²) + 14"),
}

SYSTEMS = {system.name: system for system in [
    System("sr", "Special relativity", EVENT, sample_events, EVENT_INVARIANTS, PUBLISHED["sr"]),
    System("sr-fixed", "Special relativity, interval fixed", EVENT,
           sample_events_of_fixed_interval, EVENT_INVARIANTS, PUBLISHED["sr-fixed"],
           fixed=("s^2",)),
    System("cp", "Central potential", STATE, sample_orbits, ORBIT_INVARIANTS, PUBLISHED["cp"]),
    System("cp-fixed", "Central potential, angular momentum fixed", STATE,
           sample_orbits_of_fixed_angular_momentum, ORBIT_INVARIANTS, PUBLISHED["cp-fixed"],
           fixed=("L",)),
    System("em", "Electromagnetism", FIELD, sample_fields, FIELD_INVARIANTS, PUBLISHED["em"],
           train_pairs=200_000),
    System("em-fixed", "Electromagnetism, E·B fixed", FIELD, sample_fields_of_fixed_e_dot_b,
           FIELD_INVARIANTS, PUBLISHED["em-fixed"], fixed=("E·B",), train_pairs=200_000),
]}
