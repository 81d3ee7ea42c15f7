"""Make the evidence of results/ again, on one commit: python benchmarks/evidence.py

Runs of schedule quick and of discover, the tables of the suite, the sensitivities, the bottlenecks
and the benchmarks, then docs/results.md and the audit's column "reached". It can be interrupted,
and goes on. results/evidence.json names the commit of each step; --only names steps.
The runs of schedule paper take hours each and stay (tests/test_evidence.py trains them again).
--check says which numbers in README.md and docs/ are in none of the files that their section names.
--update writes today's lines and today's column "reached" into docs/audit.md.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "MKL", "OMP")}
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
RESULTS = ROOT / "results"
CODE = [":(glob)*.py", "discover", "support", "benchmarks", ":!benchmarks/evidence.py"]
CLOSE = 0.01            # distance from the paper, either way, that counts as reached
SYSTEMS = "sr", "sr-fixed", "cp", "cp-fixed", "em", "em-fixed"
def list_steps(jobs):
    """The steps in their order: {name: (what of results/ it makes, its commands)}."""
    many = ["--jobs", str(jobs), "--out"]
    return {
        "quick": (["quick"], [
            ["train.py", "--system", "all", "--seeds", "0-9", *many, "results/quick"],
            ["train.py", "--system", "sr", "--seeds", "10-19", *many, "results/quick"]]),
        "discover": (["discover"], [
            *(["-m", "discover", "--system", name, "--seeds", "0-4", *many, "results/discover"]
              for name in SYSTEMS),
            ["-m", "discover", "examples/planets.csv", "--group", "planet", "revolution", "--out",
             "results/discover"]]),
        "suite": (["suite.json"], [["benchmarks/suite.py", "--pairs", "50000", "--epochs", "65",
                                    "--seeds", "2"]]),
        "sensitivity": (["sensitivity.json"], [["benchmarks/sensitivity.py", "--pairs", "10000",
                                                "--epochs", "50", "--seeds", "3"]]),
        "bottleneck": (["bottleneck.json"], [["benchmarks/bottleneck.py"]]),
        "benchmarks": (["benchmarks.json"], [["benchmarks/run.py", "--out", "results"]])}


def make(jobs, only):
    """Carry out the steps that are not done on this commit."""
    if changed := git("status", "--porcelain", "--", *CODE):
        sys.exit("evidence.py: commit the code first, so that the evidence has a commit:\n"
                 + changed)
    commit = git("log", "-1", "--format=%h", "--", *CODE)
    path = RESULTS / "evidence.json"
    record = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name, (made, commands) in list_steps(jobs).items():
        if record.get(name) == commit or only and name not in only:
            continue
        if record.get("under way") != [name, commit]:
            for each in made:
                shutil.rmtree(RESULTS / each, ignore_errors=True)
                if (RESULTS / each).is_file():
                    (RESULTS / each).unlink()
        path.write_text(json.dumps(record | {"under way": [name, commit]}, indent=1), "utf-8")
        for words in commands:
            print(f"{name}: python {' '.join(words)}", flush=True)
            if python(*words).returncode:
                sys.exit(f"evidence.py: {name} failed; start again when it is mended")
        prune()
        record = {each: value for each, value in record.items() if each != "under way"}
        record[name] = commit
        path.write_text(json.dumps(record, indent=1), "utf-8")
    pages = [python(*command, "--report", f"results/{folder}", stdout=subprocess.PIPE).stdout
             for folder, command in (("quick", ["train.py"]), ("paper", ["train.py"]),
                                     ("box", ["train.py"]), ("discover", ["-m", "discover"]))]
    (ROOT / "docs" / "results.md").write_bytes(b"".join(pages))
    update()


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True,
                          encoding="utf-8").stdout.strip()


def python(*words, **options):
    """Run a command with OpenBLAS's kernels for AVX2, which newer processors have too."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Haswell"}
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, **options)


def prune():
    """Keep result.json of every run, and of seed 0 its report, history and pictures."""
    for folder in [*RESULTS.glob("quick/*-seeds-*"), *RESULTS.glob("discover/*-seeds-*")]:
        shutil.rmtree(folder)
    for path in [*RESULTS.glob("quick/*/*/*"), *RESULTS.glob("discover/*/*/*")]:
        of_first = path.parent.name == "seed-0" and path.suffix not in (".npz", ".html")
        if path.is_file() and path.name != "result.json" and not of_first:
            path.unlink()


