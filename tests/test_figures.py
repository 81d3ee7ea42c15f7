"""The figures show the numbers that they are given, and every run and every system gets its own."""

import subprocess
import sys
import warnings
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

import physics
import siamese
from helpers import ROOT, FakeNetwork

S2, L, E, A_X, A_Y, E_DOT_B, B2_E2 = "s^2", "L", "E", "A_x", "A_y", "E·B", "|B|^2 - |E|^2"
PANELS = {"sr": [S2], "cp": [L, E, A_X, A_Y], "cp-fixed": [E, A_Y], "em": [E_DOT_B, B2_E2], "em-fixed": [B2_E2]}
HISTORY = {name: [1.0, 2.0, 3.0] for name in ("epoch", "loss", "accuracy", "test_loss", "test_accuracy")}


@pytest.fixture(scope="module", autouse=True)
def import_figures():
    """Here, since Matplotlib takes a second to import."""
    global figures, imread
    from matplotlib.image import imread

    import figures


def drawn(system, network=None, title=""):
    """The pictures of a run with 200 test pairs, by file stem; the network is not trained."""
    network = network or siamese.SiameseNetwork((len(system.inputs), 8, 1))
    pairs = system.pairs(200, np.random.default_rng(0))
    made = figures.figures_of_run(system, network, pairs, HISTORY, title)
    return {stem: draw() for stem, (_, draw) in made.items()}, pairs, network


@pytest.mark.parametrize("name", PANELS)
def test_the_figure_of_a_system_shows_f_over_its_invariants(name):
    system = physics.SYSTEMS[name]
    _, _, draw = figures.OF_SYSTEM[name]
    x, _ = system.sample(200, np.random.default_rng(0))
    f = 2 * list(system.invariants.values())[-1](x) + 1             # of s², A_y or |B|² - |E|²
    varying = {known: each for known, each in system.invariants.items() if known not in system.fixed}
    panels = draw(x, f, varying).axes
    assert len(panels) == len(PANELS[name])
    for axes, known in zip(panels, PANELS[name]):
        squared = (name, known) == ("cp-fixed", E)                  # in Fig. 5a
        expected = np.column_stack([system.invariants[known](x), f**2 if squared else f])
        assert axes.collections[0].get_offsets().data == pytest.approx(expected)
        assert axes.get_xlabel() and ("squared" in axes.get_ylabel()) == squared


@pytest.mark.parametrize("name, stems", [
    ("sr", ["figure_3", "decision", "levels", "figure_9"]), ("sr-fixed", ["decision", "figure_9"]),
    ("cp", ["figure_4", "decision", "figure_9"]), ("em-fixed", ["figure_7", "decision", "figure_9"])])
def test_a_run_has_the_figures_of_its_system(name, stems):
    assert list(drawn(physics.SYSTEMS[name])[0]) == stems


def test_a_new_system_gets_f_over_each_of_its_invariants_and_the_lines_of_equal_f():
    oscillator = replace(physics.SYSTEMS["cp"], name="oscillator", inputs=("x", "v_x"), sample=None, invariants={
        "x^2 + v_x^2": lambda x: np.sum(x**2, axis=1), "always 1": lambda x: np.ones(len(x))}, fixed=("always 1",))
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    network, pairs = siamese.SiameseNetwork((2, 8, 1)), physics.Pairs(x, -x, np.roll(np.arange(200), 1))
    made = figures.figures_of_run(oscillator, network, pairs, HISTORY, "f ≈ 3 x^2")
    assert list(made) == ["invariants", "decision", "levels", "figure_9"]
    picture = made["invariants"][1]()
    axes, = picture.axes
    assert axes.collections[0].get_offsets().data == pytest.approx(np.column_stack([np.sum(x**2, 1), network.f(x)]))
    assert axes.get_xlabel() == "x² + $v_{x}$²" and picture.get_suptitle() == "f ≈ 3 x²"


