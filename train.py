"""Discover an invariant: python train.py --system sr

Samples pairs of observations, trains the siamese network on them, reads its bottleneck off by
regression, and puts the result beside the paper's numbers. `python train.py --help` lists the options.
"""

import os
import signal
import sys

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")

if __name__ == "__main__":
    # As a command, and before NumPy starts its threads: products of this size gain from a second thread
    # where a core is idle, lose from more, and crawl where two threads wait for each other on busy cores.
    # The result is the same. A setting of the user's own stands; importing this module sets none.
    idle = (os.cpu_count() or 1) - os.getloadavg()[0]
    for variable in THREADS:
        os.environ.setdefault(variable, "2" if idle > 1.5 else "1")
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))              # Ctrl-C and a cluster's SIGTERM end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))             # without a traceback
    if sys.stdout:
        sys.stdout.reconfigure(errors="replace")                        # a terminal that has no ² shows ?

import argparse
import csv
import json
import platform
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

import physics
import regression
import siamese
from files import load_arrays, save_arrays, sole_user, write
from jobs import Progress, Run, run_all
from report import LEARNED, load_results, report, summary

MOST_TERMS = 12                         # a formula of more terms is not one that a person reads
HIDDEN = (200, 200)                     # the paper's text names no sizes (AUDIT.md)


class UserError(Exception):
    """Something that the user can mend; main prints it as one sentence and returns 2."""


# ---------------------------------------------------------------------------------------- command

def main(arguments=None):
    """Run the command; return its exit status."""
    try:
        options = parse(arguments)
        if options.report:
            text = report_on(options.report)
            print(f"Made by `python train.py --report {' '.join(map(str, options.report))}`.\n\n{text}")
        elif options.system == "all" or options.seeds:
            return run_many(options)
        elif options.model:
            read_model(physics.SYSTEMS[options.system], options)
        else:
            discover(physics.SYSTEMS[options.system], options)
    except MemoryError:
        return refuse("there is not enough memory; give fewer --pairs or smaller --hidden layers")
    except UserError as error:
        return refuse(error)
    except BrokenPipeError:                             # whoever read the output has left, as in "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return refuse(f"cannot write the output: {error.strerror}")
    return 0


def refuse(sentence):
    """Say what was wrong and what to give instead; return the exit status for it."""
    print(f"train.py: {sentence}", file=sys.stderr)
    return 2


def parse(arguments):
    """Options of the command line; UserError for the first that is not acceptable."""
    parser = Parser(prog="train.py", allow_abbrev=False, description=(
        "Samples pairs of observations, trains a siamese network to tell whether two belong together, "
        "and reads the invariant off its bottleneck."))
    parser.add_argument("--system", choices=[*physics.SYSTEMS, "all"], default="sr",
                        help="; ".join(f"{s.name}: {s.title}" for s in physics.SYSTEMS.values()) + "; all: all of them (default sr)")
    parser.add_argument("--schedule", choices=siamese.SCHEDULES, default="quick",
                        help="quick: learning rate 2, a minute (default); paper: Appendix B as printed, an hour or more")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=whole(0, 10**9), default=0, metavar="N",
                       help="seed of the data, the initial weights and the batches (default 0)")
    seeds.add_argument("--seeds", type=seed_list, metavar="LIST", help="several runs, e.g. 0-9 or 0,3,7, and a page on all of them")
    parser.add_argument("--jobs", type=whole(1, 1000), default=1, metavar="N",
                        help="with --seeds or --system all: so many runs at a time, one core each (default 1)")
    parser.add_argument("--report", type=Path, nargs="+", metavar="FOLDER",
                        help="print that page for the finished runs under these folders; trains nothing")
    parser.add_argument("--out", type=Path, default=Path("runs"), metavar="FOLDER",
                        help="where the run's own folder SYSTEM/seed-N is made (default runs)")
    parser.add_argument("--fresh", action="store_true", help="start over, in place of an unfinished or finished run")
    parser.add_argument("--pairs", type=whole(2, 10**7), metavar="N", help="training pairs of each label (default: the paper's)")
    parser.add_argument("--epochs", type=whole(1, 10**6), metavar="N", help="at most so many epochs (default: the schedule's)")
    parser.add_argument("--learning-rate", type=positive, metavar="X", help="starting rate (default: the schedule's)")
    parser.add_argument("--hidden", type=whole(1, 10**4), nargs="+", default=list(HIDDEN), metavar="N",
                        help="sizes of the hidden layers (default 200 200)")
    parser.add_argument("--activation", choices=siamese.ACTIVATIONS, default="relu", help="of the hidden layers (default relu)")
    parser.add_argument("--model", type=Path, metavar="FILE",
                        help="read this saved network off, on the pairs of its --seed, instead of training one; nothing is written")
    options = parser.parse_args(arguments)
    if options.model and (options.system == "all" or options.seeds):
        parser.error("argument --model: reads one network: give its one --system and --seed")
    return options


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{message}; see python train.py --help")


