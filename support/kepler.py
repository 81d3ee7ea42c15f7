"""Orbits by Kepler's equation, and pairs from a box of them: `python train.py --sampling box`.

The box of initial states at two times, with no lower limit on r, gives Table III (docs/audit.md).
States are (x, y, v_x, v_y), (n, 4); m = G m M = 1.
"""

from dataclasses import replace

import numpy as np

from support.checks import UserError

MAX_TIME = 3.0
L = 0.65                                # the fixed angular momentum
MAX_V_Y = 3.0                           # v_y = (L + y v_x) / x diverges at small x


def after_time(x, t):
    """States (n, 4) at times t (n,) after states x (n, 4), bound or not, by Kepler's equation.

    In universal variables (Battin 1999, section 4.5): with G1, G2, G3 below, functions of s and of
    the energy, t = r G1 + (x·v) G2 + G3. It rises with s: halving an interval finds s. This holds
    however close to the centre an orbit comes, and however often, where `physics.evolve` would not
    end.
    """
    position, velocity = x[:, :2], x[:, 2:]
    r, outward = np.linalg.norm(position, axis=1), np.sum(position * velocity, axis=1)
    energy = 0.5 * (x[:, 2]**2 + x[:, 3]**2) - 1 / np.hypot(x[:, 0], x[:, 1])
    root = np.sqrt(-2 * energy + 0j)                    # imaginary for orbits that are not bound

    def stumpff(s):
        """G0 to G3 (Stumpff's functions times powers of s), and the time at s."""
        g0, g1 = np.cos(root * s).real, (np.sin(root * s) / root).real
        g2, g3 = (1 - g0) / (root**2).real, (s - g1) / (root**2).real
        return g0, g1, g2, g3, r * g1 + outward * g2 + g3

    low, high = np.zeros(len(x)), np.full(len(x), 1e-3)
    while np.any(is_early := stumpff(high)[-1] < t):
        high[is_early] *= 2
    for _ in range(64):
        middle = (low + high) / 2
        is_early = stumpff(middle)[-1] < t
        low, high = np.where(is_early, middle, low), np.where(is_early, high, middle)
    g0, g1, g2, g3, _ = stumpff(high)
    r_after = r * g0 + outward * g1 + g2
    new = (1 - g2 / r)[:, None] * position + (t - g3)[:, None] * velocity
    speed = (-g1 / (r_after * r))[:, None] * position + (1 - g2 / r_after)[:, None] * velocity
    return np.hstack([new, speed])


def sample_orbits_in_box(n, rng):
    """Particles from states in [-1, 1]^4 at two times in [0, 3]: x and x_prime, each (n, 4)."""
    x = rng.uniform(-1, 1, (n, 4))
    return tuple(after_time(x, rng.uniform(0, MAX_TIME, n)) for _ in range(2))


def sample_orbits_in_box_of_fixed_angular_momentum(n, rng):
    """The same with L = 0.65: x, y, v_x in [0, 1], and the v_y that this L asks for, if below 3."""
    x, y, v_x = rng.uniform(0, 1, (3, 3 * n + 100))     # two in five are kept
    v_y = (L + y * v_x) / x
    x = np.column_stack([x, y, v_x, v_y])[v_y < MAX_V_Y][:n]
    return tuple(after_time(x, rng.uniform(0, MAX_TIME, len(x))) for _ in range(2))


SAMPLINGS = {"box": {"cp": sample_orbits_in_box,
                     "cp-fixed": sample_orbits_in_box_of_fixed_angular_momentum}}


def with_sampling(system, sampling):
    """The physics.System with this sampling in place of its own; UserError if it has none such."""
    samples = SAMPLINGS[sampling]
    if system.name not in samples:
        raise UserError(f"--sampling {sampling} is for {' and '.join(samples)}, "
                        f"not for {system.name}")
    return replace(system, sample=samples[system.name])
