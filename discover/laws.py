"""The search for conserved quantities: which laws hold, how surely, and which follow from others.

Libraries are tried from simple to rich (libraries.py), each on what the laws before leave open, and
each law is judged on classes that took no part (eigenproblem.py). Laws come as three kinds:

    exact         lambda is at rounding, far below what slowly varying terms alone would give
    exact         lambda is what the noise of the columns explains (noise.py)
    approximate   lambda is small, and no other library has a lower one
"""

from dataclasses import dataclass, field, replace
from itertools import product
from math import comb

import numpy as np

from discover import notation
from discover.eigenproblem import (EXACT, FIXED, MOST_VALUES, PROMISING, Sample, eigenproblem,
                                 fewest_terms, principal, simplest, standard_errors)
from discover.expressions import LARGEST, Expression
from discover.libraries import KINDS, factors, ladder
from discover.noise import noise_of, unbent_fit, without_outliers
from support.checks import finite_array

ABOUT = 3                           # times the lowest lambda: as good, if from a simpler library
IDENTICAL = 1e-20                   # lambda of a column that is the same in all of a class
NEARLY, APPROXIMATE = 0.1, 0.04     # lambda of what noise may explain, of an approximate law
FAR_ABOVE = 1e4                     # lambda of what is not zero, beside that of what is
SLOW = 0.15                         # lambda of a column that hardly varies within classes
SURE = 0.03                         # error of an exact law's coefficients, relative to each
SAME = 1e-3                         # sine of the angle between gradients that are one
ZEROS = (1e-6, 1e-4, 1e-2)          # terms so small beside the largest are none, tried in turn
WORTH = 0.15                        # of log lambda that one more term must gain
CLASSES = 1.5                       # for each feature, where laws are hidden in noise
LOWEST = 30                         # directions that are looked at
FEWEST_TRAINING, FEWEST_TEST = 8, 4     # classes of several members


@dataclass(frozen=True)
class Law:
    """A conserved quantity; of samples (n, d) it gives values (n,) and derivatives (n, d)."""
    terms: dict[str, float]             # feature: coefficient
    expression: str                     # as Expression reads it, and Python with ** for ^
    function: Expression                # the same, to be called
    library: str
    within: float                       # lambda on classes that took no part
    within_training: float
    errors: dict[str, float]            # standard errors of the coefficients, by resampling
    numbers: tuple                      # the coefficients, Fractions where these fit
    fractions: tuple                    # the features, see libraries.factors
    slow: float                         # mean lambda of its terms, or of a single one's factors
    verdict: str = "approximate"        # or "exact"
    function_of: tuple[int, ...] = ()   # which laws determine it, if it is not independent

    def __call__(self, x):
        return self.function(x)

    def gradient(self, x):
        return self.function(x)[1]

    evidence = "temporary"

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
    def cost(self):
        """log lambda, and something for each term: the law of lower cost is preferred."""
        return np.log(self.within + 1e-300) + WORTH * len(self.terms)

    @property
    def sure(self):
        """Whether the data leave little doubt of any coefficient."""
        return all(error < SURE * abs(self.terms[name]) for name, error in self.errors.items())

    @property
    def short(self):
        """Whether it has no more terms than a formula that is no mere fit."""
        return len(self.terms) <= max(12, 3 * len(self.function.inputs))


@dataclass
class Laws:
    """What was found, in order of simplicity, and sentences on what was left out."""
    laws: list[Law] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def independent(self):
        """How many of the laws are independent."""
        return sum(not law.function_of for law in self.laws)


