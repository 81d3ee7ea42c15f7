"""Reading the bottleneck: polynomial ridge regression on f (section III), Tables I to V.

    features   all monomials of the inputs up to an order, e.g. t, x, t^2, t*x, x^2
    ridge      the c, c0 that minimise |f - features c - c0|^2 + alpha |c|^2, in closed form
    hierarchy  one such fit for each of the orders 1 to 4; their R^2 are the paper's tables
    order      the lowest beyond which the test score rises no more: "the optimal degree"
    formula    its terms, those of equal magnitude under one factor: eqs. (5), (8), (11), (12)

Everything is float64; samples are rows, shape (n, d).
"""

import re
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import numpy as np

from support.checks import finite_array

ORDERS = (1, 2, 3, 4)           # of the polynomials in Tables I to V
ALPHA = 1.0                     # ridge strength; the paper names none, and 50 000 samples drown it
BLOCK = 8192                    # samples whose features are in memory together
MOST_TERMS = 12                 # a formula of more terms is not one that a person reads,
LEAST_R2 = 0.9                  # and one of a lower test score none of f
MOST_FEATURES = 1000            # of a polynomial; all of Tables I to V have less


@dataclass(frozen=True)
class Reading:
    """What the regression says of f: Tables I to V, and both lines of eqs. (5), (8), (11), (12)."""
    polynomials: dict               # {order: Polynomial}
    optimal_order: int | None
    polynomial: "Polynomial"        # that of the optimal order, else the quadratic
    formula: "Formula | None"       # its second line, where there is an order and few terms

    @property
    def dominant(self):
        """Coefficients of the formula's terms in all orders that have them: {order: {name: c}}."""
        names = [name for _, signs in self.formula.groups for name in signs] if self.formula else []
        return {order: {name: each.terms[name] for name in names if name in each.terms}
                for order, each in self.polynomials.items() if names}


def read_off(x, f, x_test, f_test, inputs):
    """Regress f (n,) on polynomials in the observations x (n, d), and score it on x_test, f_test.

    inputs: names of the d columns. Raises ValueError as `hierarchy` does.
    """
    orders = [n for n in ORDERS if n <= 2 or comb(len(inputs) + n, n) <= MOST_FEATURES]
    polynomials = hierarchy(x, f, x_test, f_test, inputs, orders)
    order = optimal_order(polynomials)
    polynomial = polynomials[order or 2]
    formula = None
    if order and polynomial.r2[1] >= LEAST_R2:
        formula = group_terms(polynomial.terms, polynomial.intercept)
        formula = formula if formula.length <= MOST_TERMS else None
    return Reading(polynomials, order, polynomial, formula)


# --------------------------------------------------------------------------------------- features

def polynomial_features(x, order):
    """All monomials of degree 1 to `order` of the columns of x (n, d).

    Returns features (n, p), in columns of rising degree, and their exponents (p, d). The constant
    is left to the intercept. Raises ValueError if x is not finite or order not a positive integer.
    """
    x = finite_array("x", x, "n", "d").astype(float, copy=False)
    exponents = monomial_exponents(x.shape[1], order)
    return monomials(x, exponents), exponents


def monomial_exponents(d, order):
    """Exponents (p, d) of the monomials of d inputs of degree 1 to order: (2, 0), (1, 1), (0, 2).

    Raises ValueError if order is not a positive integer.
    """
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise ValueError(f"order must be a positive integer, got {order!r}")
    return np.array([np.bincount(factors, minlength=d)
                     for degree in range(1, order + 1)
                     for factors in combinations_with_replacement(range(d), degree)])


def monomials(x, exponents):
    """Values (n, p) of the monomials with these exponents (p, d) at samples x (n, d).

    Each is one of a degree less times one input; that one is already there, as in the exponents
    of `monomial_exponents`, or a product of the inputs is taken.
    """
    columns = np.empty((len(exponents), len(x)))
    place = {}
    for j, powers in enumerate(map(tuple, exponents)):
        place[powers] = j
        last = max((i for i, power in enumerate(powers) if power), default=None)
        if last is None:
            columns[j] = 1
            continue
        lower = powers[:last] + (powers[last] - 1,) + powers[last + 1:]
        if not any(lower):
            columns[j] = x[:, last]
        elif lower in place:
            columns[j] = columns[place[lower]] * x[:, last]
        else:
            columns[j] = np.prod(x**np.array(powers), axis=1)
    return columns.T


