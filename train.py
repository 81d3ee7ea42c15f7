"""Discover an invariant: python train.py --system sr

The experiment of section III, from top to bottom: sample pairs of observations, train the siamese
network on them by Appendix B, read its bottleneck off, and show the result beside the paper's.
`python train.py --help` lists the options.

Everything random follows from the run's seed, in three streams: the data, the initial weights, and
the order of the batches.
"""

import os
import sys

if __name__ == "__main__":              # before all that takes long to import
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))      # unless PYTHONSAFEPATH
    from support import process
    process.prepare()

import time
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial

import numpy as np

import physics
import regression
from discover import comparison, datafiles, findings, owndata, search, verdict
from siamese import (ACTIVATIONS, SCHEDULES, Adadelta, EarlyStopping, ReduceLearningRateOnPlateau,
                     Schedule, SiameseNetwork, accuracy, cross_entropy)
from support import jobs, kepler, options as command, report, runs
from support.blas import one_thread, touch_buffer
from support.checkpoints import carry_on
from support.checks import UserError, to_numpy
from support.device import array_module
from support.files import writable_folder
from support.page import markdown
from support.process import printable
from support.results import Result, load_results, versions

HIDDEN = {"quick": (200, 32), "paper": (200, 200)}      # layers; the paper's text names no sizes
MORE, LONGER = 3, 100                   # times as many pairs for a network that learned too little,
                                        # whose step has a number so much higher
QUICK_PAIRS = 50_000                    # of each label at most; the paper has 200 000 for fields


@dataclass(frozen=True)
class Plan:
    """What determines a run."""
    system: physics.System
    seed: int
    schedule_name: str
    schedule: Schedule
    layer_sizes: tuple[int, ...]
    activation: str
    train_pairs: int                    # of each label
    discover: bool = False              # look for all invariants, not only for the first
    libraries: dict = field(default_factory=dict)       # what laws may be made of, see laws.find
    xp: object = np                     # NumPy, or CuPy to train on a GPU
    network_class: type = SiameseNetwork
    network_options: dict = field(default_factory=dict)
    about: dict = field(default_factory=dict)           # which data, if others than the paper's
    words: tuple = ()                   # of the command, without what goes on from it
    pdf: bool = False                   # whether each picture is written as .pdf too
    notes: tuple = ()                   # what a reader of results on these data should know

    def network(self, seed):
        """A new network."""
        return self.network_class(self.layer_sizes, seed, self.activation, label=self.system.name,
                                  xp=self.xp, **self.network_options)

    @property
    def settings(self):
        """All of it but the seed, as it is kept with the results."""
        search_for_all = {"all_invariants": True} if self.discover else {}
        return {**asdict(self.schedule), "layer_sizes": list(self.layer_sizes),
                "activation": self.activation, "train_pairs": self.train_pairs,
                "test_pairs": self.system.test_pairs, **search_for_all, **self.libraries,
                **self.about}

    @property
    def identity(self):
        """What two runs have in common if they are the same run."""
        return {"system": self.system.name, "seed": self.seed, **self.settings}


# ---------------------------------------------------------------------------------- the experiment

def run(plan, folder):
    """Sample, train, read off, and write it all into the folder."""
    import discover.pictures  # noqa: F401, what can fail, fails before the training
    began = time.perf_counter()
    sizes = "-".join(map(str, plan.layer_sizes))
    print(f"{plan.system.title}: {plan.train_pairs:,} pairs of each label, network {sizes}, "
          f"schedule {plan.schedule_name}, seed {plan.seed}", flush=True)
    found = (find_all if plan.discover else find_one)(plan, folder)
    seconds = found.seconds_before + time.perf_counter() - began
    result = Result(plan.system.name, plan.seed, plan.schedule_name, plan.settings, versions(),
                    [*plan.notes, *found.findings.pop("notes")], seconds=round(seconds, 1),
                    **found.findings)
    drawn = found.pictures | draw_schemes(plan.layer_sizes, plan.activation)
    runs.keep(folder, result, shown(result, [f"{name}.png" for name in drawn], plan.words),
              screen(result), found.networks, found.history, files_of(drawn, plan.pdf))


@dataclass
class Found:
    """What training gave: fields of a Result, networks by file name, pictures by name, history."""
    findings: dict
    networks: dict
    pictures: dict
    history: dict
    seconds_before: float               # of a run that was interrupted and went on
    weak: bool = False                  # whether a network learned too little to tell what


