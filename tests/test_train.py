"""The command: a small run from end to end, what it writes and prints, and how it ends where something is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import physics
import regression
import siamese
import train
from helpers import ROOT, Known, command, planned, table_rows
from support import files, runs

SMALL = ["--pairs", "10000", "--epochs", "20", "--hidden", "64", "64", "--learning-rate", "5"]      # a second


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run in a folder whose name is not plain: its folder, its result, its report."""
    out = tmp_path_factory.mktemp("with space, ümläut")
    assert train.main([*SMALL, "--out", str(out)]) == 0
    folder = out / "sr" / "seed-0"
    result = json.loads((folder / "result.json").read_text("utf-8"))
    return folder, result, (folder / "report.md").read_text("utf-8")


# ------------------------------------------------------------------------------- a run, end to end

def test_eq_05_a_small_run_finds_the_interval(run):
    _, result, _ = run
    terms = dict(result["polynomial"]["terms"])
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
    assert set(result["versions"]) == {"python", "numpy", "scipy", "matplotlib", "kernels", "threads"}


def test_a_run_leaves_its_files_and_nothing_unfinished(run):
    folder, result, _ = run
    assert {path.name for path in folder.iterdir()} >= {
        "figure_3.png", "figure_9.png", "history.csv", "model.npz", "report.md", "result.json"}
    assert {path.suffix for path in folder.iterdir()} <= {".png", ".csv", ".npz", ".md", ".json", ".html"}
    assert all(files.RESULT.fullmatch(path.name) for path in folder.iterdir())
    lines = (folder / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,accuracy,test_loss,test_accuracy,learning_rate,seconds"
    assert len(lines) == 1 + 20
    assert float(lines[-1].split(",")[4]) == pytest.approx(result["test_accuracy"])
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.glob("*.png"))


def test_the_report_puts_the_run_beside_the_paper(run):
    _, result, text = run
    rows = table_rows(text)
    assert ["training set", f"{result['train_accuracy']:.3f}", "0.94"] in rows
    assert ["test set", f"{result['test_accuracy']:.3f}", "0.92"] in rows
    assert ["2", *(f"{score:.4f}" for score in result["r2"]["2"]), "0.9894", "0.9893"] in rows
    assert result["formula"] in text and result["polynomial"]["text"] in text
    assert "88 (-t² + x² + y² + z²) - 60" in text and "-87.41t² - 60.48 - 0.11x" in text


def test_a_saved_model_is_read_off_as_it_was_when_trained(run, capsys):
    folder, result, _ = run
    before = sorted(folder.parent.rglob("*"))
    assert train.main(["--pairs", "10000", "--model", str(folder / "model.npz")]) == 0
    printed = capsys.readouterr().out
    assert result["polynomial"]["text"] in printed and f"{result['train_accuracy']:.3f}" in printed
    assert sorted(folder.parent.rglob("*")) == before


def test_the_same_seed_gives_the_same_run_bit_for_bit_and_another_seed_does_not(tmp_path, every_epoch):
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


# ------------------------------------------------------------------------------------ reading off

def sets(n):
    return physics.sample_sets(physics.SYSTEMS["sr"], physics.seed_streams(0)[0], n)


def test_a_network_is_read_off_on_the_first_observations_of_the_equivalent_pairs():
    network = siamese.SiameseNetwork((4, 10, 1), seed=4)
    learned, test = sets(500)
    result = train.read_off(physics.SYSTEMS["sr"], network, learned, test)
    for which, pairs in (("train", learned), ("test", test)):
        assert result[f"{which}_accuracy"] == network.evaluate(*pairs.labelled())[1]
    x, x_test = learned.x, test.x
    f, f_test = [network.bottleneck(values)[:, 0].astype(float) for values in (x, x_test)]
    coefficients, intercept = regression.ridge(regression.polynomial_features(x, 1)[0], f)
    scores = [regression.r2_score(target, values @ coefficients + intercept)
              for values, target in ((x, f), (x_test, f_test))]
    assert result["r2"]["1"] == pytest.approx(scores)
    s_squared = x_test[:, 1]**2 + x_test[:, 2]**2 + x_test[:, 3]**2 - x_test[:, 0]**2
    assert result["correlations"]["s^2"] == pytest.approx(np.corrcoef(s_squared, f_test)[0, 1])


