"""Checks that all modules share: an argument is right, or is refused in one sentence."""

import numpy as np


class UserError(Exception):
    """Something that the user can mend; the command prints it as one sentence and returns 2."""


def finite_array(name, array, *shape):
    """The array in floating point; ValueError that names it if its shape or a value is wrong.

    shape: one entry per axis, its length or, where that is free, its name:
    finite_array("x", x, "n", 4).
    Whole numbers and truth values become float64, since small integers would wrap around. Masked
    entries are refused, as values that are not finite are.
    """
    if np.ma.is_masked(array):
        raise ValueError(f"{name} must hold no masked entries; leave their rows out")
    array = np.asarray(array)
    matches = array.ndim == len(shape) and all(
        isinstance(want, str) or want == got for got, want in zip(array.shape, shape))
    if not matches:
        wanted = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
        raise ValueError(f"{name} must have shape ({wanted}), got {array.shape}")
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite real numbers only")
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def check_positive(settings, **limits):
    """Check the numbers of a dataclass, and make them Python's, of the kind of their defaults.

    limits: {name: (low, high)}, where these are not 0 and infinity. ValueError names what is wrong.
    """
    for name, value in vars(settings).copy().items():
        kind, (low, high) = type(getattr(type(settings), name)), limits.get(name, (0, np.inf))
        in_range = kind is bool or 0 < value < np.inf and low <= value <= high
        if not in_range or kind(value) != value:
            number = "whole number" if kind is int else "number"
            raise ValueError(f"{name} must be a positive {number} from {low} to {high}, "
                             f"got {value}")
        object.__setattr__(settings, name, kind(value))         # it may be frozen


def to_numpy(array):
    """The array as NumPy's, brought over from the GPU if it is there."""
    return array if isinstance(array, np.ndarray) else array.get()
