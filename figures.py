"""The paper's figures, and a few more: each is one function that returns a Picture.

A run draws `figures_of_run`, and `python figures.py` Figs. 1, 2 and 8, which show no result.
"""

import sys

if __name__ == "__main__":              # before Matplotlib is imported, which reads the environment
    from support import process
    process.prepare()

from pathlib import Path

import numpy as np

from physics import boosts, evolve
from regression import ridge
from siamese import sigmoid
from support.checks import UserError
from support.options import exit_status
from support.picture import BLUE, ORANGE, STYLE, Picture, rc_context
from support.typeset import format_label

OUTPUT = "bottleneck output  f"
QUANTITIES = {"s^2": "spacetime interval  s²", "L": "angular momentum  L", "E": "energy  E"}
MAX_POINTS = 1500                       # of a panel


def figures_of_run(system, network, test, history, title=""):
    """{file stem: (caption, function that returns the Picture)} of a run; f at test.x (Pairs)."""
    x, f, names = test.x, network.f(test.x), system.inputs
    varying = {name: each for name, each in system.invariants.items() if name not in system.fixed}
    others_can_be_zero = len(names) == 2 or names[:2] == ("t", "x")
    first, over, figure_first = OF_SYSTEM.get(
        system.name, ("invariants", f"f over {', '.join(varying)}", figure_invariants))
    table = [                           # whether a run has it, file stem, caption, function
        (varying, first, over, lambda: titled(figure_first(x, f, varying), title)),
        (True, "decision", "f(x) − f(x′) of same and different pairs, and F of eq. (1) over it",
         lambda: figure_decision(network, test)),
        (varying and others_can_be_zero, "levels",
         "Lines of equal f and of an invariant: the same, if f is a function of it",
         lambda: figure_levels(network.f, varying, x, names)),
        (True, "figure_9", "Fig. 9: loss and accuracy", lambda: figure_9(history))]
    return {stem: (caption, draw) for is_drawn, stem, caption, draw in table if is_drawn}


def titled(figure, title):
    """The figure with a title above all of its panels, wrapped at its width."""
    figure.suptitle(format_label(title), fontsize=STYLE["font.size"], wrap=True)
    return figure


# -------------------------------------------------------------------------------------- what f is

def figure_invariants(x, f, invariants):
    """Figs. 3, 4, 6, 7: f (n,) at observations x (n, d) over each of {name: function of x}."""
    return _panels([(format_label(QUANTITIES.get(name, name)), each(x), OUTPUT, f)
                    for name, each in invariants.items()])


def figure_5(x, f, invariants):
    """Fig. 5: f² over the energy, as in the paper, and f over the best component of A."""
    components = np.column_stack([invariants["A_x"](x), invariants["A_y"](x)])
    direction, _ = ridge(components, f, alpha=0)
    direction = direction / (np.linalg.norm(direction) or 1)
    sign = "-" if direction[1] < 0 else "+"
    name = f"component of A:  {direction[0]:.2f} A_x {sign} {abs(direction[1]):.2f} A_y"
    return _panels([(QUANTITIES["E"], invariants["E"](x), "bottleneck output squared  f²", f**2),
                    (format_label(name), components @ direction, OUTPUT, f)])


OF_SYSTEM = {
    "sr": ("figure_3", "Fig. 3: f over the spacetime interval", figure_invariants),
    "cp": ("figure_4", "Fig. 4: f over L, E and the components of A", figure_invariants),
    "cp-fixed": ("figure_5", "Fig. 5: f² over E, and f over a component of A", figure_5),
    "em": ("figure_6", "Fig. 6: f over E·B and |B|² − |E|²", figure_invariants),
    "em-fixed": ("figure_7", "Fig. 7: f over |B|² − |E|²", figure_invariants)}


