"""Typed functions of the inputs, such as "x*v_y - y*v_x" or "sin(theta)/r", with their derivatives.

What is typed is never evaluated by Python: it is parsed, and only arithmetic and FUNCTIONS are
accepted.
"""

import ast
import re
import warnings
from unicodedata import normalize

import numpy as np

from support.checks import finite_array

LONGEST = 10_000                        # characters of an expression
DEEPEST = 200                           # brackets and signs within each other, and terms in a row
LARGEST = 1e100                         # of a value or derivative; its square is still a number
FUNCTIONS = {                           # each with its derivative
    "sqrt": (np.sqrt, lambda v: 0.5 / np.sqrt(v)),
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda v: 1 / v),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda v: -np.sin(v)),
    "tan": (np.tan, lambda v: 1 / np.cos(v)**2),
    "arctan": (np.arctan, lambda v: 1 / (1 + v**2)),
    "tanh": (np.tanh, lambda v: 1 - np.tanh(v)**2),
    "abs": (np.abs, np.sign),
}
OPERATIONS = {                          # values u, v as columns (n, 1), derivatives du, dv (n, d)
    ast.Add: lambda u, du, v, dv: (u + v, du + dv),
    ast.Sub: lambda u, du, v, dv: (u - v, du - dv),
    ast.Mult: lambda u, du, v, dv: (u * v, du * v + u * dv),
    ast.Div: lambda u, du, v, dv: (u / v, (du - u / v * dv) / v),
    ast.Pow: lambda u, du, v, dv: (u**v, _derivative_of_power(u, du, v, dv)),
}


def _derivative_of_power(u, du, v, dv):
    """A constant exponent has no logarithm to take, and may have a negative base."""
    by_base = v * u**(v - 1) * du
    return by_base + u**v * np.log(u) * dv if np.any(dv) else by_base


class Expression:
    """A typed function of inputs: numbers, pi, names, + - * / ^ (or **), brackets and FUNCTIONS.

    Called with samples (n, d), it gives values (n,) and derivatives (n, d). `name` is the text as
    it is written here, however it was spaced. Raises ValueError on anything else, and, when called,
    where a value or derivative is not finite, or beyond LARGEST.
    """

    def __init__(self, text, inputs):
        # Python reads µ and μ as one, in names too.
        self.inputs = tuple(normalize("NFKC", name) for name in inputs)
        try:
            self.tree = _parse(text)
            written = re.sub(r" (\*\*|[*/]) ", r"\1", ast.unparse(self.tree))
            self.name = written.replace("**", "^")
            with np.errstate(all="ignore"):
                self._walk(self.tree, np.ones((1, len(self.inputs))))
        except (SyntaxError, RecursionError, MemoryError, OverflowError, ValueError) as error:
            reason = error if type(error) is ValueError else "it cannot be read as a formula"
            raise ValueError(
                f"the expression {str(text)[:60]!r} is not allowed: {reason}; use numbers, "
                f"{', '.join(self.inputs)}, + - * / ^ and {', '.join(FUNCTIONS)}") from None

    def __call__(self, x):
        x = finite_array("x", x, "n", len(self.inputs)).astype(float, copy=False)
        with np.errstate(all="ignore"):
            value, derivative = self._walk(self.tree, x)
        value = np.broadcast_to(value, (len(x), 1))[:, 0]
        derivative = np.broadcast_to(derivative, x.shape)
        bad = ~((np.abs(value) < LARGEST) & (np.abs(derivative) < LARGEST).all(axis=1))
        if bad.any():
            point = zip(self.inputs, x[np.argmax(bad)])
            raise ValueError(
                f"the expression {self.name[:60]!r} or a derivative of it is not finite, or beyond "
                f"{LARGEST:g}, at {', '.join(f'{name} = {at:.4g}' for name, at in point)}; "
                "give one that is finite on all observations")
        return value, derivative

    def _walk(self, node, x):
        """Value (n, 1) and derivatives (n, d) of a node of the syntax tree, by the chain rule."""
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return np.full((1, 1), float(node.value)), np.zeros((1, x.shape[1]))
        if isinstance(node, ast.Name) and node.id in self.inputs:
            i = self.inputs.index(node.id)
            return x[:, [i]], np.eye(x.shape[1])[[i]]
        if isinstance(node, ast.Name) and node.id == "pi":
            return np.full((1, 1), np.pi), np.zeros((1, x.shape[1]))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            sign = -1 if isinstance(node.op, ast.USub) else 1
            return tuple(sign * part for part in self._walk(node.operand, x))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FUNCTIONS:
            if len(node.args) == 1 and not node.keywords:
                function, derivative = FUNCTIONS[node.func.id]
                v, dv = self._walk(node.args[0], x)
                return function(v), derivative(v) * dv
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            return OPERATIONS[type(node.op)](*self._walk(node.left, x), *self._walk(node.right, x))
        raise ValueError(f"it holds {ast.unparse(node)[:40]!r}")


def _parse(text):
    """The syntax tree of a text. Raises one of the errors that Expression turns into a sentence."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ValueError(f"it is no text of at most {LONGEST} characters")
    if "#" in text or "\n" in text.strip():
        raise ValueError("it holds a comment or a second line")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                 # Python's own, as on "1or x"
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval").body
    nodes = [tree]
    for _ in range(DEEPEST):
        nodes = [child for node in nodes for child in ast.iter_child_nodes(node)]
    if nodes:
        raise ValueError(f"it is nested or continued more than {DEEPEST} times")
    return tree
