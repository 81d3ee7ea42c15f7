"""Results beside the paper: the report of one run, and the page of many (train.py --report)."""

from itertools import groupby
from operator import attrgetter
from statistics import mean, stdev

from support.page import Details, Formula, Heading, Picture, Table, Text

CLOSE = 0.005               # difference from the paper, in accuracy or R², that is agreement
ON_INVARIANTS = (
    "How much of f the known invariants explain. Near 1 at order 1: f is this invariant, or a "
    "mixture of the invariants in the row, up to scale and offset. Near 1 at order 3 only: f is a "
    "curved function of them. Below 0: worse than a constant. The correlation with f² depends on "
    "the offset of f, which eq. (1) leaves free.")


# ----------------------------------------------------------------------------------------- one run

def report(result, system, captions):
    """The parts of the report on one Result of a physics.System, beside the paper's numbers.

    captions: {file name of a picture: caption}; the first picture stands right below the formula.
    """
    published, finding = system.published, [Text(no_formula(result), strong=True)]
    if result.formula:
        finding = [Formula(result.formula, large=True),
                   Text(f"R² {result.score:.4f} on the test set, regression of order "
                        f"{result.optimal_order}.")]
    pictures = [*map(Picture, captions, captions.values())]
    table = f" (Table {published.table})" if published.r2 else ""
    return [Heading(f"{title_of(result, system)}: seed {result.seed}, schedule {result.schedule}"),
            *finding,
            *pictures[:1],
            Table([("", "training", "test", "paper: training", "test"),
                   ("accuracy", cell(result.train_accuracy, 3), cell(result.test_accuracy, 3),
                    *(cell(accuracy, 2) for accuracy in published.accuracy or (None, None))),
                   *((f"R² of order {order}{table}",
                      *map(cell, (*scores, *published.r2.get(int(order), (None, None)))))
                     for order, scores in result.r2.items()),
                   ("optimal order", result.optimal_order or "none", "",
                    "2" if published.formula else "-")]),
            *map(Text, result.notes),
            Details("The equation of f", [*equations(result, published)]),
            Details("Correlations with known invariants", [*correlations(result)]),
            Details("Training", [Text(result.training), *best_cycle(result)]),
            Details("More pictures", pictures[1:]),
            Text(what_next(result))]


def summarise(result, system):
    """The lines on a result that the screen shows."""
    paper = [f" (paper {accuracy:.2f})" for accuracy in system.published.accuracy or ()] or ["", ""]
    formula = f"{result.formula}, R² {result.score:.4f}" if result.formula else no_formula(result)
    return (f"Accuracy {result.train_accuracy:.3f}{paper[0]} on the training set, "
            f"{result.test_accuracy:.3f}{paper[1]} on the test set.\n{formula}")


def title_of(result, system):
    """The title of the system, with the sampling where it is not the usual one."""
    sampling = result.settings.get("sampling")
    return system.title + (f", sampling {sampling}" if sampling else "")


def what_next(result):
    """The command that goes on from here."""
    what = "names the laws exactly" if result.above_chance else "looks for exact laws"
    return f"python -m discover --system {result.system} {what}."


def no_formula(result):
    """Why a run has no formula, in a sentence."""
    if not result.above_chance:
        return (f"No invariant was found: the network learned too little, its test accuracy is "
                f"{result.test_accuracy:.3f}, and its f is not interpreted.")
    orders = ", ".join(f"{scores[1]:.3f}" for scores in result.r2.values())
    return (f"No polynomial of few terms describes f: R² of orders {', '.join(result.r2)} on the "
            f"test set is {orders}.")


def cell(number, digits=4):
    """A number in a table; None is one that is not known."""
    return "-" if number is None else f"{number:.{digits}f}"


