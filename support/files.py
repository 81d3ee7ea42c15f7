"""Files of a run: written under a temporary name and moved into place, read back without pickle.

Whatever ends the program, a file is the one of before or the new one, complete. Checksums tell when one
was cut or altered later: an .npz file has its own, a result holds its own and those of the files beside it.
"""

import hashlib
import io
import json
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np

try:
    import fcntl
except ImportError:                                     # on Windows, where folders are then not locked
    fcntl = None


def write(path, fill, binary=False):
    """Let fill(file) write a file under a temporary name, and move it into place when complete."""
    path = Path(path)
    aside = path.with_name(path.name + ".part")
    try:
        with open(aside, "wb") if binary else open(aside, "w", encoding="utf-8", newline="\n") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())                     # or a power cut could leave the new name without its content
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def save_arrays(path, arrays):
    """Write a dict of arrays (text included) as one .npz file."""
    content = io.BytesIO()                              # a zip archive does not end quietly where the disk is full
    np.savez(content, **arrays)
    write(path, lambda file: file.write(content.getvalue()), binary=True)


def load_arrays(path, what):
    """Read what save_arrays wrote; ValueError if it is damaged, saying `what` it should have been.

    OSError if it cannot be read at all.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:      # np.load leaves a damaged file open
            arrays = {name: saved[name] for name in saved.files}
    except OSError as error:
        if error.errno is not None:                     # NumPy's own, of a damaged file, has none
            raise
        raise ValueError(f"{path} is not {what} ({error})") from error
    except Exception as error:                          # a damaged archive raises almost anything
        raise ValueError(f"{path} is not {what} ({type(error).__name__})") from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):             # but bytes, of other files in the archive
        raise ValueError(f"{path} is not {what}")
    return arrays


def digest(content):
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sealed(result, folder, names):
    """The result (a dict, as JSON keeps it) with the digests of these files of the folder, and its own."""
    result = {**result, "files": {name: digest((Path(folder) / name).read_bytes()) for name in names}}
    return {**result, "sha256": digest(json.dumps(result, sort_keys=True).encode())}


def check_seal(path, result):
    """ValueError if the result, read from this path, or a file beside it was altered since, naming the file.

    A result of before there were seals passes, and a file that is no longer there.
    """
    if "sha256" not in result:
        return
    rest = {name: value for name, value in result.items() if name != "sha256"}
    if result["sha256"] != digest(json.dumps(rest, sort_keys=True).encode()):
        raise ValueError(f"{path} was altered since the run wrote it")
    for beside, known in [(path.with_name(name), known) for name, known in result["files"].items()]:
        if beside.exists() and digest(beside.read_bytes()) != known:
            raise ValueError(f"{beside} was altered since the run wrote it")


@contextmanager
def sole_user(folder):
    """Hold the folder for this process; BlockingIOError if another one does.

    The system drops the lock with the process, so that the file of one that was killed stops nobody.
    """
    if fcntl is None:
        yield
        return
    path = Path(folder) / "in-use"                      # not the folder: on NFS only what is open for writing is locked
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass                                        # a file system without locks: go on without
        if os.fstat(file.fileno()).st_nlink == 0:       # its last holder removed it between our open and our lock
            raise BlockingIOError
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