def whole(least, most):
    """Argument type: a whole number from `least` to `most`."""
    def convert(text):
        if not text.isdecimal() or len(text) > 12 or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}, got {text!r}")
        return int(text)
    return convert


def seed_list(text):
    """Argument type: seeds as 0-9 or 0,3,7-9, each once, in rising order."""
    seeds = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            first, last = [whole(0, 10**9)(bound) for bound in (first, last if dash else first)]
        except argparse.ArgumentTypeError:
            raise argparse.ArgumentTypeError(f"must be whole numbers as in 0-9 or 0,3,7; got {text!r}") from None
        if last - first >= 10_000:
            raise argparse.ArgumentTypeError(f"{part} are too many seeds")
        seeds += range(first, last + 1) or [-1]
    if seeds != sorted(set(seeds)) or seeds[0] < 0:
        raise argparse.ArgumentTypeError(f"must be rising, each seed once, as in 0-9 or 0,3,7; got {text!r}")
    return seeds


def positive(text):
    """Argument type: a positive finite number."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < np.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}")
    return value


# -------------------------------------------------------------------------------------- experiment

def discover(system, options):
    """The experiment of section III: sample, train, read off, compare, write the run's folder.

    Started again after an interruption, it goes on where it was; a finished run is only shown.
    """
    folder = writable_folder(run_folder(options, system.name, options.seed))
    try:
        with sole_user(folder):
            return run(system, options, folder)
    except BlockingIOError as error:
        raise UserError(f"{folder} is in use by another run; wait for its end or give another --out") from error


def run(system, options, folder):
    schedule = siamese.SCHEDULES[options.schedule]
    if options.epochs:
        schedule = replace(schedule, epochs=options.epochs)
    if options.learning_rate:
        schedule = replace(schedule, learning_rate=options.learning_rate)
    layer_sizes = (len(system.inputs), *options.hidden, 1)
    settings = {**asdict(schedule), "layer_sizes": layer_sizes, "activation": options.activation,
                "train_pairs": options.pairs or system.train_pairs, "test_pairs": system.test_pairs}
    for unfinished in folder.glob("*.part"):            # of a process that was killed while it wrote
        unfinished.unlink()
    if not options.fresh and show_finished(folder, settings):
        return

    began = time.perf_counter()
    data, initial, batches = seed_streams(options.seed)
    train, test = sample_sets(system, data, options.pairs)
    print(f"{system.title}: {len(train[2]):,} training pairs, network {'-'.join(map(str, layer_sizes))}, "
          f"schedule {options.schedule}, seed {options.seed}", flush=True)
    network = siamese.SiameseNetwork(layer_sizes, initial, options.activation, label=system.name)
    training = siamese.Training(network, train, test, schedule, batches)
    before = carry_on(training, folder, settings, options.fresh)
    history = training.history

    result = {
        "system": system.name, "seed": options.seed, "schedule": options.schedule,
        "settings": settings,
        "epochs": len(history["epoch"]),
        **read_off(system, network, train, test),
        "versions": {"python": platform.python_version(),
                     **{package: version(package) for package in ("numpy", "scipy", "matplotlib")}},
    }
    text = report(result)
    try:
        (folder / "result.json").unlink(missing_ok=True)                # of a run before: it ends here
        network.save(folder / "model.npz")
        write(folder / "history.csv", lambda file: write_history(file, history))
        write(folder / "report.md", lambda file: file.write(text))
        for name, figure in draw(system, network, test, history).items():
            write(folder / name, figure.savefig, binary=True)
        # Last, so that a folder with a result is complete.
        result["seconds"] = round(before + time.perf_counter() - began, 1)
        write(folder / "result.json", lambda file: json.dump(result, file, indent=1, ensure_ascii=False))
        for checkpoint in checkpoints(folder):
            checkpoint.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; make room there or give another --out") from error
    print(f"\n{text}\nWritten to {folder}: {', '.join(sorted(path.name for path in folder.iterdir() if path.suffix != '.txt'))}.")


def show_finished(folder, settings):
    """Show the report of a finished run of these settings, and return whether there is one.

    UserError if the folder holds one with other settings, which this run would overwrite.
    """
    try:
        kept = json.loads((folder / "result.json").read_text("utf-8"))
        text = report(kept)
        other = other_settings(kept["settings"], settings)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    if other:
        raise UserError(f"{folder} holds a finished run with another {other}; give another --out, or --fresh to replace it")
    print(f"{text}\n{folder} holds this run, finished; --fresh would start it over.")
    return True


def other_settings(kept, settings):
    """The names of the settings in which a kept run differs, in words."""
    return " and ".join(name for name, value in json.loads(json.dumps(settings)).items() if kept.get(name) != value)


# ------------------------------------------------------------------------------------- checkpoints

SECONDS_BETWEEN_CHECKPOINTS = 20


def checkpoints(folder):
    """The files of a run's state, the newest and the one before."""
    return folder / "checkpoint.npz", folder / "checkpoint-before.npz"


