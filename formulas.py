"""Formulas one can read: the second line of eqs. (5), (8), (11) and (12), and how terms and numbers are printed.

A formula starts as {name of a feature: coefficient}. Terms of equal magnitude are put under a common factor,
and small ones are left out, with no knowledge of the answer.
"""

import re
from dataclasses import dataclass

import numpy as np

from checks import finite_array


@dataclass(frozen=True)
class Formula:
    """The paper's second line: groups of terms of equal magnitude, and what was left out.

    As text it has no intercept below 1 % of `unit`; f is arbitrary up to its offset.
    """
    groups: list                                         # (factor, {name: sign}) by falling magnitude
    intercept: float
    spread: float                # largest deviation of a coefficient from its group's, relative to it
    dropped: tuple               # largest term left out: name, its size / that of the largest group
    unit: float                  # what the intercept is compared with

    @property
    def length(self):
        """How many terms it has."""
        return sum(len(signs) for _, signs in self.groups)

    def __str__(self):
        parts, decimals = [], decimals_for(abs(self.groups[0][0]), digits=3, least=0)
        for factor, signs in self.groups:
            decimals = max(decimals, decimals_for(abs(factor), digits=2, least=0))
            inside = signed_sum((bracketed(readable(name)), sign) for name, sign in signs.items())
            parts.append((number(factor, decimals) + " " + (inside if len(signs) == 1 else f"({inside})"), factor))
        if abs(self.intercept) > 0.01 * self.unit:
            parts.append((number(self.intercept, decimals_for(self.unit, digits=3, least=0)), self.intercept))
        return "f ≈ " + signed_sum(parts)


def group_terms(terms, intercept=0.0, tolerance=0.1, drop=0.1, sizes=None, unit=None):
    """Group {name: coefficient} into a Formula, with no knowledge of the answer.

    Terms below `drop` times the largest are left out. Of the others, by falling magnitude, those
    within `tolerance` of the first of their group share a factor, their mean magnitude. The factor
    has the sign of the majority, or of the first term where there is none, as in eqs. (5) to (12).

    sizes: {name: standard deviation of that feature over that of the sum of all terms}, where features have
        different units. A term then is as large as its coefficient times this, and left out if it is below `drop`
        times the largest, or times the sum where that is smaller: terms that nearly cancel, as in x^2 - 600 x, are
        larger than the sum, and beside them all others would seem small.
    unit: how much the sum of all terms varies, where the features have different units. An intercept is compared with
        this; otherwise with the largest factor.

    Raises ValueError if there are no terms, only zeros, or one that is not finite.
    """
    finite_array("terms", list(terms.values()), "n")
    weights = {name: abs(c) * (sizes[name] if sizes else 1) for name, c in terms.items()}
    largest = max(weights.values(), default=0)
    if largest == 0:
        raise ValueError("terms must hold at least one coefficient that is not zero")
    magnitudes = sorted(terms, key=lambda name: -abs(terms[name]))
    kept = [name for name in magnitudes if weights[name] >= drop * (min(largest, 1) if sizes else largest)]
    members = []
    for name in kept:
        if members and abs(terms[name]) >= (1 - tolerance) * abs(terms[members[-1][0]]):
            members[-1].append(name)
        else:
            members.append([name])

    groups, spread = [], 0.0
    for names in members:
        names = [name for name in terms if name in names]                # back in the order of the inputs
        signs = {name: 1 if terms[name] > 0 else -1 for name in names}
        majority = sum(signs.values()) or signs[names[0]]
        factor = float(np.mean([abs(terms[name]) for name in names]))
        spread = max(spread, *(abs(abs(terms[name]) / factor - 1) for name in names))
        overall = 1 if majority > 0 else -1
        groups.append((overall * factor, {name: overall * sign for name, sign in signs.items()}))
    rest = max((name for name in magnitudes if name not in kept), key=weights.get, default="")
    share = np.sign(terms[rest]) * weights[rest] / max(np.mean([weights[name] for name in names]) for names in members) if rest else 0
    return Formula(groups, float(intercept), spread, (rest, float(share)), float(unit or abs(groups[0][0])))


def readable(name):
    """A monomial's name as in print: t², xy, x v_y, x v_y/r."""
    name = re.sub(r"(?<!\^\d)\^([2-9])(?![\d.e^])", lambda power: "²³⁴⁵⁶⁷⁸⁹"[int(power[1]) - 2], name)
    factors = name.removesuffix("/r").split("*")
    if "/" in name.removesuffix("/r") or any(factor[:1].isdigit() for factor in factors):
        return name                                     # a typed one, such as 2*x or x/y*z, which needs its *
    return name.replace("*", "" if all(len(factor.rstrip("²³⁴⁵⁶⁷⁸⁹")) == 1 for factor in factors) else " ")


def bracketed(name):
    """A typed sum or number in brackets, that a sign or factor before it may stand for all of it."""
    return f"({name})" if set("+-") & set(name) or name[0].isdigit() else name


def signed_sum(parts):
    """Join (text, value) into "-a + b - c", the sign being that of the value."""
    text = " ".join(("- " if value < 0 else "+ ") + part for part, value in parts)
    return text[2:] if text.startswith("+") else "-" + text[2:]


def number(value, decimals):
    """A magnitude with so many decimals, or as a power of ten where that would be a row of zeros or digits."""
    return f"{abs(value):.{decimals}f}" if decimals <= 6 and abs(value) < 1e7 else f"{abs(value):.2e}"


def decimals_for(largest, digits, least):
    """Decimals that show `digits` significant digits of the largest number, at least `least`."""
    return least if largest == 0 else max(least, digits - 1 - int(np.floor(np.log10(largest))))
