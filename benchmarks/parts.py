"""What is measured, one function per part; each returns rows, a median with its quartiles.

Seconds are processor time of this process, all its threads, which other programs on the machine
hardly lengthen; those of whole commands are by the clock on the wall, with the former beside them.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

import physics
import regression
import train
from competitors import COMPETITORS, OURS, PRODUCTS, this_code
from siamese import SCHEDULES, SiameseNetwork

ROOT = Path(train.__file__).resolve().parent
QUICK = SCHEDULES["quick"]
BATCH, STEPS = 256, 100                 # compared pairs of a step; steps between looks at the clock
MISSING = "not installed"


def row(case, who, values, unit, note=""):
    """One line of a table: the median of the values, and its quartiles."""
    quartiles = np.percentile(values, [25, 50, 75]).tolist() if len(values) else [None] * 3
    return {"case": case, "who": who, **dict(zip(("low", "median", "high"), quartiles)),
            "unit": unit, "note": note}


def timed(function, *arguments):
    """Seconds and result of one call."""
    began = time.process_time()
    result = function(*arguments)
    return time.process_time() - began, result


def random_pairs(n, inputs=4):
    rng = np.random.default_rng(0)
    x, x_prime = rng.uniform(-1, 1, (2, n, inputs)).astype(np.float32)
    return x, x_prime, rng.integers(0, 2, n).astype(np.float32)


def started(competitor, network, *pairs):
    """What the competitor returns, and ""; or None, and why it cannot run."""
    try:
        return competitor(network, *pairs), ""
    except ImportError:
        return None, MISSING


# ------------------------------------------------------------------- time to the paper's figures

# Test accuracy and R² of order 2 (Tables I, II, IV).
TARGETS = {"sr": (0.92, 0.9893), "cp": (0.97, 0.9936), "em": (0.94, 0.9902)}
FIXED = "fixed pairs"
RUNNERS = {OURS: (OURS, True), f"{OURS}, {FIXED}": (OURS, False),
           "JAX, given the exchange": ("JAX (jit, scan)", True),
           **{who: (who, False) for who in COMPETITORS if who not in (PRODUCTS, OURS)}}


def target(quick, seeds=3):
    """Seconds of training until the network is as good as the paper's, on its test set."""
    rows = []
    for name, goal in TARGETS.items():
        found = [race(name, goal, seed, quick) for seed in range(1 if quick else seeds)]
        for who in RUNNERS:
            results = [each[who] for each in found]
            reached = [seconds for seconds, epochs, note in results if epochs]
            notes = {note for *_, note in results if note}
            epochs = [epochs for _, epochs, _ in results if epochs]
            if epochs:
                notes = {f"{np.median(epochs):.0f} epochs", *notes}
            if epochs and len(epochs) < len(results):
                notes.add(f"{len(epochs)} of {len(results)} seeds")
            rows.append(row(name, who, reached, "s", ", ".join(sorted(notes))))
    return rows


