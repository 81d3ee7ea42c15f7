"""What may happen to a run: told to end, killed, disk full, files damaged, clocks that jump.

"The same bits" are all parameters, the history and the result of a run that nothing happened to.
"""

import errno
import os
import resource
import shutil
import signal
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest

import siamese
import train
from helpers import TINY, checkpoint_every_epoch, mostly_slow, outcome
from support import files, process, runs

STEPS = 3                               # of an epoch of TINY: 300 pairs of each label, 256 a batch
pytestmark = pytest.mark.usefixtures("every_epoch")


@contextmanager
def quick_runs():
    """The fixture every_epoch for fixtures of a module."""
    with pytest.MonkeyPatch.context() as patch:
        checkpoint_every_epoch(patch)
        yield patch


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The outcome of the run that nothing happened to."""
    out = tmp_path_factory.mktemp("whole")
    with quick_runs():
        assert train.main([*TINY, "--out", str(out)]) == 0
    return outcome(out)


@pytest.fixture
def tiny(tmp_path, capfd):
    """Run the command on TINY; its status, and all it says."""
    def start(*more):
        status = train.main([*TINY, "--out", str(tmp_path), *more])
        said = capfd.readouterr()
        assert said.err.count("\n") == (status == 2)
        return status, said.out + said.err
    return start


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "sr" / "seed-0"


def start_child(out, prepare, *more):
    """Start TINY in a process of its own, which is a copy of this one, after prepare()."""
    number = os.fork()
    if not number:
        try:
            process.listen()
            prepare()
            os._exit(train.main([*TINY, "--out", str(out), *more]))
        finally:
            os._exit(99)
    return number


def status_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def at_call(number, function, act):
    """The function, which acts at its call of this number, and then goes on."""
    calls = iter(range(1, 10**9))

    def counted(*arguments, **options):
        if next(calls) == number:
            act()
        return function(*arguments, **options)
    return counted


def fail_from(number, error):
    """In place of os.fsync, which is called for each file: raises the error from this call on."""
    calls = iter(range(1, 10**9))

    def fsync(_):
        if next(calls) >= number:
            raise OSError(error, os.strerror(error))
    return fsync


def raise_interrupt():
    raise KeyboardInterrupt


# ----------------------------------------------------------------------------------- told to end

def tell_to_end(number, at):
    """Let the process send itself a signal in its step `at`, and another one while it saves."""
    def prepare():
        signal.signal(number, signal.SIG_DFL)           # nohup has SIGHUP ignored
        process.listen()

        def kill():
            os.kill(os.getpid(), number)
            os.replace = at_call(1, os.replace, lambda: os.kill(os.getpid(), signal.SIGTERM))
        siamese.Adadelta.step = at_call(at, siamese.Adadelta.step, kill)
    return prepare


@pytest.mark.parametrize("number", process.ENDINGS, ids=lambda number: number.name)
def test_a_run_that_is_told_to_end_saves_its_state_and_goes_on_to_the_same_bits(
        tmp_path, whole, capfd, number):
    assert status_of(start_child(tmp_path, tell_to_end(number, 100))) == 128 + number
    assert capfd.readouterr().err == ""
    assert train.main([*TINY, "--out", str(tmp_path)]) == 0
    assert f"Going on after epoch {99 // STEPS}." in capfd.readouterr().out
    assert outcome(tmp_path) == whole


def test_a_run_that_is_told_to_end_in_its_first_epoch_leaves_no_file(tmp_path, capfd):
    assert status_of(start_child(tmp_path, tell_to_end(signal.SIGTERM, 2))) == 143
    assert capfd.readouterr().err == ""
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_end_that_python_must_drop_is_followed_by_the_next_one(tmp_path, whole, capfd):
    class Deaf:
        def __del__(self):              # what is raised in here is dropped
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0)

    def prepare():
        sys.unraisablehook = process.listen_again
        Deaf()
        tell_to_end(signal.SIGTERM, 100)()
    assert status_of(start_child(tmp_path, prepare)) == 143
    assert capfd.readouterr().err == ""
    assert train.main([*TINY, "--out", str(tmp_path)]) == 0 and outcome(tmp_path) == whole


@pytest.mark.parametrize("several", [False, True])
def test_under_nohup_a_run_and_each_of_several_do_not_hear_the_terminal_close(
        tmp_path, several, monkeypatch):
    def close_terminal():
        os.kill(os.getpid(), signal.SIGHUP)
    monkeypatch.setattr(os, "fsync", at_call(2, os.fsync, close_terminal))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        child = start_child(tmp_path, lambda: None, *(["--seeds", "0-1"] if several else []))
        assert status_of(child) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


# ----------------------------------------------------------------------------------------- killed

class Cut:
    """A file at whose byte `left` of all that is written the process is killed."""
    left = written = 0

    def __init__(self, *arguments):
        self.file = open(*arguments)

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
        self.file.write(content)


def cut_at(left):
    def prepare():
        Cut.left, files.open = left, Cut
    return prepare


@pytest.fixture(scope="module")
def extent(tmp_path_factory):
    """Seconds that a run takes, and bytes that it writes."""
    out, sizes = tmp_path_factory.mktemp("extent"), []
    write_all = files.write_all

    def measured(folder, contents, *outdated):
        write_all(folder, contents, *outdated)
        sizes.extend((folder / name).stat().st_size for name in contents)
    with quick_runs() as patch:
        patch.setattr(files, "write_all", measured)
        patch.setattr(runs, "write_all", measured)
        started = time.monotonic()
        assert train.main([*TINY, "--out", str(out)]) == 0
    return time.monotonic() - started, sum(sizes)


@pytest.mark.parametrize("kill", mostly_slow(range(20), 4))
def test_a_run_killed_at_a_random_moment_or_byte_of_its_files_goes_on_to_the_same_bits(
        kill, tmp_path, folder, whole, extent, tiny):
    rng, (seconds, size) = np.random.default_rng(kill), extent
    if kill % 2:
        child = start_child(tmp_path, cut_at(rng.integers(size)))
        assert status_of(child) == -signal.SIGKILL
        assert list(folder.glob("*" + files.PART))                      # half a file
    else:
        delay, status = rng.uniform(0, seconds), 0
        while status == 0:                              # where it was faster, once more
            shutil.rmtree(folder, ignore_errors=True)
            child = start_child(tmp_path, lambda: None)
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
            status, delay = status_of(child), delay / 2
    kept, finished = [(folder / name).exists() for name in ("checkpoint.npz", "result.json")]
    status, said = tiny()
    assert status == 0 and ("Going on after epoch" in said) == (kept and not finished)
    if finished:                        # killed in its last moment; the folder is not touched again
        runs.remove_states(folder)
        (folder / "in-use").unlink(missing_ok=True)
    assert outcome(tmp_path) == whole


def test_a_run_killed_between_its_result_and_the_end_is_finished(tmp_path, folder, whole, tiny):
    def prepare():
        runs.remove_states = lambda _: os._exit(7)
    assert status_of(start_child(tmp_path, prepare)) == 7
    assert (folder / "checkpoint.npz").exists() and (folder / "in-use").exists()
    assert tiny()[0] == 0 and (folder / "result.json").exists()
    status, said = tiny("--fresh")
    assert status == 0 and "Going on" not in said and outcome(tmp_path) == whole


@pytest.mark.parametrize("call", mostly_slow([52, 51, 54, 55], 2))
def test_a_run_killed_while_its_files_move_into_place_goes_on_to_the_same_bits(
        tmp_path, whole, tiny, call):
    def prepare():                      # after 50 checkpoints
        os.replace = at_call(call, os.replace, lambda: os._exit(9))
    assert tiny()[0] == 0
    assert status_of(start_child(tmp_path, prepare, "--fresh")) == 9
    status, said = tiny()
    assert status == 0 and "Going on after epoch 50." in said and outcome(tmp_path) == whole


# ------------------------------------------------------------------------- started once more

def interrupt(out, at=100):
    """Run TINY until its step of this number."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(siamese.Adadelta, "step",
                      at_call(at, siamese.Adadelta.step, raise_interrupt))
        train.main([*TINY, "--out", str(out)])


