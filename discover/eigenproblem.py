"""Conserved quantities by name: the combinations of features that do not vary within a class.

Let phi(x) be features, and a class the observations on which all that is conserved agrees: an
orbit, or two observers of one event. For g = c·phi compare the variance of g within classes with
that over all data:

    W_ij = mean over classes of cov(phi_i, phi_j) within the class,
    V_ij = cov(phi_i, phi_j) over all data,
    lambda(c) = (c W c) / (c V c),     0: conserved,     1: like white noise.

Where lambda(c) is stationary its gradient is zero, W c = lambda V c. The singular value
decomposition phi - <phi> = Q S R gives new features Q with V = 1, for which this is an ordinary
eigenproblem; its eigenvalues are the squared singular values of Q minus Q's class means. That way
nothing is squared before it is decomposed, and zeros are zeros to 1e-25, not 1e-12. Directions R
with S = 0 have one value on all data: sin^2 + cos^2 = 1, or an invariant that is fixed. They are no
laws, but may be added to a law, or multiplied with one: of all equivalent forms `simplest` seeks
the shortest.
"""

from itertools import permutations

import numpy as np

FIXED = 1e-5                # singular value, beside the largest, of what is one on all data
EXACT = 1e-11               # lambda of a law that holds to rounding or to a solver's error
PROMISING = 1e-7            # lambda of what may be one, once fitted to its own terms alone
MOST_VALUES = 2_000_000     # features times observations, of one library
DRAWS = 100                 # of blocks of classes, of which there are as many, for standard errors
NEARLY_AS_GOOD = 1.2        # lambda of the shorter law, beside that of the longer one


class Sample:
    """Observations x (n, d), sorted by their classes (n,)."""

    def __init__(self, x, classes):
        order = np.argsort(classes, kind="stable")
        self.x, self.labels = x[order], classes[order]
        _, self.starts, self.sizes = np.unique(self.labels, return_index=True, return_counts=True)

    def first(self, rows):
        """The first classes, with about so many observations."""
        count = np.searchsorted(np.cumsum(self.sizes), rows) + 1
        return self.part(np.repeat(np.arange(len(self.sizes)) < count, self.sizes))

    def part(self, chosen):
        """The Sample of the chosen rows (n,)."""
        return Sample(self.x[chosen], self.labels[chosen])

    def off(self, values):
        """How far each of the values (n, k) is from the medians of its class, (n,)."""
        squares = np.zeros(len(values))
        for column in values.T:
            order = np.lexsort([column, self.labels])
            medians = column[order][self.starts + self.sizes // 2]
            squares += (column - np.repeat(medians, self.sizes))**2
        return np.sqrt(squares)

    @property
    def freedom(self):
        """How many observations there are beyond one for each class."""
        return len(self.x) - len(self.sizes)

    def within(self, values):
        """Deviations of values (n, ...) from their class means, (n, ...)."""
        means = np.add.reduceat(values, self.starts, axis=0).T / self.sizes
        return values - np.repeat(means.T, self.sizes, axis=0)

    def share(self, values):
        """lambda (...) of values (n, ...): variance within classes over all; 1 for a constant."""
        inside = np.sum(self.within(values)**2, axis=0) / self.freedom
        total = np.sum((values - values.mean(axis=0))**2, axis=0) / (len(values) - 1)
        return np.divide(inside, total, np.ones_like(total), where=total > 0)


def eigenproblem(sample, values):
    """Solve W c = lambda V c for features (n, p), each of deviation about 1.

    Gives lambda (k,), rising; its directions c (k, p), for which c·phi has deviation 1; and
    relations (q, p), whose combinations have one value on all data, with k + q = p.
    """
    centred = values - values.mean(axis=0)
    s, axes = principal(centred)
    varies = s > FIXED * s[0]
    whitening = axes[varies].T / s[varies]
    roots, turns = principal(sample.within(centred) @ whitening)
    shares = roots[::-1]**2 * (len(values) - 1) / sample.freedom
    return shares, np.sqrt(len(values)) * turns[::-1] @ whitening.T, axes[~varies]


def principal(values):
    """Singular values (p,) of values (n, p), falling, and their directions (p, p)."""
    triangle = np.linalg.qr(values, mode="r")
    try:
        return np.linalg.svd(triangle)[1:]
    except np.linalg.LinAlgError:               # LAPACK's faster routine fails once in a blue moon
        from scipy.linalg import svd
        return svd(triangle, lapack_driver="gesvd")[1:]


def lowest(w, v):
    """The lowest lambda of w c = lambda v c, and its direction (p,), for covariances w, v (p, p).

    This is `eigenproblem` for covariances that are there already: quicker, but good to 1e-12 only.
    """
    scales, axes = np.linalg.eigh(v)
    varies = scales > FIXED**2 * scales[-1]
    whitening = axes[:, varies] / np.sqrt(scales[varies])
    shares, turns = np.linalg.eigh(whitening.T @ w @ whitening)
    return shares[0], whitening @ turns[:, 0]


def standard_errors(sample, values, fitted, noise=None):
    """Standard errors (m,) of coefficients (m,) of features (n, m): blocks of classes drawn again.

    noise (m, m): the covariance that takes the place of V, where one did in the fit.
    """
    blocks = min(DRAWS, len(sample.sizes))
    block = np.arange(len(sample.sizes)) * blocks // len(sample.sizes)
    starts = sample.starts[np.flatnonzero(np.diff(block)) + 1]
    centred = np.column_stack([values - values.mean(axis=0), np.ones(len(values))])
    w, v = (np.stack([part.T @ part for part in np.split(rows, starts)])
            for rows in (sample.within(values), centred))
    rng, drawn = np.random.default_rng(0), []
    for weights in rng.multinomial(blocks, np.full(blocks, 1 / blocks), DRAWS):
        within, total = np.tensordot(weights, w, 1), np.tensordot(weights, v, 1)
        n, sums = total[-1, -1], total[:-1, -1]
        total = total[:-1, :-1] - np.outer(sums, sums) / n
        _, c = lowest(within, total) if noise is None else lowest(-noise, within / n)
        drawn.append(c * (fitted @ fitted) / (c @ fitted))
    return np.std(drawn, axis=0)


# -------------------------------------------------------------------------------------- few terms

def simplest(laws, relations, complexity, zero):
    """A basis (k, p) with few terms of all combinations of laws (k, p), relations (q, p) added.

    First elimination: each row is rid of the other rows' pivots, for which features of high
    complexity (p,) are taken. Then one row is added to another wherever that leaves fewer terms.
    Entries below `zero` times their row's largest are 0.
    """
    first, improved = len(relations), True
    rows = _echelon(np.vstack([relations, laws]), first, complexity, zero)
    while improved:
        improved = False
        for i, j in permutations(range(len(rows)), 2):
            shorter = _shorter_sum(rows[i], rows[j], complexity, zero) if i >= first else None
            if shorter is not None:
                rows[i], improved = shorter, True
    return rows[first:]


def _echelon(rows, relations, complexity, zero):
    rows, free = rows.copy(), np.ones(rows.shape[1], bool)
    for i in range(len(rows)):
        size = np.abs(rows[i:relations if i < relations else len(rows)]) * free
        if size.max(initial=0) == 0:
            continue
        # Any large enough entry is a safe pivot; of these the most complex feature goes.
        worth = np.where(size > 0.3 * size.max(), 1 + complexity + size / size.max(), 0)
        row, column = np.unravel_index(np.argmax(worth), size.shape)
        rows[[i, i + row]] = rows[[i + row, i]]
        rows[i] /= rows[i, column]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, column], rows[i])
        rows[others, column], free[column] = 0, False
    return _cleaned(rows, zero)


