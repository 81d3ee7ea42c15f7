"""The experiment of section III: python train.py --system sr

    sample      pairs of observations that belong together, and pairs that do not      physics.py
    train       the siamese network to tell them apart, by Appendix B                  siamese.py
    interpret   the bottleneck output f by polynomial regression                       regression.py
    report      every number beside the paper's, and the figures                       figures.py

Everything random follows from the seed, in three streams: data, initial weights, batches.
`python train.py --help` lists the options.
"""

import os
import sys

if __name__ == "__main__":              # before NumPy is imported: it counts its threads then
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))      # unless PYTHONSAFEPATH
    from support import process
    process.prepare()

import time
from copy import copy
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

import physics
import regression
from siamese import (ACTIVATIONS, SCHEDULES, Adadelta, EarlyStopping, ReduceLearningRateOnPlateau,
                     Schedule, SiameseNetwork, accuracy, cross_entropy)
from support import jobs, options, report, runs
from support.checkpoints import train_with_checkpoints
from support.checks import to_numpy
from support.device import array_module
from support.process import one_thread, warm_up_blas
from support.results import Interpreted, Result, versions

HIDDEN = {"quick": (200, 32), "paper": (200, 200)}      # layers; the paper's text names no sizes
QUICK_PAIRS = 50_000                    # of each label at most; the paper has 200 000 for fields
ABOVE_CHANCE = 0.7                      # test accuracy from which f is interpreted


# ---------------------------------------------------------------------------------- the experiment

@dataclass(frozen=True)
class Config:
    """What determines a run, and where it writes."""
    system: physics.System
    seed: int = 0
    schedule_name: str = "quick"
    schedule: Schedule = SCHEDULES["quick"]
    hidden: tuple[int, ...] = HIDDEN["quick"]
    activation: str = "relu"
    train_pairs: int = QUICK_PAIRS      # of each label
    sampling: str = ""                  # another than the system's own
    device: str = "cpu"
    out: Path = Path("runs")
    pdf: bool = False                   # whether pictures are written as .pdf too

    @property
    def layer_sizes(self):
        """Inputs, hidden layers, bottleneck: Fig. 8."""
        return len(self.system.inputs), *self.hidden, 1

    @property
    def identity(self):
        """The settings that two equal runs share, as result.json keeps them."""
        return {"system": self.system.name, "seed": self.seed, **asdict(self.schedule),
                "layer_sizes": list(self.layer_sizes), "activation": self.activation,
                "train_pairs": self.train_pairs, "test_pairs": self.system.test_pairs,
                "sampling": self.sampling}

    @property
    def folder(self):
        """runs/sr/seed-0, runs/sr-paper/seed-0, runs/cp-box/seed-0."""
        schedule = "" if self.schedule_name == "quick" else self.schedule_name
        words = filter(None, (self.system.name, schedule, self.sampling))
        return self.out / "-".join(words) / f"seed-{self.seed}"

    def __str__(self):
        sizes = "-".join(map(str, self.layer_sizes))
        return (f"{self.system.title}: {self.train_pairs:,} pairs of each label, network {sizes}, "
                f"schedule {self.schedule_name}, seed {self.seed}")


def run(config):
    """Sample, train, interpret, and write the report into the folder of the config."""
    import figures                      # slow to import; what can fail, fails before the training
    xp = array_module(config.device)
    print(config, flush=True)
    started, system, schedule = time.perf_counter(), config.system, config.schedule
    data, initial, batches = physics.seed_streams(config.seed)
    train, test = physics.sample_sets(system, data, config.train_pairs)
    network = SiameseNetwork(config.layer_sizes, initial, config.activation, label=system.name,
                             xp=xp)
    training = Training(network, train, test, schedule, batches)
    seconds_before = train_with_checkpoints(training, config.folder, config.identity)
    history, networks = training.history, {"model.npz": network}
    found, best, best_epoch = interpret(system, network, train, test), None, None
    if schedule.keep_best:              # "after the best training cycle"
        networks["best.npz"] = best_network = copy(network)
        best_network.parameters = to_numpy(training.best)
        best = interpret(system, best_network, train, test)
        best_epoch = int(np.argmin(history["loss"])) + 1

    result = Result(
        **vars(found), system=system.name, seed=config.seed, schedule=config.schedule_name,
        settings=config.identity, versions=versions(), training=f"{config}.",
        seconds=round(seconds_before + time.perf_counter() - started, 1),
        epochs=len(history["epoch"]), best=best, best_epoch=best_epoch)
    title = f"{found.formula}  (R² {found.score:.4f})" if found.formula else ""
    pictures = figures.figures_of_run(system, network, test, history, title)
    captions = {f"{name}.png": caption for name, (caption, _) in pictures.items()}
    runs.keep(config.folder, result, report.report(result, system, captions),
              report.summarise(result, system), networks, history, pictures, config.pdf)
    print(report.what_next(result))


