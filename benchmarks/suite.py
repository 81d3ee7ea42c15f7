"""Data with and without invariants, run by train.py's own command: python benchmarks/suite.py

Every kind of data is made anew for each seed, and learned once with a single run and once with
--discover. A finding is false if it counts more invariants than there are, calls something
conserved where nothing is, or names a law that does not hold on other data of this kind. Runs that
are done are kept in results/suite.json: the command can be interrupted, and goes on.
"""

import contextlib
import io
import json
import os
import sys
import tempfile

if __name__ == "__main__":
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"

from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]
import physics
import train
from beyond import findings
from beyond.expressions import Expression
from kept import Kept, parse
from support.files import write
from support.page import table

KINDS = {}                              # name: (function, how many invariants, how many are nameable)
HOLDS = 1e-3                            # share of a law's variance within classes of other data


def kind(count, named=None):
    """A kind of data: a function of a generator that gives (groups, times, d), names of columns."""
    def enter(function):
        KINDS[function.__name__] = function, count, count if named is None else named
        return function
    return enter


def orbits(equations, start, span, rng, times=30):
    """States at random times of (0, span) on orbits from start (n, d), (n, times, d)."""
    n, d = start.shape
    time = rng.uniform(0, span, n * times)
    return physics.evolve(np.repeat(start, times, axis=0), time, equations).reshape(n, times, d)


def wrapped(angle):
    return (angle + np.pi) % (2 * np.pi) - np.pi


# ------------------------------------------------------------------------------- with invariants

@kind(1)
def pendulum(rng, n=200):
    start = np.stack([rng.uniform(-2.6, 2.6, n), rng.uniform(-1, 1, n)], 1)
    x = orbits(lambda s: np.stack([s[1], -np.sin(s[0])]), start, 40, rng)
    return np.stack([wrapped(x[..., 0]), x[..., 1]], 2), "theta omega"


@kind(1)
def measured_pendulum(rng):
    x, names = pendulum(rng)
    return x + 0.01 * x.std(axis=(0, 1)) * rng.normal(size=x.shape), names


@kind(1)
def anharmonic(rng):
    start = rng.uniform(-2, 2, (200, 2))
    return orbits(lambda s: np.stack([s[1], -s[0] - s[0]**3]), start, 40, rng), "q p"


@kind(3)
def isotropic(rng):
    start = rng.normal(size=(200, 4))
    return orbits(lambda s: np.stack([s[2], s[3], -s[0], -s[1]]), start, 30, rng), "x y v_x v_y"


@kind(2)
def incommensurate(rng):
    start = rng.normal(size=(200, 4))
    return orbits(lambda s: np.stack([s[2], s[3], -s[0], -2 * s[1]]), start, 200, rng), "x y u v"


@kind(3)
def kepler(rng):
    start = physics.bound_states(200, rng, lambda n, rng: rng.uniform([-2, -2, -1.5, -1.5],
                                                                      [2, 2, 1.5, 1.5], (n, 4)))
    return orbits(physics.hamiltons_equations, start, 12, rng), "x y v_x v_y"


@kind(1)
def double_pendulum(rng):
    def equations(s):
        a, b, u, v = s
        d, below = a - b, 3 - np.cos(2 * (a - b))
        return np.stack([u, v, (-3 * np.sin(a) - np.sin(a - 2 * b)
                                - 2 * np.sin(d) * (v**2 + u**2 * np.cos(d))) / below,
                         2 * np.sin(d) * (2 * u**2 + 2 * np.cos(a) + v**2 * np.cos(d)) / below])
    start = np.concatenate([np.pi * rng.uniform(-1, 1, (300, 2)), rng.normal(size=(300, 2)) / 2], 1)
    x = orbits(equations, start, 8, rng)
    x[..., :2] = wrapped(x[..., :2])
    return x, "a b u v"


