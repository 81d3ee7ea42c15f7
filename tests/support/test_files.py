"""Files are complete or not there, arrays come back without pickle, seals tell of changes, a folder has one user."""

import errno
import json
import os

import numpy as np
import pytest

from support import files


def test_a_write_that_fails_leaves_the_file_of_before_and_nothing_half_written(tmp_path):
    path = tmp_path / "report.md"
    path.write_text("before")

    def fill(file):
        file.write("half")
        raise OSError("disk full")
    with pytest.raises(OSError):
        files.write(path, fill)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_file_stands_under_its_name_only_once_it_is_complete(tmp_path):
    path = tmp_path / "report.md"

    def fill(file):
        file.write("all of it")
        assert not path.exists()
    files.write(path, fill)
    assert path.read_text() == "all of it" and list(tmp_path.iterdir()) == [path]


def test_saved_arrays_come_back_the_same_text_and_numbers(tmp_path):
    arrays = {"x": np.arange(6.0).reshape(2, 3), "label": np.array("ümläut"), "empty": np.zeros((0, 2), np.float32)}
    files.save_arrays(tmp_path / "a.npz", arrays)
    loaded = files.load_arrays(tmp_path / "a.npz", "")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(loaded[name], array) and loaded[name].dtype == array.dtype


def test_arrays_that_are_cut_or_altered_or_pickled_are_refused_by_name_and_absent_ones_by_the_system(tmp_path):
    path = tmp_path / "a.npz"
    files.save_arrays(path, {"x": np.arange(100.0)})
    content = path.read_bytes()
    np.savez(tmp_path / "objects.npz", x=np.array([{}]))
    pickled = (tmp_path / "objects.npz").read_bytes()
    for damaged in (b"", content[:-1], content[:300], content[:300] + b"\xff" + content[301:], b"text", pickled):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="a.npz is not a list of primes"):
            files.load_arrays(path, "a list of primes")
    with pytest.raises(FileNotFoundError):
        files.load_arrays(tmp_path / "absent.npz", "")


def test_a_seal_holds_as_long_as_result_and_files_stay_as_they_were(tmp_path):
    (tmp_path / "model.npz").write_bytes(b"weights")
    sealed = files.sealed({"accuracy": 0.9}, tmp_path, ["model.npz"])
    path = tmp_path / "result.json"
    files.check_seal(path, sealed)
    with pytest.raises(ValueError, match="result.json was altered"):
        files.check_seal(path, {**sealed, "accuracy": 0.99})
    (tmp_path / "model.npz").write_bytes(b"weighty")
    with pytest.raises(ValueError, match="model.npz was altered"):
        files.check_seal(path, sealed)
    (tmp_path / "model.npz").unlink()
    files.check_seal(path, sealed)                      # a file that was taken away tells no lies
    files.check_seal(path, {"accuracy": 0.99})          # of a result of before there were seals, nothing is known


def test_a_folder_has_one_user_at_a_time(tmp_path):
    with files.sole_user(tmp_path):
        with pytest.raises(BlockingIOError), files.sole_user(tmp_path):
            pass
    with files.sole_user(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_whose_file_is_removed_meanwhile_holds_nothing_and_a_file_system_without_locks_will_do(
        tmp_path, monkeypatch):
    def removed(*_):
        (tmp_path / "in-use").unlink()
    monkeypatch.setattr(files.fcntl, "flock", removed)
    with pytest.raises(BlockingIOError), files.sole_user(tmp_path):
        pass

    def without(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    monkeypatch.setattr(files.fcntl, "flock", without)
    with files.sole_user(tmp_path):
        assert (tmp_path / "in-use").exists()


def test_no_link_is_followed_when_a_file_is_written(tmp_path):
    (tmp_path / "mine").write_text("mine")
    for name in ("report.md", "other.md.part"):
        (tmp_path / name).symlink_to("mine")
        with pytest.raises(OSError) as caught:
            files.write(tmp_path / name.removesuffix(".part"), lambda file: file.write("ours"))
        assert caught.value.filename == str(tmp_path / name) and (tmp_path / name).is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"


def test_text_that_is_no_unicode_can_be_written_and_read_back(tmp_path):
    files.write(tmp_path / "a.json", lambda file: json.dump("\udcff ² \x1b", file, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == "\udcff ² \x1b"


def test_arrays_that_would_swell_and_files_that_never_end_are_not_read(tmp_path):
    np.savez_compressed(tmp_path / "packed.npz", x=np.zeros(10**6))
    with pytest.raises(ValueError, match="packed.npz is not a model"):
        files.load_arrays(tmp_path / "packed.npz", "a model")
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "zero.npz").symlink_to("/dev/zero")
    with open(tmp_path / "huge.npz", "wb") as huge:
        huge.truncate(files.LARGEST + 1)
    for name in ("pipe.npz", "zero.npz", "huge.npz"):
        with pytest.raises(OSError, match="it is"):
            files.load_arrays(tmp_path / name, "a model")
