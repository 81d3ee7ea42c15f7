"""The network beyond its equations: initial weights, gradients, optimiser, callbacks, files, copies, bad arguments."""

import copy
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import siamese
from helpers import central_differences, pair_stepper, pairs


# --------------------------------------------------------------------------------------- network

def test_new_network_is_glorot_uniform_with_zero_biases_and_a_small_bottleneck():
    network = siamese.SiameseNetwork((4, 300, 200, 1), seed=0)
    for weights, scale in zip(network.layers, (1, 1, 0.1)):
        limit = scale * np.sqrt(6 / (weights.shape[0] - 1 + weights.shape[1]))
        assert not weights[-1].any()
        assert 0.95 * limit < np.abs(weights[:-1]).max() <= limit * (1 + 1e-6)
        assert weights[:-1].std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
    assert network.w == 1 and network.b == 0


def test_parameters_and_gradients_are_flat_vectors_that_the_layers_are_views_of():
    network = siamese.SiameseNetwork((4, 3, 1))
    assert network.parameters.shape == network.gradients.shape == (5 * 3 + 4 * 1 + 2,)
    network.parameters[:] = np.arange(network.parameters.size)
    assert network.layers[0][0, 0] == 0 and network.layers[-1][-1, 0] == 18
    assert (network.w, network.b) == (19, 20)


def test_bottleneck_gives_the_same_in_one_block_and_in_many():
    network = siamese.SiameseNetwork((4, 9, 2), dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((2 * siamese.BLOCK + 7, 4))
    together = network.bottleneck(x)
    one_by_one = np.concatenate([network.bottleneck(row[None]) for row in x])
    assert together.shape == (len(x), 2)
    assert together == pytest.approx(one_by_one, abs=1e-13)


def test_f_is_the_bottleneck_of_one_neuron_as_double_precision_vector():
    network = siamese.SiameseNetwork((4, 9, 1))
    x = np.random.default_rng(0).standard_normal((20, 4))
    assert network.f(x).shape == (20,) and network.f(x).dtype == np.float64
    assert np.array_equal(network.f(x), network.bottleneck(x)[:, 0])
    for function in (siamese.SiameseNetwork((4, 9, 2)).f, siamese.SiameseNetwork((4, 9, 2)).gradient):
        with pytest.raises(ValueError, match="2"):
            function(x)


def sine(z, memory):
    memory[:] = z
    np.sin(z, out=z)


def sine_derivative(a, memory):
    np.cos(memory, out=a)


@pytest.mark.parametrize("activation", [*siamese.ACTIVATIONS, "sine"])
def test_gradient_of_f_by_the_observation_equals_central_differences_also_where_a_derivative_needs_z(
        activation, monkeypatch):
    monkeypatch.setitem(siamese.ACTIVATIONS, "sine", (sine, sine_derivative))
    network = siamese.SiameseNetwork((4, 8, 6, 1), activation=activation, dtype=np.float64)
    x = np.random.default_rng(1).standard_normal((siamese.BLOCK + 5, 4))
    gradient = network.gradient(x)
    assert gradient.shape == x.shape and gradient.dtype == np.float64
    assert gradient == pytest.approx(central_differences(network.f, x), abs=1e-8)


def test_gradients_do_not_depend_on_which_batch_the_buffers_served_before():
    x, x_prime, y = pairs(40, 0)
    used, fresh = siamese.SiameseNetwork((4, 9, 1)), siamese.SiameseNetwork((4, 9, 1))
    used.loss_and_gradients(x, x_prime, y)
    used.gradient(x)
    for network in (used, fresh):
        network.loss_and_gradients(x[:7], x_prime[:7], y[:7])
    assert np.array_equal(used.gradients, fresh.gradients)


def test_of_no_observations_there_are_no_outputs():
    assert siamese.SiameseNetwork((2, 4, 1), 0).f(np.empty((0, 2))).shape == (0,)


def test_several_threads_get_the_f_and_the_gradient_that_one_gets():
    network = siamese.SiameseNetwork((4, 200, 32, 1))
    arrays = list(np.random.default_rng(2).standard_normal((20, 2000, 4)))
    for function in (network.f, network.gradient):
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(function, arrays))
        assert all(np.array_equal(one, function(x)) for one, x in zip(found, arrays))


