"""A user's own observations: what is read from a file, how pairs are drawn, and every file that is refused."""

import csv
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import data
import discovery
import experiment
import physics
import reading
import siamese
import train

NAMES = ["x", "y", "v_x", "v_y"]


def trajectories(orbits=40, times=6, seed=0):
    """Plane oscillators of frequency 1 at random phases, (orbits, times, 4)."""
    rng = np.random.default_rng(seed)
    q, p, t = rng.uniform(-1, 1, (orbits, 1, 2)), rng.uniform(-1, 1, (orbits, 1, 2)), rng.uniform(0, 6, (orbits, times, 1))
    return np.concatenate([q * np.cos(t) + p * np.sin(t), p * np.cos(t) - q * np.sin(t)], axis=2)


def npz(folder, **arrays):
    np.savez(folder / "mine.npz", **arrays)
    return folder / "mine.npz"


def table(folder, head, rows):
    with open(folder / "mine.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return folder / "mine.csv"


def rows_of(orbits):
    return [[f"orbit {i}", *map(float, state)] for i, orbit in enumerate(orbits) for state in orbit]


@pytest.mark.parametrize("kind", ["trajectories", "pairs", "csv"])
def test_pairs_are_two_different_observations_of_one_group_and_negatives_of_two(tmp_path, kind):
    orbits = trajectories(orbits=200, times=2) if kind == "pairs" else trajectories()
    path = {"trajectories": lambda: npz(tmp_path, trajectories=orbits, names=NAMES),
            "pairs": lambda: npz(tmp_path, x=orbits[:, 0], x_prime=orbits[:, 1], names=NAMES),
            "csv": lambda: table(tmp_path, ["orbit", *NAMES], np.random.default_rng(1).permutation(np.array(rows_of(orbits), dtype=object)))}[kind]()
    system = data.load_system(path)
    assert system.inputs == tuple(NAMES) and system.train_pairs == (180 if kind == "pairs" else 36 * 15)
    of_orbit = {tuple(state): i for i, orbit in enumerate(orbits) for state in orbit}
    seen = []
    for test, n in ((False, 180), (True, 20)):
        x, x_prime, y = physics.labelled_pairs(system, n, np.random.default_rng(2), test)
        assert not np.any(np.all(x == x_prime, axis=1))
        first, second = [np.array([of_orbit[tuple(state)] for state in states]) for states in (x, x_prime)]
        assert np.array_equal(first != second, y == 1)
        seen.append(set(first) | set(second))
    assert len(seen[0]) == 0.9 * len(orbits) and len(seen[1]) == 0.1 * len(orbits) and not seen[0] & seen[1]


def test_columns_without_names_are_numbered_and_known_invariants_are_evaluated(tmp_path):
    orbits = trajectories()
    system = data.load_system(npz(tmp_path, trajectories=orbits), known=["x1*x4 - x2*x3"])
    assert system.inputs == ("x1", "x2", "x3", "x4")
    values = system.invariants["x1*x4 - x2*x3"](orbits[3])
    assert values == pytest.approx(physics.angular_momentum(orbits[3])) and np.ptp(values) < 1e-12


def test_the_network_sees_inputs_of_any_unit_at_the_same_size(tmp_path):
    system = data.load_system(npz(tmp_path, trajectories=trajectories() * [1e9, 1e9, 1e-3, 1e-3], names=NAMES))
    plan = train.plan_of(train.parse(["--data", "mine.npz", "--hidden", "5"]), system, 0)
    network = experiment.SiameseNetwork(plan.layer_sizes, 0, scale=system.scale)
    x, _, _ = system.sample(36, np.random.default_rng(0))
    assert np.mean(network.rows(x, x)[:, :-1]**2, axis=0) == pytest.approx(np.ones(4), rel=0.5)
    step = 1e-3 * system.scale
    for i in range(4):                                                       # derivatives are in the user's units
        numerical = (network.bottleneck(x + step * np.eye(4)[i]) - network.bottleneck(x - step * np.eye(4)[i])) / (2 * step[i])
        assert network.input_gradient(x)[:, 0, i] * system.scale[i] == pytest.approx(numerical[:, 0] * system.scale[i], abs=2e-3)


def test_a_run_on_own_data_reports_in_its_names_and_beside_what_is_known(tmp_path, capsys):
    path = npz(tmp_path, trajectories=trajectories(400, 20), names=["q", "y", "p", "v_y"])
    arguments = ["--data", str(path), "--known", "q*v_y - y*p", "--pairs", "3000", "--epochs", "3", "--hidden", "16", "--out", str(tmp_path / "out")]
    assert train.main(arguments) == 0
    text = (tmp_path / "out" / "mine.npz" / "seed-0" / "report.md").read_text("utf-8")
    assert "mine.npz: seed 0" in text and "| test set     | 0." in text and "paper" not in text
    assert "Correlation of f with q*v_y - y*p" in text or "Correlation of f with q v_y - y p" in text
    capsys.readouterr()
    assert train.main(arguments) == 0 and "finished" in capsys.readouterr().out
    assert train.main(["--report", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert train.main([*arguments[:3], "q + y", *arguments[4:]]) == 2 and "other settings (known)" in capsys.readouterr().err
    assert train.main([*arguments, "--features", "polynomial"]) == 0
    path.unlink()
    npz(tmp_path, trajectories=trajectories(400, 20, seed=1), names=["q", "y", "p", "v_y"])        # other data of the same name
    assert train.main(arguments) == 2 and "other settings (data)" in capsys.readouterr().err


def test_a_search_on_own_data_ends_with_a_count_and_leaves_no_checkpoints(tmp_path, capsys):
    path = npz(tmp_path, trajectories=trajectories(400, 20), names=NAMES)
    arguments = ["--data", str(path), "--discover", "--pairs", "2000", "--epochs", "2", "--hidden", "8", "--out", str(tmp_path / "out")]
    assert train.main(arguments) == 0
    folder = tmp_path / "out" / "mine.npz-discover" / "seed-0"
    result = json.loads((folder / "result.json").read_text("utf-8"))
    assert result["count"] == sum(step["found"] for step in result["steps"]) and not result["steps"][-1]["found"]
    assert {"report.md", "result.json", "f_1.npz"} <= {item.name for item in folder.iterdir()} and not list(folder.glob("step-*"))
    assert f"{result['count']} invariant" in (folder / "report.md").read_text("utf-8")
    history = np.genfromtxt(folder / "history.csv", delimiter=",", names=True)
    assert [*zip(history["step"], history["epoch"])] == [(step, epoch) for step in range(1, len(result["steps"]) + 1) for epoch in (1, 2)]
    capsys.readouterr()
    assert train.main(["--report", str(folder)]) == 0 and "| mine.npz | 0 " in capsys.readouterr().out


def test_a_column_that_hardly_changes_within_groups_is_named_in_the_notes(tmp_path):
    orbits = trajectories()
    stamp, constant = np.arange(240.0).reshape(40, 6, 1) - 120, np.repeat(np.random.default_rng(3).normal(0, 1, (40, 1, 1)), 6, axis=1)
    system = data.load_system(npz(tmp_path, trajectories=np.concatenate([orbits, stamp, constant], axis=2), names=[*NAMES, "time", "mass"]))
    assert any("Hardly changing within a group, beside what it does from group to group: time, mass. " in note for note in system.notes)
    assert not any("Hardly" in note for note in data.load_system(npz(tmp_path, trajectories=orbits)).notes)


def bound(folder, orbits):
    """The columns that are said to be bound by a relation."""
    return [note.split(": ")[1].split(". ")[0] for note in data.load_system(npz(folder, trajectories=orbits)).notes if "Bound" in note]


def test_a_relation_among_columns_is_found_in_any_units_and_under_noise(tmp_path):
    orbits, rng = trajectories(orbits=100), np.random.default_rng(4)
    r = np.hypot(orbits[:, :, :1], orbits[:, :, 1:2])
    for noise in (0, 0.01):
        five = np.concatenate([orbits, r * (1 + noise * rng.standard_normal(r.shape))], axis=2)
        assert bound(tmp_path, five) == bound(tmp_path, five * [1e6, 1e-6, 1e3, 1e-3, 1] + [0, 0, 0, 0, 5]) == ["x1, x2, x5"]
    assert bound(tmp_path, np.concatenate([orbits, orbits[:, :, :1] + orbits[:, :, 2:3]], axis=2)) == ["x1, x3, x5"]


def test_no_relation_is_said_to_bind_columns_that_nearly_agree_or_take_two_values_or_of_which_few_or_like_times_are_seen(tmp_path):
    orbits, rng = trajectories(orbits=100), np.random.default_rng(4)
    assert bound(tmp_path, orbits) == []
    assert bound(tmp_path, np.concatenate([orbits, orbits[:, :, :1] + 0.05 * rng.standard_normal((100, 6, 1))], axis=2)) == []
    assert bound(tmp_path, np.concatenate([orbits, np.sign(orbits[:, :, :1])], axis=2)) == []
    assert bound(tmp_path, np.sign(orbits[:, :, :2])) == bound(tmp_path, np.concatenate([orbits[:, :, :1], np.sign(orbits[:, :, 1:2])], axis=2)) == []
    masses = np.repeat(rng.normal(0, 1, (100, 1, 3)), 6, axis=1)                # in 8 groups, all quadratics of three masses are bound
    assert bound(tmp_path, np.concatenate([orbits, masses], axis=2)) == bound(tmp_path, np.concatenate([orbits, masses], axis=2)[:8]) == []
    many = trajectories(orbits=10_000, times=4)
    many[:, 0, 1] = 0                                                           # all begin at y = 0
    assert bound(tmp_path, many) == []


class Exact:
    """A network whose f is a given function of the inputs of a system of own data."""

    def __init__(self, system, function):
        self.centre, self.scale, self.function = system.centre, system.scale, function

    def input_gradient(self, x):
        steps = 1e-5 * self.scale
        return physics.gradient(lambda x: self.function(*x.T), x, steps)[:, None]

    def bottleneck(self, x):
        return self.function(*np.asarray(x, float).T)[:, None]

    def evaluate(self, *pairs):
        return 0.0, 0.95


def test_a_known_relation_needs_no_values_beyond_the_observations(tmp_path):
    u = np.random.default_rng(2).uniform(0.01, 1, (300, 8, 1))
    u[0, 0] = 1e-8
    path = npz(tmp_path, trajectories=np.concatenate([u**2, u, trajectories(300, 8)], axis=2), names=["u", "v", *NAMES])
    system = data.load_system(path, known=["sqrt(u) - v"])
    x = system.sample.observations
    assert system.fixed == ("sqrt(u) - v",)
    assert system.normals(x)[0][:, :2] == pytest.approx(np.stack([0.5 / np.sqrt(x[:, 0]), -np.ones(len(x))], axis=1))


@pytest.mark.parametrize("again", ["2*x^2 + 2*y^2 - 2*r^2", "sqrt(x^2 + y^2) - r"])
def test_a_relation_that_is_given_twice_is_refused_and_the_same_text_counts_once(again, tmp_path):
    orbits = trajectories(300, 8)
    path = npz(tmp_path, trajectories=np.concatenate([orbits, np.hypot(orbits[..., :1], orbits[..., 1:2])], axis=2), names=[*NAMES, "r"])
    assert data.load_system(path, known=["x^2 + y^2 - r^2", "x^2+y^2-r^2"]).fixed == ("x^2 + y^2 - r^2",)
    with pytest.raises(ValueError, match="fix one thing twice"):
        data.load_system(path, known=["x^2 + y^2 - r^2", again])


def test_a_known_relation_is_fixed_and_only_changes_that_keep_to_it_count(tmp_path):
    orbits = trajectories(orbits=400)
    five = np.concatenate([orbits, np.hypot(orbits[:, :, :1], orbits[:, :, 1:2])], axis=2)
    path = npz(tmp_path, trajectories=five * 1000, names=[*NAMES, "r"])
    system = data.load_system(path, known=["x^2 + y^2 - r^2", "x*v_y - y*v_x"])
    assert system.fixed == ("x^2 + y^2 - r^2",) and system.notes == ()
    normal, = system.normals(five[:, 0] * 1000)
    assert normal == pytest.approx(2000 * five[:, 0] * [1, 1, 0, 0, -1], rel=1e-4, abs=1e-2)

    networks = [Exact(system, lambda x, y, v, w, r: x * w - y * v), Exact(system, lambda x, y, v, w, r: r**2 + v**2 + w**2),
                Exact(system, lambda x, y, v, w, r: x**2 + v**2)]
    sets = [(orbits_of[0], orbits_of[1]) for orbits_of in (system.sample(2000, np.random.default_rng(0)), system.sample_test(1000, np.random.default_rng(1)))]
    again = Exact(system, lambda x, y, v, w, r: x * w - y * v + 300 * (r - np.hypot(x, y)))
    steps = [*discovery.search(sets, lambda number, train, test: [networks[0], again][number], 2, system.normals)]
    assert [discovery.is_invariant(step) for step in steps] == [True, False]      # the same on all observations, however its gradient looks
    assert [discovery.is_invariant(step) for step in discovery.search(sets, lambda number, train, test: [networks[0], again][number], 2)] == [True, True]
    x, x_test = sets[0][0], sets[1][0]
    assert reading.read_step(system, networks[2], networks[:2], x, np.repeat(x_test, 5, axis=0))["alignment"]["eigenvalues"]["2"][0] < 1e-6
    assert len(reading.common(system, networks[:3], x)["formulas"]) == 4


def test_a_column_named_r_leaves_no_features_over_r(tmp_path, capsys):
    orbits = trajectories()
    r = np.hypot(orbits[:, :, :1], orbits[:, :, 1:2])
    path = npz(tmp_path, trajectories=np.concatenate([orbits, r], axis=2), names=[*NAMES, "r"])
    assert data.load_system(path).features == ("polynomial",)
    assert train.main(["--data", str(path), "--features", "rational"]) == 2
    assert "rational features need inputs named x and y, for r = sqrt(x^2 + y^2), and none named r" in capsys.readouterr().err


# --------------------------------------------------------------------------------------- bad input

GOOD = trajectories()


def changed(value):
    orbits = GOOD.copy()
    orbits[3, 2, 1] = value
    return orbits


@pytest.mark.parametrize("arrays, words", [
    ({}, "must hold x and x_prime, or trajectories, but holds nothing"),
    ({"x": GOOD[0]}, "must hold x and x_prime, or trajectories, but holds x"),
    ({"x": GOOD[:, 0], "x_prime": GOOD[:-1, 1]}, r"one and the same shape .* got \(40, 4\) and \(39, 4\)"),
    ({"x": GOOD[:, 0, 0], "x_prime": GOOD[:, 1, 0]}, "one and the same shape"),
    ({"trajectories": GOOD[0]}, r"must have shape \(orbits, times, columns\), got \(6, 4\)"),
    ({"trajectories": changed(np.nan)}, r"trajectories\[3, 2, 1\] is nan; leave"),
    ({"trajectories": changed(np.inf)}, r"trajectories\[3, 2, 1\] is inf; leave"),
    ({"x": GOOD[:, 0], "x_prime": changed(np.nan)[:, 2]}, r"x_prime\[3, 1\] is nan; leave"),
    ({"trajectories": GOOD[:, :, :1]}, "has the one column x1"),
    ({"trajectories": GOOD[:, :, :0]}, "holds no observations"),
    ({"trajectories": np.tile(GOOD, 11)}, "has 44 columns; give 40 or fewer"),
    ({"trajectories": GOOD, "names": ["x", "y\n", "y", "z"]}, r"the column name 'y.n' would make"),
    ({"trajectories": GOOD, "names": ["x", "a|b", "y", "z"]}, r"the column name 'a.b' would make"),
    ({"trajectories": GOOD[:0]}, "holds no observations"),
    ({"trajectories": GOOD * [1, 1, 0, 1]}, "column x3 has one value throughout"),
    ({"trajectories": GOOD, "names": NAMES[:3]}, "4 columns need as many different names"),
    ({"trajectories": GOOD, "names": ["x", "x", "y", "z"]}, "different names, got x, x, y, z"),
    ({"trajectories": GOOD, "names": np.arange(4)}, "names must be a list of 4 texts"),
    ({"trajectories": GOOD[:, :1]}, "40 of 40 groups have a single observation, the first of them 0"),
    ({"trajectories": GOOD[:3]}, "has 3 groups; at least 4"),
    ({"x": GOOD[:20, 0], "x_prime": GOOD[:20, 1]}, "has 18 pairs .* to learn from, and 2 in other groups .* too few"),
    ({"trajectories": np.array([[["a"]]])}, "trajectories must hold numbers, not <U1"),
    ({"trajectories": np.array([{}], dtype=object)}, "Python objects, which are not read"),
    ({"trajectories": GOOD + 0j}, "must hold numbers, not complex128"),
    ({"trajectories": GOOD * [1, 1e40, 1, 1]}, "column x2 has values beyond 1e-30 to 1e30"),
    ({"trajectories": GOOD * [1, 1e-40, 1, 1]}, "column x2 has values beyond 1e-30 to 1e30"),
    ({"trajectories": GOOD + [0, 0, 0, 1e6]}, "column x4 varies by less than a hundredth of its size"),
    ({"trajectories": GOOD, "names": ["x", "x^2", "y", "z"]}, "the column name .x.2. would make a formula or a table unreadable"),
])
def test_npz_files_that_cannot_be_used_are_refused_in_one_sentence(tmp_path, arrays, words):
    with pytest.raises(ValueError, match=words):
        data.load_system(npz(tmp_path, **arrays))


def test_other_arrays_in_an_npz_file_may_be_empty_and_other_files_in_it_are_refused(tmp_path):
    data.load_system(npz(tmp_path, trajectories=GOOD, remarks=np.array([])))
    path = tmp_path / "archive.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "no array")
    with pytest.raises(ValueError, match="archive.npz is not a .npz file"):
        data.load_system(path)


@pytest.mark.parametrize("head, rows, words", [
    (["a", "b"], [[1, 2]], "must have one column that tells .* its columns are a, b; --group NAME"),
    (["orbit", "event", "x", "y"], [[1, 2, 3, 4]], "must have one column"),
    ([], [], "its columns are missing"),
    (["orbit", "x", "y"], [], "holds no observations"),
    (["orbit", "x", "y"], [[1, 2]], "line 2 has 2 values, the head has 3"),
    (["orbit", "x", "y"], [[1, 2, 3], [1, 2, "three"]], "line 3 has 'three' in column y, where a number must stand"),
    (["orbit", "x", "y"], [[1, 2, "nan"], [1, 2, 3]], "line 2 has nan in column y; leave"),
    (["orbit", "x", ""], rows_of(GOOD[:, :, :2]), "column 3 has no name; give it one"),
    (["orbit;x;y"], [["1;2;3"]], "its columns are orbit;x;y; there must be commas between them"),
    (["orbit", "x", "y"], [[1, 2, 3], ["", 1, 2]], "line 3 has nothing in column orbit"),
    (["orbit", "x", "y"], [["lonely", 1, 2], *rows_of(GOOD[:, :, :2])], "1 of 41 groups have a single observation, the first of them lonely"),
])
def test_csv_files_that_cannot_be_used_are_refused_in_one_sentence(tmp_path, head, rows, words):
    with pytest.raises(ValueError, match=words):
        data.load_system(table(tmp_path, head, rows))


def test_the_column_of_groups_can_be_named(tmp_path):
    path = table(tmp_path, ["star", *NAMES], rows_of(GOOD))
    assert data.load_system(path, "star").inputs == tuple(NAMES)
    with pytest.raises(ValueError, match="named planet; its columns are star"):
        data.load_system(path, "planet")


def test_bad_data_options_end_with_one_sentence_and_status_2(tmp_path, capsys):
    good = npz(tmp_path, trajectories=GOOD)
    for name, content in (("empty.npz", b""), ("cut.npz", good.read_bytes()[:300]), ("text.npz", b"hello"), ("binary.csv", b"\xff\xfe\x00"),
                          ("notes.txt", b"x")):
        (tmp_path / name).write_bytes(content)
    np.savez(tmp_path / "same.npz", x=GOOD[:, 0], x_prime=GOOD[:, 0])
    for arguments, words in ((["absent.npz"], "No such file"), (["empty.npz"], "damaged"), (["cut.npz"], "damaged"), (["text.npz"], "damaged"),
                             (["binary.csv"], "not a text file"), (["notes.txt"], "must be a .npz or a .csv file"), (["."], "must be a .npz"),
                             (["mine.npz", "--known", "open('x')"], "is not allowed"), (["mine.npz", "--known", "x9"], "is not allowed"), (["mine.npz", "--known", "log(x1)"], "is not finite at x1 = "),
                             (["mine.npz", "--known", "9" * 310], "is not allowed"),
                             (["mine.npz", "--group", "orbit"], "that is for .csv files"), (["same.npz"], "are the same observations"),
                             (["mine.npz", "--features", "nothing"], "holds 'nothing'"), (["mine.npz", "--features", "x1", "x1.real"], "is not allowed"),
                             (["mine.npz", "--features", "1/(x1 - x1)"], "not finite"),
                             (["mine.npz", "--features", "rational"], "need inputs named x and y"), (["mine.npz", "--system", "sr"], "not allowed with")):
        assert train.main(["--data", str(tmp_path / arguments[0]), *arguments[1:], "--out", str(tmp_path / "out")]) == 2
        printed = capsys.readouterr()
        assert words in printed.err and printed.err.rstrip().splitlines()[-1].startswith("train.py: ") and "Traceback" not in printed.err
        assert printed.out == "" and not (tmp_path / "out").exists()
    assert train.main(["--known", "t"]) == 2 and "go with --data" in capsys.readouterr().err


def test_few_pairs_are_warned_of(tmp_path, capsys):
    path = npz(tmp_path, trajectories=GOOD)
    assert train.main(["--data", str(path), "--epochs", "1", "--hidden", "4", "--out", str(tmp_path / "out")]) == 0
    assert "There are only 540 pairs to train on" in capsys.readouterr().err


def test_columns_far_from_zero_are_warned_of_and_their_formulas_still_hold(tmp_path, capsys):
    far = np.array([300.0, 0, 0, 0])
    path = npz(tmp_path, trajectories=trajectories(200) * [10, 1, 1, 1] + far, names=NAMES)
    assert train.main(["--data", str(path), "--pairs", "100", "--epochs", "1", "--hidden", "4", "--out", str(tmp_path / "out")]) == 0
    assert "less than a tenth of its size: x. Formulas" in capsys.readouterr().err
    assert "less than a tenth of its size: x. Formulas" in next((tmp_path / "out").rglob("report.md")).read_text("utf-8")
    system = data.load_system(path)
    sets = experiment.sample_sets(system, experiment.seed_streams(0)[0], 500)

    class Energy(experiment.SiameseNetwork):
        def bottleneck(self, x):
            return np.sum(((np.asarray(x, float) - far) / [10, 1, 1, 1])**2, axis=1, keepdims=True)

        def evaluate(self, *pairs):
            return 0.0, 1.0
    network = Energy((4, 3, 1), centre=system.centre, scale=system.scale)
    result = reading.read_off(system, network, *sets)
    assert result["formula"] == "f ≈ -6.00 x + 1.00 (y² + v_x² + v_y²) + 0.0100 x² + 900.000"
    assert result["sparse"]["polynomial"]["formula"] == result["formula"] and "0.01x²" in result["polynomial"]["text"]
    rows = network.rows(*[values.astype(float) for values in sets[0][:2]])[:, :-1]
    assert rows.mean(axis=0) == pytest.approx(np.zeros(4), abs=0.2) and rows.std(axis=0) == pytest.approx(np.ones(4), abs=0.2)


def test_typed_features_are_checked_on_every_observation_before_anything_is_written(tmp_path, capsys):
    orbits = trajectories(2000, 6)
    orbits[1234, 2, :2] = 0
    path = npz(tmp_path, trajectories=orbits, names=NAMES)
    for features, words in ((["log(x^2 + y^2)"], "not finite at x = 0, y = 0, "), ([" rational"], "away from the origin")):
        assert train.main(["--data", str(path), "--features", *features, "--out", str(tmp_path / "out")]) == 2
        assert words in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_regression_does_not_depend_on_the_users_units(tmp_path):
    scores, formulas = [], []
    for unit in (np.ones(4), np.array([1e3, 1e3, 1e-3, 1e-3])):
        system = data.load_system(npz(tmp_path, trajectories=trajectories(200) * unit, names=NAMES))
        sets = experiment.sample_sets(system, experiment.seed_streams(0)[0], 500)

        class Energy(experiment.SiameseNetwork):                             # stands for a trained network
            def bottleneck(self, x):
                return np.sum((np.asarray(x, float) / unit)**2, axis=1, keepdims=True)

            def evaluate(self, *pairs):
                return 0.0, 1.0
        result = reading.read_off(system, Energy((4, 3, 1), scale=system.scale), *sets)
        scores.append(result["r2"]["2"])
        formulas.append([result["formula"], result["sparse"]["polynomial"]["formula"]])
        result = reading.read_off(replace(system, features=("v_x^2 + v_y^2", "x^2", "y^2", "x*y")), Energy((4, 3, 1), scale=system.scale), *sets)
        assert result["sparse"]["typed"]["terms"] == pytest.approx({"v_x^2 + v_y^2": unit[2]**-2, "x^2": unit[0]**-2, "y^2": unit[0]**-2})
    assert np.array(scores) == pytest.approx(np.ones((2, 2)))
    assert [[formula.replace("1.000 ", "1.00 ") for formula in pair] for pair in formulas] == [
        ["f ≈ 1.00 (x² + y² + v_x² + v_y²)"] * 2, ["f ≈ 1000000 (v_x² + v_y²) + 1.00e-06 (x² + y²)"] * 2]


def test_positions_at_the_origin_have_no_features_over_r(tmp_path, capsys):
    orbits = trajectories(200)
    assert data.load_system(npz(tmp_path, trajectories=orbits, names=NAMES)).features == ("polynomial", "rational")
    orbits[3, 2, :2] = 0
    path = npz(tmp_path, trajectories=orbits, names=NAMES)
    assert data.load_system(path).features == ("polynomial",)
    assert train.main(["--data", str(path), "--features", "rational", "--out", str(tmp_path / "out")]) == 2
    assert "away from the origin" in capsys.readouterr().err


def test_polynomials_in_many_inputs_are_kept_to_orders_that_can_be_solved():
    assert reading.orders_for(6) == reading.orders_for(10) == [1, 2, 3, 4] and reading.orders_for(30) == [1, 2]


def test_a_csv_file_may_begin_with_a_byte_order_mark_and_have_spaces_and_capitals_in_its_head(tmp_path):
    path = table(tmp_path, ["Orbit ", *(f" {name}" for name in NAMES)], rows_of(GOOD))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert data.load_system(path).inputs == tuple(NAMES)


# ------------------------------------------------------------------------------------- a run on them

@pytest.mark.parametrize("search", [[], ["--discover"]])
def test_a_run_on_own_data_is_the_same_bit_for_bit_in_any_units_and_its_network_is_read_again(tmp_path, search, capsys):
    # Units that are powers of two scale mean and deviation without rounding, so that the network sees the same bits.
    found = []
    for name, units in (("one", np.ones(4)), ("other", 2.0**np.array([20, -20, 10, 0]))):
        (tmp_path / name).mkdir()
        path = npz(tmp_path / name, trajectories=(trajectories(60) + 2) * units, names=NAMES)
        arguments = ["--data", str(path), "--known", "x*v_y - y*v_x"]
        assert train.main([*arguments, *search, "--epochs", "2", "--hidden", "8", "--out", str(tmp_path / name / "out")]) == 0
        folder = tmp_path / name / "out" / ("mine.npz-discover" if search else "mine.npz") / "seed-0"
        network = siamese.SiameseNetwork.load(folder / ("f_1.npz" if search else "model.npz"))
        found.append((network.parameters.tobytes(), network.bottleneck(trajectories(5)[:, 0] * units).tobytes()))
        if not search:
            text = (folder / "report.md").read_text("utf-8")
            capsys.readouterr()
            assert train.main([*arguments, "--model", str(folder / "model.npz"), "--features", "x^2"]) == 0
            again = capsys.readouterr().out
            assert text[text.index("| accuracy"):text.index("Optimal order")] in again and "\n| typed " in again
    assert found[0] == found[1]


def test_runs_and_searches_on_own_data_are_tested_on_groups_that_they_did_not_learn_from(tmp_path, monkeypatch):
    orbits = trajectories()
    path = npz(tmp_path, trajectories=orbits)
    of_orbit = {tuple(state): i for i, orbit in enumerate(orbits.astype(np.float32).tolist()) for state in orbit}
    given = []
    monkeypatch.setattr(experiment, "Training", lambda network, train, test, *_: given.append((train, test)) or 1 / 0)
    monkeypatch.setattr(discovery, "search", lambda sets, *_, **__: given.append(sets) or 1 / 0)
    for search in ([], ["--discover"]):
        with pytest.raises(ZeroDivisionError):
            train.main(["--data", str(path), *search, "--out", str(tmp_path / "out")])
        learned, tested = [{of_orbit[tuple(state)] for x in sets[:2] for state in x.astype(np.float32).tolist()} for sets in given.pop()]
        assert len(learned) == 36 and len(tested) == 4 and not learned & tested
