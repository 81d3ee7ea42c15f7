"""The command: a small run from end to end, what it writes and says, how it ends if it cannot."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import physics
import regression
import siamese
import train
from helpers import ROOT, SMALL, FakeNetwork, command, outcome, planned, table_rows
from support import files

TEN = ["--pairs", "100", "--epochs", "1", "--hidden", "5"]      # a run in a tenth of a second


# --------------------------------------------------------------------------------- a run, end to end

def test_a_small_run_finds_the_interval_of_eq_5(small_run):
    result = small_run.result
    terms = dict(result["terms"])
    squares = np.array([-terms.pop("t^2"), terms.pop("x^2"), terms.pop("y^2"), terms.pop("z^2")])
    assert result["optimal_order"] == 2
    assert result["r2"]["2"][1] > 0.97 and abs(result["r2"]["1"][1]) < 0.05
    assert np.abs(squares / squares.mean() - 1).max() < 0.2
    assert max(map(abs, terms.values())) < 0.2 * abs(squares.mean())
    assert abs(result["correlations"]["s^2"]) > 0.98 and result["test_accuracy"] > 0.8


def test_a_run_leaves_its_files_and_nothing_unfinished(small_run):
    folder, result = small_run.folder, small_run.result
    names = {path.name for path in folder.iterdir()}
    assert names == {"result.json", *result["files"]}
    assert names >= {"figure_9.png", "history.csv", "model.npz", "report.md", "report.html"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.glob("*.png"))
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["epoch", "loss", "accuracy", "test_loss", "test_accuracy",
                          "learning_rate", "seconds"] and len(rows) == 20
    assert float(rows[-1]["test_accuracy"]) == pytest.approx(result["test_accuracy"])


def test_a_result_names_its_run_and_the_versions_it_was_made_with(small_run):
    result = small_run.result
    assert (result["system"], result["seed"], result["epochs"]) == ("sr", 0, 20)
    assert result["settings"]["train_pairs"] == 10_000 and set(result["r2"]) == set("1234")
    assert result["versions"].keys() == {"python", "numpy", "scipy", "matplotlib", "kernels",
                                         "threads"} and result["versions"]["threads"] == 1


def test_the_report_puts_the_run_beside_the_paper(small_run):
    result, text = small_run.result, small_run.report
    rows = table_rows(text)
    accuracies = f"{result['train_accuracy']:.3f}", f"{result['test_accuracy']:.3f}"
    assert ["accuracy", *accuracies, "0.94", "0.92"] in rows
    scores = [f"{score:.4f}" for score in result["r2"]["2"]]
    assert ["R² of order 2 (Table I)", *scores, "0.9894", "0.9893"] in rows
    assert result["formula"] in text and result["polynomial"] in text
    assert "88 (-t² + x² + y² + z²) - 60" in text


def test_the_screen_shows_the_finding_and_last_the_command_that_goes_on(small_run):
    # Its surroundings know no ² and no ü, in place of which it shows ?.
    lines, result = small_run.said.splitlines(), small_run.result
    assert lines[0].startswith("Special relativity: 10,000 pairs of each label, network 4-64-64-1")
    assert f"{result['test_accuracy']:.3f} (paper 0.92) on the test set." in lines[-4]
    assert lines[-3].startswith("f ? ") and lines[-3].endswith(f"R? {result['r2']['2'][1]:.4f}")
    assert lines[-2].startswith("The report is ") and lines[-2].endswith("seed-0/report.html.")
    assert lines[-1] == "python -m discover --system sr names the laws exactly."


def test_two_processes_give_the_same_run_bit_for_bit_and_another_seed_does_not(
        small_run, tmp_path, every_epoch):
    runs = [outcome(small_run.folder.parent.parent)]
    assert train.main([*SMALL, "--out", str(tmp_path)]) == 0
    runs.append(outcome(tmp_path))
    for _, _, result in runs:
        del result["files"]                             # the figures of the second are not drawn
    assert runs[0] == runs[1]
    assert train.main([*TEN, "--seed", "1", "--out", str(tmp_path)]) == 0
    assert train.main([*TEN, "--fresh", "--out", str(tmp_path)]) == 0
    one, other = [siamese.SiameseNetwork.load(path) for path in tmp_path.rglob("model.npz")]
    assert not np.any(one.parameters[:-2] == other.parameters[:-2])


# ------------------------------------------------------------------------------------ interpretation

def sets(n):
    return physics.sample_sets(physics.SYSTEMS["sr"], physics.seed_streams(0)[0], n)


def test_a_network_is_interpreted_on_the_first_observations_of_the_equivalent_pairs():
    network = siamese.SiameseNetwork((4, 10, 1), seed=4)
    train_set, test = sets(500)
    result = train.interpret(physics.SYSTEMS["sr"], network, train_set, test)
    for pairs, accuracy in ((train_set, result.train_accuracy), (test, result.test_accuracy)):
        x, x_prime, y = pairs.labelled()
        assert accuracy == np.mean((network.predict(x, x_prime) > 0.5) == y)
    f, f_test = network.f(train_set.x), network.f(test.x)
    coefficients, intercept = regression.ridge(train_set.x, f)
    scores = [regression.r2_score(target, x @ coefficients + intercept)
              for x, target in ((train_set.x, f), (test.x, f_test))]
    assert result.r2["1"] == pytest.approx(scores)
    s_squared = test.x[:, 1]**2 + test.x[:, 2]**2 + test.x[:, 3]**2 - test.x[:, 0]**2
    assert result.correlations["s^2"] == pytest.approx(np.corrcoef(s_squared, f_test)[0, 1])


@pytest.mark.parametrize("w, above_chance", [(1000.0, True), (0.0, False)])
def test_a_network_that_tells_no_pairs_apart_has_no_formula_even_where_a_polynomial_is_its_f(
        w, above_chance):
    network = FakeNetwork(4, physics.interval, w)
    result = train.interpret(physics.SYSTEMS["sr"], network, *sets(2000))
    assert result.test_accuracy > 0.9 if above_chance else result.test_accuracy == 0.5
    assert result.optimal_order == 2
    assert bool(result.formula) == result.above_chance == above_chance


def test_a_constant_f_has_no_order_and_no_formula():
    network = siamese.SiameseNetwork((4, 5, 1))
    network.layers[-1][:] = 0
    result = train.interpret(physics.SYSTEMS["sr"], network, *sets(100))
    assert (result.optimal_order, result.formula, result.above_chance) == (None, None, False)


# ------------------------------------------------------------------------------------------ settings

@pytest.mark.parametrize("words, pairs, epochs, rate", [
    ([], 50_000, 65, 2.5), (["--pairs", "300", "--epochs", "7"], 300, 7, 2.5),
    (["--learning-rate", "0.5"], 50_000, 65, 0.5)])
def test_a_config_takes_the_settings_of_the_schedule_unless_told(words, pairs, epochs, rate):
    config = planned("--system", "em", *words)
    schedule = config.schedule
    assert (config.train_pairs, schedule.epochs, schedule.learning_rate) == (pairs, epochs, rate)


@pytest.mark.parametrize("name, pairs", [("sr", 50_000), ("em", 200_000)])
def test_the_paper_schedule_takes_the_pairs_and_layers_of_the_paper(name, pairs):
    config = planned("--system", name, "--schedule", "paper")
    assert config.train_pairs == pairs and config.schedule == siamese.SCHEDULES["paper"]
    assert config.layer_sizes == (len(physics.SYSTEMS[name].inputs), 200, 200, 1)


def test_another_sampling_is_that_of_the_system_and_has_a_folder_of_its_own():
    box, own = planned("--system", "cp", "--sampling", "box"), planned("--system", "cp")
    x, _ = box.system.sample(300, np.random.default_rng(0))
    assert own.system.sample is physics.sample_orbits and physics.energy(x).max() > 0
    assert box.identity["sampling"] == "box" and box.folder.parent.name == "cp-box"


def test_the_paper_schedule_reports_the_best_training_cycle_too(tmp_path, every_epoch):
    assert train.main([*TEN[:-2], "--hidden", "5", "--epochs", "12", "--schedule", "paper",
                       "--learning-rate", "1000", "--out", str(tmp_path)]) == 0
    folder = tmp_path / "sr-paper" / "seed-0"
    result = json.loads((folder / "result.json").read_text("utf-8"))
    with open(folder / "history.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert result["best_epoch"] == 1 + losses.index(min(losses)) < 12
    x, x_prime, y = sets(100)[1].labelled()
    best = siamese.SiameseNetwork.load(folder / "best.npz")
    last = siamese.SiameseNetwork.load(folder / "model.npz")
    assert result["best"]["test_accuracy"] == np.mean((best.predict(x, x_prime) > 0.5) == y)
    assert np.any(best.parameters != last.parameters)


# --------------------------------------------------------------------------------- what is refused

def refused(capsys, *arguments):
    """The one sentence with which the command ends, and nothing else."""
    assert train.main([*map(str, arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and printed.out == ""
    return printed.err


def test_an_output_path_that_is_a_file_or_inside_one_is_refused_before_any_work(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "deeper", tmp_path / ("long" * 100)):
        assert "cannot write to --out" in refused(capsys, "--out", out)
    assert file.read_text() == "mine" and list(tmp_path.iterdir()) == [file]


def test_an_output_folder_that_cannot_be_written_is_refused(monkeypatch, tmp_path, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(files.tempfile, "TemporaryFile", full)
    assert "No space left on device" in refused(capsys, "--out", tmp_path)


def test_own_data_are_sent_to_the_other_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sentence = refused(capsys, "--data", "mine.csv")
    assert "python -m discover" in sentence and not list(tmp_path.iterdir())


def test_a_run_that_diverges_ends_with_one_sentence_and_no_result(tmp_path, capsys, recwarn):
    assert train.main([*TEN, "--learning-rate", "1e30", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "in epoch 1; try a lower learning rate" in said and said.count("\n") == 1
    assert not list(tmp_path.rglob("*.*")) and not recwarn.list


@pytest.mark.parametrize("error, words", [
    (MemoryError(), "there is not enough memory; give fewer --pairs"),
    (ImportError("No module named 'matplotlib'"), "pip install -r requirements.txt"),
    (OSError(28, "No space left on device"), "cannot write the output: No space left on device")])
def test_missing_memory_packages_or_room_end_the_command_with_one_sentence(
        error, words, tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise error
    monkeypatch.setattr(physics, "sample_sets", fail)
    assert train.main(["--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_output_that_nobody_reads_to_the_end_leaves_no_traceback(tmp_path):
    words = f"'{sys.executable}' train.py {' '.join(TEN)} --out '{tmp_path}' | head -1"
    shown = subprocess.run(words, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert shown.stdout.startswith("Special relativity") and shown.stderr == ""


def test_output_and_errors_that_cannot_be_written_end_the_command_with_status_2():
    with open("/dev/full", "w") as full:
        words = [sys.executable, "train.py", "--system", "mars"]
        assert subprocess.run(words, cwd=ROOT, stdout=full, stderr=full, timeout=60).returncode == 2


# ------------------------------------------------------------------------------------------ processes

def test_the_process_of_a_command_takes_one_thread_and_imported_modules_set_none():
    code = ("import os, sys; before = dict(os.environ); import physics, regression, train;"
            " print(dict(os.environ) == before, os.environ.get('OPENBLAS_NUM_THREADS'));"
            " from support import process; process.prepare();"
            " print(*(os.environ[name] for name in process.THREADS))")
    said = command(program=("-c", code), env={"PATH": ""})
    assert said.stdout == "True None\n1 1 1\n" and said.stderr == ""


def test_a_key_pressed_during_several_runs_ends_all_of_them_quietly(tmp_path):
    words = [sys.executable, "train.py", "--pairs", "300", "--hidden", "8", "--epochs", "4000",
             "--seeds", "0-3", "--jobs", "2", "--out", tmp_path]
    batch = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, start_new_session=True)
    for line in batch.stdout:           # both are at work
        if line.startswith("sr seed 1: Special"):
            break
    time.sleep(0.3)
    os.killpg(batch.pid, signal.SIGINT)                 # as a terminal does: to all processes
    _, errors = batch.communicate(timeout=60)
    assert (batch.returncode, errors) == (130, "")
    with pytest.raises(ProcessLookupError):
        os.killpg(batch.pid, 0)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"checkpoint.npz"}
