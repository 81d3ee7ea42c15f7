"""What a trained network has found, in words that its evidence bears.

An accuracy above chance says that something tells pairs apart, not that it is conserved: a column
that varies by a fifth within a class does that too. So f itself is judged, on classes that took no
part: by the share of its variance that lies within classes, 0 for what is conserved, 1 for white
noise. And f is compared with its columns: a time stamp, an offset of one sensor or a slow column
hardly vary within a class, and neither does a function of them. Such an f is undecided.
"""

from dataclasses import dataclass

import numpy as np

import regression

CHANCE = 0.55               # accuracy that noise in the test set can reach by itself
LEARNED = 0.7               # accuracy from which f is worth a verdict
CONSERVED, NEARLY, VARIES = 0.02, 0.06, 0.3     # shares of f's variance within classes, see above
# What is conserved varies less than its columns by this factor at least. Over the kinds of
# benchmarks/suite.py it is 0.004 at most with an invariant, and 0.017 or more in short windows of
# chaos, where the state at the start is a function of the state, though not for long.
BESIDE_COLUMNS = 0.01
SLOW = 0.15                 # share of a column's variance within classes below which it is slow
MOVES = (0.02, 0.98)        # share of pairs in which a sensor moves that is off in some classes
FEWEST_CLASSES = 8          # test classes below which an accuracy says nothing
RESAMPLED = 200             # draws of the test classes, for the interval of the accuracy


@dataclass(frozen=True)
class Verdict:
    """What a network has found, and the evidence."""
    word: str                           # conserved, approximately conserved, undecided, or nothing
    sentence: str
    train_accuracy: float
    test_accuracy: float
    interval: tuple[float, float]       # of the test accuracy, 95 %, from resampled classes
    test_classes: int
    test_pairs: int
    within: float                       # share of f's variance within test classes
    columns: float = 1.0                # the same of the columns that f is made of, their mean

    @property
    def weak(self):
        """Whether something was learned, too little to tell what: more pairs and epochs may."""
        return (self.train_accuracy > CHANCE and self.test_classes >= FEWEST_CLASSES
                and min(self.train_accuracy, self.test_accuracy) < LEARNED)


def judge(network, train, test, losses, known=()):
    """The Verdict on a network trained on Pairs `train`, from them and the Pairs `test`.

    losses: of the epochs. known: functions of observations (n, d), giving (n,), that are conserved
    and that the pairs agree in; what f owes to them does not count.
    """
    right, right_in_test = _right(network, train), _right(network, test)
    classes, of_training = map(_classes, (test, train))
    count = len(np.unique(classes))
    interval = _interval(right_in_test.mean(axis=0), classes)
    test = _moving(test)
    within = share_within(network.f, train, test, known)
    columns = share_of_columns(network.gradient, test)
    squares = (network.f(test.x) - network.f(test.x_prime))**2
    largest = within * _interval(squares, _classes(test))[1] / max(squares.mean(), 1e-300)
    word, sentence = _in_words(right.mean(), right_in_test.mean(), interval, within, largest,
                               columns, count, count + len(np.unique(of_training)), losses)
    return Verdict(word, sentence, float(right.mean()), float(right_in_test.mean()), interval,
                   count, right_in_test.size, within, columns)


def _classes(pairs):
    return np.arange(len(pairs.x)) if pairs.classes is None else pairs.classes


def _moving(pairs):
    """The Pairs in which no column stands still, unless that is none.

    A sensor that is off in some classes tells these apart, and so does f: nothing is conserved.
    A column of few values, or that never varies within a class, is none of these.
    """
    still = pairs.x == pairs.x_prime
    moves = 1 - still.mean(axis=0)
    values = np.array([len(np.unique(column)) for column in pairs.x.T])
    continuous = values > moves * len(np.unique(pairs.x, axis=0)) / 2
    chosen = ~still[:, (MOVES[0] < moves) & (moves < MOVES[1]) & continuous].any(axis=1)
    kept = pairs.x, pairs.x_prime, pairs.partner, _classes(pairs)       # partners play no part here
    return type(pairs)(*(each[chosen] for each in kept)) if chosen.any() else pairs