def test_a_training_step_allocates_nothing_of_the_size_of_its_buffers():
    network = siamese.SiameseNetwork((4, 200, 200, 1))
    passes = pair_stepper(network, *pairs(128, 0))
    optimizer = siamese.Adadelta(network.parameters.size, 1.0)

    def step():
        passes()
        optimizer.step(network.parameters, network.gradients)
    step()
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 64 KiB are NumPy's own buffer for turning relu's comparison into numbers; a pass over one layer has 200 KiB.
    assert peak < 100_000 < 256 * 200 * 4


@pytest.mark.parametrize("k", [1, 3])
def test_numbered_pairs_have_the_loss_and_the_accuracy_of_the_same_pairs_written_out(k):
    rng, network = np.random.default_rng(3), siamese.SiameseNetwork((4, 9, k), seed=1, dtype=np.float64)
    network.w[:], network.b[:] = 30, -1
    x, x_prime = rng.standard_normal((2, 20, 4))
    first, second = rng.integers(0, 20, (2, 70))
    y = rng.integers(0, 2, 70)
    numbered = network.evaluate(x, x_prime, y, first, second)
    assert numbered == pytest.approx(network.evaluate(x[first], x_prime[second], y), rel=1e-12)
    assert numbered[0] != pytest.approx(network.evaluate(x[second], x_prime[first], y)[0], rel=1e-3)


def test_an_observation_of_many_pairs_goes_through_the_layers_once():
    class Counted(siamese.SiameseNetwork):
        rows_seen = 0

        def forward(self, augmented):
            self.rows_seen += len(augmented)
            return super().forward(augmented)
    network, (x, x_prime, _) = Counted((4, 5, 1)), pairs(10, 0)
    network.evaluate(x[:10], x_prime[:10], np.arange(100) % 2, *np.divmod(np.arange(100), 10))
    assert network.rows_seen == 20


@pytest.mark.parametrize("first, second", [([0, 1, 3], [0, 1, 2]), ([0, 1, 2], [0, -1, 2]), ([0, 1, 2], [0, 1])])
def test_numbers_of_rows_that_are_not_there_are_refused(first, second):
    with pytest.raises(ValueError, match="^first and second must be as long as y, and number rows from 0 to 2"):
        siamese.SiameseNetwork((4, 3, 1)).evaluate(np.ones((3, 4)), np.ones((3, 4)), [0, 1, 0], first, second)


def test_numbers_of_one_side_alone_are_used():
    network, (x, x_prime, y), second = siamese.SiameseNetwork((4, 5, 1)), pairs(10, 0), np.arange(20)[::-1]
    assert network.evaluate(x, x_prime, y, second=second) == pytest.approx(network.evaluate(x, x_prime[second], y))


def test_accuracy_counts_the_pairs_on_the_right_side_of_one_half():
    assert siamese.accuracy(np.array([-1.0, 2.0, 3.0, -4.0]), np.array([0, 1, 0, 0])) == 0.75


# -------------------------------------------------------------------------- Adadelta and callbacks

def test_adadelta_follows_algorithm_1_of_zeiler_worked_with_plain_numbers():
    rate, rho, epsilon = 3.0, 0.9, 1e-6
    optimizer = siamese.Adadelta(2, rate, rho, epsilon, dtype=np.float64)
    parameters = np.array([1.0, -2.0])
    expected, mean_g2, mean_d2 = [1.0, -2.0], [0.0, 0.0], [0.0, 0.0]
    for gradients in ([0.5, -1.0], [0.25, 0.0], [-4.0, 1e-3]):
        optimizer.step(parameters, np.array(gradients))
        for i, g in enumerate(gradients):
            mean_g2[i] = rho * mean_g2[i] + (1 - rho) * g * g
            d = (mean_d2[i] + epsilon)**0.5 / (mean_g2[i] + epsilon)**0.5 * g
            mean_d2[i] = rho * mean_d2[i] + (1 - rho) * d * d
            expected[i] -= rate * d
        assert parameters == pytest.approx(expected, rel=1e-12)


def test_adadelta_first_step_of_a_case_worked_by_hand():
    # E[g^2] = 0.1 * 4 = 0.4, so that d = sqrt(0.1) / sqrt(0.4 + 0.1) * 2 = 2 / sqrt(5)
    parameters = np.zeros(1)
    optimizer = siamese.Adadelta(1, 10.0, rho=0.9, epsilon=0.1, dtype=np.float64)
    optimizer.step(parameters, np.array([2.0]))
    assert parameters == pytest.approx([-10 * 2 / 5**0.5])


