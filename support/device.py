"""Where a training runs: NumPy, or CuPy on a GPU, which is imported only when it is asked for."""

import numpy as np

from support.checks import UserError

OLDEST = 10                             # version of CuPy whose arrays follow NumPy's functions


def array_module(device):
    """NumPy for "cpu", CuPy for "gpu"; UserError where that cannot be had."""
    if device == "cpu":
        return np
    try:
        import cupy
        if int(cupy.__version__.split(".")[0]) < OLDEST:
            raise RuntimeError(f"version {cupy.__version__} is older than {OLDEST}")
        cupy.cuda.runtime.getDeviceCount()
        np.abs(cupy.asarray(np.ones(1, np.float32)) - 1).get()      # kernels: compiled, and run
    except ImportError as error:
        raise UserError("--device gpu needs CuPy, for an NVIDIA card: pip install cupy-cuda12x, "
                        "or as its documentation says; or leave --device out") from error
    except Exception as error:          # CuPy's own kinds, which differ with its version
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"--device gpu: CuPy finds no GPU that computes ({reason}); "
                        "leave --device out, or install what is missing") from error
    return cupy
