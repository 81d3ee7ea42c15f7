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
    """Write one file of text or bytes; OSError, which names it, if it cannot be written."""
    path = Path(path)
    write_all(path.parent, {path.name: content})


def write_all(folder, contents, outdated=()):
    """Write files {name: text or bytes}, and move all into place once the last one is complete.

    The last of the contents says that the others are there: its old version goes first, and its new
    one comes last. outdated: names of files that go as well. OSError, which names the file, if one
    cannot be written; then all old files stand.
    """
    from concurrent.futures import ThreadPoolExecutor       # here, since --help does not need it
    folder, *_, last = Path(folder), *contents
    parts = {folder / (name + PART): folder / name for name in contents}
    try:
        with ThreadPoolExecutor() as pool:      # a disk flushes many files in the time of one
            list(pool.map(write_part, parts, contents.values()))
        if len(contents) > 1:
            for name in (last, *outdated):
                (folder / name).unlink(missing_ok=True)
        for part, path in parts.items():
            os.replace(part, path)
    except OSError as error:
        error.filename = os.fspath(error.filename).removesuffix(PART)
        raise
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def write_part(path, content):
    """Write text or bytes down to the disk; OSError that names the file if that fails."""
    if isinstance(content, str):
        content = content.encode("utf-8", "backslashreplace")
    try:
        with open(path, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())             # a power cut could leave the name, and no content
    except OSError as error:
        error.filename = path
        raise


def save_arrays(path, arrays):
    """Write a dict of arrays (text included) as one .npz file."""
    write(path, pack_arrays(arrays))


def pack_arrays(arrays):
    """The bytes of an .npz file of a dict of arrays (text included)."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def load_arrays(path, what, make=dict):
    """Read a file of `save_arrays`, and return what `make` makes of its arrays by name.

    OSError if it cannot be read; ValueError, saying `what` it should have been, if it is damaged.
    """
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
