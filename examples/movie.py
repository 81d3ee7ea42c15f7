"""A network while it learns: writes movie.gif, f over s² in the first epochs of `sr`."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from matplotlib.animation import FuncAnimation

import physics
from figures import BLUE, OUTPUT, STYLE, Picture, rc_context
from siamese import SCHEDULES, SiameseNetwork
from train import Training

PAIRS, EPOCHS, POINTS = 50_000, 30, 1500

data, initial, batches = physics.seed_streams(0)
train, test = physics.sample_sets(physics.SYSTEMS["sr"], data, PAIRS)
network = SiameseNetwork((4, 200, 32, 1), initial)
training = Training(network, train, test, SCHEDULES["quick"], batches)
x = test.x[:POINTS]
outputs = [network.f(x)]
for _ in range(EPOCHS):
    training.epoch()
    outputs.append(network.f(x))

with rc_context(STYLE):
    figure = Picture(figsize=(6, 4.5))
    axes = figure.add_axes((0.17, 0.17, 0.78, 0.72))    # the same in all frames
    points, = axes.plot(physics.interval(x), outputs[0], ".", markersize=3, color=BLUE)
    axes.set(xlabel="s² = −t² + x² + y² + z²", ylabel=OUTPUT,
             ylim=(np.min(outputs) - 0.5, np.max(outputs) + 0.5))

    def draw(epoch):
        points.set_ydata(outputs[epoch])
        axes.set_title(f"epoch {epoch}")

    FuncAnimation(figure, draw, len(outputs)).save("movie.gif", "pillow", fps=6, dpi=80)
