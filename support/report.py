"""Results beside the paper: the report of one run, and the page of many (train.py --report)."""

from shlex import quote
from statistics import mean, stdev

from support.page import Code, Formula, Heading, Picture, Table, Text

EXACT = 1e-9                # λ up to which a law holds to rounding
GOOD = 0.9                  # R² from which a polynomial is called a formula
CLOSE = 0.005               # difference from the paper, in accuracy or R², that counts as agreement
CAPTIONS = {
    "figure_1.png": "Fig. 1: the siamese network", "figure_2.png": "Fig. 2: the task",
    "figure_3.png": "Fig. 3: bottleneck output f over the spacetime interval",
    "figure_4.png": "Fig. 4: f over angular momentum and energy",
    "figure_5.png": "Fig. 5: f² over the energy, and f over a component of A",
    "figure_6.png": "Fig. 6: f over E·B and |B|² − |E|²",
    "decision.png": "f(x) − f(x′) of same and different pairs, and F over it: above the dotted "
                    "line the network says \"different\"",
    "over-laws.png": "f of the networks over the laws: a cloud, since the pairs agree in the laws",
    "along.png": "Laws, f and two columns along a few orbits that took no part: flat is conserved",
    "figure_7.png": "Fig. 7: f over |B|² − |E|²", "figure_8.png": "Fig. 8: the layers",
    "figure_9.png": "Fig. 9: losses and accuracies"}
ON_INVARIANTS = (
    "How much of f is explained by the known invariants that vary. Near 1 at order 1: f is this "
    "invariant, or the mixture of those in the row, up to scale and offset. Near 1 at order 3 "
    "only: f is a curved function of them. Below 0: worse than a constant.")


# ----------------------------------------------------------------------------------------- one run

def report(result, system=None, pictures=(), words=()):
    """The parts of the report on one Result, beside the paper's numbers.

    system: the physics.System it is of, with what is published; None for a user's own data.
    pictures: names of the figures beside it; words: of the command that made it.
    """
    kind = report_of_search if result.steps is not None else report_of_run
    return [*kind(result, system), *(Picture(name, CAPTIONS.get(name, name)) for name in pictures),
            *what_next(result, words)]


def what_next(result, words):
    """Commands that go on from here: the words of the run's own, and more."""
    if not words and "data" in result.settings:         # a kept result does not tell its file
        return
    what = " ".join(map(quote, words)) if words else f"--system {result.system}"
    search = " --discover" * (result.steps is not None)
    said = [f"python train.py {what} --discover"] * (not search)
    said += [f"python train.py {what}{search} --seeds 0-4"]
    if "data" in result.settings:
        said += [f"python train.py {what}{search} --apply new.csv"]
        features = f'python train.py {what}{search} --fresh --features "cos(...)"'
        said += [features] * (not exact(result))
    yield Heading("What next", level=2)
    yield Code("\n".join(said))


def brief(result, system):
    """What the screen shows of a result: a few lines of text."""
    paper = system.published if system else None
    lines = [finding(result)]
    if result.steps is None:
        beside = [f" (paper {accuracy:.2f})" for accuracy in paper.accuracy or ()] if paper else []
        training, test = beside or ("", "")
        lines += [f"accuracy {result.train_accuracy:.3f}{training} on the training set, "
                  f"{result.test_accuracy:.3f}{test} on the test set"]
        if result.formula:
            lines += [f"read off the network: {result.formula}, R² {score_of(result):.4f}"]
    return "\n".join(lines)


def title_of(result, system):
    sampling = f", {result.settings['sampling']} sampling" if "sampling" in result.settings else ""
    return (system.title if system else result.system) + sampling


def report_of_run(result, system):
    """The parts of the report on one network."""
    paper = system.published if system else None
    yield Heading(f"{title_of(result, system)}: seed {result.seed}, schedule {result.schedule}")
    yield headline(result)
    yield from evidence(result)
    yield from map(Text, result.notes)
    if result.settings:
        settings = result.settings
        yield Text(f"Network {'-'.join(map(str, settings['layer_sizes']))}, "
                   f"{settings['train_pairs']} training pairs of each label, "
                   f"{result.epochs} epochs from learning rate {settings['learning_rate']:g}.")
    published = [f"{accuracy:.2f}" for accuracy in paper.accuracy or ()] if paper else []
    yield Table((("accuracy", "this run", *["paper"] * bool(published)),
                 ("training set", f"{result.train_accuracy:.3f}", *published[:1]),
                 ("test set", f"{result.test_accuracy:.3f}", *published[1:])))
    yield from hierarchy(result, paper)
    yield from best_cycle(result)
    yield from equations(result, paper)
    yield from dominant(result)
    for name, value in result.correlations.items():
        ranks = result.rank_correlations.get(name)
        of_ranks = "" if ranks is None else f", of ranks {ranks:.4f}"
        yield Text(f"Correlation of f with {readable(name)}: {value:.4f}{of_ranks}.")
    yield from on_invariants(result.on_invariants)
    yield from laws(result)


