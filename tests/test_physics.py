"""Sampled pairs are what they claim to be; seeds; the paper's numbers; what is refused."""

import re

import numpy as np
import pytest

import physics
from helpers import pairs


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
    x, x_prime, y = pairs(500, 1, name)
    assert y.tolist() == [0] * 500 + [1] * 500
    difference = sum(np.abs(invariant(x) - invariant(x_prime)) for invariant in system.invariants.values())
    assert difference[:500].max() < 1e-8
    if name != "sr-fixed":                              # whose only invariant is the same for all
        assert difference[500:].min() > 1e-6
    # Both labels show the same first members, and the same second members in another order.
    assert np.array_equal(x[:500], x[500:])
    assert np.array_equal(np.sort(x_prime[:500], axis=0), np.sort(x_prime[500:], axis=0))


def test_numbered_pairs_are_the_labelled_ones_with_each_observation_once():
    one = physics.SYSTEMS["sr"].pairs(7, np.random.default_rng(0))
    x, x_prime, y, first, second = one.numbered()
    assert x is one.x and x_prime is one.x_prime and y.tolist() == [0] * 7 + [1] * 7
    assert first.tolist() == 2 * [*range(7)] and second.tolist() == [*range(7), *one.partner]
    for numbered, labelled in zip((x[first], x_prime[second], y), one.labelled(), strict=True):
        assert np.array_equal(numbered, labelled)


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


@pytest.mark.parametrize("name, fixed, value", [
    ("sr-fixed", "s^2", -1), ("cp-fixed", "L", 1), ("em-fixed", "E·B", 0.3)])
def test_a_fixed_invariant_has_its_value_in_every_observation_and_the_others_vary(name, fixed, value):
    system = physics.SYSTEMS[name]
    assert system.fixed == (fixed,)
    for x in system.sample(1000, np.random.default_rng(6)):
        for known, function in system.invariants.items():
            if known == fixed:
                assert function(x) == pytest.approx(value, abs=1e-9)
            else:
                assert function(x).std() > 0.03


def test_every_single_orbit_keeps_its_energy_angular_momentum_and_laplace_runge_lenz_vector():
    x, x_prime = physics.sample_orbits(5000, np.random.default_rng(7))
    for known in (physics.energy, physics.angular_momentum):
        assert np.abs(known(x_prime) / known(x) - 1).max() < 1e-8
    assert np.abs(physics.laplace_runge_lenz(x_prime) - physics.laplace_runge_lenz(x)).max() < 1e-8


@pytest.mark.parametrize("name", ["sr", "em"])
def test_events_and_fields_fill_the_box_from_minus_to_plus_one_evenly(name):
    x, x_prime = physics.SYSTEMS[name].sample(20_000, np.random.default_rng(9))
    evenly = np.tile(np.linspace(-1, 1, len(x))[:, None], x.shape[1])
    assert np.sort(x, axis=0) == pytest.approx(evenly, abs=0.03)
    assert np.cov(x.T) == pytest.approx(np.eye(x.shape[1]) / 3, abs=0.02)
    assert np.abs(x_prime).max() > 3                                    # boosts go to gamma = 2.3


def test_the_direction_of_time_of_time_like_events_is_reversed_in_half_of_the_pairs():
    x, x_prime = physics.sample_events(20_000, np.random.default_rng(14))
    time_like = physics.interval(x) < 0
    reversed_ = np.sign(x[time_like, 0]) != np.sign(x_prime[time_like, 0])
    assert np.mean(reversed_) == pytest.approx(0.5, abs=0.02)


def test_events_of_fixed_interval_lie_on_both_sheets_and_fields_of_fixed_e_dot_b_in_the_box():
    x, _ = physics.SYSTEMS["sr-fixed"].sample(20_000, np.random.default_rng(10))
    assert np.mean(x[:, 0] > 0) == pytest.approx(0.5, abs=0.02) and np.abs(x[:, 1:]).max() <= 1
    x, _ = physics.SYSTEMS["em-fixed"].sample(20_000, np.random.default_rng(10))
    assert 0.99 < np.abs(x).max() <= 1


