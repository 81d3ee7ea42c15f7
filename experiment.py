"""One run, the experiment of section III: sample pairs, train, read the bottleneck off, write it all down.

A run's folder is complete when it holds result.json; until then it holds a checkpoint, from which the same
command goes on. Everything random follows from the run's seed.
"""

import csv
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np

import physics
import regression
from files import load_arrays, save_arrays, sealed, sole_user, write
from jobs import Progress
from report import LEARNED, load_result, report
from siamese import SiameseNetwork
from training import Schedule, Training

MOST_TERMS = 12                         # a formula of more terms is not one that a person reads
SECONDS_BETWEEN_CHECKPOINTS = 20


class UserError(Exception):
    """Something that the user can mend; the command prints it as one sentence and returns 2."""


@dataclass(frozen=True)
class Plan:
    """What determines a run."""
    system: physics.System
    seed: int
    schedule_name: str
    schedule: Schedule
    hidden: tuple[int, ...]             # sizes of the hidden layers; the paper's text names none (AUDIT.md)
    activation: str
    train_pairs: int                    # of each label

    @property
    def layer_sizes(self):
        return (len(self.system.inputs), *self.hidden, 1)

    @property
    def settings(self):
        """All of it but the seed, as it is kept with the results."""
        return {**asdict(self.schedule), "layer_sizes": list(self.layer_sizes), "activation": self.activation,
                "train_pairs": self.train_pairs, "test_pairs": self.system.test_pairs}

    @property
    def identity(self):
        """What two runs have in common if they are the same run."""
        return {"system": self.system.name, "seed": self.seed, **self.settings}


def discover(plan, folder, fresh=False):
    """Carry out a run and write its folder, which exists.

    Started again after an interruption, it goes on where it was; a finished run is only shown. With
    `fresh` it starts over. UserError if the folder is in use, cannot be written, or holds a run of
    other settings.
    """
    try:
        with sole_user(folder):
            remains = [*folder.glob("*.part")]          # of a process that was killed while it wrote
            for path in [*remains, folder / "result.json", *checkpoints(folder)] if fresh else remains:
                path.unlink(missing_ok=True)
            if not show_finished(folder, plan):
                run(plan, folder)
            for checkpoint in checkpoints(folder):
                checkpoint.unlink(missing_ok=True)
    except BlockingIOError as error:
        raise UserError(f"{folder} is in use by another run; wait for its end or give another --out") from error


def run(plan, folder):
    """Sample, train, read off, compare, write."""
    began = time.perf_counter()
    versions = {"python": platform.python_version(), **{name: version(name) for name in ("numpy", "scipy", "matplotlib")}}
    data, initial, batches = seed_streams(plan.seed)
    train, test = sample_sets(plan.system, data, plan.train_pairs)
    print(f"{plan.system.title}: {len(train[2]):,} training pairs, network {'-'.join(map(str, plan.layer_sizes))}, "
          f"schedule {plan.schedule_name}, seed {plan.seed}", flush=True)
    network = SiameseNetwork(plan.layer_sizes, initial, plan.activation, label=plan.system.name)
    training = Training(network, train, test, plan.schedule, batches)
    before = carry_on(training, folder, plan)

    result = {
        "system": plan.system.name, "seed": plan.seed, "schedule": plan.schedule_name, "settings": plan.settings,
        "epochs": len(training.history["epoch"]),
        **read_off(plan.system, network, train, test),
        "versions": versions,
    }
    text, figures = report(result), draw(plan.system, network, test, training.history)
    try:
        network.save(folder / "model.npz")
        write(folder / "history.csv", lambda file: write_history(file, training.history))
        write(folder / "report.md", lambda file: file.write(text))
        for name, figure in figures.items():
            write(folder / name, figure.savefig, binary=True)
        # Last, so that a folder with a result is complete. Report and figures follow from what is sealed.
        result["seconds"] = round(before + time.perf_counter() - began, 1)
        result = sealed(result, folder, ("model.npz", "history.csv"))
        write(folder / "result.json", lambda file: json.dump(result, file, indent=1, ensure_ascii=False))
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}; make room there and start again") from error
    print(f"\n{text}\nWritten to {folder}: {', '.join(sorted([*figures, 'history.csv', 'model.npz', 'report.md', 'result.json']))}.")


def show_finished(folder, plan):
    """Show the report of this run if the folder holds it, finished, and return whether it does.

    UserError if it holds another, which this run would overwrite, or one that was damaged.
    """
    path = folder / "result.json"
    if not path.exists():
        return False
    try:
        kept = load_result(path)
        text = report(kept)
        other = other_settings({**kept["settings"], "system": kept["system"], "seed": kept["seed"]}, plan.identity)
    except ValueError as error:
        raise UserError(f"{error}; --fresh starts the run over") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is of another program ({error!r}); --fresh starts the run over") from error
    if other:
        raise UserError(f"{folder} holds a finished run with another {other}; give another --out, or --fresh to replace it")
    print(f"{text}\n{folder} holds this run, finished; --fresh would start it over.")
    return True


def other_settings(kept, identity):
    """The names of the settings in which a kept run differs, in words."""
    return " and ".join(name for name, value in json.loads(json.dumps(identity)).items() if kept.get(name) != value)


# ------------------------------------------------------------------------------------- checkpoints

def checkpoints(folder):
    """The files of a run's state, the newest and the one before."""
    return folder / "checkpoint.npz", folder / "checkpoint-before.npz"


