"""A user's own observations: what is read from a file, how pairs are drawn, what is refused, and a run on them."""

import json
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

import physics
import siamese
import train
from discover import findings, pictures
from discover.owndata import ScaledNetwork, apart, load_system
from discover.verdict import Verdict
from helpers import NAMES, Known, central_differences, npz, rows_of, table, table_rows, trajectories
from support.checks import UserError

GOOD = trajectories()
SMALL = ["--pairs", "2000", "--epochs", "2", "--hidden", "8"]


# --------------------------------------------------------------------------------------- reading

def written(kind, folder, orbits):
    """The file of these orbits, as trajectories, as pairs, or as a table in random order."""
    if kind == "trajectories":
        return npz(folder, trajectories=orbits, names=NAMES)
    if kind == "pairs":
        return npz(folder, x=orbits[:, 0], x_prime=orbits[:, 1], names=NAMES)
    rows = np.array(rows_of(orbits), dtype=object)
    return table(folder, ["orbit", *NAMES], np.random.default_rng(1).permutation(rows))


@pytest.mark.parametrize("kind", ["trajectories", "pairs", "csv"])
def test_pairs_are_two_different_observations_of_one_group_and_negatives_of_two(tmp_path, kind):
    orbits = trajectories(orbits=200, times=2) if kind == "pairs" else trajectories(orbits=60)
    system = load_system(written(kind, tmp_path, orbits))
    assert system.inputs == tuple(NAMES)
    of_orbit = {tuple(state): i for i, orbit in enumerate(orbits) for state in orbit}
    seen = []
    for test, n in ((False, 150), (True, 20)):
        x, x_prime, y = system.pairs(n, np.random.default_rng(2), test).labelled()
        assert not np.any(np.all(x == x_prime, axis=1))
        first, second = [np.array([of_orbit[tuple(state)] for state in states]) for states in (x, x_prime)]
        assert np.array_equal(first != second, y == 1)
        seen.append(set(first) | set(second))
    assert len(seen[1]) > 3 and not seen[0] & seen[1]               # tested on groups that it did not learn from


def test_columns_without_names_are_numbered_and_known_invariants_are_evaluated(tmp_path):
    system = load_system(npz(tmp_path, trajectories=GOOD), known=["x1*x4 - x2*x3"])
    assert system.inputs == ("x1", "x2", "x3", "x4")
    values = system.invariants["x1*x4 - x2*x3"](GOOD[3])
    assert values == pytest.approx(physics.angular_momentum(GOOD[3])) and np.ptp(values) < 1e-12


def test_the_column_of_groups_can_be_named(tmp_path):
    path = table(tmp_path, ["star", *NAMES], rows_of(GOOD))
    assert load_system(path, "star").inputs == tuple(NAMES)
    with pytest.raises(UserError, match="planet"):
        load_system(path, "planet")


def test_a_csv_file_may_begin_with_a_byte_order_mark_and_have_spaces_and_capitals_in_its_head(tmp_path):
    path = table(tmp_path, ["Orbit ", *(f" {name}" for name in NAMES)], rows_of(GOOD))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_system(path).inputs == tuple(NAMES)


def test_a_known_relation_that_has_one_value_everywhere_counts_as_fixed(tmp_path):
    r = np.hypot(GOOD[..., :1], GOOD[..., 1:2])
    path = npz(tmp_path, trajectories=np.concatenate([GOOD, r], axis=2), names=[*NAMES, "r"])
    assert load_system(path, known=["x^2 + y^2 - r^2", "x*v_y - y*v_x"]).fixed == ("x^2 + y^2 - r^2",)


def test_partners_of_ones_own_group_are_replaced_and_the_others_kept():
    groups, partner = np.array([0, 0, 1, 1, 2]), np.array([1, 2, 4, 2, 0])
    replaced = apart(partner, groups, np.random.default_rng(0))
    assert replaced[1:3].tolist() == [2, 4] and replaced[4] == 0 and not np.any(groups[replaced] == groups)
    assert partner.tolist() == [1, 2, 4, 2, 0]
    with pytest.raises(ValueError, match="two groups"):
        apart(partner, np.zeros(5), np.random.default_rng(0))


