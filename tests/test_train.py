"""The command: a small run from end to end, what it writes and prints, and every bad input."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import figures
import physics
import reading
import regression
import siamese
import training
import experiment
import files
import jobs
import report
import train

ROOT = Path(__file__).parent.parent
SMALL = ["--pairs", "10000", "--epochs", "20", "--hidden", "64", "64", "--learning-rate", "5"]       # a few seconds


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run in a folder whose name is not plain: its folder, its result, its report."""
    out = tmp_path_factory.mktemp("with space, ümläut")
    assert train.main([*SMALL, "--out", str(out)]) == 0
    folder = out / "sr" / "seed-0"
    return folder, json.loads((folder / "result.json").read_text("utf-8")), (folder / "report.md").read_text("utf-8")


def command(*arguments, **options):
    return subprocess.run([sys.executable, "train.py", *arguments], cwd=ROOT, capture_output=True, text=True,
                          timeout=60, encoding="utf-8", **options)


# ------------------------------------------------------------------------------- a run, end to end

def test_eq_05_a_small_run_finds_the_interval(run):
    _, result, _ = run
    terms = result["polynomial"]["terms"]
    squares = np.array([-terms.pop("t^2"), terms.pop("x^2"), terms.pop("y^2"), terms.pop("z^2")])
    assert result["optimal_order"] == 2 and result["r2"]["2"][1] > 0.97 and abs(result["r2"]["1"][1]) < 0.05
    assert np.abs(squares / squares.mean() - 1).max() < 0.2
    assert max(map(abs, terms.values())) < 0.2 * abs(squares.mean())
    assert abs(result["correlations"]["s^2"]) > 0.98
    assert result["test_accuracy"] > 0.8


def test_a_result_names_its_run_and_the_versions_it_was_made_with(run):
    _, result, _ = run
    assert (result["system"], result["seed"], result["schedule"], result["epochs"]) == ("sr", 0, "quick", 20)
    assert set(result["r2"]) == {"1", "2", "3", "4"} and set(result["polynomial"]) >= {"terms", "intercept"}
    assert set(result["versions"]) == {"python", "numpy", "scipy", "matplotlib"}


def test_a_run_leaves_its_seven_files_and_nothing_unfinished(run):
    folder, result, _ = run
    assert sorted(path.name for path in folder.iterdir()) == [
        "alignment.png", "figure_3.png", "figure_9.png", "history.csv", "model.npz", "report.md", "result.json"]
    lines = (folder / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,accuracy,test_loss,test_accuracy,learning_rate,seconds" and len(lines) == 1 + 20
    assert float(lines[-1].split(",")[4]) == pytest.approx(result["test_accuracy"])
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in ("figure_3.png", "figure_9.png"))


def test_the_report_puts_the_run_beside_the_paper(run):
    _, result, text = run
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert ["training set", f"{result['train_accuracy']:.3f}", "0.94"] in rows
    assert ["test set", f"{result['test_accuracy']:.3f}", "0.92"] in rows
    assert ["2", *(f"{score:.4f}" for score in result["r2"]["2"]), "0.9894", "0.9893"] in rows
    assert result["formula"] in text and result["polynomial"]["text"] in text
    assert "88 (-t² + x² + y² + z²) - 60" in text and "-87.41t² - 60.48 - 0.11x" in text


def test_a_saved_model_is_read_off_as_it_was_when_trained(run, capsys):
    folder, result, text = run
    before = sorted(folder.parent.rglob("*"))
    assert train.main(["--pairs", "10000", "--model", str(folder / "model.npz")]) == 0
    printed = capsys.readouterr().out
    assert result["polynomial"]["text"] in printed and f"{result['train_accuracy']:.3f}" in printed
    assert sorted(folder.parent.rglob("*")) == before


