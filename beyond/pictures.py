"""Pictures that the paper does not have: how F decides, and what is flat along classes."""

import numpy as np

from figures import BLUE, ORANGE, STYLE, Figure, rc_context
from siamese import sigmoid

CLASSES, STATES = 8, 40                 # of a user's data that a picture shows


@rc_context(STYLE)
def figure_decision(network, pairs):
    """f(x) - f(x') for same and different pairs (physics.Pairs), and over it F of eq. (1)."""
    f, f_prime = network.f(pairs.x), network.f(pairs.x_prime)
    same, different = f - f_prime, f - f_prime[pairs.partner]
    reach = np.quantile(np.abs(different), 0.9)
    bins = np.linspace(-reach, reach, 101)
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for values, color, label in ((same, BLUE, "same"), (different, ORANGE, "different")):
        axes.hist(values, bins, color=color, alpha=0.6, label=label)
    axes.set(xlabel="f(x) − f(x′)", ylabel="pairs", yscale="log")
    right = axes.twinx()
    right.plot(bins, sigmoid(float(network.w[0]) * bins**2 + float(network.b[0])), color="0.2")
    right.axhline(0.5, color="0.2", linewidth=1, linestyle=":")
    right.set(ylabel="F(x, x′)", ylim=(0, 1.05))
    right.spines["right"].set_visible(True)
    axes.legend(loc="center left")
    return figure


@rc_context(STYLE)
def figure_along(quantities, x, classes):
    """Quantities along a few classes: flat lines are conserved.

    quantities: {label: function of observations (n, d), giving (n,)}; x: (N, d); classes: (N,).
    """
    shown = np.unique(classes)[:CLASSES]
    rows = -(-len(quantities) // 2)
    figure = Figure(figsize=(12, 3.5 * rows), layout="constrained")
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
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(outputs), len(laws), squeeze=False)
    for row, (name, output) in zip(panels, outputs.items()):
        f = output(x)
        for axes, (label, law) in zip(row, laws.items()):
            axes.plot(law(x), f, ".", markersize=2, color=BLUE)
            axes.set_xlabel(label, fontsize=13)
        row[0].set_ylabel(name)
    return figure
