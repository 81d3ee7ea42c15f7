"""The loop of Appendix B: every step against a plain reference, the callbacks, the history, the streams of a seed."""

import numpy as np
import pytest

import physics
import siamese
import train
from helpers import pairs, sample_sets
from siamese import Schedule
from train import Training, fit


def plain_gradients(p, x, x_prime, y):
    """Prediction F of each pair, and the gradient of the loss by each array of p: layers, w, b.

    One branch after the other.
    """
    *W, w, b = p
    branches = []
    for a in (x, x_prime):
        a = [np.c_[a, np.ones(len(a))]]
        for weights in W[:-1]:
            a.append(np.c_[np.maximum(a[-1] @ weights, 0), np.ones(len(x))])
        branches.append((a, a[-1] @ W[-1]))
    difference = branches[0][1] - branches[1][1]
    predicted = 1 / (1 + np.exp(-w * difference[:, 0]**2 - b))
    error = (predicted - y) / len(y)
    gradients = [np.zeros_like(q) for q in p]
    gradients[-2][0] = np.sum(error * difference[:, 0]**2)
    gradients[-1][0] = np.sum(error)
    for sign, (a, _) in zip((1, -1), branches):
        delta = sign * 2 * w * error[:, None] * difference
        for l in reversed(range(len(W))):
            gradients[l] += a[l].T @ delta
            delta = (delta @ W[l].T * (a[l] > 0))[:, :-1]
    return predicted, gradients


def reference_fit(network, train, schedule, seed):
    """The training loop once more, in its plainest form: float64, no buffers, one branch at a time."""
    p = [*(layer.copy() for layer in network.layers), network.w.copy(), network.b.copy()]
    g2, d2 = [np.zeros_like(q) for q in p], [np.zeros_like(q) for q in p]
    rng, history = np.random.default_rng(seed), []
    for _ in range(schedule.epochs):
        order, losses, hits = rng.permutation(len(train[2])), [], []
        for start in range(0, len(order), schedule.batch_size):
            x, x_prime, y = [array[order[start:start + schedule.batch_size]] for array in train]
            predicted, gradients = plain_gradients(p, x, x_prime, y)
            losses.extend(-np.log(np.where(y == 1, predicted, 1 - predicted)))
            hits.extend((predicted > 0.5) == (y == 1))
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
    schedule = Schedule(learning_rate, batch_size=32, epochs=3)                     # 100 = 32 + 32 + 32 + 4
    network = siamese.SiameseNetwork((4, 6, 5, 1), seed=1, dtype=np.float64)
    expected, expected_history = reference_fit(network, pairs(50, 0), schedule, seed=2)
    history = fit(network, pairs(50, 0), pairs(10, 3), schedule, seed=2)
    assert network.parameters == pytest.approx(expected, rel=1e-7, abs=1e-9)
    found = np.transpose([history["loss"], history["accuracy"]])
    assert found == pytest.approx(np.array(expected_history), rel=1e-7)


