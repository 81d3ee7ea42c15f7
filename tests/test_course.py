"""The course: notebooks are what its pages say, the key passes the judges, copies hold no solutions.

The exercises themselves are in test_exercises.py, their judges in marking.py.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import marking
import physics
import regression
import siamese
from helpers import ROOT

COURSE = ROOT / "docs" / "course"
sys.path.insert(0, str(COURSE))
import exercises
import handout
import notebooks
import score

SESSIONS = {page.stem: page.read_text("utf-8") for page in sorted(COURSE.glob("session-*.md"))}


def cells_of(name):
    return json.loads((COURSE / f"{name}.ipynb").read_text("utf-8"))["cells"]


def output_of(cell):
    return "".join("".join(each.get("text", "")) + "".join(each.get("data", {}).get("text/html", ""))
                   for each in cell.get("outputs", ()))


# --------------------------------------------------------------------------------------- notebooks

@pytest.mark.parametrize("name", SESSIONS)
def test_notebooks_are_what_docs_course_notebooks_py_makes_of_the_pages(name):
    cells = cells_of(name)
    ran = [{**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell for cell in cells]
    assert ran == notebooks.make_cells(SESSIONS[name], name), "run: python docs/course/notebooks.py --text"
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(cell["outputs"] for cell in code[1:])
    assert not any(re.search("^epoch .*/.*\nepoch .*/", output_of(cell), re.M) for cell in code)


@pytest.mark.parametrize("name", SESSIONS)
def test_each_number_of_a_page_stands_in_the_output_of_the_command_named_below_it(name):
    cells, found = cells_of(name), re.findall(r"^<!-- from (.*?); (.*) -->$", SESSIONS[name], re.M)
    assert found
    for command, numbers in found:
        outputs = [output_of(cell) for cell in cells if command == "the block above"
                   or f"!{command}\n" in "".join(cell["source"]) + "\n"]
        for number in numbers.split(", "):
            assert any(number in output for output in outputs), (command, number)


def test_outputs_of_cells_that_train_nothing_come_out_again(monkeypatch):
    monkeypatch.chdir(ROOT)
    others = re.compile(r"^!|train|Image|REPOSITORY|sine|discover|polynomial", re.M)
    for name in ("session-1", "session-2", "session-5"):
        for cell in cells_of(name):
            if cell["cell_type"] == "code" and not others.search("".join(cell["source"])):
                again = json.loads(json.dumps(cell))
                notebooks.run([again])
                assert numbers(output_of(again)) == pytest.approx(numbers(output_of(cell)), rel=1e-3, abs=1e-9)


@pytest.mark.slow
def test_notebooks_that_run_again_say_the_same(tmp_path):
    shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(".git", "runs", "__pycache__"))
    subprocess.run([sys.executable, "docs/course/notebooks.py"], cwd=tmp_path / "copy", check=True)
    for name in SESSIONS:
        again = json.loads((tmp_path / "copy" / "docs" / "course" / f"{name}.ipynb").read_text("utf-8"))["cells"]
        assert [output_of(cell) for cell in again] == [output_of(cell) for cell in cells_of(name)]


def numbers(text):
    return [float(each) for each in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]


def test_pictures_are_small_and_shown():
    shown = {path for text in SESSIONS.values() for path in re.findall(r"\]\((figures/[^)]*)\)", text)}
    assert {COURSE / path for path in shown} == set((COURSE / "figures").glob("*.png"))
    assert all((COURSE / path).stat().st_size < 40_000 for path in shown)


@pytest.mark.parametrize("name", SESSIONS)
def test_mathematics_is_what_mathjax_and_github_both_know(name):
    # GitHub takes the backslash off \, \{ and the like before MathJax sees it; \thickspace is unknown.
    assert not re.search(r"\\thickspace|\\[,;!{}]", SESSIONS[name])


def test_the_first_cell_leads_to_the_root_or_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.chdir(COURSE)
    exec(notebooks.SETUP, {})
    assert os.getcwd() == sys.path[0] == str(ROOT)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="Clone the repository"):
        exec(notebooks.SETUP, {})


# --------------------------------------------------------------------------------- exercises and key

def test_points_and_minutes_of_the_pages_are_those_of_the_table():
    table = {number: (points, minutes) for number, points, minutes, _ in exercises.JUDGED.values()}
    table |= exercises.BY_HAND
    said = {number: (int(points), int(minutes)) for number, points, minutes in re.findall(
        r"^\*\*(\d\.\d)\*\* \((\d+) points?, (\d+) minutes", "\n".join(SESSIONS.values()), re.M)}
    assert said == table and sum(points for points, _ in table.values()) == 100
    days = re.findall(r"session (\d) \| .*?, (\d+) minutes \| (\d+) \|", (COURSE / "README.md").read_text("utf-8"))
    for day, minutes, points in days:
        rows = [row for number, row in table.items() if number[0] == day]
        assert (int(points), int(minutes)) == tuple(map(sum, zip(*rows)))
    assert len(days) == 5
    assert {*exercises.JUDGED, "activations"} == set(marking.JUDGES)


PLACES = {                              # function in the key: where it belongs
    **{target.split(".")[-1]: target for row in exercises.JUDGED.values() for target in row[3].split()
       if not target.endswith((".update", ".step"))},
    "step(self, aug": "siamese.SiameseNetwork.step", "step(self, par": "siamese.Adadelta.step",
    "stop": "siamese.EarlyStopping.update", "reduce": "siamese.ReduceLearningRateOnPlateau.update"}
KEY = re.findall(r"^```python\n(.*?)^```", (COURSE / "solutions.md").read_text("utf-8"), re.M | re.S)


def answer(monkeypatch, exercise, old="", new=""):
    """Put the key's functions of an exercise in their place, with `new` written for `old`."""
    targets = exercises.JUDGED[exercise][3].split()
    begins = [begin for begin, target in PLACES.items() if target in targets]
    text = next(block for block in KEY if f"def {begins[0]}" in block)
    assert old in text
    names = {}
    exec(text.replace(old, new) if old else text, names)
    modules = {"siamese": siamese, "physics": physics, "regression": regression}
    for begin in begins:
        module, *place, name = PLACES[begin].split(".")
        owner = getattr(modules[module], *place) if place else modules[module]
        monkeypatch.setattr(owner, name, names[begin.split("(")[0]])


