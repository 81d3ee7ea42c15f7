"""Typed expressions: values, derivatives, one name for each, and what is refused."""

import numpy as np
import pytest

from discover.expressions import FUNCTIONS, Expression
from helpers import central_differences

STATE = ("x", "y", "v_x", "v_y")


def agrees_with_central_differences(expression, x):
    value, derivative = expression(x)
    assert value.shape == (len(x),) and derivative.shape == x.shape
    numerical = central_differences(lambda x: expression(x)[0], x)
    assert derivative == pytest.approx(numerical, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("text", [
    "sin(x)/sqrt(x^2 + y^2)", "x^y - -2*abs(v_x)", "2**x", "exp(-v_x**2) * log(y)", "tanh(x) + arctan(y)*tan(v_y)",
    "cos(3)", "+x/y", "x", "sin(pi*x/180)"])
def test_derivatives_of_an_expression_equal_central_differences(text):
    x = np.random.default_rng(0).uniform(0.5, 1.5, (20, 4))
    agrees_with_central_differences(Expression(text, STATE), x)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_derivative_of_every_function_that_can_be_typed_equals_central_differences(function):
    expression = Expression(f"{function}(x*y)", ("x", "y"))
    x = np.random.default_rng(1).uniform(0.5, 1.2, (20, 2))
    if function not in ("sqrt", "log"):
        x[:, 0] *= -1
    assert expression(x)[0] == pytest.approx(getattr(np, function)(x[:, 0] * x[:, 1]))
    agrees_with_central_differences(expression, x)


def test_an_expression_is_arithmetic_with_the_usual_precedence():
    x = np.array([[2.0, 3.0]])
    for text, value in (("1 + x*y^2", 19), ("-x^2", -4), ("(x - y)/2", -0.5), ("x**-1", 0.5),
                        ("sqrt(x + 2) * 1e1", 20)):
        assert Expression(text, ("x", "y"))(x)[0] == pytest.approx([value])


@pytest.mark.parametrize("name, texts", [
    ("x^2", ["x**2", "x ^ 2", "(x)^2", " x^2"]), ("x*y", ["x * y", "x*y"]), ("x/(y*v_x)", ["x/(y*v_x)"]),
    ("-x + y", ["-x+y"])])
def test_an_expression_has_one_name_however_it_is_written(name, texts):
    assert {Expression(text, STATE).name for text in texts} == {name}


@pytest.mark.parametrize("text", [
    "__import__('os').system('true')", "x.real", "x if y else x", "lambda: 1", "[x]", "x y", "", "open(x)", "z",
    "x = 1", "1e", "'x'", "sin(x, y)", "sin", "sin(x=1)", "(" * 5000 + "x" + ")" * 5000, "x+" * 20000 + "x",
    "True", "1j", "x @ y", "x // y", "x < y", "x\0", "1or x"])
def test_what_is_not_arithmetic_is_refused_and_never_evaluated(text, recwarn):
    with pytest.raises(ValueError, match="is not allowed.*use numbers, x, y"):
        Expression(text, ("x", "y"))
    assert not recwarn


@pytest.mark.parametrize("text, point", [("1/x", 0.0), ("x^200", 10.0), ("9**9**9**9", 1.0), ("log(x)", -1.0)])
def test_an_expression_that_is_not_finite_names_the_sample(text, point):
    with pytest.raises(ValueError, match=f"not finite.*x = {point:g}"):
        Expression(text, ("x",))(np.array([[1.5], [point]]) if "9" not in text else np.array([[point]]))
