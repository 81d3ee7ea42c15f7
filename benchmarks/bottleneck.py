"""A wider bottleneck against the search for all invariants: python benchmarks/bottleneck.py

The paper suggests several neurons in the bottleneck, decorrelated, for several invariants. This
trains such networks, with penalties on the correlation of their outputs, and networks of one neuron
each, on pairs that agree in what the ones before found. How well do all outputs together, by a
polynomial of order 3, give each known invariant? Writes results/bottleneck.md. What is done is kept
in results/bottleneck.json, and not done again.
"""

import os
import sys

if __name__ == "__main__":
    threads = "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"
    os.environ.update(dict.fromkeys(threads, "1"))

from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]
import physics
import regression
from discover.network import search
from kept import Kept, from_to, parse
from siamese import SCHEDULES, SiameseNetwork
from support.files import write
from support.page import table
from train import HIDDEN, Training

INVARIANTS = {"em": 2, "cp": 3}                         # how many independent ones each system has
PENALTIES = (0.0, 0.01, 0.1, 1.0)


class Decorrelated(SiameseNetwork):
    """A network whose loss also has a penalty on the squared correlations of its k outputs."""
    penalty = 0.0

    def backward(self, augmented, delta):
        """As without the penalty, whose gradient by the outputs f is first added to delta (r, k).

        Of columns g, of mean 0 and length 1: r = g_i·g_j, dr/df_i = (g_j - r g_i) / |f_i - mean|.
        """
        f = self._buffers.a[-1][:len(augmented)]
        centred = f - f.mean(axis=0)
        length = np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
        g = centred / length
        r = g.T @ g - np.eye(g.shape[1], dtype=g.dtype)
        delta += self.penalty * 2 * (g @ r - g * np.sum(r**2, axis=0)) / length
        super().backward(augmented, delta)


def learn(width, schedule, seed, train, test, batches=None, penalty=0.0):
    """A trained network with a bottleneck of this width, and its losses."""
    _, initial, order = physics.seed_streams(seed)
    network = Decorrelated((train.x.shape[1], *HIDDEN["quick"], width), initial)
    network.penalty = penalty
    training = Training(network, train, test, schedule, order, batches)
    while not training.finished:
        training.epoch()
    return network, training.history["loss"]


def measure(system, width, penalty, seed, pairs, epochs):
    """Train a network of this width, or, where the penalty is None, up to `width` of one neuron."""
    schedule = replace(SCHEDULES["quick"], epochs=epochs)
    train, test = physics.sample_sets(system, physics.seed_streams(seed)[0], pairs)
    if penalty is None:
        steps = search(train, test, lambda number, *sets: learn(
            1, schedule, 100 * seed + number, *sets), known=(), most=width)
        networks, accuracy = [step.network for step in steps], None
    else:
        networks = [learn(width, schedule, 100 * seed, train, test, penalty=penalty)[0]]
        accuracy = networks[0].evaluate(*test.labelled())[1]
    f, f_test = [np.hstack([network.bottleneck(x) for network in networks]).astype(float)
                 for x in (train.x, test.x)]
    spread, names = f.std(axis=0), [f"f_{i + 1}" for i in range(f.shape[1])]
    correlations = np.abs(np.atleast_2d(np.corrcoef(f_test.T)))[np.triu_indices(f.shape[1], 1)]
    r2 = {}
    for known, value in system.invariants.items():
        fits = regression.fit_orders(f, value(train.x), f_test, value(test.x), names, (3,), 0)
        r2[known] = fits[3].r2[1]
    # How far apart pairs are is a sum over neurons of squared differences: the least share in it.
    share = None if penalty is None else float(spread.min()**2 / np.sum(spread**2))
    return {"accuracy": accuracy, "share": share,
            "correlation": float(np.nan_to_num(correlations).max(initial=0)), "r2": r2}


def row(words, results):
    """One line of the table on the results of all seeds."""
    numbers = [[r["accuracy"], r["correlation"], r["share"], *r["r2"].values()] for r in results]
    return (words, *("-" if None in each else from_to(each, 2) for each in zip(*numbers)))


def main(arguments=None):
    options, words = parse(arguments, "bottleneck", __doc__, 20_000, 40, seeds=5)
    kept = Kept(options.out / "bottleneck.json")
    lines = [f"Made by `{words}`.", "",
             f"{options.pairs} pairs of each label, schedule `quick` with {options.epochs} epochs: "
             f"means over {options.seeds} seeds, and the lowest and highest. R² is that of a "
             "polynomial of order 3 in all outputs, on the test set."]
    for name, width in INVARIANTS.items():
        system, rows = physics.SYSTEMS[name], []
        for penalty in (*PENALTIES, None):
            what = f"{name}, penalty {penalty}, {options.pairs} pairs, {options.epochs} epochs"
            results = [kept(f"{what}, seed {seed}", lambda: measure(
                system, width, penalty, seed, options.pairs, options.epochs))
                for seed in range(options.seeds)]
            words = "a search" if penalty is None else f"{width} neurons, penalty {penalty:g}"
            rows.append(row(words, results))
        head = ("", "test accuracy", "largest correlation of two outputs",
                "smallest share of a neuron in the distance",
                *(f"R² of {regression.format_monomial(known)}" for known in system.invariants))
        lines += ["", f"{system.title} (`{name}`):", "", *table(head, *rows)]
    text = "\n".join(lines)
    write(options.out / "bottleneck.md", text + "\n")
    print(text)


if __name__ == "__main__":
    main()
