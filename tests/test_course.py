"""The course: its notebooks are what its pages say, its exercises are marked, its solutions pass.

The tests named test_exercise_... are for students, as in `python -m pytest -k exercise_step`. They call the judges of
tests/marking.py, and the last part here tests these: solutions pass, and what students get wrong is said in words.
"""

import json
import os
import re
import runpy
import sys

import numpy as np
import pytest

import figures
import marking
import physics
import regression
import siamese
from helpers import ROOT, parsed

COURSE = ROOT / "docs" / "course"
SESSIONS = sorted(COURSE.glob("session-*.md"))
NOTEBOOKS = runpy.run_path(str(COURSE / "notebooks.py"))


# --------------------------------------------------------------------------------------- notebooks

@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_notebooks_are_what_docs_course_notebooks_py_makes_of_the_pages(page):
    # Code of the pages, and so of the notebooks, runs in tests/test_documents.py, and the options are parsed there.
    text = page.with_suffix(".ipynb").read_bytes().decode()
    assert text == NOTEBOOKS["notebook"](page.read_text("utf-8")), "run: python docs/course/notebooks.py"
    cells = json.loads(text)["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    in_page = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    in_notebook = [each for each in code[1:] if not each.startswith(("!python", "from IPython"))]
    assert in_notebook == [each.strip() for each in in_page]
    assert len({cell["id"] for cell in cells}) == len(cells)
    for each in code:
        compile(re.sub(r"^!python train\.py .*$", "", each, flags=re.M), page.stem, "exec")


def test_the_first_cell_leads_to_the_root_from_the_folder_of_the_notebooks(monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.chdir(COURSE)
    exec(NOTEBOOKS["SETUP"], {})
    assert os.getcwd() == sys.path[0] == str(ROOT)


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_pictures_that_a_notebook_shows_are_those_that_its_commands_draw(page):
    text, drawn = page.read_text("utf-8"), set()
    for command in re.findall(r"^python train\.py (.*)$", text, re.M):
        chosen = parsed(command.split())
        number = figures.OF_SYSTEM.get(chosen.system, (9,))[0]
        drawn |= {f"{chosen.out or 'runs'}/{chosen.system}/seed-0/figure_{n}.png" for n in (number, 9)}
    shown = " ".join(re.findall(r"<!-- show (.*) -->", text)).split()
    assert shown and set(shown) <= drawn


# --------------------------------------------------------------------------------------- exercises

def test_exercise_sigmoid():
    marking.sigmoid()


def test_exercise_logits():
    marking.logits()


def test_exercise_derangement():
    marking.derangement()


def test_exercise_cross_entropy():
    marking.cross_entropy()


def test_exercise_slopes():
    marking.slopes()


def test_exercise_backward():
    marking.backward()


def test_exercise_step():
    marking.step()


def test_exercise_forward():
    marking.forward()


def test_exercise_early_stopping():
    marking.early_stopping()


def test_exercise_reduce_rate():
    marking.reduce_rate()


def test_exercise_adadelta():
    marking.adadelta()


def test_exercise_boosts():
    marking.boosts()


def test_exercise_transform_fields():
    marking.transform_fields()


def test_exercise_interval():
    marking.interval()


def test_exercise_ridge():
    marking.ridge()


def test_exercise_r2_score():
    marking.r2_score()


# ----------------------------------------------------------------------------- the marking itself

NETWORK, STOP, REDUCE = siamese.SiameseNetwork, siamese.EarlyStopping, siamese.ReduceLearningRateOnPlateau
SOLUTIONS = {                           # exercise: how its solution begins, and the place of that function
    "sigmoid": ("sigmoid(", siamese, "sigmoid"), "logits": ("logits(", NETWORK, "logits"),
    "derangement": ("derangement(", physics, "derangement"),
    "cross_entropy": ("cross_entropy(", siamese, "cross_entropy"),
    "relu_slope": ("relu_slope(", siamese, "relu_slope"), "tanh_slope": ("tanh_slope(", siamese, "tanh_slope"),
    "backward": ("backward(", NETWORK, "backward"), "step": ("step(self, rows", NETWORK, "step"),
    "forward": ("forward(", NETWORK, "forward"), "early_stopping": ("stop(", STOP, "update"),
    "reduce_rate": ("reduce(", REDUCE, "update"), "adadelta": ("step(self, parameters", siamese.Adadelta, "step"),
    "boosts": ("boosts(", physics, "boosts"), "interval": ("interval(", physics, "interval"),
    "transform_fields": ("transform_fields(", physics, "transform_fields"),
    "ridge": ("ridge(", regression, "ridge"), "r2_score": ("r2_score(", regression, "r2_score")}


def judged(monkeypatch, exercise, old="", new=""):
    """Judge the solution of an exercise, in which a student wrote `new` in place of `old`."""
    begin, place, name = SOLUTIONS[exercise]
    text = (COURSE / "solutions.md").read_text("utf-8")
    block = next(block for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S) if f"def {begin}" in block)
    imports, function = block.split(f"def {begin}")
    assert old in function
    names = {}
    exec(f"{imports}def {begin}{function.replace(old, new) if old else function}", names)
    written = names[begin.split("(")[0]]
    monkeypatch.setattr(place, name, written)
    if exercise in ("relu_slope", "tanh_slope"):
        activate, _ = siamese.ACTIVATIONS[exercise[:4]]
        monkeypatch.setitem(siamese.ACTIVATIONS, exercise[:4], (activate, written))
    getattr(marking, "slopes" if "slope" in exercise else exercise)()


@pytest.mark.parametrize("exercise", SOLUTIONS)
def test_solutions_pass(exercise, monkeypatch):
    judged(monkeypatch, exercise)


@pytest.mark.parametrize("exercise, old, new, words", [
    ("sigmoid", "0.5 + 0.5 * np.tanh(0.5 * z)", "1 / (1 + np.exp(-z))", "at z = -10000 .* overflow"),
    ("sigmoid", "np.tanh(0.5 * z)", "np.tanh(z)", "without the 1/2 inside tanh"),
    ("sigmoid", "return ", "", "returns nothing"),
    ("logits", " + self.b[0]", "", "off by .* everywhere.\nThis is what comes out without \\+ b"),
    ("logits", "difference**2", "difference", "without the square"),
    ("logits", "np.sum", "np.mean", "k = 3: entry .*\n.*the mean over the k neurons"),
    ("logits", ", axis=1", "", r"shape \(\) and should have \(6,\)"),
    ("derangement", "if n < 2:", "if n < 0:", r"derangement\(1, rng\) returns \[0\]. It must raise ValueError"),
    ("derangement", "np.roll(cycle, 1)", "cycle", "Element 0 is left in its place"),
    ("derangement", "rng.perm", "np.random.perm", "Draw from the rng"),
    ("derangement", "cycle = rng.permutation(n)", "cycle = np.arange(n)", "for every rng. It must be random"),
    ("cross_entropy", "np.mean", "np.sum", "is 2.207 and should be 0.4415.\n.*the sum over the pairs"),
    ("cross_entropy", "np.log1p(np.exp(-np.abs(z)))", "np.log1p(np.exp(z)) - np.maximum(z, 0)", "from z, as softplus"),
    ("relu_slope", "a[:] = ", "a = ", "relu.*\n.*a stays as it was"),
    ("tanh_slope", "a**2", "a", "tanh.*\n.*without the square"),
    ("backward", "[l][:] = a", "[l] = a", r"_dlayers\[0\] and .* bound to a new array"),
    ("backward", "[:] = a.T", " += a.T", "`\\+=` used"),
    ("backward", "= a.T", "= 2 * a.T", r"dW3, last row \(biases\)   is 2 times the numerical gradient"),
    ("backward", "delta = below * hidden", "delta = below", "without the slope .*step 7(.|\n)* dW3  *right"),
    ("backward", "[l][:] = a.T", "[l][:-1] = a[:, :-1].T", r"dW1, last row \(biases\)   is zero"),
    ("step", "2 * self.w *", "self.w *", r"without the factor 2 .step 4.(.|\n)* dW1  *is 0.5 times (.|\n)* dw .*right"),
    ("step", "- y) / len(y)", "- y)", "dw of .1.  *is 30 times the numerical gradient"),
    ("step", "siamese.sigmoid(z) - y", "y - siamese.sigmoid(z)", "y - F .*(.|\n)* dW1  *has the wrong sign"),
    ("step", "np.add.at(delta, first, g) ", "delta[first] += g ", "several pairs.*np.add.at"),
    ("step", "np.subtract.at", "np.add.at", "with \\+g in place of -g"),
    ("step", "self._dw[0], self._db[0] =", "self._dw, self._db =", "self._dw and self._db was bound"),
    ("step", "dz.sum()", "dz.mean()", "(?s)dW1  *right.* db of .1.  *is 0.0333333 times"),
    ("step", "return z", "return", "returns nothing"),
    ("forward", "activate(z, np.zeros_like(z))", "pass", "without the activation"),
    ("forward", "a[:] = np.col", "a = np.col", r"input of W2 in self._a\[0\], for backward: the result"),
    ("early_stopping", ">=", ">", "loss number 7.\n.*one epoch too long"),
    ("early_stopping", "0 if loss", "self.waited if loss", "start again at 0 after a better loss"),
    ("reduce_rate", " - self.min_delta", "", "without min_delta"),
    ("adadelta", "parameters -=", "parameters = parameters -", "leaves the parameters as they were"),
    ("adadelta", "self.epsilon / (1 - self.rho)", "self.epsilon", "take epsilon / "),
    ("adadelta", "parameters -=", "parameters +=", "up the gradient"),
    ("boosts", "-gamma * beta", "gamma * beta", r"entry \[0, 0, 1\] is 0.75 and should be -0.75(.|\n)*by -β"),
    ("boosts", "< 1", "<= 1", r"boosts\(\[0.5, 1.0\]\) .*must raise ValueError"),
    ("boosts", "np.sqrt(1 - beta**2)", "(1 - beta**2)", "without the square root"),
    ("transform_fields", "nac,nbd", "nca,ndb", "Λ F Λ.T in place of Λ.T F Λ"),
    ("interval", "-x[:, 0]", "x[:, 0]", "without the minus of t²"),
    ("ridge", "+ alpha * np.eye(features.shape[1])", "", "without the penalty"),
    ("ridge", "centred = features - mean", "centred = features", "the features are not"),
    ("ridge", "target_mean - mean @ (solution / scale)", "target_mean", "intercept.*\n.*mean of φ·c is missing"),
    ("r2_score", "(target - target.mean())", "target", "the mean of the target is not subtracted"),
    ("r2_score", "total <= 1e-24 * np.sum(target**2)", "total < 0", "constant target, 2.0, .* -inf")])
def test_what_a_student_got_wrong_is_said_in_words(exercise, old, new, words, monkeypatch):
    with np.errstate(all="ignore"), pytest.raises(pytest.fail.Exception, match=words):
        judged(monkeypatch, exercise, old, new)


def test_a_loop_without_end_is_ended(monkeypatch):
    monkeypatch.setattr(marking, "SECONDS", 0.2)
    with pytest.raises(pytest.fail.Exception, match=r"derangement\(1, rng\) does not end"):
        judged(monkeypatch, "derangement", "if n < 2:", "while n == 1:\n        pass\n    if n < 2:")


def test_an_activation_that_a_student_adds_is_judged_too(monkeypatch):
    def softplus(z, _):
        z[:] = np.logaddexp(0, z)

    def slope(a):
        a[:] = 1 - np.exp(-a)
    monkeypatch.setitem(siamese.ACTIVATIONS, "softplus", (softplus, slope))
    marking.slopes()
    monkeypatch.setitem(siamese.ACTIVATIONS, "softplus", (softplus, siamese.relu_slope))
    with pytest.raises(pytest.fail.Exception, match="the slope of softplus"):
        marking.slopes()