def race(name, goal, seed, quick):
    """All runners on the same data, epoch by epoch in turn: {who: (seconds, epochs, note)}."""
    system, size = physics.SYSTEMS[name], BATCH // 2
    data, initial, order = physics.seed_streams(seed)
    n = (2_000 if quick else train.QUICK_PAIRS) // size * size          # whole batches alone
    pairs, test = physics.sample_sets(system, data, n)
    equivalent = pairs.x.astype(np.float32), pairs.x_prime.astype(np.float32)
    labelled = [array.astype(np.float32) for array in pairs.labelled()]
    judge = SiameseNetwork((len(system.inputs), *train.HIDDEN["quick"], 1), initial)
    tested = test.labelled()

    def good(parameters):
        judge.parameters = parameters
        if judge.evaluate(*tested)[1] < goal[0]:
            return False
        f, f_test = judge.f(pairs.x), judge.f(test.x)
        fits = regression.fit_orders(pairs.x, f, test.x, f_test, system.inputs, (2,))
        return fits[2].r2[1] >= goal[1]
    results, going = {}, {}
    for who, (competitor, exchange) in RUNNERS.items():
        network = SiameseNetwork(judge.layer_sizes, initial)
        each, note = started(COMPETITORS[competitor], network,
                             *(equivalent if exchange else labelled))
        results[who] = (None, None, note)
        if each:
            going[who] = *each, np.random.default_rng(order), (1 if exchange else 2) * n, []
    for epoch in range(1, (2 if quick else QUICK.epochs) + 1):
        for who, (run, parameters, rng, count, seconds) in list(going.items()):
            batches = rng.permutation(count).reshape(-1, size * count // n)
            rate = QUICK.learning_rate * QUICK.decay**(epoch - 1)
            try:
                seconds.append(timed(run, batches, rate)[0])
            except Exception as error:                  # e.g. no C++ compiler
                results[who] = (None, None, f"failed: {type(error).__name__}")
                del going[who]
                continue
            if good(parameters()):
                # The first epoch compiles: the time of all is that of the others.
                results[who] = (np.median(seconds[1:] or seconds) * epoch, epoch, "")
                del going[who]
    return results | {who: (None, None, "not reached") for who in going}


# ----------------------------------------------------------------------------------------- the step

def step(quick):
    """Microseconds of a training step, both ways to make a batch."""
    rows = []
    for hidden in ((200, 32), (200, 200)):
        for form, m in ((FIXED, BATCH), ("exchanged", BATCH // 2)):
            case = f"{form}, {hidden[0]}-{hidden[1]}"
            pairs = random_pairs(100_000)[:3 if form == FIXED else 2]
            batches = np.random.default_rng(1).permutation(100_000)[:STEPS * m].reshape(STEPS, m)
            runs, notes, reached = {}, {}, {}
            for who, competitor in COMPETITORS.items():
                each, notes[who] = started(competitor, SiameseNetwork((4, *hidden, 1)), *pairs)
                try:
                    if each:
                        each[0](batches, 1.0)           # the first call compiles
                        runs[who] = each[0]
                        reached[who] = each[1] and np.array(each[1]())
                except Exception as error:              # e.g. no C++ compiler
                    notes[who] = f"failed: {type(error).__name__}"
            for who, parameters in reached.items():     # all do the same
                assert parameters is None or np.allclose(parameters, reached[OURS], 1e-3, 1e-5), who
            seconds = {who: [] for who in COMPETITORS}
            for _ in range(2 if quick else 40):
                for who, run in runs.items():
                    seconds[who].append(timed(run, batches, 1.0)[0])
            rows += [row(case, who, 1e6 / STEPS * np.array(seconds[who]), "µs", notes[who])
                     for who in COMPETITORS]
    return rows


# ---------------------------------------------------------------------------------------- commands

COMMANDS = ("--help", "--system sr", "--system cp", "--system em", "--system all --jobs 2",
            "-m discover --system em")


def command(quick, against=None, times=3):
    """Whole commands, from the start to the last file: an older checkout and this code in turn."""
    rows = []
    folders = {OURS: ROOT} | ({Path(against).name: Path(against)} if against else {})
    few = ["--pairs", "2000", "--epochs", "2"] if quick else []
    for case in COMMANDS[:2 if quick else None]:
        found = {who: [] for who in folders}
        for _ in range(1 if quick else times):
            for who, folder in folders.items():
                found[who].append(whole(folder, case.split() + few))
        for unit, values in zip(("s", "s of processor time", "MiB"), range(3)):
            rows += [row(case, who, [each[values] for each in found[who]], unit) for who in folders]
    return rows


def whole(folder, words):
    """Seconds by the clock and of the processor, and peak memory in MiB, of a command."""
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        program = [] if words[0] == "-m" else ["train.py"]
        words = [sys.executable, *program, *words, "--fresh", "--out", out]
        with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} failed in {folder}")
    memory = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return seconds, usage.ru_utime + usage.ru_stime, memory


# ----------------------------------------------------------------------------------------- growth

def growth(quick):
    """How the time of a step or an epoch grows: the exponent p of a least-squares fit of size^p."""
    studies = {"an epoch, pairs": ([2_500, 25_000, 250_000],
                                   lambda n: per_step((4, 200, 32, 1), n)),
               "a step, width": ([50, 100, 200, 400, 800], lambda n: per_step((4, n, n, 1))),
               "a step, columns": ([2, 4, 8, 16, 32, 64], lambda n: per_step((n, 200, 32, 1)))}
    rows = []
    for what, (sizes, function) in studies.items():
        sizes = sizes[:2] if quick else sizes
        seconds = [function(size) for size in sizes]
        power = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
        said = [f"{size:,}: {1e3 * each:.3g} ms" for size, each in zip(sizes, seconds)]
        rows.append(row("grows as the power", what, [power], "", "; ".join(said)))
    return rows


def per_step(layer_sizes, n=None):
    """Seconds of a step, exchanged; or, with n equivalent pairs, of an epoch."""
    size = BATCH // 2
    x, x_prime, _ = random_pairs(n or STEPS * size, layer_sizes[0])
    run, _ = this_code(SiameseNetwork(layer_sizes), x, x_prime)
    batches = np.random.default_rng(0).permutation(len(x))[:len(x) // size * size].reshape(-1, size)
    run(batches[:STEPS], 1.0)
    seconds = np.median([timed(run, batches, 1.0)[0] for _ in range(5)])
    return seconds if n else seconds / STEPS


# ------------------------------------------------------------------------------ regression, orbits

def regressions(quick):
    """Ridge regression on polynomials in six columns, orders 1 to 4, with their training scores."""
    n, rng = 20_000 if quick else 200_000, np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n, 6))
    f = np.sum(x[:, :3] * x[:, 3:], axis=1)**2 + 0.1 * rng.standard_normal(n)
    runs = {OURS: lambda: [fit.r2[0] for fit in regression.fit_orders(
        x, f, x[:1], f[:1], physics.FIELD).values()], "scikit-learn": None}
    with suppress(ImportError):
        from sklearn.linear_model import Ridge
        from sklearn.preprocessing import PolynomialFeatures

        def fit(order):
            features = PolynomialFeatures(order, include_bias=False).fit_transform(x)
            return Ridge(alpha=regression.ALPHA).fit(features, f).score(features, f)
        runs["scikit-learn"] = lambda: [fit(order) for order in regression.ORDERS]
        assert np.allclose(runs[OURS](), runs["scikit-learn"](), atol=1e-6)
    seconds = {who: [] for who in runs}
    for _ in range(1 if quick else 3):
        for who, run in runs.items():
            if run:
                seconds[who].append(timed(run)[0])
    return [row(f"{n:,} samples", who, values, "s", "" if values else MISSING)
            for who, values in seconds.items()]


def orbits(quick):
    """Orbits followed over a random part of a turn, and the worst drift of any one of them."""
    n, rng = 5_000 if quick else 50_000, np.random.default_rng(0)
    x = physics.bound_states(n, rng, lambda m, rng: rng.uniform(-1, 1, (m, 4)) * [2, 2, 1.5, 1.5])
    duration = 2 * np.pi * np.sqrt(-0.5 / physics.energy(x)) * rng.uniform(-0.5, 0.5, n)
    physics.evolve(x[:2], duration[:2])                 # imports what it needs
    seconds, after = zip(*[timed(physics.evolve, x, duration) for _ in range(1 if quick else 5)])
    found, kinds = [row(f"{n:,} orbits", OURS, seconds, "s")], ("relative", "relative", "absolute")
    for name, law, kind in zip("ELA", (physics.energy, physics.angular_momentum,
                                       physics.laplace_runge_lenz), kinds):
        drift = np.abs(law(after[0]) - law(x)) / (np.abs(law(x)) if kind == "relative" else 1)
        found.append(row(f"{n:,} orbits", f"drift of {name}", [drift.max()], kind))
    return found


PARTS = {"target": target, "step": step, "command": command, "growth": growth,
         "regression": regressions, "orbits": orbits}
