"""One run, the experiment of section III: sample pairs, train, read the bottleneck off, write it all down.

A run's folder is complete when it holds result.json; until then it holds a checkpoint, from which the same
command goes on. Everything random follows from the run's seed, but for three choices that are the same for
all seeds: which groups of a data file are for testing, on which observations its columns are checked for a
relation, and the partners in a search (discovery.py).
"""

import csv
import json
import os
import platform
import shutil
import time
from dataclasses import asdict, dataclass

import numpy as np

import discovery
import physics
from files import load_arrays, save_arrays, sealed, sole_user, write
from jobs import Progress
from reading import common, libraries, read_off, read_step
from report import load_result, report, step_in_words
from siamese import SiameseNetwork
from training import Schedule, Training

SECONDS_BETWEEN_CHECKPOINTS = 20


class UserError(Exception):
    """Something that the user can mend; the command prints it as one sentence and returns 2."""


@dataclass(frozen=True)
class Plan:
    """What determines a run."""
    system: physics.System
    seed: int
    schedule_name: str
    schedule: Schedule
    hidden: tuple[int, ...]             # sizes of the hidden layers; the paper's text names none (AUDIT.md)
    activation: str
    train_pairs: int                    # of each label
    all_invariants: bool = False        # look for them one after another (discovery.py), not only for the first
    xp: object = np                     # NumPy, or CuPy to train on a GPU

    @property
    def layer_sizes(self):
        return (len(self.system.inputs), *self.hidden, 1)

    @property
    def settings(self):
        """All of it but the seed, as it is kept with the results."""
        return {**asdict(self.schedule), "layer_sizes": list(self.layer_sizes), "activation": self.activation,
                "train_pairs": self.train_pairs, "test_pairs": self.system.test_pairs,
                **({"all_invariants": True} if self.all_invariants else {}),
                **({"data": self.system.fingerprint, "inputs": list(self.system.inputs), "known": list(self.system.invariants),
                    "fixed": list(self.system.fixed)}
                   if self.system.fingerprint else {}),
                **({"features": list(self.system.features)} if self.system.features != self.own_features else {})}

    @property
    def own_features(self):
        """Those that the system has if nothing else is asked for."""
        return physics.SYSTEMS[self.system.name].features if self.system.name in physics.SYSTEMS else ()

    @property
    def identity(self):
        """What two runs have in common if they are the same run."""
        return {"system": self.system.name, "seed": self.seed, **self.settings}


def carry_out(plan, folder, fresh=False):
    """Carry out a run and write its folder, which exists.

    Started again after an interruption, it goes on where it was; a finished run is only shown. With
    `fresh` it starts over. UserError if the folder is in use, cannot be written, or holds a run of
    other settings.
    """
    try:
        with sole_user(folder):
            remains = [*folder.glob("*.part")]          # of a process that was killed while it wrote
            old = [folder / "result.json", *checkpoints(folder), *folder.glob("f_*.npz")]
            for path in [*remains, *old] if fresh else remains:
                path.unlink(missing_ok=True)
            if fresh:
                remove_steps(folder)
            if not show_finished(folder, plan):
                (run_discovery if plan.all_invariants else run)(plan, folder)
            for checkpoint in checkpoints(folder):
                checkpoint.unlink(missing_ok=True)
            remove_steps(folder)
    except BlockingIOError as error:
        raise UserError(f"{folder} is in use by another run; wait for its end or give another --out") from error


def run(plan, folder):
    """Sample, train, read off, compare, write."""
    began = time.perf_counter()
    head = heading(plan)
    data, initial, batches = seed_streams(plan.seed)
    train, test = sample_sets(plan.system, data, plan.train_pairs)
    check_features(plan.system, train[0], test[0])
    print(f"{plan.system.title}: {len(train[2]):,} training pairs, network {'-'.join(map(str, plan.layer_sizes))}, "
          f"schedule {plan.schedule_name}, seed {plan.seed}", flush=True)
    network = SiameseNetwork(plan.layer_sizes, initial, plan.activation, label=plan.system.name, centre=plan.system.centre,
                             scale=plan.system.scale, xp=plan.xp)
    training = Training(network, train, test, plan.schedule, batches)
    before = carry_on(training, folder, plan)

    result = {**head, "epochs": len(training.history["epoch"]), **read_off(plan.system, network, train, test)}
    keep(folder, result, before + time.perf_counter() - began, {"model.npz": network}, training.history,
         draw(plan.system, network, test, training.history, result["alignment"]))


