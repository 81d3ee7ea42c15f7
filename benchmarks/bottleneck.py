"""A wider bottleneck against the search for all invariants: python benchmarks/bottleneck.py

The paper suggests several neurons in the bottleneck, decorrelated, for several invariants. This trains such
networks, as many neurons as the system has invariants, with penalties on the correlation of their outputs,
and the networks of --discover, one after another, on as many pairs and epochs each. Of both it asks the same:
how well do all outputs together, by a polynomial of order 3, give each known invariant? Writes
results/bottleneck.md. What is done is kept in results/bottleneck.json: the command can be interrupted, and goes on.
"""

import os
import sys

if __name__ == "__main__":
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"

from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]
import discovery
import experiment
import physics
import regression
from files import write
from formulas import readable
from kept import Kept, from_to, parse
from report import table
from siamese import SiameseNetwork
from train import HIDDEN, SEARCH_EPOCHS, SEARCH_PAIRS
from training import SCHEDULES, fit

INVARIANTS = {"em": 2, "cp": 3}                         # how many independent ones each system has
PENALTIES = (0.0, 0.01, 0.1, 1.0)                       # on the squared correlation of two neurons, beside the loss


def learn(system, width, schedule, seed, train, test, penalty=0.0):
    """A trained network with a bottleneck of this width."""
    _, initial, batches = experiment.seed_streams(seed)
    network = SiameseNetwork((len(system.inputs), *HIDDEN["quick"], width), initial, decorrelation=penalty)
    fit(network, train, test, schedule, batches)
    return network


def measure(system, width, penalty, seed, pairs, epochs):
    """Train one network of this width, or, where the penalty is None, search `width` times for one more invariant."""
    schedule = replace(SCHEDULES["quick"], epochs=epochs)
    data = np.random.default_rng(experiment.seed_streams(seed)[0])
    sets = [[array.astype(np.float32) for array in system.sample(n, data)] for n in (pairs, 2 * system.test_pairs)]
    if penalty is None:
        networks = [found.network for found in discovery.search(
            sets, lambda step, train, test: learn(system, 1, schedule, 100 * seed + step, train, test), most=width)]
        accuracy = None
    else:
        train, test = [discovery.with_negatives(*pair) for pair in sets]
        networks = [learn(system, width, schedule, 100 * seed, train, test, penalty)]
        accuracy = float(networks[0].evaluate(*test)[1])
    f, f_test = [np.concatenate([network.bottleneck(x) for network in networks], axis=1).astype(float) for x, *_ in sets]
    spread = f.std(axis=0)
    f, f_test = [values / np.where(spread > 0, spread, 1) for values in (f, f_test)]
    correlations = np.abs(np.atleast_2d(np.corrcoef(f_test.T)))[np.triu_indices(f.shape[1], 1)]
    scores = {}
    for name, invariant in system.invariants.items():
        known, known_test = [invariant(x.astype(float)) for x, *_ in sets]
        scores[name] = regression.hierarchy(f, known, f_test, known_test, [f"f_{i + 1}" for i in range(f.shape[1])], (3,), alpha=0)[3].r2[1]
    # How far apart pairs are is a sum over neurons of squared differences: the share of each in it.
    return {"accuracy": accuracy, "shares": sorted((spread**2 / np.sum(spread**2)).tolist()), "correlation": float(np.nan_to_num(correlations).max(initial=0)),
            "r2": scores}


def row(words, results):
    """One line of the table on the results of all seeds."""
    single = results[0]["accuracy"] is not None
    return (words, from_to([r["accuracy"] for r in results], 2) if single else "-",
            from_to([r["correlation"] for r in results], 2), from_to([r["shares"][0] for r in results], 2) if single else "-",
            *(from_to([r["r2"][name] for r in results], 2) for name in results[0]["r2"]))


def main(arguments=None):
    options, words = parse(arguments, "bottleneck", __doc__, SEARCH_PAIRS, SEARCH_EPOCHS, seeds=5)
    kept = Kept(options.out / "bottleneck.json")
    lines = [f"Made by `{words}`.", "",
             f"{options.pairs} pairs of each label, two hidden layers of {' and '.join(map(str, HIDDEN['quick']))}, {options.epochs} epochs: means over "
             f"{options.seeds} seeds, and the lowest and highest. R² is that of a polynomial of order 3 in all outputs, on the test set."]
    for name, width in INVARIANTS.items():
        system, rows = physics.SYSTEMS[name], []
        for penalty in (*PENALTIES, None):
            results = [kept(f"{name}, {width}, penalty {penalty}, {options.pairs} pairs, {options.epochs} epochs, seed {seed}",
                            lambda: measure(system, width, penalty, seed, options.pairs, options.epochs)) for seed in range(options.seeds)]
            rows.append(row(f"{width} neurons, penalty {penalty:g}" if penalty is not None else f"--discover, {width} steps", results))
        lines += ["", f"{system.title} (`{name}`):", "",
                  *table(("", "test accuracy", "largest correlation of two outputs", "smallest share of a neuron in the distance",
                          *(f"R² of {readable(known)}" for known in system.invariants)), *rows)]
    text = "\n".join(lines)
    write(options.out / "bottleneck.md", lambda file: file.write(text + "\n"))
    print(text)


if __name__ == "__main__":
    main()
