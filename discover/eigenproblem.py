"""Conserved quantities as an eigenproblem with errors: W c = mu N c.

Let phi(x) be features, and a class the observations on which all that is conserved agrees: an
orbit, or two observers of one event. A reading x has an error e of variances S = diag(sigma^2). To
first order a combination g = c·phi(x + e) has the error (c·J) e, J the derivatives of the features
by the columns, so that for a conserved g all variance within classes is that of the errors:

    W_ij = cov(phi_i, phi_j) within classes,    N = < J S J^T >,    c W c = c N c.

For any other g it is larger. The quotient

    mu(c) = (c W c) / (c N c)

is chi^2 per degree of freedom, one for each row beyond the first of its class: 1 within
sqrt(2 / dof) for a law, far above it otherwise, however small its share of all variance is. Where
mu(c) is stationary, W c = mu N c. With one column and no classes these are the total least squares
of R. J. Adcock, The Analyst 5, 53 (1878); the general case is W. A. Fuller, Measurement Error
Models (1987), chapter 2. Errors weigh differently from row to row, and the maximum likelihood has

    w = 1 / v,    v = (c·J) S (c·J)^T,

which needs c: W and N are made again with the weights of the c before. Each of m rows of a class
is compared with their weighted mean, which leaves 1 - w / sum(w) of its error: hence the factor in
N, and mu = 1 for a law at any weights.

First order is not enough for log(x) or 1/x where x is small. So W and N are made once more, of
features that are linear about the feet: the readings moved back to where the law holds, each by the
error that is most likely (Boggs, Byrd & Schnabel, SIAM J. Sci. Stat. Comput. 8, 1052 (1987)).

A set of features T holds a law whose mu is below L if, and only if, some c on T has
c W c < L c N c: if the matrix W - L N, restricted to T, is not positive definite. `minimal_sets`
finds all such sets of few features, by the signs of Schur complements, without solving a single
eigenproblem.

The coefficients' errors follow from the other eigenvectors u_k (T. W. Anderson, Ann. Math. Stat.
34, 122 (1963)): the coefficient of u_k in c has the variance mu mu_k / (mu_k - mu)^2 / dof.

lambda = (c W c) / (c V c), V the covariance over all data, is the share of the variance that lies
within a class: 0 for a law without errors, 1 for white noise.
"""

from copy import copy
from itertools import combinations

import numpy as np

MAX_VALUES = 8_000_000     # features times rows times columns: 50 MiB of derivatives
MAX_SET_STEPS = 5e6         # of minimal_sets, for all sets of a size: a tenth of a second
MAX_SETS = 2000             # sets of features that it returns
ROUNDING_OF_W = 1e-15       # of a covariance of features of deviation 1
LIGHTEST = 0.05             # v of a row, beside the median's, from which its weight stays [.02, ]
ROUNDS = 3                  # of weights, each from the c before