def test_an_unfinished_run_of_other_settings_is_refused_by_name_and_fresh_starts_it_over(
        tmp_path, folder, tiny):
    interrupt(tmp_path)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    status, said = tiny("--pairs", "200", "--activation", "tanh")
    assert status == 2 and "an unfinished run of other settings (activation, train_pairs)" in said
    shutil.copytree(folder, folder.parent / "seed-1")
    status, said = tiny("--seed", "1")
    assert status == 2 and "other settings (seed);" in said
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    status, said = tiny("--epochs", "5", "--fresh")
    assert status == 0 and "Going on" not in said and outcome(tmp_path)[2]["epochs"] == 5


def test_two_processes_do_not_share_a_folder_and_a_killed_one_stops_nobody(
        tmp_path, folder, whole, tiny):
    def hold():
        with files.lock_folder(folder):
            os.write(writing, b"held")
            time.sleep(60)
    folder.mkdir(parents=True)
    reading, writing = os.pipe()
    first = start_child(tmp_path, hold)
    assert os.read(reading, 4) == b"held"
    status, said = tiny()
    assert status == 2 and f"{folder} is in use by another run" in said
    os.kill(first, signal.SIGKILL)
    status_of(first)
    assert (folder / "in-use").exists() and tiny()[0] == 0 and outcome(tmp_path) == whole


