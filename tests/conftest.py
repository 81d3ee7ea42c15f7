"""One BLAS thread, as the command has: for the same bits, and so that the tests may fork.

`python -m pytest` leaves out the tests marked slow; `python -m pytest -m slow` runs these.
"""

import ctypes
import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))                           # `pytest` finds the modules from any folder
for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["PYTHONUTF8"] = "1"                          # of the commands that tests start
pytest.register_assert_rewrite("helpers")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes long; run by python -m pytest -m slow")
    if not config.option.markexpr and not any("::" in each for each in config.args):
        config.option.markexpr = "not slow"


def pytest_ignore_collect(collection_path, config):
    """With -k eq_05 or -k exercise_ridge, import only the files that name such tests."""
    word = config.option.keyword.lower()
    kinds = "eq|table|figure|section|appendix|exercise|test"
    if collection_path.suffix == ".py" and re.fullmatch(rf"({kinds})_\w+", word):
        return word not in collection_path.read_text("utf-8").lower() or None
    return None


@pytest.fixture(autouse=True, scope="module")
def give_memory_back():
    """Each file of tests gives the memory that it freed back to the system."""
    yield
    with suppress(AttributeError, OSError, TypeError):  # only the GNU library has it
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def every_epoch(monkeypatch):
    """A checkpoint after every epoch; no figures, and no waiting for the disk."""
    from helpers import checkpoint_every_epoch
    checkpoint_every_epoch(monkeypatch)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """A small run as a user starts it, for all tests that read what a run writes and says.

    Its folder has no plain name. Its surroundings are those that have broken programs: a notebook's
    backend, a user's Matplotlib, no locale, a safe path, warnings that are errors, free threads.
    """
    from helpers import SMALL
    place = tmp_path_factory.mktemp("with space, ümläut")
    (place / "matplotlibrc").write_text("text.usetex: True\nsavefig.dpi: 5\n")
    environment = {name: value for name, value in os.environ.items() if "_NUM_THREADS" not in name}
    environment |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "LC_ALL": "C",
                    "MPLCONFIGDIR": str(place), "PYTHONIOENCODING": "ascii", "PYTHONSAFEPATH": "1",
                    "PYTHONUTF8": "0", "PYTHONWARNINGS": "error", "TERM": "dumb"}
    ended = subprocess.run([sys.executable, ROOT / "train.py", *SMALL, "--out", place / "runs"],
                           cwd=place, env=environment, capture_output=True, timeout=300)
    assert (ended.returncode, ended.stderr) == (0, b"")
    folder = place / "runs" / "sr" / "seed-0"
    return SimpleNamespace(
        folder=folder, said=ended.stdout.decode("ascii"),
        report=(folder / "report.md").read_text("utf-8"),
        result=json.loads((folder / "result.json").read_text("utf-8")))
