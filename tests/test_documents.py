"""AUDIT.md, README.md and RESULTS.md agree with the code and the results that they speak of."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import train

ROOT = Path(__file__).parent.parent
AUDIT = (ROOT / "AUDIT.md").read_text("utf-8")
TESTS = "".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_*.py"))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:siamese|training|physics|regression|experiment|train|report|figures|jobs|files|checks)\.\w+)`", AUDIT))))
def test_code_named_in_the_audit_exists(name):
    module, attribute = name.split(".")
    assert hasattr(importlib.import_module(module), attribute)


def test_tests_named_in_the_audit_exist():
    named = set(re.findall(r"`(test_\w+)`", AUDIT))
    assert len(named) > 20
    assert not [name for name in named if f"def {name}(" not in TESTS]


@pytest.mark.parametrize("equation", [*map(str, range(1, 13)), "A1", "A2", "A3", "A4", "B1"])
def test_every_numbered_equation_has_a_row_in_the_audit(equation):
    row = re.search(rf"^\| \({equation}\) \|.*$", AUDIT, re.M).group()
    assert re.search(r"`\w+\.\w+`", row) and "`test_" in row
    assert re.search(r"\| (as printed|corrected|chosen by us) \|", row)


@pytest.mark.parametrize("command", sorted(set(re.findall(r"python train\.py(?: [^`\n|]*)?", (ROOT / "README.md").read_text("utf-8") + AUDIT))))
def test_train_commands_in_the_documents_have_options_that_exist(command):
    words = command.split()[2:]
    if "--help" not in words:
        train.parse(words + ["0"] * (words[-1] == "--seed"))                             # which xargs adds


def test_results_page_is_what_its_own_commands_make_of_the_results():
    page = (ROOT / "RESULTS.md").read_text("utf-8")
    commands = re.findall(r"^Made by `python (train\.py --report .*)`\.$", page, re.M)
    assert {command.split("/")[-1] for command in commands} == {path.name for path in (ROOT / "results").iterdir() if path.is_dir()}
    assert page == "".join(subprocess.run([sys.executable, *command.split()], cwd=ROOT, capture_output=True,
                                          encoding="utf-8").stdout for command in commands)
