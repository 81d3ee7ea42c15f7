"""What a command does with its runs: one in its folder, or many as processes and a page on them."""

from functools import partial

from support import jobs, report, runs
from support.checks import UserError
from support.files import prepare_folder
from support.options import abbreviate, exit_status
from support.page import markdown
from support.process import printable
from support.results import load_results


def run_configs(command, run, configs, summarise, options, systems):
    """Carry out the runs of configs; return 1 if one of several failed, else 0.

    run(config): writes the files of a run into config.folder.
    summarise(result, system): the lines that the screen shows of a finished run.
    systems: {name: physics.System}, for the page on many.
    """
    start = partial(runs.run_in_folder, run, summarise=summarise, fresh=options.fresh)
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
        runs.keep_page(folder, page(finished, systems))
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