def interpret(system, network, train, test):
    """Read the network: accuracies, Tables I to V, the equation of f, correlations.

    The regression takes the first observation of every equivalent pair, training and test.
    """
    f, f_test = network.f(train.x), network.f(test.x)
    reading = regression.interpret(train.x, f, test.x, f_test, system.inputs)
    accuracies = [float(np.mean((network.predict(x, x_prime) > 0.5) == y))
                  for x, x_prime, y in (train.labelled(), test.labelled())]
    varying = {name: invariant for name, invariant in system.invariants.items()
               if name not in system.fixed}
    return Interpreted.from_reading(
        reading, accuracies[1] >= ABOVE_CHANCE, *accuracies,
        correlations={name: regression.correlation(invariant(test.x), f_test)
                      for name, invariant in system.invariants.items()},
        rank_correlations={name: regression.rank_correlation(invariant(test.x), f_test)
                           for name, invariant in system.invariants.items()},
        on_invariants=regression.r2_on_invariants(varying, train.x, f, test.x, f_test))


# -------------------------------------------------------------------------- training by Appendix B

def labelled_batches(pairs, size, rng):
    """The paper's epoch: all physics.Labelled pairs in a new order, `size` to a batch.

    A batch is the observations it takes, the rows (first, second) that each pair compares, and the
    labels y. Observation i is x[i], observation n + i is x_prime[i].
    """
    order = rng.permutation(len(pairs.y))
    for chosen in np.split(order, range(size, len(order), size)):
        members = np.append(pairs.first[chosen], len(pairs.x) + pairs.second[chosen])
        yield members, *np.arange(len(members)).reshape(2, -1), pairs.y[chosen]


