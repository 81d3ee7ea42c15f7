"""Measure the speed of this code, beside that of others: python benchmarks/run.py

Competitors take turns in one process, on one thread of one core, and the tables show medians.
Ratios count, not times. PyTorch, JAX and scikit-learn are measured where they are installed (pip
install -r benchmarks/requirements.txt), all with the processor's own kernels. What was measured
before on this processor with these versions is kept, part by part: --only adds to it.
"""

import os

if __name__ == "__main__":                              # before NumPy is imported
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS",
                 "TORCHINDUCTOR_COMPILE_THREADS"):
        os.environ[name] = "1"
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):      # these would slow NumPy alone
        os.environ.pop(name, None)

import argparse
import io
import json
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

OURS, PRODUCTS = "this code", "bare matrix products"
ABOUT = {                               # part: its title, and what a reader must know
    "target": (
        "Time to the paper's figures",
        "Seconds of training until test accuracy and R² of order 2 are the paper's: .92 and .9893 "
        "for `sr`, .97 and .9936 for `cp`, .94 and .9902 for `em`. All train the same network from "
        "the same weights, with the batch, rate and decay of schedule `quick`; all but those with "
        "an exchange train on fixed labelled pairs. Not counted: evaluation, and what JAX and "
        "PyTorch need to compile. Medians of three seeds."),
    "step": (
        "A training step",
        "Of 256 compared pairs: with fixed pairs these are 512 rows, exchanged 256. Below its bare "
        "matrix products, in the same buffers, no code on this NumPy can go."),
    "command": ("The whole command", "`python train.py`, from its start to its last file, and "
                "an older checkout in turn. Other programs lengthen the seconds of the clock."),
    "growth": ("Growth", "A power of 1 is time in proportion."),
    "regression": ("Regression", "Polynomials of orders 1 to 4 in six columns, and their scores."),
    "orbits": ("Orbits", "Each over up to half a turn either way, and the worst drift of any one."),
}


def main():
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", allow_abbrev=False,
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=ABOUT, metavar="PART",
                        help=f"only these parts, of {', '.join(ABOUT)} (default: all; command only "
                             "with --against)")
    parser.add_argument("--against", metavar="FOLDER",
                        help="an older checkout, whose commands take turns with ours")
    parser.add_argument("--quick", action="store_true",
                        help="less of everything, to try it; the numbers mean little")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (default "
                        "runs/benchmarks, with --quick runs/benchmarks-quick)")
    options = parser.parse_args()
    folder = options.out or ROOT / "runs" / f"benchmarks{'-quick' if options.quick else ''}"
    folder.mkdir(parents=True, exist_ok=True)
    machine = described()
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    parts = earlier(folder / "benchmarks.json", machine)
    for part in options.only or [part for part in ABOUT if part != "command" or options.against]:
        parts[part] = alone(measure, part, options.quick, options.against)
        print("\n" + section(part, parts[part]), flush=True)
        keep(folder, machine, {part: parts[part] for part in ABOUT if part in parts})
    print(f"\nWritten to {folder}.")


