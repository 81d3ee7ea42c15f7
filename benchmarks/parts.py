"""What is measured, one function per part; each returns rows, a median with its quartiles.

Seconds are processor time of this process, all its threads, which other programs on the machine do not
lengthen; those of whole commands are by the clock on the wall.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import physics
import regression
import siamese
import training
from competitors import COMPETITORS

TRAIN = str(Path(training.__file__).with_name("train.py"))
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
OURS = "this code"
BATCH, STEPS = 256, 20                  # pairs of a step; steps between two looks at the clock
MISSING = "not installed"


def row(case, who, values, unit, note=""):
    """One line of the table: the median of the values, and its quartiles."""
    low, median, high = np.percentile(values, [25, 50, 75]).tolist() if len(values) else [None] * 3
    return {"case": case, "who": who, "median": median, "low": low, "high": high, "unit": unit, "note": note}


def interleaved(runs, rounds, clock=time.process_time):
    """Seconds of each of the functions, called in turn so that all share the machine's moods: {name: list}."""
    seconds = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = clock()
            run()
            seconds[name].append(clock() - began)
    return seconds


def timed(function, *arguments):
    """Seconds and result of one call."""
    began = time.process_time()
    result = function(*arguments)
    return time.process_time() - began, result


def in_child(function, *arguments):
    """Result of function(*arguments) in a process of its own, and the peak memory of that process in MiB.

    The process that calls must be small: the system counts what it holds at that moment as the child's.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_with_peak, function, arguments).result()


def _with_peak(function, arguments):
    import resource
    result = function(*arguments)
    return result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_PER_MIB


_MAXRSS_PER_MIB = 2**20 if sys.platform == "darwin" else 2**10


def random_pairs(n, inputs=4):
    rng = np.random.default_rng(0)
    x, x_prime = rng.uniform(-1, 1, (2, n, inputs)).astype(np.float32)
    return x, x_prime, rng.integers(0, 2, n).astype(np.float32)


# ------------------------------------------------------------------------------------- the network

def step(quick):
    """One training step of a network 4-n-n-1, batch 256, against others and against its bare matrix products."""
    data = random_pairs(100_000)
    batches = np.random.default_rng(1).permutation(100_000)[:STEPS * BATCH].reshape(STEPS, BATCH)
    rows = []
    for width in (100, 200, 400):
        runs, reached, missing = {}, {}, {}
        for name, competitor in COMPETITORS.items():
            with suppress(ImportError):
                runs[name], parameters = competitor(siamese.SiameseNetwork((4, width, width, 1)), data, batches)
                try:
                    runs[name]()                        # the first call compiles
                except Exception as error:              # e.g. no C++ compiler
                    missing[name] = f"failed: {type(error).__name__}"
                    del runs[name]
                    continue
                reached[name] = parameters and parameters().copy()
        for name, parameters in reached.items():        # all do the same
            assert parameters is None or np.allclose(parameters, reached[OURS], rtol=1e-3, atol=1e-5), name
        seconds = interleaved(runs, 5 if quick else 60)
        rows += [row(f"width {width}", name, 1e6 / STEPS * np.array(seconds.get(name, [])), "us",
                     "" if name in seconds else missing.get(name, MISSING)) for name in COMPETITORS]
    return rows


def profile(quick):
    """Where a step of this code spends its time, and how much of that is its bare matrix products."""
    rows, data = [], random_pairs(BATCH * STEPS)
    for width in (100, 200, 400):
        network = siamese.SiameseNetwork((4, width, width, 1))
        optimizer = siamese.Adadelta(network.parameters.size, 1.0)
        training._touch_blas_buffer()
        clock = {}

        def count(name, function):
            def counted(*arguments):
                seconds, result = timed(function, *arguments)
                clock.setdefault(name, []).append(seconds)
                return result
            return counted
        network._forward, network._backward = count("forward", network._forward), count("backward", network._backward)
        whole, update = count("step", network.step), count("Adadelta", optimizer.step)
        batches = network.rows(*data[:2]).reshape(STEPS, 2 * BATCH, -1), data[2].reshape(STEPS, BATCH)
        z = np.empty(BATCH, np.float32)
        for _ in range(5 if quick else 60):
            for x, y in zip(*batches):
                whole(x, y, z)
                update(network.parameters, network.gradients)
        micro = {name: 1e6 * np.array(values) for name, values in clock.items()}
        micro["comparison"] = micro.pop("step") - micro["forward"] - micro["backward"]
        rows += [row(f"width {width}", name, values, "us") for name, values in micro.items()]
        a, weights, delta = [np.ones(shape, np.float32) for shape in ((2 * BATCH, width + 1), (width + 1, width), (2 * BATCH, width))]
        passes = {"one product, n by n": lambda: a @ weights,
                  "one pass, ReLU": lambda: np.maximum(a, a, out=a),
                  "one pass, its mask": lambda: np.greater(a, 0, out=a, casting="unsafe"),
                  "one pass, product of arrays": lambda: np.multiply(a, a, out=a),
                  "one pass, column times row": lambda: np.multiply(delta[:, :1], a[:1], out=a)}
        seconds = interleaved(passes, 20 if quick else 500)
        rows += [row(f"width {width}", name, 1e6 * np.array(values), "us") for name, values in seconds.items()]
    return rows


def epoch(quick):
    """A whole epoch of 100 000 pairs, 4-200-200-1: shuffle, steps, loss, accuracy, evaluation of 10 000 test pairs."""
    n = 20_000 if quick else 100_000
    network = siamese.SiameseNetwork((4, 200, 200, 1))
    session = training.Training(network, random_pairs(n), random_pairs(10_000), training.SCHEDULES["quick"])
    clock = {}

    def count(name, function):
        def counted(*arguments):
            seconds, result = timed(function, *arguments)
            clock[name] += seconds
            return result
        return counted
    network.step, session.optimizer.step = count("steps", network.step), count("steps", session.optimizer.step)
    network.evaluate = count("evaluation", network.evaluate)
    whole, evaluation, rest = [], [], []
    for _ in range(2 if quick else 10):
        clock.update(steps=0.0, evaluation=0.0)
        whole.append(timed(session.epoch)[0])
        evaluation.append(100 * clock["evaluation"] / whole[-1])
        rest.append(100 * (1 - clock["steps"] / whole[-1]) - evaluation[-1])
    case = f"{n:,} pairs"
    return [row(case, OURS, whole, "s"), row(case, "evaluation of test pairs", evaluation, "% of it"),
            row(case, "shuffle, loss, accuracy", rest, "% of it")]


def bottleneck(quick):
    """The bottleneck's output for 400 000 samples, 4-200-200-1."""
    n = 40_000 if quick else 400_000
    x = random_pairs(n)[0]
    network = siamese.SiameseNetwork((4, 200, 200, 1))
    training._touch_blas_buffer()
    block, *products = [np.ones(shape, np.float32) for shape in ((siamese.BLOCK, 5), (siamese.BLOCK, 201), (siamese.BLOCK, 201))]

    def bare():
        for _ in range(0, n, siamese.BLOCK):
            for a, weights in zip((block, *products), network.layers):
                a @ weights
    runs = {"bare matrix products": bare, OURS: lambda: network.bottleneck(x)}
    with suppress(ImportError):
        import torch
        torch.set_num_threads(1)
        layers = [torch.nn.Linear(weights.shape[0] - 1, weights.shape[1]) for weights in network.layers]
        f = torch.nn.Sequential(*[module for layer in layers for module in (layer, torch.nn.ReLU())][:-1])
        samples = torch.tensor(x)
        runs["PyTorch, eager"] = torch.no_grad()(lambda: torch.cat([f(part) for part in samples.split(siamese.BLOCK)]))
    seconds = interleaved(runs, 2 if quick else 10)
    return [row(f"{n:,} samples", name, seconds.get(name, []), "s", "" if name in seconds else MISSING)
            for name in ("bare matrix products", OURS, "PyTorch, eager")]