def test_a_network_that_learned_nothing_has_no_order_and_no_formula():
    network = siamese.SiameseNetwork((4, 5, 1))
    network.layers[-1][:] = 0                                                           # f is constant
    result = train.read_off(physics.SYSTEMS["sr"], network, *sets(100))
    assert result["optimal_order"] is None and result["formula"] is None and result["learned"] is False
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("w, learned", [(1000.0, True), (0.0, False)])
def test_a_network_that_tells_no_pairs_apart_has_no_formula_even_where_a_polynomial_is_its_f(w, learned):
    result = train.read_off(physics.SYSTEMS["sr"], Known(4, physics.interval, w), *sets(2000))
    assert result["test_accuracy"] > 0.9 if learned else result["test_accuracy"] == 0.5
    assert result["optimal_order"] == 2 and bool(result["formula"]) == result["learned"] == learned


# ------------------------------------------------------------------------------------------- plans

def test_a_plan_takes_the_schedules_settings_unless_told():
    quick = siamese.SCHEDULES["quick"]
    for words, pairs, epochs, rate in (([], 50_000, quick.epochs, quick.learning_rate),
                                       (["--pairs", "300", "--epochs", "7"], 300, 7, quick.learning_rate),
                                       (["--learning-rate", "0.5"], 50_000, quick.epochs, 0.5)):
        plan = planned("--system", "em", *words)
        assert (plan.train_pairs, plan.schedule.epochs, plan.schedule.learning_rate) == (pairs, epochs, rate)


def test_another_sampling_is_that_of_the_system_and_refused_where_it_has_none(capsys):
    box = planned("--system", "cp", "--sampling", "box")
    assert box.system.sample is physics.sample_orbits_in_box and box.settings["sampling"] == "box"
    assert planned("--system", "cp").system.sample is physics.sample_orbits
    assert train.main(["--system", "sr", "--sampling", "box"]) == 2
    assert "sr has no such; these have: cp, cp-fixed" in capsys.readouterr().err


def test_the_paper_schedule_takes_the_papers_pairs_and_layers():
    for name, pairs in (("sr", 50_000), ("em", 200_000)):
        plan = planned("--system", name, "--schedule", "paper")
        assert (plan.train_pairs, plan.layer_sizes[1:]) == (pairs, (200, 200, 1))
        assert plan.schedule == siamese.Schedule(read_best=True)
        assert plan.layer_sizes[0] == len(physics.SYSTEMS[name].inputs)


# --------------------------------------------------------------------------------------- bad input

def one_sentence(capsys):
    """The one sentence that the command said, and nothing else."""
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and printed.out == ""
    return printed.err


def test_an_output_path_that_is_a_file_or_inside_one_is_refused_before_any_work(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "deeper", tmp_path / ("long" * 100)):
        assert train.main(["--out", str(out)]) == 2
        assert "cannot write to --out" in one_sentence(capsys)
    assert file.read_text() == "mine" and list(tmp_path.iterdir()) == [file]


