"""What goes beyond the paper's tables, as a result keeps it: laws, verdicts, the count."""

from dataclasses import asdict, replace
from functools import partial
from textwrap import shorten

import numpy as np

from discover import comparison, datafiles, laws, search, verdict
from discover.eigenproblem import Sample
from discover.expressions import Expression
from discover.libraries import KINDS
from discover.owndata import OwnData
from support import runs
from support.checks import UserError
from support.files import write
from support.process import printable

MOST_PANELS = 6                         # of laws in one picture
FALLS = 0.5                             # of what varies within classes, along a line in each
EXPLAINED = 0.8                         # R^2 from which f is what approximate laws say
ENOUGH = 2000                           # pairs for laws that are exact to rounding


def laws_of(system, train, test, libraries):
    """The laws.Laws of the pairs, judged on test pairs; of a user's data, of all its observations.

    libraries: what laws may be made of, as laws.find has it, with KINDS among the features. What a
    user knows to have one value everywhere makes no laws.
    """
    own = isinstance(system, OwnData)
    if own:
        samples = system.draw, system.draw_test
        data = [(each.observations, each.classes) for each in samples]
    else:                                               # a pair is a class
        data = [(np.concatenate([pairs.x[:ENOUGH], pairs.x_prime[:ENOUGH]]),
                 np.tile(np.arange(len(pairs.x[:ENOUGH])) + first, 2))
                for pairs, first in ((train, 0), (test, ENOUGH))]
    (x, classes), (x_test, classes_test) = data
    given = [Expression(name, system.inputs) for name in system.fixed] if own else []
    texts = libraries.get("features", ())
    chosen = {**libraries, "features": [text for text in texts if text not in KINDS],
              "kinds": [text for text in texts if text in KINDS], "given": given}
    try:
        return laws.find(x, classes, x_test, classes_test, system.inputs, **chosen)
    except ValueError as error:                         # too few classes, say
        return laws.Laws(notes=[f"No law was looked for: {error}."])


def checked_libraries(system, libraries):
    """The options of laws.find, as they were given; UserError for an expression or a name that is
    none.

    Names of KINDS among the features say which kinds of libraries are tried.
    """
    columns = [name for option in ("angles", "positive") for name in libraries.get(option, ())]
    unknown = [name for name in columns if name not in system.inputs]
    if unknown:
        raise UserError(f"--angles and --positive name columns, {', '.join(system.inputs)}; "
                        f"got {unknown[0]!r}")
    typed = [text for text in libraries.get("features", ()) if text not in KINDS]
    x = system.pairs(1000, np.random.default_rng(0)).x
    try:
        for text in typed:
            Expression(text, system.inputs)(x)
    except ValueError as error:
        raise UserError(f"--features takes {', '.join(KINDS)} and expressions: {error}") from error
    return libraries


def in_figures(found):
    """Laws as a result keeps them."""
    return [{"expression": law.expression, "text": law.text, "within": law.within,
             "within_training": law.within_training, "verdict": law.verdict, "errors": law.errors,
             "terms": law.terms, "function_of": list(law.function_of), "library": law.library,
             "python": law.python, "latex": law.latex, "sympy": law.sympy} for law in found.laws]


def independent(found):
    """The laws that are no functions of others, and hold exactly."""
    return [law for law in found.laws if not law.function_of and law.verdict == "exact"]


def of_one(system, network, train, test, losses, libraries):
    """Of one network: the Verdict; and as a result has it, with laws, and f as a function of them.
    """
    found = laws_of(system, train, test, libraries)
    exact = independent(found)
    named = {law.text: lambda x, law=law: law(x)[0] for law in exact}
    judged = unless_it_falls(system, network, verdict.judge(network, train, test, losses))
    judged = unless_it_imitates(found, network, train, test, judged)
    f, f_test = network.f(train.x), network.f(test.x)
    notes = [*found.notes, *of_columns(system, test)]
    if exact and judged.word != "conserved":
        notes.append(f"The laws say more than this network, whose f is {judged.word}.")
    count = max(len(exact), int(judged.word == "conserved"))
    return judged, {"verdict": asdict(judged), "laws": in_figures(found), "notes": notes,
                    "count": count, "named": len(exact),
                    "on_laws": comparison.explained(named, train.x, f, test.x, f_test)}


