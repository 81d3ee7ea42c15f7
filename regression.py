"""Reading the bottleneck: polynomial ridge regression on f (section III); formulas.py makes its terms a formula.

    features   all monomials of the inputs up to an order, e.g. t, x, t^2, t*x, x^2
    ridge      the c, c0 that minimise |target - features c - c0|^2 + alpha |c|^2, in closed form
    hierarchy  one such fit for each of the orders 1 to 4, as in Tables I to V

and what the paper does not have:

    alignment  the combination of features whose gradient has everywhere the direction of that of f
    sparse     the fewest features of any library that still explain f

Everything is float64; samples are rows.
"""

from dataclasses import dataclass

import numpy as np

from checks import finite_array
from features import monomial_exponents, monomial_name, monomials
from formulas import decimals_for, readable, signed_sum

ORDERS = (1, 2, 3, 4)           # of the polynomials in Tables I to V
ALPHA = 1.0                     # ridge strength; the paper names none, and 50 000 samples drown it
BLOCK = 8192                    # samples whose features are in memory together
GRADIENT_BLOCK = 1024           # the same where each feature has its derivatives too
SAMPLES_PER_FEATURE = 10        # with fewer gradients, some combination of features follows them by chance


# ------------------------------------------------------------------------------------- regression

def polynomial_features(x, order):
    """All monomials of degree 1 to `order` of the columns of x (n, d).

    Returns features (n, p), in columns of rising degree, and their exponents (p, d). The constant is
    left to the intercept. Raises ValueError if x is not finite or order is not a positive integer.
    """
    x = finite_array("x", x, "n", "d").astype(float, copy=False)
    exponents = monomial_exponents(x.shape[1], order)
    return monomials(x, exponents), exponents


