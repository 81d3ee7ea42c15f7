"""What a network adds to laws: negatives agree in all that is known, the verdict on f follows from its evidence."""

import runpy

import numpy as np
import pytest

import physics
import train as training
from discover import network as net
from helpers import ROOT
from physics import Pairs, derangement
from siamese import Schedule, SiameseNetwork

@pytest.fixture(scope="module", autouse=True)
def import_pictures():
    """Here, since Matplotlib takes a second to import."""
    global pictures
    from discover import pictures


COLUMN = [net.Invariant(lambda x, i=i: x[:, i], lambda x, i=i: np.tile(np.eye(3)[i], (len(x), 1))) for i in range(3)]
SLANTED = net.Invariant(lambda x: 3 * x[:, 0] + 4 * x[:, 1], lambda x: np.tile([3.0, 4.0, 0.0], (len(x), 1)))
FELL, FLAT = [0.7, 0.1], [np.log(2), np.log(2)]


class FakeNetwork:
    """Has this function of x (n, d) for its f, and calls pairs different if their f differ by more than `width`."""

    def __init__(self, function, width=0.05):
        self.f, self.width = function, width

    def gradient(self, x):
        return net.gradient(self.f, x, np.full(x.shape[1], 1e-6))

    def predict(self, x, x_prime):
        return np.float64(np.abs(self.f(x) - self.f(x_prime)) > self.width)


def pairs(n, seed=0, noise=0.0, groups=None):
    """Pairs of three columns: the first is conserved but for noise of this deviation, the others are not."""
    rng = np.random.default_rng(seed)
    classes = None if groups is None else np.arange(n) % groups
    conserved = rng.uniform(-1, 1, groups or n)[np.arange(n) if groups is None else classes]
    x, x_prime = (np.column_stack([conserved + noise * rng.normal(size=n), rng.uniform(-1, 1, (n, 2))]) for _ in "12")
    return Pairs(x, x_prime, derangement(n, rng) if groups is None else (np.arange(n) + 1) % n, classes)


def judge(function, train, test, losses=FELL, known=(), **options):
    return net.judge(FakeNetwork(function, **options), train, test, losses, known)


# ---------------------------------------------------------------------------------------------- matched negatives

@pytest.mark.parametrize("known, width", [([1], 0.01), ([1, 2], 0.2)])
def test_matched_negatives_are_of_other_classes_and_agree_in_all_that_is_known(known, width):
    sample = pairs(4000, groups=200)
    batches = net.matched_negatives(sample, [COLUMN[i].value for i in known])
    seen, x, classes = [], np.concatenate([sample.x, sample.x_prime]), np.tile(sample.classes, 2)
    for members, first, second, y in batches(sample, 256, np.random.default_rng(0)):
        one, other = members[first], members[second]
        equal, different = y == 0, y == 1
        assert np.array_equal(other[equal], one[equal] + 4000) and np.array_equal(one[equal], one[different])
        assert not np.any(classes[one[different]] == classes[other[different]])
        off = np.abs(x[one[equal] + 4000] - x[other[different]])            # the negative beside its own partner
        assert off[:, known].max() < width and off[:, 0].mean() > 0.3
        assert len(y) <= 256 and y.dtype == np.float32
        seen += [*one[equal]]
    assert sorted(seen) == [*range(4000)]


def test_known_quantities_in_other_units_have_the_same_neighbours():
    sample, values = pairs(500), [each.value for each in COLUMN]
    scaled = [values[0], lambda x: 1e6 * values[1](x)]
    assert np.array_equal(net.find_neighbours(sample, values[:2]), net.find_neighbours(sample, scaled))


def test_each_epoch_draws_new_negatives():
    sample = pairs(100)
    batches, rng = net.matched_negatives(sample, [COLUMN[0].value]), np.random.default_rng(0)
    one, other = ({tuple(pair) for members, first, second, _ in batches(sample, 64, rng)
                   for pair in zip(members[first], members[second])} for _ in "12")
    assert len(one & other) < 150


