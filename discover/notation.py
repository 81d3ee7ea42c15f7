"""How a law is written: whole numbers and simple fractions where the data allow them, and text."""

import re
from fractions import Fraction

import numpy as np

from regression import printed

LARGEST_DENOMINATOR = 12
GREEK = "alpha|beta|gamma|delta|theta|lambda|mu|rho|sigma|phi|psi|omega"
ROUNDING = 1e-6                         # of a coefficient, relative to it


def simple_numbers(coefficients, errors, squares):
    """The coefficients (m,) on their simplest scale, as Fractions where they fit, else floats.

    errors (m,): three of them are allowed. squares (m,): which features are squares of columns.
    Laws of equal magnitudes have 1; otherwise one of the squares has 1/2, as in an energy, or a
    feature has 1. Most of the squares are positive, or else most terms, or else the first one.
    """
    size = np.abs(coefficients)
    equal = np.all(np.abs(size - size[0]) <= ROUNDING * size[0] + 3 * (errors + errors[0]))
    references = [0] if equal else range(len(size))
    if np.any(squares) and not equal:                   # velocities mostly come last
        references = np.flatnonzero(squares)[::-1]
    half = 2 if np.any(squares) and not np.all(squares) and not equal else 1
    signs = np.sign(coefficients)
    sign = np.sign(np.sum(signs[squares])) or np.sign(np.sum(signs)) or signs[0]
    choices = []
    for i in references:
        scale, allowed = half * size[i], 3 * (errors + size * errors[i] / size[i])
        pairs = zip(sign * coefficients / scale, allowed / scale)
        choices.append([_simple(value, error) for value, error in pairs])
    return min(choices, key=lambda numbers: sum(map(_length, numbers)))


def _simple(value, error):
    """A fraction within the error; the larger that is, the smaller its denominator may be."""
    error = max(error, ROUNDING * abs(value))
    largest = int(np.clip(np.sqrt(0.1 / error), 1, LARGEST_DENOMINATOR))
    fraction = Fraction(float(value)).limit_denominator(largest)
    fits = fraction != 0 and abs(float(fraction) - value) <= error < 0.2
    return fraction if fits and abs(fraction) < 1000 else float(value)


def _length(number):
    if isinstance(number, Fraction):
        return np.log2(abs(number.numerator) * number.denominator)
    return 10


# --------------------------------------------------------------------------------------------- text

def expression(numbers, features):
    """A sum as Expression reads it; features are expressions."""
    parts = []
    for number, feature in zip(numbers, features):
        size = abs(number)
        factor = "" if size == 1 else f"{size}*" if isinstance(size, Fraction) else f"{size:.12g}*"
        parts.append((number, factor + feature))
    return _sum(parts)


def text(numbers, fractions):
    """A sum as it is printed: "v_x²/2 + v_y²/2 - 1/r"; fractions: see `libraries.factors`."""
    parts = []
    for number, above, below in _terms(numbers, fractions, printed):
        below = f"({below})" if " " in below else below
        parts.append((number, f"{above}/{below}" if below else above))
    return _sum(parts)


def latex(numbers, fractions):
    """A sum in LaTeX's mathematics."""
    terms = _terms(numbers, fractions, _latex_product)
    return _sum((number, rf"\frac{{{above}}}{{{below}}}" if below else above)
                for number, above, below in terms)


def _sum(parts):
    joined = " ".join(("- " if number < 0 else "+ ") + part for number, part in parts)
    return joined[2:] if joined.startswith("+") else "-" + joined[2:]


def _terms(numbers, fractions, product):
    """Each number, and its size times a fraction: numerator and denominator, empty if that is 1."""
    for number, factors in zip(numbers, fractions):
        size = abs(number)
        exact = isinstance(size, Fraction)
        sizes = (size.numerator, size.denominator) if exact else (f"{size:.6g}", 1)
        above, below = [
            " ".join(part for part in (str(one), product(others)) if part not in ("", "1"))
            for one, others in zip(sizes, factors)]
        yield number, above or "1", below


def _latex_product(factors):
    name = re.sub(r"\bsqrt\(", r"\\operatorname{sqrt}(", "*".join(factors))
    name = re.sub(r"\b(sin|cos|tan|arctan|tanh|exp|log)\(", r"\\\1(", name)
    name = re.sub(rf"\b({GREEK})(?=\b|_)", r"\\\1", name)
    name = re.sub(r"_(\w+)", r"_{\1}", name)
    return re.sub(r"\^(\d+)", r"^{\1}", name).replace("*", " ")
