"""Reading the bottleneck: polynomial ridge regression on f (section III), Tables I to V.

    features   all monomials of the inputs up to an order, e.g. t, x, t^2, t*x, x^2
    ridge      the c, c0 that minimise |f - features c - c0|^2 + alpha |c|^2, in closed form
    orders     one such fit for each of the orders 1 to 4; their R^2 are the paper's tables
    optimal    the lowest order beyond which the test score rises no more
    formula    its terms, those of equal magnitude under one factor: eqs. (5), (8), (11), (12)

Everything is float64; observations are rows, shape (n, d).
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import numpy as np

from support.checks import finite_array
from support.typeset import count_decimals, format_product, format_sum

ORDERS = (1, 2, 3, 4)           # of the polynomials in Tables I to V
ALPHA = 1.0                     # ridge strength; the paper names none, and 50 000 samples drown it
MAX_FEATURES = 1000             # of a polynomial; all of Tables I to V have less
MAX_TERMS = 12                  # of a formula: a person does not read more
BLOCK = 2048                    # samples that are centred together; fits the cache
MIN_R2 = 0.9                    # of a formula, on test data


# --------------------------------------------------------------------- features, ridge and scores

def polynomial_features(x, order):
    """All monomials of degree 1 to `order` of the columns of x (n, d).

    Returns features (n, p), in columns of rising degree, and their exponents (p, d). The constant
    is left to the intercept. Raises ValueError if x is not finite or order not a positive integer.
    """
    x = finite_array("x", x, "n", "d").astype(float, copy=False)
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise ValueError(f"order must be a positive integer, got {order!r}")
    d = x.shape[1]
    combinations = [c for degree in range(1, order + 1)
                    for c in combinations_with_replacement(range(d), degree)]
    columns, inputs = np.empty((len(combinations), len(x))), np.ascontiguousarray(x.T)
    column = dict(zip(combinations, columns)) | {(): np.ones(len(x))}
    for c in combinations:
        np.multiply(column[c[:-1]], inputs[c[-1]], out=column[c])
    return columns.T, np.array([np.bincount(c, minlength=d) for c in combinations])


def ridge(features, target, alpha=ALPHA):
    """Closed-form ridge regression of target (n,) on features (n, p), intercept not penalised.

    Returns coefficients (p,) and intercept. With alpha = 0 and dependent features, it is one of the
    many solutions: the solution of least norm for features scaled to length one. Raises ValueError
    if shapes disagree, values are not finite or alpha is negative.
    """
    features = finite_array("features", features, "n", "p").astype(float, copy=False)
    target = finite_array("target", target, len(features)).astype(float, copy=False)
    if len(target) == 0 or not 0 <= alpha < np.inf:
        raise ValueError(f"features must hold a sample, alpha be 0 or more: {len(target)}, {alpha}")
    mean, target_mean = features.mean(axis=0), target.mean()
    matrix, moment = alpha * np.eye(len(mean)), np.zeros(len(mean))
    for i in range(0, len(target), BLOCK):
        centred = features[i:i + BLOCK] - mean
        matrix += centred.T @ centred
        moment += centred.T @ (target[i:i + BLOCK] - target_mean)
    # With every feature scaled to length one, high and low orders weigh alike in the conditioning.
    # A unique solution stays the same. A constant feature, of length zero, keeps its scale.
    scale = np.sqrt(matrix.diagonal())
    scale[scale == 0] = 1
    solution = np.linalg.lstsq(matrix / np.outer(scale, scale), moment / scale, rcond=None)[0]
    coefficients = solution / scale
    return coefficients, target_mean - mean @ coefficients


def r2_score(target, prediction):
    """Coefficient of determination R^2 of a prediction (n,) of target (n,): 1 at best (Table I).

    A constant target, of which there is nothing to explain, scores 0. Raises ValueError if the
    shapes disagree, or there are no values, or values that are not finite.
    """
    target = finite_array("target", target, "n")
    prediction = finite_array("prediction", prediction, len(target))
    if len(target) == 0:
        raise ValueError("target must hold at least one value")
    if _is_constant(target, 1e-12):
        return 0.0
    return float(1 - np.sum((target - prediction)**2) / np.sum((target - target.mean())**2))


def correlation(a, b):
    """Pearson correlation of two vectors (n,); 0 if one is constant, up to single precision.

    Raises ValueError if they differ in length or are not finite.
    """
    a = finite_array("a", a, "n")
    b = finite_array("b", b, len(a))
    if len(a) == 0 or _is_constant(a, 1e-5) or _is_constant(b, 1e-5):
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def rank_correlation(a, b):
    """Spearman correlation of two vectors (n,): `correlation` of their ranks, however f bends."""
    return correlation(_ranks(finite_array("a", a, "n")), _ranks(finite_array("b", b, "n")))


def _ranks(values):
    """Ranks 1 to n of values (n,); equal values share the mean of their ranks, constants have 1."""
    if len(values) == 0 or _is_constant(values, 1e-5):
        return np.ones(len(values))
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def _is_constant(values, tolerance):
    return np.std(values) <= tolerance * np.abs(np.mean(values))


# ----------------------------------------------------------------------------- orders, Tables I-V

@dataclass(frozen=True)
class Polynomial:
    """One fit of f by a polynomial, with its scores (training, test)."""
    inputs: tuple[str, ...]
    exponents: np.ndarray                                # (p, d)
    coefficients: np.ndarray                             # (p,)
    intercept: float
    r2: tuple[float, float]

    @property
    def terms(self):
        """Coefficients by name, e.g. {"t^2": -27.4, "x*y": 0.1}."""
        return {monomial_name(self.inputs, powers): float(c)
                for powers, c in zip(self.exponents, self.coefficients)}

    def __str__(self):
        """The paper's first line: terms by coefficient; of many, first and last, as in eq. (11)."""
        ordered = sorted([("", self.intercept), *self.terms.items()], key=lambda term: term[1])
        decimals = count_decimals(max(abs(c) for _, c in ordered), digits=4, least=2)
        parts = [(f"{abs(c):.{decimals}f}{format_monomial(name)}", c) for name, c in ordered]
        if len(parts) > 16:
            parts[8:-8] = [("...", 1)]
        return format_sum(parts)


