"""Progress of one training on the screen, and many trainings as processes of their own."""

import os
import shutil
import signal
import subprocess
import sys
import time

from support.checks import UserError
from support.files import sole_user, writable_folder
from support.process import PARENT, THREADS, printable

LOG = "log.txt"
PATIENCE = 60                           # seconds that an interrupted run has to save its state


class Progress:
    """One line that updates in place on a terminal; elsewhere a plain line every ten seconds."""

    def __init__(self, epochs, stream=None):
        self.epochs, self.stream = epochs, stream or sys.stdout
        self.live, self.last = in_place(self.stream), 0.0

    def __call__(self, history):
        now = [column[-1] for column in history.values()]
        epoch, loss, accuracy, _, test_accuracy, rate, seconds = now
        if not self.live and seconds - self.last < 10 and epoch < self.epochs:
            return
        self.last = seconds
        minutes, rest = divmod(round(seconds / epoch * (self.epochs - epoch)), 60)
        line = (f"epoch {epoch}/{self.epochs}  loss {loss:.4f}  accuracy {accuracy:.3f} "
                f"(test {test_accuracy:.3f})  rate {rate:.3g}  {minutes}:{rest:02d} left")
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
                running.append(waiting.pop(0))
                running[-1].start()
            for run in list(running):
                if run.ended():
                    running.remove(run)
                    (failed if run.failed() else finished).append(run)
                    board.draw(running, f"{run.name}: {run.outcome()}")
            board.draw(running)
            time.sleep(0.1)
    finally:
        end_all(running)
    return finished, failed


def end_all(running):
    """Let the processes of an interrupted batch end, and clean up; kill one that does not."""
    started = [run.process for run in running if run.process]
    for process in started:
        process.terminate()
        if hasattr(signal, "SIGCONT"):                  # for one that was stopped
            process.send_signal(signal.SIGCONT)
    for process in started:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


class Run:
    """A command as a process that writes to the log.txt of its folder, and what it wrote last."""

    def __init__(self, name, command, folder, one_thread):
        self.name, self.command, self.folder = name, command, folder
        self.environment = dict.fromkeys(THREADS, "1") if one_thread else {}
        self.process, self.log = None, None
        self.progress, self.last = "starting", "no message"

    def start(self):
        """Start the process, unless another one is at work in its folder."""
        environment = {**os.environ, **self.environment, "PYTHONUTF8": "1",
                       PARENT: str(os.getpid())}
        try:
            writable_folder(self.folder)
            with sole_user(self.folder):                # whose log is then nobody's
                (self.folder / LOG).unlink(missing_ok=True)
            with open(self.folder / LOG, "xb") as log:
                self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, env=environment)
            self.log = open(self.folder / LOG, encoding="utf-8", errors="replace")
        except BlockingIOError:
            self.last = f"{self.folder} is in use by another run"
        except (OSError, UserError) as error:
            self.last = str(error)

    def ended(self):
        """Whether the process has ended, or never started; takes up what it has written."""
        ended = self.process is None or self.process.poll() is not None
        if self.log:                                    # after the question: no last line is missed
            for line in self.log.read().splitlines():
                self.last = line or self.last
                if line.startswith("epoch "):
                    self.progress = line
            if ended:
                self.log.close()
        return ended

    def failed(self):
        return self.process is None or self.process.returncode != 0

    def outcome(self):
        """How the ended process ended, in words."""
        code = self.process.returncode if self.process else 2
        if code == 0:
            return "finished"
        return f"failed: {self.last}" if code > 0 else f"failed: ended by signal {-code}"


class Board:
    """A line per running job: in place on a terminal, elsewhere printed when it changes."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self.live, self.lines = in_place(self.stream), []

    def draw(self, running, ended=None):
        """Show the progress of the running jobs, and first the line of one that ended."""
        lines = [_in_one_line(f"{run.name}: {run.progress}") for run in running]
        ended = [_in_one_line(ended)] if ended else []
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            up = f"\x1b[{len(self.lines)}A\x1b[J" if self.lines else ""
            said = up + "".join(line[:width] + "\n" for line in ended + lines)
        else:
            new = [line for line in lines if line not in self.lines]
            said = "".join(line + "\n" for line in ended + new)
        print(said, end="", file=self.stream, flush=True)
        self.lines = lines


def _in_one_line(text):
    return printable(text).replace("\n", " ")


def in_place(stream):
    """Whether lines can be updated in place: on a terminal that can move its cursor."""
    return bool(stream) and stream.isatty() and os.environ.get("TERM") != "dumb"
