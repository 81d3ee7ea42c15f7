"""AUDIT.md, COURSE.md, README.md and RESULTS.md agree with the code, the tests and the results that they speak of."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import physics
import report
import train
import training
from test_benchmarks import sensitivity

ROOT = Path(__file__).parent.parent
README, AUDIT, COURSE = [(ROOT / f"{name}.md").read_text("utf-8") for name in ("README", "AUDIT", "COURSE")]
DOCUMENTS = README + AUDIT + COURSE
MODULES = "|".join(path.stem for path in ROOT.glob("*.py"))
TESTS = set(re.findall(r"^def (test_\w+)", "".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_*.py")), re.M))
KEPT = [(path, json.loads(path.read_text("utf-8"))) for path in sorted((ROOT / "results").rglob("result.json"))]
VERDICTS = ("as printed", "corrected", "left open, chosen")


def rows():
    """The audit's rows on equations, tables, figures and numbers: {what: the other cells}."""
    lines = re.findall(r"^\| (.*) \|$", AUDIT.split("## Errata")[0].replace("| |", "|  |"), re.M)
    return {what: cells for what, *cells in (re.split(r" (?<!\\)\| ", line) for line in lines) if what not in ("eq.", "what")}


def commands(start):
    """Every command in the documents that begins so, without what belongs to the shell or the sentence."""
    return sorted(set(re.findall(rf"(?<![\w/.]){re.escape(start)}(?: [^`\n|;)#]*)?", DOCUMENTS)))


# ------------------------------------------------------------------------------------------- names

@pytest.mark.parametrize("name", sorted(set(re.findall(rf"`((?:{MODULES})\.(?!py\b|md\b)[\w.]+)`", DOCUMENTS))))
def test_code_named_in_the_documents_exists(name):
    module, *attributes = name.split(".")
    found = importlib.import_module(module)
    for attribute in attributes:
        found = getattr(found, attribute)


def test_tests_named_in_the_documents_exist():
    named = set(re.findall(r"`(test_\w+)`", DOCUMENTS))
    assert len(named) > 60
    assert not named - TESTS


def test_files_linked_from_the_documents_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", DOCUMENTS):
        assert (ROOT / target).exists(), target


# ------------------------------------------------------------------------------------------- audit

@pytest.mark.parametrize("what", [
    *(f"({equation})" for equation in (*range(1, 13), "A1", "A2", "A3", "A4", "B1")),
    *(f"Table {number}" for number in ("I", "II", "III", "IV", "V")), *(f"Figure {number}" for number in range(1, 10)),
    *(f"accuracy, {name}" for name in physics.SYSTEMS), "50 000 pairs", "200 000 pairs", "5 000 pairs", "learning rate 100",
    "batch 256", "factor 2 after 50 epochs", "10 000 epochs", "stop after 200 epochs", "five conserved quantities"])
def test_every_equation_table_figure_and_number_has_a_row_in_the_audit(what):
    says, code, tests, verdict, why = rows()[what]
    assert says and re.fullmatch(r"(`\w+(\.\w+)+`(, )?)+", code) and re.fullmatch(r"(`test_\w+`(, )?)+", tests)
    assert verdict in VERDICTS
    assert why or verdict == "as printed"


def test_every_row_of_the_audit_has_a_verdict_and_those_that_are_not_as_printed_say_why():
    for what, (_, _, _, verdict, why) in rows().items():
        assert verdict in VERDICTS and (why or verdict == "as printed"), what


def test_errata_are_numbered_each_names_its_tests_and_rows_refer_to_those_that_exist():
    errata = re.split(r"^\d+\. ", AUDIT.split("## Errata")[1].split("## What the paper leaves open")[0], flags=re.M)[1:]
    numbers = re.findall(r"^(\d+)\. ", AUDIT, re.M)
    assert numbers == [str(number) for number in range(1, len(errata) + 1)]
    assert all("`test_" in erratum for erratum in errata)
    for referred in re.findall(r"errat(?:um|a) (\d+)(?: and (\d+))?", DOCUMENTS):
        assert set(referred) - {""} <= set(numbers)


def test_python_m_pytest_k_with_the_number_of_an_equation_runs_tests_of_it():
    for equation in (*(f"{number:02}" for number in range(1, 13)), "A1", "A2", "A3", "A4", "B1"):
        assert any(f"eq_{equation}" in name for name in TESTS), equation


# ---------------------------------------------------------------------------------------- commands

@pytest.mark.parametrize("command", commands("python train.py"))
def test_train_commands_in_the_documents_have_options_that_exist(command):
    words = command.split()[2:]
    if "--help" not in words:
        train.parse(words + ["0"] * (words[-1:] == ["--seed"]))                             # which xargs adds


@pytest.mark.parametrize("command", commands("python -m pytest"))
def test_pytest_commands_in_the_documents_select_at_least_one_test(command):
    words = command.split()[3:]
    assert not words or (words[0] == "-k" and len(words) == 2)
    assert not words or any(words[1].lower() in name.lower() for name in TESTS)


@pytest.mark.parametrize("command", commands("python benchmarks"))
def test_benchmark_commands_in_the_documents_have_options_that_exist(command):
    script, *words = command.split()[1:]
    assert (ROOT / script).exists()
    if script == "benchmarks/sensitivity.py":
        sensitivity.parse(words, "sensitivity", "", 20_000, 60, 3)
    else:
        assert not words


def python_blocks(text):
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


@pytest.mark.parametrize("block", [pytest.param(block, id=f"{name}-{number}") for name, text in (("README", README), ("COURSE", COURSE))
                                   for number, block in enumerate(python_blocks(text), 1)])
