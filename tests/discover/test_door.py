"""python -m discover: from a file to laws, what is shown, kept, refused, and never overwritten."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from discover import __main__ as discover
from discover.report import conclude, list_laws
from support import options
from support.results import LawRecord, StepRecord

FAST = ["--pairs", "100", "--epochs", "1", "--hidden", "4"]


def write_circles(path, groups=40, rows=8, head="run,x,y", error=0.0, seed=0, scale=1.0):
    """A table of points on circles; x² + scale² y² is conserved."""
    rng = np.random.default_rng(seed)
    radius, angle = rng.uniform(0.5, 2, (groups, 1)), rng.uniform(0, 6.28, (groups, rows))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle) / scale], 2)
    points += error * rng.standard_normal(points.shape)
    lines = [f"{g},{x!r},{y!r}" for g, each in enumerate(points.tolist()) for x, y in each]
    path.write_text("\n".join([head, *lines]) + "\n", "utf-8")
    return path


@pytest.fixture
def start(tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder; its status, its output and what it says beside it."""
    from discover import pictures
    monkeypatch.chdir(tmp_path)

    def run(*words, draw=False):
        with monkeypatch.context() as patch:
            if not draw:                                # pictures take half of the time
                patch.setattr(pictures, "pictures_of_run", lambda *_: {})
            status = discover.main([*map(str, words)])
        said = capsys.readouterr()
        return status, said.out, said.err
    return run


def test_a_law_of_a_file_is_named_with_its_evidence_and_kept(start, tmp_path):
    write_circles(tmp_path / "circles.csv")
    status, out, err = start("circles.csv", draw=True)
    assert status == 0 and "Law: x² + y² (exact" in out and "1 independent invariant found and named." in out
    assert all(line.startswith("discover: circles.csv: ") for line in err.splitlines()) and "read 40 groups" in err
    folder = tmp_path / "runs" / "circles.csv-discover" / "seed-0"
    result = json.loads((folder / "result.json").read_text("utf-8"))
    assert (result["count"], result["named"]) == (1, 1) and "found and named" in result["verdict"]
    law, = result["laws"]
    assert law["verdict"] == "exact" and law["within"] < 1e-20 and law["expression"] == "x^2 + y^2"
    assert {"report.html", "report.md", "along.png"} <= {path.name for path in folder.iterdir()}
    page = (folder / "report.html").read_text("utf-8")
    assert page.index('class="formula large"') < page.index("<img") < page.index("<details>")
    shown = start("circles.csv")[1]
    assert "Law: x² + y² (exact" in shown and "holds this run, finished" in shown


