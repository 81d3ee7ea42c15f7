"""The tables of benchmarks/, with trainings that are quick, and what is measured; no time is."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import physics
import siamese

ROOT = Path(__file__).parent.parent


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sensitivity, bottleneck = load("sensitivity"), load("bottleneck")


def test_an_interrupted_table_goes_on_and_is_the_same_as_one_made_at_once(tmp_path, monkeypatch, capsys):
    calls = []

    def measure(choices, seed, pairs, epochs):
        calls.append((choices, seed))
        if len(calls) == 7:
            raise KeyboardInterrupt
        if choices.rate == 100:
            return None
        return {"accuracy": choices.width / 200 - seed / 100, "sign_t": 0.1,
                "regressions": {f"{alpha:g}": {"r2": 0.9, "worst": alpha} for alpha in sensitivity.RIDGE_STRENGTHS}}
    monkeypatch.setattr(sensitivity, "measure", measure)
    command = ["--seeds", "2", "--out", str(tmp_path)]
    with pytest.raises(KeyboardInterrupt):
        sensitivity.main(command)
    sensitivity.main(command)
    assert len(calls) == 1 + len(set(calls)) == 1 + 2 * len({choices for _, choices, _ in sensitivity.ROWS})
    text = (tmp_path / "sensitivity.md").read_text("utf-8")
    sensitivity.main(command)
    assert (tmp_path / "sensitivity.md").read_text("utf-8") == text and len(calls) == 1 + len(set(calls))
    rows = {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.strip("|").split("|")]
                                              for line in text.splitlines() if line.startswith("|"))}
    assert rows["width 100"][:2] == ["0.495 (0.490 to 0.500)", "0.9000 (0.9000 to 0.9000)"]
    assert rows["rate 100, tanh"][0] == "diverged"
    assert rows["ridge strength 0, the networks of the first row"][2] == "0.0%"
    assert "`python benchmarks/sensitivity.py --pairs 20000 --epochs 60 --seeds 2`" in text


def test_a_small_training_is_measured():
    result = sensitivity.measure(sensitivity.Choices(width=20, inputs="normal"), 0, 300, 2)
    assert set(result["regressions"]) == {"0", "1", "1000", "1e+06"} and 0.4 < result["accuracy"] < 0.7
    assert result["regressions"]["0"]["r2"] > 0.5 and result["regressions"]["1e+06"]["r2"] < 0.5


def test_the_default_row_is_the_system_of_the_paper():
    x, x_prime = sensitivity.system(sensitivity.Choices()).sample(1000, sensitivity.np.random.default_rng(0))
    assert abs(x).max() <= 1 and physics.interval(x_prime) == pytest.approx(physics.interval(x), abs=1e-12)


def test_the_table_of_wider_bottlenecks_compares_them_with_the_search_and_is_not_made_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bottleneck, "INVARIANTS", {"em": 2})
    command = ["--pairs", "200", "--epochs", "1", "--seeds", "1", "--out", str(tmp_path)]
    bottleneck.main(command)
    text = (tmp_path / "bottleneck.md").read_text("utf-8")
    assert "| 2 neurons, penalty 0.01 " in text and "| --discover, 2 steps " in text and r"R² of \|B\|² - \|E\|²" in text
    monkeypatch.setattr(bottleneck, "measure", None)                         # all is kept: nothing is trained again
    bottleneck.main(command)
    assert (tmp_path / "bottleneck.md").read_text("utf-8") == text


def test_outputs_that_are_the_invariants_score_1_and_equal_ones_correlate(monkeypatch):
    class Perfect:
        def __init__(self, names):
            self.functions = [physics.SYSTEMS["em"].invariants[name] for name in names]

        def bottleneck(self, x):
            return np.stack([function(x.astype(float)) for function in self.functions], axis=1)

        def evaluate(self, *pairs):
            return 0.0, 0.9
    both = list(physics.SYSTEMS["em"].invariants)
    for names, scores, correlation in ((both, [1, 1], 0), (both[:1] * 2, [1, 0], 1)):
        monkeypatch.setattr(bottleneck, "learn", lambda *_: Perfect(names))
        result = bottleneck.measure(physics.SYSTEMS["em"], 2, 0.0, 0, 500, 1)
        assert list(result["r2"].values()) == pytest.approx(scores, abs=0.05)
        assert result["correlation"] == pytest.approx(correlation, abs=0.05) and sum(result["shares"]) == pytest.approx(1)


def test_the_kept_tables_are_what_the_code_makes_of_the_kept_numbers(tmp_path, monkeypatch, capsys):
    run = load("run")
    for folder in (ROOT / "results", ROOT / "results" / "avx512"):
        kept = json.loads((folder / "benchmarks.json").read_text("utf-8"))
        assert run.page(kept["machine"], kept["parts"], run.judged(kept["parts"])) == (folder / "benchmarks.md").read_text("utf-8")
    for module, name in ((sensitivity, "sensitivity"), (bottleneck, "bottleneck")):
        monkeypatch.setattr(module, "measure", None)                                    # nothing is trained
        (tmp_path / f"{name}.json").write_bytes((ROOT / "results" / f"{name}.json").read_bytes())
        text = (ROOT / "results" / f"{name}.md").read_text("utf-8")
        module.main([*text.split("`")[1].split()[2:], "--out", str(tmp_path)])
        assert (tmp_path / f"{name}.md").read_text("utf-8") == text


def test_a_goal_is_met_on_its_own_side_and_one_without_numbers_is_not_measured(monkeypatch):
    run = load("run")
    monkeypatch.setattr(run, "GOALS", [
        *[(f"{sense} {bound}", sense, bound, lambda m: m("p", "c", "us", "s")) for sense in ("at most", "at least") for bound in (1, 3)],
        ("other", "at most", 1, lambda m: m("p", "c", "them") / m("p", "c", "us"))])
    lines = run.judged({"p": [{"case": "c", "who": who, "unit": "s", "median": median} for who, median in (("us", 2.0), ("them", None))]}).splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")][2:] for line in lines[2:]] == [
        ["2", "no"], ["2", "yes"], ["2", "yes"], ["2", "no"], ["not measured", ""]]


def test_the_step_that_is_measured_is_that_of_the_training():
    rng = np.random.default_rng(0)
    x, x_prime = rng.uniform(-1, 1, (2, 40, 4)).astype(np.float32)
    y, batches = rng.integers(0, 2, 40).astype(np.float32), rng.permutation(40).reshape(5, 8)
    measured, network = [siamese.SiameseNetwork((4, 7, 6, 1)) for _ in range(2)]
    run, parameters = load("competitors").this_code(measured, (x, x_prime, y), batches)
    run()
    optimizer = siamese.Adadelta(network.parameters.size, 1.0)
    for chosen in batches:
        network.loss_and_gradients(x[chosen], x_prime[chosen], y[chosen])
        optimizer.step(network.parameters, network.gradients)
        np.abs(network.w, out=network.w)
    assert np.array_equal(parameters(), network.parameters)


def test_the_step_is_measured_without_the_packages_that_are_not_installed(monkeypatch):
    for package in ("torch", "jax"):
        monkeypatch.setitem(sys.modules, package, None)                                 # importing it raises ImportError
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    parts = load("parts")
    monkeypatch.setattr(parts, "interleaved", lambda runs, repeats: {name: [1.0] for name in runs})     # no time is taken
    notes = {(row["case"], row["who"]): row["note"] for row in parts.step(quick=True)}
    assert {note for (_, who), note in notes.items() if who in ("bare matrix products", parts.OURS)} == {""}
    assert {note for (_, who), note in notes.items() if who not in ("bare matrix products", parts.OURS)} == {parts.MISSING}


def test_a_table_makes_the_folder_that_it_goes_to(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sensitivity, "measure", lambda *_: None)
    sensitivity.main(["--seeds", "1", "--out", str(tmp_path / "new" / "folder")])
    assert (tmp_path / "new" / "folder" / "sensitivity.md").exists()