def test_the_same_seed_gives_the_same_run_bit_for_bit_and_another_seed_does_not(tmp_path):
    small = ["--pairs", "300", "--epochs", "2", "--hidden", "20", "--out"]
    models, results = [], []
    for folder, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert train.main([*small, str(tmp_path / folder), "--seed", seed]) == 0
        path = tmp_path / folder / "sr" / f"seed-{seed}"
        models.append(siamese.SiameseNetwork.load(path / "model.npz").parameters.tobytes())
        result = json.loads((path / "result.json").read_text("utf-8"))
        results.append({name: value for name, value in result.items() if name not in ("seconds", "files", "sha256")})
    assert models[0] == models[1] != models[2]
    assert results[0] == results[1] != results[2]


def test_training_and_test_pairs_are_independent_and_the_streams_of_a_seed_too():
    system = physics.SYSTEMS["sr"]
    learned, test = experiment.sample_sets(system, experiment.seed_streams(0)[0], system.test_pairs)     # sets of the same size
    assert not np.any(np.all(learned[0] == test[0], axis=1))
    assert abs(np.corrcoef(learned[0].ravel(), test[0].ravel())[0, 1]) < 0.02
    draws = {np.random.default_rng(stream).random() for seed in range(3) for stream in experiment.seed_streams(seed)}
    assert len(draws) == 9
    # The data of a seed do not depend on what else is drawn from it.
    assert np.array_equal(learned[0], experiment.sample_sets(system, experiment.seed_streams(0)[0], system.test_pairs)[0][0])


def test_a_network_is_read_off_on_the_first_observations_of_the_equivalent_pairs():
    system, network = physics.SYSTEMS["sr"], siamese.SiameseNetwork((4, 10, 1), seed=4)
    learned, test = experiment.sample_sets(system, experiment.seed_streams(0)[0], 500)
    result = reading.read_off(system, network, learned, test)
    assert (result["train_accuracy"], result["test_accuracy"]) == (network.evaluate(*learned)[1], network.evaluate(*test)[1])
    x, x_test = learned[0][:500].astype(float), test[0][:5000].astype(float)
    f, f_test = network.bottleneck(x)[:, 0].astype(float), network.bottleneck(x_test)[:, 0].astype(float)
    features, _ = regression.polynomial_features(x, 1)
    coefficients, intercept = regression.ridge(features, f)
    scores = [regression.r2_score(target, values @ coefficients + intercept) for values, target in ((x, f), (x_test, f_test))]
    assert result["r2"]["1"] == pytest.approx(scores)
    s_squared = x_test[:, 1]**2 + x_test[:, 2]**2 + x_test[:, 3]**2 - x_test[:, 0]**2
    assert result["correlations"]["s^2"] == pytest.approx(np.corrcoef(s_squared, f_test)[0, 1])


def test_a_network_that_learned_nothing_is_reported_in_words():
    system = physics.SYSTEMS["sr"]
    network = siamese.SiameseNetwork((4, 5, 1), label="sr")
    network.layers[-1][:] = 0                                                            # f is constant
    sets = experiment.sample_sets(system, experiment.seed_streams(0)[0], 100)
    result = {"system": "sr", "seed": 0, "schedule": "quick", **reading.read_off(system, network, *sets)}
    assert result["optimal_order"] is None and result["formula"] is None
    assert "No invariant was found" in report.report(result)
    assert "no polynomial of few terms" in report.report({**result, "test_accuracy": 0.9})
    json.dumps(result, allow_nan=False)


# ---------------------------------------------------------------------------------------- progress

class Terminal(io.StringIO):
    def isatty(self):
        return True


def epochs(n, seconds_each):
    for epoch in range(1, n + 1):
        yield {"epoch": [epoch], "loss": [0.5], "accuracy": [0.9], "test_loss": [0.5], "test_accuracy": [0.8],
               "learning_rate": [1.0], "seconds": [seconds_each * epoch]}


def test_progress_updates_one_line_in_place_within_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    progress = jobs.Progress(5, stream)
    for history in epochs(5, 1):
        progress(history)
    progress.close()
    lines = stream.getvalue().split("\r")[1:]
    assert len(lines) == 5 and all(len(line.rstrip("\n")) < 40 for line in lines)
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("\n")


