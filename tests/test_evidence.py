"""The kept runs are those of this code: their first epochs come out again, and documents quote them rightly."""

import csv
import json
import os
import subprocess
import sys

import pytest

from helpers import ROOT

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
