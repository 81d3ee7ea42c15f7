"""Of all combinations of conserved features, those with few terms."""

import numpy as np

from beyond.eigenproblem import lowest

NEARLY_AS_GOOD = 1.2                # lambda of the shorter law, beside that of the longer one


def simplest(laws, relations, complexity, zero):
    """Of all combinations of laws (k, p), with relations (q, p) added, a basis with few terms, (k,
    p).

    First elimination: each row is rid of the other rows' pivots, for which features of high
    complexity (p,) are taken. Then one row is added to another wherever that leaves fewer terms.
    Entries below `zero` times their row's largest are 0.
    """
    first, improved = len(relations), True
    rows = _echelon(np.vstack([relations, laws]), first, complexity, zero)
    while improved:
        improved = False
        for i in range(first, len(rows)):
            for j in range(len(rows)):
                shorter = _shorter_sum(rows[i], rows[j], complexity, zero) if i != j else None
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
    """Indices of few of the features (n, p) that have a lambda below the limit, or nearly as low as
    all have.

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
