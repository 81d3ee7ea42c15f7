"""Ridge regression, its hierarchy of orders, and the formulas read off."""

from math import comb

import numpy as np
import pytest
import scipy.linalg

import formulas
import physics
import regression
from features import expressions, polynomial, rational


def fit(f, inputs, n=4000, noise=0.0, **options):
    """Hierarchy of orders for f(x) on inputs uniform in [-1, 1], with independent test samples."""
    rng = np.random.default_rng(0)
    x, x_test = rng.uniform(-1, 1, (2, n, len(inputs)))
    return regression.hierarchy(x, f(x) + noise * rng.standard_normal(n), x_test,
                                f(x_test) + noise * rng.standard_normal(n), inputs, **options)


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
    names = [regression.monomial_name(inputs, powers) for powers in ([2, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 3])]
    assert names == ["x^2", "x*y", "x*v_x", "y*v_x^3"]
    assert [formulas.readable(name) for name in names] == ["x²", "xy", "x v_x", "y v_x³"]


# ----------------------------------------------------------------------------------------- ridge

def test_ridge_of_a_case_solved_by_hand():
    # Centred: features -1, 0, 1 and target -3, 1, 2, so that c = 5 / (2 + 3) = 1 and c0 = 4 - 2 = 2.
    coefficients, intercept = regression.ridge(np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 5.0, 6.0]), alpha=3.0)
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
    assert len(true) == 209 and coefficients == pytest.approx(true, abs=1e-8) and intercept == pytest.approx(7)


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
    assert regression.correlation(a, np.array([1.0, 0.0, 1.0])) == pytest.approx(np.corrcoef(a, [1, 0, 1])[0, 1])
    assert regression.correlation(a, np.ones(3)) == 0


# ------------------------------------------------------------------------------------- hierarchy

def test_hierarchy_equals_one_ridge_per_order_also_over_several_blocks():
    inputs = ("x", "y", "z")
    rng = np.random.default_rng(6)
    x, x_test = rng.uniform(-1, 2, (2, regression.BLOCK + 100, 3))
    f, f_test = [np.sin(values.sum(axis=1)) for values in (x, x_test)]
    for order, polynomial in regression.hierarchy(x, f, x_test, f_test, inputs, alpha=0.5).items():
        features, exponents = regression.polynomial_features(x, order)
        coefficients, intercept = regression.ridge(features, f, 0.5)
        assert polynomial.coefficients == pytest.approx(coefficients, rel=1e-6, abs=1e-9)
        for score, values, target in zip(polynomial.r2, (x, x_test), (f, f_test)):
            prediction = regression.polynomial_features(values, order)[0] @ coefficients + intercept
            assert score == pytest.approx(regression.r2_score(target, prediction), abs=1e-9)
        assert np.array_equal(polynomial.exponents, exponents)


def test_optimal_order_is_the_degree_of_the_polynomial_behind_the_data():
    for degree in (1, 2, 3, 4):
        polynomials = fit(lambda x: x[:, 0]**degree - x[:, 1], ("x", "y"), noise=0.01)
        assert regression.optimal_order(polynomials) == degree


def test_optimal_order_is_none_where_no_polynomial_explains_half():
    polynomials = fit(lambda x: np.sign(np.sin(40 * x[:, 0])), ("x", "y"))
    assert regression.optimal_order(polynomials) is None


def test_optimal_order_does_not_stop_at_a_plateau_before_the_last_gain():
    # As in Table III as we measure it: 0.84, 0.84, 0.98, 0.98.
    polynomials = {n: regression.Polynomial((), None, None, 0.0, (r2, r2)) for n, r2 in enumerate([.84, .84, .98, .981], 1)}
    assert regression.optimal_order(polynomials) == 3


@pytest.mark.parametrize("name, order", [("sr", 2), ("cp", 2), ("cp-fixed", 3), ("em", 2), ("em-fixed", 2)])
def test_optimal_order_of_the_papers_own_tables(name, order):
    table = physics.SYSTEMS[name].published.r2
    assert regression.optimal_order({n: regression.Polynomial((), None, None, 0.0, r2) for n, r2 in table.items()}) == order


