"""The network beyond its equations: optimiser, callbacks, training loop, saved files, bad arguments."""

import tracemalloc

import numpy as np
import pytest

import physics
import siamese
import training


def pairs(n, seed):
    return physics.labelled_pairs(physics.SYSTEMS["sr"], n, np.random.default_rng(seed))


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
    assert together.shape == (len(x), 2)
    assert together == pytest.approx(np.concatenate([network.bottleneck(row[None]) for row in x]), abs=1e-13)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("k", [1, 3])
def test_input_gradient_of_the_bottleneck_equals_central_differences(activation, k):
    network = siamese.SiameseNetwork((4, 8, 6, k), activation=activation, dtype=np.float64)
    x, h = np.random.default_rng(1).standard_normal((siamese.BLOCK + 5, 4)), 1e-6
    gradient = network.input_gradient(x)
    assert gradient.shape == (len(x), k, 4)
    for i, step in enumerate(h * np.eye(4)):
        numerical = (network.bottleneck(x + step) - network.bottleneck(x - step)) / (2 * h)
        assert gradient[:, :, i] == pytest.approx(numerical, abs=1e-8)


def test_gradients_do_not_depend_on_which_batch_the_buffers_served_before():
    x, x_prime, y = pairs(40, 0)
    used, fresh = siamese.SiameseNetwork((4, 9, 1)), siamese.SiameseNetwork((4, 9, 1))
    used.loss_and_gradients(x, x_prime, y)
    used.input_gradient(x)
    for network in (used, fresh):
        network.loss_and_gradients(x[:7], x_prime[:7], y[:7])
    assert np.array_equal(used.gradients, fresh.gradients)


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
    siamese.Adadelta(1, 10.0, rho=0.9, epsilon=0.1, dtype=np.float64).step(parameters, np.array([2.0]))
    assert parameters == pytest.approx([-10 * 2 / 5**0.5])


def test_learning_rate_halves_after_patience_epochs_without_improvement_and_again_after_as_many():
    callback, rate, rates = siamese.ReduceLearningRateOnPlateau(patience=2, factor=2), 8.0, []
    for loss in (5, 4, 4, 6, 3, 3, 3, 3, 3, 2):
        rate = callback.update(loss, rate)
        rates.append(rate)
    #               new new  1  2  new  1  2  1  2  new
    assert rates == [8, 8, 8, 4, 4, 4, 2, 2, 1, 1]


def test_a_decrease_by_less_than_1e_4_counts_for_stopping_but_not_for_the_learning_rate():
    reduce, stop, rate, rates, waited = siamese.ReduceLearningRateOnPlateau(1), siamese.EarlyStopping(9), 8.0, [], []
    for loss in (1, 1 - 0.6e-4, 1 - 1.2e-4, 1 - 1.8e-4):        # the third is 1.2e-4 below the best that counted
        rate = reduce.update(loss, rate)
        stop.update(loss)
        rates.append(rate)
        waited.append(stop.waited)
    assert rates == [8, 4, 4, 2] and waited == [0, 0, 0, 0]


def test_the_learning_rate_falls_by_the_factor_decay_at_every_epoch():
    schedule = training.Schedule(1.0, epochs=5, decay=0.5)
    history = training.fit(siamese.SiameseNetwork((4, 5, 1)), pairs(20, 0), pairs(20, 1), schedule)
    assert history["learning_rate"] == [1, 0.5, 0.25, 0.125, 0.0625]


def test_training_stops_after_patience_epochs_without_improvement():
    callback = siamese.EarlyStopping(patience=3)
    assert [callback.update(loss) for loss in (5, 6, 7, 4, 4, 5, 4)] == [False] * 6 + [True]


def test_the_paper_schedule_is_appendix_b_as_printed():
    paper = training.SCHEDULES["paper"]
    assert (paper.learning_rate, paper.batch_size, paper.epochs) == (100, 256, 10_000)
    assert (paper.reduce_patience, paper.reduce_factor, paper.stop_patience) == (50, 2, 200)


# -------------------------------------------------------------------------------------- training

