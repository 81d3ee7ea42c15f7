"""Files of a user's observations: what is read, what is left out and said, what is refused and how."""

import gzip
import os
import zipfile

import numpy as np
import pytest

from discover import datafiles
from helpers import NAMES, npz, trajectories

ORBITS = trajectories()
HEAD = "orbit,x,y,v_x,v_y\n"


def lines_of(orbits, separator=",", point="."):
    rows = [[i, *map("{:.9f}".format, state)] for i, orbit in enumerate(orbits) for state in orbit]
    return "".join(separator.join(map(str, row)).replace(".", point) + "\n" for row in rows)


ROWS = lines_of(ORBITS)


def table(folder, content, name="mine.csv", **options):
    content = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return datafiles.read(folder / name, **options)


def arrays(folder, drop=(), **named):
    return datafiles.read(npz(folder, **named), drop=drop)


def refused(words, reader, *arguments, **options):
    """The reader refuses, in one printable sentence with these words."""
    with pytest.raises(ValueError, match=words) as refusal:
        reader(*arguments, **options)
    assert str(refusal.value).isprintable() and len(str(refusal.value)) < 700


def said(read, words):
    return sum(words in sentence for sentence in read.said)


@pytest.mark.parametrize("name, content", [
    ("a.csv", HEAD + ROWS), ("a.csv.gz", HEAD + ROWS), ("a.csv", "\ufeff" + HEAD + ROWS),
    ("a.txt", (HEAD + ROWS).encode("utf-16")), ("a.csv", HEAD + ",m,m,m/s,m/s\n" + ROWS),
    ("a.csv", '# made by hand\n"Orbit";"x";"y [m]";v_x (m/s);v_y\n' + lines_of(ORBITS, ";", ",")),
    ("a.tsv", "trial\tx\ty\tv_x\tv_y\n" + lines_of(ORBITS, "\t", ",")),
    ("a.dat", "% comment\n\nrun  x (m)  y [m] v_x (m/s)  v_y\n" + lines_of(ORBITS, "   ")),
    ("a.txt", "# id x y v_x v_y\n" + lines_of(ORBITS, " "))])
def test_tables_of_all_kinds_hold_the_same_observations(tmp_path, name, content):
    read = table(tmp_path, content, name)
    assert read.names == tuple(NAMES) and read.said[0] == "read 40 groups, 240 observations, columns x, y, v_x, v_y"
    assert np.array_equal(read.classes, np.repeat(np.arange(40), 6))
    assert read.values == pytest.approx(ORBITS.reshape(-1, 4), abs=1e-9)


def test_arrays_of_all_layouts_hold_the_same_observations(tmp_path):
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(40), 6))
    by_group = arrays(tmp_path, x=ORBITS.reshape(-1, 4), group=groups)
    assert sorted(map(tuple, by_group.values)) == sorted(map(tuple, arrays(tmp_path, trajectories=ORBITS).values))
    assert by_group.names == ("x1", "x2", "x3", "x4") and np.array_equal(np.bincount(by_group.classes), [6] * 40)
    pairs = arrays(tmp_path, x=ORBITS[:, 0], x_prime=ORBITS[:, 1], names=NAMES, mass=1.0)
    assert np.array_equal(pairs.values.reshape(40, 2, 4), ORBITS[:, :2]) and said(pairs, "did not read mass")


@pytest.mark.parametrize("cell", ["1_0", "0x10", "infinity", "１", "1e400", "three", "1 2", "\x1b[31m", "a" * 10**5])
def test_what_is_no_number_is_refused(tmp_path, cell):
    refused("line 3 has .* in column y, where a number must stand", table, tmp_path, f"id,x,y\n1,1,2\n1,2,{cell}\n")


@pytest.mark.parametrize("name", ["", "NA", "N/A", "NaN", "nan", "NULL", "None"])
def test_a_missing_group_is_refused(tmp_path, name):
    refused("line 2 has no group", table, tmp_path, HEAD + f"{name},1,2,3,4\n" + ROWS)