class Sample:
    """Observations x (n, d) with errors (n, d), standard deviations, sorted by classes (n,)."""

    def __init__(self, x, classes, errors=None):
        order = np.argsort(classes, kind="stable")
        self.x, self.labels = x[order], classes[order]
        self.errors = np.zeros_like(self.x) if errors is None else errors[order]
        _, self.starts, self.sizes = np.unique(self.labels, return_index=True, return_counts=True)

    def some(self, rows):
        """A Sample of about so many rows: of classes that are spread over all."""
        count = len(self.sizes)
        wanted = max(2, int(count * rows / len(self.x)))
        if wanted >= count:
            return self
        chosen = np.zeros(count, bool)
        chosen[np.linspace(0, count - 1, wanted).astype(int)] = True
        return self.part(np.repeat(chosen, self.sizes))

    def part(self, chosen):
        """The Sample of the chosen rows (n,)."""
        return Sample(self.x[chosen], self.labels[chosen], self.errors[chosen])

    @property
    def freedom(self):
        """How many rows there are beyond one for each class."""
        return len(self.x) - len(self.sizes)

    def sums(self, values):
        """Sums of values (n, ...) over the classes, for each row (n, ...)."""
        return np.repeat(np.add.reduceat(values, self.starts, axis=0), self.sizes, axis=0)

    def within(self, values, weights=None):
        """Deviations of values (n, ...) from their class means, weighted by (n,)."""
        w = np.ones(len(values)) if weights is None else weights
        w = w.reshape(-1, *[1] * (values.ndim - 1))
        return values - self.sums(values * w) / self.sums(w)

    def share(self, values, weights=None):
        """lambda (...) of values (n, ...): variance within classes over all; 1 for a constant."""
        w = np.ones(len(values)) if weights is None else weights
        inside = w @ self.within(values, w)**2 / (self.freedom / len(values))
        total = w @ (values - np.average(values, axis=0, weights=w))**2
        return np.divide(inside, total, np.ones_like(total), where=total > 0)

    def chi2(self, values, variances):
        """chi^2 per degree of freedom of a law's values (n,), whose errors have variances (n,)."""
        w = weights_of(variances)
        expected = np.sum(w * variances * (1 - w / self.sums(w)))
        return float(np.sum(w * self.within(values, w)**2) / max(expected, 1e-300))


def weights_of(variances):
    """Weights (n,) of rows, from the variances (n,) of a law's errors."""
    return 1 / np.maximum(variances, LIGHTEST * np.median(variances) + 1e-300)