def test_progress_elsewhere_is_a_plain_line_every_ten_seconds_and_the_last_epoch():
    stream = io.StringIO()
    progress = jobs.Progress(35, stream)
    for history in epochs(35, 1):
        progress(history)
    progress.close()
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["10/35", "20/35", "30/35", "35/35"]
    assert lines[0].endswith("0:25 left") and "\r" not in stream.getvalue()


# --------------------------------------------------------------------------------------- bad input

@pytest.mark.parametrize("arguments, words", [
    (["--system", "mars"], "--system: invalid choice: 'mars'"),
    (["--schedule", "slow"], "--schedule: invalid choice: 'slow'"),
    (["--speed", "3"], "unrecognized arguments: --speed"),
    (["sr"], "unrecognized arguments: sr"),
    (["--seed", "-1"], "--seed"), (["--seed", "1.5"], "--seed: must be a whole number"), (["--seed", "x"], "--seed"),
    (["--seed", "9" * 5000], "--seed: must be a whole number"), (["--seed"], "--seed: expected one argument"),
    (["--pairs", "0"], "--pairs: must be a whole number from 2"), (["--pairs", "-5"], "--pairs"),
    (["--epochs", "0"], "--epochs: must be a whole number from 1"), (["--pairs", "99999999999"], "--pairs"),
    (["--hidden", "0"], "--hidden"), (["--hidden", "200", "-3"], "--hidden"), (["--hidden"], "--hidden"),
    (["--learning-rate", "0"], "--learning-rate: must be a positive number"), (["--learning-rate", "nan"], "positive"),
    (["--learning-rate", "fast"], "positive"), (["--learning-rate", "inf"], "positive"),
    (["--activation", "swish"], "--activation: invalid choice: 'swish'"),
    (["--features", "log(t)"], "not finite"), (["--features", "t", "__import__('os')"], "is not allowed"),
    (["--system", "all", "--features", "rational"], "rational features need inputs named x and y"),
    (["--model", "absent.npz"], "--model absent.npz: No such file"),
    (["--model", "absent.npz", "--epochs", "7", "--learning-rate", "9"], "leave out --epochs, --learning-rate"),
    (["--report", "runs", "--system", "cp"], "leave out --system"), (["--jobs", "4"], "goes with --seeds or --system all"),
    (["--out", ""], "must be a path"), (["--features", "-t"], "put a space before"),
])
def test_bad_options_end_with_one_sentence_and_status_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train.main(arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err and printed.err.count("\n") == 1 and printed.out == ""
    assert not list(tmp_path.iterdir())


def test_typed_features_make_a_formula_of_their_own_and_are_a_setting_of_the_run(tmp_path, capsys):
    arguments = ["--system", "cp-fixed", "--pairs", "300", "--epochs", "1", "--hidden", "5", "--out", str(tmp_path)]
    typed = ["v_y - x/sqrt(x^2 + y^2)", " -v_x - y/sqrt(x^2 + y^2)"]
    assert train.main([*arguments, "--features", "polynomial", *typed]) == 0
    result = json.loads((tmp_path / "cp-fixed" / "seed-0" / "result.json").read_text("utf-8"))
    assert list(result["sparse"]) == ["polynomial", "typed"] and set(result["sparse"]["typed"]["terms"]) <= {text.strip() for text in typed}
    assert result["settings"]["features"] == ["polynomial", *(text.strip() for text in typed)]
    capsys.readouterr()
    for others in (["--features", "x"], []):
        assert train.main([*arguments, *others]) == 2 and "other settings (features)" in capsys.readouterr().err


def test_an_output_path_that_is_a_file_or_inside_one_is_refused_before_any_work(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "deeper", tmp_path / ("long" * 100)):
        assert train.main(["--out", str(out)]) == 2
        printed = capsys.readouterr()
        assert "cannot write to --out" in printed.err and printed.err.count("\n") == 1 and printed.out == ""
    assert file.read_text() == "mine" and list(tmp_path.iterdir()) == [file]


def test_an_output_folder_that_cannot_be_written_is_refused(monkeypatch, tmp_path, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(Path, "touch", full)
    assert train.main(["--out", str(tmp_path)]) == 2
    assert "No space left on device" in capsys.readouterr().err


def test_a_model_that_is_truncated_or_of_another_system_is_refused(run, tmp_path, capsys):
    content = (run[0] / "model.npz").read_bytes()
    truncated = tmp_path / "truncated.npz"
    truncated.write_bytes(content[:len(content) // 2])
    other = tmp_path / "other.npz"
    siamese.SiameseNetwork((4, 5, 1), label="elsewhere").save(other)
    for path, words in ((truncated, "not a complete saved network"), (other, "'elsewhere', not of 'sr'"),
                        (tmp_path, "cannot read --model")):
        assert train.main(["--model", str(path)]) == 2
        printed = capsys.readouterr()
        assert words in printed.err and printed.err.count("\n") == 1 and printed.out == ""


def test_a_run_that_diverges_ends_with_one_sentence_and_no_result(tmp_path, capsys, recwarn):
    assert train.main(["--pairs", "500", "--epochs", "2", "--learning-rate", "1e30", "--out", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert "in epoch 1; try a lower learning rate" in printed.err and printed.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.*")) and not recwarn.list


def test_a_write_that_fails_leaves_the_file_of_before_and_nothing_half_written(tmp_path):
    path = tmp_path / "report.md"
    path.write_text("before")
    def fill(file):
        file.write("half")
        raise OSError("disk full")
    with pytest.raises(OSError):
        files.write(path, fill)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_finished_run_with_other_settings_is_not_overwritten(run, capsys):
    folder, _, _ = run
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert train.main([*SMALL, "--epochs", "3", "--activation", "tanh", "--out", str(folder.parent.parent)]) == 2
    printed = capsys.readouterr()
    assert "other settings (epochs, activation)" in printed.err and printed.err.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_output_that_nobody_reads_to_the_end_leaves_no_traceback(tmp_path):
    shown = subprocess.run(f"'{sys.executable}' train.py --pairs 100 --epochs 1 --hidden 5 --out '{tmp_path}' | head -1",
                           shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert shown.stdout.startswith("Special relativity") and shown.stderr == ""


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_set_of_runs_ends_its_processes_and_leaves_nothing_half_written(tmp_path, number, status):
    process = subprocess.Popen([sys.executable, "train.py", "--seeds", "0-1", "--jobs", "2", "--out", str(tmp_path)],
                               cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    time.sleep(1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == status and errors == b""
    # Where an epoch was done within that second, its state is kept to go on from; nothing else, and nothing half-written.
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"log.txt", "checkpoint.npz", "checkpoint-before.npz"}
    logs = {path: path.stat().st_size for path in tmp_path.rglob("log.txt")}
    time.sleep(1)                                                           # a run left behind would go on writing
    assert {path: path.stat().st_size for path in logs} == logs


@pytest.mark.parametrize("error, words", [
    (MemoryError(), "there is not enough memory; give fewer --pairs"), (ImportError("No module named 'matplotlib'"), "pip install -r requirements.txt"),
    (OSError(28, "No space left on device"), "cannot write the output: No space left on device")])
def test_missing_memory_packages_or_room_end_the_command_with_one_sentence(error, words, tmp_path, capsys, monkeypatch):
    def failing(*_):
        raise error
    monkeypatch.setattr(experiment, "carry_out", failing)
    assert train.main(["--out", str(tmp_path)]) == 2
    assert words in (said := capsys.readouterr().err) and said.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_output_ends_the_command_with_one_sentence():
    with open("/dev/full", "w") as full:
        ended = subprocess.run([sys.executable, "train.py", "--report", "results/quick/sr/seed-0"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE,
                               encoding="utf-8", timeout=60)
    assert ended.returncode == 2 and ended.stderr == "train.py: cannot write the output: No space left on device\n"


# ------------------------------------------------------------------------------ as a user's session

def test_importing_the_modules_neither_loads_matplotlib_nor_sets_threads():
    code = ("import os, sys; before = dict(os.environ); import physics, regression, siamese, train; "
            "print('matplotlib' in sys.modules, dict(os.environ) == before)")
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          env=environment).stdout.split() == ["False", "True"]


def test_help_lists_every_system_and_option():
    shown = command("--help")
    assert shown.returncode == 0 and shown.stderr == ""
    for word in (*physics.SYSTEMS, *training.SCHEDULES, *("--" + name.replace("_", "-") for name in vars(train.parse([])))):
        assert re.search(rf"(?<![\w-]){word}(?![\w-])", shown.stdout), word


def test_a_terminal_without_superscripts_still_gets_the_report(tmp_path):
    shown = command("--pairs", "100", "--epochs", "1", "--hidden", "5", "--out", str(tmp_path),
                    env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert shown.returncode == 0 and "t? " in shown.stdout


# ----------------------------------------------------------------------------------------- figures

@pytest.mark.parametrize("name", figures.OF_SYSTEM)
def test_the_figures_of_a_system_show_f_over_its_invariants(name):
    system = physics.SYSTEMS[name]
    number, figure = figures.OF_SYSTEM[name]
    x, _ = system.sample(200, np.random.default_rng(0))
    invariants = {known: invariant(x) for known, invariant in system.invariants.items()}
    f = 2 * list(invariants.values())[-1] + 1                    # of s², A_y or |B|² - |E|²
    expected = {3: [("s^2", f)], 4: [("L", f), ("E", f)], 5: [("E", f**2), ("A_y", f)], 6: [("E·B", f), ("|B|^2 - |E|^2", f)],
                7: [("|B|^2 - |E|^2", f)]}[number]
    panels = figure(x, f, system.invariants).axes
    assert len(panels) == len(expected)
    for panel, (known, output) in zip(panels, expected):
        assert panel.collections[0].get_offsets().data == pytest.approx(np.column_stack([invariants[known], output]))
        assert panel.get_xlabel() and ("squared" in panel.get_ylabel()) == (output is not f)


def test_the_figure_of_the_alignment_shows_the_lowest_eigenvalue_of_each_order_apart_from_the_next():
    axes, = figures.figure_alignment({"1": [0.7], "2": [0.01, 0.5, 0.6]}).axes
    shown = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert shown == {"lowest": [[1, 0.7], [2, 0.01]], "next": [[2, 0.5], [2, 0.6]]} and axes.get_yscale() == "log"


def words(figure):
    return " ".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_figures_1_and_8_show_the_actual_layer_sizes():
    assert all(size in words(figures.figure_1((7, 50, 30, 2), "tanh")) for size in ("7 inputs", "50 tanh\n30 tanh", "2 neurons"))
    assert all(size in words(figures.figure_8((7, 50, 30, 2), "tanh")) for size in ("2 × 7", "7 × 50 + 50 = 400", "30 × 2 + 2 = 62"))


def test_figure_2_shows_one_event_in_two_frames_and_one_orbit_at_two_times():
    figure = figures.figure_2()
    assert "(t, x) = (1.00, 1.40)" in words(figure)
    assert "(t′, x′) = (0.35, 1.04)" in words(figure)             # γ (t - β x), γ (x - β t) at β = 1/2
    states = [text.get_text().split("(")[1] for text in figure.legends[0].get_texts()]
    first, second = [np.array([[float(number) for number in state.strip(")").split(",")]]) for state in states]
    assert not np.allclose(first, second, atol=0.1)
    assert physics.angular_momentum(first) == pytest.approx(physics.angular_momentum(second), abs=0.03)   # two decimals


def test_figure_9_shows_loss_and_accuracy_of_both_sets_at_every_epoch():
    history = {name: [1, 2, 3] for name in ("epoch", "loss", "accuracy", "test_loss", "test_accuracy")}
    for axes in figures.figure_9(history).axes:
        assert [line.get_xydata().tolist() for line in axes.lines] == [[[1, 1], [2, 2], [3, 3]]] * 2
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "test"]
