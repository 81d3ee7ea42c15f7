"""The folder of a run: made, held by one process, shown if it is finished, filled at the end.

A folder is complete when it holds result.json; until then it holds a checkpoint, from which the
same command goes on. Only files that a run makes, under their exact names, are ever removed.
"""

import csv
import io
import os
from contextlib import contextmanager, suppress
from itertools import takewhile

from support import checkpoints
from support.checks import UserError
from support.files import (IN_USE, OWN_FOLDER, PART, RESULT, STATE, sole_user, writable_folder,
                           write)
from support.page import Heading, Picture, as_html, markdown
from support.process import printable
from support.results import load_result, save_result

ASIDE = "new-result"                    # the folder of a result until it is whole


def carry_out(run, plan, folder, show, fresh=False):
    """Let run(plan, folder) carry out a run in its folder, and clean up.

    Started again after an interruption, it goes on where it was; a finished run is only shown, by
    show(result). With `fresh` it starts over, and replaces the old result when the new one is
    complete. Raises UserError if the folder is in use, cannot be written, or holds a run of other
    settings.
    """
    if fresh or not shown(folder, plan, show):          # also from a folder that is only to be read
        writable_folder(folder)
        try:
            with sole_user(folder):
                remove([*remains(folder), *(states(folder) if fresh else ())])
                if fresh or not shown(folder, plan, show):      # finished by another, meanwhile
                    run(plan, folder)
        except BlockingIOError as error:
            raise UserError(f"{folder} is in use by another run; wait for its end "
                            "or give another --out") from error
    with suppress(OSError):                             # also after one that was killed at its end
        clean(folder)


def clean(folder):
    """Remove what a run needed before it was finished; OSError if another process is at work."""
    if [*remains(folder), *states(folder), *steps(folder), *named(IN_USE, folder)]:
        with sole_user(folder):
            remove([*remains(folder), *states(folder)])
            for place in steps(folder):
                if not any(place.iterdir()):
                    place.rmdir()


def steps(folder):
    """The folders of a search's steps, with checkpoints, and of a result that is not whole."""
    places = named(OWN_FOLDER, folder)
    return [place for place in places if place.is_dir() and not place.is_symlink()]


def step_folder(folder, number):
    """The folder of the checkpoint of a training that is one of several."""
    place = folder / f"step-{number}"
    place.mkdir(exist_ok=True)
    if place.is_symlink():
        raise UserError(f"{place} is a link; remove it")
    return place


def states(folder):
    """The checkpoints of a run and of the steps of a search."""
    return named(STATE, folder, *steps(folder))


def remains(folder):
    """What a process that was killed while it wrote has left: temporary names, half a result."""
    aside = [place for place in steps(folder) if place.name == ASIDE]
    return named(PART, folder, *steps(folder)) + named(RESULT, *aside)


def named(pattern, *folders):
    return [path for folder in folders for path in folder.iterdir() if pattern.fullmatch(path.name)]


@contextmanager
def together(folder):
    """A folder aside, whose files move into the run's folder when all of them are complete.

    Until then an old result stays. It is removed first, and the new result.json comes last, so that
    none is ever beside files of the other; a checkpoint stands for what is lost by a kill between.
    """
    aside, last = folder / ASIDE, "result.json"
    aside.mkdir(exist_ok=True)
    try:
        yield aside
        remove(sorted(named(RESULT, folder), key=lambda path: path.name != last))
        for path in sorted(named(RESULT, aside), key=lambda path: path.name == last):
            os.replace(path, folder / path.name)
    finally:
        remove(remains(folder))
        with suppress(OSError):                         # a file of the user's is in it
            aside.rmdir()


def remove(paths):
    for path in paths:
        path.unlink(missing_ok=True)


def finished(folder, plan):
    """The Result of this run that the folder holds.

    Raises UserError if it is not finished, damaged, or of other settings.
    """
    path = folder / "result.json"
    if not path.exists():
        raise UserError(f"{folder} holds no finished run; start it without --apply first")
    return _checked(path, plan)


def shown(folder, plan, show):
    """Show this run if the folder holds it, finished, and return whether it does.

    Raises UserError if the folder holds another run, which this one would overwrite, or a damaged
    one.
    """
    path = folder / "result.json"
    if not os.path.exists(path):        # nor if it cannot be asked: then the folder is refused
        return False
    print(printable(f"{show(_checked(path, plan))}\n"
                    f"{folder} holds this run, finished; --fresh would start it over."))
    return True


def _checked(path, plan):
    """The Result at this path; UserError if it is damaged or of another run."""
    try:
        kept = load_result(path)
    except ValueError as error:
        raise UserError(f"{error}; --fresh starts the run over, "
                        "--model reads its network again") from error
    identity = {**kept.settings, "system": kept.system, "seed": kept.seed}
    other = checkpoints.other_settings(identity, plan.identity)
    if other:
        raise UserError(f"{path.parent} holds a finished run of other settings ({other}); "
                        "give another --out, or --fresh to replace it")
    return kept


def keep(folder, result, parts, brief, networks, history, figures):
    """Write the files of a finished run, and print what is `brief`.

    parts: of the report; networks: by file name; figures: {file name: what writes one};
    history: {column: values}.

    Raises UserError if they cannot be written.
    """
    try:
        with together(folder) as aside:
            for name, network in networks.items():
                network.save(aside / name)
            if history:                                 # not of a search that asked no network
                write(aside / "history.csv", lambda file: write_history(file, history))
            write_page(aside, parts, figures)
            # The report and the figures follow from what is sealed.
            save_result(result, aside, (*networks, *["history.csv"] * bool(history)))
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}; "
                        "make room there and start again") from error
    print(printable(f"\n{brief}\nThe report is {folder / 'report.html'}."))


def keep_page(folder, parts, figures):
    """Write the page on many runs, with its figures, and print its first part."""
    write_page(folder, parts, figures)
    first = takewhile(lambda part: not isinstance(part, Heading) or part.level == 1, parts)
    print(printable(f"\n{markdown(first)}\nThe page is {folder / 'report.html'}."))


def write_page(folder, parts, figures):
    """Write figures, {file name: what writes one}, and the page as report.md and report.html."""
    pictures = {}
    for name, draw in figures.items():
        content = io.BytesIO()
        try:
            draw(content)
        except Exception as error:      # almost any of Matplotlib's; no picture costs a result
            print(printable(f"{name} could not be drawn ({type(error).__name__}: {error})"))
            continue
        pictures[name] = content.getvalue()
        write(folder / name, lambda file, name=name: file.write(pictures[name]), binary=True)
    parts = [part for part in parts if not isinstance(part, Picture) or part.name in pictures]
    write(folder / "report.md", lambda file: file.write(markdown(parts)))
    write(folder / "report.html", lambda file: file.write(as_html(parts, pictures)))


def write_history(file, history):
    table = csv.writer(file, lineterminator="\n")
    table.writerow(history)
    table.writerows(zip(*history.values()))
