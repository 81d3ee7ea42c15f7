"""The library that multiplies matrices: which kernels it runs, and with how many threads.

Kernels of different processors round differently, and so do two threads. NumPy says neither, but
OpenBLAS, which its packages bring along, can be asked and told.
"""

import ctypes
import sys
from contextlib import contextmanager
from functools import lru_cache

NAMES = [(prefix, suffix) for prefix in ("scipy_openblas_", "openblas_")
         for suffix in ("64_", "_64_", "")]


@lru_cache(maxsize=1)
def functions():
    """OpenBLAS's functions for the kernels' name and the threads, or None where it is not found."""
    for path in loaded():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix, suffix in NAMES:
            found = [getattr(library, f"{prefix}{name}{suffix}", None)
                     for name in ("get_corename", "get_num_threads", "set_num_threads")]
            if all(found):
                found[0].restype = ctypes.c_char_p
                return found
    return None


def loaded():
    """Paths of the OpenBLAS libraries of this process, NumPy's first; none where nobody tells."""
    import numpy                                        # which loads its own
    if not sys.platform.startswith("linux"):
        return []
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        paths = {line.split(None, 5)[-1].strip() for line in maps if "openblas" in line}
    return sorted(paths, key=lambda path: (numpy.__name__ not in path, path))


def kernels():
    """The name of OpenBLAS's kernels, such as Haswell, or "unknown"."""
    found = functions()
    return found[0]().decode("ascii", "replace") if found else "unknown"


def threads():
    """How many threads a matrix product takes, 0 where that is not told."""
    found = functions()
    return int(found[1]()) if found else 0


@contextmanager
def one_thread():
    """Matrix products take one thread: of two, one waits for the other on a busy machine."""
    found, before = functions(), threads()
    if found:
        found[2](1)
    try:
        yield
    finally:
        if found:
            found[2](before)
