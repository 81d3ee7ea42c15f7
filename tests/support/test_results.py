"""result.json: written, sealed, read back, refused by name where damaged, altered, mixed or twice."""

import json
from dataclasses import replace

import pytest

import physics
import train
from helpers import ROOT, canned, kept_results, saved
from support.results import load_result, load_results, save_result


def test_a_saved_result_comes_back_the_same(tmp_path):
    result = canned("cp", 7, notes=("a note",), settings={"epochs": 3}, versions={"python": "3"}, on_invariants={})
    save_result(result, tmp_path, ())
    loaded = load_result(tmp_path / "result.json")
    text = [json.dumps(vars(replace(each, sha256="")), sort_keys=True) for each in (result, loaded)]
    assert text[0] == text[1] and loaded.sha256


def test_a_result_is_sealed_with_the_files_beside_it(tmp_path):
    (tmp_path / "history.csv").write_text("epoch\n1\n")
    save_result(canned(), tmp_path, ("history.csv",))
    load_result(tmp_path / "result.json")
    (tmp_path / "history.csv").write_text("epoch\n2\n")
    with pytest.raises(ValueError, match="history.csv was altered since the run wrote it"):
        load_result(tmp_path / "result.json")


def test_a_number_changed_in_a_result_is_noticed_and_results_without_checksums_can_still_be_read(tmp_path):
    path = saved(tmp_path)
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**content, "test_accuracy": 0.99}), "utf-8")
    with pytest.raises(ValueError, match="result.json was altered since the run wrote it"):
        load_result(path)
    del content["sha256"], content["files"]
    path.write_text(json.dumps(content), "utf-8")
    assert load_result(path).test_accuracy == content["test_accuracy"]


def test_every_kept_result_is_read():
    assert len(kept_results()) > 60
    for path, result in kept_results():
        assert path.parent.name == f"seed-{result.seed}" and path.parent.parent.name == result.system


@pytest.mark.parametrize("folder", ["paper", "quick"])
def test_kept_results_of_earlier_versions_have_a_page(folder, capsys):
    assert train.main(["--report", *(str(ROOT / "results" / folder / name) for name in ("sr", "cp"))]) == 0
    assert "Special relativity" in capsys.readouterr().out


def test_a_search_of_an_earlier_version_and_a_field_of_another_kind_are_refused_by_file(tmp_path):
    path = saved(tmp_path)
    content = {name: value for name, value in json.loads(path.read_text("utf-8")).items() if name != "sha256"}
    for change in ({"steps": [{"accuracy": 0.9}], "count": 1}, {"system": ["sr"]}, {"r2": {}}, {"polynomial": {"a": 1}},
                   {"laws": [{"text": "x"}]}, {"verdict": {"word": "conserved"}}, {"seed": "0"}, {"settings": []}):
        path.write_text(json.dumps({**content, **change}), "utf-8")
        with pytest.raises(ValueError, match="result.json is damaged or of another program or version"):
            load_result(path)


def test_a_folder_called_result_json_is_no_result(tmp_path):
    saved(tmp_path / "a")
    (tmp_path / "b" / "result.json").mkdir(parents=True)
    assert len(load_results([tmp_path], physics.SYSTEMS)) == 1


def test_systems_are_in_the_order_of_the_paper_and_seeds_rise(tmp_path):
    for system, seed in (("em", 0), ("sr", 10), ("cp", 0), ("sr", 2)):
        saved(tmp_path / f"{system}{seed}", system=system, seed=seed)
    found = load_results([tmp_path], physics.SYSTEMS)
    assert [(result.system, result.seed) for result in found] == [("sr", 2), ("sr", 10), ("cp", 0), ("em", 0)]


def test_seeds_with_other_settings_are_not_averaged(tmp_path):
    for seed, width in ((0, 10), (1, 20)):
        saved(tmp_path / str(seed), seed=seed, settings={"width": width})
    with pytest.raises(ValueError, match="1/result.json has other settings"):
        load_results([tmp_path], physics.SYSTEMS)


def test_a_single_run_and_a_search_do_not_stand_on_one_page(tmp_path):
    saved(tmp_path / "run", seed=0)
    saved(tmp_path / "search", seed=1, steps=(), count=0)
    with pytest.raises(ValueError, match="report them apart"):
        load_results([tmp_path], physics.SYSTEMS)


def test_reports_on_nothing_on_damaged_on_mixed_and_on_repeated_results_are_refused_by_file(tmp_path, capsys):
    good = saved(tmp_path / "good")
    saved(tmp_path / "mixed", schedule="paper", seed=1)
    saved(tmp_path / "repeated")
    (tmp_path / "empty").mkdir()
    content = {name: value for name, value in json.loads(good.read_text("utf-8")).items() if name != "sha256"}
    damaged = {"cut": good.read_text("utf-8")[:100], "list": "[1, 2]", "other": '{"system": "mars", "seed": 0}',
               "partial": '{"system": "sr", "seed": 5}', "binary": "\x00\xff", "deep": "[" * 10**5,
               "orders": json.dumps({**content, "seed": 6, "r2": {"2": "x"}}),
               "text": json.dumps({**content, "seed": 7, "test_accuracy": "x"})}
    for name, text in damaged.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(text, "latin-1", errors="replace")
    expected = dict.fromkeys(damaged, "damaged") | {
        "empty": "no folder that holds a result.json", "absent": "no folder that holds a result.json",
        "mixed": "schedule paper", "repeated": "second run of sr with seed 0"}
    for name, words in expected.items():
        assert train.main(["--report", str(tmp_path / "good"), str(tmp_path / name)]) == 2
        printed = capsys.readouterr()
        assert words in printed.err and str(tmp_path / name) in printed.err and printed.err.count("\n") == 1
        assert printed.out == ""
