"""How the results react to what the paper leaves open: python benchmarks/sensitivity.py

Trains the network of `sr` once for every choice and seed, one choice changed at a time, and writes
results/sensitivity.md. Fewer pairs and epochs than a run of train.py, since differences are wanted,
not best values. Every training that is done is kept in results/sensitivity.json and not done again:
the command can be interrupted, and goes on.
"""

import os
import sys

if __name__ == "__main__":
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]
import physics
import regression
from kept import Kept, from_to, parse
from siamese import Schedule, SiameseNetwork
from support.files import write
from support.page import table
from train import Training

RIDGE_STRENGTHS = (0.0, 1.0, 1e3, 1e6)


@dataclass(frozen=True)
class Choices:
    """All that is varied, and the values from which one at a time is changed."""
    system: str = "sr"
    width: int = 200
    activation: str = "relu"
    max_speed: float = 0.9
    full_group: bool = True
    inputs: str = "uniform"
    rate: float = 2.0
    epsilon: float = 1e-7
    bottleneck: float = 0.1             # initial weights of the bottleneck, in units of Glorot's


PLAIN = Choices(bottleneck=1.0)
FIXED = Choices(system="sr-fixed")
ROWS = [                                # what the table says, the choices, the ridge strength
    ("width 200, ReLU, boosts up to β = 0.9, inputs uniform, ridge strength 1, rate 2, ε = 1e-7, "
     "bottleneck a tenth of Glorot's", Choices(), 1.0),
    ("width 50", Choices(width=50), 1.0),
    ("width 100", Choices(width=100), 1.0),
    ("boosts up to β = 0.5", Choices(max_speed=0.5), 1.0),
    ("boosts up to β = 0.99", Choices(max_speed=0.99), 1.0),
    ("inputs normal, of the same variance", Choices(inputs="normal"), 1.0),
    ("rotations and boosts alone, no time reversal", Choices(full_group=False), 1.0),
    *((f"ridge strength {words}, the networks of the first row", Choices(), alpha)
      for words, alpha in (("0", 0.0), ("1000", 1e3), ("1 000 000", 1e6))),
    *((f"rate {rate:g}, ε = {words}", Choices(rate=rate, epsilon=epsilon), 1.0)
      for words, epsilon in (("1e-7", 1e-7), ("1e-4", 1e-4)) for rate in (0.1, 1.0, 10.0, 100.0)),
    *((f"rate {rate:g}, tanh", Choices(rate=rate, activation="tanh"), 1.0)
      for rate in (1.0, 100.0)),
    *((f"rate {rate:g}, width 50", Choices(rate=rate, width=50), 1.0) for rate in (1.0, 100.0)),
    *((f"rate {rate:g}, bottleneck plain Glorot", replace(PLAIN, rate=rate), 1.0)
      for rate in (0.1, 2.0, 100.0)),
    *((f"s² fixed (`sr-fixed`), boosts up to β = {speed:g}", replace(FIXED, max_speed=speed), 1.0)
      for speed in (0.5, 0.9, 0.99)),
]


def system(choices):
    """The system with these choices for observations and transformations."""
    known = physics.SYSTEMS[choices.system]

    def sample(n, rng):
        x, _ = known.sample(n, rng)
        if choices.inputs == "normal":
            x = rng.standard_normal((n, 4)) / np.sqrt(3)        # the variance of the box [-1, 1]
        moved = physics.lorentz_transformations(n, rng, choices.max_speed, choices.full_group)
        return x, np.einsum("nij,nj->ni", moved, x)
    return replace(known, sample=sample)


def measure(choices, seed, pairs, epochs):
    """Train once; what f is worth on the test set, or None if the training diverged."""
    data, initial, batches = physics.seed_streams(seed)
    train, test = physics.sample_sets(system(choices), data, pairs)
    network = SiameseNetwork((4, choices.width, choices.width, 1), initial, choices.activation)
    network.layers[-1][:] *= choices.bottleneck / 0.1           # a network starts at a tenth
    # The rate comes down as soon as the loss no longer falls, so that each start has its chance.
    schedule = Schedule(choices.rate, epochs=epochs, reduce_patience=2, stop_patience=20)
    training = Training(network, train.labelled(), test, schedule, batches)
    training.optimizer.epsilon = choices.epsilon
    while not training.finished:
        try:
            training.epoch()
        except FloatingPointError:
            return None
    f, f_test = network.f(train.x), network.f(test.x)
    regressions = {}
    for alpha in RIDGE_STRENGTHS:
        quadratic = regression.fit_orders(train.x, f, test.x, f_test, physics.EVENT, (2,), alpha)[2]
        squares = [-quadratic.terms["t^2"], *(quadratic.terms[f"{name}^2"] for name in "xyz")]
        # Relative to their mean; where f is not s² at all, the mean is near zero, and this large.
        worst = np.abs(squares / np.mean(squares) - 1).max()
        regressions[f"{alpha:g}"] = {"r2": quadratic.r2[1], "worst": float(worst)}
    return {"accuracy": network.evaluate(*training.test)[1],
            "epochs": len(training.history["epoch"]),
            "sign_t": abs(regression.correlation(np.sign(test.x[:, 0]), f_test)),
            "regressions": regressions}


def row(words, results, alpha):
    """One line of the table on the results of all seeds."""
    learned = [result for result in results if result]
    if not learned:
        return words, "diverged"
    regressions = [result["regressions"][f"{alpha:g}"] for result in learned]
    worst = max(each["worst"] for each in regressions)
    return (words, from_to([result["accuracy"] for result in learned], 3),
            from_to([each["r2"] for each in regressions], 4),
            f"{worst:.1%}" if worst < 1 else "over 100%",
            from_to([result["sign_t"] for result in learned], 2))


def main(arguments=None):
    options, words = parse(arguments, "sensitivity", __doc__, pairs=20_000, epochs=60, seeds=3)
    kept, lines = Kept(options.out / "sensitivity.json"), []
    for name, choices, alpha in ROWS:
        results = [kept(f"{choices}, {options.pairs} pairs, {options.epochs} epochs, seed {seed}",
                        lambda: measure(choices, seed, options.pairs, options.epochs))
                   for seed in range(options.seeds)]
        lines.append(row(name, results, alpha))
    head = ("choice", "test accuracy", "R² of order 2", "worst coefficient",
            "correlation of f with sign(t), magnitude")
    text = "\n".join([
        f"Made by `{words}`.", "",
        f"System `sr`, {options.pairs} pairs of each label, fixed as in the paper, two hidden "
        f"layers of one width, at most {options.epochs} epochs; the rate is halved after 2 epochs "
        f"without improvement. One choice is changed at a time: means over {options.seeds} seeds, "
        "and the lowest and highest. \"Worst coefficient\" is the largest deviation, in any seed, "
        "of the coefficients of -t², x², y² and z² from their mean.", "", *table(head, *lines)])
    write(options.out / "sensitivity.md", text + "\n")
    print(text)


if __name__ == "__main__":
    main()
