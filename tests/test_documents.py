"""README.md and docs/ agree with the code, the tests and the results that they speak of."""

import json
import pkgutil
import re
import shlex

import numpy as np
import pytest

import physics
import regression
import siamese
import train
from helpers import ROOT, benchmark, kept_results, parsed, planned
from support import options, report
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
    """Modules with their packages, as `discover.laws.find`; files; numpy as np."""
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


def words_of(command, program):
    """The words of a command behind the program, as a shell splits them."""
    words = shlex.split(command.removeprefix(program).split(" names the laws")[0])
    return [{"SYSTEM": "sr", "N": "0"}.get(word, word) for word in words]


@pytest.mark.parametrize("command", commands("python train.py"))
def test_train_commands_in_the_documents_have_options_that_exist(command):
    words = words_of(command, "python train.py")
    if "--help" not in words:
        parsed(words + ["0"] * (words[-1:] == ["--seed"]))      # which xargs adds


@pytest.mark.parametrize("command", commands("python -m discover"))
def test_discover_commands_in_the_documents_have_options_that_exist(command):
    from discover.__main__ import PARSER
    words = words_of(command, "python -m discover")
    if "--help" not in words:
        options.parse(PARSER, words)


@pytest.mark.parametrize("command", commands("python -m pytest"))
def test_pytest_commands_in_the_documents_select_at_least_one_test(command):
    words = words_of(command, "python -m pytest")
    assert words in ([], ["-m", "slow"]) or (words[0] == "-k" and len(words) == 2)
    if words[:1] == ["-k"]:
        assert words[1] in ("...", "WORD") or any(words[1].lower() in name.lower() for name in TESTS)


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
    monkeypatch.setitem(siamese.SCHEDULES, "quick", siamese.Schedule(
        2.0, epochs=2, in_batch_negatives=True))
    monkeypatch.setattr(siamese, "ACTIVATIONS", dict(siamese.ACTIVATIONS))      # session 2 adds a sine
    for many, few in (("50_000", "300"), ("5_000", "50"), ("20_000", "100")):
        block = block.replace(many, few)
    exec(block, {})


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
    monkeypatch.chdir(ROOT)
    page = path.read_text("utf-8")
    from discover.__main__ import main
    words = re.findall(r"^Made by `python (train\.py|-m discover) (--report .*)`\.$", page, re.M)
    mains = {"train.py": train.main, "-m discover": main}
    assert len(words) == 4 and all(mains[name](line.split()) == 0 for name, line in words)
    assert capsys.readouterr().out == page


def test_kept_reports_are_what_the_code_makes_of_the_results_beside_them():
    for path in (ROOT / "results").rglob("report.md"):
        result, page = load_result(path.parent / "result.json"), path.read_text("utf-8")
        if result.laws is None:
            captions = {name: caption for caption, name in re.findall(r"^!\[(.*)\]\((.*)\)$", page, re.M)}
            assert all((path.parent / name).exists() for name in captions)
            parts = report.report(result, physics.SYSTEMS[result.system], captions)
            assert page == markdown(parts), path


@pytest.mark.parametrize("folder, words", [("quick", []), ("paper", ["--schedule", "paper"]),
                                           ("box", ["--schedule", "paper", "--sampling", "box"])])
def test_the_settings_of_kept_runs_are_those_that_their_commands_have_today(folder, words):
    runs = [run for path, run in kept_results() if folder in path.relative_to(ROOT).parts]
    assert runs
    for run in runs:                    # some are older than the best training cycle, for the report
        identity = planned("--system", run.system, *words, seed=run.seed).identity
        expected = {**identity, "keep_best": run.settings["keep_best"]}
        assert run.settings == json.loads(json.dumps(expected))


def test_the_readme_shows_what_the_kept_run_showed_on_the_screen():
    run = load_result(ROOT / "results" / "quick" / "sr" / "seed-0" / "result.json")
    assert report.summarise(run, physics.SYSTEMS["sr"]) in README
