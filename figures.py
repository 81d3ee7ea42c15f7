"""The paper's figures, each drawn by one function from the numbers of a run; each returns a Figure.

Colours are those of Okabe & Ito (2008), which stay distinct under colour blindness.
"""

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from physics import boosts, energy, evolve, sample_orbits
from regression import ridge

BLUE, ORANGE = "#0072B2", "#D55E00"
OUTPUT = "bottleneck output  f"
STYLE = {"font.size": 15, "axes.labelsize": 17, "axes.spines.top": False, "axes.spines.right": False,
         "lines.linewidth": 2, "legend.frameon": False}


def figure_1(layer_sizes, activation="relu"):
    """Fig. 1: the siamese network of these layer sizes; both branches share their weights."""
    inner = "\n".join(f"{size} {activation}" for size in layer_sizes[1:-1])
    k = layer_sizes[-1]
    with rc_context(STYLE):
        figure, axes = _blank((11, 5), (0, 11), (0, 5))
        for y, mark in ((3.7, ""), (1.3, "′")):
            observation = _box(axes, (1, y), f"x{mark}\n{layer_sizes[0]} inputs")
            network = _box(axes, (3.4, y), inner or "(no hidden layer)", width=1.8, height=1.9)
            bottleneck = _box(axes, (5.7, y), f"f(x{mark})\n{k} neuron{'s' if k > 1 else ''}", color=ORANGE)
            _arrow(axes, observation, network)
            _arrow(axes, network, bottleneck)
            _arrow(axes, bottleneck, (6.95, 2.5))
        axes.plot([3.4, 3.4], [2.3, 2.7], color=BLUE, linestyle=":", linewidth=3)
        axes.text(3.6, 2.5, "shared weights", va="center", color=BLUE)
        difference = _box(axes, (8, 2.5), "(f(x) − f(x′))²", width=1.9)
        output = _box(axes, (10.2, 2.5), "sigmoid\nF(x, x′)", width=1.3)
        _arrow(axes, difference, output)
    return figure


