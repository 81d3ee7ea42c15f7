"""What is said of a network follows from its evidence: accuracies, classes, and the variance of f within them."""

import numpy as np
import pytest

from discover import verdict
from helpers import Known
from physics import Pairs, derangement

GOOD_LOSSES, FLAT_LOSSES = [0.7, 0.1], [np.log(2), np.log(2)]


def pairs(n, noise=0.0, seed=0, groups=None):
    """Pairs of two columns, of which the first is conserved but for noise, and the second is not."""
    rng = np.random.default_rng(seed)
    conserved = rng.uniform(-1, 1, n) if groups is None else np.linspace(-1, 1, groups)[np.arange(n) % groups]
    x, x_prime = [np.column_stack([conserved + noise * rng.standard_normal(n), rng.uniform(-1, 1, n)])
                  for _ in range(2)]
    classes = None if groups is None else np.arange(n) % groups
    partner = derangement(n, rng) if groups is None else (np.arange(n) + 1) % n
    return Pairs(x, x_prime, partner, classes)


def judged(function, train, test, losses=GOOD_LOSSES, **options):
    return verdict.judge(Known(2, function), train, test, losses, **options)


def test_what_has_no_variance_within_classes_is_conserved():
    found = judged(lambda x: x[:, 0], pairs(500), pairs(200, seed=1))
    assert found.word == "conserved" and found.within == pytest.approx(0)
    assert found.test_accuracy > 0.9 and (found.test_classes, found.test_pairs) == (200, 400)
    assert found.interval[0] <= found.test_accuracy <= found.interval[1]


@pytest.mark.parametrize("noise", [0.1, 0.2])
def test_the_share_of_variance_within_classes_is_that_of_the_noise(noise):
    found = judged(lambda x: x[:, 0], pairs(4000, noise), pairs(4000, noise, seed=1))
    expected = noise**2 / (1 / 3 + noise**2)
    assert found.within == pytest.approx(expected, rel=0.1)
    assert found.word != "conserved"


def test_what_varies_within_classes_is_not_conserved():
    found = judged(lambda x: x[:, 1], pairs(500), pairs(200, seed=1))
    assert found.word in ("nothing", "undecided") and found.within == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("share", [0.001, 0.02])
def test_what_owes_its_constancy_to_a_slow_column_is_undecided(share):
    train, test = [pairs(4000, np.sqrt(share / 3), seed) for seed in (0, 1)]
    found = verdict.judge(Known(2, lambda x: x[:, 0]**3 + 2 * x[:, 0], w=0.3 / share), train, test, GOOD_LOSSES)
    assert found.word == "undecided" and "hardly vary" in found.sentence
    assert found.columns == pytest.approx(share, rel=0.3)
    assert verdict.shares(test) == pytest.approx([share, 1], rel=0.3)


@pytest.mark.parametrize("rest, word", [(0.05, "conserved"), (0.25, "approximately conserved")])
def test_what_is_conserved_varies_by_a_hundredth_of_its_columns_at_most(rest, word):
    def drifting(seed):                                 # c + u and c - u: u drops out of their sum, but for a rest
        rng = np.random.default_rng(seed)
        c, *u = rng.normal(size=(3, 4000))
        x, x_prime = [np.column_stack([c + each / 2, c - (1 - rest) * each / 2]) for each in u]
        return Pairs(x, x_prime, derangement(4000, rng), None)
    found = verdict.judge(Known(2, lambda x: x.sum(axis=1), w=30), drifting(0), drifting(1), GOOD_LOSSES)
    assert found.word == word and found.columns == pytest.approx(0.2, abs=0.04)
    assert found.within == pytest.approx(rest**2 / 16, rel=0.1) and found.within < verdict.CONSERVED


def test_a_sensor_that_is_off_in_some_classes_is_nothing_conserved():
    def with_sensor(seed):
        sample = pairs(3000, seed=seed)
        off = np.random.default_rng(seed).uniform(size=3000) < 0.4
        for x in (sample.x, sample.x_prime):
            x[:, 0] = np.where(off, 0, np.random.default_rng(seed).permutation(x[:, 1]))
        sample.x_prime[:, 0] = np.where(off, 0, np.roll(sample.x[:, 0], 1))
        return sample
    found = judged(lambda x: (x[:, 0] == 0).astype(float), with_sensor(0), with_sensor(1))
    assert found.word not in ("conserved", "approximately conserved")


def test_of_too_few_test_classes_nothing_is_decided():
    found = judged(lambda x: x[:, 0], pairs(500, groups=50), pairs(100, groups=4, seed=1))
    assert found.word == "undecided" and found.test_classes == 4
    assert "too few groups to tell: 54, of which 4 tested" in found.sentence


def test_a_network_that_knows_only_the_training_pairs_has_memorised():
    train, test = pairs(500), pairs(200, seed=1)
    known = {tuple(np.round(row, 6)): row[0] for row in [*train.x, *train.x_prime]}

    def memory(x):
        return np.array([known.get(tuple(np.round(row, 6)), row[1]) for row in x])
    found = judged(memory, train, test)
    assert found.train_accuracy > 0.9 and found.test_accuracy < 0.7
    assert found.word == "undecided" and "memorised" in found.sentence


def test_a_loss_that_never_fell_says_that_the_training_did_not_start():
    found = judged(lambda x: 0 * x[:, 0], pairs(500), pairs(200, seed=1), FLAT_LOSSES)
    assert found.word == "nothing" and "the loss did not fall" in found.sentence


def test_what_f_owes_to_known_functions_does_not_count():
    train, test = pairs(2000, 0.05), pairs(2000, 0.05, seed=1)

    def mostly_known(x):
        return 10 * x[:, 0] + x[:, 1]
    alone = judged(mostly_known, train, test).within
    beside = judged(mostly_known, train, test, known=[lambda x: x[:, 0]]).within
    assert alone < 0.1 and beside > 0.9
