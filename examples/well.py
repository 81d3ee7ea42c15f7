"""A particle in a well of the form -exp(-x²), each orbit at 20 random times.

Writes well.csv for `python -m discover well.csv`.

No library holds exp(-x²): a network says that something is conserved, and --features names it.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import physics

ORBITS, TIMES = 2000, 20


def well(state):
    x, v = state
    return np.array([v, -2 * x * np.exp(-x**2)])


rng = np.random.default_rng(0)
x = rng.uniform(-1.5, 1.5, ORBITS)
v = rng.uniform(-1, 1, ORBITS) * np.sqrt(1.9 * np.exp(-x**2))           # too slow to leave the well
start = np.column_stack([x, v])
states = physics.evolve(np.repeat(start, TIMES, axis=0), rng.uniform(0, 20, ORBITS * TIMES), well)
with open("well.csv", "w", encoding="utf-8") as file:
    file.write("orbit,x,v\n")
    for number, (x, v) in enumerate(states.tolist()):
        file.write(f"{number // TIMES},{x!r},{v!r}\n")
