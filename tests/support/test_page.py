"""A page of headings, paragraphs, formulas and tables, and how it is written as Markdown."""

from helpers import table_rows
from support.page import Formula, Heading, Table, Text, markdown, table


def test_a_page_is_its_parts_with_a_line_between_them():
    parts = [Heading("Title"), Heading("Part", level=2), Text("Words."), Text("Strong.", strong=True), Formula("a\nb")]
    assert markdown(parts) == "# Title\n\n## Part\n\nWords.\n\n**Strong.**\n\n    a\n    b\n"


def test_a_table_is_aligned_and_its_short_rows_are_filled():
    assert table(("a", "long head"), ("1.00",), ("2", "b")) == [
        "| a    | long head |", "|------|-----------|", "| 1.00 |           |", "| 2    | b         |"]


def test_cells_show_no_negative_zero_and_bars_in_them_are_no_borders():
    text = markdown([Table((("|B|²", 0.5), ("-0.00", "-0.01")))])
    assert text.splitlines()[0] == r"| \|B\|² | 0.5   |"
    assert table_rows(text)[-1] == ["0.00", "-0.01"]
