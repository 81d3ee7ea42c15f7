"""The paper's figures, and a few more: each is one function that returns a Picture.

A run draws `figures_of_run`. `python figures.py [FOLDER]` draws Figs. 1, 2 and 8, which show no
result. Colours are from Okabe & Ito (2008) and stay distinct under colour blindness.
"""

import sys

if __name__ == "__main__":              # before Matplotlib is imported, which reads the environment
    from support import process
    process.prepare()

import re
import warnings
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from physics import boosts
from regression import ridge
from siamese import sigmoid

BLUE, ORANGE = "#0072B2", "#D55E00"
OUTPUT = "bottleneck output  f"
MAX_POINTS = 1500                       # of a panel
STYLE = {
    # Matplotlib's own settings, so that the user's do not show; the backend is left to the user.
    **{name: value for name, value in rcParamsDefault.items() if name != "backend"},
    "font.size": 15,
    "axes.labelsize": 17,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 2,
    "legend.frameon": False,
    "mathtext.default": "regular",
    "pdf.fonttype": 42,                 # TrueType, which publishers ask for
}


class Picture(Figure):
    """A Figure that a notebook shows by itself."""

    @rc_context(STYLE)
    def save(self, file, kind="png", dpi=110):
        """Write it to a path or an open binary file, as png of so many dots per inch, or as pdf."""
        self.set_dpi(dpi)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")  # of a column's name
            if kind == "pdf":           # without the time, the same bytes each time
                return self.savefig(file, format=kind, metadata={"CreationDate": None})
            canvas = FigureCanvasAgg(self)              # savefig would draw twice, for the layout
            canvas.draw()
        pixels = np.rint(np.asarray(canvas.buffer_rgba()) / 17) * 17    # 16 levels: half the bytes
        imsave(file, pixels.astype(np.uint8), format="png", dpi=dpi)

    def _repr_png_(self):
        content = BytesIO()
        self.save(content)
        return content.getvalue()


def figures_of_run(system, network, test, history, title=""):
    """{file stem: (caption, function that returns the Picture)} of a run; f at test.x (Pairs)."""
    x, f, names, figures = test.x, network.f(test.x), system.inputs, {}
    varying = {name: each for name, each in system.invariants.items() if name not in system.fixed}
    default = "invariants", f"f over {', '.join(varying)}", figure_invariants
    stem, caption, draw = OF_SYSTEM.get(system.name, default)
    if varying:
        figures[stem] = caption, lambda: titled(draw(x, f, varying), title)
    figures["decision"] = ("f(x) − f(x′) of same and different pairs, and F of eq. (1) over it",
                           partial(figure_decision, network, test))
    if varying and (len(names) == 2 or names[:2] == ("t", "x")):        # other columns can be zero
        figures["levels"] = ("Lines of equal f and of an invariant: the same, if f is a function "
                             "of it", partial(figure_levels, network.f, varying, x, names))
    figures["figure_9"] = "Fig. 9: loss and accuracy", partial(figure_9, history)
    return figures


def figures_of_network(layer_sizes, activation="relu"):
    """The same for the figures that show no result."""
    return {"figure_1": ("Fig. 1: the siamese network", partial(figure_1, layer_sizes, activation)),
            "figure_2": ("Fig. 2: the task", figure_2),
            "figure_8": ("Fig. 8: the layers", partial(figure_8, layer_sizes, activation))}


def titled(figure, title):
    """The figure with a title above all of its panels, wrapped at its width."""
    figure.suptitle(typeset(title), fontsize=STYLE["font.size"], wrap=True)
    return figure