# ------------------------------------------------------------------------------ physics, regression

def orbits(quick):
    """Orbits followed over a random part of a turn, and the worst drift of any one of them."""
    n = 5_000 if quick else 50_000
    results = [in_child(_orbits, n) for _ in range(1 if quick else 5)]
    (seconds, evaluations, drifts), peaks = zip(*[result for result, _ in results]), [peak for _, peak in results]
    case = f"{n:,} orbits"
    return [row(case, OURS, seconds, "s"), row(case, OURS, peaks, "MiB"),
            row(case, "right-hand sides of each orbit", evaluations, "evaluations"),
            *[row(case, f"worst drift of {name}", values, kind) for (name, kind), values in zip(
                (("E", "relative"), ("L", "relative"), ("A", "absolute")), np.transpose(drifts))]]


def _orbits(n):
    rng = np.random.default_rng(0)
    x = physics.bound_states(n, rng, lambda m, rng: rng.uniform(-1, 1, (m, 4)) * [2, 2, 1.5, 1.5])
    turn = 2 * np.pi * np.sqrt(-0.5 / physics.energy(x))
    evaluations = []

    def equations(state):
        evaluations.append(state.shape[1])
        return physics.hamiltons_equations(state)
    physics.evolve(x[:2], turn[:2])                     # imports what it needs
    seconds, after = timed(physics.evolve, x, turn * rng.uniform(0, 1, n), equations)
    drifts = [np.abs(f(after) / f(x) - 1).max() for f in (physics.energy, physics.angular_momentum)]
    drifts.append(np.abs(physics.laplace_runge_lenz(after) - physics.laplace_runge_lenz(x)).max())
    return seconds, sum(evaluations) / n, drifts


