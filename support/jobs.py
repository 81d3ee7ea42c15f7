"""Progress of one training on the screen, and many trainings as processes of their own."""

import os
import shutil
import signal
import subprocess
import sys
import time

from support.checks import UserError
from support.files import sole_user, writable_folder
from support.process import PARENT, THREADS

LOG = "log.txt"


class Progress:
    """One line that updates in place on a terminal; elsewhere a plain line every ten seconds."""

    def __init__(self, epochs, stream=sys.stdout):
        self.epochs, self.stream = epochs, stream
        self.live, self.last = in_place(stream), 0.0

    def __call__(self, history):
        epoch, loss, accuracy, _, test_accuracy, rate, seconds = [column[-1] for column in history.values()]
        if not self.live and seconds - self.last < 10 and epoch < self.epochs:
            return
        self.last = seconds
        minutes, rest = divmod(round(seconds / epoch * (self.epochs - epoch)), 60)
        line = (f"epoch {epoch}/{self.epochs}  loss {loss:.4f}  accuracy {accuracy:.3f} (test {test_accuracy:.3f})  "
                f"rate {rate:.3g}  {minutes}:{rest:02d} left")
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            line = "\r" + line[:width].ljust(width)
        print(line, end="" if self.live else "\n", file=self.stream, flush=True)

    def close(self):
        if self.live and self.last:
            print(file=self.stream)


def run_all(runs, at_once):
    """Carry out the runs, so many at once; return those that finished and those that failed.

    However it ends, no process is left behind.
    """
    waiting, running, finished, failed = list(runs), [], [], []
    board = Board()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                run = waiting.pop(0)
                try:
                    run.start()
                    running.append(run)
                except (BlockingIOError, UserError) as error:
                    failed.append(run)
                    board.draw(running, f"{run.name}: failed: {error}")
            for run in list(running):
                ended = run.process.poll() is not None  # asked first: no last line is missed
                run.read()
                if ended:
                    running.remove(run)
                    run.log.close()
                    (failed if run.process.returncode else finished).append(run)
                    board.draw(running, f"{run.name}: {run.outcome()}")
            board.draw(running)
            time.sleep(0.1)
    finally:
        for run in running:                             # interrupted: let them end, and clean up
            run.end()
        for run in running:
            run.process.wait()
    return finished, failed


class Run:
    """A command as a process that writes to the log.txt of its folder, and the last lines it wrote."""

    def __init__(self, name, command, folder, one_thread):
        self.name, self.command, self.folder = name, command, folder
        self.environment = dict.fromkeys(THREADS, "1") if one_thread else {}
        self.process, self.progress, self.last = None, "starting", "no message"

    def start(self):
        """Start the process; BlockingIOError if another one is at work in its folder."""
        environment = {**os.environ, **self.environment, "PYTHONUTF8": "1", PARENT: str(os.getpid())}
        writable_folder(self.folder)
        try:
            with sole_user(self.folder):                # whose log is then nobody's
                (self.folder / LOG).unlink(missing_ok=True)
        except BlockingIOError:
            raise BlockingIOError(f"{self.folder} is in use by another run") from None
        with open(self.folder / LOG, "xb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment)
        self.log = open(self.folder / LOG, encoding="utf-8", errors="replace")

    def end(self):
        """Tell the process to end, also if it was stopped."""
        self.process.terminate()
        if hasattr(signal, "SIGCONT"):
            self.process.send_signal(signal.SIGCONT)

    def outcome(self):
        """How the ended process ended, in words."""
        code = self.process.returncode
        if code == 0:
            return "finished"
        return f"failed: {self.last}" if code > 0 else f"failed: ended by signal {-code}"

    def read(self):
        for line in self.log.read().splitlines():
            self.last = line or self.last
            if line.startswith("epoch "):
                self.progress = line


class Board:
    """A line per running job: on a terminal they stay in place, elsewhere each is printed when it changes."""

    def __init__(self, stream=sys.stdout):
        self.stream, self.live, self.lines = stream, in_place(stream), []

    def draw(self, running, ended=None):
        """Show the progress of the running jobs, and first the line of one that ended."""
        lines = [f"{run.name}: {run.progress}" for run in running]
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            up = f"\x1b[{len(self.lines)}A\x1b[J" if self.lines else ""
            print(up + "".join(line[:width] + "\n" for line in ([ended] if ended else []) + lines), end="", file=self.stream, flush=True)
        else:
            for line in ([ended] if ended else []) + [line for line in lines if line not in self.lines]:
                print(line, file=self.stream, flush=True)
        self.lines = lines


def in_place(stream):
    """Whether lines can be updated in place: on a terminal that can move its cursor."""
    return bool(stream) and stream.isatty() and os.environ.get("TERM") != "dumb"