def carry_on(training, folder, settings, fresh):
    """Train to the end from the folder's checkpoint, if there is one; return the seconds spent before.

    The state is saved at least every 20 seconds, at each change of the learning rate, and when the
    program is told to end.
    """
    state = None if fresh else load_checkpoint(folder, settings)
    if state:
        training.restore(state)
        print(f"Going on after epoch {len(training.history['epoch'])}.", flush=True)
    before = (training.history["seconds"] or [0.0])[-1]
    progress = Progress(training.schedule.epochs)
    state, saved, rate = None, time.monotonic(), training.optimizer.learning_rate
    try:
        while not training.finished:
            training.epoch()
            state = training.state()
            if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS or rate != training.optimizer.learning_rate:
                save_checkpoint(folder, settings, state)
                saved, rate = time.monotonic(), training.optimizer.learning_rate
            progress(training.history)
    except (SystemExit, KeyboardInterrupt):             # told to end, in the middle of an epoch: keep the last whole one
        save_checkpoint(folder, settings, state)
        raise
    except FloatingPointError as error:
        save_checkpoint(folder, settings, state)
        raise UserError(f"{error}; {folder} keeps the state before") from error
    finally:
        progress.close()
    return before


def save_checkpoint(folder, settings, state):
    newest, before = checkpoints(folder)
    if state is None:                                   # not one epoch is done
        return
    try:
        if newest.exists():
            os.replace(newest, before)
        save_arrays(newest, {"settings": json.dumps(settings), **state})
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; make room there and start again") from error


def load_checkpoint(folder, settings):
    """The newest complete state in the folder, None if there is none; UserError if it is of other settings."""
    found = [path for path in checkpoints(folder) if path.exists()]
    for path in found:
        try:
            state = load_arrays(path, "a complete checkpoint")
            kept = json.loads(str(state.pop("settings")))
        except (OSError, ValueError, KeyError):
            continue
        if other := other_settings(kept, settings):
            raise UserError(f"{folder} holds an unfinished run with another {other}; give another --out, or --fresh to start over")
        return state
    if found:
        raise UserError(f"{' and '.join(map(str, found))} cannot be read; --fresh starts the run over")
    return None