def test_apply_prints_the_laws_for_each_row_and_refuses_what_it_cannot_compute(start, tmp_path):
    write_circles(tmp_path / "circles.csv", head="run,x [m],y [m]")
    assert start("circles.csv", "--apply", "circles.csv")[0] == 2                   # not yet run
    assert start("circles.csv")[0] == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    (tmp_path / "new.csv").write_text("y [m],x [m],f,line\n3,4,1,1\n0.5,-1,1,1\n")
    for more in (["--check"], ["--fresh"], ["--seeds", "0-1"]):
        assert start("circles.csv", "--apply", "new.csv", *more)[0] == 2
    status, out, _ = start("circles.csv", "--apply", "new.csv")
    rows = list(csv.reader(io.StringIO(out)))
    assert status == 0 and rows[0] == ["line", "law 1: x² + y²"]
    assert [(int(line), float(value)) for line, value in rows[1:]] == [(2, 25.0), (3, 1.25)]
    for text, words in (("x [cm],y [m]\n1,2\n", "cm"), ("x [m]\n1\n", "y"), ("x [m],y [m]\n1e80,2\n", "finite")):
        (tmp_path / "new.csv").write_text(text)
        status, out, err = start("circles.csv", "--apply", "new.csv")
        assert status == 2 and out == "" and words in err.splitlines()[-1]
    (tmp_path / "new.csv").unlink()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_two_files_of_one_name_never_share_a_folder_and_other_groups_are_another_run(start, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_circles(tmp_path / "a" / "c.csv", head="run,x,y")
    write_circles(tmp_path / "b" / "c.csv", head="run,x,y", scale=2.0, seed=1)
    assert "x² + y²" in start("a/c.csv")[1] and "x² + 4 y²" in start("b/c.csv")[1]
    assert len(list((tmp_path / "runs").iterdir())) == 2
    text = (tmp_path / "a" / "c.csv").read_text().replace("run,", "run,batch,")
    lines = [line.replace(",", f",{i % 7},", 1) for i, line in enumerate(text.splitlines()[1:])]
    (tmp_path / "two.csv").write_text("\n".join(["run,batch,x,y", *lines]) + "\n")
    assert start("two.csv", "--group", "run", "--drop", "batch", *FAST)[0] == 0
    status, out, err = start("two.csv", "--group", "batch", "--drop", "run", *FAST)
    assert status == 2 and "group, drop" in err and "other settings" in err and "Law" not in out


def test_errors_larger_than_the_data_are_refused(start, tmp_path):
    write_circles(tmp_path / "circles.csv")
    status, _, err = start("circles.csv", "--errors", "x=10", "y=0.1")
    assert status == 2 and "the errors given for x are larger than its deviation" in err


def test_beyond_known_quantities_that_leave_no_room_no_network_is_asked(start, tmp_path):
    write_circles(tmp_path / "circles.csv")
    status, out, _ = start("circles.csv", "--known", "x^2 + y^2")
    assert status == 0 and "Network" not in out and "No invariant was found beyond what is known. Complete" in out


def test_known_errors_decide_whether_a_law_holds(start, tmp_path):
    write_circles(tmp_path / "noisy.csv", error=0.01)
    status, out, _ = start("noisy.csv", "--errors", "x=0.01", "y=0.01", "--out", "given")
    assert status == 0 and "Law: x² + y² (within the errors given" in out
    status, out, _ = start("noisy.csv", "--errors", "x=0.001", "y=0.001", "--out", "too-small", *FAST)
    assert status == 0 and "x² + y² (within" not in out


def test_where_no_law_is_found_a_network_is_asked_and_its_numbers_are_shown(start, tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{g},{x!r},{y!r}" for g in range(60) for x, y in rng.standard_normal((6, 2)).tolist()]
    (tmp_path / "white.csv").write_text("\n".join(["run,x,y", *rows]) + "\n")
    status, out, _ = start("white.csv", *FAST)
    assert status == 0 and "No invariant was found." in out and "Network 1: nothing" in out
    result = json.loads((tmp_path / "runs/white.csv-discover/seed-0/result.json").read_text("utf-8"))
    assert result["count"] == 0 and result["steps"][0]["word"] == "nothing"
    assert len(list(csv.reader(open(tmp_path / "runs/white.csv-discover/seed-0/history.csv")))) == 2


def test_networks_take_more_pairs_of_own_data_than_of_a_system_of_the_paper(tmp_path):
    path = write_circles(tmp_path / "circles.csv", groups=80, rows=30)
    own, of_paper = (discover.build_config(options.parse(discover.PARSER, words), 0)
                     for words in ([str(path)], ["--system", "em"]))
    assert own.train_pairs == own.system.train_pairs == 60 * 30 * 29 // 2
    assert of_paper.train_pairs == discover.MAX_NETWORK_PAIRS == 20_000


def make_law(verdict="exact"):
    return LawRecord("x", "x", verdict, 1e-20)


def make_step(word, found):
    return StepRecord(word, "seen", 0.9, 0.9, (0.8, 1.0), 50, 0.01, 0.9, (0.0, 0.01), 0.9, found)


@pytest.mark.parametrize("laws, steps, columns, fixed, words, count, named", [
    ([make_law(), make_law()], [], 3, (), "2 independent invariants found and named. Complete: 3 columns allow at "
     "most 2 independent invariants.", 2, 2),
    ([make_law()], [make_step("conserved", True), make_step("nothing", False)], 5, (), "2 independent invariants "
     "found, 1 of them named by a law. A network finds nothing more in pairs that agree in all of these.", 2, 1),
    ([make_law()], [make_step("undecided", False)], 5, (), "1 independent invariant found and named. A network says: "
     "undecided, seen.", 1, 1),
    ([make_law("approximate")], [], 4, (), "The law holds only approximately.", 0, 0),
    ([], [], 2, ("E",), "No invariant was found beyond what is known. Complete: 2 columns allow at most 1 independent "
     "invariant, 1 of them known.", 0, 0),
    ([], [make_step("nothing", False)], 4, (), "No invariant was found. A network says: nothing, seen.", 0, 0),
    ([make_law()], [], 3, ("L",), "1 independent invariant found and named. Complete: 3 columns allow at most 2 "
     "independent invariants, 1 of them known.", 1, 1)])
def test_the_conclusion_counts_and_names(laws, steps, columns, fixed, words, count, named):
    assert conclude(laws, steps, columns, fixed) == (words, count, named)


def test_the_largest_relative_error_of_a_coefficient_stands_beside_its_law():
    law = LawRecord("x + y", "x + y", "exact", 1e-20, terms={"x": 1.0, "y": 1.0}, errors={"x": 1e-3, "y": 1e-6})
    assert next(list_laws([law])).rows[1][-1] == "1e-03"


def test_the_history_has_each_epoch_of_each_network_once(start, tmp_path):
    np.savez(tmp_path / "white.npz", trajectories=np.random.default_rng(0).normal(size=(60, 6, 2)))
    assert start("white.npz", "--pairs", "50", "--epochs", "2", "--hidden", "3")[0] == 0
    with open(tmp_path / "runs" / "white.npz-discover" / "seed-0" / "history.csv", newline="") as file:
        assert [(row["network"], row["epoch"]) for row in csv.DictReader(file)] == [("1", "1"), ("1", "2")]


def test_networks_are_told_of_short_approximate_laws_too(start, tmp_path, monkeypatch):
    write_circles(tmp_path / "circles.csv")
    find, seen = discover.laws.find, []

    def find_approximately(*arguments, **options):
        found = find(*arguments, **options)
        return replace(found, laws=[replace(law, verdict="approximate") for law in found.laws])
    monkeypatch.setattr(discover.laws, "find", find_approximately)
    monkeypatch.setattr(discover.network, "search", lambda train, test, learn, known, *_: seen.extend(known) or ())
    assert start("circles.csv")[0] == 0 and len(seen) == 1
