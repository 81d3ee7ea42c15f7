"""The tables of benchmarks/, with trainings that are quick, and what is measured; no time is."""

import json
import sys

import numpy as np
import pytest

import physics
import siamese
from helpers import ROOT, benchmark, table_rows


def test_an_interrupted_table_goes_on_and_is_the_same_as_one_made_at_once(tmp_path, monkeypatch, capsys):
    sensitivity, calls = benchmark("sensitivity"), []

    def measure(choices, seed, pairs, epochs):
        calls.append((choices, seed))
        if len(calls) == 7:
            raise KeyboardInterrupt
        if choices.rate == 100:
            return None
        regressions = {f"{alpha:g}": {"r2": 0.9, "worst": alpha} for alpha in sensitivity.RIDGE_STRENGTHS}
        return {"accuracy": choices.width / 200 - seed / 100, "sign_t": 0.1, "regressions": regressions}
    monkeypatch.setattr(sensitivity, "measure", measure)
    command = ["--seeds", "2", "--out", str(tmp_path)]
    with pytest.raises(KeyboardInterrupt):
        sensitivity.main(command)
    sensitivity.main(command)
    assert len(calls) == 1 + len(set(calls)) == 1 + 2 * len({choices for _, choices, _ in sensitivity.ROWS})
    text = (tmp_path / "sensitivity.md").read_text("utf-8")
    sensitivity.main(command)
    assert (tmp_path / "sensitivity.md").read_text("utf-8") == text and len(calls) == 1 + len(set(calls))
    rows = {cells[0]: cells[1:] for cells in table_rows(text)}
    assert rows["width 100"][:2] == ["0.495 (0.490 to 0.500)", "0.9000 (0.9000 to 0.9000)"]
    assert rows["rate 100, tanh"][0] == "diverged"
    assert rows["ridge strength 0, the networks of the first row"][2] == "0.0%"
    assert "`python benchmarks/sensitivity.py --pairs 20000 --epochs 60 --seeds 2`" in text


def test_a_small_training_is_measured():
    sensitivity = benchmark("sensitivity")
    result = sensitivity.measure(sensitivity.Choices(width=20, inputs="normal"), 0, 300, 2)
    assert set(result["regressions"]) == {"0", "1", "1000", "1e+06"} and 0.4 < result["accuracy"] < 0.7
    assert result["regressions"]["0"]["r2"] > 0.5 and result["regressions"]["1e+06"]["r2"] < 0.5


def test_the_default_row_is_the_system_of_the_paper():
    sensitivity = benchmark("sensitivity")
    x, x_prime = sensitivity.system(sensitivity.Choices()).sample(1000, np.random.default_rng(0))
    assert abs(x).max() <= 1 and physics.interval(x_prime) == pytest.approx(physics.interval(x), abs=1e-12)


def test_the_table_of_wider_bottlenecks_compares_them_with_the_search_and_is_not_made_twice(
        tmp_path, monkeypatch, capsys):
    bottleneck = benchmark("bottleneck")
    monkeypatch.setattr(bottleneck, "INVARIANTS", {"em": 2})
    command = ["--pairs", "200", "--epochs", "1", "--seeds", "1", "--out", str(tmp_path)]
    bottleneck.main(command)
    text = (tmp_path / "bottleneck.md").read_text("utf-8")
    assert "| 2 neurons" in text and "| --discover" in text and r"R² of \|B\|² - \|E\|²" in text
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
    bottleneck, both = benchmark("bottleneck"), list(physics.SYSTEMS["em"].invariants)
    for names, scores, correlation in ((both, [1, 1], 0), (both[:1] * 2, [1, 0], 1)):
        monkeypatch.setattr(bottleneck, "learn", lambda *_: Perfect(names))
        result = bottleneck.measure(physics.SYSTEMS["em"], 2, 0.0, 0, 500, 1)
        assert list(result["r2"].values()) == pytest.approx(scores, abs=0.05)
        assert result["correlation"] == pytest.approx(correlation, abs=0.05)
        assert sum(result["shares"]) == pytest.approx(1)