# ------------------------------------------------------------------------------------ the network

def test_the_network_sees_inputs_of_any_unit_at_the_same_size_and_its_gradient_is_in_the_users():
    units = np.array([1e9, 1e9, 1e-3, 1e-3])
    x = (trajectories(orbits=200)[:, 0] + 2) * units
    network = ScaledNetwork((4, 5, 1), dtype=np.float64, centre=x.mean(axis=0), scale=x.std(axis=0))
    rows = network.rows(x)[:, :-1]
    assert rows.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    assert rows.std(axis=0) == pytest.approx(np.ones(4))
    numerical = central_differences(network.f, x, 1e-6 * units)
    assert network.gradient(x) * units == pytest.approx(numerical * units, abs=1e-7)


def test_a_scaled_network_is_saved_with_its_scale(tmp_path):
    network = ScaledNetwork((2, 3, 1), seed=1, label="mine", centre=[1.0, 2.0], scale=[3.0, 4.0])
    network.save(tmp_path / "model.npz")
    loaded = ScaledNetwork.load(tmp_path / "model.npz")
    x = np.random.default_rng(0).standard_normal((5, 2))
    assert np.array_equal(loaded.f(x), network.f(x)) and loaded.label == "mine"


# ------------------------------------------------------------------------------------- a run on them