class Recorded(siamese.SiameseNetwork):
    """Keeps what its training steps are given: first and second observation of each pair, and its label."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.steps = []

    def step(self, rows, first, second, y):
        self.steps.append((rows[first, :-1], rows[second, :-1], y))
        return super().step(rows, first, second, y)


def test_exchanged_pairs_are_all_equivalent_ones_and_as_many_others_that_are_new_at_every_epoch():
    x, x_prime, y = pairs(100, 0)
    network = Recorded((4, 5, 1), dtype=np.float64)
    schedule = Schedule(1.0, batch_size=32, epochs=2, exchange=True)                # 100 = 16 + ... + 16 + 4
    fit(network, (x, x_prime, y), pairs(10, 1), schedule)
    assert [len(labels) for _, _, labels in network.steps] == 2 * [32, 32, 32, 32, 32, 32, 8]
    own = {tuple(a): tuple(b) for a, b in zip(x[:100], x_prime[:100])}
    others = []
    for epoch in (network.steps[:7], network.steps[7:]):
        first, second, labels = map(np.concatenate, zip(*epoch))
        seen = [(tuple(a), tuple(b), label) for a, b, label in zip(first, second, labels)]
        assert {(a, b) for a, b, label in seen if label == 0} == set(own.items())
        others.append({(a, b) for a, b, label in seen if label == 1})
        assert len(others[-1]) == 100 and not others[-1] & set(own.items())
        assert {a for a, _ in others[-1]} == set(own) and {b for _, b in others[-1]} == set(own.values())
    assert len(others[0] & others[1]) < 10


def test_exchanged_pairs_of_one_class_are_never_called_different():
    x, x_prime, _ = [array[:100] for array in pairs(100, 0)]
    network, classes = Recorded((4, 5, 1), dtype=np.float64), np.arange(100) % 3
    of_class = {tuple(a): c for a, c in zip(np.concatenate([x, x_prime]), [*classes, *classes])}
    fit(network, train.ExchangedPairs(network, x, x_prime, classes), pairs(10, 1), Schedule(1.0, epochs=2))
    different = [(tuple(a), tuple(b)) for step in network.steps for a, b, label in zip(*step) if label == 1]
    assert len(different) > 100 and all(of_class[a] != of_class[b] for a, b in different)


def test_the_same_seeds_give_the_same_network_bit_for_bit_and_other_seeds_another():
    results = []
    for initial, batches in ((0, 0), (0, 0), (1, 0), (0, 1)):
        network = siamese.SiameseNetwork((4, 20, 20, 1), seed=initial)
        history = fit(network, pairs(500, 0), pairs(50, 1), Schedule(1.0, epochs=2), seed=batches)
        results.append((network.parameters.tobytes(), history["loss"]))
    assert results[0] == results[1]
    assert results[2] != results[0] != results[3]


def test_the_learning_rate_falls_by_the_factor_decay_at_every_epoch():
    schedule = Schedule(1.0, epochs=5, decay=0.5)
    history = fit(siamese.SiameseNetwork((4, 5, 1)), pairs(20, 0), pairs(20, 1), schedule)
    assert history["learning_rate"] == [1, 0.5, 0.25, 0.125, 0.0625]


def test_the_callbacks_see_the_training_loss_of_every_epoch():
    # At this learning rate the loss soon stops improving, so that both callbacks act.
    schedule = Schedule(300.0, batch_size=20, epochs=200, reduce_patience=2, reduce_factor=3, stop_patience=6)
    history = fit(siamese.SiameseNetwork((4, 5, 1)), pairs(20, 0), pairs(20, 1), schedule)
    reduce, stop, rate = siamese.ReduceLearningRateOnPlateau(2, 3), siamese.EarlyStopping(6), 300.0
    for loss, used in zip(history["loss"], history["learning_rate"]):
        assert used == rate
        rate, stopped = reduce.update(loss, rate), stop.update(loss)
    assert stopped and len(history["epoch"]) < 200 and history["learning_rate"][-1] < 300


def test_w_is_folded_back_when_a_step_carries_it_through_zero():
    network, smallest = siamese.SiameseNetwork((4, 5, 1)), []
    fit(network, pairs(64, 0), pairs(8, 1), Schedule(1000.0, batch_size=8, epochs=10),
        on_epoch=lambda history: smallest.append(network.w[0]))
    assert len(smallest) == 10 and min(smallest) >= 0


def test_history_records_the_evaluation_of_the_network_at_each_epoch():
    network, test, seen = siamese.SiameseNetwork((4, 10, 1)), pairs(50, 1), []
    history = fit(network, pairs(100, 0), test, Schedule(1.0, epochs=3),
                  on_epoch=lambda history: seen.append(network.evaluate(*test)))
    kept = np.transpose([history["test_loss"], history["test_accuracy"]])
    assert kept == pytest.approx(np.array(seen), rel=1e-6)
    assert history["epoch"] == [1, 2, 3] and all(len(column) == 3 for column in history.values())


def test_a_loss_that_is_no_longer_finite_ends_the_training_with_the_epoch():
    network = siamese.SiameseNetwork((4, 5, 1))
    network.layers[0][:] = 1e30
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="epoch 1"):
        fit(network, pairs(20, 0), pairs(20, 1), Schedule(1.0, epochs=2))


def test_a_last_step_that_diverges_is_not_missed():
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="epoch 1"):
        fit(siamese.SiameseNetwork((4, 5, 1)), pairs(20, 0), pairs(20, 1), Schedule(1e38, epochs=1))


@pytest.mark.parametrize("which", ["train", "test"])
@pytest.mark.parametrize("name, value", [("x", np.ones((3, 5))), ("x_prime", np.full((3, 4), np.nan)),
                                         ("y", np.ones(2)), ("y", np.array([0, 1, 2]))])
def test_sets_that_cannot_be_trained_on_are_refused_by_name(which, name, value):
    good = {"x": np.ones((3, 4)), "x_prime": np.ones((3, 4)), "y": np.zeros(3)}
    sets = {"train": good, "test": good} | {which: good | {name: value}}
    with pytest.raises(ValueError, match=f"^{which} {name} must"):
        fit(siamese.SiameseNetwork((4, 3, 1)), *(tuple(each.values()) for each in sets.values()))


@pytest.mark.parametrize("varied", ["data", "weights", "batches"])
def test_data_initial_weights_and_batches_can_be_varied_alone(varied):
    def begin(other):
        seeds = {name: int(name == other) for name in ("data", "weights", "batches")}
        sets = sample_sets(seeds["data"], 300)
        network = siamese.SiameseNetwork((4, 8, 1), physics.seed_streams(seeds["weights"])[1])
        batches = physics.seed_streams(seeds["batches"])[2]
        training = Training(network, *sets, train.SCHEDULES["quick"], batches)
        return {"data": sets[0][0].tobytes(), "weights": network.parameters.tobytes(),
                "batches": training.rng.permutation(600).tobytes()}
    one, other = begin(None), begin(varied)
    assert [name for name in one if one[name] != other[name]] == [varied]