def alone(function, *arguments):
    """Call the function in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def measure(part, quick, older):
    import parts
    if part == "command":
        return parts.command(quick, older)
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
    from support.results import versions
    machine = {"processor": platform.processor() or platform.machine(),
               "NumPy's kernels": versions()["kernels"], "python": platform.python_version()}
    if Path("/proc/cpuinfo").exists():                  # "AMD EPYC" alone stands for several
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        said = dict(line.replace("\t", "").split(": ") for line in lines if ": " in line)
        machine["processor"] = (f"{said.get('model name')}, family {said.get('cpu family')}, "
                                f"model {said.get('model')}")
    for package in ("numpy", "scipy", "torch", "jax", "scikit-learn"):
        try:
            machine[package] = version(package)
        except PackageNotFoundError:
            machine[package] = "not installed"
    return machine


# ------------------------------------------------------------------------------------------ output

def keep(folder, machine, parts):
    """Write benchmarks.json, .md and, once there is something to draw, .png."""
    from support.files import write
    write(folder / "benchmarks.json", json.dumps({"machine": machine, "parts": parts}, indent=1))
    write(folder / "benchmarks.md", page(machine, parts))
    if {"target", "step"} <= set(parts):
        alone(draw, folder / "benchmarks.png", parts)   # so that this process stays small


def page(machine, parts):
    """benchmarks.md: the picture, then a section for each part."""
    made = ", ".join(f"{name} {value}" for name, value in machine.items())
    return "\n\n".join([
        "# Benchmarks", f"Made by `python benchmarks/run.py` on: {made}.",
        "![Seconds to the paper's figures, and a training step](benchmarks.png)",
        *(section(part, rows) for part, rows in parts.items())]) + "\n"


def section(part, rows):
    """Title, explanation, and a table for each unit, of who against case."""
    from support.page import table
    title, words = ABOUT[part]
    lines = [f"## {title}", "", words]
    base = PRODUCTS if part == "step" else OURS
    for unit in dict.fromkeys(row["unit"] for row in rows):
        found = {(row["who"], row["case"]): row for row in rows if row["unit"] == unit}
        names, cases = [list(dict.fromkeys(each)) for each in zip(*found)]
        head = f"{unit}; in brackets, times {base}" if base in names and len(names) > 1 else unit
        lines += ["", *table((head, *cases), *((who, *(
            cell(found.get((who, case)), found.get((base, case))) for case in cases))
            for who in names))]
    return "\n".join(lines)


def cell(row, base):
    """A median, and in brackets how many times that of `base` it is, and the note."""
    if row is None or row["median"] is None:
        return row["note"] if row else ""
    ratio = ""
    if base and base["median"] and base is not row:
        ratio = f"{row['median'] / base['median']:.2f}"
    notes = ", ".join(filter(None, (ratio, row["note"])))
    return number(row["median"]) + (f" ({notes})" if notes else "")


def number(value):
    """Three significant digits, or two of what is small."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:#.3g}"


def draw(path, parts):
    """Draw seconds to the paper's figures, and a step in units of its bare matrix products."""
    import figures
    from matplotlib import rc_context
    from support.files import write
    with rc_context(figures.STYLE):
        figure = figures.Picture(figsize=(16, 9), layout="constrained")
        left, right = figure.subplots(1, 2)
        bare = {row["case"]: row["median"] for row in parts["step"] if row["who"] == PRODUCTS}
        steps = [row for row in parts["step"] if row["who"] != PRODUCTS]
        bars(left, parts["target"], {}, "s", "seconds of training to the paper's figures")
        bars(right, steps, bare, "times", "a training step, in units of its bare matrix products")
        right.axvline(1, color="0.8", linewidth=1, zorder=0)
    content = io.BytesIO()
    figure.save(content, dpi=100)
    write(path, content.getvalue())


def bars(axes, rows, bases, unit, title):
    """A bar for each row, below the name of its case; the median in units of its case's base."""
    import figures
    place, case, most = 0, None, 0
    for row in [row for row in rows if row["median"]]:
        if row["case"] != case:
            case, place = row["case"], place + 1.6
            axes.text(0, place - 0.8, case, fontsize=15, weight="bold", va="center")
        value = row["median"] / bases.get(case, 1)
        colour = figures.ORANGE if row["who"].startswith(OURS) else figures.BLUE
        axes.barh(place, value, 0.85, color=colour)
        axes.text(value, place, f" {row['who']}: {number(value)} {unit}", fontsize=13, va="center")
        place, most = place + 1, max(most, value)
    axes.set(xlim=(0, 1.7 * most), ylim=(place, 0), yticks=[], xlabel=title)
    axes.spines["left"].set_visible(False)


if __name__ == "__main__":
    main()
