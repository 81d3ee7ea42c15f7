"""Sampled pairs are what they claim to be."""

import numpy as np
import pytest

import physics


@pytest.mark.parametrize("name", physics.SYSTEMS)
def test_members_of_a_sampled_pair_share_every_invariant_and_have_the_shape_of_the_inputs(name):
    system = physics.SYSTEMS[name]
    x, x_prime = system.sample(1000, np.random.default_rng(0))
    assert x.shape == x_prime.shape == (1000, len(system.inputs)) and x.dtype == np.float64
    assert not np.allclose(x, x_prime)
    for invariant in system.invariants.values():
        assert invariant(x_prime) == pytest.approx(invariant(x), abs=1e-9 if "cp" in name else 1e-12)


@pytest.mark.parametrize("name", physics.SYSTEMS)
def test_labelled_pairs_are_equivalent_first_and_none_of_the_rest_is(name):
    system = physics.SYSTEMS[name]
    x, x_prime, y = physics.labelled_pairs(system, 500, np.random.default_rng(1))
    assert y.tolist() == [0] * 500 + [1] * 500
    difference = sum(np.abs(invariant(x) - invariant(x_prime)) for invariant in system.invariants.values())
    assert difference[:500].max() < 1e-8
    if name != "sr-fixed":                              # whose only invariant is the same for all
        assert difference[500:].min() > 1e-6
    # Both labels show the same first members, and the same second members in another order.
    assert np.array_equal(x[:500], x[500:])
    assert np.array_equal(np.sort(x_prime[:500], axis=0), np.sort(x_prime[500:], axis=0))


@pytest.mark.parametrize("n", [2, 3, 10, 1001])
def test_derangement_is_a_permutation_without_fixed_points(n):
    for seed in range(20):
        partner = physics.derangement(n, np.random.default_rng(seed))
        assert sorted(partner) == list(range(n)) and not np.any(partner == np.arange(n))


def test_derangement_pairs_everyone_with_everyone_else_equally_often():
    rng = np.random.default_rng(2)
    counts = np.zeros((5, 5))
    for _ in range(4000):
        counts[np.arange(5), physics.derangement(5, rng)] += 1
    assert counts / 4000 == pytest.approx((1 - np.eye(5)) / 4, abs=0.03)


@pytest.mark.parametrize("name, invariant, value", [("sr-fixed", "s^2", -1), ("cp-fixed", "L", 1), ("em-fixed", "E·B", 0.3)])
def test_a_fixed_invariant_has_its_value_in_every_observation_and_the_others_vary(name, invariant, value):
    system = physics.SYSTEMS[name]
    for x in system.sample(1000, np.random.default_rng(6)):
        for known, function in system.invariants.items():
            assert function(x) == pytest.approx(value, abs=1e-9) if known == invariant else function(x).std() > 0.03


def test_every_single_orbit_keeps_its_energy_angular_momentum_and_laplace_runge_lenz_vector():
    x, x_prime = physics.sample_orbits(5000, np.random.default_rng(7))
    for known in (physics.energy, physics.angular_momentum):
        assert np.abs(known(x_prime) / known(x) - 1).max() < 1e-8
    assert np.abs(physics.laplace_runge_lenz(x_prime) - physics.laplace_runge_lenz(x)).max() < 1e-8


def test_orbits_stay_within_the_distances_they_were_chosen_for():
    for sample in (physics.sample_orbits, physics.sample_orbits_of_fixed_angular_momentum):
        for x in sample(2000, np.random.default_rng(8)):
            r = np.hypot(x[:, 0], x[:, 1])
            assert 0.1 - 1e-9 < r.min() and r.max() < 3 + 1e-9


def test_same_generator_state_gives_the_same_pairs_and_another_seed_gives_others():
    sets = [physics.labelled_pairs(physics.SYSTEMS["sr"], 50, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert all(np.array_equal(a, b) for a, b in zip(sets[0], sets[1]))
    assert not np.any(sets[0][0] == sets[2][0])


@pytest.mark.parametrize("max_speed", [-0.1, 1.0, 2.0, float("nan")])
def test_impossible_speeds_are_refused(max_speed):
    with pytest.raises(ValueError, match="max_speed"):
        physics.lorentz_transformations(3, np.random.default_rng(0), max_speed)


def test_a_single_pair_has_no_one_to_exchange_partners_with():
    with pytest.raises(ValueError, match="at least 2"):
        physics.labelled_pairs(physics.SYSTEMS["sr"], 1, np.random.default_rng(0))