def monomial_name(inputs, powers):
    """Name of a monomial, e.g. "t^2" or "x*y"."""
    factors = [(name, power) for name, power in zip(inputs, powers) if power]
    return "*".join(name if power == 1 else f"{name}^{power}" for name, power in factors)


# ------------------------------------------------------------------------------- ridge regression

def ridge(features, target, alpha=ALPHA):
    """Closed-form ridge regression of target (n,) on features (n, p), intercept not penalised.

    Returns coefficients (p,) and intercept. With alpha = 0 and dependent features, it is one of the
    many solutions: that of least norm in features scaled to length one. Raises ValueError if shapes
    disagree, values are not finite or alpha is negative.
    """
    features = finite_array("features", features, "n", "p").astype(float, copy=False)
    target = finite_array("target", target, len(features)).astype(float, copy=False)
    if len(target) == 0 or not 0 <= alpha < np.inf:
        raise ValueError("features must hold a sample, alpha must not be negative; "
                         f"got {len(target)} and {alpha}")
    mean, target_mean = features.mean(axis=0), target.mean()
    centred = features - mean
    coefficients = _solve(centred.T @ centred, centred.T @ (target - target_mean), alpha)
    return coefficients, target_mean - mean @ coefficients


def _solve(gram, moment, alpha):
    """Solve (gram + alpha 1) c = moment; gram (p, p), moment (p,) belong to centred features."""
    matrix = gram + alpha * np.eye(len(gram))
    # With every feature scaled to length one, high and low orders weigh alike in the conditioning.
    # A unique solution stays the same. A constant feature, of length zero, keeps its scale.
    scale = np.sqrt(matrix.diagonal())
    scale[scale == 0] = 1
    solution = np.linalg.lstsq(matrix / np.outer(scale, scale), moment / scale, rcond=None)[0]
    return solution / scale


def r2_score(target, prediction):
    """Coefficient of determination R^2 of a prediction (n,) of target (n,): 1 at best (Table I).

    A constant target, of which there is nothing to explain, scores 0. Raises ValueError if the
    shapes disagree, or values are not finite or none.
    """
    target = finite_array("target", target, "n")
    prediction = finite_array("prediction", prediction, len(target))
    if len(target) == 0:
        raise ValueError("target must hold at least one value")
    if _constant(target):
        return 0.0
    return 1 - np.sum((target - prediction)**2) / np.sum((target - target.mean())**2)


def correlation(a, b):
    """Pearson correlation of two vectors (n,); 0 if one is constant, up to single precision.

    Raises ValueError if they differ in length or are not finite.
    """
    a = finite_array("a", a, "n")
    b = finite_array("b", b, len(a))
    if len(a) == 0 or _constant(a, 1e-5) or _constant(b, 1e-5):
        return 0.0
    return float(np.mean((a - np.mean(a)) * (b - np.mean(b))) / (np.std(a) * np.std(b)))


def rank_correlation(a, b):
    """Spearman correlation of two vectors (n,): that of their ranks, however f bends.

    Raises ValueError as `correlation` does.
    """
    a = finite_array("a", a, "n")
    b = finite_array("b", b, len(a))
    return correlation(*(np.argsort(np.argsort(values)) for values in (a, b)))


def _constant(values, tolerance=1e-12):
    return np.std(values) <= tolerance * np.abs(np.mean(values))


# -------------------------------------------------------------------------- hierarchy of the orders

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

    def __repr__(self):
        training, test = self.r2
        return f"<Polynomial, R² {training:.4f} on training data, {test:.4f} on test data: {self}>"

    def __str__(self):
        """The paper's first line: terms in the order of their coefficients.

        Of many, the first and the last, as in eq. (11).
        """
        ordered = sorted([("", self.intercept), *self.terms.items()], key=lambda term: term[1])
        decimals = decimals_for(max(abs(c) for _, c in ordered), digits=4, least=2)
        parts = [(f"{abs(c):.{decimals}f}{readable(name)}", c) for name, c in ordered]
        if len(parts) > 16:
            parts[8:-8] = [("...", 1)]
        return signed_sum(parts)