def test_both_observations_of_a_particle_are_at_random_phases_independent_of_each_other():
    phases = []
    for x in physics.sample_orbits(20_000, np.random.default_rng(11)):
        # Eccentric anomaly u: e cos u = 1 - r / a, e sin u = (position . velocity) / sqrt(a).
        a, r = -0.5 / physics.energy(x), np.hypot(x[:, 0], x[:, 1])
        phases.append(np.arctan2(np.sum(x[:, :2] * x[:, 2:], axis=1) / np.sqrt(a), 1 - r / a))
    for angle in (*phases, phases[1] - phases[0]):
        assert abs(np.mean(np.exp(1j * angle))) < 0.03 and abs(np.mean(np.exp(2j * angle))) < 0.03


def test_orbits_are_those_of_a_plain_rejection_sampling_of_the_initial_box():
    rng, kept = np.random.default_rng(12), []
    for _ in range(20_000):
        (x, y), (v_x, v_y) = rng.uniform(-2, 2, 2), rng.uniform(-1.5, 1.5, 2)
        e, l = (v_x**2 + v_y**2) / 2 - 1 / np.hypot(x, y), x * v_y - y * v_x
        if e < 0:
            semi_major_axis, eccentricity = -1 / (2 * e), np.sqrt(max(0, 1 + 2 * e * l**2))
            if semi_major_axis * (1 - eccentricity) > 0.1 and semi_major_axis * (1 + eccentricity) < 3:
                kept.append((e, abs(l)))
    x, _ = physics.sample_orbits(20_000, np.random.default_rng(13))
    sampled = np.stack([physics.energy(x), np.abs(physics.angular_momentum(x))], axis=1)
    assert sampled.mean(axis=0) == pytest.approx(np.mean(kept, axis=0), abs=0.02)
    assert sampled.std(axis=0) == pytest.approx(np.std(kept, axis=0), abs=0.02)


def test_orbits_stay_within_the_distances_they_were_chosen_for():
    for sample in (physics.sample_orbits, physics.sample_orbits_of_fixed_angular_momentum):
        for x in sample(2000, np.random.default_rng(8)):
            r = np.hypot(x[:, 0], x[:, 1])
            assert 0.1 - 1e-9 < r.min() and 2.8 < r.max() < 3 + 1e-9
    x, _ = physics.sample_orbits(5000, np.random.default_rng(8))
    assert np.hypot(x[:, 0], x[:, 1]).min() < 0.12


# ------------------------------------------------------------------------------------------ seeds

def test_same_generator_state_gives_the_same_pairs_and_another_seed_gives_others():
    one, same, other = [pairs(50, seed) for seed in (3, 3, 4)]
    assert all(np.array_equal(a, b) for a, b in zip(one, same))
    assert not np.any(one[0] == other[0])


def test_training_and_test_pairs_are_independent_and_the_streams_of_a_seed_too():
    system = physics.SYSTEMS["sr"]

    def sets():
        return physics.sample_sets(system, physics.seed_streams(0)[0], system.test_pairs)       # of the same size
    learned, test = [each.labelled()[0] for each in sets()]
    assert not np.any(np.all(learned == test, axis=1))
    assert abs(np.corrcoef(learned.ravel(), test.ravel())[0, 1]) < 0.02
    draws = {np.random.default_rng(stream).random() for seed in range(3) for stream in physics.seed_streams(seed)}
    assert len(draws) == 9
    # The data of a seed do not depend on what else is drawn from it.
    assert np.array_equal(learned, sets()[0].labelled()[0])


# ---------------------------------------------------------------------------------- bad arguments

@pytest.mark.parametrize("max_speed", [-0.1, 1.0, 2.0, float("nan")])
def test_impossible_speeds_are_refused(max_speed):
    with pytest.raises(ValueError, match="max_speed"):
        physics.lorentz_transformations(3, np.random.default_rng(0), max_speed)


@pytest.mark.parametrize("beta", [-1.0, 1.0, 1.5])
def test_boosts_at_the_speed_of_light_or_beyond_are_refused(beta):
    with pytest.raises(ValueError, match="beta"):
        physics.boosts(np.array([0.5, beta]))


@pytest.mark.parametrize("n", [0, 1])
def test_a_single_pair_has_no_one_to_exchange_partners_with(n):
    with pytest.raises(ValueError, match="at least 2"):
        physics.labelled_pairs(physics.SYSTEMS["sr"], n, np.random.default_rng(0))


