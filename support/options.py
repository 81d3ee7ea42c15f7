"""The options of the command: read, refused in one sentence, and written for other processes."""

import argparse
import math
import os
import sys
import zlib
from contextlib import suppress
from pathlib import Path

from support.checks import UserError
from support.process import printable

ALONE = {                               # options that allow no others but these
    "report": (),
    "model": ("system", "sampling", "data", "group", "drop", "known", "features", "angles",
              "positive", "schedule", "seed", "pairs"),
}


class Parser(argparse.ArgumentParser):
    def error(self, message):
        leading = ""
        if message.endswith("at least one argument"):
            leading = " (put a space before one that starts with a minus)"
        raise UserError(f"{message}{leading}; see python train.py --help")


def parser(systems, schedules, activations, libraries, group_columns):
    """The parser of the command.

    systems: {name: title}; schedules, activations, libraries, group_columns: names.
    """
    parser = Parser(prog="train.py", allow_abbrev=False, description=(
        "Samples pairs of observations, trains a siamese network to tell whether two belong "
        "together, and reads the invariant off its bottleneck."))
    titles = "; ".join(f"{name}: {title}" for name, title in systems.items())
    what, seeds = [parser.add_mutually_exclusive_group() for _ in range(2)]
    add, many = parser.add_argument, {"nargs": "+", "action": "extend"}
    what.add_argument("--system", choices=[*systems, "all"],
                      help=f"{titles}; all: all of them (default sr)")
    what.add_argument("--data", type=path, metavar="FILE",
                      help="observations of your own instead: .npz with x and x_prime, or "
                           "trajectories; or .csv with a column of groups")
    add("--group", metavar="COLUMN", help="the .csv column that tells which observations belong "
        f"together (default: the one named {', '.join(group_columns)})")
    add("--sampling", choices=("box",), help="another sampling of orbits, which gives Table III: "
        "initial states in a box, two times in [0, 3] (cp, cp-fixed)")
    add("--drop", **many, metavar="COLUMN", help="with --data: columns to leave out")
    add("--known", **many, metavar="EXPRESSION", help="with --data: invariants to compare with, "
        'e.g. "x*v_y - y*v_x", a space before a leading minus')
    add("--discover", action="store_true",
        help="look for all invariants, one after another, instead of the first")
    add("--features", **many, metavar="NAME",
        help=f"what laws are made of: {', '.join(libraries)}, and expressions such as "
        '"v_x^2 + v_y^2", a space before a leading minus (default: from simple to rich)')
    add("--angles", **many, metavar="COLUMN",
        help="columns that are angles (default: as the data look)")
    add("--positive", **many, metavar="COLUMN", help="columns that are positive, whose logarithms "
        "and roots laws may hold (default: as the data look)")
    add("--schedule", choices=schedules, default="quick", help="quick: seconds to minutes "
        "(default); paper: Appendix B as printed, an hour or more")
    seeds.add_argument("--seed", type=whole(0, 10**9), default=0, metavar="N",
                       help="seed of the data, the initial weights and the batches (default 0)")
    seeds.add_argument("--seeds", type=seed_list, metavar="LIST",
                       help="several runs, e.g. 0-9 or 0,3,7, and a page on all of them")
    add("--jobs", type=whole(1, 1000), default=1, metavar="N", help="with --seeds or --system all: "
        "so many runs at a time, one core each (default 1)")
    add("--report", type=path, nargs="+", metavar="FOLDER", help="print that page for the finished "
        "runs under these folders; trains nothing")
    add("--apply", type=path, metavar="FILE", help="write the laws and f of the finished run with "
        "these options for each row of this table to a .csv beside its report; trains nothing")
    add("--pdf", action="store_true", help="write each picture as .pdf too")
    add("--movie", action="store_true", help="train the first epochs once more, and write "
        "movie.gif beside the report: f over an invariant while the network learns")
    add("--out", type=path, default=Path("runs"), metavar="FOLDER",
        help="where the run's own folder SYSTEM/seed-N is made (default runs)")
    add("--fresh", action="store_true",
        help="start over, in place of an unfinished or finished run")
    add("--pairs", type=whole(2, 10**7), metavar="N",
        help="training pairs of each label (default: the schedule's)")
    add("--epochs", type=whole(1, 10**6), metavar="N",
        help="at most so many epochs (default: the schedule's)")
    add("--learning-rate", type=positive, metavar="X",
        help="starting rate (default: the schedule's)")
    add("--hidden", type=whole(1, 10**4), nargs="+", metavar="N",
        help="sizes of the hidden layers (default: the schedule's)")
    add("--activation", choices=activations, default="relu",
        help="of the hidden layers (default relu)")
    add("--device", choices=("cpu", "gpu"), default="cpu",
        help="where to train; gpu needs CuPy (default cpu)")
    add("--model", type=path, metavar="FILE", help="read this saved network off, on the pairs of "
        "its --seed, instead of training one; nothing is written")
    return parser