@pytest.mark.parametrize("classes", [np.arange(1000), np.arange(1000) // 20, np.repeat([7, 8, 9], [700, 200, 100])])
def test_neighbours_are_the_nearest_of_the_other_classes(classes):
    sample = Pairs(*np.random.default_rng(0).uniform(size=(2, 1000, 3)), np.arange(1000), classes)
    near = net.find_neighbours(sample, [COLUMN[0].value])
    values = sample.x_prime[:, 0]
    for i in (0, 500, 800, 950):
        others = np.flatnonzero(classes != classes[i])
        assert set(near[i]) == set(others[np.argsort(np.abs(values[others] - values[i]))[:net.NEIGHBOURS]])


def test_one_class_has_no_negatives():
    with pytest.raises(ValueError, match="two groups"):
        net.matched_negatives(pairs(100, groups=1), [COLUMN[0].value])


# ---------------------------------------------------------------------------------------------- the verdict

def test_f_that_does_not_vary_within_classes_is_conserved():
    found = judge(lambda x: x[:, 0]**3 + x[:, 0], pairs(500), pairs(200, 1))
    assert found.word == "conserved" and found.lambda_f == 0 and found.test_classes == 200
    assert found.lambda_columns == pytest.approx(1)     # a constant of each class is no slow column
    assert found.interval[0] <= found.test_accuracy <= found.interval[1]


@pytest.mark.parametrize("noise", [0.1, 0.2])
def test_lambda_is_the_share_of_variance_within_classes(noise):
    found = judge(lambda x: x[:, 0], pairs(4000), pairs(4000, 1, noise))
    share = noise**2 / (1 / 3 + noise**2)
    assert [found.lambda_f, found.lambda_columns] == pytest.approx([share, share], rel=0.1)


@pytest.mark.parametrize("share", [1e-4, 0.02])
def test_f_of_a_slow_column_is_undecided(share):
    train, test = (pairs(4000, seed, np.sqrt(share / 3)) for seed in (0, 1))
    found = judge(lambda x: x[:, 0]**3 + 2 * x[:, 0], train, test, width=0.1)
    assert found.word == "undecided" and found.lambda_f < 2 * share
    assert found.ratio_interval[0] > 0.5 and found.ratio_interval[1] > 1


def drifting(seed, rest, n=4000):
    """Pairs of two columns, c + u and c - (1 - rest) u: u, which is not conserved, nearly drops out of their sum."""
    rng = np.random.default_rng(seed)
    c, *u = rng.normal(size=(3, n))
    x, x_prime = (np.column_stack([c + each / 2, c - (1 - rest) * each / 2]) for each in u)
    return Pairs(x, x_prime, derangement(n, rng))


def drifting_ratio(rest):
    """lambda(f) / lambda(columns) of the sum of these columns: W of c + u is 1/4, V is 1 + 1/4."""
    slow = 1 - rest
    return rest**2 / (16 + rest**2) * (8 + 1 + slow**2) / (1 + slow**2)


@pytest.mark.parametrize("rest, word", [(0.05, "conserved"), (0.5, "undecided")])
def test_f_is_conserved_where_the_motions_of_its_columns_cancel(rest, word):
    found = judge(lambda x: x.sum(axis=1), drifting(0, rest), drifting(1, rest), width=0.2)
    assert found.word == word and found.ratio_interval[0] < drifting_ratio(rest) < found.ratio_interval[1]


def test_f_is_undecided_where_the_interval_of_its_ratio_holds_the_limit():
    from scipy.optimize import brentq
    rest = brentq(lambda rest: drifting_ratio(rest) - net.CONSERVED, 0, 1)
    found = judge(lambda x: x.sum(axis=1), drifting(0, rest), drifting(1, rest, n=100), width=0.5)
    assert found.ratio_interval[0] < net.CONSERVED < found.ratio_interval[1] and found.word == "undecided"


def test_columns_count_as_far_as_they_move_f():
    train, test = (pairs(4000, seed, 0.1) for seed in (0, 1))
    found = judge(lambda x: 3 * x[:, 0] + x[:, 1], train, test, width=1)
    slow, fast = 9 * (1 / 3 + 0.01), 1 / 3              # variances, times the squares of the slopes
    assert found.lambda_columns == pytest.approx((9 * 0.01 + fast) / (slow + fast), rel=0.05)


def test_what_varies_within_classes_is_nothing():
    found = judge(lambda x: x[:, 0] + x[:, 1], pairs(500), pairs(400, 1), width=0.3)
    assert found.word == "nothing" and "not conserved" in found.sentence
    assert found.lambda_f == pytest.approx(0.5, abs=0.1)


def test_chance_within_the_interval_of_the_accuracy_is_nothing():
    found = judge(lambda x: x[:, 1], pairs(500), pairs(400, 1))
    assert found.word == "nothing" and "chance" in found.sentence and "start" not in found.sentence
    flat = judge(lambda x: 0 * x[:, 0], pairs(500), pairs(400, 1), FLAT)
    assert flat.word == "nothing" and "the training did not start" in flat.sentence


def test_a_network_that_knows_only_the_training_pairs_has_memorised():
    train, test = pairs(500), pairs(200, 1)
    known = {row.tobytes(): row[0] for row in [*train.x, *train.x_prime]}
    found = judge(lambda x: np.array([known.get(row.tobytes(), row[1]) for row in x]), train, test)
    assert found.train_accuracy > 0.9 and found.word == "undecided" and "memorised" in found.sentence


def test_of_too_few_held_out_classes_nothing_is_decided():
    found = judge(lambda x: x[:, 0], pairs(500, groups=50), pairs(100, 1, groups=4))
    assert found.word == "undecided" and "too few groups" in found.sentence


def test_what_f_owes_to_the_known_does_not_count():
    train, test = pairs(2000, 0, 0.05), pairs(2000, 1, 0.05)

    def mostly_known(x):
        return 10 * x[:, 0]**2 + x[:, 1]
    assert judge(mostly_known, train, test).lambda_f < 0.1
    assert judge(mostly_known, train, test, known=[COLUMN[0].value]).lambda_f > 0.9


def test_intervals_are_of_classes_and_as_wide_as_the_mean_over_them_is_unsure():
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(400), 5)
    values = rng.normal(size=400)[classes]              # all of a class alike: 400 values and not 2000
    low, high = net.interval(net.draw_classes(classes) @ values)
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(400), rel=0.15) and low < values.mean() < high