def _cleaned(rows, zero):
    size = np.abs(rows)
    return np.where(size > zero * size.max(axis=-1, keepdims=True), rows, 0.0)


def _shorter_sum(row, other, complexity, zero):
    """Of row + a · other that with the fewest terms, or None if row has as few."""
    shared = np.flatnonzero((row != 0) & (other != 0))
    sums = _cleaned(row - np.outer(row[shared] / other[shared], other), zero)
    cost = 1 + 1e-3 * complexity
    costs = (sums != 0) @ cost
    fewer = len(shared) > 0 and costs.min() < (row != 0) @ cost - 1e-9
    return sums[np.argmin(costs)] if fewer else None


def fewest_terms(sample, values, direction, limit=0.0):
    """Indices of few features (n, p) whose lambda is below the limit, or nearly as low as of all.

    The least of the terms of a direction (p,) are left out, first half of them, then fewer, then
    each in turn.
    """
    inside, centred = sample.within(values), values - values.mean(axis=0)
    w, v = inside.T @ inside / sample.freedom, centred.T @ centred / len(values)

    def solved(terms):
        return lowest(w[np.ix_(terms, terms)], v[np.ix_(terms, terms)])
    terms = np.argsort(-np.abs(direction))
    limit, step = max(limit, NEARLY_AS_GOOD * solved(terms)[0]), len(terms) // 2
    while step and len(terms) > 1:
        order = terms[np.argsort(-np.abs(solved(terms)[1]))]
        trials = [order[:-step]]
        trials += [np.delete(order, i) for i in range(len(order) - 1)[::-1]] if step == 1 else []
        terms = next((trial for trial in trials if solved(trial)[0] <= limit), None)
        step = step // 2 if terms is None else max(1, min(step, len(terms) // 2))
        terms = order if terms is None else terms
    return np.sort(terms)
