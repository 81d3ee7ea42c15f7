"""Monomials, ridge regression, the fits of all orders, the optimal order, and the formulas."""

from itertools import combinations_with_replacement
from math import comb

import numpy as np
import pytest

import physics
import regression


def samples(f, d, n=4000, noise=0.0):
    """Samples x and f(x) with this noise to fit, and x and f(x) to test on, x uniform in [-1, 1]^d."""
    rng = np.random.default_rng(0)
    x, x_test = rng.uniform(-1, 1, (2, n, d))
    return [x, f(x) + noise * rng.standard_normal(n), x_test, f(x_test) + noise * rng.standard_normal(n)]


def every_monomial(x, order):
    """Monomials of degree 1 to order of x (n, d), as products written out, (n, p)."""
    return np.stack([np.prod(x[:, c], axis=1) for degree in range(1, order + 1)
                     for c in combinations_with_replacement(range(x.shape[1]), degree)], axis=1)


def scored(*scores):
    """Polynomials of order 1, 2, ... of which only the scores are known: (training, test) each."""
    return {order: regression.Polynomial((), None, None, 0.0, r2) for order, r2 in enumerate(scores, 1)}


# -------------------------------------------------------------------------------------- features

def test_features_of_order_2_in_two_inputs_are_written_out_by_hand():
    features, exponents = regression.polynomial_features(np.array([[2.0, 3.0], [5.0, 7.0]]), 2)
    assert exponents.tolist() == [[1, 0], [0, 1], [2, 0], [1, 1], [0, 2]]
    assert features.tolist() == [[2, 3, 4, 6, 9], [5, 7, 25, 35, 49]]


@pytest.mark.parametrize("inputs, order", [(1, 5), (2, 3), (4, 4), (6, 4)])
def test_features_are_all_monomials_once_each_in_rising_degree(inputs, order):
    x = np.random.default_rng(1).uniform(-2, 2, (10, inputs))
    features, exponents = regression.polynomial_features(x, order)
    assert features.shape == (10, comb(inputs + order, order) - 1)
    assert len({tuple(powers) for powers in exponents}) == len(exponents)
    degrees = exponents.sum(axis=1)
    assert degrees.min() == 1 and degrees.max() == order and np.all(np.diff(degrees) >= 0)
    for column, powers in zip(features.T, exponents):
        assert column == pytest.approx(np.prod(x**powers, axis=1), rel=1e-12)


def test_monomials_have_readable_names():
    inputs = ("x", "y", "v_x")
    exponents = [2, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 3]
    names = [regression.monomial_name(inputs, powers) for powers in exponents]
    assert names == ["x^2", "x*y", "x*v_x", "y*v_x^3"]
    assert [regression.format_monomial(name) for name in names] == ["x²", "xy", "x v_x", "y v_x³"]


# ----------------------------------------------------------------------------------------- ridge

def test_ridge_of_a_case_solved_by_hand():
    # Centred: features -1, 0, 1 and target -3, 1, 2, so that c = 5 / (2 + 3) = 1 and c0 = 4 - 2 = 2.
    features, target = np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 5.0, 6.0])
    coefficients, intercept = regression.ridge(features, target, alpha=3.0)
    assert coefficients == pytest.approx([1.0]) and intercept == pytest.approx(2.0)


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 10.0, 1e6])
def test_ridge_equals_least_squares_on_data_augmented_by_the_penalty(alpha):
    rng = np.random.default_rng(2)
    features = rng.standard_normal((50, 6)) * [1, 10, 100, 1e-3, 1, 1] + 5
    target = rng.standard_normal(50) + features @ rng.standard_normal(6)
    rows = np.vstack([np.c_[features, np.ones(50)], np.c_[np.sqrt(alpha) * np.eye(6), np.zeros(6)]])
    expected = np.linalg.lstsq(rows, np.r_[target, np.zeros(6)], rcond=None)[0]
    coefficients, intercept = regression.ridge(features, target, alpha)
    assert np.r_[coefficients, intercept] == pytest.approx(expected, rel=1e-7, abs=1e-10)


def test_ridge_recovers_all_210_coefficients_of_order_4_in_six_inputs():
    rng = np.random.default_rng(3)
    features, exponents = regression.polynomial_features(rng.uniform(-1, 1, (3000, 6)), 4)
    true = rng.standard_normal(len(exponents))
    coefficients, intercept = regression.ridge(features, features @ true + 7, alpha=1e-9)
    assert len(true) == 209
    assert coefficients == pytest.approx(true, abs=1e-8) and intercept == pytest.approx(7)


