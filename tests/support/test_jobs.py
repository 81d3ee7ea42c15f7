"""Progress of one training on the screen; many runs as processes, so many at a time, and one page on them."""

import io
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import physics
import train
from helpers import NAMES, command, parsed, rows_of, table, trajectories
from support import files, jobs
from support.process import THREADS


class Terminal(io.StringIO):
    def isatty(self):
        return True


def epochs(n, seconds_each):
    """A history after each of n epochs."""
    for epoch in range(1, n + 1):
        yield {"epoch": [epoch], "loss": [0.5], "accuracy": [0.9], "test_loss": [0.5], "test_accuracy": [0.8],
               "learning_rate": [1.0], "seconds": [seconds_each * epoch]}


def test_progress_updates_one_line_in_place_within_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("TERM", raising=False)
    stream = Terminal()
    progress = jobs.Progress(5, stream)
    for history in epochs(5, 1):
        progress(history)
    progress.close()
    lines = stream.getvalue().split("\r")[1:]
    assert len(lines) == 5 and all(len(line.rstrip("\n")) < 40 for line in lines)
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("\n")


@pytest.mark.parametrize("dumb", [False, True])
def test_progress_elsewhere_is_a_plain_line_every_ten_seconds_and_the_last_epoch(dumb, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal() if dumb else io.StringIO()
    progress = jobs.Progress(35, stream)
    for history in epochs(35, 1):
        progress(history)
    progress.close()
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["10/35", "20/35", "30/35", "35/35"]
    assert lines[0].endswith("0:25 left") and "\r" not in stream.getvalue()


def test_the_board_keeps_one_line_per_job_in_place_on_a_terminal(monkeypatch):
    def job(name, progress):
        return SimpleNamespace(name=name, progress=progress)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.delenv("TERM", raising=False)
    stream, long = Terminal(), "epoch 1 " + "x" * 50
    board = jobs.Board(stream)
    board.draw([job("a", "epoch 1"), job("b", long)])
    board.draw([job("b", "epoch 2")], ended="a: finished")
    first = "a: epoch 1\n" + f"b: {long}"[:29] + "\n"
    assert stream.getvalue() == first + "\x1b[2A\x1b[J" + "a: finished\nb: epoch 2\n"


def test_as_many_jobs_run_at_a_time_as_asked_for_and_all_of_them_do(monkeypatch, capsys):
    monkeypatch.setattr(jobs.time, "sleep", lambda _: None)
    running, most, started = set(), [], []

    class Job:                                          # ends when it is asked for the third time
        progress, asked = "epoch", 0

        def __init__(self, name):
            self.name = name

        def start(self):
            running.add(self)
            started.append(self.name)
            most.append(len(running))

        def ended(self):
            self.asked += 1
            running.difference_update([self] * (self.asked == 3))
            return self.asked == 3

        def failed(self):
            return self.name == "c"

        def outcome(self):
            return "ended"
    finished, failed = jobs.run_all([Job(name) for name in "abcdefg"], 3)
    assert started == list("abcdefg") and max(most) == 3
    assert sorted(job.name for job in finished) == list("abdefg") and [job.name for job in failed] == ["c"]


@pytest.mark.parametrize("words", [
    ["--system", "cp", "--discover", "--pairs", "9", "--hidden", "7", "5", "--device", "gpu",
     "--features", " -v_x^2 + y"],
    ["--data", "mine.csv", "--group", "star", "--known", "x*v_y - y*v_x", " -x", "--hidden", "4"]])
def test_each_of_many_runs_is_told_every_option_of_the_command(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "array_module", lambda device: np)
    table(tmp_path, ["star", *NAMES], rows_of(trajectories()))
    options = parsed([*words, "--seeds", "5-7", "--jobs", "2"])
    run = train.one_of_many(options, train.system_of(options), 6)
    assert run.command[:2] == [sys.executable, train.__file__]
    assert vars(parsed(run.command[2:])) == {**vars(options), "seeds": None, "seed": 6, "jobs": 1}
    assert run.environment == dict.fromkeys(THREADS, "1") and not run.folder.exists()


SMALL = ["--pairs", "100", "--hidden", "5", "--epochs", "1"]


def test_several_systems_run_as_jobs_and_end_in_one_page(tmp_path, every_epoch, monkeypatch, capsys):
    monkeypatch.setattr(jobs.Run, "start", lambda run: setattr(run, "status", train.main(run.command[2:])))
    monkeypatch.setattr(jobs.Run, "ended", lambda run: True)
    monkeypatch.setattr(jobs.Run, "failed", lambda run: run.status != 0)
    monkeypatch.setattr(jobs.Run, "outcome", lambda run: "finished")
    assert train.main([*SMALL, "--system", "all", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    folder = tmp_path / "all-seeds-0"
    page = (folder / "report.md").read_text("utf-8")
    assert page.split("\n## ")[0] in shown and "## " not in shown.split("# The paper")[1]    # the rest is in the page
    assert {path.name for path in folder.iterdir()} >= {"report.md", "figure_1.png", "figure_2.png", "figure_8.png"}
    for name, system in physics.SYSTEMS.items():
        assert f"{name} seed 0: finished" in shown and f"## {system.title} (`{name}`)" in page
        assert (tmp_path / name / "seed-0" / "result.json").exists()


def test_a_job_that_fails_is_reported_and_the_others_finish(tmp_path):
    (tmp_path / "sr" / "seed-1" / "model.npz").mkdir(parents=True)                       # a user's own
    ended = command(*SMALL, "--seeds", "0-2", "--jobs", "2", "--out", tmp_path)
    assert ended.returncode == 1
    assert f"sr seed 1: failed: {tmp_path / 'sr' / 'seed-1' / 'model.npz'} stands where" in ended.stdout
    assert "sr seed 0: finished" in ended.stdout and "sr seed 2: finished" in ended.stdout
    assert "Seeds 0, 2." in (tmp_path / "sr-seeds-0-2" / "report.md").read_text("utf-8")


def started(folder, code):
    """A job that is at work: a process of this code that has said so."""
    run = jobs.Run("a\x1b[31m\nb", [sys.executable, "-c", code], folder, one_thread=True)
    run.start()
    while run.last != "ready":
        assert not run.ended(), run.last
    return run


WAITS = "import time; print('ready', flush=True); time.sleep(60)"


def test_a_stopped_job_ends_when_it_is_told_to_and_a_deaf_one_is_killed(tmp_path, monkeypatch):
    run = started(tmp_path / "a", WAITS)
    run.process.send_signal(signal.SIGSTOP)
    jobs.end_all([run])
    assert run.process.returncode == -signal.SIGTERM
    run = started(tmp_path / "b", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITS)
    monkeypatch.setattr(jobs, "PATIENCE", 0.1)
    jobs.end_all([run])
    assert run.process.wait() == -signal.SIGKILL


def test_a_batch_does_not_touch_the_log_of_a_run_that_is_at_work(tmp_path, capsys):
    (tmp_path / jobs.LOG).write_text("of another process")
    run = jobs.Run("sr seed 0", [sys.executable], tmp_path, one_thread=True)
    with files.sole_user(tmp_path):
        assert jobs.run_all([run], 1) == ([], [run])
    assert f"sr seed 0: failed: {tmp_path} is in use by another run" in capsys.readouterr().out
    assert (tmp_path / jobs.LOG).read_text() == "of another process" and run.process is None


def test_a_job_that_cannot_be_started_is_reported(tmp_path, capsys):
    (tmp_path / jobs.LOG).symlink_to(tmp_path / "mine")
    runs = [jobs.Run("a", [sys.executable, "-c", ""], tmp_path, True), jobs.Run("b", [""], tmp_path / "b", True)]
    assert jobs.run_all(runs, 1) == ([], runs)
    assert "log.txt stands where a run writes" in capsys.readouterr().out


def test_names_do_not_steer_the_terminal(monkeypatch):
    stream = io.StringIO()
    jobs.Board(stream).draw([SimpleNamespace(name="a\x1b[31m\nb\udcff", progress="epoch 1")])
    assert stream.getvalue() == "a\\x1b[31m b\\udcff: epoch 1\n"
