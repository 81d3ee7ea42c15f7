"""What is conserved? python -m discover FILE, or python -m discover --system cp

    read        a user's file, or the pairs of a system of the paper        data.py, physics.py
    laws        combinations of features that do not vary within a class    laws.py
    networks    asked whether anything is left beside the laws              network.py
    report      every law with its evidence, and pictures                   report.py
"""

import os
import sys

if __name__ == "__main__":              # before NumPy is imported: it counts its threads then
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from support import process
    process.prepare()

import csv
import time
from dataclasses import dataclass, fields
from functools import partial

import numpy as np

import physics
import train
from discover import data, laws, network, report, tables
from discover.eigenproblem import Sample
from discover.expressions import Expression
from discover.libraries import KINDS
from siamese import ACTIVATIONS, SCHEDULES, SiameseNetwork
from support import options, runs
from support.checkpoints import train_with_checkpoints
from support.checks import UserError
from support.device import array_module
from support.process import printable
from support.results import LawRecord, Result, versions

# Of a system of the paper, and of each label; own data have data.MAX_PAIRS.
MAX_NETWORK_PAIRS = 20_000
MAX_LAW_PAIRS = 2_000                   # the laws are exact


@dataclass(frozen=True)
class Config(train.Config):
    """What determines a run of discover."""
    features: tuple[str, ...] = ()      # KINDS, and expressions that laws may hold
    angles: tuple[str, ...] | None = None
    positive: tuple[str, ...] | None = None

    @property
    def identity(self):
        return {**super().identity, "features": list(self.features), "angles": self.angles,
                "positive": self.positive, **getattr(self.system, "identity", {})}

    @property
    def folder(self):
        """runs/cp-discover/seed-0; with a file's fingerprint, if another of its name was first."""
        name, own = self.system.name, self.identity.get("data")
        folder = self.out / f"{name}-discover" / f"seed-{self.seed}"
        if own and runs.read_identity(folder).get("data", own) != own:
            folder = self.out / f"{name}-{own[:8]}-discover" / f"seed-{self.seed}"
        return folder


def run(config):
    """Find laws, ask networks whether more is left, and write the report."""
    from discover import pictures       # slow to import; what can fail, fails before the training
    system, started = config.system, time.perf_counter()
    streams = [stream.spawn(2 * len(system.inputs)) for stream in physics.seed_streams(config.seed)]
    train_set, test_set = physics.sample_sets(system, streams[0][0], config.train_pairs)
    given = [Expression(name, system.inputs) for name in system.invariants
             if isinstance(system, data.OwnData)]
    found = find_laws(config, given, train_set, test_set)
    records = tuple(LawRecord(*(getattr(law, each.name) for each in fields(LawRecord)))
                    for law in found.laws)
    print(printable("\n".join(report.list_lines(records))), flush=True)

    history, seconds_before, steps, networks = {}, [], [], {}
    learn = partial(train_network, config, streams, history, seconds_before)
    moving = [each for each in given if each.name not in system.fixed]
    functions = [law.function for law in found.laws             # others imitate
                 if law.verdict == "exact" or len(law.terms) <= laws.MAX_TERMS]
    known = [network.Invariant(each.value, lambda x, each=each: each(x)[1])
             for each in moving + functions]
    fixed = [partial(network.gradient, system.invariants[name], steps=1e-5 * test_set.x.std(axis=0))
             for name in system.fixed]
    for step in network.search(train_set, test_set, learn, known, len(system.inputs) - 1, fixed):
        steps.append(step.verdict)
        networks[f"f_{len(steps)}.npz"] = step.network
        print(printable(f"Network {len(steps)}: {step.verdict.word}; {step.verdict.sentence}"),
              flush=True)
    verdict, count, named = report.conclude(records, steps, len(system.inputs),
                                            {*system.fixed, *(each.name for each in given)})
    result = Result(
        system=system.name, seed=config.seed, settings=config.identity, versions=versions(),
        notes=(*getattr(system, "notes", ()), *found.notes), laws=records, steps=tuple(steps),
        count=count, named=named, verdict=verdict,
        seconds=round(sum(seconds_before) + time.perf_counter() - started, 1))
    drawn = pictures.pictures_of_run(system, networks, test_set, found.laws)
    captions = {f"{name}.png": caption for name, (caption, _) in drawn.items()}
    runs.keep(config.folder, result, report.report(result, system, captions),
              verdict, networks, history, drawn, config.pdf)


def find_laws(config, given, train_set, test_set):
    """The laws.Laws of the pairs; of a user's data, of all observations. given: Expressions."""
    system, samples, degrees = config.system, [], ()
    if isinstance(system, data.OwnData):
        samples = system.draw, system.draw_test
        degrees = np.array(system.inputs)[np.array(system.units) == "deg"].tolist()
    else:
        for number, pairs in enumerate((train_set, test_set)):          # each pair is a class
            x = np.stack([pairs.x, pairs.x_prime], axis=1)[:MAX_LAW_PAIRS]
            classes = number * MAX_LAW_PAIRS + np.repeat(np.arange(len(x)), 2)
            samples.append(Sample(np.concatenate(x), classes))
    first, second = samples
    try:
        return laws.find(
            first.x, first.labels, second.x, second.labels, system.inputs, errors=first.errors,
            errors_test=second.errors, angles=config.angles, positive=config.positive,
            features=[text for text in config.features if text not in KINDS],
            kinds=[text for text in config.features if text in KINDS], given=given,
            degrees=degrees)
    except ValueError as error:         # such as --positive for a column that is not
        raise UserError(f"cannot look for laws: {error}") from error


