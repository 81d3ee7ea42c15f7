"""Write a student's copy of the course: python docs/course/handout.py FOLDER [SESSION ...]

The functions of the exercises have no bodies, of all sessions or of those named. The judges are
inside; the answer key, the other tests and the history of the repository are not.
"""

import ast
import re
import shutil
import sys
import tempfile
from pathlib import Path

from exercises import JUDGED

README = """# A course of five sessions

Sessions [1](session-1.md), [2](session-2.md), [3](session-3.md), [4](session-4.md) and
[5](session-5.md) end with exercises, and so do the notebooks beside them, which show each
experiment with its output. The functions that you write say "not written yet".

- `python -m pytest -k exercise_step` judges one exercise, and says in words what is wrong.
- `python docs/course/score.py` judges all of them, and counts points. `sessions.txt` says which
  sessions count.

Exercises can be done in any order. A training runs when all bodies that it needs are written.
The other pages in docs speak of tests and of lines of the program that are not in this copy.
"""
ROOT = Path(__file__).resolve().parents[2]
PARTS = ["README.md", "CITATION.cff", "requirements.txt", "*.py", "support/*.py", "discover/*.py",
         "examples/*", "results/**/*", "docs/*.md", "docs/figures/*", "docs/course/session-*",
         "docs/course/figures/*", "docs/course/score.py",
         "docs/course/exercises.py", "tests/conftest.py", "tests/marking.py",
         "tests/test_exercises.py"]


def copy_parts(folder):
    """Copy what a student gets."""
    for path in sorted({path for part in PARTS for path in ROOT.glob(part) if path.is_file()}):
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            target.write_text(without_absent(path.read_text("utf-8")), "utf-8")
        else:
            shutil.copyfile(path, target)
    (folder / "docs" / "course" / "README.md").write_text(README, "utf-8")


def without_absent(page):
    """A page without what leads to the key, to other tests, or to lines that bodies have moved."""
    page = re.sub(r"^.*solutions\.md.*\n|^## Tests\n(?:(?!## ).*\n)*", "", page, flags=re.M)
    return re.sub(r"\[([^\]]*)\]\([^)\s]*(?:tests/|\.py#L)[^)\s]*\)", r"\1", page)


def open_exercises(folder, sessions):
    """Take the bodies of the exercises of these sessions out, and say which sessions they are."""
    (folder / "docs" / "course" / "sessions.txt").write_text(" ".join(sessions), "utf-8")
    for number, _, _, targets in JUDGED.values():
        for target in targets.split() if number[0] in sessions else []:
            module, name = target.split(".", 1)
            path = folder / f"{module}.py"
            path.write_text(empty(path.read_text("utf-8"), name, number), "utf-8")


def empty(text, name, number):
    """The text of a module without the body of a function, such as "Adadelta.step".

    Its docstring stays; below it, the function says that it is not written yet.
    """
    function = ast.parse(text)
    for part in name.split("."):
        function = next(each for each in function.body if getattr(each, "name", None) == part)
    body, lines = function.body, text.splitlines(keepends=True)
    first = body[0].end_lineno if ast.get_docstring(function) else body[0].lineno - 1
    indent = " " * body[0].col_offset
    lines[first:function.end_lineno] = [
        f"{indent}from support.checks import UserError\n",
        f'{indent}raise UserError("{name} is not written yet: exercise {number}")\n']
    return "".join(lines)


def main(arguments):
    if not arguments or arguments[0].startswith("-") or not set(arguments[1:]) <= set("12345"):
        sys.exit("usage: python docs/course/handout.py FOLDER [SESSION ...], sessions from 1 to 5")
    folder, sessions = Path(arguments[0]), arguments[1:] or list("12345")
    if folder.exists():
        sys.exit(f"{folder} exists already; give the name of a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            copy_parts(Path(made) / "copy")
            open_exercises(Path(made) / "copy", sessions)
            (Path(made) / "copy").rename(folder)
    except OSError as error:
        sys.exit(f"cannot write {folder}: {error.strerror}")
    print(f"{folder} is a student's copy; the exercises of session {', '.join(sessions)} are open.")


if __name__ == "__main__":
    main(sys.argv[1:])
