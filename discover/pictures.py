"""Pictures of what lies beyond the paper: what is flat along classes, what laws do not say."""

from itertools import product
from textwrap import shorten

import numpy as np

from figures import BLUE, ORANGE, STYLE, Picture, rc_context

MAX_CLASSES, MAX_ROWS = 8, 40           # of a user's data that a picture shows
MAX_PANELS = 6
MAX_LETTERS = 36                        # of a panel's title, as large as a slide needs


@rc_context(STYLE)
def figure_along(quantities, x, classes):
    """Quantities along a few classes: flat lines are conserved.

    quantities: {label: function of observations (n, d), giving (n,)}, the first of which are shown;
    x: (N, d); classes: (N,).
    """
    figure, panels = draw_panels(quantities, 3.5)
    for axes, (label, function) in zip(panels, quantities.items()):
        values = function(x)
        for number, each in enumerate(np.unique(classes)[:MAX_CLASSES]):
            axes.plot(values[classes == each][:MAX_ROWS], ".-", markersize=5, linewidth=1,
                      color=(BLUE, ORANGE)[number % 2])
        axes.set_title(shorten(label, MAX_LETTERS, placeholder=" ..."))
        axes.set_xlabel("observation of a class")
    return figure


@rc_context(STYLE)
def figure_over_laws(laws, outputs, x):
    """f of networks over laws: a cloud, where a network found what no law says.

    laws, outputs: {label: function of observations (n, d), giving (n,)}; x: (n, d).
    """
    shown = [*product(outputs.items(), laws.items())]
    figure, panels = draw_panels(shown, 4.5)
    for axes, ((name, output), (label, law)) in zip(panels, shown):
        axes.plot(law(x), output(x), ".", markersize=3, color=BLUE, rasterized=True)
        axes.set(xlabel=shorten(label, MAX_LETTERS, placeholder=" ..."), ylabel=name)
    return figure


def draw_panels(shown, height):
    """A Picture with panels (inches high) for the first of what is shown, two beside each other."""
    count = min(len(shown), MAX_PANELS)
    columns = min(count, 2)
    rows = -(-count // columns)
    figure = Picture(figsize=(6.5 * columns, height * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.axis("off")
    return figure, panels[:count]
