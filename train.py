"""Discover an invariant: python train.py --system sr

Samples pairs of observations, trains the siamese network on them, reads its bottleneck off by
regression, and puts the result beside the paper's numbers. `python train.py --help` lists the options.
"""

import os
import signal
import sys

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")

if __name__ == "__main__":
    # As a command, and before NumPy starts its threads: one thread, since products are rounded otherwise
    # with two, and the same seed is to give the same bits. A second one makes a run on two idle cores a
    # quarter shorter; a setting of the user's own stands. Importing this module sets none.
    for variable in THREADS:
        os.environ.setdefault(variable, "1")

    def end(number, _):
        """Ctrl-C and a cluster's SIGTERM: end without a traceback, and save undisturbed by a second one."""
        for again in (signal.SIGINT, signal.SIGTERM):
            signal.signal(again, signal.SIG_IGN)
        sys.exit(128 + number)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    if sys.stdout:
        sys.stdout.reconfigure(errors="replace")                        # a terminal that has no ² shows ?

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import data
import experiment
import physics
import reading
import siamese
from experiment import UserError
from features import Expression, rational
from files import write
from jobs import Run, run_all
from report import load_results, report, summary
from training import SCHEDULES

HIDDEN = {"quick": (200, 50), "paper": (200, 200)}      # layers; the paper's text names no sizes (AUDIT.md)
QUICK_PAIRS = 50_000                    # of each label at most; the paper has 200 000 for fields
# Where at rate 4 f is less straight over the invariant (AUDIT.md).
QUICK_RATES = {"cp": 3.0, "em": 2.0, "em-fixed": 2.0}
# Quick, for --discover, which trains several networks. The rate falls faster, so that their accuracies, which decide
# how many invariants there are, do not depend on where the training ends.
SEARCH_PAIRS, SEARCH_EPOCHS, SEARCH_DECAY = 20_000, 40, 0.9


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
            read_model(system_of(options), options)
        else:
            plan = plan_of(options, system_of(options), options.seed)
            experiment.carry_out(plan, writable_folder(run_folder(options, plan)), options.fresh)
    except ImportError as error:                        # Matplotlib is asked for before the training, and needed after it
        return refuse(f"{error}; pip install -r requirements.txt")
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
    print(f"train.py: {sentence}".replace("\n", " "), file=sys.stderr)
    return 2


def parse(arguments):
    """Options of the command line; UserError for the first that is not acceptable."""
    parser = Parser(prog="train.py", allow_abbrev=False, description=(
        "Samples pairs of observations, trains a siamese network to tell whether two belong together, "
        "and reads the invariant off its bottleneck."))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--system", choices=[*physics.SYSTEMS, "all"],
                      help="; ".join(f"{s.name}: {s.title}" for s in physics.SYSTEMS.values()) + "; all: all of them (default sr)")
    what.add_argument("--data", type=path, metavar="FILE",
                      help="observations of your own instead: .npz with x and x_prime, or trajectories; or .csv with a column of groups")
    parser.add_argument("--group", metavar="COLUMN", help="the .csv column that tells which observations belong together "
                        f"(default: the one named {', '.join(data.GROUP_COLUMNS)})")
    parser.add_argument("--known", nargs="+", default=[], metavar="EXPRESSION",
                        help='with --data: invariants to compare with, e.g. "x*v_y - y*v_x", a space before a leading minus')
    parser.add_argument("--discover", action="store_true",
                        help="look for all invariants, one after another, instead of the first")
    parser.add_argument("--features", nargs="+", metavar="NAME", help="what short formulas are made of: "
                        f"{', '.join(reading.LIBRARIES)}, and expressions such as \"v_x^2 + v_y^2\", a space before a leading "
                        "minus (default: as suits the system)")
    parser.add_argument("--schedule", choices=SCHEDULES, default="quick",
                        help="quick: learning rate 4 to 2, a minute or two (default); paper: Appendix B as printed, an hour or more")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=whole(0, 10**9), default=0, metavar="N",
                       help="seed of the data, the initial weights and the batches (default 0)")
    seeds.add_argument("--seeds", type=seed_list, metavar="LIST", help="several runs, e.g. 0-9 or 0,3,7, and a page on all of them")
    parser.add_argument("--jobs", type=whole(1, 1000), default=1, metavar="N",
                        help="with --seeds or --system all: so many runs at a time, one core each (default 1)")
    parser.add_argument("--report", type=path, nargs="+", metavar="FOLDER",
                        help="print that page for the finished runs under these folders; trains nothing")
    parser.add_argument("--out", type=path, default=Path("runs"), metavar="FOLDER",
                        help="where the run's own folder SYSTEM/seed-N is made (default runs)")
    parser.add_argument("--fresh", action="store_true", help="start over, in place of an unfinished or finished run")
    parser.add_argument("--pairs", type=whole(2, 10**7), metavar="N", help="training pairs of each label "
                        f"(default: the paper's; with quick at most {QUICK_PAIRS}, searching {SEARCH_PAIRS})")
    parser.add_argument("--epochs", type=whole(1, 10**6), metavar="N",
                        help=f"at most so many epochs (default: the schedule's; with quick, searching, {SEARCH_EPOCHS})")
    parser.add_argument("--learning-rate", type=positive, metavar="X", help="starting rate (default: the schedule's)")
    parser.add_argument("--hidden", type=whole(1, 10**4), nargs="+", metavar="N",
                        help="sizes of the hidden layers (default 200 50, with the schedule paper 200 200)")
    parser.add_argument("--activation", choices=siamese.ACTIVATIONS, default="relu", help="of the hidden layers (default relu)")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="where to train; gpu needs CuPy (default cpu)")
    parser.add_argument("--model", type=path, metavar="FILE",
                        help="read this saved network off, on the pairs of its --seed, instead of training one; nothing is written")
    options = parser.parse_args(arguments)
    # Both refuse every option that would have no effect.
    for alone, with_it in (("report", ()), ("model", ("system", "data", "group", "known", "features", "schedule", "seed", "pairs"))):
        if getattr(options, alone):
            idle = [name for name in vars(options) if name not in (alone, *with_it) and getattr(options, name) != parser.get_default(name)]
            if idle:
                parser.error(f"argument --{alone}: leave out --{', --'.join(idle).replace('_', '-')}, which has no part in it")
    if options.jobs > 1 and not options.seeds and options.system != "all":
        parser.error("argument --jobs: goes with --seeds or --system all")
    options.hidden = options.hidden or HIDDEN[options.schedule]
    options.features = [text.strip() for text in options.features or ()]
    options.system = options.system or "sr"
    if options.data is None and (options.group or options.known):
        parser.error("--group and --known go with --data")
    if options.model and options.system == "all":
        parser.error("argument --model: reads one network: give its one --system")
    return options


