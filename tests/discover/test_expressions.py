"""Typed expressions: values, derivatives, one name for each, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

from discover.expressions import FUNCTIONS, Expression
from helpers import central_differences

STATE = ("x", "y", "v_x", "v_y")


def agrees_with_central_differences(expression, x):
    value, derivative = expression(x)
    assert value.shape == (len(x),) and derivative.shape == x.shape
    numerical = central_differences(expression.value, x)
    assert derivative == pytest.approx(numerical, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("text", [
    "sin(x)/sqrt(x^2 + y^2)", "x^y - -2*abs(v_x)", "2**x", "exp(-v_x**2) * log(y)",
    "tanh(x) + arctan(y)*tan(v_y)", "cos(3)", "+x/y", "x", "sin(pi*x/180)", "x*x*x - x/(x + y)",
    "y - (x - v_y)", " + ".join(f"{i}*x^{i}*v_x" for i in range(1, 60))])
def test_derivatives_of_an_expression_equal_central_differences(text):
    x = np.random.default_rng(0).uniform(0.5, 1.01, (20, 4))
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
                        ("sqrt(x + 2) * 1e1", 20), ("1e30*x - 2e30", 0)):
        assert Expression(text, ("x", "y"))(x)[0] == pytest.approx([value])


def test_values_are_new_arrays_of_float64_and_need_no_finite_derivatives():
    x = np.array([[0.0], [4.0]], np.float32)
    assert Expression("sqrt(x)", ("x",)).value(x).tolist() == [0, 2]
    with pytest.raises(ValueError, match="derivative.*not finite.*x = 0"):
        Expression("sqrt(x)", ("x",))(x)
    x = np.array([[0.1]], np.float32)
    assert Expression("x*x", ("x",)).value(x).tolist() == [float(x[0, 0])**2]
    x = np.ones((3, 1))
    value, derivative = Expression("x", ("x",))(x)
    value += 1
    derivative += 1
    assert value.dtype == np.float64 and x.tolist() == [[1.0]] * 3
    assert Expression("7", ("x",)).value(x).tolist() == [7, 7, 7]


def test_an_expression_can_be_copied_and_handed_to_another_process():
    expression = Expression("x*sin(y)", ("x", "y"))
    x = np.ones((2, 2))
    for other in (copy.deepcopy(expression), pickle.loads(pickle.dumps(expression))):
        assert other.name == expression.name and other(x)[1].tolist() == expression(x)[1].tolist()


@pytest.mark.parametrize("name, texts", [
    ("x^2", ["x**2", "x ^ 2", "(x)^2", " x^2"]), ("x*y", ["x * y", "x*y"]),
    ("x/(y*v_x)", ["x/(y*v_x)"]), ("-x + y", ["-x+y"])])
def test_an_expression_has_one_name_however_it_is_written(name, texts):
    assert {Expression(text, STATE).name for text in texts} == {name}


def test_names_are_read_as_python_reads_them():
    expression = Expression("µ*位置", ("\u00b5", "位置"))           # the micro sign, not mu
    assert expression.inputs == ("\u03bc", "位置") and expression.name == "\u03bc*位置"
    assert expression.value(np.array([[2.0, 3.0]])).tolist() == [6]
    assert Expression("pi", ("pi",)).value(np.array([[3.0]])).tolist() == [3]


@pytest.mark.parametrize("text", [
    "__import__('os').system('true')", "x.real", "x if y else x", "lambda: 1", "[x]", "x y", "",
    "open(x)", "z", "x = 1", "1e", "'x'", "sin(x, y)", "sin()", "sin", "sin(x=1)", "sin(x, y=1)",
    "sin(*x)", "x(y)", "(" * 5000 + "x" + ")" * 5000, "x+" * 20000 + "x", "x+" * 300 + "x",
    "-" * 300 + "x", "-" * 9000 + "x", "x" + " " * 10_000 + "+ y", "True", "1j",
    "x @ y", "x // y", "x < y", "x and y", "not x", "~x", "x\0",
    "1or x", "x # y", "x\ny", "(x\n+y)", "1" + "0" * 400, None, "x·y", "x²", "x := 1"])
def test_what_is_not_arithmetic_is_refused_and_never_evaluated(text, recwarn):
    with pytest.raises(ValueError, match="is not allowed.*use numbers, x, y"):
        Expression(text, ("x", "y"))
    assert not recwarn


@pytest.mark.parametrize("text, point", [
    ("1/x", 0.0), ("x^200", 10.0), ("log(x)", -1.0), ("-1e149*x^2", 20.0)])
def test_an_expression_that_is_not_finite_names_the_sample(text, point):
    expression = Expression(text, ("x",))
    for evaluate in (expression, expression.value):
        with pytest.raises(ValueError, match=f"not finite.*x = {point:g}"):
            evaluate(np.array([[1.5], [point]]))


def test_a_number_beyond_all_bounds_is_refused_when_it_is_computed(recwarn):
    with pytest.raises(ValueError, match="not finite"):
        Expression("9**9**9**9", ("x",)).value(np.ones((1, 1)))
    assert not recwarn
