"""The runs of a command: one in its folder, or many as processes and a page on them.

A folder is locked by one process. It is complete when it holds result.json; until then it holds a
checkpoint, from which the same command goes on. Only files that a run made are ever removed, by the
names in result.json.
"""

import io
import os
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path

from support import checkpoints, jobs, report
from support.checks import UserError
from support.files import IN_USE, PART, lock_folder, prepare_folder, write_all
from support.options import abbreviate, exit_status
from support.page import as_html, markdown
from support.process import printable
from support.results import as_json, load_result, load_results

RESULT = "result.json"
PAGE = ("report.md", "report.html")
SIGNS = (RESULT, IN_USE, checkpoints.NAME, "step-*")            # files that only a run makes


def run_configs(command, run, configs, summarise, options, systems):
    """Carry out the runs of configs; return 1 if one of several failed, else 0.

    run(config): writes the files of a run into config.folder.
    summarise(result, system): the lines that the screen shows of a finished run.
    systems: {name: physics.System}, for the page on many.
    """
    start = partial(run_in_folder, run, summarise=summarise, fresh=options.fresh)
    if len(configs) == 1:
        start(configs[0])
        return 0
    names = {config.folder.parent.name for config in configs}
    name = names.pop() if len(names) == 1 else "all"
    seeds = abbreviate(sorted({config.seed for config in configs}))
    folder = prepare_folder(configs[0].folder.parent.parent / f"{name}-seeds-{seeds}")
    labels = {f"{config.system.name} seed {config.seed}": config for config in configs}
    failed = jobs.run_all({label: (exit_status, command, partial(start, config))
                           for label, config in labels.items()}, options.jobs)
    finished = [config.folder for label, config in labels.items() if label not in failed]
    if finished:
        parts = page(finished, systems)
        write_all(folder, page_files(parts, {}))
        head = takewhile(lambda part: getattr(part, "level", 1) == 1, parts)
        print(printable(f"\n{markdown(head)}\nThe page is {folder / 'report.html'}."))
    if failed:
        print(f"{len(failed)} of {len(configs)} runs failed: {', '.join(map(printable, failed))}")
    return int(bool(failed))


def page(folders, systems):
    """The parts of the page on all finished runs in the folders."""
    try:
        return report.summary(load_results(folders, systems), systems)
    except ValueError as error:
        raise UserError(f"cannot report: {error}") from error


def print_page(command, folders, systems):
    """Print the page on all finished runs in the folders; return the exit status."""
    made_by = printable(f"Made by `python {command} --report {' '.join(map(str, folders))}`.")
    print(f"{made_by}\n\n{markdown(page(folders, systems))}", end="")
    return 0


# ------------------------------------------------------------------------------ the folder of a run

def run_in_folder(run, config, summarise, fresh=False):
    """Let run(config) carry out a run in config.folder, and clean up.

    A finished run is only shown, by its lines summarise(result, config.system), but for `fresh`,
    which replaces it when the new result is complete.
    """
    folder = config.folder
    kept = None if fresh else load_finished(config)
    if kept:                                            # also in a folder that is only to be read
        print(printable(f"{summarise(kept, config.system)}\n"
                        f"{folder} holds this run, finished; --fresh would start it over."))
        return
    prepare_folder(folder)
    held = sorted(folder.glob("[!.]*"))
    if held and not any(path for name in SIGNS for path in folder.glob(name)):
        raise UserError(f"{held[0]} is of no run that is known here, and might be overwritten; "
                        "move it, or give another --out")
    with lock_folder(folder):
        if fresh:
            remove_states(folder)
        run(config)
        remove_states(folder)


def remove_states(folder):
    """Remove checkpoints, and what a process that was killed while it wrote has left."""
    for place in (folder, *folder.glob("step-[0-9]*")):
        for path in (place / checkpoints.NAME, *place.glob("*" + PART)):
            path.unlink(missing_ok=True)
        if place != folder:
            with suppress(OSError):                     # a file of the user's is in it
                place.rmdir()


def load_finished(config):
    """The Result of this run in its folder, or None; UserError if damaged or of another run."""
    path = config.folder / RESULT
    if not os.path.exists(path):        # nor where it cannot be asked: the folder is then refused
        return None
    try:
        kept = load_result(path)
    except ValueError as error:
        raise UserError(f"{error}; --fresh starts the run over") from error
    checkpoints.refuse_other_settings(config.folder, kept.settings, config.identity,
                                      "a finished run", "replace it")
    return kept


def read_identity(folder):
    """The settings of the finished run in a folder; {} if there is none."""
    with suppress(ValueError):
        return load_result(folder / RESULT).settings
    return {}


def keep(folder, result, parts, summary, networks, history, pictures, pdf=False):
    """Write the files of a finished run, and print its summary.

    parts: of the report; networks: by file name; history: {column: values};
    pictures: {name: (caption, function that returns the figures.Picture)}.
    """
    drawn = draw(pictures, pdf)
    contents = {name: network.state_dict() for name, network in networks.items()}
    if history:                                         # not of a run that asked no network
        rows = [history, *zip(*history.values())]
        contents["history.csv"] = "".join(f"{','.join(map(str, row))}\n" for row in rows)
    contents |= page_files(parts, drawn)
    result = replace(result, files=tuple(contents))
    outdated = ()
    with suppress(ValueError):
        old = load_result(folder / RESULT).files
        outdated = [name for name in old if name not in contents and Path(name).name == name]
    try:
        write_all(folder, {**contents, RESULT: as_json(result)}, outdated)
    except OSError as error:
        raise UserError(f"cannot write to {error.filename or folder}: {error.strerror or error}; "
                        "make room there and start again") from error
    print(printable(f"\n{summary}\nThe report is {folder / 'report.html'}."))


def draw(pictures, pdf=False):
    """The contents of the pictures' files, {file name: bytes}; says which could not be drawn."""
    contents = {}
    for name, (_, make) in pictures.items():
        try:
            for kind in ["png"] + ["pdf"] * pdf:
                content = io.BytesIO()
                make().save(content, kind)
                contents[f"{name}.{kind}"] = content.getvalue()
        except Exception as error:      # almost any of Matplotlib's; no picture costs a result
            print(printable(f"{name} could not be drawn ({type(error).__name__}: {error})"))
    return contents


def page_files(parts, drawn):
    """The files of a page, {name: content}: its pictures, report.md and report.html."""
    return {**drawn, **dict(zip(PAGE, (markdown(parts), as_html(parts, drawn))))}
