"""How laws are written: simple numbers, text, LaTeX, Python and SymPy; each is read back."""

import re
from fractions import Fraction as F

import numpy as np
import pytest

from discover import notation
from discover.expressions import Expression

ENERGY = [F(1, 2), F(1, 2), F(-1)], [(["v_x^2"], []), (["v_y^2"], []), ([], ["r"])]


def one_term(*above, number=F(1), below=()):
    """The text and the LaTeX of a sum of one feature."""
    return [write([number], [(above, below)]) for write in (notation.text, notation.latex)]


# ----------------------------------------------------------------------------------------- numbers

@pytest.mark.parametrize("coefficients, squares, numbers", [
    ([3, 3, -6], [1, 1, 0], [F(1, 2), F(1, 2), -1]),            # an energy
    ([-3, -3, 6, 6, 6], [1, 1, 0, 0, 0], [F(1, 2), F(1, 2), -1, -1, -1]),
    ([1.3137, 0.7, 0.9191], [1, 1, 0], [1.3137 / 1.4, F(1, 2), 0.9191 / 1.4]),
    ([2, 2, -2], [1, 1, 0], [1, 1, -1]),
    ([-2, 6, 200], [0, 0, 0], [-1, 3, 100]),                    # most signs are positive
    ([-2, -2, 2], [1, 1, 1], [1, 1, -1]),                       # equal magnitudes
    ([-2, -4], [1, 1], [1, 2]),                                 # squares and no potential
    ([0.2, 0.3], [0, 0], [1, F(3, 2)]),
    ([-0.7, 7], [0, 0], [1, -10]),
    ([1, 0.101937], [0, 0], [1, 0.101937]),                     # 1 / 9.81
    ([5, 7, 5 * 17 / 11], [0, 0, 0], [1, F(7, 5), 17 / 11])])
def test_coefficients_get_the_scale_and_the_signs_of_simple_numbers(coefficients, squares, numbers):
    coefficients, squares = np.array(coefficients, float), np.array(squares, bool)
    found = notation.simple_numbers(coefficients, 0 * coefficients, squares)
    assert found == pytest.approx([float(number) for number in numbers], rel=1e-12)
    assert [type(number) for number in found] == [float if isinstance(number, float) else F
                                                  for number in numbers]


def second_number(value, error):
    """What becomes of a coefficient with this standard error beside one that is 1."""
    first, second = notation.simple_numbers(np.array([1, value]), np.array([0, error]),
                                            np.array([False, False]))
    return second if first == 1 else 1 / first


@pytest.mark.parametrize("value, error, simple", [
    (1.004, 0.002, 1), (1.9992, 0.001, 2), (3.994, 0.003, 4), (1.5003, 3e-4, F(3, 2)),
    (1.07, 0.04, None), (1.4002, 2e-4, None), (0.7781, 2e-4, None), (1.5453, 2e-4, None),
    (1.03, 0.002, None), (7 / 9 + 1e-6, 1e-6, F(7, 9)), (17 / 11, 1e-9, None)])
def test_a_number_is_simple_only_if_its_error_leaves_little_to_chance(value, error, simple):
    assert second_number(value, error) == (value if simple is None else simple)


@pytest.mark.parametrize("error", [1e-7, 1e-5, 1e-4, 1e-3, 0.01, 0.05])
def test_random_numbers_are_rarely_called_fractions(error):
    values = np.exp(np.random.default_rng(0).uniform(-2, 2, 500))
    called = [isinstance(second_number(value, error * value), F) for value in values]
    assert np.mean(called) < 0.05


@pytest.mark.parametrize("coefficients, errors, squares, numbers", [
    ([1, 1.002, -1.001], [0.002] * 3, [1, 1, 0], [1, 1, -1]),
    ([1, 1.004], [0.002, 0], [0, 0], [1, 1]),
    ([1, 7.3137], [0.2, 0.2], [0, 0], [1, 7.3137]),             # the scale has no error
    ([1, 0.001], [0, 0.001], [0, 0], [1, 0.001])])              # nor is a term none
def test_errors_of_both_the_number_and_the_scale_count(coefficients, errors, squares, numbers):
    found = notation.simple_numbers(
        np.array(coefficients), np.array(errors), np.array(squares, bool))
    assert found == numbers and isinstance(found[0], F)


