"""The process of the command: one thread, a quiet end when told to, text that any screen can show.

Nothing here imports NumPy, whose threads are counted when it is imported.
"""

import os
import signal
import sys

PARENT = "SIAMESE_PARENT"               # the process that started this one, and waits for it
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def prepare():
    """Set up the process; to be called before NumPy is imported."""
    # One thread, since products are rounded otherwise with two, and the same seed is to give the
    # same bits. A setting of the user's own stands.
    for variable in THREADS:
        os.environ.setdefault(variable, "1")
    for number in signals():
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
            signal.signal(number, end)                      # but nohup has SIGHUP ignored
    sys.unraisablehook = unraised
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")                # a terminal that has no ² shows ?


def unraised(lost):
    """Where Python must drop the end that a signal asked for, listen to the next signal again."""
    if not isinstance(lost.exc_value, SystemExit):
        return sys.__unraisablehook__(lost)
    for number in signals():
        signal.signal(number, end)


def signals():
    """Ctrl-C, a cluster's SIGTERM, and the SIGHUP of a terminal that closes, where there is one."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def orphaned():
    """Whether the process that started this one, and waits for it, is gone."""
    parent = os.environ.get(PARENT)
    return parent is not None and os.name == "posix" and str(os.getppid()) != parent


def printable(text):
    """The text with escapes in place of what would steer a terminal or cannot be shown at all."""
    return "".join(character if character.isprintable() or character == "\n" else
                   ascii(character)[1:-1] for character in str(text))


def end(number, _):
    """End without a traceback, and let what is saved now be undisturbed by a second signal."""
    for again in signals():
        signal.signal(again, signal.SIG_IGN)
    sys.exit(128 + number)