def test_a_run_on_own_data_reports_in_its_names_and_beside_what_is_known(tmp_path, capsys):
    path = npz(tmp_path, trajectories=trajectories(400, 20), names=["q", "y", "p", "v_y"])
    arguments = ["--data", str(path), "--known", "q*v_y - y*p", *SMALL, "--out", str(tmp_path / "out")]
    assert train.main(arguments) == 0
    text = (tmp_path / "out" / "mine.npz" / "seed-0" / "report.md").read_text("utf-8")
    assert "mine.npz" in text and "q*v_y - y*p" in text and "paper" not in text
    capsys.readouterr()
    assert train.main(arguments) == 0 and "finished" in capsys.readouterr().out
    assert train.main(["--report", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert train.main([*arguments[:3], "q + y", *arguments[4:]]) == 2
    assert "other settings (known)" in capsys.readouterr().err
    npz(tmp_path, trajectories=trajectories(400, 20, seed=1), names=["q", "y", "p", "v_y"])         # of the same name
    assert train.main(arguments) == 2 and "other settings (data" in capsys.readouterr().err


@pytest.mark.parametrize("search", [[], ["--discover"]])
def test_a_run_on_own_data_is_the_same_bit_for_bit_in_any_units_and_its_network_is_read_again(tmp_path, search, capsys):
    # Units that are powers of two scale mean and deviation without rounding, so that the network sees the same bits.
    found = []
    for name, units in (("one", np.ones(4)), ("other", 2.0**np.array([20, -20, 10, 0]))):
        (tmp_path / name).mkdir()
        odd = np.random.default_rng(0).permutation(trajectories(60).reshape(-1, 4)).reshape(60, 6, 4)   # no law
        path = npz(tmp_path / name, trajectories=(odd + 2) * units, names=NAMES)
        words = ["--data", str(path), *search, *SMALL, "--out", str(tmp_path / name / "out")]
        assert train.main(words) == 0
        folder, = (path.parent for path in (tmp_path / name / "out").rglob("result.json"))
        model = folder / ("f_1.npz" if search else "model.npz")
        found.append(ScaledNetwork.load(model).parameters.tobytes())
        if not search:
            capsys.readouterr()
            assert train.main(["--data", str(path), "--pairs", "2000", "--model", str(model)]) == 0
            rows = table_rows((folder / "report.md").read_text("utf-8"))
            again = table_rows(capsys.readouterr().out)
            assert [row for row in rows if "set" in row[0]] == [row for row in again if "set" in row[0]] != []
    assert found[0] == found[1]


def test_a_search_on_own_data_ends_with_a_count_and_leaves_no_checkpoints(tmp_path, capsys):
    path = npz(tmp_path, trajectories=trajectories(400, 20), names=NAMES)
    assert train.main(["--data", str(path), "--discover", *SMALL, "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / "mine.npz-discover" / "seed-0"
    assert "3 invariants" in (folder / "report.md").read_text("utf-8")          # of a plane oscillator, by its laws
    assert not list(folder.glob("step-*"))
    capsys.readouterr()
    assert train.main(["--report", str(folder)]) == 0 and "mine.npz" in capsys.readouterr().out


# --------------------------------------------------------------------------------------- bad input

@pytest.mark.parametrize("arrays", [
    {}, {"x": GOOD[0]}, {"x": GOOD[:, 0], "x_prime": GOOD[:-1, 1]}, {"x": GOOD[:, 0, 0], "x_prime": GOOD[:, 1, 0]},
    {"trajectories": GOOD[0]}, {"trajectories": GOOD[:, :, :1]}, {"trajectories": GOOD[:, :, :0]},
    {"trajectories": GOOD[:0]}, {"trajectories": GOOD[:, :1]}, {"trajectories": GOOD[:3]},
    {"trajectories": GOOD, "names": NAMES[:3]}, {"trajectories": GOOD, "names": ["x", "x", "y", "z"]},
    {"trajectories": GOOD, "names": ["x", "x^2", "y", "z"]}, {"trajectories": GOOD, "names": ["x", "a|b", "y", "z"]},
    {"trajectories": np.array([[["a"]]])}, {"trajectories": np.array([{}], dtype=object)},
    {"trajectories": GOOD + 0j}, {"trajectories": GOOD * [1, 1e40, 1, 1]}, {"x": GOOD[:, 0], "x_prime": GOOD[:, 0]}])
def test_npz_files_that_cannot_be_used_are_refused_in_one_sentence_that_names_them(tmp_path, arrays):
    with pytest.raises(UserError, match="mine.npz") as refusal:
        load_system(npz(tmp_path, **arrays))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("head, rows", [
    (["a", "b"], [[1, 2]]), (["orbit", "event", "x", "y"], [[1, 2, 3, 4]]), ([], []), (["orbit", "x", "y"], []),
    (["orbit", "x", "y"], [[1, 2]]), (["orbit", "x", "y"], [[1, 2, 3], [1, 2, "three"]])])
def test_csv_files_that_cannot_be_used_are_refused_in_one_sentence_that_names_them(tmp_path, head, rows):
    with pytest.raises(UserError, match="mine.csv") as refusal:
        load_system(table(tmp_path, head, rows))
    assert "\n" not in str(refusal.value)


def test_an_archive_of_other_files_is_refused(tmp_path):
    path = tmp_path / "archive.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "no array")
    with pytest.raises(UserError, match="archive.npz"):
        load_system(path)


@pytest.mark.parametrize("words", [
    ["absent.npz"], ["empty.npz"], ["cut.npz"], ["text.npz"], ["binary.csv"], ["."],
    ["mine.npz", "--known", "open('x')"], ["mine.npz", "--known", "x9"], ["mine.npz", "--known", "log(x1)"],
    ["mine.npz", "--known", "9" * 310]])
def test_bad_data_options_end_with_one_sentence_and_status_2(words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = npz(tmp_path, trajectories=GOOD).read_bytes()
    bad = {"empty.npz": b"", "cut.npz": good[:300], "text.npz": b"hello", "binary.csv": b"\xff\0"}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    assert train.main(["--data", *words, "--out", "out"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("train.py: ") and printed.err.count("\n") == 1 and "Traceback" not in printed.err
    assert printed.out == "" and not (tmp_path / "out").exists()


def test_a_network_of_other_columns_is_refused(tmp_path, capsys):
    path = npz(tmp_path, trajectories=GOOD)
    siamese.SiameseNetwork((4, 3, 1), label="other.npz").save(tmp_path / "model.npz")
    assert train.main(["--data", str(path), "--model", str(tmp_path / "model.npz")]) == 2
    assert "train.py: " in capsys.readouterr().err


def test_a_network_that_learned_too_little_is_trained_once_more_and_that_is_said(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(pictures, "movie", lambda training, *_: shown.append(training) or b"GIF89a")
    rng = np.random.default_rng(0)
    energy = rng.uniform(0.2, 2, (300, 1))                      # p²/2 + |q|, which no polynomial is
    q = energy * rng.uniform(-1, 1, (300, 30))
    p = rng.choice([-1, 1], q.shape) * np.sqrt(2 * (energy - np.abs(q)))
    path = npz(tmp_path, trajectories=np.stack([q, p], axis=2))
    words = ["--data", str(path), "--pairs", "1000", "--hidden", "32", "16", "--features", "polynomial",
             "--out", str(tmp_path / "runs")]
    for epochs, done in (("14", 21), ("1", 1)):                 # of one epoch there is nothing to go on from
        assert train.main([*words, "--epochs", epochs, "--fresh"]) == 0
        folder, = (tmp_path / "runs").glob("*/seed-0")
        result = json.loads((folder / "result.json").read_text("utf-8"))
        assert result["epochs"] == len((folder / "history.csv").read_text().splitlines()) - 1 == done
        assert any("trained once more, with 3,000 pairs" in note for note in result["notes"]) == (done > 1)
        assert not [*folder.glob("step-*"), *folder.glob("checkpoint*")]
        assert train.main([*words, "--epochs", epochs, "--known", "x2^2/2 + abs(x1)", "--fresh", "--movie"]) == 0
        assert len(shown.pop().train.y) == 1000 * (3 if done > 1 else 1)            # the movie is of that training


def test_friction_is_seen_in_f_where_rows_are_in_the_order_of_time_also_beside_short_groups(tmp_path):
    rng = np.random.default_rng(1)
    phase, t = rng.uniform(0, 6, (60, 1)), np.linspace(0, 12, 30)
    size = rng.uniform(0.5, 2, (60, 1)) * np.exp(-0.01 * t)
    orbits = np.stack([size * np.cos(t + phase), size * np.sin(t + phase)], axis=2)
    groups = [(i, *row) for i, orbit in enumerate(orbits) for row in orbit[:4 if i % 6 == 0 else None]]
    system = load_system(table(tmp_path, ["orbit", "q", "p"], groups))
    network = Known(2, lambda x: np.sum(x**2, axis=1))
    verdict = Verdict("conserved", "seen", 0.9, 0.9, (0.9, 0.9), 20, 40, 0.01)
    found = findings.unless_it_falls(system, network, verdict)
    assert found.word == "approximately conserved" and "steady rise or fall" in found.sentence
    angle = Known(2, lambda x: np.sin(3 * np.arctan2(*x.T)))                    # varies, and does not fall
    assert findings.unless_it_falls(system, angle, verdict) is verdict


def test_an_f_that_follows_an_approximate_law_and_varies_as_much_is_not_conserved():
    class Law:
        text, verdict, function_of, within = "x1² + x2²", "approximate", (), 0.005

        def __call__(self, x):
            return np.sum(x[:, :2]**2, axis=1), None
    found, (train_pairs, test) = SimpleNamespace(laws=[Law()]), [physics.SYSTEMS["sr"].pairs(
        500, np.random.default_rng(seed)) for seed in (0, 1)]
    follows, other = Known(4, lambda x: np.sum(x[:, :2]**2, axis=1) + 1), Known(4, lambda x: x[:, 2])

    def word(network, within):
        verdict = Verdict("conserved", "seen", 0.9, 0.9, (0.9, 0.9), 20, 40, within)
        return findings.unless_it_imitates(found, network, train_pairs, test, verdict).word
    assert word(follows, 0.01) == "approximately conserved"
    assert word(follows, 0.001) == word(other, 0.01) == "conserved"                 # better than the law; another
