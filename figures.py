"""The paper's figures, each drawn by one function from the numbers of a run; each returns a Figure.

Colours are those of Okabe & Ito (2008), which stay distinct under colour blindness.
"""

from matplotlib import rc_context
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
STYLE = {"font.size": 15, "axes.labelsize": 17, "axes.spines.top": False, "axes.spines.right": False,
         "lines.linewidth": 2, "legend.frameon": False, "savefig.dpi": 120}


def figure_3(s_squared, f):
    """Fig. 3: bottleneck output f (n,) over the spacetime interval s² (n,), one dot per event."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.subplots()
        _scatter(axes, s_squared, f)
        axes.set(xlabel="spacetime interval  s² = −t² + x² + y² + z²", ylabel="bottleneck output  f")
    return figure


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


def _scatter(axes, x, y):
    axes.scatter(x, y, s=5, color=BLUE, alpha=0.35, linewidths=0, rasterized=True)
