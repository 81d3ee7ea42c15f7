"""The table of docs/audit.md with the outcome of its tests: python docs/audit.py [ROW ...]

ROW: only rows with this number or test, as in `python docs/audit.py "(5)" eq_A1`.
--slow runs the trainings too, which take minutes.
"""

import os
import re
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parent.parent
TESTS = [(name, path.relative_to(ROOT).as_posix(), number)
         for path in sorted((ROOT / "tests").rglob("test_*.py"))
         for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
         for name in re.findall(r"^def (test_\w+)", line)]


def read_rows():
    """The cells of the table: number, what, line, tests, the code does it, reached."""
    lines = (ROOT / "docs" / "audit.md").read_text("utf-8").splitlines()
    rows = [line[2:-2].split(" | ") for line in lines if line.startswith("| ")]
    return [cells for cells in rows if len(cells) == 6 and cells[0] != "number"]


def words_of(cell):
    """The words of a cell of tests, each as `python -m pytest -k` takes it."""
    return re.findall(r"\[(\w+)\]", cell)


def tests_of(cell):
    """The tests (name, file, line) that the words of a cell select."""
    words = [word.lower() for word in words_of(cell)]
    return [test for test in TESTS if any(word in test[0].lower() for word in words)]


class Chosen:
    """A plugin of pytest: runs the tests of these names, and keeps their outcomes by name."""

    def __init__(self, names):
        self.names, self.outcomes = names, {}

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.originalname in self.names]

    def pytest_runtest_logreport(self, report):
        name = re.findall(r"::(\w+)", report.nodeid)[0]
        if report.failed:
            self.outcomes[name] = "failed"
        elif report.when == "call":
            self.outcomes.setdefault(name, "passed")


def main(arguments):
    """Print a line for each row; return 1 if a test failed."""
    import pytest
    wanted = {*arguments} - {"--slow"}
    rows = [row for row in read_rows() if not wanted or wanted & {row[0], *words_of(row[3])}]
    tests = [test for row in rows for test in tests_of(row[3])]
    chosen = Chosen({name for name, _, _ in tests})
    os.chdir(ROOT)
    status = pytest.main(
        [*sorted({file for _, file, _ in tests}), "-p", "no:terminal", "-p", "no:cacheprovider",
         "-m", "slow or not slow" if "--slow" in arguments else "not slow"], [chosen])
    for number, _, line, cell, *_ in rows:
        outcomes = [chosen.outcomes.get(name, "slow") for name, _, _ in tests_of(cell)]
        counts = [f"{outcomes.count(each)} {each}" for each in ("failed", "passed", "slow")
                  if each in outcomes]
        places = re.findall(r"\.\./([\w/]+\.py)#L(\d+)", line)
        print(f"{number:24} {' '.join(':'.join(place) for place in places):40} "
              f"{', '.join(counts) or 'no test'}", flush=True)
    return int(status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
