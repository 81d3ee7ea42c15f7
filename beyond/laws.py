"""Conserved quantities by name: the combinations of features that do not vary within a class.

Let phi(x) be features, and a class the observations on which all that is conserved agrees: an orbit, or
two observers of one event. For g = c·phi compare the variance of g within classes with that over all data:

    W_ij = mean over classes of cov(phi_i, phi_j) within the class,    V_ij = cov(phi_i, phi_j) over all,
    lambda(c) = (c W c) / (c V c),     0: conserved,     1: like white noise.

The stationary points of lambda solve W c = lambda V c (set its gradient to zero). With phi - <phi> = Q S R
(singular value decomposition) new features Q have V = 1, and W c = lambda V c becomes an ordinary
eigenproblem, whose eigenvalues are the squares of the singular values of (Q minus its class means). That
way nothing is squared before the decomposition, and zeros are zeros to 1e-25, not 1e-12. Directions R with
S = 0 have one value on all data: sin^2 + cos^2 = 1, or an invariant that is fixed. They are no laws, but may
be added to a law, or another law's multiple: of all equivalent forms, elimination seeks the shortest.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from math import comb

import numpy as np

from beyond import notation
from beyond.expressions import Expression
from beyond.libraries import ladder
from support.checks import finite_array

DEBUG=False
EXACT = 1e-9                        # lambda of a law that holds to rounding, or to the solver's error
IDENTICAL = 1e-20                   # lambda of a column that is the same in all a class
PROMISING = 1e-7                    # lambda of what may be such a law, once fitted to its own terms alone
FIXED = 1e-5                        # deviation of a relation, beside that of its features
MOST_VALUES = 2_000_000             # features times observations, of one library
ZEROS = (1e-6, 1e-4, 1e-2)          # terms so small beside the largest are none, tried in turn
SAME = 1e-3                         # sine of the angle between gradients that are one
NEARLY = 0.1                        # lambda of what may be a law
NOISIEST = 0.15                     # deviation of a column's noise, beside that of the column
SLOW = 0.15                         # lambda of a column that hardly varies within classes
SURE = 0.03                         # error of an exact law's coefficients, relative to each
LOWEST = 30                         # directions that are looked at
FEWEST_TRAINING, FEWEST_TEST = 8, 4     # classes


class Sample:
    """Observations (n, d) sorted by class."""

    def __init__(self, x, classes):
        order = np.argsort(classes, kind="stable")
        _, self.starts, self.sizes = np.unique(classes[order], return_index=True, return_counts=True)
        self.x = x[order]

    def first(self, rows):
        """The first classes, with about so many observations."""
        count = np.searchsorted(np.cumsum(self.sizes), rows) + 1
        kept = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return Sample(self.x[kept < count], kept[kept < count])

    @property
    def freedom(self):
        """How many observations there are beyond one for each class."""
        return len(self.x) - len(self.sizes)

    def within(self, values):
        """Deviations of values (n, ...) from their means in each class."""
        means = np.add.reduceat(values, self.starts, axis=0).T / self.sizes
        return values - np.repeat(means.T, self.sizes, axis=0)

    def share(self, values):
        """lambda of values (n, ...): the share of their variance that lies within classes."""
        inside = np.sum(self.within(values)**2, axis=0) / self.freedom
        total = np.sum((values - values.mean(axis=0))**2, axis=0) / (len(values) - 1)
        return np.where(total > 0, inside / np.where(total > 0, total, 1), 1.0)


def eigenproblem(sample, values):
    """Solve W c = lambda V c for features (n, p), each of deviation 1.

    Gives lambda (k,), rising; its directions c (k, p), for which c·phi has deviation 1; and relations
    (q, p), whose combinations have one value on all data, with k + q = p.
    """
    centred = values - values.mean(axis=0)
    s, axes = principal(centred)
    varies = s > FIXED * s[0]
    whitening = axes[varies].T / s[varies]
    roots, turns = principal(sample.within(centred) @ whitening)
    shares = roots[::-1]**2 * (len(values) - 1) / sample.freedom
    return shares, np.sqrt(len(values)) * turns[::-1] @ whitening.T, axes[~varies]


def principal(values):
    """Singular values (p,) of features (n, p), falling, and their directions (p, p)."""
    triangle = np.linalg.qr(values, mode="r")
    try:
        return np.linalg.svd(triangle)[1:]
    except np.linalg.LinAlgError:                       # LAPACK's faster routine fails once in a blue moon
        from scipy.linalg import svd
        return svd(triangle, lapack_driver="gesvd")[1:]


# ----------------------------------------------------------------------------------------- elimination

def simplest(laws, relations, complexity, zero):
    """Of all combinations of laws (k, p), with relations (q, p) added, a basis with few terms, (k, p).

    First elimination: each row is rid of the other rows' pivots, for which features of high complexity (p,)
    are taken. Then one row is added to another wherever that leaves fewer terms. Entries below `zero` times
    their row's largest are 0.
    """
    rows = _echelon(np.vstack([relations, laws]), len(relations), complexity, zero)
    improved = True
    while improved:
        improved = False
        for i in range(len(relations), len(rows)):
            for j in range(len(rows)):
                shorter = _shortest_sum(rows[i], rows[j], complexity, zero) if i != j else None
                if shorter is not None:
                    rows[i], improved = shorter, True
    return rows[len(relations):]


def _echelon(rows, relations, complexity, zero):
    rows, free = rows.copy(), np.ones(rows.shape[1], bool)
    for i in range(len(rows)):
        last = relations if i < relations else len(rows)
        size = np.abs(rows[i:last]) * free
        if size.max(initial=0) == 0:
            continue
        weight = np.where(size > 0.3 * size.max(), 1 + complexity + size / size.max(), 0)
        row, column = np.unravel_index(np.argmax(weight), size.shape)
        rows[[i, i + row]] = rows[[i + row, i]]
        rows[i] /= rows[i, column]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, column], rows[i])
        rows[others, column], free[column] = 0, False
    return np.array([_cleaned(row, zero) for row in rows])


def _cleaned(rows, zero):
    size = np.abs(rows)
    return np.where(size > zero * size.max(axis=-1, keepdims=True), rows, 0.0)


def _shortest_sum(row, other, complexity, zero):
    """Of row + a · other, with one term removed, that with the fewest terms, if fewer than row has."""
    shared = np.flatnonzero((row != 0) & (other != 0))
    if not len(shared):
        return None
    sums = _cleaned(row - np.outer(row[shared] / other[shared], other), zero)
    costs = (sums != 0) @ (1 + 1e-3 * complexity)
    best = np.argmin(costs)
    return sums[best] if costs[best] < (row != 0) @ (1 + 1e-3 * complexity) - 1e-9 else None

# --------------------------------------------------------------------------------------------- the laws

@dataclass(frozen=True)
class Law:
    """A conserved quantity; called with samples (n, d), it gives values (n,) and derivatives (n, d)."""
    terms: dict[str, float]             # feature: coefficient
    expression: str                     # as Expression reads it, and Python with ** for ^
    text: str                           # as it is printed, with powers raised
    columns: tuple[str, ...]
    library: str
    within: float                       # lambda on classes that took no part
    within_training: float
    verdict: str                        # "exact" or "approximate"
    errors: dict[str, float]            # standard errors of the coefficients, from resampled classes
    function_of: tuple[int, ...] = ()   # which of the laws before it determine this one

    numbers: tuple = ()                 # the coefficients, Fractions where they fit
    slow: float = 1.0                   # mean lambda of its terms, or of a single one's factors

    def __call__(self, x):
        return self._function(x)

    @cached_property
    def _function(self):
        return Expression(self.expression, self.columns)

    @property
    def python(self):
        """The law as Python computes it with `from numpy import *`."""
        return self.expression.replace("^", "**")

    @property
    def sympy(self):
        """The law as sympy.sympify reads it."""
        return self.python.replace("arctan(", "atan(").replace("abs(", "Abs(")

    @property
    def latex(self):
        """The law in LaTeX's mathematics."""
        return notation.latex(self.numbers, self.terms)