def equations(result, published):
    """Both lines of the equation of f, ours and the paper's, and how far ours can be trusted."""
    number = f"Eq. ({published.equation})" if published.equation else (
        f"Regression of order {result.optimal_order or 2}; the paper has no equation here")
    yield Text(f"{number}, seed {result.seed}:")
    yield Formula("\n".join(filter(None, (f"f ≈ {result.polynomial}", result.formula))))
    if published.equation:
        yield Text(f"{number}, paper:")
        yield Formula(f"f ≈ {published.polynomial}\nf ≈ {published.formula}")
    if result.formula_spread:
        yield Text(f"Coefficients under a common factor agree within {result.formula_spread:.1%}.")
    if result.largest_dropped and result.largest_dropped[0]:
        name, share = result.largest_dropped
        yield Text(f"The largest term left out, {name.replace('*', ' ')}, is {abs(share):.1%} of "
                   "the first factor.")
    orders = {order: terms for order, terms in result.dominant.items() if any(terms.values())}
    if len(orders) > 1:
        names = list(orders[max(orders)])
        yield Text("The formula's terms in the polynomials of all orders:")
        yield Table((("order", *map(Formula, names)),
                     *((order, *(f"{terms[name]:.4g}" if name in terms else "-" for name in names))
                       for order, terms in orders.items())))


def correlations(result):
    """f beside the known invariants."""
    yield Table((("invariant", "Pearson correlation with f", "Spearman"),
                 *((Formula(name), cell(value), cell(result.rank_correlations.get(name)))
                   for name, value in result.correlations.items())))
    if result.on_invariants:
        yield Text(ON_INVARIANTS)
        heads = "R² of order 1, test", "of order 3, test", "correlation with f²"
        yield Table((("invariant", *heads), *((Formula(name), *map(cell, vars(score).values()))
                                              for name, score in result.on_invariants.items())))


def best_cycle(result):
    """The state of lowest training loss, which the paper calls the best training cycle."""
    if best := result.best:
        scores = ", ".join(cell(scores[1]) for scores in best.r2.values())
        formula = f"; {best.formula}" if best.formula else ""
        yield Text(f"The best training cycle, epoch {result.best_epoch} of {result.epochs}: "
                   f"accuracy {cell(best.train_accuracy, 3)} on the training set, "
                   f"{cell(best.test_accuracy, 3)} on the test set; R² of orders "
                   f"{', '.join(best.r2)} on the test set {scores}{formula}.")


# --------------------------------------------------------------------------------------- many runs

def summary(results, systems):
    """The parts of one page on results by system, all of the paper's systems or all of discover.

    systems: {name: physics.System}.
    """
    if results[0].laws is not None:
        return [*summary_of_laws(results)]
    rows, sections = [], []
    for name, group in groupby(results, attrgetter("system")):
        group, system, published = [*group], systems[name], systems[name].published
        counted = [each for each in group if each.above_chance] or group
        few = f"{len(counted)} of " if len(counted) < len(group) else ""
        rows.append((name, f"{few}{len(group)}", cell(mean(r.test_accuracy for r in counted), 3),
                     cell(published.accuracy[1] if published.accuracy else None, 2),
                     cell(mean(r.r2["2"][1] for r in counted)),
                     cell(published.r2[2][1] if published.r2 else None), formula_of(counted[0])))
        sections += [Heading(f"{title_of(group[0], system)} ({name})", level=2),
                     *section(group, counted, published)]
    return [
        Heading(f"The paper and this code, schedule {results[0].schedule}"),
        Text("Our values are means over the seeds, with standard deviation and lowest value where "
             "there are several. Seeds that learned nothing, where others did, count for the "
             "lowest value alone. \"Agrees\": the mean of two seeds or more is within "
             f"{CLOSE} of the paper. \"Within the spread\": within a standard deviation of it."),
        Table((("experiment", "seeds counted", "test accuracy", "paper", "R² of order 2", "paper",
                "f (first seed that learned)"), *rows)),
        *sections]


def formula_of(result):
    """The cell of its formula."""
    return (result.formula or "-") if result.above_chance else "no invariant"


def section(group, counted, published):
    """All numbers of one experiment, ours and the paper's, and both lines of its equation.

    counted: the results of the group that learned something, or all of them if none did.
    """
    yield Text(f"Seeds {', '.join(str(result.seed) for result in group)}.")
    yield Table((("", "paper", "ours", "std", "lowest", ""),
                 *compare_seeds(group, counted, published)))
    yield Text(f"Optimal order: {count_values(r.optimal_order or 'none' for r in group)}.")
    spreads = [each.formula_spread for each in counted if each.formula_spread is not None]
    if spreads:
        yield Text(f"Coefficients under a common factor agree within {max(spreads):.1%} in the "
                   f"{len(spreads)} of {len(counted)} runs that have such a formula.")
    if failed := sum(not result.above_chance for result in group):
        yield Text(f"In {failed} of {len(group)} runs the network tells equivalent pairs from "
                   "others hardly better than chance.")
    yield from equations(counted[0], published)
    if counted[0].above_chance and counted[0].on_invariants:
        yield from correlations_over_seeds(counted)
    yield Text("Every seed:")
    yield Table((("seed", "accuracy, test", "R² of order 2, test", "f"),
                 *((result.seed, cell(result.test_accuracy), cell(result.r2["2"][1]),
                    formula_of(result)) for result in group)))