def find(x, classes, x_test, classes_test, names,
         features=(), given=(), angles=None, positive=None, kinds=()):
    """Laws of observations x (N, d) with class labels (N,), judged on other classes.

    x_test (M, d), classes_test (M,): observations of classes that take no part in the search.
    names: of the columns. features: texts of functions that a law may hold. given: Expressions
    known to be conserved or fixed; what follows from them is no law. angles, positive: names of
    such columns, recognised from the data by default. kinds: of libraries.KINDS, the only ones
    tried. Raises ValueError if an argument has another shape or a value that is not finite, a name
    or expression is not allowed, or there are too few classes.
    """
    names = tuple(names)
    train, test = _samples(x, classes, x_test, classes_test, names)
    given = [Expression(known.name, names) for known in given]

    def searched(train, test):
        libraries, notes = ladder(np.vstack([train.x, test.x]), names, features, angles, positive,
                                  kinds)
        search = Search(train, test, names, given)
        search.result.notes += _warnings(train, names) + notes
        search.through([library for library in libraries if search.supports(library)])
        return search
    return without_outliers(searched(train, test), searched).result


def _samples(x, classes, x_test, classes_test, names):
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name")
    samples = []
    for what, name, fewest, values, labels in (
            ("training", "", FEWEST_TRAINING, x, classes),
            ("test", "_test", FEWEST_TEST, x_test, classes_test)):
        values = finite_array("x" + name, values, "n", len(names)).astype(float)
        sample = Sample(values, finite_array("classes" + name, labels, len(values)))
        several = np.count_nonzero(sample.sizes > 1)
        if several < fewest:
            raise ValueError(f"{fewest} {what} classes of several observations are needed, "
                             f"and there are {several}")
        samples.append(sample)
    if np.intersect1d(classes, classes_test).size:
        raise ValueError("a class has observations in both the training and the test data")
    return samples


def _warnings(train, names):
    """A sentence on columns that hardly vary within classes."""
    shares = zip(names, train.share(train.x))
    slow = [f"{name} ({share:.1%})" for name, share in shares if IDENTICAL < share < SLOW]
    return [f"little of the variance lies within classes for {', '.join(slow)}: what varies slowly "
            "looks conserved, and a longer stretch of each class would tell"] if slow else []