@dataclass
class Laws:
    """What `find` found, in order of simplicity, and what it tried."""
    laws: list[Law] = field(default_factory=list)
    independent: int = 0
    notes: list[str] = field(default_factory=list)
    tried: list[dict] = field(default_factory=list)     # library, features, lambda: the lowest three on test classes


def find(x, classes, x_test, classes_test, names, features=(), given=(), angles=None, positive=None):
    """Laws that hold for observations x (N, d) with the labels classes (N,), judged on other classes.

    x_test (M, d), classes_test (M,): observations of classes that take no part in the search. names: of the
    columns. features: texts of functions that a law may hold. given: Expressions known to be conserved or
    fixed; what follows from them is no law. angles, positive: names of such columns, recognised from the
    data by default. Raises ValueError if an argument has another shape, or there are too few classes.
    """
    names = tuple(names)
    train, test = _samples(x, classes, x_test, classes_test, names)
    everything = np.vstack([train.x, test.x])
    libraries, left_out = ladder(everything, names, features, angles, positive)
    search = Search(train, test, names, [Expression(e.name, names) for e in given])
    search.result.notes += _warnings(train, names) + left_out
    usable = [library for library in libraries if search.supports(library)]
    for library in usable:
        if search.open:
            search.exact(library)
    if search.open:
        search.approximate(usable)
    return search.finished()


