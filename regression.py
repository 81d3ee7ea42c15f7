"""Reading the bottleneck: polynomial ridge regression on f, and formulas one can read (section III).

    features   all monomials of the inputs up to an order, e.g. t, x, t^2, t*x, x^2
    ridge      the c, c0 that minimise |target - features c - c0|^2 + alpha |c|^2, in closed form
    hierarchy  one such fit for each of the orders 1 to 4, as in Tables I to V
    formula    the terms of equal magnitude of one fit under a common factor, as in eq. (5)

Everything is float64; samples are rows.
"""

from dataclasses import dataclass, field
from itertools import combinations_with_replacement

import numpy as np

from checks import finite_array

ORDERS = (1, 2, 3, 4)           # of the polynomials in Tables I to V
ALPHA = 1.0                     # ridge strength; the paper names none, and 50 000 samples drown it
BLOCK = 8192                    # samples whose features are in memory together


# ------------------------------------------------------------------------------------- regression

def polynomial_features(x, order):
    """All monomials of degree 1 to `order` of the columns of x (n, d).

    Returns features (n, p), in columns of rising degree, and their exponents (p, d). The constant is
    left to the intercept. Raises ValueError if x is not finite or order is not a positive integer.
    """
    x = finite_array("x", x, "n", "d").astype(float, copy=False)
    exponents = _exponents(x.shape[1], order)
    return _monomials(x, exponents), exponents


def ridge(features, target, alpha=ALPHA):
    """Closed-form ridge regression of target (n,) on features (n, p), intercept not penalised.

    Returns coefficients (p,) and intercept. With alpha = 0 and dependent features, one of the many
    solutions: that of least norm in features scaled to length one. Raises ValueError if shapes disagree, values are not finite or alpha is negative.
    """
    features = finite_array("features", features, "n", "p").astype(float, copy=False)
    target = finite_array("target", target, len(features)).astype(float, copy=False)
    if len(target) == 0 or not 0 <= alpha < np.inf:
        raise ValueError(f"features must hold a sample, alpha must not be negative; got {len(target)} and {alpha}")
    mean, target_mean = features.mean(axis=0), target.mean()
    centred = features - mean
    coefficients = _solve(centred.T @ centred, centred.T @ (target - target_mean), alpha)
    return coefficients, target_mean - mean @ coefficients


def r2_score(target, prediction):
    """Coefficient of determination R^2 of a prediction (n,) of target (n,): 1 at best (Table I).

    A constant target, of which there is nothing to explain, scores 0. Raises ValueError if the shapes
    disagree, or values are not finite or none.
    """
    target = finite_array("target", target, "n")
    prediction = finite_array("prediction", prediction, len(target))
    if len(target) == 0:
        raise ValueError("target must hold at least one value")
    if _constant(target):
        return 0.0
    return 1 - np.sum((target - prediction)**2) / np.sum((target - target.mean())**2)


def correlation(a, b):
    """Pearson correlation of two vectors (n,); 0 if one of them is constant, up to single precision.

    Raises ValueError if they differ in length or are not finite.
    """
    a = finite_array("a", a, "n")
    b = finite_array("b", b, len(a))
    if len(a) == 0 or any(np.std(v) <= 1e-5 * np.abs(np.mean(v)) for v in (a, b)):
        return 0.0
    return float(np.mean((a - np.mean(a)) * (b - np.mean(b))) / (np.std(a) * np.std(b)))


def _constant(target):
    return np.std(target) <= 1e-12 * np.abs(np.mean(target))


def _exponents(inputs, order):
    """Exponents (p, inputs) of the monomials of degree 1 to order, e.g. (2, 0), (1, 1), (0, 2)."""
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise ValueError(f"order must be a positive integer, got {order!r}")
    return np.array([np.bincount(factors, minlength=inputs)
                     for degree in range(1, order + 1)
                     for factors in combinations_with_replacement(range(inputs), degree)])


def _monomials(x, exponents):
    """Features (n, p): each monomial is one of a degree less, already there, times one input."""
    columns = np.empty((len(exponents), len(x)))
    place = {}
    for j, powers in enumerate(map(tuple, exponents)):
        place[powers] = j
        last = max(i for i, power in enumerate(powers) if power)
        lower = powers[:last] + (powers[last] - 1,) + powers[last + 1:]
        columns[j] = columns[place[lower]] * x[:, last] if any(lower) else x[:, last]
    return columns.T