def find_one(plan, folder):
    """The experiment of the paper: one network, and what its bottleneck is.

    Of a user's data, where no law is found and the network learned too little to tell what, it is
    trained once more, for longer and with more pairs.
    """
    found = learned(plan, folder)
    weak = "data" in plan.about and not found.findings["named"] and found.weak
    if not weak or plan.schedule_name != "quick":
        return found
    plan = longer(plan)
    again = learned(plan, runs.step_folder(folder, 1 + LONGER))
    again.findings["notes"].append(
        f"The network was trained once more, with {plan.train_pairs:,} pairs of each label and up "
        f"to {plan.schedule.epochs} epochs, since it had learned too little to tell what. All that "
        "is said of it is of this second training.")
    again.seconds_before += found.seconds_before
    return again


def learned(plan, folder):
    """What one network finds that is trained in the folder, from its checkpoint if there is one."""
    training, train, test = prepared(plan)
    seconds_before = carry_on(training, folder, plan.identity, versions())
    network, history = training.network, training.history
    judged, beyond = findings.of_one(plan.system, network, train, test, history["loss"],
                                     plan.libraries)
    found = {"epochs": len(history["epoch"]), **read_off(plan.system, network, train, test),
             **beyond}
    if "data" in plan.about:                            # no such formula in units of any kind
        found.update(formula=None, polynomial={}, dominant={})
    networks = {"model.npz": network}
    if plan.schedule.keep_best:
        best = copy(network)
        best.parameters = to_numpy(training.best)
        epoch = int(np.argmin(history["loss"])) + 1
        found["best"] = {"epoch": epoch, **read_off(plan.system, best, train, test)}
        networks["best.npz"] = best
    score = found["r2"][str(found["optimal_order"] or 2)][1]
    title = f"{found['formula']}  (R² {score:.4f})" if found["formula"] else ""
    pictures = (draw(plan.system, network, test, history, title)
                | findings.draw(plan.system, {"f": network}, test, found["laws"]))
    return Found(found, networks, pictures, history, seconds_before, judged.weak)


def prepared(plan):
    """The Training of one network before its first epoch, and Pairs to train on and to test on."""
    data, initial, batches = physics.seed_streams(plan.seed)
    train, test = physics.sample_sets(plan.system, data, plan.train_pairs)
    network = plan.network(initial)
    pairs = (exchanged_pairs(network, train) if plan.schedule.in_batch_negatives else
             FixedPairs(network, *train.labelled()))
    return Training(network, pairs, test, plan.schedule, batches), train, test


def longer(plan):
    """The plan of a network that is trained once more, for longer and with more pairs."""
    return replace(plan, schedule=plan.schedule, train_pairs=more_pairs(plan))


def more_pairs(plan):
    """So many pairs for a network that is trained longer."""
    return max(plan.train_pairs, min(MORE * plan.train_pairs, plan.system.train_pairs))


def read_off(system, network, train, test):
    """What the network has learned: accuracies, Tables I to V, the equation of f, correlations.

    The regression is done on the first observation of every equivalent pair, training and test.
    """
    f, f_test = network.f(train.x), network.f(test.x)
    reading = regression.interpret(network.standardise(train.x), f, network.standardise(test.x),
                                   f_test, system.inputs)
    train_accuracy, test_accuracy = [evaluated(network, *test_set(network, pairs))[1]
                                     for pairs in (train, test)]
    learned = bool(test_accuracy >= verdict.LEARNED)
    formula = reading.formula if learned else None
    polynomial = reading.polynomial
    return {
        "learned": learned,
        "train_accuracy": float(train_accuracy),
        "test_accuracy": float(test_accuracy),
        "r2": {str(order): each.r2 for order, each in reading.polynomials.items()},
        "optimal_order": reading.optimal_order,
        "polynomial": {"terms": polynomial.terms, "intercept": polynomial.intercept,
                       "text": str(polynomial)},
        "formula": str(formula) if formula else None,
        "formula_spread": formula.spread if formula else None,
        "formula_dropped": formula.dropped if formula else None,
        "dominant": {str(order): terms for order, terms in reading.dominant.items()},
        "rank_correlations": {name: regression.rank_correlation(invariant(test.x), f_test)
                              for name, invariant in system.invariants.items()},
        "correlations": {name: regression.correlation(invariant(test.x), f_test)
                         for name, invariant in system.invariants.items()},
        "on_invariants": comparison.explained(comparison.varying(system), train.x, f,
                                              test.x, f_test),
    }


