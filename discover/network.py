"""What a network adds to the laws: is anything more conserved than what is known?

    negatives       pairs of two classes that agree in all that is known: it tells nothing apart
    network         trained on them, it must find something else, or fail                train.py
    verdict         is its f conserved on held-out classes, and independent of what is known?
    second seed     only what a second network finds too is one more invariant; then the next one

It is the paper's "we now fix the invariant" (section III), with nothing known beforehand. An
accuracy above chance says that something tells classes apart, not that it is conserved. So f itself
is judged. Let W be the variance within a class, V the variance over all observations, and

    lambda(f) = W(f) / V(f),                            0: conserved, 1: white noise
    lambda(columns) = sum_i s_i W(x_i) / sum_i s_i V(x_i),      s_i = mean of (df/dx_i)^2
    ratio = lambda(f) / lambda(columns).

A time stamp or a short stretch of an orbit has a small lambda(f), but lambda(columns) is as small.
The ratio is small only where the motions of the columns cancel in f: f is conserved if the 95 %
interval of the ratio, over held-out classes drawn again (Efron 1979), ends below CONSERVED
(Schuirmann 1987). This limit is not zero, since the f of a network has errors.
"""

from collections import namedtuple
from dataclasses import dataclass, replace

import numpy as np

import regression
from discover.laws import Search, across
from support.results import StepRecord

# Each limit with the data that need it, and how far it can move until a word turns.
CONSERVED = 0.005   # end of the ratio's interval: .003 of an energy that no library names (by
                    # 50,000 pairs), .007 of a pendulum that loses 4 % of its energy
VARIES = 0.3        # start of lambda(f)'s interval, of what is clearly not conserved: .22 of a law
                    # that a network hardly learned, .50 of fields whose two invariants are known
MEMORISED = 0.7     # training accuracy where the test accuracy is chance: .60 of two oscillators
                    # with their laws known, .92 of a double pendulum with its energy known
INDEPENDENT = 0.1   # sine of the angle of f's gradient to the known: .04 of f that follows from two
                    # laws of enzymes, .15 of a star's mass beside its planet's laws
MIN_CLASSES = 8     # held-out classes, of which fewer cannot be drawn again
DRAWS = 400         # of the held-out classes, for intervals
NEIGHBOURS = 5      # a negative is drawn among so many that agree best
LARGE_CLASS = 100   # pairs of a class from which each class has its own tree
MAX_CUBIC = 12      # known quantities in one cubic; of more it has too many terms
TINY = 1e-300       # in place of a variance or a length of zero below a fraction

# A law, or the f of a network: functions of x (n, d), giving (n,) and (n, d).
Invariant = namedtuple("Invariant", "value gradient")


@dataclass(frozen=True)
class SearchStep:
    """A network that was asked whether anything more is conserved, and the answer."""
    network: object
    verdict: StepRecord

    def undecided(self, reason):
        """The step with another word, and why."""
        return replace(self, verdict=replace(self.verdict, word="undecided", found=False,
                                             sentence=f"{reason}; {self.verdict.sentence}"))


# -------------------------------------------------------------------------------------- the search

def search(train, test, train_network, known, most, fixed=()):
    """Yield the SearchSteps of the search for what is conserved beside the known Invariants.

    train, test: physics.Pairs to train on and to judge by. known: laws, approximate ones too, which
    a network would take for conserved: friction that takes a tenth of the energy has a ratio of
    .004. train_network: (number of the training, train, test Pairs, batches) -> a network, and its
    losses; batches: what train.Training takes, or None while nothing is known. most: of invariants
    that there can be. fixed: gradients of what has one value. Each step but the last has found one
    more invariant; of the numbers, even ones ask a question, odd ones ask it again.
    """
    known = list(known)
    for question in range(most - len(known) - len(fixed)):
        step = ask(2 * question, train, test, train_network, known, fixed)
        if step.verdict.found and not ask(2 * question + 1, train, test, train_network, known,
                                          fixed).verdict.found:
            step = step.undecided("a second network, of another seed, does not find it")
        yield step
        if not step.verdict.found:
            return
        known.append(Invariant(step.network.f, step.network.gradient))


