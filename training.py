"""The training of Appendix B, epoch by epoch, so that it can be interrupted and taken up again."""

import json
import time
from dataclasses import dataclass

import numpy as np

from siamese import Adadelta, EarlyStopping, ReduceLearningRateOnPlateau, accuracy, cross_entropy, on_host


@dataclass(frozen=True)
class Schedule:
    """Settings of a training run, all positive; the defaults are those that Appendix B prints."""
    learning_rate: float = 100.0
    batch_size: int = 256
    epochs: int = 10_000
    reduce_patience: int = 50
    reduce_factor: float = 2.0
    stop_patience: int = 200
    decay: float = 1.0                  # factor on the learning rate after each epoch; the paper has none

    def __post_init__(self):
        for name, value in vars(self).items():
            if not 0 < value < np.inf:
                raise ValueError(f"{name} must be positive and finite, got {value}")


SCHEDULES = {
    "paper": Schedule(),
    # A low learning rate that falls steadily gets further than Appendix B, and much sooner (RESULTS.md).
    "quick": Schedule(learning_rate=4.0, epochs=120, decay=0.96),
}


class Training:
    """The training of a network by Appendix B, epoch by epoch; `state` and `restore` interrupt it.

    network: a SiameseNetwork, trained in place.
    train, test: tuples (x, x_prime, y) of shapes (n, d), (n, d), (n,).
    seed: anything that numpy.random.default_rng takes; orders the batches.

    `history` is a dict of one list per quantity. As in Keras, an epoch's training loss and accuracy are
    taken while the weights change; the test columns are those of the network at the end of the epoch.
    """

    def __init__(self, network, train, test, schedule, seed=0):
        x, x_prime, y = network.checked_pairs(*train, name="train ")
        self.test = network.checked_pairs(*test, name="test ")
        self.network, self.schedule = network, schedule
        self.rng = np.random.default_rng(seed)
        self.optimizer = Adadelta(network.parameters.size, schedule.learning_rate, dtype=network.dtype, xp=network.xp)
        self.reduce = ReduceLearningRateOnPlateau(schedule.reduce_patience, schedule.reduce_factor)
        self.stop = EarlyStopping(schedule.stop_patience)
        self.history = {name: [] for name in ("epoch", "loss", "accuracy", "test_loss", "test_accuracy",
                                              "learning_rate", "seconds")}
        self.rows, self.y = network.rows(x, x_prime).reshape(len(x), -1), network.xp.asarray(y)     # one pair each
        self._shuffled = network.xp.empty_like(self.rows), network.xp.empty_like(self.y)
        self._z = network.xp.empty_like(self.y)
        _touch_blas_buffer()

    @property
    def finished(self):
        epochs = len(self.history["epoch"])
        return epochs >= self.schedule.epochs or self.stop.waited >= self.stop.patience

    @np.errstate(over="ignore", invalid="ignore")       # said once, by a loss that is not finite
    def epoch(self):
        """One pass over the training pairs in a new order; FloatingPointError if the loss is not finite."""
        began = time.perf_counter()
        network, optimizer, (rows, y), z = self.network, self.optimizer, self._shuffled, self._z
        order = network.xp.asarray(self.rng.permutation(len(y)))
        rows[:], y[:] = self.rows[order], self.y[order]
        for start in range(0, len(y), self.schedule.batch_size):
            batch = slice(start, start + self.schedule.batch_size)
            network.step(rows[batch].reshape(-1, network.layer_sizes[0] + 1), y[batch], z[batch])
            optimizer.step(network.parameters, network.gradients)
            # Not in Appendix B: w stays positive. A negative w says "the farther apart, the more alike",
            # which cannot describe these labels; f then collapses to a constant for good. Learning rates
            # near 100 can carry w through zero, and this brings it back.
            np.abs(network.w, out=network.w)
        z, y = on_host(z), on_host(y)                   # from a GPU, all that comes back of an epoch
        loss, (test_loss, test_accuracy) = cross_entropy(z, y), network.evaluate(*self.test)
        epoch = len(self.history["epoch"]) + 1
        if not np.isfinite(loss + test_loss):
            raise FloatingPointError(f"the loss became {loss + test_loss} in epoch {epoch}; try a lower learning rate")
        seconds = (self.history["seconds"] or [0.0])[-1] + time.perf_counter() - began
        for column, value in zip(self.history.values(), (epoch, loss, accuracy(z, y), test_loss, test_accuracy,
                                                         optimizer.learning_rate, seconds)):
            column.append(value)
        optimizer.learning_rate = self.reduce.update(loss, optimizer.learning_rate) * self.schedule.decay
        self.stop.update(loss)

    def state(self):
        """All that the coming epochs depend on, as a dict of arrays; no later epoch changes them."""
        rest = {"learning_rate": self.optimizer.learning_rate, "reduce": vars(self.reduce), "stop": vars(self.stop),
                "generator": self.rng.bit_generator.state}
        return {"parameters": on_host(self.network.parameters.copy()),
                "squared_gradients": on_host(self.optimizer.squared_gradients.copy()),
                "squared_updates": on_host(self.optimizer.squared_updates.copy()),
                "history": np.array(list(self.history.values()), dtype=float), "rest": np.array(json.dumps(rest))}

    def restore(self, state):
        """Go on from what `state` returned for a training with the same arguments; the result is the same."""
        rest = json.loads(str(state["rest"]))
        for name, array in (("parameters", self.network.parameters), ("squared_gradients", self.optimizer.squared_gradients),
                            ("squared_updates", self.optimizer.squared_updates)):
            array[:] = self.network.xp.asarray(state[name])
        self.optimizer.learning_rate = rest["learning_rate"]
        vars(self.reduce).update(rest["reduce"])
        vars(self.stop).update(rest["stop"])
        self.rng.bit_generator.state = rest["generator"]
        for column, values in zip(self.history.values(), state["history"].tolist()):
            column[:] = values
        self.history["epoch"][:] = map(int, self.history["epoch"])


def fit(network, train, test, schedule=SCHEDULES["quick"], seed=0, on_epoch=None):
    """Train the network to the end; return the history. Arguments and errors are those of Training.

    on_epoch: called with the history after each epoch.
    """
    training = Training(network, train, test, schedule, seed)
    while not training.finished:
        training.epoch()
        if on_epoch:
            on_epoch(training.history)
    return training.history


def _touch_blas_buffer():
    """One larger product, 10 ms, before the first step.

    OpenBLAS copies operands into a buffer of its own, and its kernels prefetch beyond what was copied.
    Where pages there were never written, products of 200 columns can take three times as long as they
    do once a larger product has touched them (seen on an AMD EPYC).
    """
    square = np.ones((512, 512), np.float32)
    square @ square