def test_the_key_has_the_numbers_of_its_exercises_by_hand():
    text = (COURSE / "solutions.md").read_text("utf-8")
    f = siamese.sigmoid(np.array([-1.0, 3, 8, 0]))      # z = d^2 - 1
    assert f"$F = {f[0]:.2f}$" in text and f"$F = {f[1]:.3f}, {f[2]:.4f}, {f[3]:.1f}$" in text
    loss, loss_after = np.log1p(np.exp([1.0, 1.01**2]))                         # -log(1 - F)
    rise = siamese.sigmoid(1.0)
    assert f"$F = {rise:.3f}$, the loss is $-\\ln(1 - F) = {loss:.3f}$" in text
    assert f"$u = 1.01$ the loss\nis {loss_after:.3f}: it rises by {loss_after - loss:.4f}, as ${2 * rise:.3f}" in text


@pytest.mark.parametrize("exercise", exercises.JUDGED)
def test_the_key_passes(exercise, monkeypatch):
    answer(monkeypatch, exercise)
    marking.judge_exercise(exercise)


@pytest.mark.parametrize("exercise, old, new, words", [
    ("sigmoid", "0.5 + 0.5 * np.tanh(0.5 * z)", "1 / (1 + np.exp(-z))", "at z = -10000 .* overflow"),
    ("sigmoid", "np.tanh(0.5 * z)", "np.tanh(z)", "without the 1/2 inside tanh"),
    ("sigmoid", "return ", "", "returns nothing"),
    ("pair_logits", " + self.b", "", "off by .* everywhere.\nThis is what comes out without \\+ b"),
    ("pair_logits", "difference**2", "difference", "s: .*\n.*without the square"),
    ("pair_logits", "np.sum", "np.mean", "k = 3, s: .*\n.*the mean over the k neurons"),
    ("pair_logits", ", axis=1", "", r"shape \(\) and should have \(4,\)"),
    ("derangement", "if n < 2:", "if n < 0:", r"derangement\(1, rng\) returns \[0\]. It must raise ValueError"),
    ("derangement", "np.roll(cycle, 1)", "cycle", "Element 0 is left in its place"),
    ("derangement", "rng.perm", "np.random.perm", "Draw from the rng"),
    ("derangement", "cycle = rng.permutation(n)", "cycle = np.arange(n)", "for every rng. It must be random"),
    ("cross_entropy", "np.mean", "np.sum", "is 2.207 and should be 0.4415.\n.*the sum over the pairs"),
    ("cross_entropy", "return ", "import siamese\n    F = np.clip(siamese.sigmoid(z), 1e-6, 1 - 1e-6)\n"
     "    return -np.mean(y * np.log(F) + (1 - y) * np.log(1 - F)) or ", r"1.013e-06 and should be 0(.|\n)*softplus"),
    ("cross_entropy", "np.log1p(np.exp(-np.abs(z)))", "np.log1p(np.exp(z)) - np.maximum(z, 0)", "from z, as softplus"),
    ("derivatives", "a[:] = a > 0", "a = a > 0", "relu.*\n.*a stays as it was"),
    ("derivatives", "1 - a**2", "1 + a**2", "tanh.*\n.*for 1 \\+ a²"),
    ("derivatives", "a**2", "a", "tanh.*\n.*without the square"),
    ("backpropagate_delta", " * derivative[:, :-1]", "", "without the derivative of the activation"),
    ("backpropagate_delta", "[:-1].T * derivative[:, :-1]", ".T * derivative", r"shape \(8, 7\) and should have .8, 6"),
    ("backward", "[l][:] = a", "[l] = a", r"_dlayers\[0\] and .* were each bound to a new array"),
    ("backward", "[:] = a.T", " += a.T", "`\\+=` used"),
    ("backward", "= a.T", "= 2 * a.T", r"dW3, last row \(biases\)   is 2 times the numerical gradient"),
    ("backward", "[l][:] = a.T", "[l][:-1] = a[:, :-1].T", r"dW1, last row \(biases\)   is zero"),
    ("step", "2 * self.w *", "self.w *", r"without the factor 2 .step 4.(.|\n)* dW1  *is 0.5 times (.|\n)* dw .*right"),
    ("step", "- y) / len(y)", "- y)", "dw of .1.  *is 30 times the numerical gradient"),
    ("step", "siamese.sigmoid(z) - y", "siamese.sigmoid(z)", "for F in place of F - y"),
    ("step", "/ len(y)", "/ len(augmented)", "with 2n in place of n"),
    ("step", "siamese.sigmoid(z) - y", "y - siamese.sigmoid(z)", "y - F .*(.|\n)* dW1  *has the wrong sign"),
    ("step", "np.add.at(delta, first, g) ", "delta[first] += g ", "several pairs.*np.add.at"),
    ("step", "np.subtract.at", "np.add.at", "with \\+g in place of -g"),
    ("step", "self._dw[0], self._db[0] =", "self._dw, self._db =", "self._dw and self._db were each bound"),
    ("step", "dz.sum()", "dz.mean()", "(?s)dW1  *right.* db of .1.  *is 0.0333333 times"),
    ("step", "return z", "return", "returns nothing"),
    ("forward", "activate(a_next, memory)", "pass", "without the activation"),
    ("forward", "a_next[:, :-1] = a @", "a_next = np.c_[a @ weights, a[:, -1]]; _ = a @", "W2 in the buffer a.0."),
    ("early_stopping", ">=", ">", "loss number 7.\n.*one epoch too long"),
    ("early_stopping", "0 if loss", "self.wait if loss", "start again at 0 after a better loss"),
    ("reduce_rate", "self.wait == self.patience", "self.wait == self.patience - 1", "one epoch too short"),
    ("reduce_rate", " - self.min_delta", "", "without min_delta"),
    ("adadelta", "parameters -=", "parameters = parameters -", "leaves the parameters as they were"),
    ("adadelta", "+ gradients**2", "+ (1 - self.rho) * gradients**2", "before g² and not before d²"),
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
    ("r2_score", "total <= 1e-24 * np.sum(target**2)", "total < 0", "constant target, 2.0, .* -inf"),
    ("group_terms", "if size[name] >= drop * size[falling[0]]", "", "below a tenth of the largest are kept"),
    ("group_terms", "members[-1][0]]", "members[-1][-1]]", "compare it with the first"),
    ("group_terms", "sum(signs.values()) or ", "", "the majority decides"),
    ("group_terms", "np.mean([", "max([", "it is their mean"),
    ("group_terms", " or not np.isfinite([*size.values()]).all()", "", "must raise ValueError")])