def test_where_python_has_no_fcntl_a_run_goes_on_without_locks(
        tmp_path, whole, tiny, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)           # as on Windows
    assert tiny()[0] == 0 and outcome(tmp_path) == whole


def test_a_finished_run_is_shown_from_a_folder_that_cannot_be_written(tiny, monkeypatch):
    def read_only(*_, **__):
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))
    assert tiny()[0] == 0
    monkeypatch.setattr(files.tempfile, "TemporaryFile", read_only)
    status, said = tiny()
    assert status == 0 and "holds this run, finished" in said
    status, said = tiny("--fresh")
    assert status == 2 and "Read-only file system; give a folder that can be written" in said


# -------------------------------------------------------------------------- what cannot be written

@pytest.mark.parametrize("limit", [1_500, 7_500])
def test_a_full_disk_ends_a_run_with_one_sentence_and_loses_nothing(
        tmp_path, folder, whole, tiny, capfd, limit):
    # Below the sizes of the first checkpoint, and of a later one.
    def prepare():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    assert status_of(start_child(tmp_path, prepare)) == 2
    said = capfd.readouterr().err
    assert "File too large; make room there and start again" in said and said.count("\n") == 1
    assert {path.name for path in folder.iterdir()} <= {"checkpoint.npz"}
    assert (folder / "checkpoint.npz").exists() == (limit > 1_500)
    assert tiny()[0] == 0 and outcome(tmp_path) == whole


@pytest.mark.parametrize("call, error", mostly_slow(
    [(1, errno.ENOSPC), (40, errno.EROFS), (53, errno.EIO), (2, errno.EROFS), (51, errno.EIO),
     (52, errno.ENOSPC), (54, errno.EROFS), (55, errno.EIO)], 3))
def test_a_folder_that_can_no_longer_be_written_ends_a_run_with_one_sentence(
        tmp_path, folder, whole, tiny, call, error, monkeypatch):
    with monkeypatch.context() as patch:                # of 50 checkpoints and the files at the end
        patch.setattr(os, "fsync", fail_from(call, error))
        status, said = tiny()
    assert status == 2 and os.strerror(error) in said and not list(folder.glob("*" + files.PART))
    status, said = tiny()
    assert status == 0 and ("Going on after" in said) == (call > 1) and outcome(tmp_path) == whole


@pytest.mark.parametrize("call", mostly_slow([1, 53, 2, 51, 52, 54, 55], 2))
def test_fresh_keeps_the_old_result_until_the_new_one_is_whole(folder, tiny, monkeypatch, call):
    assert tiny()[0] == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_from(call, errno.ENOSPC))
        status, said = tiny("--fresh")
    assert status == 2 and "make room there" in said
    (folder / "checkpoint.npz").unlink(missing_ok=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# ---------------------------------------------------------------------------- damaged checkpoints

@pytest.mark.parametrize("content", [
    {"identity": "[]"}, {"identity": "{"}, {}, {"identity": None, "parameters": np.zeros(3)}])
def test_a_checkpoint_of_another_content_is_refused(tmp_path, folder, whole, tiny, content):
    interrupt(tmp_path)
    path = folder / "checkpoint.npz"
    saved = files.load_arrays(path, "")
    files.write(path, {name: saved[name] if value is None else value
                       for name, value in content.items()})
    status, said = tiny()
    assert status == 2 and f"{path} is damaged; --fresh starts the run over" in said
    assert tiny("--fresh")[0] == 0 and outcome(tmp_path) == whole


# ------------------------------------------------------------------------------- clocks and losses

def test_clocks_that_jump_change_nothing_but_the_seconds(tmp_path, whole, monkeypatch):
    with monkeypatch.context() as patch:
        for clock in ("time", "perf_counter", "monotonic"):
            rng = np.random.default_rng(len(clock))
            patch.setattr(time, clock, lambda rng=rng: float(rng.uniform(-1e6, 1e6)))
        status = train.main([*TINY, "--out", str(tmp_path)])
    assert status == 0 and outcome(tmp_path) == whole


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_ends_the_run_with_its_epoch_and_keeps_the_state_before(
        tmp_path, folder, whole, tiny, value, monkeypatch):
    cross_entropy, calls = train.cross_entropy, iter(range(1, 100))
    with monkeypatch.context() as patch:
        patch.setattr(train, "cross_entropy",
                      lambda *pair: cross_entropy(*pair) if next(calls) < 17 else value)
        status, said = tiny()
    assert status == 2 and f"the loss became {value} in epoch 17; try a lower learning rate" in said
    assert f"{folder} keeps the state after epoch 16" in said
    status, said = tiny()
    assert status == 0 and "Going on after epoch 16." in said and outcome(tmp_path) == whole
