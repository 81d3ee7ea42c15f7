"""Points for the exercises of the course: python docs/course/score.py [FOLDER ...] [--json]

Judges this copy, or other copies in their folders, by the judges that stand beside this script.
Each judge is a process of its own: a loop without end costs only its own points.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exercises import BY_HAND, JUDGED

ROOT = Path(__file__).resolve().parents[2]
MAX_SECONDS = 60                        # of a judge, which takes one or two


def score(folder):
    """Points and remarks of one copy, as the JSON has them."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        remarks = dict(zip(JUDGED, pool.map(lambda name: judge(folder, name), JUDGED)))
    rows = {name: {"exercise": number, "points": 0 if remarks[name] else points, "of": points,
                   "remark": remarks[name]} for name, (number, points, *_) in JUDGED.items()}
    total = {key: sum(row[key] for row in rows.values()) for key in ("points", "of")}
    return {"folder": str(folder), **total, "exercises": rows}


def judge(folder, name):
    """What is wrong with the answer to an exercise in the folder; "" if it is right."""
    settings = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    try:
        ended = subprocess.run([sys.executable, ROOT / "tests" / "marking.py", name], cwd=folder,
                               env=settings, capture_output=True, encoding="utf-8",
                               errors="replace", timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {MAX_SECONDS} s"
    if ended.returncode == 0 and ended.stdout.endswith("right\n"):
        return ""
    said = ended.stderr.strip() or "the judge was ended"
    places = [f" ({file}, line {line})" for file, line in
              re.findall(r'File ".*?(\w+\.py)", line (\d+)', said) if file != "marking.py"]
    return said.splitlines()[-1] + places[-1] if places else said


def table(result):
    """The same as text: a line for each exercise, with the first line of the remark."""
    lines = [result["folder"]]
    for name, row in result["exercises"].items():
        remark = (row["remark"].splitlines() or ["right"])[0]
        lines.append(f"{row['exercise']}  {name:20} {row['points']} of {row['of']}  {remark}")
    more = sum(points for points, _ in BY_HAND.values())
    return "\n".join([*lines, f"{result['points']} of {result['of']} points. Exercises "
                      f"{', '.join(BY_HAND)} are marked by hand, for up to {more} more."])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT], metavar="FOLDER")
    parser.add_argument("--json", action="store_true", help="print points and remarks as JSON")
    options = parser.parse_args(arguments)
    for folder in options.folders:
        if not (folder / "siamese.py").exists():
            parser.error(f"{folder} is no copy of the course: it has no siamese.py")
    results = [score(folder) for folder in options.folders]
    print(json.dumps(results, indent=1, ensure_ascii=False) if options.json
          else "\n\n".join(map(table, results)))


if __name__ == "__main__":
    main()
