"""The process of a command: one thread, a quiet end when it is told to end, text for any screen.

NumPy counts its threads when it is imported, so nothing here imports it before `prepare`.
"""

import ctypes
import os
import signal
import sys
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
# Ctrl-C, a cluster's end, a terminal that closes, and what clusters send before the time is over.
NAMES = "SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU"
ENDINGS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


def prepare():
    """Set up the process of a command, before NumPy is imported."""
    for variable in THREADS:            # two threads round otherwise; a user's own setting stands
        os.environ.setdefault(variable, "1")
    # A notebook hands its backend to the programs it starts, where it may not be installed.
    os.environ.pop("MPLBACKEND", None)
    listen()
    sys.unraisablehook = listen_again
    sys.stdout = sys.stdout or open(os.devnull, "w")        # closed, as by >&-
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")                # a terminal that has no ² shows ?


def listen():
    """End quietly when a signal says so; nohup has SIGHUP ignored, and it stays so."""
    for number in ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
            signal.signal(number, end)


def hold_signals(hold):
    """Hold the signals back, or let them come; a process that is started inherits this."""
    if hasattr(signal, "pthread_sigmask"):              # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK if hold else signal.SIG_UNBLOCK, ENDINGS)


def end(number, _):
    """End without a traceback; what is saved now is not disturbed by a second signal."""
    for again in ENDINGS:
        if signal.getsignal(again) is end:              # with SIG_IGN Python would complain of a
            signal.signal(again, lambda *_: None)       # signal that is on its way
    sys.exit(128 + number)


def listen_again(lost):
    """Where Python must drop the end that a signal asked for, listen to the next signal again."""
    if not isinstance(lost.exc_value, SystemExit):
        return sys.__unraisablehook__(lost)
    listen()


def printable(text):
    """The text with escapes in place of what would steer a terminal or cannot be shown at all."""
    return "".join(character if character.isprintable() or character == "\n" else
                   ascii(character)[1:-1] for character in str(text))


# ------------------------------------------------------------ the library that multiplies matrices

@lru_cache(maxsize=1)
def find_openblas():
    """The functions of NumPy's own OpenBLAS: name of its kernels, number of threads, to set it."""
    import numpy
    package = Path(numpy.__file__).parent
    for path in [*package.parent.glob("numpy.libs/*openblas*"),
                 *package.glob(".dylibs/*openblas*")]:
        library = ctypes.CDLL(os.fspath(path))              # the one that NumPy has loaded
        for name in "scipy_openblas_%s64_", "scipy_openblas_%s", "openblas_%s64_", "openblas_%s":
            with suppress(AttributeError):
                functions = [getattr(library, name % what)
                             for what in ("get_corename", "get_num_threads", "set_num_threads")]
                functions[0].restype = ctypes.c_char_p
                return functions
    return lambda: b"unknown", lambda: 0, lambda number: None


@contextmanager
def one_thread():
    """Let matrix products take one thread, as those of the command do."""
    _, get_threads, set_threads = find_openblas()
    before = get_threads()
    set_threads(1)
    try:
        yield
    finally:
        set_threads(before)


def warm_up_blas():
    """One larger product, 10 ms, before the first step: OpenBLAS copies operands into a buffer.

    Where its pages were never written, later products can take three times as long (AMD EPYC).
    """
    import numpy
    square = numpy.ones((512, 512), numpy.float32)
    square @ square