def test_terms_that_agree_with_the_half_of_an_energy_within_their_errors_are_halves():
    numbers = notation.simple_numbers(np.array([1, 1.01, -2.02]), np.full(3, 0.006),
                                      np.array([True, True, False]))
    assert numbers == ENERGY[0]


# -------------------------------------------------------------------------------- text and LaTeX

def test_a_law_is_written_as_a_person_writes_it():
    assert notation.text(*ENERGY) == "v_x²/2 + v_y²/2 - 1/r"
    assert notation.latex(*ENERGY) == (
        r"\frac{v_{x}^{2}}{2} + \frac{v_{y}^{2}}{2} - \frac{1}{r}")
    assert notation.text([F(-3, 4), 2.5], [(["x", "y"], ["r"]), (["v"], [])]) == (
        "-3 xy/(4 r) + 2.5 v")
    assert one_term("exp(x)^2", "sqrt(V)", below=["x", "y"], number=4.27e-5) == [
        "4.27e-05 exp(x)² sqrt(V)/(xy)",
        r"\frac{4.27 \times 10^{-5} \exp(x)^{2} \sqrt{V}}{x y}"]
    assert notation.text([F(-1), F(1)], [(["(x - y)"], []), (["x^10"], [])]) == "-(x - y) + x¹⁰"
    assert one_term("(2*3*x^-1)") == ["2·3 x⁻¹", r"2 \cdot 3 x^{-1}"]
    assert one_term("x", number=1e30) == ["1e+30 x", r"1 \times 10^{30} x"]
    assert one_term("(x/y*z)")[0] == "(x/y) z"


@pytest.mark.parametrize("names, text", [
    (["E1^2"], "10.2·E1²"), (["e2", "x"], "10.2·e2 x"), (["E"], "10.2·E"),
    (["E_x", "B_x"], "10.2 E_x B_x"), (["E^2"], "10.2 E²"), (["energy"], "10.2 energy"),
    (["x1^2"], "10.2 x1²"), (["x", "e1"], "10.2 x e1")])
def test_a_coefficient_stands_apart_from_a_name_that_reads_as_its_exponent(names, text):
    assert one_term(*names, number=10.2)[0] == text


@pytest.mark.parametrize("name, written", [
    ("x", "x"), ("v_x", "v_{x}"), ("x1", "x_{1}"), ("x12", "x_{12}"), ("theta", r"\theta"),
    ("omega_2", r"\omega_{2}"), ("theta1", r"\theta_{1}"), ("v_phi", r"v_{\phi}"),
    ("Omega", r"\Omega"), ("lambda_", r"\lambda"), ("beta_max", r"\beta_{\mathrm{max}}"),
    ("Na", r"\mathrm{Na}"), ("mass", r"\mathrm{mass}"), ("mass2", r"\mathrm{mass}_{2}"),
    ("T_in_out", r"T_{\mathrm{in\_out}}"), ("E1_x", "E_{1,x}"), ("alphabet", r"\mathrm{alphabet}"),
    ("位置", r"\text{位置}"), ("v_位置", r"v_{\text{位置}}"), ("λ", r"\text{λ}"),
    ("_x", r"\mathrm{\_x}"), ("x1y", r"\mathrm{x1y}"), ("pi", r"\pi")])
def test_a_name_in_latex_reads_as_one_name(name, written):
    assert one_term(name)[1] == written
    assert one_term(f"{name}^2")[1] == written + "^{2}"


def test_names_of_several_letters_do_not_run_together():
    assert one_term("mass", "speed") == ["mass speed", r"\mathrm{mass}\,\mathrm{speed}"]
    assert one_term("Na", "x", number=F(2, 3))[1] == r"\frac{2\,\mathrm{Na}\,x}{3}"


def test_a_typed_feature_is_written_like_the_libraries_own():
    assert one_term("(x*sin(y))", "v_x") == one_term("x", "sin(y)", "v_x")
    assert one_term("(x/r)") == one_term("x", below=["r"])


TYPED = [
    "ab - (cd - ef)", "(ab + cd)^2/ef", "ab/(cd*ef)", "ab/cd/ef", "ab/(cd/ef)", "ab*(cd + ef)*3",
    "(-ab)^2", "-(ab + cd)*ef", "(ab^cd)^2", "2^ab", "ab^-2", "ab*2*cd*3", "2*3*ab", "ab^2.5",
    "ab/cd*ef", "ab - -cd", "(ab - cd)/ef", "sqrt(ab^2 + cd^2)",
    "log(abs(ab - 2))^2*exp(-cd)", "ab^(cd/ef)",
    "1e-5*ab^3", "+ab^10/pi", "(ab^cd)^ef"]