def test_an_orbit_that_starts_in_the_centre_or_runs_away_is_refused_and_none_hangs():
    with pytest.raises(ValueError, match="derivative at the start"):
        physics.evolve(np.zeros((1, 4)), np.ones(1))
    with np.errstate(all="ignore"), pytest.raises(RuntimeError, match="could not be integrated"):
        physics.evolve(np.ones((1, 2)), np.full(1, 9.0), lambda state: state**3)            # infinite at 1/2


def test_a_box_without_bound_states_ends_the_sampling():
    with pytest.raises(RuntimeError, match="of 2000 drawn states, 0 are on orbits"):
        physics.bound_states(2, np.random.default_rng(0), lambda n, rng: np.full((n, 4), 5.0))


@pytest.mark.parametrize("function, inputs, value", [
    (physics.interval, 4, 2 * 100**2), (physics.energy, 4, 100**2 - 1 / np.hypot(100, 100)),
    (physics.angular_momentum, 4, 0), (physics.e_dot_b, 6, 3 * 100**2), (physics.b_squared_minus_e_squared, 6, 0)])
def test_invariants_of_small_integers_do_not_wrap_around(function, inputs, value):
    assert function(np.full((1, inputs), 100, dtype=np.int8)) == pytest.approx([value])


# -------------------------------------------------------------------------------- the paper's numbers

def test_every_system_has_as_many_pairs_as_the_paper():
    sizes = {name: (system.train_pairs, system.test_pairs) for name, system in physics.SYSTEMS.items()}
    assert sizes == {
        "sr": (50_000, 5_000), "sr-fixed": (50_000, 5_000), "cp": (50_000, 5_000), "cp-fixed": (50_000, 5_000),
        "em": (200_000, 5_000), "em-fixed": (200_000, 5_000)}


@pytest.mark.parametrize("name, table", [                          # Tables I to V, copied from the paper once more
    ("sr", "1 0.0013 0.0005 2 0.9894 0.9893 3 0.9900 0.9899 4 0.9907 0.9906"),
    ("cp", "1 0.0003 -0.0003 2 0.9936 0.9939 3 0.9937 0.9940 4 0.9952 0.9858"),
    ("cp-fixed", "1 0.8055 0.8074 2 0.9719 0.9729 3 0.9938 0.9940 4 0.9982 0.9982"),
    ("em", "1 0.0000 0.0000 2 0.9902 0.9902 3 0.9902 0.9902 4 0.9946 0.9946"),
    ("em-fixed", "1 0.0002 -0.0003 2 0.9956 0.9956 3 0.9957 0.9956 4 0.9962 0.9962")])
def test_published_tables_are_those_of_the_paper(name, table):
    r2 = physics.SYSTEMS[name].published.r2
    numbers = [number for order, scores in r2.items() for number in (order, *scores)]
    assert numbers == [float(word) for word in table.split()]


@pytest.mark.parametrize("name, accuracy, numbers", [              # eqs. (5), (8), (11), (12), in the order printed
    ("sr", (0.94, 0.92), "-87.41 -60.48 -0.11 -0.10 0.04 0.06 0.07 0.10 0.12 0.15 0.21 2.50 88.10 88.61 88.63 88 -60"),
    ("sr-fixed", (0.58, 0.57), ""),
    ("cp", (0.98, 0.97), "-403.71 -4.85 -0.58 -0.17 -0.02 -0.01 0.00 0.01 0.02 0.45 0.66 0.74 0.99 1.24 402.44 -403"),
    ("cp-fixed", (0.99, 0.99), ""),
    ("em", (0.95, 0.94), "-170.53 -170.22 -170.20 -4.13 4.92 53.43 -170 53"),
    ("em-fixed", (0.93, 0.92), "-216.26 -216.016 -215.59 -1.83 5.55 13.59 215.80 216.57 217.31 -216 14")])
def test_published_accuracies_and_equations_are_those_of_the_paper(name, accuracy, numbers):
    published = physics.SYSTEMS[name].published
    assert published.accuracy == accuracy
    text = (published.polynomial + " " + published.formula).replace("- ", "-").replace("+ ", "")
    assert re.findall(r"(?<![_\w.])-?\d+(?:\.\d+)?", text) == numbers.split()


def test_a_derangement_is_any_and_no_shift_alone():
    seen = {tuple(physics.derangement(4, np.random.default_rng(seed))) for seed in range(200)}
    assert len(seen) >= 6                               # shifts of four are three
