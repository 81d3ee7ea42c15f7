"""Draw the pictures of the course's pages: python docs/course/pictures.py (half a minute)"""

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from matplotlib import rc_context

import physics
import siamese
import train
from figures import BLUE, ORANGE, STYLE, Picture

FOLDER = Path(__file__).resolve().parent / "figures"
SMALL = {**STYLE, "font.size": 12, "axes.labelsize": 13}


def draw_siamese():
    """Three classes of momenta; one f takes them to a line, where each class is a point."""
    picture = Picture(figsize=(9.5, 3.6), layout="constrained")
    plane, line = picture.subplots(1, 2, width_ratios=(1, 1.6))
    rng = np.random.default_rng(1)
    for total, color, mark in ((-1.5, BLUE, "o"), (0, ORANGE, "s"), (1.5, "0.3", "^")):
        p = np.clip(total / 2 + rng.uniform(-1.1, 1.1, 5), -1.9, 1.9)
        plane.plot([-2, 2], [total + 2, total - 2], color=color, linewidth=1, linestyle=":")
        plane.plot(p, total - p, mark, color=color)
        line.plot(total + 0.05 * rng.standard_normal(5), np.full(5, 0.5), mark, color=color)
        line.text(total, 0.55, f"f = {total}", ha="center", color=color)
    plane.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xlabel="$p_1$", ylabel="$p_2$",
              title="collisions: three classes")
    line.annotate("", (2.3, 0.5), (-2.1, 0.5), arrowprops={"arrowstyle": "->", "zorder": 0})
    for start, end, y, text, color in ((-1.5, 0, 0.4, "different: F near 1", ORANGE),
                                       (-1.62, -1.38, 0.25, "same: F near 0", BLUE)):
        line.plot([start, start, end, end], [y + 0.02, y, y, y + 0.02], color=color)
        line.text((start + end) / 2, y - 0.05, text, ha="center", va="center", color=color)
    line.set(xlim=(-2.2, 2.5), ylim=(0.1, 0.65),
             title="$f = p_1 + p_2$, for both members of a pair")
    line.axis("off")
    return picture


def draw_backward():
    """Forward in blue, from left to right; gradients in orange, back."""
    picture = Picture(figsize=(10.5, 4), layout="constrained")
    axes = picture.add_subplot(xlim=(0, 10.6), ylim=(0.1, 4))
    axes.axis("off")
    for text, x, y in (("x", 0.5, 3.5), ("x′", 0.5, 0.7), ("f(x)", 3.7, 3.5), ("f(x′)", 3.7, 0.7),
                       ("d = f(x) − f(x′)", 5.8, 2.1), ("z = w d² + b", 8.3, 2.1),
                       ("F", 10.2, 2.1)):
        axes.text(x, y, text, ha="center", va="center", bbox={
            "boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": BLUE, "lw": 1.5})
    for start, end, back, x, y in (
            ((0.8, 3.5), (3.2, 3.5), "δW: from +g", 2, 3.15),
            ((0.8, 0.7), (3.2, 0.7), "δW: from −g", 2, 0.35),
            ((4.1, 3.2), (5.2, 2.45), "+g", 4.3, 2.65),
            ((4.1, 1.0), (5.2, 1.75), "−g", 5.0, 1.25),
            ((6.65, 2.1), (7.6, 2.1), "g = 2w d δz", 7.1, 1.6),
            ((9.05, 2.1), (9.9, 2.1), "δz = F − y", 9.5, 1.6)):
        along = np.subtract(end, start)
        across = 0.1 * np.array([-along[1], along[0]]) / np.hypot(*along)
        for first, last, color in ((start, end, BLUE), (end, start, ORANGE)):
            shift = across if color == BLUE else -across
            axes.annotate("", last + shift, first + shift,
                          arrowprops={"arrowstyle": "->", "color": color, "lw": 1.5})
        axes.text(x, y, back, ha="center", va="center", color=ORANGE)
    axes.plot([2, 2], [0.95, 2.95], color="0.4", linestyle=":", linewidth=3)
    axes.text(2.15, 2.1, "one and the same W:\nits gradient is the sum", va="center", color="0.3")
    axes.text(8.3, 2.75, "δw = Σ δz d²,  δb = Σ δz", ha="center", color=ORANGE)
    return picture


def train_network(name, outputs, pairs, schedule, snapshots=()):
    """A trained network, its test observations, and f of these after the epochs `snapshots`."""
    system, (data, initial, batches) = physics.SYSTEMS[name], physics.seed_streams(0)
    pairs, test_pairs = physics.sample_sets(system, data, pairs)
    network = siamese.SiameseNetwork((len(system.inputs), 200, 32, outputs), initial)
    kept = {0: network.bottleneck(test_pairs.x)}

    def keep(history):
        if len(history["epoch"]) in snapshots:
            kept[len(history["epoch"])] = network.bottleneck(test_pairs.x)
    train.fit(network, pairs, test_pairs, schedule, batches, keep)
    return network, test_pairs.x, kept


def draw_training():
    """f over s² before the training and after some epochs of `python train.py --system sr`."""
    _, x, kept = train_network("sr", 1, 50_000, siamese.SCHEDULES["quick"], (1, 2, 5, 15, 65))
    picture = Picture(figsize=(9, 4.6), layout="constrained")
    for number, (epoch, f) in enumerate(kept.items(), 1):
        axes = picture.add_subplot(2, 3, number, title=f"epoch {epoch}" if epoch else "before")
        axes.scatter(physics.interval(x)[:500], f[:500, 0], s=4, color=BLUE, linewidths=0)
    picture.supxlabel("spacetime interval  s²")
    picture.supylabel("f")
    return picture


def draw_two():
    """Outputs of a bottleneck of two, turned to their principal axes, for em and cp."""
    picture = Picture(figsize=(10, 3.5), layout="constrained")
    schedule = siamese.Schedule(2.5, epochs=40, decay=0.93, in_batch_negatives=True)
    turned = {}
    for name in ("em", "cp"):
        network, x, _ = train_network(name, 2, 20_000, schedule)
        f = network.bottleneck(x).astype(float)
        f -= f.mean(axis=0)
        turned[name] = x, f, f @ np.linalg.svd(f, full_matrices=False)[2].T
    (_, f, _), (x, _, axis) = turned["em"], turned["cp"]
    for number, (title, across, up, labels) in enumerate((
            ("em: two neurons, one function", *f.T, ("f$_1$", "f$_2$")),
            ("cp: first axis", physics.angular_momentum(x), axis[:, 0], ("L", "first axis")),
            ("cp: second axis", physics.laplace_runge_lenz(x)[:, 0], axis[:, 1],
             ("A$_x$", "second axis"))), 1):
        axes = picture.add_subplot(1, 3, number, title=title, xlabel=labels[0], ylabel=labels[1])
        axes.scatter(across[:500], up[:500], s=4, color=BLUE, linewidths=0)
        if number == 3:
            axes.set_ylim(-8, 8)                        # the scale of the first axis
    return picture


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, draw in (("siamese", draw_siamese), ("backward", draw_backward),
                       ("training", draw_training), ("two", draw_two)):
        with rc_context(SMALL):
            draw().save(FOLDER / f"{name}.png", dpi=80)


if __name__ == "__main__":
    main()
