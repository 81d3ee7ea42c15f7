"""The search for conserved quantities of data as people measure them.

One question decides: is chi^2 per degree of freedom of a combination of features, mu, below
1 + Z sqrt(2 / dof), in the fit and on classes that took no part? (eigenproblem.py) All libraries
(libraries.py) are asked at once; the shortest law that the errors allow comes first, then the next
that is independent. The errors of the readings are, in this order:

    given      by the user, for each reading or column
    digits     those in which the values are written, step / sqrt(12)
    rounding   of doubles, and of a solver: SOLVER of a column's deviation
    fitted     one common level, the least that any library needs, if none of these gives a law

A fitted level cannot be tested by mu. Such a law is exact only if what it leaves depends neither on
its own features, class by class, nor on the order of the rows; else it is approximate.
"""

from dataclasses import dataclass, replace
from html import escape
from itertools import combinations_with_replacement, product
from math import comb
from unicodedata import normalize

import numpy as np

from discover import notation
from discover.eigenproblem import (MAX_VALUES, Features, Sample, depends, eigenpairs, minimal_sets,
                                   sharpest, shorten, sparse_directions, weights_of)
from discover.expressions import Expression
from discover.libraries import IN_DEGREES, factors, make_libraries, unite
from support.checks import finite_array

# Each limit, and how far it moves until the law of one of 41 to 49 data sets turns (clean, rounded,
# or noisy by 1 %). Where none is named, none turned within the range in brackets.
Z = 5                           # standard deviations by chance: stress at 3, friction at 20
SOLVER = 1e-6                   # error of a reading, of its column's deviation [3e-8, 3e-5]
MAX_LAMBDA = 0.3                # of a law, where white noise has 1 [.08, .95]
MAX_LEVEL = 0.03                # of fitted errors: a circuit at .0075, an adiabatic change at .12
MAX_SAID = 0.2                  # of fitted errors, of what is called approximate [.05, .8]
ALIKE, MAX_GUESSES = 1.3, 2     # mu that agree in a level [1.02, 1.95]; levels tried: ions at 1
SLOW = 0.15                     # lambda of a column that hardly varies [.04, .6]
SHORT = 0.03                    # the same, of columns of which any flow has a law: charges at .06
MIN_MOTION = 100                # its share beside that of errors: salt lakes at 15, charges at 600
FAR_OFF = 3                     # mu of what is no law, errors to second order included [1, 12]
MAX_GIVEN = 2                   # of errors that are given: noise alone has 1
NOTICEABLE = 1e-3               # error, of its column's deviation: a vapour at .01 [1e-4, ]
AT_ZERO, MAX_AT_ZERO = 7, 0.6   # errors from 0: Kepler at 2, diodes at 28; of the rows: at .4
IDENTITY = 1e-10                # variance of a number, as of sin^2 + cos^2: a circuit at 2e-11
MAX_TERMS, MAX_ALONE = 5, 3     # of no polynomial, and in one column: hoops at 2, Morse's at 6
MAX_DIGIT_TERMS = 7             # of no polynomial, by digits: Lyness at 6, powder lines at 12
MAX_OUTLIERS, FAR = 0.1, 4      # of the rows: circles at .03; quartiles off in a first fit, at 30
TRIMMED = 0.62                  # variance of Gaussian errors without the largest tenth [.2, .95]
FEW_VALUES, COARSE = 12, 0.03   # values, and step over deviation, of settings and no readings
MIN_TRAINING, MIN_TEST = 8, 4   # classes of several members, below which nothing is found
MAX_CANDIDATES, MAX_FITS = 1000, 200    # of sets of features: what a search may cost


@dataclass(frozen=True)
class Law:
    """A conserved quantity; of samples (n, d) it gives values (n,) and derivatives (n, d)."""
    terms: dict[str, float]             # feature: coefficient
    expression: str                     # as Expression reads it, and Python with ** for ^
    function: Expression                # the same, to be called
    library: str
    within: float                       # lambda on classes that took no part
    errors: dict[str, float]            # standard errors of the coefficients
    numbers: tuple                      # the coefficients, Fractions where these fit
    fractions: tuple                    # the features, see libraries.factors
    chi2: float = 0.0                   # mu on classes that took no part
    source: str = "rounding"            # of the errors: given (in part), digits, rounding, fitted
    level: float | None = None          # of fitted errors
    verdict: str = "approximate"        # or "exact"

    def __call__(self, x):
        return self.function(x)

    @property
    def python(self):
        """The law as Python computes it, with the functions' names from NumPy."""
        return self.expression.replace("^", "**")

    @property
    def sympy(self):
        """The law for SymPy, after `from sympy import *`."""
        return notation.sympy(self.python, self.function.inputs)

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
        fitted = "" if self.level is None else (
            f"if readings have errors of {100 * self.level:.2g} % of each column's deviation")
        if self.verdict != "exact":
            return ", ".join(filter(None, (
                f"approximately: λ = {self.within:.1e} on held-out classes", fitted)))
        power = int(np.ceil(np.log10(max(self.within, 1e-30))))
        known = {"given": "errors given", "given in part": "errors given",
                 "digits": "digits of the file"}.get(self.source)
        return fitted or (
            f"within the {known}: χ² per degree of freedom {self.chi2:.2f} on held-out classes"
            if known else f"exact: λ < 1e{power:d} on held-out classes")