def test_ridge_without_penalty_takes_the_least_solution_where_features_depend_on_each_other():
    x = np.random.default_rng(4).standard_normal(30)
    coefficients, intercept = regression.ridge(np.c_[x, x, np.ones(30)], 6 * x + 1, alpha=0.0)
    assert coefficients == pytest.approx([3, 3, 0]) and intercept == pytest.approx(1)


def test_ridge_does_not_penalise_the_intercept():
    features = np.random.default_rng(5).standard_normal((40, 2))
    _, intercept = regression.ridge(features, np.full(40, 1000.0), alpha=1e9)
    assert intercept == pytest.approx(1000)


def test_r2_is_one_for_the_target_zero_for_its_mean_and_a_value_worked_by_hand():
    target = np.array([1.0, 2.0, 3.0])
    assert regression.r2_score(target, target) == 1
    assert regression.r2_score(target, np.full(3, 2.0)) == 0
    assert regression.r2_score(target, np.array([1.0, 2.0, 4.0])) == pytest.approx(0.5)         # 1 - 1 / 2


def test_correlation_of_vectors_on_a_line_is_one_and_of_a_constant_zero():
    a = np.array([1.0, 2.0, 4.0])
    assert regression.correlation(a, 3 - 2 * a) == pytest.approx(-1)
    b = np.array([1.0, 0.0, 1.0])
    assert regression.correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert regression.correlation(a, np.ones(3)) == 0


def test_rank_correlation_is_spearmans_also_where_values_are_equal():
    assert regression.rank_correlation(np.array([1, 2, 3, 4]), np.array([1, 8, 27, 1000])) == pytest.approx(1)
    # Ranks 1, 2.5, 2.5, 4 and 4, 1, 2.5, 2.5: deviations -1.5, 0, 0, 1.5 and 1.5, -1.5, 0, 0.
    assert regression.rank_correlation(np.array([1, 2, 2, 3]), np.array([4, 1, 3, 3])) == pytest.approx(-2.25 / 4.5)


@pytest.mark.parametrize("constant", [np.ones(5), -1 + 1e-16 * np.arange(5)])
def test_a_constant_has_no_rank_correlation_with_anything(constant):
    assert regression.rank_correlation(constant, np.arange(5)) == 0
    assert regression.rank_correlation(np.arange(5), constant) == 0


# ---------------------------------------------------------------------------------------- orders

def test_each_order_has_its_own_features_and_its_scores_on_training_and_test_data():
    rng = np.random.default_rng(6)
    x, x_test = rng.uniform(-1, 2, (2, 500, 3))
    f, f_test = [np.sin(values.sum(axis=1)) for values in (x, x_test)]
    for order, polynomial in regression.fit_orders(x, f, x_test, f_test, "xyz", alpha=0).items():
        expected = np.linalg.lstsq(np.c_[every_monomial(x, order), np.ones(500)], f, rcond=None)[0]
        predictions = [np.c_[every_monomial(values, order), np.ones(500)] @ expected for values in (x, x_test)]
        r2 = [1 - np.mean((target - each)**2) / np.var(target) for target, each in zip((f, f_test), predictions)]
        assert polynomial.r2 == pytest.approx(r2, abs=1e-9)


def test_every_order_goes_through_the_public_ridge_and_r2_score(monkeypatch):
    monkeypatch.setattr(regression, "ridge", lambda features, target, alpha: (np.full(features.shape[1], 7.0), 5.0))
    monkeypatch.setattr(regression, "r2_score", lambda target, prediction: prediction[0])
    fits = regression.fit_orders(np.ones((3, 2)), np.ones(3), 0 * np.ones((2, 2)), np.ones(2), ("x", "y"))
    assert [fit.r2 for fit in fits.values()] == [(7 * p + 5, 5) for p in (2, 5, 9, 14)]


def test_a_constant_is_explained_by_no_order_and_scores_zero():
    fits = regression.fit_orders(*samples(lambda x: np.full(len(x), 3.0), 2), ("x", "y"))
    assert {polynomial.r2 for polynomial in fits.values()} == {(0.0, 0.0)}
    assert fits[1].intercept == pytest.approx(3)


def test_optimal_order_is_the_degree_of_the_polynomial_behind_the_data():
    for degree in (1, 2, 3, 4):
        behind = samples(lambda x: x[:, 0]**degree - x[:, 1], 2, noise=0.01)
        assert regression.optimal_order(regression.fit_orders(*behind, ("x", "y"))) == degree


