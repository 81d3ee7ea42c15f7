"""Pictures of what lies beyond the paper: what is flat along classes, or the same in pairs.

Each shows the first of some quantities, {label: function of observations (n, d), giving (n,)}.
"""

from functools import partial
from textwrap import shorten

import numpy as np

from figures import BLUE, ORANGE, STYLE, Picture, rc_context

MAX_CLASSES, MAX_ROWS = 8, 40           # of a user's data that a picture shows
MAX_PANELS = 6
MAX_LETTERS = 36                        # of a panel's title, as large as a slide needs
DOTS = {"marker": ".", "linestyle": "", "markersize": 3, "color": BLUE, "rasterized": True}


def pictures_of_run(system, networks, test, laws):
    """Every picture of a run, {name: (caption, function that returns the Picture)}.

    networks: {file name: network}; test: physics.Pairs of held-out classes; laws: of laws.Law.
    """
    values = {law.text: law.function.value for law in laws}
    outputs = {f"{name.removesuffix('.npz')} of a network": network.f
               for name, network in networks.items()}
    columns = {name: lambda x, i=i: x[:, i] for i, name in enumerate(system.inputs[:2])}
    quantities = values | outputs | columns
    if hasattr(system, "draw_test"):                    # a user's data, with classes of many rows
        return {"along": (
            "Along a few classes that took no part in the fit: what is conserved is flat",
            partial(figure_along, quantities, system.draw_test.x, system.draw_test.labels))}
    return {"pairs": (
        "Both observations of pairs that took no part in the fit: what is conserved is on the "
        "diagonal", partial(figure_pairs, quantities, test))}


def figure_pairs(quantities, pairs):
    """Quantities of x' over those of x, for equivalent physics.Pairs."""
    def draw(axes, label, function):
        values = function(pairs.x)
        limits = np.quantile(values, (0.01, 0.99))
        axes.plot(values, function(pairs.x_prime), **DOTS)
        axes.set(title=label, xlim=limits, ylim=limits, xlabel="of x", ylabel="of x′")
    return draw_panels(quantities, 5, draw)


def figure_along(quantities, x, classes):
    """Quantities at x (N, d) along a few classes (N,): flat lines are conserved."""
    def draw(axes, label, function):
        for number, each in enumerate(np.unique(classes)[:MAX_CLASSES]):
            axes.plot(function(x[classes == each][:MAX_ROWS]), ".-", markersize=5, linewidth=1,
                      color=(BLUE, ORANGE)[number % 2])
        axes.set(title=label, xlabel="observation of a class")
    return draw_panels(quantities, 3.5, draw)


@rc_context(STYLE)
def draw_panels(functions, height, draw):
    """A Picture of panels so many inches high, filled by draw(axes, label, function)."""
    count = min(len(functions), MAX_PANELS)
    columns = min(count, 2)
    rows = -(-count // columns)
    figure = Picture(figsize=(6.5 * columns, height * rows), layout="constrained")
    for place, (label, function) in zip(range(1, count + 1), functions.items()):
        axes = figure.add_subplot(rows, columns, place)
        draw(axes, shorten(label, MAX_LETTERS, placeholder=" ..."), function)
    return figure