def hierarchy(x, f, x_test, f_test, inputs, orders=ORDERS, alpha=ALPHA):
    """Fit f (n,) by polynomials in x (n, d) of each order; returns {order: Polynomial}.

    The sums over samples are taken block by block, so that memory does not grow with n. They are
    taken once for all orders: features of lower degree come first, so a lower order is a leading
    block of the highest. Raises ValueError if shapes disagree, values are not finite, there are no
    samples or alpha is negative.
    """
    x = finite_array("x", x, "n", len(inputs))
    x_test = finite_array("x_test", x_test, "n", len(inputs))
    f = finite_array("f", f, len(x)).astype(float)
    f_test = finite_array("f_test", f_test, len(x_test)).astype(float)
    if len(x) == 0 or len(x_test) == 0 or not 0 <= alpha < np.inf:
        raise ValueError("x and x_test must hold samples, alpha must not be negative; "
                         f"got {len(x)}, {len(x_test)} and {alpha}")
    exponents = monomial_exponents(len(inputs), max(orders))
    mean, gram, moment = _moments(x, f - f.mean(), exponents)

    solutions = np.zeros((len(mean), len(orders)))      # a column per order, zero above its degree
    sizes = [int(np.sum(exponents.sum(axis=1) <= order)) for order in orders]
    for column, p in enumerate(sizes):
        solutions[:p, column] = _solve(gram[:p, :p], moment[:p], alpha)
    intercepts = f.mean() - mean @ solutions

    blocks = [phi @ solutions for phi, _ in _blocks(x_test, f_test, exponents)]
    predictions = np.concatenate(blocks) + intercepts
    test = [float(r2_score(f_test, prediction)) for prediction in predictions.T]
    # The same for the training set, where the sums say it:
    # |t - phi c|^2 = |t|^2 - 2 c (phi t) + c (phi phi) c.
    training = np.zeros(len(orders))
    if not _constant(f):
        explained = np.sum(solutions * (2 * moment[:, None] - gram @ solutions), axis=0)
        training = explained / np.sum((f - f.mean())**2)
    return {order: Polynomial(tuple(inputs), exponents[:p], solutions[:p, i], float(intercepts[i]),
                              (float(training[i]), test[i]))
            for i, (order, p) in enumerate(zip(orders, sizes))}


def _moments(x, target, exponents):
    """Mean (p,) of the features, their centred products (p, p), and those with the target (p,)."""
    # Sums are taken about the first block's mean, near the mean of all: what is subtracted from
    # gram below is then small, and costs no digits. The targets sum to zero: moment needs none.
    near = monomials(x[:BLOCK], exponents).mean(axis=0)
    total, gram, moment = np.zeros(len(near)), np.zeros((len(near), len(near))), np.zeros(len(near))
    for phi, block in _blocks(x, target, exponents):
        phi -= near
        total += phi.sum(axis=0)
        gram += phi.T @ phi
        moment += phi.T @ block
    gram -= np.outer(total, total) / len(x)
    return near + total / len(x), gram, moment


def _blocks(x, f, exponents):
    for start in range(0, len(x), BLOCK):
        yield monomials(x[start:start + BLOCK], exponents), f[start:start + BLOCK]


def optimal_order(polynomials, gain=0.01, least=0.5):
    """The lowest order beyond which no higher one raises the test score by `gain` or more.

    None if no order reaches a test score of `least`: then f is no polynomial of this kind at all.
    """
    best = max(polynomial.r2[1] for polynomial in polynomials.values())
    if best < least:
        return None
    return min(order for order, each in polynomials.items() if best - each.r2[1] < gain)


# ---------------------------------------------------------------------------------------- formulas

