"""States (T, V) of a gas on adiabats, where T V^0.4 is conserved.

Writes adiabats.csv for `python -m discover adiabats.csv`.
"""

import csv

import numpy as np

rng = np.random.default_rng(0)
volume = rng.uniform(1, 3, (3000, 8))
temperature = rng.uniform(300, 600, (3000, 1)) * volume**-0.4
experiments = np.stack([temperature, volume], axis=2).tolist()
with open("adiabats.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["experiment", "T [K]", "V [l]"])
    table.writerows((i, *state) for i, states in enumerate(experiments) for state in states)
