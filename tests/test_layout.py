"""The rooms of the code, and the rules that keep them apart."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

from helpers import ROOT

TOP = {"siamese", "physics", "regression", "train", "figures"}
CORE = TOP - {"train"}
CODE = [path for room in ("", "discover", "support") for path in sorted((ROOT / room).glob("*.py"))]
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in CODE if path.stem != "__init__"}
OTHERS = {"numpy", "scipy", "matplotlib", *sys.stdlib_module_names}


def imports(path):
    """What a module imports anywhere: our modules as "support.files", others by their first name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
            found |= inside or {node.module}
    return {name if name in MODULES else name.split(".")[0] for name in found}


def test_the_top_level_holds_the_five_modules_of_the_card():
    assert {path.stem for path in ROOT.glob("*.py")} == TOP


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_only_what_stands_below_them(name):
    room = name.split(".")[0]
    of_room = {each: {module for module in MODULES if module.startswith(each + ".")} for each in ("support", "discover")}
    allowed = OTHERS | of_room["support"] | ({"cupy"} if room == "support" else set())
    if room in CORE:
        allowed |= CORE
    if room == "discover":
        allowed |= CORE | of_room["discover"]
    if room == "train":
        allowed |= set(MODULES)
    assert not imports(MODULES[name]) - allowed


def test_no_module_imports_itself_by_a_detour():
    [*TopologicalSorter({name: imports(path) for name, path in MODULES.items()}).static_order()]


@pytest.mark.parametrize("patterns, most", [
    (["*.py", "discover/*.py", "support/*.py", "benchmarks/*.py", "examples/*.py"], 100), (["tests/**/*.py"], 120)])
def test_no_line_is_longer_than_its_room_allows(patterns, most):
    paths = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    offenders = [f"{path.relative_to(ROOT)}:{number} has {len(line)}" for path in paths
                 for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if len(line) > most]
    assert not offenders, f"{len(offenders)} lines are longer than {most} characters:\n" + "\n".join(offenders)



def test_no_class_or_module_defines_a_name_twice():
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef)):
                defined = [each for each in node.body if isinstance(each, (ast.FunctionDef, ast.ClassDef))]
                names = [each.name for each in defined if not any(map(is_setter, each.decorator_list))]
                twice = {name for name in names if names.count(name) > 1}
                assert not twice, f"{path.relative_to(ROOT)}: {twice}"


def is_setter(decorator):
    return isinstance(decorator, ast.Attribute) and decorator.attr == "setter"


def test_importing_train_loads_neither_matplotlib_nor_scipy():
    code = "import sys, train; print(*[name for name in ('matplotlib', 'scipy') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("\n", "")


def test_no_test_file_imports_another():
    for path in (ROOT / "tests").rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[-1].startswith("test_")], path