def of_columns(system, pairs):
    """A sentence on how much each column of a user's data varies within classes of these Pairs."""
    if isinstance(system, OwnData):
        shares = zip(system.inputs, verdict.shares(pairs))
        listed = ", ".join(f"{name} {share:.2g}" for name, share in shares)
        yield f"Share of the variance within classes that took no part in the training: {listed}."


def of_all(system, train, test, learn, libraries, more=None):
    """Of a search for all invariants: laws, count, how many are named, and the steps.

    learn, more: as for search.search.
    """
    found = laws_of(system, train, test, libraries)
    for law in found.laws:
        print(f"Law: {law.text}, {law.verdict}; {law.within:.1e} of its variance within held-out "
              "classes", flush=True)
    known = [search.Known(lambda x, law=law: law(x)[0], lambda x, law=law: law(x)[1])
             for law in independent(found)]
    fixed = [_gradient(system, name, test.x) for name in system.fixed]
    steps, notes = [], [*found.notes, *of_columns(system, test)]
    most = len(system.inputs) - 1
    for step in search.search(train, test, learn, known, most, fixed, more):
        judged = unless_it_falls(system, step.network, step.verdict)
        judged = unless_it_imitates(found, step.network, train, test, judged)
        step = replace(step, verdict=judged, found=step.found and judged.word == "conserved")
        again = judged.word == "conserved" and step.independence < search.INDEPENDENT
        print(f"Network {len(steps) + 1}: {step.verdict.word}; {step.verdict.sentence}"
              + "; a function of what is known, and not counted" * again, flush=True)
        steps.append(step)
        if not step.found:
            break
    unnamed = sum(step.found for step in steps)
    if unnamed:
        notes.append("A network found what no library names: --features adds functions that a law "
                     "may hold.")
    return {"laws": in_figures(found), "named": len(known), "count": len(known) + unnamed,
            "notes": notes, "steps": [_step(step) for step in steps]}, steps


def unless_it_falls(system, network, judged):
    """The Verdict; of a user's data, "conserved" is not said of an f that falls along the classes.

    Where rows are in the order of time, so does what is lost by friction, however slowly.
    """
    if judged.word != "conserved" or not isinstance(system, OwnData):
        return judged
    data = Sample(system.draw_test.observations, system.draw_test.classes)
    data = data.part(np.repeat(data.sizes >= 5, data.sizes))    # of few rows a line explains much
    share = trend(data.within(network.f(data.x)), data.sizes) if len(data.x) else 0.0
    if share < FALLS:
        return judged
    return replace(judged, word="approximately conserved", sentence=f"{judged.sentence}, and "
                   f"{share:.0%} of that is a steady rise or fall along the rows of a class")


def unless_it_imitates(found, network, train, test, judged):
    """The Verdict; "conserved" is not said of an f that follows from laws of which some only nearly
    hold, and varies as much as these: its test R^2 as a cubic in all of them is above EXPLAINED.
    """
    laws = {law.text: lambda x, law=law: law(x)[0] for law in found.laws if not law.function_of}
    nearly = [law.within for law in found.laws if law.verdict != "exact" and not law.function_of]
    if judged.word != "conserved" or judged.within < min(nearly, default=np.inf):
        return judged
    scores = comparison.explained(laws, train.x, network.f(train.x), test.x, network.f(test.x))
    follows = max(score["r2_cubic"] for score in scores.values()) > EXPLAINED
    return replace(judged, word="approximately conserved") if follows else judged


