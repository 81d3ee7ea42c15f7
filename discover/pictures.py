"""Pictures that the paper does not have: how F decides, and what is flat along classes."""

from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten

import numpy as np

from figures import BLUE, ORANGE, OUTPUT, STYLE, Picture, rc_context
from siamese import sigmoid

CLASSES, STATES = 8, 40                 # of a user's data that a picture shows
EPOCHS, POINTS = 30, 1500               # that a moving picture shows


@rc_context(STYLE)
def figure_decision(network, pairs):
    """f(x) - f(x') for same and different pairs (physics.Pairs), and over it F of eq. (1)."""
    f, f_prime = network.f(pairs.x), network.f(pairs.x_prime)
    same, different = f - f_prime, f - f_prime[pairs.partner]
    w, b = float(network.w[0]), float(network.b[0])

    def F(difference):
        return sigmoid(w * difference**2 + b)                                           # eq. (1)
    reach = np.quantile(np.abs(different), 0.9)
    bins = np.linspace(-reach, reach, 101)
    figure = Picture(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for values, color, label in ((same, BLUE, "same"), (different, ORANGE, "different")):
        axes.hist(values, bins, color=color, alpha=0.6, label=label)
    axes.set(xlabel="f(x) − f(x′)", ylabel="pairs", yscale="log")
    right = axes.twinx()
    fine = np.linspace(-reach, reach, 1001)
    right.plot(fine, F(fine), color="0.2")
    right.axhline(0.5, color="0.2", linewidth=1, linestyle=":")
    right.set(ylabel="F(x, x′)", ylim=(0, 1.05))
    right.spines["right"].set_visible(True)
    right_side = np.concatenate([F(same) <= 0.5, F(different) > 0.5])
    axes.set_title(f"accuracy {right_side.mean():.3f} on the test set", fontsize=15)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@rc_context(STYLE)
def figure_levels(f, laws, x, names):
    """Lines of equal f over the first two columns, and those of the first law, which cover them.

    f: function of observations (n, d), giving (n,); laws: {label: the same}; x: (n, d), observed;
    names: (d,). Other columns are zero.
    """
    i, j = (1, 0) if names[0] == "t" else (0, 1)        # time is drawn upwards
    sides = np.linspace(*np.quantile(x, (0.02, 0.98), axis=0), 150)
    across, up = np.meshgrid(sides[:, i], sides[:, j])
    grid = np.zeros((across.size, x.shape[1]))
    grid[:, i], grid[:, j] = across.ravel(), up.ravel()
    label, law = next(iter(laws.items()))
    figure = Picture(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    for function, color, style, width in ((f, BLUE, "solid", 3), (law, ORANGE, "dashed", 1.5)):
        values = function(grid)
        levels = np.unique(np.quantile(values, np.linspace(0.05, 0.95, 9)))
        axes.contour(across, up, values.reshape(across.shape), levels, colors=color,
                     linestyles=style, linewidths=width)
        axes.plot([], [], color=color, linestyle=style, linewidth=width,
                  label=label if function is law else OUTPUT)
    axes.set(xlabel=names[i], ylabel=names[j])
    figure.legend(loc="outside upper center")
    return figure


@rc_context(STYLE)
def figure_along(quantities, x, classes):
    """Quantities along a few classes: flat lines are conserved.

    quantities: {label: function of observations (n, d), giving (n,)}; x: (N, d); classes: (N,).
    """
    shown = np.unique(classes)[:CLASSES]
    rows = -(-len(quantities) // 2)
    figure = Picture(figsize=(12, 3.5 * rows), layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes, (label, function) in zip(panels, quantities.items()):
        values = function(x)
        for number, each in enumerate(shown):
            axes.plot(values[classes == each][:STATES], ".-", markersize=4, linewidth=1,
                      color=(BLUE, ORANGE)[number % 2])
        axes.set_title(label, fontsize=13)
        axes.set_xlabel("observation of a class")
    for axes in panels[len(quantities):]:
        axes.axis("off")
    return figure


@rc_context(STYLE)
def figure_over(laws, outputs, x):
    """f of a search's networks over laws: a cloud, where a network found what no law says.

    laws, outputs: {label: function of observations (n, d), giving (n,)}; x: (n, d).
    """
    size = 4 * len(laws), 3.5 * len(outputs)
    figure = Picture(figsize=size, layout="constrained")
    panels = figure.subplots(len(outputs), len(laws), squeeze=False)
    for row, (name, output) in zip(panels, outputs.items()):
        f = output(x)
        for axes, (label, law) in zip(row, laws.items()):
            axes.plot(law(x), f, ".", markersize=2, color=BLUE)
            axes.set_xlabel(label, fontsize=13)
        row[0].set_ylabel(name)
    return figure


def movie(training, label, quantity, x):
    """The bytes of a GIF: f over a quantity, while a train.Training goes through EPOCHS epochs.

    quantity: function of observations (n, d), giving (n,); x: (n, d), those that are shown.
    """
    from matplotlib.animation import PillowWriter       # here, since it imports slowly
    x = x[:POINTS]
    with rc_context(STYLE), TemporaryDirectory() as folder:
        figure = Picture(figsize=(6, 4.5), layout="constrained")
        axes, writer, path = figure.subplots(), PillowWriter(fps=6), Path(folder) / "movie.gif"
        writer.setup(figure, path, dpi=80)
        for epoch in range(EPOCHS + 1):
            axes.clear()
            axes.plot(quantity(x), training.network.f(x), ".", markersize=3, color=BLUE)
            axes.set(xlabel=shorten(label, 60, placeholder=" ..."), ylabel=OUTPUT,
                     title=f"epoch {epoch}")
            writer.grab_frame()
            if epoch < EPOCHS:
                training.epoch()
        writer.finish()
        return path.read_bytes()
