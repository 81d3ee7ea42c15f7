"""docs/audit.md has a row for all that the paper numbers, with today's lines, tests and results."""

import re
import subprocess
import sys
from functools import cache

import pytest

from helpers import ROOT, benchmark, kept_results

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("audit", "errata-12", "errata-18")}
AUDIT, ERRATA = PAGES["audit"], PAGES["audit"].split("## Errata")[1].split("\n## ")[0]
TABLE = [line[2:-2].split(" | ") for line in AUDIT.splitlines() if line.startswith("| ") and line.count(" | ") == 5]
ROWS = {number: cells for number, *cells in TABLE if number != "number"}
NAMES = [name for path in sorted((ROOT / "tests").rglob("test_*.py"))
         for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)]


@cache
def evidence():
    sys.path.insert(0, str(ROOT / "docs"))
    return benchmark("evidence")


def test_every_equation_table_figure_and_accuracy_has_a_row():
    wanted = [f"({equation})" for equation in (*range(1, 13), "A1", "A2", "A3", "A4", "B1")]
    wanted += [f"Table {number}" for number in ("I", "II", "III", "IV", "V")] + [f"Fig. {n}" for n in range(1, 10)]
    wanted += [f"accuracy, `{name}`" for name in ("sr", "sr-fixed", "cp", "cp-fixed", "em", "em-fixed")]
    assert [number for number in ROWS if number in wanted] == wanted


@pytest.mark.parametrize("number", ROWS)
def test_every_row_has_a_verdict_and_words_that_select_its_tests(number):
    _, line, tests, verdict, reached = ROWS[number]
    assert re.match("as printed|corrected|chosen|not tested", verdict) and reached and ".py#L" in line
    words = re.findall(r"\[(\w+)\]", tests)
    assert bool(words) != verdict.startswith("not tested")
    for word in words:
        assert [name for name in NAMES if word.lower() in name.lower()], word
    if number.startswith("("):
        digits = number.strip("()")
        assert words[0] == f"eq_{digits:0>2}"


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_the_lines_of_today(name):
    link = r"\[[^]]+\]\([^)]*#L\d+\)"
    for old, new in zip(PAGES[name].splitlines(), evidence().update_links(PAGES[name]).splitlines()):
        moved = sorted(set(re.findall(link, new)) - set(re.findall(link, old)))
        assert not moved, f"moved; python benchmarks/evidence.py --update writes {', '.join(moved)}"


def test_the_column_reached_is_what_the_kept_results_say():
    cells = evidence().reached(kept_results())
    assert len(cells) == 6 + 5 + 4
    for number, cell in cells.items():
        assert ROWS[number][-1] == cell, f"{number}: python benchmarks/evidence.py --update writes {cell}"


def test_a_number_is_reached_within_a_hundredth_either_way_and_higher_only_if_none_is_lower():
    describe, none = evidence().describe, set()
    counts = {"paper": (1, 0, 3, none), "quick": (2, 1, 3, none)}
    assert describe(counts) == "yes: `paper` 1 of 3; `quick` 2 of 3, 1 higher"
    counts = {"paper": (0, 0, 3, none), "quick": (1, 0, 1, none)}
    assert describe(counts).startswith("by `quick` alone: ")
    assert describe({"paper": (0, 0, 3, none), "box": (1, 0, 2, none)}).startswith("by `box` alone: ")
    assert describe({"paper": (0, 1, 3, none)}).startswith("not reached, higher: ")
    assert describe({"paper": (0, 0, 3, none)}) == "not reached: `paper` 0 of 3"
    assert describe({"paper": (0, 1, 3, {4})}) == "not reached: `paper` 0 of 3, 1 higher by order 4 alone"
    assert describe({"paper": (0, 1, 3, {1, 4})}).endswith("0 of 3, 1 higher")


def test_errata_are_numbered_and_begin_with_their_conclusion_and_each_names_its_tests():
    parts = re.split(r"^(\d+)\. ", ERRATA, flags=re.M)[1:]
    assert parts[::2] == [str(number) for number in range(1, 19)]
    for text in parts[1::2]:
        assert re.match(r"\*\*[^*]+\*\*", text) and "`test_" in text
    for page in PAGES.values():
        for one, other in re.findall(r"errat(?:um|a) (\d+)(?: and (\d+))?", page):
            assert {one, other} - {""} <= set(parts[::2])


def test_prose_is_wrapped_and_no_formula_runs_over_two_lines():
    for line in "\n".join(PAGES.values()).splitlines():
        assert line.count("$") % 2 == 0, line
        short = len(re.sub(r"\$[^$]*\$|\]\([^)]*\)", "", line)) <= 120
        assert short or line.lstrip().startswith(("|", "`test_")) or "`test_" in line, line
    assert not re.search(r"\\[,;{} ]", "".join(PAGES.values()))                   # which GitHub's Markdown would eat


def test_numbers_of_these_pages_are_in_files_that_their_sections_name():
    for name, page in PAGES.items():
        assert not evidence().find_lost(page), name
    assert evidence().find_lost("## One\n\n0.1234 of [results/paper/cp](x)\n") == [(3, "0.1234")]


def test_the_command_prints_a_row_with_line_and_outcome():
    said = subprocess.run([sys.executable, "docs/audit.py", "(2)", "Table I"], cwd=ROOT, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")
    first, second = said.stdout.splitlines()
    assert re.match(r"\(2\) +physics\.py:\d+ physics\.py:\d+ +2 passed$", first) and " passed" in second