def draw(system, network, test, history, title=""):
    """What makes the run's figures, by name."""
    import figures                                      # here, since Matplotlib imports slowly
    return {name: make for name, (_, make) in
            figures.figures_of_run(system, network, test, history, title).items()}


def draw_schemes(layer_sizes, activation):
    """What makes those of Figs. 1 to 9 that show no result, by name."""
    import figures
    return {name: make for name, (_, make) in
            figures.figures_of_network(layer_sizes, activation).items()}


def files_of(pictures, pdf=False):
    """What writes the pictures, {name: what makes one}, by file name: as png, and as pdf if so."""
    kinds = ["png"] + ["pdf"] * pdf
    return {f"{name}.{kind}": lambda file, make=make, kind=kind: make().save(file, kind)
            for name, make in pictures.items() for kind in kinds}


def find_all(plan, folder):
    """Beyond the paper: laws first, then networks that look for more, each with its own checkpoint.

    The history is that of all trainings, one below the other.
    """
    history, before = {}, [0.0]
    data, initial, batches = [stream.spawn(len(plan.system.inputs))
                              for stream in physics.seed_streams(plan.seed)]
    train, test = physics.sample_sets(plan.system, data[0], plan.train_pairs)

    def learn(number, train, test, known, longer=False):
        schedule = plan.schedule if longer else plan.schedule
        network = plan.network(initial[number])
        pairs = (search.LookAlikes(network, train, known) if known else
                 exchanged_pairs(network, train))
        training = Training(network, pairs, test, schedule, batches[number])
        place = runs.step_folder(folder, number + 1 + LONGER * longer)
        before.append(carry_on(training, place, plan.identity, versions()))
        step = [number + 1] * len(training.history["epoch"])
        for name, column in {"step": step, **training.history}.items():
            history.setdefault(name, []).extend(column)
        return network, training.history["loss"]

    def more():
        """Training and test pairs for a network that is trained longer."""
        return physics.sample_sets(plan.system, data[0], more_pairs(plan))

    found, steps = findings.of_all(plan.system, train, test, learn, plan.libraries,
                                   more if plan.schedule_name == "quick" else None)
    networks = {f"f_{number}.npz": step.network for number, step in enumerate(steps, 1)}
    pictures = findings.draw(plan.system, networks, test, found["laws"])
    return Found(found, networks, pictures, history, sum(before))


# -------------------------------------------------------------------------- training by Appendix B

class FixedPairs:
    """The paper's training set: labelled pairs, which come in a new order at each epoch.

    x, x_prime: (n, d); y: (n,). Every training set has these two methods and `per_pair`.
    """
    per_pair = 1                        # how many compared pairs come of each number in `order`

    def __init__(self, network, x, x_prime, y):
        x, x_prime, y = network.checked_pairs(x, x_prime, y, name="train ")
        self.xp = network.xp
        self.rows = self.xp.stack([network.augment(x), network.augment(x_prime)])
        self.y = y

    def order(self, rng):
        """The numbers of all pairs in the order of an epoch."""
        return rng.permutation(self.rows.shape[1])

    def batch(self, numbers):
        """What a step takes: rows (2m, d + 1), first and second of each pair, and labels, (m,)."""
        first, second = np.arange(2 * len(numbers)).reshape(2, -1)
        return self._on_device(numbers, first, second, self.y[numbers])

    def _on_device(self, numbers, first, second, y):
        """The rows of all x of these pairs, below them those of all x', and the other arrays."""
        rows = self.rows.take(self.xp.asarray(numbers), axis=1).reshape(2 * len(numbers), -1)
        return rows, *map(self.xp.asarray, (first, second, y))


class ExchangedPairs(FixedPairs):
    """Equivalent pairs x, x_prime (n, d): in each batch, others are made by exchanging partners.

    A pair (x, x') of label 0 and one of label 1, x with another's x', share the row of x. So the
    same rows serve both labels: a step costs half, and every epoch has new pairs of label 1.
    classes: (n,), where several pairs are of one class; two of one class are never "different".
    """
    per_pair = 2

    def __init__(self, network, x, x_prime, classes=None):
        super().__init__(network, x, x_prime, np.zeros(len(x)))
        self.classes = classes

    def batch(self, numbers):
        first, second, y = exchanged(len(numbers))
        if self.classes is not None:
            classes = np.tile(self.classes[numbers], 2)
            kept = (y == 0) | (classes[first] != classes[second])
            first, second, y = first[kept], second[kept], y[kept]
        return self._on_device(numbers, first, second, y.astype(self.rows.dtype))