def test_optimal_order_goes_by_the_test_score():
    # Training scores always rise with the order; here order 4 fits noise, and order 2 is best on the test set.
    polynomials = {n: regression.Polynomial((), None, None, 0.0, (0.2 * n, r2)) for n, r2 in enumerate([.1, .97, .96, .5], 1)}
    assert regression.optimal_order(polynomials) == 2


# --------------------------------------------------------------------------------------- formula

def test_eq_05_first_line_lists_all_terms_in_the_order_of_their_coefficients():
    polynomial = regression.Polynomial(("t", "x"), np.array([[1, 0], [2, 0], [1, 1], [0, 2]]),
                                       np.array([2.5, -87.414, 0.1, 88.63]), -60.48, (1, 1))
    assert polynomial.text() == "-87.41t² - 60.48 + 0.10tx + 2.50t + 88.63x²"
    assert regression.Polynomial(("P", "V"), np.eye(2, dtype=int), np.array([4.27e-5, -3.7e9]), 1.0, (1, 1)).text(like_sizes=False) == (
        "-3.7e+09V + 4.27e-05P + 1")


@pytest.mark.parametrize("terms, intercept, expected", [
    # the second lines of eqs. (5), (8), (11) and (12), from the coefficients of the first lines
    ({"t": 2.5, "x": -.11, "t^2": -87.41, "t*x": .1, "x^2": 88.63, "x*y": .21, "y^2": 88.61, "z^2": 88.10}, -60.48,
     "f ≈ 88.2 (-t² + x² + y² + z²) - 60.5"),
    ({"x": -4.85, "y": 1.24, "x*v_y": -403.71, "y*v_x": 402.44, "y*v_y": .99}, 0.74, "f ≈ -403 (x v_y - y v_x)"),
    ({"E_1*B_1": -170.22, "E_2*B_2": -170.53, "E_3*B_3": -170.20, "B_3^2": -4.13, "E_2^2": 4.92}, 53.43,
     "f ≈ -170 (E_1 B_1 + E_2 B_2 + E_3 B_3) + 53"),
    ({"E_1^2": -216.016, "E_1*B_2": -1.83, "E_2^2": -216.26, "E_3^2": -215.59, "E_3*B_3": 5.55,
      "B_1^2": 217.31, "B_2^2": 216.57, "B_3^2": 215.80}, 13.59, "f ≈ -216 (E_1² + E_2² + E_3² - B_1² - B_2² - B_3²) + 14"),
    ({"x": 4.0, "y": 1.0, "z": -0.2}, 0.0, "f ≈ 4.00 x + 1.00 y"),                      # no common factor
    ({"x": 1.0, "y": 0.92, "z": 0.85}, 0.0, "f ≈ 0.960 (x + y) + 0.850 z"),             # groups do not chain on
    ({"x": -3e-5}, 0.0, "f ≈ -3.00e-05 x"),
])
def test_eq_05_eq_08_eq_11_eq_12_second_line_groups_terms_of_equal_magnitude(terms, intercept, expected):
    assert str(formulas.group_terms(terms, intercept)) == expected


def test_formula_states_the_spread_within_groups_and_the_largest_term_left_out():
    formula = formulas.group_terms({"x": 0.99, "y": -1.01, "z": 0.03, "w": -0.05})
    assert formula.spread == pytest.approx(0.01)
    assert formula.dropped == ("w", pytest.approx(-0.05))


