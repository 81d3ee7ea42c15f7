"""The paper's figures, each drawn by one function from the numbers of a run; each returns a Figure.

Colours are those of Okabe & Ito (2008), which stay distinct under colour blindness.
"""

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from regression import ridge

BLUE, ORANGE = "#0072B2", "#D55E00"
OUTPUT = "bottleneck output  f"
STYLE = {"font.size": 15, "axes.labelsize": 17, "axes.spines.top": False, "axes.spines.right": False,
         "lines.linewidth": 2, "legend.frameon": False, "savefig.dpi": 120}


def figure_3(x, f, invariants):
    """Fig. 3: bottleneck output f (n,) over the spacetime interval of the events x (n, 4)."""
    return _panels(f, {"spacetime interval  s² = −t² + x² + y² + z²": invariants["s^2"](x)})


def figure_4(x, f, invariants):
    """Fig. 4: f (n,) over (a) the angular momentum and (b) the energy of the states x (n, 4)."""
    return _panels(f, {"angular momentum  L = x v_y − y v_x": invariants["L"](x), "energy  E": invariants["E"](x)})


def figure_5(x, f, invariants):
    """Fig. 5: the paper's f² over the energy, and f over the component of A that it follows best."""
    components = np.column_stack([invariants["A_x"](x), invariants["A_y"](x)])
    direction, _ = ridge(components, f, alpha=0)
    direction = direction / np.linalg.norm(direction)
    name = f"{direction[0]:.2f} A_x {'−' if direction[1] < 0 else '+'} {abs(direction[1]):.2f} A_y"
    return _panels(f, {"energy  E": invariants["E"](x), f"Laplace-Runge-Lenz vector  {name}": components @ direction},
                   [f**2, f], ["bottleneck output squared  f²", OUTPUT])


def figure_6(x, f, invariants):
    """Fig. 6: f (n,) over the two invariants (a) E·B and (b) |B|² − |E|² of the fields x (n, 6)."""
    return _panels(f, {"E·B": invariants["E·B"](x), "|B|² − |E|²": invariants["|B|^2 - |E|^2"](x)})


def figure_7(x, f, invariants):
    """Fig. 7: f (n,) over |B|² − |E|² of the fields x (n, 6), at fixed E·B."""
    return _panels(f, {"|B|² − |E|²": invariants["|B|^2 - |E|^2"](x)})


OF_SYSTEM = {"sr": (3, figure_3), "cp": (4, figure_4), "cp-fixed": (5, figure_5), "em": (6, figure_6), "em-fixed": (7, figure_7)}


def figure_9(history):
    """Fig. 9: loss and accuracy on training and test set over the epochs of a history (siamese.fit)."""
    with rc_context(STYLE):
        figure = Figure(figsize=(11, 4.5), layout="constrained")
        for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy")):
            axes.plot(history["epoch"], history[name], color=BLUE, label="training")
            axes.plot(history["epoch"], history["test_" + name], color=ORANGE, linestyle="--", label="test")
            axes.set(xlabel="epoch", ylabel="cross-entropy loss" if name == "loss" else name)
            axes.legend()
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