def _right(network, pairs):
    """Whether the network is right on each equivalent pair, and on its different one, (2, n)."""
    first, second, y = pairs.compared()
    rows = network.rows(np.concatenate([pairs.x, pairs.x_prime]))
    return ((network.logits_of(rows, first, second) > 0) == (y > 0.5)).reshape(2, -1)


def _interval(values, classes):
    """95 % of the means of values (n,) over as many classes (n,), drawn again from these."""
    _, number, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    sums = np.bincount(number, values)
    drawn = np.random.default_rng(0).integers(0, len(sizes), (RESAMPLED, len(sizes)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return tuple(float(bound) for bound in np.quantile(means, (0.025, 0.975)))


def shares(pairs):
    """The share (d,) of each column's variance that lies within classes; 1 for a constant."""
    variance = np.var(np.concatenate([pairs.x, pairs.x_prime]), axis=0)
    within = np.mean((pairs.x - pairs.x_prime)**2, axis=0) / 2
    return np.divide(within, variance, np.ones_like(within), where=variance > 0)


def share_of_columns(gradient, pairs):
    """The mean share of the columns, each as far as it moves f, by its gradient.

    What never varies within a class is conserved, and counts as a column that is not slow.
    """
    x = np.concatenate([pairs.x, pairs.x_prime])
    weights = np.mean((gradient(x) * x.std(axis=0))**2, axis=0)
    share = shares(pairs)
    return float(np.where(share > 0, share, 1.0) @ weights / max(weights.sum(), 1e-300))


def share_within(f, train, test, known=()):
    """Share of the variance of f within classes, of what f does not owe to the known functions.

    What it owes is a cubic polynomial in them, fitted to the pairs `train` and taken from the
    variance over all; the variance within classes is that of f.
    """
    x, x_test = [np.concatenate([pairs.x, pairs.x_prime]) for pairs in (train, test)]
    within = np.mean((f(test.x) - f(test.x_prime))**2) / 2
    rest = f(x_test)
    if known:
        columns, columns_test = [np.stack([each(values) for each in known], axis=1)
                                 for values in (x, x_test)]
        mean, size = columns.mean(axis=0), np.maximum(columns.std(axis=0), 1e-300)
        z, z_test = (columns - mean) / size, (columns_test - mean) / size
        features, exponents = regression.polynomial_features(z, 3)
        coefficients, intercept = regression.ridge(features, f(x))
        rest = rest - intercept - regression.monomials(z_test, exponents) @ coefficients
    return float(within / max(np.var(rest), 1e-300))


def _in_words(train, test, interval, within, largest, columns, classes, in_all, losses):
    """The word and the sentence for these accuracies, these shares and so many test classes."""
    seen = (f"test accuracy {test:.3f} ({interval[0]:.3f} to {interval[1]:.3f}, "
            f"{classes} test classes), {within:.1%} of f's variance within them")
    if classes < FEWEST_CLASSES:
        return "undecided", f"too few groups to tell: {in_all}, of which {classes} tested; {seen}"
    if losses[-1] > 0.99 * np.log(2) and train < CHANCE:
        return "nothing", ("the loss did not fall: nothing tells pairs apart, or the training did "
                           f"not start; {seen}")
    if train >= LEARNED and interval[0] < CHANCE:
        return "undecided", (f"memorised: training accuracy {train:.3f}; more classes are needed; "
                             f"{seen}")
    if min(train, test) < LEARNED and interval[0] <= CHANCE:
        return "nothing", f"chance; {seen}"
    if within > VARIES:
        return "nothing", ("pairs differ in something that is not conserved, or the training was "
                           f"too short; {seen}")
    if min(train, test) < LEARNED:
        return "undecided", ("something tells pairs apart, but weakly: more groups, or less noise, "
                             f"would show whether it is conserved; {seen}")
    if within > BESIDE_COLUMNS * columns and columns < SLOW:
        return "undecided", (f"f is made of columns that hardly vary within classes, {columns:.1%}"
                             f": a longer stretch of each would tell; {seen}")
    # `largest` is the upper end of 95 %, by drawn classes.
    if largest <= CONSERVED and within <= BESIDE_COLUMNS * columns:
        return "conserved", seen
    if within <= NEARLY:
        return "approximately conserved", seen
    return "undecided", ("informative, but f varies too much within classes to be called "
                         f"conserved; {seen}")
