"""The paper's figures, each drawn by one function from the numbers of a run; each returns a Figure.

Colours are those of Okabe & Ito (2008), which stay distinct under colour blindness.
"""

import os
import sys
from contextlib import suppress
from io import BytesIO

import numpy as np

from physics import boosts
from regression import ridge

# A notebook passes the name of its backend to all programs that it starts. Matplotlib cannot be
# imported where that backend is not installed, although a figure in a file needs none.
if "matplotlib" not in sys.modules and os.environ.get("MPLBACKEND"):
    backend = os.environ.pop("MPLBACKEND")
    try:
        import matplotlib
    finally:
        os.environ["MPLBACKEND"] = backend
    with suppress(ValueError):
        matplotlib.rcParams["backend"] = backend

from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

BLUE, ORANGE = "#0072B2", "#D55E00"
OUTPUT = "bottleneck output  f"
STYLE = {
    # Matplotlib's own settings, so that the user's do not show; the backend is left to the user.
    **{name: value for name, value in rcParamsDefault.items() if name != "backend"},
    "font.size": 15,
    "axes.labelsize": 17,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 2,
    "legend.frameon": False,
}


class Picture(Figure):
    """A Figure that a notebook shows by itself."""

    @rc_context(STYLE)
    def save(self, file, kind="png", dpi=150):
        """Write it to a path or an open binary file, as png of so many dots per inch, or as pdf."""
        self.set_dpi(dpi)
        if kind == "png":
            FigureCanvasAgg(self).print_png(file)   # savefig would draw twice, for the layout
        else:                                       # without the time, the same bytes each time
            self.savefig(file, format=kind, metadata={"CreationDate": None})

    def _repr_png_(self):
        content = BytesIO()
        self.save(content)
        return content.getvalue()


def titled(figure, title):
    """The figure with a title above all of its panels, as large as fits its width."""
    points = 72 * figure.get_figwidth() / (0.6 * max(len(title), 1))
    figure.suptitle(title, fontsize=min(STYLE["font.size"], points))
    return figure


@rc_context(STYLE)
def figure_1(layer_sizes, activation="relu"):
    """Fig. 1: the siamese network of these layer sizes; both branches share their weights."""
    hidden = [f"{size} {activation}" for size in layer_sizes[1:-1]]
    outputs = layer_sizes[-1]
    neurons = "1 neuron" if outputs == 1 else f"{outputs} neurons"
    figure, axes = _blank((11, 5), (0, 11), (0, 5))
    for y, mark in ((3.7, ""), (1.3, "′")):
        observation = _box(axes, (1, y), f"x{mark}\n{layer_sizes[0]} inputs")
        network = _box(axes, (3.4, y), "\n".join(hidden) or "(no hidden layer)", 1.8, 1.9)
        bottleneck = _box(axes, (5.7, y), f"f(x{mark})\n{neurons}", color=ORANGE)
        _arrow(axes, observation, network)
        _arrow(axes, network, bottleneck)
        _arrow(axes, bottleneck, (6.95, 2.5))
    axes.plot([3.4, 3.4], [2.3, 2.7], color=BLUE, linestyle=":", linewidth=3)
    axes.text(3.6, 2.5, "shared weights", va="center", color=BLUE)
    difference = _box(axes, (8, 2.5), "(f(x) − f(x′))²", width=1.9)
    output = _box(axes, (10.2, 2.5), "sigmoid\nF(x, x′)", width=1.3)
    _arrow(axes, difference, output)
    return figure


