"""The library that multiplies matrices: which kernels it runs, and with how many threads.

Kernels of different processors round differently, and so do two threads. NumPy says neither, but
OpenBLAS, which its packages bring along, can be asked and told.
"""

import ctypes
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy                            # which loads its OpenBLAS

NAMES = [(prefix, suffix) for prefix in ("scipy_openblas_", "openblas_")
         for suffix in ("64_", "_64_", "")]


@lru_cache(maxsize=1)
def functions():
    """OpenBLAS's functions: the kernels' name, the number of threads, and to set it."""
    maps = Path("/proc/self/maps")                      # of Linux
    lines = maps.read_text("utf-8", "replace").splitlines() if maps.exists() else []
    paths = {line.split(None, 5)[-1] for line in lines if "openblas" in line}
    for path in sorted(paths, key=lambda path: (numpy.__name__ not in path, path)):
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
    return lambda: b"unknown", lambda: 0, lambda number: None


def kernels():
    """The name of OpenBLAS's kernels, such as Haswell, or "unknown"."""
    return functions()[0]().decode("ascii", "replace")


def threads():
    """How many threads a matrix product takes, 0 where that is not told."""
    return functions()[1]()


@contextmanager
def one_thread():
    """Matrix products take one thread: of two, one waits for the other on a busy machine."""
    set_threads, before = functions()[2], threads()
    set_threads(1)
    try:
        yield
    finally:
        set_threads(before)


def touch_buffer():
    """One larger product, 10 ms, before the first step.

    OpenBLAS copies operands into a buffer of its own, and its kernels prefetch beyond what was
    copied. Where pages there were never written, products of 200 columns can take three times as
    long as they do once a larger product has touched them (seen on an AMD EPYC).
    """
    square = numpy.ones((512, 512), numpy.float32)
    square @ square