def test_optimal_order_is_none_where_no_polynomial_explains_half():
    jagged = samples(lambda x: np.sign(np.sin(40 * x[:, 0])), 2)
    assert regression.optimal_order(regression.fit_orders(*jagged, ("x", "y"))) is None


def test_optimal_order_does_not_stop_at_a_plateau_before_the_last_gain():
    # As in Table III as we measure it: 0.84, 0.84, 0.98, 0.98.
    assert regression.optimal_order(scored((.84, .84), (.84, .84), (.98, .98), (.981, .981))) == 3


@pytest.mark.parametrize("name, order", [("sr", 2), ("cp", 2), ("cp-fixed", 3), ("em", 2), ("em-fixed", 2)])
def test_optimal_order_of_the_papers_own_tables(name, order):
    assert regression.optimal_order(scored(*physics.SYSTEMS[name].published.r2.values())) == order


def test_optimal_order_goes_by_the_test_score():
    # Training scores always rise with the order; here order 4 fits noise, and order 2 is best on the test set.
    assert regression.optimal_order(scored((.2, .1), (.4, .97), (.6, .96), (.8, .5))) == 2


# --------------------------------------------------------------------------------------- formula

def test_eq_05_first_line_lists_all_terms_in_the_order_of_their_coefficients():
    exponents, coefficients = np.array([[1, 0], [2, 0], [1, 1], [0, 2]]), np.array([2.5, -87.414, 0.1, 88.63])
    polynomial = regression.Polynomial(("t", "x"), exponents, coefficients, -60.48, (1, 1))
    assert str(polynomial) == "-87.41t² - 60.48 + 0.10tx + 2.50t + 88.63x²"


def test_eq_11_first_line_of_many_terms_shows_the_first_and_the_last():
    # Of 27 terms and the intercept, eight on either side: the coefficients are -14 to 13, and 0 is the intercept.
    exponents = regression.polynomial_features(np.ones((1, 6)), 2)[1]
    coefficients = np.array([c for c in range(-14, 14) if c])
    text = str(regression.Polynomial(physics.FIELD, exponents, coefficients, 0.0, (1, 1)))
    first, last = text.split(" + ... + ")
    assert first.startswith("-14.00E_x - 13.00E_y") and first.count(" - ") == 7
    assert last.startswith("6.00") and last.endswith("13.00B_z²") and last.count(" + ") == 7


@pytest.mark.parametrize("terms, intercept, expected", [
    # the second lines of eqs. (5), (8), (11) and (12), from the coefficients of the first lines
    ({"t": 2.5, "x": -.11, "t^2": -87.41, "t*x": .1, "x^2": 88.63, "x*y": .21, "y^2": 88.61, "z^2": 88.10}, -60.48,
     "f ≈ 88.2 (-t² + x² + y² + z²) - 60.5"),
    ({"x": -4.85, "y": 1.24, "x*v_y": -403.71, "y*v_x": 402.44, "y*v_y": .99}, 0.74,
     "f ≈ -403 (x v_y - y v_x)"),
    ({"E_1*B_1": -170.22, "E_2*B_2": -170.53, "E_3*B_3": -170.20, "B_3^2": -4.13, "E_2^2": 4.92}, 53.43,
     "f ≈ -170 (E_1 B_1 + E_2 B_2 + E_3 B_3) + 53"),
    ({"E_1^2": -216.016, "E_1*B_2": -1.83, "E_2^2": -216.26, "E_3^2": -215.59, "E_3*B_3": 5.55,
      "B_1^2": 217.31, "B_2^2": 216.57, "B_3^2": 215.80}, 13.59,
     "f ≈ -216 (E_1² + E_2² + E_3² - B_1² - B_2² - B_3²) + 14"),
    ({"x": 4.0, "y": 1.0, "z": -0.2}, 0.0, "f ≈ 4.00 x + 1.00 y"),                      # no common factor
    ({"x": 1.0, "y": 0.92, "z": 0.85}, 0.0, "f ≈ 0.960 (x + y) + 0.850 z"),             # groups do not chain on
    ({"x": 1.0, "y": 0.108, "z": 0.099}, 0.0, "f ≈ 1.00 x + 0.11 y"),                   # nor go below the limit
    ({"x": -3e-5}, 0.0, "f ≈ -0.0000300 x"),
    ({"x": 1e6, "y": -1e6}, 300.0, "f ≈ 1000000 (x - y)"),                              # an offset below 1 %
])
def test_eq_05_eq_08_eq_11_eq_12_second_line_groups_terms_of_equal_magnitude(terms, intercept, expected):
    assert str(regression.group_terms(terms, intercept)) == expected


