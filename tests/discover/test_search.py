"""The search beyond the laws: look-alikes agree in what is known, independence, and when it ends."""

import numpy as np
import pytest

import siamese
import train
from discover import search
from helpers import Known
from physics import Pairs, derangement

COLUMN = [search.Known(lambda x, i=i: x[:, i], lambda x, i=i: np.tile(np.eye(3)[i], (len(x), 1))) for i in range(3)]


def pairs(n, seed=0, classes=None):
    """Pairs of three columns, all conserved."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 3))
    return Pairs(x, x.copy(), derangement(n, rng), classes)


@pytest.mark.parametrize("known, width", [([0], 0.002), ([0, 1], 0.06)])
def test_look_alikes_are_others_that_agree_in_all_that_is_known(known, width):
    sample = pairs(4000)
    alike = search.alike(sample, [COLUMN[i].value for i in known], np.random.default_rng(0))
    difference = np.abs(sample.x_prime - sample.x_prime[alike.partner])
    assert not np.any(alike.partner == np.arange(4000))
    assert np.quantile(difference[:, known], 0.99) < width
    assert difference[:, 2].mean() == pytest.approx(1 / 3, abs=0.02)


@pytest.mark.parametrize("classes", [np.arange(1000) // 20, np.repeat([7, 8, 9], [700, 200, 100])])
def test_look_alikes_are_never_of_the_same_class_and_the_nearest_of_the_others(classes):
    sample = pairs(1000, classes=classes)
    near = search.look_alikes(sample, [COLUMN[0].value])
    assert not np.any(classes[near] == classes[:, None])
    values = sample.x_prime[:, 0]
    for i in (0, 800, 950):
        others = np.flatnonzero(classes != classes[i])
        nearest = others[np.argsort(np.abs(values[others] - values[i]))[:search.NEIGHBOURS]]
        assert set(near[i]) == set(nearest)


def test_one_class_has_no_look_alikes():
    with pytest.raises(ValueError, match="two groups"):
        search.look_alikes(pairs(100, classes=np.zeros(100)), [COLUMN[0].value])


def test_independence_is_the_part_of_the_gradient_at_right_angles_to_those_before():
    x = np.random.default_rng(0).standard_normal((500, 3))
    x /= x.std(axis=0)
    slanted = search.Known(None, lambda x: np.tile([3.0, 4.0, 0.0], (len(x), 1)))
    flat = np.tile([0.0, 1.0, 0.0], (500, 1))                        # nothing changes along the second column
    one, two, _ = COLUMN
    for quantities, normals, expected in (([one], [], 1), ([one, two], [], 1), ([one, slanted], [], 4 / 5),
                                          ([one, two, slanted], [], 0), ([slanted], [flat], 1),
                                          ([one, slanted], [flat], 0)):
        assert search.independence(quantities, x, normals) == pytest.approx(expected, abs=1e-9)


def test_independence_measures_columns_by_their_deviation():
    x = np.random.default_rng(0).standard_normal((500, 3))
    x *= np.array([4e6, 3e6, 1]) / x.std(axis=0)                     # 12 parts along either column
    slanted = search.Known(None, lambda x: np.tile([3.0, 4.0, 0.0], (len(x), 1)))
    assert search.independence([COLUMN[0], slanted], x) == pytest.approx(np.sqrt(0.5))


def test_a_search_ends_with_the_first_network_that_finds_nothing_new(monkeypatch):
    def judge(network, *_):
        word = "conserved" if network.w > 0 else "nothing"
        return search.verdict.Verdict(word, "", 0.9, 0.9, (0.9, 0.9), 100, 200, 0.0)
    monkeypatch.setattr(search.verdict, "judge", judge)

    def steps(*networks, most=5):
        def learn(number, train, test, known):
            return networks[number], [0.1]
        return [step.found for step in search.search(pairs(400), pairs(200, 1), learn, [], most)]
    one, two, three = [Known(3, lambda x, i=i: x[:, i]) for i in range(3)]
    assert steps(Known(3, lambda x: x[:, 0], w=0)) == [False]
    assert steps(one, two, Known(3, lambda x: x[:, 2], w=0)) == [True, True, False]
    assert steps(one, Known(3, lambda x: x[:, 0]**3 + x[:, 0])) == [True, False]        # a function of the first
    assert steps(one, two, three, most=2) == [True, True]


def test_a_network_that_learned_too_little_is_trained_once_more_with_more_pairs(monkeypatch):
    def judge(network, train, *_):
        enough = len(train.x) == 800
        return search.verdict.Verdict("conserved" if enough else "undecided", "", 0.9 if enough else 0.6, 0.9 if enough
                                      else 0.6, (0.6, 0.9), 100, 200, 0.0)
    monkeypatch.setattr(search.verdict, "judge", judge)
    asked = []

    def learn(number, train, test, known, longer=False):
        asked.append((len(train.x), longer))
        return Known(3, lambda x: x[:, 0]), [0.1]
    step, = search.search(pairs(400), pairs(200, 1), learn, [], 1, more=lambda: (pairs(800), pairs(200, 1)))
    assert step.found and asked == [(400, False), (800, True)]
    assert step.verdict.sentence.endswith("trained once more, for longer")


@pytest.mark.parametrize("conserved", [0, 2])
def test_a_small_search_counts_two_oscillators_and_nothing(conserved):
    def sample(n, seed):
        rng = np.random.default_rng(seed)
        radii, angles = rng.uniform(0.2, 1, (n, 2)), rng.uniform(0, 2 * np.pi, (2, n, 2))
        x, x_prime = [np.hstack([radii * np.cos(angle), radii * np.sin(angle)]) for angle in angles]
        return Pairs(x, x_prime if conserved else rng.permutation(x_prime), derangement(n, rng))
    schedule = siamese.Schedule(3.0, epochs=25 if conserved else 3, decay=0.9, exchange=True)

    def learn(number, pairs, test, known):
        network = siamese.SiameseNetwork((4, 64, 32, 1), seed=number)
        chosen = search.LookAlikes(network, pairs, known) if known else train.exchanged_pairs(network, pairs)
        history = train.fit(network, chosen, test, schedule, seed=number)
        return network, history["loss"]
    assert sum(step.found for step in search.search(sample(10_000, 0), sample(2000, 1), learn, [], 3)) == conserved


def test_a_search_that_asked_a_network_leaves_a_picture_of_its_f_over_the_laws(tmp_path):
    words = ["--system", "sr", "--discover", "--pairs", "300", "--epochs", "2", "--hidden", "8", "--out", str(tmp_path)]
    assert train.main(words) == 0
    folder = tmp_path / "sr-discover" / "seed-0"
    assert (folder / "over-laws.png").read_bytes().startswith(b"\x89PNG") and not (folder / "new-result").exists()
    head, *rows = [line.split(",") for line in (folder / "history.csv").read_text().splitlines()]
    assert head[:2] == ["step", "epoch"]
    assert [row[:2] for row in rows] == [["1", "1"], ["1", "2"]]
