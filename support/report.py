"""Results beside the paper: the report of one run, and the page of many (train.py --report)."""

from shlex import quote
from statistics import mean, stdev
from types import SimpleNamespace

from support.page import Code, Formula, Heading, Picture, Table, Text

EXACT = 1e-11               # λ up to which a law holds to rounding
GOOD = 0.9                  # R² from which a polynomial is called a formula
CLOSE = 0.005               # difference from the paper, in accuracy or R², that is agreement
CAPTIONS = {
    "figure_1.png": "Fig. 1: the siamese network", "figure_2.png": "Fig. 2: the task",
    "figure_3.png": "Fig. 3: bottleneck output f over the spacetime interval",
    "figure_4.png": "Fig. 4: f over angular momentum and energy",
    "figure_5.png": "Fig. 5: f² over the energy, and f over a component of A",
    "figure_6.png": "Fig. 6: f over E·B and |B|² − |E|²",
    "decision.png": "f(x) − f(x′) of same and different pairs, and F over it: above the dotted "
                    "line the network says \"different\"",
    "levels.png": "Lines of equal f, and of the law: the same, where f is a function of it",
    "over-laws.png": "f of the networks over the laws: a cloud, since the pairs agree in the laws",
    "along.png": "Laws, f and two columns along a few orbits that took no part: flat is conserved",
    "figure_7.png": "Fig. 7: f over |B|² − |E|²", "figure_8.png": "Fig. 8: the layers",
    "figure_9.png": "Fig. 9: losses and accuracies"}
ON_INVARIANTS = (
    "How much of f is explained by the known invariants that vary. Near 1 at order 1: f is this "
    "invariant, or the mixture of those in the row, up to scale and offset. Near 1 at order 3 "
    "only: f is a curved function of them. Below 0: worse than a constant. The correlation with "
    "f² depends on the offset of f, which eq. (1) leaves free.")
OWN_DATA = SimpleNamespace(accuracy=(), r2={}, equation="")     # of which the paper says nothing


# ----------------------------------------------------------------------------------------- one run

def report(result, system=None, pictures=(), words=()):
    """The parts of the report on one Result, beside the paper's numbers.

    system: the physics.System it is of, with what is published; None for a user's own data.
    pictures: names of the figures beside it; words: of the command that made it.
    """
    search = result.steps is not None
    formulas = [law["text"] for law in independent(result)] or [result.formula]
    return [Heading(f"{title_of(result, system)}: {'all invariants, ' * search}seed {result.seed}, "
                    f"schedule {result.schedule}"),
            Text(finding(result), strong=True, formulas=tuple(filter(None, formulas))),
            *([Text(completeness(result, system))] if search else evidence(result)),
            *(Text(note[:1].upper() + note[1:]) for note in result.notes),
            *([] if search else on_network(result, system)),
            *laws(result),
            *steps(result),
            *(Picture(name, CAPTIONS.get(name, name)) for name in pictures),
            *what_next(result, words)]


def brief(result, system):
    """What the screen shows of a result: a few lines of text."""
    lines = [finding(result)]
    if result.steps is None:
        beside = [f" (paper {accuracy:.2f})" for accuracy in published(system).accuracy or ()]
        training, test = beside or ("", "")
        lines += [f"accuracy {result.train_accuracy:.3f}{training} on the training set, "
                  f"{result.test_accuracy:.3f}{test} on the test set"]
        if result.formula:
            lines += [f"read off the network: {result.formula}, R² {score_of(result):.4f}"]
    return "\n".join(lines)


def published(system):
    """The physics.Published of a system; None stands for a user's own data."""
    return system.published if system else OWN_DATA


def title_of(result, system):
    sampling = f", {result.settings['sampling']} sampling" if "sampling" in result.settings else ""
    return (system.title if system else result.system) + sampling


def finding(result):
    """One sentence: the best that the run has, a law before a formula, with its evidence."""
    found, search = independent(result), result.steps is not None
    named = "; ".join(law["text"] for law in found)
    if search and result.count:
        plural, some = "s" * (result.count > 1), result.named and result.named < result.count
        return (f"{result.count} invariant{plural} found" + f", {result.named} named" * bool(some)
                + (f": {named}" if named else ""))
    if named:
        worst = max(law["within"] for law in found)
        how = "exactly" if worst < EXACT else "as far as the noise of the columns lets one see"
        return (f"Conserved: {named} ({how}: at most {worst:.0e} of the variance lies within "
                "classes that took no part)")
    word = result.verdict.get("word")
    if result.formula and word in (None, "conserved") and score_of(result) >= GOOD:
        return f"{result.formula} (R² {score_of(result):.4f} on the test set)"
    nearly = [f"{law['text']} ({100 * law['within']:.2g} % of its variance lies within classes "
              "that took no part)" for law in independent(result, "approximate")[:1]]
    if word in ("conserved", "approximately conserved"):
        named = (f"nearly {nearly[0]}" if nearly and word != "conserved" else
                 "and no library names it")
        return (f"Something is {word}, with {100 * result.verdict['within']:.2g} % of the variance "
                f"of f within classes, {named}")
    if nearly:
        return f"Approximately conserved: {nearly[0]}"
    why = "no network was asked" if search else f"test accuracy {result.test_accuracy:.3f}"
    last = result.verdict or [{"word": "nothing", "sentence": why}, *(result.steps or ())][-1]
    start = "No invariant was found" if last["word"] == "nothing" else last["word"].capitalize()
    return f"{start}: {last['sentence']}"