def fit_orders(x, f, x_test, f_test, inputs, orders=ORDERS, alpha=ALPHA):
    """Fit f (n,) by polynomials in x (n, d) of each order; returns {order: Polynomial}.

    inputs: names of the d columns. x_test, f_test: as x and f, for the test score. Raises
    ValueError if shapes disagree, values are not finite, samples are missing or alpha is negative.
    """
    if len({*inputs}) < len(inputs):
        raise ValueError(f"inputs must name each column differently, got {', '.join(inputs)}")
    x, f = finite_array("x", x, "n", len(inputs)), finite_array("f", f, len(x))
    x_test = finite_array("x_test", x_test, "n", len(inputs))
    f_test = finite_array("f_test", f_test, len(x_test))
    features, exponents = polynomial_features(x, max(orders))
    features_test, _ = polynomial_features(x_test, max(orders))
    polynomials = {}
    for order in orders:
        p = np.sum(exponents.sum(axis=1) <= order)      # leading columns are the lower orders
        coefficients, intercept = ridge(features[:, :p], f, alpha)
        training, test = (r2_score(target, phi[:, :p] @ coefficients + intercept)
                          for target, phi in ((f, features), (f_test, features_test)))
        polynomials[order] = Polynomial(tuple(inputs), exponents[:p], coefficients,
                                        float(intercept), (training, test))
    return polynomials


def optimal_order(polynomials, gain=0.01, least=0.5):
    """The lowest order beyond which no higher order raises the test score by `gain` or more.

    None if no order reaches a test score of `least`: then f is no polynomial of this kind at all.
    """
    best = max(polynomial.r2[1] for polynomial in polynomials.values())
    if best < least:
        return None
    return min(order for order, each in polynomials.items() if best - each.r2[1] < gain)


def r2_on_invariants(invariants, x, f, x_test, f_test):
    """How much of f known invariants explain: is f one of them, a function, or a mixture of them?

    invariants: {name: function of observations (n, d), giving (n,)}. For each of them, for the
    components of the Laplace-Runge-Lenz vector, and for all together: the test R^2 of f (n,) on
    polynomials of order 1 (`r2`) and 3 (`r2_cubic`); for a single invariant also the
    `correlation_of_square`, of f^2 with it, which the paper looks at in Fig. 5.
    """
    components = tuple(name for name in invariants if name in ("A_x", "A_y"))
    scores, single = {}, [(name,) for name in invariants]
    for names in filter(None, dict.fromkeys([*single, components, tuple(invariants)])):
        columns, columns_test = (np.stack([invariants[name](each) for name in names], axis=1)
                                 for each in (x, x_test))
        mean, deviation = columns.mean(axis=0), columns.std(axis=0)
        deviation[deviation <= 1e-6 * abs(mean)] = np.inf       # a constant explains nothing
        fits = fit_orders((columns - mean) / deviation, f, (columns_test - mean) / deviation,
                          f_test, names, (1, 3), alpha=0)
        square = correlation(columns_test[:, 0], f_test**2) if len(names) == 1 else None
        scores[", ".join(names)] = {"r2": fits[1].r2[1], "r2_cubic": fits[3].r2[1],
                                    "correlation_of_square": square}
    return scores


# -------------------------------------------------------------- formulas, eqs. (5) (8) (11) (12)