def test_formula_judges_terms_by_their_size_where_units_differ():
    terms, sizes = {"x^2": 2e-6, "v^2": 2.0, "x*v": 1e-5}, {"x^2": 0.4e6, "v^2": 0.4, "x*v": 0.4e3}
    formula = formulas.group_terms(terms, sizes=sizes)
    far = formulas.group_terms({"x": -600.0, "x^2": 1.0, "y^2": 1.0, "z": 0.01}, sizes={"x": 1.0, "x^2": 600.0, "y^2": 0.7, "z": 1.0})
    assert str(far) == "f ≈ -600 x + 1.0 (x² + y²)" and far.dropped[0] == "z"
    assert [signs for _, signs in formula.groups] == [{"v^2": 1}, {"x^2": 1}] and formula.dropped == ("x*v", pytest.approx(0.005))
    assert str(formula) == "f ≈ 2.00 v² + 2.00e-06 x²"


def test_formula_puts_typed_sums_in_brackets():
    assert str(formulas.group_terms({"x^2 + y^2": 2.0, "x*y": -2.0})) == "f ≈ 2.00 ((x² + y²) - xy)"
    assert str(formulas.group_terms({"-x": 2.0, "2*x^2": -2.0})) == "f ≈ 2.00 ((-x) - (2*x²))"
    for name, printed in (("x*2", "x*2"), ("x/y*z", "x/y*z"), ("x^2^2", "x^2^2"), ("x^12", "x^12"), ("x^2.5", "x^2.5"), ("x^3*v_y/r", "x³ v_y/r")):
        assert formulas.readable(name) == printed
    assert str(formulas.group_terms({"x": 3e7})) == "f ≈ 3.00e+07 x"
    assert str(formulas.group_terms({"x": 1e6, "y": -1e6}, 300.0)) == "f ≈ 1000000 (x - y)"
    assert str(formulas.group_terms({"x": 1e6, "y": -1e6}, 3.0, unit=3.9)) == "f ≈ 1000000 (x - y) + 3.00"


def test_formula_of_no_terms_is_refused():
    for terms in ({}, {"x": 0.0}):
        with pytest.raises(ValueError, match="not zero"):
            formulas.group_terms(terms)


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
])
def test_bad_arguments_are_refused_by_name(call, name):
    with pytest.raises(ValueError, match=name):
        call()


# ------------------------------------------------------------------------------------- alignment

@pytest.mark.parametrize("function", [lambda s: s, np.tanh, np.exp, lambda s: s**3 + s])
def test_alignment_finds_the_same_coefficients_whatever_function_of_the_invariant_f_is(function):
    x = np.random.default_rng(7).uniform(-1, 1, (2000, 4))
    s, h = physics.interval(x), 1e-6
    slope = (function(s + h) - function(s - h)) / (2 * h)
    alignments = regression.gradient_alignment(polynomial(("t", "x", "y", "z"), 3), x, slope[:, None] * 2 * x * [-1, 1, 1, 1])
    assert all(max(alignment.coefficients, key=abs) > 0 for alignment in alignments.values())
    best = alignments[2]
    terms = best.terms
    assert {name: round(c / terms["x^2"], 6) for name, c in terms.items() if abs(c) > 1e-6} == {"t^2": -1, "x^2": 1, "y^2": 1, "z^2": 1}
    assert best.eigenvalues[0] < 1e-9 < 0.3 < best.eigenvalues[1] and alignments[1].eigenvalues[0] > 0.5
    assert regression.aligned_order(alignments) == 2


def test_alignment_eigenvalue_is_the_mean_squared_sine_of_the_angle():
    # One feature, x, whose gradient is at 30 degrees to that of f everywhere: sin^2 = 1/4.
    gradients = np.tile([np.sqrt(3) / 2, 0.5], (50, 1)) * np.linspace(1, 9, 50)[:, None]
    alignments = regression.gradient_alignment(expressions(("x", "y"), ["x"]), np.ones((50, 2)), gradients)
    assert alignments[1].eigenvalues == pytest.approx([0.25])