def test_the_levels_are_lines_of_equal_f_and_of_equal_invariant_where_all_other_columns_are_zero():
    picture = drawn(physics.SYSTEMS["sr"])[0]["levels"]
    axes, = picture.axes
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("y = z = 0", "x", "t")
    _, of_interval = axes.collections
    for level, path in zip(of_interval.levels, of_interval.get_paths()):
        x, t = path.vertices.T
        assert np.median(np.abs(x**2 - t**2 - level)) < 1e-3
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["bottleneck output  f", "s²"]


def test_the_decision_shows_F_and_one_half_in_its_legend_and_the_accuracy():
    pictures, pairs, network = drawn(physics.SYSTEMS["sr"])
    picture = pictures["decision"]
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["same", "different", "F(x, x′)", "F = 1/2"]
    _, accuracy = network.evaluate(*pairs.labelled())
    left, right = picture.axes
    assert f"accuracy {accuracy:.3f}" in left.get_title()
    difference, F = right.lines[0].get_data()
    f = network.f(pairs.x) - network.f(pairs.x_prime)
    assert np.interp(f[:5], difference, F) == pytest.approx(network.predict(pairs.x[:5], pairs.x_prime[:5]), abs=0.01)


def test_figures_1_and_8_show_the_actual_layer_sizes():
    first, eighth = [draw((7, 50, 30, 2), "tanh").axes[0] for draw in (figures.figure_1, figures.figure_8)]
    first = [text.get_text() for text in first.texts]
    eighth = [cell.get_text().get_text() for cell in eighth.tables[0].get_celld().values()]
    assert {"x\n7 inputs", "50 tanh\n30 tanh", "f(x′)\n2 neurons", "w (f(x) − f(x′))² + b"} <= set(first)
    assert {"2 × 7", "7 × 50 + 50 = 400", "30 × 2 + 2 = 62"} <= set(eighth)


def test_figure_2_shows_one_event_in_two_frames_and_one_orbit_at_two_times():
    event, orbit = figures.figure_2().axes
    said = " ".join(text.get_text() for text in event.texts)
    assert "(t, x) = (1.00, 1.40)" in said
    assert "(t′, x′) = (0.35, 1.04)" in said                        # γ (t - β x), γ (x - β t) at β = 1/2
    states = [text.get_text().split("(")[1].strip(")").replace("−", "-") for text in orbit.get_legend().get_texts()]
    first, second = [np.array([[float(number) for number in state.split(",")]]) for state in states]
    assert not np.allclose(first, second, atol=0.1)
    for state in (first, second):                               # of two decimals; semi-major axis 1, eccentricity 1/2
        assert physics.energy(state) == pytest.approx(-0.5, abs=0.02)
        assert physics.angular_momentum(state) == pytest.approx(np.sqrt(0.75), abs=0.02)
        assert physics.laplace_runge_lenz(state)[0] == pytest.approx([0.5, 0], abs=0.04)
    places = {text.get_text(): text.get_position() for text in event.texts}
    fast, slow = 2 * 1.1547, 1.1547                             # axes of length 2: γ and β γ, as Λ's inverse has them
    assert places["t"] == pytest.approx((0, 2)) and places["x"] == pytest.approx((2, 0))
    assert places["t′"] == pytest.approx((slow, fast), abs=1e-3)
    assert places["x′"] == pytest.approx((fast, slow), abs=1e-3)
    ends = [line.get_xydata()[1] for line in event.lines if line.get_linestyle() == ":"]       # of t, x, t′, x′
    assert ends[0] + ends[1] == pytest.approx([1.4, 1.0]) and ends[2] + ends[3] == pytest.approx([1.4, 1.0])
    assert ends[0][0] == ends[1][1] == 0 and ends[2][1] == pytest.approx(2 * ends[2][0])
    ellipse = orbit.lines[0].get_xydata()
    assert ellipse[0] == pytest.approx(ellipse[-1], abs=1e-8) and np.hypot(*ellipse.T).max() == pytest.approx(1.5)


