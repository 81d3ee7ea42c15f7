"""Laws of exact, rounded and noisy data: those of the paper's systems, none where none is, and what decides."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import physics
import discover
from discover import laws
from discover.eigenproblem import Features, Sample, minimal_sets, take_back
from discover.expressions import Expression
from discover.libraries import make_libraries, unite
from helpers import benchmark, mostly_slow, trajectories

STATE = ("x", "y", "v_x", "v_y")


def of_orbits(orbits, names=STATE, errors=None, **options):
    """The laws of trajectories (orbits, times, d), judged on the last quarter of them."""
    count, times, d = orbits.shape
    classes, first = np.repeat(np.arange(count), times), 3 * count // 4 * times
    x = orbits.reshape(-1, d)
    if errors is not None:
        e = np.broadcast_to(errors, orbits.shape).reshape(-1, d)
        options.update(errors=e[:first], errors_test=e[first:])
    return laws.find(x[:first], classes[:first], x[first:], classes[first:], names, **options)


def circles(count=80, times=20, seed=0):
    rng = np.random.default_rng(seed)
    size, phase = rng.uniform(0.5, 2, (count, 1)), rng.uniform(0, 6.2832, (count, times))
    return np.stack([size * np.cos(phase), size * np.sin(phase)], axis=2)


def lenses(seed=0):
    rng = np.random.default_rng(seed)
    f = rng.uniform(5, 30, (100, 1))
    u = f * rng.uniform(1.2, 6, (100, 10))
    return np.stack([u, 1 / (1 / f - 1 / u)], axis=2)


def rounded(x, digits):
    return np.array([float(f"{value:.{digits - 1}e}") for value in x.ravel()]).reshape(x.shape)


def said(found):
    return [(law.text, law.verdict) for law in found.laws]


def count(found):
    return sum(law.verdict == "exact" for law in found.laws)


# ------------------------------------------------------------------------------------ what decides

def test_mu_of_a_law_is_one_though_errors_weigh_differently_from_row_to_row():
    rng, mus = np.random.default_rng(0), []
    for seed in range(60):
        x, sigma = lenses(seed), rng.uniform(0.001, 0.05, (100, 10, 2))
        noisy = (x + sigma * rng.standard_normal(x.shape)).reshape(-1, 2)
        sample = Sample(noisy, np.repeat(np.arange(100), 10), sigma.reshape(-1, 2))
        v = np.sum((sample.errors / sample.x**2)**2, axis=1)                    # of 1/u + 1/v
        mus.append(sample.chi2(np.sum(1 / sample.x, axis=1), v))
    assert np.mean(mus) == pytest.approx(1, abs=4 * np.sqrt(2 / 900 / 60))
    assert np.std(mus) == pytest.approx(np.sqrt(2 / 900), rel=0.3)


def test_errors_of_coefficients_are_their_spread():
    rng, ratios, errors = np.random.default_rng(1), [], []
    for seed in range(60):
        x = circles(seed=seed)
        x = (x + 0.02 * rng.standard_normal(x.shape)).reshape(-1, 2)
        sample = Sample(x, np.repeat(np.arange(80), 20), np.full(x.shape, 0.02))
        features = Features(make_libraries(x, ("q", "p"))[0][1], sample)
        part = features.part([features.library.names.index(name) for name in ("q^2", "p^2", "q")])
        c, _, error = part.fit(part.first_weights())
        ratios.append(c[2] / c[0])
        errors.append(error[2] / abs(c[0]))
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.3)


RNG = np.random.default_rng(60)


def test_minimal_sets_are_those_of_all_sets_that_are_not_positive_definite():
    rng = np.random.default_rng(2)
    for _ in range(20):
        a = rng.standard_normal((7, 9))
        m = a @ a.T - rng.uniform(0, 3) * np.eye(7)
        sets = [each for size in range(1, 8) for each in combinations(range(7), size)
                if np.linalg.eigvalsh(m[np.ix_(each, each)])[0] <= 0]
        smallest = [each for each in sets if not any(set(other) < set(each) for other in sets)]
        assert sorted(minimal_sets(m)) == sorted(smallest)


@pytest.mark.parametrize("text, step, others", [
    ("1.25 0.50 10.75", [0.01] * 3, RNG.integers(1, 2000, 500) / 100),
    ("1.23e-5 4.56e3 7.89", [1e-7, 10, 0.01], [float(f"{10**each:.3g}") for each in RNG.uniform(-5, 4, 500)]),
    ("1.2345678901234567 0.1", [np.nan] * 2, RNG.random(500)), ("0 1 2 1", [np.nan] * 4, RNG.integers(0, 20, 500)),
    ("120 -345 978", [1] * 3, RNG.integers(-999, 999, 500)), ("285 290 310", [1] * 3, RNG.integers(285, 311, 500))])
def test_digits_are_those_in_which_values_are_written(text, step, others):
    found = laws.digit_errors(np.array([*map(float, text.split()), *others]))
    assert found[:len(step)] == pytest.approx(np.array(step) / np.sqrt(12), nan_ok=True)


@pytest.mark.parametrize("settings", [
    np.tile(np.arange(1, 7) * 1000.0, 60), np.random.default_rng(0).choice([0.1, 0.2, 0.3, 0.4, 0.5], 400),
    np.tile(np.arange(1, 21) * 10.0, 60)[:-3]])
def test_settings_have_no_error_of_digits(settings):
    # Volts in units of 10 or 1000 are no readings with errors of 2.9 or 289.
    assert np.isnan(laws.digit_errors(settings)).all()


def test_a_law_of_settings_is_named_and_few_of_them_bear_few_functions():
    rng, values = np.random.default_rng(1), np.arange(1, 7) * 1000.0
    x = np.stack([np.tile(values, (80, 1)), rng.uniform(1, 3, (80, 1)) * values**0.6], axis=2).round(3)
    law, = of_orbits(x, ("U", "I")).laws
    assert law.terms["log(U)"] / law.terms["log(I)"] == pytest.approx(-0.6, abs=5e-3)
    # Of four values of V two functions and an offset are one too many.
    v = np.tile([1.0, 2.0, 3.0, 4.0], (80, 1))
    wave = np.stack([v, rng.uniform(0, 9, (80, 1)) + np.array([0.3, 2.1, -0.7, 1.9])], axis=2).round(3)
    assert not [law for law in of_orbits(wave, ("V", "y")).laws if law.verdict == "exact" and "y" in law.terms]


def test_a_law_within_errors_is_accepted_and_one_of_twice_these_is_not():
    noisy = circles() + 0.02 * np.random.default_rng(3).standard_normal((80, 20, 2))
    found = of_orbits(noisy, ("q", "p"), errors=0.02)
    assert said(found) == [("q² + p²", "exact")] and found.laws[0].source == "given"
    assert found.laws[0].chi2 == pytest.approx(1, abs=0.3)
    assert of_orbits(noisy, ("q", "p"), errors=0.01).laws[0].source != "given"


def test_a_term_of_many_standard_errors_is_not_left_out():
    shifted = circles(200) + [0.02, 0] + 0.02 * np.random.default_rng(3).standard_normal((200, 20, 2))
    law, = of_orbits(shifted, ("q", "p"), errors=0.02).laws
    assert set(law.terms) == {"q^2", "p^2", "q"} and law.terms["q"] / law.terms["p^2"] == pytest.approx(-0.04, abs=0.01)


# ------------------------------------------------------------------------------------ exact data

def of_system(name, n=2000):
    """The laws of n pairs of one of the paper's systems, judged on half as many."""
    system, rng = physics.SYSTEMS[name], np.random.default_rng(0)
    pairs = [np.stack(system.sample(m, rng), axis=1) for m in (n, n // 2)]
    return of_orbits(np.concatenate(pairs)[:, :, :], system.inputs)


@pytest.mark.parametrize("name, independent, texts", mostly_slow([
    ("sr", 1, ["-t² + x² + y² + z²"]), ("cp", 3, ["x v_y - y v_x", "v_x²/2 + v_y²/2 - 1/r"]),
    ("em", 2, ["E_x B_x + E_y B_y + E_z B_z"]), ("sr-fixed", 0, []), ("em-fixed", 1, None)], 2))
def test_the_laws_of_the_papers_systems_are_exact_and_named(name, independent, texts):
    found = of_system(name)
    assert count(found) == independent and all(law.within < 1e-9 for law in found.laws)
    terms = [sorted(law.text.replace("+ ", "").replace("- ", "-").split()) for law in found.laws]
    for text in texts or ():
        assert sorted(text.replace("+ ", "").replace("- ", "-").split()) in terms


def test_a_law_gives_its_values_and_derivatives_and_is_python():
    x = trajectories(5)[:, 0]
    for law in of_orbits(trajectories(100, 8)).laws:
        value, slope = law(x)
        assert eval(law.python, {"sqrt": np.sqrt}, dict(zip(STATE, x.T))) == pytest.approx(value)
        h = 1e-6 * np.ones(4)
        assert slope @ h == pytest.approx(law(x + h / 2)[0] - law(x - h / 2)[0], rel=1e-5, abs=1e-10)


@pytest.mark.parametrize("units", mostly_slow([1e-9, 1e9, 1e30], 1))
def test_laws_do_not_depend_on_units(units):
    plain, other = (of_orbits(circles() * size, ("q", "p")).laws for size in ([1, 1], [units, 1]))
    assert [set(law.terms) for law in plain] == [set(law.terms) for law in other] == [{"q^2", "p^2"}]


def test_what_is_known_makes_no_laws_and_what_is_one_number_on_all_data_is_none():
    orbits = trajectories(200, 8)
    given = [Expression("x*v_y - y*v_x", STATE)]
    assert count(of_orbits(orbits, given=given)) == 2
    square = np.concatenate([circles(), np.sum(circles()**2, axis=2, keepdims=True)], axis=2)
    found = of_orbits(np.concatenate([square[..., :2], np.sqrt(square[..., 2:])], 2), ("q", "p", "r"))
    assert [law.text for law in found.laws] == ["r"]


def test_constants_beside_the_motion_are_laws_of_their_own_and_no_products_of_them():
    rng = np.random.default_rng(4)
    mass = np.repeat(rng.uniform(1, 3, (80, 1, 1)), 20, axis=1)
    found = of_orbits(np.concatenate([circles(), mass], axis=2), ("q", "p", "m"))
    assert said(found) == [("q² + p²", "exact"), ("m", "exact")]


def test_degrees_are_angles():
    rng = np.random.default_rng(5)
    theta = rng.uniform(-170, 170, (80, 20))
    omega = np.sqrt(2 * rng.uniform(1.5, 20, (80, 1)) + 2 * np.cos(np.radians(theta)))
    x = np.stack([theta, omega * rng.choice([-1, 1], theta.shape)], axis=2)
    law, = of_orbits(x, ("theta", "omega"), degrees=["theta"]).laws
    assert set(law.terms) == {"omega^2", "cos(pi*theta/180)"} and law.verdict == "exact"


def test_a_velocity_that_fills_a_turn_by_chance_stays_a_column_beside_an_angle():
    rng = np.random.default_rng(0)
    energy = rng.uniform(-8, -4, (60, 1))
    swing = rng.uniform(-1, 1, (60, 12)) * np.arccos(-energy / 9)
    speed = np.sqrt(2 * (energy + 9 * np.cos(swing))) * rng.choice([-1, 1], (60, 12))
    assert 2.8 < np.abs(speed).max() < 3.6
    found = of_orbits(np.stack([np.degrees(swing), speed], axis=2), ("theta", "omega"), degrees=["theta"])
    assert said(found) == [("omega²/2 - 9 cos(pi theta/180)", "exact")]


def test_an_angle_that_turns_further_than_once_stays_a_column_beside_its_cosine():
    rng = np.random.default_rng(1)
    energy, phi = rng.uniform(8, 16, (60, 1)), rng.uniform(-9, 20, (60, 12))
    found = of_orbits(np.stack([phi, np.sqrt(2 * (energy + np.cos(phi) + 0.3 * phi))], axis=2), ("phi", "V"))
    assert said(found) == [("V²/2 - 3 phi/10 - cos(phi)", "exact")]


def test_a_sine_of_any_column_is_tried_where_nothing_else_fits():
    rng = np.random.default_rng(6)
    q, c = rng.uniform(-3, 5, (80, 20)), rng.uniform(1, 4, (80, 1))
    law, = of_orbits(np.stack([q, c - 2 * np.sin(q)], axis=2), ("q", "p")).laws
    assert set(law.terms) == {"p", "sin(q)"} and law.verdict == "exact"


# ------------------------------------------------------------------------- digits, noise, none

@pytest.mark.parametrize("decimals", mostly_slow([3, 8, 4, 5, 6, 7], 2))
def test_the_number_of_decimals_changes_no_verdict(decimals):
    assert said(of_orbits(np.round(circles(), decimals), ("x", "y"))) == [("x² + y²", "exact")]


@pytest.mark.parametrize("digits", mostly_slow([3, 4], 1))
def test_a_thin_lens_is_named_from_few_digits(digits):
    law, = of_orbits(rounded(lenses(), digits), ("u", "v")).laws
    assert set(law.terms) == {"1/u", "1/v"} and law.source == "digits" and law.verdict == "exact"
    assert law.terms["1/v"] / law.terms["1/u"] == pytest.approx(1, abs=10**-(digits - 0.5))
    assert "within the digits of the file" in law.evidence


def test_multiples_of_a_relation_leave_room_for_the_laws_of_collisions():
    rng = np.random.default_rng(1)
    size, rapidity = rng.uniform(0.2, 1.2, (200, 1)), rng.uniform(0, 0.9, (200, 1))
    angle, ahead = rng.uniform(0, 6.28, (200, 2)), rng.uniform(0, 6.28, (200, 1))
    parts = []
    for sign, mass in ((1, 0.14), (-1, 0.94)):          # pions on protons, GeV: E² - p² is the same in all
        along, across = sign * size * np.cos(angle), sign * size * np.sin(angle)
        energy = np.sqrt(mass**2 + size**2)
        along, energy = (np.cosh(rapidity) * along + np.sinh(rapidity) * energy,
                         np.cosh(rapidity) * energy + np.sinh(rapidity) * along)
        parts += [np.cos(ahead) * along - np.sin(ahead) * across,
                  np.sin(ahead) * along + np.cos(ahead) * across, energy]
    found = of_orbits(rounded(np.stack(parts, axis=2), 3), ("p_x", "p_y", "E", "q_x", "q_y", "F"))
    assert said(found) == [("p_x + q_x", "exact"), ("p_y + q_y", "exact"), ("E + F", "exact")]


def test_a_common_level_of_errors_is_fitted_and_said():
    x = lenses()
    noisy = x + 0.01 * x.std(axis=(0, 1)) * np.random.default_rng(7).standard_normal(x.shape)
    found = of_orbits(noisy, ("u", "v"))
    assert said(found)[0][1] == "exact" and set(found.laws[0].terms) == {"1/u", "1/v"}
    assert found.laws[0].source == "fitted" and found.laws[0].level == pytest.approx(0.01, rel=0.15)
    assert found.laws[0].evidence.startswith("if readings have errors of ")


@pytest.mark.parametrize("motion, verdict", [(0.2, "exact"), (0.05, "approximate")])
def test_a_law_of_columns_that_hardly_move_is_exact_only_where_they_move_by_ten_errors(motion, verdict):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((60, 1, 2)) + motion * rng.standard_normal((60, 12, 1)) * [1, -1]
    x += 0.01 * x.std(axis=(0, 1)) * rng.standard_normal(x.shape)
    assert said(of_orbits(x, ("x", "y"))) == [("x + y", verdict)]


@pytest.mark.slow
def test_short_pieces_of_a_flow_have_no_exact_law_though_any_flow_has_laws_for_a_moment():
    chaos = benchmark("suite").lorenz(np.random.default_rng(0), 0.003)[:100]
    assert {law.verdict for law in of_orbits(chaos, ("x", "y", "z")).laws} == {"approximate"}


def test_errors_of_columns_that_hardly_move_make_no_second_law():
    rng = np.random.default_rng(0)
    salt, volume = np.exp(rng.uniform(3, 5, (40, 1))), np.exp(rng.uniform(-1, 1, (40, 1)))
    volume = volume * (1 + 0.02 * rng.standard_normal((40, 20)))
    x = np.stack([volume, salt / volume, rng.standard_normal(volume.shape)], axis=2)
    errors = 0.01 * x.std(axis=(0, 1))
    found = of_orbits(x + errors * rng.standard_normal(x.shape), ("V", "S", "T"), errors)
    assert said(found) == [("VS", "exact")]


def test_a_level_is_fitted_also_with_features_that_larger_errors_would_spoil():
    rng = np.random.default_rng(0)
    waist, s = rng.uniform(0.15, 0.6, (80, 1)), rng.uniform(0.15, 2.5, (80, 20)) * rng.choice([-1, 1], (80, 20))
    x = np.stack([waist * np.sqrt(1 + s**2), 5 * waist**2 * (s + 1 / s)], axis=2)      # of a beam of light
    x += 0.01 * x.std(axis=(0, 1)) * rng.standard_normal(x.shape)
    law, = of_orbits(x, ("w", "R")).laws
    assert law.verdict == "exact" and set(law.terms) == {"1/w^2", "w^2/R^2"}


def vapours(seed=0, classes=100):
    """Boiling points T of a substance each, and its pressure: log p + 5300 / T is the substance's."""
    rng = np.random.default_rng(seed)
    T, own = rng.uniform(280, 370, (classes, 20)), rng.uniform(24, 26, (classes, 1))
    return np.stack([np.exp(own - 5300 / T), T], axis=2)


@pytest.mark.slow
def test_readings_that_errors_bring_near_0_are_left_out_so_that_a_logarithm_is_named():
    for seed, is_known in ((0, False), (1, True), (2, True)):           # without feet, 2 has a term in 1/p
        x = vapours(seed)
        errors = 0.01 * x.std(axis=(0, 1))
        noisy = x + errors * np.random.default_rng(seed + 1).standard_normal(x.shape)
        found = of_orbits(noisy, ("p", "T"), errors if is_known else None)
        law, = found.laws
        assert law.verdict == "exact" and set(law.terms) == {"log(p)", "1/T"}
        assert abs(law.terms["1/T"] - 5300) < 4 * law.errors["1/T"] < 100
        assert any("observations, in which p is 0 within errors" in note for note in found.notes)


@pytest.mark.parametrize("offset", mostly_slow([1000, 0, 100, 1e4], 1))
def test_a_column_far_from_0_hides_no_law_and_makes_no_false_one(offset):
    circle = circles()
    found = of_orbits(circle * [1, 3] + [offset, 0], ("x", "v"))
    law, = found.laws
    assert set(law.terms) == {"x^2", "v^2"} | ({"x"} if offset else set()) and law.verdict == "exact"


@pytest.mark.parametrize("error", [1e-4, 1e-3, 1e-2])
def test_data_that_are_better_than_the_errors_given_keep_their_law(error):
    assert said(of_orbits(circles(), ("x", "y"), error)) == [("x² + y²", "exact")]


def test_what_errors_do_to_second_order_is_taken_off():
    rng = np.random.default_rng(0)                      # 1/y of y with errors of a tenth is 1 % too large
    x = np.stack([rng.uniform(1, 3, 4000), np.full(4000, 1.0)], axis=1)
    noisy = x + rng.normal(0, 0.1, x.shape)
    sample = Sample(noisy, np.arange(4000) // 40, np.full(x.shape, 0.1))
    library = unite(make_libraries(noisy, ("x", "y"))[0])[0]
    features = Features(library, sample).part([library.names.index("1/y")])
    means = [np.mean(each.values[:, 0]) * features.deviation[0] + features.mean[0]
             for each in (features, features.at_feet(np.ones(1), 5.0))]
    assert means[0] - 1 > 0.008 and abs(means[1] - 1) < 0.004


@pytest.mark.parametrize("names, draw, terms", [
    (("f", "V", "I"), lambda u, own: (u[0], np.sqrt(own + u[0]**2) * u[1], u[1]), {"f^2", "V^2/I^2"}),
    (("theta", "I"), lambda u, own: (u[0] - 0.9, own * np.cos(u[0] - 0.9)**2), {"I/cos(theta)^2"}),
    (("theta", "phi", "d"), lambda u, own: (u[0] / 4, np.arcsin(np.sin(u[0] / 4) + own * u[1] / 9), u[1]),
     {"sin(theta)/d", "sin(phi)/d"})])
def test_coils_polarisers_and_gratings_are_named(names, draw, terms):
    rng = np.random.default_rng(0)
    u, own = rng.uniform(0.5, 1.5, (2, 80, 20)), rng.uniform(1.5, 3, (80, 1))
    found = of_orbits(np.stack(draw(u, own), axis=2), names)
    assert [(set(law.terms), law.verdict) for law in found.laws] == [(terms, "exact")]


@pytest.mark.slow
def test_a_long_sum_of_functions_is_no_law_of_data_with_errors():
    rng = np.random.default_rng(0)                      # velocities in two frames: a law that no library holds
    b, w = rng.uniform(-0.85, 0.85, (60, 20)), rng.uniform(-0.7, 0.7, (60, 1))
    x = np.stack([(b + w) / (1 + b * w), b], axis=2)
    noisy = x + 0.01 * x.std(axis=(0, 1)) * rng.standard_normal(x.shape)
    for law in of_orbits(noisy, ("alpha", "beta")).laws:
        assert law.verdict == "approximate" or len(law.terms) <= 5


def damped(friction, noise):
    """Oscillations in the order of time, of which friction takes a share in all."""
    rng = np.random.default_rng(8)
    size, phase, t = rng.uniform(0.5, 2, (200, 1)), rng.uniform(0, 6, (200, 1)), np.linspace(0, 20, 30)
    size = size * np.exp(-friction * t / 40)
    return np.stack([size * np.cos(t + phase), size * np.sin(t + phase)], 2) + noise * rng.standard_normal((200, 30, 2))


def hidden_stiffness():
    rng = np.random.default_rng(9)
    return circles(200) * np.stack([rng.uniform(0.95, 1.05, (200, 1)), np.ones((200, 1))], axis=2)


@pytest.mark.parametrize("x", mostly_slow([
    damped(0.1, 0), np.random.default_rng(0).standard_normal((100, 8, 2)), damped(0.2, 0.01),
    np.cumsum(np.random.default_rng(1).standard_normal((100, 20, 2)), axis=1),
    hidden_stiffness()], 2))
def test_friction_a_hidden_parameter_noise_and_walks_have_no_exact_law(x):
    assert count(of_orbits(x, ("q", "p"))) == 0


# ------------------------------------------------------------------------------------ rows, columns

def test_friction_is_seen_beside_errors_that_are_given_though_rows_are_shuffled():
    rng, errors = np.random.default_rng(11), 0.01
    x = np.stack([rows[rng.permutation(len(rows))] for rows in damped(0.1, 0)])
    noisy = x + errors * rng.standard_normal(x.shape)
    assert count(of_orbits(noisy, ("q", "p"), errors)) == 0


def test_outliers_are_left_out_though_errors_are_unknown():
    rng, x = np.random.default_rng(12), circles(100, 30)
    x = x + 0.01 * rng.standard_normal(x.shape)
    bad = rng.random(x.shape[:2]) < 0.06
    x[bad] += 5 * rng.standard_normal((bad.sum(), 2))
    found = of_orbits(x, ("q", "p"))
    assert said(found) == [("q² + p²", "exact")] and found.laws[0].source == "fitted"
    assert sum("left out" in note for note in found.notes) == 1


@pytest.mark.parametrize("share, value", [(0.06, None), (0.002, -999.0)])
def test_rows_that_break_the_law_of_all_others_are_left_out_and_it_is_said(share, value):
    rng, x = np.random.default_rng(10), circles(100, 30)
    bad = rng.random(x.shape[:2]) < share
    x[bad] = value if value else x[bad] + 5 * rng.standard_normal((bad.sum(), 2))
    found = of_orbits(x, ("q", "p"))
    assert said(found) == [("q² + p²", "exact")] and found.laws[0].source == "rounding"
    assert sum("left out" in note for note in found.notes) == 1


@pytest.mark.parametrize("row", [100, 1001, 2500])      # of the fit, so that E - cE^2 holds; and held out
@pytest.mark.parametrize("digits", [17, 4])
def test_one_row_of_a_wrong_class_neither_hides_a_law_nor_bends_it(row, digits):
    x, classes = rounded(circles(100, 30), digits).reshape(-1, 2), np.repeat(np.arange(100), 30)
    classes[row] = (classes[row] + 7) % 75 + 25 * (row >= 2250)
    first = classes < 75
    found = laws.find(x[first], classes[first], x[~first], classes[~first], ("q", "p"))
    assert said(found) == [("q² + p²", "exact")]
    assert [note[:14] for note in found.notes] == ["left out 1 of "]


@pytest.mark.slow
def test_the_level_of_unknown_errors_is_found_beside_constants_that_have_none():
    rng, x = np.random.default_rng(14), circles(100, 30)
    k = np.repeat(rng.uniform(1, 3, (100, 1, 1)), 30, axis=1)
    x = np.concatenate([x[..., :1] / np.sqrt(k), x[..., 1:], k], axis=2)
    x[..., :2] += 0.01 * x[..., :2].std(axis=(0, 1)) * rng.standard_normal((100, 30, 2))
    found = of_orbits(x, ("q", "p", "k"))
    assert said(found) == [("p² + q²k", "exact"), ("k", "exact")]
    assert found.laws[0].level == pytest.approx(0.01, rel=0.15)


@pytest.mark.slow
def test_many_functions_of_one_column_are_no_law():
    """Oscillations of a Morse potential of rate 1.94, which no library holds but many sums follow."""
    rng = np.random.default_rng(15)
    r, energy = rng.uniform(0.9, 1.6, (100, 20)), rng.uniform(0.5, 3, (100, 1))
    v = np.sqrt(energy + 2 * (2 * np.exp(-1.94 * (r - 1.2)) - np.exp(-3.88 * (r - 1.2)))) * rng.choice([-1, 1], r.shape)
    assert not [law for law in of_orbits(np.stack([r, v], axis=2), ("r", "v")).laws if law.verdict == "exact"]


def test_positions_with_a_unit_in_their_names_have_a_distance_and_its_logarithm():
    rng = np.random.default_rng(16)
    x, energy = rng.uniform(-2, 2, (100, 20, 2)), rng.uniform(2, 4, (100, 1))
    v = np.sqrt(2 * (energy - np.log(np.linalg.norm(x, axis=2))))
    law, = of_orbits(np.concatenate([x, v[..., None]], axis=2), ("x_km", "y_km", "v")).laws
    assert law.text == "v²/2 + log(r_km)"


def test_angles_positive_columns_features_and_kinds_can_be_named():
    rng = np.random.default_rng(4)
    s, c = rng.uniform(-1, 1, (100, 8)), rng.uniform(1, 2, (100, 1))            # too short an arc to be told
    law, = of_orbits(np.stack([s, 2 * c + np.sin(s)], axis=2), ("s", "p"), angles=["s"]).laws
    assert set(law.terms) == {"p", "sin(s)"}
    v = rng.uniform(1, 3, (100, 8))
    gas = np.stack([v, c * v**0.4], axis=2)
    law, = of_orbits(gas, ("V", "T"), angles=[], positive=["V", "T"]).laws
    assert set(law.terms) == {"log(V)", "log(T)"}
    assert count(of_orbits(gas, ("V", "T"), kinds=["polynomial"])) == 0
    odd = np.concatenate([np.sinh(circles()[..., :1]), circles()[..., 1:]], axis=2)
    law, = of_orbits(odd, ("s", "v"), features=["log(s + sqrt(s^2 + 1))"]).laws
    assert set(law.terms) == {"(log(s + sqrt(s^2 + 1)))^2", "v^2"}
    with pytest.raises(ValueError, match="positive"):
        of_orbits(gas - 2, ("V", "T"), positive=["V"])


def test_columns_that_take_no_part_are_named_with_the_reason():
    x = np.concatenate([circles(), 2 * circles()[..., :1], np.ones((80, 20, 1))], axis=2)
    notes = of_orbits(x, ("x", "y", "twice", "one")).notes
    assert {"twice is a multiple of x and takes no part",
            "one has one value on all data and takes no part"} <= set(notes)
    found = of_orbits(circles(), ("q", "sin"))
    assert not found.laws and found.notes == ["sin is no name that a formula can hold, and takes no part: rename it"]


def test_too_few_classes_and_classes_of_one_are_refused():
    for orbits in (circles(4, 8), circles(100, 1)):
        with pytest.raises(ValueError, match="classes of several observations are needed"):
            of_orbits(orbits, ("q", "p"))


@pytest.mark.parametrize("x", [
    np.ones((40, 5, 2)), np.repeat(np.random.default_rng(0).standard_normal((40, 1, 2)), 5, axis=1),
    np.random.default_rng(0).integers(0, 2, (40, 5, 2)).astype(float), circles(16, 2) * 1e90,
    circles(200, 1) + 0.02 * np.random.default_rng(1).standard_normal((200, 20, 2))])
def test_odd_data_end_with_laws_and_not_with_an_exception(x):
    assert len(of_orbits(x, ("q", "p")).laws) <= 2


def test_arrays_are_enough_in_a_notebook():
    x = circles().reshape(-1, 2)
    found = laws.find_in_arrays(x, np.repeat([f"run {i}" for i in range(80)], 20), ["q", "p"])
    assert said(found) == [("q² + p²", "exact")]
    degrees = np.stack([np.degrees(np.arcsin(x[:, 0] / 3)), np.full(len(x), 1.5)], axis=1)
    degrees[:, 1] = np.repeat(np.arange(1.0, 81), 20) / x[:, 0]
    assert laws.find_in_arrays(degrees, np.repeat(range(80), 20), ["theta_deg", "n"]).laws[0].terms == {
        "n*sin(pi*theta_deg/180)": 1.0}
    assert "q² + p²    exact: λ < 1e-" in str(found) and "<table>" in found._repr_html_()
    with pytest.raises(ValueError, match="group"):
        laws.find_in_arrays(x, np.zeros(3), ["q", "p"])


def test_errors_that_are_taken_back_change_no_sign_and_are_no_larger_than_errors_are():
    x, errors = np.array([[1.0], [1.0], [-2.0], [0.1]]), np.array([[0.5], [9.0], [-9.0], [0.2]])
    assert take_back(x, errors, 0.7).ravel() == pytest.approx([0.5, 0.3, -1.3, 0.1])


@pytest.mark.parametrize("group", [
    np.ma.array(np.repeat(np.arange(80), 20), mask=np.arange(1600) == 3), [None] * 1600, np.zeros((80, 20)),
    [1, "1"] * 800, np.where(np.arange(1600) < 20, np.nan, np.repeat(np.arange(80.0), 20))])
def test_a_notebook_gets_the_same_refusals_as_a_file(group):
    x = circles().reshape(-1, 2)
    with pytest.raises(ValueError, match="group must name the class"):
        discover.find(x, group)
    with pytest.raises(ValueError, match="masked"):
        discover.find(np.ma.array(x, mask=x > 1.9), np.repeat(np.arange(80), 20))
    with pytest.raises(ValueError, match="errors must"):
        discover.find(x, np.repeat(np.arange(80), 20), errors=[np.inf, 1])


def test_some_rows_of_a_sample_are_spread_over_all_classes():
    some = Sample(np.arange(100.0)[:, None], np.repeat(np.arange(50), 2)).some(20)
    assert len(some.x) == 20 and (some.labels.min(), some.labels.max()) == (0, 49)


def test_negative_errors_are_refused():
    with pytest.raises(ValueError, match="errors must be standard deviations"):
        discover.find(circles().reshape(-1, 2), np.repeat(np.arange(80), 20), errors=[-0.1, 0.1])


NOISE = 0.02 * np.random.default_rng(3).standard_normal((200, 20, 2))


def test_a_chi2_of_1_11_is_within_five_deviations_of_2850_degrees_of_freedom():
    assert 1 + 5 * np.sqrt(2 / (150 * 19)) > 1.13
    law = of_orbits(circles(200) + NOISE, ("q", "p"), errors=0.02 / np.sqrt(1.11)).laws[0]
    assert law.source == "given" and 1.0 < law.chi2 < 1.3


def test_errors_of_neighbours_that_are_alike_are_no_errors_of_readings():
    phase, x = np.random.default_rng(0).uniform(0, 6.2832, (200, 1)), circles(200)
    wave = 0.02 * np.sqrt(2) * np.cos(2 * np.pi * np.arange(20) / 6 + phase)[..., None]
    found = of_orbits(x * (1 + wave / np.linalg.norm(x, axis=2, keepdims=True)), ("q", "p"), errors=0.02)
    assert not [law for law in found.laws if law.verdict == "exact"]


def test_lambda_beside_a_law_is_its_share_within_held_out_classes_alone():
    noisy = circles() + NOISE[:80]
    law, = of_orbits(noisy, ("q", "p"), errors=0.02).laws
    held = np.sum(noisy[60:]**2, axis=2)
    assert law.within == pytest.approx(np.mean(held.var(axis=1)) * 20 / 19 / held.var(), rel=1e-3)


def test_lambda_is_said_by_the_power_of_ten_above_it():
    law, = of_orbits(circles(), ("q", "p")).laws
    assert replace(law, within=3e-17).evidence == "exact: λ < 1e-16 on held-out classes"


def test_a_law_of_the_fit_that_held_out_classes_break_is_none():
    x = circles()
    x[60:, :, 1] *= 1.3
    assert not [law for law in of_orbits(x, ("q", "p")).laws if law.verdict == "exact"]
