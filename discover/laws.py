"""The search for conserved quantities of data as people measure them.

One question decides: is chi^2 per degree of freedom of a combination of features, mu, below
1 + Z sqrt(2 / dof), in the fit and on classes that took no part? (eigenproblem.py) All libraries
(libraries.py) are asked at once; the shortest law that the errors allow comes first, then the next
that is independent. The errors of the readings are, in this order:

    given      by the user, for each reading or column
    digits     those in which the values are written, step / sqrt(12)
    rounding   of doubles, and of a solver: SOLVER of a column's deviation
    fitted     one common level, the least that any law needs, if none of these explains the data

A level that is fitted cannot be tested by mu. Such a law is exact only if what it leaves does not
depend on its own features, class by class, nor on the order of the rows, and if its columns move
far more than the level; all other laws are approximate.
"""

from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from html import escape
from itertools import combinations_with_replacement, count, product
from math import comb

import numpy as np

from discover import notation
from discover.eigenproblem import (MAX_VALUES, ROUNDS, Features, Sample, eigenpairs, loss_without,
                                   minimal_sets, sharpest, sparse_directions, weights_of)
from discover.expressions import LARGEST, Expression
from discover.libraries import factors, make_libraries, unite
from support.checks import finite_array

Z = 5                               # standard deviations of mu, and of a coefficient, by chance
SOLVER = 1e-6                       # error of a reading, of its column's deviation: a solver's
SCREEN = 1.5                        # times Z, before the rows have a law's weights
MAX_LAMBDA = 0.3                    # of a law; from 0.5 on it is a relation of all data
MAX_LEVEL, MAX_SAID = 0.03, 0.2     # of fitted errors: of what is counted, and of what is said
SLOW = 0.15                         # lambda of a column that hardly varies within classes
MIN_TRAINING, MIN_TEST = 8, 4       # classes of several members
IDENTITY = 1e-10                    # variance of a sum that is a number, as sin^2 + cos^2
MAX_CANDIDATES = 1000               # sets of features that are looked at, the shortest first
MAX_TRIALS = 200                    # fits with weights among them
LAST = 1000.0                       # of cost: after all others
FAR = 30                            # interquartile ranges off the median: no first fit with these
MAX_OUTLIERS = 0.1                  # of the rows, which may break a law of all others
ROUNDS_OF_TRIMMING = 8


@dataclass(frozen=True)
class Law:
    """A conserved quantity; of samples (n, d) it gives values (n,) and derivatives (n, d)."""
    terms: dict[str, float]             # feature: coefficient
    expression: str                     # as Expression reads it, and Python with ** for ^
    function: Expression                # the same, to be called
    library: str
    within: float                       # lambda on classes that took no part
    within_training: float
    errors: dict[str, float]            # standard errors of the coefficients
    numbers: tuple                      # the coefficients, Fractions where these fit
    fractions: tuple                    # the features, see libraries.factors
    chi2: float = 0.0                   # mu on classes that took no part
    chi2_training: float = 0.0
    source: str = "rounding"            # of the errors
    level: float | None = None          # of fitted errors
    verdict: str = "approximate"        # or "exact"
    function_of: tuple[int, ...] = ()   # which laws determine it, if it is not independent

    def __call__(self, x):
        return self.function(x)

    @property
    def python(self):
        """The law as Python computes it, with the functions' names from NumPy."""
        return self.expression.replace("^", "**")

    @property
    def sympy(self):
        """The law as sympy.sympify reads it."""
        return self.python.replace("arctan(", "atan(").replace("abs(", "Abs(")

    @property
    def text(self):
        """The law as it is printed: "v_x²/2 + v_y²/2 - 1/r"."""
        return notation.text(self.numbers, self.fractions)

    @property
    def latex(self):
        """The law in LaTeX's mathematics."""
        return notation.latex(self.numbers, self.fractions)

    @property
    def evidence(self):
        """How well the law holds, in words that follow it."""
        chi2 = f"chi^2 per degree of freedom {self.chi2:.2f} on held-out classes"
        if self.source == "rounding" and self.verdict == "exact":
            power = int(np.ceil(np.log10(max(self.within, 1e-30))))
            return f"exact: lambda < 1e{min(power, -6):d} on held-out classes"
        if self.verdict == "exact" and self.source != "fitted":
            known = "errors given" if self.source == "given" else "digits of the file"
            return f"within the {known}: {chi2}"
        if self.level is None:
            return f"approximately: lambda = {self.within:.1e} on held-out classes"
        needed = f"if readings have errors of {self.level:.2%} of each column's deviation"
        if self.verdict == "exact":
            return needed.replace("%", " %")
        return f"approximately: lambda = {self.within:.1e} on held-out classes, " \
               + needed.replace("%", " %")


@dataclass
class Laws:
    """What was found, in the order in which it is printed, and sentences on what was left out."""
    laws: list[Law] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    level: float | None = None          # of fitted errors, of each column's deviation
    source: str = "rounding"            # of the errors: given, digits, rounding, fitted

    @property
    def independent(self):
        """How many of the laws are independent and exact."""
        return sum(not law.function_of and law.verdict == "exact" for law in self.laws)

    def __str__(self):
        lines = [f"{law.text}    {law.evidence}" for law in self.laws] or ["no law"]
        return "\n".join(lines + self.notes)

    def _repr_html_(self):
        rows = [(f"${law.latex}$", law.evidence) for law in self.laws] or [("no law", "")]
        cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>{notes}"