@dataclass(frozen=True)
class Formula:
    """The paper's second line: groups of terms of equal magnitude, and what was left out."""
    groups: list                 # (factor, {name: sign}), magnitudes falling
    intercept: float
    spread: float                # largest relative deviation of a coefficient from its group's
    dropped: tuple               # largest term left out: name, its size relative to first factor

    @property
    def names(self):
        """The names of its terms."""
        return [name for _, signs in self.groups for name in signs]

    def __str__(self):
        """Without an intercept below 1 % of the first factor: f is arbitrary up to its offset."""
        first = abs(self.groups[0][0])
        parts, decimals = [], count_decimals(first, digits=3, least=0)
        intercept = f"{abs(self.intercept):.{decimals}f}"
        for factor, signs in self.groups:
            decimals = max(decimals, count_decimals(abs(factor), digits=2, least=0))
            inside = format_sum([(format_monomial(name), sign) for name, sign in signs.items()])
            inside = inside if len(signs) == 1 else f"({inside})"
            parts.append((f"{abs(factor):.{decimals}f} {inside}", factor))
        if abs(self.intercept) > 0.01 * first:
            parts.append((intercept, self.intercept))
        return "f ≈ " + format_sum(parts)


def group_terms(terms, intercept=0.0, tolerance=0.1, drop=0.1):
    """Group {name: coefficient} into a Formula, with no knowledge of the answer.

    Terms below `drop` times the largest are left out. Of the others, by falling magnitude, those
    within `tolerance` of the first of their group share a factor, their mean magnitude. The factor
    has the sign of the majority, or of the first term where there is none, as in eqs. (5) to (12).
    Raises ValueError if there are no terms, only zeros, or a term that is not finite.
    """
    size = dict(zip(terms, np.abs(finite_array("terms", list(terms.values()), "n"))))
    if not any(size.values()):
        raise ValueError("terms must hold at least one coefficient that is not zero")
    if not (0 <= tolerance < 1 and 0 < drop <= 1):
        raise ValueError("tolerance must be from 0 to below 1 and drop from above 0 to 1, "
                         f"got {tolerance} and {drop}")
    falling = sorted(terms, key=lambda name: -size[name])
    rest, groups, spread = [*falling], [], 0.0
    while rest and size[rest[0]] >= drop * size[falling[0]]:
        least = max(drop * size[falling[0]], (1 - tolerance) * size[rest[0]])
        names = [name for name in terms if name in rest and size[name] >= least]    # as terms are
        rest = rest[len(names):]
        signs = {name: 1 if terms[name] > 0 else -1 for name in names}
        overall = 1 if (sum(signs.values()) or signs[names[0]]) > 0 else -1
        factor = float(np.mean([size[name] for name in names]))
        spread = max(spread, *(float(abs(size[name] / factor - 1)) for name in names))
        groups.append((overall * factor, {name: overall * sign for name, sign in signs.items()}))
    largest_dropped = rest[0] if rest else ""
    relative_size = terms.get(largest_dropped, 0.0) / abs(groups[0][0])
    return Formula(groups, float(intercept), spread, (largest_dropped, float(relative_size)))


@dataclass(frozen=True)
class Interpretation:
    """What the regression says of f: Tables I to V, and both lines of eqs. (5), (8), (11), (12)."""
    polynomials: dict               # {order: Polynomial}
    optimal_order: int | None
    polynomial: Polynomial          # of the optimal order, else the quadratic
    formula: Formula | None         # its second line, where there is an order and few terms

    @property
    def dominant(self):
        """Coefficients of the formula's terms in all orders that have them: {order: {name: c}}."""
        names = self.formula.names if self.formula else []
        return {order: {name: each.terms[name] for name in names if name in each.terms}
                for order, each in self.polynomials.items() if names}


def interpret(x, f, x_test, f_test, inputs):
    """The Interpretation of f (n,) at observations x (n, d), scored on x_test, f_test.

    inputs: names of the d columns. Raises ValueError as `fit_orders` does.
    """
    orders = [n for n in ORDERS if n <= 2 or comb(len(inputs) + n, n) <= MAX_FEATURES]
    polynomials = fit_orders(x, f, x_test, f_test, inputs, orders)
    order = optimal_order(polynomials)
    polynomial = polynomials[order or 2]
    formula = None
    if order and polynomial.r2[1] >= MIN_R2:
        formula = group_terms(polynomial.terms, polynomial.intercept)
        formula = formula if len(formula.names) <= MAX_TERMS else None
    return Interpretation(polynomials, order, polynomial, formula)


def monomial_name(inputs, powers):
    """Name of a monomial, e.g. "t^2" or "x*y"."""
    return "*".join(name if power == 1 else f"{name}^{power}"
                    for name, power in zip(inputs, powers) if power)


def format_monomial(name):
    """A monomial's name as in print: t², xy, x v_y, x v_y/r."""
    return format_product(name.split("*"))
