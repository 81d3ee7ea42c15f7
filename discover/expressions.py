"""Typed functions of the inputs, such as "x*v_y - y*v_x" or "sin(theta)/r", with their derivatives.

What is typed is never evaluated by Python: it is parsed, and only arithmetic and FUNCTIONS are
accepted.
"""

import ast
import re
import warnings
from keyword import kwlist
from unicodedata import normalize

import numpy as np

from support.checks import finite_array

MAX_CHARACTERS = 10_000                 # of an expression
MAX_DEPTH = 200                         # brackets and signs within each other, and terms in a row
LARGEST = 1e150                         # value or derivative; its square is still a number
MAX_MAGNITUDE = 1e50                    # of a reading, whose third power then is no larger
FUNCTIONS = {                           # each with its derivative, for value f and argument u
    "sqrt": (np.sqrt, lambda f, u: 0.5 / f),
    "exp": (np.exp, lambda f, u: f),
    "log": (np.log, lambda f, u: 1 / u),
    "sin": (np.sin, lambda f, u: np.cos(u)),
    "cos": (np.cos, lambda f, u: -np.sin(u)),
    "tan": (np.tan, lambda f, u: 1 + f**2),
    "arctan": (np.arctan, lambda f, u: 1 / (1 + u**2)),
    "tanh": (np.tanh, lambda f, u: 1 - f**2),
    "abs": (np.abs, lambda f, u: np.sign(u)),
}
NO_NAMES = {*FUNCTIONS, *kwlist, "pi"}                       # of columns
OPERATIONS = FUNCTIONS | {              # of u and v with a derivative by each
    ast.UAdd: (np.positive, lambda f, u: 1),
    ast.USub: (np.negative, lambda f, u: -1),
    ast.Add: (np.add, lambda f, u, v: 1, lambda f, u, v: 1),
    ast.Sub: (np.subtract, lambda f, u, v: 1, lambda f, u, v: -1),
    ast.Mult: (np.multiply, lambda f, u, v: v, lambda f, u, v: u),
    ast.Div: (np.divide, lambda f, u, v: 1 / v, lambda f, u, v: -f / v),
    ast.Pow: (lambda u, v: u**v, lambda f, u, v: v * u**(v - 1), lambda f, u, v: f * np.log(u)),
}


class Expression:
    """A typed function of inputs: numbers, pi, names, + - * / ^ (or **), brackets and FUNCTIONS.

    Called with samples (n, d), it gives values (n,) and derivatives (n, d). `name` is the text as
    it is written here, however it was spaced. Raises ValueError on anything else, and, when called,
    where a result is not finite, or beyond LARGEST.
    """

    def __init__(self, text, inputs):
        # Python reads µ and μ as one, in names too.
        self.inputs = tuple(normalize("NFKC", name) for name in inputs)
        try:
            self.tree = parse(text)
            written = re.sub(r" (\*\*|[*/]) ", r"\1", ast.unparse(self.tree))
            self.name = written.replace("**", "^")
            with np.errstate(all="ignore"):
                self._walk(self.tree, np.ones((1, len(self.inputs))), False)
        except (SyntaxError, RecursionError, MemoryError, OverflowError, ValueError) as error:
            reason = error if type(error) is ValueError else "it cannot be read as a formula"
            raise ValueError(
                f"the expression {str(text)[:60]!r} is not allowed: {reason}; use numbers, "
                f"{', '.join(self.inputs)}, + - * / ^ and {', '.join(FUNCTIONS)}") from None

    def __call__(self, x):
        result = self._evaluate(x, True)
        return result[0], result[1:].T

    def value(self, x):
        """Values (n,) of samples (n, d), without derivatives, which may be infinite."""
        return self._evaluate(x, False)[0]

    def _evaluate(self, x, derive):
        x = finite_array("x", x, "n", len(self.inputs))
        result = np.zeros((1 + derive * x.shape[1], len(x)))
        with np.errstate(all="ignore"):
            result[0], slopes = self._walk(self.tree, x, derive)
        for i, slope in slopes.items():
            result[1 + i] = slope
        bad = ~(np.abs(result) < LARGEST).all(axis=0)
        if bad.any():
            point = zip(self.inputs, x[np.argmax(bad)])
            raise ValueError(
                f"the expression {self.name[:60]!r} or a derivative of it is not finite, or beyond "
                f"{LARGEST:g}, at {', '.join(f'{name} = {at:.4g}' for name, at in point)}; "
                "give one that is finite on all observations")
        return result

    def _walk(self, node, x, derive):
        """Values of a node, (n,) or a number, and {column: derivative by it}, by the chain rule."""
        match node:
            case ast.Name(id=name) if name in self.inputs:
                i = self.inputs.index(name)
                return np.array(x[:, i], float), {i: 1.0} if derive else {}
            case ast.Constant(value=int() | float() as number) if type(number) is not bool:
                return np.float64(number), {}
            case ast.Name(id="pi"):
                return np.float64(np.pi), {}
            case ast.Call(func=ast.Name(id=operation), args=[_], keywords=[]):
                nodes = node.args
            case ast.UnaryOp() | ast.BinOp():
                operation = type(node.op)
                nodes = [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]
            case _:
                operation = None
        if operation not in OPERATIONS:
            raise ValueError(f"it holds {ast.unparse(node)[:40]!r}")
        function, *derivatives = OPERATIONS[operation]
        values, slopes = zip(*(self._walk(each, x, derive) for each in nodes))
        value, total = function(*values), {}
        for derivative, slope in zip(derivatives, slopes):
            factor = derivative(value, *values) if slope else 0
            for i, by in slope.items():
                total[i] = total.get(i, 0.0) + factor * by
        return value, total


def parse(text):
    """The syntax tree of a text. Raises one of the errors that Expression turns into a sentence."""
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS or {"#", "\n"} & set(text.strip()):
        raise ValueError(f"it is no line of at most {MAX_CHARACTERS} characters without a comment")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                 # Python's own, as on "1or x"
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval").body
    nodes = [tree]
    for _ in range(MAX_DEPTH):
        nodes = [child for node in nodes for child in ast.iter_child_nodes(node)]
    if nodes:
        raise ValueError(f"it is nested or continued more than {MAX_DEPTH} times")
    return tree