@kind(1)
def henon_heiles(rng):
    start = 0.22 * rng.normal(size=(2000, 4))
    x, y, u, v = start.T
    start = start[((u*u + v*v + x*x + y*y) / 2 + x*x*y - y**3 / 3 < 1 / 7) & (x*x + y*y < 0.5)]
    return orbits(lambda s: np.stack([s[2], s[3], -s[0] - 2 * s[0] * s[1],
                                      -s[1] - s[0]**2 + s[1]**2]),
                  start[:200], 200, rng), "x y v_x v_y"


@kind(2)
def rigid_body(rng):
    return orbits(lambda s: np.stack([-s[1] * s[2] / 6, 2 / 3 * s[2] * s[0], -s[0] * s[1] / 2]),
                  rng.normal(size=(200, 3)), 60, rng), "a b c"


@kind(1)
def predator_and_prey(rng):
    start = rng.uniform(0.3, 2.5, (200, 2))
    return orbits(lambda s: np.stack([s[0] * (1 - s[1]), s[1] * (s[0] - 1)]), start, 30,
                  rng), "rabbits foxes"


@kind(1)
def gas(rng):
    entropy, volume = rng.uniform(0, 3, (200, 1)), rng.uniform(0.5, 3, (200, 30))
    return np.stack([np.exp(entropy) * volume**(-5 / 3), volume], 2), "p V"


@kind(3)
def magnetic_field(rng):
    return orbits(lambda s: np.stack([s[2], s[3], 1.3 * s[3], -1.3 * s[2]]),
                  rng.normal(size=(200, 4)), 50, rng), "x y v_x v_y"


def chain(rng, masses, n=200):
    """Masses between walls, with springs: all modes keep their energies."""
    matrix = 3 * np.eye(masses) - np.eye(masses, k=1) - np.eye(masses, k=-1)
    x = orbits(lambda s: np.concatenate([s[masses:], -matrix @ s[:masses]]),
               rng.normal(size=(n, 2 * masses)), 100, rng, 2 * masses + 20)
    return x, " ".join(f"{letter}_{i + 1}" for letter in "qp" for i in range(masses))


@kind(3)
def chain_of_3(rng):
    return chain(rng, 3)


@kind(6)
def chain_of_6(rng):
    return chain(rng, 6, 300)


@kind(1, 0)
def unnameable(rng):
    """An energy p²/2 + q²/2 + 3 sin(5q) + 2 cos(7q), for which no library has the sines."""
    start = np.stack([rng.uniform(-1.2, 1.2, 300), rng.uniform(-4, 4, 300)], 1)
    return orbits(lambda s: np.stack([s[1], -15 * np.cos(5 * s[0]) + 14 * np.sin(7 * s[0]) - s[0]]),
                  start, 40, rng), "q p"


# ---------------------------------------------------------------------------- without invariants

@kind(0)
def white_noise(rng):
    return rng.normal(size=(200, 20, 3)), "a b c"


@kind(0)
def copy_with_noise(rng):
    x = rng.normal(size=(3000, 1, 3))
    return x + 0.5 * np.array([[0], [1]]) * rng.normal(size=(3000, 2, 3)), "a b c"


@kind(0)
def time_stamp(rng):
    time = 10 * np.arange(200)[:, None] + np.sort(rng.uniform(0, 10, (200, 20)))
    return np.concatenate([rng.normal(size=(200, 20, 2)), rng.permuted(time, axis=1)[..., None]],
                          2), "a b clock"


@kind(0)
def sensor_off(rng):
    x = rng.normal(size=(200, 20, 3))
    x[::3, :, 2] = 0
    return x, "a b c"


def autoregressive(rng, memory, d=3):
    x = np.zeros((6000, d))
    for i in range(1, len(x)):
        x[i] = memory * x[i - 1] + rng.normal(size=d)
    return x.reshape(200, 30, d)


@kind(0)
def pieces_of_noise(rng):
    return autoregressive(rng, 0.98), "a b c"


@kind(0)
def pieces_of_a_walk(rng):
    return autoregressive(rng, 1.0), "a b c"


