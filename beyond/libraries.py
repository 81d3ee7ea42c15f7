"""Feature libraries: the named functions of the inputs that a formula is made of, with their derivatives.

    polynomial    all monomials of the inputs up to an order, as in the paper
    rational      these, and all of them over r = sqrt(x^2 + y^2), the constant included
    expressions   whatever is typed, e.g. "v_x^2 + v_y^2" or "sin(theta)/r"

Values are (n, p), gradients (n, p, d), for samples (n, d); everything is float64. What is typed is never
evaluated by Python: it is parsed, and only arithmetic and the FUNCTIONS below are accepted.
"""

import ast
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from keyword import iskeyword
from unicodedata import normalize

import numpy as np

from regression import monomial_exponents, monomial_name, monomials
from support.checks import finite_array


@dataclass(frozen=True)
class Library:
    """Functions of the inputs: their names, how many factors each has, their values and gradients."""
    inputs: tuple[str, ...]
    names: tuple[str, ...]
    degrees: np.ndarray                 # (p,), rising; lower ones are the simpler features
    values: Callable                    # samples (n, d), float64 -> (n, p)
    gradients: Callable                 # the same -> derivatives by the inputs (n, p, d)


def polynomial(inputs, order):
    """All monomials of degree 1 to `order`. Raises ValueError if order is not a positive integer."""
    exponents = monomial_exponents(len(inputs), order)
    return Library(tuple(inputs), tuple(monomial_name(inputs, powers) for powers in exponents), exponents.sum(axis=1),
                   lambda x: monomials(x, exponents), lambda x: monomial_gradients(x, exponents))


def rational(inputs, order):
    """All monomials of degree 1 to `order`, and those of degree 0 to `order` over r.

    r is the distance from the origin, made of the inputs named x, y and, where there is one, z. Raises
    ValueError if there is no x or y, or an input of the name r.
    """
    position = [i for i, name in enumerate(inputs) if name in ("x", "y", "z")]
    if not {"x", "y"} <= set(inputs) or "r" in inputs:
        raise ValueError("rational features need inputs named x and y, for r = sqrt(x^2 + y^2), and none named r; "
                         f"got {', '.join(inputs)}")
    exponents = monomial_exponents(len(inputs), order)
    over_r = np.vstack([np.zeros((1, len(inputs)), int), exponents])
    names = [monomial_name(inputs, powers) for powers in exponents]
    names += ["1/r"] + [f"{name}/r" for name in names]
    degrees = np.r_[exponents.sum(axis=1), over_r.sum(axis=1) + 1]
    simple = np.argsort(degrees, kind="stable")

    def distance(x):
        return np.linalg.norm(x[:, position], axis=1)[:, None]

    def values(x):
        return np.hstack([monomials(x, exponents), monomials(x, over_r) / distance(x)])[:, simple]

    def gradients(x):
        r = distance(x)
        quotients = monomial_gradients(x, over_r) / r[:, :, None]
        quotients[:, :, position] -= (monomials(x, over_r) / r**3)[:, :, None] * x[:, None, position]
        return np.concatenate([monomial_gradients(x, exponents), quotients], axis=1)[:, simple]
    return Library(tuple(inputs), tuple(names[i] for i in simple), degrees[simple], values, gradients)


def expressions(inputs, texts):
    """The typed expressions, in the inputs' names. Raises ValueError on one that is not allowed."""
    parsed = {expression.name: expression for expression in (Expression(text, inputs) for text in texts)}
    return Library(tuple(inputs), tuple(parsed), np.ones(len(parsed), int),
                   lambda x: np.stack([expression(x)[0] for expression in parsed.values()], axis=1),
                   lambda x: np.stack([expression(x)[1] for expression in parsed.values()], axis=1))


# ----------------------------------------------------------------------------------------- monomials

def monomial_gradients(x, exponents):
    """Derivatives (n, p, d): that of x^a y^b by x is a x^(a-1) y^b."""
    powers = np.stack([np.ones_like(x), *np.cumprod(np.repeat(x[None], exponents.max(initial=1), axis=0), axis=0)])
    gradients = np.empty((len(x), *exponents.shape))
    for j, exponent in enumerate(exponents):
        factors = [powers[power, :, i] for i, power in enumerate(exponent)]
        for i, power in enumerate(exponent):
            others = [powers[power - 1, :, i] if k == i else factor for k, factor in enumerate(factors)] if power else [0]
            gradients[:, j, i] = power * np.prod(others, axis=0)
    return gradients


# --------------------------------------------------------------------------------- typed expressions