def ridge(features, target, alpha=ALPHA):
    """Closed-form ridge regression of target (n,) on features (n, p), intercept not penalised.

    Returns coefficients (p,) and intercept. With alpha = 0 and dependent features, one of the many
    solutions: that of least norm in features scaled to length one. Raises ValueError if shapes disagree,
    values are not finite or alpha is negative.
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
    if len(a) == 0 or _constant(a, 1e-5) or _constant(b, 1e-5):
        return 0.0
    return float(np.mean((a - np.mean(a)) * (b - np.mean(b))) / (np.std(a) * np.std(b)))


def _constant(values, tolerance=1e-12):
    return np.std(values) <= tolerance * np.abs(np.mean(values))


def _solve(gram, moment, alpha):
    """Solve (gram + alpha 1) c = moment, where gram (p, p) and moment (p,) belong to centred features."""
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

    @property
    def terms(self):
        """Coefficients by name, e.g. {"t^2": -27.4, "x*y": 0.1}."""
        return {monomial_name(self.inputs, powers): float(c) for powers, c in zip(self.exponents, self.coefficients)}

    def text(self, like_sizes=True):
        """The paper's first line: terms in the order of their coefficients, of many the first and last, as eq. (11).

        like_sizes: whether features are of like size, so that a coefficient with fewer decimals says less.
        """
        ordered = sorted([("", self.intercept), *self.terms.items()], key=lambda term: term[1])
        decimals = decimals_for(max(abs(c) for _, c in ordered), digits=4, least=2)
        parts = [((f"{abs(c):.{decimals}f}" if like_sizes else f"{abs(c):.3g}") + readable(name), c) for name, c in ordered]
        if len(parts) > 16:
            parts[8:-8] = [("...", 1)]
        return signed_sum(parts)


def hierarchy(x, f, x_test, f_test, inputs, orders=ORDERS, alpha=ALPHA):
    """Fit f (n,) by polynomials in x (n, d) of each order; returns {order: Polynomial}.

    The sums over samples are taken block by block, so that memory does not grow with n, and once for
    all orders: features of lower degree come first, so lower orders are leading blocks of the highest.
    Raises ValueError if shapes disagree, values are not finite, there are no samples or alpha is negative.
    """
    x, x_test = finite_array("x", x, "n", len(inputs)), finite_array("x_test", x_test, "n", len(inputs))
    f, f_test = finite_array("f", f, len(x)).astype(float), finite_array("f_test", f_test, len(x_test)).astype(float)
    if len(x) == 0 or len(x_test) == 0 or not 0 <= alpha < np.inf:
        raise ValueError(f"x and x_test must hold samples, alpha must not be negative; got {len(x)}, {len(x_test)} and {alpha}")
    exponents = monomial_exponents(len(inputs), max(orders))
    # Sums are taken about the first block's mean, near the mean of all: what is subtracted from gram below is then
    # small, and costs no digits.
    near = monomials(x[:BLOCK], exponents).mean(axis=0)
    total, gram, moment = np.zeros(len(near)), np.zeros((len(near), len(near))), np.zeros(len(near))
    for phi, target in _blocks(x, f - f.mean(), exponents):
        phi -= near
        total += phi.sum(axis=0)
        gram += phi.T @ phi
        moment += phi.T @ target
    mean = near + total / len(x)
    gram -= np.outer(total, total) / len(x)              # moment needs none of this: the targets sum to zero

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
        yield monomials(x[start:start + BLOCK], exponents), f[start:start + BLOCK]


# -------------------------------------------------------------------------------------- alignment

@dataclass(frozen=True)
class Alignment:
    """How well the gradients of feature combinations can follow that of f, and the best combination.

    The eigenvalues are mean squared sines of the angle between the two gradients, from 0 (parallel
    everywhere) to 1, in rising order. If the first is small and the second is not, there is one
    combination that f is a function of.
    """
    names: tuple[str, ...]
    eigenvalues: np.ndarray
    coefficients: np.ndarray            # (p,) of the first, of length 1, the largest positive

    @property
    def gap(self):
        """The second eigenvalue over the first."""
        return self.eigenvalues[1] / max(self.eigenvalues[0], 1e-12) if len(self.eigenvalues) > 1 else 1.0

    @property
    def terms(self):
        return {name: float(c) for name, c in zip(self.names, self.coefficients)}


def gradient_alignment(library, x, gradients, normals=(), scale=None, least=1e-9):
    """The combination of a library's features whose gradient is parallel to that of f.

    x: samples (n, d); gradients: those of f there (n, d), of any length, since only their direction counts.
    normals: gradients (n, d) of quantities that are constant over the samples, of which f says nothing, or that f
        may depend on besides. Only directions at right angles to all of them count.
    least: share of its squared gradient that a combination must have left in these directions. One that has less is
        about a function of the quantities with these normals, and could be added to the best one at no cost.
    scale: sizes (d,) of the inputs, where they have different units: angles are those in x / scale.

    Any function of an invariant is as good to the network as the invariant itself, but R^2 wants it on a
    straight line. The direction of the gradient does not change with the function. With unit vectors
    u = grad f / |grad f| and features phi, the share of |grad (c phi)|^2 that is not along u,

        c A c / c B c,    B = mean of grad phi grad phi^T,    A = B - mean of (grad phi u)(grad phi u)^T,

    is least for the first generalised eigenvector of A c = lambda B c. Returns {order: Alignment}, for each
    degree of the library for which the samples with a gradient are SAMPLES_PER_FEATURE or more. Raises ValueError
    if shapes disagree, if there are too few even for the lowest degree, or if no feature changes in these directions.
    """
    gradients = finite_array("gradients", gradients, "n", len(library.inputs))
    simplest = np.sum(library.degrees == library.degrees[0])
    a, b, whole, samples = _alignment_matrices(library, x, gradients[:, :, None], normals, scale, simplest)
    alignments = {}
    for order in np.unique(library.degrees):
        simple = np.flatnonzero(library.degrees <= order)
        if samples < SAMPLES_PER_FEATURE * len(simple):
            break
        values, vectors, _ = _generalised_eigenvectors(*(matrix[np.ix_(simple, simple)] for matrix in (a, b, whole)), least)
        if len(values) == 0:                            # all of these are functions of what has the normals
            continue
        first = vectors[:, 0] / np.linalg.norm(vectors[:, 0])
        first *= np.sign(first[np.argmax(np.abs(first))])       # the sign of an eigenvector is arbitrary
        alignments[int(order)] = Alignment(tuple(library.names[i] for i in simple), values, first)
    if not alignments:
        raise ValueError("the library must hold a feature that is no function of the quantities with these normals")
    return alignments


def common_invariants(library, x, gradients, normals=(), scale=None, most=0.03, least_gap=4.0):
    """All combinations of a library's features that are functions of several f, in their simplest form.

    gradients: those of k functions f at samples x (n, d), as (n, d, k). Their combinations span, at each sample,
        the directions in which an invariant may change; the eigenvalues are the mean squared sines of the
        angles between the gradients of combinations and this space.
    normals, scale: those of gradient_alignment.

    Those up to the last one below `most` (angles of ten degrees) that is followed by a gap, a factor of
    `least_gap` or more, count. Any combination of the vectors that belong to them is as good, and Gaussian
    elimination finds one with as many zeros as possible, also by adding functions of the quantities with the normals;
    with `scale` it compares coefficients times the root mean square of their features. Returns a list of
    {name: coefficient}, that of the largest term being 1 or -1, and the eigenvalues. Raises ValueError as
    gradient_alignment does.
    """
    a, b, whole, _ = _alignment_matrices(library, x, gradients, normals, scale, len(library.names))
    features = library.values(x)
    some = np.flatnonzero(features.any(axis=0))         # a product that is zero at all samples is no invariant
    values, vectors, fixed = _generalised_eigenvectors(*(matrix[np.ix_(some, some)] for matrix in (a, b, whole)))
    floored = np.maximum(values, 1e-12)
    last = np.flatnonzero((floored[:-1] < most) & (floored[1:] >= least_gap * floored[:-1]))
    if len(last) == 0:
        return [], values
    sizes = np.ones(len(some)) if scale is None else np.sqrt(np.mean(features[:, some]**2, axis=0))
    first = fixed.shape[1]                              # the rows below are those of the invariants
    rows = np.vstack([fixed.T, vectors[:, :last[-1] + 1].T]) * sizes
    for i in range(len(rows)):                          # reduced echelon form, always by the largest coefficient left
        pivot = i + np.argmax(np.abs(rows[i:first] if i < first else rows[i:]).max(axis=1))
        rows[[i, pivot]] = rows[[pivot, i]]
        column = np.argmax(np.abs(rows[i]))
        rows[i] /= rows[i, column]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, column], rows[i])
    rows = rows[first:]
    largest = np.argmax(np.abs(rows), axis=1)[:, None]
    rows = rows / sizes
    rows /= np.abs(np.take_along_axis(rows, largest, axis=1))
    return [dict(zip([library.names[i] for i in some], row.tolist())) for row in rows], values


def constant_combinations(library, x, most=1e-3):
    """Combinations of a library's features that have about one value at all samples x (n, d), as columns (p, m).

    These are the eigenvectors of the features' correlation matrix with eigenvalues below `most`; a feature with a
    variance below this is constant by itself. So x should be of size one, in uncorrelated columns. With fewer than
    SAMPLES_PER_FEATURE samples per feature, on which some would be constant by chance, none are returned (m = 0).
    """
    values = library.values(finite_array("x", x, "n", len(library.inputs)).astype(float, copy=False))
    if len(values) < SAMPLES_PER_FEATURE * len(library.names):
        return np.zeros((len(library.names), 0))
    size = values.std(axis=0)
    size[size**2 < most] = 1
    centred = (values - values.mean(axis=0)) / size
    eigenvalues, vectors = np.linalg.eigh(centred.T @ centred / len(values))
    return vectors[:, eigenvalues < most] / size[:, None]


def _alignment_matrices(library, x, gradients, normals, scale, features):
    """A and B of gradient_alignment, for gradients (n, d, k) of k functions: u is a basis of what they span.

    And what B is without normals, and at how many samples all k have a gradient; ValueError if these are too few
    for that many features.
    """
    x = finite_array("x", x, "n", len(library.inputs)).astype(float, copy=False)
    scale = np.ones(x.shape[1]) if scale is None else finite_array("scale", scale, x.shape[1])
    gradients = finite_array("gradients", gradients, *x.shape, "k").astype(float) * scale[:, None]
    normals = np.stack([finite_array("normals", normal, *x.shape) * scale for normal in normals], axis=2) if len(normals) else None
    p = len(library.names)
    parallel, b, whole, counted = np.zeros((p, p)), np.zeros((p, p)), np.zeros((p, p)), 0

    def products(phi):                                  # sums over samples and directions, for phi (n, p, directions)
        flat = phi.transpose(0, 2, 1).reshape(-1, p)
        return flat.T @ flat
    for start in range(0, len(x), GRADIENT_BLOCK):
        block = slice(start, start + GRADIENT_BLOCK)
        phi, g = library.gradients(x[block]) * scale, gradients[block]
        tiny = 1e-6 * max(np.linalg.norm(g, axis=1).max(), 1e-300)      # below it all units of a network are off, or rounding is left
        along = phi
        if normals is not None:
            normal = np.linalg.qr(normals[block])[0]                    # orthonormal columns (n, d, constants)
            onto_normals = normal @ normal.transpose(0, 2, 1)
            along, g = phi - phi @ onto_normals, g - onto_normals @ g
        some = np.linalg.norm(g, axis=1).min(axis=1) > tiny
        u = np.linalg.qr(g[some])[0]
        whole += products(phi[some])
        b += products(along[some])
        parallel += products(along[some] @ u)
        counted += np.sum(some)
    if counted < SAMPLES_PER_FEATURE * features:
        raise ValueError(f"gradients must be other than zero at {SAMPLES_PER_FEATURE * features} samples or more, {SAMPLES_PER_FEATURE} per "
                         f"feature, got {counted}; a constant f has none")
    if not b.any():
        raise ValueError("the library must hold a feature that is not constant")
    return b - parallel, b, whole, counted


def aligned_order(alignments, gap=5.0, most=0.1, worse=10.0, good=0.01):
    """The lowest order at which a first eigenvalue below `most` is `gap` times below the second, None if there is none.

    At higher orders it closes again, since the square of an invariant is parallel to it too. An order does not count
    whose first eigenvalue is above `good` (angles of six degrees) and `worse` times that of another order: the truth
    needs the other, and this is a rough approximation.
    """
    best = min(alignment.eigenvalues[0] for alignment in alignments.values())
    return next((order for order, alignment in sorted(alignments.items())
                 if alignment.gap >= gap and alignment.eigenvalues[0] < min(most, max(good, worse * best))), None)


def _generalised_eigenvectors(a, b, whole, least=1e-9):
    """Rising eigenvalues of a c = lambda b c, and vectors in columns, where c b c is at least `least` of c whole c.

    And, in columns, the combinations where it is less.
    """
    scale = np.sqrt(np.maximum(whole.diagonal(), 1e-300))
    whitening = np.diag(1 / scale)
    # First the combinations that have no gradient at all are left out, then those with too little of it in b.
    for matrix, smallest in ((whole, 1e-9), (b, least)):
        lengths, directions = np.linalg.eigh(whitening.T @ matrix @ whitening)
        kept = lengths > smallest
        less = whitening @ directions[:, ~kept]
        whitening = whitening @ directions[:, kept] / np.sqrt(lengths[kept])
    values, vectors = np.linalg.eigh(whitening.T @ a @ whitening)
    return np.clip(values, 0, None), whitening @ vectors, less


# ------------------------------------------------------------------------------------------ sparse

@dataclass(frozen=True)
class Sparse:
    """f as a sum of few features, and how much of it they explain."""
    terms: dict[str, float]
    intercept: float
    r2: float                           # on the samples of the fit
    richest_r2: float                   # of all features of the library together


def sparse_fit(library, x, f, surplus=2.0, floor=1e-10):
    """The fewest features of a library that explain f (n,) at samples x (n, d) about as well as all do.

    Features that depend on simpler ones at these samples go first. Of the others the one that costs the
    fit least is taken away, again and again. Of the formulas on this way, the shortest is returned whose
    unexplained variance is at most `surplus` times that of all features together, or `floor` (relative to
    the variance of f). A constant f gives no terms. Raises ValueError if shapes disagree.
    """
    values = library.values(finite_array("x", x, "n", len(library.inputs)).astype(float, copy=False))
    f = finite_array("f", f, len(values)).astype(float, copy=False)
    centred, target = values - values.mean(axis=0), f - f.mean()
    scale, variance = np.linalg.norm(centred, axis=0), target @ target
    if _constant(f):
        return Sparse({}, float(f.mean()), 0.0, 0.0)
    centred /= np.where(scale > 1e-12 * np.abs(values).max(axis=0) * np.sqrt(len(f)), scale, np.inf)
    gram, moment = centred.T @ centred, centred.T @ target
    kept = _independent(gram)
    if not kept:                                        # constants, all of them
        return Sparse({}, float(f.mean()), 0.0, 0.0)
    way = []                                            # (features, unexplained share), from many to few
    while kept:
        inverse = np.linalg.inv(gram[np.ix_(kept, kept)])
        solution = inverse @ moment[kept]
        way.append((list(kept), max(0.0, 1 - solution @ moment[kept] / variance)))
        kept.pop(int(np.argmin(solution**2 / inverse.diagonal())))      # without feature i, the squared error grows by this
    allowed = max(surplus * way[0][1], floor)
    chosen = next(features for features, unexplained in reversed(way) if unexplained <= allowed)
    coefficients, intercept = ridge(values[:, chosen], f, alpha=0)
    return Sparse({library.names[i]: float(c) for i, c in zip(chosen, coefficients)}, float(intercept),
                  float(r2_score(f, values[:, chosen] @ coefficients + intercept)), 1 - way[0][1])


def _independent(gram, tolerance=1e-7):
    """Of unit features with these products, those that are no combination of the ones before them."""
    gram, kept = gram.copy(), []
    for i in range(len(gram)):                          # Gram-Schmidt, on the matrix of products
        if gram[i, i] > tolerance:
            kept.append(i)
            gram -= np.outer(gram[:, i], gram[i]) / gram[i, i]
    return kept
