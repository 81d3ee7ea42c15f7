"""One run, the experiment of section III: sample pairs, train, read the bottleneck off, write it all down.

A run's folder is complete when it holds result.json; until then it holds a checkpoint, from which the same
command goes on. Everything random follows from the run's seed.
"""

import csv
import json
import os
import platform
import re
import shutil
import time
from dataclasses import asdict, dataclass
from math import comb

import numpy as np

import discovery
import physics
import regression
from features import expressions, monomial_exponents, monomials, polynomial, rational
from files import load_arrays, save_arrays, sealed, sole_user, write
from jobs import Progress
from report import LEARNED, load_result, report, step_in_words
from siamese import SiameseNetwork
from training import Schedule, Training

MOST_TERMS = 12                         # a formula of more terms is not one that a person reads
SECONDS_BETWEEN_CHECKPOINTS = 20
GRADIENT_SAMPLES = 10_000               # on which gradients are aligned
LIBRARIES = {"polynomial": polynomial, "rational": rational}
SPARSE_ORDER = 2                        # of the features that short formulas are made of
DISCOVERY_ORDER = 3                     # the same for all invariants: A_x = x v_y^2 - y v_x v_y - x/r where L is not fixed


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
                **({"data": self.system.fingerprint, "inputs": list(self.system.inputs), "known": list(self.system.invariants)}
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
    network = SiameseNetwork(plan.layer_sizes, initial, plan.activation, label=plan.system.name, scale=plan.system.scale,
                             xp=plan.xp)
    training = Training(network, train, test, plan.schedule, batches)
    before = carry_on(training, folder, plan)

    result = {**head, "epochs": len(training.history["epoch"]), **read_off(plan.system, network, train, test)}
    keep(folder, result, before + time.perf_counter() - began, {"model.npz": network}, training.history,
         draw(plan.system, network, test, training.history, result["alignment"]))


def run_discovery(plan, folder):
    """The search for all invariants: one training after another, each with a checkpoint of its own."""
    began, before, head, system = time.perf_counter(), 0.0, heading(plan), plan.system
    data, initial, batches = [stream.spawn(len(system.inputs) + 2) for stream in seed_streams(plan.seed)]
    history, networks, steps = {}, {}, []
    print(f"{system.title}: all invariants, {plan.train_pairs:,} equivalent training pairs, network "
          f"{'-'.join(map(str, plan.layer_sizes))}, schedule {plan.schedule_name}, seed {plan.seed}", flush=True)

    def learn(step, train, test):
        nonlocal before, history
        network = SiameseNetwork(plan.layer_sizes, initial[step], plan.activation, label=system.name, scale=system.scale,
                                 xp=plan.xp)
        training = Training(network, train, test, plan.schedule, batches[step])
        place = folder / f"step-{step + 1}"
        place.mkdir(exist_ok=True)
        before += carry_on(training, place, plan)
        history = training.history
        return network

    sets = [(system.sample_test if test and system.sample_test else system.sample)(n, np.random.default_rng(stream))
            for n, stream, test in zip((plan.train_pairs, 2 * system.test_pairs), data, (False, True))]
    check_features(system, sets[0][0], sets[1][0])
    for found in discovery.search(sets, learn, most=len(system.inputs) + 1):
        network, (x, x_test) = found.network, (sets[0][0], sets[1][0])
        f, f_test = [network.bottleneck(values)[:, 0].astype(np.float64) for values in (x, x_test)]
        order = max(n for n in orders_for(len(system.inputs), 300) if n <= DISCOVERY_ORDER)
        steps.append({"train_accuracy": float(found.train_accuracy), "test_accuracy": float(found.test_accuracy),
                      "independence": found.independence, "found": bool(discovery.is_left(found)),
                      "sparse": {name: sparse(system, library, x, f, x_test, f_test)
                                 for name, library in libraries(system, order).items()},
                      "alignment": aligned(system, network, x_test[:GRADIENT_SAMPLES], normals=[
                          *(physics.gradient(system.invariants[name], x_test[:GRADIENT_SAMPLES]) for name in system.fixed),
                          *(earlier.input_gradient(x_test[:GRADIENT_SAMPLES])[:, 0] for earlier in networks.values())]),
                      "on_invariants": explained(system, x, f, x_test, f_test)})
        networks[f"f_{len(steps)}.npz"] = network
        print(step_in_words(len(steps), steps[-1]), flush=True)
    count = sum(step["found"] for step in steps)
    result = {**head, "count": count, "steps": steps,
              "common": common(system, list(networks.values())[:count], x_test[:GRADIENT_SAMPLES])}
    keep(folder, result, before + time.perf_counter() - began, networks, history, {})


def check_features(system, *samples):
    """UserError, before the training, if a typed feature cannot be read, or is not finite on samples (n, d)."""
    try:
        for x in samples:
            for library in libraries(system, 1).values():
                library.values(x)
    except ValueError as error:
        raise UserError(f"--features takes {', '.join(LIBRARIES)} and expressions: {error}") from error


def remove_steps(folder):
    """The checkpoints of the steps of a search."""
    for place in folder.glob("step-*"):
        shutil.rmtree(place)


def common(system, networks, x):
    """The quadratic polynomials that are functions of all these networks' f together, each in its simplest form.

    Of richer features too many follow whatever f there are: three directions in a state's four leave little to miss.
    """
    if not networks:
        return None
    gradients = np.stack([network.input_gradient(x)[:, 0] for network in networks], axis=2)
    rows, eigenvalues = regression.common_invariants(polynomial(system.inputs, SPARSE_ORDER), x, gradients, system.scale)
    size = sizes(system, polynomial(system.inputs, SPARSE_ORDER), x)
    return {"formulas": [short_formula(row, sizes=size) for row in rows], "eigenvalues": eigenvalues[:len(rows) + 1].tolist()}


def heading(plan):
    """What a result says of its run."""
    from importlib.metadata import version              # here, since --help does not need it and it takes long
    return {"system": plan.system.name, "seed": plan.seed, "schedule": plan.schedule_name, "settings": plan.settings,
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
        raise UserError(f"{error}; --fresh starts the run over") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is of another program ({error!r}); --fresh starts the run over") from error
    if other:
        raise UserError(f"{folder} holds a finished run with another {other}; give another --out, or --fresh to replace it")
    print(f"{text}\n{folder} holds this run, finished; --fresh would start it over.")
    return True


def other_settings(kept, identity):
    """The names of the settings in which a kept run differs, in words."""
    return " and ".join(name for name, value in json.loads(json.dumps(identity)).items() if kept.get(name) != value)


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
            raise UserError(f"{folder} holds an unfinished run with another {other}; give another --out, or --fresh to start over")
        if path != found[0]:
            print(f"{newest} is damaged; the one before is used.")
            os.replace(before, newest)                  # or the next save would put the damaged one in its place
        return True
    if found:
        raise UserError(f"{' and '.join(map(str, found))} cannot be read; --fresh starts the run over")
    return False


# ------------------------------------------------------------------------- samples and reading off

def seed_streams(seed):
    """Independent streams of random numbers for the data, the initial weights and the batches."""
    return np.random.SeedSequence(seed).spawn(3)


def sample_sets(system, stream, train_pairs):
    """Training and test set (x, x_prime, y), independent of each other, in single precision."""
    sizes = (train_pairs, system.test_pairs)
    return [tuple(array.astype(np.float32) for array in physics.labelled_pairs(system, n, np.random.default_rng(child), test))
            for n, child, test in zip(sizes, stream.spawn(2), (False, True))]


def read_off(system, network, train, test):
    """What the network has learned: accuracies, regression hierarchy, formula, correlations.

    The regression is done on the first observation of every equivalent pair, training and test.
    """
    x, x_test = [pairs[0][pairs[2] == 0].astype(np.float64) for pairs in (train, test)]
    f, f_test = [network.bottleneck(values)[:, 0].astype(np.float64) for values in (x, x_test)]
    # A ridge of strength 1 weighs on features in whatever units they are: on a user's data there is none.
    polynomials = regression.hierarchy(x, f, x_test, f_test, system.inputs, orders_for(len(system.inputs)),
                                       regression.ALPHA if system.scale is None else 0.0)
    order = regression.optimal_order(polynomials)
    # Without an optimal order there is no formula; the quadratic is kept, the order of all the paper's.
    fit = polynomials[order or 2]
    test_accuracy = float(network.evaluate(*test)[1])
    formula = None
    if order and test_accuracy >= LEARNED:
        formula = regression.group_terms(fit.terms(), fit.intercept,
                                         sizes=sizes(system, polynomial(system.inputs, order), x[:GRADIENT_SAMPLES]))
        if sum(len(signs) for _, signs in formula.groups) > MOST_TERMS:
            formula = None
    return {
        "train_accuracy": float(network.evaluate(*train)[1]),
        "test_accuracy": test_accuracy,
        "r2": {str(n): polynomial.r2 for n, polynomial in polynomials.items()},
        "optimal_order": order,
        "polynomial": {"terms": fit.terms(), "intercept": fit.intercept, "text": str(fit)},
        "formula": str(formula) if formula else None,
        "formula_spread": formula.spread if formula else None,
        "formula_dropped": formula.dropped if formula else None,
        "correlations": {name: regression.correlation(invariant(x_test), f_test)
                         for name, invariant in system.invariants.items()},
        "alignment": aligned(system, network, x[:GRADIENT_SAMPLES], polynomials[2].coefficients,
                             [physics.gradient(system.invariants[name], x[:GRADIENT_SAMPLES]) for name in system.fixed]),
        "sparse": {name: sparse(system, library, x, f, x_test, f_test)
                   for name, library in libraries(system, SPARSE_ORDER).items()},
        "on_invariants": explained(system, x, f, x_test, f_test),
    }


def orders_for(inputs, most=1000):
    """Orders of polynomials of at most so many terms, which is all of Tables I to V for up to 10 inputs; at least 1 and 2."""
    return [order for order in regression.ORDERS if order <= 2 or comb(inputs + order, order) <= most + 1]


def aligned(system, network, x, quadratic=None, normals=()):
    """Gradient alignment with all monomials: per order the lowest eigenvalues, and the formula at the gap.

    normals: gradients at x (n, d) of what is fixed, or found before.
    quadratic: coefficients of the ridge regression of order 2. Where they are given, and one of the known
        invariants is a quadratic polynomial, the result also says by how far the coefficients of the
    alignment and of the ridge regression are off, each as a vector of length 1.
    """
    gradients = network.input_gradient(x)[:, 0].astype(float)
    if not gradients.any():
        return None
    library = polynomial(system.inputs, max(orders_for(len(system.inputs), 300)))
    alignments = regression.gradient_alignment(library, x, gradients, normals, system.scale)
    order = regression.aligned_order(alignments)
    best = alignments[order or 2]
    errors = {}
    for name, invariant in system.invariants.items() if quadratic is not None else ():
        features = monomials(x, monomial_exponents(len(system.inputs), 2))
        true, intercept = regression.ridge(features, invariant(x), alpha=0)
        if name not in system.fixed and regression.r2_score(invariant(x), features @ true + intercept) > 1 - 1e-9:
            errors[name] = {method: distance_of_directions(found, true)
                            for method, found in (("ridge", quadratic), ("alignment", alignments[2].coefficients))}
    return {"eigenvalues": {str(n): alignment.eigenvalues[:4].tolist() for n, alignment in alignments.items()},
            "order": order, "terms": best.terms(), "formula": short_formula(best.terms(), sizes=sizes(system, library, x)) if order else None,
            "coefficient_errors": errors}


def distance_of_directions(a, b):
    """Length of the difference of two vectors when both have length 1 and the better sign: 0 to sqrt(2)."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(min(np.linalg.norm(a - b), np.linalg.norm(a + b)))


def libraries(system, order):
    """The feature libraries of a system by name; all typed expressions among its features are one."""
    typed = [text for text in system.features if text not in LIBRARIES]
    return {**{name: LIBRARIES[name](system.inputs, order) for name in system.features if name in LIBRARIES},
            **({"typed": expressions(system.inputs, typed)} if typed else {})}


def sizes(system, library, x):
    """How large each feature is over x, by name, for a user's data in units of any kind; None for the paper's systems."""
    return None if system.scale is None else dict(zip(library.names, library.values(x).std(axis=0).tolist()))


def sparse(system, library, x, f, x_test, f_test):
    """The fewest features of a library that explain f, and their test score."""
    fit = regression.sparse_fit(library, x, f)
    values = library.values(x_test)
    prediction = np.full(len(x_test), fit.intercept)
    for name, coefficient in fit.terms.items():
        prediction += coefficient * values[:, library.names.index(name)]
    return {"terms": fit.terms, "intercept": fit.intercept, "r2": [fit.r2, float(regression.r2_score(f_test, prediction))],
            "richest_r2": fit.richest_r2, "formula": short_formula(fit.terms, fit.intercept, drop=0.02, sizes=sizes(system, library, x[:GRADIENT_SAMPLES]))}


def short_formula(terms, intercept=0.0, drop=0.1, sizes=None):
    """The terms in grouped form; None where there are none, or more than a person reads."""
    if not any(terms.values()):
        return None
    formula = regression.group_terms(terms, intercept, drop=drop, sizes=sizes)
    return str(formula) if sum(len(signs) for _, signs in formula.groups) <= MOST_TERMS else None


def explained(system, x, f, x_test, f_test):
    """Test R² of f regressed on each known invariant that varies, and on the components of A together."""
    varying = [name for name in system.invariants if name not in system.fixed]
    components = [name for name in varying if re.fullmatch("A_[xyz]", name)]
    scores = {}
    for names in [[name] for name in varying] + ([components] if components else []):
        columns, columns_test = [np.stack([system.invariants[name](values) for name in names], axis=1) for values in (x, x_test)]
        coefficients, intercept = regression.ridge(columns, f, alpha=0)
        scores[", ".join(names)] = {"r2": float(regression.r2_score(f_test, columns_test @ coefficients + intercept)),
                                    "coefficients": coefficients.tolist(),
                                    "correlation_of_square": regression.correlation(columns_test[:, 0], f_test**2) if len(names) == 1 else None}
    return scores


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