@dataclass(repr=False)
class Laws:
    """What was found, in the order in which it is printed, and sentences on what was left out."""
    laws: list[Law]
    notes: list[str]

    def __repr__(self):
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
    both, n = np.vstack([x, x_test]), len(x)
    known, source = reading_errors(both, names, errors, errors_test)
    samples = (Sample(x, np.asarray(classes), known[:n]),
               Sample(x_test, np.asarray(classes_test), known[n:]))
    given = [Expression(each.name, names) for each in given]
    slow, laws, searches = warn_of_slow_columns(samples[0], names), [], None
    for fit_level in (False, True):
        samples, near = without_readings_at_zero(samples, names, fit_level)
        if searches is None or near:
            both = np.vstack([each.x for each in samples])
            *libraries, notes = make_libraries(both, names, features, angles, positive, kinds,
                                               degrees)
            notes = slow + notes + near
            searches = [Search(samples, names, each, given, source) for each in (
                [each for each in some if samples[0].freedom >= 2 * len(each.names)
                 and each.bounded(both).any()] for some in libraries) if each]
        if not searches:
            break
        laws = search_for_laws(searches, fit_level, laws)
        has_motion, odd = searches[0].has_motion(laws), searches[0].outliers()
        if odd is not None:
            clean = [each.part(~out) for each, out in zip(samples, odd)]
            search = Search(clean, names, searches[0].libraries, given, source)
            constants = [] if has_motion else [law for law in laws if law.verdict == "exact"]
            others = search_for_laws([search], fit_level, constants)
            # One wrong row makes E - cE^2 of an energy E, with c so that it holds for that row too.
            if search.has_motion(others) and (
                    not has_motion or len(others[0].terms) < len(laws[0].terms)):
                first = np.vstack([each.x[out] for each, out in zip(samples, odd)])[0]
                where = ", ".join(f"{name} = {value:.4g}" for name, value in zip(names, first))
                return Laws(others, [
                    *notes, f"left out {sum(map(np.sum, odd))} of the observations, which break a "
                    "law of all others; look whether they are measurements, the first: " + where])
        if has_motion:
            break
    return Laws(laws, notes)


def search_for_laws(searches, fit_level, before):
    """Laws of the first Search that has some, at known errors or a fitted level, or else before."""
    first = []
    for search in searches:
        laws = search.run_with_level(before) if fit_level else search.run()
        if search.has_motion(laws):
            return laws
        first = first or laws
    return first or before


