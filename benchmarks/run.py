"""Measure the speed of this code, beside that of others: python benchmarks/run.py

Competitors run interleaved in one process, on one thread of one core, and the table shows medians and
quartiles; ratios within a part count, not times. PyTorch, JAX and scikit-learn are measured where they are
installed (pip install -r benchmarks/requirements.txt). Each part is a process of its own, so that none sees
the threads and the memory of another's packages. What was measured before on this processor with these
versions is kept, part by part: --only adds to it. Writes benchmarks.json, .md and .png to runs/benchmarks/.
"""

import os

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS")
for variable in THREADS:                                # before NumPy is imported, here and in what is started
    os.environ[variable] = "1"

import argparse
import json
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

PARTS = ("step", "profile", "epoch", "bottleneck", "orbits", "pairs", "regression", "start", "jobs", "scaling", "default")
ON_ALL_CORES = ("jobs", "default")
LONG = ("default",)                                     # only when asked for
COLUMNS = ("part", "case", "who", "median", "quartiles", "unit", "times ours")


# What is wanted: what, whether at least or at most, the bound, and the value found by m(part, case, who, unit).
def over_products(width):
    return lambda m: m("step", f"width {width}", "this code") / m("step", f"width {width}", "bare matrix products")


def step_against(who, width):
    return lambda m: m("step", f"width {width}", who) / m("step", f"width {width}", "this code")


def regression_against(unit):
    return lambda m: m("regression", ALL_ORDERS, "scikit-learn", unit) / m("regression", ALL_ORDERS, "this code", unit)


ALL_ORDERS = "200,000 samples, orders 1 to 4"
GOALS = [
    ("training step over its bare matrix products, 200-200", "at most", 1.25, over_products(200)),
    ("training step over its bare matrix products, 100-100", "at most", 1.45, over_products(100)),
    *[(f"training step against JAX (jit, scan), {width}-{width}: times faster", "at least", 1.0, step_against("JAX, jit and scan", width))
      for width in (100, 200, 400)],
    ("training step against PyTorch eager, 200-200: times faster", "at least", 1.8, step_against("PyTorch, eager", 200)),
    ("training step against PyTorch compiled, 200-200: times faster", "at least", 1.6, step_against("PyTorch, compiled", 200)),
    ("training step against PyTorch eager, 100-100: times faster", "at least", 2.5, step_against("PyTorch, eager", 100)),
    ("training step against PyTorch compiled, 100-100: times faster", "at least", 2.0, step_against("PyTorch, compiled", 100)),
    ("shuffle, loss and accuracy in an epoch, % of it", "at most", 3.0, lambda m: m("epoch", "100,000 pairs", "shuffle, loss, accuracy")),
    ("regression of orders 1 to 4, 200 000 x 6, against scikit-learn: times faster", "at least", 3.0, regression_against("s")),
    ("the same: times less memory", "at least", 3.0, regression_against("MiB")),
    ("regression of order 4, 400 000 x 6: memory, MiB", "at most", 300, lambda m: m("regression", "400,000 samples, order 4", "this code", "MiB")),
    ("50 000 orbits, s", "at most", 5.0, lambda m: m("orbits", "50,000 orbits", "this code", "s")),
    ("worst drift of E, L (relative) or A (absolute) among them", "at most", 1e-8,
     lambda m: max(m("orbits", "50,000 orbits", f"worst drift of {name}") for name in "ELA")),
    ("two jobs on two cores: times the throughput of one", "at least", 1.85, lambda m: m("jobs", "sr, 10 epochs", "throughput of two")),
    ("--help, s", "at most", 0.3, lambda m: m("start", "train.py --help", "this code")),
    ("memory of the default sr run, MiB", "at most", 300, lambda m: m("default", "sr", "whole", "MiB")),
]


def main():
    parser = argparse.ArgumentParser(prog="run.py", description="Measures the speed of this code, beside that of others.")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", default=[part for part in PARTS if part not in LONG],
                        help=f"only these parts, of {', '.join(PARTS)} (default: all but {', '.join(LONG)}, which takes many minutes)")
    parser.add_argument("--quick", action="store_true", help="smaller and with few repeats, to try it; the numbers mean little")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (default runs/benchmarks, with --quick runs/benchmarks-quick)")
    options = parser.parse_args()
    folder = options.out or ROOT / "runs" / ("benchmarks-quick" if options.quick else "benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"processor": processor(), "python": platform.python_version(), **{
        package: installed(package) for package in ("numpy", "scipy", "torch", "jax", "scikit-learn")}}
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    parts = earlier(folder / "benchmarks.json", machine)
    for part in options.only:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=one_core, initargs=(part,)) as pool:
            parts[part] = pool.submit(measure, part, options.quick).result()
        print("\n" + markdown(COLUMNS, table(part, parts[part])), flush=True)
    parts = {part: parts[part] for part in PARTS if part in parts}
    goals = judged(parts)
    print("\n" + goals)

    from files import write                             # not before: a part's memory is counted from this process's on
    write(folder / "benchmarks.json", lambda file: json.dump({"machine": machine, "parts": parts}, file, indent=1))
    write(folder / "benchmarks.md", lambda file: file.write(page(machine, parts, goals)))
    if "step" in parts:
        write(folder / "benchmarks.png", plot(parts["step"]).savefig, binary=True)
    print(f"\nWritten to {folder}: benchmarks.json, benchmarks.md{', benchmarks.png' if 'step' in parts else ''}.")


