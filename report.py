"""Results beside the paper: the report of one run, and the page of many (python train.py --report)."""

import json
from pathlib import Path
from statistics import mean, stdev

from files import check_seal
from physics import SYSTEMS
from regression import readable

LEARNED = 0.7               # test accuracy below which a network has found nothing to tell pairs by
CLOSE = 0.005               # difference from the paper, in accuracy or R², that counts as agreement


# ----------------------------------------------------------------------------------------- one run

def report(result):
    """Markdown of one result beside the paper's numbers; it also reads well on a terminal."""
    system = SYSTEMS[result["system"]]
    paper = system.published
    lines = [f"# {system.title}: seed {result['seed']}, schedule {result['schedule']}", "", f"**{finding(result)}**", ""]
    if result["formula"]:
        name, share = result["formula_dropped"]
        lines += [f"Coefficients under a common factor agree within {result['formula_spread']:.1%}"
                  + (f"; the largest term left out, {readable(name)}, is {abs(share):.1%} of the first factor." if name else "."), ""]
    if "settings" in result:
        settings = result["settings"]
        lines += [f"Network {'-'.join(map(str, settings['layer_sizes']))}, {settings['train_pairs']} training pairs "
                  f"of each label, {result['epochs']} epochs from learning rate {settings['learning_rate']:g}.", ""]
    lines += table(("accuracy", "this run", "paper"),
                   ("training set", f"{result['train_accuracy']:.3f}", f"{paper.accuracy[0]:.2f}"),
                   ("test set", f"{result['test_accuracy']:.3f}", f"{paper.accuracy[1]:.2f}"))
    lines += ["", f"Table {paper.table}: R² of the regression on f." if paper.table else "R² of the regression on f; the paper gives none.", ""]
    lines += table(("order", "training", "test", "paper, training", "paper, test"),
                   *((order, *(f"{score:.4f}" for score in (*scores, *paper.r2.get(int(order), ()))))
                     for order, scores in result["r2"].items()))
    lines += ["", f"Optimal order: {result['optimal_order'] or 'none'}.", "", *equations(result), ""]
    lines += [f"Correlation of f with {readable(name)}: {value:.4f}" for name, value in result["correlations"].items()]
    return "\n".join(lines) + "\n"


def finding(result):
    """One sentence or formula: what the network has learned."""
    if result["test_accuracy"] < LEARNED:
        return "No invariant was found: the network tells equivalent pairs from others hardly better than chance."
    return result["formula"] or ("The network tells equivalent pairs from others, "
                                 "but no polynomial of few terms describes its f.")


def equations(result):
    """Both lines of the equation for f, ours and the paper's, where the paper has one."""
    paper = SYSTEMS[result["system"]].published
    ours = [f"    f ≈ {result['polynomial']['text']}"] + ([f"    {result['formula']}"] if result["formula"] else [])
    if not paper.equation:
        return [f"Regression of order {result['optimal_order'] or 2}, seed {result['seed']}; the paper has no equation here:", "", *ours]
    return [f"Eq. ({paper.equation}), seed {result['seed']}:", "", *ours, "",
            f"Eq. ({paper.equation}), paper:", "", f"    f ≈ {paper.polynomial}", f"    f ≈ {paper.formula}"]


