"""The table of sensitivities (benchmarks/sensitivity.py), with a training that is quick."""

import importlib.util
from pathlib import Path

import pytest

import physics

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("sensitivity", ROOT / "benchmarks" / "sensitivity.py")
sensitivity = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sensitivity)


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