def run_discovery(plan, folder):
    """The search for all invariants: one training after another, each with a checkpoint of its own.

    history.csv is that of all trainings, one below the other.
    """
    began, before, head, system = time.perf_counter(), 0.0, heading(plan), plan.system
    data, initial, batches = [stream.spawn(len(system.inputs) + 2) for stream in seed_streams(plan.seed)]
    history, networks, steps = {}, {}, []
    print(f"{system.title}: all invariants, {plan.train_pairs:,} equivalent training pairs, network "
          f"{'-'.join(map(str, plan.layer_sizes))}, schedule {plan.schedule_name}, seed {plan.seed}", flush=True)

    def learn(number, train, test):
        nonlocal before
        network = SiameseNetwork(plan.layer_sizes, initial[number], plan.activation, label=system.name, centre=system.centre,
                                 scale=system.scale, xp=plan.xp)
        training = Training(network, train, test, plan.schedule, batches[number])
        place = folder / f"step-{number + 1}"
        place.mkdir(exist_ok=True)
        before += carry_on(training, place, plan)
        for name, column in {"step": [number + 1] * len(training.history["epoch"]), **training.history}.items():
            history.setdefault(name, []).extend(column)
        return network

    # Twice as many to test on: that decides whether the search goes on.
    sets = [system.sampler(test)(n, np.random.default_rng(stream))
            for n, stream, test in zip((plan.train_pairs, 2 * system.test_pairs), data, (False, True))]
    check_features(system, sets[0][0], sets[1][0])
    for step in discovery.search(sets, learn, most=len(system.inputs) + 1, normals=system.normals):
        steps.append({"train_accuracy": float(step.train_accuracy), "test_accuracy": float(step.test_accuracy),
                      "independence": step.independence, "found": bool(discovery.is_invariant(step)),
                      **read_step(system, step.network, list(networks.values()), sets[0][0], sets[1][0])})
        networks[f"f_{len(steps)}.npz"] = step.network
        print(step_in_words(len(steps), steps[-1]), flush=True)
    count = sum(step["found"] for step in steps)
    result = {**head, "count": count, "steps": steps,
              "common": common(system, list(networks.values())[:count], sets[1][0])}
    keep(folder, result, before + time.perf_counter() - began, networks, history, {})


def check_features(system, *samples):
    """UserError, before the training, if a typed feature is not finite on samples (n, d)."""
    try:
        typed = libraries(system, 1).get("typed")
        for x in samples if typed else ():
            typed.values(x)
    except ValueError as error:
        raise UserError(f"cannot use --features: {error}") from error


def remove_steps(folder):
    """The checkpoints of the steps of a search."""
    for place in folder.glob("step-*"):
        shutil.rmtree(place)


def heading(plan):
    """What a result says of its run."""
    from importlib.metadata import version              # here, since --help does not need it and it takes long
    return {"system": plan.system.name, "seed": plan.seed, "schedule": plan.schedule_name, "settings": plan.settings,
            "notes": plan.system.notes,
            "versions": {"python": platform.python_version(),
                         **{package: version(package) for package in ("numpy", "scipy", "matplotlib")}}}


def keep(folder, result, seconds, networks, history, drawn):
    """Write a run's files, and say so."""
    text = report(result)
    try:
        for name, network in networks.items():
            network.save(folder / name)
        write(folder / "history.csv", lambda file: write_history(file, history))
        write(folder / "report.md", lambda file: file.write(text))
        for name, figure in drawn.items():
            write(folder / name, figure.savefig, binary=True)
        # Last, so that a folder with a result is complete. Report and figures follow from what is sealed.
        result = sealed({**result, "seconds": round(seconds, 1)}, folder, (*networks, "history.csv"))
        write(folder / "result.json", lambda file: json.dump(result, file, indent=1, ensure_ascii=False))
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}; make room there and start again") from error
    print(f"\n{text}\nWritten to {folder}: {', '.join(sorted([*drawn, *networks, 'history.csv', 'report.md', 'result.json']))}.")


def show_finished(folder, plan):
    """Show the report of this run if the folder holds it, finished, and return whether it does.

    UserError if it holds another, which this run would overwrite, or one that was damaged.
    """
    path = folder / "result.json"
    if not path.exists():
        return False
    try:
        kept = load_result(path)
        text = report(kept)
        other = other_settings({**kept["settings"], "system": kept["system"], "seed": kept["seed"]}, plan.identity)
    except ValueError as error:
        raise UserError(f"{error}; --fresh starts the run over, --model reads its network again") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is of another program or version ({error!r}); --fresh starts the run over") from error
    if other:
        raise UserError(f"{folder} holds a finished run of other settings ({other}); give another --out, or --fresh to replace it")
    print(f"{text}\n{folder} holds this run, finished; --fresh would start it over.")
    return True


