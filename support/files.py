"""Files of a run: written under a temporary name and moved into place, read back without pickle.

A file is always either the old version or the complete new one. Checksums tell when one was cut or
altered later: an .npz file has its own, a result holds its own and those of the files beside it.
Links are not followed when writing, and only regular files are read: others may never end.
"""

import hashlib
import io
import json
import os
import re
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from support.checks import UserError

try:
    import fcntl
except ImportError:                     # on Windows, where folders are then not locked
    fcntl = None

# What a run writes: its result, its states, halves of both, and folders: of a search's steps, and
# of a result that is not whole. Nothing else is ever removed.
RESULT = re.compile(r"(model|best|f_\d+)\.npz|history\.csv|result\.json|report\.(md|html)|"
                    r"movie\.gif|(figure_\d|decision|levels|over-laws|along)\.(png|pdf)")
STATE = re.compile(r"checkpoint(-before)?\.npz")
PART = re.compile(rf"({RESULT.pattern}|{STATE.pattern})\.part")
IN_USE = re.compile("in-use")
OWN = re.compile("|".join(each.pattern for each in (RESULT, STATE, PART, IN_USE)) + r"|log\.txt")
OWN_FOLDER = re.compile(r"step-\d+|new-result")
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
LOCK = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
LARGEST = 2**33                         # bytes of a file that is read


def write(path, fill, binary=False):
    """Let fill(file) write a file under a temporary name, and move it into place when complete.

    OSError, which names the file, if it cannot be written, or a link or a folder stands there.
    """
    path = Path(path)
    aside = path.with_name(path.name + ".part")
    how = {"mode": "wb"} if binary else {"mode": "w", "encoding": "utf-8", "newline": "\n",
                                         "errors": "backslashreplace"}
    for place in (path, aside):
        if stands_in_the_way(place):
            raise OSError(None, "no regular file stands there", os.fspath(place))
    try:
        aside.unlink(missing_ok=True)                   # of a process that was killed
        with os.fdopen(os.open(aside, NEW, 0o666), **how) as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())     # a power cut could leave the name, and no content
        os.replace(aside, path)
    except OSError as error:
        error.filename = error.filename or os.fspath(path)
        raise
    finally:
        aside.unlink(missing_ok=True)


def stands_in_the_way(path, kind=Path.is_file):
    """Whether something has this name that is no regular file, or not of this kind, as a link."""
    return path.is_symlink() or path.exists() and not kind(path)


@contextmanager
def regular(path, largest=LARGEST):
    """The regular file, open for reading bytes; OSError if it is none, or too large."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(None, "it is no regular file", os.fspath(path))
        if status.st_size > largest:
            raise OSError(None, f"it is larger than {largest:.0e} bytes", os.fspath(path))
        yield file


def save_arrays(path, arrays):
    """Write a dict of arrays (text included) as one .npz file."""
    content = io.BytesIO()                              # a zip does not end quietly on a full disk
    np.savez(content, **arrays)
    write(path, lambda file: file.write(content.getvalue()), binary=True)


def load_arrays(path, what):
    """Read what save_arrays wrote; ValueError if it is damaged, saying `what` it should have been.

    OSError if it cannot be read at all.
    """
    with regular(path) as file:
        content = file.read()                           # so that OSErrors of the disk end here
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as saved:
            declared = sum(member.file_size for member in saved.zip.infolist())
            if declared > len(content):                 # we pack none: it would swell
                raise ValueError("packed")
            arrays = {name: saved[name] for name in saved.files}
    except Exception as error:                          # a damaged archive raises almost anything
        raise ValueError(f"{path} is not {what} ({type(error).__name__})") from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise ValueError(f"{path} is not {what}")       # but bytes, of other files in the archive
    return arrays


# -------------------------------------------------------------------------------------------- seals

def digest(content):
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def digest_of(path):
    """The same of a regular file; OSError if it is none."""
    with regular(path) as file:
        return digest(file.read())


def sealed(result, folder, names):
    """The result, a dict as JSON keeps it, with the digests of these files and its own."""
    result = {**result, "files": {name: digest_of(Path(folder) / name) for name in names}}
    return {**result, "sha256": _digest_of_result(result)}


def check_seal(path, result):
    """Compare the result that was read from this path, and the files beside it, with the digests.

    Raises ValueError that names the file which was altered since. A result of before there were
    seals passes, and so does a file that is no longer there.
    """
    if "sha256" not in result:
        return
    try:
        own = _digest_of_result(result)
    except RecursionError:                              # of lists in lists, which no run writes
        own = ""
    if result["sha256"] != own:
        raise ValueError(f"{path} was altered since the run wrote it")
    for name, known in result["files"].items():
        beside = path.with_name(name)
        try:
            same = not beside.exists() or digest_of(beside) == known
        except OSError as error:
            raise ValueError(f"cannot read {beside}: {error.strerror}") from error
        if not same:
            raise ValueError(f"{beside} was altered since the run wrote it")


def _digest_of_result(result):
    rest = {name: value for name, value in result.items() if name != "sha256"}
    return digest(json.dumps(rest, sort_keys=True).encode())


# ------------------------------------------------------------------------------------------ folders

def writable_folder(folder):
    """Make the folder before any work is done, and return it.

    UserError if nothing can be written there, or if something of the user's stands in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        for path in folder.iterdir():
            kind = Path.is_dir if OWN_FOLDER.fullmatch(path.name) else Path.is_file
            own = OWN.fullmatch(path.name) or OWN_FOLDER.fullmatch(path.name)
            if own and stands_in_the_way(path, kind):
                raise UserError(f"{path} stands where a run writes, and is none of its files; "
                                "move it away, or give another --out")
    except OSError as error:
        raise UserError(f"cannot write to --out {folder}: {error.strerror}; "
                        "give a folder that can be written") from error
    return folder


@contextmanager
def sole_user(folder):
    """Hold the folder for this process; BlockingIOError if another one does.

    The system drops the lock with the process, so that the file of a killed one stops nobody.
    """
    if fcntl is None:
        yield
        return
    # Not the folder itself: on NFS only what is open for writing is locked.
    path = Path(folder) / "in-use"
    with os.fdopen(os.open(path, LOCK, 0o666), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass                                        # a file system without locks: go on without
        if os.fstat(file.fileno()).st_nlink == 0:       # removed between our open and our lock
            raise BlockingIOError
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
