"""result.json: written, checked when it is read, refused by name where damaged, mixed or twice."""

import json
import os
from dataclasses import replace

import pytest

import physics
import train
from helpers import canned, kept_results, saved
from support.results import LawRecord, Result, StepRecord, as_json, load_result, load_results

LAW = LawRecord("x + y", "x + y", "exact", 1e-20, "exact", {"x": 1.0, "y": 1.0}, {"x": 0.0, "y": 0.0})
STEP = StepRecord("nothing", "chance", 0.5, 0.5, (0.4, 0.6), 50, 0.9, 0.9, (0.8, 1.0), 0.5, False)


def test_a_saved_result_comes_back_the_same(tmp_path):
    for result in (canned("cp", 7, notes=("a note",), settings={"epochs": 3}, best=canned(), best_epoch=2),
                   replace(canned(), laws=(LAW, replace(LAW, verdict="approximate")), steps=(STEP,), count=1, named=1),
                   Result(system="mine.csv", laws=(), count=0, named=0, verdict="No invariant was found.")):
        (tmp_path / "result.json").write_text(as_json(result), "utf-8")
        loaded = load_result(tmp_path / "result.json")
        assert vars(replace(loaded, best=None)) == vars(replace(result, best=None))


def test_every_kept_result_is_read_and_stands_in_its_folder():
    assert len(kept_results()) > 60
    for path, result in kept_results():
        assert path.parent.name == f"seed-{result.seed}"


def mutate(value, path=()):
    """Every copy of a JSON value in which one field is of another kind, or gone."""
    for key in (value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()):
        for other in (None, True, -1, 10**400, "x", [], {}, [None], {"a": None}):
            changed = value.copy()
            changed[key] = other
            yield (*path, key), changed
        gone = value.copy()
        del gone[key]
        yield (*path, key), gone
        for where, inner in mutate(value[key], (*path, key)):
            changed = value.copy()
            changed[key] = inner
            yield where, changed


def test_a_result_with_any_field_of_another_kind_is_refused_or_reported(tmp_path, capsys):
    content = json.loads(as_json(replace(canned(), settings={}, versions={}, files=(), terms={"t^2": -9.0})))
    with_laws = json.loads(as_json(replace(canned(), laws=(LAW,), steps=(STEP,), count=1, named=1, terms={},
                                           correlations={}, settings={}, r2={}, files=())))
    path, refused, reported = tmp_path / "result.json", 0, 0
    for where, changed in [*mutate(content), *mutate(with_laws)]:
        path.write_text(json.dumps(changed), "utf-8")
        status = train.main(["--report", str(tmp_path)])
        said = capsys.readouterr()
        assert status in (0, 2), where
        assert "result.json" in said.err if status else said.out, where
        refused, reported = refused + (status == 2), reported + (status == 0)
    assert refused > 400 and reported > 50


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_result_that_is_no_file_is_refused_at_once(tmp_path, make):
    make(tmp_path / "result.json")
    with pytest.raises(ValueError, match="result.json is no regular file; remove it"):
        load_result(tmp_path / "result.json")


def test_systems_are_in_the_order_of_the_paper_and_seeds_rise(tmp_path):
    for system, seed in (("em", 0), ("sr", 10), ("cp", 0), ("sr", 2)):
        saved(tmp_path / f"{system}{seed}", system=system, seed=seed)
    found = load_results([tmp_path], physics.SYSTEMS)
    assert [(result.system, result.seed) for result in found] == [("sr", 2), ("sr", 10), ("cp", 0), ("em", 0)]


def test_results_that_do_not_belong_together_are_refused_by_file(tmp_path, capsys):
    saved(tmp_path / "good")
    saved(tmp_path / "mixed", schedule="paper", seed=1)
    saved(tmp_path / "repeated")
    saved(tmp_path / "settings", seed=1, settings={"width": 20})
    saved(tmp_path / "laws", seed=1, laws=(LAW,))
    (tmp_path / "empty").mkdir()
    for name, text in {"cut": '{"system": "sr"', "list": "[1, 2]", "binary": "\x00\xff", "deep": "[" * 10**5}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(text, "latin-1")
    for name, words in {
            "empty": "no folder that holds a result.json", "absent": "no folder that holds", "cut": "damaged",
            "mixed": "schedule paper", "repeated": "second run of sr with seed 0", "list": "damaged",
            "settings": "other settings", "laws": "another command", "binary": "damaged", "deep": "damaged"}.items():
        assert train.main(["--report", str(tmp_path / "good"), str(tmp_path / name)]) == 2
        printed = capsys.readouterr()
        assert words in printed.err and str(tmp_path / name) in printed.err and printed.err.count("\n") == 1
        assert printed.out == ""


def test_seeds_with_other_orders_of_r2_are_not_put_on_one_page(tmp_path):
    whole = canned(seed=0)
    for result in (whole, replace(canned(seed=1), r2={name: whole.r2[name] for name in "124"})):
        (tmp_path / str(result.seed)).mkdir()
        (tmp_path / str(result.seed) / "result.json").write_text(as_json(result), "utf-8")
    with pytest.raises(ValueError, match="has other orders of R²; report it apart"):
        load_results([tmp_path], ["sr"])


def test_a_result_with_a_value_that_is_no_number_is_damaged(tmp_path):
    (tmp_path / "result.json").write_text(as_json(canned()).replace("0.95", "NaN"), "utf-8")
    with pytest.raises(ValueError, match="damaged"):
        load_result(tmp_path / "result.json")


def test_the_score_is_that_of_the_order_of_the_formula():
    scores = {"1": (0, 0.1), "2": (0, 0.2), "3": (0, 0.9)}
    assert replace(canned(), optimal_order=3, r2=scores).score == 0.9
