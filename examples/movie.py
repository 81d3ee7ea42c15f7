"""A moving picture of f over the invariant while the network learns: python examples/movie.py sr

Writes movie-sr.gif, one picture for each of the first epochs.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.animation import PillowWriter

sys.path.insert(0, str(Path(__file__).parent.parent))
import figures
import physics
import train
from siamese import SCHEDULES, SiameseNetwork

EPOCHS, POINTS = 30, 1500

name = sys.argv[1] if len(sys.argv) > 1 else "sr"
system = physics.SYSTEMS[name]
data, initial, batches = physics.seed_streams(0)
pairs, test = physics.sample_sets(system, data, 50_000)
network = SiameseNetwork((len(system.inputs), 200, 32, 1), initial)
training = train.Training(network, pairs.labelled(), test, SCHEDULES["quick"], batches)
label, invariant = next((label, each) for label, each in system.invariants.items()
                        if label not in system.fixed)
x = test.x[:POINTS]

with figures.rc_context(figures.STYLE):
    picture = figures.Picture(figsize=(6, 4.5), dpi=80, layout="constrained")
    axes = picture.subplots()
    writer = PillowWriter(fps=6)
    with writer.saving(picture, f"movie-{name}.gif", dpi=80):
        for epoch in range(EPOCHS + 1):
            axes.clear()
            axes.plot(invariant(x), network.f(x), ".", markersize=3, color=figures.BLUE)
            axes.set(xlabel=label.replace("^2", "²"), ylabel=figures.OUTPUT, title=f"epoch {epoch}")
            writer.grab_frame()
            training.epoch()