def test_alignment_solves_the_generalised_eigenvalue_problem_of_its_matrices():
    rng = np.random.default_rng(21)
    x, gradients = rng.uniform(0, 1, (300, 3)), rng.standard_normal((300, 3)) + 1
    library = polynomial(("x", "y", "z"), 2)
    a, b = np.zeros((2, 9, 9))
    for phi, gradient in zip(library.gradients(x), gradients):            # phi: (features, inputs)
        along = phi @ gradient / np.linalg.norm(gradient)
        a += phi @ phi.T - np.outer(along, along)
        b += phi @ phi.T
    values, vectors = scipy.linalg.eigh(a, b)
    found = regression.gradient_alignment(library, x, gradients)[2]
    assert found.eigenvalues == pytest.approx(values)
    assert abs(found.coefficients @ vectors[:, 0]) == pytest.approx(np.linalg.norm(vectors[:, 0]))


def test_alignment_on_a_surface_counts_only_directions_along_it():
    # On L = 1 the gradient of f is known up to multiples of that of L; E·B and its like have no gradient there.
    x, _ = physics.sample_fields_of_fixed_e_dot_b(2000, np.random.default_rng(8))
    normal = physics.gradient(physics.e_dot_b, x)
    gradients = physics.gradient(physics.b_squared_minus_e_squared, x) + np.random.default_rng(9).standard_normal((2000, 1)) * normal
    inputs = ("E_x", "E_y", "E_z", "B_x", "B_y", "B_z")
    free, along = [regression.gradient_alignment(polynomial(inputs, 2), x, gradients, normals)[2] for normals in ((), (normal,))]
    assert free.eigenvalues[0] > 0.05 and along.eigenvalues[0] < 1e-6 < 0.1 < along.eigenvalues[1]
    (factor, signs), = formulas.group_terms(along.terms).groups
    assert abs(factor) == pytest.approx(1 / np.sqrt(6)) and len(set(signs[f"E_{i}^2"] for i in "xyz")) == 1 and len(signs) == 6


def test_alignment_leaves_out_what_is_about_a_function_of_earlier_quantities():
    x = np.random.default_rng(14).uniform(-1, 1, (2000, 3))
    before, gradients = np.tile([1.0, 0.1, 0.0], (2000, 1)), np.c_[np.zeros(2000), 2 * x[:, 1], np.zeros(2000)]     # about x; y^2
    library = expressions(("x", "y", "z"), ["x", "y^2", "z"])
    loose, strict = [regression.gradient_alignment(library, x, gradients, (before,), least=least)[1] for least in (1e-9, 0.1)]
    assert max(loose.eigenvalues[:2]) < 1e-9                                    # x, of which a tenth is left, is as good as y^2
    assert strict.eigenvalues == pytest.approx([0, 1]) and abs(strict.terms["x"]) < 0.1 * abs(strict.terms["y^2"])
    with pytest.raises(ValueError, match="no function of the quantities with these normals"):
        regression.gradient_alignment(expressions(("x", "y", "z"), ["x"]), x, gradients, (before,), least=0.1)


def test_an_order_at_which_the_alignment_is_rough_is_passed_over_for_one_at_which_it_is_not():
    def alignment(first, second):
        return regression.Alignment((), np.array([first, second]), None)
    assert regression.aligned_order({1: alignment(.09, .7), 2: alignment(.0001, .06), 3: alignment(.0001, .0002)}) == 2
    assert regression.aligned_order({1: alignment(.09, .7), 2: alignment(.08, .09), 3: alignment(.02, .06)}) == 1
    assert regression.aligned_order({1: alignment(.11, .7), 2: alignment(.10, .11)}) is None
    assert regression.aligned_order({2: alignment(.07, .6), 4: alignment(.0023, .003)}) is None
    assert regression.aligned_order({1: alignment(.004, .7), 2: alignment(.0001, .06)}) == 1


def test_constant_combinations_of_features_are_found_and_of_few_samples_none():
    x = np.random.default_rng(15).uniform(-1, 1, (1000, 2))
    x = np.c_[x, 3 * x[:, 0] * x[:, 1]]
    library = polynomial(("x", "y", "z"), 2)
    c, = regression.constant_combinations(library, x).T
    terms = {name: value / c[library.names.index("z")] for name, value in zip(library.names, c)}
    assert terms == pytest.approx({name: {"z": 1, "x*y": -3}.get(name, 0) for name in library.names}, abs=1e-9)
    assert regression.constant_combinations(library, x[:89]).size == 0
    assert regression.constant_combinations(library, np.c_[x[:, :2], x[:, 0]**3]).size == 0