LARGEST = 1e100                         # of a value or derivative; its square is still a number
FUNCTIONS = {                           # each with its derivative
    "sqrt": (np.sqrt, lambda v: 0.5 / np.sqrt(v)), "exp": (np.exp, np.exp), "log": (np.log, lambda v: 1 / v),
    "sin": (np.sin, np.cos), "cos": (np.cos, lambda v: -np.sin(v)), "tan": (np.tan, lambda v: 1 / np.cos(v)**2),
    "arctan": (np.arctan, lambda v: 1 / (1 + v**2)), "tanh": (np.tanh, lambda v: 1 - np.tanh(v)**2), "abs": (np.abs, np.sign),
}


class Expression:
    """A typed function of the inputs; called with samples (n, d), it gives values (n,) and gradients (n, d).

    Numbers, the inputs' names, + - * / ^ (or **), brackets and FUNCTIONS; `name` is the text as it is written
    here, however it was spaced. Raises ValueError on anything else, and, when called, where a value or
    derivative is not finite, or beyond LARGEST.
    """

    def __init__(self, text, inputs):
        self.inputs = tuple(normalize("NFKC", name) for name in inputs)     # as Python reads them: µ and μ are one
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")                         # Python's own, as on "1or x"
                self.tree = ast.parse(text.strip().replace("^", "**"), mode="eval").body
            self.name = re.sub(r" (\*\*|[*/]) ", r"\1", ast.unparse(self.tree)).replace("**", "^")
            with np.errstate(all="ignore"):
                self._walk(self.tree, np.ones((1, len(inputs))))
        except (SyntaxError, RecursionError, MemoryError, OverflowError, ValueError) as error:
            reason = error if type(error) is ValueError else "it cannot be read as a formula"
            usable = [name for name in inputs if name.isidentifier() and not iskeyword(name)]
            rename = f" (rename {', '.join(sorted(set(inputs) - set(usable)))} to use them)" if len(usable) < len(inputs) else ""
            raise ValueError(f"the expression {text[:60]!r} is not allowed: {reason}; use numbers, {', '.join(usable) or 'names'}{rename}, + - * / ^ "
                             f"and {', '.join(FUNCTIONS)}") from None

    def __call__(self, x):
        x = finite_array("x", x, "n", len(self.inputs)).astype(float, copy=False)
        with np.errstate(all="ignore"):
            value, gradient = self._walk(self.tree, x)
        value, gradient = np.broadcast_to(value, len(x)), np.broadcast_to(gradient, x.shape)
        bad = ~((np.abs(value) < LARGEST) & (np.abs(gradient) < LARGEST).all(axis=1))
        if bad.any():
            first = np.argmax(bad)
            where = ", ".join(f"{name} = {value:.4g}" for name, value in zip(self.inputs, x[first]))
            what = f"beyond {LARGEST:g}" if np.isfinite([value[first], *gradient[first]]).all() else "not finite"
            raise ValueError(f"the expression {self.name!r} or a derivative of it is {what} at {where}; "
                             "give one that is finite on all observations")
        return value, gradient

    def _walk(self, node, x):
        """Value and gradient of a node of the syntax tree: the chain rule, carried forward."""
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return np.full(len(x), float(node.value)), np.zeros_like(x)
        if isinstance(node, ast.Name) and node.id in self.inputs:
            i = self.inputs.index(node.id)
            return x[:, i], np.tile(np.eye(x.shape[1])[i], (len(x), 1))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            sign = -1 if isinstance(node.op, ast.USub) else 1
            return tuple(sign * part for part in self._walk(node.operand, x))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FUNCTIONS and len(node.args) == 1 and not node.keywords:
            function, derivative = FUNCTIONS[node.func.id]
            v, dv = self._walk(node.args[0], x)
            return function(v), derivative(v)[:, None] * dv
        if isinstance(node, ast.BinOp):
            (u, du), (v, dv) = self._walk(node.left, x), self._walk(node.right, x)
            column_u, column_v = u[:, None], v[:, None]
            if isinstance(node.op, ast.Add):
                return u + v, du + dv
            if isinstance(node.op, ast.Sub):
                return u - v, du - dv
            if isinstance(node.op, ast.Mult):
                return u * v, du * column_v + column_u * dv
            if isinstance(node.op, ast.Div):
                return u / v, (du - (u / v)[:, None] * dv) / column_v
            if isinstance(node.op, ast.Pow):
                power = u**v
                by_base = column_v * column_u**(column_v - 1) * du
                # A constant exponent has no logarithm to take, and may have a negative base.
                return power, by_base + power[:, None] * np.log(column_u) * dv if np.any(dv) else by_base
        raise ValueError(f"it holds {ast.unparse(node)[:40]!r}")
