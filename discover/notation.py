"""How a law is written: simple numbers where the data allow them; text, LaTeX, Python, SymPy."""

import ast
import re
from fractions import Fraction

import numpy as np

from discover.expressions import parse
from regression import format_product, format_sum

MAX_NUMBER = 12                         # numerator or denominator of a fraction
MAX_CHANCE = 0.1                        # see _simplify
ROUNDING = 1e-6                         # relative error of a coefficient, at least
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
GREEK = ("alpha|beta|zeta|eta|iota|kappa|mu|nu|rho|tau|chi|epsilon|(var)?phi|[gG]amma|[dD]elta|"
         "[tT]heta|[lL]ambda|[xX]i|[pP]i|[sS]igma|[uU]psilon|Phi|[pP]si|[oO]mega")


def simple_numbers(coefficients, errors, squares):
    """The coefficients (m,) on their simplest scale, as Fractions where they fit, else floats.

    errors (m,): three of them are allowed. squares (m,): which features are squares of columns.
    Laws of equal magnitudes have 1; otherwise one of the squares has 1/2, as in an energy, or a
    feature has 1. Most of the squares are positive, or else most terms, or else the first one.
    """
    size, signs = np.abs(coefficients), np.sign(coefficients)
    equal = np.all(np.abs(size - size[0]) <= ROUNDING * size[0] + 3 * (errors + errors[0]))
    references, half = [0] if equal else range(len(size)), 1
    if np.any(squares) and not equal:                   # velocities mostly come last
        references, half = np.flatnonzero(squares)[::-1], 1 if np.all(squares) else 2
    sign = np.sign(np.sum(signs[squares])) or np.sign(np.sum(signs)) or signs[0]
    choices = []
    for i in references:
        allowed = 3 * (errors / size + errors[i] / size[i])
        allowed[i] = 0                                  # by the choice of the scale
        values = sign * coefficients / (half * size[i])
        numbers = [_simplify(*each, half) for each in zip(values.tolist(), allowed.tolist())]
        length = sum(len(str(each)) if isinstance(each, Fraction) else 20 for each in numbers)
        is_uncertain = errors[i] / size[i] > 10 * min(errors / size)
        choices.append((length, is_uncertain, len(choices), numbers))
    return min(choices)[-1]                             # of a well known scale, where all are alike


def _simplify(value, error, half=1):
    """The simplest fraction p/q within the relative error, unless it may be met by chance.

    A random number is as near to a fraction as simple with a chance of about p q error, and the
    larger p q, the more rarely the fraction is meant: their product must be small. What counts is
    the number itself or, if that is simpler, its ratio to the coefficient 1/half.
    """
    error = max(error, ROUNDING)
    for q in range(1, MAX_NUMBER + 1):
        fraction = Fraction(round(value * q), q)
        sizes = [abs(each.numerator) * each.denominator for each in (fraction, half * fraction)]
        small = q == 1 or abs(fraction.numerator) <= MAX_NUMBER
        if fraction and small and min(sizes)**2 * error < MAX_CHANCE:
            if abs(fraction - value) <= error * abs(value):
                return fraction
    return value


# ------------------------------------------------------------------------------------ for programs

def expression(numbers, features):
    """A sum as Expression reads it; features are expressions."""
    sizes = (f"{abs(each):.15g}" if isinstance(each, float) else abs(each) for each in numbers)
    products = (f"{size}*{feature}".removeprefix("1*") for size, feature in zip(sizes, features))
    return format_sum(zip(products, numbers))


def sympy(python, names):
    """The same for SymPy, after `from sympy import *`, where E, I and beta may be columns."""
    words = re.findall(r"\w+", python)
    values = {name: f'Symbol("{name}")' for name in names} | {"arctan": "atan"}
    listed = ", ".join(f'"{name}": {value}' for name, value in values.items() if name in words)
    return f'sympify("{python}", locals={{{listed}}})'


# ------------------------------------------------------------------------------------- for readers

def text(numbers, fractions, tex=False):
    """A sum as it is printed: "v_x²/2 + v_y²/2 - 1/r"; fractions: see `libraries.factors`."""
    parts = []
    for number, fraction in zip(numbers, fractions):
        size = abs(number)
        exact = isinstance(size, Fraction)
        sizes = (size.numerator, size.denominator) if exact else (f"{size:.6g}", 1)
        above, below = ("*".join(each for each in (str(one), *factors) if each != "1")
                        for one, factors in zip(sizes, fraction))
        term = (above or "1") + (f"/({below})" if below else "")
        parts.append((_write(parse(term), tex, least=1), number))
    return format_sum(parts)


def latex(numbers, fractions):
    """The same in LaTeX's mathematics."""
    return text(numbers, fractions, tex=True)


def _write(node, tex, least=0):
    """A node in brackets if it binds less than `least`: sums 0, products 1, powers 2, names 3."""
    match node:
        case ast.Name(id=name):
            binds, written = 3, _symbol(name) if tex else name
        case ast.Constant(value=number):
            binds, written = 3, f"{number:.12g}"
            if tex:
                written = re.sub(r"e\+?(-?)0*(\d+)", r" \\times 10^{\1\2}", written)
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            tall = {"sqrt": r"\sqrt{%s}", "abs": r"\left|%s\right|"}
            form = tall.get(name, rf"\{name}(%s)") if tex else f"{name}(%s)"
            binds, written = 3, form % _write(argument, tex)
        case ast.UnaryOp(op=op, operand=operand):
            binds, written = 0, "-" * isinstance(op, ast.USub) + _write(operand, tex, 1)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            sign = "+" if isinstance(op, ast.Add) else "-"
            binds, written = 0, f"{_write(left, tex)} {sign} {_write(right, tex, 1)}"
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            binds, written = 1, f"{_write(left, tex, 1)}/{_write(right, tex, 2)}"
            if tex:
                written = rf"\frac{{{_write(left, tex)}}}{{{_write(right, tex)}}}"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            power = _write(right, tex)
            whole = power.translate(SUPERSCRIPTS) if power.lstrip("-").isdigit() else f"^({power})"
            binds, written = 2, _write(left, tex, 3) + (f"^{{{power}}}" if tex else whole)
        case _:
            binds, written = 1, _product([_write(each, tex, 2) for each in _factors(node)], tex)
    if binds < least:
        return rf"\left({written}\right)" if tex else f"({written})"
    return written


def _factors(node):
    product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
    return _factors(node.left) + _factors(node.right) if product else [node]


def _product(factors, tex):
    """Numbers before names, and apart from a name that could be read as their exponent."""
    numbers, names = ([each for each in factors if each[0].isdigit() == is_number]
                      for is_number in (True, False))
    if tex:
        space = r"\," if re.search(r"\\(mathrm|text)\{", "".join(names)) else " "
        number, product = r" \cdot ".join(numbers), space.join(names)
    else:
        number, product = "·".join(numbers), format_product(names)
        space = "·" if re.match(r"[eE](\d|\b)", product) else " "
    return space.join(filter(None, (number, product)))


def _symbol(name):
    """A name in LaTeX: what follows _, and digits at its end, stand below the line."""
    head, *tail = re.fullmatch(r"(.+?)(\d*)(?:_(.*))?", name).groups()
    below = ",".join(_letters(part) for part in tail if part)
    return _letters(head) + (f"_{{{below}}}" if below else "")


def _letters(word):
    if re.fullmatch(GREEK, word):
        return "\\" + word
    if re.fullmatch("[A-Za-z]|[0-9]+", word):
        return word
    return (r"\mathrm{" if word.isascii() else r"\text{") + word.replace("_", r"\_") + "}"
