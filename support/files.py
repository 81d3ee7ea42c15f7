"""Files of a run: written under a temporary name and moved into place; arrays without pickle."""

import io
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from support.checks import UserError

try:
    import fcntl
except ImportError:                     # on Windows, where folders are then not locked
    fcntl = None

PART = ".siamese-part"                  # ending of a file that is being written
IN_USE = "in-use"                       # name of the file that locks a folder


def write(path, content):
    """Write one file, of what `write_all` takes; OSError, which names it, if that fails."""
    path = Path(path)
    write_all(path.parent, {path.name: content})


def write_all(folder, contents, outdated=()):
    """Write files {name: content}, and move all into place once the last one is complete.

    A content is text, bytes, or the arrays of an .npz by name. The last one says that the others
    are there: its old version goes first, then the outdated names, and its new one comes last.
    OSError, which names the file, if one cannot be written; then all old files stand.
    """
    parts = {folder / name: folder / (name + PART) for name in contents}
    try:
        for path, content in zip(parts, contents.values()):
            if isinstance(content, dict):
                np.savez(packed := io.BytesIO(), **content)
                content = packed.getvalue()
            elif isinstance(content, str):
                content = content.encode("utf-8", "backslashreplace")
            with open(parts[path], "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())         # a power cut could leave the name, and no content
        if len(contents) > 1:
            for name in (path.name, *outdated):
                (folder / name).unlink(missing_ok=True)
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        error.filename = os.fspath(path)
        raise
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def load_arrays(path, what, make=dict):
    """What `make` makes of a file's arrays by name; ValueError if it is not `what` it should be."""
    content = Path(path).read_bytes()                   # so that OSErrors of the disk end here
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as saved:
            return make({name: np.asarray(saved[name]) for name in saved.files})
    except Exception as error:                          # a damaged archive raises almost anything
        raise ValueError(f"{path} is not {what} ({type(error).__name__}: {error})") from error


def prepare_folder(folder):
    """Make the folder before any work, and return it; UserError if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(f"cannot write to --out {folder}: {error.strerror}; "
                        "give a folder that can be written") from error
    return folder


@contextmanager
def lock_folder(folder):
    """Hold the folder for this process; UserError if another process holds it.

    The system drops the lock with the process, so that a killed one stops nobody.
    """
    if fcntl is None:
        yield
        return
    path = Path(folder) / IN_USE        # on NFS only what is open for writing can be locked
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = os.fstat(file.fileno()).st_nlink > 0     # not removed since it was opened
        except OSError as error:                        # a file system without locks will do
            free = not isinstance(error, BlockingIOError)
        if not free:
            raise UserError(f"{folder} is in use by another run; wait for its end "
                            "or give another --out")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