def test_alignment_does_not_depend_on_units_when_their_scale_is_given():
    x = np.random.default_rng(10).uniform(-1, 1, (500, 2))
    gradients, units = np.c_[2 * x[:, 0] + x[:, 1]**3, 2 * x[:, 1]], np.array([1e6, 1e-3])
    plain = regression.gradient_alignment(polynomial(("x", "y"), 2), x, gradients)[2]
    scaled = regression.gradient_alignment(polynomial(("x", "y"), 2), x * units, gradients / units, scale=units)[2]
    assert scaled.eigenvalues == pytest.approx(plain.eigenvalues, rel=1e-6, abs=1e-9)


def test_alignment_needs_ten_samples_with_a_gradient_per_feature_and_leaves_out_orders_that_have_fewer():
    x, gradients = np.random.default_rng(13).standard_normal((2, 60, 2))
    library = polynomial(("x", "y"), 2)                                     # two features of order 1, five of both
    assert list(regression.gradient_alignment(library, x[:50], gradients[:50])) == [1, 2]
    gradients[49:] = 0
    assert list(regression.gradient_alignment(library, x, gradients)) == [1]
    gradients[19:] = 0
    with pytest.raises(ValueError, match="at 20 samples or more, 10 per feature, got 19"):
        regression.gradient_alignment(library, x, gradients)
    with pytest.raises(ValueError, match="at 50 samples or more, 10 per feature, got 19"):
        regression.common_invariants(library, x, gradients[:, :, None])


def test_alignment_refuses_what_leaves_no_direction_also_where_rounding_leaves_some():
    x = np.random.default_rng(11).uniform(-1, 1, (400, 3))
    everything = np.random.default_rng(12).standard_normal((3, 400, 3))
    with pytest.raises(ValueError, match="got 0; a constant f has none"):
        regression.gradient_alignment(polynomial(("x", "y", "z"), 2), x, 2 * x, normals=everything)
    with pytest.raises(ValueError, match="not constant"):
        regression.gradient_alignment(expressions(("x", "y", "z"), ["3"]), x, 2 * x)


# ------------------------------------------------------------------------------------------ sparse

ORBITS = ("x", "y", "v_x", "v_y")


@pytest.mark.parametrize("function, expected", [
    (physics.angular_momentum, {"x*v_y": 1, "y*v_x": -1}),
    (physics.energy, {"v_x^2": 0.5, "v_y^2": 0.5, "1/r": -1}),
    (lambda x: physics.laplace_runge_lenz(x)[:, 0], {"x*v_y^2": 1, "y*v_x*v_y": -1, "x/r": -1})])
def test_sparse_fit_recovers_the_formula_from_exact_values_of_an_invariant(function, expected):
    x, _ = physics.sample_orbits(2000, np.random.default_rng(11))
    fit = regression.sparse_fit(rational(ORBITS, 3), x, function(x))
    assert fit.terms == pytest.approx(expected, abs=1e-6) and fit.intercept == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_sparse_fit_takes_away_what_costs_the_fit_least_again_and_again(seed):
    rng = np.random.default_rng(seed)
    inputs, sizes = tuple("abcdef"), 10.0**rng.uniform(-6, 6, 6)
    x = rng.standard_normal((400, 6)) @ rng.standard_normal((6, 6)) * sizes + 1             # correlated, in units of all kinds
    f = x @ (rng.standard_normal(6) * [1, 1, 0.5, 0.5, 0.1, 0.1] / sizes) + 0.1 * rng.standard_normal(400) + 3

    def fitted(kept):
        columns = np.column_stack([x[:, kept] / sizes[kept], np.ones(len(x))])
        return columns @ np.linalg.lstsq(columns, f, rcond=None)[0]

    def unexplained(kept):
        return np.sum((f - fitted(kept))**2)
    way = [list(range(6))]
    while len(way[-1]) > 1:
        way.append(min(([i for i in way[-1] if i != gone] for gone in way[-1]), key=unexplained))
    shortest = [kept for kept in way if unexplained(kept) <= 2 * unexplained(way[0])][-1]
    found = regression.sparse_fit(polynomial(inputs, 1), x, f)
    assert list(found.terms) == [inputs[i] for i in shortest] and 1 < len(shortest) < 6
    assert found.r2 == pytest.approx(1 - unexplained(shortest) / np.sum((f - f.mean())**2), abs=1e-9)
    assert found.richest_r2 == pytest.approx(1 - unexplained(way[0]) / np.sum((f - f.mean())**2), abs=1e-9)


