"""Whether noise of the columns explains why a law varies within classes, and the law without the
noise's pull.

Independent noise of deviation sigma_i in column i moves a law g by its derivatives: the squared
deviation of g is the sum of (sigma_i dg/dx_i)^2, with the sigma_i the only unknowns. A formula that
is only nearly right is off in a way that depends on where one is; so this sum must agree with what
is measured in each part of the data.

Noise also bends the fit. With J the derivatives of the features it adds N = <J Sigma J^T> to W, and
for the true law W holds nothing else, (W - N) c = 0. So the lowest c W c / c N c finds it, where
the lowest c W c / c V c leans to features that noise moves less.
"""

import numpy as np

from beyond.eigenproblem import lowest, standard_errors

NOISIEST = 0.15                     # deviation of a column's noise, beside that of the column
FEWEST, MOST = 500, 10_000          # observations on which noise is judged
PARTS = 6                           # of the data, by each column and by the law
TOLERANCE = 0.25                    # of a part's log variance, and of its median


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
    parts = [part for column in [*places.T, expected]
             for part in np.array_split(np.argsort(column, kind="stable"), PARTS)]
    return np.sqrt(variance) if all(_agrees(z[part], z) for part in parts) else None


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
    """Whether a part of the standardised deviations is as wide as all z, and lies on both sides of
    zero.

    Medians, since close encounters make a few deviations larger than derivatives foretell.
    """
    doubt = 4 / np.sqrt(len(part))
    width = 2 * np.log(np.median(np.abs(part)) / np.median(np.abs(z)) + 1e-300)
    return abs(width) < TOLERANCE + 2 * doubt and abs(np.median(part)) < TOLERANCE + doubt


def unbent_fit(sample, values, slopes):
    """Coefficients (m,) of features (n, m) with the lowest c W c / c N c, and their standard errors
    (m,).

    slopes (n, m, d): derivatives of the features, each times the deviation of its column's noise.
    """
    noise, inside = np.einsum("nid,njd->ij", slopes, slopes) / len(slopes), sample.within(values)
    _, fitted = lowest(-noise, inside.T @ inside / sample.freedom)
    fitted = fitted / np.std(values @ fitted)
    return fitted, standard_errors(sample, values, fitted, noise)
