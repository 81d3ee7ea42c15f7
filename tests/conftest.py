"""One BLAS thread, as the command has: for the same bits, and so that the tests may fork. And what many tests share."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))       # `pytest` finds the modules from any folder
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
os.environ["PYTHONUTF8"] = "1"                              # of the commands that tests start, whose output is UTF-8
pytest.register_assert_rewrite("helpers")


@pytest.fixture
def every_epoch(monkeypatch):
    """A checkpoint after every epoch; no figures, and no waiting for the disk."""
    from helpers import checkpoint_every_epoch
    checkpoint_every_epoch(monkeypatch)