@rc_context(STYLE)
def figure_2():
    """Fig. 2: (a) an event seen by two observers, β = 0.5; (b) a particle seen at two times."""
    figure = Picture(figsize=(12, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_event(left)
    _draw_orbit(right)
    figure.legend(loc="outside lower right")
    return figure


def _draw_event(axes):
    """Fig. 2a: one event with its coordinates in two frames."""
    event = np.array([1.0, 1.4, 0, 0])                                      # t, x, y, z
    boost, = boosts(np.array([0.5]))
    frames = ("", np.eye(4), BLUE, -0.3), ("′", np.linalg.inv(boost), ORANGE, -0.6)
    for mark, frame, color, place in frames:
        t, x = np.linalg.solve(frame, event)[:2]                            # for this observer
        for name, axis, length in (("t", frame[:, 0], t), ("x", frame[:, 1], x)):
            direction = axis[1::-1]                                         # x to the right, t up
            _pointer(axes, (0, 0), 1.9 * direction, color)
            axes.text(*(2.0 * direction), name + mark, color=color, ha="center", va="center")
            foot = length * axis
            axes.plot([event[1], foot[1]], [event[0], foot[0]], color=color, linestyle=":")
        axes.text(0.05, place, f"(t{mark}, x{mark}) = ({t:.2f}, {x:.2f})", color=color)
    axes.plot(event[1], event[0], "o", color="black", markersize=9)
    axes.set(xlim=(-0.2, 2.7), ylim=(-0.75, 2.4), aspect="equal")
    axes.set_title("(a) one event, two observers")
    axes.axis("off")


def _draw_orbit(axes):
    """Fig. 2b: one particle at two times on its orbit."""
    u = np.linspace(0, 2 * np.pi, 201)                  # eccentric anomaly of a Kepler ellipse
    e, speed = 0.5, 1 / (1 - 0.5 * np.cos(u))           # of semi-major axis 1
    b = np.sqrt(1 - e**2)
    orbit = np.column_stack([np.cos(u) - e, b * np.sin(u),
                             -speed * np.sin(u), b * speed * np.cos(u)])
    axes.plot(*orbit[:, :2].T, color="0.6")
    axes.plot(0, 0, "*", color="black", markersize=14)
    for name, (x, y, v_x, v_y), color in (("x", orbit[30], BLUE), ("x′", orbit[75], ORANGE)):
        label = f"{name} = ({x:.2f}, {y:.2f}, {v_x:.2f}, {v_y:.2f})"
        axes.plot(x, y, "o", color=color, markersize=9, label=label)
        tip = x + 0.3 * v_x, y + 0.3 * v_y
        axes.plot(*tip)                                                     # room for the arrow
        _pointer(axes, (x, y), tip, color)
    axes.set(aspect="equal", xlabel="x", ylabel="y", title="(b) one particle, two times")
    axes.margins(0.15)
    axes.locator_params(nbins=6)


@rc_context(STYLE)
def figure_8(layer_sizes, activation="relu"):
    """Fig. 8: the layers in detail, with their sizes and numbers of parameters."""
    names = [f"dense, {activation}"] * (len(layer_sizes) - 2) + ["bottleneck  f, linear"]
    rows = [("pair of observations  x, x′", f"2 × {layer_sizes[0]}", "")]
    for name, m, n in zip(names, layer_sizes, layer_sizes[1:]):
        rows.append((name, f"2 × {n}", f"{m} × {n} + {n} = {m * n + n:,}"))
    rows.append(("|f(x) − f(x′)|²", "1", ""))
    rows.append(("sigmoid(w |f(x) − f(x′)|² + b)", "1", "w, b = 2"))
    figure, axes = _blank((10, 0.95 * len(rows) + 0.8), (0, 10), (-len(rows), 0.7))
    for x, head in ((2.9, "layer"), (6.3, "output"), (8.5, "parameters, shared")):
        axes.text(x, 0.35, head, ha="center", va="center", weight="bold")
    for i, (layer, output, parameters) in enumerate(rows):
        color = ORANGE if "bottleneck" in layer else BLUE
        _box(axes, (2.9, -i - 0.5), layer, 5.2, 0.62, color)
        axes.text(6.3, -i - 0.5, output, ha="center", va="center")
        axes.text(8.5, -i - 0.5, parameters, ha="center", va="center")
        if i:
            _arrow(axes, (2.9, -i + 0.19), (2.9, -i - 0.19))
    return figure


def figure_3(x, f, invariants):
    """Fig. 3: bottleneck output f (n,) over the spacetime interval of the events x (n, 4)."""
    label = "spacetime interval  s² = −t² + x² + y² + z²"
    return _panels([(label, invariants["s^2"](x), OUTPUT, f)])


def figure_4(x, f, invariants):
    """Fig. 4: f (n,) over (a) the angular momentum and (b) the energy of the states x (n, 4)."""
    return _panels([
        ("angular momentum  $L = x v_y - y v_x$", invariants["L"](x), OUTPUT, f),
        ("energy  E", invariants["E"](x), OUTPUT, f),
    ])


def figure_5(x, f, invariants):
    """Fig. 5: f² over the energy, as in the paper, and f over the best component of A."""
    components = np.column_stack([invariants["A_x"](x), invariants["A_y"](x)])
    direction, _ = ridge(components, f, alpha=0)
    direction = direction / (np.linalg.norm(direction) or 1)
    name = f"component of A:  ${direction[0]:.2f} A_x {direction[1]:+.2f} A_y$"
    return _panels([
        ("energy  E", invariants["E"](x), "bottleneck output squared  f²", f**2),
        (name, components @ direction, OUTPUT, f),
    ])


def figure_6(x, f, invariants):
    """Fig. 6: f (n,) over the invariants (a) E·B and (b) |B|² − |E|² of the fields x (n, 6)."""
    return _panels([
        ("E·B", invariants["E·B"](x), OUTPUT, f),
        ("|B|² − |E|²", invariants["|B|^2 - |E|^2"](x), OUTPUT, f),
    ])


def figure_7(x, f, invariants):
    """Fig. 7: f (n,) over |B|² − |E|² of the fields x (n, 6), at fixed E·B."""
    return _panels([("|B|² − |E|²", invariants["|B|^2 - |E|^2"](x), OUTPUT, f)])


OF_SYSTEM = {
    "sr": (3, figure_3),
    "cp": (4, figure_4),
    "cp-fixed": (5, figure_5),
    "em": (6, figure_6),
    "em-fixed": (7, figure_7),
}


@rc_context(STYLE)
def figure_9(history):
    """Fig. 9: loss and accuracy on training and test set over the epochs of a training history."""
    figure = Picture(figsize=(11, 4.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy")):
        epochs, training, test = (history[key] for key in ("epoch", name, "test_" + name))
        axes.plot(epochs, training, color=BLUE, label="training", zorder=3)
        axes.plot(epochs, test, color=ORANGE, linewidth=1, label="test")
        axes.set(xlabel="epoch", ylabel="cross-entropy loss" if name == "loss" else name)
        axes.locator_params(axis="x", nbins=6)      # more numbers of four digits would overlap
        axes.legend()
    if max(history["loss"]) > 20 * min(history["loss"]):
        figure.axes[0].set_yscale("log")            # at a high rate, single epochs are far off
    return figure


@rc_context(STYLE)
def _panels(scatters):
    """One scatter per panel, of each (label of x, values (n,), label of y, values (n,))."""
    figure = Picture(figsize=(7, 5) if len(scatters) == 1 else (12, 5), layout="constrained")
    panels = figure.subplots(1, len(scatters), squeeze=False)[0]
    for axes, letter, (x_label, x, y_label, y) in zip(panels, "ab", scatters):
        axes.scatter(x, y, s=5, color=BLUE, alpha=0.35, linewidths=0, rasterized=True)
        axes.set(xlabel=x_label, ylabel=y_label)
        if len(scatters) > 1:
            axes.set_title(f"({letter})", loc="left")
    return figure


def _blank(size, xlim, ylim):
    figure = Picture(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=xlim, ylim=ylim)
    axes.axis("off")
    return figure, axes


def _box(axes, centre, text, width=1.5, height=1.0, color=BLUE):
    """A labelled box; returned to be connected by _arrow."""
    x, y = centre
    axes.text(x, y, text, ha="center", va="center", zorder=3)
    return axes.add_patch(FancyBboxPatch(
        (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0.05,rounding_size=0.1",
        facecolor="white", edgecolor=color, linewidth=2, zorder=2))


def _arrow(axes, start, end):
    """An arrow from the right edge of one box to the left edge of another; a point serves too."""
    def edge(place, side):
        if isinstance(place, tuple):
            return place
        x = place.get_x() + side * place.get_width()
        return x + (2 * side - 1) * 0.1, place.get_y() + place.get_height() / 2
    _pointer(axes, edge(start, 1), edge(end, 0), "0.3", 1.5)


def _pointer(axes, start, end, color, width=2):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": color, "lw": width})


def figures_of_run(system, network, test, history, title=""):
    return {"figure_9": ("Fig. 9: losses and accuracies", lambda: figure_9(history))}
