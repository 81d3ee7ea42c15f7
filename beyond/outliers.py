"""Few rows that are no measurements can hide a law that all others obey.

A sentinel such as -999 is far from all other values of its column. A wrong value that is not far is
found by least trimmed squares: features are fitted again and again to the rows that suit them best.
Rows are left out only if the laws of all others are then exact, on the test classes too.
"""

import numpy as np

from beyond.eigenproblem import EXACT, MOST_VALUES, PROMISING, eigenproblem

FAR = 30                    # interquartile ranges off the median: no measurement, perhaps
FEW = 0.02                  # of the observations may be left out
ROUNDS = 6                  # of fits to the rows that suit them best
GAIN = 0.7                  # of lambda at most is left by a round that is worth another


def without_outliers(search, searched):
    """A laws.Search, or if it has no exact law the one without outliers that has.

    searched: (train, test Samples) -> the laws.Search on them.
    """
    samples = search.train, search.test
    for flagged in (far_rows, odd_rows):
        if settled(search.result.laws):
            break
        rows = flagged(search.libraries, *samples)
        if 0 < sum(map(np.sum, rows)) <= FEW * sum(len(sample.x) for sample in samples):
            again = searched(*(sample.part(~out) for sample, out in zip(samples, rows)))
            if settled(again.result.laws) and again.result.independent >= search.result.independent:
                search = again
                search.result.notes.append(sentence(search.names, samples, rows))
    return search


def settled(laws):
    """Whether there are exact laws, and none holds for the test classes alone."""
    exact = [law for law in laws if law.verdict == "exact"]
    return bool(exact) and not any(law.within < EXACT < law.within_training for law in exact)


def sentence(names, samples, rows):
    first = np.vstack([sample.x[out] for sample, out in zip(samples, rows)])[0]
    where = ", ".join(f"{name} = {value:.4g}" for name, value in zip(names, first))
    return (f"left out {sum(map(np.sum, rows))} of the observations, which break a law of all "
            f"others; look whether they are measurements, the first: {where}")


def far_rows(_, *samples):
    """Masks (n,) of the rows of each sample with a value far from all others of its column."""
    x = np.vstack([sample.x for sample in samples])
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
    return [np.any(np.abs(sample.x - middle) > FAR * (high - low), axis=1) for sample in samples]


def odd_rows(libraries, *samples):
    """Masks (n,) of rows of the samples without which a library has exact laws, or of none."""
    for library in libraries:
        if len(library.names) * len(samples[0].x) > 2 * MOST_VALUES:
            break
        values = [library.values(sample.x) for sample in samples]
        scale = np.median(np.abs(values[0] - np.median(values[0], axis=0)), axis=0)
        if scale.min() <= 0:                            # half of the rows are the same
            break
        values = [each / scale for each in values]
        odd, before = np.zeros(len(values[0]), bool), np.inf
        for _ in range(ROUNDS):
            shares, directions, _ = eigenproblem(samples[0].part(~odd), values[0][~odd])
            if shares[0] > max(GAIN * before, PROMISING):       # no few rows are at fault
                break
            before = shares[0]
            clean = odd.any() and shares[0] < PROMISING
            low = PROMISING if clean else 3 * max(shares[0], 1e-3)
            chosen = directions[:max(1, np.count_nonzero(shares < low))].T
            off = [sample.off(each @ chosen) for sample, each in zip(samples, values)]
            limit = np.quantile(off[0], 1 - FEW)
            if clean:                                   # what is left is the laws' own rounding
                return [each > max(10 * limit, 1e-4) for each in off]
            odd = off[0] > limit
    return [np.zeros(len(sample.x), bool) for sample in samples]
