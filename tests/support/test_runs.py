"""The folder of a run: what is written, shown, refused and removed."""

import json

import pytest

import train
from helpers import TINY, outcome
from support import runs
from support.files import PART


@pytest.fixture
def tiny(tmp_path, every_epoch, capsys):
    """Run the command on tiny settings; its status, and what it says."""
    def start(*more, out="runs"):
        status = train.main([*TINY, "--epochs", "2", "--out", str(tmp_path / out), *more])
        return status, capsys.readouterr()
    return start


def test_a_finished_run_is_shown_and_started_over_only_with_fresh(tiny, tmp_path):
    folder = tmp_path / "runs" / "sr" / "seed-0"
    assert tiny()[0] == 0
    first, written = outcome(tmp_path / "runs"), (folder / "result.json").stat().st_mtime_ns
    status, said = tiny()
    assert status == 0 and "finished; --fresh would start it over" in said.out and "Accuracy" in said.out
    assert (folder / "result.json").stat().st_mtime_ns == written
    assert tiny("--fresh")[0] == 0 and (folder / "result.json").stat().st_mtime_ns > written
    assert outcome(tmp_path / "runs") == first


def test_a_run_of_other_settings_is_refused_and_named(tiny):
    assert tiny()[0] == 0
    status, said = tiny("--activation", "tanh")
    assert status == 2 and "a finished run of other settings (activation)" in said.err and "--fresh" in said.err


def test_only_files_that_a_run_made_are_removed(tiny, tmp_path):
    folder = tmp_path / "runs" / "sr" / "seed-0"
    (folder / "step-1").mkdir(parents=True)
    mine = ["notes.txt", "old.png.part", "step-1/mine", "figure_1.png"]
    left = ["report.md" + PART, "step-1/checkpoint.npz"]
    for name in mine + left:
        (folder / name).write_text("mine")
    assert tiny()[0] == 0
    assert all((folder / name).read_text() == "mine" for name in mine)
    assert not any((folder / name).exists() for name in left)
    result = json.loads((folder / "result.json").read_text("utf-8"))
    (folder / "result.json").write_text(json.dumps({**result, "files": [*result["files"], "notes.txt", "../up"]}))
    (folder.parent / "up").write_text("mine")
    assert tiny("--fresh")[0] == 0
    assert not (folder / "notes.txt").exists() and (folder.parent / "up").exists()      # it said the run made it


@pytest.mark.parametrize("name", ["report.md", "model.npz", "notes.txt"])
def test_a_page_that_no_run_wrote_is_not_overwritten(tiny, tmp_path, name):
    folder = tmp_path / "runs" / "sr" / "seed-0"
    folder.mkdir(parents=True)
    (folder / name).write_text("mine")
    for options in ([], ["--fresh"]):
        status, said = tiny(*options)
        assert status == 2 and f"{name} is of no run" in said.err and "give another --out" in said.err
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [(name, "mine")]


def test_what_cannot_be_drawn_costs_no_result(tiny, tmp_path, monkeypatch):
    import figures

    def fail():
        raise RuntimeError("no font")
    monkeypatch.setattr(figures, "figures_of_run", lambda *_: {"figure_9": ("Fig. 9", fail)})
    status, said = tiny()
    assert status == 0 and "figure_9 could not be drawn (RuntimeError: no font)" in said.out
    assert "<img" not in (tmp_path / "runs" / "sr" / "seed-0" / "report.html").read_text("utf-8")


def test_a_full_disk_at_the_end_costs_neither_the_old_result_nor_the_state(tiny, tmp_path, monkeypatch):
    assert tiny()[0] == 0
    folder = tmp_path / "runs" / "sr" / "seed-0"
    before = (folder / "result.json").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr(runs, "write_all", full)
        status, said = tiny("--fresh")
    assert status == 2 and "No space left on device; make room there" in said.err
    assert (folder / "result.json").read_bytes() == before and (folder / "checkpoint.npz").exists()
