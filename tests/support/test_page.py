"""A page of headings, paragraphs, formulas and tables, as Markdown and as HTML."""

from helpers import table_rows
from support.page import Code, Details, Formula, Heading, Picture, Table, Text, as_html, markdown, table


def test_a_page_is_its_parts_with_a_line_between_them():
    parts = [Heading("Title"), Details("Part", [Text("Words.")]), Text("Strong.", strong=True), Formula("a\nb")]
    assert markdown(parts) == "# Title\n\n## Part\n\nWords.\n\n**Strong.**\n\n    a\n    b\n"
    assert "<details><summary>Part</summary>\n<p>Words.</p>\n</details>" in as_html(parts, {})


def test_a_table_is_aligned_and_its_short_rows_are_filled():
    assert table(("a", "long head"), ("1.00",), ("2", "b")) == [
        "| a    | long head |", "|------|-----------|", "| 1.00 |           |", "| 2    | b         |"]


def test_cells_show_no_negative_zero_and_bars_in_them_are_no_borders():
    text = markdown([Table((("|B|²", 0.5), ("-0.00", "-0.01")))])
    assert text.splitlines()[0] == r"| \|B\|² | 0.5   |"
    assert table_rows(text)[-1] == ["0.00", "-0.01"]


STRANGE = "<script>alert(1)</script> & \"'\x1b[31m\n\udcff"


def test_no_name_becomes_markup_or_steers_a_terminal():
    parts = [Heading(STRANGE), Text(STRANGE), Formula(STRANGE, large=True), Code(STRANGE), Details(STRANGE, []),
             Table(((STRANGE, Formula(STRANGE)), (STRANGE,))), Picture("a.png", STRANGE)]
    text, page = markdown(parts), as_html(parts, {"a.png": b"picture"})
    for written in (text, page):
        assert "\x1b" not in written and "\udcff" not in written and "\\x1b" in written
    assert "<script" not in page and "default-src 'none'" in page
    prose = [line for line in text.splitlines() if not line.startswith("    ")]     # the others are code
    assert not any("<script" in line.replace(r"\<", "") for line in prose)
    assert 'src="data:image/png;base64,cGljdHVyZQ=="' in page


def test_a_formula_has_its_powers_raised_and_nothing_that_html_would_read():
    page = as_html([Formula("v_x²/2 - y^2*x1 < 'y'")], {})
    assert "v_x²/2 - y²\u2009x1 &lt; &#x27;y&#x27;" in page


def test_a_picture_that_is_not_there_is_left_out():
    assert "<img" not in as_html([Picture("a.png", "a")], {})


def test_a_comment_of_html_opens_none():
    assert markdown([Text("a <!-- b")]) == "a \\<!-- b\n"