def other_settings(kept, identity):
    """The names of the settings in which a kept run differs; one that is missing counts as None."""
    identity = json.loads(json.dumps(identity))
    return ", ".join(name for name in {**identity, **kept} if kept.get(name) != identity.get(name))


# ------------------------------------------------------------------------------------- checkpoints

def checkpoints(folder):
    """The files of a run's state, the newest and the one before."""
    return folder / "checkpoint.npz", folder / "checkpoint-before.npz"


def carry_on(training, folder, plan):
    """Train to the end from the folder's checkpoint, if there is one; return the seconds spent before.

    The state is saved at least every 20 seconds, at each plateau, at the end, and when
    the program is told to end.
    """
    if restore(training, folder, plan):
        print(f"Going on after epoch {len(training.history['epoch'])}.", flush=True)
    before = (training.history["seconds"] or [0.0])[-1]
    progress = Progress(training.schedule.epochs)
    state, saved, rate = None, time.monotonic(), training.optimizer.learning_rate
    try:
        while not training.finished:
            training.epoch()
            state = training.state()
            halved = training.optimizer.learning_rate < 0.99 * rate * training.schedule.decay
            rate = training.optimizer.learning_rate
            if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS or halved or training.finished:
                save_checkpoint(folder, plan, state)
                saved = time.monotonic()
            progress(training.history)
    except (SystemExit, KeyboardInterrupt, OSError):    # told to end, or nobody takes our lines any more,
        save_checkpoint(folder, plan, state)            # in the middle of an epoch: keep the last whole one
        raise
    except FloatingPointError as error:
        save_checkpoint(folder, plan, state)
        whole = len(training.history["epoch"])
        raise UserError(f"{error}" + (f"; {folder} keeps the state after epoch {whole}" if whole else "")) from error
    finally:
        progress.close()
    return before


def save_checkpoint(folder, plan, state):
    newest, before = checkpoints(folder)
    if state is None:                                   # not one epoch was done
        return
    try:
        if newest.exists():
            os.replace(newest, before)
        save_arrays(newest, {"identity": json.dumps(plan.identity), **state})
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}; make room there and start again") from error


def restore(training, folder, plan):
    """Bring the training to the newest complete state in the folder, and return whether there is one.

    UserError if it is of another run, or if there are only damaged ones.
    """
    newest, before = checkpoints(folder)
    found = [path for path in (newest, before) if path.exists()]
    for path in found:
        try:
            state = load_arrays(path, "a complete checkpoint")
            other = other_settings(json.loads(str(state["identity"])), plan.identity)
            if not other:
                training.restore(state)
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}; --fresh starts the run over") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if other:
            raise UserError(f"{folder} holds an unfinished run of other settings ({other}); give another --out, or --fresh to start over")
        if path != found[0]:
            print(f"{newest} is damaged; the one before is used.")
            os.replace(before, newest)                  # or the next save would put the damaged one in its place
        return True
    if found:
        raise UserError(f"{' and '.join(map(str, found))} cannot be read; --fresh starts the run over")
    return False


# -------------------------------------------------------------------------------- samples and figures

def seed_streams(seed):
    """Independent streams of random numbers for the data, the initial weights and the batches."""
    return np.random.SeedSequence(seed).spawn(3)


def sample_sets(system, stream, train_pairs):
    """Training and test set (x, x_prime, y), independent of each other, in single precision."""
    sizes = (train_pairs, system.test_pairs)
    return [tuple(array.astype(np.float32) for array in physics.labelled_pairs(system, n, np.random.default_rng(child), test))
            for n, child, test in zip(sizes, stream.spawn(2), (False, True))]


def draw(system, network, test, history, alignment):
    """The run's figures by file name: those of the paper, and the spectrum of the gradient alignment."""
    import figures                                  # here, since importing Matplotlib takes half a second
    drawn = {"figure_9.png": figures.figure_9(history)}
    if system.name in figures.OF_SYSTEM:
        number, figure = figures.OF_SYSTEM[system.name]
        x = test[0][test[2] == 0].astype(np.float64)
        drawn[f"figure_{number}.png"] = figure(x, network.bottleneck(x)[:, 0].astype(np.float64), system.invariants)
    if alignment:
        drawn["alignment.png"] = figures.figure_alignment(alignment["eigenvalues"])
    return drawn


def write_history(file, history):
    table = csv.writer(file, lineterminator="\n")
    table.writerow(history)
    table.writerows(zip(*history.values()))
