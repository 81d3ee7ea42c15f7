"""What is read off a network, on networks whose f is known exactly."""

from dataclasses import replace

import numpy as np
import pytest

import physics
import reading
import regression
import siamese
from features import polynomial


class Known(siamese.SiameseNetwork):
    """Stands for a trained network, with this function of observations (n, d), giving (n,), as its f."""

    def __init__(self, system, function):
        super().__init__((len(system.inputs), 2, 1))
        self.function = function

    def bottleneck(self, x):
        return self.function(np.asarray(x, float))[:, None]

    def input_gradient(self, x):
        return physics.gradient(self.function, np.asarray(x, float))[:, None]


SR, CP, EM = [physics.SYSTEMS[name] for name in ("sr", "cp", "em")]


def test_distance_of_directions_is_that_of_unit_vectors_whatever_their_sign():
    distance = [reading.distance_of_directions(np.array(a), np.array(b)) for a, b in (
        ([2.0, 0], [-3.0, 0]), ([2.0, 0], [5.0, 0]), ([1.0, 0], [0, 5.0]), ([3.0, 0], [2.0, 2.0]))]
    assert distance == pytest.approx([0, 0, np.sqrt(2), np.sqrt(2 - np.sqrt(2))])


def test_coefficient_errors_are_those_of_the_quadratic_invariants_alone():
    x = np.random.default_rng(0).uniform(-1, 1, (3000, 4))
    found = reading.aligned(SR, Known(SR, lambda x: np.tanh(physics.interval(x))), x, np.r_[np.zeros(4), -0.5, 0, 0, 0, 1, 0, 0, 1, 0, 1])
    a, b = np.array([-0.5, 1, 1, 1]), np.array([-1.0, 1, 1, 1])                # the coefficients of t^2, x^2, y^2, z^2
    assert found["order"] == 2 and found["coefficient_errors"]["s^2"] == pytest.approx(
        {"ridge": np.linalg.norm(a / np.linalg.norm(a) - b / np.linalg.norm(b)), "alignment": 0}, abs=1e-5)
    states, _ = CP.sample(2000, np.random.default_rng(1))
    assert list(reading.aligned(CP, Known(CP, physics.angular_momentum), states, np.ones(14))["coefficient_errors"]) == ["L"]


def test_a_short_formula_is_scored_on_the_test_set_and_leaves_out_what_is_small_beside_its_largest_term():
    rng = np.random.default_rng(2)
    x, x_test = rng.uniform(-1, 1, (2, 4000, 4))

    def f(x):
        return 3 * x[:, 0]**2 - 2 * x[:, 1] * x[:, 3] + 0.03 * x[:, 2] + 7
    f_test = f(x_test) + rng.standard_normal(4000)
    fit = reading.sparse(SR, "polynomial", polynomial(SR.inputs, 2), x, f(x), x_test, f_test)
    assert fit["terms"] == pytest.approx({"t^2": 3, "x*z": -2, "y": 0.03}) and fit["formula"] == "f ≈ 3.00 t² - 2.00 xz + 7.00"
    assert fit["r2"] == pytest.approx([1, regression.r2_score(f_test, f(x_test))])
    typed = reading.sparse(SR, "typed", polynomial(SR.inputs, 2), x, f(x), x_test, f_test)
    assert "y" in typed["formula"]                                              # whoever types a feature wants to see it


def test_a_step_is_read_without_what_the_steps_before_it_found():
    x, x_test = [EM.sample(4000, np.random.default_rng(seed))[0] for seed in (3, 4)]
    first, second = physics.e_dot_b, physics.b_squared_minus_e_squared
    mixed = Known(EM, lambda x: second(x) + 2 * first(x))
    alone, after = [reading.read_step(EM, mixed, earlier, x, x_test)["alignment"] for earlier in ([], [Known(EM, first)])]
    assert alone["order"] == after["order"] == 2
    assert "E_x B_x" in alone["formula"] and after["eigenvalues"]["2"][0] < 1e-6
    terms = after["terms"]                                                      # those of |B|^2 - |E|^2, and any share of E·B
    squares = [abs(terms[f"{name}^2"]) for name in EM.inputs]
    assert squares == pytest.approx([squares[0]] * 6, rel=1e-4) and squares[0] > 0.1


def test_off_the_surface_on_which_something_is_fixed_the_gradient_of_f_does_not_count():
    fixed = physics.SYSTEMS["em-fixed"]
    off = Known(fixed, lambda x: physics.b_squared_minus_e_squared(x) + np.sin(5 * x[:, 0]) * (physics.e_dot_b(x) - 0.3))
    sets = [physics.labelled_pairs(fixed, 3000, np.random.default_rng(seed)) for seed in (8, 9)]
    assert reading.read_off(fixed, off, *sets)["alignment"]["eigenvalues"]["2"][0] < 1e-4
    assert reading.read_off(replace(fixed, fixed=()), off, *sets)["alignment"]["eigenvalues"]["2"][0] > 0.01
    plane, other = [replace(fixed, inputs=fixed.inputs[:2], fixed=fixed.fixed[:n]) for n in (0, 1)]
    x = sets[0][0][:, :2]
    assert reading.common(plane, [Known(plane, lambda x: x[:, 0])], x) and reading.common(plane, [Known(plane, lambda x: x[:, 0])] * 2, x) is None
    assert reading.aligned(other, Known(other, lambda x: x[:, 0]), x, normals=[x]) is None        # one direction is left


