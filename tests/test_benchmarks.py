"""The tables of benchmarks/, with trainings that are quick, and what is measured; no time is."""

import json
import sys

import numpy as np
import pytest

import physics
import siamese
import train
from helpers import ROOT, benchmark, pairs, table_rows


@pytest.fixture
def rooms(monkeypatch):
    """The folder of the benchmarks, where they find each other."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


# ------------------------------------------------------------------------------- tables of many trainings

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
    command = ["--seeds", "2", "--out", str(tmp_path / "new" / "folder")]
    with pytest.raises(KeyboardInterrupt):
        sensitivity.main(command)
    sensitivity.main(command)
    assert len(calls) == 1 + len(set(calls)) == 1 + 2 * len({choices for _, choices, _ in sensitivity.ROWS})
    text = (tmp_path / "new" / "folder" / "sensitivity.md").read_text("utf-8")
    sensitivity.main(command)
    assert (tmp_path / "new" / "folder" / "sensitivity.md").read_text("utf-8") == text
    assert len(calls) == 1 + len(set(calls))
    rows = {cells[0]: cells[1:] for cells in table_rows(text)}
    assert rows["width 100"][:2] == ["0.495 (0.490 to 0.500)", "0.9000 (0.9000 to 0.9000)"]
    assert rows["rate 100, tanh"][0] == "diverged"
    assert rows["ridge strength 0, the networks of the first row"][2] == "0.0%"
    assert "`python benchmarks/sensitivity.py --pairs 20000 --epochs 60 --seeds 2`" in text


def test_a_small_training_is_measured():
    sensitivity = benchmark("sensitivity")
    result = sensitivity.measure(sensitivity.Choices(width=20, inputs="normal", bottleneck=1.0), 0, 300, 2)
    assert set(result["regressions"]) == {"0", "1", "1000", "1e+06"} and 0.4 < result["accuracy"] < 0.7
    assert result["regressions"]["0"]["r2"] > 0.5 and result["regressions"]["1e+06"]["r2"] < 0.5


@pytest.mark.parametrize("name", ["sr", "sr-fixed"])
def test_the_choices_that_are_not_changed_are_those_of_the_system(name):
    sensitivity = benchmark("sensitivity")
    x, x_prime = sensitivity.system(sensitivity.Choices(name)).sample(1000, np.random.default_rng(0))
    expected, _ = physics.SYSTEMS[name].sample(1000, np.random.default_rng(0))
    assert np.array_equal(x, expected)
    assert physics.interval(x_prime) == pytest.approx(physics.interval(x), abs=1e-12)


def test_the_table_of_wider_bottlenecks_compares_them_with_a_search_and_is_not_made_twice(
        tmp_path, monkeypatch, capsys):
    bottleneck = benchmark("bottleneck")
    monkeypatch.setattr(bottleneck, "INVARIANTS", {"em": 2})
    command = ["--pairs", "200", "--epochs", "1", "--seeds", "1", "--out", str(tmp_path)]
    bottleneck.main(command)
    text = (tmp_path / "bottleneck.md").read_text("utf-8")
    assert "| 2 neurons" in text and "| a search" in text and r"R² of \|B\|² - \|E\|²" in text
    monkeypatch.setattr(bottleneck, "measure", None)                         # all is kept: nothing is trained again
    bottleneck.main(command)
    assert (tmp_path / "bottleneck.md").read_text("utf-8") == text


def test_outputs_that_are_the_invariants_score_1_and_equal_ones_correlate(monkeypatch):
    class Perfect(siamese.SiameseNetwork):
        def forward(self, rows):
            return np.stack([physics.SYSTEMS["em"].invariants[name](rows[:, :-1]) for name in self.label], axis=1)
    bottleneck, both = benchmark("bottleneck"), list(physics.SYSTEMS["em"].invariants)
    for names, scores, correlation in ((both, [1, 1], 0), (both[:1] * 2, [1, 0], 1)):
        network = Perfect((6, 2, 2), label=names)
        monkeypatch.setattr(bottleneck, "learn", lambda *_, **__: (network, []))
        result = bottleneck.measure(physics.SYSTEMS["em"], 2, 0.0, 0, 500, 1)
        assert list(result["r2"].values()) == pytest.approx(scores, abs=0.05)
        assert result["correlation"] == pytest.approx(correlation, abs=0.05) and 0.3 < result["share"] <= 0.5


def test_the_gradient_of_a_decorrelated_network_is_that_of_its_loss_and_its_penalty():
    network = benchmark("bottleneck").Decorrelated((4, 6, 3), 0, "tanh", np.float64)
    network.penalty = 0.3
    batch = pairs(20, 0)

    def loss():
        f = network.bottleneck(np.concatenate(batch[:2]))
        return network.evaluate(*batch)[0] + 0.3 * (np.sum(np.corrcoef(f.T)**2) - 3) / 2
    network.loss_and_gradients(*batch)
    gradients = network.gradients.copy()
    for i in range(len(gradients)):
        network.parameters[i] += 1e-6
        above = loss()
        network.parameters[i] -= 2e-6
        assert gradients[i] == pytest.approx((above - loss()) / 2e-6, abs=1e-7)
        network.parameters[i] += 1e-6


@pytest.mark.parametrize("name", ["sensitivity", "bottleneck"])
def test_the_kept_tables_are_what_the_code_makes_of_the_kept_numbers(name, tmp_path, monkeypatch, capsys):
    module, text = benchmark(name), (ROOT / "results" / f"{name}.md").read_text("utf-8")
    monkeypatch.setattr(module, "measure", None)                             # nothing is trained
    (tmp_path / f"{name}.json").write_bytes((ROOT / "results" / f"{name}.json").read_bytes())
    module.main([*text.split("`")[1].split()[2:], "--out", str(tmp_path)])
    assert (tmp_path / f"{name}.md").read_text("utf-8") == text


# ------------------------------------------------------------------------------------------------- speed

def test_the_kept_benchmarks_are_what_the_code_makes_of_the_kept_numbers():
    kept = json.loads((ROOT / "results" / "benchmarks.json").read_text("utf-8"))
    assert benchmark("run").page(**kept) == (ROOT / "results" / "benchmarks.md").read_text("utf-8")


@pytest.mark.parametrize("in_batch", [True, False])
def test_the_steps_that_are_measured_are_those_of_the_training(in_batch, rooms):
    x, x_prime, y = [array.astype(np.float32) for array in pairs(40, 0)]
    schedule = siamese.Schedule(2.0, 16, in_batch_negatives=in_batch)
    trained, measured = [siamese.SiameseNetwork((4, 7, 6, 1)) for _ in range(2)]
    session = train.Training(trained, (x, x_prime, y), pairs(10, 1), schedule, seed=3)
    session.epoch()
    data, size = ((x[y == 0], x_prime[y == 0]), 8) if in_batch else ((x, x_prime, y), 16)
    run, parameters = benchmark("competitors").this_code(measured, *data)
    run(np.random.default_rng(3).permutation(len(data[0])).reshape(-1, size), 2.0)
    assert np.array_equal(parameters(), trained.parameters)


def test_others_that_are_installed_do_the_same_steps(rooms):
    competitors, data = benchmark("competitors"), [array.astype(np.float32) for array in pairs(32, 0)]
    batches, reached = np.random.default_rng(0).permutation(64).reshape(4, 16), []
    for who in ("this_code", "jax_scan", "torch_eager"):
        for given in (data, data[:2]):
            try:
                run, parameters = getattr(competitors, who)(siamese.SiameseNetwork((4, 7, 6, 1)), *given)
            except ImportError:
                continue
            run(batches, 2.0)
            reached.append(np.array(parameters()))
    for number, each in enumerate(reached):
        assert each == pytest.approx(reached[number % 2], abs=1e-5)


@pytest.fixture
def parts(rooms, monkeypatch):
    """The module with no other packages, and so little to do that it takes no time."""
    for package in ("torch", "jax", "sklearn"):
        monkeypatch.setitem(sys.modules, package, None)                      # importing it raises ImportError
    module = benchmark("parts")
    monkeypatch.setattr(module, "timed", lambda function, *arguments: (1.0, function(*arguments)))
    monkeypatch.setattr(module, "STEPS", 2)
    monkeypatch.setattr(module.train, "QUICK_PAIRS", 256)
    return module


def test_a_race_counts_epochs_to_the_goal_and_names_who_is_not_installed_or_does_not_arrive(parts, monkeypatch):
    monkeypatch.setattr(parts, "TARGETS", {"sr": (0.0, -10.0), "cp": (1.0, 1.0)})
    found = {(row["case"], row["who"]): (row["median"], row["note"]) for row in parts.target(quick=True)}
    for who in (parts.OURS, f"{parts.OURS}, fixed pairs"):
        assert found["sr", who] == (1.0, "1 epochs") and found["cp", who] == (None, "not reached")
    assert {note for (_, who), (_, note) in found.items() if parts.OURS not in who} == {parts.MISSING}


def test_the_step_and_the_regression_are_measured_without_the_packages_that_are_not_installed(parts):
    found = [*parts.step(quick=True), *parts.regressions(quick=True)]
    for row in found:
        here = row["who"] in (parts.OURS, parts.PRODUCTS)
        assert (row["median"] is not None, row["note"]) == (here, "" if here else parts.MISSING)
    assert len({row["case"] for row in found}) == 5


def test_a_table_shows_medians_and_in_brackets_how_many_times_ours_they_are():
    def row(who, case, median, note=""):
        return {"who": who, "case": case, "unit": "s", "median": median, "note": note}
    text = benchmark("run").section("target", [
        row("this code", "sr", 2.0, "9 epochs"), row("this code", "cp", 123.4),
        row("other", "sr", 5.0), row("other", "cp", None, "not installed")])
    assert table_rows(text)[2:] == [["this code", "2.00 (9 epochs)", "123"], ["other", "5.00 (2.50)", "not installed"]]
