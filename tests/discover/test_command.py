"""`python -m discover`: a file from end to end, what is refused, an interrupted search, fuzz."""

import csv
import dataclasses
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import physics
import siamese
import train
from helpers import (NAMES, ROOT, checkpoint_every_epoch, mostly_slow, npz, rows_of, table,
                     trajectories)


def start(*words):
    """The exit status of the command, in this process."""
    from discover.__main__ import main
    return main([*map(str, words)])


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A finished run on plane oscillators, started in their folder, where --apply finds it."""
    place = tmp_path_factory.mktemp("own")
    orbits = trajectories()
    table(place, ["orbit", *NAMES], rows_of(orbits))
    words = [sys.executable, "-W", "error", ROOT / "discover", "mine.csv"]
    ended = subprocess.run(words, cwd=place, capture_output=True, encoding="utf-8")
    folder = place / "runs" / "mine.csv-discover" / "seed-0"
    assert ended.returncode == 0, ended.stderr
    return SimpleNamespace(
        place=place, orbits=orbits, folder=folder, out=ended.stdout, errors=ended.stderr,
        result=json.loads((folder / "result.json").read_text("utf-8")))


# ----------------------------------------------------------------------------------------- own data

def test_a_file_gives_its_laws_and_says_beside_them_what_was_read(own):
    result = own.result
    assert (result["count"], result["named"], len(result["laws"])) == (3, 3, 3)
    assert own.out.count("Law: ") == 3 and all(law["text"] in own.out for law in result["laws"])
    assert result["verdict"] in own.out and "seed-0/report.html" in own.out.splitlines()[-1]
    assert all(line.startswith("discover: mine.csv: ") for line in own.errors.splitlines())
    assert "40 groups, 240 observations" in own.errors
    names = {path.name for path in own.folder.iterdir()}
    assert names == {"result.json", *result["files"]} and "report.html" in names


def test_check_reads_the_file_and_makes_nothing(own, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert start(own.place / "mine.csv", "--check") == 0
    assert "40 groups, 240 observations" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words, said", [
    ([], "give a FILE of own data, or a --system"),
    (["mine.csv", "--system", "sr"], "give a FILE of own data, or a --system"),
    (["--system", "sr", "--group", "x"], "--group is for own data; give a FILE"),
    (["absent.csv"], "cannot read absent.csv"), (["."], "no regular file"),
    (["mine.csv", "--group", "day"], "day"),
    (["mine.csv", "--angles", "phi", "--fresh"], "'phi' is none of x, y, v_x, v_y"),
    (["mine.csv", "--features", "1 +", "--fresh"], "the expression '1 +' is not allowed"),
    (["mine.csv", "--known", "__import__('os')"], "import"),
    (["mine.csv", "--errors", "x=-1"], "--errors takes"),
    (["mine.csv", "--positive", "x", "--fresh"], "cannot look for laws"),
    (["mine.csv", "--seed", "1", "--apply", "mine.csv"], "holds no finished run"),
    (["mine.csv", "--apply", "absent.csv"], "cannot read absent.csv"),
    (["mine.csv", "--drop", "x"], "other settings (layer_sizes, drop, inputs)")])
def test_what_cannot_be_done_is_refused_in_one_sentence(own, words, said, capsys, monkeypatch):
    monkeypatch.chdir(own.place)
    before = {path: path.read_bytes() for path in own.folder.iterdir()}
    assert start(*words) == 2
    printed = capsys.readouterr()
    *notes, sentence = printed.err.splitlines()
    assert said in sentence and printed.out == ""
    assert all(line.startswith("discover: mine.csv: ") for line in notes)
    assert {path: path.read_bytes() for path in own.folder.iterdir()} == before


# ------------------------------------------------------------------------------------------- search

@pytest.fixture
def unending_search(every_epoch, monkeypatch):
    """A search that no law ends, and in which every network counts; no pictures."""
    from discover import laws, network, pictures
    small = dataclasses.replace(physics.SYSTEMS["sr"], test_pairs=200)
    monkeypatch.setitem(physics.SYSTEMS, "sr", small)
    monkeypatch.setattr(laws, "find", lambda *_, **__: SimpleNamespace(laws=[], notes=()))
    judge = network.judge
    monkeypatch.setattr(network, "judge", lambda *arguments: dataclasses.replace(
        judge(*arguments), found=True, word="conserved"))
    monkeypatch.setattr(network, "INDEPENDENT", 0)
    monkeypatch.setattr(pictures, "pictures_of_run", lambda *_: {})


def test_an_interrupted_search_goes_on_in_the_network_it_was_at_to_the_same_bits(
        tmp_path, unending_search, capsys, monkeypatch):
    words = ["--system", "sr", "--pairs", "300", "--hidden", "8", "--epochs", "4", "--out"]
    epoch, begun = train.Training.epoch, []

    def interrupted(training):
        begun.append(training)
        if len(begun) == 7:                             # the third of the second network
            raise KeyboardInterrupt
        epoch(training)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train.Training, "epoch", interrupted)
        start(*words, tmp_path / "broken")
    capsys.readouterr()
    found = []
    for name in ("broken", "whole"):
        assert start(*words, tmp_path / name) == 0
        folder = tmp_path / name / "sr-discover" / "seed-0"
        networks = [siamese.SiameseNetwork.load(path).parameters.tobytes()
                    for path in sorted(folder.glob("f_*.npz"))]
        history = list(csv.reader((folder / "history.csv").read_text().splitlines()))
        steps = json.loads((folder / "result.json").read_text("utf-8"))["steps"]
        found.append((networks, steps, [row[:-1] for row in history]))
        said = re.findall("Going on after epoch (.*)\\.", capsys.readouterr().out)
        assert said == (["4", "2"] if name == "broken" else [])
        assert len(set(networks)) == len(networks) >= 2 and not list(folder.glob("step-*"))
    assert found[0] == found[1]


# --------------------------------------------------------------------------------------------- fuzz

WORDS = ["", "-1", "0", "1e400", "nan", "x", "x x", "t", "x +", "sin(x)", "x=1", "x=5%", "0-1",
         "%s", "\udcff", "a\nb", "long" * 100, "/dev/null", ".", "runs", "mine.csv", "--help"]
SUITABLE = {
    "mine.csv": [], "mine.npz": [], "--system": ["sr"], "--group": ["orbit"], "--drop": ["x"],
    "--errors": ["x=0.01", "v_x=1%"], "--known": ["x*v_y - y*v_x"], "--check": [],
    "--apply": ["mine.csv"], "--features": ["polynomial", "x^2", "sin(x)"], "--angles": ["x"],
    "--positive": ["x"], "--seed": ["1"], "--seeds": ["0-1"], "--out": ["elsewhere"], "--fresh": [],
    "--pdf": [], "--report": ["runs"], "--activation": ["tanh"], "--device": ["gpu"]}


@pytest.mark.parametrize("seed", mostly_slow(range(150), 20))
def test_a_random_command_line_is_carried_out_or_refused(seed, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    checkpoint_every_epoch(monkeypatch)
    from discover import pictures
    monkeypatch.setattr(pictures, "pictures_of_run", lambda *_: {})
    orbits = trajectories()
    table(tmp_path, ["orbit", *NAMES], rows_of(orbits))
    npz(tmp_path, trajectories=orbits)
    sys.stdout.reconfigure(errors="replace")
    rng = np.random.default_rng(seed)
    strange = rng.random() * 0.4
    words = ["mine.csv"] if rng.random() < 0.6 else []
    for _ in range(rng.integers(1, 4)):
        option = [*SUITABLE][rng.integers(len(SUITABLE))]
        values = SUITABLE[option] if rng.random() > strange else WORDS
        words += [option, *([values[rng.integers(len(values))]] if values else [])]
    status = start(*words, "--pairs", "50", "--epochs", "2", "--hidden", "3")
    said = capfd.readouterr().err
    assert status in (0, 1, 2) and "Traceback" not in said and "Warning" not in said, words
    assert all("discover: " in line for line in said.splitlines()) and bool(said) >= (status == 2)
    assert not list(tmp_path.rglob("*-part"))