def reference_fit(network, train, schedule, seed):
    """The training loop once more, in its plainest form: float64, no buffers, one branch at a time."""
    W = [layer.copy() for layer in network.layers]
    p = W + [network.w.copy(), network.b.copy()]
    g2, d2 = [np.zeros_like(q) for q in p], [np.zeros_like(q) for q in p]
    rng, history = np.random.default_rng(seed), []
    for _ in range(schedule.epochs):
        order, losses, hits = rng.permutation(len(train[2])), [], []
        for start in range(0, len(order), schedule.batch_size):
            x, x_prime, y = [array[order[start:start + schedule.batch_size]] for array in train]
            branches = []
            for a in (x, x_prime):
                a = [np.c_[a, np.ones(len(a))]]
                for weights in W[:-1]:
                    a.append(np.c_[np.maximum(a[-1] @ weights, 0), np.ones(len(x))])
                branches.append((a, a[-1] @ W[-1]))
            difference = branches[0][1] - branches[1][1]
            predicted = 1 / (1 + np.exp(-p[-2] * difference[:, 0]**2 - p[-1]))
            losses.extend(-np.log(np.where(y == 1, predicted, 1 - predicted)))
            hits.extend((predicted > 0.5) == (y == 1))
            error = (predicted - y) / len(y)
            gradients = [np.zeros_like(q) for q in p]
            gradients[-2][0], gradients[-1][0] = np.sum(error * difference[:, 0]**2), np.sum(error)
            for sign, (a, _) in zip((1, -1), branches):
                delta = sign * 2 * p[-2] * error[:, None] * difference
                for l in reversed(range(len(W))):
                    gradients[l] += a[l].T @ delta
                    delta = (delta @ W[l].T * (a[l] > 0))[:, :-1]
            for q, g, mean_g2, mean_d2 in zip(p, gradients, g2, d2):
                mean_g2 *= 0.95
                mean_g2 += 0.05 * g**2
                d = np.sqrt(mean_d2 + 1e-7) / np.sqrt(mean_g2 + 1e-7) * g
                mean_d2 *= 0.95
                mean_d2 += 0.05 * d**2
                q -= schedule.learning_rate * d
            p[-2][:] = np.abs(p[-2])
        history.append((np.mean(losses), np.mean(hits)))
    return np.concatenate([q.ravel() for q in p]), history


@pytest.mark.parametrize("learning_rate", [1.0, 100.0])
def test_fit_takes_the_steps_of_a_plain_reference_loop(learning_rate):
    train = pairs(50, 0)
    schedule = training.Schedule(learning_rate, batch_size=32, epochs=3)                # 100 = 32 + 32 + 32 + 4
    network = siamese.SiameseNetwork((4, 6, 5, 1), seed=1, dtype=np.float64)
    expected, expected_history = reference_fit(network, train, schedule, seed=2)
    history = training.fit(network, train, pairs(10, 3), schedule, seed=2)
    assert network.parameters == pytest.approx(expected, rel=1e-7, abs=1e-9)
    assert np.transpose([history["loss"], history["accuracy"]]) == pytest.approx(np.array(expected_history), rel=1e-7)


def test_a_training_step_allocates_nothing_of_the_size_of_its_buffers():
    network = siamese.SiameseNetwork((4, 200, 200, 1))
    x, x_prime, y = network.checked_pairs(*pairs(128, 0))
    rows, z = network.rows(x, x_prime), np.empty_like(y)
    optimizer = siamese.Adadelta(network.parameters.size, 1.0)

    def step():
        network.step(rows, y, z)
        optimizer.step(network.parameters, network.gradients)
    step()
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 64 KiB are NumPy's own buffer for turning relu's comparison into numbers; a pass over one layer has 200 KiB.
    assert peak < 100_000 < 256 * 200 * 4


def test_the_same_seeds_give_the_same_network_bit_for_bit_and_other_seeds_another():
    schedule = training.Schedule(1.0, epochs=2)
    train, test = pairs(500, 0), pairs(50, 1)
    results = []
    for initial, batches in ((0, 0), (0, 0), (1, 0), (0, 1)):
        network = siamese.SiameseNetwork((4, 20, 20, 1), seed=initial)
        history = training.fit(network, train, test, schedule, seed=batches)
        results.append((network.parameters.tobytes(), history["loss"]))
    assert results[0] == results[1]
    assert results[2] != results[0] != results[3]


def test_the_callbacks_see_the_training_loss_of_every_epoch():
    # At this learning rate the loss soon stops improving, so that both callbacks act.
    schedule = training.Schedule(300.0, batch_size=20, epochs=200, reduce_patience=2, reduce_factor=3, stop_patience=6)
    history = training.fit(siamese.SiameseNetwork((4, 5, 1)), pairs(20, 0), pairs(20, 1), schedule)
    reduce, stop, rate = siamese.ReduceLearningRateOnPlateau(2, 3), siamese.EarlyStopping(6), 300.0
    for loss, used in zip(history["loss"], history["learning_rate"]):
        assert used == rate
        rate, stopped = reduce.update(loss, rate), stop.update(loss)
    assert stopped and len(history["epoch"]) < 200 and history["learning_rate"][-1] < 300


def test_w_is_folded_back_when_a_step_carries_it_through_zero():
    network = siamese.SiameseNetwork((4, 5, 1))
    smallest = []
    training.fit(network, pairs(64, 0), pairs(8, 1), training.Schedule(1000.0, batch_size=8, epochs=10),
                on_epoch=lambda history: smallest.append(network.w[0]))
    assert min(smallest) >= 0


def test_history_records_the_evaluation_of_the_network_at_each_epoch():
    network, test, seen = siamese.SiameseNetwork((4, 10, 1)), pairs(50, 1), []
    history = training.fit(network, pairs(100, 0), test, training.Schedule(1.0, epochs=3),
                          on_epoch=lambda history: seen.append(network.evaluate(*test)))
    assert np.transpose([history["test_loss"], history["test_accuracy"]]) == pytest.approx(np.array(seen), rel=1e-6)
    assert history["epoch"] == [1, 2, 3] and all(len(column) == 3 for column in history.values())


