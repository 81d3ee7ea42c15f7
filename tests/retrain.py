"""The first epochs of a kept run, trained again: python tests/retrain.py results/paper/sr/seed-0 2

Prints the history as JSON. The runs under results/paper were made before a batch had its first
members first and then its second members: it had each pair in two neighbouring rows. They also
drew phases of orbits over one turn ahead, and solved orbits in blocks in the order drawn. Sums
round differently in another order, and a rate of 100 magnifies that within an epoch. So the earlier
order is given to today's training here, for these runs alone.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
from scipy.integrate import solve_ivp

import physics
import train
from siamese import SiameseNetwork
from support import options
from support.results import load_result


class EarlierPhases(np.random.Generator):
    """Phases from now to one turn ahead, where today's are up to half a turn either way."""

    def uniform(self, low=0.0, high=1.0, size=None):
        return super().uniform(*((0.0, 1.0) if (low, high) == (-0.5, 0.5) else (low, high)), size)


def evolve_in_order(state, duration, equations=physics.hamiltons_equations):
    """`physics.evolve` with its blocks in the order drawn."""
    after = []
    for i in range(0, len(state), physics.BLOCK):
        start, span = np.ascontiguousarray(state[i:i + physics.BLOCK].T), duration[i:i + physics.BLOCK]
        after.append(solve_ivp(
            lambda _, flat: (span * equations(flat.reshape(start.shape))).ravel(), (0, 1), start.ravel(),
            method="DOP853", rtol=1e-12, atol=1e-12, t_eval=[1.0]).y[:, -1].reshape(start.shape).T)
    return np.concatenate(after)


def pair_by_pair(pairs, size, rng):
    """`train.labelled_batches` with x and x_prime of each pair in neighbouring rows."""
    for members, *_, y in train.labelled_batches(pairs, size, rng):
        first, second = np.arange(2 * len(y)).reshape(-1, 2).T
        yield members.reshape(2, -1).T.ravel(), first, second, y


def retrain(run, epochs):
    """The history of the first epochs of a Result's training."""
    words = ["--system", run.system, "--schedule", "paper"]
    words += ["--sampling", run.settings["sampling"]] if run.settings["sampling"] else []
    config = train.build_config(options.parse(train.PARSER, words), run.system, run.seed)
    data, initial, order = physics.seed_streams(run.seed)
    if config.sampling:
        sets, batches = physics.sample_sets(config.system, data, config.train_pairs), None
    else:
        physics.evolve, batches = evolve_in_order, pair_by_pair
        sizes = config.train_pairs, config.system.test_pairs
        sets = [config.system.pairs(n, EarlierPhases(np.random.PCG64(stream)))
                for n, stream in zip(sizes, data.spawn(2))]
    network = SiameseNetwork(config.layer_sizes, initial)
    training = train.Training(network, *(each.labelled() for each in sets), config.schedule, order)
    training.batches = batches or training.batches
    for _ in range(epochs):
        training.epoch()
    return training.history


if __name__ == "__main__":
    print(json.dumps(retrain(load_result(ROOT / sys.argv[1] / "result.json"), int(sys.argv[2]))))
