"""Formulas in print: products, sums and their numbers as plain text, and labels of pictures."""

import re

import numpy as np

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


def format_product(factors):
    """A product of factors, such as "t^2" and "x", as in print: t²x."""
    factors = [raise_powers(factor) for factor in factors]
    single = all(len(factor.rstrip(SUPERSCRIPTS)) == 1 for factor in factors)
    return ("" if single else " ").join(factors)


def format_sum(parts):
    """Join (text, value) into "-a + b - c", the sign being that of the value."""
    text = " ".join(("- " if value < 0 else "+ ") + part for part, value in parts)
    return text[2:] if text.startswith("+") else "-" + text[2:]


def count_decimals(largest, digits, least):
    """Decimals that show `digits` significant digits of the largest number, at least `least`."""
    return least if largest == 0 else max(least, digits - 1 - int(np.floor(np.log10(largest))))


def format_label(text):
    """A label of a picture: s^2 and v_x raised and lowered, minus signs."""
    text = raise_powers(text).replace("$", r"\$").replace("-", "−")
    return re.sub(r"\b([A-Za-z]+)_([A-Za-z0-9]+)\b", r"$\1_{\2}$", text, flags=re.ASCII)


def raise_powers(text):
    """The text with powers of one digit raised: t² for t^2."""
    return re.sub(r"\^([2-9])(?!\d)", lambda found: SUPERSCRIPTS[int(found[1])], text)