def find(x, classes, x_test, classes_test, names, features=(), given=(), angles=None,
         positive=None, kinds=(), errors=None, errors_test=None, degrees=()):
    """Laws of observations x (N, d) with class labels (N,), judged on other classes.

    x_test (M, d), classes_test (M,): observations of classes that take no part in the search.
    names: of the columns. features: texts of functions that a law may hold. given: Expressions
    known to be conserved or fixed; what follows from them is no law. angles, positive: names of
    such columns, recognised from the data by default. kinds: of libraries.KINDS, the only ones
    tried. errors (N, d), errors_test (M, d): standard deviations of the readings, NaN where they
    are not known. degrees: names of columns in degrees. Raises ValueError if an argument has
    another shape or a value that is not finite, a name or expression is not allowed, or there are
    too few classes.
    """
    names = tuple(names)
    x, x_test = check(x, classes, x_test, classes_test, names)
    both = np.vstack([x, x_test])
    known, source = reading_errors(both, errors, errors_test)
    train = Sample(x, np.asarray(classes), known[:len(x)])
    test = Sample(x_test, np.asarray(classes_test), known[len(x):])
    libraries, waves, notes = make_libraries(both, names, features, angles, positive, kinds, degrees)
    libraries, waves = (supported(each, train, both, notes) for each in (libraries, waves))
    given = [Expression(known.name, names) for known in given]
    result = Laws(notes=warn_of_slow_columns(train, names) + notes, source=source)
    if not libraries:
        return result
    search = Search(train, test, names, libraries, given)
    result.laws = search.run(source)
    if not search.has_motion(result.laws) and waves:
        more = Search(train, test, names, waves, given).run(source, result.laws)
        result.laws = more if search.has_motion(more) else result.laws
    if not search.has_motion(result.laws):
        odd = search.outliers()
        if odd is not None:
            clean = [each.part(~out) for each, out in zip((train, test), odd)]
            again = Search(*clean, names, libraries, given)
            laws = again.run(source)
            if again.has_motion(laws):
                result.laws = laws
                result.notes.append(describe_outliers(names, (train, test), odd))
    if not search.has_motion(result.laws):
        fitted, level = search.fit_level(result.laws)
        if fitted:
            result.laws, result.level, result.source = fitted, level, "fitted"
    return result


def supported(libraries, train, x, notes):
    """The libraries for which there are rows enough; others are noted."""
    few = [each for each in libraries if train.freedom < 3 * len(each.names)]
    notes += [f"too few observations for {each.title}, {len(each.names)} features" for each in few]
    return [each for each in libraries if each not in few and each.bounded(x).any()]


def describe_outliers(names, samples, odd):
    """A sentence on the rows that were left out: masks (n,) for each sample."""
    first = np.vstack([sample.x[out] for sample, out in zip(samples, odd)])[0]
    where = ", ".join(f"{name} = {value:.4g}" for name, value in zip(names, first))
    return (f"left out {sum(map(np.sum, odd))} of the observations, which break a law of all "
            f"others; look whether they are measurements, the first: {where}")


