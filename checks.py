"""The check that all modules share: arguments are finite numbers of the right shape, or are refused by name."""

import numpy as np


def finite_array(name, array, *shape):
    """The array, or a ValueError that names it if it has another shape or is not all finite numbers.

    shape: one entry per axis, its length or, where that is free, its name: finite_array("x", x, "n", 4).
    """
    array = np.asarray(array)
    if array.ndim != len(shape) or any(
            not isinstance(want, str) and want != got for got, want in zip(array.shape, shape)):
        raise ValueError(f"{name} must have shape ({', '.join(map(str, shape))}{',' * (len(shape) == 1)}), got {array.shape}")
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite real numbers only")
    return array
