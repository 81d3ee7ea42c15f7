"""Results beside the paper: the report of one run, and the page of many (python train.py --report)."""

import json
import re
from pathlib import Path
from statistics import mean, median, stdev

from discovery import INDEPENDENT
from files import check_seal
from formulas import readable
from physics import SYSTEMS, System
from reading import LEARNED

CLOSE = 0.005               # difference from the paper, in accuracy or R², that counts as agreement
ON_INVARIANTS = ("How much of f is explained by the known invariants that vary. Near 1 at order 1: f is this invariant, or the "
                 "mixture of those in the row, up to scale and offset. Near 1 at order 3 only: f is a curved function of them. "
                 "Below 0: worse than a constant")


# ----------------------------------------------------------------------------------------- one run

def system_of(result):
    """The system of a result: the paper's, or one that is known by its results only, from a user's data."""
    name = result["system"]
    return SYSTEMS.get(name) or System(name, name, (), None, dict.fromkeys(result.get("correlations", ())))


def report(result):
    """Markdown of one result beside the paper's numbers; it also reads well on a terminal."""
    system = system_of(result)
    if "steps" in result:
        return report_of_discovery(system, result)
    paper = system.published
    lines = [f"# {system.title}: seed {result['seed']}, schedule {result['schedule']}", "", f"**{finding(result)}**", "",
             *noted(result)]
    if result["formula"]:
        name, share = result["formula_dropped"]
        said = [f"coefficients under a common factor agree within {result['formula_spread']:.1%}"] if result["formula_spread"] else []
        said += [f"the largest term left out, {readable(name)}, is {abs(share):.1%} of the first factor"] if name else []
        lines += [f"{text[0].upper()}{text[1:]}.", ""] if (text := "; ".join(said)) else []
    if "settings" in result:
        settings = result["settings"]
        lines += [f"Network {'-'.join(map(str, settings['layer_sizes']))}, {settings['train_pairs']} training pairs "
                  f"of each label, {result['epochs']} epochs from learning rate {settings['learning_rate']:g}.", ""]
    published = [f"{accuracy:.2f}" for accuracy in paper.accuracy or ()]
    lines += table(("accuracy", "this run", *["paper"] * bool(published)),
                   ("training set", f"{result['train_accuracy']:.3f}", *published[:1]),
                   ("test set", f"{result['test_accuracy']:.3f}", *published[1:]))
    lines += ["", f"Table {paper.table}: R² of the regression on f." if paper.table else
              "R² of the regression on f; the paper gives none." if published else "R² of the regression on f.", ""]
    lines += table(("order", "training", "test", *["paper, training", "paper, test"] * bool(published)),
                   *((order, *(f"{score:.4f}" for score in (*scores, *paper.r2.get(int(order), ()))))
                     for order, scores in result["r2"].items()))
    lines += ["", f"Optimal order: {result['optimal_order'] or 'none'}.", "", *equations(result), ""]
    lines += [f"Correlation of f with {readable(name)}: {value:.4f}" for name, value in result["correlations"].items()]
    return "\n".join([*lines, *beyond(result)]) + "\n"


def noted(result):
    """What the data file's columns made a reader of the results should know."""
    return [line for note in result.get("notes", ()) for line in (note, "")]


def beyond(result):
    """What the paper does not have: gradient alignment, sparse formulas, f on the known invariants."""
    lines = []
    if alignment := result["alignment"]:
        lines += ["", "Gradient alignment, the same for any scale of f: mean squared sine between the gradients of f and of the "
                      "best polynomial, of the next best, and their ratio.", ""]
        lines += table(("order", "best", "next", "gap"),
                       *((order, f"{first:.4f}", *([f"{others[0]:.4f}", f"{others[0] / max(first, 1e-12):.1f}"] if others else ["-", "-"]))
                         for order, (first, *others) in alignment["eigenvalues"].items()))
        lines += ["", f"Order at which the gap opens: {alignment['order'] or 'none'}."]
        lines += [f"    {alignment['formula'].replace('f ≈', 'f is a function of')}"] if alignment["formula"] else []
    else:
        lines += ["", "No gradient alignment: f has a gradient at too few observations, or beside what is fixed or was found before "
                      "one direction is left, so that everything is aligned."]
    lines += ["", "Fewest features that explain f (R² is that of the fitted coefficients, which the formula rounds and groups):", ""]
    lines += table(("features", "R², test", "R² of all features, training", "formula"),
                   *((name, f"{fit['r2'][1]:.4f}", f"{fit['richest_r2']:.4f}", fit["formula"] or f"{len(fit['terms'])} terms")
                     for name, fit in result["sparse"].items()))
    if scores := result["on_invariants"]:
        lines += ["", f"{ON_INVARIANTS}.", ""]
        lines += table(("invariant", "R² of order 1, test", "of order 3, test", "correlation with f²"),
                       *((readable(name), f"{score['r2']:.4f}", f"{score['r2_cubic']:.4f}",
                          "-" if score["correlation_of_square"] is None else f"{score['correlation_of_square']:.4f}")
                         for name, score in scores.items()))
    return lines


