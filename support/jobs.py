"""Progress of a training on the screen, and many runs as processes."""

import io
import multiprocessing
import os
import shutil
import sys
from multiprocessing.connection import wait

from support.process import hold_signals, listen, printable

PATIENCE = 60                           # seconds that an interrupted run has to save its state


class Progress:
    """One line that updates in place on a terminal; elsewhere a plain line every ten seconds."""

    def __init__(self, epochs):
        self.epochs, self.last = epochs, 0.0
        terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.live = terminal or "ipykernel" in sys.modules              # in a notebook too

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
    waiting = [multiprocessing.Process(target=run_labelled, args=(label, *job), name=label)
               for label, job in jobs.items()]
    running, failed = {}, []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                process = waiting.pop(0)
                hold_signals(True)      # one that came before the entry would leave it behind
                try:
                    process.start()
                    running[process.sentinel] = process
                finally:
                    hold_signals(False)
            for sentinel in wait(list(running)):
                process, ending = running.pop(sentinel), "finished"
                process.join()
                if code := process.exitcode:
                    failed.append(process.name)
                    reason = f"status {code}" if code > 0 else f"ended by signal {-code}"
                    ending = f"failed, {reason}"
                print(printable(f"{process.name}: {ending}\n"), end="", flush=True)     # as a whole
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.join(PATIENCE)
            process.kill()
    return failed


def run_labelled(label, function, *arguments):
    """The body of a process: function(*arguments), each of its lines with the label in front."""
    listen()
    hold_signals(False)
    sys.stdout, sys.stderr = Labelled(label, sys.stdout), Labelled(label, sys.stderr)
    sys.exit(function(*arguments))


class Labelled(io.TextIOBase):
    """A stream that writes whole lines, each with a label in front."""

    def __init__(self, label, stream):
        self.label, self.stream, self.line = label, stream, ""

    def write(self, text):
        *lines, self.line = (self.line + text).split("\n")
        for line in filter(None, lines):
            self.stream.write(f"{self.label}: {line}\n")
        self.stream.flush()