@rc_context(STYLE)
def figure_decision(network, pairs):
    """f(x) - f(x') for same and different pairs (physics.Pairs), and over it F of eq. (1)."""
    f, f_prime = network.f(pairs.x), network.f(pairs.x_prime)
    same, different = f - f_prime, f - f_prime[pairs.partner]
    _, accuracy = network.evaluate(*pairs.numbered())
    reach = np.quantile(np.abs(different), 0.9) or 1.0
    fine = np.linspace(-reach, reach, 1001)
    figure = Picture(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for values, color, label in ((same, BLUE, "same"), (different, ORANGE, "different")):
        counts, edges = np.histogram(values, fine[::10])
        axes.stairs(counts, edges, fill=True, color=color, alpha=0.6, label=label)
    axes.set(xlabel="f(x) − f(x′)", ylabel="pairs", yscale="log",
             title=f"F above 1/2 says “different”: accuracy {accuracy:.3f}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    right = axes.twinx()
    F = sigmoid(float(network.w[0]) * fine**2 + float(network.b[0]))                    # eq. (1)
    right.plot(fine, F, color="0.2", label="F(x, x′)")
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
    sides = np.linspace(*np.quantile(x, (0.02, 0.98), axis=0), 100)
    across, up = np.meshgrid(sides[:, i], sides[:, j])
    grid = np.zeros((*across.shape, x.shape[1]))
    grid[..., i], grid[..., j] = across, up
    label, invariant = next(iter(invariants.items()))
    figure = Picture(figsize=(6, 5.5), layout="constrained")
    axes = figure.subplots()
    for function, color, style, width, name in (
            (f, BLUE, "solid", 2.5, OUTPUT), (invariant, ORANGE, "dashed", 1.5, label)):
        values = function(grid.reshape(-1, x.shape[1])).reshape(across.shape)
        levels = np.unique(np.quantile(values, (0.1, 0.3, 0.5, 0.7, 0.9)))
        axes.contour(across, up, values, levels, colors=color, linestyles=style, linewidths=width)
        axes.plot([], [], color=color, linestyle=style, linewidth=width, label=format_label(name))
    axes.set(xlabel=format_label(names[i]), ylabel=format_label(names[j]))
    if len(names) > 2:
        axes.set_title(format_label(" = ".join([*names[2:], "0"])))
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
    output = _box(axes, 10.4, 2.5, "sigmoid\nF(x, x′)")
    logit = _box(axes, 8.1, 2.5, "w (f(x) − f(x′))² + b", output)
    for y, mark in ((3.7, ""), (1.3, "′")):
        bottleneck = _box(axes, 5.7, y, f"f(x{mark})\n{neurons}", logit, ORANGE)
        layers = _box(axes, 3.4, y, hidden, bottleneck)
        _box(axes, 1, y, f"x{mark}\n{layer_sizes[0]} inputs", layers)
    return figure


@rc_context(STYLE)
def figure_2():
    """Fig. 2: (a) an event seen by two observers, β = 0.5; (b) a particle seen at two times."""
    figure = Picture(figsize=(12, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    event = np.array([1.0, 1.4, 0, 0])                                      # t, x, y, z
    for mark, beta, color, height in (("", 0, BLUE, -0.3), ("′", 0.5, ORANGE, -0.6)):
        boost, inverse = boosts(np.array([beta, -beta]))
        t, x = (boost @ event)[:2]                                          # for this observer
        for name, axis, length in (("t", inverse[:, 0], t), ("x", inverse[:, 1], x)):
            direction = axis[1::-1]                                         # x to the right, t up
            _arrow(left, (0, 0), 1.9 * direction, color)
            left.text(*(2.0 * direction), name + mark, color=color, ha="center", va="center")
            left.plot(*zip(event[1::-1], length * direction), color=color, linestyle=":")
        left.text(0.05, height, f"(t{mark}, x{mark}) = ({t:.2f}, {x:.2f})", color=color)
    left.plot(*event[1::-1], "o", color="black", markersize=9)
    left.set(xlim=(-0.2, 2.7), ylim=(-0.75, 2.4), aspect="equal",
             title="(a) one event, two observers")
    left.axis("off")

    # The ellipse of semi-major axis 1 and eccentricity 1/2, once around from its pericentre.
    orbit = evolve(np.tile([0.5, 0, 0, np.sqrt(3)], (201, 1)), np.linspace(0, 2 * np.pi, 201))
    right.plot(*orbit.T[:2], color="0.6")
    right.plot(0, 0, "*", color="black", markersize=14)
    for name, state, color in (("first", orbit[30], BLUE), ("later", orbit[75], ORANGE)):
        place, tip = state[:2], state[:2] + 0.3 * state[2:]
        numbers = ", ".join(f"{number:.2f}" for number in state).replace("-", "−")
        right.plot(*place, "o", color=color, markersize=9, label=f"{name}:  ({numbers})")
        right.plot(*tip)                                                    # room for the arrow
        _arrow(right, place, tip, color)
    right.set(aspect="equal", xlabel="x", ylabel="y", ylim=(-1.9, 1.3),
              title="(b) one particle, two times")
    right.margins(x=0.15)
    right.locator_params(nbins=6)
    right.legend(loc="lower center", title=format_label("(x, y, v_x, v_y)"), fontsize=13)
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
    table = axes.table(rows, colLabels=("layer", "output", "parameters, shared"),
                       bbox=(0, 0, 1, 1), cellLoc="center", edges="horizontal")
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


def _box(axes, x, y, text, target=None, color=BLUE):
    """A text in a box at its centre, with an arrow to the target, which is another such box."""
    frame = {"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": color, "linewidth": 2}
    arrow = {"arrowstyle": "->", "color": "0.3", "lw": 1.5, "shrinkA": 4, "shrinkB": 4,
             "patchB": target.get_bbox_patch()} if target else None
    return axes.annotate(text, target.get_position() if target else (x, y), (x, y), bbox=frame,
                         arrowprops=arrow, ha="center", va="center", linespacing=1.4)


def _arrow(axes, start, end, color):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": color, "lw": 2})


def main(*arguments):
    """Draw the figures that show no result, of the paper's network, into a folder."""
    folder, layer_sizes = Path(*arguments[:1]), (4, 200, 200, 1)
    if len(arguments) > 1 or str(folder).startswith("-"):
        raise UserError("it takes one folder: python figures.py [FOLDER]")
    folder.mkdir(parents=True, exist_ok=True)
    figure_1(layer_sizes).save(folder / "figure_1.png")
    figure_2().save(folder / "figure_2.png")
    figure_8(layer_sizes).save(folder / "figure_8.png")


if __name__ == "__main__":
    sys.exit(exit_status("figures.py", lambda: main(*sys.argv[1:])))