def headline(result):
    """The finding, with its formulas set as such."""
    formulas = [law["text"] for law in exact(result)] or [result.formula]
    return Text(finding(result), strong=True, formulas=tuple(filter(None, formulas)))


def finding(result):
    """One sentence: the best that the run has, a law before a formula, with its evidence."""
    named = "; ".join(law["text"] for law in exact(result))
    if result.steps is not None:
        return finding_of_search(result, named)
    if named:
        worst = max(law["within"] for law in exact(result))
        how = "exactly" if worst < EXACT else "as far as the noise of the columns lets one see"
        return (f"Conserved: {named} ({how}: at most {worst:.0e} of the variance lies within "
                "classes that took no part)")
    word = result.verdict.get("word") if result.verdict else None
    if result.formula and word in (None, "conserved") and score_of(result) >= GOOD:
        return f"{result.formula} (R² {score_of(result):.4f} on the test set)"
    if word in ("conserved", "approximately conserved"):
        return (f"Something is {word}, with {result.verdict['within']:.1%} of the variance of f "
                "within classes, and no library names it")
    if nearly(result):
        return nearly(result)
    if word == "undecided":
        return f"Undecided: {result.verdict['sentence']}"
    return "No invariant was found" + (f": {result.verdict['sentence']}" if result.verdict else
                                       f": test accuracy {result.test_accuracy:.3f}")


def finding_of_search(result, named):
    """The same of a search: how many invariants, and their laws, or what was seen instead."""
    if result.count:
        return f"{number_of(result.count)} found" + (f": {named}" if named else "")
    asked = {"word": "nothing", "sentence": "no network was asked"}
    last = result.steps[-1] if result.steps else asked
    if nearly(result):
        return nearly(result)
    start = "No invariant was found" if last["word"] == "nothing" else last["word"].capitalize()
    return f"{start}: {last['sentence']}"


def nearly(result):
    """A sentence on the first approximate law, if there is one."""
    for law in result.laws:
        if law["verdict"] == "approximate" and not law["function_of"]:
            return (f"Approximately conserved: {law['text']} ({law['within']:.1%} of the variance "
                    "lies within classes that took no part)")
    return ""


def exact(result):
    """The laws that hold exactly and are no functions of others."""
    return [law for law in result.laws if law["verdict"] == "exact" and not law["function_of"]]


def score_of(result):
    """Test R² of the polynomial that the formula is made of."""
    return result.r2[str(result.optimal_order or 2)][1]


def evidence(result):
    """What the verdict on f rests on, and how much of f is a function of the laws."""
    if result.verdict:
        yield Text(f"The network: {result.verdict['word']}; {result.verdict['sentence']}.")
    if result.on_laws and result.learned:
        name, score = max(result.on_laws.items(), key=lambda item: item[1]["r2_cubic"])
        yield Text(f"As a cubic polynomial in {name}, f has an R² of {score['r2_cubic']:.4f}.")


def laws(result):
    """The laws with their evidence."""
    if not result.laws:
        return
    yield Heading("What the pairs say", level=2)
    yield Text("Laws: combinations of features that do not vary within a class. λ is the share of "
               "their variance that lies within classes that took no part in the fit.")
    rows = []
    for number, law in enumerate(result.laws, 1):
        of = ", ".join(str(i + 1) for i in law["function_of"])
        error = max((abs(error / law["terms"][name]) for name, error in law["errors"].items()
                     if law["terms"][name]), default=0.0)
        noisy = law["verdict"] == "exact" and law["within"] > EXACT
        rows.append((number, Formula(law["text"]), law["verdict"] + " within noise" * noisy,
                     f"{law['within']:.1e}", f"{error:.0e}", f"function of {of}" if of else ""))
    yield Table((("", "law", "verdict", "λ", "largest relative error of a coefficient", ""), *rows))
    yield Text("For Python (with from numpy import *), for SymPy (sympify), and in LaTeX:")
    for language in ("python", "sympy", "latex"):
        yield Code("\n".join(law[language] for law in result.laws))