def one_core(part):
    """Keep this process on one core, since not every package keeps to the number of threads it is told."""
    if hasattr(os, "sched_setaffinity") and part not in ON_ALL_CORES:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def measure(part, quick):
    import parts
    return parts.PARTS[part](quick)


def earlier(path, machine):
    """The parts measured before on this machine with these versions."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        return kept["parts"] if kept["machine"] == machine else {}
    except (OSError, ValueError, KeyError):
        return {}


def processor():
    """Its name, family and model: a name such as "AMD EPYC" stands for several."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
        said = dict(line.replace("\t", "").split(": ") for line in first.splitlines() if ": " in line)
        return f"{said['model name']}, family {said['cpu family']}, model {said['model']}"
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


# ------------------------------------------------------------------------------------------ output

def table(part, rows):
    """The lines of a part; the last column is another's median over ours of the same case."""
    ours = {(row["case"], row["unit"]): row["median"] for row in rows if row["who"] == "this code"}
    lines = []
    for row in rows:
        own = ours.get((row["case"], row["unit"]))
        ratio = f"{row['median'] / own:.2f}" if own and row["median"] and row["who"] != "this code" else ""
        quartiles = f"{number(row['low'])} to {number(row['high'])}" if row["median"] is not None else ""
        lines.append((part, row["case"], row["who"], number(row["median"]) or row["note"], quartiles, row["unit"], ratio))
    return lines


def number(value):
    """Three or four significant digits."""
    if value is None:
        return ""
    return f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"


def judged(parts):
    """The table of goals: measured or not, met or not."""
    medians = {(part, row["case"], row["who"], unit): row["median"] for part, rows in parts.items() for row in rows for unit in (row["unit"], None)}
    lines = []
    for what, sense, bound, value in GOALS:
        try:
            measured = value(lambda part, case, who, unit=None: medians[part, case, who, unit])
        except (KeyError, TypeError):                   # not measured this time, or not installed
            lines.append((what, f"{sense} {bound:g}", "not measured", ""))
            continue
        met = measured <= bound if sense == "at most" else measured >= bound
        lines.append((what, f"{sense} {bound:g}", number(measured), "yes" if met else "no"))
    return markdown(("what", "goal", "measured", "met"), lines)


def markdown(header, lines):
    widths = [max(map(len, column)) for column in zip(header, *lines)]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in (header, *lines)]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def page(machine, parts, goals):
    """benchmarks.md: the goals, then all rows."""
    rows = [line for part, found in parts.items() for line in table(part, found)]
    return (f"# Benchmarks\n\nMade by `python benchmarks/run.py` on: {', '.join(f'{name} {value}' for name, value in machine.items())}.\n\n"
            f"{goals}\n\n## All measurements\n\n{markdown(COLUMNS, rows)}\n")


def plot(rows):
    """A training step of each competitor as a multiple of this code's, by width."""
    from figures import BLUE, ORANGE, STYLE
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    names = list(dict.fromkeys(row["who"] for row in rows if row["median"]))
    cases = list(dict.fromkeys(row["case"] for row in rows))
    found = {(row["case"], row["who"]): row for row in rows if row["median"]}
    with rc_context(STYLE):
        figure = Figure(figsize=(10, 0.6 + 1.7 * len(cases)), layout="constrained")
        axes = figure.subplots()
        for i, case in enumerate(cases):
            own = found[case, "this code"]["median"]
            for j, name in enumerate(name for name in names if (case, name) in found):
                row, place = found[case, name], i + 0.8 * (j - (len(names) - 1) / 2) / len(names)
                axes.barh(place, row["median"] / own, 0.8 / len(names) * 0.9, color=ORANGE if name == "this code" else BLUE,
                          xerr=[[(row["median"] - row["low"]) / own], [(row["high"] - row["median"]) / own]])
                axes.text(row["high"] / own + 0.03, place, f"{name}, {row['median']:.0f} µs", va="center", fontsize=11)
        axes.axvline(1, color="0.8", linewidth=1, zorder=0)
        axes.set(yticks=range(len(cases)), yticklabels=cases, xlabel="time of a training step, in units of this code's")
        axes.set_xlim(0, 1.35 * max(found[key]["high"] / found[key[0], "this code"]["median"] for key in found))
        axes.invert_yaxis()
    return figure


if __name__ == "__main__":
    main()
