"""One BLAS thread, as the command has: for the same bits, and so that the tests may fork."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