def independent(result, verdict="exact"):
    """The laws of this verdict that are no functions of others."""
    return [law for law in result.laws if law["verdict"] == verdict and not law["function_of"]]


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


def on_network(result, system):
    """What one network has learned: accuracies, Tables I to V, the equation of f, correlations."""
    paper, settings = published(system), result.settings
    if settings:                                        # not of a network that was only read off
        yield Text(f"Network {'-'.join(map(str, settings['layer_sizes']))}, "
                   f"{settings['train_pairs']} training pairs of each label, "
                   f"{result.epochs} epochs from learning rate {settings['learning_rate']:g}.")
    beside = [f"{accuracy:.2f}" for accuracy in paper.accuracy or ()]
    yield Table((("accuracy", "this run", *["paper"] * bool(beside)),
                 ("training set", f"{result.train_accuracy:.3f}", *beside[:1]),
                 ("test set", f"{result.test_accuracy:.3f}", *beside[1:])))
    table = f"Table {paper.table}: " if paper.r2 else ""
    none = "; the paper gives none" if system and not paper.r2 else ""
    yield Text(f"{table}R² of the regression on f{none}.")
    head = "order", "training", "test", *["paper, training", "paper, test"] * bool(paper.r2)
    yield Table((head, *((order, *map(cell, (*scores, *paper.r2.get(int(order), ()))))
                         for order, scores in result.r2.items())))
    yield Text(f"Optimal order: {result.optimal_order or 'none'}.")
    yield from best_cycle(result)
    yield from equations(result, paper)
    yield from dominant(result)
    for name, value in result.correlations.items():
        ranks = result.rank_correlations.get(name)
        of_ranks = "" if ranks is None else f", of ranks {ranks:.4f}"
        yield Text(f"Correlation of f with {readable(name)}: {value:.4f}{of_ranks}.")
    yield from on_invariants(result.on_invariants)


def best_cycle(result):
    """The state of lowest training loss, which the paper calls the best training cycle."""
    if result.best:
        best = result.best
        scores = ", ".join(f"{scores[1]:.4f}" for scores in best["r2"].values())
        yield Text(f"The best training cycle, epoch {best['epoch']} of {result.epochs}: accuracy "
                   f"{best['train_accuracy']:.3f} on the training set, {best['test_accuracy']:.3f} "
                   f"on the test set; R² of orders {', '.join(best['r2'])} on the test set {scores}"
                   + (f"; {best['formula']}" if best["formula"] else "") + ".")


def equations(result, paper):
    """Both lines of the equation for f, ours and the paper's, where the paper has one."""
    if not result.polynomial:                           # of columns in units of their own
        return
    yield from precision(result)
    none = "; the paper has no equation here" if paper.accuracy else ""
    yield Text(f"Eq. ({paper.equation}), seed {result.seed}:" if paper.equation else
               f"Regression of order {result.optimal_order or 2}, seed {result.seed}{none}:")
    yield Formula("\n".join(filter(None, (f"f ≈ {result.polynomial['text']}", result.formula))))
    if paper.equation:
        yield Text(f"Eq. ({paper.equation}), paper:")
        yield Formula(f"f ≈ {paper.polynomial}\nf ≈ {paper.formula}")


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
    keys = "r2", "r2_cubic", "correlation_of_square"
    yield Table((head, *((readable(name), *(cell(score[key]) for key in keys))
                         for name, score in scores.items())))


def readable(name):
    """The name of an invariant as in print."""
    return name.replace("^2", "²")


def cell(number, digits=4):
    """A number in a table; None is one that is not known."""
    return "-" if number is None else f"{number:.{digits}f}"


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