def pairs(quick):
    """Sampling of 400 000 labelled pairs."""
    n, rows = 40_000 if quick else 400_000, []
    for system in ("sr", "em"):
        results = [in_child(_pairs, system, n // 2) for _ in range(1 if quick else 5)]
        seconds, peaks = zip(*results)
        rows += [row(f"{n:,} pairs, {system}", OURS, seconds, "s"), row(f"{n:,} pairs, {system}", OURS, peaks, "MiB")]
    return rows


def _pairs(system, n):
    return timed(physics.labelled_pairs, physics.SYSTEMS[system], n, np.random.default_rng(0))[0]


def regressions(quick):
    """Polynomial ridge regression in six inputs with its training score, orders 1 to 4 and all of them."""
    n, rows = 20_000 if quick else 200_000, []
    for orders in ((1,), (2,), (3,), (4,), (1, 2, 3, 4)):
        case = f"{n:,} samples, " + (f"order {orders[0]}" if len(orders) == 1 else "orders 1 to 4")
        results = {OURS: [], "scikit-learn": []}
        for _ in range(1 if quick else 3):
            results[OURS].append(in_child(_hierarchy, n, orders))
            with suppress(ImportError):
                results["scikit-learn"].append(in_child(_scikit_learn, n, orders))
        for who, found in results.items():
            seconds, peaks, scores = [result[0] for result, _ in found], [peak for _, peak in found], [result[1] for result, _ in found]
            assert not found or np.allclose(scores, results[OURS][0][0][1], atol=1e-6)              # all find the same
            note = "" if found else MISSING
            rows += [row(case, who, seconds, "s", note), row(case, who, peaks, "MiB", note)]
    seconds, peak = in_child(_hierarchy, 2 * n, (4,))
    return rows + [row(f"{2 * n:,} samples, order 4", OURS, [peak], "MiB")]


def _regression_data(n):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n, 6))
    return x, np.sum(x[:, :3] * x[:, 3:], axis=1)**2 + 0.1 * rng.standard_normal(n)


def _hierarchy(n, orders):
    x, f = _regression_data(n)
    seconds, fits = timed(regression.hierarchy, x, f, x[:1], f[:1], physics.FIELD, orders)
    return seconds, [fit.r2[0] for fit in fits.values()]


def _scikit_learn(n, orders):
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import PolynomialFeatures
    x, f = _regression_data(n)

    def fit(order):
        features = PolynomialFeatures(order, include_bias=False).fit_transform(x)
        return Ridge(alpha=regression.ALPHA).fit(features, f).score(features, f)
    return timed(lambda: [fit(order) for order in orders])


# ---------------------------------------------------------------------------------------- commands

def start(quick):
    """Seconds until `train.py --help` has printed its text."""
    command = [sys.executable, TRAIN, "--help"]
    run = lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    run()
    return [row("train.py --help", OURS, interleaved({OURS: run}, 3 if quick else 20, time.perf_counter)[OURS], "s")]


def jobs(quick):
    """Two runs at a time on two cores against one run on one: how many times the throughput."""
    options = ["--pairs", "2000" if quick else "50000", "--epochs", "2" if quick else "10", "--fresh"]
    with tempfile.TemporaryDirectory() as folder:
        def run(seeds, at_once):
            command = [sys.executable, TRAIN, *options, "--seeds", seeds, "--jobs", at_once, "--out", folder]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        seconds = interleaved({"one": lambda: run("0", "1"), "two": lambda: run("0-1", "2")}, 1 if quick else 5, time.perf_counter)
    return [row("sr, 10 epochs", "one job", seconds["one"], "s"), row("sr, 10 epochs", "two jobs at a time", seconds["two"], "s"),
            row("sr, 10 epochs", "throughput of two", 2 * np.array(seconds["one"]) / seconds["two"], "times that of one")]


