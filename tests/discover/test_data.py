"""A user's observations as a system: how pairs are drawn, errors, names, and the network that scales."""

import copy
import pickle

import numpy as np
import pytest

import physics
from discover.data import ScaledNetwork, is_fixed, load_system, replace_partners
from siamese import SiameseNetwork
from support.checks import UserError

NAMES = ["x", "y", "v_x", "v_y"]


def oscillators(orbits=60, times=6):
    """Plane oscillators of frequency 1 at random phases, (orbits, times, 4)."""
    rng = np.random.default_rng(0)
    q, p, t = *rng.uniform(-1, 1, (2, orbits, 1, 2)), rng.uniform(0, 6, (orbits, times, 1))
    return np.concatenate([q * np.cos(t) + p * np.sin(t), p * np.cos(t) - q * np.sin(t)], axis=2)


def table(path, orbits, head="orbit,x [m],y,v_x,v_y", rng=None):
    """Write the orbits to a table, its rows in random order if there is a generator."""
    rows = [f"{i},{','.join(map(repr, state.tolist()))}" for i, orbit in enumerate(orbits) for state in orbit]
    path.write_text("\n".join([head, *(rows if rng is None else rng.permutation(rows))]) + "\n", "utf-8")
    return path


@pytest.fixture
def file(tmp_path):
    return table(tmp_path / "mine.csv", oscillators())


def test_pairs_are_two_different_observations_of_one_class_and_negatives_of_two(tmp_path):
    orbits = oscillators(60)
    system = load_system(table(tmp_path / "mine.csv", orbits, rng=np.random.default_rng(1)))
    assert system.inputs == tuple(NAMES) and system.units == ("m", "", "", "")
    of_orbit, seen = {tuple(state): i for i, orbit in enumerate(orbits) for state in orbit}, []
    for test, n in ((False, 150), (True, 20)):
        x, x_prime, y = system.pairs(n, np.random.default_rng(2), test).labelled()
        assert not np.any(np.all(x == x_prime, axis=1))
        first, second = [np.array([of_orbit[tuple(state)] for state in states]) for states in (x, x_prime)]
        assert np.array_equal(first != second, y == 1)
        seen.append(set(first) | set(second))
    assert len(seen[1]) > 3 and not seen[0] & seen[1]               # tested on classes that it did not learn from
    for draw, orbits_seen in zip((system.draw, system.draw_test), seen):
        assert draw.errors.shape == draw.x.shape and len(draw.labels) == len(draw.x)
        assert {of_orbit[tuple(state)] for state in draw.x} >= orbits_seen


def test_partners_of_the_same_class_are_replaced_and_the_others_kept():
    classes, partner = np.array([0, 0, 1, 1, 2]), np.array([1, 2, 4, 2, 0])
    replaced = replace_partners(partner, classes, np.random.default_rng(0))
    assert replaced[1:3].tolist() == [2, 4] and replaced[4] == 0 and not np.any(classes[replaced] == classes)
    assert partner.tolist() == [1, 2, 4, 2, 0]


def test_known_invariants_are_evaluated_and_those_of_one_value_are_fixed(tmp_path):
    r = np.hypot(*np.moveaxis(oscillators()[..., :2], 2, 0))[..., None]
    np.savez(tmp_path / "mine.npz", trajectories=np.concatenate([oscillators(), r], axis=2), names=[*NAMES, "r"])
    system = load_system(tmp_path / "mine.npz", known=["x^2 + y^2 - r^2", "x*v_y - y*v_x"])
    assert system.fixed == ("x^2 + y^2 - r^2",)
    x = system.draw.x
    assert system.invariants["x*v_y - y*v_x"](x) == pytest.approx(physics.angular_momentum(x[:, :4]))


@pytest.mark.parametrize("known", ["x", "1/v_x", "x + y"])
def test_a_known_quantity_that_is_not_conserved_is_refused(file, known):
    with pytest.raises(UserError, match="is given as known, and .* of its variance"):
        load_system(file, known=[known])


def test_a_network_of_own_data_is_not_read_as_one_of_the_paper(tmp_path):
    ScaledNetwork((2, 4, 1), 0, centre=[10, 20], scale=[3, 4]).save(tmp_path / "f.npz")
    with pytest.raises(ValueError, match="another kind of network"):
        SiameseNetwork.load(tmp_path / "f.npz")


def test_errors_are_absolute_or_relative_and_win_over_the_columns_of_the_file(tmp_path):
    orbits = oscillators()
    orbits[0, 0, 1] = 0
    rows = table(tmp_path / "mine.csv", orbits).read_text().splitlines()
    head, rows = rows[0] + ",x_err,v_x_err", [f"{row},0.1,0.2" for row in rows[1:]]
    (tmp_path / "mine.csv").write_text("\n".join([head, *rows]))
    draws = load_system(tmp_path / "mine.csv", errors=["x=5.E-3", " y = 0.2e+1% "])
    for draw in (draws.draw, draws.draw_test):
        y = np.abs(draw.x[:, 1])
        assert np.all(draw.errors[:, [0, 2]] == [0.005, 0.2]) and np.isnan(draw.errors[:, 3]).all()
        assert draw.errors[:, 1] == pytest.approx(np.where(y == 0, np.nan, 0.02 * y), nan_ok=True)
    assert np.isnan(draws.draw.errors[:, 1]).any() or np.isnan(draws.draw_test.errors[:, 1]).any()