def report_of_discovery(system, result):
    """Markdown of a search for all invariants."""
    lines = [f"# {system.title}: all invariants, seed {result['seed']}, schedule {result['schedule']}", "",
             f"**{number_of(result['count'])} found.** The search ends when the test accuracy is below {LEARNED}, although each pair "
             "is compared with one that all invariants before take for the same, or when the new f depends on those before, "
             f"with an independence below {INDEPENDENT}.", "", *noted(result)]
    settings = result["settings"]
    if result["count"] + len(settings.get("fixed", ())) >= settings["layer_sizes"][0]:
        lines += ["As many invariants as there are columns: all observations of a group are alike. They may cover too little of its motion.", ""]
    lines += table(("step", "accuracy, training", "test", "independence", "found"),
                   *((i + 1, f"{step['train_accuracy']:.3f}", f"{step['test_accuracy']:.3f}", f"{step['independence']:.2f}",
                      "yes" if step["found"] else "no") for i, step in enumerate(result["steps"])))
    if common := result["common"]:
        lines += ["", f"Quadratic polynomials that are functions of these f: {len(common['formulas'])}. Mean squared sines: "
                  + ", ".join(f"{value:.4f}" for value in common["eigenvalues"]) + "; the last is the first that does not count.", ""]
        lines += [f"    {(formula or 'more terms than a person reads').replace('f ≈ ', '')}" for formula in common["formulas"]]
    for i, step in enumerate(result["steps"]):
        if step["found"]:
            lines += ["", f"## f_{i + 1}"]
            lines += ["", "The alignment leaves aside what the f before, or functions of them, can explain."] if i else []
            lines += beyond(step)
    return "\n".join(lines) + "\n"


def step_in_words(number, step):
    """One line on one step of a search."""
    if not step["found"]:
        what = "nothing new, f depends on those before" if has_learned(step) else "nothing left"
        return f"Step {number}: {what}; test accuracy {step['test_accuracy']:.3f}, independence {step['independence']:.2f}."
    return f"Step {number}: found, test accuracy {step['test_accuracy']:.3f}; {formula_of(best_fit(step['sparse'])) or 'no short formula'}"


def best_fit(sparse):
    """Of the fits by library that have a short formula, the last whose test R² is within 0.05 of the best; None if there are none."""
    fits = [fit for fit in sparse.values() if fit["formula"]]
    return next((fit for fit in reversed(fits) if fit["r2"][1] > max(fit["r2"][1] for fit in fits) - 0.05), None)


def formula_of(fit):
    return fit["formula"] if fit else None


def number_of(count):
    return f"{count} invariant{'' if count == 1 else 's'}"


def has_learned(result):
    return result["test_accuracy"] >= LEARNED


def finding(result):
    """One sentence or formula: what the network has learned."""
    if not has_learned(result):
        return "No invariant was found: the network tells equivalent pairs from others hardly better than chance."
    return result["formula"] or ("The network tells equivalent pairs from others, "
                                 "but no polynomial of few terms describes its f.")


def equations(result):
    """Both lines of the equation for f, ours and the paper's, where the paper has one."""
    paper = system_of(result).published
    ours = [f"    f ≈ {result['polynomial']['text']}"] + ([f"    {result['formula']}"] if result["formula"] else [])
    if not paper.equation:
        none = "; the paper has no equation here" if paper.accuracy else ""
        return [f"Regression of order {result['optimal_order'] or 2}, seed {result['seed']}{none}:", "", *ours]
    return [f"Eq. ({paper.equation}), seed {result['seed']}:", "", *ours, "",
            f"Eq. ({paper.equation}), paper:", "", f"    f ≈ {paper.polynomial}", f"    f ≈ {paper.formula}"]


def table(*rows):
    """Lines of a Markdown table, its columns aligned for the terminal; the first row is the head."""
    rows = [(*(re.sub(r"^-(0\.0+)$", r"\1", str(cell)).replace("|", "\\|") for cell in row), *[""] * (len(rows[0]) - len(row)))
            for row in rows]                            # no negative zero; and | in a cell, as in |B|², is no border
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
        raise ValueError(f"{file} is damaged or of another program or version ({type(error).__name__}: {error})") from error
    check_seal(file, result)
    return result