def find_in_arrays(x, group, names=None, errors=None):
    """The Laws of observations x (n, d) whose classes are group (n,): for notebooks.

    names: of the columns, by default those of a table or x1, x2, ...; of degrees with _deg at their
    ends. errors: standard deviations (n, d), or one for each column (d,). A quarter of the classes
    is held out. Raises ValueError as `find` does.
    """
    names = [*map(str, getattr(x, "columns", ()) if names is None else names)]
    x = finite_array("x", x, "n", len(names) or "d").astype(float)
    names = names or [f"x{i + 1}" for i in range(x.shape[1])]
    masked, given, group = np.ma.is_masked(group), group, np.asarray(group)
    if masked or group.shape != (len(x),) or group.dtype.kind in "OU" and not all(
            isinstance(each, str) for each in given) or not np.all(group == group):
        raise ValueError(f"group must name the class of each of the {len(x)} rows: numbers, none "
                         "of them NaN or masked, or texts")
    group = np.unique(group, return_inverse=True)[1]
    shape = x.shape if np.ndim(errors) > 1 else x.shape[1:]
    errors = np.full(shape, np.nan) if errors is None else finite_array("errors", errors, *shape)
    errors = np.broadcast_to(errors, x.shape)
    counted = np.random.default_rng(0).permutation(group.max(initial=0) + 1)
    held = np.isin(group, counted[:max(MIN_TEST, len(counted) // 4)])
    return find(x[~held], group[~held], x[held], group[held], names, errors=errors[~held],
                errors_test=errors[held],
                degrees=[name for name in names if name.lower().endswith(IN_DEGREES)])


def check(x, classes, x_test, classes_test, names):
    """x and x_test as floats; ValueError where `find` cannot use them."""
    if not names or len({normalize("NFKC", name) for name in names}) < len(names):
        raise ValueError("there is no column, or two columns have the same name")
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


def without_readings_at_zero(samples, names, fit_level):
    """Samples without rows that keep a column from logarithms and quotients; a note on them.

    The column is positive but for its errors, and a row of it is nearer to 0 than these.
    fit_level: whether errors up to MAX_LEVEL are possible in all columns.
    """
    x, errors = (np.vstack([getattr(each, name) for each in samples]) for name in ("x", "errors"))
    deviation, low = x.std(axis=0), x.min(axis=0)
    felt = np.median(errors, axis=0) > NOTICEABLE * deviation
    known = np.where(felt, errors, 0)
    errors = MAX_LEVEL * deviation if fit_level else errors.max(axis=0)
    crossing = (low <= 0) & (felt | (fit_level & (low < 0))) & (low > -Z * errors)
    crossing &= samples[0].share(samples[0].x) > SLOW
    out = (x <= np.maximum(-AT_ZERO / 2 * low, AT_ZERO * known)) & crossing
    columns = out.any(axis=0) & (np.mean(x <= 0, axis=0) < MAX_OUTLIERS)
    rows = out[:, columns].any(axis=1)
    if not rows.any() or np.mean(rows) > MAX_AT_ZERO:
        return samples, []
    first, second = np.split(~rows, [len(samples[0].x)])
    return (samples[0].part(first), samples[1].part(second)), [
        f"left out {rows.sum()} of {len(rows)} observations, in which "
        f"{', '.join(np.array(names)[columns])} is 0 within errors"]


# ------------------------------------------------------------------------- the errors of readings

def reading_errors(x, names, errors, errors_test):
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
    deviation = x.std(axis=0)
    too_large = (deviation > 0) & (
        np.median(np.nan_to_num(known), axis=0) > MAX_GIVEN * deviation)
    if np.any(too_large):
        raise ValueError(f"the errors given for {names[np.argmax(too_large)]} are larger than its "
                         "deviation; give standard deviations in the unit of the column")
    source = "given" if np.isfinite(known).all() else "given in part"
    return np.where(np.isfinite(known), np.hypot(np.nan_to_num(known), rounding), found), source


def digit_errors(column):
    """step / sqrt(12) of each of the values (n,) that all have few digits, else NaN.

    Values are written either with one number of decimals or with one of significant digits: as
    more of them have, since the last digit is 0 in a tenth. Whole numbers that deviate by less than
    10 are labels and counts, without an error, unless they are far from 0, as 285 to 310 K are. Few
    round values, or such that all come as often, are settings, without an error: 10, 20, ... 60 V.
    """
    size, counts = np.abs(column[column != 0]), np.unique(column, return_counts=True)[1]
    if not len(size) or size.max() > 1e38:
        return np.full(len(column), np.nan)
    power = np.floor(np.log10(size)).astype(int)
    digits = np.full(len(size), 16)
    for n in range(12, 0, -1):
        scaled = size * 10.0**(n - 1 - power)
        digits[np.abs(scaled - np.round(scaled)) <= 1e-15 * scaled] = n
    decimals, longest = digits - 1 - power, digits.max()
    if longest > 12:
        single = column.astype(np.float32)
        return np.where(np.array_equal(single, column), np.spacing(single) / np.sqrt(12), np.nan)
    steps = np.full(len(column), 10.0**-decimals.max())
    if np.mean(decimals == decimals.max()) < np.mean(digits == longest):
        steps[column != 0] = 10.0**(power - longest + 1)
    elif decimals.max() == 0 and column.std() < 10 and size.max() < 10 * column.std():
        return np.full(len(column), np.nan)
    come_alike = len(counts) < FEW_VALUES or 0.25 * counts.mean() > max(1, counts.var())
    are_settings = come_alike and np.median(steps) > COARSE * column.std()
    return np.where(are_settings, np.nan, steps / np.sqrt(12))


# ------------------------------------------------------------------------------------- the search

@dataclass
class Fit:
    """A combination c (k,) of the features `terms` (k,), and how well it holds."""
    terms: np.ndarray
    c: np.ndarray                       # of features of deviation 1
    errors: np.ndarray                  # (k,)
    mu: float
    held: float                         # mu on held-out classes
    share: float                        # lambda, the larger of both samples
    slope: np.ndarray                   # (m, d), derivatives at points, by columns / deviation


class Search:
    """The features of all libraries on both samples, and the laws among them."""

    def __init__(self, samples, names, libraries, given, source):
        train, test = self.whole = samples
        self.names, self.libraries, self.given, self.source = names, libraries, given, source
        self.known_source = source
        library, groups = unite(libraries)
        bounded = np.flatnonzero(library.bounded(np.vstack([train.x, test.x])))
        self.library = library.part(bounded)
        rows = MAX_VALUES // (len(bounded) * len(names))
        self.train = Features(self.library, train.some(rows))
        self.test = Features(self.library, test.some(rows // 3), self.train)
        self.costs, self.level = self.library.costs, None
        values = np.array([len(np.unique(column)) for column in train.x.T])     # how many
        self.most_alone = np.maximum((values - 1) // 2, 1)                      # (d,)
        self.points = np.unique(np.linspace(0, len(self.train.values) - 1, 100).astype(int))
        self.slopes = self.train.slopes[self.points]                            # (m, d, p)
        used = bounded[distinct(self.train.values, self.slopes, self.costs)]
        self.groups = [np.searchsorted(bounded, each[np.isin(each, used)]) for each in groups]
        self.moving = self.train.scale > 0
        self.shares = self.train.sample.share(self.train.sample.x)
        self.still = ~self.moving | (self.shares < 1e-20)       # columns without motion
        self.limits = [1 + Z * np.sqrt(2 / each.sample.freedom) for each in (self.train, self.test)]

    def has_motion(self, laws):
        """Whether a law holds that is more than a constant beside the motion."""
        return any(law.verdict == "exact" and np.any(law(self.whole[0].x[:50])[1][:, ~self.still])
                   for law in laws)

    def run(self):
        """The laws with errors that are known."""
        self.measure()
        return self.choose(*self.candidates(1.0))

    def run_with_level(self, before):
        """Laws with one common level of errors, of each column's deviation.

        It is the level on which most libraries agree: one that needs less may do so by a few rows,
        and one that needs more does not hold the law. before: laws of constants, listed again.
        """
        self.source, still, best = "fitted", self.still, []
        for features in (self.train, self.test):
            features.errors = np.ones_like(features.errors) * ~still
        self.measure()
        lowest = []
        for largest in (MAX_LEVEL, MAX_LEVEL / 3):      # where this is the level, more can be used
            self.usable = self.noise * largest**2 < MAX_LAMBDA
            lowest += [max(self.lowest_mu(each), SOLVER**2) for each in self.groups]
        lowest = np.sort(lowest)
        agree = np.searchsorted(lowest, ALIKE * lowest) - np.arange(len(lowest))
        tried = []
        for guess in lowest[np.lexsort([-agree, lowest > MAX_LEVEL**2])]:
            is_tried = any(guess < ALIKE * each and each < ALIKE * guess for each in tried)
            if guess > MAX_SAID**2 or is_tried or len(tried) == MAX_GUESSES:
                continue
            tried.append(guess)
            heap, relations = self.candidates(guess)
            level = self.common_mu(heap)
            if level < MAX_SAID**2:
                self.level = float(np.sqrt(level))
                self.still = still | (self.shares < 2 * level)
                laws = self.choose(heap, relations, before)
                best = best or laws
                if self.has_motion(laws):
                    return laws
        return best

    def measure(self):
        """Make W, N and V of all features, with first weights, and the variances by errors."""
        self.first, self.noise = self.train.first_weights(), self.train.mean_variances()
        w, n = self.train.covariances(self.first)
        values = self.train.values - np.average(self.train.values, axis=0, weights=self.first)
        self.moments = w, n, (values.T * self.first / self.first.sum()) @ values

    # --------------------------------------------------------------------------------- candidates

    def candidates(self, level):
        """Fits of sets of features with mu near the level, the shortest first; relations (m, d).

        Near are those within the limit, and others closer than it: a set that is too small for a
        law, but not by much, is no part of these. Relations hold on all data: they vary by errors.
        """
        (w, n, v), found = self.moments, set()
        self.usable = self.noise * level < MAX_LAMBDA
        unit = 1 / np.sqrt(np.diag(w) + np.diag(n))
        for group, z in product(self.groups, (1.5, 0.4)):
            limit = level * (1 + z * (self.limits[0] - 1))
            group = group[self.usable[group]]
            part = (w - limit * n)[np.ix_(group, group)] * np.outer(unit[group], unit[group])
            if len(group) and np.linalg.eigvalsh(part)[0] < 0:
                sets = [tuple(np.sort(group[list(each)])) for each in minimal_sets(part)]
                found.update(sets)
                if z > 1:
                    found.update(self.long_sets(self.without(group, sets), limit))
        heap, relations, tried = [], [], 0
        for terms in sorted(found, key=lambda each: (self.cost(each), each))[:MAX_CANDIDATES]:
            ix = np.ix_(terms, terms)
            mu, directions = eigenpairs(w[ix], n[ix])
            c = directions[:, 0]
            slope, varies = self.slopes[:, :, terms] @ c, c @ v[ix] @ c
            steep = np.sum(slope**2) / max(np.sum((self.slopes[:, :, terms] * c)**2), 1e-300)
            if steep < IDENTITY or varies < IDENTITY * (c @ c):
                continue                                # a number, as sin^2 + cos^2
            if c @ w[ix] @ c < 0.5 * varies:
                heap.append(Fit(np.array(terms), c, 0 * c, mu[0], np.inf, 0.0, slope))
            # Of one column it says only that it has few values; a multiple of another is not new.
            elif steep > 0.01 and tried < 40 and self.is_new(slope, relations, 0.2) and np.sum(
                    np.abs(slope).max(axis=0) > 0.05 * np.abs(slope).max()) > 1:
                fit, part, tried = self.fit(terms), self.train.part(list(terms)), tried + 1
                if part.chi2_on_all(fit.c) < 2 * level:
                    self.remember(slope, relations)
        return heap, relations

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
        w, n, _ = (each[np.ix_(group, group)] for each in self.moments)
        mu, directions = eigenpairs(w, n)
        if 0.1 * limit < mu[0] < limit:                 # else any weights will do
            part = self.train.part(group)
            w, n = part.covariances(weights_of(part.variances(directions[:, 0])))
            mu, directions = eigenpairs(w, n)
        if mu[0] > limit:
            return
        span = directions[:, mu < limit][:, :30]
        longest = max(12, 3 * np.count_nonzero(self.moving))
        for terms in dict.fromkeys(map(tuple, sparse_directions(span))):
            terms = shorten(np.array(terms), w, n, self.costs[group],
                            Z**2 / self.train.sample.freedom)
            if len(terms) <= longest:
                yield tuple(int(i) for i in np.sort(group[terms]))

    # --------------------------------------------------------------------------------------- fits

    def fit(self, terms):
        """The Fit of an index of terms, with its own weights."""
        terms = np.array(terms)
        train, test = self.train.part(terms), self.test.part(terms)
        c, mu, errors = train.fit(self.first)
        if self.source == "rounding" and len(terms) > 1:        # where W has lost too many digits
            sharp = sharpest(train.values, train.sample)
            sharp *= np.linalg.norm(c) / np.linalg.norm(sharp)
            c = min((c, sharp), key=lambda each: train.judge(each)[0])
            mu = train.judge(c)[0]
        level = self.level or (0.0 if self.source == "fitted" else 1.0)
        if (np.median(self.train.errors[:, self.moving]) * level > NOTICEABLE
                and mu < FAR_OFF * level**2 and train.judge(c)[1] < MAX_LAMBDA):
            train = train.at_feet(c, Z * level)
            c, mu, errors = train.fit(weights_of(train.variances(c)))
            if mu < level**2 * self.limits[0]:          # else the test cannot save it
                test = test.at_feet(c, Z * level)
        held, share = test.judge(c)
        share = max(share, train.judge(c)[1])
        if np.var(train.values @ c) < IDENTITY * (c @ c):
            share = 1.0
        return Fit(terms, c, errors, float(mu), held, float(share), self.slopes[:, :, terms] @ c)

    def allows(self, fit):
        """Whether the errors explain all of a law that varies within classes."""
        level = 1.0 if self.level is None else self.level**2
        return (fit.share < MAX_LAMBDA and fit.mu < level * self.limits[0]
                and fit.held < level * self.limits[1] and not self.follows_any(fit.terms))

    def follows_any(self, terms):
        """Whether a sum follows any surface within errors: it has many functions of one column.

        That is for its values, or, in a sum that is no polynomial, also where it has many terms.
        """
        library, by = self.library.part(terms), (self.slopes[:, :, terms] != 0).any(axis=0)
        alone = by[:, by.sum(axis=0) == 1].sum(axis=1)                          # by: (d, k)
        if np.any(alone > self.most_alone):
            return True
        if np.all(library.exponents >= 0) and {*library.labels} <= {*self.names}:
            return False
        most = {"rounding": np.inf, "digits": MAX_DIGIT_TERMS}.get(self.source, MAX_TERMS)
        return np.max(alone) > MAX_ALONE or len(terms) > most

    def improve(self, fit, heap):
        """The Fit, or one that says the same better: chi^2 falls by Z^2 for each further term.

        It is longer, from the heap, and must be better by one Z^2 more; or it has the terms of the
        Fit and others of the same library.
        """
        level = 1.0 if self.level is None else self.level**2
        freedom = self.train.sample.freedom / level
        # Rounding is no chance: what it leaves may be a function of the readings, and no term.
        if self.source in ("digits", "rounding") or freedom * fit.mu < Z**2:
            return fit

        def chi2(fit):
            return freedom * fit.mu + Z**2 * len(fit.terms)
        same = []
        self.remember(fit.slope, same)
        near = [each for each in heap if len(each.terms) > len(fit.terms)
                and not self.is_new(each.slope, same) and self.adds(each.terms, fit)]
        near = [self.fit(each.terms) for each in sorted(near, key=chi2)[:10]]
        best = min(filter(self.allows, near), key=chi2, default=fit)
        fit = best if chi2(best) < chi2(fit) - Z**2 else fit
        for _ in range(3):
            longer = self.extend(fit, level * self.limits[0])
            if longer is None or chi2(longer) > chi2(fit) or not self.allows(longer):
                break
            fit = longer
        return fit

    def adds(self, terms, fit):
        """Whether some of the terms (k,) are neither a Fit's nor functions of its law."""
        same = []
        self.remember(fit.slope, same)
        return any(self.is_new(self.slopes[:, :, i], same) for i in {*terms} - {*fit.terms})

    def extend(self, fit, limit):
        """A Fit with one more feature of a library of the terms, or None.

        It lowers mu most: by chi^2 of Z more, for each unit of its cost, than a cheaper one.
        """
        groups = [each[self.usable[each]] for each in self.groups]
        groups = [each for each in groups if np.isin(fit.terms, each).all() and len(each) < 120]
        if not groups:
            return None
        group = max(groups, key=len)
        weights = weights_of(self.train.part(fit.terms).variances(fit.c))
        w, n = self.train.part(group).covariances(weights)
        best, terms = (np.inf, None), [int(np.flatnonzero(group == i)[0]) for i in fit.terms]
        unit = (self.level or 1.0)**2 / self.train.sample.freedom           # of chi^2
        for i in set(range(len(group))) - set(terms):
            if not self.adds([group[i]], fit):
                continue
            ix = np.ix_([*terms, i], [*terms, i])
            mu, price = eigenpairs(w[ix], n[ix])[0], Z * self.costs[group[i]] * unit
            if mu[1] > limit and mu[0] + price < best[0]:       # else there are two laws
                best = mu[0] + price, i
        return None if best[1] is None else self.fit([*fit.terms, group[best[1]]])

    # --------------------------------------------------------------------- what follows from what

    def is_new(self, slope, known, least=0.01):
        """Whether derivatives (m, d) are no combination of those known, by the sine of an angle."""
        doubt = 3 * np.median(self.train.errors[:, self.moving]) * (self.level or 1.0)
        size = np.linalg.norm(slope, axis=1)
        rest = np.linalg.norm(across(slope, known), axis=1)
        return np.median(rest / np.maximum(size, 1e-300)) > np.clip(doubt, least, max(least, 0.03))

    @staticmethod
    def remember(slope, known):
        """Add derivatives (m, d) to the orthonormal ones that are known."""
        rest = across(slope, known * 2)
        known.append(rest / np.maximum(np.linalg.norm(rest, axis=1), 1e-300)[:, None])

    def is_polynomial(self, fit, known):
        """Whether a law is a polynomial of known values (n,), as far as its lambda tells."""
        known = [(each - each.mean()) / each.std() for each in known if np.ptp(each)]
        most = len(self.train.sample.sizes) / 5
        order = max((n for n in (2, 3, 4) if comb(len(known) + n, n) <= most), default=1)
        values = self.train.values[:, fit.terms] @ fit.c
        basis = np.stack([np.prod(each, axis=0) * np.ones(len(values)) for n in range(order + 1)
                          for each in combinations_with_replacement(known, n)], axis=1)
        rest = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
        return np.var(rest) < max(1e-4, 5 * fit.share) * np.var(values)

    # ----------------------------------------------------------------------------------- the laws

    def choose(self, heap, relations, before=()):
        """Laws of Fits, the shortest first, then the next that is independent.

        relations: derivatives (m, d) of what holds on all data. before: laws, listed again.
        """
        known, laws, approximate, constants = [], [], [], []
        pairs = [law(self.train.sample.x) for law in (*self.given, *before)]
        values = [value for value, _ in pairs]
        for slope in [*(slope[self.points] * self.train.scale for _, slope in pairs), *relations]:
            if self.is_new(slope, known):
                self.remember(slope, known)
        room = np.count_nonzero(self.moving) - (np.count_nonzero(~self.still) > 1) - len(before)
        trials = 0
        for i, each in enumerate(heap):
            if (len(laws) + len(constants) == room or trials == MAX_FITS
                    or approximate and self.level > MAX_LEVEL):         # no law will be exact
                break
            if self.follows_any(each.terms) or not self.is_new(each.slope, known):
                continue
            fit, trials = self.fit(each.terms), trials + 1
            if not self.allows(fit) or not self.is_new(fit.slope, known) or (
                    laws and self.hardly_moves(fit)):       # errors hide that it is another one
                continue
            related = self.is_polynomial(fit, values)
            alone = np.count_nonzero(np.abs(fit.slope).max(axis=0)) == 1    # no function is better
            fit = fit if related or alone else self.improve(fit, heap[i + 1:])
            self.remember(fit.slope, known)
            beside = not np.any(fit.slope[:, ~self.still])
            if not related and (beside or not self.lacks(fit)):
                values.append(self.train.values[:, fit.terms] @ fit.c)
                (constants if beside else laws).append(replace(self.name(fit), verdict="exact"))
            elif not related and self.source == "fitted":
                approximate.append(self.name(fit))
        if self.source == "fitted" and not laws:        # no law has confirmed the level
            constants = []
        return laws + (approximate[:1] if not laws else []) + list(before) + constants

    def lowest_mu(self, group):
        """The least mu of a group's features that is a law's, by its lambda.

        The least of p eigenvalues is below 1 by chance, by (1 - sqrt(p / dof))^2.
        """
        group = group[self.usable[group] & (self.noise[group] > 0)]     # nor constants, which fit
        freedom = self.train.sample.freedom
        if not 0 < len(group) <= freedom / 8:
            return np.inf
        w, n, _ = (each[np.ix_(group, group)] for each in self.moments)
        mu, directions = eigenpairs(w, n)
        values = self.train.values[:, group] @ (directions / np.linalg.norm(directions, axis=0))
        laws = (np.var(values, axis=0) > 1e-6) & (self.train.sample.share(values) < MAX_LAMBDA)
        return min(mu[laws], default=np.inf) / (1 - np.sqrt(len(group) / freedom))**2

    def common_mu(self, heap):
        """The least mu of Fits of several columns, made anew with their own weights."""
        several = [each for each in heap if np.count_nonzero(each.slope.any(axis=0)) > 1
                   and each.slope[:, ~self.still].any()]
        some = [*sorted(several, key=lambda each: each.mu)[:100], *several[:50]]
        fits = [self.fit(terms) for terms in {tuple(each.terms) for each in some}]
        least = [max(fit.mu, fit.held / self.limits[1]) for fit in fits if fit.share < MAX_LAMBDA]
        near = [each for each in least if each < min(least) * self.limits[1]]
        return float(np.median(near)) if near else np.inf

    def lacks(self, fit):
        """Whether what a law leaves is no error: of known errors, if it depends on the rows' order.

        Of given or fitted ones also if the rest depends on the law's own features, class by class;
        of fitted ones if others were given, the level is too large, or all columns are slow.
        """
        if self.source in ("digits", "rounding"):
            return False
        if self.source.startswith("given") and fit.mu < NOTICEABLE**2:      # rounding is left
            return False
        if self.source == "fitted" and (self.known_source == "given" or self.level > MAX_LEVEL):
            return True
        train, sample = self.train.part(fit.terms), self.train.sample
        w = weights_of(train.variances(fit.c))
        rest = sample.within(train.values @ fit.c, w)
        place = (np.arange(len(rest)) - np.repeat(sample.starts, sample.sizes)).astype(float)
        trend, residual = w * rest * sample.within(place, w), rest * np.sqrt(w)
        pairs = residual[1:] * residual[:-1] * (place[1:] > 0)
        if (abs(trend.sum()) > Z * np.linalg.norm(trend) or pairs.sum() > Z * np.linalg.norm(pairs)
                or depends(sample, rest, w, place[:, None], Z)):
            return True
        moves = np.mean((train.slopes @ fit.c)**2, axis=0) * ~self.still
        if not moves.any():
            return False
        feet = train.feet(fit.c, Z * (self.level or 1.0))
        own = (train.library.values(feet) - train.mean) / train.deviation
        own = own - np.outer(own @ fit.c, fit.c / (fit.c @ fit.c))      # the law itself is constant
        if self.source == "fitted" and (
                self.hardly_moves(fit) or moves @ self.shares < SHORT * moves.sum()):
            return True
        return any(depends(sample, rest, w, each, Z) for each in (own, feet[:, moves > 0]))

    def hardly_moves(self, fit):
        """Whether the columns of a law vary within classes by little more than their errors."""
        errors = np.mean(self.train.errors**2, axis=0) * (self.level or 1.0)**2
        moves = np.mean((self.train.part(fit.terms).slopes @ fit.c)**2, axis=0)
        moves *= self.shares > 2 * errors
        return moves @ self.shares < MIN_MOTION * (moves @ errors)

    def outliers(self):
        """Masks (n,) of rows of both whole samples that break a law of all others, or None."""
        low, middle, high = np.quantile(self.train.sample.x, [0.25, 0.5, 0.75], axis=0)
        near = np.all(np.abs(self.train.sample.x - middle) <= FAR * (high - low), axis=1)
        limit = MAX_LEVEL**2 if self.source == "fitted" else 1.0
        for group in (each[self.usable[each]] for each in self.groups):
            if not 0 < len(group) <= 70:
                continue
            part, kept = self.train.part(group), near
            for _ in range(8):
                few = part.rows(kept)
                c = eigenpairs(*few.covariances(self.first[kept]))[1][:, 0]
                off = part.distances(c)
                kept = near & (off <= max(np.quantile(off[near], 1 - MAX_OUTLIERS), limit**0.5))
            chi2, share = few.judge(c)
            unit = np.sqrt(chi2 / TRIMMED) if self.source == "fitted" else 1.0
            if chi2 < limit and share < MAX_LAMBDA and np.mean(off > Z * unit) <= MAX_OUTLIERS:
                odd = []
                for sample in self.whole:
                    features = Features(part.library, sample, part)
                    if self.source == "fitted":
                        features.errors = np.ones_like(features.errors) * ~self.still
                    odd.append(features.distances(c) > Z * unit)
                return odd if 0 < max(map(np.mean, odd)) <= MAX_OUTLIERS else None
        return None

    # ---------------------------------------------------------------------- from terms to a Law

    def name(self, fit):
        """The Law of a Fit, its coefficients as simple numbers if they are."""
        order = np.argsort(-np.abs(fit.c), kind="stable")       # the largest first: it has a 1
        terms, c, errors = fit.terms[order], fit.c[order], fit.errors[order]
        values, share = self.train.values[:, terms], self.train.sample.share
        if fit.share < 1e-9 and len(terms) > 1:
            sharp = sharpest(values, self.train.sample)
            if share(values @ sharp) < share(values @ c):
                c = sharp * (c[0] / sharp[0])
        deviation, powers = self.train.deviation[terms], self.library.exponents[terms]
        squares = (np.sum(powers != 0, axis=1) == 1) & (np.sum(powers, axis=1) == 2)
        numbers = notation.simple_numbers(c / deviation, errors / deviation, squares)
        factor = float(numbers[0]) * deviation[0] / c[0]
        simple = np.array(numbers, float) * deviation
        if share(values @ simple) > 1.05 * share(values @ c) + 1e-18:
            numbers = [float(each) for each in factor * c / deviation]
        order = np.argsort(terms)
        if numbers[order[0]] < 0:                       # a sum starts with what is positive
            numbers = [-each for each in numbers] if len(set(map(abs, numbers))) == 1 and sum(
                numbers) == 0 else numbers
            order = sorted(order, key=lambda i: numbers[i] < 0)
        names = [self.library.names[terms[i]] for i in order]
        numbers, errors = [numbers[i] for i in order], np.abs(factor) * errors / deviation
        function = Expression(notation.expression(
            numbers, [self.library.expressions[terms[i]] for i in order]), self.names)
        within = self.whole[1].share(function(self.whole[1].x)[0])
        title = next((each.title for each, group in zip(self.libraries, self.groups)
                      if np.isin(terms, group).all()), "all")
        unit = 1.0 if self.level is None else self.level**2
        return Law(dict(zip(names, map(float, numbers))), function.name, function, title,
                   float(within), dict(zip(names, map(float, errors[order]))),
                   tuple(numbers), tuple(factors(self.library.labels, powers[i]) for i in order),
                   fit.held / unit, self.source, self.level)


def across(slope, known):
    """Derivatives (m, d) without their parts along orthonormal ones that are known."""
    rest = slope.copy()
    for basis in known:
        rest -= np.sum(rest * basis, axis=1)[:, None] * basis
    return rest


def distinct(values, slopes, costs):
    """Features (an index) that vary and are no multiple of a cheaper one, in values and slopes.

    values: (n, p), slopes: (m, d, p).
    """
    alike = np.ones((len(costs), len(costs)), bool)
    for columns in (values, slopes.reshape(-1, len(costs))):
        unit = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
        alike &= np.abs(unit.T @ unit) > 1 - 1e-13
    order = np.argsort(costs, kind="stable")
    twins = np.triu(alike[np.ix_(order, order)], 1).any(axis=0)
    return np.sort(order[~twins & values.any(axis=0)[order]])
