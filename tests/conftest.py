"""One BLAS thread, as the command has: for the same bits, and so that the tests may fork. And what many tests share."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))       # `pytest` finds the modules from any folder
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
os.environ["PYTHONUTF8"] = "1"                              # of the commands that tests start, whose output is UTF-8
pytest.register_assert_rewrite("helpers")


class Picture:
    """In place of a figure, which takes a second to draw."""

    def savefig(self, file):
        file.write(b"picture" * 1000)


def without_figures(monkeypatch):
    """No figures, and no waiting for the disk."""
    import train
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(train, "draw", lambda *_: {"figure_9.png": Picture()})


def checkpoint_every_epoch(monkeypatch):
    """A checkpoint after every epoch; no figures, and no waiting for the disk."""
    from support import checkpoints
    without_figures(monkeypatch)
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", -1)


@pytest.fixture
def every_epoch(monkeypatch):
    checkpoint_every_epoch(monkeypatch)


@pytest.fixture(scope="module")
def every_epoch_in_module():
    """The same for fixtures of a module: a MonkeyPatch with which the module's run is made."""
    with pytest.MonkeyPatch.context() as patch:
        checkpoint_every_epoch(patch)
        yield patch