def lorenz(rng, span, n=300):
    def equations(s):
        return np.stack([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])
    start = physics.evolve(rng.normal(size=(n, 3)) + [0, 0, 20], np.full(n, 12.0), equations)
    return orbits(equations, start, span, rng, 20), "x y z"


@kind(0)
def short_chaos(rng):
    return lorenz(rng, 0.1)


@kind(0)
def very_short_chaos(rng):
    return lorenz(rng, 0.003)


@kind(0)
def chaos(rng):
    return lorenz(rng, 5.0)


@kind(0)
def without_partner(rng):
    x, _ = kepler(rng)
    return x[..., :3], "x y v_x"


@kind(0)
def hidden_parameter(rng):
    stiffness, energy = rng.uniform(0.5, 4, (300, 1)), rng.uniform(0.1, 2, (300, 1))
    phase = rng.uniform(0, 2 * np.pi, (300, 30))
    return np.stack([np.sqrt(2 * energy / stiffness) * np.cos(phase),
                     np.sqrt(2 * energy) * np.sin(phase)], 2), "q p"


@kind(0)
def damped(rng):
    start = 2 * rng.normal(size=(300, 2))
    return orbits(lambda s: np.stack([s[1], -s[0] - 0.3 * s[1]]), start, 12, rng), "q p"


@kind(0)
def driven(rng):
    start = np.concatenate([rng.normal(size=(300, 2)), rng.uniform(0, 6, (300, 1))], 1)
    x = orbits(lambda s: np.stack([s[1], -s[0] + 0.8 * np.cos(1.3 * s[2]), 1 + 0 * s[2]]), start, 60,
               rng)
    return x[..., :2], "q p"


@kind(0)
def drifting_parameter(rng):
    start = np.concatenate([rng.normal(size=(300, 2)), np.ones((300, 1))], 1)
    x = orbits(lambda s: np.stack([s[1], -s[2] * s[0], 0.03 * s[2]]), start, 60, rng)
    return x[..., :2], "q p"


@kind(0)
def discrete(rng):
    x = rng.integers(0, 3, (200, 20, 4)).astype(float)
    return np.concatenate([x, rng.normal(size=(200, 20, 1))], 2), "a b c d e"


@kind(0)
def one_hot(rng):
    noise = rng.normal(size=(200, 20, 1))
    return np.concatenate([np.eye(4)[rng.integers(0, 4, (200, 20))], noise], 2), "a b c d e"


@kind(0)
def heavy_tails(rng):
    return rng.standard_t(2, size=(200, 20, 3)), "a b c"


@kind(0)
def sizes_of_groups(rng):
    return rng.standard_t(1.5, size=(200, 1, 3)) * rng.normal(size=(200, 20, 3)), "a b c"


@kind(0)
def noise_levels(rng):
    return rng.uniform(0.2, 2, (200, 1, 1)) * rng.normal(size=(200, 20, 3)), "a b c"


@kind(0)
def offset_of_a_sensor(rng):
    x = rng.normal(size=(200, 20, 3))
    x[..., 2] += 10 * rng.normal(size=(200, 1))
    return x, "a b c"