def compare_seeds(group, counted, published):
    """Rows: the paper's number, ours over the runs that count, the lowest of all, a verdict."""
    theirs = numbers(published.accuracy, published.r2)
    ours = [numbers((each.train_accuracy, each.test_accuracy), each.r2) for each in group]
    for name in ours[0]:
        values = [each[name] for each, result in zip(ours, group) if result in counted]
        word = ""
        if name in theirs and len(values) > 1:          # one seed says too little
            difference = mean(values) - theirs[name]
            word = ("agrees" if abs(difference) <= CLOSE else
                    "within the spread" if abs(difference) <= stdev(values) else
                    "higher" if difference > 0 else "lower")
        yield (name, cell(theirs.get(name), 2 if name.startswith("accuracy") else 4),
               cell(mean(values)), cell(stdev(values) if len(values) > 1 else None),
               cell(min(each[name] for each in ours) if len(ours) > 1 else None), word)


def numbers(accuracy, r2):
    """{name: number} of the pairs (training, test) that a run gives or the paper publishes."""
    pairs = {"accuracy": accuracy, **{f"R² of order {order}": each for order, each in r2.items()}}
    return {f"{name}, {which}": number for name, pair in pairs.items()
            for which, number in zip(("training", "test"), pair or ())}


def count_values(values):
    """How often each value comes: "2 (all runs)", or "2 in 9 of 10, none in 1 of 10"."""
    values = [str(value) for value in values]
    if len(set(values)) == 1:
        return f"{values[0]} (all runs)"
    return ", ".join(f"{value} in {values.count(value)} of {len(values)}"
                     for value in sorted(set(values)))


def correlations_over_seeds(counted):
    """f beside the known invariants, over the seeds that learned."""
    yield Text(f"Over the seeds: {ON_INVARIANTS[0].lower()}{ON_INVARIANTS[1:]}")
    rows = []
    for name in counted[0].on_invariants:
        scores = [result.on_invariants[name] for result in counted]
        pearson = [abs(r.correlations[name]) for r in counted if name in r.correlations]
        rows.append((name, *(cell(statistic(getattr(score, key) for score in scores))
                             for key in ("r2", "r2_cubic") for statistic in (mean, min, max)),
                     span(pearson), span([score.correlation_of_square for score in scores])))
    yield Table((("invariant", "R² of order 1, test: mean", "lowest", "highest", "of order 3: mean",
                  "lowest", "highest", "|Pearson correlation| with f", "with f²"), *rows))


def span(values):
    """The lowest and the highest of some values."""
    return "-" if not values or None in values else f"{min(values):.2f} to {max(values):.2f}"


# ------------------------------------------------------------------------------- results with laws

def summary_of_laws(results):
    """The parts of the page on results of discover: the laws, and in how many seeds they came."""
    yield Heading("Laws that the data hold")
    for name, group in groupby(results, attrgetter("system")):
        group = [*group]
        laws, counts = {}, [result.count for result in group]
        for law in (law for result in group for law in result.laws):
            laws.setdefault((law.verdict, frozenset(law.terms)), []).append(law)
        yield Heading(f"{name}, seeds {', '.join(str(each.seed) for each in group)}", level=2)
        if len({*counts}) > 1:
            yield Text(f"Undecided, since the seeds disagree: {count_values(counts)}", strong=True)
        elif len(group) > 1:
            yield Text(f"All {len(group)} seeds count {counts[0]}.")
        yield Table((("law", "verdict", "seeds", "largest λ on held-out classes"),
                     *((Formula(each[0].text), each[0].verdict, f"{len(each)} of {len(group)}",
                        f"{max(law.within for law in each):.0e}") for each in laws.values())))
        yield Table((("seed", "count", "named", "finding"),
                     *map(attrgetter("seed", "count", "named", "verdict"), group)))
