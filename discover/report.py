"""What `python -m discover` says of a result: laws with their evidence, then what networks add."""

from support.page import Code, Details, Formula, Heading, Picture, Table, Text


def report(result, system, captions):
    """The parts of the report on one Result.

    captions: {file name of a picture: caption}; pictures stand right below the laws.
    """
    # An approximate law is the finding only where nothing else is conserved.
    shown = [law for law in result.laws if law.verdict == "exact" or not result.count]
    pictures = [*map(Picture, captions, captions.values())]
    return [Heading(f"{system.title}: what is conserved, seed {result.seed}"),
            *([Formula("\n".join(law.text for law in shown), large=True)] if shown else ()),
            Text(result.verdict, strong=True),
            *pictures,
            *list_laws(result.laws),
            *list_networks(result.steps),
            *([Details("For programs", [*list_code(result.laws)])] if result.laws else ()),
            *([Details("What was read", [*map(Text, result.notes)])] if result.notes else ())]


def list_laws(laws):
    """The laws with their evidence."""
    if not laws:
        return
    rows = [("", "law", "verdict", "evidence", "λ", "relative error of coefficients")]
    for number, law in enumerate(laws, 1):
        error = max((abs(error / law.terms[name]) for name, error in law.errors.items()
                     if law.terms.get(name)), default=0.0)
        rows.append((number, Formula(law.text), law.verdict, law.evidence, f"{law.within:.0e}",
                     f"{error:.0e}" if error else "-"))
    yield Table(tuple(rows))
    yield Text("λ is the share of a law's variance that lies within classes that took no part in "
               "the fit: 0 for what is conserved, 1 for white noise.")


def list_networks(steps):
    """The networks that were asked whether more is left."""
    if not steps:
        return
    yield Details("What networks say beyond the laws", [
        Text("The pairs of a network agree in all laws found before it. It finds one more "
             "invariant if its f is conserved, and independent of these."),
        *(Text(f"Network {number}: {step.word}; {step.sentence}; training accuracy "
               f"{step.train_accuracy:.3f}, independence {step.independence:.2f}.")
          for number, step in enumerate(steps, 1))])


def list_code(laws):
    """The laws for programs."""
    for title, language in (("Python, with `from numpy import *`:", "python"),
                            ("SymPy, with `from sympy import *`:", "sympy"), ("LaTeX:", "latex")):
        yield Text(title)
        yield Code("\n".join(getattr(law, language) for law in laws))


def list_lines(laws):
    """The lines of laws on the screen."""
    for law in laws:
        yield f"Law: {law.text} ({law.evidence})"


def conclude(laws, steps, columns, fixed):
    """The finding in a sentence, and the counts: independent invariants, and those with a name.

    laws: LawRecords; steps: StepRecords; columns: of the data; fixed: invariants that are
    known, or have one value.
    """
    named = sum(law.verdict == "exact" for law in laws)
    count = named + sum(step.found for step in steps)
    if count:
        said = [f"{count} independent invariant{'s' * (count > 1)} found"
                + (" and named." if named == count else f", {named} of them named by a law.")]
    else:
        said = ["The law holds only approximately." if laws else
                f"No invariant was found{' beyond what is known' * bool(fixed)}."]
    if count + len(fixed) >= columns - 1:
        said.append(f"Complete: {columns} columns allow at most {columns - 1} independent "
                    f"invariant{'s' * (columns > 2)}"
                    + (f", {len(fixed)} of them known." if fixed else "."))
    elif steps and not steps[-1].found:
        last = steps[-1]
        said.append("A network finds nothing more in pairs that agree in all of these."
                    if last.word == "nothing" and count else
                    f"A network says: {last.word}, {last.sentence.partition('; ')[0]}.")
    return " ".join(said), count, named