@pytest.mark.parametrize("content, words", [
    ("", "columns are missing"), ("a,b\n1,2\n", "name one with --group"), ("run,id,x\n", "run, id could each tell"),
    ("id,x,y\n", "no observations"), ("id,x,y\n1,2\n", "line 2 has 2 cells, the head has 3"),
    (ROWS, "name the columns in a line above"), ("id;x;y\n1;1.234,5;2\n", "1.234,5 in column x"),
    ("id;x;y\n1;1,5;2.5\n", "with a comma and with a point"), ('id,x,y\n"1,2,3\n', "damaged, or no table"),
    (b"id,x\xb0,y\n", "no table in UTF-8"), ("id,x,\n1,2,3\n", "column 2 .* has no name"),
    ("id,x\n" + "a" * 2_000_000, "over a million"), ("id,x\n1,\n1,NA", "all rows have empty cells .* column x")])
def test_tables_that_cannot_be_told_for_sure_are_refused(tmp_path, content, words):
    refused(words, table, tmp_path, content)


@pytest.mark.parametrize("name", [*"*^/|+-()#=<>,;'\n\t\x1b", "2x", "²", "sqrt", "lambda", "x" * 40])
def test_names_that_spoil_a_formula_are_refused(tmp_path, name):
    name = name if name in ("2x", "sqrt", "lambda") else f"x{name}y"
    refused("cannot stand in a formula", table, tmp_path, f'id,p,"{name}"\n1,2,3\n')


def test_names_that_make_formulas_ambiguous_are_refused_and_others_made_usable(tmp_path):
    refused("two columns have the name μ", table, tmp_path, "id,µ,μ\n1,2,3\n")
    refused("vx reads as a product", table, tmp_path, "id,x,v,vx\n1,2,3,4\n")
    assert table(tmp_path, "id,angle 1,pos.y,x₁,µ\n" + ROWS).names == ("angle_1", "pos_y", "x1", "μ")


def test_group_names_equal_as_numbers_are_one_group_and_long_integers_are_not(tmp_path):
    names = ["1", "01", "1.0", "a", "a", *["9007199254740993"] * 2, *["9007199254740992"] * 2]
    read = table(tmp_path, "id,x,y\n" + "".join(f"{name},{i * 3 % 8},{i * i % 7}\n" for i, name in enumerate(names)))
    assert list(np.bincount(read.classes)) == [3, 2, 2, 2] and said(read, "took 2 names of groups for others")


def test_incomplete_rows_lonely_groups_and_comments_are_counted(tmp_path):
    rows = ROWS.splitlines()
    rows[3], rows[5] = "0,,1,2,3", "0,1,NA,nan,2"
    read = table(tmp_path, HEAD + "lonely,1,2,3,4\n" + "\n".join(rows) + "\n#1,2,3,4,5\n")
    assert len(read.values) == 238 and said(read, "left out 2 rows with empty cells or NaN: line 6, line 8")
    assert said(read, "left out 1 group of a single observation: line 2") and said(read, "1 comment line among")


def test_columns_are_dropped_by_name_before_they_are_read(tmp_path):
    content = "id,run,x,y,v_x,v_y,note (mine)\n" + "".join(f"7,{row},good\n" for row in ROWS.splitlines())
    assert table(tmp_path, content, drop=["id", "note"]).names == tuple(NAMES)
    assert table(tmp_path, content, group="run", drop=["note (mine)"]).names == tuple(NAMES)     # id has one value
    refused("no column q to drop, but id, run", table, tmp_path, content, drop=["q"])
    assert arrays(tmp_path, trajectories=ORBITS, drop=["x2"]).names == ("x1", "x3", "x4")