def completeness(result, system):
    """Whether a search has found all invariants, and what is open."""
    if not result.count:
        return "What networks say stands below." if result.steps else "Nothing was found."
    all_named = result.named == result.count
    said = "All of them are named" if all_named else f"{result.named} of {result.count} named"
    columns = result.settings["layer_sizes"][0]
    fixed = system.fixed if system else result.settings["fixed"]
    if result.count + len(fixed) >= columns - 1:
        return f"{said}. Complete: of {columns} columns no more can be independent and conserved."
    last = result.steps[-1] if result.steps else {"found": True}
    if last["found"]:
        return f"{said}."
    if last["word"] == "nothing":
        return (f"{said}. Complete, as far as a network can tell: it finds nothing more in pairs "
                "that agree in all of these.")
    if last["independence"] < 0.1:
        return f"{said}. Open: the last network found again what is known, and so says no more."
    return f"{said}. Open: whether there is more; the last network: {last['sentence']}."


def steps(result):
    """The networks of a search."""
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


def what_next(result, words):
    """Commands that go on from here: the words of the run's own, and more."""
    own_data = "data" in result.settings
    if not words and (own_data or not result.settings): # a kept result does not tell its file
        return
    command = "python train.py " + (" ".join(map(quote, words)) or f"--system {result.system}")
    commands = [f"{command} --discover"]
    if result.steps is not None:
        command, commands = commands[0], []
    commands += [f"{command} --seeds 0-4"]
    if own_data:
        commands += [f"{command} --apply new.csv"]
        commands += [f'{command} --fresh --features "cos(...)"'] * (not independent(result))
    yield Heading("What next", level=2)
    yield Code("\n".join(commands))


# --------------------------------------------------------------------------------------- many runs

def summary(results, systems):
    """The parts of one page: every number the paper publishes beside those of the given results.

    systems: {name: physics.System}.
    """
    if results[0].steps is not None:
        return [*summary_of_searches(results)]
    if not any(result.system in systems for result in results):
        return [*summary_of_own_data(results)]
    rows, sections = [], []
    for name in dict.fromkeys(result.system for result in results):
        group, system = [each for each in results if each.system == name], systems.get(name)
        counted = [each for each in group if each.learned] or group
        rows.append((name, *overview(group, counted, published(system))))
        sections.append(Heading(f"{title_of(group[0], system)} (`{name}`)", level=2))
        sections += section(group, counted, published(system))
    return [
        Heading(f"The paper and this code, schedule {results[0].schedule}"),
        Text("Ours are means over the seeds, with standard deviation and lowest value where there "
             "are several; seeds that learned nothing, where others did, count for the lowest "
             f"alone. \"Agrees\" means that the mean of two or more is within {CLOSE} of the "
             "paper; \"within the spread\", within a standard deviation of it."),
        Table((("experiment", "seeds counted", "test accuracy", "paper", "R² of order 2", "paper",
                "f (first seed that learned)"), *rows)),
        *sections]


def overview(group, counted, paper):
    """The row of an experiment: its seeds, its accuracy, its R² and its f.

    counted: the results of the group that learned something, or all of them if none did.
    """
    f, seeds = formula_of(counted[0]), len(group)
    if len(counted) < len(group):
        f = f"{f}, in {len(counted)} of {len(group)} seeds"
        seeds = f"{len(counted)} of {len(group)}"
    return (seeds, cell(mean(result.test_accuracy for result in counted), 3),
            cell(paper.accuracy[1] if paper.accuracy else None, 2),
            cell(mean(result.r2["2"][1] for result in counted)),
            cell(paper.r2[2][1] if paper.r2 else None), f)


def formula_of(result):
    return result.formula or "-" if result.learned else "no invariant"


def section(group, counted, paper):
    """All numbers of one experiment, ours and the paper's, and both lines of its equation."""
    yield Text(f"Seeds {', '.join(str(result.seed) for result in group)}.")
    yield Table((("", "paper", "ours", "std", "lowest", ""), *compared(group, counted, paper)))
    yield Text(f"Optimal order: {tally(result.optimal_order or 'none' for result in counted)}.")
    spreads = [result.formula_spread for result in counted if result.formula]
    if spreads:
        yield Text(f"Coefficients under a common factor agree within {max(spreads):.1%} in the "
                   f"{len(spreads)} of {len(counted)} runs that have such a formula.")
    for known in counted[0].correlations:
        values = [abs(result.correlations[known]) for result in counted]
        if not any(values):                             # it is fixed
            continue
        yield Text(f"|Correlation| of f with {readable(known)}: mean {mean(values):.4f}, "
                   f"from {min(values):.4f} to {max(values):.4f}.")
    yield from agreement(group)
    failed, learned = sum(not result.learned for result in group), counted[0].learned
    if failed:
        yield Text(f"In {failed} of {len(group)} runs the network found no invariant: it tells "
                   "equivalent pairs from others hardly better than chance."
                   + (" They count for the lowest values alone." if learned else ""))
    yield from equations(counted[0], paper)
    yield from laws_over_seeds(group)
    if learned and counted[0].on_invariants:
        yield from on_invariants_over_seeds(counted)
    yield Text("Every seed:")
    yield Table((("seed", "accuracy, test", "R² of order 2, test", "f"),
                 *((result.seed, f"{result.test_accuracy:.4f}", f"{result.r2['2'][1]:.4f}",
                    formula_of(result)) for result in group)))