def test_the_kept_benchmarks_are_what_the_code_makes_of_the_kept_numbers():
    run = benchmark("run")
    for path in (ROOT / "results").rglob("benchmarks.json"):
        kept = json.loads(path.read_text("utf-8"))
        page = run.page(kept["machine"], kept["parts"], run.judged(kept["parts"]))
        assert page == path.with_suffix(".md").read_text("utf-8"), path


@pytest.mark.parametrize("name", ["sensitivity", "bottleneck"])
def test_the_kept_tables_are_what_the_code_makes_of_the_kept_numbers(name, tmp_path, monkeypatch, capsys):
    module, text = benchmark(name), (ROOT / "results" / f"{name}.md").read_text("utf-8")
    monkeypatch.setattr(module, "measure", None)                             # nothing is trained
    (tmp_path / f"{name}.json").write_bytes((ROOT / "results" / f"{name}.json").read_bytes())
    module.main([*text.split("`")[1].split()[2:], "--out", str(tmp_path)])
    assert (tmp_path / f"{name}.md").read_text("utf-8") == text


def test_a_goal_is_met_on_its_own_side_and_one_without_numbers_is_not_measured(monkeypatch):
    def of_us(m):
        return m("p", "c", "us", "s")

    def against_them(m):
        return m("p", "c", "them") / m("p", "c", "us")
    goals = [(f"{sense} {bound}", sense, bound, of_us) for sense in ("at most", "at least") for bound in (1, 3)]
    run = benchmark("run")
    monkeypatch.setattr(run, "GOALS", [*goals, ("other", "at most", 1, against_them)])
    measured = [{"case": "c", "who": who, "unit": "s", "median": median}
                for who, median in (("us", 2.0), ("them", None))]
    assert [row[2:] for row in table_rows(run.judged({"p": measured}))[2:]] == [
        ["2", "no"], ["2", "yes"], ["2", "yes"], ["2", "no"], ["not measured", ""]]


def test_the_step_that_is_measured_is_that_of_the_training():
    rng = np.random.default_rng(0)
    x, x_prime = rng.uniform(-1, 1, (2, 40, 4)).astype(np.float32)
    y, batches = rng.integers(0, 2, 40).astype(np.float32), rng.permutation(40).reshape(5, 8)
    measured, network = [siamese.SiameseNetwork((4, 7, 6, 1)) for _ in range(2)]
    run, parameters = benchmark("competitors").this_code(measured, (x, x_prime, y), batches)
    run()
    optimizer = siamese.Adadelta(network.parameters.size, 1.0)
    for chosen in batches:
        network.loss_and_gradients(x[chosen], x_prime[chosen], y[chosen])
        optimizer.step(network.parameters, network.gradients)
        np.abs(network.w, out=network.w)
    assert np.array_equal(parameters(), network.parameters)


def test_the_step_is_measured_without_the_packages_that_are_not_installed(monkeypatch):
    for package in ("torch", "jax"):
        monkeypatch.setitem(sys.modules, package, None)                      # importing it raises ImportError
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    parts = benchmark("parts")
    # No time is taken.
    monkeypatch.setattr(parts, "interleaved", lambda runs, repeats: {name: [1.0] for name in runs})
    measured, notes = ("bare matrix products", parts.OURS), {}
    for row in parts.step(quick=True):
        notes.setdefault(row["who"], set()).add(row["note"])
    assert all(notes[who] == {""} for who in measured)
    assert all(note == {parts.MISSING} for who, note in notes.items() if who not in measured)


def test_a_table_makes_the_folder_that_it_goes_to(tmp_path, monkeypatch, capsys):
    sensitivity = benchmark("sensitivity")
    monkeypatch.setattr(sensitivity, "measure", lambda *_: None)
    sensitivity.main(["--seeds", "1", "--out", str(tmp_path / "new" / "folder")])
    assert (tmp_path / "new" / "folder" / "sensitivity.md").exists()