def ask(number, train, test, train_network, known, fixed=()):
    """The SearchStep of one network; arguments as of `search`."""
    values, batches = [each.value for each in known], None
    if known:
        rng, batches = np.random.default_rng(number), matched_negatives(train, values)
        train, test = (replace(pairs, partner=draw_neighbour(find_neighbours(pairs, values), rng))
                       for pairs in (train, test))
    network, losses = train_network(number, train, test, batches)
    sine = independence([*known, Invariant(network.f, network.gradient)], test.x,
                        [each(test.x) for each in fixed])
    step = SearchStep(network, judge(network, train, test, losses, values, sine))
    if step.verdict.word != "nothing" and sine < INDEPENDENT:
        return step.undecided("it follows from what is known")
    return step


# ------------------------------------------------------------------------------- matched negatives

def matched_negatives(pairs, values):
    """The function batches(pairs, batch_size, rng) of an epoch whose negatives agree in `values`.

    pairs: physics.Pairs; values: functions of observations (n, d), giving (n,), one or more.
    batches yields (members, first, second, y) as train.in_batch_negatives does, each time with a
    new negative for each pair.
    """
    near = find_neighbours(pairs, values)

    def batches(pairs, batch_size, rng):
        n, partner = len(near), draw_neighbour(near, rng)
        half = max(1, batch_size // 2)                  # of a batch is equivalent pairs
        for chosen in np.split(rng.permutation(n), range(half, n, half)):
            m = len(chosen)
            members = np.concatenate([chosen, n + chosen, n + partner[chosen]])
            y = np.repeat(np.float32([0, 1]), m)
            yield members, np.tile(np.arange(m), 2), m + np.arange(2 * m), y
    return batches


def draw_neighbour(near, rng):
    """One of the neighbours (n, c) of each, at random, (n,)."""
    return near[np.arange(len(near)), rng.integers(0, near.shape[1], len(near))]


def find_neighbours(pairs, values):
    """For each x' the numbers of those of other classes that are nearest in all values, (n, c).

    c is NEIGHBOURS, or as many as all have. ValueError if there are not two classes.
    """
    from scipy.spatial import cKDTree                   # slow to import
    known = np.stack([each(pairs.x_prime) for each in values], axis=1)
    known /= np.maximum(known.std(axis=0), TINY)
    _, classes, sizes = np.unique(classes_of(pairs), return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise ValueError("there must be two groups or more to make different pairs")
    count = min(NEIGHBOURS, len(known) - sizes.max())
    if sizes.max() <= LARGE_CLASS:                      # all of one's own class may be nearest
        near = cKDTree(known).query(known, range(1, count + sizes.max() + 1))[1]
        own = classes[near] == classes[:, None]
        order = np.argsort(own, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(near, order, axis=1)
    near = np.empty((len(known), count), int)
    for number in range(len(sizes)):
        own, others = classes == number, np.flatnonzero(classes != number)
        near[own] = others[cKDTree(known[others]).query(known[own], range(1, count + 1))[1]]
    return near


def classes_of(pairs):
    """The class (n,) of each of the Pairs."""
    return np.arange(len(pairs.x)) if pairs.classes is None else pairs.classes


# ------------------------------------------------------------------------------------- the verdict

def judge(network, train, test, losses, known=(), independence=1.0):
    """The StepRecord of a network trained on physics.Pairs `train`, judged by the Pairs `test`.

    losses: over the epochs. known: functions of observations (n, d), giving (n,), that are
    conserved and in which negatives agree; what f owes to them does not count as its variance.
    independence: of f from them.
    """
    classes, n = classes_of(test), len(test.x)
    x, weights = np.concatenate([test.x, test.x_prime]), draw_classes(classes)
    f = network.f(x)
    rest = f - owed_to(known, network.f, train.x, x)
    w_f, w_x = (weights @ ((each[:n] - each[n:])**2 / 2) for each in (f, x))
    v_f, v_x, slopes = (weights @ ((each[:n] + each[n:]) / 2) for each in (
        (rest - rest.mean())**2, (x - x.mean(axis=0))**2, network.gradient(x)**2))
    w_x = np.where(w_x > 0, w_x, v_x)                   # a constant of each class is not slow
    lambda_f = w_f / np.maximum(v_f, TINY)
    lambda_columns = np.sum(slopes * w_x, axis=1) / np.maximum(np.sum(slopes * v_x, axis=1), TINY)
    ratio = lambda_f / np.maximum(lambda_columns, TINY)
    accuracy = weights @ is_correct(network, test).reshape(2, n).mean(axis=0)

    train_accuracy, count = float(np.mean(is_correct(network, train))), len(np.unique(classes))
    accuracies, shares, ratios = map(interval, (accuracy, lambda_f, ratio))
    word, reason = classify(train_accuracy, accuracies, shares, ratios, count, losses)
    sentence = (f"{reason}; in {count} held-out classes {lambda_f[0]:.2%} of the variance of f "
                f"lies within a class (conserved: 0 %), which is {ratio[0]:.2%} "
                f"({ratios[0]:.2%} to {ratios[1]:.2%}) of what its columns do; test accuracy "
                f"{accuracy[0]:.3f} ({accuracies[0]:.3f} to {accuracies[1]:.3f})")
    return StepRecord(word, sentence, train_accuracy, float(accuracy[0]), accuracies, count,
                      float(lambda_f[0]), float(lambda_columns[0]), ratios, independence,
                      found=word == "conserved")


def is_correct(network, pairs):
    """Whether the network is right on each equivalent pair, then on each different one, (2n,)."""
    x, x_prime, y = pairs.labelled()
    return (network.predict(x, x_prime) > 0.5) == (y > 0.5)


def classify(train_accuracy, accuracies, shares, ratios, classes, losses):
    """The word and its reason, from the intervals of accuracy, lambda(f) and the ratio."""
    if classes < MIN_CLASSES:
        return "undecided", f"too few groups: {MIN_CLASSES} must be held out"
    if accuracies[0] <= 0.5 and train_accuracy > MEMORISED:
        return "undecided", ("the network memorised its pairs, with training accuracy "
                             f"{train_accuracy:.3f}: more classes are needed")
    if accuracies[0] <= 0.5:
        failed = " (or the training did not start)" if losses[-1] > 0.99 * np.log(2) else ""
        return "nothing", f"no better than chance{failed}"
    if ratios[1] < CONSERVED:
        return "conserved", "f is constant within classes, up to the errors of a network"
    if shares[0] > VARIES:
        return "nothing", "f tells classes apart, and is not conserved"
    return "undecided", ("f may be conserved: more classes, longer stretches of them, or less "
                         "noise would tell")


def draw_classes(classes):
    """Weights (1 + DRAWS, n) for means over pairs of classes (n,): of all, then drawn again."""
    number = np.unique(classes, return_inverse=True)[1]
    count = number.max() + 1
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), DRAWS)
    weights = np.vstack([np.ones(count), drawn])[:, number]
    return weights / weights.sum(axis=1, keepdims=True)


def interval(values):
    """95 % of the values (1 + DRAWS,) over drawn classes."""
    return tuple(float(bound) for bound in np.quantile(values[1:], (0.025, 0.975)))


def owed_to(known, f, x, x_test):
    """What f owes to the known functions at x_test (m, d), (m,): a cubic in them, fitted at x."""
    if not known:
        return 0.0
    z, z_test = (np.stack([each(rows) for each in known], axis=1) for rows in (x, x_test))
    order, deviation = 3 if len(known) <= MAX_CUBIC else 1, np.maximum(z.std(axis=0), TINY)
    features, features_test = (regression.polynomial_features(
        (each - z.mean(axis=0)) / deviation, order)[0] for each in (z, z_test))
    coefficients, intercept = regression.ridge(features, f(x))
    return features_test @ coefficients + intercept


# ------------------------------------------------------------------------------------ independence

def independence(quantities, x, normals=()):
    """How independent the last of some Invariants is of the others, at x (n, d): 0 to 1.

    It is the median length of that part of its unit gradient which is at right angles to the
    gradients of all others, with columns in units of their deviations. normals: gradients (n, d) of
    what has one value, so that only changes along the surface of the observations count.
    """
    *others, last = [each.gradient(x) * x.std(axis=0) for each in quantities]
    known, lengths = [], []
    for slopes in ([normal * x.std(axis=0) for normal in normals], others):
        for slope in slopes:
            Search.remember(slope, known)
        lengths.append(np.linalg.norm(across(last, known), axis=1))
    length, rest = lengths
    moving = length > 1e-6 * max(length.max(), TINY)
    return float(np.median(rest[moving] / length[moving])) if moving.any() else 0.0


def gradient(function, x, steps):
    """Derivatives (n, d) of a function of x (n, d), by central differences of steps (d,)."""
    return np.stack([(function(x + h) - function(x - h)) / (2 * h.sum()) for h in np.diag(steps)],
                    axis=1)
