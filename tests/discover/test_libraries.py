"""Feature libraries from simple to rich: what is in them, values, derivatives, and when they are left out."""

from math import comb

import numpy as np
import pytest

from discover.expressions import Expression
from discover.libraries import is_angle, make_libraries, stays_away
from helpers import central_differences

STATE = ("x", "y", "v_x", "v_y")


def libraries(names=STATE, low=0.5, high=1.5, **options):
    """The libraries for samples (40, d) that are uniform between these bounds, and the samples."""
    x = np.random.default_rng(0).uniform(low, high, (40, len(names)))
    return make_libraries(x, names, **options)[0], x


def test_derivatives_of_every_feature_equal_central_differences():
    found, x = libraries(("x", "y", "theta", "T"), features=["x*sin(y)"])
    assert len(found) > 5
    for library in found:
        gradients = library.gradients(x)
        assert gradients.shape == (len(x), len(library.names), 4) and library.values(x).shape == gradients.shape[:2]
        numerical = central_differences(library.values, x)
        assert np.allclose(gradients, numerical, rtol=1e-5, atol=1e-5 * np.abs(gradients).max())


def test_the_expression_of_every_feature_gives_its_values():
    found, x = libraries(("x", "y", "theta"))
    for library in found:
        values = library.values(x)
        for column, text in zip(values.T, library.expressions):
            assert np.allclose(Expression(text, ("x", "y", "theta"))(x)[0], column, rtol=1e-9, atol=1e-12)


def test_the_first_libraries_are_all_monomials_of_order_1_and_2_once_each():
    found, x = libraries(low=-1)
    for library, order in zip(found, (1, 2)):
        assert len(library.names) == len(set(library.names)) == comb(4 + order, order) - 1
    values = dict(zip(found[1].names, found[1].values(np.array([[2.0, 3, 5, 7]]))[0]))
    assert (values["x"], values["x*v_y"], values["v_x^2"]) == (2, 14, 25)


def titles(found):
    return " ".join(library.title for library in found)


def test_distances_need_positions_away_from_the_origin_and_no_column_of_the_name_r():
    found, x = libraries()
    assert "1/r" in titles(found)
    library = next(library for library in found if "r" in library.labels)
    values = dict(zip(library.names, library.values(np.array([[3.0, 4, 5, 7]]))[0]))
    assert values["1/r"] == pytest.approx(1 / 5) and values["x/r"] == pytest.approx(3 / 5)
    x[3, :2] = 0
    assert "1/r" not in titles(make_libraries(x, STATE)[0])
    assert "1/r" not in titles(libraries(("x", "y", "r"))[0]) and "1/r" not in titles(libraries(("t", "x"))[0])


def test_a_library_of_too_many_features_is_left_out_and_a_note_says_so():
    x = np.random.default_rng(0).uniform(-1, 1, (40, 30))
    found, _, notes = make_libraries(x, tuple(f"q{i}" for i in range(30)))
    assert found and max(len(library.names) for library in found) <= 300
    assert any("more than 300 features" in note for note in notes)
    exponentials = make_libraries(x[:, :6] / 30, tuple(f"q{i}" for i in range(6)))[2]
    assert not exponentials                             # which nobody misses


@pytest.mark.parametrize("kinds, allowed", [
    (["polynomial"], {"polynomials", "typed"}), (["rational"], {"polynomials", "typed", "quotients"})])
def test_libraries_are_restricted_to_the_kinds_asked_for(kinds, allowed):
    x = np.random.default_rng(0).uniform(0.5, 1.5, (40, 3))
    found = make_libraries(x, ("x", "y", "theta"), features=["x*sin(y)"], kinds=kinds)[0]
    assert {library.title.split(",")[0].split()[0] for library in found} == allowed


def test_features_of_readings_near_zero_are_bounded_where_powers_are_negative():
    x = 1e-49 * np.random.default_rng(0).uniform(0.5, 1.5, (40, 2))
    for library in make_libraries(x, ("u", "v"))[0]:
        with np.errstate(all="ignore"):
            sizes = np.abs(library.values(x)[:, library.bounded(x)])
        assert sizes.max(initial=0) < 1e150, library.title


def test_an_angle_crowds_at_both_ends_of_its_turn():
    column = np.concatenate([np.linspace(-3.1, -2.6, 50), np.linspace(-2.6, 2.56, 50)])
    assert not is_angle("q", column) and is_angle("q", np.append(column, -column))


def test_a_negative_column_may_stand_below_a_line_and_one_through_zero_may_not():
    assert stays_away(np.array([-3.0, -1.0])) and not stays_away(np.array([-1.0, 1e-9, 1.0]))


def test_of_features_with_r_only_those_that_follow_from_others_are_left_out():
    names = {name for library in libraries()[0] for name in library.names}
    assert {"x/r", "y/r"} <= names and "y^2/r" not in names


def test_exponentials_and_sines_are_tried_only_of_columns_of_which_they_are_no_straight_line():
    x = np.random.default_rng(0).uniform(1, 2, (200, 2)) * [1e-5, 1]
    libraries, waves, _ = make_libraries(x, ("C", "V"))
    tried = {variable.name for library in libraries + waves for variable in library.variables}
    assert {"exp(V)", "sin(V)"} <= tried and not {"exp(C)", "sin(C)", "cos(C)"} & tried