class Features:
    """The features of a library on a sample: values of deviation 1, and their derivatives.

    like: the Features on another sample, whose scales are taken.
    """

    def __init__(self, library, sample, like=None):
        self.library, self.sample = library, sample
        values, d = library.values(sample.x), sample.x.shape[1]
        if like is None:
            self.mean, self.deviation = values.mean(axis=0), values.std(axis=0)         # (p,)
            self.deviation[self.deviation <= 1e-12 * np.abs(values).max(axis=0)] = np.inf
            self.scale = np.where(np.ptp(sample.x, axis=0) > 0, sample.x.std(axis=0), 0)    # (d,)
        else:
            self.mean, self.deviation, self.scale = like.mean, like.deviation, like.scale
        self.values = (values - self.mean) / self.deviation                     # (n, p)
        self.slopes = np.empty((len(values), d, len(self.mean)))                # of x / scale
        for at in range(0, len(values), 500):
            with np.errstate(invalid="ignore"):         # a constant has the scale infinity
                part = library.gradients(sample.x[at:at + 500]) * self.scale
                part /= self.deviation[:, None]
            self.slopes[at:at + 500] = part.transpose(0, 2, 1)
        self.errors = sample.errors / np.where(self.scale > 0, self.scale, 1)          # (n, d)

    def part(self, terms):
        """The Features of these terms, an index (k,)."""
        part = copy(self)
        part.library, part.mean = self.library.part(terms), self.mean[terms]
        part.deviation = self.deviation[terms]
        part.values, part.slopes = self.values[:, terms], self.slopes[:, :, terms]
        return part

    def rows(self, chosen):
        """The Features of the chosen rows (n,)."""
        part = copy(self)
        part.sample, part.errors = self.sample.part(chosen), self.errors[chosen]
        part.values, part.slopes = self.values[chosen], self.slopes[chosen]
        return part

    def distances(self, c):
        """How far rows (n,) are from their class's median of a combination c (p,), in errors."""
        values, sample = self.values @ c, self.sample
        ranked = values[np.lexsort([values, sample.labels])]
        medians = np.repeat(ranked[sample.starts + sample.sizes // 2], sample.sizes)
        v, sizes = self.variances(c), np.repeat(sample.sizes, sample.sizes)
        return np.abs(values - medians) / np.sqrt(v + np.pi / 2 * sample.sums(v) / sizes**2)

    def variances(self, c, rounding=ROUNDING_OF_W):
        """Variances (n,) of errors of a combination c (p,), rounding of features included."""
        slopes = (self.slopes @ c) * self.errors
        return np.sum(slopes**2, axis=1) + np.sum(rounding * c**2)

    def feet(self, c, largest):
        """Readings (n, d) without the errors that a law c (p,) sees: its gradient says which.

        Each error is at most `largest` standard deviations, and no sign changes.
        """
        slopes, v = (self.slopes @ c) * self.errors, self.variances(c)                  # (n, d)
        rest = self.sample.within(self.values @ c, weights_of(v)) / v
        unit = self.scale * self.errors
        return take_back(self.sample.x, unit * slopes * rest[:, None], unit * largest)

    def at_feet(self, c, largest):
        """The Features made linear in x about the feet of a law c (p,).

        What is left to second order in the errors, such as the mean of 1/x beside 1 over the mean,
        is then gone.
        """
        x, feet = self.sample.x, self.feet(c, largest)
        moved = Features(self.library, Sample(feet, self.sample.labels, self.sample.errors), self)
        back = np.divide(x - feet, self.scale, where=self.scale > 0, out=np.zeros_like(x))
        moved.values += np.einsum("ndp,nd->np", moved.slopes, back)
        moved.errors = self.errors
        return moved

    def first_weights(self):
        """Weights (n,) before there is a law: by the geometric mean of all features' variances."""
        logs = np.zeros(len(self.values))
        for at in range(0, len(logs), 500):
            own = (self.slopes[at:at + 500]**2 * self.errors[at:at + 500, :, None]**2).sum(axis=1)
            logs[at:at + 500] = np.log(own + 1e-30).mean(axis=1)
        return weights_of(np.exp(logs - logs.mean()))

    def mean_variances(self):
        """The mean variance (p,) that errors make of each feature."""
        return sum(np.sum((self.slopes[:, i]**2 * self.errors[:, i, None]**2), axis=0)
                   for i in range(self.errors.shape[1])) / len(self.values)

    def chi2_on_all(self, c):
        """The variance of a combination c (p,) on all data, beside that of its errors."""
        v, values = self.variances(c), self.values @ c
        w = weights_of(v)
        return np.average((values - np.average(values, weights=w))**2, weights=w) / np.average(
            v, weights=w)

    def covariances(self, weights):
        """W and N (p, p), rows weighted by (n,)."""
        sample, p = self.sample, self.values.shape[1]
        inside = sample.within(self.values, weights) * np.sqrt(weights)[:, None]
        left = np.sqrt(weights * (1 - weights / sample.sums(weights)))[:, None] * self.errors
        noise = np.zeros((p, p))
        for at in range(0, len(left), 1000):
            part = (self.slopes[at:at + 1000] * left[at:at + 1000, :, None]).reshape(-1, p)
            noise += part.T @ part
        size = np.sum(weights * (1 - weights / sample.sums(weights)))
        noise[np.diag_indices(p)] += ROUNDING_OF_W * size
        return inside.T @ inside / size, noise / size

    def judge(self, c):
        """chi^2 per degree of freedom and lambda of a combination c (p,), with its weights.

        Of the features' own rounding, which is less than that of W: it shows what c leaves of it.
        """
        rounding = np.finfo(float).eps * (1 + np.abs(self.mean) / self.deviation)
        variances = self.variances(c, rounding**2)
        weights, values = weights_of(variances), self.values @ c
        return self.sample.chi2(values, variances), self.sample.share(values, weights)

    def fit(self, weights):
        """The c (p,) of lowest mu, mu, and errors (p,) of c.

        weights (n,) are the first; those of ROUNDS rounds follow.
        """
        for _ in range(ROUNDS):
            c = eigenpairs(*self.covariances(weights))[1][:, 0]
            weights = weights_of(self.variances(c))
        mu, directions = eigenpairs(*self.covariances(weights))
        return directions[:, 0], mu[0], coefficient_errors(mu, directions, self.sample.freedom)


def take_back(x, errors, largest):
    """Readings x (n, d) without errors, each at most the largest, that change no sign."""
    moved = x - np.clip(errors, -largest, largest)
    return np.where(moved * x > 0, moved, x)


def eigenpairs(w, n):
    """mu (k,), rising, and directions (p, k) with c N c = 1, of W c = mu N c.

    Solved as N c = (W + N) c / (1 + mu), whose largest eigenvalues are sure to rounding.
    """
    unit = 1 / np.sqrt(np.diag(n) + np.diag(w))
    w, n = w * np.outer(unit, unit), n * np.outer(unit, unit)
    try:
        root = np.linalg.cholesky(w + n)
    except np.linalg.LinAlgError:               # singular but for rounding
        root = np.linalg.cholesky(w + n + 1e-12 * np.eye(len(n)))
    inverse = np.linalg.inv(root)
    share, c = np.linalg.eigh(inverse @ n @ inverse.T)
    share = np.maximum(share[::-1], 1e-30)
    return np.maximum(1 / share - 1, 0), inverse.T @ c[:, ::-1] / np.sqrt(share) * unit[:, None]


def coefficient_errors(mu, directions, freedom):
    """Standard errors (p,) of the first direction of `eigenpairs`."""
    gaps = np.maximum(mu[1:] - mu[0], 1e-30)
    return np.sqrt(directions[:, 1:]**2 @ (mu[0] * mu[1:] / gaps**2) / freedom)


def loss_without(mu, directions):
    """How much mu rises (p,), about, where a feature is left out of the first direction."""
    gaps = np.maximum(mu[1:] - mu[0], 1e-30)
    with np.errstate(over="ignore", invalid="ignore"):  # of relations, on all data one value
        return directions[:, 0]**2 / np.maximum(directions[:, 1:]**2 @ (1 / gaps), 1e-300)


def sharpest(values, sample):
    """c (k,) of lowest lambda for features values (n, k), squared nowhere: zeros are 1e-30."""
    centred = values - values.mean(axis=0)
    triangle = np.linalg.qr(centred, mode="r")
    inside = np.linalg.qr(sample.within(centred), mode="r")
    s, axes = np.linalg.svd(triangle)[1:]
    keep = s > 1e-12 * s[0]
    whitening = axes[keep].T / s[keep]
    return whitening @ np.linalg.svd(inside @ whitening)[2][-1]


# ------------------------------------------------------------------------------- sets of features

def minimal_sets(m):
    """Sets of indices, smallest first, on which a matrix m (p, p) is not positive definite.

    No set holds a smaller one. All sets of a size are found, for all sizes that MAX_SET_STEPS
    allows.
    """
    diagonal = np.diag(m)
    found = [(int(i),) for i in np.flatnonzero(diagonal <= 0)]
    kept = np.flatnonzero(diagonal > 0)
    r = m[np.ix_(kept, kept)] / np.sqrt(np.outer(diagonal[kept], diagonal[kept]))
    p, allowed = len(kept), np.triu(np.abs(r) < 1, 1)
    sets = [tuple(map(int, pair)) for pair in np.argwhere(np.triu(~allowed, 1))]
    known, count, prefixes = set(sets), p, np.arange(p)[:, None]
    for size in range(3, p + 1):
        if count * (p * p / 3 + 3000) >= MAX_SET_STEPS or len(sets) >= MAX_SETS:
            break
        longer = []
        for some in np.array_split(prefixes, 1 + len(prefixes) * p * p // 100_000):
            cross, own = r[some], r[some[:, :, None], some[:, None]]
            rest = r - cross.transpose(0, 2, 1) @ np.linalg.pinv(own) @ cross       # (., p, p)
            own = rest.diagonal(axis1=1, axis2=2)
            is_open = allowed[some].all(axis=1) & (own > 0)     # is positive definite with it
            rows, later = np.nonzero(is_open)
            longer.append(np.column_stack([some[rows], later]))
            hits = (rest**2 >= own[:, :, None] * own[:, None]) & allowed
            for row, i, j in np.argwhere(hits & is_open[:, :, None] & is_open[:, None]):
                new = (*map(int, some[row]), int(i), int(j))
                subsets = (part for few in range(2, size) for part in combinations(new, few))
                if known.isdisjoint(subsets):
                    sets.append(new)
                    known.add(new)
            if len(sets) >= MAX_SETS:
                break
        prefixes, count = np.concatenate(longer), count * (p - size + 2) / (size - 1)
    return found + [tuple(int(kept[i]) for i in each) for each in sets]


def sparse_directions(directions):
    """Of the span of directions (p, q) sparse ones, as indices of their terms, the largest first.

    Each has the least sum of sizes of those that are 1 at one of the features: by least squares
    that are weighted by 1 / size, again and again.
    """
    basis = np.linalg.qr(directions / np.linalg.norm(directions, axis=0))[0]
    weight = np.linalg.norm(basis, axis=1)
    own = basis[np.argsort(-weight)[:20 if basis.shape[1] > 1 else 1]]          # (a, q)
    weights = np.ones((len(own), len(basis)))
    for _ in range(30):
        squares = np.einsum("ap,pq,pr->aqr", weights, basis, basis, optimize=True)
        size = np.trace(squares, axis1=1, axis2=2)[:, None, None]
        squares += (1e-12 * size + 1e-300) * np.eye(own.shape[1])
        solved = np.linalg.solve(squares, own[..., None])[..., 0]
        c = np.abs(solved @ basis.T / np.sum(own * solved, axis=1)[:, None])
        weights = 1 / (c + 1e-8)
    return [np.argsort(-row)[:np.clip(np.sum(row > 1e-6 * row.max()), 1, 40)] for row in c]


def shorten(terms, w, n, costs, chance):
    """Of an index of terms those whose loss is more than chance, of mu; the dearest goes first."""
    while len(terms) > 1:
        mu, directions = eigenpairs(w[np.ix_(terms, terms)], n[np.ix_(terms, terms)])
        loss = loss_without(mu, directions) / max(mu[0], 1e-3)
        if loss.min() > chance:
            break
        free = np.flatnonzero(loss <= max(1e-4 * chance, loss.min()))
        dearest = free[np.argsort(-costs[terms[free]], kind="stable")]
        terms = np.delete(terms, dearest[:1 + max(len(terms) - 12, 0) // 8])
    return terms


# ------------------------------------------------------------------------------------ lack of fit

def depends(sample, rest, weights, columns, z):
    """Whether what a law leaves (n,) depends on columns (n, k), class by class: an F test.

    z: standard deviations of F that are allowed. Classes that are too small take no part.
    """
    root, size = np.sqrt(weights), 0
    inside = sample.within(columns / columns.std(axis=0).clip(1e-300), weights) * root[:, None]
    axes, sizes = np.linalg.svd(inside, full_matrices=False)[:2]
    axes = axes[:, sizes > 0.01 * np.sqrt(weights.sum())]
    explained = left = freedom = 0.0
    for start, rows in zip(sample.starts, sample.sizes):
        k = min(axes.shape[1], (rows - 2) // 2)
        if k > 0:
            basis, own = axes[start:start + rows, :k], (rest * root)[start:start + rows]
            c, _, k, _ = np.linalg.lstsq(basis, own, rcond=0.05)
            explained, left = explained + own @ basis @ c, left + own @ (own - basis @ c)
            size, freedom = size + k, freedom + rows - 1 - k
    return size > 0 and explained / size > left / freedom * (
        1 + z * np.sqrt(2 / size + 2 / freedom))
