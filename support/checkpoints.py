"""The state of a training in its folder: saved while it runs, so that it goes on where it was."""

import json
import os
import time

import numpy as np

from support.checks import UserError, to_numpy
from support.files import load_arrays, save_arrays
from support.jobs import Progress
from support.process import orphaned

SECONDS_BETWEEN = 20
DAMAGES = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)
NAMES = ("checkpoint.npz", "checkpoint-before.npz")     # the newest state, and the one before it


def carry_on(training, folder, identity, versions):
    """Train to the end, from the folder's checkpoint if it has one; return the seconds before it.

    training: the train.Training to go on with.
    identity: what two runs have in common if they are the same run, as JSON keeps it.
    versions: of what the bits of a result depend on besides; where they differ, that is said.
    The state is saved at least every SECONDS_BETWEEN seconds, at each plateau, at the end, and when
    the program is told to end. Raises UserError if the state is of another run, cannot be read or
    written, or the loss is no longer finite.
    """
    if restore(training, folder, identity, versions):
        print(f"Going on after epoch {len(training.history['epoch'])}.", flush=True)
    before = (training.history["seconds"] or [0.0])[-1]
    progress = Progress(training.schedule.epochs)
    state, saved, rate = None, time.monotonic(), training.optimizer.learning_rate
    try:
        while not training.finished:
            if orphaned():
                raise SystemExit(1)
            training.epoch()
            state = state_of(training)
            halved = training.optimizer.learning_rate < 0.99 * rate * training.schedule.decay
            rate = training.optimizer.learning_rate
            due = time.monotonic() - saved > SECONDS_BETWEEN
            if due or halved or training.finished:
                save(folder, identity, versions, state)
                saved = time.monotonic()
            progress(training.history)
    except (SystemExit, KeyboardInterrupt, OSError):
        # Told to end within an epoch, or nobody takes our lines: keep the last whole epoch.
        save(folder, identity, versions, state)
        raise
    except FloatingPointError as error:
        save(folder, identity, versions, state)
        whole = len(training.history["epoch"])
        kept = f"; {folder} keeps the state after epoch {whole}" if whole else ""
        raise UserError(f"{error}{kept}") from error
    finally:
        progress.close()
    return before


def save(folder, identity, versions, state):
    """Write the state as the newest checkpoint, and keep the one before."""
    newest, before = (folder / name for name in NAMES)
    if state is None:                                   # not one epoch was done
        return
    try:
        if newest.exists():
            os.replace(newest, before)
        save_arrays(newest, {"identity": json.dumps(identity),
                             "versions": json.dumps(versions), **state})
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}; "
                        "make room there and start again") from error


def restore(training, folder, identity, versions):
    """Bring the training to the newest complete state in the folder; return whether there is one.

    Raises UserError if it is of another run, or if there are only damaged ones.
    """
    newest, before = (folder / name for name in NAMES)
    found = [path for path in (newest, before) if path.exists()]
    for path in found:
        try:
            state = load_arrays(path, "a complete checkpoint")
            other = other_settings(json.loads(str(state["identity"])), identity)
            changed = other_settings(json.loads(str(state["versions"])), versions)
            if not other:
                set_state(training, state)
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}; "
                            "--fresh starts the run over") from error
        except DAMAGES:
            continue
        if other:
            raise UserError(f"{folder} holds an unfinished run of other settings ({other}); "
                            "give another --out, or --fresh to start over")
        if changed:
            print(f"The state was saved with other versions ({changed}): "
                  "the result can differ in the last digits, and by what training makes of these.")
        if path != found[0]:
            print(f"{newest} is damaged; the one before is used.")
            os.replace(before, newest)      # or the next save would put the damaged one there
        return True
    if found:
        names = " and ".join(map(str, found))
        raise UserError(f"{names} cannot be read; --fresh starts the run over")
    return False


def state_of(training):
    """All that the coming epochs depend on, as a dict of arrays; no later epoch changes them."""
    rest = {"learning_rate": training.optimizer.learning_rate, "reduce": vars(training.reduce),
            "stop": vars(training.stop), "generator": training.rng.bit_generator.state}
    arrays = {name: to_numpy(array.copy()) for name, array in arrays_of(training).items()}
    return {**arrays, "history": np.array(list(training.history.values()), dtype=float),
            "rest": np.array(json.dumps(rest))}


def set_state(training, state):
    """Bring a training with the same arguments to what `state_of` returned, to the same bits."""
    rest = json.loads(str(state["rest"]))
    for name, array in arrays_of(training).items():
        array[:] = training.network.xp.asarray(state[name])
    training.optimizer.learning_rate = rest["learning_rate"]
    vars(training.reduce).update(rest["reduce"])
    vars(training.stop).update(rest["stop"])
    training.rng.bit_generator.state = rest["generator"]
    for column, values in zip(training.history.values(), state["history"].tolist()):
        column[:] = values
    training.history["epoch"][:] = map(int, training.history["epoch"])


def arrays_of(training):
    """The arrays that a step changes."""
    network, optimizer = training.network, training.optimizer
    return {"parameters": network.parameters, "squared_gradients": optimizer.squared_gradients,
            "squared_updates": optimizer.squared_updates, "best": training.best}


def other_settings(kept, identity):
    """The names of the settings in which a kept run differs; one that is missing counts as None."""
    identity = json.loads(json.dumps(identity))
    return ", ".join(name for name in {**identity, **kept} if kept.get(name) != identity.get(name))