def draw(system, networks, test, laws):
    """What draws the pictures beyond the paper, by file name.

    How F of the network "f" decides; f of a search's networks over laws; and for a user's data,
    laws and networks along a few classes.
    """
    from discover import pictures                         # here, since Matplotlib imports slowly
    texts = [shorten(law["text"], 60, placeholder=" ...") for law in laws[:MOST_PANELS]]
    values = {f"{text}  (λ {law['within']:.0e})": _value(law, system.inputs)
              for text, law in zip(texts, laws)}
    outputs = {name.removesuffix(".npz"): each.f for name, each in networks.items()}
    drawn = {}
    if "f" in networks:
        drawn["decision"] = partial(pictures.figure_decision, networks["f"], test)
        if values and (len(system.inputs) == 2 or system.inputs[:2] == ("t", "x")):
            drawn["levels"] = partial(pictures.figure_levels, networks["f"].f, values, test.x,
                                      system.inputs)
    elif values and outputs:
        drawn["over-laws"] = partial(pictures.figure_over, values, outputs, test.x)
    if isinstance(system, OwnData):
        columns = {name: lambda x, i=i: x[:, i] for i, name in enumerate(system.inputs[:2])}
        quantities, data = {**values, **outputs, **columns}, system.draw_test
        drawn["along"] = partial(pictures.figure_along, quantities, data.observations,
                                 data.classes)
    return drawn


def quantities(result, system):
    """What is conserved, {label: function of observations (n, d)}: laws, and what is known."""
    laws = {law["text"]: _value(law, system.inputs) for law in result.laws}
    return laws | {name: each for name, each in system.invariants.items()
                   if name not in system.fixed}


def _value(law, inputs):
    expression = Expression(law["expression"], inputs)
    return lambda x: expression(x)[0]


def applied(result, inputs, networks, x):
    """{name: values (n,)} of laws of a result and f of networks, {name: network}, at x (n, d).

    Raises ValueError where a law is not finite.
    """
    return {**{law["text"]: _value(law, inputs)(x) for law in result.laws},
            **{name: network.f(x) for name, network in networks.items()}}


def write_applied(plan, folder, table):
    """Write laws and f of a finished run for each row of a table, beside its report; a sentence.

    Raises UserError if the run or the table cannot be used.
    """
    result, inputs = runs.finished(folder, plan), plan.system.inputs
    try:
        x, lines, said = datafiles.read_columns(table, inputs)
        networks = {path.stem.replace("model", "f"): plan.network_class.load(path)
                    for path in sorted(folder.glob("*.npz")) if path.name in result.files}
        columns = {"line": lines, **applied(result, inputs, networks, x)}
    except OSError as error:
        raise UserError(f"cannot read --apply {table}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"cannot use --apply: {error}") from error
    path = folder / f"applied-{table.stem}.csv"
    write(path, lambda file: runs.write_history(file, columns))
    return printable("; ".join([f"{len(x)} rows, {', '.join(columns)}: {path}", *said]))


def write_movie(plan, folder, training, x):
    """Write movie.gif of a finished run: f over its first law, or a known invariant; a sentence.

    training: a train.Training before its first epoch; x: the observations (n, d) that are shown.
    """
    from discover import pictures
    conserved = quantities(runs.finished(folder, plan), plan.system)
    if not conserved:
        raise UserError("--movie shows f over a law or a --known invariant, and there is none")
    label, quantity = next(iter(conserved.items()))
    path = folder / "movie.gif"
    try:
        content = pictures.movie(training, label, quantity, x)
    except FloatingPointError as error:
        raise UserError(f"--movie goes through {pictures.EPOCHS} epochs, and {error}") from error
    write(path, lambda file: file.write(content), binary=True)
    return printable(f"The moving picture is {path}.")


def _step(step):
    return {**asdict(step.verdict), "independence": step.independence, "found": step.found}


def _gradient(system, name, x):
    steps = 1e-5 * x.std(axis=0)
    return lambda x: search.gradient(system.invariants[name], x, steps)


def trend(deviation, sizes):
    """The share of deviations (n,) from class means that a straight line in each class explains."""
    starts = np.cumsum(sizes) - sizes
    place = np.arange(len(deviation)) - np.repeat(starts + (sizes - 1) / 2, sizes)
    slopes = np.add.reduceat(deviation * place, starts)
    explained = slopes**2 / np.add.reduceat(place**2, starts)
    return float(explained.sum() / max(np.sum(deviation**2), 1e-300))
