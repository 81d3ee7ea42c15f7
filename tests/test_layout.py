"""The rooms of the code: what stands below what, how long each is, and that a run uses the paper."""

import ast
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

import physics
import regression
import siamese
import train
from helpers import ROOT

CORE = {"siamese", "physics", "regression", "train", "figures"}
CODE = [path for room in ("", "discover", "support") for path in sorted((ROOT / room).glob("*.py"))]
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path
           for path in CODE if path.stem != "__init__"}
OTHERS = {"numpy", "scipy", "matplotlib", *sys.stdlib_module_names}


# ------------------------------------------------------------------------------------------- rooms

def imports(path, at_once=False):
    """What a module imports, anywhere or at once: "support.files", others by their first name."""
    tree, found = ast.parse(path.read_text("utf-8")), set()
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
            found |= inside or {node.module}
    return {name if name in MODULES else name.split(".")[0] for name in found}


def test_the_top_level_holds_the_five_modules_of_the_card():
    assert {path.stem for path in ROOT.glob("*.py")} == CORE


@pytest.mark.parametrize("room, rooms", [
    ("support", ["support"]), ("core", ["core", "support"]),
    ("discover", ["discover", "core", "support"])])
def test_modules_import_only_what_stands_below_them(room, rooms):
    of_room = {name: name.split(".")[0] if "." in name else "core" for name in MODULES}
    allowed = OTHERS | {name for name in MODULES if of_room[name] in rooms} | {*rooms}
    for name, path in MODULES.items():
        if of_room[name] == room:
            cupy = {"cupy"} if name == "support.device" else set()
            train_is_above = {"train"} if room == "core" else set()
            assert not imports(path) - (allowed - train_is_above | cupy), name


def test_no_module_imports_itself_by_a_detour():
    [*TopologicalSorter({name: imports(path) for name, path in MODULES.items()}).static_order()]


def test_importing_train_loads_neither_matplotlib_nor_scipy():
    code = "import sys, train; print({'matplotlib', 'scipy', 'discover'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("set()\n", "")


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """The repository without what lies beyond the paper."""
    root = tmp_path_factory.mktemp("paper") / "siamese"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(
        ".*", "__pycache__", "discover", "results", "runs"))
    (root / "results").symlink_to(ROOT / "results")
    return root


def run_in(root, *words):
    ended = subprocess.run([sys.executable, *words], cwd=root, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_without_discover_the_command_runs_and_the_tests_of_the_paper_are_found(paper):
    run_in(paper, "train.py", "--system", "sr", "--pairs", "100", "--epochs", "1", "--hidden", "5")
    assert (paper / "runs" / "sr" / "seed-0" / "report.html").exists()
    of_the_paper = ["tests/support/", *(f"tests/test_{name}.py" for name in
                    ("siamese", "physics", "regression", "figures", "equations", "train",
                     "training", "device", "faults", "fuzz", "layout", "course", "benchmarks"))]
    found = run_in(paper, "-m", "pytest", "--collect-only", "-q", "--assert=plain", *of_the_paper)
    assert all(name in found for name in of_the_paper)


@pytest.mark.slow
def test_without_discover_the_tests_of_the_paper_pass(paper):
    names = ("siamese", "physics", "regression", "figures", "equations", "train", "training",
             "device", "faults")
    run_in(paper, "-m", "pytest", "-q", "-x", "tests/support",
           *(f"tests/test_{name}.py" for name in names))


# ------------------------------------------------------------------------------------------- sizes

def lines(paths):
    return sum(len(path.read_text("utf-8").splitlines()) for path in paths)


@pytest.mark.parametrize("names, most", [
    (["train.py"], 320), ([f"{name}.py" for name in CORE], 1800),
    # 5,400 are wanted. Laws with errors, the strict reader and their sentences take the rest.
    (["*.py", "discover/*.py", "support/*.py"], 6450)])
def test_the_code_stays_as_short_as_it_was_made(names, most):
    assert lines(path for name in names for path in ROOT.glob(name)) <= most


@pytest.mark.parametrize("rooms, most", [
    ([".", "discover", "support", "benchmarks", "examples"], 100), (["tests", "tests/*"], 120)])
def test_no_line_is_longer_than_its_room_allows(rooms, most):
    offenders = [f"{path.relative_to(ROOT)}:{number} has {len(line)}" for room in rooms
                 for path in ROOT.glob(f"{room}/*.py")
                 for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
                 if len(line) > most]
    assert not offenders, "\n".join(offenders)


def test_no_class_or_module_defines_a_name_twice():
    def is_setter(decorator):
        return isinstance(decorator, ast.Attribute) and decorator.attr == "setter"
    for path in [*CODE, *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef)):
                names = [each.name for each in node.body
                         if isinstance(each, (ast.FunctionDef, ast.ClassDef))
                         and not any(map(is_setter, each.decorator_list))]
                twice = {name for name in names if names.count(name) > 1}
                assert not twice, f"{path.relative_to(ROOT)}: {twice}"


def test_no_test_file_imports_another_or_at_once_what_takes_a_second_to_import():
    slow = {"figures", "matplotlib", "scipy", "discover.pictures"}
    for path in (ROOT / "tests").rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[-1].startswith("test_")], path
        if path.stem != "retrain":      # a program that a test starts
            assert not imports(path, at_once=True) & slow, path


# ------------------------------------------------------------------------------------------- audit

AUDITED = [
    siamese.SiameseNetwork.forward, siamese.SiameseNetwork.pair_logits, siamese.SiameseNetwork.step,
    siamese.SiameseNetwork.backward, siamese.SiameseNetwork.predict,
    siamese.SiameseNetwork.evaluate, siamese.sigmoid, siamese.cross_entropy, siamese.accuracy,
    siamese.relu, siamese.relu_derivative, siamese.Adadelta.step,
    siamese.ReduceLearningRateOnPlateau.update, siamese.EarlyStopping.update,
    physics.lorentz_transformations, physics.boosts, physics.rotations, physics.sample_events,
    physics.interval, physics.scalar_product, physics.derangement, physics.Pairs.labelled,
    regression.polynomial_features, regression.ridge, regression.r2_score, regression.fit_orders,
    regression.optimal_order, regression.group_terms]


@pytest.mark.parametrize("schedule, batches", [
    ("quick", train.in_batch_negatives), ("paper", train.labelled_batches)])
def test_a_run_calls_every_function_that_the_audit_and_the_course_point_to(
        schedule, batches, tmp_path, every_epoch):
    called = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        # Enough for an accuracy above chance, without which no formula is made.
        status = train.main(["--system", "sr", "--schedule", schedule, "--pairs", "500",
                             "--hidden", "20", "--epochs", "20", "--learning-rate", "20",
                             "--out", str(tmp_path)])
    finally:
        sys.setprofile(None)
    assert status == 0
    assert not [each.__qualname__ for each in [*AUDITED, batches] if each.__code__ not in called]