@pytest.mark.parametrize("text", ["x", "q=1", "x=0", "x=-1", "x=one", "x=nan", "x=1e999", "x=1_0", "x=0,1", "x=1e99",
                                  "orbit=1", "=1", "x=1%%"])
def test_errors_of_another_form_are_refused(file, text):
    with pytest.raises(UserError, match="theta=0.005, or theta=2% .* x, y, v_x, v_y"):
        load_system(file, errors=[text])


def test_errors_of_one_column_are_said_once(file):
    with pytest.raises(UserError, match="once for each of x, y, v_x, v_y; got '.=2'"):
        load_system(file, errors=["x=1", "\uff58=2"])       # a wide x is the same name for Python


def test_a_network_whose_scale_is_not_above_0_is_refused():
    with pytest.raises(ValueError, match="scale must be above 0"):
        ScaledNetwork((2, 4, 1), 0, centre=[10, 20], scale=[3, 0])


def test_an_identity_holds_all_that_a_result_depends_on(file):
    options = [{}, {"group": ["orbit"]}, {"drop": ["y"]}, {"known": ["x*v_y - y*v_x"]}, {"errors": ["x=1"]}]
    identities = [load_system(file, **each).identity for each in options]
    table(file, oscillators() + 1)
    identities.append(load_system(file).identity)
    assert len({repr(each) for each in identities}) == 6 and identities[2]["inputs"] == ["x", "v_x", "v_y"]
    other = load_system(file, seed=1)
    assert other.identity == identities[-1] and not np.array_equal(other.draw.labels, load_system(file).draw.labels)


@pytest.mark.parametrize("names", [("a" * 36 + "1.csv", "a" * 36 + "2.csv"), ("a\n.csv", "a\t.csv")])
def test_long_and_odd_file_names_are_cut_and_stay_different(tmp_path, names):
    systems = [load_system(table(tmp_path / name, oscillators() * (i + 1))) for i, name in enumerate(names)]
    first, second = [system.name for system in systems]
    assert first != second and all(len(name) <= 40 and name.isprintable() for name in (first, second))


def test_files_are_found_in_the_home_folder_and_faults_are_one_sentence(file, monkeypatch):
    monkeypatch.setenv("HOME", str(file.parent))
    assert load_system("~/mine.csv").name == "mine.csv"
    for arguments, words in [(["~/no.csv"], "cannot read .*no.csv: No such file"), ([file, ["q"]], "mine.csv: .* 'q'"),
                             ([file, (), ["q"]], "mine.csv: .* 'q'"), ([file, (), (), ["open('x')"]], "not allowed"),
                             ([file, (), (), ["log(x)"]], "finite"), (["~nobody-is-called-so/x.csv"], "home")]:
        with pytest.raises(UserError, match=words) as refusal:
            load_system(*arguments)
        assert "\n" not in str(refusal.value)


def test_a_system_is_the_same_in_another_process(file):
    system = load_system(file, known=["x*v_y - y*v_x"])
    again = pickle.loads(pickle.dumps(system))
    x, other = (each.pairs(50, np.random.default_rng(0)).x for each in (system, again))
    assert np.array_equal(x, other)
    assert np.array_equal(*(each.invariants["x*v_y - y*v_x"](x) for each in (system, again)))


def test_the_network_sees_columns_of_any_unit_at_the_same_size_and_is_kept_with_its_scale(tmp_path):
    units = np.array([1e9, 1e9, 1e-3, 1e-3])
    x = (oscillators()[:, 0] + 2) * units
    network = ScaledNetwork((4, 5, 1), seed=1, label="mine", dtype=np.float64,
                            centre=x.mean(axis=0), scale=x.std(axis=0))
    inputs = network.augment(x)[:, :-1]
    assert inputs.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    assert inputs.std(axis=0) == pytest.approx(np.ones(4))
    steps = np.diag(1e-6 * units)
    numerical = np.stack([(network.f(x + step) - network.f(x - step)) / (2 * step.sum()) for step in steps], axis=1)
    assert network.gradient(x) * units == pytest.approx(numerical * units, abs=1e-7)
    network.save(tmp_path / "model.npz")
    for same in (ScaledNetwork.load(tmp_path / "model.npz"), copy.deepcopy(network)):
        assert np.array_equal(same.f(x), network.f(x)) and same.label == "mine"


def test_a_quarter_of_few_classes_is_held_out_and_pairs_take_all_others_in_turn(tmp_path):
    np.savez(tmp_path / "mine.npz", trajectories=oscillators(40))
    system = load_system(tmp_path / "mine.npz")
    assert (len(system.draw.sizes), len(system.draw_test.sizes)) == (30, 10)
    assert np.bincount(system.pairs(90, np.random.default_rng(0)).classes).tolist() == [3] * 30


def test_whether_a_quantity_is_fixed_does_not_depend_on_units():
    slopes = np.ones((2, 1))
    assert is_fixed(np.array([0.0, 1e3]), slopes, np.array([1e6]))
    assert not is_fixed(np.array([0.0, 1e-3]), slopes, np.array([1e-3]))
