"""The state of a training in its folder: saved while it runs, so that it goes on where it was."""

import json
import time
from contextlib import closing

import numpy as np

from support.checks import UserError, to_numpy
from support.files import load_arrays, write
from support.jobs import Progress
from support.results import versions

SECONDS_BETWEEN = 20
NAME = "checkpoint.npz"


def train_with_checkpoints(training, folder, identity):
    """Train to the end, from the folder's checkpoint if it has one; return the seconds before it.

    training: a train.Training; identity: the settings that two equal runs share, as JSON has them.
    The state is saved every SECONDS_BETWEEN seconds, and however this ends.
    """
    if restore(training, folder, identity):
        print(f"Going on after epoch {len(training.history['epoch'])}.", flush=True)
    seconds_before = (training.history["seconds"] or [0.0])[-1]
    state, saved = None, time.monotonic()
    with closing(Progress(training.schedule.epochs)) as progress:
        try:
            while not training.finished:
                training.epoch()
                state = copy_state(training)            # whole, where the next epoch is broken off
                if time.monotonic() - saved > SECONDS_BETWEEN:
                    save(folder, identity, state)
                    state, saved = None, time.monotonic()
                progress(training.history)
        except FloatingPointError as error:
            whole = len(training.history["epoch"])
            kept = f"; {folder} keeps the state after epoch {whole}" if whole else ""
            raise UserError(f"{error}{kept}") from error
        finally:
            if state:
                save(folder, identity, state)
    return seconds_before


def save(folder, identity, state):
    """Write the state; UserError if it cannot be written."""
    try:
        write(folder / NAME, {"identity": json.dumps(identity),
                              "versions": json.dumps(versions()), **state})
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}; "
                        "make room there and start again") from error


def restore(training, folder, identity):
    """Bring the training to the state in the folder; return whether there is one of this run."""
    path = folder / NAME
    try:
        state = load_arrays(path, "a complete checkpoint")
        refuse_other_settings(folder, json.loads(str(state["identity"])), identity,
                              "an unfinished run", "start over")
        changed = other_settings(json.loads(str(state["versions"])), versions())
        set_state(training, state)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; --fresh starts over") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is damaged; --fresh starts the run over") from error
    if changed:
        print(f"The state was saved with other versions ({changed}): the result can differ in the "
              "last digits, and by what training makes of these.")
    return True


def copy_state(training):
    """All that the coming epochs depend on, as a dict of arrays; no later epoch changes them."""
    rest = {"learning_rate": training.optimizer.learning_rate, "reduce": vars(training.reduce),
            "stop": vars(training.stop), "generator": training.rng.bit_generator.state}
    arrays = {name: to_numpy(array.copy()) for name, array in arrays_of(training).items()}
    return {**arrays, "history": np.array(list(training.history.values()), dtype=float),
            "rest": np.array(json.dumps(rest))}


def set_state(training, state):
    """Bring a training with the same arguments to the state of `copy_state`, to the same bits."""
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
    """Names of the settings in which a kept run differs; a missing one counts as None."""
    identity = json.loads(json.dumps(identity))
    return ", ".join(name for name in {**identity, **kept} if kept.get(name) != identity.get(name))


def refuse_other_settings(folder, kept, identity, what, fresh):
    """Raise UserError that advises --fresh if others were kept, unless these are of other data."""
    differing = other_settings(kept, identity)
    if differing:
        advice = "" if "data" in differing.split(", ") else f", or --fresh to {fresh}"
        raise UserError(f"{folder} holds {what} of other settings ({differing}); "
                        f"give another --out{advice}")
