"""The loop of Appendix B: steps against a plain reference, batches, callbacks, history, seeds."""

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
    """The training loop in its plainest form: float64, no buffers, one branch at a time."""
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
    schedule = Schedule(learning_rate, batch_size=32, epochs=3)         # 100 = 32 + 32 + 32 + 4
    network = siamese.SiameseNetwork((4, 6, 5, 1), seed=1, dtype=np.float64)
    expected, expected_history = reference_fit(network, pairs(50, 0), schedule, seed=2)
    history = fit(network, pairs(50, 0), pairs(10, 3), schedule, seed=2)
    assert network.parameters == pytest.approx(expected, rel=1e-7, abs=1e-9)
    found = np.transpose([history["loss"], history["accuracy"]])
    assert found == pytest.approx(np.array(expected_history), rel=1e-7)


class Recorded(siamese.SiameseNetwork):
    """Keeps what its steps are given: first and second observation of each pair, and its label."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.steps = []

    def step(self, augmented, first, second, y):
        self.steps.append((augmented[first, :-1], augmented[second, :-1], y))
        return super().step(augmented, first, second, y)


def test_a_batch_holds_equivalent_pairs_and_as_many_in_batch_negatives_that_are_new_every_epoch():
    x, x_prime, y = pairs(100, 0)
    network = Recorded((4, 5, 1), dtype=np.float64)
    schedule = Schedule(1.0, batch_size=32, epochs=2, in_batch_negatives=True)
    fit(network, (x, x_prime, y), pairs(10, 1), schedule)
    assert [len(labels) for _, _, labels in network.steps] == 2 * [32, 32, 32, 32, 32, 32, 8]
    own = {tuple(a): tuple(b) for a, b in zip(x[:100], x_prime[:100])}
    negatives = []
    for epoch in (network.steps[:7], network.steps[7:]):
        first, second, labels = map(np.concatenate, zip(*epoch))
        seen = [(tuple(a), tuple(b), label) for a, b, label in zip(first, second, labels)]
        assert {(a, b) for a, b, label in seen if label == 0} == set(own.items())
        different = {(a, b) for a, b, label in seen if label == 1}
        assert len(different) == 100 and not different & set(own.items())
        assert {a for a, _ in different} == set(own)
        assert {b for _, b in different} == set(own.values())
        negatives.append(different)
    assert len(negatives[0] & negatives[1]) < 10


def test_in_batch_negatives_are_never_of_one_class():
    x, x_prime, _ = [array[:100] for array in pairs(100, 0)]
    network, classes = Recorded((4, 5, 1), dtype=np.float64), np.arange(100) % 3
    of_class = {tuple(a): c for a, c in zip(np.concatenate([x, x_prime]), [*classes, *classes])}
    train_set = physics.Pairs(x, x_prime, None, classes)
    fit(network, train_set, pairs(10, 1), Schedule(1.0, epochs=2, in_batch_negatives=True))
    different = [(tuple(a), tuple(b)) for step in network.steps
                 for a, b, label in zip(*step) if label == 1]
    assert len(different) > 100 and all(of_class[a] != of_class[b] for a, b in different)


def test_data_of_one_class_have_no_negatives_and_a_batch_of_one_pair_none_either():
    x, x_prime, _ = [array[:5] for array in pairs(5, 0)]
    rng = np.random.default_rng(0)
    for one_class, size in ((physics.Pairs(x, x_prime, None, np.zeros(5)), 10),
                            (physics.Pairs(x, x_prime, None), 2)):
        batches = [*train.in_batch_negatives(one_class, size, rng)]
        assert sum(len(y) for *_, y in batches) == 5 and not any(y.any() for *_, y in batches)
        for members, first, second, _ in batches:
            assert np.array_equal(members[second], 5 + members[first])


def test_labelled_batches_take_every_labelled_pair_once_an_epoch_in_a_new_order():
    drawn = physics.SYSTEMS["sr"].pairs(50, np.random.default_rng(0))
    pairs = drawn.numbered()
    observations, rng = np.concatenate([pairs.x, pairs.x_prime]), np.random.default_rng(1)
    epochs = []
    for _ in range(2):
        batches = [*train.labelled_batches(pairs, 32, rng)]
        assert [len(y) for *_, y in batches] == [32, 32, 32, 4]
        epochs.append([(*a, *b, label) for members, first, second, y in batches
                       for a, b, label in zip(observations[members[first]],
                                              observations[members[second]], y)])
    assert set(epochs[0]) == set(epochs[1]) == {(*a, *b, y) for a, b, y in zip(*drawn.labelled())}
    assert len(epochs[0]) == 100 and epochs[0] != epochs[1]


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
    schedule = Schedule(300.0, batch_size=20, epochs=200, reduce_patience=2, reduce_factor=3,
                        stop_patience=6)
    history = fit(siamese.SiameseNetwork((4, 5, 1)), pairs(20, 0), pairs(20, 1), schedule)
    reduce, stop, rate = siamese.ReduceLearningRateOnPlateau(2, 3), siamese.EarlyStopping(6), 300.0
    for loss, used in zip(history["loss"], history["learning_rate"]):
        assert used == rate
        rate, stopped = reduce.update(loss, rate), stop.update(loss)
    assert stopped and stop.wait == 6 and len(history["epoch"]) < 200 and history["learning_rate"][-1] < 300


def test_w_is_folded_back_when_a_step_carries_it_through_zero():
    network, smallest = siamese.SiameseNetwork((4, 5, 1)), []
    fit(network, pairs(64, 0), pairs(8, 1), Schedule(1000.0, batch_size=8, epochs=10),
        on_epoch=lambda history: smallest.append(network.w[0]))
    assert len(smallest) == 10 and min(smallest) > 0                           # folded, and not cut off at 0


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


@pytest.mark.parametrize("name, value", [
    ("x", np.ones((3, 5))), ("x_prime", np.full((3, 4), np.nan)), ("y", np.ones(2)),
    ("y", np.array([0, 1, 2]))])
def test_sets_that_cannot_be_trained_on_are_refused_by_name(name, value):
    good = {"x": np.ones((3, 4)), "x_prime": np.ones((3, 4)), "y": np.zeros(3)}
    for which in ("train", "test"):
        sets = {"train": good, "test": good} | {which: good | {name: value}}
        with pytest.raises(ValueError, match=f"^{which} {name} must"):
            fit(siamese.SiameseNetwork((4, 3, 1)), *(tuple(one.values()) for one in sets.values()))


def test_what_is_no_set_of_pairs_is_refused_in_words():
    x, x_prime, y = pairs(10, 0)
    network, quick = siamese.SiameseNetwork((4, 5, 1)), siamese.SCHEDULES["quick"]
    for wrong in (x, (x, x_prime), [(x, x_prime, y)]):
        with pytest.raises(ValueError, match="^train pairs must be physics.Pairs, or the three"):
            fit(network, wrong, (x, x_prime, y), quick)
    with pytest.raises(ValueError, match="^train y must hold a 0"):
        fit(network, (x, x_prime, np.ones(20)), (x, x_prime, y), quick)


@pytest.mark.parametrize("varied", ["data", "weights", "batches"])
def test_data_initial_weights_and_batches_can_be_varied_alone(varied):
    def begin(other):
        seeds = {name: int(name == other) for name in ("data", "weights", "batches")}
        sets = sample_sets(seeds["data"], 300)
        network = siamese.SiameseNetwork((4, 8, 1), physics.seed_streams(seeds["weights"])[1])
        batches = physics.seed_streams(seeds["batches"])[2]
        training = Training(network, *sets, siamese.SCHEDULES["quick"], batches)
        return {"data": sets[0][0].tobytes(), "weights": network.parameters.tobytes(),
                "batches": training.rng.permutation(600).tobytes()}
    one, other = begin(None), begin(varied)
    assert [name for name in one if one[name] != other[name]] == [varied]