def load_results(paths):
    """Results of all finished runs under the given folders, by system and seed.

    Raises ValueError, naming the file, if there are none, if one is damaged or altered, if a run is there
    twice, or if schedules are mixed, or settings among the seeds of a system.
    """
    results, settings = {}, {}
    for path in map(Path, paths):
        files = sorted(path.rglob("result.json")) if path.is_dir() else []
        if not files:
            raise ValueError(f"{path} is no folder that holds a result.json; give folders of finished runs")
        for file in files:
            result = load_result(file)
            name = result["system"]
            key = list(SYSTEMS).index(name) if name in SYSTEMS else len(SYSTEMS), str(name), int(result["seed"])
            first = next(iter(results.values()), result)
            if ("steps" in result) != ("steps" in first):
                raise ValueError(f"{file} is {'a search for all invariants' if 'steps' in result else 'one run'}, others are not; report them apart")
            if key in results:
                raise ValueError(f"{file} is a second run of {result['system']} with seed {result['seed']}; give one of them")
            results[key] = result
            if result["schedule"] != first["schedule"]:
                raise ValueError(f"{file} has the schedule {result['schedule']}, others have {first['schedule']}; report them apart")
            if result.get("settings") != settings.setdefault(result["system"], result.get("settings")):
                raise ValueError(f"{file} has other settings than another seed of {result['system']}; report them apart")
    return [results[key] for key in sorted(results)]


def summary(results):
    """One page of Markdown: every number the paper publishes beside those of the given results."""
    if "steps" in results[0]:
        return summary_of_discoveries(results)
    found = {result["system"]: [r for r in results if r["system"] == result["system"]] for result in results}
    systems = {name: system_of(runs[0]) for name, runs in found.items()}
    lines = [f"# The paper and this code, schedule {results[0]['schedule']}", "",
             "Ours are means over the seeds, with standard deviation and lowest value where there are several; seeds that learned "
             "nothing, where others did, count for the lowest alone. "
             f"\"Agrees\" means within {CLOSE} of the paper.", ""]
    lines += table(("experiment", "seeds", "test accuracy", "paper", "R² of order 2", "paper", "f (first seed that learned)"),
                   *(overview(systems[name], runs) for name, runs in found.items()))
    for name, runs in found.items():
        lines += ["", f"## {systems[name].title} (`{name}`)", "", *section(systems[name], runs)]
    return "\n".join(lines) + "\n"


def summary_of_discoveries(results):
    """One page on searches for all invariants: for each system and seed, their number and the accuracy of each step."""
    lines = [f"# All invariants, schedule {results[0]['schedule']}", ""]
    lines += table(("system", "seed", "found", "test accuracy of each step", "independence", "what f of each step is of (R² of order 1, of order 3)",
                    "R² of its short formula"),
                   *((result["system"], result["seed"], result["count"],
                      ", ".join(f"{step['test_accuracy']:.3f}" for step in result["steps"]),
                      ", ".join(f"{step['independence']:.2f}" for step in result["steps"]),
                      "; ".join(best_explained(step) for step in result["steps"] if step["found"]),
                      ", ".join(f"{fit['r2'][1]:.3f}" if (fit := best_fit(step["sparse"])) else "-" for step in result["steps"] if step["found"]))
                     for result in results))
    return "\n".join(lines) + "\n"


def best_explained(step):
    """The first entry of on_invariants whose R² of order 3 is within 0.05 of the highest, with its scores."""
    scores = step["on_invariants"]
    if not scores:
        return "-"
    name = next(name for name in scores if scores[name]["r2_cubic"] > max(score["r2_cubic"] for score in scores.values()) - 0.05)
    return f"{readable(name)} ({scores[name]['r2']:.3f}, {scores[name]['r2_cubic']:.3f})"


def overview(system, runs):
    paper = system.published
    learned = [run for run in runs if has_learned(run)]
    counted = learned or runs
    f = (learned[0]["formula"] or "-") if learned else "no invariant"
    return (system.name, len(runs), f"{mean(run['test_accuracy'] for run in counted):.3f}",
            f"{paper.accuracy[1]:.2f}" if paper.accuracy else "-",
            f"{mean(run['r2']['2'][1] for run in counted):.4f}", f"{paper.r2[2][1]:.4f}" if paper.r2 else "-",
            f if len(learned) in (0, len(runs)) else f"{f}, in {len(learned)} of {len(runs)} seeds")


