"""Pictures of what lies beyond the paper: what is flat along classes, what laws do not say."""

from functools import partial
from textwrap import shorten

import numpy as np

from figures import BLUE, ORANGE, STYLE, Picture, rc_context

MAX_CLASSES, MAX_ROWS = 8, 40           # of a user's data that a picture shows
MAX_PANELS = 6
MAX_LETTERS = 36                        # of a panel's title, as large as a slide needs


def pictures_of_run(system, networks, test, laws):
    """Every picture of a run, {name: (caption, function that returns the Picture)}.

    networks: {label: network}; test: physics.Pairs of held-out classes; laws: a list of laws.Law.
    """
    values = {f"{law.text}  (λ {law.within:.0e})": law.function.value for law in laws}
    outputs = {f"{label} of a network": network.f for label, network in networks.items()}
    columns = {name: partial(take_column, i=i) for i, name in enumerate(system.inputs[:2])}
    quantities, drawn = values | outputs | columns, {}
    if hasattr(system, "draw_test"):                    # a user's data, with classes of many rows
        drawn["along"] = (
            "Along a few classes that took no part in the fit: what is conserved is flat",
            partial(figure_along, quantities, system.draw_test.observations,
                    system.draw_test.classes))
    else:
        drawn["pairs"] = (
            "Both observations of pairs that took no part in the fit: what is conserved is on the "
            "diagonal", partial(figure_pairs, quantities, test))
    for label, output in outputs.items() if values else ():
        drawn[f"{label.split()[0]}-over-laws"] = (
            f"{label} over the laws: a cloud, since its pairs agree in these",
            partial(figure_over_laws, {label: output}, values, test.x))
    return drawn


def take_column(x, i):
    """Column i of observations (n, d)."""
    return x[:, i]


@rc_context(STYLE)
def figure_pairs(quantities, pairs):
    """Quantities of x' over those of x, for equivalent physics.Pairs.

    quantities: {label: function of observations (n, d), giving (n,)}, the first of which are shown.
    """
    figure, panels = draw_panels(quantities, 5)
    for axes, (label, function) in zip(panels, quantities.items()):
        values, others = function(pairs.x), function(pairs.x_prime)
        axes.plot(values, others, ".", markersize=3, color=BLUE, rasterized=True)
        axes.set(xlim=np.quantile(values, (0.01, 0.99)), ylim=np.quantile(values, (0.01, 0.99)),
                 xlabel="of x", ylabel="of x′")
        axes.set_title(shorten(label, MAX_LETTERS, placeholder=" ..."))
    return figure


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
def figure_over_laws(f, laws, x):
    """f of a network over laws: a cloud, where it found what no law says.

    f, laws: {label: function of observations (n, d), giving (n,)}, of which f has one and the first
    laws are shown; x: (n, d).
    """
    (name, output), = f.items()
    figure, panels = draw_panels(laws, 4.5)
    values = output(x)
    for axes, (label, law) in zip(panels, laws.items()):
        axes.plot(law(x), values, ".", markersize=3, color=BLUE, rasterized=True)
        axes.set_xlabel(shorten(label, MAX_LETTERS, placeholder=" ..."))
        axes.set_ylabel(name)
    return figure


def draw_panels(labels, height):
    """A Picture and its panels, two beside each other, each of so many inches in height."""
    count = min(len(labels), MAX_PANELS)
    columns = min(count, 2)
    rows = -(-count // columns)
    figure = Picture(figsize=(6.5 * columns, height * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.axis("off")
    return figure, panels[:count]
