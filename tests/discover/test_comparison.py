"""How much of f the known invariants explain, on functions that are known exactly."""

import numpy as np
import pytest

import physics
from discover import comparison

CP = physics.SYSTEMS["cp"]
L, A = physics.angular_momentum, physics.laplace_runge_lenz


def states(seed, n=2000):
    """States on moderate orbits, at no special phase."""
    return physics.bound_states(n, np.random.default_rng(seed), lambda n, rng: rng.uniform(-1.5, 1.5, (n, 4)))


def scores(f):
    """Of a function f of states on the invariants of `cp`."""
    x, x_test = states(5), states(6)
    return comparison.explained(CP.invariants, x, f(x), x_test, f(x_test))


def r2(found, name):
    """R² of order 1 and of order 3."""
    return found[name]["r2"], found[name]["r2_cubic"]


def test_f_that_is_an_invariant_is_told_from_a_curved_function_of_it():
    line, curve = scores(lambda x: 3 * L(x) + 7), scores(lambda x: L(x)**3 - L(x)**2)
    assert list(line) == ["L", "E", "A_x", "A_y", "A_x, A_y", "L, E, A_x, A_y"]
    assert r2(line, "L") == pytest.approx((1, 1))
    assert r2(curve, "L")[0] < 0.9 and r2(curve, "L")[1] == pytest.approx(1)


def test_f_that_is_a_mixture_is_explained_by_its_parts_together_and_by_none_alone():
    found = scores(lambda x: 2 * A(x)[:, 0] - A(x)[:, 1])
    assert r2(found, "A_x, A_y") == pytest.approx((1, 1)) and max(r2(found, "A_x")) < 0.9
    assert found["A_x, A_y"]["coefficients"] == pytest.approx([2, -1])
    product = scores(lambda x: A(x)[:, 0] * L(x))
    assert max(r2(product, "A_x, A_y")) < 0.9 and r2(product, "L, E, A_x, A_y")[1] == pytest.approx(1)


def test_what_is_not_conserved_is_explained_by_no_invariant():
    assert max(max(r2(scores(lambda x: x[:, 0]), name)) for name in ("L", "L, E, A_x, A_y")) < 0.5


def test_the_square_of_f_is_correlated_with_each_invariant_on_the_test_set():
    found, x_test = scores(L), states(6)
    expected = np.corrcoef(physics.energy(x_test), L(x_test)**2)[0, 1]
    assert found["E"]["correlation_of_square"] == pytest.approx(expected)
    assert found["A_x, A_y"]["correlation_of_square"] is None


def test_many_invariants_are_not_taken_together():
    many = {f"L{i}": L for i in range(comparison.MOST_TOGETHER + 1)}
    x = states(7, 300)
    assert list(comparison.explained(many, x, L(x), x, L(x))) == list(many)


def test_scores_do_not_depend_on_units_or_offsets_and_a_constant_explains_nothing():
    invariants = {"large": lambda x: 1e9 * x[:, 0], "far": lambda x: 1e3 + 1e-2 * x[:, 0],
                  "constant": lambda x: 0.1 + 1e-9 * np.sign(x[:, 0])}
    x, x_test = np.random.default_rng(6).uniform(-1, 1, (2, 500, 1))
    found = comparison.explained(invariants, x, 5 * x[:, 0], x_test, 5 * x_test[:, 0])
    for name, coefficient in (("large", 5e-9), ("far", 500)):
        assert found[name]["r2_cubic"] == pytest.approx(1)
        assert found[name]["coefficients"] == pytest.approx([coefficient])
    assert found["large, far, constant"]["r2_cubic"] == pytest.approx(1)
    assert abs(found["constant"]["r2"]) < 0.05 and found["constant"]["coefficients"] == [0]