def section(system, runs):
    """All numbers of one experiment, ours and the paper's, and both lines of its equation."""
    paper = system.published
    learned = [run for run in runs if has_learned(run)]
    counted = learned or runs
    rows = [(f"accuracy, {which}", lambda run, key=key: run[f"{key}_accuracy"], published, 2)
            for which, key, published in zip(("training", "test"), ("train", "test"), paper.accuracy or (None, None))]
    for order in runs[0]["r2"]:
        for i, which in enumerate(("training", "test")):
            published = paper.r2[int(order)][i] if paper.r2 else None
            rows.append((f"R² of order {order}, {which}", lambda run, order=order, i=i: run["r2"][order][i], published, 4))
    lines = [f"Seeds {', '.join(str(run['seed']) for run in runs)}.", ""]
    lines += table(("", "paper", "ours", "std", "lowest", ""), *(compared(*row, counted, runs) for row in rows))
    orders = [str(run["optimal_order"] or "none") for run in counted]
    lines += ["", "Optimal order: " + ", ".join(f"{order} in {orders.count(order)} of {len(orders)}" for order in sorted(set(orders))) + "."]
    spreads = [run["formula_spread"] for run in counted if run["formula"]]
    if spreads:
        lines += [f"Coefficients under a common factor agree within {max(spreads):.1%} in the {len(spreads)} of {len(counted)} runs "
                  "that have such a formula."]
    for known in system.invariants:
        values = [abs(run["correlations"][known]) for run in counted]
        lines += [f"|Correlation| of f with {readable(known)}: mean {mean(values):.4f}, from {min(values):.4f} to {max(values):.4f}."]
    failed = len(runs) - len(learned)
    if failed:
        lines += ["", f"No invariant was found in {failed} of {len(runs)} runs: the network tells equivalent pairs "
                      "from others hardly better than chance." + (" They count for the lowest values alone." if learned else "")]
    return [*lines, "", *equations(counted[0]), *beyond_over_seeds(runs)]


def beyond_over_seeds(runs):
    """What the paper does not have, over the seeds: f on the known invariants, the gradient alignment, every short formula."""
    lines = []
    learned = [run for run in runs if has_learned(run)]
    if learned and learned[0]["on_invariants"]:
        scores = {name: [run["on_invariants"][name] for run in learned] for name in learned[0]["on_invariants"]}
        lines += ["", f"Over the seeds: {ON_INVARIANTS[0].lower()}{ON_INVARIANTS[1:]}.", ""]
        lines += table(("invariant", "R² of order 1, test: mean", "lowest", "highest", "of order 3: mean", "lowest", "highest",
                        "correlation with f²"), *(
            (readable(name), *(f"{statistic(score[key] for score in found):.4f}" for key in ("r2", "r2_cubic")
                               for statistic in (mean, min, max)), span([score["correlation_of_square"] for score in found]))
            for name, found in scores.items()))
    aligned = [run["alignment"] for run in learned if run["alignment"]]
    if aligned:
        orders = [f"order {alignment['order']}" if alignment["order"] else "no order" for alignment in aligned]
        lines += ["", "Gradient alignment: the gap opens at "
                  + ", ".join(f"{order} in {orders.count(order)} of {len(orders)}" for order in sorted(set(orders))) + "."]
        known = [alignment["coefficient_errors"] for alignment in aligned]              # empty where data are few, and aligned at order 1 only
        for name in dict.fromkeys(name for each in known for name in each):
            errors = {method: [each[name][method] for each in known if name in each] for method in ("ridge", "alignment")}
            if median(errors["ridge"]) < 0.5:           # else f is not of this invariant
                lines += [f"Error of the coefficients of {readable(name)}, all as a vector of length 1: " + ", ".join(
                    f"{method} median {median(values):.4f}, worst {max(values):.4f}" for method, values in errors.items()) + "."]
    lines += ["", "Every seed:", ""]
    return lines + table(("seed", "accuracy, test", "R² of order 2, test", "fewest features that explain f"), *(
        (run["seed"], f"{run['test_accuracy']:.4f}", f"{run['r2']['2'][1]:.4f}",
         (formula_of(best_fit(run["sparse"])) or run["formula"] or "-") if has_learned(run) else "no invariant")
        for run in runs))


def span(values):
    return "-" if None in values else f"{min(values):.2f} to {max(values):.2f}"


def compared(name, value, published, digits, counted, runs):
    """One row: the paper's number, ours over the runs that count, the lowest of all, and how they compare."""
    values = [value(run) for run in counted]
    row = [name, "-" if published is None else f"{published:.{digits}f}", f"{mean(values):.4f}",
           f"{stdev(values):.4f}" if len(values) > 1 else "-", f"{min(map(value, runs)):.4f}" if len(runs) > 1 else "-"]
    if published is None:
        return (*row, "")
    difference = mean(values) - published
    return (*row, "agrees" if abs(difference) <= CLOSE else "higher" if difference > 0 else "lower")
