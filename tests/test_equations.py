"""The paper's equations, tables and numbers, one or more tests each: python -m pytest -k eq_A1

Every expected value comes from somewhere else than the code under test: a formula written out with
plain numbers, finite differences, or a value known from a textbook. The second part measures the errata
that need no network: docs/audit.md, in the same order.
"""

import itertools
import math
import re

import numpy as np
import pytest

import marking
import physics
import regression
import siamese
import train
from helpers import ROOT, FakeNetwork, central_differences, kept_results, pairs, stepper


def small_network(activation="relu", k=1, w=1.3, seed=0):
    """A float64 network with random parameters, biases and b included, and the given w."""
    network = siamese.SiameseNetwork((4, 7, 6, k), activation=activation, dtype=np.float64)
    network.parameters[:] = 0.5 * np.random.default_rng(seed).standard_normal(network.parameters.size)
    network.w[:] = w
    return network


def numerical_gradient(network, x, x_prime, y, h=1e-6):
    """Derivative of the loss by every parameter, by central differences."""
    numerical = np.empty(network.parameters.size)
    for i, value in enumerate(network.parameters.copy()):
        losses = []
        for network.parameters[i] in (value + h, value - h):
            losses.append(network.evaluate(x, x_prime, y)[0])
        network.parameters[i] = value
        numerical[i] = (losses[0] - losses[1]) / (2 * h)
    return numerical


def test_eq_01_prediction_is_the_sigmoid_of_the_squared_difference_of_two_bottlenecks():
    network = small_network()
    x, x_prime = np.random.default_rng(1).standard_normal((2, 5, 4))
    for i, predicted in enumerate(network.predict(x, x_prime)):
        outputs = []
        for a in (x[i], x_prime[i]):
            for layer, weights in enumerate(network.layers):
                a = np.array([sum(a[m] * weights[m, n] for m in range(len(a))) + weights[-1, n]
                              for n in range(weights.shape[1])])
                if layer < len(network.layers) - 1:
                    a = np.array([max(0.0, value) for value in a])
            outputs.append(a[0])
        z = network.w[0] * (outputs[0] - outputs[1])**2 + network.b[0]
        assert predicted == pytest.approx(1 / (1 + math.exp(-z)), rel=1e-12)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("w", [1.3, -0.7])
def test_eq_01_eq_B1_gradient_of_every_parameter_equals_central_differences(activation, k, w):
    network = small_network(activation, k, w)
    rng = np.random.default_rng(2)
    x, x_prime = rng.standard_normal((2, 30, 4))
    y = rng.integers(0, 2, 30)
    network.loss_and_gradients(x, x_prime, y)
    gradients, numerical = network.gradients.copy(), numerical_gradient(network, x, x_prime, y)
    marking.gradients("loss_and_gradients", network, gradients, numerical)                # in words, if they differ
    assert np.linalg.norm(gradients - numerical) < 1e-6 * np.linalg.norm(numerical)
    # The two scalars and the biases by themselves: in the norm of the whole an error could hide.
    assert gradients[-2:] == pytest.approx(numerical[-2:], rel=1e-6)
    start = 0
    for weights in network.layers[:-1]:
        start += weights.size
        biases = slice(start - weights.shape[1], start)
        assert gradients[biases] == pytest.approx(numerical[biases], rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("k", [1, 3])
def test_eq_01_eq_B1_gradient_of_rows_that_stand_in_several_pairs_is_the_sum_over_these(k):
    network, rng = small_network(k=k), np.random.default_rng(2)
    x, y = rng.standard_normal((10, 4)), rng.integers(0, 2, 40)
    first, second = rng.integers(0, 10, (2, 40))                          # each row in eight pairs on average
    stepper(network, x, first, second, y)()
    numerical = numerical_gradient(network, x[first], x[second], y)
    marking.gradients("step where a row stands in several pairs", network, network.gradients, numerical)
    assert np.linalg.norm(network.gradients - numerical) < 1e-6 * np.linalg.norm(numerical)


def test_eq_B1_loss_is_the_mean_cross_entropy():
    network = small_network()
    x, x_prime = np.random.default_rng(3).standard_normal((2, 8, 4))
    y = np.array([0, 1, 0, 1, 1, 0, 0, 1])
    predicted = network.predict(x, x_prime)
    expected = -sum(math.log(p) if label else math.log(1 - p) for p, label in zip(predicted, y)) / 8
    assert network.loss_and_gradients(x, x_prime, y)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eq_B1_loss_is_finite_and_right_at_extreme_logits(dtype):
    z = np.array([1e4, -1e4, 1e4, -1e4], dtype)
    y = np.array([1, 0, 0, 1], dtype)
    with np.errstate(over="raise", invalid="raise"):
        assert siamese.cross_entropy(z[:2], y[:2]) == 0
        assert siamese.cross_entropy(z[2:], y[2:]) == pytest.approx(1e4)
        assert siamese.sigmoid(z).tolist() == [1, 0, 1, 0]


def test_eq_02_scalar_product_of_a_case_worked_by_hand():
    x, y = np.array([[2.0, 3.0, 5.0, 7.0]]), np.array([[11.0, 13.0, 17.0, 19.0]])
    assert physics.scalar_product(x, y) == [-2 * 11 + 3 * 13 + 5 * 17 + 7 * 19]


def test_eq_03_interval_is_negative_for_time_like_and_zero_for_light_like_events():
    events = np.array([[1.0, 0, 0, 0], [5.0, 3, 4, 0], [0, 1.0, 2, 2]])
    assert physics.interval(events).tolist() == [-1, 0, 9]


@pytest.mark.parametrize("full_group", [True, False])
@pytest.mark.parametrize("max_speed", [0.0, 0.5, 0.9, 0.99])
def test_eq_04_transformations_preserve_the_scalar_product(full_group, max_speed):
    rng = np.random.default_rng(4)
    transformations = physics.lorentz_transformations(2000, rng, max_speed, full_group)
    eta = np.diag([-1.0, 1, 1, 1])
    error = np.abs(transformations.transpose(0, 2, 1) @ eta @ transformations - eta).max()
    assert error < 100 * np.finfo(float).eps / (1 - max_speed**2)         # entries grow as gamma


def test_eq_04_full_group_has_all_four_components_and_its_proper_part_only_one():
    for full_group, share in ((True, 0.25), (False, 1.0)):
        rng = np.random.default_rng(5)
        transformations = physics.lorentz_transformations(8000, rng, full_group=full_group)
        keeps_time = transformations[:, 0, 0] > 0
        keeps_handedness = np.linalg.det(transformations) > 0
        assert np.mean(keeps_time & keeps_handedness) == pytest.approx(share, abs=0.02)
        if full_group:
            assert np.mean(keeps_time) == pytest.approx(0.5, abs=0.03)
            assert np.mean(keeps_handedness) == pytest.approx(0.5, abs=0.03)


def test_eq_A1_boosts_point_in_every_direction_with_the_speeds_asked_for():
    transformations = physics.lorentz_transformations(20_000, np.random.default_rng(6), 0.9, full_group=False)
    gamma = transformations[:, 0, 0]
    speed = np.sqrt(1 - 1 / gamma**2)
    assert speed.max() < 0.9
    assert np.mean(speed) == pytest.approx(0.45, abs=0.01)                # |beta| is uniform in (0, 0.9)
    # Columns show the direction after D1, rows the one before D2: both are uniform on the sphere.
    for momentum in (transformations[:, 1:, 0], transformations[:, 0, 1:]):
        direction = momentum / np.linalg.norm(momentum, axis=1, keepdims=True)
        assert direction.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.02)
        assert direction.T @ direction / len(direction) == pytest.approx(np.eye(3) / 3, abs=0.02)


