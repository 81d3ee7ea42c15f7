"""The table of docs/audit.md with the outcome of its tests: python docs/audit.py [ROW ...]

ROW: only rows with this number or test, as in `python docs/audit.py "(5)" eq_A1`.
--slow runs the trainings too: half a minute more.
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

    def __init__(self, names, with_slow):
        self.names, self.with_slow, self.outcomes, self.left_out = names, with_slow, {}, set()

    def pytest_collection_modifyitems(self, items):
        own = [item for item in items if item.originalname in self.names]
        items[:] = [item for item in own if self.with_slow or not item.get_closest_marker("slow")]
        self.left_out = {item.originalname for item in own if item not in items}

    def outcome(self, name):
        """failed, passed, passed in part where its trainings did not run, or slow."""
        outcome = self.outcomes.get(name, "slow")
        return outcome + " in part" * (outcome == "passed" and name in self.left_out)

    def pytest_runtest_logreport(self, report):
        name = re.findall(r"::(\w+)", report.nodeid)[0]
        if report.failed:
            self.outcomes[name] = "failed"
        elif report.when == "call":
            self.outcomes.setdefault(name, "passed")


def main(arguments):
    """Print a line for each row; return 1 if a test failed, 2 if there is no such row."""
    import pytest
    wanted = {*arguments} - {"--slow"}
    names = [{row[0], *words_of(row[3])} for row in read_rows()]
    if unknown := wanted - set().union(*names):
        print(f"{__doc__}\nno row {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    rows = [row for row, own in zip(read_rows(), names) if not wanted or wanted & own]
    tests = [test for row in rows for test in tests_of(row[3])]
    chosen = Chosen({name for name, _, _ in tests}, "--slow" in arguments)
    os.chdir(ROOT)
    status = pytest.main([*sorted({file for _, file, _ in tests}), "-m", "slow or not slow",
                          "-p", "no:terminal", "-p", "no:cacheprovider"], [chosen])
    for number, _, line, cell, *_ in rows:
        outcomes = [chosen.outcome(name) for name, _, _ in tests_of(cell)]
        counts = [f"{outcomes.count(each)} {each}" for each in sorted(set(outcomes))]
        places = re.findall(r"\.\./([\w/]+\.py)#L(\d+)", line)
        print(f"{number:24} {' '.join(':'.join(place) for place in places):40} "
              f"{', '.join(counts) or 'no test'}", flush=True)
    return int(status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
