"""Files of a run: written under a temporary name and moved into place, read back without pickle.

Whatever ends the program, a file is the one of before or the new one, complete. Arrays are kept as .npz,
whose checksums tell when a file was cut or altered.
"""

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np


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
    write(path, lambda file: np.savez(file, **arrays), binary=True)


def load_arrays(path, what):
    """Read what save_arrays wrote; ValueError if it is damaged, saying `what` it should have been.

    OSError if it cannot be read at all.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(f"{path} is not {what} ({error})") from error
    except Exception as error:                          # a damaged archive raises almost anything
        raise ValueError(f"{path} is not {what} ({type(error).__name__})") from error


@contextmanager
def sole_user(folder):
    """Hold the folder for this process; BlockingIOError if another one does.

    The system drops the lock with the process, so that none is left behind by one that was killed.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
