"""The paper's figures show the numbers that they are given."""

import subprocess
import sys

import numpy as np
import pytest

import figures
import physics
from helpers import ROOT

S2, L, E, A_Y, E_DOT_B, B2_E2 = "s^2", "L", "E", "A_y", "E·B", "|B|^2 - |E|^2"
PANELS = {3: [S2], 4: [L, E], 5: [E, A_Y], 6: [E_DOT_B, B2_E2], 7: [B2_E2]}


@pytest.mark.parametrize("name", figures.OF_SYSTEM)
def test_the_figures_of_a_system_show_f_over_its_invariants(name):
    system = physics.SYSTEMS[name]
    number, figure = figures.OF_SYSTEM[name]
    x, _ = system.sample(200, np.random.default_rng(0))
    invariants = {known: invariant(x) for known, invariant in system.invariants.items()}
    f = 2 * list(invariants.values())[-1] + 1                   # of s², A_y or |B|² - |E|²
    panels = figure(x, f, system.invariants).axes
    assert len(panels) == len(PANELS[number])
    for axes, known in zip(panels, PANELS[number]):
        squared = (number, known) == (5, E)                     # in Fig. 5a
        expected = np.column_stack([invariants[known], f**2 if squared else f])
        assert axes.collections[0].get_offsets().data == pytest.approx(expected)
        assert axes.get_xlabel() and ("squared" in axes.get_ylabel()) == squared


def words(figure):
    return " ".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_figures_1_and_8_show_the_actual_layer_sizes():
    first, eighth = [words(figure((7, 50, 30, 2), "tanh")) for figure in (figures.figure_1, figures.figure_8)]
    assert all(size in first for size in ("7 inputs", "50 tanh\n30 tanh", "2 neurons"))
    assert all(size in eighth for size in ("2 × 7", "7 × 50 + 50 = 400", "30 × 2 + 2 = 62"))


def test_figure_2_shows_one_event_in_two_frames_and_one_orbit_at_two_times():
    figure = figures.figure_2()
    assert "(t, x) = (1.00, 1.40)" in words(figure)
    assert "(t′, x′) = (0.35, 1.04)" in words(figure)           # γ (t - β x), γ (x - β t) at β = 1/2
    states = [text.get_text().split("(")[1].strip(")") for text in figure.legends[0].get_texts()]
    first, second = [np.array([[float(number) for number in state.split(",")]]) for state in states]
    assert not np.allclose(first, second, atol=0.1)
    for state in (first, second):                               # of two decimals; semi-major axis 1, eccentricity 1/2
        assert physics.energy(state) == pytest.approx(-0.5, abs=0.02)
        assert physics.angular_momentum(state) == pytest.approx(np.sqrt(0.75), abs=0.02)
        assert physics.laplace_runge_lenz(state)[0] == pytest.approx([0.5, 0], abs=0.04)
    event, orbit = figure.axes
    places = {text.get_text(): text.get_position() for text in event.texts}
    fast, slow = 2 * 1.1547, 1.1547                             # axes of length 2: γ and β γ, as Λ's inverse has them
    assert places["t"] == pytest.approx((0, 2)) and places["x"] == pytest.approx((2, 0))
    assert places["t′"] == pytest.approx((slow, fast), abs=1e-3)
    assert places["x′"] == pytest.approx((fast, slow), abs=1e-3)
    ellipse = orbit.lines[0].get_xydata()
    assert ellipse[0] == pytest.approx(ellipse[-1]) and np.hypot(*ellipse.T).max() == pytest.approx(1.5)


def test_figure_9_shows_loss_and_accuracy_of_both_sets_at_every_epoch():
    history = {name: [1, 2, 3] for name in ("epoch", "loss", "accuracy", "test_loss", "test_accuracy")}
    for axes in figures.figure_9(history).axes:
        assert [line.get_xydata().tolist() for line in axes.lines] == [[[1, 1], [2, 2], [3, 3]]] * 2
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "test"]


def test_losses_of_very_different_size_have_a_logarithmic_axis():
    history = {name: [1, 2] for name in ("epoch", "accuracy", "test_loss", "test_accuracy")}
    for losses, scale in (([2.0, 1.0], "linear"), ([30.0, 1.0], "log")):
        axes, _ = figures.figure_9({**history, "loss": losses}).axes
        assert axes.get_yscale() == scale


def test_a_saved_figure_is_a_png_that_the_users_settings_do_not_change(tmp_path):
    history = {name: [1, 2] for name in ("epoch", "loss", "accuracy", "test_loss", "test_accuracy")}
    figures.figure_9(history).save(tmp_path / "own.png")
    code = ("import sys, matplotlib; matplotlib.rcParams.update({'font.size': 40, 'axes.facecolor': 'red'}); "
            f"import figures; figures.figure_9({history}).save(sys.argv[1])")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "other.png")], cwd=ROOT, check=True)
    assert (tmp_path / "own.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    assert (tmp_path / "own.png").read_bytes().startswith(b"\x89PNG")