def table(*rows):
    """Lines of a Markdown table, its columns aligned for the terminal; the first row is the head."""
    rows = [(*map(str, row), *[""] * (len(rows[0]) - len(row))) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


# --------------------------------------------------------------------------------------- many runs

def load_result(file):
    """The result in one file; ValueError that names the file if that is damaged, or it or one beside it was altered."""
    try:
        result = json.loads(file.read_text("utf-8"))
        summary([result])                               # whatever is missing or of another kind shows here
        int(result["seed"])
    except Exception as error:
        raise ValueError(f"{file} is damaged or of another program ({type(error).__name__}: {error})") from error
    check_seal(file, result)
    return result


def load_results(paths):
    """Results of all finished runs under the given folders, by system and seed.

    Raises ValueError, naming the file, if there are none, if one is damaged or altered, if a run is there
    twice, or if schedules are mixed, or settings among the seeds of a system.
    """
    results, settings = {}, {}
    for path in map(Path, paths):
        files = sorted(path.rglob("result.json"))
        if not files:
            raise ValueError(f"{path} holds no result.json; give folders of finished runs")
        for file in files:
            result = load_result(file)
            key = list(SYSTEMS).index(result["system"]), int(result["seed"])
            if key in results:
                raise ValueError(f"{file} is a second run of {result['system']} with seed {result['seed']}; give one of them")
            results[key] = result
            first = next(iter(results.values()))["schedule"]
            if result["schedule"] != first:
                raise ValueError(f"{file} has the schedule {result['schedule']}, others have {first}; report them apart")
            if result.get("settings") != settings.setdefault(result["system"], result.get("settings")):
                raise ValueError(f"{file} has other settings than another seed of {result['system']}; report them apart")
    return [results[key] for key in sorted(results)]


def summary(results):
    """One page of Markdown: every number the paper publishes beside those of the given results."""
    found = {name: [r for r in results if r["system"] == name] for name in SYSTEMS}
    found = {name: runs for name, runs in found.items() if runs}
    lines = [f"# The paper and this code, schedule {results[0]['schedule']}", "",
             "Ours are means over the seeds, with standard deviation and lowest value where there are several. "
             f"\"Agrees\" means within {CLOSE} of the paper.", ""]
    lines += table(("experiment", "seeds", "test accuracy", "paper", "R² of order 2", "paper", "f (first seed)"),
                   *(overview(SYSTEMS[name], runs) for name, runs in found.items()))
    for name, runs in found.items():
        lines += ["", f"## {SYSTEMS[name].title} (`{name}`)", "", *section(SYSTEMS[name], runs)]
    return "\n".join(lines) + "\n"


def overview(system, runs):
    paper = system.published
    r2 = [run["r2"]["2"][1] for run in runs]
    return (system.name, len(runs), f"{mean(run['test_accuracy'] for run in runs):.3f}", f"{paper.accuracy[1]:.2f}",
            f"{mean(r2):.4f}", f"{paper.r2[2][1]:.4f}" if paper.r2 else "-",
            (runs[0]["formula"] or "-") if runs[0]["test_accuracy"] >= LEARNED else "no invariant")


def section(system, runs):
    """All numbers of one experiment, ours and the paper's, and both lines of its equation."""
    paper = system.published
    rows = [(f"accuracy, {which}", [run[f"{key}_accuracy"] for run in runs], published, 2)
            for which, key, published in zip(("training", "test"), ("train", "test"), paper.accuracy)]
    for order in runs[0]["r2"]:
        for i, which in enumerate(("training", "test")):
            published = paper.r2[int(order)][i] if paper.r2 else None
            rows.append((f"R² of order {order}, {which}", [run["r2"][order][i] for run in runs], published, 4))
    lines = [f"Seeds {', '.join(str(run['seed']) for run in runs)}.", ""]
    lines += table(("", "paper", "ours", "std", "lowest", ""), *(compared(*row) for row in rows))
    orders = [str(run["optimal_order"] or "none") for run in runs]
    lines += ["", "Optimal order: " + ", ".join(f"{order} in {orders.count(order)} of {len(runs)}" for order in sorted(set(orders))) + "."]
    spreads = [run["formula_spread"] for run in runs if run["formula"]]
    if spreads:
        lines += [f"Coefficients under a common factor agree within {max(spreads):.1%} in all {len(spreads)} formulas."]
    for known in system.invariants:
        values = [abs(run["correlations"][known]) for run in runs]
        lines += [f"|Correlation| of f with {readable(known)}: mean {mean(values):.4f}, from {min(values):.4f} to {max(values):.4f}."]
    failed = [run["seed"] for run in runs if run["test_accuracy"] < LEARNED]
    if failed:
        lines += ["", f"No invariant was found in {len(failed)} of {len(runs)} runs: the network tells equivalent pairs "
                      "from others hardly better than chance."]
    return [*lines, "", *equations(runs[0])]


def compared(name, values, published, digits):
    """One row: the paper's number, ours over the seeds, and how they compare."""
    several = len(values) > 1
    row = [name, "-" if published is None else f"{published:.{digits}f}", f"{mean(values):.4f}",
           f"{stdev(values):.4f}" if several else "-", f"{min(values):.4f}" if several else "-"]
    if published is None:
        return (*row, "")
    difference = mean(values) - published
    return (*row, "agrees" if abs(difference) <= CLOSE else "higher" if difference > 0 else "lower")