def test_sparse_fit_prefers_the_simpler_of_features_that_are_equal_on_the_data():
    # On L = 1, A_x = L v_y - x/r is v_y - x/r.
    x, _ = physics.sample_orbits_of_fixed_angular_momentum(2000, np.random.default_rng(12))
    fit = regression.sparse_fit(rational(ORBITS, 3), x, physics.laplace_runge_lenz(x) @ [3, -2])
    assert fit.terms == pytest.approx({"v_x": 2, "v_y": 3, "x/r": -3, "y/r": 2}, abs=1e-6)


def test_sparse_fit_stays_short_under_noise_and_says_what_all_features_would_explain():
    rng = np.random.default_rng(13)
    x, _ = physics.sample_orbits(2000, rng)
    e = physics.energy(x)
    fit = regression.sparse_fit(rational(ORBITS, 2), x, e + 0.1 * e.std() * rng.standard_normal(2000))
    assert set(fit.terms) == {"v_x^2", "v_y^2", "1/r"} and fit.terms["1/r"] == pytest.approx(-1, abs=0.05)
    assert 0.98 < fit.r2 <= fit.richest_r2 < 0.995


def test_sparse_fit_of_a_constant_has_no_terms():
    assert regression.sparse_fit(polynomial(("x", "y"), 2), np.random.default_rng(14).standard_normal((50, 2)), np.full(50, 3.0)).terms == {}


# ------------------------------------------------------------------------------- common invariants

def terms_of(rows):
    return [{name: round(c, 5) for name, c in row.items() if abs(c) > 1e-5} for row in rows]


def test_common_invariants_of_two_mixed_functions_are_the_two_invariants_apart():
    x = np.random.default_rng(15).uniform(-1, 1, (2000, 6))
    a, b = physics.e_dot_b, physics.b_squared_minus_e_squared
    mixed = [lambda x: np.exp(a(x)) + b(x), lambda x: a(x) * b(x) - b(x)]
    gradients = np.stack([physics.gradient(f, x) for f in mixed], axis=2)
    rows, eigenvalues = regression.common_invariants(polynomial(("E_x", "E_y", "E_z", "B_x", "B_y", "B_z"), 2), x, gradients)
    found = terms_of(rows)
    assert len(found) == 2 and {"E_x*B_x": 1, "E_y*B_y": 1, "E_z*B_z": 1} in [{k: abs(v) for k, v in terms.items()} for terms in found]
    assert sorted(len(terms) for terms in found) == [3, 6] and eigenvalues[1] < 1e-6 < 0.1 < eigenvalues[2]


def test_common_invariants_of_orbits_are_all_four_and_need_no_order_of_the_answer():
    x, _ = physics.sample_orbits(2000, np.random.default_rng(16))
    gradients = np.stack([physics.gradient(f, x, 1e-6) for f in (
        physics.angular_momentum, lambda x: physics.laplace_runge_lenz(x)[:, 0], lambda x: physics.laplace_runge_lenz(x)[:, 1])], axis=2)
    # Exact gradients: of so many features some follow any three directions of four within ten degrees.
    rows, _ = regression.common_invariants(rational(ORBITS, 3), x, gradients, most=1e-6)
    sizes = sorted(len(terms) for terms in terms_of(rows))
    assert sizes == [2, 3, 3, 3]                                            # L; E, A_x and A_y