@pytest.mark.parametrize("typed", TYPED)
def test_the_text_of_a_formula_reads_as_the_formula(typed):
    read = re.sub(r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda power: "^" + power[0].translate(
        str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")), one_term(f"({typed})")[0])
    read = re.sub(r"(?<=[\w)]) (?=[\w(])", "*", read.replace("·", "*"))
    same_values(read, typed)


@pytest.mark.parametrize("typed", TYPED)
def test_the_latex_of_a_formula_reads_as_the_formula(typed):
    read = re.sub(r"\\mathrm\{(\w+)\}", r"\1", one_term(f"({typed})")[1])
    for latex, python in ((r"\left|", "abs("), (r"\right|", ")"), (r"\left", ""), (r"\right", ""),
                          (r"\,", " "), (r"\cdot", "*"), (r"\times", "*")):
        read = read.replace(latex, python)
    for _ in range(9):                                          # from the inside out
        read = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", read)
        read = re.sub(r"(\\sqrt|\^)\{([^{}]*)\}", r"\1(\2)", read)
    read = re.sub(r"(?<=[\w)]) +(?=[\w(\\])", "*", read.replace("{", "").replace("}", ""))
    same_values(read.replace("\\", ""), typed)


def same_values(read, typed):
    names, x = ("ab", "cd", "ef"), np.random.default_rng(0).uniform(1.1, 1.9, (20, 3))
    assert Expression(read, names).value(x) == pytest.approx(Expression(typed, names).value(x))


def test_latex_is_what_matplotlib_can_set():
    from matplotlib.mathtext import MathTextParser
    formulas = [one_term(f"({typed})")[1] for typed in TYPED] + [notation.latex(*ENERGY)]
    for formula in [*formulas, one_term("T_in_out^2", "E1_x", below=["theta"], number=1e-7)[1]]:
        MathTextParser("path").parse(f"${formula}$")


# ------------------------------------------------------------------------------------ for programs

def test_an_expression_computes_the_sum_to_12_digits():
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 1.5, (50, 2))
    numbers = [F(3, 2), -rng.uniform() * 1e-7, F(1), 1e30 / 3, 1.0]
    features = ["x^2", "1/y", "x*y", "sqrt(y)", "y"]
    made = notation.expression(numbers, features)
    assert made.startswith("3/2*x^2 - ") and " + x*y + " in made and made.endswith(" + y")
    values = [x[:, 0]**2, 1 / x[:, 1], x[:, 0] * x[:, 1], np.sqrt(x[:, 1]), x[:, 1]]
    for number, feature, value in zip(numbers, features, values):
        term = Expression(notation.expression([number], [feature]), ("x", "y"))
        assert term.value(x) == pytest.approx(float(number) * value, rel=1e-14)
    assert notation.expression([F(11)], ["x"]) == "11*x"
    assert Expression(made, ("x", "y")).value(x) == pytest.approx(
        sum(float(number) * value for number, value in zip(numbers, values)), rel=1e-12)


def test_the_text_for_sympy_gives_each_name_its_own_symbol():
    names = "E I S N O Q beta zeta gamma lambda_ x1 x e 位置".split()
    point = {name: 0.5 + i / 10 for i, name in enumerate(names)}
    python = ("1/2*E**2 + 1e-5*I*S/N - O*arctan(Q)*beta**zeta + abs(gamma) - lambda_*x1*e + 位置 "
              "- sqrt(I)")

    def sympify(text, locals):
        return eval(text, {"sqrt": np.sqrt, "abs": abs, "__builtins__": {}}, locals)
    written = notation.sympy(python, names)
    value = eval(written, {"sympify": sympify, "Symbol": point.get, "atan": np.arctan})
    expected = eval(python, {"sqrt": np.sqrt, "arctan": np.arctan, **point})
    assert value == pytest.approx(expected, rel=1e-14)
    assert '"x":' not in written                        # which the formula does not hold


def test_the_scale_of_a_sum_is_set_by_a_number_that_is_well_known():
    numbers = notation.simple_numbers(np.array([1.0, 2.0, 3.3]), np.array([0.2, 1e-6, 1e-6]), np.zeros(3, bool))
    assert numbers[1] == 1 and numbers[0] == pytest.approx(0.5)