def test_python_in_the_documents_runs_with_fewer_pairs_and_epochs(block, monkeypatch):
    monkeypatch.setitem(training.SCHEDULES, "quick", training.Schedule(2.0, epochs=2))
    exec(block.replace("50_000", "300").replace("5_000", "50").replace("20_000", "100"), {})


def test_the_oscillator_of_the_course_keeps_the_four_quadratic_invariants_named_below_it():
    names = {}
    block, = [block for block in python_blocks(COURSE) if "def oscillator" in block]
    exec(block.split("train, test")[0], names)
    pair = names["system"].sample(physics.BLOCK // 2 + 1, np.random.default_rng(0))     # more states than one block of `evolve`
    assert not np.allclose(*pair, atol=0.1)
    kept = [np.array([x * x + v_x * v_x, y * y + v_y * v_y, x * y + v_x * v_y, x * v_y - y * v_x]) for x, y, v_x, v_y in (z.T for z in pair)]
    assert kept[0] == pytest.approx(kept[1], abs=1e-9)
    for invariant in names["system"].invariants.values():
        assert invariant(pair[0]) == pytest.approx(invariant(pair[1]), abs=1e-9)


@pytest.mark.parametrize("name, library, conserved", [
    ("em", "polynomial(physics.FIELD, 2)", 2), ("cp", "rational(physics.STATE, 3)", 4), ("sr-fixed", "polynomial(physics.EVENT, 1)", 0)])
def test_without_a_network_the_course_finds_as_many_combinations_that_do_not_vary_within_pairs_as_there_are(name, library, conserved):
    names = {}
    block, = [block for block in python_blocks(COURSE) if "scipy.linalg.eigh" in block]
    exec(block.replace('"em"', f'"{name}"').replace("polynomial(physics.FIELD, 2)", library).replace("50_000", "2_000"), names)
    assert np.all(np.abs(names["eigenvalues"][:conserved]) < 1e-9) and names["eigenvalues"][conserved] > 0.5


# ----------------------------------------------------------------------------------------- results

@pytest.mark.parametrize("name, folder", [("RESULTS.md", "results"), ("results/avx512/RESULTS.md", "results/avx512")])
def test_results_pages_are_what_their_own_commands_make_of_the_results(name, folder):
    page = (ROOT / name).read_text("utf-8")
    commands = re.findall(r"^Made by `python (train\.py --report .*)`\.$", page, re.M)
    kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).iterdir() if path.is_dir()}
    assert {command.split()[-1] for command in commands} == kept - {"results/avx512"}
    assert page == "".join(subprocess.run([sys.executable, *command.split()], cwd=ROOT, capture_output=True,
                                          encoding="utf-8").stdout for command in commands)


def test_kept_reports_are_what_the_code_makes_of_the_results_beside_them():
    for path in (ROOT / "results").rglob("report.md"):
        assert path.read_text("utf-8") == report.report(json.loads((path.parent / "result.json").read_text("utf-8"))), path


def test_goals_in_the_readme_are_those_of_the_kept_benchmarks():
    readme, kept = (ROOT / "README.md").read_text("utf-8"), ROOT / "results" / "benchmarks.md"
    shown = re.search(r"<!-- goals: from results/benchmarks.md -->\n(.*)<!-- end of goals -->", readme, re.S).group(1)
    assert shown in (kept.read_text("utf-8") if kept.exists() else "")


@pytest.mark.parametrize("folder, options", [("quick", []), ("paper", ["--schedule", "paper"]), ("discover", ["--discover"])])
def test_the_settings_of_kept_runs_are_those_that_their_commands_have_today(folder, options):
    runs = [result for path, result in KEPT if folder in path.relative_to(ROOT).parts]
    assert runs
    for result in runs:                                 # some runs of `paper` are older than `decay`
        words = ["--system", result["system"], "--seed", str(result["seed"]), *options]
        plan = train.plan_of(train.parse(words), physics.SYSTEMS[result["system"]], result["seed"])
        assert json.loads(json.dumps(plan.identity)) == {"system": result["system"], "seed": result["seed"], "decay": 1.0, **result["settings"]}


def headings(name):
    """The headings of a document as its links name them."""
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", (ROOT / name).read_text("utf-8"), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_links_to_headings_in_the_documents_lead_to_one():
    links = []
    for name in ("README.md", "AUDIT.md", "COURSE.md", "RESULTS.md", "results/README.md"):
        for target, head in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", (ROOT / name).read_text("utf-8")):
            links.append(head)
            assert head in headings((Path(name).parent / target) if target else name), (name, target, head)
    assert len(links) > 10


def test_numbers_and_formulas_of_the_readme_are_those_of_the_kept_runs():
    kept = {path.parent.relative_to(ROOT / "results").as_posix(): result for path, result in KEPT}
    run, cells = kept["quick/sr/seed-0"], dict(re.findall(r"^\| (\S.*?) +\| (\S.*?) +\|", README, re.M))
    assert [cells["accuracy, training set"], cells["accuracy, test set"]] == [f"{run[f'{which}_accuracy']:.3f}" for which in ("train", "test")]
    for order, (_, score) in run["r2"].items():
        assert cells[f"R² of order {order}, test set (Table I)"] == f"{abs(score):.4f}"
    assert "f ≈ " + cells["f, eq. (5)"] == run["formula"] and f"\n    {run['formula']}\n" in README
    assert kept["quick/cp-fixed/seed-0"]["sparse"]["rational"]["formula"] in README
    for number, step in enumerate(kept["discover/cp/seed-0"]["steps"][:3], 1):
        assert report.formula_of(report.best_fit(step["sparse"])).replace("f ", f"f_{number} ", 1) in README