def _solve(gram, moment, alpha):
    """Solve (gram + alpha) c = moment, where gram (p, p) and moment (p,) belong to centred features."""
    matrix = gram + alpha * np.eye(len(gram))
    # With every feature scaled to length one, high and low orders weigh alike in the conditioning; where
    # the solution is unique, it is the same. A constant feature, of length zero, keeps its scale.
    scale = np.sqrt(matrix.diagonal())
    scale[scale == 0] = 1
    return np.linalg.lstsq(matrix / np.outer(scale, scale), moment / scale, rcond=None)[0] / scale


# -------------------------------------------------------------------------------------- hierarchy

@dataclass(frozen=True)
class Polynomial:
    """One fit of f by a polynomial, with its scores (training, test)."""
    inputs: tuple[str, ...]
    exponents: np.ndarray                                # (p, d)
    coefficients: np.ndarray                             # (p,)
    intercept: float
    r2: tuple[float, float]

    def terms(self):
        """Coefficients by name, e.g. {"t^2": -27.4, "x*y": 0.1}."""
        return {monomial_name(self.inputs, powers): float(c) for powers, c in zip(self.exponents, self.coefficients)}

    def __str__(self):
        """The paper's first line: terms in the order of their coefficients, of many the first and last, as eq. (11)."""
        ordered = sorted([("", self.intercept), *self.terms().items()], key=lambda term: term[1])
        decimals = _decimals(max(abs(c) for _, c in ordered), digits=4, least=2)
        parts = [(f"{abs(c):.{decimals}f}{readable(name)}", c) for name, c in ordered]
        if len(parts) > 16:
            parts[8:-8] = [("...", 1)]
        return _signed_sum(parts)


def hierarchy(x, f, x_test, f_test, inputs, orders=ORDERS, alpha=ALPHA):
    """Fit f (n,) by polynomials in x (n, d) of each order; returns {order: Polynomial}.

    The sums over samples are taken block by block, so that memory does not grow with n, and once for
    all orders: features of lower degree come first, so lower orders are leading blocks of the highest.
    """
    x, x_test = finite_array("x", x, "n", len(inputs)), finite_array("x_test", x_test, "n", len(inputs))
    f, f_test = finite_array("f", f, len(x)).astype(float), finite_array("f_test", f_test, len(x_test)).astype(float)
    if len(x) == 0 or len(x_test) == 0 or not 0 <= alpha < np.inf:
        raise ValueError(f"x and x_test must hold samples, alpha must not be negative; got {len(x)}, {len(x_test)} and {alpha}")
    exponents = _exponents(len(inputs), max(orders))
    # Taken about the mean of the first block, which is near enough to the mean to lose no digits by moving there.
    near = _monomials(x[:BLOCK], exponents).mean(axis=0)
    total, gram, moment = np.zeros(len(near)), np.zeros((len(near), len(near))), np.zeros(len(near))
    for phi, target in _blocks(x, f - f.mean(), exponents):
        phi -= near
        total += phi.sum(axis=0)
        gram += phi.T @ phi
        moment += phi.T @ target
    mean = near + total / len(x)
    gram -= np.outer(total, total) / len(x)

    solutions = np.zeros((len(mean), len(orders)))       # one column per order, zero above its degree
    sizes = [int(np.sum(exponents.sum(axis=1) <= order)) for order in orders]
    for column, p in enumerate(sizes):
        solutions[:p, column] = _solve(gram[:p, :p], moment[:p], alpha)
    intercepts = f.mean() - mean @ solutions

    prediction = np.concatenate([phi @ solutions for phi, _ in _blocks(x_test, f_test, exponents)]) + intercepts
    test = [float(r2_score(f_test, column)) for column in prediction.T]
    # The same for the training set, where the sums say it: |t - phi c|^2 = |t|^2 - 2 c (phi t) + c (phi phi) c.
    training = np.zeros(len(orders))
    if not _constant(f):
        training = np.sum(solutions * (2 * moment[:, None] - gram @ solutions), axis=0) / np.sum((f - f.mean())**2)
    return {order: Polynomial(tuple(inputs), exponents[:p], solutions[:p, i], float(intercepts[i]),
                              (float(training[i]), test[i]))
            for i, (order, p) in enumerate(zip(orders, sizes))}