@dataclass(frozen=True)
class Formula:
    """The paper's second line: groups of terms of equal magnitude, and what was left out."""
    groups: list                 # (factor, {name: sign}), magnitudes falling
    intercept: float
    spread: float                # largest relative deviation of a coefficient from its group's
    dropped: tuple               # largest term left out: name, its share of the first factor

    @property
    def length(self):
        """How many terms it has."""
        return sum(len(signs) for _, signs in self.groups)

    def __str__(self):
        """Without an intercept below 1 % of the first factor: f is arbitrary up to its offset."""
        first = abs(self.groups[0][0])
        parts, decimals = [], decimals_for(first, digits=3, least=0)
        for factor, signs in self.groups:
            decimals = max(decimals, decimals_for(abs(factor), digits=2, least=0))
            inside = signed_sum([(readable(name), sign) for name, sign in signs.items()])
            inside = inside if len(signs) == 1 else f"({inside})"
            parts.append((f"{abs(factor):.{decimals}f} {inside}", factor))
        if abs(self.intercept) > 0.01 * first:
            decimals = decimals_for(first, digits=3, least=0)
            parts.append((f"{abs(self.intercept):.{decimals}f}", self.intercept))
        return "f ≈ " + signed_sum(parts)


def group_terms(terms, intercept=0.0, tolerance=0.1, drop=0.1):
    """Group {name: coefficient} into a Formula, with no knowledge of the answer.

    Terms below `drop` times the largest are left out. Of the others, by falling magnitude, those
    within `tolerance` of the first of their group share a factor, their mean magnitude. The factor
    has the sign of the majority, or of the first term where there is none, as in eqs. (5) to (12).
    Raises ValueError if there are no terms, only zeros, or one that is not finite.
    """
    finite_array("terms", list(terms.values()), "n")
    magnitudes = sorted(terms, key=lambda name: -abs(terms[name]))
    if not any(terms.values()):
        raise ValueError("terms must hold at least one coefficient that is not zero")
    kept = [name for name in magnitudes if abs(terms[name]) >= drop * abs(terms[magnitudes[0]])]
    members = []
    for name in kept:
        if members and abs(terms[name]) >= (1 - tolerance) * abs(terms[members[-1][0]]):
            members[-1].append(name)
        else:
            members.append([name])

    groups, spread = [], 0.0
    for names in members:
        names = [name for name in terms if name in names]               # in the inputs' order
        signs = {name: 1 if terms[name] > 0 else -1 for name in names}
        overall = 1 if (sum(signs.values()) or signs[names[0]]) > 0 else -1
        factor = float(np.mean([abs(terms[name]) for name in names]))
        spread = max(spread, *(abs(abs(terms[name]) / factor - 1) for name in names))
        groups.append((overall * factor, {name: overall * sign for name, sign in signs.items()}))
    rest = next((name for name in magnitudes if name not in kept), "")
    share = terms[rest] / abs(groups[0][0]) if rest else 0.0
    return Formula(groups, float(intercept), spread, (rest, float(share)))


def readable(name):
    """A monomial's name as in print: t², xy, x v_y, x v_y/r."""
    return printed(name.split("*"))


def printed(factors):
    """A product of factors, such as "t^2" and "x", as in print: t²x."""
    raised = {f"^{power}": sign for power, sign in enumerate("²³⁴⁵⁶⁷⁸⁹", 2)}
    factors = [re.sub(r"\^[2-9](?!\d)", lambda power: raised[power[0]], each) for each in factors]
    single = all(len(factor.rstrip("²³⁴⁵⁶⁷⁸⁹")) == 1 for factor in factors)
    return ("" if single else " ").join(factors)


def signed_sum(parts):
    """Join (text, value) into "-a + b - c", the sign being that of the value."""
    text = " ".join(("- " if value < 0 else "+ ") + part for part, value in parts)
    return text[2:] if text.startswith("+") else "-" + text[2:]


def decimals_for(largest, digits, least):
    """Decimals that show `digits` significant digits of the largest number, at least `least`."""
    return least if largest == 0 else max(least, digits - 1 - int(np.floor(np.log10(largest))))
