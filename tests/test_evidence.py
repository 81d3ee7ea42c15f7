"""The kept runs are those of this code: their first epochs come out again, and documents quote them rightly."""

import csv
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from helpers import ROOT, benchmark

RUNS = [path.parent.relative_to(ROOT).as_posix() for folder in ("paper", "box")
        for path in sorted((ROOT / "results" / folder).rglob("history.csv"))]
QUICK = "results/paper/sr/seed-0"


@pytest.mark.parametrize("run", [run if run == QUICK else pytest.param(run, marks=pytest.mark.slow) for run in RUNS])
def test_the_first_epochs_of_a_kept_run_come_out_again_to_all_digits_of_its_history(run):
    # The kept runs had the kernels for AVX2, which newer processors have too; where there are none, the bits differ.
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Haswell"}
    said = subprocess.run([sys.executable, "tests/retrain.py", run, "2"], cwd=ROOT, env=environment,
                          capture_output=True, text=True, timeout=600)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    with open(ROOT / run / "history.csv", newline="") as file:
        kept = list(csv.DictReader(file))[:2]
    for name in ("loss", "accuracy", "test_loss", "test_accuracy", "learning_rate"):
        assert found[name] == pytest.approx([float(row[name]) for row in kept], rel=6e-5), name


@pytest.fixture
def evidence(monkeypatch, tmp_path):
    """benchmarks/evidence.py in an empty repository, with two steps that write a file each; and what it started."""
    module, started = benchmark("evidence"), []
    monkeypatch.syspath_prepend(str(ROOT / "docs"))

    def python(*words, **_):
        started.append(words)
        failed = words[0] == module.failing
        if not failed and "--report" not in words:
            (tmp_path / "results" / words[0]).mkdir(parents=True)
        return SimpleNamespace(returncode=int(failed), stdout=b"page\n")
    for name, value in {"ROOT": tmp_path, "RESULTS": tmp_path / "results", "python": python,
                        "list_steps": lambda jobs: {"one": (["quick"], [["quick"]]),
                                                    "two": (["discover"], [["discover"]])},
                        "update": lambda: None, "failing": "discover", "commit": "a1",
                        "git": lambda *words: module.commit if words[0] == "log" else ""}.items():
        monkeypatch.setattr(module, name, value, raising=False)
    for name in ("results", "docs"):
        (tmp_path / name).mkdir()
    return module, started


def test_evidence_goes_on_where_it_was_and_starts_over_on_another_commit(evidence, tmp_path):
    module, started = evidence
    with pytest.raises(SystemExit, match="two failed"):
        module.make(1, None)
    module.failing = ""
    module.make(1, None)
    assert [words[0] for words in started if "--report" not in words] == ["quick", "discover", "discover"]
    assert json.loads((tmp_path / "results" / "evidence.json").read_text()) == {"one": "a1", "two": "a1"}
    assert (tmp_path / "docs" / "results.md").read_text() == 4 * "page\n"
    del started[:]
    module.commit = "b2"
    module.make(1, None)                                                      # makes folders that must be gone before
    assert [words[0] for words in started if "--report" not in words] == ["quick", "discover"]


def test_evidence_of_code_that_is_not_committed_is_not_made(evidence, monkeypatch):
    module, started = evidence
    monkeypatch.setattr(module, "git", lambda *words: " M train.py")
    with pytest.raises(SystemExit, match="commit the code first"):
        module.make(1, None)
    assert not started


def test_of_runs_the_results_are_kept_and_of_seed_0_report_history_and_pictures(evidence, tmp_path):
    names = ["result.json", "report.md", "report.html", "history.csv", "figure_9.png", "model.npz"]
    for seed in (0, 1):
        folder = tmp_path / "results" / "quick" / "sr" / f"seed-{seed}"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).touch()
    (tmp_path / "results" / "quick" / "all-seeds-0-1").mkdir()
    evidence[0].prune()
    left = [path.relative_to(tmp_path / "results").as_posix() for path in (tmp_path / "results").rglob("*.*")]
    assert sorted(left) == ["quick/sr/seed-0/figure_9.png", "quick/sr/seed-0/history.csv",
                            "quick/sr/seed-0/report.md", "quick/sr/seed-0/result.json", "quick/sr/seed-1/result.json"]
    assert not (tmp_path / "results" / "quick" / "all-seeds-0-1").exists()
