"""What may happen to a run: killed, told to end, disk full, files damaged, clocks that jump. Nothing is lost."""

import csv
import dataclasses
import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import physics
import siamese
import train
from discover import search
from helpers import ROOT, TINY, checkpoint_every_epoch, outcome
from support import checkpoints, files, results, runs

STEPS = 3                               # of an epoch of TINY: 300 pairs of each label in batches of 256


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The outcome of the run that nothing happened to."""
    out = tmp_path_factory.mktemp("whole")
    assert train.main([*TINY, "--out", str(out)]) == 0
    return outcome(out)


def refused(capsys, *arguments):
    """The one sentence with which the command ends, with status 2."""
    assert train.main([*TINY, *map(str, arguments)]) == 2
    sentence = capsys.readouterr().err
    assert sentence.count("\n") == 1 and "None" not in sentence
    return sentence


def interrupted(out, after=30):
    """Start a run that is told to end in the middle of the epoch that follows; return its folder."""
    step, stepping = siamese.Adadelta.step, iter(range(10**6))

    def told_to_end(*arguments):
        if next(stepping) == STEPS * after + 1:
            raise KeyboardInterrupt
        step(*arguments)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(siamese.Adadelta, "step", told_to_end)
        train.main([*TINY, "--out", str(out)])
    return out / "sr" / "seed-0"


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "altered":
        content[len(content) // 2] ^= 1
    path.write_bytes(content if how == "altered" else content[:len(content) // 2])


# ----------------------------------------------------------------------------------- told to end

# Sends itself a signal in the middle of an epoch, and another one while it saves.
TOLD_TO_END = """
import os, runpy, signal, sys
sys.path.insert(0, os.getcwd())
import siamese
step, replace, stepping = siamese.Adadelta.step, os.replace, iter(range(10**6))
def again(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    replace(*arguments)
def told_to_end(*arguments):
    if next(stepping) == {at}:
        os.replace = again
        os.kill(os.getpid(), {number})
    step(*arguments)
siamese.Adadelta.step = told_to_end
sys.argv[0] = "train.py"
runpy.run_path("train.py", run_name="__main__")
"""
SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]


def told_to_end(number, at, out):
    """Run TINY in a process that gets this signal in its step `at`; return the ended process."""
    code = TOLD_TO_END.format(number=int(number), at=at)
    return subprocess.run([sys.executable, "-c", code, *TINY, "--out", str(out)], cwd=ROOT, capture_output=True,
                          encoding="utf-8", timeout=60)


@pytest.mark.parametrize("number, status", SIGNALS)
def test_a_run_that_is_told_to_end_saves_its_state_and_goes_on_to_the_same_bits(
        tmp_path, every_epoch, whole, capsys, number, status):
    ended = told_to_end(number, 100, tmp_path)
    assert (ended.returncode, ended.stderr) == (status, "")
    assert train.main([*TINY, "--out", str(tmp_path)]) == 0
    assert f"Going on after epoch {100 // STEPS}." in capsys.readouterr().out
    assert outcome(tmp_path) == whole


@pytest.mark.parametrize("number, status", SIGNALS)
def test_a_run_that_is_told_to_end_in_its_first_epoch_leaves_no_file(tmp_path, number, status):
    ended = told_to_end(number, 1, tmp_path)                                            # its second step
    assert (ended.returncode, ended.stderr) == (status, "") and ended.stdout.startswith("Special relativity")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_run_under_nohup_does_not_hear_the_terminal_close():
    code = ("import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); from support import process; "
            "process.prepare(); print(signal.getsignal(signal.SIGHUP).name, signal.getsignal(signal.SIGTERM).__name__)")
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (said.stdout, said.stderr) == ("SIG_IGN end\n", "")


@pytest.fixture
def search_of_many_steps(every_epoch, monkeypatch):
    """A search that no law ends, and in which every network counts."""
    small = dataclasses.replace(physics.SYSTEMS["sr"], test_pairs=200)
    monkeypatch.setattr(physics, "SYSTEMS", {"sr": small})
    monkeypatch.setattr(train.findings.laws, "find", lambda *_, **__: train.findings.laws.Laws())
    monkeypatch.setattr(search.verdict, "_in_words", lambda *_: ("conserved", "as the test says"))
    monkeypatch.setattr(search, "INDEPENDENT", 0)


def test_an_interrupted_search_goes_on_in_the_step_it_was_in_to_the_same_bits(
        tmp_path, search_of_many_steps, capsys, monkeypatch):
    words = ["--discover", "--pairs", "300", "--hidden", "8", "--epochs", "4", "--out"]
    epoch, begun = train.Training.epoch, []

    def told_to_end(training):
        begun.append(training)
        if len(begun) == 7:                                                             # the third of the second step
            raise KeyboardInterrupt
        epoch(training)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train.Training, "epoch", told_to_end)
        train.main([*words, str(tmp_path / "broken")])
    capsys.readouterr()
    found = []
    for name in ("broken", "whole"):
        assert train.main([*words, str(tmp_path / name)]) == 0
        folder = tmp_path / name / "sr-discover" / "seed-0"
        networks = [siamese.SiameseNetwork.load(path).parameters.tobytes() for path in sorted(folder.glob("f_*.npz"))]
        result = json.loads((folder / "result.json").read_text("utf-8"))
        history = [row[:-1] for row in csv.reader((folder / "history.csv").read_text().splitlines())]
        found.append((networks, result["steps"], history))
        said = re.findall("Going on after epoch (.*)\\.", capsys.readouterr().out)
        assert said == (["4", "2"] if name == "broken" else [])
        assert len(networks) == len(set(networks)) >= 2 and len(history) == 1 + 4 * len(networks)
        assert not list(folder.glob("step-*"))
    assert found[0] == found[1]


# ---------------------------------------------------------------------------------------- killed

class Cut:
    """A file at whose byte `left` of all that is written the process is killed."""
    left = written = 0

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, content):
        if Cut.written + len(content) > Cut.left:
            self.file.write(content[:Cut.left - Cut.written])
            self.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        Cut.written += len(content)
        return self.file.write(content)


def cut_files(patch, at):
    """Kill the process at this byte of all that it writes."""
    opened = os.fdopen
    patch.setattr(os, "fdopen", lambda descriptor, mode="r", **options: (
        opened(descriptor, mode, **options) if "r" in mode else Cut(opened(descriptor, mode, **options))))
    patch.setattr(Cut, "left", at)


def child(command):
    """Start the command in a process of its own, which is a copy of this one."""
    process = os.fork()
    if not process:
        try:
            os._exit(train.main(command))
        finally:
            os._exit(99)
    return process


def ended(process):
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def killed_after(seconds, command):
    process = child(command)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    return ended(process)


@pytest.fixture(scope="module")
def extent(tmp_path_factory):
    """How long a whole run takes, in seconds, and how many bytes it writes."""
    with pytest.MonkeyPatch.context() as patch:
        checkpoint_every_epoch(patch)
        cut_files(patch, at=10**9)
        patch.setattr(Cut, "written", 0)
        began = time.perf_counter()
        assert train.main([*TINY, "--out", str(tmp_path_factory.mktemp("extent"))]) == 0
        return time.perf_counter() - began, Cut.written


@pytest.mark.parametrize("kill", range(20))
def test_a_run_killed_at_a_random_moment_or_a_random_byte_of_its_files_goes_on_to_the_same_bits(
        kill, tmp_path, every_epoch, whole, extent, capsys, monkeypatch):
    command, rng, folder = [*TINY, "--out", str(tmp_path)], np.random.default_rng(kill), tmp_path / "sr" / "seed-0"
    seconds, size = extent
    if kill % 2:
        with monkeypatch.context() as patch:
            cut_files(patch, at=rng.integers(size))
            assert ended(child(command)) == -signal.SIGKILL
        assert list(folder.rglob("*.part"))                                             # half a file
    else:
        delay = rng.uniform(0, seconds)
        while killed_after(delay, command) == 0:                                        # it was faster: once more
            shutil.rmtree(folder)
            delay /= 2
    kept = list(folder.glob("checkpoint*.npz"))
    assert train.main(command) == 0
    assert ("Going on after epoch" in capsys.readouterr().out) == bool(kept)
    assert outcome(tmp_path) == whole


def test_a_run_killed_between_its_result_and_the_end_is_finished(tmp_path, every_epoch, whole, capsys, monkeypatch):
    command = [*TINY, "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(runs, "clean", lambda _: os._exit(7))
        assert ended(child(command)) == 7
    assert (tmp_path / "sr" / "seed-0" / "checkpoint.npz").exists()
    (tmp_path / "sr" / "seed-0" / "in-use").touch()     # killed while it held the folder
    assert train.main(command) == 0
    assert "Going on" not in capsys.readouterr().out
    assert outcome(tmp_path) == whole


# ------------------------------------------------------------------------- started once more

def test_a_finished_run_started_again_shows_its_report_and_changes_nothing(tmp_path, every_epoch, capsys):
    command = [*TINY, "--out", str(tmp_path)]
    assert train.main(command) == 0
    first, before = capsys.readouterr().out, {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert train.main(command) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "finished; --fresh would start it over" in shown[-1]
    assert shown[0] in first.splitlines()                                               # what was found
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_an_unfinished_run_with_other_settings_is_refused_by_name_and_fresh_starts_it_over(
        tmp_path, every_epoch, capsys):
    folder = interrupted(tmp_path)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    sentence = refused(capsys, "--out", tmp_path, "--pairs", "200", "--activation", "tanh")
    assert "an unfinished run of other settings (activation, train_pairs)" in sentence
    other = folder.parent / "seed-1"
    other.mkdir()
    (other / "checkpoint.npz").write_bytes(before[folder / "checkpoint.npz"])
    renamed = refused(capsys, "--out", tmp_path, "--seed", "1")
    assert "other settings (seed);" in renamed
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert train.main([*TINY, "--epochs", "5", "--out", str(tmp_path), "--fresh"]) == 0
    assert "Going on" not in capsys.readouterr().out and outcome(tmp_path)[2]["epochs"] == 5


def test_two_processes_do_not_share_a_folder_and_a_killed_one_stops_nobody(tmp_path, every_epoch, whole, capsys):
    folder = tmp_path / "sr" / "seed-0"
    folder.mkdir(parents=True)
    reading, writing = os.pipe()
    first = os.fork()
    if not first:
        with files.sole_user(folder):
            os.write(writing, b"held")
            time.sleep(60)
    assert os.read(reading, 4) == b"held"
    assert f"{folder} is in use by another run" in refused(capsys, "--out", tmp_path)
    os.kill(first, signal.SIGKILL)
    ended(first)
    assert (folder / "in-use").exists() and train.main([*TINY, "--out", str(tmp_path)]) == 0
    assert outcome(tmp_path) == whole


def test_where_python_has_no_fcntl_a_run_goes_on_without_locks(tmp_path, whole):
    # As on Windows.
    code = "import sys; sys.modules['fcntl'] = None; import train; sys.exit(train.main(sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", code, *TINY, "--out", str(tmp_path)], cwd=ROOT, check=True,
                   capture_output=True, timeout=60)
    assert outcome(tmp_path) == whole


# -------------------------------------------------------------------------- what cannot be written

# Below the size of the first checkpoint, of a later one, of a figure.
@pytest.mark.parametrize("limit", [1_500, 7_500, 12_000])
def test_a_full_disk_ends_a_run_with_one_sentence_and_loses_nothing(tmp_path, every_epoch, whole, limit):
    words = [*TINY, "--out", str(tmp_path)]
    code = ("import sys, train; from support import checkpoints; checkpoints.SECONDS_BETWEEN = 0; "
            "sys.exit(train.main(sys.argv[1:]))")
    ended = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, encoding="utf-8",
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)), timeout=60)
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1
    assert "File too large; make room there and start again" in ended.stderr
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("result.json"))
    assert bool(list(tmp_path.rglob("checkpoint*.npz"))) == (limit > 1_500)
    assert train.main(words) == 0
    assert outcome(tmp_path) == whole


@pytest.mark.parametrize("call, number", [*zip([1, 2, 40, 51, 52, 53, 54, 55],
                                               3 * [errno.ENOSPC, errno.EROFS, errno.EIO])])
def test_a_folder_that_can_no_longer_be_written_ends_a_run_with_one_sentence(
        tmp_path, every_epoch, whole, capsys, call, number):
    calls, fsync = iter(range(1, 10**6)), os.fsync                      # of 50 checkpoints and the files at the end

    def failing(descriptor):
        if next(calls) >= call:
            raise OSError(number, os.strerror(number))
        fsync(descriptor)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        sentence = refused(capsys, "--out", tmp_path)
    assert os.strerror(number) in sentence and not list(tmp_path.rglob("*.part"))
    assert train.main([*TINY, "--out", str(tmp_path)]) == 0
    assert ("Going on after" in capsys.readouterr().out) == (call > 1)
    assert outcome(tmp_path) == whole


# ----------------------------------------------------------------------------- files of the user

USERS = ["step-by-step-notes/notes.txt", "step-1/notes.txt", "new-result/thesis.txt", "thesis.part", "f_x.npz",
         "mine.png.part", "writable.part", "model.npz.old"]


def test_files_of_the_user_in_a_run_folder_stay_as_they_are(tmp_path, every_epoch):
    command, folder = [*TINY, "--out", str(tmp_path)], tmp_path / "sr" / "seed-0"
    for name in USERS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    for words in (command, command, [*command, "--fresh"]):
        assert train.main(words) == 0
        assert {(folder / name).read_text() for name in USERS} == {"mine"}


STANDS = {"link": lambda path: path.symlink_to(path.parent / "mine"), "pipe": os.mkfifo, "folder": Path.mkdir,
          "endless": lambda path: path.symlink_to("/dev/zero")}


@pytest.mark.parametrize("kind", STANDS)
@pytest.mark.parametrize("name", ["result.json", "model.npz", "report.html", "checkpoint.npz", "model.npz.part",
                                  "in-use", "log.txt"])
def test_what_stands_where_a_run_writes_is_refused_before_the_training_and_not_touched(tmp_path, capsys, kind, name):
    folder = tmp_path / "sr" / "seed-0"
    folder.mkdir(parents=True)
    STANDS[kind](folder / name)
    before = os.lstat(folder / name)
    for more in ([], ["--fresh"]):
        assert str(folder / name) in refused(capsys, "--out", tmp_path, *more)
    after = os.lstat(folder / name)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode) and len(os.listdir(folder)) == 1


@pytest.mark.parametrize("kind", ["pipe", "endless", "folder"])
@pytest.mark.parametrize("name", ["result.json", "model.npz", "history.csv"])
def test_of_a_finished_run_only_regular_files_are_read(tmp_path, every_epoch, capsys, kind, name):
    assert train.main([*TINY, "--out", str(tmp_path)]) == 0
    path = tmp_path / "sr" / "seed-0" / name
    path.unlink()
    STANDS[kind](path)
    capsys.readouterr()
    assert f"cannot read {path}" in refused(capsys, "--out", tmp_path)


def test_a_finished_run_is_shown_from_a_folder_that_cannot_be_written(tmp_path, every_epoch, capsys, monkeypatch):
    command, folder = [*TINY, "--out", str(tmp_path)], tmp_path / "sr" / "seed-0"
    assert train.main(command) == 0
    (folder / "checkpoint.npz").write_text("of a process that was killed at the end")

    def read_only(*_):
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))
    monkeypatch.setattr(os, "open", read_only)
    monkeypatch.setattr(files, "regular", open)
    monkeypatch.setattr(results, "regular", lambda path, _: open(path, "rb"))
    monkeypatch.setattr(files, "digest_of", lambda path: files.digest(path.read_bytes()))
    capsys.readouterr()
    assert train.main(command) == 0
    assert "holds this run, finished" in capsys.readouterr().out


# ------------------------------------------------------------------------------------- --fresh

@pytest.mark.parametrize("call", [1, 2, 51, 52, 53, 54, 55, 56])
def test_fresh_keeps_the_old_result_until_the_new_one_is_whole(tmp_path, every_epoch, capsys, monkeypatch, call):
    command, folder = [*TINY, "--out", str(tmp_path)], tmp_path / "sr" / "seed-0"
    assert train.main(command) == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    calls = iter(range(1, 10**6))

    def full(_):
        if next(calls) >= call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert "make room there" in refused(capsys, "--out", tmp_path, "--fresh")
    kept = {path.name: path.read_bytes() for path in folder.iterdir() if "checkpoint" not in path.name}
    assert kept == before


@pytest.mark.parametrize("call", [1, 2, 4, 6])
def test_a_run_killed_while_its_files_move_into_place_goes_on_to_the_same_bits(
        tmp_path, every_epoch, whole, capsys, monkeypatch, call):
    command, replace, calls = [*TINY, "--out", str(tmp_path)], os.replace, iter(range(1, 10**6))
    assert train.main(command) == 0

    def killed(source, target):
        if Path(source).parent.name == "new-result" and Path(source).suffix != ".part" and next(calls) == call:
            os._exit(9)
        replace(source, target)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        assert ended(child([*command, "--fresh"])) == 9
    capsys.readouterr()
    assert train.main(command) == 0
    assert "Going on after epoch 50." in capsys.readouterr().out
    assert outcome(tmp_path) == whole


def test_a_picture_that_cannot_be_drawn_costs_no_result(tmp_path, every_epoch, whole, capsys, monkeypatch):
    def failing():
        raise ValueError("a label\x1b[31m")
    monkeypatch.setattr(train, "draw", lambda *_: {"figure_9": failing})
    monkeypatch.setattr(train, "draw_schemes", lambda *_: {})
    assert train.main([*TINY, "--out", str(tmp_path)]) == 0
    assert "figure_9.png could not be drawn (ValueError: a label\\x1b[31m)" in capsys.readouterr().out
    assert outcome(tmp_path) == whole and not list(tmp_path.rglob("*.png"))


# -------------------------------------------------------------------------------- damaged files

@pytest.mark.parametrize("how", ["cut", "altered"])
def test_of_a_damaged_checkpoint_the_one_before_is_used_and_without_it_the_run_is_refused_by_name(
        tmp_path, every_epoch, whole, capsys, how):
    folder = interrupted(tmp_path)
    newest, before = [folder / name for name in checkpoints.NAMES]
    content = before.read_bytes()
    damage(newest, how)
    interrupted_again = interrupted(tmp_path, after=0)                                  # before it can save
    assert "checkpoint.npz is damaged; the one before is used." in capsys.readouterr().out
    assert interrupted_again == folder and newest.read_bytes() == content and not before.exists()
    damage(newest, how)
    assert f"{newest} cannot be read; --fresh starts the run over" in refused(capsys, "--out", tmp_path)
    assert train.main([*TINY, "--out", str(tmp_path), "--fresh"]) == 0
    assert outcome(tmp_path) == whole


@pytest.mark.parametrize("content", [
    {"identity": "[]"}, {"identity": "{"}, {}, {"identity": None, "parameters": np.zeros(3)}])
def test_a_checkpoint_that_is_none_is_refused(tmp_path, every_epoch, capsys, content):
    folder = interrupted(tmp_path)
    saved = files.load_arrays(folder / "checkpoint.npz", "")
    for path in [folder / name for name in checkpoints.NAMES]:
        files.save_arrays(path, {name: saved[name] if value is None else value for name, value in content.items()})
    assert "cannot be read; --fresh" in refused(capsys, "--out", tmp_path)


@pytest.mark.parametrize("name", ["model.npz", "history.csv", "result.json"])
@pytest.mark.parametrize("how", ["cut", "altered"])
def test_an_altered_model_history_or_result_is_named(tmp_path, every_epoch, whole, capsys, name, how):
    command = [*TINY, "--out", str(tmp_path)]
    assert train.main(command) == 0
    damage(tmp_path / "sr" / "seed-0" / name, how)
    capsys.readouterr()
    assert str(tmp_path / "sr" / "seed-0" / name) in refused(capsys, "--out", tmp_path)
    assert train.main(["--report", str(tmp_path)]) == 2
    assert str(tmp_path / "sr" / "seed-0" / name) in capsys.readouterr().err
    assert train.main([*command, "--fresh"]) == 0
    assert outcome(tmp_path) == whole


# ------------------------------------------------------------------------- clocks, NaN, threads

def test_clocks_that_jump_change_nothing_but_the_seconds(tmp_path, every_epoch, whole):
    with pytest.MonkeyPatch.context() as patch:
        for clock in ("time", "perf_counter", "monotonic"):
            rng = np.random.default_rng(len(clock))
            patch.setattr(time, clock, lambda rng=rng: float(rng.uniform(-1e6, 1e6)))
        status = train.main([*TINY, "--out", str(tmp_path)])
    assert status == 0 and outcome(tmp_path) == whole


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_ends_the_run_with_its_epoch_and_keeps_the_state_before(
        tmp_path, every_epoch, whole, capsys, value):
    cross_entropy = train.cross_entropy
    calls = iter(range(1, 10**6))                                       # two of an epoch: of training and test set

    def once(*arguments):
        return value if next(calls) == 2 * 17 - 1 else cross_entropy(*arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "cross_entropy", once)
        sentence = refused(capsys, "--out", tmp_path)
    assert f"the loss became {value} in epoch 17; try a lower learning rate" in sentence
    assert f"{tmp_path / 'sr' / 'seed-0'} keeps the state after epoch 16" in sentence
    assert train.main([*TINY, "--out", str(tmp_path)]) == 0
    assert "Going on after epoch 16." in capsys.readouterr().out
    assert outcome(tmp_path) == whole


def test_the_command_takes_one_thread_and_two_processes_give_the_same_bits(tmp_path):
    # With two threads OpenBLAS shares the products out and rounds them otherwise (docs/audit.md).
    code = ("import os, runpy, sys\ntry:\n    runpy.run_path('train.py', run_name='__main__')\n"
            "finally:\n    print(os.environ['OPENBLAS_NUM_THREADS'])")
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    words = [sys.executable, "-c", code, "--pairs", "500", "--epochs", "2", "--out"]
    runs = [subprocess.Popen([*words, str(tmp_path / name)], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8",
                             env=environment) for name in "ab"]
    assert [run.communicate(timeout=60)[0].splitlines()[-1] for run in runs] == ["1", "1"]
    assert outcome(tmp_path / "a") == outcome(tmp_path / "b")


def test_importing_the_modules_sets_no_threads():
    code = ("import os; before = dict(os.environ); import physics, regression, siamese, train; "
            "print(dict(os.environ) == before)")
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert said.stdout == "True\n"