def test_what_a_student_got_wrong_is_said_in_words(exercise, old, new, words, monkeypatch):
    answer(monkeypatch, exercise, old, new)
    with np.errstate(all="ignore"), pytest.raises(marking.Wrong, match=words) as wrong:
        marking.judge_exercise(exercise)
    assert "inf%" not in str(wrong.value) and wrong.value.__cause__ is None


def test_a_loop_without_end_is_ended(monkeypatch):
    monkeypatch.setattr(marking, "SECONDS", 0.2)
    answer(monkeypatch, "derangement", "if n < 2:", "while n == 1:\n        pass\n    if n < 2:")
    with pytest.raises(marking.Wrong, match=r"derangement\(1, rng\) does not end"):
        marking.judge_exercise("derangement")


def test_an_activation_that_a_student_adds_is_judged_too(monkeypatch):
    gelu = {}
    exec(next(block for block in KEY if "def gelu" in block), gelu)
    monkeypatch.setitem(siamese.ACTIVATIONS, "gelu", (gelu["gelu"], gelu["gelu_derivative"]))
    marking.judge_exercise("activations")
    monkeypatch.setitem(siamese.ACTIVATIONS, "sine", (lambda z, _: np.sin(z, out=z), lambda a, _: np.cos(a, out=a)))
    with pytest.raises(marking.Wrong, match="the derivative of sine(.|\n)*`memory`"):
        marking.judge_exercise("activations")
    marking.judge_exercise("derivatives")               # exercise 2.2, which it does not cost


