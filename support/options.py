"""What both commands share: options of a training, argument types, and the exit status."""

import argparse
import math
import os
import re
import sys
import zlib
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from support.checks import UserError
from support.process import printable


class Parser(argparse.ArgumentParser):
    """Refuses bad arguments by UserError, so that one place says them."""

    def __init__(self, prog, description):
        super().__init__(prog=prog, description=description, allow_abbrev=False, add_help=False,
                         formatter_class=lambda prog: argparse.HelpFormatter(
                             prog, max_help_position=30, width=100))

    def _print_message(self, message, file=None):       # argparse's own drops an OSError
        (file or sys.stderr).write(message)

    def error(self, message):
        message = message.replace("at least one argument", "at least one argument (put a space "
                                  "before one that starts with a minus)")
        raise UserError(f"{message}; see {self.prog} --help")


def build_paper_parser(systems, schedules, activations):
    """The parser of train.py; systems: {name: physics.System}, the others names."""
    parser = Parser("python train.py", "The experiment of the paper: sample pairs of observations, "
                    "train the siamese network to tell them apart, interpret its bottleneck.")
    add = parser.add_argument_group("system").add_argument
    titles = "; ".join(f"{name}: {system.title}" for name, system in systems.items())
    add("--system", choices=[*systems, "all"], default="sr", help=f"{titles} (default sr)")
    add("--sampling", choices=("box",), help="another sampling of cp and cp-fixed (Table III)")
    add("--data", metavar="FILE", help="own data have another command: python -m discover FILE")
    add_training_options(parser, activations, schedules)
    add_run_options(parser)
    return parser


def add_run_options(parser):
    """The group of options on seeds, folders and pages."""
    group = parser.add_argument_group("runs")
    add = group.add_argument
    seeds = group.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=whole(0, 10**9), default=0, metavar="N",
                       help="seed of data, initial weights and batches (default 0)")
    seeds.add_argument("--seeds", type=seed_list, metavar="LIST",
                       help="several runs, e.g. 0-9 or 0,3,7, and a page on all of them")
    add("--jobs", type=whole(1, 1000), default=1, metavar="N",
        help="number of parallel runs (default 1)")
    add("--out", type=path, default=Path("runs"), metavar="FOLDER",
        help="where the folder of a run is made (default runs)")
    add("--fresh", action="store_true", help="start over; replace a finished run")
    add("--pdf", action="store_true", help="write each picture as .pdf too")
    add("--report", type=path, nargs="+", metavar="FOLDER",
        help="print a page on the finished runs in these folders; train nothing")
    add("--help", action="help", help="show this page")


def add_training_options(parser, activations, schedules=()):
    """The group of options on the network and its training."""
    add = parser.add_argument_group("training (defaults: those of the schedule)").add_argument
    if schedules:
        add("--schedule", choices=schedules, default="quick",
            help="quick: seconds (default); paper: Appendix B as printed, hours")
    add("--pairs", type=whole(2, 10**7), metavar="N", help="training pairs of each label")
    add("--epochs", type=whole(1, 10**6), metavar="N", help="maximal number of epochs")
    add("--learning-rate", type=positive, metavar="X", help="starting rate")
    add("--hidden", type=whole(1, 10**4), nargs="+", metavar="N", help="sizes of hidden layers")
    add("--activation", choices=activations, default="relu", help="default relu; tanh fails on sr")
    add("--device", choices=("cpu", "gpu"), default="cpu", help="gpu needs CuPy (default cpu)")


def parse(parser, arguments):
    """The options; UserError for the first that is not acceptable or would have no effect."""
    options = parser.parse_args(arguments)
    if getattr(options, "data", None) is not None:
        raise UserError("own data have a command of their own: python -m discover FILE")
    idle = sorted(name.replace("_", "-") for name, value in vars(options).items()
                  if name != "report" and value != parser.get_default(name))
    idle = ["FILE" if name == "file" else f"--{name}" for name in idle]
    if options.report and idle:
        parser.error(f"--report trains nothing; leave out {', '.join(idle)}")
    if options.jobs > 1 and not options.seeds and options.system != "all":
        parser.error("--jobs goes with several runs: give --seeds")
    return options


def adapt(schedule, options):
    """The schedule with the epochs and the learning rate of the options, where these are given."""
    changes = {"epochs": options.epochs, "learning_rate": options.learning_rate}
    return replace(schedule, **{name: value for name, value in changes.items() if value})


def abbreviate(seeds):
    """Seeds for a file name: 0-9, or 0,3,7; a long list ends with a number of its own."""
    if len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    text = ",".join(map(str, seeds))
    return text if len(text) <= 60 else f"{text[:50]}...{zlib.crc32(text.encode()):08x}"


# -------------------------------------------------------------------------------------- exit status

def exit_status(command, action):
    """The exit status of a command: of action(), or 2 and a sentence on what was wrong."""
    try:
        try:
            status = action() or 0
        except SystemExit as ending:                    # --help, or a signal
            status = ending.code
        if sys.stdout:
            sys.stdout.flush()          # here, where an error can still be said in words
        return status
    except ImportError as error:        # Matplotlib: asked for before the training, needed after
        sentence = f"{error}; pip install -r requirements.txt"
    except MemoryError:
        sentence = "there is not enough memory; give fewer --pairs or smaller --hidden"
    except UserError as error:
        sentence = error
    except OSError as error:
        with suppress(OSError, ValueError):             # what is left in it is not to be flushed
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):          # whoever read it has left, as in "| head"
            return 1
        what = f"use {error.filename}" if error.filename else "write the output"
        sentence = f"cannot {what}: {error.strerror or error}"
    note(command, sentence)
    return 2


def note(command, sentence):
    """Say something in one line beside the output, whatever names are in it."""
    with suppress(OSError):             # nobody hears
        print(printable(f"{command}: {sentence}").replace("\n", "\\n"), file=sys.stderr)


# ----------------------------------------------------------------------------------- argument types

def path(text):
    """Argument type: the path of a file or folder; ~ is the home folder."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path, got nothing")
    return Path(os.path.expanduser(text))


def whole(least, most):
    """Argument type: a whole number from `least` to `most`."""
    def convert(text):
        if not re.fullmatch(r"\d{1,12}", text, re.ASCII) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {least} to {most}, got {text!r}")
        return int(text)
    return convert


def seed_list(text):
    """Argument type: seeds as 0-9 or 0,3,7-9, each once, in rising order."""
    part = r"(\d{1,9})(?:-(\d{1,9}))?"
    pairs = re.findall(part, text) if re.fullmatch(f"{part}(,{part})*", text, re.ASCII) else []
    bounds = [int(bound) for pair in pairs for bound in pair if bound]
    if not bounds or bounds != sorted(set(bounds)):
        raise argparse.ArgumentTypeError(
            f"must be rising whole numbers as in 0-9 or 0,3,7; got {text!r}")
    ranges = [range(int(first), int(last or first) + 1) for first, last in pairs]
    if sum(map(len, ranges)) > 10_000:
        raise argparse.ArgumentTypeError(f"{text} are too many seeds")
    return [*chain(*ranges)]


def positive(text):
    """Argument type: a positive finite number."""
    with suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}")
