"""The page on many runs, from canned results, and the runner of many runs."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import jobs
import physics
import report
import train
from test_data import GOOD, NAMES, rows_of, table

ROOT = Path(__file__).parent.parent


def canned(system="sr", seed=0, schedule="quick", accuracy=0.95, r2=0.997):
    """A result as train.py writes it, with chosen numbers."""
    return {"system": system, "seed": seed, "schedule": schedule, "epochs": 80, "train_accuracy": accuracy + 0.01,
            "test_accuracy": accuracy, "r2": {"1": [0.001, 0.0], "2": [r2, r2 - 0.001], "3": [r2, r2], "4": [r2, r2]},
            "optimal_order": 2, "polynomial": {"terms": {"t^2": -9.0}, "intercept": 0.5, "text": "-9.00t² + 0.50"},
            "formula": "f ≈ -9.00 t² + 0.50", "formula_spread": 0.0, "formula_dropped": ["x", 0.01],
            "correlations": {name: 0.99 for name in physics.SYSTEMS[system].invariants},
            "alignment": None, "sparse": {}, "on_invariants": {}}


def saved(folder, **numbers):
    path = folder / "result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(canned(**numbers)), "utf-8")
    return path


def rows(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_page_gives_mean_deviation_and_lowest_seed_beside_the_paper(tmp_path):
    for seed, accuracy in enumerate((0.93, 0.94, 0.98)):
        saved(tmp_path / f"{seed}", seed=seed, accuracy=accuracy)
    text = report.summary(report.load_results([tmp_path]))
    assert "Seeds 0, 1, 2." in text and "Optimal order: 2 in 3 of 3." in text
    # mean 0.95, deviations -0.02, -0.01, 0.03, so that the variance is 0.0014 / 2
    assert ["accuracy, test", "0.92", "0.9500", "0.0265", "0.9300", "higher"] in rows(text)
    assert ["R² of order 1, training", "0.0013", "0.0010", "0.0000", "0.0010", "agrees"] in rows(text)


@pytest.mark.parametrize("name", physics.SYSTEMS)
def test_the_page_holds_every_number_that_the_paper_publishes(name):
    paper = physics.SYSTEMS[name].published
    text = report.summary([canned(name)])
    expected = [("accuracy, training", f"{paper.accuracy[0]:.2f}"), ("accuracy, test", f"{paper.accuracy[1]:.2f}")]
    for order, scores in paper.r2.items():
        expected += [(f"R² of order {order}, {which}", f"{score:.4f}") for which, score in zip(("training", "test"), scores)]
    found = [tuple(row[:2]) for row in rows(text)]
    assert all(row in found for row in expected)
    assert paper.polynomial in text and paper.formula in text


def test_a_search_that_fails_is_said_in_words():
    assert "No invariant was found in 1 of 1 runs" in report.summary([canned("sr-fixed", accuracy=0.58)])
    assert "No invariant was found" in report.report(canned("sr-fixed", accuracy=0.58))


def test_systems_are_in_the_order_of_the_paper_and_seeds_rise(tmp_path):
    for system, seed in (("em", 0), ("sr", 10), ("cp", 0), ("sr", 2)):
        saved(tmp_path / f"{system}{seed}", system=system, seed=seed)
    assert [(r["system"], r["seed"]) for r in report.load_results([tmp_path])] == [("sr", 2), ("sr", 10), ("cp", 0), ("em", 0)]


def test_reports_on_nothing_on_damaged_on_mixed_and_on_repeated_results_are_refused_by_file(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    good = saved(tmp_path / "good")
    saved(tmp_path / "mixed", schedule="paper", seed=1)
    saved(tmp_path / "repeated")
    damaged = {"cut": good.read_text()[:100], "list": "[1, 2]", "other": '{"system": "mars", "seed": 0}',
               "partial": '{"system": "sr", "seed": 5}', "binary": "\x00\xff",
               "orders": json.dumps({**canned(seed=6), "r2": {}}), "text": json.dumps({**canned(seed=7), "test_accuracy": "x"})}
    for name, content in damaged.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(content, "latin-1")
    for folder, words in (("empty", "no folder that holds a result.json"), ("absent", "no folder that holds a result.json"), ("mixed", "schedule paper"),
                          ("repeated", "second run of sr with seed 0"), *((name, "damaged") for name in damaged)):
        folders = [str(tmp_path / "good"), str(tmp_path / folder)]
        assert train.main(["--report", *folders]) == 2
        printed = capsys.readouterr()
        assert words in printed.err and str(tmp_path / folder) in printed.err and printed.err.count("\n") == 1
        assert printed.out == ""


def test_seeds_with_other_settings_are_not_averaged(tmp_path):
    for seed, width in ((0, 10), (1, 20)):
        saved(tmp_path / str(seed), seed=seed).write_text(json.dumps({**canned(seed=seed), "settings": {"width": width}}))
    with pytest.raises(ValueError, match="1/result.json has other settings"):
        report.load_results([tmp_path])


@pytest.mark.parametrize("text, seeds", [("0-2", [0, 1, 2]), ("3", [3]), ("0,3,7-9", [0, 3, 7, 8, 9])])
def test_seeds_are_given_as_ranges_and_lists(text, seeds):
    assert train.parse(["--seeds", text]).seeds == seeds


@pytest.mark.parametrize("arguments, words", [
    (["--seeds", "5-2"], "must be rising"), (["--seeds", "1,1"], "must be rising"), (["--seeds", "0-3,2"], "must be rising"),
    (["--seeds", "a"], "whole numbers as in 0-9"), (["--seeds", ""], "whole numbers as in 0-9"), (["--seeds", "-3"], "whole numbers as in 0-9"),
    (["--seeds", "2-"], "whole numbers as in 0-9"), (["--seeds", "0-99999999"], "too many seeds"), (["--seeds", "0-3", "--seed", "1"], "not allowed with"),
    (["--jobs", "0"], "--jobs: must be a whole number from 1"), (["--jobs", "two"], "--jobs: must be a whole number"),
    (["--report"], "--report: expected at least one"), (["--system", "all", "--model", "m.npz"], "give its one --system"),
    (["--report", "results", "--seeds", "0-3"], "leave out --seeds"),
    (["--model", "m.npz", "--discover", "--seeds", "0-1"], "leave out --discover, --seeds")])
def test_bad_lists_of_seeds_and_jobs_are_refused(arguments, words, capsys):
    assert train.main(arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err and printed.err.count("\n") == 1 and printed.out == ""


@pytest.mark.parametrize("words", [
    ["--system", "cp", "--discover", "--fresh", "--pairs", "9", "--epochs", "3", "--learning-rate", "1e-05", "--hidden", "7", "5",
     "--activation", "tanh", "--schedule", "paper", "--device", "gpu", "--features", "rational", " -v_x^2 + y"],
    ["--data", "mine.csv", "--group", "star", "--known", "x*v_y - y*v_x", " -x", "--features", "polynomial", "--hidden", "4"]])
def test_each_of_many_runs_is_told_every_option_of_the_command(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "array_module", lambda device: np)
    table(tmp_path, ["star", *NAMES], rows_of(GOOD))
    options = train.parse([*words, "--seeds", "5-7", "--jobs", "2"])
    run = train.run_of(options, train.system_of(options), 6)
    assert run.command[:2] == [sys.executable, train.__file__]
    assert vars(train.parse(run.command[2:])) == {**vars(options), "seeds": None, "seed": 6, "jobs": 1}
    assert run.environment == dict.fromkeys(train.THREADS, "1") and run.folder.is_dir()


def test_as_many_jobs_run_at_a_time_as_asked_for_and_all_of_them_do(monkeypatch, capsys):
    monkeypatch.setattr(jobs.time, "sleep", lambda _: None)
    running, most, started = set(), [], []

    class Job:                                                                          # ends when asked for the third time
        progress, log, returncode, asked = "epoch", SimpleNamespace(close=lambda: None), None, 0

        def __init__(self, name):
            self.name, self.process = name, None

        def start(self):
            self.process = self
            running.add(self)
            started.append(self.name)
            most.append(len(running))

        def poll(self):
            self.asked += 1
            if self.asked == 3:
                running.discard(self)
                self.returncode = int(self.name == "c")
            return self.returncode

        def read(self):
            pass

        def outcome(self):
            return "ended"
    finished, failed = jobs.run_all([Job(name) for name in "abcdefg"], 3)
    assert started == list("abcdefg") and max(most) == 3
    assert sorted(job.name for job in finished) == list("abdefg") and [job.name for job in failed] == ["c"]


def run(*arguments):
    return subprocess.run([sys.executable, "train.py", "--pairs", "100", "--hidden", "5", *arguments], cwd=ROOT,
                          capture_output=True, text=True, encoding="utf-8", timeout=300)


def test_several_systems_and_seeds_run_as_jobs_and_end_in_one_page(tmp_path):
    ended = run("--system", "all", "--epochs", "1", "--jobs", "3", "--out", str(tmp_path))
    assert ended.returncode == 0 and ended.stderr == ""
    page = (tmp_path / "all-quick-seeds-0" / "report.md").read_text("utf-8")
    assert page in ended.stdout
    assert {path.name for path in (tmp_path / "all-quick-seeds-0").iterdir()} == {
        "report.md", "figure_1.png", "figure_2.png", "figure_8.png"}
    for name, system in physics.SYSTEMS.items():
        assert f"{name} seed 0: finished" in ended.stdout and f"## {system.title} (`{name}`)" in page
        assert (tmp_path / name / "seed-0" / "result.json").exists()


def test_a_job_that_fails_is_reported_and_the_others_finish(tmp_path):
    (tmp_path / "sr" / "seed-1" / "model.npz").mkdir(parents=True)                       # cannot be overwritten
    ended = run("--seeds", "0-2", "--epochs", "1", "--jobs", "2", "--out", str(tmp_path))
    assert ended.returncode == 1
    assert "sr seed 1: failed: train.py: cannot write" in ended.stdout
    assert "sr seed 0: finished" in ended.stdout and "sr seed 2: finished" in ended.stdout
    assert "Seeds 0, 2." in (tmp_path / "sr-quick-seeds-0-2" / "report.md").read_text("utf-8")


def test_the_board_keeps_one_line_per_job_in_place_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    class Job:
        def __init__(self, name, progress):
            self.name, self.progress = name, progress
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    board = jobs.Board(stream)
    board.draw([Job("a", "epoch 1"), Job("b", "epoch 1 " + "x" * 50)])
    board.draw([Job("b", "epoch 2")], ended="a: finished")
    assert stream.getvalue() == "a: epoch 1\n" + ("b: epoch 1 " + "x" * 50)[:29] + "\n" + "\x1b[2A\x1b[J" + "a: finished\nb: epoch 2\n"


def beyond(seed, r2, errors=(0.02, 0.01)):
    """A canned result with what the paper does not have."""
    return {**canned(seed=seed), "on_invariants": {"s^2": {"r2": r2, "r2_cubic": r2 + 0.001, "coefficients": [1.0], "correlation_of_square": 0.1 * seed}},
            "alignment": {"eigenvalues": {"1": [0.7, 0.8], "2": [0.01, 0.5]}, "order": 2, "formula": "f ≈ 0.500 (-t² + x²)",
                          "coefficient_errors": {"s^2": dict(zip(("ridge", "alignment"), errors))}},
            "sparse": {"polynomial": {"r2": [r2, r2], "richest_r2": 0.999, "terms": {"t^2": 1.0}, "formula": f"f ≈ {seed} t²"}}}


def test_the_report_shows_alignment_short_formulas_and_known_invariants():
    text = report.report(beyond(3, 0.98))
    assert ["2", "0.0100", "0.5000", "50.0"] in rows(text) and "f is a function of 0.500 (-t² + x²)" in text
    assert ["polynomial", "0.9800", "0.9990", "f ≈ 3 t²"] in rows(text) and ["s²", "0.9800", "0.9810", "0.3000"] in rows(text)


def test_the_report_speaks_of_a_common_factor_only_where_terms_share_one():
    assert "\nThe largest term left out, x, is 1.0% of the first factor.\n" in report.report(canned())
    shared = report.report({**canned(), "formula_spread": 0.02, "formula_dropped": [None, 0.0]})
    assert "\nCoefficients under a common factor agree within 2.0%.\n" in shared
    assert "factor" not in report.report({**canned(), "formula_dropped": [None, 0.0]})


def test_where_one_eigenvalue_is_left_there_is_no_gap():
    alone = {"eigenvalues": {"1": [0.5], "2": [0.01, 0.5]}, "order": 2, "terms": {}, "coefficient_errors": {}, "formula": None}
    table = rows(report.report({**canned(), "alignment": alone}))
    assert ["1", "0.5000", "-", "-"] in table and ["2", "0.0100", "0.5000", "50.0"] in table


def test_the_page_lists_every_seed_and_the_range_of_what_goes_beyond_the_paper():
    text = report.summary([beyond(0, 0.97), beyond(1, 0.99, (0.04, 0.05)), beyond(2, 0.98)])
    assert ["s²", "0.9800", "0.9700", "0.9900", "0.9810", "0.9710", "0.9910", "0.00 to 0.20"] in rows(text)
    assert "Gradient alignment: the gap opens at order 2 in 3 of 3." in text
    assert "ridge median 0.0200, worst 0.0400, alignment median 0.0100, worst 0.0500." in text
    assert [["0", "0.9500", "0.9960", "f ≈ 0 t²"], ["2", "0.9500", "0.9960", "f ≈ 2 t²"]] == [row for row in rows(text) if "t²" in row[-1] and row[0] in "02" and len(row) == 4]


def test_a_run_that_is_aligned_at_order_1_only_has_no_part_in_the_errors_of_coefficients():
    runs = [beyond(seed, 0.99) for seed in range(3)]
    runs[0]["alignment"] = {**runs[0]["alignment"], "eigenvalues": {"1": [0.7, 0.8]}, "order": None, "coefficient_errors": {}}
    assert "ridge median 0.0200, worst 0.0200, alignment median 0.0100, worst 0.0100." in report.summary(runs)
    assert report.summary(runs[::-1]).count("Error of the coefficients") == 1


def test_the_page_says_which_seeds_learned_nothing_and_shows_the_equation_of_one_that_did():
    lost = {**beyond(0, 0.0), "test_accuracy": 0.5, "formula": None}
    text = report.summary([lost, beyond(1, 0.99)])
    assert ["accuracy, test", "0.92", "0.9500", "-", "0.5000", "higher"] in rows(text)      # of the seed that learned; the lowest of all
    assert "No invariant was found in 1 of 2 runs" in text and "They count for the lowest values alone." in text
    assert rows(text)[2][-1].endswith(", in 1 of 2 seeds") and "Eq. (5), seed 1:" in text
    assert ["0", "0.5000", "0.9960", "no invariant"] in rows(text) and ["1", "0.9500", "0.9960", "f ≈ 1 t²"] in rows(text)
    assert report.summary([lost]).count("no invariant") == 2


def searched(seed, accuracies):
    steps = [{"train_accuracy": accuracy, "test_accuracy": accuracy, "independence": 0.9, "found": accuracy > 0.7, "alignment": None,
              "sparse": {}, "on_invariants": {"s^2": {"r2": 0.97, "r2_cubic": 0.98, "coefficients": [1.0], "correlation_of_square": 0.0}}} for accuracy in accuracies]
    return {"system": "sr", "seed": seed, "schedule": "quick", "count": sum(step["found"] for step in steps), "steps": steps,
            "settings": {"layer_sizes": [4, 8, 1]},
            "common": {"formulas": ["f ≈ 1.00 (x² - t²)"], "eigenvalues": [0.01, 0.4]}}


def test_a_search_says_what_is_known_of_the_data_and_when_everything_is_conserved():
    alike, aside = "As many invariants as there are columns", "The alignment leaves aside"
    assert alike not in report.report(searched(0, [0.9, 0.9, 0.9, 0.5])) and alike in report.report(searched(0, [0.9] * 4))
    fixed = {**searched(0, [0.9, 0.9, 0.9, 0.5]), "settings": {"layer_sizes": [4, 8, 1], "fixed": ["x*y"]}, "notes": ["Column q."]}
    assert alike in report.report(fixed) and "\nColumn q.\n" in report.report(fixed) and "\nColumn q.\n" in report.report({**canned(), "notes": ["Column q."]})
    assert report.report(fixed).count(aside) == 2 and aside not in report.report(searched(0, [0.9, 0.5]))
    step = {"found": False, "test_accuracy": 0.9, "independence": 0.04}
    assert report.step_in_words(3, step) == "Step 3: nothing new, f depends on those before; test accuracy 0.900, independence 0.04."
    assert report.step_in_words(3, {**step, "test_accuracy": 0.6}).startswith("Step 3: nothing left; test accuracy 0.600")


def test_of_short_formulas_the_last_that_fits_about_as_well_as_the_best_is_shown():
    fits = {name: {"formula": formula, "r2": [r2, r2]} for name, formula, r2 in (
        ("polynomial", "f ≈ x", 0.97), ("rational", "f ≈ 1/r", 0.96), ("typed", "f ≈ sin(x)", 0.01), ("long", None, 0.99))}
    assert report.best_fit(fits) is fits["rational"] and report.best_fit({"long": fits["long"]}) is None


def test_the_simplest_known_invariant_that_explains_a_step_about_as_well_as_the_best_is_named():
    scores = {name: {"r2": r2, "r2_cubic": cubic} for name, r2, cubic in (
        ("L", 0.1, 0.1), ("A_x", 0.6, 0.61), ("A_x, A_y", 0.93, 0.94), ("L, A_x, A_y", 0.95, 0.96))}
    assert report.best_explained({"on_invariants": scores}) == "A_x, A_y (0.930, 0.940)"
    scores["L, A_x, A_y"] = {"r2": 0.95, "r2_cubic": 1.0}
    assert report.best_explained({"on_invariants": scores}) == "L, A_x, A_y (0.950, 1.000)"
    scores["L"] = {"r2": 0.0, "r2_cubic": 0.99}                                              # as of an f that is L squared
    assert report.best_explained({"on_invariants": scores}) == "L (0.000, 0.990)"
    assert report.best_explained({"on_invariants": {}}) == "-"


def test_searches_for_all_invariants_have_a_report_and_a_page_of_their_own(tmp_path):
    text = report.report(searched(4, [0.95, 0.6]))
    assert "**1 invariant found.**" in text and "    1.00 (x² - t²)" in text and "## f_1" in text and "## f_2" not in text
    for seed, accuracies in ((0, [0.95, 0.6]), (1, [0.96, 0.9, 0.5])):
        path = tmp_path / str(seed) / "result.json"
        path.parent.mkdir()
        path.write_text(json.dumps(searched(seed, accuracies)), "utf-8")
    page = report.summary(report.load_results([tmp_path]))
    assert ["sr", "1", "2", "0.960, 0.900, 0.500", "0.90, 0.90, 0.90", "s² (0.970, 0.980); s² (0.970, 0.980)", "-, -"] in rows(page)
    saved(tmp_path / "other", seed=5)
    with pytest.raises(ValueError, match="others are not; report them apart"):
        report.load_results([tmp_path])