def carry_on(training, folder, plan):
    """Train to the end from the folder's checkpoint, if there is one; return the seconds spent before.

    The state is saved at least every 20 seconds, at each change of the learning rate, at the end, and when
    the program is told to end.
    """
    if restore(training, folder, plan):
        print(f"Going on after epoch {len(training.history['epoch'])}.", flush=True)
    before = (training.history["seconds"] or [0.0])[-1]
    progress = Progress(training.schedule.epochs)
    state, saved, rate = None, time.monotonic(), training.optimizer.learning_rate
    try:
        while not training.finished:
            training.epoch()
            state = training.state()
            if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS or rate != training.optimizer.learning_rate or training.finished:
                save_checkpoint(folder, plan, state)
                saved, rate = time.monotonic(), training.optimizer.learning_rate
            progress(training.history)
    except (SystemExit, KeyboardInterrupt, OSError):    # told to end, or nobody takes our lines any more,
        save_checkpoint(folder, plan, state)            # in the middle of an epoch: keep the last whole one
        raise
    except FloatingPointError as error:
        save_checkpoint(folder, plan, state)
        whole = len(training.history["epoch"])
        raise UserError(f"{error}" + (f"; {folder} keeps the state after epoch {whole}" if whole else "")) from error
    finally:
        progress.close()
    return before


def save_checkpoint(folder, plan, state):
    newest, before = checkpoints(folder)
    if state is None:                                   # not one epoch was done
        return
    try:
        if newest.exists():
            os.replace(newest, before)
        save_arrays(newest, {"identity": json.dumps(plan.identity), **state})
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}; make room there and start again") from error


def restore(training, folder, plan):
    """Bring the training to the newest complete state in the folder, and return whether there is one.

    UserError if it is of another run, or if there are only damaged ones.
    """
    newest, before = checkpoints(folder)
    found = [path for path in (newest, before) if path.exists()]
    for path in found:
        try:
            state = load_arrays(path, "a complete checkpoint")
            other = other_settings(json.loads(str(state["identity"])), plan.identity)
            if not other:
                training.restore(state)
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}; --fresh starts the run over") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if other:
            raise UserError(f"{folder} holds an unfinished run with another {other}; give another --out, or --fresh to start over")
        if path != found[0]:
            print(f"{newest} is damaged; the one before is used.")
            os.replace(before, newest)                  # or the next save would put the damaged one in its place
        return True
    if found:
        raise UserError(f"{' and '.join(map(str, found))} cannot be read; --fresh starts the run over")
    return False


# ------------------------------------------------------------------------- samples and reading off

def seed_streams(seed):
    """Independent streams of random numbers for the data, the initial weights and the batches."""
    return np.random.SeedSequence(seed).spawn(3)


def sample_sets(system, stream, train_pairs):
    """Training and test set (x, x_prime, y), independent of each other, in single precision."""
    sizes = (train_pairs, system.test_pairs)
    return [tuple(array.astype(np.float32) for array in physics.labelled_pairs(system, n, np.random.default_rng(child)))
            for n, child in zip(sizes, stream.spawn(2))]


def read_off(system, network, train, test):
    """What the network has learned: accuracies, regression hierarchy, formula, correlations.

    The regression is done on the first observation of every equivalent pair, training and test.
    """
    x, x_test = [pairs[0][pairs[2] == 0].astype(np.float64) for pairs in (train, test)]
    f, f_test = [network.bottleneck(values)[:, 0].astype(np.float64) for values in (x, x_test)]
    polynomials = regression.hierarchy(x, f, x_test, f_test, system.inputs)
    order = regression.optimal_order(polynomials)
    # Without an optimal order there is no formula; the quadratic is kept, the order of all the paper's.
    polynomial = polynomials[order or 2]
    test_accuracy = float(network.evaluate(*test)[1])
    formula = None
    if order and test_accuracy >= LEARNED:
        formula = regression.group_terms(polynomial.terms(), polynomial.intercept)
        if sum(len(signs) for _, signs in formula.groups) > MOST_TERMS:
            formula = None
    return {
        "train_accuracy": float(network.evaluate(*train)[1]),
        "test_accuracy": test_accuracy,
        "r2": {str(order): fit.r2 for order, fit in polynomials.items()},
        "optimal_order": order,
        "polynomial": {"terms": polynomial.terms(), "intercept": polynomial.intercept, "text": str(polynomial)},
        "formula": str(formula) if formula else None,
        "formula_spread": formula.spread if formula else None,
        "formula_dropped": formula.dropped if formula else None,
        "correlations": {name: regression.correlation(invariant(x_test), f_test)
                         for name, invariant in system.invariants.items()},
    }


def draw(system, network, test, history):
    """The run's figures by file name."""
    import figures                                  # here, since importing Matplotlib takes half a second
    drawn = {"figure_9.png": figures.figure_9(history)}
    if system.name in figures.OF_SYSTEM:
        number, figure = figures.OF_SYSTEM[system.name]
        x = test[0][test[2] == 0].astype(np.float64)
        drawn[f"figure_{number}.png"] = figure(x, network.bottleneck(x)[:, 0].astype(np.float64), system.invariants)
    return drawn


def write_history(file, history):
    table = csv.writer(file, lineterminator="\n")
    table.writerow(history)
    table.writerows(zip(*history.values()))