def best_cycle(result):
    """The state of lowest training loss, which the paper calls the best training cycle."""
    if result.best:
        best = result.best
        scores = ", ".join(f"{scores[1]:.4f}" for scores in best["r2"].values())
        yield Text(f"The best training cycle, epoch {best['epoch']} of {result.epochs}: accuracy "
                   f"{best['train_accuracy']:.3f} on the training set, {best['test_accuracy']:.3f} "
                   f"on the test set; R² of orders {', '.join(best['r2'])} on the test set {scores}"
                   + (f"; {best['formula']}" if best["formula"] else "") + ".")


def precision(result):
    """How far the terms of the formula agree, and what it leaves out."""
    said = []
    if result.formula_spread:
        said.append(f"coefficients under a common factor agree within {result.formula_spread:.1%}")
    name, share = result.formula_dropped or ("", 0.0)
    if name:
        said.append(f"the largest term left out, {readable(name)}, is {abs(share):.1%} "
                    "of the first factor")
    if said:
        text = "; ".join(said)
        yield Text(f"{text[0].upper()}{text[1:]}.")


def hierarchy(result, paper):
    """One of Tables I to V, beside the paper's."""
    published = paper.r2 if paper else {}
    about = (f"Table {paper.table}: R² of the regression on f." if published else
             "R² of the regression on f; the paper gives none." if paper else
             "R² of the regression on f.")
    yield Text(about)
    rows = [(order, *(f"{score:.4f}" for score in (*scores, *published.get(int(order), ()))))
            for order, scores in result.r2.items()]
    head = "order", "training", "test", *["paper, training", "paper, test"] * bool(published)
    yield Table((head, *rows))
    yield Text(f"Optimal order: {result.optimal_order or 'none'}.")


def equations(result, paper):
    """Both lines of the equation for f, ours and the paper's, where the paper has one."""
    if not result.polynomial:                           # of columns in units of their own
        return
    ours = "\n".join(filter(None, (f"f ≈ {result.polynomial['text']}", result.formula)))
    yield from precision(result)
    if not paper or not paper.equation:
        none = "; the paper has no equation here" if paper and paper.accuracy else ""
        yield Text(f"Regression of order {result.optimal_order or 2}, seed {result.seed}{none}:")
        yield Formula(ours)
        return
    yield Text(f"Eq. ({paper.equation}), seed {result.seed}:")
    yield Formula(ours)
    yield Text(f"Eq. ({paper.equation}), paper:")
    yield Formula(f"f ≈ {paper.polynomial}\nf ≈ {paper.formula}")


def dominant(result):
    """The formula's terms in the polynomials of all orders, side by side."""
    orders = {order: terms for order, terms in result.dominant.items() if any(terms.values())}
    if len(orders) < 2:
        return
    names = list(orders[max(orders)])
    yield Text("The formula's terms in the polynomials of all orders:")
    yield Table((("order", *map(readable, names)),
                 *((order, *(f"{terms[name]:.4g}" if name in terms else "-" for name in names))
                   for order, terms in orders.items())))


def on_invariants(scores):
    """How much of f the known invariants explain."""
    if not scores:
        return
    yield Text(ON_INVARIANTS)
    head = "invariant", "R² of order 1, test", "of order 3, test", "correlation with f²"
    yield Table((head, *((readable(name), f"{score['r2']:.4f}", f"{score['r2_cubic']:.4f}",
                          "-" if score["correlation_of_square"] is None
                          else f"{score['correlation_of_square']:.4f}")
                         for name, score in scores.items())))


def readable(name):
    """The name of an invariant as in print."""
    return name.replace("^2", "²")


# --------------------------------------------------------------------------------- a search for all