def optimal_order(polynomials, gain=0.01, least=0.5):
    """The lowest order beyond which no higher one raises the test score by `gain` or more.

    None if no order reaches a test score of `least`: then f is no polynomial of this kind at all.
    """
    best = max(polynomial.r2[1] for polynomial in polynomials.values())
    if best < least:
        return None
    return min(order for order, polynomial in polynomials.items() if best - polynomial.r2[1] < gain)


def _blocks(x, f, exponents):
    for start in range(0, len(x), BLOCK):
        yield _monomials(x[start:start + BLOCK], exponents), f[start:start + BLOCK]


# ---------------------------------------------------------------------------------------- formula

@dataclass(frozen=True)
class Formula:
    """The paper's second line: groups of terms of equal magnitude, and what was left out."""
    groups: list                                         # (factor, {name: sign}) by falling magnitude
    intercept: float
    spread: float                # largest deviation of a coefficient from its group's, relative to it
    dropped: tuple = field(default=("", 0.0))            # largest term left out: name, coefficient / |first factor|

    def __str__(self):
        largest = abs(self.groups[0][0])
        decimals = _decimals(largest, digits=3, least=0)
        parts = []
        for factor, signs in self.groups:
            inside = _signed_sum((readable(name), sign) for name, sign in signs.items())
            parts.append((f"{abs(factor):.{decimals}f} " + (inside if len(signs) == 1 else f"({inside})"), factor))
        if abs(self.intercept) > 0.01 * largest:
            parts.append((f"{abs(self.intercept):.{decimals}f}", self.intercept))
        return "f ≈ " + _signed_sum(parts)


def group_terms(terms, intercept=0.0, tolerance=0.1, drop=0.1):
    """Group {name: coefficient} into a Formula, with no knowledge of the answer.

    Terms below `drop` times the largest are left out. Of the others, by falling magnitude, those
    within `tolerance` of the first of their group share a factor, their mean magnitude. The factor
    has the sign of the majority, or of the first term where there is none, as in eqs. (5) to (12).
    Raises ValueError if there are no terms, only zeros, or one that is not finite.
    """
    finite_array("terms", list(terms.values()), "n")
    magnitudes = sorted(terms, key=lambda name: -abs(terms[name]))
    if not magnitudes or terms[magnitudes[0]] == 0:
        raise ValueError("terms must hold at least one coefficient that is not zero")
    largest = abs(terms[magnitudes[0]])
    kept = [name for name in magnitudes if abs(terms[name]) >= drop * largest]
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
    rest = magnitudes[len(kept):]
    dropped = (rest[0], terms[rest[0]] / abs(groups[0][0])) if rest else ("", 0.0)
    return Formula(groups, float(intercept), spread, dropped)


def monomial_name(inputs, powers):
    """Name of a monomial, e.g. "t^2" or "x*y"."""
    return "*".join(name if power == 1 else f"{name}^{power}" for name, power in zip(inputs, powers) if power)


def readable(name):
    """A monomial's name as in print: t², xy, x v_y."""
    for digit, superscript in zip("23456789", "²³⁴⁵⁶⁷⁸⁹"):
        name = name.replace("^" + digit, superscript)
    return name.replace("*", "" if all(len(factor.rstrip("²³⁴⁵⁶⁷⁸⁹")) == 1 for factor in name.split("*")) else " ")


def _signed_sum(parts):
    """Join (text, value) into "-a + b - c", the sign being that of the value."""
    text = " ".join(("- " if value < 0 else "+ ") + part for part, value in parts)
    return text[2:] if text.startswith("+") else "-" + text[2:]


def _decimals(largest, digits, least):
    """Decimals that show `digits` significant digits of the largest number, at least `least`."""
    return least if largest == 0 else max(least, digits - 1 - int(np.floor(np.log10(largest))))
