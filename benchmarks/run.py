"""Measure the speed of this code, beside that of others: python benchmarks/run.py

Competitors take turns in one process, on one thread of one core, and the tables show medians: ratios
count, not times. PyTorch, JAX and scikit-learn are measured where they are installed (pip install -r
benchmarks/requirements.txt), all with the processor's own kernels. What was measured before on this
processor with these versions is kept, part by part: --only adds to it.
"""

import os

if __name__ == "__main__":                              # before NumPy is imported
    for variable in ("OPENBLAS", "MKL", "OMP"):
        os.environ[f"{variable}_NUM_THREADS"] = "1"
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):      # would choose NumPy's kernels alone
        os.environ.pop(variable, None)

import argparse
import ctypes
import json
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

OURS = "this code"
ABOUT = {                               # part: its title, and what a reader must know
    "target": ("Time to the paper's figures", "Seconds of training, without compiling and without "
               "evaluation, until the test accuracy and R² of order 2 are the paper's: .92 and .9893 "
               "(`sr`), .97 and .9936 (`cp`), .94 and .9902 (`em`). All train the same network "
               "200-32 from the same weights, with the batch, rate and decay of schedule `quick`. "
               "Others train on fixed labelled pairs, as their users would write it."),
    "step": ("A training step", "Of 256 compared pairs: all of their own, 512 rows, or exchanged, 256 "
             "rows. What no code can go below is the time of its bare matrix products."),
    "command": ("The whole command", "From its start to its last file."),
    "start": ("The start", ""),
    "growth": ("Growth", "An exponent of 1 is time in proportion."),
    "regression": ("Regression", "Orders 1 to 4 in six columns, with their scores."),
    "orbits": ("Orbits", "Each over up to half a turn, either way; drift is that of the worst."),
}


def at_most(bound, value):
    return f"at most {bound:g}", value, lambda measured: measured <= bound


def at_least(bound, value):
    return f"at least {bound:g}", value, lambda measured: measured >= bound


def times_ours(part, who, unit):
    """The least, over all cases, of another's median over ours."""
    return lambda found: min(found[part, case, who, unit] / value for (each, case, ours, measure), value
                             in found.items() if (each, ours, measure) == (part, OURS, unit) and value)


def of_old(case):
    def value(found):
        old, = [value for (part, each, who, unit), value in found.items()
                if (part, each, unit) == ("command", case, "s") and who != OURS]
        return found["command", case, OURS, "s"] / old
    return value


GOALS = {
    "to the paper's figures, PyTorch eager: times ours": at_least(
        2.5, times_ours("target", "PyTorch, eager", "s")),
    "to the paper's figures, JAX as its users write it: times ours": at_least(
        1.6, times_ours("target", "JAX (jit, scan)", "s")),
    "to the paper's figures, JAX given the exchange: times ours": at_least(
        0.9, times_ours("target", "JAX, given the exchange", "s")),
    **{f"the command beside the older one, {case}": at_most(bound, of_old(case)) for case, bound in (
        ("sr", 0.30), ("cp", 0.45), ("em", 0.45), ("all, two jobs", 0.45), ("search, em", 0.60))},
    "memory of a run of sr, MiB": at_most(150, lambda found: found["command", "sr", OURS, "MiB"]),
    "--help, s": at_most(0.25, lambda found: found["start", "train.py --help", OURS, "s"]),
    "regression, scikit-learn: times ours": at_least(
        3, times_ours("regression", "scikit-learn", "s")),
    "worst drift of an orbit": at_most(1e-8, lambda found: max(
        value for (part, _, who, _), value in found.items() if "drift" in who)),
}


def main():
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", allow_abbrev=False,
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=ABOUT, metavar="PART",
                        help=f"only these parts, of {', '.join(ABOUT)} (default: all but command)")
    parser.add_argument("--against", metavar="FOLDER",
                        help="an older checkout, whose commands take turns with ours")
    parser.add_argument("--quick", action="store_true", help="to try it; the numbers mean little")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (default "
                        "runs/benchmarks, with --quick runs/benchmarks-quick)")
    options = parser.parse_args()
    name = "benchmarks-quick" if options.quick else "benchmarks"
    folder = options.out or ROOT / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    machine = described()
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    parts = earlier(folder / "benchmarks.json", machine)
    for part in options.only or [part for part in ABOUT if part != "command" or options.against]:
        parts[part] = in_process_of_its_own(measure, part, options.quick, options.against)
        print("\n" + section(part, parts[part]), flush=True)
    parts = {part: parts[part] for part in ABOUT if part in parts}
    from support.files import write                     # not before: a child's memory counts from ours
    write(folder / "benchmarks.json",
          lambda file: json.dump({"machine": machine, "parts": parts}, file, indent=1))
    write(folder / "benchmarks.md", lambda file: file.write(page(machine, parts)))
    if {"target", "step"} <= set(parts):
        import figures
        write(folder / "benchmarks.png", lambda file: figures.save(plot(parts), file), binary=True)
    print(f"\nWritten to {folder}.")


def in_process_of_its_own(function, *arguments):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def measure(part, quick, against):
    import parts
    if part == "command":
        return parts.command(quick, against)
    if hasattr(os, "sched_setaffinity"):                # not every package keeps to one thread
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return parts.PARTS[part](quick)


