"""What tables of many trainings share: their options, results that are kept, means over seeds."""

import argparse
import json
from pathlib import Path
from statistics import mean

from support.files import write


def parse(arguments, name, description, pairs, epochs, seeds):
    """Options of the command benchmarks/NAME.py, and the command as words for its table."""
    parser = argparse.ArgumentParser(prog=f"benchmarks/{name}.py", allow_abbrev=False,
                                     description=description.split("\n")[0])
    for option, default, what in (("pairs", pairs, "training pairs of each label"),
                                  ("epochs", epochs, "at most so many epochs"),
                                  ("seeds", seeds, "seeds 0, 1, ... of each row")):
        parser.add_argument(f"--{option}", type=int, default=default,
                            help=f"{what} (default {default})")
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="FOLDER",
                        help="where the table goes (default results)")
    options = parser.parse_args(arguments)
    if min(options.pairs - 1, options.epochs, options.seeds) < 1:
        parser.error("--pairs must be 2 or more, --epochs and --seeds 1 or more")
    return options, (f"python benchmarks/{name}.py --pairs {options.pairs} "
                     f"--epochs {options.epochs} --seeds {options.seeds}")


class Kept:
    """Results in a .json file, each measured only once: a command that is interrupted goes on."""

    def __init__(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.done = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def __call__(self, key, measure):
        """The result of this key, by measure() if it is not there yet."""
        if key not in self.done:
            self.done[key] = measure()
            write(self.path, json.dumps(self.done, indent=1, ensure_ascii=False))
            print(f"{key}: {self.done[key]}", flush=True)
        return self.done[key]


def from_to(values, digits):
    return f"{mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
