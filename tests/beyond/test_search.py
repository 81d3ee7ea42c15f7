"""The search for all invariants: partners that cannot be told apart, the stopping rule, and small searches."""

import numpy as np
import pytest

import discovery
import siamese
import train
import training


class Known:
    """Stands for a trained network whose f is one column of x, with the test accuracy it is given."""

    def __init__(self, column, accuracy=0.9, scale=(1, 1, 1)):
        self.column, self.accuracy, self.scale = column, accuracy, np.array(scale)

    def bottleneck(self, x):
        return x[:, [self.column]]

    def input_gradient(self, x):
        return np.tile(np.eye(x.shape[1])[self.column], (len(x), 1, 1))

    def evaluate(self, x, x_prime, y):
        return 0.0, self.accuracy


def test_partners_are_others_among_the_nearest_in_all_invariants_found():
    x = np.random.default_rng(0).uniform(0, 1, (4000, 3))
    for columns, width in (([0], 0.002), ([0, 1], 0.06)):
        labelled, partners, y = discovery.with_negatives(x, x, networks=[Known(column) for column in columns])
        negatives, partners = labelled[y == 1], partners[y == 1]
        difference = np.abs(negatives - partners)
        assert not np.any(np.all(difference == 0, axis=1))
        assert np.quantile(difference[:, columns], 0.99) < width and difference[:, 2].mean() == pytest.approx(1 / 3, abs=0.02)


def test_partners_are_never_of_the_same_group():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(50), 20)
    x = groups[:, None] + 0.01 * rng.standard_normal((1000, 2))                  # one's own group is nearest
    partner = discovery.indistinguishable(x, groups, rng)
    assert not np.any(groups[partner] == groups) and np.median(np.abs(x[partner] - x)) < 5
    _, partners, y = discovery.with_negatives(x, np.c_[x, groups], groups)
    assert not np.any(partners[y == 1][:, 2] == groups)
    with pytest.raises(ValueError, match="two groups"):
        discovery.indistinguishable(x, np.zeros(1000), rng)


def test_partners_in_few_large_groups_are_the_nearest_of_others_too():
    rng = np.random.default_rng(3)
    groups, x = np.repeat([7, 8, 9], [700, 200, 100]), rng.uniform(0, 1, (1000, 1))
    partner = discovery.indistinguishable(x, groups, rng)
    assert not np.any(groups[partner] == groups)
    for i in (0, 800, 950):
        others = np.flatnonzero(groups != groups[i])
        nearest = others[np.argsort(np.abs(x[others, 0] - x[i, 0]))[:discovery.NEIGHBOURS]]
        assert partner[i] in nearest


def test_independence_is_the_part_of_the_gradient_at_right_angles_to_those_before():
    class Slanted(Known):
        def input_gradient(self, x):
            return np.tile([3.0, 4.0, 0.0], (len(x), 1, 1))
    x = np.ones((5, 3))
    assert discovery.independence([Known(0)], x) == pytest.approx(1)
    assert discovery.independence([Known(0), Known(1)], x) == pytest.approx(1)
    assert discovery.independence([Known(0), Slanted(0)], x) == pytest.approx(4 / 5)
    assert discovery.independence([Known(0), Known(1), Slanted(0)], x) == pytest.approx(0)
    flat = np.tile([0.0, 1.0, 0.0], (5, 1))                                  # nothing changes along y: of Slanted, x is left
    assert discovery.independence([Slanted(0)], x, [flat]) == pytest.approx(1)
    assert discovery.independence([Known(0), Slanted(0)], x, [flat]) == pytest.approx(0)
    units = (4e6, 3e6, 1)                                                    # 12 parts along x, 12 along y, as the networks see them
    assert discovery.independence([Known(0, scale=units), Slanted(0, scale=units)], x) == pytest.approx(np.sqrt(0.5))


def test_the_search_ends_when_the_accuracy_is_low_or_the_invariant_depends_on_those_before():
    sets = [[np.random.default_rng(2).uniform(0, 1, (100, 3))] * 2] * 2

    def steps(*networks, most=5):
        return [discovery.is_invariant(step) for step in discovery.search(sets, lambda number, train, test: networks[number], most)]
    assert steps(Known(0, 0.55)) == [False]
    assert steps(Known(0), Known(1, 0.9), Known(2, 0.6)) == [True, True, False]
    assert steps(Known(0), Known(0, 0.99)) == [True, False]
    assert steps(Known(0), Known(1), most=2) == [True, True]


def count(sample, hidden=(32, 32), epochs=15, pairs=10_000):
    """How many invariants a small search finds in pairs drawn by sample(n, rng)."""
    sets = [sample(n, np.random.default_rng(seed)) for seed, n in enumerate((pairs, 2000))]
    dimensions = sets[0][0].shape[1]

    def learn(step, train, test):
        network = siamese.SiameseNetwork((dimensions, *hidden, 1), seed=step)
        training.fit(network, train, test, training.Schedule(10.0, epochs=epochs, decay=0.8), seed=step)
        return network
    return sum(discovery.is_invariant(step) for step in discovery.search(sets, learn, dimensions + 1))


def test_a_search_takes_fewer_pairs_and_epochs_than_a_single_run_unless_told():
    for arguments, pairs, epochs in ((["--discover"], 20_000, 40), (["--discover", "--pairs", "300", "--epochs", "7"], 300, 7), ([], 50_000, 120)):
        options = train.parse(["--system", "cp", *arguments])
        plan = train.plan_of(options, train.system_of(options), 0)
        assert (plan.train_pairs, plan.schedule.epochs, plan.all_invariants) == (pairs, epochs, "--discover" in arguments)


def test_a_system_without_invariant_has_none():
    assert count(lambda n, rng: rng.uniform(-1, 1, (2, n, 2)), epochs=4) == 0


def test_two_oscillators_of_incommensurate_frequencies_have_two():
    def sample(n, rng):
        radii, angles = rng.uniform(0.2, 1, (n, 2)), rng.uniform(0, 2 * np.pi, (2, n, 2))
        return [np.hstack([radii * np.cos(angle), radii * np.sin(angle)]) for angle in angles]
    assert count(sample) == 2