def test_formula_states_the_spread_within_groups_and_the_largest_term_left_out():
    formula = regression.group_terms({"x": 0.99, "y": -1.01, "z": 0.03, "w": -0.05})
    assert formula.spread == pytest.approx(0.01)
    assert formula.dropped == ("w", pytest.approx(-0.05))
    assert len(formula.names) == 2


@pytest.mark.parametrize("terms, words", [({}, "not zero"), ({"x": 0.0}, "not zero"), ({"x": np.nan}, "finite")])
def test_formula_of_no_terms_is_refused(terms, words):
    with pytest.raises(ValueError, match=words):
        regression.group_terms(terms)


@pytest.mark.parametrize("settings", [{"drop": 2}, {"drop": 0}, {"drop": np.nan}, {"tolerance": 1}, {"tolerance": -1}])
def test_impossible_shares_for_grouping_are_refused(settings):
    with pytest.raises(ValueError, match="tolerance must be from 0 to below 1 and drop"):
        regression.group_terms({"x": 1.0}, **settings)


# --------------------------------------------------------------------------------- interpretation

def test_an_interpretation_has_the_polynomial_and_the_formula_of_the_optimal_order():
    interpretation = regression.interpret(*samples(lambda x: 5 * x[:, 0]**3 - 5 * x[:, 1] + 1, 2), ("x", "y"))
    assert interpretation.optimal_order == 3 and interpretation.polynomial is interpretation.polynomials[3]
    (factor, signs), = interpretation.formula.groups
    assert factor == pytest.approx(-5, rel=0.01) and signs == {"y": 1, "x^3": -1}


def test_an_interpretation_puts_the_formulas_terms_of_all_orders_side_by_side():
    interpretation = regression.interpret(*samples(lambda x: 5 * x[:, 0]**2 - 5 * x[:, 1] + 1, 2), ("x", "y"))
    assert set(interpretation.dominant) == {1, 2, 3, 4} and set(interpretation.dominant[1]) == {"y"}
    for order in (2, 3, 4):
        assert interpretation.dominant[order] == pytest.approx({"x^2": 5, "y": -5}, rel=0.05)   # ridge shrinks


def test_an_interpretation_without_an_order_shows_the_quadratic_and_no_formula():
    interpretation = regression.interpret(*samples(lambda x: np.sign(np.sin(40 * x[:, 0])), 2), ("x", "y"))
    assert interpretation.optimal_order is None and interpretation.formula is None
    assert interpretation.polynomial is interpretation.polynomials[2]


@pytest.mark.parametrize("d, readable", [(regression.MAX_TERMS, True), (regression.MAX_TERMS + 1, False)])
def test_a_formula_of_more_terms_than_a_person_reads_is_none(d, readable):
    inputs = [f"x_{i}" for i in range(d)]
    interpretation = regression.interpret(*samples(lambda x: x.sum(axis=1), d, n=500), inputs)
    assert interpretation.optimal_order == 1 and (interpretation.formula is not None) == readable


# ---------------------------------------------------------------------------------- bad arguments

@pytest.mark.parametrize("call, name", [
    (lambda: regression.polynomial_features(np.ones(3), 2), "x must have shape"),
    (lambda: regression.polynomial_features(np.array([[np.inf]]), 2), "x must hold finite"),
    (lambda: regression.polynomial_features(np.ones((3, 2)), 0), "order"),
    (lambda: regression.polynomial_features(np.ones((3, 2)), 1.5), "order"),
    (lambda: regression.ridge(np.ones(3), np.ones(3)), "features must have shape"),
    (lambda: regression.ridge(np.ones((3, 2)), np.ones(4)), "target must have shape"),
    (lambda: regression.ridge(np.ones((3, 2)), np.array([1, np.nan, 2])), "target must hold finite"),
    (lambda: regression.ridge(np.ones((3, 2)), np.ones(3), alpha=-1), "alpha"),
    (lambda: regression.ridge(np.ones((3, 2)), np.ones(3), alpha=np.nan), "alpha"),
    (lambda: regression.ridge(np.ones((0, 2)), np.ones(0)), "sample"),
    (lambda: regression.r2_score(np.ones(3), np.ones(2)), "prediction must have shape"),
    (lambda: regression.r2_score(np.ones((3, 1)), np.ones(3)), "target must have shape"),
    (lambda: regression.r2_score(np.ones(0), np.ones(0)), "target must hold"),
    (lambda: regression.correlation(np.ones(3), np.ones(2)), "b must have shape"),
    (lambda: regression.fit_orders(np.ones((3, 2)), np.ones(3), np.ones((3, 2)), np.ones(3), ["x"]), "x must have"),
    (lambda: regression.fit_orders(np.ones((0, 1)), np.ones(0), np.ones((3, 1)), np.ones(3), ["x"]), "hold a sample"),
    (lambda: regression.interpret(np.ones((3, 2)), np.ones(3), np.ones((3, 2)), np.ones(3), ["x", "x"]), "differently"),
    (lambda: regression.fit_orders(np.ones((3, 1)), np.ones(3), np.ones((0, 1)), np.ones(0), ["x"]), "hold at least"),
])
def test_bad_arguments_are_refused_by_name(call, name):
    with pytest.raises(ValueError, match=name):
        call()


