"""Feature libraries and typed expressions: values, derivatives, and what is refused."""

from math import comb

import numpy as np
import pytest

from beyond import libraries
from helpers import central_differences

STATE = ("x", "y", "v_x", "v_y")
TYPED = ["sin(x)/sqrt(x^2 + y^2)", "x^y - -2*abs(v_x)", "2**x", "exp(-v_x**2) * log(y)",
         "tanh(x) + arctan(y)*tan(v_y)", "cos(3)", "+x/y"]
LIBRARIES = {"polynomial": libraries.polynomial(STATE, 4), "rational": libraries.rational(STATE, 3),
             "expressions": libraries.expressions(STATE, TYPED)}


@pytest.mark.parametrize("name", LIBRARIES)
def test_derivatives_of_every_feature_equal_central_differences(name):
    library = LIBRARIES[name]
    x = np.random.default_rng(0).uniform(0.5, 1.5, (20, 4))
    values, gradients = library.values(x), library.gradients(x)
    assert values.shape == (20, len(library.names)) and gradients.shape == (20, len(library.names), 4)
    assert gradients == pytest.approx(central_differences(library.values, x), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("function", libraries.FUNCTIONS)
def test_derivative_of_every_function_that_can_be_typed_equals_central_differences(function):
    typed = libraries.expressions(("x", "y"), [f"{function}(x*y)"])
    x = np.random.default_rng(1).uniform(0.5, 1.2, (20, 2))
    if function not in ("sqrt", "log"):
        x[:, 0] *= -1
    assert typed.values(x)[:, 0] == pytest.approx(getattr(np, function)(x[:, 0] * x[:, 1]))
    numerical = central_differences(typed.values, x)
    assert typed.gradients(x) == pytest.approx(numerical, rel=1e-6, abs=1e-8)


def test_features_at_the_origin_of_a_coordinate_have_finite_derivatives():
    library = libraries.polynomial(("x", "y"), 3)
    gradients, = library.gradients(np.array([[0.0, 2.0]])).tolist()
    assert dict(zip(library.names, gradients))["x*y^2"] == [4.0, 0.0]


def test_rational_features_are_all_monomials_and_all_of_them_over_r():
    library = libraries.rational(STATE, 2)
    x = np.array([[3.0, 4.0, 5.0, 7.0]])                                                  # r = 5
    values = dict(zip(library.names, library.values(x)[0]))
    assert len(library.names) == 2 * comb(6, 2) - 1 == len(values)
    found = [values[name] for name in ("1/r", "x/r", "x*v_y/r", "v_y^2")]
    assert found == pytest.approx([1 / 5, 3 / 5, 21 / 5, 49])
    assert np.all(np.diff(library.degrees) >= 0) and library.names[:5] == ("x", "y", "v_x", "v_y", "1/r")


def test_an_expression_has_one_name_however_it_is_written():
    for name, texts in {"x^2": ["x**2", "x ^ 2", "(x)^2", " x^2"], "x*y": ["x * y", "x*y"],
                        "x/(y*v_x)": ["x/(y*v_x)"], "-x + y": ["-x+y"]}.items():
        assert libraries.expressions(STATE, texts).names == (name,)


def test_columns_that_cannot_be_typed_are_not_offered(recwarn):
    with pytest.raises(ValueError, match=r"use numbers, y \(rename T \[K\], lambda to use them\), "):
        libraries.Expression("T [K]", ("T [K]", "lambda", "y"))
    with pytest.raises(ValueError, match="it holds '1 or x'"):
        libraries.Expression("1or x", ("x",))
    assert not recwarn


def test_rational_features_take_z_into_the_distance_and_need_x_and_y():
    library = libraries.rational(("x", "y", "z"), 1)
    values, = library.values(np.array([[1.0, 2, 2]]))
    assert dict(zip(library.names, values))["z/r"] == pytest.approx(2 / 3)
    for inputs in (("t", "x"), ("x", "y", "r")):
        with pytest.raises(ValueError, match="inputs named x and y, .* and none named r"):
            libraries.rational(inputs, 1)


def test_an_expression_is_arithmetic_with_the_usual_precedence():
    x = np.array([[2.0, 3.0]])
    for text, value in (("1 + x*y^2", 19), ("-x^2", -4), ("(x - y)/2", -0.5), ("x**-1", 0.5),
                        ("sqrt(x + 2) * 1e1", 20)):
        assert libraries.Expression(text, ("x", "y"))(x)[0] == pytest.approx([value])


@pytest.mark.parametrize("text", [
    "__import__('os').system('true')", "x.real", "x if y else x", "lambda: 1", "[x]", "x y", "", "open(x)", "z",
    "x = 1", "1e", "'x'", "sin(x, y)", "sin", "sin(x=1)", "(" * 5000 + "x" + ")" * 5000, "x+" * 20000 + "x",
    "True", "1j", "x @ y", "x // y", "x < y", "x\0"])
def test_what_is_not_arithmetic_is_refused_and_never_evaluated(text):
    with pytest.raises(ValueError, match="is not allowed.*use numbers, x, y"):
        libraries.Expression(text, ("x", "y"))


def test_an_expression_that_is_not_finite_names_the_sample():
    with pytest.raises(ValueError, match=r"'1/x'.*not finite at x = 0;"):
        libraries.Expression("1/x", ("x",))(np.array([[1.0], [0.0]]))
    with pytest.raises(ValueError, match=r"'x\^200'.*beyond 1e\+100 at x = 10;"):
        libraries.Expression("x^200", ("x",))(np.array([[1.0], [10.0]]))
    with pytest.raises(ValueError, match="not finite"):
        libraries.Expression("9**9**9**9", ("x",))(np.ones((1, 1)))