def test_eq_A2_eq_A3_boost_by_three_fifths_of_the_speed_of_light():
    boost, = physics.boosts(np.array([0.6]))                              # gamma = 5/4, gamma beta = 3/4
    expected = [[1.25, -0.75, 0, 0], [-0.75, 1.25, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert boost == pytest.approx(np.array(expected))


def test_eq_A4_rotations_are_orthogonal_and_uniform():
    r = physics.rotations(40_000, np.random.default_rng(7))
    assert np.abs(r.transpose(0, 2, 1) @ r - np.eye(3)).max() < 1e-12
    assert np.abs(np.linalg.det(r) - 1).max() < 1e-12
    flat = r.reshape(-1, 9)
    # Moments of the Haar measure: <R_ij> = 0, <R_ij R_kl> = δ_ik δ_jl / 3, and tr R = 1 + 2 cos(angle)
    # with angle density (1 - cos) / pi, so that <tr R> = 0, <tr^2 R> = 1, <tr^3 R> = 1.
    assert flat.mean(axis=0) == pytest.approx(np.zeros(9), abs=0.015)
    assert flat.T @ flat / len(flat) == pytest.approx(np.eye(9) / 3, abs=0.015)
    trace = np.trace(r, axis1=1, axis2=2)
    assert [np.mean(trace**m) for m in (1, 2, 3)] == pytest.approx([0, 1, 1], abs=0.05)


def test_eq_06_force_is_the_gradient_of_the_attractive_potential():
    # Hamilton's equations from central differences of the energy, in time: divide by dt/ds = r.
    x = np.random.default_rng(8).uniform(0.5, 1.5, (20, 4))
    gradient = central_differences(physics.energy, x)
    rates = physics.hamiltons_equations(x.T).T / np.hypot(x[:, 0], x[:, 1])[:, None]
    assert rates[:, :2] == pytest.approx(gradient[:, 2:], rel=1e-7)                       # dx/dt = dH/dp
    assert rates[:, 2:] == pytest.approx(-gradient[:, :2], rel=1e-7)                      # dp/dt = -dH/dx
    assert np.all(np.sum(rates[:, 2:] * x[:, :2], axis=1) < 0)                            # towards the centre


def test_eq_06_with_the_sign_as_printed_has_no_bound_orbit():
    x = np.random.default_rng(9).uniform(-2, 2, (1000, 4))
    printed = 0.5 * (x[:, 2]**2 + x[:, 3]**2) + 1 / np.hypot(x[:, 0], x[:, 1])
    assert printed.min() > 0                    # a particle at rest at infinity has 0: every particle can escape
    assert physics.energy(x).min() < 0          # with the sign of gravity some are bound


def test_eq_07_orbits_follow_the_analytic_kepler_ellipse():
    # x = a (cos u - e), y = a sqrt(1 - e^2) sin u at the eccentric anomaly u; ds = sqrt(a) du.
    a, e = np.array([1.0, 0.5, 1.4, 1.0]), np.array([0.0, 0.5, 0.8, 0.3])
    u = np.array([1.0, 4.0, 6.0, 2 * np.pi])

    def ellipse(u):
        x, y, r = a * (np.cos(u) - e), a * np.sqrt(1 - e**2) * np.sin(u), a * (1 - e * np.cos(u))
        return np.stack([x, y, -np.sqrt(a) * np.sin(u) / r, np.sqrt(a * (1 - e**2)) * np.cos(u) / r], axis=1)
    assert physics.evolve(ellipse(0 * u), np.sqrt(a) * u) == pytest.approx(ellipse(u), abs=1e-9)


def test_eq_08_angular_momentum_energy_and_laplace_runge_lenz_vector_of_a_circle_and_an_ellipse():
    # A circle of radius 1 at unit speed; an ellipse of a = 1, e = 0.6 at its pericentre, r = 0.4, v = 2.
    x = np.array([[1.0, 0, 0, 1], [0.4, 0, 0, 2]])
    assert physics.angular_momentum(x) == pytest.approx([1, 0.8])
    assert physics.energy(x) == pytest.approx([-0.5, -0.5])
    assert physics.laplace_runge_lenz(x) == pytest.approx(np.array([[0, 0], [0.6, 0]]))


def test_eq_09_field_tensor_is_the_printed_matrix_and_fields_its_inverse():
    tensor, = physics.field_tensor(np.array([[1.0, 2, 3, 4, 5, 6]]))
    assert tensor.tolist() == [[0, 1, 2, 3], [-1, 0, -6, 5], [-2, 6, 0, -4], [-3, -5, 4, 0]]
    assert physics.fields(tensor[None]).tolist() == [[1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize("beta", [-0.9, 0.3, 0.6])
def test_eq_10_boosted_fields_are_the_textbook_ones_for_an_observer_at_the_opposite_velocity(beta):
    # Jackson, Classical Electrodynamics, eq. (11.149), for an observer moving with velocity v:
    # E' = gamma (E + v x B), B' = gamma (B - v x E) across v, E and B unchanged along it.
    x = np.random.default_rng(10).standard_normal((50, 6))
    e, b, v, gamma = x[:, :3], x[:, 3:], np.array([-beta, 0, 0]), 1 / math.sqrt(1 - beta**2)
    expected = np.hstack([gamma * (e + np.cross(v, b)), gamma * (b - np.cross(v, e))])
    expected[:, [0, 3]] = x[:, [0, 3]]
    boosts = physics.boosts(np.full(50, beta))
    assert physics.transform_fields(x, boosts) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_eq_10_rotations_turn_both_fields_as_vectors():
    rotation = np.zeros((20, 4, 4))
    rotation[:, 0, 0], rotation[:, 1:, 1:] = 1, physics.rotations(20, np.random.default_rng(11))
    x = np.random.default_rng(12).standard_normal((20, 6))
    expected = np.hstack([np.einsum("nji,nj->ni", rotation[:, 1:, 1:], part) for part in (x[:, :3], x[:, 3:])])
    assert physics.transform_fields(x, rotation) == pytest.approx(expected, abs=1e-12)


def test_eq_11_determinant_of_the_field_tensor_is_the_square_of_E_dot_B():
    x = np.random.default_rng(13).standard_normal((50, 6))
    assert np.linalg.det(physics.field_tensor(x)) == pytest.approx(physics.e_dot_b(x)**2, rel=1e-9, abs=1e-12)


def test_eq_11_a_reflection_flips_the_sign_of_E_dot_B():
    x = np.random.default_rng(14).standard_normal((50, 6))
    reflection = np.tile(np.diag([1.0, -1, -1, -1]), (50, 1, 1))
    assert physics.e_dot_b(physics.transform_fields(x, reflection)) == pytest.approx(-physics.e_dot_b(x))


def test_eq_11_E_dot_B_by_hand():
    assert physics.e_dot_b(np.array([[1.0, 2, 3, 4, -5, 6]])) == pytest.approx(4 - 10 + 18)


def test_eq_12_half_the_contraction_of_the_field_tensor_with_itself():
    x = np.random.default_rng(15).standard_normal((50, 6))
    tensor, eta = physics.field_tensor(x), np.diag([-1.0, 1, 1, 1])
    contraction = np.einsum("nab,nab->n", tensor, eta @ tensor @ eta) / 2
    assert physics.b_squared_minus_e_squared(x) == pytest.approx(contraction)


@pytest.mark.parametrize("name, equation", [("sr", "eq_05"), ("cp", "eq_08"), ("em", "eq_11"), ("em-fixed", "eq_12")])
def test_every_kept_run_that_learned_has_the_formula_of_the_paper_but_for_factor_and_offset(name, equation):
    # Of a system without kept runs there is nothing to compare; docs/results.md shows which have some. Only runs
    # that start at a rate of 100 may have learned nothing (erratum 18).
    printed = re.search(r"\(.*\)", physics.SYSTEMS[name].published.formula).group()
    for digit, axis in zip("123", "xyz"):
        printed = printed.replace("_" + digit, "_" + axis)
    for path, run in single_runs(name):
        if run.settings["learning_rate"] < 100 or run.above_chance:
            assert re.search(r"\(.*\)", run.formula).group() == printed, path


def single_runs(*names):
    """The kept runs of these systems, runs of discover and other samplings aside: [(path, Result), ...]."""
    return [(path, run) for path, run in kept_results()
            if run.system in names and run.laws is None and not run.settings.get("sampling")]


# ---------------------------------------------------------------- tables, accuracies, numbers of the text

WRITTEN_OUT = {                         # what f is by the paper, or at fixed values what is left to learn
    "sr": lambda t, x, y, z: -t * t + x * x + y * y + z * z,
    "cp": lambda x, y, v_x, v_y: x * v_y - y * v_x,
    "cp-fixed": lambda x, y, v_x, v_y: (v_x * v_x + v_y * v_y) / 2 - (x * x + y * y)**-0.5,
    "em": lambda a, b, c, d, e, f: a * d + b * e + c * f,
    "em-fixed": lambda a, b, c, d, e, f: d * d + e * e + f * f - a * a - b * b - c * c,
    "sr-fixed": lambda t, x, y, z: t}   # no invariant: it tells nothing


def least_squares_score(x, f, x_test, f_test, order):
    """R² on test data of the least-squares polynomial of this order in x (n, d), by other means than the code's."""
    chosen = [c for degree in range(order + 1)
              for c in itertools.combinations_with_replacement(range(x.shape[1]), degree)]
    columns, columns_test = [np.column_stack([np.prod(each[:, list(c)], axis=1) for c in chosen])
                             for each in (x, x_test)]
    predicted = columns_test @ np.linalg.lstsq(columns, f, rcond=None)[0]
    return 1 - np.sum((f_test - predicted)**2) / np.sum((f_test - f_test.mean())**2)


@pytest.mark.parametrize("name", ["sr", "cp", "cp-fixed", "em", "em-fixed"])
def test_table_1_table_2_table_3_table_4_table_5_scores_are_those_of_least_squares(name):
    system, rng = physics.SYSTEMS[name], np.random.default_rng(50)
    (x, f), (x_test, f_test) = [(x, np.tanh(2 * WRITTEN_OUT[name](*x.T)) + 0.1 * x[:, 1]) for x in
                                (system.sample(2000, rng)[0] for _ in range(2))]
    fits = regression.fit_orders(x, f, x_test, f_test, system.inputs)
    assert list(fits) == [1, 2, 3, 4]
    for order, fit in fits.items():
        for score, data in zip(fit.r2, ((x, f), (x_test, f_test))):
            assert score == pytest.approx(least_squares_score(x, f, *data, order), abs=0.01)
    assert len({round(fit.r2[1], 2) for fit in fits.values()}) > 1                        # nor are all alike


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_sr_accuracy_sr_fixed_accuracy_cp_accuracy_cp_fixed_accuracy_em_accuracy_em_fixed_accuracy(name):
    # A network whose f is the paper's finding tells all pairs apart; one of the null experiment tells none.
    system, rng = physics.SYSTEMS[name], np.random.default_rng(51)
    network = FakeNetwork(len(system.inputs), lambda x: WRITTEN_OUT[name](*x.T), w=1e12)
    test, of_one_class = system.pairs(1000, rng), system.pairs(1000, rng)
    of_one_class.x_prime[:] = of_one_class.x                            # all equal: "different" ones cannot be told
    of_one_class.x[:] = of_one_class.x_prime[:] = of_one_class.x[:1]
    found = train.interpret(system, network, of_one_class, test)
    assert found.train_accuracy == pytest.approx(0.5)
    assert found.test_accuracy == pytest.approx(0.5 if name == "sr-fixed" else 1, abs=0.002)
    # The two observations of a pair differ as two observers or two times make them.
    alike = [abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(test.x.T, test.x_prime.T)]
    assert max(alike) < (0.1 if "cp" not in name else 0.35)


def test_labels_are_0_for_pairs_of_one_class_and_1_for_others_in_what_the_network_is_trained_on():
    x = np.arange(8.0).reshape(4, 2)                                    # x' = x + 0.5 is of the class of x
    pairs = physics.Pairs(x, x + 0.5, np.array([1, 2, 3, 0]))
    first, second, y = pairs.labelled()
    assert np.all(first + 0.5 == second, axis=1).tolist() == [True] * 4 + [False] * 4
    assert y.tolist() == [0] * 4 + [1] * 4
    for schedule in (siamese.Schedule(batch_size=3), siamese.Schedule(batch_size=4, in_batch_negatives=True)):
        training = train.Training(siamese.SiameseNetwork((2, 3, 1)), pairs, pairs, schedule)
        batches = training.batches(training.train, schedule.batch_size, np.random.default_rng(0))
        for members, first, second, y in batches:
            rows = training.augmented[members]
            assert np.array_equal(y == 0, np.all(rows[first, :2] + 0.5 == rows[second, :2], axis=1))


def test_input_vectors_are_those_of_the_paper_and_the_second_event_is_Lambda_times_the_first():
    assert physics.EVENT == ("t", "x", "y", "z") and physics.STATE == ("x", "y", "v_x", "v_y")
    assert physics.FIELD == ("E_x", "E_y", "E_z", "B_x", "B_y", "B_z")
    for name, inputs in (("sr", physics.EVENT), ("cp", physics.STATE), ("em", physics.FIELD)):
        assert physics.SYSTEMS[name].inputs == physics.SYSTEMS[name + "-fixed"].inputs == inputs
    x, x_prime = physics.sample_events(20, np.random.default_rng(52))
    again = np.random.default_rng(52)
    assert np.array_equal(x, again.uniform(-1, 1, (20, 4)))
    for event, seen, matrix in zip(x, x_prime, physics.lorentz_transformations(20, again)):
        assert seen == pytest.approx([sum(matrix[m, n] * event[n] for n in range(4)) for m in range(4)])


def test_eq_06_eq_07_m_and_GmM_are_1_on_a_circle_of_radius_2():
    # v² = 1 / r, so that E = -1 / (2 r) = -1/4, the acceleration is 1 / r², and a turn takes 2 π sqrt(2) of s = t / r.
    circle, quarter = np.array([[2, 0, 0, 0.5**0.5]]), np.array([[0, 2, -0.5**0.5, 0]])
    assert physics.energy(circle) == pytest.approx([-0.25])
    assert physics.hamiltons_equations(circle.T)[:, 0] / 2 == pytest.approx([0, 0.5**0.5, -0.25, 0])
    assert physics.evolve(circle, np.array([np.pi / 2 * 2**0.5])) == pytest.approx(quarter, abs=1e-8)


def observer(x, beta, direction):
    """Events (n, 4), or fields (n, 6), for observers at speed beta (n,) in a direction (n, 3): Jackson's formulas."""
    gamma = 1 / np.sqrt(1 - beta**2)
    along = np.sum(direction * x[:, -3:], axis=1)
    if x.shape[1] == 4:
        return gamma * (x[:, 0] - beta * along)
    e, b, v = x[:, :3], x[:, 3:], beta[:, None] * direction
    parallel = np.sum(e * direction, axis=1)[:, None] * direction
    return np.linalg.norm(parallel + gamma[:, None] * (e - parallel + np.cross(v, b)), axis=1)


@pytest.mark.parametrize("name, size", [
    ("sr", lambda x: np.abs(x[:, 0])), ("em", lambda x: np.linalg.norm(x[:, :3], axis=1))])
def test_speeds_of_boosts_in_pairs_are_uniform_up_to_nine_tenths(name, size):
    rng, n = np.random.default_rng(53), 40_000
    x, x_prime = physics.SYSTEMS[name].sample(n, rng)
    direction = rng.standard_normal((n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    expected = np.abs(observer(x, rng.uniform(-0.9, 0.9, n), direction))
    quantiles = [0.5, 0.9, 0.99]
    assert np.quantile(size(x_prime), quantiles) == pytest.approx(np.quantile(expected, quantiles), rel=0.04)


def test_choices_of_the_regression_decide_at_their_limits():
    def orders(*scores):
        return {order: regression.Polynomial((), None, None, 0.0, (score, score))
                for order, score in enumerate(scores, 1)}
    assert regression.optimal_order(orders(0, 0.9, 0.909)) == 2         # a gain of less than 0.01 counts for nothing
    assert regression.optimal_order(orders(0, 0.9, 0.911)) == 3
    assert regression.optimal_order(orders(0, 0.49)) is None            # below one half f is no polynomial
    assert regression.optimal_order(orders(0, 0.51)) == 2
    assert len(regression.group_terms({"x": 1.0, "y": 0.91}).groups) == 1               # a tenth is the tolerance
    assert len(regression.group_terms({"x": 1.0, "y": 0.89}).groups) == 2
    assert len(regression.group_terms({"x": 1.0, "y": 0.11}).groups) == 2               # and what is dropped is below
    assert len(regression.group_terms({"x": 1.0, "y": 0.09}).groups) == 1
    x = np.array([[-1.0], [1.0]])                                       # c = 2 / (2 + alpha)
    fit = regression.fit_orders(x, x[:, 0], x, x[:, 0], ("x",), (1,))[1]
    assert fit.terms["x"] == pytest.approx(2 / 3)
    assert (regression.MIN_R2, regression.MAX_TERMS, train.ABOVE_CHANCE) == (0.9, 12, 0.7)


# ------------------------------------------------------------------------------------------ errata

def printed_transformations(n, rng, max_speed=0.9):
    """Λ = D1 Λ_v D2 exactly as Appendix A prints it: R in O(3), reflections included, no time reversal."""
    d1, d2 = np.zeros((2, n, 4, 4))
    for d in (d1, d2):
        d[:, 0, 0] = 1
        d[:, 1:, 1:] = physics.rotations(n, rng) * rng.choice([-1.0, 1.0], n)[:, None, None]
    return d1 @ physics.boosts(rng.uniform(-max_speed, max_speed, n)) @ d2


def test_eq_01_F_is_the_probability_of_different_because_different_pairs_have_the_label_1():
    network = small_network(w=1.3)
    rng = np.random.default_rng(20)
    x, x_prime = rng.standard_normal((2, 50, 4))
    far, near = network.predict(x, x_prime), network.predict(x, x)        # nothing can be more alike
    assert near == pytest.approx(np.full(50, 1 / (1 + math.exp(-network.b[0]))))
    assert np.all(far > near)
    # The equivalent pairs carry the label 0, and the loss of a label 0 falls as F falls.
    assert pairs(5, 20)[2].tolist() == [0] * 5 + [1] * 5
    for y, sign in ((0, 1), (1, -1)):
        losses = [siamese.cross_entropy(np.array([z]), np.array([y])) for z in np.linspace(-5, 5, 11)]
        assert np.all(sign * np.diff(losses) > 0)


def test_eq_B1_is_the_cross_entropy_only_if_the_sum_and_its_minus_hold_both_terms():
    # If the sum ends at the plus sign, no sum binds the i of the second term. If the minus ends there,
    # wrong is rewarded:
    intended, minus_on_first = [], []
    for p in (0.9, 0.999, 1 - 1e-9):                                    # label 0, said to be 1 ever more surely
        first, second = 0 * math.log(p), (1 - 0) * math.log(1 - p)
        intended.append(-(first + second))
        minus_on_first.append(-first + second)
        loss = siamese.cross_entropy(np.array([math.log(p / (1 - p))]), np.array([0]))
        assert loss == pytest.approx(intended[-1], rel=1e-6)
    assert np.all(np.diff(intended) > 0) and np.all(np.diff(minus_on_first) < 0)


@pytest.mark.parametrize("name", ["sr", "em"])
def test_eq_B1_is_the_mean_over_the_pairs_of_both_labels_which_are_twice_as_many_as_the_text_says(name):
    x, x_prime, y = pairs(70, 21, name)
    assert len(x) == len(x_prime) == len(y) == 2 * 70
    network = siamese.SiameseNetwork((x.shape[1], 5, 1), dtype=np.float64)
    network.parameters[:] = 0                                           # F = 1/2 everywhere: every pair has ln 2
    assert network.evaluate(x, x_prime, y) == pytest.approx((math.log(2), 0.5))
    history = train.fit(network, (x, x_prime, y), (x, x_prime, y), siamese.Schedule(1e-9, epochs=1),
                        on_epoch=lambda _: None)
    assert history["loss"] == pytest.approx([math.log(2)])


def test_section_III_A_a_free_permutation_leaves_one_true_pair_on_average_among_the_negatives():
    for n in range(2, 8):
        in_place = [sum(i == p for i, p in enumerate(order)) for order in itertools.permutations(range(n))]
        assert sum(in_place) == len(in_place)                             # one on average, whatever n


def test_section_III_A_eq_04_at_a_fixed_interval_every_different_pair_is_related_by_a_lorentz_transformation():
    # O(3,1) acts transitively on s² = -1: the reflection that exchanges u and v is an element of it. So no further
    # invariant exists, and the null experiment labels pairs "different" of which none is.
    x, x_prime, y = pairs(500, 54, "sr-fixed")
    assert np.sum(y) == 500
    eta = np.diag([-1.0, 1, 1, 1])
    different = y == 1
    for u, v in zip(x[different], x_prime[different]):
        d = u - v
        reflection = np.eye(4) - 2 * np.outer(d, eta @ d) / (d @ eta @ d)
        assert reflection.T @ eta @ reflection == pytest.approx(eta, abs=1e-9)            # (4)
        assert reflection @ u == pytest.approx(v, abs=1e-9)
    # Where s² is not fixed, different pairs differ in it.
    x, x_prime, y = pairs(500, 54)
    assert np.all(np.abs(physics.interval(x) - physics.interval(x_prime))[y == 1] > 1e-6)


def test_eq_A1_products_of_appendix_A_never_reverse_time_though_eq_04_does():
    reversal = np.diag([-1.0, 1, 1, 1])
    eta = np.diag([-1.0, 1, 1, 1])
    assert np.array_equal(reversal.T @ eta @ reversal, eta)               # an element of (4)
    rng = np.random.default_rng(22)
    transformations = printed_transformations(20_000, rng, 0.99)
    assert transformations[:, 0, 0].min() >= 1                            # and none of (A1)
    assert 0.4 < np.mean(np.linalg.det(transformations) > 0) < 0.6        # reflections it has
    events = rng.uniform(-1, 1, (20_000, 4))
    seen = np.einsum("nij,nj->ni", transformations, events)
    time_like = physics.interval(events) < 0
    assert np.array_equal(np.sign(seen[time_like, 0]), np.sign(events[time_like, 0]))
    assert np.any(np.sign(seen[~time_like, 0]) != np.sign(events[~time_like, 0]))


def test_eq_A1_at_a_fixed_time_like_interval_the_direction_of_time_alone_tells_three_quarters_of_the_pairs():
    # So under Appendix A as printed the null experiment of section III.A would have had an invariant to find.
    rng = np.random.default_rng(23)
    events, _ = physics.sample_events_of_fixed_interval(20_000, rng)
    seen = np.einsum("nij,nj->ni", printed_transformations(20_000, rng), events)
    partner = physics.derangement(20_000, rng)
    told_apart = [np.sign(events[:, 0]) != np.sign(other[:, 0]) for other in (seen, seen[partner])]
    assert not told_apart[0].any()
    assert np.mean([~told_apart[0], told_apart[1]]) == pytest.approx(0.75, abs=0.01)


def test_eq_A1_at_a_fixed_space_like_interval_transformations_that_keep_time_relate_all_pairs():
    # On s² = 1 there is no second invariant: reflections exchange u and v, and an even number of reversals keeps time.
    rng, eta = np.random.default_rng(56), np.diag([-1.0, 1, 1, 1])

    def reflection(d):
        return np.eye(4) - 2 * np.outer(d, eta @ d) / (d @ eta @ d)
    reversing = 0
    for t, t_prime, *directions in rng.uniform(-1, 1, (300, 8)):
        u, v = [np.append(time, np.sqrt(1 + time**2) * np.array(n) / np.linalg.norm(n))
                for time, n in ((t, directions[:3]), (t_prime, directions[3:]))]
        transformation = reflection(u - v)
        if transformation[0, 0] < 0:
            reversing += 1                      # v stays under the reversal along a time-like w orthogonal to it
            transformation = reflection(np.append(1 + v[0]**2, v[0] * v[1:])) @ transformation
        assert transformation.T @ eta @ transformation == pytest.approx(eta, abs=1e-6)    # (4)
        assert transformation[0, 0] >= 1 - 1e-9 and transformation @ u == pytest.approx(v, abs=1e-6)
    assert reversing > 10


def test_eq_04_pairs_of_fixed_interval_still_remember_how_fast_they_were():
    # Why the null experiment gives 57 %, not 50 %, of 10 000 test pairs (a deviation of 14 standard errors):
    # boosts are of limited speed, so that an event far out on the hyperboloid is seen far out again.
    rng = np.random.default_rng(24)
    x, x_prime = physics.sample_events_of_fixed_interval(20_000, rng)
    t, t_prime = np.abs(x[:, 0]), np.abs(x_prime[:, 0])
    assert np.corrcoef(t, t_prime)[0, 1] > 0.25
    assert np.corrcoef(t, t_prime[physics.derangement(20_000, rng)])[0, 1] == pytest.approx(0, abs=0.03)
    faster = np.einsum("nij,nj->ni", physics.lorentz_transformations(20_000, rng, 0.999), x)
    assert np.corrcoef(t, np.abs(faster[:, 0]))[0, 1] < 0.15


def printed_monomials(name):
    """The monomials of the published polynomial of a system, each as its factors in order."""
    terms = re.sub(r"(?<=\S) ([-+]) ", r"|\1", physics.SYSTEMS[name].published.polynomial).split("|")
    factors = [re.findall(r"[a-zA-Z](?:_\w)?²?", term) for term in terms]
    spelled = [[f[:-1] * 2 if f.endswith("²") else f for f in product] for product in factors]
    return sorted("".join(sorted(product)) for product in spelled)


def every_monomial(name):
    inputs = physics.SYSTEMS[name].inputs
    products = ["".join(sorted(pair)) for pair in itertools.combinations_with_replacement(inputs, 2)]
    return sorted(["", *inputs, *products])


def test_eq_05_prints_every_monomial_of_order_two_once():
    assert printed_monomials("sr") == every_monomial("sr")


def test_eq_05_largest_of_the_small_terms_is_odd_in_t():
    small = re.findall(r"([-+]?) ?(\d\.\d\d)([a-z]+)\b", physics.SYSTEMS["sr"].published.polynomial)
    by_size = sorted(((float(size), term) for _, size, term in small), reverse=True)
    assert by_size[0] == (2.5, "t") and by_size[0][0] > 11 * by_size[1][0]


def test_eq_08_prints_v_y_squared_twice_and_v_x_squared_not_at_all():
    printed, expected = printed_monomials("cp"), every_monomial("cp")
    assert [term for term in expected if term not in printed] == ["v_xv_x"]
    assert len(printed) == len(expected) and printed.count("v_yv_y") == 2


def test_eq_08_only_the_z_component_of_the_angular_momentum_is_not_zero_in_the_plane():
    x = np.random.default_rng(25).standard_normal((20, 4))
    position, velocity = [np.column_stack([part, np.zeros(20)]) for part in (x[:, :2], x[:, 2:])]
    angular_momentum = np.cross(position, velocity)
    assert not angular_momentum[:, :2].any()
    assert physics.angular_momentum(x) == pytest.approx(angular_momentum[:, 2])


def conserved_in_space(x):
    """E, L and A of states (position, velocity), (n, 6), as (n, 7)."""
    position, velocity = x[:, :3], x[:, 3:]
    r, angular_momentum = np.linalg.norm(position, axis=1), np.cross(position, velocity)
    energy = np.sum(velocity**2, axis=1) / 2 - 1 / r
    a = np.cross(velocity, angular_momentum) - position / r[:, None]
    return np.column_stack([energy, angular_momentum, a])


def conserved_in_the_plane(x):
    """E, L and A of states (x, y, v_x, v_y), (n, 4), as (n, 4)."""
    return np.column_stack([physics.energy(x), physics.angular_momentum(x), physics.laplace_runge_lenz(x)])


@pytest.mark.parametrize("conserved, inputs, numbers, independent",
                         [(conserved_in_space, 6, 7, 5), (conserved_in_the_plane, 4, 4, 3)])
def test_eq_07_conserved_quantities_independent_of_each_other_are_five_in_space_and_three_in_the_plane(
        conserved, inputs, numbers, independent):
    rng = np.random.default_rng(26)
    x = rng.uniform(0.5, 1, (20, inputs)) * rng.choice([-1, 1], (20, inputs))
    singular_values = np.linalg.svd(central_differences(conserved, x), compute_uv=False)       # of each Jacobian
    assert conserved(x).shape == (20, numbers)
    assert np.all(np.sum(singular_values > 1e-3, axis=1) == independent)
    assert np.all(singular_values[:, independent:] < 1e-7)


def test_eq_07_the_two_relations_that_take_seven_conserved_quantities_to_five():
    for conserved in conserved_in_space(np.random.default_rng(27).standard_normal((20, 6))):
        energy, angular_momentum, a = np.split(conserved, [1, 4])
        assert angular_momentum @ a == pytest.approx(0, abs=1e-9)
        assert a @ a == pytest.approx(1 + 2 * energy[0] * angular_momentum @ angular_momentum)


@pytest.fixture(scope="module")
def orbits_of_fixed_L():
    """States for a regression and others for its test, each (2000, 4)."""
    x, _ = physics.sample_orbits_of_fixed_angular_momentum(4000, np.random.default_rng(28))
    return x[:2000], x[2000:]


def scores_by_order(x, x_test, quantity):
    """Test R² of the polynomials of order 1 to 4 that are fitted to a quantity."""
    fits = regression.fit_orders(x, quantity(x), x_test, quantity(x_test), physics.STATE)
    return [fit.r2[1] for fit in fits.values()]


def test_table_3_fixed_L_the_square_of_a_component_of_A_goes_with_the_energy_and_the_component_does_not(
        orbits_of_fixed_L):
    # |A|² = 1 + 2 E L², so the paper's observation, f² over E in Fig. 5, follows if f is a component of A.
    x, _ = orbits_of_fixed_L
    energy, a = physics.energy(x), physics.laplace_runge_lenz(x)
    assert np.sum(a**2, axis=1) == pytest.approx(1 + 2 * energy * physics.angular_momentum(x)**2, abs=1e-9)
    for angle in np.linspace(0, np.pi, 7):
        component = a @ [np.cos(angle), np.sin(angle)]
        assert abs(np.corrcoef(component, energy)[0, 1]) < 0.1
        assert np.corrcoef(component**2, energy)[0, 1] == pytest.approx(0.53, abs=0.05)


def test_table_3_on_orbits_as_frequent_at_minus_x_no_linear_term_goes_with_the_energy(orbits_of_fixed_L):
    x, _ = orbits_of_fixed_L
    assert physics.energy(-x) == pytest.approx(physics.energy(x))
    for function in (physics.energy, lambda x: np.sqrt(1 + 2 * physics.energy(x))):          # f^2 ~ E
        assert scores_by_order(*orbits_of_fixed_L, function)[0] < 0.01


def test_table_2_test_score_of_order_four_falls_where_all_other_scores_rise():
    for name in ("sr", "cp", "cp-fixed", "em", "em-fixed"):
        training, test = np.transpose(list(physics.SYSTEMS[name].published.r2.values()))
        assert np.all(np.diff(training) >= 0)                             # each order contains the one below
        falls = np.flatnonzero(np.diff(test) < -1e-4)
        assert falls.tolist() == ([2] if name == "cp" else [])
        if name == "cp":
            assert test[3] == 0.9858 and np.all(np.diff([*test[1:3], 0.9958]) > 0)         # were it a misprint


def test_eq_09_has_the_signs_of_the_opposite_metric_which_changes_no_invariant():
    # F_{μν} = ∂_μ A_ν - ∂_ν A_μ of the potentials φ = -E·r and A = B × r / 2, A^μ = (φ, A), lowered by a metric.
    fields = np.random.default_rng(31).standard_normal((5, 6))
    for x, printed in zip(fields, physics.field_tensor(fields)):
        e, b = x[:3], x[3:]
        derivative = np.zeros((4, 4))                                     # [μ, ν] is ∂_μ A^ν, constant
        derivative[1:, 0] = -e
        derivative[1:, 1:] = [np.cross(b, axis) / 2 for axis in np.eye(3)]
        for metric, sign in ((np.diag([1.0, -1, -1, -1]), 1), (physics.METRIC, -1)):
            lowered = derivative @ metric
            assert lowered - lowered.T == pytest.approx(sign * printed)
    # The other sign turns E and B around, both: E·B and |B|² - |E|² stay, and so does (10), which is linear.
    for invariant in (physics.e_dot_b, physics.b_squared_minus_e_squared):
        assert invariant(-fields) == pytest.approx(invariant(fields))


def test_eq_10_is_the_transformation_by_the_inverse_which_is_drawn_as_often():
    rng = np.random.default_rng(32)
    x = rng.standard_normal((4000, 6))
    transformations = physics.lorentz_transformations(4000, rng, full_group=False)
    # As the text transforms events, x'^μ = Λ^μ_ν x^ν, the tensor with upper indices transforms as Λ F Λ^T.
    eta = physics.METRIC
    upper = transformations @ (eta @ physics.field_tensor(x) @ eta) @ transformations.transpose(0, 2, 1)
    by_the_vector_law = physics.fields(eta @ upper @ eta)
    inverse = np.linalg.inv(transformations)
    assert physics.transform_fields(x, inverse) == pytest.approx(by_the_vector_law, abs=1e-6)
    # The printed indices stand one above the other. Read the other way, F' = Λ F Λ^T keeps both invariants too.
    other = physics.fields(transformations @ physics.field_tensor(x) @ transformations.transpose(0, 2, 1))
    for invariant in (physics.e_dot_b, physics.b_squared_minus_e_squared):
        assert invariant(other) == pytest.approx(invariant(x), abs=1e-6)
    # The inverse of D1 Λ_v D2 is D2^T Λ_{-v} D1^T: the same factors, drawn with the same chance.
    beta = rng.uniform(-0.9, 0.9, 50)
    assert np.linalg.inv(physics.boosts(beta)) == pytest.approx(physics.boosts(-beta), abs=1e-9)
    for i, j in ((0, 0), (0, 1), (1, 0), (2, 3)):
        one, other = [np.quantile(drawn[:, i, j], np.linspace(0.1, 0.9, 9)) for drawn in (transformations, inverse)]
        assert one == pytest.approx(other, abs=0.08)


def test_eq_10_with_the_first_index_lowered_by_the_metric_is_the_law_that_goes_with_x_prime():
    # Λ_μ^α = η_{μρ} Λ^ρ_σ η^{σα} is the inverse transposed, by which lower indices go where x' = Λ x.
    rng, eta = np.random.default_rng(57), np.diag([-1.0, 1, 1, 1])
    for matrix, x in zip(physics.lorentz_transformations(50, rng, full_group=False), rng.standard_normal((50, 6))):
        tensor, = physics.field_tensor(x[None])
        lowered, inverse = eta @ matrix @ eta, np.linalg.inv(matrix)
        read = np.einsum("ab,ma,nb->mn", tensor, lowered, lowered)                        # (10)
        assert read == pytest.approx(inverse.T @ tensor @ inverse, abs=1e-9)
        # The law of lower indices leaves F_{μν} u^μ v^ν of two events what it is.
        u, v = rng.standard_normal((2, 4))
        assert (matrix @ u) @ read @ (matrix @ v) == pytest.approx(u @ tensor @ v, abs=1e-9)
        for invariant in (physics.e_dot_b, physics.b_squared_minus_e_squared):
            assert invariant(physics.fields(read[None])) == pytest.approx(invariant(x[None]), abs=1e-9)


@pytest.mark.parametrize("component, flips", [
    (np.diag([1.0, -1, 1, 1]), True), (np.diag([-1.0, 1, 1, 1]), True), (np.diag([-1.0, -1, -1, -1]), False)])
def test_eq_11_E_dot_B_changes_its_sign_with_the_determinant_of_the_transformation_and_det_F_does_not(component, flips):
    rng = np.random.default_rng(33)
    x = rng.standard_normal((50, 6))
    transformations = component @ physics.lorentz_transformations(50, rng, full_group=False)
    seen = physics.transform_fields(x, transformations)
    assert physics.e_dot_b(seen) == pytest.approx((-1 if flips else 1) * physics.e_dot_b(x), abs=1e-9)
    assert physics.b_squared_minus_e_squared(seen) == pytest.approx(physics.b_squared_minus_e_squared(x), abs=1e-9)
    determinants = np.linalg.det(physics.field_tensor(seen))
    assert determinants == pytest.approx(np.linalg.det(physics.field_tensor(x)), abs=1e-6)


def test_eq_11_a_fixed_determinant_leaves_the_sign_of_E_dot_B_free():
    x = np.random.default_rng(34).standard_normal((50, 6))
    turned = x * [1, 1, 1, -1, -1, -1]
    assert np.linalg.det(physics.field_tensor(turned)) == pytest.approx(np.linalg.det(physics.field_tensor(x)))
    assert physics.e_dot_b(turned) == pytest.approx(-physics.e_dot_b(x))


def adadelta_path(rate, epsilon, gradients):
    """Parameters after each step down the given gradients (steps, p), from zero."""
    optimizer = siamese.Adadelta(gradients.shape[1], rate, epsilon=epsilon, dtype=np.float64)
    parameters, path = np.zeros(gradients.shape[1]), []
    for g in gradients:
        optimizer.step(parameters, g)
        path.append(parameters.copy())
    return np.array(path)


def test_appendix_B_gradients_start_so_small_that_adadelta_is_gradient_descent_with_the_rate():
    network = siamese.SiameseNetwork((4, 200, 200, 1), seed=0)
    rng = np.random.default_rng(0)
    batch = rng.permutation(2000)[:256]
    network.loss_and_gradients(*(array[batch] for array in pairs(1000, 0)))
    gradients = network.gradients[:-1].astype(float)                      # all but that of b
    threshold = math.sqrt(1e-7 / (1 - 0.95))
    assert np.abs(gradients).max() < 0.5 * threshold and np.median(np.abs(gradients)) < 1e-6
    assert abs(network.gradients[-1]) > threshold
    assert np.allclose(adadelta_path(100.0, 1e-7, gradients[None])[0], -100 * gradients, rtol=0.02, atol=0)


def test_appendix_B_first_steps_of_adadelta_are_rate_times_the_root_of_epsilon_where_gradients_are_large():
    gradients = np.array([[3.0, -0.2, 40.0]])
    step = 100 * math.sqrt(1e-7 / (1 - 0.95))                             # 0.14 for every weight, at once
    assert step == pytest.approx(0.1414, abs=1e-4)
    assert adadelta_path(100.0, 1e-7, gradients)[0] == pytest.approx(-step * np.sign(gradients[0]), rel=1e-4)
    assert np.abs(adadelta_path(1.0, 1e-7, gradients)[0]).max() < 0.0015


def test_appendix_B_only_rate_times_the_root_of_epsilon_counts_where_gradients_are_large():
    gradients = np.random.default_rng(35).standard_normal((200, 5)) + 0.3
    path = adadelta_path(100.0, 1e-7, gradients)
    same = adadelta_path(100 * math.sqrt(1e-7 / 1e-5), 1e-5, gradients)
    assert same == pytest.approx(path, rel=2e-3, abs=1e-3)
    assert adadelta_path(1.0, 1e-3, gradients) == pytest.approx(path, rel=0.1, abs=0.05)
    assert np.abs(adadelta_path(1.0, 1e-7, gradients) - path).max() > 0.5


def test_appendix_B_learning_rate_of_100_is_not_needed_every_kept_run_that_starts_low_found_its_invariant():
    found = single_runs("sr", "cp", "cp-fixed", "em", "em-fixed")
    low = [run for _, run in found if run.settings["learning_rate"] <= 10]
    assert {run.system for run in low} == set(physics.SYSTEMS) - {"sr-fixed"}
    for run in low:
        assert run.test_accuracy >= physics.SYSTEMS[run.system].published.accuracy[1] - 0.01
        assert run.formula or run.system == "cp-fixed"                  # whose f is no polynomial


def test_appendix_B_the_schedule_that_starts_at_100_reaches_the_paper_only_after_its_rate_has_come_down():
    runs = list((ROOT / "results" / "paper" / "sr").glob("*/history.csv"))
    assert runs
    _, published = physics.SYSTEMS["sr"].published.accuracy
    for path in runs:
        history = np.genfromtxt(path, delimiter=",", names=True)
        rate, accuracy = history["learning_rate"], history["test_accuracy"]
        assert accuracy[rate == 100].max() < 0.9
        assert accuracy[rate == 50].max() < published <= accuracy[rate <= 25].max()
    history = np.genfromtxt(ROOT / "results/paper/sr/seed-0/history.csv", delimiter=",", names=True)
    rate, below = history["learning_rate"], history["test_accuracy"] < published
    counts = [(int(below[rate == each].sum()), int(np.sum(rate == each))) for each in (12.5, 6.25)]
    assert counts == [(38, 416), (1, 63)] and not below[rate < 6.25].any()


@pytest.mark.parametrize("y", [np.ones((1, 4)), np.full((2, 4), np.nan)])
def test_eq_02_refuses_vectors_of_another_shape_or_not_finite(y):
    with pytest.raises(ValueError, match="^y must"):
        physics.scalar_product(np.ones((2, 4)), y)


def test_eq_03_by_hand_of_negative_components():
    assert physics.interval(np.array([[-1.0, 0, 0, 0], [0, -1.0, -2, 2]])).tolist() == [-1, 9]


def test_eq_A1_the_rotations_before_and_after_the_boost_are_independent():
    transformations = physics.lorentz_transformations(20_000, np.random.default_rng(6), full_group=False)
    after, before = (each / np.linalg.norm(each, axis=1, keepdims=True)
                     for each in (transformations[:, 1:, 0], transformations[:, 0, 1:]))
    assert after.T @ before / len(before) == pytest.approx(np.zeros((3, 3)), abs=0.02)


def test_eq_06_by_hand_close_to_the_centre():
    assert physics.energy(np.array([[0.03, 0.04, 0, 0]])) == pytest.approx([-20])


@pytest.mark.parametrize("x", [np.ones((2, 4)), np.full((2, 6), np.nan)])
def test_eq_11_eq_12_refuse_fields_of_another_shape_or_not_finite(x):
    for function in (physics.e_dot_b, physics.b_squared_minus_e_squared):
        with pytest.raises(ValueError, match="^x must"):
            function(x)
