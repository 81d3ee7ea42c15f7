"""What several test files need: pairs, networks whose f is known, small runs, files of own data."""

import csv
import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import physics
import siamese
import train
from support import checkpoints, options
from support.results import Result, as_json, load_result

ROOT = Path(__file__).parent.parent
TINY = ["--pairs", "300", "--hidden", "8", "--epochs", "50", "--learning-rate", "30"]
SMALL = ["--pairs", "10000", "--hidden", "64", "64", "--epochs", "20", "--learning-rate", "5"]


def mostly_slow(values, quick):
    """Values of parameters, of which all but the first `quick` are marked slow."""
    rows = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*row, marks=[pytest.mark.slow] * (i >= quick))
            for i, row in enumerate(rows)]


# ------------------------------------------------------------------------------ pairs and networks

def pairs(n, seed, system="sr"):
    """n equivalent and n different pairs of a system: x, x_prime, y."""
    return physics.labelled_pairs(physics.SYSTEMS[system], n, np.random.default_rng(seed))


def sample_sets(seed, n, name="sr"):
    """Labelled pairs to train on, n of each label, and to test on, as a run with this seed has."""
    sets = physics.sample_sets(physics.SYSTEMS[name], physics.seed_streams(seed)[0], n)
    return [each.labelled() for each in sets]


def stepper(network, x, first, second, y):
    """A function that does both passes of a training step, as often as it is called.

    Pair p compares observations first[p] and second[p] of x (n, d) and has the label y[p]. Only
    here the tests know what `SiameseNetwork.step` takes.
    """
    augmented = network.augment(x)
    first, second, y = map(network.xp.asarray, (first, second, np.asarray(y, network.dtype)))
    return lambda: network.step(augmented, first, second, y)


def pair_stepper(network, x, x_prime, y):
    """The same for pairs x, x_prime (n, d) with labels y (n,)."""
    return stepper(network, np.concatenate([x, x_prime]), *np.arange(2 * len(y)).reshape(2, -1), y)


def central_differences(function, x, h=1e-6):
    """Derivatives (n, ..., d) of a function of x (n, d); h: one step, or one for each input."""
    slopes = [(function(x + step) - function(x - step)) / (2 * step.sum())
              for step in h * np.eye(x.shape[1])]
    return np.stack(slopes, axis=-1)


class FakeNetwork(siamese.SiameseNetwork):
    """Stands for a trained network: its f is this function of x (n, inputs).

    Pairs of one f are the same. With w = 0 it calls all pairs the same, and tells nothing apart.
    """

    def __init__(self, inputs, function, w=1000.0, b=-1.0):
        super().__init__((inputs, 2, 1), dtype=np.float64)
        self.function = function
        self.w[:], self.b[:] = w, b

    def forward(self, augmented):
        return self.function(augmented[:, :-1])[:, None]

    def gradient(self, x):
        return central_differences(self.function, x)


# ---------------------------------------------------------------------------- the command and runs

def command(*arguments, program=("train.py",), **settings):
    """Run `python train.py` with these arguments; return the ended process."""
    return subprocess.run([sys.executable, *program, *map(str, arguments)], cwd=ROOT,
                          capture_output=True, encoding="utf-8", timeout=300, **settings)


def parsed(words):
    """The options of these words of a command line."""
    return options.parse(train.PARSER, words)


def planned(*words, seed=0):
    """The train.Config that these words of a command line ask for."""
    chosen = parsed(words)
    return train.build_config(chosen, chosen.system, seed)


def outcome(out, system="sr"):
    """All that a run found: parameters, history and result, without the seconds that it took."""
    folder = out / system / "seed-0"
    assert not [path for pattern in ("*-part", "checkpoint*", "in-use")
                for path in folder.glob(pattern)]
    result = json.loads((folder / "result.json").read_text("utf-8"))
    result.pop("seconds", None)         # left out where they round to zero
    with open(folder / "history.csv", newline="") as file:
        history = [row[:-1] for row in csv.reader(file)]
    assert history[0][-1] == "learning_rate"
    return siamese.SiameseNetwork.load(folder / "model.npz").parameters.tobytes(), history, result


class FakePicture:
    """In place of a figure, which takes a second to draw."""

    def save(self, file, kind):
        file.write(b"picture")


def checkpoint_every_epoch(monkeypatch):
    """A checkpoint after every epoch; no figures, and no waiting for the disk."""
    import figures
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(figures, "figures_of_run",
                        lambda *_: {"figure_9": ("Fig. 9: losses", FakePicture)})
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", -1)


def table_rows(text):
    """The rows of all Markdown tables in a text, each a list of its cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def canned(system="sr", seed=0, schedule="quick", accuracy=0.95, r2=0.997, **others):
    """A result as a run gives it, with chosen numbers."""
    known = dict.fromkeys(physics.SYSTEMS[system].invariants, 0.99)
    numbers = dict(
        epochs=80, above_chance=accuracy >= 0.7,
        train_accuracy=accuracy + 0.01, test_accuracy=accuracy,
        r2={"1": (0.001, 0.0), "2": (r2, r2 - 0.001), "3": (r2, r2), "4": (r2, r2)},
        optimal_order=2, terms={"t^2": -9.0}, intercept=0.5, polynomial="-9.00t² + 0.50",
        formula="f ≈ -9.00 t² + 0.50", formula_spread=0.0, largest_dropped=("x", 0.01),
        correlations=known)
    return Result(system=system, seed=seed, schedule=schedule, **{**numbers, **others})


def saved(folder, **numbers):
    """Write a canned result into the folder, as a run does; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(as_json(canned(**numbers)), "utf-8")
    return folder / "result.json"


@functools.cache
def kept_results():
    """The committed results: [(path, Result), ...]."""
    paths = sorted((ROOT / "results").rglob("result.json"))
    return [(path, load_result(path)) for path in paths]


@functools.cache
def benchmark(name):
    """The module benchmarks/NAME.py."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -------------------------------------------------------------------------------- own observations

NAMES = ["x", "y", "v_x", "v_y"]


def trajectories(orbits=40, times=6, seed=0):
    """Plane oscillators of frequency 1 at random phases, (orbits, times, 4)."""
    rng = np.random.default_rng(seed)
    q, p = rng.uniform(-1, 1, (orbits, 1, 2)), rng.uniform(-1, 1, (orbits, 1, 2))
    t = rng.uniform(0, 6, (orbits, times, 1))
    return np.concatenate([q * np.cos(t) + p * np.sin(t), p * np.cos(t) - q * np.sin(t)], axis=2)


def npz(folder, name="mine.npz", **arrays):
    """Write these arrays to an .npz file."""
    np.savez(folder / name, **arrays)
    return folder / name


def table(folder, head, rows):
    """Write these rows to a .csv file."""
    with open(folder / "mine.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return folder / "mine.csv"


def rows_of(orbits):
    """The rows of a .csv file of orbits (orbits, times, d), each behind the name of its orbit."""
    return [[f"orbit {i}", *map(float, state)] for i, orbit in enumerate(orbits) for state in orbit]