class Features:
    """A library's features on the data, of deviation 1, and what of them a Search's laws leave."""

    def __init__(self, library, search):
        self.library = library
        self.sample = search.train.first(MOST_VALUES // len(library.names))
        test = search.test.first(MOST_VALUES // (4 * len(library.names)))
        values = library.values(self.sample.x)
        self.deviation = values.std(axis=0)             # (p,), infinite for a constant
        self.deviation[self.deviation <= 1e-12 * np.abs(values).max(axis=0)] = np.inf
        self.values = values / self.deviation           # (n, p)
        basis = search.products(self.sample.x)
        follows = np.linalg.lstsq(basis, self.values, rcond=None)[0]
        self.rest = self.values - basis @ follows       # (n, p)
        self.shares, self.directions, self.relations = eigenproblem(self.sample, self.rest)
        rest_test = library.values(test.x) / self.deviation - search.products(test.x) @ follows
        self.held = test.share(rest_test @ self.directions[:LOWEST].T)  # lambda on test classes

    @property
    def apart(self):
        """Directions (k, p) of low lambda on the test classes too, if a gap sets them apart."""
        gaps = self.held[1:] / np.maximum.accumulate(self.held)[:-1]
        apart = self.held[0] < NEARLY and len(gaps) and gaps.max() > 3
        return self.directions[:np.argmax(gaps) + 1 if apart else 0]


class Search:
    """What is known so far, and two ways to more: laws that are exact to rounding, and others."""

    def __init__(self, train, test, names, given):
        self.train, self.test, self.names = train, test, names
        self.known, self.given, self.result = list(given), list(given), Laws()
        self.scale, self.shares = train.x.std(axis=0), train.share(train.x)
        self.points = train.x[np.linspace(0, len(train.x) - 1, min(len(train.x), 100)).astype(int)]
        # Gradients (n, q, d) of what has one value on all data.
        self.fixed = np.empty((len(self.points), 0, len(names)))

    @property
    def open(self):
        """Whether there can be more laws than those known."""
        return not self.complete([])

    def complete(self, laws):
        """Whether with more laws only one direction is left, and a class must extend in one."""
        return self.rank([*self.known, *laws]) >= max(1, np.count_nonzero(self.scale) - 1)

    def supports(self, library):
        """Whether the data suffice for a library and its features are finite; notes say why not."""
        enough = self.train.freedom >= 3 * len(library.names)
        if not enough:
            self.result.notes.append(
                f"too few observations for {library.title}, {len(library.names)} features")
        bounded = library.bounded(self.train.x) and library.bounded(self.test.x)
        if not bounded:
            self.result.notes.append(f"{library.title} would hold numbers beyond {LARGEST:g}")
        return enough and bounded

    # ------------------------------------------------------------ what follows from what is known

    def rank(self, laws):
        """How many laws, with what is fixed, are independent: the rank of their Jacobian."""
        slopes = [law(self.points)[1][:, None] * self.scale for law in laws] + [self.fixed]
        slopes = np.concatenate(slopes, axis=1)
        s = np.linalg.svd(slopes / np.maximum(_sizes(slopes)[:, None], 1e-300), compute_uv=False)
        return int(np.median(np.sum(s > SAME * s[:, :1], axis=1)))

    def independent(self, *laws):
        """Whether laws add something to those that are known."""
        return self.rank([*self.known, *laws]) > self.rank(self.known)

    def products(self, x):
        """1 and monomials (n, m) of the known laws, as many as the classes can tell apart."""
        columns = []
        for law in self.known:
            reference, slope = law(self.train.x)
            if reference.std() > FIXED * np.sqrt(np.mean((slope * self.scale)**2)):
                columns.append((law(x)[0] - reference.mean()) / reference.std())
        z, most = np.array(columns).reshape(-1, len(x)).T, len(self.train.sizes) / 5
        order = max((n for n in (2, 3, 4) if comb(z.shape[1] + n, n) <= most), default=1)
        powers = product(range(order + 1), repeat=z.shape[1])
        monomials = [np.prod(z**np.array(row, int), axis=1) for row in powers if sum(row) <= order]
        return np.stack(monomials, axis=1)

    def is_new(self, law):
        """Whether a law is no polynomial of those known, as far as its lambda lets one tell."""
        x = self.train.x[:: max(1, len(self.train.x) // 4000)]
        basis, values = self.products(x), law(x)[0]
        rest = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
        return np.var(rest) > max(1e-8, 5 * law.within) * np.var(values)

    def add(self, law, verdict):
        """Add a law, and of which it is a function, unless it is a polynomial in the others."""
        if not self.is_new(law):
            return False
        function_of = () if self.independent(law) else self.determining(law)
        self.known.append(law)
        self.result.laws.append(replace(law, verdict=verdict, function_of=function_of))
        return True

    def determining(self, law):
        """Indices of the independent laws of which a law is a function."""
        laws = {i: other for i, other in enumerate(self.result.laws) if not other.function_of}
        without = {i: self.given + [laws[j] for j in laws if j != i] for i in laws}
        needed = [i for i, others in without.items()
                  if self.rank([*others, law]) > self.rank(others)]
        return tuple(needed or laws)

    # ------------------------------------------------------------ from a library to a law

    def law(self, features, row):
        """The law with the terms of a row (p,), fitted once more to these terms alone.

        Where their space holds several laws, or one and what is fixed, the row stays as it is.
        """
        terms = np.flatnonzero(row)
        terms = terms[np.argsort(features.library.complexity[terms] % 1 > 0, kind="stable")]
        chosen = features.values[:, terms]
        shares, directions, _ = eigenproblem(features.sample, chosen)
        conserved = np.count_nonzero(shares < max(PROMISING, 30 * shares[0]))
        alone = len(shares) == len(terms) and conserved == 1
        fitted = directions[0] if alone else row[terms]
        needed = np.abs(fitted) > ZEROS[0] * np.abs(fitted).max()
        if not needed.all():
            return self.law(features, np.where(np.isin(np.arange(len(row)), terms[needed]), row, 0))
        errors = np.zeros(len(terms))
        if alone and len(terms) > 1:
            errors = standard_errors(features.sample, chosen, fitted)
        return self.named(features, features.sample, terms, fitted, errors)

    def named(self, features, sample, terms, fitted, errors):
        """The law of coefficients (m,) of the features `terms`, as simple numbers if they do."""
        library, deviation = features.library, features.deviation[terms]
        chosen = features.values[:len(sample.x), terms]
        powers = library.exponents[terms]
        squares = (np.sum(powers != 0, axis=1) == 1) & (np.sum(powers, axis=1) == 2)
        numbers = notation.simple_numbers(fitted / deviation, errors / deviation, squares)
        factor = float(numbers[0]) * deviation[0] / fitted[0]
        simple = np.array(numbers, float) * deviation
        if sample.share(chosen @ simple) > 1.05 * sample.share(chosen @ fitted) + 1e-18:
            numbers = [float(c) for c in factor * fitted / deviation]
        names = [library.names[i] for i in terms]
        expression = notation.expression(numbers, [library.expressions[i] for i in terms])
        law = Expression(expression, self.names)
        within, within_training = (float(each.share(law(each.x)[0]))
                                   for each in (self.test, self.train))
        slow = min(self.slowness(library, sample, chosen, terms, fitted), self.of_columns(law))
        return Law(dict(zip(names, map(float, numbers))), expression, law, library.title,
                   within, within_training,
                   dict(zip(names, map(float, np.abs(factor) * errors / deviation))),
                   tuple(numbers), tuple(factors(library.labels, row) for row in powers), slow)

    def of_columns(self, law):
        """Mean lambda of a law's columns, as far as each moves it; a constant is not slow."""
        weights = np.mean((law(self.points)[1] * self.scale)**2, axis=0)
        moving = np.where(self.shares > IDENTICAL, self.shares, 1.0)
        return float(moving @ weights / max(weights.sum(), 1e-300))

    def slowness(self, library, sample, chosen, terms, fitted):
        """Mean lambda of a law's terms, which a false law does not undercut by far."""
        if len(terms) > 1:
            return float(np.average(sample.share(chosen), weights=fitted**2))
        single = [library.variables[i] for i in np.flatnonzero(library.exponents[terms[0]])]
        return float(np.mean([sample.share(variable(sample.x)[0]) for variable in single]))

    def shortened(self, features, direction, limit=0.0):
        """The law of few terms with nearly the lambda of a direction (p,), or below the limit."""
        terms = fewest_terms(features.sample, features.rest, direction, limit)
        row = np.zeros(len(direction))
        row[terms] = eigenproblem(features.sample, features.rest[:, terms])[1][0]
        return self.law(features, row)

    # ------------------------------------------------------------ through all libraries

    def through(self, libraries):
        """Add what the libraries hold, in turn."""
        self.libraries = libraries
        for library in libraries:
            if self.open:
                self.exact(library)
        if self.open:
            self.inexact(libraries)

    # ------------------------------------------------------------ laws that are exact to rounding

    def exact(self, library):
        """Add the laws of a library that hold to rounding."""
        features = Features(library, self)
        shares, directions, held = features.shares, features.directions, features.held
        if len(features.relations):
            self.fix(features)
        zeros, before = np.count_nonzero(np.cumprod(held < PROMISING)), len(self.known)
        if zeros == 0 or zeros < len(shares) and shares[zeros] < 30 * held[:zeros].max():
            return
        # What varies slowly, as a time stamp does, can be near zero too: the lowest come first.
        counts = [n for n in range(1, zeros) if held[n] > FAR_ABOVE * held[:n].max()] + [zeros]
        for count, zero in product(counts, ZEROS):
            rows = simplest(directions[:count], features.relations, library.complexity, zero)
            rows = rows[np.argsort((rows != 0) @ (1 + library.complexity), kind="stable")]
            laws = [self.law(features, row) for row in rows if row.any()]
            laws = [law for law in laws if self.verified(law)]
            for law in laws if self.independent(*laws) else ():
                self.add(law, "exact")
        if len(self.known) == before:
            self.stubborn(features, directions[:zeros])

    def stubborn(self, features, directions):
        """Add a law that elimination misses where features nearly are functions of others."""
        laws = (self.shortened(features, direction, PROMISING) for direction in directions)
        law = next((law for law in laws if self.verified(law) and self.independent(law)), None)
        if law is not None:
            self.add(law, "exact")

    def fix(self, features):
        """Note the gradients of what has one value on all data: sums that do not vary."""
        s, axes = principal(features.values - features.values.mean(axis=0))
        slopes = features.library.gradients(self.points) / features.deviation[:, None] * self.scale
        slopes = np.einsum("qp,npd->nqd", axes[s <= FIXED * s[0]], slopes)
        # What holds for any numbers, as sin^2 + cos^2 = 1, has no gradient.
        self.fixed = slopes[:, _sizes(slopes) > 30 * SAME]

    def verified(self, law):
        """Whether a law holds to rounding, and far better than what varies slowly."""
        return law.sure and law.short and law.within < max(EXACT * law.slow**2, IDENTICAL)

    # ------------------------------------------------------------ laws up to noise, or nearly

    def inexact(self, libraries):
        """Add what noise explains, where nothing is exact to rounding; then what nearly holds."""
        most = len(self.train.sizes) / CLASSES
        libraries = [library for library in libraries if len(library.names) <= most]
        noisy = not self.result.laws
        while noisy and self.open and any([self.counts(law) and self.add(law, "exact")
                                           for law in self.explained(libraries)]):
            pass
        while self.open and self.nearly(libraries):
            pass

    def explained(self, libraries):
        """The laws that vary as the noise of the columns makes them, the best first."""
        laws = []
        for library in libraries:
            features = Features(library, self)
            directions = features.apart
            richer = not self.complete(laws) or features.held[0] < 0.9 * laws[0].within
            if len(directions) and richer:
                candidates = [self.shortened(features, directions[0])]
                # Of laws with about the same lambda the lowest direction is any mixture.
                rows = simplest(directions[:7], directions[:0], library.complexity, 0.1)
                candidates += [self.law(features, row) for row in rows] if 1 < len(rows) < 7 else []
                unbent = [self.unbent(features, law) for law in candidates]
                laws = sorted(laws + [law for law in unbent if law], key=lambda law: law.cost)
        return laws

    def counts(self, law):
        """Whether a law is independent, or as short as one known, and not of slow columns."""
        longest = max((len(other.terms) for other in self.result.laws), default=0)
        fast = law.slow > SLOW and law.within < NEARLY * law.slow
        return fast and (len(law.terms) <= longest or self.independent(law))

    def unbent(self, features, law):
        """The law without the pull of noise, and its needless terms; None if noise is not all."""
        terms = np.array([features.library.names.index(name) for name in law.terms])
        while (sigma := noise_of(law, self.train, self.test)) is not None and len(terms) > 1:
            part = replace(features.library, exponents=features.library.exponents[terms])
            sample = features.sample.first(MOST_VALUES // (len(terms) * len(self.names)))
            slopes = part.gradients(sample.x) / features.deviation[terms][:, None] * sigma
            fitted, errors = unbent_fit(sample, features.values[:len(sample.x), terms], slopes)
            law = self.named(features, sample, terms, fitted, errors)
            if np.all(np.abs(fitted) > 3 * errors):
                explained = law.sure and noise_of(law, self.train, self.test) is not None
                return law if explained else None
            terms = np.delete(terms, np.argmin(np.abs(fitted) / (errors + 1e-300)))
        return law if sigma is not None else None

    def nearly(self, libraries):
        """Add the law of about the lowest lambda, from the simplest library that has one."""
        laws = []
        for library in libraries:
            features = Features(library, self)
            laws += [self.shortened(features, direction) for direction in features.apart[:1]]
        laws = [law for law in laws if law.short and law.within < APPROXIMATE * law.slow**2
                and self.is_new(law) and self.independent(law)]
        best = min((law.within for law in laws), default=0)
        law = next((law for law in laws if law.within <= ABOUT * best), None)
        return law is not None and self.add(law, "exact" if self.verified(law) else "approximate")


def _sizes(slopes):
    """Root mean squares (m,) of gradients (n, m, d)."""
    return np.sqrt(np.mean(np.sum(slopes**2, axis=2), axis=0))