def compared(group, counted, paper):
    """Rows: the paper's number, ours over the runs that count, the lowest of all, a verdict."""
    theirs = numbers(paper.accuracy or (), paper.r2)
    for name in numbers_of(group[0]):
        values = [numbers_of(result)[name] for result in counted]
        lowest = min(numbers_of(result)[name] for result in group)
        verdict = ""
        if name in theirs and len(values) > 1:          # one seed says too little
            difference = mean(values) - theirs[name]
            verdict = ("agrees" if abs(difference) <= CLOSE else
                       "within the spread" if abs(difference) <= stdev(values) else
                       "higher" if difference > 0 else "lower")
        yield (name, cell(theirs.get(name), 2 if name.startswith("accuracy") else 4),
               cell(mean(values)), cell(stdev(values) if len(values) > 1 else None),
               cell(lowest if len(group) > 1 else None), verdict)


def numbers_of(result):
    return numbers((result.train_accuracy, result.test_accuracy), result.r2)


def numbers(accuracy, r2):
    """{name: number} of the pairs (training, test) that a run gives or the paper publishes."""
    pairs = {"accuracy": accuracy,
             **{f"R² of order {order}": scores for order, scores in r2.items()}}
    return {f"{name}, {which}": number for name, pair in pairs.items()
            for which, number in zip(("training", "test"), pair)}


def tally(values):
    """How often each value comes: "2 in 9 of 10, none in 1 of 10"."""
    values = [str(value) for value in values]
    return ", ".join(f"{value} in {values.count(value)} of {len(values)}"
                     for value in sorted(set(values)))


def agreement(group):
    """Whether the seeds of a system say the same: what is in only some of them is not sure."""
    said = [answer(result) for result in group]
    if len(group) == 1 or not all(said):
        return
    if len(set(said)) == 1:
        yield Text(f"All {len(group)} seeds say the same: {said[0]}.")
    else:
        yield Text(f"Undecided, since the seeds disagree: {tally(said)}.", strong=True)


def answer(result):
    """What a run found, in two words; "" if its verdict was not kept. Laws may have several forms.
    """
    laws, nearly = len(independent(result)), len(independent(result, "approximate"))
    if result.steps is not None:
        also = f" and {nearly} nearly" if nearly and not result.count else ""
        return f"{result.count} invariant{'s' * (result.count != 1)}{also}"
    word = result.verdict.get("word", "").replace("nothing", "no invariant")
    word += f", {nearly} nearly a law" if word and nearly else ""
    return f"{laws} law{'s' * (laws > 1)}" if laws else word


def summary_of_own_data(results):
    """The parts of the page on runs on a user's data: what each seed says, and with what score."""
    for name in dict.fromkeys(result.system for result in results):
        group = [result for result in results if result.system == name]
        yield Heading(f"{name}, seeds {', '.join(str(each.seed) for each in group)}")
        yield from agreement(group)
        yield Table((("seed", "finding", "accuracy, training", "test"),
                     *((each.seed, finding(each), cell(each.train_accuracy, 3),
                        cell(each.test_accuracy, 3)) for each in group)))
        yield from laws_over_seeds(group)
        if group[0].on_invariants:
            yield from on_invariants_over_seeds(group)


def laws_over_seeds(group):
    """The exact laws, in how many seeds they came, and their largest λ."""
    found = {}
    for result in group:
        for law in result.laws:
            if law["verdict"] == "exact":
                found.setdefault(frozenset(law["terms"]), []).append(law)
    if found:
        yield Text("Laws that the pairs give exactly, with the numbers of the first seed:")
        yield Table((("law", "seeds", "largest λ"),
                     *((laws[0]["text"], f"{len(laws)} of {len(group)}",
                        f"{max(law['within'] for law in laws):.0e}")
                       for laws in found.values())))


def on_invariants_over_seeds(learned):
    """How much of f the known invariants explain, over the seeds that learned."""
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
    for name in dict.fromkeys(result.system for result in results):
        yield from agreement([result for result in results if result.system == name])
    yield Table((("system", "seed", "found", "named", "laws", "worst λ", "last network"),
                 *((result.system, result.seed, result.count, result.named,
                    Formula("; ".join(law["text"] for law in independent(result))),
                    f"{max((law['within'] for law in independent(result)), default=0):.0e}",
                    result.steps[-1]["word"] if result.steps else "-")
                   for result in results)))