def parse(parser, arguments):
    """The options, checked together; UserError for the first that is not acceptable."""
    options = parser.parse_args(arguments)
    given = [name for name in vars(options) if getattr(options, name) != parser.get_default(name)]
    for alone, with_it in ALONE.items():                # refuse what would have no effect
        idle = [name for name in given if name not in (alone, *with_it)]
        if alone in given and idle:
            names = ", --".join(idle).replace("_", "-")
            parser.error(f"argument --{alone}: leave out --{names}, which has no part in it")
    if options.jobs > 1 and not options.seeds and options.system != "all":
        parser.error("argument --jobs: goes with --seeds or --system all")
    if options.data is None and (options.group or options.known or options.drop):
        parser.error("--group, --known and --drop go with --data")
    if options.apply and (options.seeds or options.system == "all" or options.fresh):
        parser.error("argument --apply: is of one finished run; leave out --seeds, --fresh and all")
    if options.movie and (options.seeds or options.system == "all" or options.discover):
        parser.error("argument --movie: is of one network; leave out --seeds, --discover and all")
    if options.model and options.system == "all":
        parser.error("argument --model: reads one network: give its one --system")
    for name in ("known", "drop"):
        setattr(options, name, [text.strip() for text in getattr(options, name) or ()])
    if not options.data:
        options.system = options.system or "sr"
    return options


def libraries(options):
    """What laws may be made of, as far as the options say it."""
    chosen = {"features": options.features, "angles": options.angles, "positive": options.positive}
    return {name: [text.strip() for text in texts] for name, texts in chosen.items() if texts}


def in_short(seeds):
    """Seeds for a file name: 0-9, or 0,3,7; a long list ends with a number of its own."""
    if len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    text = ",".join(map(str, seeds))
    return text if len(text) <= 60 else f"{text[:50]}...{zlib.crc32(text.encode()):08x}"


def written(options, parser, leave_out=(), **changes):
    """The options as words of a command line, those that have their defaults left out."""
    words = []
    for name, value in {**vars(options), **changes}.items():
        flag = "--" + name.replace("_", "-")
        if name in leave_out or value in (parser.get_default(name), None, [], False):
            continue
        if value is True:
            words.append(flag)
        elif name == "hidden":                          # numbers: none can be taken for an option
            words += [flag, *map(str, value)]
        else:                                           # with =: a value may start with a minus
            values = value if isinstance(value, list) else [value]
            words += [f"{flag}={each}" for each in values]
    return words


# -------------------------------------------------------------------------------------- exit status

def status_of(action):
    """The exit status of the command: that of action(), or 2 with a sentence on what it raises."""
    try:
        status = action()
        if sys.stdout:
            sys.stdout.flush()          # here, where an error can still be said in words
        return status
    except ImportError as error:        # Matplotlib: asked for before the training, needed after
        return refuse(f"{error}; pip install -r requirements.txt")
    except MemoryError:
        return refuse("there is not enough memory; give fewer --pairs or smaller --hidden layers")
    except UserError as error:
        return refuse(error)
    except BrokenPipeError:             # whoever read the output has left, as in "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        reason = error.strerror or error
        return refuse(f"cannot use {error.filename}: {reason}" if error.filename else
                      f"cannot write the output: {reason}")


def refuse(sentence):
    """Say what was wrong and what to give instead; return the exit status for it."""
    note(sentence)
    return 2


def note(sentence):
    """Say something in one line beside the output, whatever names are in it."""
    with suppress(OSError):             # nobody hears
        print(printable(f"train.py: {sentence}").replace("\n", "\\n"), file=sys.stderr)


# ----------------------------------------------------------------------------------- argument types

def path(text):
    """Argument type: the path of a file or folder."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path, got nothing")
    return Path(text)


def whole(least, most):
    """Argument type: a whole number from `least` to `most`."""
    def convert(text):
        digits = text.isascii() and text.isdecimal() and len(text) <= 12
        if not digits or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {least} to {most}, got {text!r}")
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
            raise argparse.ArgumentTypeError(
                f"must be whole numbers as in 0-9 or 0,3,7; got {text!r}") from None
        if last - first >= 10_000:
            raise argparse.ArgumentTypeError(f"{part} are too many seeds")
        seeds += range(first, last + 1) or [-1]         # falling: refused below
    if seeds != sorted(set(seeds)) or seeds[0] < 0:
        raise argparse.ArgumentTypeError(
            f"must be rising, each seed once, as in 0-9 or 0,3,7; got {text!r}")
    return seeds


def positive(text):
    """Argument type: a positive finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}")
    return value