@kind(0)
def wrong_groups(rng):
    x, names = pendulum(rng)
    flat = x.reshape(-1, 2)
    wrong = rng.choice(len(flat), len(flat) // 5, replace=False)
    flat[wrong] = flat[rng.permutation(wrong)]
    return flat.reshape(x.shape), names


@kind(0)
def rounded_to_integers(rng):
    return np.round(50 * rng.normal(size=(200, 20, 3))), "a b c"


@kind(0)
def two_time_scales(rng):
    slow = autoregressive(rng, 0.999, 1)
    return np.concatenate([slow, autoregressive(rng, 0.3, 2)], 2), "slow fast_1 fast_2"


@kind(0)
def sampled_at_the_period(rng):
    """Seen once a period, an oscillator stands still but for noise: whatever it has is constant."""
    x = np.repeat(rng.normal(size=(200, 1, 2)), 20, axis=1)
    return x + 0.02 * rng.normal(size=x.shape), "q p"


# ----------------------------------------------------------------------------------- measurement

def written(name, seed, folder):
    """A file of data of this kind; its path."""
    x, names = KINDS[name][0](np.random.default_rng([seed, *name.encode()]))
    path = Path(folder) / f"{name}.npz"
    np.savez(path, trajectories=x, names=names.split())
    return path


def outcome(name, seed, *options):
    """What the command says of data of this kind: count, laws that hold and do not, words, reason."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as said, \
            contextlib.redirect_stdout(io.StringIO()):
        words = ["--data", str(written(name, seed, folder)), "--seed", str(seed), *options]
        status = train.main([*words, "--out", folder])
        results = [*Path(folder).rglob("result.json")]
        result = json.loads(results[0].read_text("utf-8")) if results else {}
    if status:
        return {"count": 0, "named": 0, "false": [], "word": "refused", "said": said.getvalue()}
    laws = [law for law in result["laws"] if law["verdict"] == "exact" and not law["function_of"]]
    step = (result.get("steps") or [{}])[-1] if "--discover" in options else result["verdict"]
    found = result.get("count", max(len(laws), int(step.get("word") == "conserved")))
    return {"count": found, "named": len(laws), "word": step.get("word", "complete"),
            "false": [law["text"] for law in laws if not holds(law, name, seed)],
            "approximate": [f"{law['text'][:80]} ({law['within']:.0e})" for law in result["laws"]
                            if law["verdict"] != "exact"],
            "said": step.get("sentence", "")[:300], "seconds": result["seconds"]}


def holds(law, name, seed):
    """Whether a law is conserved in other data of this kind."""
    x, names = KINDS[name][0](np.random.default_rng(1000 + seed))
    value = Expression(law["expression"], names.split())(x.reshape(-1, x.shape[2]))[0]
    value = value.reshape(x.shape[:2])
    return bool(np.mean(np.var(value, axis=1, ddof=1)) < HOLDS * np.var(value))


def judged(name, single, search):
    """The word on outcomes of all seeds: false, missed, undecided, or right."""
    _, count, named = KINDS[name]
    both = single + search
    if any(each["false"] or each["count"] > count or each["named"] > count for each in both):
        return "FALSE"
    missed = [each for each in search if each["count"] < count or each["named"] < named]
    missed += [each for each in single if each["named"] < named or each["count"] < min(1, count)]
    if any(each["word"] not in ("undecided", "approximately conserved") for each in missed):
        return "MISSED"
    return "undecided" if missed else "right"


def main(arguments=None):
    options, command = parse(arguments, "suite", __doc__, pairs=8000, epochs=40, seeds=5)
    train.draw = findings.draw = lambda *_: {}          # pictures, which take most of the time
    kept, rows = Kept(options.out / "suite.json"), []
    sizes = ["--pairs", str(options.pairs), "--epochs", str(options.epochs)]
    for name, (_, count, named) in KINDS.items():
        found = [[kept(f"{name}, seed {seed}{''.join(words)}",
                       lambda: outcome(name, seed, *sizes, *words)) for seed in range(options.seeds)]
                 for words in ([], [" --discover".strip()])]
        rows.append((name.replace("_", " "), count, named, *map(tally, found), judged(name, *found)))
    head = "data", "invariants", "nameable", "single run", "--discover", ""
    lines = f"Made by `{command}`.\n\n{table(head, *rows)}\n"
    write(options.out / "suite.md", lambda file: file.write(lines))


def tally(outcomes):
    """How often each count comes, with the last network's word: "0 (undecided) in 5"."""
    said = [f"{each['count']} found, {each['named']} named ({each['word']})" for each in outcomes]
    return "; ".join(f"{text}: {said.count(text)}" for text in dict.fromkeys(said))


if __name__ == "__main__":
    main()