# -------------------------------------------------------------------------------- hand out and score

@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("students") / "ada"
    handout.main([str(folder)])
    return folder


def test_a_copy_has_empty_bodies_judges_and_no_solutions(copy):
    files = {path.relative_to(copy).as_posix(): path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert not [name for name in files if ".git" in name or "solutions" in name or "handout" in name]
    assert {"tests/marking.py", "tests/test_exercises.py", "docs/course/score.py"} <= set(files)
    assert not any(b"solutions.md" in content for name, content in files.items() if "course" in name)
    for page in copy.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists() or "solutions" in target, (page, target)
    assert b"eq_05\n" not in files["README.md"] and b"## More" in files["README.md"]
    code = "".join(files[f"{name}.py"].decode() for name in ("siamese", "physics", "regression"))
    targets = [target for row in exercises.JUDGED.values() for target in row[3].split()]
    assert code.count("is not written yet") == len(targets)
    for line in ("np.tanh(0.5 * z)", "np.log1p", "np.roll(cycle", "2 * self.w", "np.greater", "lstsq", "gamma * beta"):
        assert line not in code, line


def test_a_copy_is_scored_whatever_state_it_is_in(copy, capsys, monkeypatch):
    # Right, wrong, not written, an error of Python, and another exercise left open that the right one needs.
    original = {name: (copy / name).read_text("utf-8") for name in ("siamese.py", "physics.py")}
    whole = (ROOT / "siamese.py").read_text("utf-8")
    body = whole[whole.index("        z, s, difference = self.pair"):whole.index("    def backward(")]
    text = original["siamese.py"].replace(
        '        from support.checks import UserError\n'
        '        raise UserError("SiameseNetwork.step is not written yet: exercise 2.5")\n', body.rstrip() + "\n")
    text = text.replace('    raise UserError("sigmoid is', "    return z  # wrong\n    raise UserError(\"sigmoid is")
    (copy / "siamese.py").write_text(text.replace('raise UserError("cross_entropy is', 'undefined + 1  # ("'), "utf-8")
    monkeypatch.setattr(score, "JUDGED", {name: exercises.JUDGED[name] for name in (
        "step", "sigmoid", "forward", "cross_entropy")})
    score.main([str(copy)])
    said = capsys.readouterr().out
    for words in ("2.5  step                 6 of 6  right", "sigmoid              0 of 2  sigmoid.z.: ",
                  "forward is not written yet: exercise 2.6", "NameError: .*undefined.* .siamese.py, line",
                  "6 of 14 points"):
        assert re.search(words, said), (words, said)
    for name, content in original.items():
        (copy / name).write_text(content, "utf-8")


def fill(folder):
    """Write the key's bodies into the empty functions of a copy, each with the imports of its block."""
    for begin, target in PLACES.items():
        module, name = target.split(".", 1)
        block = next(block for block in KEY if f"def {begin}" in block)
        body = re.search(rf"^def {re.escape(begin)}.*\n((?: .*\n|\n)+)", block, re.M)[1]
        imports = "".join(re.findall(r"^(?:from|import) .*\n", block, re.M))
        text = textwrap.indent(imports + textwrap.dedent(body), "    " * target.count("."))
        stub = rf' *from support.checks import UserError\n *raise UserError\("{re.escape(name)} is not written.*\n'
        path = folder / f"{module}.py"
        filled, count = re.subn(stub, lambda _: text, path.read_text("utf-8"))
        assert count == 1, target
        path.write_text(filled, "utf-8")


@pytest.fixture
def filled(copy, tmp_path):
    fill(shutil.copytree(copy, tmp_path / "filled"))
    return tmp_path / "filled"


def scored(folder, capsys, monkeypatch, *names):
    """Points of the exercises, and the remark about the first."""
    monkeypatch.setattr(score, "JUDGED", {name: exercises.JUDGED[name] for name in names})
    assert score.main([str(folder), "--json"]) == 0
    result, = json.loads(capsys.readouterr().out)
    return {name: row["points"] for name, row in result["exercises"].items()}, result["exercises"][names[0]]["remark"]


def test_a_file_that_does_not_compile_costs_the_points_of_its_own_exercises(filled, capsys, monkeypatch):
    (filled / "siamese.py").write_text("def broken(:\n", "utf-8")
    points, remark = scored(filled, capsys, monkeypatch, "step", "ridge", "interval")
    assert points == {"step": 0, "ridge": 5, "interval": 1}
    assert re.match(r"SyntaxError: .*\(siamese.py, line 1\)$", remark)


def test_a_function_of_another_name_costs_its_own_points(filled, capsys, monkeypatch):
    text = (filled / "siamese.py").read_text("utf-8")
    (filled / "siamese.py").write_text(text.replace("def pair_logits(", "def pair_logit("), "utf-8")
    points, remark = scored(filled, capsys, monkeypatch, "pair_logits", "step", "sigmoid")
    assert points == {"pair_logits": 0, "step": 6, "sigmoid": 2}
    assert remark.startswith("siamese.SiameseNetwork.pair_logits is not there.")


@pytest.mark.parametrize("line, words", [
    ("print('right'); import os; os._exit(0)", "the judge was ended, with the status 0$"),
    ("np.ones(10**12)", r".*MemoryError: Unable to allocate .* \(physics.py, line \d+\)$")])
def test_what_a_module_does_at_its_import_is_no_verdict(line, words, filled, capsys, monkeypatch):
    with open(filled / "physics.py", "a", encoding="utf-8") as file:
        file.write(line + "\n")
    points, remark = scored(filled, capsys, monkeypatch, "interval", "sigmoid")
    assert points == {"interval": 0, "sigmoid": 2} and re.match(words, remark)


def test_the_open_sessions_of_a_copy_are_scored(tmp_path, capsys):
    handout.main([str(tmp_path / "ada"), "1"])
    assert score.main([str(tmp_path / "nobody"), str(tmp_path / "ada")]) == 1
    said, errors = capsys.readouterr()
    assert said.endswith("\n0 of 12 points. By hand: 1.1, for up to 3 more.\n")
    assert re.fullmatch("score.py: .*nobody is no copy of the course: it has no siamese.py\n", errors)


@pytest.mark.parametrize("words", [[], ["x", "6"], ["--help"], ["."]])
def test_a_copy_is_refused_in_one_sentence(words, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match="usage|exists already"):
        handout.main(words)


def test_a_copy_that_is_filled_from_the_key_trains(filled):
    ended = subprocess.run([sys.executable, "train.py", "--system", "sr", "--epochs", "1", "--pairs", "200"],
                           cwd=filled, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (filled / "runs" / "sr" / "seed-0" / "report.html").exists()


def test_a_training_in_a_copy_says_which_exercise_it_needs(copy):
    ended = subprocess.run([sys.executable, "train.py", "--system", "sr"], cwd=copy, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (2, "train.py: derangement is not written yet: exercise 1.4\n")
