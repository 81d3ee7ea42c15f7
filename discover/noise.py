"""Imperfect measurements: few rows that are none can hide a law, and noise makes all of them vary.

A sentinel such as -999 is far from all other values of its column. A wrong value that is not far is
found by least trimmed squares: features are fitted again and again to the rows that suit them best.
Rows are left out only if the laws of all others are then exact, on the test classes too.

Independent noise of deviation sigma_i in column i moves a law g by its derivatives: the squared
deviation of g is the sum of (sigma_i dg/dx_i)^2, with the sigma_i the only unknowns. A formula that
is only nearly right is off in a way that depends on where one is; so this sum must agree with what
is measured in each part of the data. Nor does noise follow the order of the rows: what falls along
an orbit, as the energy of a damped one does, is not noise.

Noise also bends the fit. With J the derivatives of the features it adds N = <J Sigma J^T> to W, and
for the true law W holds nothing else, (W - N) c = 0. So the lowest c W c / c N c finds it, where
the lowest c W c / c V c leans to features that noise moves less.
"""

import numpy as np

from discover.eigenproblem import (EXACT, MOST_VALUES, PROMISING, eigenproblem, lowest,
                                 standard_errors)

FAR = 30                            # interquartile ranges off the median: no measurement, perhaps
FEW = 0.02                          # of the observations may be left out
ROUNDS = 6                          # of fits to the rows that suit them best
GAIN = 0.7                          # of lambda at most is left by a round that is worth another
NOISIEST = 0.15                     # deviation of a column's noise, beside that of the column
FEWEST, MOST = 500, 10_000          # observations on which noise is judged
PARTS = 6                           # of the data, by each column and by the law
TOLERANCE = 0.25                    # of a part's log variance, and of its median


# -------------------------------------------------------------------------------------------- rows

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
                again.result.notes.append(sentence(search.names, samples, rows))
                return again
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
    return ()


# ------------------------------------------------------------------------------------------- noise

def noise_of(law, *samples):
    """The deviations (d,) of the columns' noise if it explains how a law varies, else None."""
    deviation, predictors, places = (np.concatenate(part) for part in zip(*[
        _deviations(law, sample.first(MOST)) for sample in samples]))
    if len(deviation) < FEWEST:
        return None
    variance, expected = _variances(deviation, predictors)
    if np.any(np.sqrt(variance) > NOISIEST * places[:, :-1].std(axis=0)):
        return None
    z = deviation / np.sqrt(expected)
    sizes = np.concatenate([sample.first(MOST).sizes for sample in samples])
    if in_order(z, sizes[sizes > 1]):
        return None
    parts = [part for column in [*places.T, expected]
             for part in np.array_split(np.argsort(column, kind="stable"), PARTS)]
    return np.sqrt(variance) if all(_agrees(z[part], z) for part in parts) else None


def in_order(deviation, sizes):
    """Whether deviations (n,) from class means follow the order of the rows, class by class: along
    a line, or each its neighbour; sizes: of the classes. Independent noise does neither.
    """
    n, classes = len(deviation), len(sizes)
    by_chance = classes / (n - classes)                 # what lines explain of noise
    line = trend(deviation, sizes) - by_chance > max(0.02, 6 * np.sqrt(2 * classes) / n)
    pairs = deviation[:-1] * deviation[1:]
    pairs[np.cumsum(sizes)[:-1] - 1] = 0                # of two classes
    return bool(line or pairs.sum() / np.sum(deviation**2) > 0.1 + 5 / np.sqrt(n))


def trend(deviation, sizes):
    """The share of deviations (n,) from class means that a straight line in each class explains."""
    starts = np.cumsum(sizes) - sizes
    place = np.arange(len(deviation)) - np.repeat(starts + (sizes - 1) / 2, sizes)
    slopes = np.add.reduceat(deviation * place, starts)
    explained = slopes**2 / np.add.reduceat(place**2, starts)
    return float(explained.sum() / max(np.sum(deviation**2), 1e-300))


def _deviations(law, sample):
    """Deviations (n,), what each unit of noise adds (n, d), and columns with the law."""
    values, slopes = law(sample.x)
    size = np.repeat(sample.sizes, sample.sizes)
    own, mean = slopes**2, slopes**2 - sample.within(slopes**2)
    # The class mean, which is subtracted, is made of the noise of all members.
    predictors = own + (mean - 2 * own) / size[:, None]
    places, several = np.column_stack([sample.x, values]), size > 1
    return sample.within(values)[several], predictors[several], places[several]


def _variances(deviation, predictors):
    """Variances (d,) of the columns' noise, by weighted least squares; expected squares (n,)."""
    from scipy.optimize import nnls
    unit = predictors.mean(axis=0) + 1e-300
    expected = np.full(len(deviation), np.mean(deviation**2))
    for _ in range(3):
        weight = 1 / expected
        variance, _ = nnls(predictors / unit * weight[:, None], deviation**2 * weight)
        expected = np.maximum(predictors / unit @ variance, 1e-12 * np.mean(deviation**2))
    return variance / unit, expected


def _agrees(part, z):
    """Whether a part of the standardised deviations z is as wide as all, on both sides of zero.

    Medians, since close encounters make a few deviations larger than derivatives foretell.
    """
    doubt = 4 / np.sqrt(len(part))
    width = 2 * np.log(np.median(np.abs(part)) / np.median(np.abs(z)) + 1e-300)
    return abs(width) < TOLERANCE + 2 * doubt and abs(np.median(part)) < TOLERANCE + doubt


def unbent_fit(sample, values, slopes):
    """Coefficients (m,) with the lowest c W c / c N c of features (n, m); their standard errors.

    slopes (n, m, d): derivatives of the features, each times the deviation of its column's noise.
    """
    noise, inside = np.einsum("nid,njd->ij", slopes, slopes) / len(slopes), sample.within(values)
    _, fitted = lowest(-noise, inside.T @ inside / sample.freedom)
    fitted = fitted / np.std(values @ fitted)
    return fitted, standard_errors(sample, values, fitted, noise)