def test_figure_9_shows_loss_and_accuracy_of_both_sets_at_every_epoch():
    history = {**HISTORY, "test_loss": [4.0, 5.0, 6.0], "accuracy": [7.0, 8.0, 9.0]}
    for axes, lines in zip(figures.figure_9(history).axes, ((1, 4), (7, 1))):
        assert [line.get_xydata()[0].tolist() for line in axes.lines] == [[1, first] for first in lines]
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "test"]


def test_losses_of_very_different_size_have_a_logarithmic_axis():
    for losses, scale in (([2.0, 1.0, 1.0], "linear"), ([30.0, 1.0, 1.0], "log")):
        axes, _ = figures.figure_9({**HISTORY, "loss": losses}).axes
        assert axes.get_yscale() == scale


def test_a_name_that_no_font_has_gives_a_picture_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = figures.titled(figures.figure_9(HISTORY), "位置 $5 v_x")
        for kind, magic in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
            file = BytesIO()
            figure.save(file, kind)
            assert file.getvalue().startswith(magic) and b"/Type3" not in file.getvalue()
            assert b"CreationDate" not in file.getvalue()               # or each time other bytes


def test_the_pictures_of_a_run_are_small():
    pictures = {stem: picture._repr_png_() for stem, picture in drawn(physics.SYSTEMS["sr"])[0].items()}
    sizes = {stem: len(content) for stem, content in pictures.items()}
    assert max(sizes.values()) < 80_000, sizes
    pixels = 255 * imread(BytesIO(pictures["figure_3"]))
    assert pixels[0, 0].tolist() == [255] * 4 and set(np.unique(pixels.round())) <= {*range(0, 256, 17)}


def test_a_saved_figure_is_a_png_that_the_users_settings_do_not_change(tmp_path):
    figures.figure_9(HISTORY).save(tmp_path / "own.png")
    code = ("import sys, matplotlib; matplotlib.rcParams.update({'font.size': 40, 'axes.facecolor': 'red'}); "
            f"import figures; figures.figure_9({HISTORY}).save(sys.argv[1])")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "other.png")], cwd=ROOT, check=True)
    assert (tmp_path / "own.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    assert (tmp_path / "own.png").read_bytes().startswith(b"\x89PNG")


def test_the_module_draws_figures_1_2_and_8_into_a_folder_or_says_in_a_sentence_what_is_wrong(tmp_path):
    figures.main(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [f"figure_{n}.png" for n in (1, 2, 8)]
    (tmp_path / "taken").write_text("")
    for arguments, said in (([tmp_path / "taken"], "cannot use"), (["--help"], "folder"), (["a", "b"], "one folder")):
        ended = subprocess.run([sys.executable, "figures.py", *arguments], cwd=ROOT, capture_output=True, text=True)
        assert ended.returncode == 2 and said in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_the_picture_of_the_decision_has_the_same_at_small_and_different_at_large_distance():
    network = FakeNetwork(4, physics.interval)
    left, _ = figures.figure_decision(network, physics.SYSTEMS["sr"].pairs(200, np.random.default_rng(0))).axes
    same, different = [np.count_nonzero(patch.get_data().values) for patch in left.patches]
    assert same <= 2 and different > 20 and left.patches[0].get_data().edges[-1] > 0.1


def test_the_figure_of_a_system_at_fixed_L_shows_f_over_the_component_that_it_follows():
    system = physics.SYSTEMS["cp-fixed"]
    x, _ = system.sample(200, np.random.default_rng(0))
    a_x = system.invariants["A_x"](x)
    right = figures.figure_5(x, 3 * a_x, system.invariants).axes[1]
    assert right.collections[0].get_offsets().data == pytest.approx(np.column_stack([a_x, 3 * a_x]))
