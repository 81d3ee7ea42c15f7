"""Exact laws: those of the paper's systems and no others, in any units, never from too little data."""

import numpy as np
import pytest

import physics
from discover import laws
from discover.expressions import Expression
from discover.noise import in_order, trend
from helpers import trajectories

B2_MINUS_E2 = {f"{field}_{axis}^2": sign for field, sign in (("E", -1), ("B", 1)) for axis in "xyz"}
EXPECTED = {
    "sr": [{"t^2": -1, "x^2": 1, "y^2": 1, "z^2": 1}],
    "sr-fixed": [],
    "cp": [{"x*v_y": 1, "y*v_x": -1}, {"v_x^2": 0.5, "v_y^2": 0.5, "1/r": -1}],
    "em": [{"E_x*B_x": 1, "E_y*B_y": 1, "E_z*B_z": 1}, B2_MINUS_E2],
    "em-fixed": [B2_MINUS_E2],
}


def of_system(name, n=2000):
    """The laws of n pairs of one of the paper's systems, judged on half as many."""
    system, rng = physics.SYSTEMS[name], np.random.default_rng(0)
    (x, x_prime), (x_test, x_test_prime) = system.sample(n, rng), system.sample(n // 2, rng)
    return laws.find(np.concatenate([x, x_prime]), np.tile(np.arange(n), 2), np.concatenate([x_test, x_test_prime]),
                     n + np.tile(np.arange(n // 2), 2), system.inputs)


@pytest.fixture(scope="module")
def found():
    return {name: of_system(name) for name in physics.SYSTEMS}


def of_orbits(orbits, names=("x", "y", "v_x", "v_y"), **options):
    """The laws of trajectories (orbits, times, d), judged on the last quarter of them."""
    count, times, d = orbits.shape
    classes, first = np.repeat(np.arange(count), times), 3 * count // 4 * times
    x = orbits.reshape(-1, d)
    return laws.find(x[:first], classes[:first], x[first:], classes[first:], names, **options)


def same_up_to_a_factor(terms, expected, rel=1e-6):
    factors = [terms[name] / expected[name] for name in expected] if terms.keys() == expected.keys() else []
    return bool(factors) and factors == pytest.approx([factors[0]] * len(factors), rel=rel)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_laws_of_the_papers_systems_are_exact_and_named(name, found):
    for expected in EXPECTED[name]:
        law, = [law for law in found[name].laws if same_up_to_a_factor(law.terms, expected)]
        assert law.verdict == "exact" and law.within < 1e-9
    if name != "cp":                                    # which has the components of A as well
        assert len(found[name].laws) == len(EXPECTED[name])


def test_orbits_have_three_independent_laws_and_a_component_of_A_is_a_function_of_others(found):
    assert found["cp"].independent == 3
    assert len(found["cp"].laws) == 4 and sum(bool(law.function_of) for law in found["cp"].laws) == 1


def test_at_fixed_L_both_components_of_A_are_laws(found):
    x, _ = physics.SYSTEMS["cp-fixed"].sample(200, np.random.default_rng(1))
    components = physics.laplace_runge_lenz(x)
    values = np.stack([law(x)[0] for law in found["cp-fixed"].laws if law.verdict == "exact"], axis=1)
    features = np.column_stack([values, np.ones(len(x))])
    assert features @ np.linalg.lstsq(features, components, rcond=None)[0] == pytest.approx(components, abs=1e-6)


def test_a_law_gives_its_values_and_derivatives_and_is_python():
    names = "x", "y", "v_x", "v_y"
    x = trajectories(5)[:, 0]
    for law in of_orbits(trajectories(100, 8)).laws:
        value, slope = law(x)
        assert eval(law.python, {"sqrt": np.sqrt}, dict(zip(names, x.T))) == pytest.approx(value)
        h = 1e-6 * np.ones(4)
        assert slope @ h == pytest.approx((law(x + h / 2)[0] - law(x - h / 2)[0]), rel=1e-5, abs=1e-10)


@pytest.mark.parametrize("units", [1e-9, 1e9])
def test_laws_do_not_depend_on_units(units):
    orbits = trajectories(100, 8)
    plain, other = of_orbits(orbits), of_orbits(orbits * [units, units, 1, 1])
    assert len(plain.laws) == len(other.laws) >= 3
    assert {frozenset(law.terms) for law in plain.laws} == {frozenset(law.terms) for law in other.laws}


@pytest.mark.parametrize("seed", range(5))
def test_random_data_have_no_law(seed):
    assert of_orbits(np.random.default_rng(seed).standard_normal((100, 8, 4))).laws == []


@pytest.mark.parametrize("seed", range(3))
def test_random_walks_have_no_exact_law(seed):
    steps = np.random.default_rng(seed).standard_normal((100, 20, 4))
    assert [law for law in of_orbits(np.cumsum(steps, axis=1)).laws if law.verdict == "exact"] == []


def test_too_few_classes_and_classes_of_one_are_refused():
    for orbits in (trajectories(4, 8), trajectories(100, 1)):
        with pytest.raises(ValueError, match="classes of several observations are needed"):
            of_orbits(orbits)


def test_a_typed_feature_may_name_what_no_library_has():
    u = trajectories(200, 8)
    odd = np.sinh(u[..., :1])                           # x = arcsinh(odd)
    orbits = np.concatenate([odd, u[..., 2:3]], axis=2)
    law, = of_orbits(orbits, ("s", "v"), features=["log(s + sqrt(s^2 + 1))"]).laws
    assert law.verdict == "exact" and same_up_to_a_factor(law.terms, {"(log(s + sqrt(s^2 + 1)))^2": 1, "v^2": 1})
    assert law.text.count("(") == law.text.count(")")


def spoiled(rows, value):
    """Trajectories of which some rows are no measurements."""
    orbits = trajectories(100, 12)
    orbits.reshape(-1, 4)[rows] = value
    return orbits


@pytest.mark.parametrize("rows, value", [
    ([5, 300, 1100], 1e6), ([5, 300, 1100], [0.3, 0.2, -0.5, 0.1]), (slice(40, 1200, 100), [0.3, 0.2, -0.5, 0.1])])
def test_rows_that_break_the_laws_of_all_others_are_left_out_and_it_is_said(rows, value):
    found = of_orbits(spoiled(rows, value))
    assert found.independent == 3 and all(law.verdict == "exact" and law.within < 1e-9 for law in found.laws)
    assert sum("left out" in note and "first: x = " in note for note in found.notes) == 1


def test_random_data_are_not_made_lawful_by_leaving_out_rows():
    orbits = np.random.default_rng(3).standard_normal((100, 8, 4))
    orbits[::10, 0] = 1e6
    assert of_orbits(orbits).laws == []


def test_what_is_known_to_be_fixed_makes_no_laws():
    x, _ = physics.SYSTEMS["cp-fixed"].sample(200, np.random.default_rng(0))
    states = physics.evolve(np.repeat(x, 8, axis=0), np.random.default_rng(1).uniform(0, 9, 1600)).reshape(200, 8, 4)
    given = [Expression("x*v_y - y*v_x", ("x", "y", "v_x", "v_y"))]
    found = of_orbits(states, given=given)
    assert found.independent == 2 and all("1/r" in law.text or "/r" in law.text for law in found.laws)


def test_libraries_can_be_restricted_to_polynomials_and_quotients():
    v = np.random.default_rng(0).uniform(0.5, 2, (100, 8, 2))
    constant = np.random.default_rng(1).uniform(1, 2, (100, 1, 1))
    orbits = np.concatenate([v, constant * v[..., :1] / v[..., 1:]**2], axis=2)
    names = ("a", "b", "c")
    assert of_orbits(orbits, names, kinds=["rational"]).independent == 1
    angle = np.concatenate([v[..., :1], np.cos(v[..., :1]) + np.linspace(0, 1, 100)[:, None, None]], axis=2)
    assert of_orbits(angle, ("theta", "c")).independent == 1
    polynomials = of_orbits(angle, ("theta", "c"), kinds=["polynomial"]).laws
    assert not any(law.verdict == "exact" for law in polynomials)


def test_sentinels_in_single_cells_are_left_out():
    orbits = trajectories(150, 12)
    cells = np.array([29, 1602, 3600])                          # of x, v_x and x
    orbits = np.round(orbits, 8)
    orbits.ravel()[cells] = -999
    found = of_orbits(orbits)
    assert found.independent == 3 and all(law.within < 1e-9 for law in found.laws)
    assert any("left out 3 of the observations" in note for note in found.notes)


def test_angles_and_positive_columns_can_be_named():
    rng = np.random.default_rng(4)
    s, c = rng.uniform(-1, 1, (100, 8)), rng.uniform(1, 2, (100, 1))            # too short an arc to be told
    orbits = np.stack([s, 2 * c + np.sin(s)], axis=2)
    law, = of_orbits(orbits, ("s", "p"), angles=["s"]).laws
    assert law.verdict == "exact" and same_up_to_a_factor(law.terms, {"p": 1, "sin(s)": -1})
    positive = rng.uniform(1, 3, (100, 8))
    orbits = np.stack([positive, c * positive**0.4], axis=2)
    law, = of_orbits(orbits, ("V", "T"), angles=[], positive=["V", "T"]).laws
    assert law.verdict == "exact" and same_up_to_a_factor(law.terms, {"log(V)": -0.4, "log(T)": 1})
    with pytest.raises(ValueError, match="positive"):
        of_orbits(orbits - 2, ("V", "T"), positive=["V"])


def test_columns_that_take_no_part_are_named_with_the_reason():
    orbits = trajectories(60, 8)
    x = np.concatenate([orbits, 2 * orbits[..., :1], np.ones((60, 8, 1))], axis=2)
    notes = of_orbits(x, ("x", "y", "v_x", "v_y", "twice", "one")).notes
    assert "twice is a multiple of x and takes no part" in notes
    assert "one has one value on all data and takes no part" in notes


# ------------------------------------------------------------------------------------ friction and noise

def damped(friction, noise, seed=0):
    """Oscillations in the order of time, 200 of 30 rows, of which friction takes a share in all."""
    rng = np.random.default_rng(seed)
    amplitude, phase, t = rng.uniform(0.5, 2, (200, 1)), rng.uniform(0, 6, (200, 1)), np.linspace(0, 20, 30)
    size = amplitude * np.exp(-friction * t / 40)
    x = np.stack([size * np.cos(t + phase), size * np.sin(t + phase)], axis=2)
    return x + noise * rng.standard_normal(x.shape)


def test_what_falls_along_the_rows_is_no_law_up_to_noise():
    for friction, noise, verdict in ((0.0, 0.02, "exact"), (0.1, 0.02, "approximate"), (0.05, 0, "approximate")):
        law = of_orbits(damped(friction, noise), ("q", "p")).laws[0]
        assert law.verdict == verdict and same_up_to_a_factor(law.terms, {"q^2": 1, "p^2": 1}, 0.02)


def test_noise_follows_no_order_and_friction_and_slow_errors_do():
    rng = np.random.default_rng(1)
    sizes = rng.integers(2, 40, 200)
    white, place = rng.standard_normal(sizes.sum()), np.concatenate([np.linspace(-1, 1, n) for n in sizes])

    def centred(values):
        means = np.add.reduceat(values, np.cumsum(sizes) - sizes) / sizes
        return values - np.repeat(means, sizes)
    sign = np.repeat(rng.choice([-1, 1], 200), sizes)
    assert not in_order(centred(white), sizes) and trend(centred(white), sizes) < 0.08
    assert in_order(centred(white + 0.5 * sign * place), sizes)                     # whether it rises or falls
    assert in_order(centred(white + 2 * np.sin(6 * place)), sizes)                 # no line, but not noise
    assert trend(centred(sign * place), sizes) == pytest.approx(1)