def test_common_invariants_come_with_their_eigenvalues_and_the_first_that_does_not_count():
    x, _ = EM.sample(3000, np.random.default_rng(5))
    networks = [Known(EM, physics.e_dot_b), Known(EM, physics.b_squared_minus_e_squared)]
    found = reading.common(EM, networks, x)
    assert len(found["formulas"]) == 2 and len(found["eigenvalues"]) == 3
    assert found["eigenvalues"][1] < 1e-6 < 0.1 < found["eigenvalues"][2]
    assert reading.common(EM, [], x) is None


def test_the_square_of_f_is_correlated_with_each_invariant_on_the_test_set():
    x, x_test = [CP.sample(1000, np.random.default_rng(seed))[0] for seed in (6, 7)]
    f = physics.angular_momentum
    scores = reading.explained(CP, x, f(x), x_test, f(x_test))
    assert scores["E"]["correlation_of_square"] == pytest.approx(np.corrcoef(physics.energy(x_test), f(x_test)**2)[0, 1])
    assert scores["A_x, A_y"]["correlation_of_square"] is None
    many = replace(CP, invariants={f"L{i}": f for i in range(17)})
    assert list(reading.explained(many, x, f(x), x_test, f(x_test))) == list(many.invariants)       # too many to take together


def test_f_on_known_invariants_tells_an_invariant_from_a_function_of_it_and_from_a_mixture():
    rng, system = np.random.default_rng(5), physics.SYSTEMS["cp"]
    x, x_test = [physics.bound_states(2000, rng, lambda n, rng: rng.uniform(-1.5, 1.5, (n, 4))) for _ in range(2)]
    L, A = physics.angular_momentum, physics.laplace_runge_lenz
    scores = [reading.explained(system, x, f(x), x_test, f(x_test)) for f in (
        lambda x: 3 * L(x) + 7, lambda x: L(x)**3 - L(x)**2, lambda x: 2 * A(x)[:, 0] - A(x)[:, 1], lambda x: A(x)[:, 0] * L(x), lambda x: x[:, 0])]
    r2 = [{name: (round(score["r2"], 6), round(score["r2_cubic"], 6)) for name, score in each.items()} for each in scores]
    line, curve, vector, product, position = r2
    assert list(line) == ["L", "E", "A_x", "A_y", "A_x, A_y", "L, E, A_x, A_y"] and line["L"] == (1, 1)
    assert curve["L"][0] < 0.9 and curve["L"][1] == 1
    assert vector["A_x, A_y"] == (1, 1) and max(vector["A_x"]) < 0.9 and scores[2]["A_x, A_y"]["coefficients"] == pytest.approx([2, -1])
    assert max(product["A_x, A_y"]) < 0.9 and product["L, E, A_x, A_y"][0] < 0.9 and product["L, E, A_x, A_y"][1] == 1
    assert max(map(max, position.values())) < 0.5                                        # not conserved


def test_f_on_known_invariants_does_not_depend_on_their_units_or_offsets_and_a_constant_one_explains_nothing():
    x, x_test = np.random.default_rng(6).uniform(-1, 1, (2, 500, 1))
    system = physics.System("own", "own", ("x",), None, {
        "large": lambda x: 1e9 * x[:, 0], "far": lambda x: 1e3 + 1e-2 * x[:, 0], "constant": lambda x: 0.1 + 1e-9 * np.sign(x[:, 0])})
    scores = reading.explained(system, x, 5 * x[:, 0], x_test, 5 * x_test[:, 0])
    assert [round(scores[name]["r2_cubic"], 6) for name in ("large", "far", "large, far, constant")] == [1, 1, 1]
    assert scores["large"]["coefficients"] == pytest.approx([5e-9]) and scores["far"]["coefficients"] == pytest.approx([500])
    assert abs(scores["constant"]["r2"]) < 0.05 and scores["constant"]["coefficients"] == [0]


def test_of_too_few_observations_no_common_invariants_are_read():
    system, network = physics.SYSTEMS["cp"], siamese.SiameseNetwork((4, 5, 1))
    x = np.random.default_rng(7).uniform(1, 2, (140, 4))                                 # order 2 has 14 features
    assert reading.common(system, [network], x[:139]) is None and reading.common(system, [network], x)
    assert reading.aligned(system, network, x[:39]) is None and list(reading.aligned(system, network, x[:40])["eigenvalues"]) == ["1"]


def test_a_formula_of_constants_only_is_written_by_its_coefficients():
    assert reading.short_formula({"x*y": 1.0, "x": 0.001}, sizes={"x*y": 0.0, "x": 0.0}) == "f ≈ 1.00 xy"


def test_a_network_that_tells_no_pairs_apart_has_no_formula_even_where_a_polynomial_is_its_f(monkeypatch):
    network, sets = Known(SR, physics.interval), [physics.labelled_pairs(SR, 2000, np.random.default_rng(seed)) for seed in (10, 11)]
    for accuracy, learned in ((0.71, True), (0.69, False)):
        monkeypatch.setattr(network, "evaluate", lambda *_: (0.0, accuracy))
        result = reading.read_off(SR, network, *sets)
        assert result["optimal_order"] == 2 and bool(result["formula"]) == learned