def test_a_loss_that_is_no_longer_finite_ends_the_training_with_the_epoch():
    network = siamese.SiameseNetwork((4, 5, 1))
    network.layers[0][:] = 1e30
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="epoch 1"):
        training.fit(network, pairs(20, 0), pairs(20, 1), training.Schedule(1.0, epochs=2))


def test_a_last_step_that_diverges_is_not_missed():
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="epoch 1"):
        training.fit(siamese.SiameseNetwork((4, 5, 1)), pairs(20, 0), pairs(20, 1), training.Schedule(1e38, epochs=1))


# ------------------------------------------------------------------------------------ saved files

def test_a_saved_network_comes_back_the_same(tmp_path):
    network = siamese.SiameseNetwork((4, 6, 2), seed=5, activation="tanh", dtype=np.float64, label="sr")
    network.save(tmp_path / "model.npz")
    loaded = siamese.SiameseNetwork.load(tmp_path / "model.npz")
    assert np.array_equal(loaded.parameters, network.parameters) and loaded.parameters.dtype == np.float64
    assert (loaded.layer_sizes, loaded.activation, loaded.label) == ((4, 6, 2), "tanh", "sr")
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_a_damaged_or_foreign_file_is_refused_by_name(tmp_path):
    good = tmp_path / "good.npz"
    siamese.SiameseNetwork((4, 6, 1)).save(good)
    content = good.read_bytes()
    damaged = {"empty": b"", "text": b"not a network", "flipped": content[:700] + b"\xff" + content[701:],
               **{f"cut{size}": content[:size] for size in range(1, len(content), 97)}}
    for name, data in damaged.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(data)
        with pytest.raises(ValueError, match=f"{name}.npz is not a complete saved network"):
            siamese.SiameseNetwork.load(path)
    for name, arrays in {"other": {"x": np.ones(3)}, "short": {**np.load(good), "parameters": np.ones(3)},
                         "objects": {**np.load(good), "parameters": np.array([{}])}}.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(ValueError, match=f"{name}.npz is not a complete saved network"):
            siamese.SiameseNetwork.load(tmp_path / f"{name}.npz")


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
    ("x_prime", np.ones((2, 4))), ("x_prime", np.full((3, 4), np.inf)),
    ("y", np.ones((3, 1))), ("y", np.ones(2)), ("y", [0, 1, np.nan]), ("x", np.ones((0, 4)))])
def test_arrays_of_wrong_shape_or_not_finite_are_refused_by_name(name, value):
    network = siamese.SiameseNetwork((4, 3, 1))
    arguments = {"x": np.ones((3, 4)), "x_prime": np.ones((3, 4)), "y": np.ones(3)} | {name: value}
    with pytest.raises(ValueError, match=name):
        network.loss_and_gradients(**arguments)
    with pytest.raises(ValueError, match=name):
        training.fit(network, tuple(arguments.values()), pairs(5, 0))
    if name != "y" and len(value):
        with pytest.raises(ValueError, match=name):
            network.predict(arguments["x"], arguments["x_prime"])


@pytest.mark.parametrize("settings", [dict(learning_rate=0), dict(learning_rate=-1), dict(rho=1), dict(epsilon=0)])
def test_impossible_adadelta_constants_are_refused(settings):
    with pytest.raises(ValueError, match="Adadelta"):
        siamese.Adadelta(3, **settings)


# ------------------------------------------------------------------------------ a wider bottleneck

def test_correlation_penalty_is_the_sum_of_squared_correlations_and_its_gradient_that_of_central_differences():
    f, h = np.random.default_rng(0).standard_normal((9, 3)) @ [[1, 0.5, 0], [0, 1, 2], [0, 0, 3]], 1e-6
    penalty, gradient = siamese.correlation_penalty(f)
    assert penalty == pytest.approx(np.sum(np.triu(np.corrcoef(f.T), 1)**2))
    for i, j in np.ndindex(f.shape):
        step = np.zeros_like(f)
        step[i, j] = h
        numerical = (siamese.correlation_penalty(f + step)[0] - siamese.correlation_penalty(f - step)[0]) / (2 * h)
        assert gradient[i, j] == pytest.approx(numerical, abs=1e-8)


def test_decorrelation_adds_its_gradient_to_every_parameter_of_a_wider_bottleneck():
    network = siamese.SiameseNetwork((4, 7, 2), dtype=np.float64, decorrelation=0.3)
    network.parameters[:] = 0.5 * np.random.default_rng(1).standard_normal(network.parameters.size)
    x, x_prime, y = pairs(20, 2)

    def loss():
        f = np.stack([network.bottleneck(x), network.bottleneck(x_prime)], axis=1).reshape(-1, 2)
        return network.evaluate(x, x_prime, y)[0] + 0.3 * siamese.correlation_penalty(f)[0]
    network.loss_and_gradients(x, x_prime, y)
    gradients, h = network.gradients.copy(), 1e-6
    for i, value in enumerate(network.parameters.copy()):
        losses = []
        for network.parameters[i] in (value + h, value - h):
            losses.append(loss())
        network.parameters[i] = value
        assert gradients[i] == pytest.approx((losses[0] - losses[1]) / (2 * h), abs=1e-7)