def report_of_search(result, system):
    """The parts of the report on a search for all invariants."""
    yield Heading(f"{title_of(result, system)}: all invariants, seed {result.seed}, "
                  f"schedule {result.schedule}")
    yield headline(result)
    yield Text(completeness(result))
    yield from map(Text, result.notes)
    yield from laws(result)
    if not result.steps:
        return
    yield Heading("What networks say beyond", level=2)
    yield Text("Each was trained on pairs that agree in all that was found before. It finds one "
               "more invariant if its f is conserved, and independent of what was found before.")
    head = ("network", "accuracy, training", "test", "95 %", "test classes",
            "of f's variance within", "independence", "verdict")
    yield Table((head, *((i, f"{step['train_accuracy']:.3f}", f"{step['test_accuracy']:.3f}",
                          "{:.3f} to {:.3f}".format(*step["interval"]), step["test_classes"],
                          f"{step['within']:.1%}", f"{step['independence']:.2f}", step["word"])
                         for i, step in enumerate(result.steps, 1))))


def completeness(result):
    """Whether all invariants were found, and what is open."""
    columns = result.settings["layer_sizes"][0]
    unnamed = result.count - result.named
    said = f"{result.named} of {result.count} named" if unnamed else "All of them are named"
    if not result.count:
        return "What networks say stands below." if result.steps else "Nothing was found."
    if result.count + len(result.settings.get("fixed", ())) >= columns - 1:
        return f"{said}. Complete: of {columns} columns no more can be independent and conserved."
    last = result.steps[-1] if result.steps else None
    if last and last["word"] == "nothing":
        return (f"{said}. Complete, as far as a network can tell: it finds nothing more in pairs "
                "that agree in all of these.")
    if last and not last["found"]:
        if last["independence"] < 0.1:
            return (f"{said}. Complete, as far as a network can tell: what it finds depends on "
                    "these.")
        return f"{said}. Open: whether there is more. {last['sentence']}."
    return f"{said}."


def number_of(count):
    return f"{count} invariant{'' if count == 1 else 's'}"


# --------------------------------------------------------------------------------------- many runs

def summary(results, systems):
    """The parts of one page: every number the paper publishes beside those of the given results.

    systems: {name: physics.System}.
    """
    if results[0].steps is not None:
        return [*summary_of_searches(results)]
    found = {result.system: [each for each in results if each.system == result.system]
             for result in results}
    parts = [
        Heading(f"The paper and this code, schedule {results[0].schedule}"),
        Text("Ours are means over the seeds, with standard deviation and lowest value where there "
             "are several; seeds that learned nothing, where others did, count for the lowest "
             f"alone. \"Agrees\" means within {CLOSE} of the paper."),
        Table((("experiment", "seeds", "test accuracy", "paper", "R² of order 2", "paper",
                "f (first seed that learned)"),
               *(overview(name, group, systems.get(name)) for name, group in found.items())))]
    for name, group in found.items():
        parts.append(Heading(f"{title_of(group[0], systems.get(name))} (`{name}`)", level=2))
        parts += section(group, systems.get(name))
    return parts


def overview(name, group, system):
    """One row on an experiment: its accuracy, its R² and its f."""
    learned = [result for result in group if result.learned]
    counted = learned or group
    f = (learned[0].formula or "-") if learned else "no invariant"
    if len(learned) not in (0, len(group)):
        f = f"{f}, in {len(learned)} of {len(group)} seeds"
    paper = system.published if system else None
    return (name, len(group), f"{mean(result.test_accuracy for result in counted):.3f}",
            f"{paper.accuracy[1]:.2f}" if paper and paper.accuracy else "-",
            f"{mean(result.r2['2'][1] for result in counted):.4f}",
            f"{paper.r2[2][1]:.4f}" if paper and paper.r2 else "-", f)


def section(group, system):
    """All numbers of one experiment, ours and the paper's, and both lines of its equation."""
    paper = system.published if system else None
    learned = [result for result in group if result.learned]
    counted = learned or group
    yield Text(f"Seeds {', '.join(str(result.seed) for result in group)}.")
    yield Table((("", "paper", "ours", "std", "lowest", ""),
                 *(compared(*row, counted, group) for row in compared_numbers(group[0], paper))))
    yield Text(f"Optimal order: {tally(result.optimal_order or 'none' for result in counted)}.")
    spreads = [result.formula_spread for result in counted if result.formula]
    if spreads:
        yield Text(f"Coefficients under a common factor agree within {max(spreads):.1%} in the "
                   f"{len(spreads)} of {len(counted)} runs that have such a formula.")
    for known in counted[0].correlations:
        values = [abs(result.correlations[known]) for result in counted]
        yield Text(f"|Correlation| of f with {readable(known)}: mean {mean(values):.4f}, "
                   f"from {min(values):.4f} to {max(values):.4f}.")
    failed = len(group) - len(learned)
    if failed:
        yield Text(f"No invariant was found in {failed} of {len(group)} runs: the network tells "
                   "equivalent pairs from others hardly better than chance."
                   + (" They count for the lowest values alone." if learned else ""))
    yield from equations(counted[0], paper)
    yield from laws_over_seeds(group)
    yield from on_invariants_over_seeds(learned)
    yield Text("Every seed:")
    yield Table((("seed", "accuracy, test", "R² of order 2, test", "f"),
                 *((result.seed, f"{result.test_accuracy:.4f}", f"{result.r2['2'][1]:.4f}",
                    result.formula or "-" if result.learned else "no invariant")
                   for result in group)))