def test_common_invariants_do_not_depend_on_units_when_their_scale_is_given():
    x, units = np.random.default_rng(19).uniform(-1, 1, (2000, 4)), np.array([1e3, 1e3, 1e-3, 1e-3])
    invariants = [lambda x: x[:, 0]**2 + x[:, 2]**2, lambda x: x[:, 1]**2 + x[:, 3]**2, physics.angular_momentum]
    gradients = np.stack([physics.gradient(lambda x: np.tanh(a(x)) + b(x), x) for a, b in zip(invariants, invariants[1:] + invariants[:1])], axis=2)
    plain = terms_of(regression.common_invariants(polynomial(ORBITS, 2), x, gradients)[0])
    rows, _ = regression.common_invariants(polynomial(ORBITS, 2), x * units, gradients / units[:, None], scale=units)
    sizes = dict(zip(polynomial(ORBITS, 2).names, np.sqrt(np.mean(polynomial(ORBITS, 2).values(x * units)**2, axis=0))))
    largest = [max(row, key=lambda name: abs(row[name]) * sizes[name]) for row in rows]
    assert [abs(row[name]) for row, name in zip(rows, largest)] == pytest.approx([1] * len(rows))
    of_unit = dict(zip(polynomial(ORBITS, 2).names, polynomial(ORBITS, 2).values(units[None])[0]))
    scaled = [{name: c * of_unit[name] for name, c in row.items()} for row in rows]
    scaled = terms_of([{name: c / max(map(abs, row.values())) for name, c in row.items()} for row in scaled])
    assert len(plain) == 4 and sorted(map(sorted, scaled)) == sorted(map(sorted, plain))       # the same terms in each


def test_common_invariants_hold_no_multiple_of_what_is_fixed():
    x = np.random.default_rng(20).uniform(-1, 1, (2000, 4))
    x = np.column_stack([x, np.hypot(x[:, 0], x[:, 1])])                                    # a column r, bound to x and y
    invariants = [lambda x: x[:, 0]**2 + x[:, 2]**2, lambda x: x[:, 1]**2 + x[:, 3]**2, lambda x: x[:, 0] * x[:, 3] - x[:, 1] * x[:, 2]]
    relation = physics.gradient(lambda x: x[:, 0]**2 + x[:, 1]**2 - x[:, 4]**2, x)
    # Functions of the three, and off the surface anything.
    gradients = np.stack([physics.gradient(a, x) + i * x[:, :1] * relation for i, a in enumerate(invariants)], axis=2)
    rows, _ = regression.common_invariants(polynomial((*ORBITS, "r"), 2), x, gradients, normals=[relation])
    assert sorted(sorted(terms) for terms in terms_of(rows)) == [
        ["v_x*v_y", "x*y"], ["v_x^2", "x^2"], ["v_y^2", "y^2"], ["x*v_y", "y*v_x"]]


def test_common_invariants_leave_out_a_product_that_is_zero_at_all_samples():
    x = np.random.default_rng(21).uniform(-1, 1, (2000, 4))
    x[::2, 0], x[1::2, 1] = 0, 0                                                            # x or y is zero, always
    gradients = physics.gradient(lambda x: x[:, 2]**2 + x[:, 3]**2, x)[:, :, None]
    rows, _ = regression.common_invariants(polynomial(ORBITS, 2), x, gradients, scale=x.std(axis=0))
    assert terms_of(rows) == [{"v_x^2": 1, "v_y^2": 1}] and "x*y" not in rows[0]


def test_common_invariants_of_functions_that_no_feature_follows_are_none():
    x = np.random.default_rng(17).uniform(-1, 1, (1000, 3))
    gradients = np.random.default_rng(18).standard_normal((1000, 3, 1))
    assert regression.common_invariants(polynomial(("x", "y", "z"), 2), x, gradients)[0] == []
