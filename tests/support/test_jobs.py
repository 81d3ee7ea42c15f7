"""Progress of one training on the screen; many runs as processes, so many at a time, and one page on them."""

import os
import signal
import subprocess
import sys
import time

import pytest

import physics
import train
from helpers import ROOT
from support import jobs


class Terminal:
    """A stream in which lines can be updated in place."""

    def __init__(self, text="", terminal=True):
        self.text, self.terminal = text, terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return self.terminal


def show(monkeypatch, stream, epochs):
    monkeypatch.setattr(sys, "stdout", stream)
    progress = jobs.Progress(epochs)
    for epoch in range(1, epochs + 1):
        progress({"epoch": [epoch], "loss": [0.5], "accuracy": [0.9], "test_loss": [0.5], "test_accuracy": [0.8],
                  "learning_rate": [1.0], "seconds": [epoch]})
    progress.close()
    monkeypatch.undo()
    return stream.text


def test_progress_updates_one_line_in_place_within_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("TERM", raising=False)
    text = show(monkeypatch, Terminal(), 5)
    lines = text.split("\r")[1:]
    assert len(lines) == 5 and all(len(line.rstrip("\n")) < 40 for line in lines)
    assert text.count("\n") == 1 and text.endswith("\n")


@pytest.mark.parametrize("dumb", [False, True])
def test_progress_elsewhere_is_a_plain_line_every_ten_seconds_and_the_last_epoch(dumb, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    text = show(monkeypatch, Terminal(terminal=dumb), 35)
    assert [line.split()[1] for line in text.splitlines()] == ["10/35", "20/35", "30/35", "35/35"]
    assert text.splitlines()[0].endswith("0:25 left") and "\r" not in text


def work(folder, name, status):
    """Note how many are at work, and end with a status."""
    (folder / name).touch()
    print(f"{name} of {len(list(folder.iterdir()))}")
    time.sleep(0.2)
    (folder / name).unlink()
    return status


def test_so_many_jobs_run_at_once_each_line_has_its_label_and_failures_are_named(tmp_path, capfd):
    failed = jobs.run_all({f"job {name}": (work, tmp_path, name, int(name == "c")) for name in "abcd"}, 2)
    lines = capfd.readouterr().out.splitlines()
    assert failed == ["job c"] and "job c: failed, status 1" in lines and "job d: finished" in lines
    started = [line for line in lines if " of " in line]
    assert len(started) == 4 and all(line[4] == line[7] and line[-1] in "12" for line in started)


BATCH = """
import pathlib, sys, time; sys.path.insert(0, {root!r})
from support import process; process.prepare()
from support import jobs
def wait(place):
    try: place.touch(); time.sleep(60)
    finally: place.unlink(missing_ok=True)
if __name__ == "__main__":
    jobs.run_all({{name: (wait, pathlib.Path(name)) for name in "ab"}}, 2)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_batch_that_is_told_to_end_leaves_no_process_behind(number, tmp_path):
    (tmp_path / "batch.py").write_text(BATCH.format(root=str(ROOT)))
    batch = subprocess.Popen([sys.executable, "batch.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not all((tmp_path / name).exists() for name in "ab"):
        assert batch.poll() is None
        time.sleep(0.01)
    batch.send_signal(number)
    assert "Traceback" not in batch.communicate(timeout=60)[1] and batch.returncode == 128 + number
    assert [path.name for path in tmp_path.iterdir()] == ["batch.py"]


SIGNAL_AT_FORK = """
import os, signal
fork, children = os.fork, []
def fork_and_signal():
    children.append(fork())
    if len(children) == 2 and all(children):        # the parent, at its second child
        os.kill(os.getpid(), signal.SIGTERM)
    return children[-1]
os.fork = fork_and_signal
"""


def test_a_signal_that_comes_while_a_process_starts_leaves_none_behind(tmp_path):
    (tmp_path / "batch.py").write_text(SIGNAL_AT_FORK + BATCH.format(root=str(ROOT)))
    ended = subprocess.run([sys.executable, "batch.py"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGTERM, "")       # a child left would hold stderr


def test_several_systems_run_as_jobs_and_end_in_one_page_though_one_fails(
        tmp_path, capfd, every_epoch):
    (tmp_path / "cp").mkdir()
    (tmp_path / "cp" / "seed-0").write_text("a file of the user's")
    small = ["--pairs", "60", "--hidden", "5", "--epochs", "1", "--system", "all", "--jobs", "2"]
    assert train.main([*small, "--out", str(tmp_path)]) == 1
    shown = capfd.readouterr()
    assert "cp seed 0: failed, status 2" in shown.out and "1 of 6 runs failed: cp seed 0" in shown.out
    assert "cp seed 0: train.py: cannot write to --out" in shown.err
    page = (tmp_path / "all-seeds-0" / "report.md").read_text("utf-8")
    for name, system in physics.SYSTEMS.items():
        assert (f"## {system.title} ({name})" in page) == (name != "cp")
    assert os.path.exists(tmp_path / "sr" / "seed-0" / "result.json")


def test_the_time_left_is_said_in_minutes_of_60_seconds(capsys):
    names = "epoch", "loss", "accuracy", "test_loss", "test_accuracy", "learning_rate", "seconds"
    jobs.Progress(11)(dict(zip(names, [[1], [0.5], [0.9], [0.5], [0.8], [1.0], [10]])))
    assert "1:40 left" in capsys.readouterr().out