def find_in_arrays(x, group, names=None, errors=None):
    """The Laws of observations x (n, d) whose classes are group (n,): for notebooks.

    names: of the columns, by default those of a table or x1, x2, ... errors: standard deviations
    (n, d), or one for each column (d,). A quarter of the classes is held out. Raises ValueError as
    `find` does.
    """
    names = list(getattr(x, "columns", ())) if names is None else list(names)
    x = finite_array("x", np.asarray(x), "n", "d").astype(float)
    group = np.unique(np.asarray(group), return_inverse=True)[1].ravel()
    if len(group) != len(x):
        raise ValueError(f"group must name the class of each of the {len(x)} rows")
    names = names or [f"x{i + 1}" for i in range(x.shape[1])]
    if errors is not None:
        errors = np.broadcast_to(np.asarray(errors, float), x.shape)
    counted = np.random.default_rng(0).permutation(group.max(initial=0) + 1)
    held = np.isin(group, counted[:max(MIN_TEST, len(counted) // 4)])
    parts = (None, None) if errors is None else (errors[~held], errors[held])
    return find(x[~held], group[~held], x[held], group[held], names, errors=parts[0],
                errors_test=parts[1])


def check(x, classes, x_test, classes_test, names):
    """x and x_test as floats; ValueError where `find` cannot use them."""
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name")
    checked = []
    for what, name, fewest, values, labels in (
            ("training", "", MIN_TRAINING, x, classes),
            ("test", "_test", MIN_TEST, x_test, classes_test)):
        checked.append(finite_array("x" + name, values, "n", len(names)).astype(float))
        labels = finite_array("classes" + name, labels, len(checked[-1]))
        several = np.count_nonzero(np.unique(labels, return_counts=True)[1] > 1)
        if several < fewest:
            raise ValueError(f"{fewest} {what} classes of several observations are needed, "
                             f"and there are {several}")
    if np.intersect1d(classes, classes_test).size:
        raise ValueError("a class has observations in both the training and the test data")
    return checked


def warn_of_slow_columns(train, names):
    """A sentence on columns that hardly vary within classes."""
    shares = zip(names, train.share(train.x))
    slow = [f"{name} ({share:.1%})" for name, share in shares if 1e-20 < share < SLOW]
    return [f"little of the variance lies within classes for {', '.join(slow)}: what varies slowly "
            "looks conserved, and a longer stretch of each class would tell"] if slow else []


# ------------------------------------------------------------------------- the errors of readings

def reading_errors(x, errors, errors_test):
    """Standard deviations (n, d) of all readings, and their source."""
    rounding = np.hypot(SOLVER * x.std(axis=0), np.finfo(float).eps * np.abs(x))
    digits = np.stack([digit_errors(column) for column in x.T], axis=1)
    found = np.hypot(np.nan_to_num(digits), rounding)
    source = "digits" if np.any(np.nan_to_num(digits) > rounding) else "rounding"
    if errors is None or errors_test is None:
        return found, source
    known = np.vstack([np.asarray(errors, float), np.asarray(errors_test, float)])
    if known.shape != x.shape or np.any(known < 0):
        raise ValueError(f"errors must be standard deviations of {x.shape[1]} columns, 0 or more")
    if not np.any(known > 0):
        return found, source
    return np.where(np.isfinite(known), np.hypot(np.nan_to_num(known), rounding), found), "given"


def digit_errors(column):
    """step / sqrt(12) of each of the values (n,) that all have few digits, else NaN.

    Values are written either with one number of decimals or with one of significant digits: as
    more of them have, since the last digit is 0 in a tenth. Whole numbers below 10 or so are
    labels and counts, without an error.
    """
    if np.abs(column).max() < 1e38 and np.array_equal(column.astype(np.float32), column):
        single = np.spacing(np.abs(column).astype(np.float32)) / np.sqrt(12)
    else:
        single = np.full(len(column), np.nan)
    size = np.abs(column[column != 0])
    if not len(size):
        return single
    power = np.floor(np.log10(size)).astype(int)
    digits = np.full(len(size), 16)
    for n in range(12, 0, -1):
        scaled = size * 10.0**(n - 1 - power)
        digits[np.abs(scaled - np.round(scaled)) <= 1e-15 * scaled] = n
    decimals, longest = digits - 1 - power, digits.max()
    if longest > 12:
        return single
    fixed = np.mean(decimals == decimals.max()) >= np.mean(digits == longest)
    steps = np.full(len(column), 10.0**-decimals.max())
    if not fixed:
        steps[:] = 10.0**(power.min() - longest + 1)
        steps[column != 0] = 10.0**(power - longest + 1)
    if fixed and decimals.max() == 0 and column.std() < 10:
        return np.full(len(column), np.nan)
    return steps / np.sqrt(12)


# --------------------------------------------------------------------------------- the search

def depends(sample, rest, weights, columns):
    """Whether what a law leaves (n,) depends on columns (n, k) in some classes: an F test.

    The slopes differ from class to class; classes that are too small for them take no part.
    """
    root = np.sqrt(weights)
    inside = sample.within(columns / columns.std(axis=0).clip(1e-300), weights) * root[:, None]
    axes, sizes = np.linalg.svd(inside, full_matrices=False)[:2]
    axes = axes[:, sizes > 0.01 * np.sqrt(weights.sum())]
    ends, size = sample.starts + sample.sizes, 0
    explained = left = freedom = 0.0
    for start, end in zip(sample.starts, ends):
        k = min(axes.shape[1], (end - start - 2) // 2)
        if k < 1:
            continue
        basis, own = axes[start:end, :k], (rest * root)[start:end]
        c, _, k, _ = np.linalg.lstsq(basis, own, rcond=0.05)
        fitted = basis @ c
        explained, left = explained + fitted @ fitted, left + np.sum((own - fitted)**2)
        size, freedom = size + k, freedom + end - start - 1 - k
    if size == 0:
        return False
    ratio = explained / size / max(left / freedom, 1e-300)
    return ratio > 1 + Z * np.sqrt(2 / size + 2 / freedom)


def distinct(values, costs):
    """Features (an index) of values (n, p) that vary and are no multiple of a cheaper one."""
    square, varies = np.abs(values.T @ values) / len(values), values.any(axis=0)
    order = np.argsort(costs, kind="stable")
    twins = np.triu(square[np.ix_(order, order)] > 1 - 1e-13, 1).any(axis=0)
    return np.sort(order[~twins & varies[order]])


@dataclass
class Fit:
    """A combination of features, fitted with its own weights, and how well it holds."""
    terms: np.ndarray                   # (k,)
    c: np.ndarray                       # (k,), of features of deviation 1
    errors: np.ndarray                  # (k,)
    mu: float
    held: float                         # mu on held-out classes
    share: float                        # lambda, the larger of both samples


class Search:
    """All features on both samples, and what is known so far."""

    def __init__(self, train, test, names, libraries, given):
        self.names, self.given, self.whole = names, given, (train, test)
        library, groups = unite(libraries)
        bounded = library.bounded(train.x) & library.bounded(test.x)
        place = np.cumsum(bounded) - 1
        self.library = library.part(bounded)
        self.titles = [each.title for each in libraries]
        self.groups = [place[group[bounded[group]]] for group in groups]
        rows = MAX_VALUES // max(1, len(self.library.exponents) * len(names))
        self.train = Features(self.library, train.some(rows))
        self.test = Features(self.library, test.some(rows // 3), self.train)
        self.costs = self.library.costs
        used = distinct(self.train.values, self.costs)
        self.groups = [group[np.isin(group, used)] for group in self.groups]
        self.points = np.unique(np.linspace(0, len(self.train.values) - 1, 100).astype(int))
        self.slopes = self.train.slopes[self.points]                            # (m, d, p)
        self.moving = np.isfinite(self.train.scale)
        self.shares = self.train.sample.share(self.train.sample.x)
        self.constant = ~self.moving | (self.shares < 1e-20)

    def has_motion(self, laws):
        """Whether a law holds that is more than a constant beside the motion."""
        return any(law.verdict == "exact" and np.any(law(self.whole[0].x[:50])[1][:, ~self.constant])
                   for law in laws)

    # ------------------------------------------------------------------ candidates

    def candidates(self, level):
        """Sets of features, {terms: cost}, on which some mu is near the level; W and N.

        Those within the limit, and those as near as half of all laws are: of these a set that is
        too small for a law, but not by much, is no part.
        """
        (w, n), found = self.moments, {}
        unit = 1 / np.sqrt(np.diag(w) + np.diag(n))
        for group, z in product(self.groups, (1.5 * Z, 0.6 * Z, 0.2 * Z)):
            limit = level * (1 + z * np.sqrt(2 / self.train.sample.freedom))
            group = group[self.usable[group]]
            part = (w - limit * n)[np.ix_(group, group)] * np.outer(unit[group], unit[group])
            if len(group) == 0 or np.linalg.eigvalsh(part)[0] > 0:
                continue
            sets = [tuple(np.sort(group[list(each)])) for each in minimal_sets(part)]
            found.update((each, self.cost(each)) for each in sets)
            if z > Z:
                rest = self.without(group, sets)
                for terms in (*self.long_sets(rest, limit), self.eliminate(rest, limit)):
                    if 0 < len(terms) <= self.longest:
                        found[terms] = self.cost(terms)
        return found, w, n

    def cost(self, terms):
        return float(self.costs[list(terms)].sum())

    def without(self, group, sets):
        """The features of a group without the dearest of each set: no set is left in it."""
        banned = set()
        for each in sorted(sets, key=self.cost):
            if not banned.intersection(each):
                banned.add(max(each, key=lambda i: (self.costs[i], i)))
        return np.array([i for i in group if i not in banned], int)

    def long_sets(self, group, limit):
        """Sets of more features than minimal_sets looks at: sparse directions of low mu."""
        if len(group) < 2:
            return
        w, n = (each[np.ix_(group, group)] for each in self.moments)
        mu, directions = eigenpairs(w, n)
        if mu[0] >= limit:
            return
        part = self.train.part(group)
        if mu[0] > 0.1 * limit:                         # else any weights will do
            w, n = part.covariances(weights_of(part.variances(directions[:, 0])))
            mu, directions = eigenpairs(w, n)
        low = np.clip(np.count_nonzero(mu < limit), 1, 30)
        span = directions[:, :low] / np.linalg.norm(directions[:, :low], axis=0)
        weight = np.linalg.norm(np.linalg.qr(span)[0], axis=1)
        anchors = np.argsort(-weight)[:20 if low > 1 else 1]
        for row in sparse_directions(span, anchors):
            terms = np.argsort(-np.abs(row))[:40]
            terms = terms[np.abs(row[terms]) > 1e-6 * np.abs(row).max()]
            terms = self.shorten(terms, w, n, self.costs[group])
            yield tuple(sorted(int(i) for i in group[terms]))

    def eliminate(self, group, limit):
        """The last set of a group's features within the limit, as one after another is left out.

        Those go first whose loss is least. The rows have the weights of the law before.
        """
        chosen, (w, n) = np.arange(len(group)), self.moments
        w, n = w[np.ix_(group, group)], n[np.ix_(group, group)]
        part = self.train.part(group)
        for _ in range(ROUNDS):
            terms, best = np.arange(len(group)), None
            while len(terms):
                mu, directions = eigenpairs(w[np.ix_(terms, terms)], n[np.ix_(terms, terms)])
                if mu[0] > limit:
                    break
                best = terms, directions[:, 0]
                order = np.argsort(loss_without(mu, directions) if len(terms) > 1 else [0.0])
                terms = np.sort(terms[order[max(1, (len(terms) - 30) // 5):]])
            if best is None:
                return ()
            chosen, few = best[0], part.part(best[0])
            if mu[0] < 0.1 * limit:                     # any weights will do
                break
            w, n = part.covariances(weights_of(few.variances(best[1])))
        return tuple(sorted(int(i) for i in group[chosen]))

    @property
    def longest(self):
        """How many terms a law may have that is no mere fit."""
        return max(12, 3 * np.count_nonzero(self.moving))

    def shorten(self, terms, w, n, costs):
        """Of an index of terms those whose loss is more than chance, the dearest gone first."""
        freedom = self.train.sample.freedom
        while len(terms) > 1:
            mu, directions = eigenpairs(w[np.ix_(terms, terms)], n[np.ix_(terms, terms)])
            loss = loss_without(mu, directions) * freedom / max(mu[0], 1e-3)
            if loss.min() > Z**2:
                break
            free = np.flatnonzero(loss <= max(1e-3, loss.min()))
            terms = np.delete(terms, free[np.argmax(costs[terms[free]])])
        return terms

    # ------------------------------------------------------------------ fits

    def fit(self, terms):
        """The Fit of a tuple of terms."""
        terms = np.array(terms)
        train = self.train.part(terms)
        c, mu, errors = train.fit(self.first)
        held, share = self.test.part(terms).judge(c)
        share = max(share, train.judge(c)[1])
        if np.var(train.values @ c) < IDENTITY * (c @ c):
            share = 1.0
        return Fit(terms, c, errors, float(mu), held, float(share))

    def allows(self, fit, level=1.0):
        """Whether errors of this level explain all that varies within classes."""
        limits = [1 + Z * np.sqrt(2 / each.sample.freedom) for each in (self.train, self.test)]
        return fit.mu <= level * limits[0] and fit.held <= level * limits[1]

    def slope(self, terms, c):
        """Derivatives (m, d) at points, in units of the columns' deviations."""
        return self.slopes[:, :, terms] @ c

    def missing(self, fit, level):
        """A feature that a law lacks: with it chi^2 falls by more than Z^2, or None."""
        train, terms = self.train, fit.terms
        sample, v = train.sample, train.part(terms).variances(fit.c)
        weights = weights_of(v)
        free = weights * (1 - weights / sample.sums(weights))
        size, k = free.sum(), len(terms)
        inside = sample.within(train.values, weights)
        w = (inside[:, terms] * weights[:, None]).T @ inside / size             # (k, p)
        w_own = weights @ inside**2 / size
        n, n_own = np.zeros_like(w), np.zeros(len(w_own))
        for at in range(0, len(free), 500):
            part = train.slopes[at:at + 500] * train.errors[at:at + 500, :, None]
            part *= np.sqrt(free[at:at + 500])[:, None, None]
            part = part.reshape(-1, part.shape[2])
            n += part[:, terms].T @ part / size
            n_own += np.sum(part**2, axis=0) / size
        mu, u = eigenpairs(w[:, terms], n[:, terms] + 1e-15 * np.eye(k))
        border = u.T @ (w - mu[0] * n)                                          # (k, p)
        own = w_own - mu[0] * n_own
        own -= np.sum(border[1:]**2 / np.maximum(mu[1:] - mu[0], 1e-30)[:, None], axis=0)
        certain = own > 3 * level * n_own + 1e-12 * w_own
        certain[terms] = False
        gain = np.where(certain, border[0]**2 / np.maximum(own, 1e-300), 0)
        best = int(np.argmax(gain))
        return best if gain[best] * sample.freedom > Z**2 * max(level, mu[0]) else None

    # ------------------------------------------------------------------ what follows from what

    def is_new(self, slope, known):
        """Whether derivatives (m, d) are no combination of those known, a list of such."""
        tolerance = np.clip(3 * np.median(self.train.errors[:, self.moving]) * self.amplitude,
                            0.01, 0.03)
        size = np.linalg.norm(slope, axis=1)
        rest = slope.copy()
        for basis in known:
            rest -= np.sum(rest * basis, axis=1)[:, None] * basis
        return np.median(np.linalg.norm(rest, axis=1) / np.maximum(size, 1e-300)) > tolerance

    @staticmethod
    def remember(slope, known):
        """Add derivatives (m, d) to the orthonormal ones that are known."""
        rest = slope.copy()
        for basis in known * 2:
            rest -= np.sum(rest * basis, axis=1)[:, None] * basis
        known.append(rest / np.maximum(np.linalg.norm(rest, axis=1), 1e-300)[:, None])

    def is_polynomial(self, fit, fits):
        """Whether a law is a polynomial of others, as far as its lambda lets one tell."""
        if not fits:
            return False
        z = np.stack([self.train.values[:, each.terms] @ each.c for each in fits], axis=1)
        z = (z - z.mean(axis=0)) / z.std(axis=0)
        most = len(self.train.sample.sizes) / 5
        order = max((n for n in (2, 3, 4) if comb(z.shape[1] + n, n) <= most), default=1)
        columns = [np.prod(z[:, list(each)], axis=1) for n in range(order + 1)
                   for each in combinations_with_replacement(range(z.shape[1]), n)]
        basis, values = np.stack(columns, axis=1), self.train.values[:, fit.terms] @ fit.c
        rest = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
        return np.var(rest) < max(1e-4, 5 * fit.share) * np.var(values)

    # ------------------------------------------------------------------ the laws

    def is_relation(self, terms, level):
        """Whether all that a combination of features varies by, on all data, is errors."""
        fit, train = self.fit(terms), self.train.part(list(terms))
        v, values = train.variances(fit.c), train.values @ fit.c
        w = weights_of(v)
        total = np.average((values - np.average(values, weights=w))**2, weights=w)
        return total < 2 * level * np.average(v, weights=w)

    def measure(self, errors=None):
        """Make W and N of all features; errors: of the columns (d,), in their deviations."""
        for features in (self.train, self.test):
            if errors is not None:
                features.errors = np.ones_like(features.errors) * errors
        self.first = self.train.first_weights()
        self.moments = self.train.covariances(self.first)

    def queue(self, level):
        """Candidates (cost, number, terms, c, slope) as a heap; relations on all data."""
        self.usable, relation = self.train.largest_variances() * level < 3, count()
        found, w, n = self.candidates(level)
        rows = self.first[:, None] / self.first.sum()
        v = (self.train.values - np.sum(self.train.values * rows, axis=0))
        v = (v * rows).T @ v
        heap, relations, number = [], [], count()
        for terms, cost in sorted(found.items(), key=lambda each: each[1])[:MAX_CANDIDATES]:
            ix = np.ix_(terms, terms)
            mu, c = eigenpairs(w[ix], n[ix])
            c, slope = c[:, 0], self.slope(list(terms), c[:, 0])
            share = (c @ w[ix] @ c) / max(c @ v[ix] @ c, 1e-300)
            size = np.mean(np.sum((self.slopes[:, :, list(terms)] * c)**2, axis=(1, 2)))
            steep = np.mean(np.sum(slope**2, axis=1)) / max(size, 1e-300)
            if steep < 1e-6 or c @ v[ix] @ c < IDENTITY * (c @ c):
                continue                                # a number, as sin^2 + cos^2
            if share < 0.5:
                heappush(heap, (cost, next(number), terms, slope, mu[0]))
            # A relation of one column says no more than that it has few values.
            elif (steep > 0.01 and np.count_nonzero(np.abs(slope).max(axis=0) > 0.05 * np.abs(slope).max()) > 1
                  and self.is_new(slope, relations) and next(relation) < 40
                  and self.is_relation(terms, level)):
                self.remember(slope, relations)
        return heap, relations, number

    def run(self, source, before=()):
        """The Laws' list with errors that are known; before: laws of constants, listed again."""
        self.amplitude = 1.0
        self.measure()
        return self.choose(*self.queue(1.0), source, before)

    def choose(self, heap, relations, number, source, before, level=1.0, amplitude=None):
        """Laws of a heap of candidates, the shortest first, then the next that is independent."""
        known, fits, laws, aside, constants, grown, trials = [], [], [], [], [], set(), 0
        points = self.train.sample.x[self.points]
        for law in (*self.given, *(law.function for law in before)):
            self.remember(law(points)[1] * np.where(self.moving, self.train.scale, 0), known)
        for slope in relations:
            if self.is_new(slope, known):
                self.remember(slope, known)
        free = self.moving & ~self.constant
        room = np.count_nonzero(self.moving) - (np.count_nonzero(free) > 1) - len(before)
        while heap and len(fits) < room and trials < MAX_TRIALS:
            cost, _, terms, slope, mu = heappop(heap)
            if not self.is_new(slope, known):
                continue
            trials += 1
            fit = self.fit(terms)
            if fit.share > MAX_LAMBDA or not self.allows(fit, level):
                continue
            slope = self.slope(fit.terms, fit.c)
            if not self.is_new(slope, known):
                continue
            if self.is_polynomial(fit, fits):           # a relation of laws
                self.remember(slope, known)
                continue
            if fit.mu > level * (1 + 2 * np.sqrt(2 / self.train.sample.freedom)):
                fit = self.improve(fit, heap, level)
            terms, slope = tuple(int(i) for i in fit.terms), self.slope(fit.terms, fit.c)
            if terms not in grown:
                longer = self.grow(fit, level)
                if longer is not None:
                    grown.update((terms, longer))
                    heappush(heap, (self.cost(longer), next(number), longer, slope, mu))
                    heappush(heap, (cost + LAST, next(number), terms, slope, mu))
                    continue
            elif cost >= LAST and fits:
                continue
            law = self.name(fit, source, amplitude)
            beside = not np.any(np.abs(slope).max(axis=0)[~self.constant] > 0)
            if source == "fitted" and not beside and (
                    self.follows_from(fit, slope, aside) or self.lack_of_fit(fit, level)):
                aside.append((law, fit, slope))
                continue
            if source == "given" and not beside and self.drifts(fit):
                continue
            self.remember(slope, known)
            fits.append(fit)
            (constants if beside else laws).append(replace(law, verdict="exact"))
        if source == "fitted" and not laws:             # no law has confirmed the level
            constants = []
        return laws + [each[0] for each in aside[:1] if not laws] + list(before) + constants

    def improve(self, fit, heap, level):
        """The Fit, or of those in the heap that say the same the one that says it best.

        Each further term must lower chi^2 by Z^2.
        """
        same = []
        self.remember(self.slope(fit.terms, fit.c), same)
        freedom = self.train.sample.freedom / level
        near = [each for each in heap if len(each[2]) <= len(fit.terms) + 2
                and not self.is_new(each[3], same)]
        near.sort(key=lambda each: (freedom * each[4] + Z**2 * len(each[2]), each[0]))
        fits = [self.fit(each[2]) for each in near[:10]]
        fits = [each for each in fits if each.share < MAX_LAMBDA and self.allows(each, level)]
        return min([fit, *fits], key=lambda each: freedom * each.mu + Z**2 * len(each.terms))

    def follows_from(self, fit, slope, others):
        """Whether a fit is no better than one of others, (law, fit, slope), whose function it is."""
        gain = Z**2 / self.train.sample.freedom
        for _, other, theirs in others:
            known = []
            self.remember(theirs, known)
            if not self.is_new(slope, known) and fit.mu > other.mu * (1 - gain):
                return True
        return False

    def grow(self, fit, level):
        """A fit's terms and those that it lacks, as a sorted tuple, or None if it lacks none."""
        terms = tuple(fit.terms)
        for _ in range(3):
            more = self.missing(fit, level)
            if more is None:
                break
            longer = self.fit((*fit.terms, more))
            if longer.share > MAX_LAMBDA:
                break
            fit = longer
        longer = tuple(sorted(int(i) for i in fit.terms))
        return longer if len(longer) > len(terms) and self.allows(fit, level) else None

    # ------------------------------------------------------------------ a common level of errors

    def fit_level(self, before):
        """Laws with one common level of errors, of each column's deviation, and this level.

        The level is the least that any library needs. A library that needs less than all others
        may do so by a few rows: then the next is tried. before: laws of constants, listed again.
        """
        still = self.constant
        self.measure(~still)
        self.usable = self.train.largest_variances() * MAX_LEVEL**2 / 3 < 1
        guesses, best = [], ([], None)
        for lowest in sorted(map(self.lowest, self.groups)):
            if not guesses or lowest > 1.3 * guesses[-1]:
                guesses.append(max(lowest, SOLVER**2))
        for lowest in guesses[:3]:
            level = np.inf
            if lowest < MAX_SAID**2:
                heap, relations, number = self.queue(lowest)
                level = self.common_level(heap)
            if level < MAX_SAID**2:
                self.amplitude = float(np.sqrt(level))
                self.constant = still | (self.shares < 2 * level)
                laws = self.choose(heap, relations, number, "fitted", before, level, self.amplitude)
                best = best if best[0] else (laws, self.amplitude)
                if self.has_motion(laws):
                    return laws, self.amplitude
        return best

    def common_level(self, heap):
        """The least mu of candidates of several columns, with their own weights."""
        levels, chance = [], Z * np.sqrt(2 / self.test.sample.freedom)
        ranked = sorted(heap, key=lambda each: each[4])[:100] + sorted(heap)[:50]
        for terms in {each[2] for each in ranked}:
            slope = np.abs(self.slopes[:, :, list(terms)]).max(axis=(0, 2)) > 0
            if np.count_nonzero(slope) > 1:             # a single column has nothing to test
                fit = self.fit(terms)
                if fit.share < MAX_LAMBDA:
                    levels.append(max(fit.mu, fit.held / (1 + chance)))
        near = [each for each in levels if each < min(levels) * (1 + chance)]
        return float(np.median(near)) if near else np.inf

    def lowest(self, group):
        """The least mu of a group's features that is a law's, by its lambda.

        The least of p eigenvalues is below 1 by chance, by (1 - sqrt(p / dof))^2.
        """
        group, (w, n) = group[self.usable[group]], self.moments
        if not 0 < len(group) <= self.train.sample.freedom / 8:
            return np.inf
        mu, directions = eigenpairs(w[np.ix_(group, group)], n[np.ix_(group, group)])
        few = directions[:, :20] / np.linalg.norm(directions[:, :20], axis=0)
        values = self.train.values[:, group] @ few
        varies = np.var(values, axis=0) > 1e-6
        laws = varies & (self.train.sample.share(values) < MAX_LAMBDA)
        chance = (1 - np.sqrt(len(group) / self.train.sample.freedom))**2
        return min(mu[:20][laws], default=np.inf) / chance

    def lack_of_fit(self, fit, level):
        """Whether a law's errors are no errors: too large, or not independent of all else.

        What a law leaves must not depend on its own features, class by class, nor on the order of
        the rows; its columns must vary within classes far more than by errors.
        """
        train, sample = self.train.part(fit.terms), self.train.sample
        slopes = train.slopes @ fit.c                                           # (n, d)
        moves = np.mean(slopes**2, axis=0) * ~self.constant
        if self.amplitude > MAX_LEVEL or moves @ self.shares < SLOW * moves.sum():
            return True
        v = train.variances(fit.c)
        w = weights_of(v)
        rest = sample.within(train.values @ fit.c, w)
        # Where errors have moved a row along the law's gradient they are taken back.
        feet = sample.x - np.where(self.moving, self.train.scale, 0) * (
            slopes * train.errors**2 * (rest / np.maximum(v, 1e-300))[:, None])
        own = (train.library.values(feet) - train.mean) / train.deviation
        own = own - np.outer(own @ fit.c, fit.c / (fit.c @ fit.c))      # the law itself is constant
        columns = feet[:, moves > 0]
        return (any(depends(sample, rest, w, each) for each in (own, columns))
                or self.follows_order(rest, w))

    def drifts(self, fit):
        """Whether a law falls or rises along the rows, within its errors."""
        train = self.train.part(fit.terms)
        w = weights_of(train.variances(fit.c))
        return self.follows_order(train.sample.within(train.values @ fit.c, w), w)

    def follows_order(self, rest, weights):
        """Whether what a law leaves (n,) rises or falls along a class, or is like the row before."""
        sample = self.train.sample
        place = np.arange(len(rest)) - sample.starts.repeat(sample.sizes)
        alike = rest * np.sqrt(weights)
        pairs = alike[:-1] * alike[1:]
        pairs[sample.starts[1:] - 1] = 0
        return (depends(sample, rest, weights, place[:, None].astype(float))
                or pairs.sum() > Z * np.sqrt(len(rest)) * np.mean(alike**2))

    # ------------------------------------------------------------------ rows that are wrong

    def outliers(self):
        """Masks (n,) of rows of both whole samples that break a law of all others, or None."""
        train = self.train
        low, middle, high = np.quantile(train.sample.x, [0.25, 0.5, 0.75], axis=0)
        near = np.all(np.abs(train.sample.x - middle) <= FAR * (high - low), axis=1)
        for group in self.groups:
            group = group[self.usable[group]]
            if not 0 < len(group) <= 70:
                continue
            part, kept = train.part(group), near
            for _ in range(ROUNDS_OF_TRIMMING):
                few = part.rows(kept)
                c = eigenpairs(*few.covariances(self.first[kept]))[1][:, 0]
                off = part.distances(c)
                kept = near & ~(off > max(np.quantile(off[near], 1 - MAX_OUTLIERS), 1.0))
            chi2, share = few.judge(c)
            if chi2 < 1 and share < MAX_LAMBDA and 0 < np.mean(off > Z) <= MAX_OUTLIERS:
                masks = [Features(part.library, each, part).distances(c) > Z
                         for each in self.whole]
                return masks if all(np.mean(each) <= 2 * MAX_OUTLIERS for each in masks) else None
        return None

    # ------------------------------------------------------------------ from terms to a Law

    def name(self, fit, source, amplitude=None):
        """The Law of a fit, its coefficients as simple numbers if they are."""
        terms, train = fit.terms, self.train
        order = np.argsort(terms, kind="stable")
        terms, c, errors = terms[order], fit.c[order], fit.errors[order]
        if fit.share < 1e-9 and len(terms) > 1:
            sharp = sharpest(train.values[:, terms], train.sample)
            if train.sample.share(train.values[:, terms] @ sharp) < fit.share:
                size = np.linalg.norm(c) / np.linalg.norm(sharp)
                c = sharp * size * np.sign(sharp @ c)
        deviation = train.deviation[terms]
        powers = self.library.exponents[terms]
        squares = (np.sum(powers != 0, axis=1) == 1) & (np.sum(powers, axis=1) == 2)
        # The largest term comes first: it has 1 where no number is simple.
        first = np.argsort(-np.abs(c), kind="stable")
        each = notation.simple_numbers((c / deviation)[first], (errors / deviation)[first],
                                       squares[first])
        numbers = [number for _, number in sorted(zip(first, each), key=lambda pair: pair[0])]
        factor = float(numbers[0]) * deviation[0] / c[0]
        simple = np.array(numbers, float) * deviation
        share = train.sample.share
        if share(train.values[:, terms] @ simple) > 1.05 * share(train.values[:, terms] @ c) + 1e-18:
            numbers = [float(each) for each in factor * c / deviation]
        if numbers[0] < 0 and len(numbers) == 2 and numbers[1] == -numbers[0]:
            numbers = [-each for each in numbers]
        if numbers[0] < 0:                              # a sum starts with what is positive
            order = np.argsort(np.array(numbers, float) < 0, kind="stable")
            terms, deviation, errors, powers = (
                each[order] for each in (terms, deviation, errors, powers))
            numbers = [numbers[i] for i in order]
        names = [self.library.names[i] for i in terms]
        expression = notation.expression(numbers, [self.library.expressions[i] for i in terms])
        function = Expression(expression, self.names)
        within = [float(each.share(function(each.x)[0])) for each in self.whole]
        title = next(title for title, group in zip(self.titles, self.groups)
                     if np.isin(terms, group).all()) if self.fits_group(terms) else "all"
        unit = 1.0 if amplitude is None else amplitude**2
        return Law(dict(zip(names, map(float, numbers))), expression, function, title,
                   within[1], within[0],
                   dict(zip(names, map(float, np.abs(factor) * errors / deviation))),
                   tuple(numbers), tuple(factors(self.library.labels, row) for row in powers),
                   fit.held / unit, fit.mu / unit, source, amplitude)

    def fits_group(self, terms):
        return any(np.isin(terms, group).all() for group in self.groups)
