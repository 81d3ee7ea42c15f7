"""Make a notebook of each session from its page, and run it.

    python docs/course/notebooks.py [1 ...]
    python docs/course/notebooks.py --text      keeps the outputs, where no code has changed

It takes some minutes. Jupyter is not needed: cells are run here, in a folder of their own.
"""

import ast
import base64
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
REPOSITORY = "OWNER/REPOSITORY"         # on GitHub: the one edit that the links and clones need
SETUP = f'''# Run this cell first: it goes to the folder of the repository.
import os, pathlib, subprocess, sys
REPOSITORY = "{REPOSITORY}"

def find_root():
    here = pathlib.Path.cwd()
    folders = (here, *here.parents, here / "invariants")
    return next((folder for folder in folders if (folder / "train.py").exists()), None)

if not find_root() and "OWNER" not in REPOSITORY:               # on Colab
    address = f"https://github.com/{{REPOSITORY}}"
    subprocess.run(["git", "clone", "--depth", "1", address, "invariants"])
root = find_root()
if not root:
    raise SystemExit("This notebook needs the files of its repository, and they are not "
                     "here. Clone the repository and open the notebook in its folder "
                     "docs/course; or write the address of the repository on GitHub "
                     "into REPOSITORY above, and run this cell again.")
os.chdir(root)
sys.path.insert(0, os.getcwd())
bin = os.path.dirname(sys.executable)
os.environ["PATH"] = bin + os.pathsep + os.environ["PATH"]      # of !python
os.environ["OPENBLAS_NUM_THREADS"] = "1"                        # as the command has'''
BLOCK = re.compile(r"^```python\n(.*?)^```\n|^```\n((?:python [^\n]*\n)+)```\n"
                   r"|^<!-- show ([^\n]*) -->\n", re.M | re.S)
NOTEBOOK = "docs/course/{1}.ipynb"
LINKS = (f"[Colab](https://colab.research.google.com/github/{{0}}/blob/main/{NOTEBOOK}) · "
         f"[Binder](https://mybinder.org/v2/gh/{{0}}/main?labpath={NOTEBOOK})")


def make_cells(page, name):
    """The cells of a page, not run yet. <!-- show a.png --> is a picture that a command drew."""
    page = re.sub(r"^<!-- from .*\n|^.*solutions\.md.*\n", "", page, flags=re.M)
    title, rest = re.split(r"(?=^## )", page, maxsplit=1, flags=re.M)
    cells = [markdown(title + LINKS.format(REPOSITORY, name)), code(SETUP)]
    pieces = BLOCK.split(rest)
    for text, python, commands, files in zip(*[iter([*pieces, "", "", ""])] * 4):
        shown = [f"display(Image({file!r}, width=600))" for file in (files or "").split()]
        lines = ["!" + command for command in (commands or "").splitlines()] or (
            ["from IPython.display import Image, display", *shown] if shown else [])
        cells += [markdown(re.sub(r"\((session-\d)\.md\)", r"(\1.ipynb)", text)),
                  code(python or "\n".join(lines))]
    cells = [cell for cell in cells if cell["source"]]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return cells


def markdown(text):
    """A cell of text; pictures of the page are kept in it."""
    attached = {}

    def attach(found):
        file = FOLDER / found[2]
        attached[file.name] = {"image/png": base64.b64encode(file.read_bytes()).decode()}
        return f"![{found[1]}](attachment:{file.name})"
    text = re.sub(r"!\[([^\]]*)\]\((figures/[^)]*)\)", attach, text)
    cell = {"cell_type": "markdown", "metadata": {}, "source": split(text)}
    return {**cell, "attachments": attached} if attached else cell


def code(text):
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [],
            "source": split(text)}


def split(text):
    return text.strip().splitlines(keepends=True)