def earlier(path, machine):
    """The parts measured before on this machine with these versions."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        return kept["parts"] if kept["machine"] == machine else {}
    except (OSError, ValueError, KeyError):
        return {}


def described():
    """Processor, NumPy's kernels and versions, by name."""
    machine = {"processor": platform.processor() or platform.machine(), "kernels":
               in_process_of_its_own(kernels), "python": platform.python_version()}
    if Path("/proc/cpuinfo").exists():                  # a name such as "AMD EPYC" stands for several
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        said = dict(line.replace("\t", "").split(": ") for line in lines if ": " in line)
        names = ("model name", "cpu family", "model")
        machine["processor"] = ", ".join(said.get(name, "?") for name in names)
    for package in ("numpy", "scipy", "torch", "jax", "scikit-learn"):
        try:
            machine[package] = version(package)
        except PackageNotFoundError:
            machine[package] = "not installed"
    return machine


def kernels():
    """What OpenBLAS calls the kernels that NumPy has of it."""
    import numpy                                        # noqa: F401, which loads the library
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
        path = next(line.split()[-1] for line in lines if "openblas" in line)
        library = ctypes.CDLL(path)
        for name in ("scipy_openblas_get_corename64_", "openblas_get_corename"):
            if hasattr(library, name):
                getattr(library, name).restype = ctypes.c_char_p
                return getattr(library, name)().decode()
    except (OSError, StopIteration):
        pass
    return "unknown"


# ------------------------------------------------------------------------------------------ output

def number(value):
    """Three significant digits."""
    return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def section(part, rows):
    """Title, explanation and a table per unit: who against case, and in brackets times ours."""
    from support.page import table
    title, words = ABOUT[part]
    base = "bare matrix products" if part == "step" else OURS
    lines = [f"## {title}", "", words]
    for unit in dict.fromkeys(row["unit"] for row in rows):
        of_unit = [row for row in rows if row["unit"] == unit]
        found = {(row["case"], row["who"]): row for row in of_unit}
        cases, names = [list(dict.fromkeys(row[key] for row in of_unit)) for key in ("case", "who")]

        def cell(case, who):
            row, unitary = found.get((case, who)), found.get((case, base))
            if row is None or row["median"] is None:
                return row["note"] if row else ""
            times = f"{row['median'] / unitary['median']:.2f}×" if unitary and unitary["median"] else ""
            notes = ", ".join(filter(None, (times, row["note"])))
            return number(row["median"]) + (f" ({notes})" if notes and who != base else
                                            f" ({row['note']})" if row["note"] else "")
        head = (f"{unit or 'relative'}; × of {base}" if base in names and len(names) > 1 else unit)
        lines += ["", *table((head, *cases), *((who, *(cell(case, who) for case in cases))
                                               for who in names))]
    return "\n".join(lines)


def judged(parts):
    """The table of goals: measured or not, met or not."""
    found = {(part, row["case"], row["who"], row["unit"]): row["median"]
             for part, rows in parts.items() for row in rows}
    for what, (goal, value, met) in GOALS.items():
        try:
            measured = value(found)
            yield what, goal, number(measured), "yes" if met(measured) else "no"
        except (KeyError, TypeError, ValueError):       # not measured this time, or not installed
            yield what, goal, "not measured", ""


def page(machine, parts):
    """benchmarks.md: the goals, then a section for each part."""
    from support.page import table
    goals = table(("what", "goal", "measured", "met"), *judged(parts))
    sections = [section(part, rows) for part, rows in parts.items()]
    made = ", ".join(f"{name} {value}" for name, value in machine.items())
    return "\n\n".join([f"# Benchmarks\n\nMade by `python benchmarks/run.py` on: {made}.",
                        "![](benchmarks.png)", "\n".join(goals), *sections]) + "\n"


def plot(parts):
    """Seconds to the paper's figures, and a step in units of its bare matrix products."""
    from figures import BLUE, ORANGE, STYLE
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    with rc_context(STYLE):
        figure = Figure(figsize=(15, 8.5), layout="constrained")
        for axes, part, unit in zip(figure.subplots(1, 2), ("target", "step"), ("s", "× its products")):
            rows = [row for row in parts[part] if row["median"]]
            cases = list(dict.fromkeys(row["case"] for row in rows))
            bare = {row["case"]: row["median"] for row in rows if row["who"] == "bare matrix products"}
            rows = [row for row in rows if row["who"] != "bare matrix products"]
            place = 0
            for case in cases:
                axes.text(0, place, case, fontsize=14, weight="bold", va="center")
                for row in (row for row in rows if row["case"] == case):
                    place += 1
                    value = row["median"] / bare.get(case, 1)
                    ours = row["who"].startswith(OURS)
                    axes.barh(place, value, 0.8, color=ORANGE if ours else BLUE)
                    axes.text(value, place, f" {row['who']}: {number(value)} {unit[:1]}", va="center",
                              fontsize=12)
                place += 1.5
            axes.set(yticks=[], ylim=(place - 0.5, -0.8), xlabel={
                "target": "seconds of training to the paper's figures",
                "step": "a training step, in units of its bare matrix products"}[part])
            axes.set_xlim(0, 1.5 * max(row["median"] / bare.get(row["case"], 1) for row in rows))
            axes.spines["left"].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