@pytest.mark.parametrize("name, column, leaves", [
    ("t", np.arange(6)**2, True), ("clock", np.arange(6) * 0.1, True), ("k", np.arange(240.0).reshape(40, 6), True),
    ("T", np.arange(6)**2, False), ("t", np.sort(np.random.default_rng(0).uniform(size=(40, 6))), True),
    ("q", np.arange(6) * np.arange(1, 41)[:, None], False), ("t", np.array([3, 1, 4, 2, 5, 0]), False)])
def test_a_running_time_is_left_out_and_an_observable_is_not(tmp_path, name, column, leaves):
    five = np.dstack([ORBITS, np.broadcast_to(column, (40, 6))])
    read = arrays(tmp_path, trajectories=five, names=[*NAMES, name])
    assert (name not in read.names) == bool(said(read, f"left out the column {name}, a running time")) == leaves


def test_pairs_out_of_few_orbits_are_joined_and_those_of_one_orbit_refused(tmp_path):
    rng, n = np.random.default_rng(1), np.arange(40)[:, None]
    i, j = np.array([[rng.choice(6, 2, replace=False) for _ in range(50)] for _ in n]).transpose(2, 0, 1)
    read = arrays(tmp_path, x=ORBITS[n, i].reshape(-1, 4), x_prime=ORBITS[n, j].reshape(-1, 4))
    assert read.said[1] == "x and x_prime share observations: joined 2000 to 40 groups" and len(read.values) == 240
    states = trajectories(1, 500)[0]
    refused("link nearly all", arrays, tmp_path, x=states[:-1], x_prime=states[1:])
    refused("are the same observations", arrays, tmp_path, x=states, x_prime=states)


def test_groups_that_share_observations_are_joined_unless_by_rounding_or_a_common_start(tmp_path):
    orbits = trajectories(400, 25)
    windows = arrays(tmp_path, trajectories=np.concatenate([orbits[:, :15], orbits[:, 10:]]))
    assert windows.classes.max() == 399 and said(windows, "joined 800 to 400 groups")
    assert said(arrays(tmp_path, trajectories=orbits.round(1)), "in several groups, left there")
    orbits[:, 0] = 0.5
    common = arrays(tmp_path, trajectories=orbits)
    assert len(common.values) == 400 * 24 and said(common, "left out 400 rows that most groups have")


def test_padding_gaps_and_constant_columns_of_arrays_are_left_out_and_said(tmp_path):
    orbits = ORBITS * [1, 1, 0, 1] + [0, 0, 7, 0]
    orbits[3, 2, 1], orbits[5, 3:] = np.nan, 0
    read = arrays(tmp_path, trajectories=orbits, names=["x", "y", "g", "v"])
    assert read.values.shape == (236, 3) and said(read, "3 rows of zeros at the ends of trajectories: ")
    assert said(read, "NaN: trajectories[3, 2]") and said(read, "left out the column g, which has one value")


def test_values_far_from_all_others_are_noticed(tmp_path):
    read = table(tmp_path, HEAD + "0,1e6,1,1,1\n" + ROWS)
    assert said(read, "1 value of column x far from all others (e.g. 1e+06 in line 2)") and len(read.said) == 2


@pytest.mark.parametrize("named, words", [
    ({}, "it holds nothing"), ({"x": ORBITS[0], "x_prime": ORBITS[1], "y": [1]}, "equivalent pairs only"),
    ({"x": ORBITS[0], "x_prime": ORBITS[1], "group": [1]}, "one of these only"),
    ({"trajectories": ORBITS + 0j}, "not complex128"), ({"trajectories": ORBITS.astype(str)}, "numbers, not <U"),
    ({"trajectories": np.array([{}])}, "Python objects"), ({"trajectories": ORBITS[:3]}, "3 groups .* too few"),
    ({"trajectories": ORBITS * 1e40}, "beyond 1e-30"), ({"trajectories": np.tile(ORBITS, 11)}, "44 columns; give 40"),
    ({"trajectories": ORBITS[:, :, :1]}, "two columns or more, there is x1"), ({"trajectories": ORBITS[:0]}, "empty"),
    ({"trajectories": ORBITS[0]}, r"\(orbits, times, columns\), not \(6, 4\)"),
    ({"x": ORBITS[0], "group": [1, 2, 3, 4, 5, np.nan]}, "missing names"),
    ({"trajectories": ORBITS, "names": ["x"]}, "4 texts")])
