"""The examples write data that conserve what they say; the job array has all tasks."""

import os
import runpy
import subprocess
import sys

import numpy as np
import pytest

import physics
from helpers import ROOT, parsed


def example(name, folder, monkeypatch, *words):
    """What the script examples/NAME writes in this folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [name, *words])
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    file, = folder.iterdir()
    return file


@pytest.fixture
def few_orbits(monkeypatch):
    """A tenth of the orbits."""
    sample = physics.sample_orbits_of_fixed_angular_momentum
    monkeypatch.setattr(physics, "sample_orbits_of_fixed_angular_momentum",
                        lambda n, rng: sample(n // 10, rng))


@pytest.mark.parametrize("words, known", [
    (["oscillator.py"], ["x^2 + v_x^2", "y^2 + v_y^2", "x*v_y - y*v_x", "x*y + v_x*v_y"]),
    (["adiabats.py"], ["T*V^0.4"]),
    (["well.py"], ["v^2/2 - exp(-x^2)"]),
    (["noisy_orbits.py", "0"], ["v_y - x/sqrt(x^2 + y^2)", "v_x + y/sqrt(x^2 + y^2)"])])
def test_what_the_examples_write_conserves_what_the_readme_says(words, known, tmp_path, monkeypatch, few_orbits):
    from discover.data import load_system
    system = load_system(example(words[0], tmp_path, monkeypatch, *words[1:]), known=known)
    pairs = system.pairs(200, np.random.default_rng(0))
    for invariant in system.invariants.values():
        assert invariant(pairs.x) == pytest.approx(invariant(pairs.x_prime), rel=1e-8, abs=1e-8)
        assert np.ptp(invariant(pairs.x)) > 0.1
    for column, column_prime in zip(pairs.x.T, pairs.x_prime.T):
        assert abs(np.corrcoef(column, column_prime)[0, 1]) < 0.9


def test_the_noise_of_the_noisy_orbits_is_the_share_that_is_asked_for(tmp_path, monkeypatch, few_orbits):
    written = []
    for noise in ("0", "0.05"):
        (tmp_path / noise).mkdir()
        written.append(np.load(example("noisy_orbits.py", tmp_path / noise, monkeypatch, noise)))
    exact, noisy = written
    size = np.sqrt(np.mean(exact["x"]**2, axis=0))
    assert np.std(noisy["x"] - exact["x"], axis=0) == pytest.approx(0.05 * size, rel=0.1)


def test_the_tasks_of_the_slurm_array_are_all_systems_with_ten_seeds(tmp_path):
    script = ROOT / "examples" / "slurm-array.sh"
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    first, last = script.read_text("utf-8").split("#SBATCH --array=")[1].split()[0].split("-")
    tasks = []
    for task in range(int(first), int(last) + 1):
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}",
                       "SLURM_ARRAY_TASK_ID": str(task)}
        said = subprocess.run(["bash", str(script), "--epochs", "1"], env=environment,
                              capture_output=True, text=True, check=True).stdout
        program, *words = said.split()
        options = parsed(words)
        assert program == "train.py" and options.epochs == 1
        tasks.append((options.system, options.seed))
    assert sorted(tasks) == sorted((name, seed) for name in physics.SYSTEMS for seed in range(10))