@lru_cache(maxsize=4)
def exchanged(m):
    """The pairs in a batch of m equivalent ones, whose x are rows 0 to m - 1, and x' the m below.

    First each x with its own x', y = 0; then with the x' of the next pair, and the last with that
    of the first, y = 1.
    """
    own = np.arange(m)
    other = np.roll(own, -1) if m > 1 else own[:0]
    first, second = np.append(own, own[:len(other)]), m + np.append(own, other)
    return first, second, np.repeat([0.0, 1.0], [m, len(other)])


class Training:
    """The training of a network by Appendix B, epoch by epoch.

    network: a SiameseNetwork, trained in place.
    train: labelled pairs x, x_prime (n, d), y (n,), of which only the equivalent ones are used with
        `schedule.in_batch_negatives`; or a training set as FixedPairs.
    test: labelled pairs, or physics.Pairs.
    seed: anything that numpy.random.default_rng takes; orders the batches.

    `history` is a dict of one list per quantity. As in Keras, an epoch's training loss and accuracy
    are taken while the weights change; the test columns are of the network at the end of the epoch.
    """

    def __init__(self, network, train, test, schedule, seed=0):
        self.network, self.schedule = network, schedule
        self.train, self.test = training_set(network, train, schedule), test_set(network, test)
        self.size = max(1, schedule.batch_size // self.train.per_pair)
        self.rng = np.random.default_rng(seed)
        self.optimizer = Adadelta(network.parameters.size, schedule.learning_rate,
                                  dtype=network.dtype, xp=network.xp)
        self.reduce = ReduceLearningRateOnPlateau(schedule.reduce_patience, schedule.reduce_factor)
        self.stop = EarlyStopping(schedule.stop_patience)
        self.best = network.parameters.copy()           # those of the lowest training loss
        self.history = {name: [] for name in ("epoch", "loss", "accuracy", "test_loss",
                                              "test_accuracy", "learning_rate", "seconds")}
        touch_buffer()

    @property
    def finished(self):
        epochs = len(self.history["epoch"])
        return epochs >= self.schedule.epochs or self.stop.wait >= self.stop.patience

    @np.errstate(over="ignore", invalid="ignore")       # said once, by a loss that is not finite
    def epoch(self):
        """One pass over the training pairs in a new order.

        Raises FloatingPointError if the loss is not finite.
        """
        began = time.perf_counter()
        network, optimizer, xp = self.network, self.optimizer, self.network.xp
        order, logits, labels = self.train.order(self.rng), [], []
        for start in range(0, len(order), self.size):
            rows, first, second, y = self.train.batch(order[start:start + self.size])
            logits.append(network.step(rows, first, second, y))
            labels.append(y)
            optimizer.step(network.parameters, network.gradients)
            # Not in Appendix B: w stays positive. A negative w says "the farther apart, the more
            # alike", which cannot describe these labels; f then collapses to a constant for good.
            # Learning rates near 100 can carry w through zero, and this brings it back.
            np.abs(network.w, out=network.w)
        z, y = to_numpy(xp.concatenate(logits)), to_numpy(xp.concatenate(labels))
        self._end_epoch(cross_entropy(z, y), accuracy(z, y), began)

    def _end_epoch(self, loss, train_accuracy, began):
        """Evaluate, note the epoch, and let the callbacks set the learning rate of the next."""
        history, optimizer = self.history, self.optimizer
        epoch = len(history["epoch"]) + 1
        test_loss, test_accuracy = evaluated(self.network, *self.test)
        if not np.isfinite(loss + test_loss):
            raise FloatingPointError(f"the loss became {loss + test_loss} in epoch {epoch}; "
                                     "try a lower learning rate")
        seconds = (history["seconds"] or [0.0])[-1] + time.perf_counter() - began
        row = (epoch, loss, train_accuracy, test_loss, test_accuracy, optimizer.learning_rate,
               seconds)
        for column, value in zip(history.values(), row):
            column.append(value)
        rate = self.reduce.update(loss, optimizer.learning_rate)
        optimizer.learning_rate = rate * self.schedule.decay
        if loss < self.stop.best:
            self.best[:] = self.network.parameters
        self.stop.update(loss)


def exchanged_pairs(network, pairs):
    """The ExchangedPairs of physics.Pairs."""
    return ExchangedPairs(network, pairs.x, pairs.x_prime, pairs.classes)


def training_set(network, train, schedule):
    """The training set of labelled pairs: FixedPairs, or ExchangedPairs of the equivalent ones."""
    if not isinstance(train, (tuple, list)):
        return train
    if not schedule.in_batch_negatives:
        return FixedPairs(network, *train)
    x, x_prime, y = network.checked_pairs(*train, name="train ")
    return ExchangedPairs(network, x[y == 0], x_prime[y == 0])


def test_set(network, test):
    """Rows of a test set, first and second row of each pair, and labels."""
    if isinstance(test, physics.Pairs):
        return network.augment(np.concatenate([test.x, test.x_prime])), *test.pair_indices()
    x, x_prime, y = network.checked_pairs(*test, name="test ")
    first, second = np.arange(2 * len(y)).reshape(2, -1)
    return network.augment(np.concatenate([x, x_prime])), first, second, y


def evaluated(network, rows, first, second, y):
    """Loss (B1) and accuracy of the network on pairs of rows with labels y (n,)."""
    z = network.logits_of(rows, first, second)
    return cross_entropy(z, y), accuracy(z, y)


def fit(network, train, test, schedule=SCHEDULES["quick"], seed=0, on_epoch=None):
    """Train the network to the end; return the history. Arguments and errors are those of Training.

    on_epoch: called with the history after each epoch; by default, it shows the progress.
    """
    training = Training(network, train, test, schedule, seed)
    on_epoch = on_epoch or jobs.Progress(schedule.epochs)
    with one_thread():
        while not training.finished:
            training.epoch()
            on_epoch(training.history)
    return training.history


# ------------------------------------------------------------------------------------- the command

PARSER = command.parser({name: system.title for name, system in physics.SYSTEMS.items()},
                        SCHEDULES, ACTIVATIONS, findings.KINDS, datafiles.GROUP_COLUMNS)


def main(arguments=None):
    """Run the command; return its exit status."""
    return command.status_of(lambda: carry_out(command.parse(PARSER, arguments)))


def carry_out(options):
    """Do what the options ask for; return the exit status."""
    if options.report:
        folders = " ".join(map(str, options.report))
        head = printable(f"Made by `python train.py --report {folders}`.")
        print(f"{head}\n\n{markdown(page(options.report))}")
    elif options.system == "all" or options.seeds:
        return run_many(options)
    elif options.apply:
        plan = plan_of(options, system_of(options), options.seed)
        print(findings.write_applied(plan, run_folder(options, plan), options.apply))
    elif options.model:
        print(markdown(read_model(options)))
    else:
        plan = plan_of(options, system_of(options), options.seed)
        folder = run_folder(options, plan)
        runs.carry_out(run, plan, folder, screen, options.fresh)
        if options.movie:
            again = runs.finished(folder, plan).epochs > plan.schedule.epochs
            training, _, test = prepared(longer(plan) if again else plan)
            print(findings.write_movie(plan, folder, training, test.x))
    return 0


def system_of(options, name=None, seed=None):
    """The system of that name, or the one that is asked for; UserError if a file cannot be used."""
    if options.data is None:
        return sampled(physics.SYSTEMS[name or options.system], options.sampling)
    seed = options.seed if seed is None else seed
    system = owndata.load_system(options.data, options.group, options.known, options.drop, seed)
    for note in system.notes:
        command.note(f"{options.data}: {note}")
    return system


def sampled(system, sampling):
    """The system with another sampling; UserError if it has none of this name."""
    if not sampling:
        return system
    if system.name not in kepler.SAMPLINGS[sampling]:
        having = ", ".join(kepler.SAMPLINGS[sampling])
        raise UserError(f"--sampling {sampling}: {system.name} has no such; these have: {having}")
    return replace(system, sample=kepler.SAMPLINGS[sampling][system.name])


def plan_of(options, system, seed):
    """The run that the options ask for, of one system and seed."""
    schedule, pairs = SCHEDULES[options.schedule], system.train_pairs
    if options.schedule == "quick":
        pairs = min(pairs, search.PAIRS if options.discover else QUICK_PAIRS)
    changes = {"epochs": options.epochs, "learning_rate": options.learning_rate}
    schedule = replace(schedule, **{name: value for name, value in changes.items() if value})
    hidden = options.hidden or HIDDEN[options.schedule]
    layer_sizes = len(system.inputs), *hidden, 1
    libraries = findings.checked_libraries(system, command.libraries(options))
    own = system.own if options.data else {}
    if options.sampling:
        own = {"about": {"sampling": options.sampling}}
    words = command.written(options, PARSER, ("seed", "seeds", "jobs", "fresh", "discover",
                                               "movie"))
    return Plan(system, seed, options.schedule, schedule, layer_sizes, options.activation,
                options.pairs or pairs, options.discover,
                libraries, array_module(options.device), words=tuple(words), pdf=options.pdf, **own)


def run_folder(options, plan):
    """runs/sr/seed-0, or runs/sr-paper/seed-0 for another schedule, runs/sr-discover/seed-0."""
    return options.out / run_name(options, plan.system.name) / f"seed-{plan.seed}"


def run_name(options, name):
    """The name of a system, and what is unusual of its runs: sr, cp-paper-box, em-discover."""
    words = [options.schedule] if options.schedule != "quick" else []
    words += [options.sampling] if options.sampling else []
    words += ["discover"] if options.discover else []
    return "-".join([name, *words])


def read_model(options):
    """The report on a saved network, read off on the pairs of a seed."""
    system = system_of(options)
    plan = plan_of(options, system, options.seed)
    try:
        network = plan.network_class.load(options.model)
    except OSError as error:
        raise UserError(f"cannot read --model {options.model}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"cannot read --model: {error}") from error
    sizes = network.layer_sizes[0], network.layer_sizes[-1]
    if network.label != system.name or sizes != (len(system.inputs), 1):
        label = network.label or "unknown"
        raise UserError(f"{options.model} is a network of the system {label!r}, "
                        f"not of {system.name!r}")
    data, _, _ = physics.seed_streams(plan.seed)
    train, test = physics.sample_sets(system, data, plan.train_pairs)
    return shown(Result(system.name, options.seed, f"of {options.model}", notes=plan.notes,
                        **read_off(system, network, train, test)))


def shown(result, pictures=(), words=()):
    """The parts of the report on one result, with its pictures and the words of its command."""
    return report.report(result, physics.SYSTEMS.get(result.system), pictures, words)


def screen(result):
    """The few lines on one result that the screen shows."""
    return report.brief(result, physics.SYSTEMS.get(result.system))


def page(folders):
    """The parts of the page on all finished runs under the folders."""
    try:
        return report.summary(load_results(folders, physics.SYSTEMS), physics.SYSTEMS)
    except ValueError as error:
        raise UserError(f"cannot report: {error}") from error


def run_many(options):
    """Each system and seed as a process of its own, --jobs at a time; 1 if one failed, else 0."""
    names = physics.SYSTEMS if options.system == "all" else [options.system]
    systems, seeds = [system_of(options, name) for name in names], options.seeds or [options.seed]
    name = run_name(options, "all" if options.system == "all" else systems[0].name)
    folder = writable_folder(options.out / f"{name}-seeds-{command.in_short(seeds)}")
    every = [one_of_many(options, system, seed) for system in systems for seed in seeds]
    finished, failed = jobs.run_all(every, options.jobs)
    if finished:
        layer_sizes = plan_of(options, systems[0], seeds[0]).layer_sizes
        schemes = draw_schemes(layer_sizes, options.activation)
        pictures = [report.Picture(f"{name}.png", report.CAPTIONS[f"{name}.png"])
                    for name in schemes]
        runs.keep_page(folder, [*page([each.folder for each in finished]), *pictures],
                       files_of(schemes, options.pdf))
    if failed:
        print(f"train.py: {len(failed)} of {len(every)} runs failed", file=sys.stderr)
    return 1 if failed else 0


def one_of_many(options, system, seed):
    """The process of one run with these options, to be started when its turn comes."""
    what = {} if options.data else {"system": system.name}
    words = command.written(options, PARSER, ("seeds", "jobs"), seed=seed, **what)
    folder = run_folder(options, plan_of(options, system, seed))
    return jobs.Run(f"{system.name} seed {seed}", [sys.executable, __file__, *words], folder,
                    one_thread=options.jobs > 1)


if __name__ == "__main__":
    sys.exit(main())