def test_arrays_that_cannot_be_used_are_refused(tmp_path, named, words):
    refused(words, arrays, tmp_path, **named)


@pytest.mark.parametrize("shape, words", [((10**6, 10**3, 4), "over 2 GB"), ((10, 10, 4), "not of the size")])
def test_an_array_that_declares_more_than_it_holds_is_refused_before_it_is_unpacked(tmp_path, shape, words):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive, archive.open("trajectories.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    refused(words, datafiles.read, tmp_path / "bomb.npz")


def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo.csv"), os.mkdir(tmp_path / "folder.npz"), os.symlink("/dev/zero", tmp_path / "zero.csv")
    (tmp_path / "large.csv").touch(), os.truncate(tmp_path / "large.csv", 3 * 10**9)
    for name, words in [("fifo.csv", "no regular"), ("folder.npz", "no regular"), ("zero.csv", "no regular"),
                        ("large.csv", "2 GB"), ("a.pdf", "must end in"), ("a\x1b\udcff.pdf", r"a\\x1b\\udcff.pdf")]:
        refused(words, datafiles.read, tmp_path / name)
    with pytest.raises(FileNotFoundError):
        datafiles.read(tmp_path / "absent.csv")
    for name in ("cut.npz", "cut.csv.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"id,x,y\n" + os.urandom(500))[:300])
        refused("damaged", datafiles.read, tmp_path / name)


# ---------------------------------------------------------------------------------------- for --apply

@pytest.mark.parametrize("head", ["id,µ,x₁ (m)", "trial,µ,x₁"])
def test_a_law_is_applied_to_columns_by_the_names_that_reading_gave_them(tmp_path, head):
    rows = "".join(f"{i // 6},{37 * i % 120 / 8},{91 * i % 120 / 16}\n" for i in range(120))
    read = table(tmp_path, f"{head}\n{rows}")
    assert [*read.names] == ["μ", "x1"]
    assert ("took for units what stands in brackets: x₁ (m)" in read.said) == ("(m)" in head)
    angles = table(tmp_path, f"id,phi [deg],psi (rad)\n{rows}", "angles.csv").said
    assert sum("stays in degrees" in said for said in angles) == 1 and "phi [deg] stays" in " ".join(angles)
    values, lines, said = datafiles.read_columns(tmp_path / "mine.csv", read.names)
    assert said == [sentence for sentence in read.said if "units" in sentence]
    assert values[:2].tolist() == [[0, 0], [4.625, 5.6875]] and lines[:2] == [2, 3]


@pytest.mark.parametrize("content, words", [
    (gzip.compress(HEAD.encode() + ROWS.encode())[:500], "damaged"), (HEAD.encode(), "damaged"),
    (gzip.compress(b"x;y;v_x;v_y\n1,5;2;3;4\n1.234;2;3;4\n"), "a comma and with a point"),
    (gzip.compress(b"x,y,v_x,v_y\nm,m,m/s,m/s\nm,m,m/s,m/s\n1,2,3,4\n"), "line 3 has m in column x"),
    (gzip.compress(b"x,y,v_x,v_y\n1,2,,4\n"), "line 2 has no number"),
    (gzip.compress(b"x,y,v_x,v_y\n"), "no observations"), (gzip.compress(b""), "but none"),
    (gzip.compress(b"x,y,v_x,v_y,x (cm)\n1,2,3,4,5\n"), "more than one column x")])
def test_a_table_to_apply_laws_to_is_refused_in_one_sentence_as_data_are(tmp_path, content, words):
    path = tmp_path / "new.csv.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as refusal:
        datafiles.read_columns(path, NAMES)
    assert "new.csv.gz: " in str(refusal.value) and "\n" not in str(refusal.value)