def test_learning_rate_halves_after_patience_epochs_without_improvement_and_again_after_as_many():
    callback, rate, rates = siamese.ReduceLearningRateOnPlateau(patience=2, factor=2), 8.0, []
    for loss in (5, 4, 4, 6, 3, 3, 3, 3, 3, 2):
        rate = callback.update(loss, rate)
        rates.append(rate)
    #               new new  1  2  new  1  2  1  2  new
    assert rates == [8, 8, 8, 4, 4, 4, 2, 2, 1, 1]
    with pytest.raises(ValueError, match="factor must be 1 or more"):
        siamese.ReduceLearningRateOnPlateau(patience=2, factor=0.5)


def test_a_decrease_by_less_than_1e_4_counts_for_stopping_but_not_for_the_learning_rate():
    reduce, stop = siamese.ReduceLearningRateOnPlateau(1), siamese.EarlyStopping(9)
    rate, rates, waits = 8.0, [], []
    for loss in (1, 1 - 0.6e-4, 1 - 1.2e-4, 1 - 1.8e-4):        # the third is 1.2e-4 below the best that counted
        rate = reduce.update(loss, rate)
        stop.update(loss)
        rates.append(rate)
        waits.append(stop.wait)
    assert rates == [8, 4, 4, 2] and waits == [0, 0, 0, 0]


def test_training_stops_after_patience_epochs_without_improvement():
    callback = siamese.EarlyStopping(patience=3)
    assert [callback.update(loss) for loss in (5, 6, 7, 4, 4, 5, 4)] == [False] * 6 + [True]


def test_the_paper_schedule_is_appendix_b_as_printed():
    paper = siamese.SCHEDULES["paper"]
    assert (paper.learning_rate, paper.batch_size, paper.epochs) == (100, 256, 10_000)
    assert (paper.reduce_patience, paper.reduce_factor, paper.stop_patience) == (50, 2, 200)
    assert paper.decay == 1


# ------------------------------------------------------------------------------- files and copies

@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_saved_network_comes_back_the_same(dtype, tmp_path):
    network = siamese.SiameseNetwork((4, 6, 2), seed=5, activation="tanh", dtype=dtype, label="sr")
    network.save(tmp_path / "model.npz")
    loaded = siamese.SiameseNetwork.load(tmp_path / "model.npz")
    assert np.array_equal(loaded.parameters, network.parameters) and loaded.parameters.dtype == dtype
    assert (loaded.layer_sizes, loaded.activation, loaded.label) == ((4, 6, 2), "tanh", "sr")
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_a_damaged_or_foreign_file_is_refused_by_name(tmp_path):
    good = tmp_path / "good.npz"
    siamese.SiameseNetwork((4, 6, 1)).save(good)
    content, arrays = good.read_bytes(), dict(np.load(good))
    damaged = {f"cut{size}": content[:size] for size in range(1, len(content), 97)}
    damaged |= {"empty": b"", "text": b"not a network", "flipped": content[:700] + b"\xff" + content[701:]}
    for name, data in damaged.items():
        (tmp_path / f"{name}.npz").write_bytes(data)
    foreign = {"other": {"x": np.ones(3)}, "short": {**arrays, "parameters": np.ones(3)},
               "objects": {**arrays, "parameters": np.array([{}])}}
    for name, others in foreign.items():
        np.savez(tmp_path / f"{name}.npz", **others)
    for name in (*damaged, *foreign):
        with pytest.raises(ValueError, match=f"{name}.npz is not a complete saved network"):
            siamese.SiameseNetwork.load(tmp_path / f"{name}.npz")


class InUnitsOf(siamese.SiameseNetwork):
    """A network of a subclass with an argument of its own."""

    def __init__(self, layer_sizes, *, unit):
        super().__init__(layer_sizes)
        self.unit = unit

    def standardise(self, x):
        return x / self.unit


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_of_a_subclass_keeps_its_arguments_and_has_parameters_of_its_own(copied):
    network, x = InUnitsOf((4, 6, 1), unit=3.0), np.ones((2, 4))
    before, other = network.f(x), copied(network)
    assert type(other) is InUnitsOf and np.array_equal(other.f(x), before)
    other.layers[0][:] = 1
    assert np.array_equal(network.f(x), before) and not np.array_equal(other.f(x), before)


# ---------------------------------------------------------------------------------- bad arguments