def typeset(text):
    """The text as in print: s^2 and v_x raised and lowered, minus signs."""
    text = re.sub(r"\^([2-9])(?!\d)", lambda found: "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(found[1])], text)
    text = text.replace("$", r"\$").replace("-", "−")
    return re.sub(r"\b([A-Za-z]+)_([A-Za-z0-9]+)\b", r"$\1_{\2}$", text, flags=re.ASCII)


# -------------------------------------------------------------------------------------- what f is

def figure_invariants(x, f, invariants):
    """f (n,) over each of the invariants {label: function of observations (n, d)}, at x (n, d)."""
    return _panels([(typeset(label), each(x), OUTPUT, f) for label, each in invariants.items()])


def figure_3(x, f, invariants):
    """Fig. 3: bottleneck output f (n,) over the spacetime interval of the events x (n, 4)."""
    label = "spacetime interval  s² = −t² + x² + y² + z²"
    return figure_invariants(x, f, {label: invariants["s^2"]})


def figure_4(x, f, invariants):
    """Fig. 4: f (n,) over (a) angular momentum, (b) energy and A of the states x (n, 4)."""
    labels = {"angular momentum  L = x v_y - y v_x": "L", "energy  E": "E", "A_x": "A_x",
              "A_y": "A_y"}
    return figure_invariants(x, f, {label: invariants[name] for label, name in labels.items()})


def figure_5(x, f, invariants):
    """Fig. 5: f² over the energy, as in the paper, and f over the best component of A."""
    components = np.column_stack([invariants["A_x"](x), invariants["A_y"](x)])
    direction, _ = ridge(components, f, alpha=0)
    direction = direction / (np.linalg.norm(direction) or 1)
    sign = "-" if direction[1] < 0 else "+"
    name = f"component of A:  {direction[0]:.2f} A_x {sign} {abs(direction[1]):.2f} A_y"
    return _panels([("energy  E", invariants["E"](x), "bottleneck output squared  f²", f**2),
                    (typeset(name), components @ direction, OUTPUT, f)])


def figure_6(x, f, invariants):
    """Fig. 6: f (n,) over the invariants (a) E·B and (b) |B|² − |E|² of the fields x (n, 6)."""
    return figure_invariants(x, f, invariants)


def figure_7(x, f, invariants):
    """Fig. 7: f (n,) over |B|² − |E|² of the fields x (n, 6), at fixed E·B."""
    return figure_invariants(x, f, {"|B|^2 - |E|^2": invariants["|B|^2 - |E|^2"]})


OF_SYSTEM = {"sr": ("figure_3", "Fig. 3: f over the spacetime interval", figure_3),
             "cp": ("figure_4", "Fig. 4: f over L, E and the components of A", figure_4),
             "cp-fixed": ("figure_5", "Fig. 5: f² over E, and f over a component of A", figure_5),
             "em": ("figure_6", "Fig. 6: f over E·B and |B|² − |E|²", figure_6),
             "em-fixed": ("figure_7", "Fig. 7: f over |B|² − |E|²", figure_7)}


@rc_context(STYLE)
def figure_decision(network, pairs):
    """f(x) - f(x') for same and different pairs (physics.Pairs), and over it F of eq. (1)."""
    f, f_prime = network.f(pairs.x), network.f(pairs.x_prime)
    same, different = f - f_prime, f - f_prime[pairs.partner]
    w, b = float(network.w[0]), float(network.b[0])

    def F(difference):
        return sigmoid(w * difference**2 + b)                                           # eq. (1)
    reach = np.quantile(np.abs(different), 0.9) or 1.0
    figure = Picture(figsize=(8, 5), layout="constrained")
    axes, fine = figure.subplots(), np.linspace(-reach, reach, 1001)
    for values, color, label in ((same, BLUE, "same"), (different, ORANGE, "different")):
        axes.hist(values, fine[::10], color=color, alpha=0.6, label=label, histtype="stepfilled")
    accuracy = np.mean([F(same) <= 0.5, F(different) > 0.5])
    axes.set(xlabel="f(x) − f(x′)", ylabel="pairs", yscale="log",
             title=f"F above 1/2 says “different”: accuracy {accuracy:.3f}")
    right = axes.twinx()
    right.plot(fine, F(fine), color="0.2", label="F(x, x′)")
    right.axhline(0.5, color="0.2", linewidth=1, linestyle=":", label="F = 1/2")
    right.set(ylabel="F(x, x′)", ylim=(0, 1.05))
    right.spines["right"].set_visible(True)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


@rc_context(STYLE)
def figure_levels(f, invariants, x, names):
    """Lines of equal f over the first two columns, and of the first invariant; others are zero.

    f, invariants {label: function}: functions of observations (n, d), as (n,). x: (n, d), observed.
    """
    i, j = (1, 0) if names[0] == "t" else (0, 1)        # time is drawn upwards
    sides = np.linspace(*np.quantile(x, (0.02, 0.98), axis=0), 150)
    across, up = np.meshgrid(sides[:, i], sides[:, j])
    grid = np.zeros((*across.shape, x.shape[1]))
    grid[..., i], grid[..., j] = across, up
    label, invariant = next(iter(invariants.items()))
    figure = Picture(figsize=(6, 5.5), layout="constrained")
    axes = figure.subplots()
    for function, color, style, width, name in (
            (f, BLUE, "solid", 2.5, OUTPUT), (invariant, ORANGE, "dashed", 1.5, typeset(label))):
        values = function(grid.reshape(-1, x.shape[1])).reshape(across.shape)
        levels = np.unique(np.quantile(values, (0.1, 0.3, 0.5, 0.7, 0.9)))
        axes.contour(across, up, values, levels, colors=color, linestyles=style, linewidths=width)
        axes.plot([], [], color=color, linestyle=style, linewidth=width, label=name)
    axes.set(xlabel=typeset(names[i]), ylabel=typeset(names[j]))
    if len(names) > 2:
        axes.set_title(typeset(" = ".join([*names[2:], "0"])))
    figure.legend(loc="outside upper center")
    return figure


@rc_context(STYLE)
def figure_9(history):
    """Fig. 9: loss and accuracy on training and test set over the epochs of a training history."""
    figure = Picture(figsize=(11, 4.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy")):
        epochs, training, test = (history[key] for key in ("epoch", name, "test_" + name))
        axes.plot(epochs, training, color=BLUE, label="training", zorder=3)
        axes.plot(epochs, test, color=ORANGE, linewidth=1, label="test")
        axes.set(xlabel="epoch", ylabel="cross-entropy loss" if name == "loss" else name)
        axes.locator_params(axis="x", nbins=6)          # more numbers of four digits would overlap
        axes.legend()
    if max(history["loss"]) > 20 * min(history["loss"]):
        figure.axes[0].set_yscale("log")                # at a high rate, single epochs are far off
    return figure


# ----------------------------------------------------------------------- the network and its task

@rc_context(STYLE)
def figure_1(layer_sizes, activation="relu"):
    """Fig. 1: the siamese network of these layer sizes; both branches share their weights."""
    hidden = "\n".join(f"{size} {activation}" for size in layer_sizes[1:-1]) or "(no hidden layer)"
    neurons = "1 neuron" if layer_sizes[-1] == 1 else f"{layer_sizes[-1]} neurons"
    figure, axes = _blank((11.5, 4.5), (0.2, 11.2), (0.3, 4.7))
    axes.plot([3.4, 3.4], [1.3, 3.7], color=BLUE, linestyle=":", linewidth=3)
    axes.text(3.6, 2.5, "shared weights", va="center", color=BLUE)
    logit = _box(axes, 8.1, 2.5, "w (f(x) − f(x′))² + b")
    _arrow(axes, logit, _box(axes, 10.4, 2.5, "sigmoid\nF(x, x′)"))
    for y, mark in ((3.7, ""), (1.3, "′")):
        observation = _box(axes, 1, y, f"x{mark}\n{layer_sizes[0]} inputs")
        layers = _box(axes, 3.4, y, hidden)
        bottleneck = _box(axes, 5.7, y, f"f(x{mark})\n{neurons}", ORANGE)
        for start, end in ((observation, layers), (layers, bottleneck), (bottleneck, logit)):
            _arrow(axes, start, end)
    return figure


@rc_context(STYLE)
def figure_2():
    """Fig. 2: (a) an event seen by two observers, β = 0.5; (b) a particle seen at two times."""
    figure = Picture(figsize=(12, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    event = np.array([1.0, 1.4, 0, 0])                                      # t, x, y, z
    boost, = boosts(np.array([0.5]))
    frames = ("", np.eye(4), BLUE, -0.3), ("′", np.linalg.inv(boost), ORANGE, -0.6)
    for mark, frame, color, place in frames:
        t, x = np.linalg.solve(frame, event)[:2]                            # for this observer
        for name, axis, length in (("t", frame[:, 0], t), ("x", frame[:, 1], x)):
            direction = axis[1::-1]                                         # x to the right, t up
            _pointer(left, (0, 0), 1.9 * direction, color)
            left.text(*(2.0 * direction), name + mark, color=color, ha="center", va="center")
            foot = length * axis
            left.plot([event[1], foot[1]], [event[0], foot[0]], color=color, linestyle=":")
        left.text(0.05, place, f"(t{mark}, x{mark}) = ({t:.2f}, {x:.2f})", color=color)
    left.plot(event[1], event[0], "o", color="black", markersize=9)
    left.set(xlim=(-0.2, 2.7), ylim=(-0.75, 2.4), aspect="equal",
             title="(a) one event, two observers")
    left.axis("off")

    def orbit(u):
        """State at the eccentric anomaly u of a Kepler ellipse, of semi-major axis 1."""
        e, b, speed = 0.5, np.sqrt(0.75), 1 / (1 - 0.5 * np.cos(u))
        return np.cos(u) - e, b * np.sin(u), -speed * np.sin(u), b * speed * np.cos(u)
    right.plot(*orbit(np.linspace(0, 2 * np.pi, 201))[:2], color="0.6")
    right.plot(0, 0, "*", color="black", markersize=14)
    for name, u, color in (("first", 0.94, BLUE), ("later", 2.36, ORANGE)):
        x, y, v_x, v_y = orbit(u)
        label = f"{name}:  ({x:.2f}, {y:.2f}, {v_x:.2f}, {v_y:.2f})".replace("-", "−")
        right.plot(x, y, "o", color=color, markersize=9, label=label)
        tip = x + 0.3 * v_x, y + 0.3 * v_y
        right.plot(*tip)                                                    # room for the arrow
        _pointer(right, (x, y), tip, color)
    right.set(aspect="equal", xlabel="x", ylabel="y", ylim=(-1.9, 1.3),
              title="(b) one particle, two times")
    right.margins(x=0.15)
    right.locator_params(nbins=6)
    right.legend(loc="lower center", title=typeset("(x, y, v_x, v_y)"), fontsize=13)
    return figure


@rc_context(STYLE)
def figure_8(layer_sizes, activation="relu"):
    """Fig. 8: the layers in detail, with their sizes and numbers of parameters."""
    names = [f"dense, {activation}"] * (len(layer_sizes) - 2) + ["bottleneck  f, linear"]
    rows = [("pair of observations  x, x′", f"2 × {layer_sizes[0]}", ""),
            *((name, f"2 × {n}", f"{m} × {n} + {n} = {m * n + n:,}")
              for name, m, n in zip(names, layer_sizes, layer_sizes[1:])),
            ("s = |f(x) − f(x′)|²", "1", ""), ("F = sigmoid(w s + b)", "1", "w, b = 2")]
    figure, axes = _blank((10, 0.6 * len(rows) + 1), (0, 1), (0, 1))
    heads = "layer", "output", "parameters, shared"
    table = axes.table(rows, colLabels=heads, bbox=(0, 0, 1, 1), cellLoc="center",
                       edges="horizontal")
    table.auto_set_font_size(False)
    for column in range(3):
        table[len(layer_sizes), column].get_text().set_color(ORANGE)
    return figure


@rc_context(STYLE)
def _panels(scatters):
    """One scatter per panel, of each (label of x, values (n,), label of y, values (n,))."""
    columns = min(len(scatters), 2)
    rows = -(-len(scatters) // columns)
    figure = Picture(figsize=(5.5 * columns + 1, 4.4 * rows), layout="constrained")
    for number, (x_label, x, y_label, y) in enumerate(scatters):
        axes = figure.add_subplot(rows, columns, number + 1, xlabel=x_label, ylabel=y_label)
        axes.scatter(x[:MAX_POINTS], y[:MAX_POINTS], s=5, color=BLUE, alpha=0.35, linewidths=0,
                     rasterized=True)
        if len(scatters) > 1:
            axes.set_title(f"({chr(ord('a') + number)})", loc="left")
    return figure


def _blank(size, xlim, ylim):
    figure = Picture(figsize=size, layout="constrained")
    axes = figure.add_subplot(xlim=xlim, ylim=ylim)
    axes.axis("off")
    return figure, axes


def _box(axes, x, y, text, color=BLUE):
    """A text in a box, at its centre; returned to be connected by _arrow."""
    frame = {"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": color, "linewidth": 2}
    return axes.text(x, y, text, ha="center", va="center", linespacing=1.4, bbox=frame)


def _arrow(axes, start, end):
    """An arrow from one box to another."""
    axes.annotate("", end.get_position(), start.get_position(), arrowprops={
        "arrowstyle": "->", "color": "0.3", "lw": 1.5, "shrinkA": 4, "shrinkB": 4,
        "patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()})


def _pointer(axes, start, end, color):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": color, "lw": 2})


def main(*arguments):
    """Draw the figures that show no result, of the paper's network, into a folder."""
    folder = Path(*arguments[:1])
    if len(arguments) > 1 or str(folder).startswith("-"):
        sys.exit("usage: python figures.py [FOLDER]")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, (_, draw) in figures_of_network((4, 200, 200, 1)).items():
            draw().save(folder / f"{name}.png")
    except OSError as error:
        sys.exit(f"figures.py: cannot write to {folder}: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