# ---------------------------------------------------------------------------------------------- independence

def test_independence_is_the_part_of_the_gradient_at_right_angles_to_those_before():
    x = np.random.default_rng(0).normal(size=(500, 3))
    x /= x.std(axis=0)
    flat = np.tile([0.0, 1.0, 0.0], (500, 1))           # nothing changes along the second column
    one, two, _ = COLUMN
    for quantities, normals, expected in (([one], [], 1), ([one, two], [], 1), ([one, SLANTED], [], 4 / 5),
                                          ([SLANTED], [flat], 1), ([one, SLANTED], [flat], 0)):
        assert net.independence(quantities, x, normals) == pytest.approx(expected, abs=1e-9)


def test_a_function_of_the_known_has_no_independence():
    x = np.random.default_rng(0).normal(size=(500, 3))
    product = net.Invariant(None, lambda x: np.column_stack([x[:, 1], x[:, 0], 0 * x[:, 0]]))
    assert net.independence([*COLUMN[:2], product], x) == pytest.approx(0, abs=1e-9)
    assert net.independence([COLUMN[0], product], x) > 0.1


def test_independence_measures_columns_by_their_deviation():
    x = np.random.default_rng(0).normal(size=(500, 3))
    x *= np.array([4e6, 3e6, 1]) / x.std(axis=0)        # 12 parts along either column
    assert net.independence([COLUMN[0], SLANTED], x) == pytest.approx(np.sqrt(0.5))


def test_the_gradient_of_a_function_is_its_derivative():
    x = np.random.default_rng(0).uniform(1, 2, (50, 2))
    slopes = net.gradient(lambda x: x[:, 0]**2 * np.sin(x[:, 1]), x, np.array([1e-5, 1e-5]))
    assert slopes == pytest.approx(np.column_stack([2 * x[:, 0] * np.sin(x[:, 1]), x[:, 0]**2 * np.cos(x[:, 1])]))


# ---------------------------------------------------------------------------------------------- the search

def found_by(*functions, most=3, known=(), fixed=()):
    """(found in each step, numbers of the trainings, last Verdict) of a search with networks of these functions."""
    rng, asked = np.random.default_rng(0), []
    x, other = rng.uniform(-1, 1, (2, 400, 4))
    sample = Pairs(x, np.column_stack([x[:, :3], other[:, 3]]), derangement(400, rng))      # the last is not conserved

    def train_network(number, train, test, batches):
        assert (batches is None) == (not known and number < 2)
        for x in () if batches is None else (test.x_prime,):
            agree = np.abs(x - x[test.partner])[:, 0]   # the first column is the first that is known
            assert np.median(agree) < 0.3
        asked.append(number)
        return FakeNetwork(functions[len(asked) - 1]), FELL
    steps = list(net.search(sample, sample, train_network, known, most, fixed))
    return [step.verdict.found for step in steps], asked, steps[-1].verdict


def test_a_search_ends_with_the_first_question_to_which_nothing_is_found():
    one, two, three, moving = (lambda x, i=i: x[:, i] for i in range(4))
    assert found_by(moving)[:2] == ([False], [0])
    assert found_by(one, one, two, two, moving)[:2] == ([True, True, False], [0, 1, 2, 3, 4])
    assert found_by(one, one, two, two, three, three)[:2] == ([True] * 3, [*range(6)])


def test_no_more_is_looked_for_than_there_can_be():
    one, two = (net.Invariant(lambda x, i=i: x[:, i], lambda x, i=i: 0 * x + np.eye(4)[i]) for i in (0, 1))
    third = [lambda x: x[:, 2]] * 2
    assert found_by(*third, known=[one, two])[:2] == ([True], [0, 1])
    assert found_by(*third, known=[one], fixed=[two.gradient])[:2] == ([True], [0, 1])