def test_an_output_folder_that_cannot_be_written_is_refused(monkeypatch, tmp_path, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(files.tempfile, "TemporaryFile", full)
    assert train.main(["--out", str(tmp_path)]) == 2
    assert "No space left on device" in one_sentence(capsys)


def test_a_model_that_is_truncated_or_of_another_system_is_refused(run, tmp_path, capsys):
    content = (run[0] / "model.npz").read_bytes()
    truncated, other = tmp_path / "truncated.npz", tmp_path / "other.npz"
    truncated.write_bytes(content[:len(content) // 2])
    siamese.SiameseNetwork((4, 5, 1), label="elsewhere").save(other)
    for path, words in ((truncated, "not a complete saved network"), (other, "'elsewhere', not of 'sr'"),
                        (tmp_path, "cannot read --model")):
        assert train.main(["--model", str(path)]) == 2
        assert words in one_sentence(capsys)


def test_a_run_that_diverges_ends_with_one_sentence_and_no_result(tmp_path, capsys, recwarn):
    assert train.main(["--pairs", "500", "--epochs", "2", "--learning-rate", "1e30", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "in epoch 1; try a lower learning rate" in said and said.count("\n") == 1
    assert not list(tmp_path.rglob("*.*")) and not recwarn.list


def test_a_finished_run_with_other_settings_is_not_overwritten(run, capsys):
    folder, _, _ = run
    before = {path: path.read_bytes() for path in folder.iterdir()}
    words = [*SMALL, "--epochs", "3", "--activation", "tanh", "--out", str(folder.parent.parent)]
    assert train.main(words) == 2
    assert "other settings (epochs, activation)" in one_sentence(capsys)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_output_that_nobody_reads_to_the_end_leaves_no_traceback(tmp_path):
    words = f"'{sys.executable}' train.py --pairs 100 --epochs 1 --hidden 5 --out '{tmp_path}' | head -1"
    shown = subprocess.run(words, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert shown.stdout.startswith("Special relativity") and shown.stderr == ""


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_set_of_runs_ends_its_processes_and_leaves_nothing_half_written(tmp_path, number, status):
    words = [sys.executable, "train.py", "--seeds", "0-1", "--jobs", "2", "--out", str(tmp_path)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    time.sleep(1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == status and errors == b""
    # Where an epoch was done within that second, its state is kept to go on from; nothing else, nothing half-written.
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"log.txt", "checkpoint.npz", "checkpoint-before.npz"}
    logs = {path: path.stat().st_size for path in tmp_path.rglob("log.txt")}
    time.sleep(1)                                       # a run left behind would go on writing
    assert {path: path.stat().st_size for path in logs} == logs


@pytest.mark.parametrize("error, words", [
    (MemoryError(), "there is not enough memory; give fewer --pairs"),
    (ImportError("No module named 'matplotlib'"), "pip install -r requirements.txt"),
    (OSError(28, "No space left on device"), "cannot write the output: No space left on device")])
def test_missing_memory_packages_or_room_end_the_command_with_one_sentence(error, words, tmp_path, capsys, monkeypatch):
    def failing(*_):
        raise error
    monkeypatch.setattr(runs, "carry_out", failing)
    assert train.main(["--out", str(tmp_path)]) == 2
    assert words in one_sentence(capsys)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_output_ends_the_command_with_one_sentence(run):
    with open("/dev/full", "w") as full:
        ended = subprocess.run([sys.executable, "train.py", "--report", str(run[0])], cwd=ROOT, stdout=full,
                               stderr=subprocess.PIPE, encoding="utf-8", timeout=60)
    assert ended.returncode == 2
    assert ended.stderr == "train.py: cannot write the output: No space left on device\n"


# ------------------------------------------------------------------------------ as a user's session

def test_a_terminal_without_superscripts_still_gets_the_report(tmp_path):
    shown = command("--pairs", "100", "--epochs", "1", "--hidden", "5", "--out", tmp_path,
                    env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert shown.returncode == 0 and "t? " in shown.stdout


def test_the_command_finds_its_modules_from_any_folder_and_with_a_safe_path(tmp_path):
    ended = subprocess.run([sys.executable, ROOT / "train.py", "--help"], cwd=tmp_path, capture_output=True, timeout=60,
                           env={**os.environ, "PYTHONSAFEPATH": "1"})
    assert ended.returncode == 0


def test_the_users_settings_of_python_and_matplotlib_change_nothing(tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nsavefig.dpi: 5\n")
    ended = subprocess.run([sys.executable, ROOT / "train.py", *SMALL[:2], "--epochs", "1", "--out", tmp_path / "out"],
                           cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60,
                           env={**os.environ, "PYTHONSAFEPATH": "1", "TERM": "dumb", "LC_ALL": "C", "PYTHONUTF8": "0",
                                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                                "MPLCONFIGDIR": str(tmp_path)})
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_output_and_errors_that_cannot_be_written_end_the_command_with_status_2(run):
    with open("/dev/full", "w") as full:
        ended = subprocess.run([sys.executable, "train.py", "--report", str(run[0])], cwd=ROOT, stdout=full,
                               stderr=full, timeout=60)
    assert ended.returncode == 2
