"""Progress of a training on the screen, and many runs as processes."""

import multiprocessing
import os
import shutil
import signal
import sys
from multiprocessing.connection import wait

from support.process import listen, one_thread, printable

PATIENCE = 60                           # seconds that an interrupted run has to save its state


class Progress:
    """One line that updates in place on a terminal; elsewhere a plain line every ten seconds."""

    def __init__(self, epochs):
        self.epochs, self.last = epochs, 0.0
        self.live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def __call__(self, history):
        epoch, loss, accuracy, _, test_accuracy, rate, seconds = (
            column[-1] for column in history.values())
        if not self.live and seconds - self.last < 10 and epoch < self.epochs:
            return
        self.last = seconds
        minutes, rest = divmod(round(seconds / epoch * (self.epochs - epoch)), 60)
        line = (f"epoch {epoch}/{self.epochs}  loss {loss:.4f}  accuracy {accuracy:.3f} "
                f"(test {test_accuracy:.3f})  rate {rate:.3g}  {minutes}:{rest:02d} left")
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            line = "\r" + line[:width].ljust(width)
        print(line, end="" if self.live else "\n", flush=True)

    def close(self):
        if self.live and self.last:
            print()


def run_all(jobs, at_once):
    """Carry out jobs {label: (function, *arguments)}, so many at once; return labels that failed.

    Each is a process, whose lines come with its label; it ends with the status that the function
    returns. However this ends, no process is left behind.
    """
    waiting, running, failed = list(jobs.items()), {}, []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                label, (function, *arguments) = waiting.pop(0)
                process = multiprocessing.Process(
                    target=run_labelled, args=(label, at_once > 1, function, *arguments))
                process.start()
                running[process.sentinel] = label, process
            for sentinel in wait(list(running)):
                label, process = running.pop(sentinel)
                process.join()
                failed += [label] * (process.exitcode != 0)
                print(printable(f"{label}: {describe_exit(process.exitcode)}"), flush=True)
    finally:
        for _, process in running.values():
            process.terminate()
            if hasattr(signal, "SIGCONT"):              # for one that was stopped
                os.kill(process.pid, signal.SIGCONT)
        for _, process in running.values():
            process.join(PATIENCE)
            process.kill()
    return failed


def run_labelled(label, alone, function, *arguments):
    """The body of a process: function(*arguments), each of its lines with the label in front."""
    listen()
    sys.stdin, sys.stdout = None, Labelled(label, sys.stdout)
    sys.stderr = Labelled(label, sys.stderr)
    if alone:
        with one_thread():
            sys.exit(function(*arguments))
    sys.exit(function(*arguments))


class Labelled:
    """A stream that writes whole lines, each with a label in front."""

    def __init__(self, label, stream):
        self.label, self.stream, self.line = label, stream, ""

    def write(self, text):
        *lines, self.line = (self.line + text).split("\n")
        whole = "".join(f"{self.label}: {line}\n" for line in lines if line)
        if whole:
            self.stream.write(whole)
            self.stream.flush()

    def flush(self):
        pass

    def isatty(self):
        return False


def describe_exit(code):
    """How a process ended, in words."""
    return "finished" if code == 0 else f"failed, status {code}" if code > 0 else (
        f"failed, ended by signal {-code}")


def is_orphaned():
    """Whether the process that started this run, and waits for it, is gone."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()