def _samples(x, classes, x_test, classes_test, names):
    samples = []
    for name, values, labels in (("x", x, classes), ("x_test", x_test, classes_test)):
        values = finite_array(name, values, "n", len(names)).astype(float)
        labels = finite_array(name.replace("x", "classes"), labels, len(values))
        samples.append(Sample(values, labels))
    for sample, fewest, what in zip(samples, (FEWEST_TRAINING, FEWEST_TEST), ("training", "test")):
        several = np.count_nonzero(sample.sizes > 1)
        if several < fewest:
            raise ValueError(f"{several} {what} classes have two observations or more; at least {fewest} are needed")
    if np.intersect1d(classes, classes_test).size:
        raise ValueError("a class has observations among the training and the test data")
    return samples


def _warnings(train, names):
    shares, notes = train.share(train.x), []
    slow = [f"{name} ({share:.1%})" for name, share in zip(names, shares) if share < SLOW]
    if slow:
        notes.append(f"of the variance of {', '.join(slow)} little lies within classes: a column that varies slowly "
                     "looks conserved, and longer classes would tell")
    return notes


class Search:
    """What is known so far, and the two ways to more: exact laws, and the best of the others."""

    def __init__(self, train, test, names, given):
        self.train, self.test, self.names = train, test, names
        self.known, self.given = list(given), len(given)
        self.result = Laws()
        self.scale = train.x.std(axis=0)
        self.points = train.x[np.linspace(0, len(train.x) - 1, min(len(train.x), 100)).astype(int)]
        self.fixed = np.empty((len(self.points), 0, len(names)))

    @property
    def open(self):
        """Whether there can be more laws: one direction must be left in which observations of a class differ."""
        return self.rank() < np.count_nonzero(self.scale) - 1

    def supports(self, library):
        """Whether the data suffice for a library; a note says so if not."""
        enough = self.train.freedom >= 3 * len(library.names)
        if not enough:
            self.result.notes.append(f"too few observations for {library.title}, {len(library.names)} features")
        return enough

    # ---- what follows from what is known

    def rank(self, *more):
        """How many of the known laws, of what is fixed and of more laws are independent: the Jacobian's rank."""
        slopes = [law(self.points)[1][:, None] * self.scale for law in [*self.known, *more]] + [self.fixed]
        slopes = np.concatenate(slopes, axis=1)
        if slopes.shape[1] == 0:
            return 0
        s = np.linalg.svd(slopes / root_mean_square(slopes), compute_uv=False)
        return int(np.median(np.sum(s > SAME * s[:, :1], axis=1)))

    def products(self, x):
        """Monomials (n, m) of the known laws, as many as the classes can tell apart, with a column of ones."""
        columns = []
        for law in self.known:
            centre, deviation = np.mean(law(self.train.x)[0]), np.std(law(self.train.x)[0])
            columns += [(law(x)[0] - centre) / deviation] if deviation > 0 else []
        z = np.array(columns).reshape(-1, len(x)).T
        order = 4
        while order > 1 and comb(z.shape[1] + order, order) > len(self.train.sizes) / 5:
            order -= 1
        exponents = [row for row in product(range(order + 1), repeat=z.shape[1]) if sum(row) <= order]
        return np.stack([np.prod(z**np.array(row, int), axis=1) for row in exponents], axis=1)

    def is_new(self, law):
        """Whether a law is no polynomial of those known; what does not hold exactly is not told from one."""
        x = self.train.x[:: max(1, len(self.train.x) // 4000)]
        basis, values = self.products(x), law(x)[0]
        rest = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
        return np.var(rest) > max(1e-8, 20 * law.within) * np.var(values)

    # ---- from a library to a law

    def features(self, library):
        """Training sample, its features (n, p) of deviation 1, what of them does not follow from the known laws,
        the same two for the test classes, and the deviations (p,); of a constant, 0."""
        sample = self.train.first(MOST_VALUES // len(library.names))
        test = self.test.first(MOST_VALUES // (4 * len(library.names)))
        values, tested = library.values(sample.x), library.values(test.x)
        deviation = values.std(axis=0)
        deviation[deviation <= 1e-12 * np.abs(values).max(axis=0)] = np.inf
        values, tested = values / deviation, tested / deviation
        basis = self.products(sample.x)
        follows = np.linalg.lstsq(basis, values, rcond=None)[0]
        rest, rest_tested = values - basis @ follows, tested - self.products(test.x) @ follows
        return sample, values, rest, test, rest_tested, deviation

    def exact(self, library):
        """Add the laws of a library that hold to rounding."""
        sample, values, rest, test, rest_tested, deviation = self.features(library)
        shares, directions, relations = eigenproblem(sample, rest)
        held = test.share(rest_tested @ directions[:LOWEST].T)
        self.result.tried.append({"library": library.title, "features": len(library.names),
                                  "within": [float(share) for share in held[:3]]})
        if len(relations):
            self.fix(library, values, deviation)
        count = np.count_nonzero(np.cumprod(held < PROMISING))
        if count == 0 or count < len(shares) and shares[count] < 30 * held[:count].max():
            return
        before = len(self.known)
        for zero in ZEROS:
            rows = simplest(directions[:count], relations, library.complexity, zero)
            rows = rows[np.argsort((rows != 0) @ (1 + library.complexity), kind="stable")]
            laws = [self.law(library, sample, values, row, deviation) for row in rows if np.any(row)]
            laws = [law for law in laws if self.verified(law)]
            if laws and self.rank(*laws) > self.rank():
                for law in laws:
                    self.add(law)
        for direction in directions[:count] if len(self.known) == before else ():
            # Elimination fails among features of which some nearly are functions of others.
            law = self.shortened(library, direction, *self.features(library), limit=PROMISING)
            if self.verified(law) and self.rank(law) > self.rank():
                self.add(law)
                break

    def fix(self, library, values, deviation):
        """Note the gradients of what has one value on all data: sums of features (n, p) that do not vary."""
        s, axes = principal(values - values.mean(axis=0))
        slopes = library.gradients(self.points) / deviation[:, None] * self.scale
        slopes = np.einsum("qp,npd->nqd", axes[s <= FIXED * s[0]], slopes)
        # What holds for any numbers, as sin^2 + cos^2 = 1, has no gradient.
        self.fixed = slopes[:, root_mean_square(slopes)[:, 0] > 30 * SAME]

    def verified(self, law):
        """Whether a law holds on the test classes to rounding, and by far better than what changes slowly."""
        sure = all(error < SURE * abs(law.terms[name]) for name, error in law.errors.items())
        return sure and self.short(law) and law.within < max(EXACT * law.slow**2, IDENTICAL)

    def short(self, law):
        """Whether a law has no more terms than a formula that is no fit has."""
        return len(law.terms) <= max(12, 3 * len(self.names))

    def add(self, law, verdict="exact"):
        """Add a law, if it does not follow from the others as a polynomial, and say of which it is a function."""
        if not self.is_new(law):
            return False
        function_of = self.determining(law) if self.rank(law) == self.rank() else ()
        self.known.append(law)
        self.result.laws.append(replace(law, verdict=verdict, function_of=function_of))
        return True

    def determining(self, law):
        """Indices of the independent laws of which a law is a function."""
        known, given = self.known, self.known[:self.given]
        free = [i for i, other in enumerate(self.result.laws) if not other.function_of]
        needed = []
        for i in free:
            self.known = given + [self.result.laws[j] for j in free if j != i]
            needed += [i] if self.rank(law) > self.rank() else []
        self.known = known
        return tuple(needed or free)

    def law(self, library, sample, values, row, deviation):
        """The law with the terms of a row (p,), fitted once more to these terms alone.

        Where their space holds several laws, or one and what is fixed, the row is kept.
        """
        terms = np.flatnonzero(row)
        terms = terms[np.argsort(library.complexity[terms] % 1 > 0, kind="stable")]
        chosen = values[:, terms]
        shares, directions, _ = eigenproblem(sample, chosen)
        conserved = np.count_nonzero(shares < max(PROMISING, 30 * shares[0]))
        alone = len(shares) == len(terms) and conserved == 1
        fitted = directions[0] if alone else row[terms]
        needed = np.abs(fitted) > ZEROS[0] * np.abs(fitted).max()
        if not needed.all():
            return self.law(library, sample, values, np.where(np.isin(range(len(row)), terms[needed]), row, 0), deviation)
        errors = resampled(sample, chosen, fitted) if alone else np.zeros(len(terms))
        return self.named(library, sample, chosen, terms, fitted, errors, deviation[terms])

    def named(self, library, sample, chosen, terms, fitted, errors, deviation):
        """The law of fitted coefficients (m,) of chosen features (n, m), with simple numbers if they do as well."""
        squares = np.array([np.sum(row != 0) == 1 and np.sum(row) == 2 for row in library.exponents[terms]])
        numbers = notation.simple_numbers(fitted / deviation, errors / deviation, squares)
        factor = float(numbers[0]) * deviation[0] / fitted[0]
        if sample.share(chosen @ (np.array(numbers, float) * deviation)) > 1.05 * sample.share(chosen @ fitted) + 1e-18:
            numbers = [float(c) for c in factor * fitted / deviation]
        slow = np.average(sample.share(chosen), weights=fitted**2)
        if len(terms) == 1:
            factors = [variable for variable, e in zip(library.variables, library.exponents[terms[0]]) if e]
            slow = np.mean([sample.share(variable(sample.x)[0]) for variable in factors])
        return self.written(library, terms, numbers, np.abs(factor) * errors / deviation, slow)

    def written(self, library, terms, numbers, errors, slow):
        names = [library.names[i] for i in terms]
        expression = notation.expression(numbers, [library.expressions[i] for i in terms])
        law = Law(dict(zip(names, map(float, numbers))), expression, notation.text(numbers, names), self.names,
                  library.title, 1.0, 1.0, "approximate", dict(zip(names, map(float, errors))), (),
                  tuple(numbers), float(slow))
        return replace(law, within=float(self.test.share(law(self.test.x)[0])),
                       within_training=float(self.train.share(law(self.train.x)[0])))

    # ---- laws that hold to the noise, or nearly

    def approximate(self, libraries):
        """Add what the noise of the columns explains, lowest lambda first; or else the best of what is left."""
        libraries = [library for library in libraries if 1.5 * len(library.names) <= len(self.train.sizes)]
        noisy = not self.result.laws
        while noisy and (law := self.explained(libraries)) is not None:
            self.add(law)
        while self.open and self.nearly(libraries):
            pass

    def explained(self, libraries):
        """The law with the lowest lambda among those that noise explains, a longer one only if much lower."""
        best, lowest = None, np.inf
        for library in libraries:
            parts = self.features(library)
            held, direction = self.lowest_direction(*parts)
            if held < NEARLY and np.log(held) + 0.15 < lowest:
                law = self.shortened(library, direction, *parts)
                law = self.adjusted(law, library, *parts)
                if law is not None and np.log(law.within) + 0.15 * len(law.terms) < lowest and self.counts(law):
                    best, lowest = law, np.log(law.within) + 0.15 * len(law.terms)
        return best

    def counts(self, law):
        """Whether a law is new, and independent of those known or as short as one of them."""
        longest = max((len(other.terms) for other in self.result.laws), default=0)
        fast = law.slow > SLOW and law.within < NEARLY * law.slow
        return fast and self.is_new(law) and (len(law.terms) <= longest or self.rank(law) > self.rank())

    def nearly(self, libraries):
        """Add the best of what varies little within classes, from the simplest library that is as good."""
        best = []
        for library in libraries:
            parts = self.features(library)
            held, direction = self.lowest_direction(*parts)
            if held < NEARLY:
                best.append(self.shortened(library, direction, *parts))
        best = [law for law in best if law.within < 0.04 * law.slow**2 and self.short(law) and self.is_new(law)
                and self.rank(law) > self.rank()]
        if not best:
            return False
        lowest = min(law.within for law in best)
        return self.add(next(law for law in best if law.within <= 1.3 * lowest), "approximate")

    def lowest_direction(self, sample, values, rest, test, rest_tested, deviation):
        """The lowest lambda of what is left of the features, on test classes, and its direction (p,).

        Infinite where no gap sets the lowest few apart from the others: then none is a law.
        """
        shares, directions, _ = eigenproblem(sample, rest)
        held = test.share(rest_tested @ directions[:LOWEST].T)
        gap = np.max(held[1:] / np.maximum.accumulate(held)[:-1], initial=0)
        return (held[0] if gap > 3 else np.inf), directions[0]

    def shortened(self, library, direction, sample, values, rest, test, rest_tested, deviation, limit=0.0):
        """The law of fewest terms that is nearly as good as a direction (p,)."""
        row = np.zeros(len(library.names))
        terms = fewest_terms(sample, rest, direction, limit)
        row[terms] = eigenproblem(sample, rest[:, terms])[1][0]
        return self.law(library, sample, values, row, deviation)

    def adjusted(self, law, library, sample, values, rest, test, rest_tested, deviation):
        """The law fitted so that the columns' noise does not bend it, without terms that then are not needed.

        Noise adds N = <J Sigma J^T> to W, with J the features' derivatives and Sigma the noise's variances. For
        the true law nothing else is in W, (W - N) c = 0; the lowest c W c / c N c finds it, where the lowest
        c W c / c V c would lean to features that the noise moves less. None if noise does not explain the law,
        or leaves a coefficient open.
        """
        terms = np.array([library.names.index(name) for name in law.terms])
        while len(terms) and (sigma := noise_of(law, self.train, self.test)) is not None:
            if len(terms) == 1:
                return law
            part = replace(library, exponents=library.exponents[terms])
            few = sample.first(MOST_VALUES // (len(terms) * len(self.names)))
            slopes = part.gradients(few.x) / deviation[terms][:, None] * sigma
            chosen, noise = values[:len(few.x), terms], np.einsum("nid,njd->ij", slopes, slopes) / len(slopes)
            fitted, errors = adjusted_fit(few, chosen, noise)
            law = self.named(library, few, chosen, terms, fitted, errors, deviation[terms])
            if np.all(np.abs(fitted) > 3 * errors):
                return law if np.all(errors < SURE * np.abs(fitted)) and noise_of(law, self.train, self.test) is not None else None
            terms = np.delete(terms, np.argmin(np.abs(fitted) / (errors + 1e-300)))
        return None

    def finished(self):
        self.result.independent = sum(not law.function_of for law in self.result.laws)
        return self.result


def root_mean_square(slopes):
    """Sizes (m, 1) of gradients (n, m, d)."""
    return np.sqrt(np.mean(np.sum(slopes**2, axis=2), axis=0))[:, None]


def fewest_terms(sample, values, direction, limit):
    """Indices of the features that are enough for a share below the limit, or nearly as low as a direction's (p,)."""
    within, total = sample.within(values), values - values.mean(axis=0)
    w, v = within.T @ within / sample.freedom, total.T @ total / len(values)

    def solved(terms):
        return lowest(w[np.ix_(terms, terms)], v[np.ix_(terms, terms)])
    terms = np.argsort(-np.abs(direction))
    limit = max(limit, 1.2 * solved(terms)[0])
    step = len(terms) // 2
    while step:
        _, c = solved(terms)
        order = terms[np.argsort(-np.abs(c))]
        trials = [order[:-step]] if step > 1 else [np.delete(order, i) for i in range(len(order))[::-1]]
        better = next((trial for trial in trials if len(trial) and solved(trial)[0] <= limit), None)
        terms, step = (order, step // 2) if better is None else (better, min(step, len(better) // 2) or 1)
        if len(terms) == 1:
            break
    return np.sort(terms)


def lowest(w, v):
    """The lowest lambda of w c = lambda v c, and its direction, for covariances w, v (p, p)."""
    scales, axes = np.linalg.eigh(v)
    whitening = axes[:, scales > 1e-9 * scales[-1]] / np.sqrt(scales[scales > 1e-9 * scales[-1]])
    shares, turns = np.linalg.eigh(whitening.T @ w @ whitening)
    return shares[0], whitening @ turns[:, 0]


def resampled(sample, values, fitted, noise=None, times=100, blocks=100):
    """Standard errors (m,) of the fitted coefficients (m,), from classes drawn again, in blocks.

    noise (m, m): N, where they are fitted beside it.
    """
    block = np.repeat(np.arange(len(sample.sizes)) * min(blocks, len(sample.sizes)) // len(sample.sizes), sample.sizes)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    inside, ones = sample.within(values), np.ones((len(values), 1))
    centred = np.hstack([values - values.mean(axis=0), ones])
    ends = [*starts[1:], len(values)]
    w, v = (np.stack([a[i:j].T @ a[i:j] for i, j in zip(starts, ends)]) for a in (inside, centred))
    rng, drawn = np.random.default_rng(0), []
    for weights in rng.multinomial(len(starts), np.full(len(starts), 1 / len(starts)), times):
        total = np.tensordot(weights, v, 1)
        middle, n = total[:-1, -1], total[-1, -1]
        within, total = np.tensordot(weights, w, 1), total[:-1, :-1] - np.outer(middle, middle) / n
        _, c = lowest(within, total) if noise is None else lowest(-noise, within / n)
        drawn.append(c * (fitted @ fitted) / (c @ fitted))
    return np.std(drawn, axis=0)


def adjusted_fit(sample, values, noise):
    """Coefficients (m,) of the lowest c W c / c N c, and their errors (m,)."""
    within = sample.within(values)
    _, fitted = lowest(-noise, within.T @ within / sample.freedom)
    fitted = fitted / np.std(values @ fitted)
    return fitted, resampled(sample, values, fitted, noise)


MOST_ROWS = 20_000                  # observations that noise is judged on


def noise_of(law, *samples):
    """The deviations (d,) of the columns' noise if it explains why a law varies within classes, else None.

    Independent noise of deviation sigma in each column moves a law by its derivatives: its squared deviation
    from the class mean is a sum over columns of (sigma · derivative)^2, with sigma the only unknowns. A formula
    that is only nearly right is off in a way that depends on where one is; so the sum must agree with what is
    measured in each part of the data, and no part may be off to one side.
    """
    from scipy.optimize import nnls
    squared, predictors, deviations, places = [], [], [], []
    for sample in samples:
        sample = sample.first(MOST_ROWS)
        values, slopes = law(sample.x)
        size = np.repeat(sample.sizes, sample.sizes)[:, None]
        slopes = slopes**2
        own = (1 - 2 / size) * slopes + (slopes - sample.within(slopes)) / size
        deviations.append(sample.within(values)[size[:, 0] > 1])
        predictors.append(own[size[:, 0] > 1])
        places.append(np.column_stack([sample.x, values])[size[:, 0] > 1])
    deviation, predictor, place = map(np.concatenate, (deviations, predictors, places))
    unit = predictor.mean(axis=0) + 1e-300
    weight = 1.0
    for _ in range(3):
        variance, _ = nnls(predictor / unit / np.atleast_1d(weight)[:, None], deviation**2 / weight)
        expected = np.maximum(predictor / unit @ variance, 1e-12 * np.mean(deviation**2))
        weight = expected
    sigma = np.sqrt(variance / unit)
    if len(deviation) < 500 or np.any(sigma > NOISIEST * place[:, :-1].std(axis=0)):
        return None
    z = deviation / np.sqrt(expected)
    for column in [*place.T, expected]:
        for part in np.array_split(np.argsort(column, kind="stable"), 6):
            ratio, offset = np.median(np.abs(z[part])) / np.median(np.abs(z)), np.median(z[part])
            doubt = 4 / np.sqrt(len(part))
            if DEBUG: print(f"{2*np.log(ratio):+.2f} {offset:+.2f}", end="; ")
            if 2 * abs(np.log(ratio)) > 0.25 + 2 * doubt or abs(offset) > 0.25 + doubt:
                return None
    return sigma
