"""Orbits by Kepler's equation are those of the equations of motion, and pairs from the box share what is conserved."""

import numpy as np
import pytest

import physics
from support import kepler


def test_an_ellipse_of_eccentricity_three_fifths_is_followed_for_several_turns():
    # Kepler's equation t = u - e sin u at a = 1, from the pericentre (1 - e, 0) with v_y = sqrt((1 + e) / (1 - e)).
    e, u = 0.6, np.array([0.5, 2.0, 4.0, 20.0])
    start = np.tile([1 - e, 0, 0, np.sqrt((1 + e) / (1 - e))], (4, 1))
    r, b = 1 - e * np.cos(u), np.sqrt(1 - e**2)
    expected = np.stack([np.cos(u) - e, b * np.sin(u), -np.sin(u) / r, b * np.cos(u) / r], axis=1)
    assert kepler.after_time(start, u - e * np.sin(u)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["cp", "cp-fixed"])
def test_pairs_from_the_box_share_every_invariant_and_are_two_states(name):
    x, x_prime = kepler.SAMPLINGS["box"][name](500, np.random.default_rng(0))
    assert x.shape == x_prime.shape == (500, 4) and not np.allclose(x, x_prime)
    r = np.minimum(np.hypot(x[:, 0], x[:, 1]), np.hypot(x_prime[:, 0], x_prime[:, 1]))
    for invariant in physics.SYSTEMS[name].invariants.values():
        error = np.abs(invariant(x) - invariant(x_prime))[r > 0.05]     # closer, v² and 1 / r cancel to fewer digits
        assert error.max() < 1e-7
    if name == "cp-fixed":
        assert physics.angular_momentum(x) == pytest.approx(0.65, abs=1e-6)


def test_the_box_starts_bound_and_unbound_orbits_with_any_distance_from_the_centre():
    x, _ = kepler.sample_orbits_in_box(2000, np.random.default_rng(1))
    assert physics.energy(x).min() < 0 < physics.energy(x).max()
    assert np.hypot(x[:, 0], x[:, 1]).min() < 0.05


def test_starts_in_the_box_at_fixed_L_are_one_sided_and_not_faster_than_3(monkeypatch):
    monkeypatch.setattr(kepler, "MAX_TIME", 0.0)
    x, _ = kepler.sample_orbits_in_box_of_fixed_angular_momentum(1000, np.random.default_rng(0))
    assert x[:, :3].min() > 0 and x[:, :3].max() < 1 and 2.9 < x[:, 3].max() < 3