def run(cells):
    """Fill the outputs of the cells, which run in the current folder."""
    names = {}
    for count, cell in enumerate((cell for cell in cells if cell["cell_type"] == "code"), 1):
        cell["execution_count"], source = count, "".join(cell["source"])
        if files := re.findall(r"Image\('(.*?)'", source):
            cell["outputs"] = [show({"image/png": Path(file).read_bytes()}) for file in files]
            continue
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            if source.startswith("!"):
                value = None
                for command in source.splitlines():
                    print(subprocess.run(command[1:], shell=True, text=True, check=True,
                                         stdout=subprocess.PIPE).stdout, end="")
            else:
                value = evaluate(source, names)
        # Of the lines of a training, which replace each other on a screen, the last one.
        text = re.sub(r"(?:^epoch +\d+/.*\n)+(?=epoch +\d+/)", "", said.getvalue(), flags=re.M)
        cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": text.splitlines(
            keepends=True)}] if text else []
        if value is not None:
            cell["outputs"].append(show(describe(value)))


def evaluate(source, names):
    """Run Python; the value of the last line, if it is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


def describe(value):
    """A value as a notebook shows it: {kind: content}."""
    forms = {"image/png": "_repr_png_", "text/html": "_repr_html_"}
    made = {kind: getattr(value, form, lambda: None)() for kind, form in forms.items()}
    return {kind: each for kind, each in made.items() if each} | {"text/plain": repr(value)[:500]}


def show(data):
    data = {kind: base64.b64encode(shrink(value)).decode() if isinstance(value, bytes)
            else split(value) for kind, value in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def shrink(picture):
    """A png of half the width, if it is wider than a page shows."""
    import numpy as np
    from matplotlib.image import imread, imsave
    pixels = imread(io.BytesIO(picture))
    if pixels.shape[1] < 1000:
        return picture
    rows, columns = (length // 2 for length in pixels.shape[:2])
    half = pixels[:2 * rows, :2 * columns].reshape(rows, 2, columns, 2, -1).mean(axis=(1, 3))
    small = io.BytesIO()
    imsave(small, (np.rint(half * 15) * 17).astype(np.uint8), format="png")
    return small.getvalue()


def as_json(cells):
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5},
                      indent=1, ensure_ascii=False) + "\n"


def keep_outputs(cells, notebook):
    """Take the outputs of a notebook that has the same code; SystemExit if it has not."""
    before = [cell for cell in json.loads(notebook.read_text("utf-8"))["cells"]
              if cell["cell_type"] == "code"]
    now = [cell for cell in cells if cell["cell_type"] == "code"]
    if [cell["source"] for cell in now[1:]] != [cell["source"] for cell in before[1:]]:
        sys.exit(f"the code of {notebook.stem} has changed: python docs/course/notebooks.py "
                 f"{notebook.stem[-1]} runs it")
    for cell, old in zip(now, before):
        cell.update(outputs=old["outputs"], execution_count=old["execution_count"])


def main(numbers):
    # Kernels that all processors of the last ten years have: the same digits on any of them.
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell", "PYTHONUTF8": "1"}
    with tempfile.TemporaryDirectory() as made:         # like the repository, without its runs
        for path in FOLDER.parents[1].iterdir():
            if path.name not in ("runs", ".git"):
                (Path(made) / path.name).symlink_to(path)
        os.chdir(made)
        for page in sorted(FOLDER.glob("session-*.md")):
            notebook = page.with_suffix(".ipynb")
            if numbers and numbers != ["--text"] and page.stem[-1] not in numbers:
                continue
            cells = make_cells(page.read_text("utf-8"), page.stem)
            if numbers == ["--text"]:
                keep_outputs(cells, notebook)
            else:
                run(cells)
                shutil.rmtree("runs", ignore_errors=True)
            notebook.write_text(as_json(cells), "utf-8")
            print(notebook.name, flush=True)
        os.chdir(FOLDER)


if __name__ == "__main__":
    main(sys.argv[1:])