def read_model(system, options):
    """Read off a saved network on the pairs of a seed, and print the comparison."""
    try:
        network = siamese.SiameseNetwork.load(options.model)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read --model: {error}") from error
    if network.label != system.name or (network.layer_sizes[0], network.layer_sizes[-1]) != (len(system.inputs), 1):
        raise UserError(f"{options.model} is a network of the system {network.label or 'unknown'!r}, not of {system.name!r}")
    train, test = sample_sets(system, seed_streams(options.seed)[0], options.pairs)
    result = {"system": system.name, "seed": options.seed, "schedule": f"of {options.model}", **read_off(system, network, train, test)}
    print(report(result))


def seed_streams(seed):
    """Independent streams of random numbers for the data, the initial weights and the batches."""
    return np.random.SeedSequence(seed).spawn(3)


def sample_sets(system, stream, pairs=None):
    """Training and test set (x, x_prime, y), independent of each other, in single precision."""
    sizes = (pairs or system.train_pairs, system.test_pairs)
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


# --------------------------------------------------------------------------------------- many runs

def run_many(options):
    """Each system and seed as a process of its own, --jobs at a time; return 1 if one failed, else 0."""
    names = list(physics.SYSTEMS) if options.system == "all" else [options.system]
    seeds = options.seeds or [options.seed]
    label = f"{options.system}-{options.schedule}-seeds-{seeds[0]}" + (f"-{seeds[-1]}" if len(seeds) > 1 else "")
    folder = writable_folder(options.out / label)
    finished, failed = run_all([run_of(options, name, seed) for name in names for seed in seeds], options.jobs)
    if finished:
        text = report_on([run.folder for run in finished])
        write(folder / "report.md", lambda file: file.write(text))
        import figures                                  # those of Figs. 1 to 9 that belong to no single run
        sizes = (len(physics.SYSTEMS[names[0]].inputs), *options.hidden, 1)
        for number, figure in ((1, figures.figure_1(sizes, options.activation)), (2, figures.figure_2()),
                               (8, figures.figure_8(sizes, options.activation))):
            write(folder / f"figure_{number}.png", figure.savefig, binary=True)
        print(f"\n{text}\nWritten to {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}.")
    if failed:
        print(f"train.py: {len(failed)} of {len(failed) + len(finished)} runs failed", file=sys.stderr)
    return 1 if failed else 0


def run_of(options, system, seed):
    """The command of one run with these options, to be started when its turn comes."""
    words = ["--fresh"] if options.fresh else []
    words += ["--system", system, "--seed", seed, "--schedule", options.schedule, "--out", options.out,
             "--hidden", *options.hidden, "--activation", options.activation]
    for option in ("pairs", "epochs", "learning_rate"):
        if getattr(options, option) is not None:
            words += ["--" + option.replace("_", "-"), getattr(options, option)]
    threads = {variable: "1" for variable in THREADS} if options.jobs > 1 else {}
    return Run(f"{system} seed {seed}", [sys.executable, __file__, *map(str, words)],
               writable_folder(run_folder(options, system, seed)), threads)


def report_on(folders):
    """The page on all finished runs under the folders."""
    try:
        return summary(load_results(folders))
    except ValueError as error:
        raise UserError(f"cannot report: {error}") from error


# ------------------------------------------------------------------------------------------ output

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


def run_folder(options, system, seed):
    """runs/sr/seed-0, or runs/sr-paper/seed-0 for a schedule other than the default."""
    name = system if options.schedule == "quick" else f"{system}-{options.schedule}"
    return options.out / name / f"seed-{seed}"


def writable_folder(folder):
    """Make the folder before any work is done; UserError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / "writable.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to --out {folder}: {error.strerror}; give a folder that can be written") from error
    return folder


if __name__ == "__main__":
    sys.exit(main())