# ------------------------------------------------------------------------ the audit, docs/audit.md

def reached(results):
    """{number of a row: whether and by which runs of [(path, Result)] it is reached}."""
    import physics
    cells = {}
    for name, system in physics.SYSTEMS.items():
        paper = system.published
        distances = {
            f"accuracy, `{name}`": lambda run: [run.test_accuracy - paper.accuracy[1]],
            f"Table {paper.table}": lambda run: [run.r2[str(order)][1] - test
                                                 for order, (_, test) in paper.r2.items()],
            f"({paper.equation})": lambda run: [
                0 if find_bracket(run.formula) == find_bracket(paper.formula) else -1]}
        for row, distance in distances.items():
            counts = {}
            if row in ("Table ", "()"):
                continue
            for folder in ("paper", "box", "quick"):
                found = [distance(run) for path, run in results
                         if run.system == name and path.parts[-4] == folder]
                near = sum(max(map(abs, each)) <= CLOSE for each in found)
                higher = [each for each in found if min(each) >= -CLOSE and max(each) > CLOSE]
                orders = {order for each in higher for order, value in enumerate(each, 1)
                          if value > CLOSE and row.startswith("Table")}
                if found:
                    counts[folder] = near, len(higher), len(found), orders
            cells[row] = describe(counts)
    return cells


def describe(counts):
    """A cell of the column "reached" from {folder: (near, higher, all, orders)}.

    orders: of a table, those that are higher; where it is one alone, it is named.
    """
    near = [f"`{folder}`" for folder, each in counts.items() if each[0]]
    higher = any(each[1] and len(each[3]) != 1 for each in counts.values())
    word = ("yes" if "`paper`" in near else f"by {' and '.join(near)} alone" if near else
            "not reached, higher" if higher else "not reached")
    parts = [f"`{folder}` {near} of {total}" + (f", {higher} higher" if higher else "")
             + (f" by order {min(orders)} alone" if len(orders) == 1 else "")
             for folder, (near, higher, total, orders) in counts.items()]
    return f"{word}: {'; '.join(parts)}"


def find_bracket(formula):
    """The bracket in the second line of eqs. (5) to (12), with axes as the code names them."""
    for digit, axis in zip("123", "xyz"):
        formula = (formula or "").replace(f"_{digit}", f"_{axis}")
    return re.findall(r"\(.*\)", formula)


def find_line(name, path, number=""):
    """The line where a name is defined; in a function, the line with the comment (number)."""
    from audit import TESTS
    if path.startswith("tests/"):
        found = [(not test.startswith(f"test_{name}"), line) for test, file, line in TESTS
                 if file == path and name in test]
        return min(found)[1]
    lines, at = (ROOT / path).read_text("utf-8").splitlines(), -1
    for part in name.split("."):
        definition = re.compile(rf"\s*(def |class )?{part}\b\s*[(:=]")
        at = next(i for i in range(at + 1, len(lines)) if definition.match(lines[i]))
    for i in range(at + 1, len(lines)):
        if re.match(r"\s{0,4}(def|class) |^[A-Z]", lines[i]):
            break
        if number and re.search(rf"#.*\({number}\)$", lines[i]):
            return i + 1
    return at + 1


def update_links(text):
    """A page of docs/ with today's lines behind its links `[name](../module.py#L1)`."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        number = "".join(re.findall(r"^\| \((\w+)\)", line))
        lines[i] = re.sub(
            r"(\[`?([\w.]+)`?\])\(\.\./([\w/]+\.py)(?:#L\d+)?\)",
            lambda link: f"{link[1]}(../{link[3]}#L{find_line(link[2], link[3], number)})", line)
    return "\n".join(lines)


def update_reached(text, cells):
    """The page with these cells in its column "reached"."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        columns = line.split(" | ")
        if len(columns) == 6 and columns[0][2:] in cells:
            lines[i] = " | ".join([*columns[:5], cells[columns[0][2:]] + " |"])
    return "\n".join(lines)