@pytest.mark.parametrize("layer_sizes", [(4,), (), (4, 0, 1), (4, -3, 1), (4, 2.5, 1), (4, "5", 1)])
def test_impossible_layer_sizes_are_refused(layer_sizes):
    with pytest.raises(ValueError, match="layer_sizes"):
        siamese.SiameseNetwork(layer_sizes)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="activation must be one of relu, tanh"):
        siamese.SiameseNetwork((4, 1), activation="swish")


@pytest.mark.parametrize("name, value", [
    ("x", np.ones((3, 5))), ("x", np.ones(4)), ("x", np.full((3, 4), np.nan)), ("x", np.array([["a"] * 4] * 3)),
    ("x_prime", np.ones((2, 4))), ("x_prime", np.full((3, 4), np.inf)), ("x", np.ones((0, 4))),
    ("y", np.ones((3, 1))), ("y", np.ones(2)), ("y", [0, 1, np.nan]), ("y", [0, 1, 2])])
def test_arrays_of_wrong_shape_or_not_finite_are_refused_by_name(name, value):
    network = siamese.SiameseNetwork((4, 3, 1))
    arguments = {"x": np.ones((3, 4)), "x_prime": np.ones((3, 4)), "y": np.ones(3)} | {name: value}
    for function in (network.loss_and_gradients, network.evaluate):
        with pytest.raises(ValueError, match=f"^{name}"):
            function(**arguments)
    if name != "y" and len(value):
        with pytest.raises(ValueError, match=f"^{name}"):
            network.predict(arguments["x"], arguments["x_prime"])


@pytest.mark.parametrize("settings", [{"learning_rate": 0}, {"learning_rate": -1}, {"rho": 1}, {"epsilon": 0}])
def test_impossible_adadelta_constants_are_refused(settings):
    with pytest.raises(ValueError, match="Adadelta"):
        siamese.Adadelta(3, **settings)


@pytest.mark.parametrize("parameters, gradients", [
    ([1.0, 2.0], np.ones(2)), (np.ones(2), [1.0, 2.0]), (np.ones(3), np.ones(3)), (np.ones(2), np.ones(1))])
def test_adadelta_refuses_a_list_or_an_array_of_another_size(parameters, gradients):
    with pytest.raises(ValueError, match=r"must be arrays of shape \(2,\)"):
        siamese.Adadelta(2).step(parameters, gradients)


@pytest.mark.parametrize("name", ["learning_rate", "batch_size", "epochs", "reduce_patience", "reduce_factor",
                                  "stop_patience", "decay"])
@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf])
def test_impossible_schedules_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        siamese.Schedule(**{name: value})


@pytest.mark.parametrize("settings", [{"epochs": 2.5}, {"decay": 1.5}, {"reduce_factor": 0.5}])
def test_a_schedule_has_whole_epochs_and_rates_that_only_fall(settings):
    with pytest.raises(ValueError, match=f"{[*settings][0]} must be a positive"):
        siamese.Schedule(**settings)


def test_a_schedule_holds_pythons_own_numbers_which_a_file_can_keep():
    schedule = siamese.Schedule(np.float32(2), epochs=np.int64(3))
    assert [type(value) for value in (schedule.learning_rate, schedule.epochs)] == [float, int]


def test_accuracy_counts_as_different_all_above_one_half_and_no_others():
    z = np.linspace(-1, 1, 40)
    assert siamese.accuracy(z, 1 / (1 + np.exp(-z)) > 0.5) == 1


def test_adadelta_first_step_of_a_large_gradient_is_the_rate_times_the_root_of_keras_epsilon():
    p = np.zeros(1)
    siamese.Adadelta(1, dtype=np.float64).step(p, np.array([1e6]))
    assert p == pytest.approx([-100 * np.sqrt(1e-7 / (1 - 0.95))], rel=1e-6)


def test_a_file_with_a_weight_that_is_not_finite_is_refused(tmp_path):
    network = siamese.SiameseNetwork((4, 3, 1))
    network.parameters[5] = np.nan
    network.save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match="model.npz is not a complete saved network"):
        siamese.SiameseNetwork.load(tmp_path / "model.npz")


def test_a_new_network_is_drawn_within_the_limits_of_glorot():
    first = [abs(siamese.SiameseNetwork((1, 1, 1), seed).layers[0][0, 0]) for seed in range(300)]
    assert 0.98 * np.sqrt(6 / 2) < max(first) <= np.sqrt(6 / 2)


def test_a_factor_and_a_decay_of_1_and_one_epoch_are_settings():
    assert siamese.Schedule(reduce_factor=1, decay=1, epochs=1).epochs == 1