def compared_numbers(result, paper):
    """(name, function of a result, the paper's number, digits) of all that the paper publishes."""
    accuracies = (paper.accuracy if paper else None) or (None, None)
    for which, key, published in zip(("training", "test"), ("train", "test"), accuracies):
        yield (f"accuracy, {which}", lambda each, key=key: getattr(each, f"{key}_accuracy"),
               published, 2)
    for order in result.r2:
        for i, which in enumerate(("training", "test")):
            published = paper.r2[int(order)][i] if paper and paper.r2 else None
            yield (f"R² of order {order}, {which}",
                   lambda each, order=order, i=i: each.r2[order][i], published, 4)


def compared(name, value, published, digits, counted, group):
    """One row: the paper's number, ours over the runs that count, the lowest of all, a verdict."""
    values = [value(result) for result in counted]
    row = [name, "-" if published is None else f"{published:.{digits}f}", f"{mean(values):.4f}",
           f"{stdev(values):.4f}" if len(values) > 1 else "-",
           f"{min(map(value, group)):.4f}" if len(group) > 1 else "-"]
    if published is None:
        return (*row, "")
    difference = mean(values) - published
    return (*row, "agrees" if abs(difference) <= CLOSE else "higher" if difference > 0 else "lower")


def tally(values):
    """How often each value comes: "2 in 9 of 10, none in 1 of 10"."""
    values = [str(value) for value in values]
    return ", ".join(f"{value} in {values.count(value)} of {len(values)}"
                     for value in sorted(set(values)))


def laws_over_seeds(group):
    """The exact laws, in how many seeds they came, and their largest λ."""
    found = {}
    for result in group:
        for law in result.laws:
            if law["verdict"] == "exact":
                found.setdefault(law["text"], []).append(law["within"])
    if found:
        yield Text("Laws that the pairs give exactly:")
        yield Table((("law", "seeds", "largest λ"),
                     *((text, f"{len(shares)} of {len(group)}", f"{max(shares):.0e}")
                       for text, shares in found.items())))


def on_invariants_over_seeds(learned):
    """How much of f the known invariants explain, over the seeds that learned."""
    if not learned or not learned[0].on_invariants:
        return
    yield Text(f"Over the seeds: {ON_INVARIANTS[0].lower()}{ON_INVARIANTS[1:]}")
    rows = []
    for name in learned[0].on_invariants:
        scores = [result.on_invariants[name] for result in learned]
        figures = [f"{statistic(score[key] for score in scores):.4f}"
                   for key in ("r2", "r2_cubic") for statistic in (mean, min, max)]
        squares = [score["correlation_of_square"] for score in scores]
        span = "-" if None in squares else f"{min(squares):.2f} to {max(squares):.2f}"
        rows.append((readable(name), *figures, span))
    yield Table((("invariant", "R² of order 1, test: mean", "lowest", "highest", "of order 3: mean",
                  "lowest", "highest", "correlation with f²"), *rows))


def summary_of_searches(results):
    """The parts of the page on searches: counts, laws, and what the networks said."""
    yield Heading(f"All invariants, schedule {results[0].schedule}")
    yield Table((("system", "seed", "found", "named", "laws", "worst λ", "last network"),
                 *((result.system, result.seed, result.count, result.named,
                    Formula("; ".join(law["text"] for law in exact(result))),
                    f"{max((law['within'] for law in exact(result)), default=0):.0e}",
                    result.steps[-1]["word"] if result.steps else "-")
                   for result in results)))