class Parser(argparse.ArgumentParser):
    def error(self, message):
        leading = " (put a space before one that starts with a minus)" if message.endswith("at least one argument") else ""
        raise UserError(f"{message}{leading}; see python train.py --help")


def path(text):
    """Argument type: the path of a file or folder."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path, got nothing")
    return Path(text)


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
        seeds += range(first, last + 1) or [-1]         # falling: refused below
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


# ----------------------------------------------------------------------------------------- one run

def system_of(options, name=None):
    """The system of that name, or the one the options ask for; UserError if a data file cannot be used."""
    if options.data is None:
        system = physics.SYSTEMS[name or options.system]
    else:
        try:
            system = data.load_system(options.data, options.group, options.known)
        except OSError as error:
            raise UserError(f"cannot read --data {options.data}: {error.strerror}") from error
        except ValueError as error:
            raise UserError(f"cannot use --data: {error}") from error
        for note in system.notes:
            print(f"train.py: {options.data}: {note}", file=sys.stderr)
    if "rational" in options.features:
        try:
            rational(system.inputs, 1)
        except ValueError as error:
            raise UserError(f"--features: {error}") from error
        if options.data and "rational" not in system.features:
            raise UserError(f"--features rational needs positions away from the origin, where 1/r is infinite; {system.name} has one there")
    if not options.features:
        return system
    try:
        names = [text if text in reading.LIBRARIES else Expression(text, system.inputs).name for text in options.features]
    except ValueError as error:
        raise UserError(f"--features takes {', '.join(reading.LIBRARIES)} and expressions: {error}") from error
    system = replace(system, features=tuple(dict.fromkeys(names)))
    experiment.check_features(system, *([pairs.observations.astype(np.float32) for pairs in (system.sample, system.sample_test)]
                                        if options.data else [system.sample(1000, np.random.default_rng(0))[0]]))
    return system


def plan_of(options, system, seed):
    """The run that the options ask for, of one system and seed."""
    schedule = SCHEDULES[options.schedule]
    if options.schedule == "quick":
        schedule = (replace(schedule, epochs=SEARCH_EPOCHS, decay=SEARCH_DECAY) if options.discover else
                    replace(schedule, learning_rate=QUICK_RATES.get(system.name, schedule.learning_rate)))
    if options.epochs:
        schedule = replace(schedule, epochs=options.epochs)
    if options.learning_rate:
        schedule = replace(schedule, learning_rate=options.learning_rate)
    return experiment.Plan(system, seed, options.schedule, schedule, tuple(options.hidden), options.activation,
                           train_pairs(options, system), options.discover, array_module(options.device))


def array_module(device):
    """NumPy, or CuPy for the device gpu; UserError where that cannot be had."""
    if device == "cpu":
        return np
    try:
        import cupy
    except ImportError as error:
        raise UserError("--device gpu needs CuPy, for an NVIDIA card: pip install cupy-cuda12x, or as its documentation says; "
                        "or leave --device out") from error
    try:
        cupy.cuda.runtime.getDeviceCount()
    except Exception as error:                          # CuPy's own kinds, which differ with its version
        raise UserError(f"--device gpu: CuPy finds no GPU ({error}); leave --device out") from error
    return cupy


def train_pairs(options, system):
    """Training pairs of each label."""
    most = system.train_pairs if options.schedule != "quick" else SEARCH_PAIRS if options.discover else QUICK_PAIRS
    return options.pairs or min(system.train_pairs, most)


def run_folder(options, plan):
    """runs/sr/seed-0, or runs/sr-paper/seed-0 for a schedule other than the default, runs/sr-discover/seed-0."""
    name = plan.system.name + ("" if options.schedule == "quick" else f"-{options.schedule}") + ("-discover" if plan.all_invariants else "")
    return options.out / name / f"seed-{plan.seed}"


def writable_folder(folder):
    """Make the folder before any work is done; UserError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / "writable.part"
        probe.touch()
        probe.unlink(missing_ok=True)                   # another run that starts here may have been faster
    except OSError as error:
        raise UserError(f"cannot write to --out {folder}: {error.strerror}; give a folder that can be written") from error
    return folder


