"""Orbits of a plane harmonic oscillator, observed at 25 times each.

Writes oscillator.npz for `python -m discover oscillator.npz`.
"""

import numpy as np

rng = np.random.default_rng(0)
position, velocity = rng.uniform(-1, 1, (2, 4000, 1, 2))
t = rng.uniform(0, 2 * np.pi, (4000, 25, 1))
x = position * np.cos(t) + velocity * np.sin(t)
v = velocity * np.cos(t) - position * np.sin(t)
trajectories = np.concatenate([x, v], axis=2)
np.savez("oscillator.npz", trajectories=trajectories, names=["x", "y", "v_x", "v_y"])