def figure_2():
    """Fig. 2: (a) one event seen by two observers, β = 0.5; (b) one particle seen twice on its orbit."""
    with rc_context(STYLE):
        figure = Figure(figsize=(12, 5.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        event = np.array([1.0, 1.4, 0, 0])                                          # t, x, y, z
        boost = boosts(np.array([0.5]))
        for name, frame, color in (("", np.eye(4), BLUE), ("′", np.linalg.inv(boost[0]), ORANGE)):
            t, x = np.linalg.solve(frame, event)[:2]                                # as this observer measures it
            for axis, length in ((frame[:, 0], t), (frame[:, 1], x)):
                left.annotate("", 1.9 * axis[1::-1], (0, 0), arrowprops={"arrowstyle": "->", "color": color, "lw": 2})
                foot = length * axis
                left.plot([event[1], foot[1]], [event[0], foot[0]], color=color, linestyle=":")
            for axis, label in ((frame[:, 0], "t"), (frame[:, 1], "x")):
                left.text(*(2.0 * axis[1::-1]), label + name, color=color, ha="center", va="center")
            left.text(0.05, -0.3 if not name else -0.6, f"(t{name}, x{name}) = ({t:.2f}, {x:.2f})", color=color)
        left.plot(event[1], event[0], "o", color="black", markersize=9)
        left.set(xlim=(-0.2, 2.7), ylim=(-0.75, 2.4), aspect="equal", title="(a) one event, two observers")
        left.axis("off")

        state, _ = sample_orbits(1, np.random.default_rng(0))
        turn = 2 * np.pi * np.sqrt(-0.5 / energy(state))
        orbit = evolve(np.repeat(state, 200, axis=0), turn * np.linspace(0, 1, 200))
        right.plot(*orbit[:, :2].T, color="0.6")
        right.plot(0, 0, "*", color="black", markersize=14)
        for (x, y, v_x, v_y), color, label in ((orbit[0], BLUE, "x"), (orbit[70], ORANGE, "x′")):
            right.plot(x, y, "o", color=color, markersize=9, label=f"{label} = ({x:.2f}, {y:.2f}, {v_x:.2f}, {v_y:.2f})")
            tip = x + 0.3 * v_x, y + 0.3 * v_y
            right.plot(*tip)                                                        # makes room for the arrow
            right.annotate("", tip, (x, y), arrowprops={"arrowstyle": "->", "color": color, "lw": 2})
        right.set(aspect="equal", xlabel="x", ylabel="y", title="(b) one particle, two times")
        right.margins(0.15)
        right.locator_params(nbins=6)
        figure.legend(loc="outside lower right")
    return figure


def figure_8(layer_sizes, activation="relu"):
    """Fig. 8: the layers in detail, with their sizes and numbers of parameters."""
    rows = [("pair of observations  x, x′", f"2 × {layer_sizes[0]}", "")]
    for i, (m, n) in enumerate(zip(layer_sizes, layer_sizes[1:])):
        last = i == len(layer_sizes) - 2
        rows.append(("bottleneck  f, linear" if last else f"dense, {activation}", f"2 × {n}", f"{m} × {n} + {n} = {m * n + n:,}"))
    rows += [("|f(x) − f(x′)|²", "1", ""), ("sigmoid(w |f(x) − f(x′)|² + b)", "1", "w, b = 2")]
    with rc_context(STYLE):
        figure, axes = _blank((10, 0.95 * len(rows) + 0.8), (0, 10), (-len(rows), 0.7))
        for x, head in ((2.9, "layer"), (6.3, "output"), (8.5, "parameters, shared")):
            axes.text(x, 0.35, head, ha="center", va="center", weight="bold")
        for i, (layer, output, parameters) in enumerate(rows):
            _box(axes, (2.9, -i - 0.5), layer, width=5.2, height=0.62, color=ORANGE if "bottleneck" in layer else BLUE)
            axes.text(6.3, -i - 0.5, output, ha="center", va="center")
            axes.text(8.5, -i - 0.5, parameters, ha="center", va="center")
            if i:
                _arrow(axes, (2.9, -i + 0.19), (2.9, -i - 0.19))
    return figure


def figure_3(x, f, invariants):
    """Fig. 3: bottleneck output f (n,) over the spacetime interval of the events x (n, 4)."""
    return _panels(f, {"spacetime interval  s² = −t² + x² + y² + z²": invariants["s^2"](x)})


def figure_4(x, f, invariants):
    """Fig. 4: f (n,) over (a) the angular momentum and (b) the energy of the states x (n, 4)."""
    return _panels(f, {"angular momentum  $L = x v_y - y v_x$": invariants["L"](x), "energy  E": invariants["E"](x)})


def figure_5(x, f, invariants):
    """Fig. 5: the paper's f² over the energy, and f over the component of A that it follows best."""
    components = np.column_stack([invariants["A_x"](x), invariants["A_y"](x)])
    direction, _ = ridge(components, f, alpha=0)
    direction = direction / (np.linalg.norm(direction) or 1)
    name = f"component of A:  ${direction[0]:.2f} A_x {direction[1]:+.2f} A_y$"
    return _panels(f, {"energy  E": invariants["E"](x), name: components @ direction},
                   [f**2, f], ["bottleneck output squared  f²", OUTPUT])


def figure_6(x, f, invariants):
    """Fig. 6: f (n,) over the two invariants (a) E·B and (b) |B|² − |E|² of the fields x (n, 6)."""
    return _panels(f, {"E·B": invariants["E·B"](x), "|B|² − |E|²": invariants["|B|^2 - |E|^2"](x)})


def figure_7(x, f, invariants):
    """Fig. 7: f (n,) over |B|² − |E|² of the fields x (n, 6), at fixed E·B."""
    return _panels(f, {"|B|² − |E|²": invariants["|B|^2 - |E|^2"](x)})


OF_SYSTEM = {"sr": (3, figure_3), "cp": (4, figure_4), "cp-fixed": (5, figure_5), "em": (6, figure_6), "em-fixed": (7, figure_7)}


def figure_alignment(eigenvalues):
    """The lowest eigenvalues of the gradient alignment over the order of the polynomials: {"1": [...], ...}.

    Where one of them lies far below the next, there is one combination of that order that f is a function of.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.subplots()
        lowest, others = zip(*((first, rest) for first, *rest in eigenvalues.values()))
        orders = [int(order) for order in eigenvalues]
        axes.plot([order for order, rest in zip(orders, others) for _ in rest], sum(others, []), "o", color=BLUE, label="next")
        axes.plot(orders, lowest, "o", color=ORANGE, markersize=9, label="lowest")
        axes.set(yscale="log", xlabel="order of the polynomial", ylabel="mean squared sine between\nthe gradients",
                 xticks=orders)
        axes.margins(0.15)
        axes.legend()
    return figure


def figure_9(history):
    """Fig. 9: loss and accuracy on training and test set over the epochs of a history (training.fit)."""
    with rc_context(STYLE):
        figure = Figure(figsize=(11, 4.5), layout="constrained")
        for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy")):
            axes.plot(history["epoch"], history[name], color=BLUE, label="training", zorder=3)
            axes.plot(history["epoch"], history["test_" + name], color=ORANGE, linewidth=1, label="test")
            axes.set(xlabel="epoch", ylabel="cross-entropy loss" if name == "loss" else name)
            axes.locator_params(axis="x", nbins=6)          # numbers of four digits run into each other otherwise
            axes.legend()
        if max(history["loss"]) > 20 * min(history["loss"]):
            figure.axes[0].set_yscale("log")            # at a high learning rate single epochs are far off
    return figure


def _panels(f, quantities, outputs=None, labels=None):
    """Scatter of f, or of one output per panel, over each of the named quantities (n,)."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 5) if len(quantities) == 1 else (12, 5), layout="constrained")
        for i, (axes, (name, values)) in enumerate(zip(figure.subplots(1, len(quantities), squeeze=False)[0], quantities.items())):
            axes.scatter(values, outputs[i] if outputs else f, s=5, color=BLUE, alpha=0.35, linewidths=0, rasterized=True)
            axes.set(xlabel=name, ylabel=labels[i] if labels else OUTPUT)
            if len(quantities) > 1:
                axes.set_title(f"({'ab'[i]})", loc="left")
    return figure


def _blank(size, xlim, ylim):
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=xlim, ylim=ylim)
    axes.axis("off")
    return figure, axes


def _box(axes, centre, text, width=1.5, height=1.0, color=BLUE):
    """A labelled box; returned to be connected by _arrow."""
    axes.text(*centre, text, ha="center", va="center", zorder=3)
    return axes.add_patch(FancyBboxPatch(
        (centre[0] - width / 2, centre[1] - height / 2), width, height, boxstyle="round,pad=0.05,rounding_size=0.1",
        facecolor="white", edgecolor=color, linewidth=2, zorder=2))


def _arrow(axes, start, end):
    """An arrow from the right edge of one box, or from a point, to the left edge of another, or to a point."""
    def edge(place, side):
        if isinstance(place, tuple):
            return place
        return place.get_x() + side * place.get_width() + (2 * side - 1) * 0.1, place.get_y() + place.get_height() / 2
    axes.annotate("", edge(end, 0), edge(start, 1), arrowprops={"arrowstyle": "->", "color": "0.3", "lw": 1.5})
