"""Data with and without invariants, given to `python -m discover`: python benchmarks/suite.py

Every kind of data is made anew for each seed. A finding is false if it counts more invariants than
there are, or names a law that does not hold on other data of this kind. Runs that are done are kept
in results/suite.json: the command can be interrupted, and goes on.
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
from discover import __main__ as discover
from discover import pictures
from discover.expressions import Expression
from kept import Kept, parse
from support.files import write
from support.page import table

HOLDS = 1e-3                            # share of a law's variance within classes of other data
KINDS = {}                              # name: (function, invariants, how many of them nameable)


def kind(count, columns, named=None):
    """A kind of data with so many invariants: a function of a generator to (groups, times, d)."""
    def enter(function):
        def made(rng):
            return function(rng), columns
        KINDS[function.__name__] = made, count, count if named is None else named
        return function
    return enter


def orbits(equations, start, span, rng, times=30):
    """States at random times of (0, span) on orbits from start (n, d), (n, times, d)."""
    n, d = start.shape
    time = rng.uniform(0, span, n * times)
    return physics.evolve(np.repeat(start, times, axis=0), time, equations).reshape(n, times, d)


def wrapped(x, angles):
    """The orbits x (..., d) with their first columns as angles of (-pi, pi)."""
    x[..., :angles] = (x[..., :angles] + np.pi) % (2 * np.pi) - np.pi
    return x


# ------------------------------------------------------------------------------- with invariants

@kind(1, "theta omega")
def pendulum(rng, n=200):
    start = np.stack([rng.uniform(-2.6, 2.6, n), rng.uniform(-1, 1, n)], 1)
    return wrapped(orbits(lambda s: np.stack([s[1], -np.sin(s[0])]), start, 40, rng), 1)


@kind(1, "theta omega")
def measured_pendulum(rng):
    x = pendulum(rng)
    return x + 0.01 * x.std(axis=(0, 1)) * rng.normal(size=x.shape)


@kind(1, "q p")
def anharmonic(rng):
    start = rng.uniform(-2, 2, (200, 2))
    return orbits(lambda s: np.stack([s[1], -s[0] - s[0]**3]), start, 40, rng)


@kind(3, "x y v_x v_y")
def isotropic(rng):
    start = rng.normal(size=(200, 4))
    return orbits(lambda s: np.stack([s[2], s[3], -s[0], -s[1]]), start, 30, rng)


@kind(2, "x y u v")
def incommensurate(rng):
    start = rng.normal(size=(200, 4))
    return orbits(lambda s: np.stack([s[2], s[3], -s[0], -2 * s[1]]), start, 200, rng)


@kind(3, "x y v_x v_y")
def kepler(rng):
    box = np.array([2, 2, 1.5, 1.5])
    start = physics.bound_states(200, rng, lambda n, rng: rng.uniform(-box, box, (n, 4)))
    return orbits(physics.hamiltons_equations, start, 12, rng)


@kind(1, "a b u v")
def double_pendulum(rng):
    def equations(s):
        a, b, u, v = s
        d, below = a - b, 3 - np.cos(2 * (a - b))
        return np.stack([u, v, (-3 * np.sin(a) - np.sin(a - 2 * b)
                                - 2 * np.sin(d) * (v**2 + u**2 * np.cos(d))) / below,
                         2 * np.sin(d) * (2 * u**2 + 2 * np.cos(a) + v**2 * np.cos(d)) / below])
    start = np.concatenate([np.pi * rng.uniform(-1, 1, (300, 2)), rng.normal(size=(300, 2)) / 2], 1)
    return wrapped(orbits(equations, start, 8, rng), 2)


@kind(1, "x y v_x v_y")
def henon_heiles(rng):
    start = 0.22 * rng.normal(size=(2000, 4))
    x, y, u, v = start.T
    start = start[((u*u + v*v + x*x + y*y) / 2 + x*x*y - y**3 / 3 < 1 / 7) & (x*x + y*y < 0.5)]
    return orbits(lambda s: np.stack([s[2], s[3], -s[0] - 2 * s[0] * s[1],
                                      -s[1] - s[0]**2 + s[1]**2]), start[:200], 200, rng)


@kind(2, "a b c")
def rigid_body(rng):
    return orbits(lambda s: np.stack([-s[1] * s[2] / 6, 2 / 3 * s[2] * s[0], -s[0] * s[1] / 2]),
                  rng.normal(size=(200, 3)), 60, rng)


@kind(1, "rabbits foxes")
def predator_and_prey(rng):
    start = rng.uniform(0.3, 2.5, (200, 2))
    return orbits(lambda s: np.stack([s[0] * (1 - s[1]), s[1] * (s[0] - 1)]), start, 30, rng)


@kind(1, "p V")
def gas(rng):
    entropy, volume = rng.uniform(0, 3, (200, 1)), rng.uniform(0.5, 3, (200, 30))
    return np.stack([np.exp(entropy) * volume**(-5 / 3), volume], 2)


@kind(3, "x y v_x v_y")
def magnetic_field(rng):
    return orbits(lambda s: np.stack([s[2], s[3], 1.3 * s[3], -1.3 * s[2]]),
                  rng.normal(size=(200, 4)), 50, rng)


def chain(rng, masses, n):
    """Masses between walls, with springs: all modes keep their energies."""
    matrix = 3 * np.eye(masses) - np.eye(masses, k=1) - np.eye(masses, k=-1)
    return orbits(lambda s: np.concatenate([s[masses:], -matrix @ s[:masses]]),
                  rng.normal(size=(n, 2 * masses)), 100, rng, 2 * masses + 20)


@kind(3, "q_1 q_2 q_3 p_1 p_2 p_3")
def chain_of_3(rng):
    return chain(rng, 3, 200)


@kind(6, "q_1 q_2 q_3 q_4 q_5 q_6 p_1 p_2 p_3 p_4 p_5 p_6")
def chain_of_6(rng):
    return chain(rng, 6, 300)


@kind(1, "q p", named=0)
def unnameable(rng):
    """An energy p²/2 + q²/2 + 3 sin(5q) + 2 cos(7q), for which no library has the sines."""
    start = np.stack([rng.uniform(-1.2, 1.2, 300), rng.uniform(-4, 4, 300)], 1)
    return orbits(lambda s: np.stack([s[1], -15 * np.cos(5 * s[0]) + 14 * np.sin(7 * s[0]) - s[0]]),
                  start, 40, rng)


# ---------------------------------------------------------------------------- without invariants

@kind(0, "a b c")
def white_noise(rng):
    return rng.normal(size=(200, 20, 3))


@kind(0, "a b c")
def copy_with_noise(rng):
    x = rng.normal(size=(3000, 1, 3))
    return x + 0.5 * np.array([[0], [1]]) * rng.normal(size=(3000, 2, 3))


@kind(0, "a b clock")
def time_stamp(rng):
    time = 10 * np.arange(200)[:, None] + np.sort(rng.uniform(0, 10, (200, 20)))
    return np.concatenate([rng.normal(size=(200, 20, 2)), rng.permuted(time, axis=1)[..., None]], 2)


@kind(0, "a b c")
def sensor_off(rng):
    x = rng.normal(size=(200, 20, 3))
    x[::3, :, 2] = 0
    return x


def autoregressive(rng, memory, d=3):
    x = np.zeros((6000, d))
    for i in range(1, len(x)):
        x[i] = memory * x[i - 1] + rng.normal(size=d)
    return x.reshape(200, 30, d)


@kind(0, "a b c")
def pieces_of_noise(rng):
    return autoregressive(rng, 0.98)


@kind(0, "a b c")
def pieces_of_a_walk(rng):
    return autoregressive(rng, 1.0)


def lorenz(rng, span, n=300):
    def equations(s):
        return np.stack([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])
    start = physics.evolve(rng.normal(size=(n, 3)) + [0, 0, 20], np.full(n, 12.0), equations)
    return orbits(equations, start, span, rng, 20)


@kind(0, "x y z")
def short_chaos(rng):
    return lorenz(rng, 0.1)


@kind(0, "x y z")
def very_short_chaos(rng):
    return lorenz(rng, 0.003)


@kind(0, "x y z")
def chaos(rng):
    return lorenz(rng, 5.0)


@kind(0, "x y v_x")
def without_partner(rng):
    return kepler(rng)[..., :3]


@kind(0, "q p")
def hidden_parameter(rng):
    stiffness, energy = rng.uniform(0.5, 4, (300, 1)), rng.uniform(0.1, 2, (300, 1))
    phase = rng.uniform(0, 2 * np.pi, (300, 30))
    return np.stack([np.sqrt(2 * energy / stiffness) * np.cos(phase),
                     np.sqrt(2 * energy) * np.sin(phase)], 2)


@kind(0, "q p")
def damped(rng):
    start = 2 * rng.normal(size=(300, 2))
    return orbits(lambda s: np.stack([s[1], -s[0] - 0.3 * s[1]]), start, 12, rng)


@kind(0, "q p")
def driven(rng):
    start = np.concatenate([rng.normal(size=(300, 2)), rng.uniform(0, 6, (300, 1))], 1)
    return orbits(lambda s: np.stack([s[1], -s[0] + 0.8 * np.cos(1.3 * s[2]), 1 + 0 * s[2]]), start,
                  60, rng)[..., :2]


@kind(0, "q p")
def drifting_parameter(rng):
    start = np.concatenate([rng.normal(size=(300, 2)), np.ones((300, 1))], 1)
    return orbits(lambda s: np.stack([s[1], -s[2] * s[0], 0.03 * s[2]]), start, 60, rng)[..., :2]


@kind(0, "q p")
def slow_friction(rng, lost=0.1, noise=0.0):
    """Oscillators, row by row in the order of time, that lose a tenth of their energy in all."""
    t, phase = np.linspace(0, 20, 30), rng.uniform(0, 2 * np.pi, (300, 1))
    size = rng.uniform(0.5, 2, (300, 1)) * (1 - lost)**(t / 40)
    x = np.stack([size * np.cos(t + phase), size * np.sin(t + phase)], 2)
    return x + noise * rng.normal(size=x.shape)


@kind(0, "q p")
def slow_friction_and_noise(rng):
    return slow_friction(rng, 0.2, 0.02)


@kind(0, "a b c d e")
def discrete(rng):
    return np.concatenate([rng.integers(0, 3, (200, 20, 4)), rng.normal(size=(200, 20, 1))], 2)


@kind(0, "a b c d e")
def one_hot(rng):
    noise = rng.normal(size=(200, 20, 1))
    return np.concatenate([np.eye(4)[rng.integers(0, 4, (200, 20))], noise], 2)


@kind(0, "a b c")
def heavy_tails(rng):
    return rng.standard_t(2, size=(200, 20, 3))


@kind(0, "a b c")
def sizes_of_groups(rng):
    return rng.standard_t(1.5, size=(200, 1, 3)) * rng.normal(size=(200, 20, 3))


@kind(0, "a b c")
def noise_levels(rng):
    return rng.uniform(0.2, 2, (200, 1, 1)) * rng.normal(size=(200, 20, 3))


@kind(0, "a b c")
def offset_of_a_sensor(rng):
    x = rng.normal(size=(200, 20, 3))
    x[..., 2] += 10 * rng.normal(size=(200, 1))
    return x


@kind(0, "theta omega")
def wrong_groups(rng):
    x = pendulum(rng)
    flat = x.reshape(-1, 2)
    wrong = rng.choice(len(flat), len(flat) // 5, replace=False)
    flat[wrong] = flat[rng.permutation(wrong)]
    return x


@kind(0, "a b c")
def rounded_to_integers(rng):
    return np.round(50 * rng.normal(size=(200, 20, 3)))


@kind(0, "slow fast_1 fast_2")
def two_time_scales(rng):
    slow = autoregressive(rng, 0.999, 1)
    return np.concatenate([slow, autoregressive(rng, 0.3, 2)], 2)


@kind(0, "q p")
def sampled_at_the_period(rng):
    """Seen once a period, an oscillator stands still but for noise: whatever it has is constant."""
    x = np.repeat(rng.normal(size=(200, 1, 2)), 20, axis=1)
    return x + 0.02 * rng.normal(size=x.shape)


# ----------------------------------------------------------------------------------- measurement

def write_table(name, seed, folder):
    """A file of data of this kind; its path."""
    x, names = KINDS[name][0](np.random.default_rng([seed, *name.encode()]))
    path = Path(folder) / f"{name}.npz"
    np.savez(path, trajectories=x, names=names.split())
    return path


def outcome(name, seed, *options):
    """What the command says of data of this kind: count, laws, false ones, the last word."""
    said = io.StringIO()
    with (tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(said),
          contextlib.redirect_stdout(io.StringIO())):
        words = [str(write_table(name, seed, folder)), "--seed", str(seed), *options]
        status = discover.main([*words, "--out", str(Path(folder) / "runs")])
        results = [*Path(folder).rglob("result.json")]
        result = json.loads(results[0].read_text("utf-8")) if results else {}
    if status:
        return {"count": 0, "named": 0, "false": [], "word": "refused", "said": said.getvalue()}
    laws, step = result.get("laws", []), result.get("steps", [{}])[-1]
    exact = [law for law in laws if law["verdict"] == "exact"]
    return {"count": result["count"], "named": result["named"],
            "word": step.get("word", "complete" if exact else "approximately conserved"),
            "false": [law["text"] for law in exact if not holds(law, name, seed)],
            "approximate": [f"{law['text'][:80]} ({law['within']:.0e})" for law in laws
                            if law["verdict"] != "exact"],
            "said": step.get("sentence", "")[:300], "seconds": result["seconds"]}


def holds(law, name, seed):
    """Whether a law is conserved in other data of this kind."""
    x, names = KINDS[name][0](np.random.default_rng(1000 + seed))
    value = Expression(law["expression"], names.split())(x.reshape(-1, x.shape[2]))[0]
    value = value.reshape(x.shape[:2])
    return bool(np.mean(np.var(value, axis=1, ddof=1)) < HOLDS * np.var(value))


def judged(name, outcomes):
    """The word on outcomes of all seeds: false, missed, undecided, or right."""
    _, count, named = KINDS[name]
    if any(each["false"] or each["count"] > count or each["named"] > named for each in outcomes):
        return "FALSE"
    missed = [each for each in outcomes if each["count"] < count or each["named"] < named]
    if any(each["word"] not in ("undecided", "approximately conserved") for each in missed):
        return "MISSED"
    return "undecided" if missed else "right"


def main(arguments=None):
    options, command = parse(arguments, "suite", __doc__, pairs=8000, epochs=40, seeds=5)
    pictures.pictures_of_run = lambda *_: {}            # they take most of the time
    kept, rows = Kept(options.out / "suite.json"), []
    sizes = "--pairs", str(options.pairs), "--epochs", str(options.epochs)
    for name, (_, count, named) in KINDS.items():
        outcomes = [kept(f"{name}, seed {seed}", lambda: outcome(name, seed, *sizes))
                    for seed in range(options.seeds)]
        rows.append((name.replace("_", " "), count, named, tally(outcomes), judged(name, outcomes)))
    head = "data", "invariants", "nameable", "the command says, with the last network's word", ""
    lines = [f"Made by `{command}`.", "", *table(head, *rows), ""]
    write(options.out / "suite.md", "\n".join(lines))


def tally(outcomes):
    """How often each count comes, with the last network's word: "0 (undecided) in 5"."""
    said = [f"{each['count']} found, {each['named']} named ({each['word']})" for each in outcomes]
    return "; ".join(f"{text}: {said.count(text)}" for text in dict.fromkeys(said))


if __name__ == "__main__":
    main()
