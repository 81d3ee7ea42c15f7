"""Kepler orbits at fixed L = 1, with measurement noise: python examples/noisy_orbits.py 0.01

Writes noisy_orbits.npz for `python -m discover noisy_orbits.npz`. The noise is Gaussian, its
standard deviation the given share of the root mean square of each column.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import physics

parser = argparse.ArgumentParser()
parser.add_argument("noise", type=float, help="e.g. 0.01, one per cent")
noise, rng = parser.parse_args().noise, np.random.default_rng(0)
if not 0 <= noise < np.inf:
    parser.error(f"the noise must be zero or more, got {noise}")
pairs = physics.sample_orbits_of_fixed_angular_momentum(30_000, rng)
x, x_prime = [x + noise * np.sqrt(np.mean(x**2, axis=0)) * rng.standard_normal(x.shape)
              for x in pairs]
np.savez("noisy_orbits.npz", x=x, x_prime=x_prime, names=physics.STATE)
