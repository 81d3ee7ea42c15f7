"""Points for the exercises of the course: python docs/course/score.py [FOLDER ...] [--json]

Judges this copy, or other copies in their folders, by the judges that stand beside this script.
Each judge is a process of its own: a loop without end costs only its own points.
"""

import argparse
import json
import os
import re
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exercises import BY_HAND, JUDGED

ROOT = Path(__file__).resolve().parents[2]
MAX_SECONDS = 60                        # of a judge, which takes one or two


def score(folder):
    """Points and remarks of one copy, as the JSON has them: of its open sessions."""
    path = folder / "docs" / "course" / "sessions.txt"  # which handout.py wrote
    sessions = path.read_text("utf-8").split() if path.exists() else list("12345")
    judged = {name: row for name, row in JUDGED.items() if row[0][0] in sessions}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        remarks = dict(zip(judged, pool.map(lambda name: judge(folder, name), judged)))
    rows = {name: {"exercise": number, "points": 0 if remarks[name] else points, "of": points,
                   "remark": remarks[name]} for name, (number, points, *_) in judged.items()}
    total = {key: sum(row[key] for row in rows.values()) for key in ("points", "of")}
    return {"folder": str(folder), "sessions": sessions, **total, "exercises": rows}


def judge(folder, name):
    """What is wrong with the answer to an exercise in the folder; "" if it is right."""
    settings = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    secret = secrets.token_hex()        # what the student's lines print is no verdict
    try:
        ended = subprocess.run([sys.executable, ROOT / "tests" / "marking.py", name], cwd=folder,
                               env=settings, input=secret + "\n", capture_output=True,
                               encoding="utf-8", errors="replace", timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {MAX_SECONDS} s"
    _, verdict, words = ended.stdout.rpartition(secret)
    if verdict:
        return words.strip()
    if "Traceback" not in ended.stderr:
        return f"the judge was ended, with the status {ended.returncode}"
    places = [f" ({Path(file).name}, line {line})" for file, line in
              re.findall(r'File "(.*?)", line (\d+)', ended.stderr)
              if Path(file).parent == folder.resolve()]
    return "".join([ended.stderr.strip().splitlines()[-1], *places[-1:]])


def table(result):
    """The same as text: a line for each exercise, with the first line of the remark."""
    lines = [result["folder"]]
    for name, row in result["exercises"].items():
        remark = (row["remark"].splitlines() or ["right"])[0]
        lines.append(f"{row['exercise']}  {name:20} {row['points']} of {row['of']}  {remark}")
    more = {number: row for number, row in BY_HAND.items() if number[0] in result["sessions"]}
    return "\n".join([*lines, f"{result['points']} of {result['of']} points. By hand: "
                      f"{', '.join(more)}, for up to {sum(row[0] for row in more.values())} more."])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT], metavar="FOLDER")
    parser.add_argument("--json", action="store_true", help="print points and remarks as JSON")
    options = parser.parse_args(arguments)
    copies = [folder for folder in options.folders if (folder / "siamese.py").exists()]
    for folder in options.folders:
        if folder not in copies:
            print(f"score.py: {folder} is no copy of the course: it has no siamese.py",
                  file=sys.stderr)
    results = [score(folder) for folder in copies]
    print(json.dumps(results, indent=1, ensure_ascii=False) if options.json
          else "\n\n".join(map(table, results)))
    return int(len(copies) < len(options.folders))


if __name__ == "__main__":
    sys.exit(main())
