"""README.md and docs/ agree with the code, the tests and the results that they speak of."""

import json
import pkgutil
import re

import numpy as np
import pytest

import physics
import regression
import siamese
import train
from helpers import ROOT, benchmark, kept_results, parsed, planned
from support import report
from support.page import markdown
from support.results import load_result

README, COURSE = [(ROOT / name).read_text("utf-8") for name in ("README.md", "docs/course/session-4.md")]
PAGES = {path: path.read_text("utf-8") for path in [
    ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "results" / "README.md"]}
MADE = [path for path in [ROOT / "docs" / "results.md", *sorted((ROOT / "results").rglob("RESULTS.md"))]]
DOCUMENTS = "\n".join(text for path, text in PAGES.items() if path not in MADE)
TESTS = {name for path in (ROOT / "tests").rglob("test_*.py")
         for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)}
FILES = ("npz csv png md json html txt npy tsv dat gif pdf part usetex").split()


# ------------------------------------------------------------------------------------------- names

@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-zA-Z_]\w*(?:\.\w+)+)`", DOCUMENTS))))
def test_code_named_in_the_documents_exists(name):
    """Modules with their packages, as `discover.laws.find`; of files .py, others are those of a run; numpy as np."""
    stem, _, suffix = name.rpartition(".")
    if suffix == "py":
        assert [path for path in ROOT.rglob(name) if "runs" not in path.parts]
    elif suffix not in FILES:
        first = name.split(".")[0]
        homes = [module.__name__ for module in (siamese, physics, regression, train)
                 if getattr(vars(module).get(first), "__module__", "") == module.__name__]     # of our classes
        pkgutil.resolve_name(re.sub(r"^np\.", "numpy.", ".".join([*homes, name])))


def test_tests_named_in_the_documents_exist():
    named = set(re.findall(r"`(test_\w+)`", DOCUMENTS))
    assert len(named) > 60
    assert not named - TESTS, sorted(named - TESTS)


def headings(text):
    """The headings of a document as its links name them."""
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings_that_exist(path):
    for target, head in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)]*)\)", PAGES[path]):
        file = path.parent / target if target else path
        assert file.exists(), target
        text = file.read_text("utf-8") if head else ""
        line = re.fullmatch(r"L(\d+)", head)
        assert not head or (int(line[1]) <= text.count("\n") if line else head in headings(text)), (target, head)


# ---------------------------------------------------------------------------------------- commands

def commands(start):
    """Every command in the documents that begins so, without what belongs to the shell or the sentence."""
    return sorted(set(re.findall(rf"(?<![\w/.]){re.escape(start)}(?: [^`\n|;)#]*)?", DOCUMENTS)))


@pytest.mark.parametrize("command", commands("python train.py"))
def test_train_commands_in_the_documents_have_options_that_exist(command):
    words = [{"SYSTEM": "sr", "N": "0"}.get(word, word) for word in re.findall(r'"[^"]*"|\S+', command)[2:]]
    if "--help" not in words:
        parsed(words + ["0"] * (words[-1:] == ["--seed"]))                      # which xargs adds


@pytest.mark.parametrize("command", commands("python -m pytest"))
def test_pytest_commands_in_the_documents_select_at_least_one_test(command):
    words = command.split()[3:]
    if words[:1] == ["-k"]:
        assert len(words) == 2 and (words[1] in ("...", "WORD") or any(words[1].lower() in name.lower() for name in TESTS))
    else:
        assert words in ([], ["-m", "slow"])


@pytest.mark.parametrize("command", commands("python benchmarks"))
def test_benchmark_commands_in_the_documents_have_options_that_exist(command):
    script, *words = command.split()[1:]
    assert (ROOT / script).exists()
    if script == "benchmarks/sensitivity.py":
        benchmark("sensitivity").parse(words, "sensitivity", "", 20_000, 60, 3)


def python_blocks(text):
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


BLOCKS = [pytest.param(block, id=f"{path.stem}-{number}") for path, text in PAGES.items()
          for number, block in enumerate(python_blocks(text), 1)]


@pytest.mark.parametrize("block", BLOCKS)
def test_python_in_the_documents_runs_with_fewer_pairs_and_epochs(block, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setitem(siamese.SCHEDULES, "quick", siamese.Schedule(2.0, epochs=2, in_batch_negatives=True))
    exec(block.replace("50_000", "300").replace("5_000", "50").replace("20_000", "100"), {})


def test_the_oscillator_of_the_course_keeps_the_four_quadratic_invariants_named_below_it():
    names = {}
    block, = [block for block in python_blocks(COURSE) if "def oscillator" in block]
    exec(block.split("train, test")[0], names)
    n = physics.BLOCK // 2 + 1                                          # more states than one block of `evolve`
    pair = names["system"].sample(n, np.random.default_rng(0))
    assert not np.allclose(*pair, atol=0.1)
    kept = [np.array([x * x + v_x * v_x, y * y + v_y * v_y, x * y + v_x * v_y, x * v_y - y * v_x])
            for x, y, v_x, v_y in (states.T for states in pair)]
    assert kept[0] == pytest.approx(kept[1], abs=1e-9)
    for invariant in names["system"].invariants.values():
        assert invariant(pair[0]) == pytest.approx(invariant(pair[1]), abs=1e-9)


# ----------------------------------------------------------------------------------------- results

@pytest.mark.parametrize("path", MADE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_results_pages_are_what_their_own_commands_make_of_the_results(path, monkeypatch, capsys):
    from discover.__main__ import main as discover
    monkeypatch.chdir(ROOT)
    page = path.read_text("utf-8")
    commands = re.findall(r"^Made by `python (train\.py|-m discover) (--report .*)`\.$", page, re.M)
    assert commands
    for program, words in commands:
        assert (train.main if program == "train.py" else discover)(words.split()) == 0
    assert capsys.readouterr().out == page


@pytest.mark.parametrize("folder", ["quick", "discover"])
def test_kept_reports_are_what_the_code_makes_of_the_results_beside_them(folder):
    from discover.report import report as report_laws
    paths = sorted((ROOT / "results" / folder).rglob("report.md"))
    assert paths
    for path in paths:
        result, text = load_result(path.with_name("result.json")), path.read_text("utf-8")
        captions = {name: caption for caption, name in re.findall(r"^!\[(.*)\]\((.*)\)$", text, re.M)}
        system = physics.SYSTEMS[result.system]
        parts = report.report(result, system, captions) if folder == "quick" else report_laws(
            result, system, captions, ("--system", result.system))
        assert text == markdown(parts), path


@pytest.mark.parametrize("folder", ["quick", "paper", "box", "discover"])
def test_the_settings_of_kept_runs_are_those_that_their_commands_have_today(folder):
    from discover import __main__ as discover
    runs = [run for path, run in kept_results() if path.parts[-4] == folder]
    assert runs
    for run in runs:
        words = ["--system", run.system, "--seed", str(run.seed)]
        if folder == "discover":
            config = discover.build_config(discover.options.parse(discover.PARSER, words), run.seed)
        else:
            words += ["--schedule", run.schedule] + ["--sampling", "box"] * (folder == "box")
            config = planned(*words, seed=run.seed)
        today = json.loads(json.dumps(config.identity))
        if folder == "paper":                           # these hold the last state alone
            today["keep_best"] = False
        assert run.settings == today


def test_the_readme_shows_what_the_kept_run_showed_on_the_screen():
    run = load_result(ROOT / "results" / "quick" / "sr" / "seed-0" / "result.json")
    assert report.summarise(run, physics.SYSTEMS["sr"]) in README
