"""Make a notebook of each session from its page: python docs/course/notebooks.py"""

import json
import re
from pathlib import Path

SETUP = '''# Run this cell first. It goes to the repository's folder, where `import physics` works.
import os, pathlib, sys
here = pathlib.Path.cwd()
os.chdir(next(folder for folder in (here, *here.parents) if (folder / "train.py").exists()))
sys.path.insert(0, os.getcwd())
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]  # !python
os.environ["OPENBLAS_NUM_THREADS"] = "1"        # one thread, as the command has: the same digits'''
BLOCK = re.compile(r"^```python\n(.*?)^```\n|^```\n((?:python [^\n]*\n)+)```\n"
                   r"|^<!-- show ([^\n]*) -->\n", re.M | re.S)


def notebook(page):
    """A page as the text of a notebook, format 4.5. <!-- show a.png --> is a picture to show."""
    title, rest = re.split(r"(?=^## )", page, maxsplit=1, flags=re.M)
    cells, pieces = [("markdown", title), ("code", SETUP)], BLOCK.split(rest)
    for text, code, commands, files in zip(*[iter([*pieces, "", "", ""])] * 4):
        shown = [f"display(Image({file!r}, width=600))" for file in (files or "").split()]
        lines = ["!" + command for command in (commands or "").splitlines()] or (
            ["from IPython.display import Image, display", *shown] if shown else [])
        cells += [("markdown", re.sub(r"\((session-\d)\.md\)", r"(\1.ipynb)", text)),
                  ("code", code or "\n".join(lines))]
    made = [{"cell_type": kind, "id": f"cell-{number}", "metadata": {},
             **({"execution_count": None, "outputs": []} if kind == "code" else {}),
             "source": text.strip().splitlines(keepends=True)}
            for number, (kind, text) in enumerate(cells) if text.strip()]
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": made, "metadata": about, "nbformat": 4, "nbformat_minor": 5},
                      indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path in Path(__file__).parent.glob("session-*.md"):
        path.with_suffix(".ipynb").write_bytes(notebook(path.read_text("utf-8")).encode())