def default(quick):
    """The default command of each system, from the command to the last figure."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for system in ["sr"] if quick else physics.SYSTEMS:
            found = [in_child(_default, system, folder, quick) for _ in range(1 if quick or system != "sr" else 3)]
            for name, unit in (("whole", "s"), ("start and sampling", "s"), ("training", "s"), ("reading off, figures", "s"), ("whole", "MiB")):
                rows.append(row(system, name, [result[name + unit] for result, _ in found], unit))
    return rows


def _default(system, folder, quick):
    import resource
    command = [sys.executable, TRAIN, "--system", system, "--out", folder, "--fresh", *(["--pairs", "2000", "--epochs", "2"] if quick else [])]
    user = {name: value for name, value in os.environ.items() if name not in THREADS}               # the command chooses
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=user, text=True) as process:
        process.stdout.readline()                       # printed between sampling and training
        sampled = time.perf_counter() - began
        process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}")
    whole = time.perf_counter() - began
    with open(Path(folder) / system / "seed-0" / "history.csv", encoding="utf-8") as file:
        trained = float(list(csv.DictReader(file))[-1]["seconds"])
    return {"wholes": whole, "start and samplings": sampled, "trainings": trained, "reading off, figuress": whole - sampled - trained,
            "wholeMiB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / _MAXRSS_PER_MIB}


# ----------------------------------------------------------------------------------------- scaling

def scaling(quick):
    """How time and peak memory grow: the exponent p of a least-squares fit of size^p."""
    most = 2 if quick else None                         # of the sizes
    studies = [("an epoch, 4-50-50-1", "pairs", _epoch_of, (10_000, 100_000, 1_000_000)),
               ("a step", "width", _step_of_width, (50, 100, 200, 400, 800)),
               ("a step", "inputs", _step_of_inputs, (2, 4, 8, 16, 32)),
               ("regression, order 2", "inputs", _regression_of_inputs, (2, 4, 8, 16, 32)),
               ("regression, six inputs", "order", _regression_of_order, (1, 2, 3, 4))]
    rows = []
    for what, size, function, sizes in studies:
        found = [in_child(function, value) for value in sizes[:most]]
        for value, (seconds, peak) in zip(sizes, found):
            rows += [row(f"{what}, {size} {value:,}", OURS, [seconds], "s"), row(f"{what}, {size} {value:,}", OURS, [peak], "MiB")]
        for unit, values in zip(("time", "memory"), np.transpose(found)):
            slope = np.polyfit(np.log(sizes[:most]), np.log(values), 1)[0]
            rows.append(row(f"{what}, by {size}", f"{unit} grows as", [slope], f"power of {size}"))
    return rows


def _epoch_of(n):
    session = training.Training(siamese.SiameseNetwork((4, 50, 50, 1)), random_pairs(n), random_pairs(1000), training.SCHEDULES["quick"])
    return min(timed(session.epoch)[0] for _ in range(3))


def _step_of(layer_sizes):
    data = random_pairs(STEPS * BATCH, layer_sizes[0])
    run, _ = COMPETITORS[OURS](siamese.SiameseNetwork(layer_sizes), data, np.arange(STEPS * BATCH).reshape(STEPS, BATCH))
    run()
    return np.median([timed(run)[0] for _ in range(5)]) / STEPS


def _step_of_width(width):
    return _step_of((4, width, width, 1))


def _step_of_inputs(inputs):
    return _step_of((inputs, 200, 200, 1))


def _regression_of_inputs(inputs, order=2):
    x = np.random.default_rng(0).uniform(-1, 1, (50_000, inputs))
    f = x[:, 0]**2
    return timed(regression.hierarchy, x, f, x[:1], f[:1], [f"x_{i}" for i in range(inputs)], (order,))[0]


def _regression_of_order(order):
    return _regression_of_inputs(6, order)


PARTS = {"step": step, "profile": profile, "epoch": epoch, "bottleneck": bottleneck, "orbits": orbits, "pairs": pairs,
         "regression": regressions, "start": start, "jobs": jobs, "scaling": scaling, "default": default}
