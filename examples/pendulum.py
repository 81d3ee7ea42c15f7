"""A pendulum as one would measure it: writes pendulum.tsv for `python -m discover pendulum.tsv`.

Each trial is one release, seen at 40 times. Angles and angular speeds have an error of half a per
cent of their standard deviation, and four decimals. There is a comment, and a running time.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import physics

TRIALS, TIMES, SECONDS = 300, 40, 4.0
GRAVITY_OVER_LENGTH = 9.81 / 0.5                        # 1/s^2, a string of half a metre


def pendulum(state):
    theta, omega = state
    return np.array([omega, -GRAVITY_OVER_LENGTH * np.sin(theta)])


rng = np.random.default_rng(0)
start = np.column_stack([rng.uniform(-2.5, 2.5, TRIALS), rng.uniform(-3, 3, TRIALS)])
t = np.linspace(0, SECONDS, TIMES)
states = physics.evolve(np.repeat(start, TIMES, axis=0), np.tile(t, TRIALS), pendulum)
states += 0.005 * states.std(axis=0) * rng.standard_normal(states.shape)
with open("pendulum.tsv", "w", encoding="utf-8") as file:
    file.write("# pendulum, half a metre; angles from the plumb line\n")
    file.write("trial\tt [s]\ttheta [rad]\tomega [rad/s]\n")
    for number, (theta, omega) in enumerate(states):
        trial, time = divmod(number, TIMES)
        file.write(f"{trial + 1}\t{t[time]:.4f}\t{theta:.4f}\t{omega:.4f}\n")