def read_model(system, options):
    """Read off a saved network on the pairs of a seed, and print the comparison."""
    try:
        network = siamese.SiameseNetwork.load(options.model)
    except OSError as error:
        raise UserError(f"cannot read --model {options.model}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"cannot read --model: {error}") from error
    if network.label != system.name or (network.layer_sizes[0], network.layer_sizes[-1]) != (len(system.inputs), 1):
        raise UserError(f"{options.model} is a network of the system {network.label or 'unknown'!r}, not of {system.name!r}")
    train, test = experiment.sample_sets(system, experiment.seed_streams(options.seed)[0], train_pairs(options, system))
    experiment.check_features(system, train[0], test[0])
    result = {"system": system.name, "seed": options.seed, "schedule": f"of {options.model}",
              "notes": system.notes, **reading.read_off(system, network, train, test)}
    print(report(result))


# --------------------------------------------------------------------------------------- many runs

def run_many(options):
    """Each system and seed as a process of its own, --jobs at a time; return 1 if one failed, else 0."""
    systems = [system_of(options, name) for name in (physics.SYSTEMS if options.system == "all" else [options.system])]
    seeds = options.seeds or [options.seed]
    label = (f"{'all' if options.system == 'all' else systems[0].name}-{options.schedule}{'-discover' if options.discover else ''}"
             f"-seeds-{seeds[0]}" + (f"-{seeds[-1]}" if len(seeds) > 1 else ""))
    folder = writable_folder(options.out / label)
    finished, failed = run_all([run_of(options, system, seed) for system in systems for seed in seeds], options.jobs)
    if finished:
        text = report_on([run.folder for run in finished])
        write(folder / "report.md", lambda file: file.write(text))
        import figures                                  # those of Figs. 1 to 9 that belong to no single run
        sizes = (len(systems[0].inputs), *options.hidden, 1)
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
    words += ["--data", options.data] if options.data else ["--system", system.name]
    words += ["--discover"] if options.discover else []
    words += ["--seed", seed, "--schedule", options.schedule, "--out", options.out,
             "--hidden", *options.hidden, "--activation", options.activation, "--device", options.device]
    for option in ("pairs", "epochs", "learning_rate", "group"):
        if getattr(options, option) is not None:
            words += ["--" + option.replace("_", "-"), getattr(options, option)]
    for option in ("known", "features"):
        if getattr(options, option):                    # the space keeps "-x*y" from being taken for an option
            words += ["--" + option, *(" " + word if word.startswith("-") else word for word in getattr(options, option))]
    threads = {variable: "1" for variable in THREADS} if options.jobs > 1 else {}
    return Run(f"{system.name} seed {seed}", [sys.executable, __file__, *map(str, words)],
               writable_folder(run_folder(options, plan_of(options, system, seed))), threads)


def report_on(folders):
    """The page on all finished runs under the folders."""
    try:
        return summary(load_results(folders))
    except ValueError as error:
        raise UserError(f"cannot report: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
