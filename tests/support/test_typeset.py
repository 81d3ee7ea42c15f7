"""Formulas in print, as plain text and as labels of pictures."""

import pytest

from support.typeset import count_decimals, format_label, format_product, format_sum


@pytest.mark.parametrize("factors, text", [
    (["t^2", "x"], "t²x"), (["x", "v_y"], "x v_y"), (["x", "v_y^3"], "x v_y³"), (["x^10"], "x^10")])
def test_factors_of_one_letter_stand_together(factors, text):
    assert format_product(factors) == text


def test_a_sum_has_a_sign_between_its_terms_and_no_plus_in_front():
    assert format_sum([("a", 1), ("b", -2), ("c", 0.5)]) == "a - b + c"
    assert format_sum([("a", -1), ("b", 2)]) == "-a + b"


@pytest.mark.parametrize("largest, decimals", [(0, 1), (0.0123, 4), (9.87, 2), (1234.0, 1)])
def test_decimals_show_three_digits_of_the_largest_number_and_one_at_least(largest, decimals):
    assert count_decimals(largest, digits=3, least=1) == decimals


def test_a_label_raises_powers_lowers_indices_and_has_minus_signs():
    assert format_label("|B|^2 - |E|^2") == "|B|² − |E|²"
    assert format_label("x v_y - $5") == r"x $v_{y}$ − \$5"