def test_only_what_a_second_seed_finds_too_is_counted():
    found, asked, verdict = found_by(lambda x: x[:, 0], lambda x: x[:, 3])
    assert (found, asked, verdict.word) == ([False], [0, 1], "undecided") and "second network" in verdict.sentence


def test_a_function_of_what_is_known_is_not_counted():
    first = net.Invariant(lambda x: x[:, 0], lambda x: np.tile([1.0, 0, 0, 0], (len(x), 1)))
    found, asked, verdict = found_by(lambda x: 9 * x[:, 0] + 3 * np.sin(9 * x[:, 0]), known=[first])
    assert (found, asked, verdict.word) == ([False], [0], "undecided") and "follows from" in verdict.sentence


@pytest.mark.parametrize("known, word", [((0,), "conserved"), ((0, 1), "nothing")])
def test_a_network_finds_the_one_law_of_two_oscillators_that_is_not_known(known, word):
    rng = np.random.default_rng(0)
    radii, angles = rng.uniform(0.2, 1, (5000, 2)), rng.uniform(0, 2 * np.pi, (2, 5000, 2))
    x, x_prime = (np.hstack([radii * np.cos(angle), radii * np.sin(angle)]) for angle in angles)
    energies = [net.Invariant(lambda x, i=i: x[:, i]**2 + x[:, i + 2]**2,
                              lambda x, i=i: 2 * x * np.eye(2)[i][[0, 1, 0, 1]]) for i in (0, 1)]

    def train_network(number, train, test, batches):
        network = SiameseNetwork((4, 48, 16, 1), seed=number)
        run = training.Training(network, train, test, Schedule(3.0, 64, epochs=40, decay=0.93), number, batches=batches)
        while not run.finished:
            run.epoch()
        return network, run.history["loss"]
    train, test = (Pairs(x[part], x_prime[part], derangement(n, rng)) for part, n in ((slice(4000), 4000),
                                                                                     (slice(4000, None), 1000)))
    step = net.ask(0, train, test, train_network, [energies[i] for i in known])
    assert step.verdict.word == word and (
        step.verdict.independence > 0.8 if word == "conserved" else not step.verdict.found)


# ---------------------------------------------------------------------------------------------- pictures

def test_a_picture_along_classes_has_a_line_for_each_and_titles_that_fit():
    x, classes = np.random.default_rng(0).normal(size=(100, 2)), np.repeat(np.arange(20), 5)
    quantities = {"a law of more words than " + "fit " * 9: lambda x: 0 * x[:, 0] + 7, "x": lambda x: x[:, 0]}
    law, column = pictures.figure_along(quantities, x, classes).axes
    assert len(law.get_title()) <= pictures.MAX_LETTERS and column.get_title() == "x"
    assert len(column.lines) == pictures.MAX_CLASSES and len(column.lines[0].get_ydata()) == 5
    assert all(np.all(line.get_ydata() == 7) for line in law.lines)


def test_the_movie_has_a_frame_before_the_first_epoch_and_after_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training.Training, "epoch", lambda self: None)
    sample = physics.sample_sets
    monkeypatch.setattr(physics, "sample_sets", lambda system, data, n: sample(system, data, 100))
    runpy.run_path(str(ROOT / "examples" / "movie.py"))
    content = (tmp_path / "movie.gif").read_bytes()
    assert content.startswith(b"GIF89a") and content.count(b"\x21\xf9\x04") == 31


def test_where_the_interval_of_lambda_reaches_below_its_limit_nothing_is_decided():
    assert net.classify(0.9, (0.8, 0.9), (0.2, 0.4), (0.1, 0.3), 100, FELL)[0] == "undecided"


def test_independence_does_not_depend_on_units():
    x = np.random.default_rng(0).normal(size=(500, 3))
    x /= x.std(axis=0)

    def measure(units):
        one, two, normal = (np.tile(each / units, (500, 1)) for each in np.array([[1, 0, 0], [0, 1, 0], [1, 2, 3.0]]))
        quantities = [net.Invariant(None, lambda x: one), net.Invariant(None, lambda x: two)]
        return net.independence(quantities, x * units, [normal])
    assert measure(np.array([10.0, 1, 0.1])) == pytest.approx(measure(np.ones(3)))


def test_a_picture_of_pairs_has_the_second_observation_over_the_first():
    x, x_prime = np.random.default_rng(0).normal(size=(2, 30, 2))
    axes, = pictures.figure_pairs({"x": lambda x: x[:, 0]}, Pairs(x, x_prime, None)).axes
    assert np.array_equal(axes.lines[0].get_xydata(), np.column_stack([x[:, 0], x_prime[:, 0]]))