def train_network(config, streams, history, seconds_before, number, train_set, test_set, batches):
    """The network of this number, trained, and its losses; the history takes all epochs."""
    system, (_, initial, orders) = config.system, streams
    kind = getattr(system, "network", SiameseNetwork)
    learner = kind(config.layer_sizes, initial[number], config.activation, label=system.name,
                   xp=array_module(config.device))
    training = train.Training(learner, train_set, test_set, config.schedule, orders[number],
                              batches)
    folder = config.folder / f"step-{number + 1}"
    folder.mkdir(exist_ok=True)
    seconds_before.append(train_with_checkpoints(training, folder, config.identity))
    for name, column in {"network": [number + 1] * len(training.history["epoch"]),
                         **training.history}.items():
        history.setdefault(name, []).extend(column)
    return learner, training.history["loss"]


# ------------------------------------------------------------------------------------- the command

def build_parser():
    """The options of the command."""
    parser = options.Parser("python -m discover", "Names the conserved quantities of data, "
                            "exactly, and asks networks whether more is left.")
    many = {"nargs": "+", "action": "extend", "default": []}
    add = parser.add_argument_group("data").add_argument
    add("file", nargs="?", type=options.path, metavar="FILE",
        help="own data: a table with a line of names and a column of groups, or an .npz")
    add("--system", choices=physics.SYSTEMS, help="a system of the paper instead")
    add("--group", **many, metavar="COLUMN", help="columns that tell what belongs together "
        f"(default: {', '.join(tables.GROUP_COLUMNS)})")
    add("--drop", **many, metavar="COLUMN", help="columns to leave out")
    add("--errors", **many, metavar="NAME=X",
        help="errors of readings, as theta=0.005, or omega=2%% of each reading")
    add("--known", **many, metavar="EXPRESSION", help="quantities known to be conserved")
    add("--check", action="store_true", help="say what is read from the file, and end")
    add("--apply", type=options.path, metavar="FILE",
        help="print the laws and f of the finished run for each row of a table, as CSV")
    add = parser.add_argument_group("what laws may be made of").add_argument
    add("--features", **many, metavar="EXPRESSION", help=f"{', '.join(KINDS)}, and others as "
        '"v_x^2 + v_y^2" (default: from simple to rich)')
    add("--angles", **many, metavar="COLUMN", help="angles in radians (default: detected)")
    add("--positive", **many, metavar="COLUMN", help="positive columns (default: detected)")
    options.add_training_options(parser, ACTIVATIONS)
    options.add_run_options(parser)
    return parser


OF_DATA = ("group", "drop", "errors", "known")          # options on how a file is read
PARSER = build_parser()


def main(arguments=None):
    """Run the command; return its exit status."""
    return options.exit_status("discover", lambda: dispatch(arguments))


def dispatch(arguments):
    """Do what the options ask for; return the exit status."""
    chosen = options.parse(PARSER, arguments)
    if chosen.report:
        return runs.print_page("-m discover", chosen.report, physics.SYSTEMS)
    if (chosen.file is None) == (chosen.system is None):
        raise UserError("give a FILE of own data, or a --system of the paper")
    about_file = [name for name in (*OF_DATA, "check", "apply") if getattr(chosen, name)]
    if chosen.system and about_file:
        raise UserError(f"--{about_file[0]} is for own data; give a FILE instead of --system")
    configs = [build_config(chosen, seed) for seed in chosen.seeds or [chosen.seed]]
    for sentence in getattr(configs[0].system, "notes", ()):
        options.note("discover", f"{chosen.file}: {sentence}")
    if chosen.apply and (chosen.check or chosen.fresh or len(configs) > 1):
        raise UserError("--apply reads one run; give it without --check, --fresh and --seeds")
    if chosen.check:
        return 0
    if chosen.apply:
        return apply(configs[0], chosen.apply)
    return runs.run_configs("discover", run, configs, summarise, chosen, physics.SYSTEMS)


def build_config(chosen, seed):
    """The run that the options ask for, of one seed."""
    how = {name: getattr(chosen, name) for name in OF_DATA}
    system = physics.SYSTEMS.get(chosen.system) or data.load_system(chosen.file, seed=seed, **how)
    most = MAX_NETWORK_PAIRS if chosen.system else data.MAX_PAIRS
    return Config(
        system, seed, "quick", options.adapt(SCHEDULES["quick"], chosen),
        tuple(chosen.hidden or train.HIDDEN["quick"]), chosen.activation,
        chosen.pairs or min(system.train_pairs, most), "", chosen.device, chosen.out, chosen.pdf,
        tuple(chosen.features), tuple(chosen.angles) or None, tuple(chosen.positive) or None)


def summarise(result, _):
    """The lines that the screen shows of a finished run."""
    return "\n".join([*report.list_lines(result.laws), result.verdict])


def apply(config, path):
    """Print the laws and f of a finished run for each row of a table, as CSV; else UserError."""
    result, system, folder = runs.load_finished(config), config.system, config.folder
    if result is None:
        raise UserError(f"{folder} holds no finished run; start it without --apply first")
    try:
        x, lines = tables.read_columns(path, system.inputs, system.units)
        columns = {"line": lines}
        for number, law in enumerate(result.laws, 1):
            value = Expression(law.expression, system.inputs).value
            columns[f"law {number}: {law.text}"] = value(x)
        for name in [name for name in result.files if name.startswith("f_")]:
            columns[f"network {name[2:-4]}: f"] = data.ScaledNetwork.load(folder / name).f(x)
        for name, values in columns.items():
            tables.require(np.isfinite(values).all(), f"{name} is not finite on all rows of {path}")
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"cannot use --apply: {error}") from error
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerows([columns, *zip(*columns.values())])
    return 0


if __name__ == "__main__":
    sys.exit(main())