def update():
    """Bring docs/audit.md and its pages up to date."""
    from support.results import load_result
    results = [(path, load_result(path)) for path in sorted(RESULTS.rglob("result.json"))]
    for page in (ROOT / "docs").glob("*.md"):
        text = update_links(page.read_text("utf-8"))
        if page.name == "audit.md":
            text = update_reached(text, reached(results))
        page.write_text(text, "utf-8")


# --------------------------------------------------------------------- numbers that documents quote

def check():
    """Print the numbers of README.md and docs/ that are in no file of theirs; return how many."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    lost = [f"{page.relative_to(ROOT)}:{line}: {number}" for page in pages
            if page.name != "results.md" for line, number in find_lost(page.read_text("utf-8"))]
    print("\n".join(lost) or "Every number is in a file that its section names.")
    return len(lost)


def find_lost(text):
    """(line, number) of each decimal number that no file of its section has, rounded as it is.

    The files of a section are results, examples and tests that it names, and always the modules
    that hold the paper's numbers and our constants. Code is looked at only where results are named.
    """
    always = {word for name in ("siamese", "physics", "regression", "train", "support/kepler")
              for word in find_decimals((ROOT / f"{name}.py").read_text("utf-8"))}
    lost, place = [], 1
    text = re.sub(r"^```.*?^```", lambda block: block[0].replace("\n#", "\n "), text,
                  flags=re.M | re.S)
    for section in re.split(r"^(?=#+ )", text, flags=re.M):
        values, is_example = [*map(float, always), *quoted_values(section)], False
        for offset, line in enumerate(section.split("\n")):
            is_example ^= line.startswith("```") and "results/" not in section
            line = "" if is_example else re.sub("`[^`]*`", "", line)
            for word in find_decimals(line):
                tolerance = 0.5 * 10.0**-len(word.split(".")[1]) + 1e-9
                if not any(abs(abs(value) - float(word)) <= tolerance for value in values):
                    lost.append((place + offset, word))
        place += section.count("\n")
    return lost


def find_decimals(text):
    """The decimal numbers of a text, but for addresses and versions."""
    text = re.sub(r"\]\([^)]*\)|https?:\S+|(doi:|arXiv |Python )[\d./]+( to [\d.]+)?", "", text)
    return re.findall(r"(?<![\w.])\d+\.\d+(?!\d*\.\d)", text)


def quoted_values(section):
    """All numbers of the results and tests that a section names, with means, least and largest."""
    from audit import TESTS
    values = []
    for name in set(re.findall(r"((?:results|examples)/[\w./-]*\w)", section)):
        path, by_key = ROOT / name, {}
        if path.suffix in (".md", ".py") and path.exists():
            values += map(float, find_decimals(path.read_text("utf-8")))
        elif path.is_file():                            # a picture of a run
            path = path.parent
        for file in path.rglob("result.json") if path.is_dir() else []:
            for key, value in flatten(json.loads(file.read_text("utf-8"))):
                by_key.setdefault((file.parts[-3], key), []).append(value)
        for found in by_key.values():
            values += [*found, sum(found) / len(found)]
    for name, file, line in TESTS:
        if f"`{name}`" in section:
            source = (ROOT / file).read_text("utf-8").split("\n")
            start, end = line - 1, line
            while start and source[start - 1].strip():                  # decorators
                start -= 1
            while end < len(source) and not re.match(r"(def|class|@|#)", source[end]):
                end += 1
            values += map(float, find_decimals("\n".join(source[start:end])))
    return values


def flatten(value, key=""):
    """(key, number) of all numbers in a JSON value."""
    if isinstance(value, (dict, list)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in pairs:
            yield from flatten(each, f"{key}/{name}")
    elif isinstance(value, float):
        yield key, value
    elif isinstance(value, str):                        # a formula
        yield from ((f"{key}/{word}", float(word)) for word in find_decimals(value))


def main():
    parser = argparse.ArgumentParser(prog="benchmarks/evidence.py", allow_abbrev=False,
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="number of parallel runs")
    parser.add_argument("--only", nargs="+", choices=list_steps(1), help="steps (default: all)")
    parser.add_argument("--check", action="store_true", help="look for numbers without a file")
    parser.add_argument("--update", action="store_true", help="lines and results of docs/audit.md")
    options = parser.parse_args()
    if options.check:
        return min(check(), 1)
    if options.update:
        return update()
    return make(options.jobs, options.only)


if __name__ == "__main__":
    sys.exit(main())
