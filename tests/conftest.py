"""One BLAS thread, as the command has: for the same bits, and so that the tests may fork. `pytest` finds the modules from any folder."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
os.environ["PYTHONUTF8"] = "1"                          # of the commands that tests start, whose output they read as UTF-8