def in_batch_negatives(pairs, size, rng):
    """Equivalent pairs only; each batch makes its negatives by exchanging partners cyclically.

    x[i] with x_prime[i] has y = 0, x[i] with x_prime[i + 1] has y = 1. Both share the row of x[i]:
    a step costs half, and every epoch has new negatives. Two of one class are never a negative.
    """
    n, half = len(pairs.x), max(1, size // 2)
    for chosen in np.split(rng.permutation(n), range(half, n, half)):
        first, second, y = cyclic_pairs(len(chosen))
        if pairs.classes is not None:
            classes = np.tile(pairs.classes[chosen], 2)
            valid = (y == 0) | (classes[first] != classes[second])
            first, second, y = first[valid], second[valid], y[valid]
        yield np.append(chosen, n + chosen), first, second, y


@lru_cache(maxsize=4)                   # the same for every batch but the last
def cyclic_pairs(m):
    """Rows 0..m-1 are x, the others x_prime: y = 0 for (i, m + i), 1 for (i, m + (i+1) mod m)."""
    own, following = np.arange(m), np.roll(np.arange(m), -1)
    pairs = np.append(own, own), m + np.append(own, following), np.repeat([0.0, 1.0], m)
    return pairs if m > 1 else tuple(each[:1] for each in pairs)


class Training:
    """Trains a network by Appendix B, epoch by epoch, in place.

    train, test: physics.Pairs, or labelled pairs x, x_prime (n, d), y (n,); else ValueError.
    seed: anything that numpy.random.default_rng takes; orders the batches.
    batches: (pairs, size, rng) -> batches of an epoch, as the two functions above.
    history: {quantity: list over epochs}. As in Keras, training loss and accuracy are averages over
    the epoch, while the weights change; the test columns are those at its end.
    """

    def __init__(self, network, train, test, schedule, seed=0, batches=None):
        self.network, self.schedule, self.test = network, schedule, label(network, test, "test ")
        self.batches = batches or (
            in_batch_negatives if schedule.in_batch_negatives else labelled_batches)
        prepare = label if self.batches is labelled_batches else select_equivalent
        self.train = prepare(network, train, "train ")
        self.augmented = network.augment(np.concatenate([self.train.x, self.train.x_prime]))
        self.rng = np.random.default_rng(seed)
        self.optimizer = Adadelta(network.parameters.size, schedule.learning_rate,
                                  dtype=network.dtype, xp=network.xp)
        self.reduce = ReduceLearningRateOnPlateau(schedule.reduce_patience, schedule.reduce_factor)
        self.stop = EarlyStopping(schedule.stop_patience)
        self.best = network.parameters.copy()           # at the lowest training loss
        self.history = {name: [] for name in ("epoch", "loss", "accuracy", "test_loss",
                                              "test_accuracy", "learning_rate", "seconds")}
        warm_up_blas()

    @property
    def finished(self):
        epochs = len(self.history["epoch"])
        return epochs >= self.schedule.epochs or self.stop.wait >= self.stop.patience

    @np.errstate(over="ignore", invalid="ignore")       # a loss that is not finite is raised below
    def epoch(self):
        """One pass over the training pairs. Raises FloatingPointError if the loss is not finite."""
        started, network, optimizer = time.perf_counter(), self.network, self.optimizer
        xp, logits, labels = network.xp, [], []
        for members, *pairs, y in self.batches(self.train, self.schedule.batch_size, self.rng):
            first, second = map(xp.asarray, pairs)
            labels.append(xp.asarray(y.astype(network.dtype, copy=False)))
            rows = self.augmented.take(xp.asarray(members), axis=0)
            logits.append(network.step(rows, first, second, labels[-1]))
            optimizer.step(network.parameters, network.gradients)
            # Not in Appendix B: w stays positive. A negative w says "the farther apart, the more
            # alike", which cannot describe these labels; f then collapses to a constant for good.
            np.abs(network.w, out=network.w)
        z, y = to_numpy(xp.concatenate(logits)), to_numpy(xp.concatenate(labels))
        loss, test = float(cross_entropy(z, y)), network.evaluate(*self.test)   # float: JSON
        self.record(loss, accuracy(z, y), *test, optimizer.learning_rate, started)

        if loss < self.stop.best:
            self.best[:] = network.parameters
        self.stop.update(loss)
        rate = self.reduce.update(loss, optimizer.learning_rate)
        optimizer.learning_rate = rate * self.schedule.decay

    def record(self, loss, train_accuracy, test_loss, test_accuracy, learning_rate, started):
        """Append one epoch to the history."""
        epoch = len(self.history["epoch"]) + 1
        if not np.isfinite(loss + test_loss):
            raise FloatingPointError(f"the loss became {loss + test_loss} in epoch {epoch}; "
                                     "try a lower learning rate")
        seconds = (self.history["seconds"] or [0.0])[-1] + time.perf_counter() - started
        row = epoch, loss, train_accuracy, test_loss, test_accuracy, learning_rate, seconds
        for column, value in zip(self.history.values(), row):
            column.append(value)


def label(network, pairs, name):
    """physics.Pairs, or three arrays x, x_prime, y, as physics.Labelled, checked."""
    if isinstance(pairs, physics.Pairs):
        return pairs.numbered()
    if not isinstance(pairs, (tuple, list)) or len(pairs) != 3:
        raise ValueError(f"{name}pairs must be physics.Pairs, or the three arrays x, x_prime, y")
    return physics.Labelled(*network.checked_pairs(*pairs, name=name))


def select_equivalent(network, pairs, name):
    """physics.Pairs as they are; of labelled pairs, those with y = 0."""
    if isinstance(pairs, physics.Pairs):
        return pairs
    x, x_prime, y, *_ = label(network, pairs, name)
    if y.all():
        raise ValueError(f"{name}y must hold a 0: all batches are made of equivalent pairs")
    return physics.Pairs(x[y == 0], x_prime[y == 0], None)


def fit(network, train, test, schedule=SCHEDULES["quick"], seed=0, on_epoch=None):
    """Train to the end and return the history; on_epoch(history) is called after each epoch.

    Arguments and errors are those of Training; by default, on_epoch shows the progress.
    """
    training = Training(network, train, test, schedule, seed)
    on_epoch = on_epoch or jobs.Progress(schedule.epochs)
    with one_thread():
        while not training.finished:
            training.epoch()
            on_epoch(training.history)
    return training.history


# ------------------------------------------------------------------------------------- the command

PARSER = options.build_paper_parser(physics.SYSTEMS, SCHEDULES, ACTIVATIONS)


def main(arguments=None):
    """Run the command; return its exit status."""
    return options.exit_status("train.py", lambda: dispatch(options.parse(PARSER, arguments)))


def dispatch(chosen):
    """Do what the options ask for; return the exit status."""
    if chosen.report:
        return runs.print_page("train.py", chosen.report, physics.SYSTEMS)
    names = physics.SYSTEMS if chosen.system == "all" else [chosen.system]
    configs = [build_config(chosen, name, seed)
               for name in names for seed in chosen.seeds or [chosen.seed]]
    return runs.run_configs("train.py", run, configs, report.summarise, chosen, physics.SYSTEMS)


def build_config(chosen, name, seed):
    """The run that the options ask for, of one system and seed."""
    system, hidden = physics.SYSTEMS[name], chosen.hidden or HIDDEN[chosen.schedule]
    if chosen.sampling:
        from support.kepler import with_sampling
        system = with_sampling(system, chosen.sampling)
    most = QUICK_PAIRS if chosen.schedule == "quick" else system.train_pairs
    pairs = chosen.pairs or min(most, system.train_pairs)
    return Config(system, seed, chosen.schedule, options.adapt(SCHEDULES[chosen.schedule], chosen),
                  tuple(hidden), chosen.activation, pairs, chosen.sampling or "", chosen.device,
                  chosen.out, chosen.pdf)


if __name__ == "__main__":
    sys.exit(main())