# ---------------------------------------------------------------------------------- f on invariants

def scores_of(f):
    """Of a function f of states on moderate orbits, at no special phase, on the invariants of `cp`."""
    x, x_test = (physics.bound_states(2000, np.random.default_rng(seed), lambda n, rng: rng.uniform(-1.5, 1.5, (n, 4)))
                 for seed in (5, 6))
    found = regression.r2_on_invariants(physics.SYSTEMS["cp"].invariants, x, f(x), x_test, f(x_test))
    return {name: (score["r2"], score["r2_cubic"]) for name, score in found.items()}


def test_f_that_is_an_invariant_is_told_from_a_curved_function_of_it():
    L = physics.angular_momentum
    line, curve = scores_of(lambda x: 3 * L(x) + 7), scores_of(lambda x: L(x)**3 - L(x)**2)
    assert list(line) == ["L", "E", "A_x", "A_y", "A_x, A_y", "L, E, A_x, A_y"]
    assert line["L"] == pytest.approx((1, 1)) and curve["L"][0] < 0.9 and curve["L"][1] == pytest.approx(1)


def test_the_correlation_with_the_square_of_f_is_that_of_its_square():
    x = physics.bound_states(2000, np.random.default_rng(5), lambda n, rng: rng.uniform(-1.5, 1.5, (n, 4)))
    f = np.sqrt(physics.energy(x) - physics.energy(x).min() + 1) * np.random.default_rng(6).choice([-1, 1], len(x))
    score = regression.r2_on_invariants({"E": physics.energy}, x, f, x, f)["E"]
    assert score["correlation_of_square"] == pytest.approx(1) and abs(np.corrcoef(f, physics.energy(x))[0, 1]) < 0.1


def test_f_that_is_a_mixture_is_explained_by_its_parts_together_and_by_none_alone():
    A = physics.laplace_runge_lenz
    mixture, moving = scores_of(lambda x: 2 * A(x)[:, 0] - A(x)[:, 1]), scores_of(lambda x: x[:, 0])
    assert mixture["A_x, A_y"] == pytest.approx((1, 1)) and max(mixture["A_x"]) < 0.9
    assert max(max(moving["L"]), max(moving["L, E, A_x, A_y"])) < 0.5


def test_scores_do_not_depend_on_units_or_offsets_and_a_constant_explains_nothing():
    invariants = {"large": lambda x: 1e9 * x[:, 0], "far": lambda x: 1e3 + 1e-2 * x[:, 0],
                  "constant": lambda x: 0.1 + 1e-9 * np.sign(x[:, 0])}
    x, x_test = np.random.default_rng(6).uniform(-1, 1, (2, 500, 1))
    found = regression.r2_on_invariants(invariants, x, 5 * x[:, 0], x_test, 5 * x_test[:, 0])
    assert [found[name]["r2_cubic"] for name in ("large", "far")] == pytest.approx([1, 1])
    assert abs(found["constant"]["r2"]) < 0.05


def test_optimal_order_is_the_lowest_near_the_best_and_not_near_the_last():
    assert regression.optimal_order(scored((.1, .1), (.97, .97), (.96, .96), (.3, .3))) == 2


def test_ridge_of_a_case_in_several_blocks_of_rows():
    t = np.linspace(0, 1, 3 * regression.BLOCK)         # the line t over t², by integrals: 15/16 t² + 3/16
    c, c0 = regression.ridge(t[:, None]**2, t, alpha=0)
    assert (c[0], c0) == pytest.approx((15 / 16, 3 / 16), abs=1e-3)


def test_r2_is_one_of_a_perfect_prediction_far_from_zero():
    t = np.linspace(0, 1, 50)
    assert regression.r2_score(1e6 + t, 1e6 + t) == 1
