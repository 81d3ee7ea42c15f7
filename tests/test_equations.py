"""The paper's numbered equations, one or more tests each: python -m pytest -k eq_A1

Every expected value comes from somewhere else than the code under test: a formula written out with
plain numbers, finite differences, or a value known from a textbook.
"""

import math

import numpy as np
import pytest

import physics
import siamese


def small_network(activation="relu", k=1, w=1.3, seed=0):
    """A float64 network with random parameters, biases and b included, and the given w."""
    network = siamese.SiameseNetwork((4, 7, 6, k), activation=activation, dtype=np.float64)
    network.parameters[:] = 0.5 * np.random.default_rng(seed).standard_normal(network.parameters.size)
    network.w[:] = w
    return network


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
    gradients, numerical, h = network.gradients.copy(), np.empty(network.gradients.size), 1e-6
    for i, value in enumerate(network.parameters.copy()):
        losses = []
        for network.parameters[i] in (value + h, value - h):
            losses.append(network.loss_and_gradients(x, x_prime, y)[0])
        network.parameters[i] = value
        numerical[i] = (losses[0] - losses[1]) / (2 * h)
    assert np.linalg.norm(gradients - numerical) < 1e-6 * np.linalg.norm(numerical)
    # The two scalars and the biases by themselves: in the norm of the whole an error could hide.
    assert gradients[-2:] == pytest.approx(numerical[-2:], rel=1e-6)
    start = 0
    for weights in network.layers[:-1]:
        start += weights.size
        biases = slice(start - weights.shape[1], start)
        assert gradients[biases] == pytest.approx(numerical[biases], rel=1e-5, abs=1e-9)


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
        transformations = physics.lorentz_transformations(8000, np.random.default_rng(5), full_group=full_group)
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
    assert boost == pytest.approx(np.array([[1.25, -0.75, 0, 0], [-0.75, 1.25, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))


def test_eq_A4_rotations_are_orthogonal_and_uniform():
    r = physics.rotations(40_000, np.random.default_rng(7))
    assert r.transpose(0, 2, 1) @ r == pytest.approx(np.tile(np.eye(3), (len(r), 1, 1)), abs=1e-12)
    assert np.linalg.det(r) == pytest.approx(np.ones(len(r)))
    flat = r.reshape(-1, 9)
    # Moments of the Haar measure: <R_ij> = 0, <R_ij R_kl> = δ_ik δ_jl / 3, and tr R = 1 + 2 cos(angle)
    # with angle density (1 - cos) / pi, so that <tr R> = 0, <tr^2 R> = 1, <tr^3 R> = 1.
    assert flat.mean(axis=0) == pytest.approx(np.zeros(9), abs=0.015)
    assert flat.T @ flat / len(flat) == pytest.approx(np.eye(9) / 3, abs=0.015)
    trace = np.trace(r, axis1=1, axis2=2)
    assert [np.mean(trace**m) for m in (1, 2, 3)] == pytest.approx([0, 1, 1], abs=0.05)


def test_eq_06_force_is_the_gradient_of_the_attractive_potential():
    # Hamilton's equations from central differences of the energy, in time: divide by dt/ds = r.
    x, h = np.random.default_rng(8).uniform(0.5, 1.5, (20, 4)), 1e-6
    gradient = np.stack([(physics.energy(x + step) - physics.energy(x - step)) / (2 * h) for step in h * np.eye(4)], axis=1)
    rates = physics.hamiltons_equations(x.T).T / np.hypot(x[:, 0], x[:, 1])[:, None]
    assert rates[:, :2] == pytest.approx(gradient[:, 2:], rel=1e-7)                       # dx/dt = dH/dp
    assert rates[:, 2:] == pytest.approx(-gradient[:, :2], rel=1e-7)                      # dp/dt = -dH/dx
    assert np.all(np.sum(rates[:, 2:] * x[:, :2], axis=1) < 0)                            # towards the centre


def test_eq_06_with_the_sign_as_printed_has_no_bound_orbit():
    x = np.random.default_rng(9).uniform(-2, 2, (1000, 4))
    printed = 0.5 * (x[:, 2]**2 + x[:, 3]**2) + 1 / np.hypot(x[:, 0], x[:, 1])
    assert printed.min() > 0                    # a particle at rest at infinity has 0: every particle can escape


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


def test_eq_12_half_the_contraction_of_the_field_tensor_with_itself():
    x = np.random.default_rng(15).standard_normal((50, 6))
    tensor, eta = physics.field_tensor(x), np.diag([-1.0, 1, 1, 1])
    contraction = np.einsum("nab,nab->n", tensor, eta @ tensor @ eta) / 2
    assert physics.b_squared_minus_e_squared(x) == pytest.approx(contraction)
