"""Random command lines and damaged files, each from its own seed: status 0, 1 or 2, one sentence, nothing half done."""

import dataclasses
import sys

import numpy as np
import pytest

import physics
import siamese
import train
from helpers import NAMES, checkpoint_every_epoch, npz, outcome, rows_of, table, trajectories
from support import checkpoints, jobs

SMALL = ["--pairs", "9", "--epochs", "3", "--hidden", "3"]


def small_and_quick(monkeypatch):
    """Small test sets, no figures, no waiting for the disk."""
    small = {name: dataclasses.replace(system, test_pairs=50) for name, system in physics.SYSTEMS.items()}
    monkeypatch.setattr(physics, "SYSTEMS", small)
    checkpoint_every_epoch(monkeypatch)


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """The same, in a folder of its own, and no processes."""
    monkeypatch.chdir(tmp_path)
    small_and_quick(monkeypatch)
    monkeypatch.setattr(jobs, "run_all", lambda runs, at_once: ([], runs))


def status_of(command, capsys, tmp_path):
    """The command's exit status, after what every one must do; an exception would end the test."""
    sys.stdout.reconfigure(errors="replace")                                            # as the command does
    sys.stderr.reconfigure(errors="backslashreplace")                                   # as Python does
    try:
        status = train.main([str(word) for word in command])
    except SystemExit as end:                                                           # of --help
        status = end.code
    said = capsys.readouterr().err.splitlines()
    notes = [line for line in said if line.startswith(("train.py: mine.npz: ", "train.py: mine.csv: "))]
    assert status in (0, 1, 2) and len(said) - len(notes) == bool(status), said
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("in-use"))
    return status


# ----------------------------------------------------------------------------------- command lines

WORDS = [
    "", " ", "-", "--", "-1", "0", "1", "2", "3", "007", "+1", "1.5", "1e3", "1e-300", "1e300", "1e400", "nan", "-inf",
    "1_0", "0x1", "٣", "²", "9" * 12, "9" * 5000, "0-2", "2-0", "0,0", "0,2-3", "0-99999999", ",", "x",
    "ümläut and space", "\udcff", "🙂", "%s", "{}", "a\nb", "long" * 100, "/dev/null", "/dev/null/x", ".", "runs",
    "runs/sr", "sr", "em-fixed", "all", "paper", "quick", "relu", "tanh", "--help"]
SUITABLE = {
    "--system": [*physics.SYSTEMS, "all"], "--schedule": [*siamese.SCHEDULES], "--seed": ["0", "7"],
    "--seeds": ["0-2", "1,5"], "--jobs": ["2"], "--report": ["runs"], "--out": ["runs", "ü b"], "--fresh": [],
    "--pairs": ["5"], "--epochs": ["1"], "--learning-rate": ["0.1", "100"], "--hidden": ["3"],
    "--activation": [*siamese.ACTIVATIONS], "--model": ["runs/sr/seed-0/model.npz"], "--speed": ["1"],
    "--data": ["mine.npz", "mine.csv"], "--group": ["orbit"], "--known": ["x1*x4 - x2*x3", "x", "x^2 + v_x^2"],
    "--discover": [], "--features": ["polynomial", "rational", "x^2", "sin(t)"], "--device": ["cpu", "gpu"]}
OPTIONS = [*SUITABLE]


@pytest.mark.parametrize("seed", range(300))
def test_a_random_command_line_is_carried_out_or_refused(seed, capsys, tmp_path):
    orbits = trajectories(times=10)                     # more pairs than there is a note for
    npz(tmp_path, trajectories=orbits)
    table(tmp_path, ["orbit", *NAMES], rows_of(orbits))
    rng = np.random.default_rng(seed)
    strange, command = rng.random() * 0.5, []
    for _ in range(rng.integers(1, 6)):
        option = OPTIONS[rng.integers(len(OPTIONS))]
        command += [option]
        for _ in range(rng.choice([0, 1, 2], p=[0.05, 0.85, 0.1])):
            words = SUITABLE[option] if rng.random() > strange else WORDS
            command += [words[rng.integers(len(words))]] if words else []
    status_of([*command, *SMALL], capsys, tmp_path)


# ----------------------------------------------------------------------------------- damaged files

@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The files of a run that was interrupted after two epochs and of the same run finished, and its outcome."""
    out, saved = tmp_path_factory.mktemp("good"), {}
    save = checkpoints.save

    def kept(folder, identity, versions, state):
        save(folder, identity, versions, state)
        saved.update({path.name: path.read_bytes() for path in folder.glob("checkpoint*.npz")})
    with pytest.MonkeyPatch.context() as patch:
        small_and_quick(patch)
        patch.setattr(checkpoints, "save", kept)
        assert train.main([*SMALL, "--out", str(out)]) == 0
    files = {path.name: path.read_bytes() for path in (out / "sr" / "seed-0").iterdir()}
    return {**files, **saved}, outcome(out)


def damaged(content, rng):
    """The bytes with one to three damages: cut, bits flipped, a piece removed, doubled, zeroed or filled with noise."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        start, stop = sorted(rng.integers(0, len(content) + 1, 2))
        piece = content[start:stop]
        match rng.integers(6):
            case 0:
                content = content[:start]
            case 1:
                for position in rng.integers(0, len(content), 3) if content else ():
                    content[position] ^= 1 << int(rng.integers(8))
            case 2:
                del content[start:stop]
            case 3:
                content[stop:stop] = piece
            case 4:
                content[start:stop] = bytes(len(piece))
            case 5:
                content[start:stop] = rng.bytes(len(piece))
    return bytes(content)


@pytest.mark.parametrize("seed", range(200))
def test_a_damaged_file_is_refused_or_does_no_harm(seed, capsys, tmp_path, good, recwarn):
    rng, (files, whole) = np.random.default_rng(seed), good
    folder = tmp_path / "sr" / "seed-0"
    folder.mkdir(parents=True)
    name = ["model.npz", "checkpoint.npz", "result.json", "history.csv"][seed % 4]
    if name == "checkpoint.npz":
        present = [name, "checkpoint-before.npz"][:rng.integers(1, 3)]
    else:
        present = ["model.npz", "history.csv", "result.json"]
    for kept in present:
        hit = kept == name or rng.random() < 0.2
        (folder / kept).write_bytes(damaged(files[kept], rng) if hit else files[kept])
    status = status_of([*SMALL, "--out", tmp_path], capsys, tmp_path)
    if status == 0:
        assert outcome(tmp_path) == whole
    if name != "checkpoint.npz":
        assert status_of(["--report", tmp_path], capsys, tmp_path) == status
        status_of([*SMALL, "--model", folder / "model.npz"], capsys, tmp_path)
    assert not [str(warning.message) for warning in recwarn.list]
    assert status_of([*SMALL, "--out", tmp_path, "--fresh"], capsys, tmp_path) == 0 and outcome(tmp_path) == whole
