"""Files are complete or not there, arrays come back without pickle, a folder has one user."""

import errno
import os

import numpy as np
import pytest

from support import files
from support.checks import UserError


def test_files_stand_under_their_names_only_when_all_are_complete(tmp_path, monkeypatch):
    (tmp_path / "result.json").write_text("before")
    (tmp_path / "old.png").write_text("before")
    moved = []

    def replace(part, path, move=os.replace):
        moved.append((path.name, sorted(each.name for each in tmp_path.iterdir() if files.PART not in each.name)))
        move(part, path)
    monkeypatch.setattr(os, "replace", replace)
    files.write_all(tmp_path, {"a.png": b"new", "result.json": "new"}, ["old.png"])
    assert moved == [("a.png", []), ("result.json", ["a.png"])]         # the old result first, the new one last
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"a.png": "new", "result.json": "new"}


def test_a_write_that_fails_leaves_the_files_of_before_and_nothing_half_written(tmp_path, monkeypatch):
    (tmp_path / "result.json").write_text("before")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="a.png"):
        files.write_all(tmp_path, {"a.png": b"new", "result.json": "new"})
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("result.json", "before")]


def test_saved_arrays_come_back_the_same_text_and_numbers(tmp_path):
    arrays = {"x": np.arange(6.0).reshape(2, 3), "label": np.array("ümläut"), "empty": np.zeros((0, 2), np.float32)}
    files.write(tmp_path / "a.npz", arrays)
    loaded = files.load_arrays(tmp_path / "a.npz", "")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(loaded[name], array) and loaded[name].dtype == array.dtype


def test_arrays_that_are_cut_altered_or_pickled_are_refused_by_name_and_absent_ones_by_the_system(tmp_path):
    path = tmp_path / "a.npz"
    files.write(path, {"x": np.arange(100.0)})
    content = path.read_bytes()
    np.savez(tmp_path / "objects.npz", x=np.array([{}]))
    pickled = (tmp_path / "objects.npz").read_bytes()
    for damaged in (b"", content[:-1], content[:300], content[:300] + b"\xff" + content[301:], b"text", pickled):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="a.npz is not a list of primes"):
            files.load_arrays(path, "a list of primes")
    with pytest.raises(FileNotFoundError):
        files.load_arrays(tmp_path / "absent.npz", "")


def test_a_folder_has_one_user_at_a_time(tmp_path):
    with files.lock_folder(tmp_path):
        with pytest.raises(UserError, match="is in use by another run"), files.lock_folder(tmp_path):
            pass
    with files.lock_folder(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_whose_file_was_removed_holds_nothing_and_a_file_system_without_locks_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(files.fcntl, "flock", lambda *_: (tmp_path / "in-use").unlink())
    with pytest.raises(UserError), files.lock_folder(tmp_path):
        pass

    def without(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    monkeypatch.setattr(files.fcntl, "flock", without)
    with files.lock_folder(tmp_path):
        assert (tmp_path / "in-use").exists()


def test_text_that_is_no_unicode_can_be_written(tmp_path):
    files.write(tmp_path / "a.txt", "\udcff ²")
    assert (tmp_path / "a.txt").read_text("utf-8") == "\\udcff ²"
