"""Random command lines and damaged files, each from its own seed: refused in a sentence, or right."""

import dataclasses
import sys

import numpy as np
import pytest

import physics
import siamese
import train
from helpers import checkpoint_every_epoch, mostly_slow, outcome
from support import checkpoints

FEW = ["--pairs", "9", "--epochs", "3", "--hidden", "3"]


def small_and_quick(patch):
    """Small test sets, no figures, no waiting for the disk."""
    patch.setattr(physics, "SYSTEMS", {name: dataclasses.replace(system, test_pairs=50)
                                       for name, system in physics.SYSTEMS.items()})
    checkpoint_every_epoch(patch)


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """The same, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    small_and_quick(monkeypatch)


def status_of(command, capfd, tmp_path):
    """The exit status, after what is true of every command; an exception would end the test."""
    sys.stdout.reconfigure(errors="replace")            # as the command does
    sys.stderr.reconfigure(errors="backslashreplace")   # as Python does
    status = train.main([str(word) for word in command])
    said = capfd.readouterr().err.splitlines()
    assert status in (0, 1, 2) and "Traceback" not in "".join(said)
    assert len(said) == bool(status) or "--seeds" in command or "all" in command, said
    assert not [*tmp_path.rglob("*-part"), *tmp_path.rglob("in-use")]
    return status


# ----------------------------------------------------------------------------------- command lines

WORDS = [
    "", " ", "-", "--", "-1", "0", "1", "2", "3", "007", "+1", "1.5", "1e3", "1e-300", "1e300",
    "1e400", "nan", "-inf", "1_0", "0x1", "٣", "²", "9" * 12, "9" * 5000, "0-2", "2-0", "0,0",
    "0,2-3", "0-99999999", ",", "x", "ümläut and space", "\udcff", "🙂", "%s", "{}", "a\nb",
    "long" * 100, "/dev/null", "/dev/null/x", ".", "runs", "runs/sr", "sr", "em-fixed", "all",
    "paper", "quick", "relu", "tanh", "--help"]
SUITABLE = {
    "--system": [*physics.SYSTEMS, "all"], "--schedule": [*siamese.SCHEDULES], "--seed": ["0", "7"],
    "--seeds": ["0-2", "1,5"], "--jobs": ["2"], "--report": ["runs"], "--out": ["runs", "ü b"],
    "--fresh": [], "--pdf": [], "--pairs": ["5"], "--epochs": ["1"], "--data": ["mine.csv"],
    "--learning-rate": ["0.1", "100"], "--hidden": ["3"], "--sampling": ["box"],
    "--activation": [*siamese.ACTIVATIONS], "--device": ["cpu", "gpu"]}


@pytest.mark.parametrize("seed", mostly_slow(range(300), 50))
def test_a_random_command_line_is_carried_out_or_refused(seed, capfd, tmp_path):
    rng, command = np.random.default_rng(seed), []
    strange = rng.random() * 0.3
    for _ in range(rng.integers(1, 6)):
        option = [*SUITABLE][rng.integers(len(SUITABLE))]
        command += [option]
        for _ in range(rng.choice([0, 1, 2], p=[0.03, 0.94, 0.03])):
            words = SUITABLE[option] if rng.random() > strange else WORDS
            command += [words[rng.integers(len(words))]] if words else []
    status_of([*command, *FEW], capfd, tmp_path)


# ----------------------------------------------------------------------------------- damaged files

@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The files of a run that was interrupted, and of the same run finished, and its outcome."""
    out, contents = tmp_path_factory.mktemp("good"), {}
    save, folder = checkpoints.save, out / "sr" / "seed-0"

    def kept(*arguments):
        save(*arguments)
        contents.setdefault("checkpoint.npz", (folder / "checkpoint.npz").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        small_and_quick(patch)
        patch.setattr(checkpoints, "save", kept)
        assert train.main([*FEW, "--out", str(out)]) == 0
    return contents | {path.name: path.read_bytes() for path in folder.iterdir()}, outcome(out)


def damage(content, rng):
    """The bytes with one to three damages: cut, flipped, removed, doubled, zeroed, noise."""
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


@pytest.mark.parametrize("seed", mostly_slow(range(200), 20))
def test_a_damaged_checkpoint_or_result_is_refused_or_does_no_harm(
        seed, capfd, tmp_path, good, recwarn):
    rng, (contents, whole) = np.random.default_rng(seed), good
    folder, name = tmp_path / "sr" / "seed-0", ["checkpoint.npz", "result.json"][seed % 2]
    folder.mkdir(parents=True)
    (folder / name).write_bytes(damage(contents[name], rng))
    status = status_of([*FEW, "--out", tmp_path], capfd, tmp_path)
    if name == "checkpoint.npz":
        assert status == 2 or outcome(tmp_path) == whole
    else:
        assert status_of(["--report", tmp_path], capfd, tmp_path) in (0, 2)
    assert not [str(warning.message) for warning in recwarn.list]
    assert status_of([*FEW, "--out", tmp_path, "--fresh"], capfd, tmp_path) == 0
    assert outcome(tmp_path) == whole
