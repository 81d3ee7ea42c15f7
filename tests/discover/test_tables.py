"""Files of a user's observations: what is read, what is left out and noted, what is refused and how."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from discover import tables

RNG = np.random.default_rng(0)
PHASE = RNG.uniform(0, 6.28, (60, 6))
CIRCLES = RNG.uniform(0.5, 2, (60, 1, 1)) * np.stack([np.cos(PHASE), np.sin(PHASE)], axis=2)
HEAD = "run,x,v\n"


def lines_of(orbits, separator=",", point="."):
    rows = [[i, *map("{:.9f}".format, state)] for i, orbit in enumerate(orbits) for state in orbit]
    return "".join(separator.join(map(str, row)).replace(".", point) + "\n" for row in rows)


ROWS = lines_of(CIRCLES)
OBSERVED = [row.split(",", 1)[1] for row in ROWS.splitlines()]         # without groups


def table(folder, content, name="mine.csv", **options):
    content = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(content)
    return tables.read(folder / name, **options)


def arrays(folder, **named):
    np.savez(folder / "mine.npz", **named)
    return tables.read(folder / "mine.npz")


def refused(words, reader, *arguments, **options):
    """The reader refuses, in one printable sentence with these words that names the file."""
    with pytest.raises(ValueError, match=words) as refusal:
        reader(*arguments, **options)
    sentence = str(refusal.value)
    assert sentence.isprintable() and len(sentence) < 900 and ": " in sentence


def noted(found, words):
    return any(words in note for note in found.notes)


@pytest.mark.parametrize("name, content", [
    ("a.CSV", "\ufeff# made by hand\n" + HEAD + ROWS),
    ("a.csv", (HEAD + ROWS).replace("\n", "\r\n\r\n")),
    ("a.csv", '"run"; "x";v \n' + lines_of(CIRCLES, ";", ",")), ("a.tsv", "run\tx\tv\n" + lines_of(CIRCLES, "\t")),
    ("a.dat", "# comment\nrun  x [m] v [m / s]\n" + lines_of(CIRCLES, "  "))],
    ids=str.split("bom crlf quoted tsv dat"))
def test_tables_of_all_kinds_hold_the_same_observations(tmp_path, name, content):
    found = table(tmp_path, content, name)
    assert found.names.tolist() == ["x", "v"] and np.isnan(found.errors).all() and found.errors.shape == (360, 2)
    assert found.notes[0].startswith("read 60 groups, 360 observations, columns x")
    assert np.array_equal(found.classes, np.repeat(np.arange(60), 6))
    assert found.values == pytest.approx(CIRCLES.reshape(-1, 2), abs=1e-9)


def test_arrays_of_all_layouts_hold_the_same_observations(tmp_path):
    group = np.random.default_rng(0).permutation(np.repeat(np.arange(60), 6))
    by_group = arrays(tmp_path, x=CIRCLES.reshape(-1, 2), group=group)
    orbits = arrays(tmp_path, trajectories=CIRCLES, names=["x [m]", "v"], mass=1.0)
    assert sorted(map(tuple, by_group.values)) == sorted(map(tuple, orbits.values))
    assert by_group.names.tolist() == ["x1", "x2"] and np.array_equal(by_group.classes, np.repeat(np.arange(60), 6))
    assert orbits.units.tolist() == ["m", ""] and noted(orbits, "did not read 'mass'")
    pairs = arrays(tmp_path, x=CIRCLES[:, 0], x_prime=CIRCLES[:, 1])
    assert np.array_equal(pairs.values.reshape(60, 2, 2), CIRCLES[:, :2])
    single = arrays(tmp_path, trajectories=CIRCLES.round(3).astype(np.float32))
    assert np.array_equal(single.values, CIRCLES.round(3).reshape(-1, 2))          # not .1000000015
    for errors in (np.array([0.1, 0.2]), np.random.default_rng(0).uniform(1, 2, CIRCLES.shape)):
        given = arrays(tmp_path, trajectories=CIRCLES, errors=errors).errors
        assert np.array_equal(given.reshape(60, 6, 2), np.broadcast_to(errors, (60, 6, 2)))
    given = arrays(tmp_path, x=CIRCLES[:, 0], x_prime=CIRCLES[:, 1], errors=errors[:, 0]).errors
    assert np.array_equal(given.reshape(60, 2, 2), errors[:, [0, 0]])


@pytest.mark.parametrize("content, words", [
    ("", "line of names"), (HEAD, "line of names"), (ROWS, "line of names, without #"),
    ("# run x v\n" + ROWS.replace(",", " "), "without #"), ("run,x;v\n" + ROWS, "line 2 has 1 cells"),
    ("run;x;v\n" + ROWS, "line 2 has 1 cells"), (HEAD + "1,2\n", "line 2 has 2 cells"),
    (HEAD + ROWS + "#1,2,3\n", "line 362 starts with #"), (HEAD + " # note\n" + ROWS, "line 2 starts with #"),
    (HEAD + '"1,2,3\n4",5,6\n', "line 2 cannot be read"), ((HEAD + ROWS).replace("\n", "\r"), "line 1 cannot"),
    (HEAD.encode() + b"\n\xe9,1,2\n", "line 3 cannot be read .* UTF-8"), ((HEAD + ROWS).encode("utf-16"), "UTF-8"),
    ("run\tx\tv\n\tm\tm/s\n1\t2\t3\n", r"line 2 has 'm' .* theta \[rad\]"), ("id,run,x,v\n", "names|'id', 'run'"),
    ("a,x,v\n" + ROWS, "none of its columns .* --group"), ("id,run,v\n" + ROWS, "'id', 'run' of its columns"),
    (HEAD + "1,,2\n1,3,\n", "each row has empty cells"), (HEAD + "0,1e300,1\n", "line 2 has a value beyond 1e50"),
    (HEAD + lines_of(CIRCLES[:3]), "4 groups of two different .* it has 3"),
    ("run,x\n1,2\n1,3\n", "two columns that vary")])
def test_tables_of_another_form_are_refused_with_the_line(tmp_path, content, words):
    refused(words, table, tmp_path, content)


@pytest.mark.parametrize("cell", ["1_000", "0x10", "inf", "1e99999", "１", "−1", "1d5", "TRUE", "1 2", "\x1b[31m",
                                  "a" * 9999])
def test_what_is_no_number_is_refused_with_line_and_column(tmp_path, cell):
    refused("line 2 has .* column 'x'", table, tmp_path, HEAD + f"0,{cell},2\n" + ROWS)


def columns_of(x, v):
    return "run\tx\tv\n" + "".join(f"{i // 6}\t{a}\t{b}\n" for i, (a, b) in enumerate(zip(x, v)))


@pytest.mark.parametrize("sign", [",", "."])
@pytest.mark.parametrize("low, high", [(100, 5000), (-5000, 5000), (1000, 5000), (10**6, 10**7)])
def test_what_may_be_thousands_is_refused(tmp_path, sign, low, high):
    x, v = np.random.default_rng(0).integers(low, high, (2, 120))
    content = columns_of(map("{:,}".format, x), map("{:,}".format, v)).replace(",", sign)
    refused("line 2 .* thousands", table, tmp_path, content, "a.tsv")


@pytest.mark.parametrize("v", ["{:.4f}", "0{:.2f}", "{:.3e}", "{:.0f}5.1"])
def test_what_cannot_be_thousands_is_read(tmp_path, v):
    numbers = np.random.default_rng(0).uniform(1, 3, (2, 120))
    found = table(tmp_path, columns_of(map("{:.3f}".format, numbers[0]), map(v.format, numbers[1])), "a.tsv")
    assert found.values[:, 0] == pytest.approx(numbers[0], abs=6e-4)


def test_decimal_commas_are_read_where_nothing_else_is_possible(tmp_path):
    content = "run;x;v\n" + lines_of(CIRCLES, ";", ",")
    assert noted(table(tmp_path, content), "commas are decimal")
    refused("write all numbers as 1234.5, without signs for thousands", table, tmp_path, content + "1;1.5;2\n")
    refused("line 2 has '1,5'", table, tmp_path, HEAD + '1,"1,5",2\n')
    refused("line 2 has '1.234,5'.* thousands", table, tmp_path, "run;x;v\n1;1.234,5;2\n")


@pytest.mark.parametrize("name", ["x²", "x^2", "v·x", "2x", "sqrt", "lambda", "pi", "a b", "a.b", "x₁", "`x`", "x|y",
                                  "", "x" * 41, "x (m)", "x [m", "None", "\x1b"])
def test_names_that_a_formula_cannot_hold_are_refused(tmp_path, name):
    refused("cannot stand in a formula", table, tmp_path, f'run,"{name}",v\n' + ROWS)


def test_names_are_compared_as_python_compares_them(tmp_path):
    refused("two columns have the name μ", table, tmp_path, "run,µ,μ\n" + ROWS)
    refused("'vx' cannot .* product", table, tmp_path, "run,x,v,vx\n" + ROWS.replace("\n", ",1\n"))
    for name in ("µ", "位置", "Na", "f", "line", "_x"):
        assert len(table(tmp_path, f"run,{name},v\n" + ROWS).names) == 2
    many = [f"c{i}" for i in range(41)]
    refused("it has 41 columns .* 40 at most", table, tmp_path, f"run,{','.join(many)}\n" + f"1{',2' * 41}\n")


def test_degrees_are_one_notion_and_other_angles_are_refused(tmp_path):
    for head in ("x [deg]", "x [°]", "x [Deg.]", "x [degrees]", "x_deg", "x_Degrees"):
        found = table(tmp_path, f"run,{head},v [deg/s]\n" + ROWS)
        assert found.units.tolist() == ["deg", "deg/s"]
    for head in ("x [gon]", "x [mrad]", "x [cycle]", "x [′]", "x_deg [rad]", "x [<b>m</b>]", "x [[m]]", "x [`m`]"):
        refused("has the unit", table, tmp_path, f"run,{head},v\n" + ROWS)


def test_columns_of_errors_belong_to_others_and_are_not_observed(tmp_path):
    rows = [f"{row},{'' if i == 5 else 0.1}\n" for i, row in enumerate(ROWS.split())]
    content = "run,x [m],v,x_err [m]\n" + "".join(rows)
    found = table(tmp_path, content)
    assert found.names.tolist() == ["x", "v"] and len(found.values) == 360 and np.nanmax(found.errors) == 0.1
    assert np.isnan(found.errors[:, 1]).all() and np.flatnonzero(np.isnan(found.errors[:, 0])).tolist() == [5]
    assert np.nanmax(table(tmp_path, content.replace("x [m]", "x_deg").replace("x_err [m]", "x_deg_err")).errors) == 0.1
    refused("two columns .* it has v", table, tmp_path, content, drop=["x"])        # and with it its errors
    refused("line 7 has an error", table, tmp_path, content.replace(",\n", ",-1\n"))
    refused("same unit", table, tmp_path, content.replace("err [m]", "err [cm]"))
    refused("errors of a column q", table, tmp_path, content.replace("x_err", "q_err"))


@pytest.mark.parametrize("names, words", [
    *((name, "line 2 has no group") for name in ("", "NA", "N/A", "NaN", "nan", "NULL", "None")),
    *((name, "equal as numbers") for name in ("01", "1.0", "+1", "1e0"))])
def test_missing_groups_and_groups_equal_as_numbers_and_not_as_text_are_refused(tmp_path, names, words):
    refused(words, table, tmp_path, HEAD + f"{names},1,2\n" + ROWS)


def test_groups_that_differ_as_text_are_different(tmp_path):
    names = ["1_0", "10", "Na", "sNaN", "9007199254740992", "9007199254740993", "1e99999999", '"a,b"', '"#1"']
    found = table(tmp_path, HEAD + "".join(f"{name},{i},{i * i}\n{name},{i},7.5\n" for i, name in enumerate(names)))
    assert np.bincount(found.classes).tolist() == [2] * 9 and noted(found, "9 groups are few")


def test_several_columns_name_a_group_together(tmp_path):
    rows = [f"{i // 180},{i // 6 % 30},{i % 6},{row}\n" for i, row in enumerate(OBSERVED)]
    content = "session,trial,t,x,v\n" + "".join(rows)
    found = table(tmp_path, content, group=["session", "trial"])
    assert noted(found, "read 60 groups") and found.names.tolist() == ["x", "v"]
    refused("line 182.* used twice.* --group", table, tmp_path, content)
    refused("no columns 'q'", table, tmp_path, content, group=["q"])
    refused("two columns have the name trial", table, tmp_path, content.replace("session", "trial"), group=["trial"])


def test_a_name_that_is_used_twice_is_refused_or_noted_and_runs_side_by_side_are_fine(tmp_path):
    def timed(order, name="t", **options):
        rows = [f"{i // 6},{i % 6},{row}\n" for i, row in enumerate(OBSERVED)]
        return table(tmp_path, f"run,{name},x,v\n" + "".join(rows[i] for i in order), **options)
    halves = [[i for k in range(60) for i in range(6 * k + start, 6 * k + start + 3)] for start in (0, 3)]
    side = [6 * k + i for i in range(6) for k in range(60)]
    for order in (range(360), side, halves[0] + halves[1]):
        found = timed(order)
        assert found.names.tolist() == ["x", "v"] and noted(found, "column t, a running time")
        assert not noted(found, "blocks")
    refused("t falls within groups, as in line 182.* used twice", timed, halves[1] + halves[0])
    assert noted(timed(side, drop=["t", "t"]), "several blocks of the file; if a name is used twice")
    falls = timed(reversed(range(360)))
    assert "t" in falls.names
    assert "T" in timed(range(360), "T").names                                      # a temperature


def test_pairs_that_share_observations_are_refused_and_groups_that_do_are_noted(tmp_path):
    rng, n = np.random.default_rng(1), np.arange(60)[:, None]
    i, j = np.array([[rng.choice(6, 2, replace=False) for _ in range(30)] for _ in n]).transpose(2, 0, 1)
    x, x_prime = (CIRCLES[n, each].reshape(-1, 2) for each in (i, j))
    refused("share .* observations, as in pair 0, .* x and group", arrays, tmp_path, x=x, x_prime=x_prime)
    few = np.array([*CIRCLES[:, 0], CIRCLES[0, 0]])
    pairs = arrays(tmp_path, x=few, x_prime=np.array([*CIRCLES[:, 1], CIRCLES[0, 2]]))
    assert noted(pairs, "groups share 2 observations") and pairs.classes.max() == 60
    windows = arrays(tmp_path, trajectories=np.concatenate([CIRCLES[:, :4], CIRCLES[:, 2:]]))
    assert windows.classes.max() == 119 and noted(windows, "groups share 240 observations")
    x = CIRCLES[:, 0]
    refused("share 120 observations", arrays, tmp_path, x=x, x_prime=np.roll(x, 1, axis=0))


def test_gaps_repeated_rows_lonely_groups_and_constant_columns_are_left_out_and_noted(tmp_path):
    rows = "0,,1\n0,NaN,1\n0,1,NA\n" + ROWS + ROWS + "z,1,2\n"
    found = table(tmp_path, "run,x,v,g\n" + rows.replace("\n", ",9.81\n"))
    assert found.values.shape == (360, 2) and noted(found, "column g, which hardly varies")
    assert noted(found, "left out 3 of 724 rows, with empty cells or NaN: line 2, ...")
    assert noted(found, "360 of 721 rows, that repeat")
    assert noted(found, "1 of 361 rows, alone in their groups: line 725")
    far = table(tmp_path, HEAD + "0,-999,1\n" + ROWS)
    assert noted(far, "1 of 361 values of x are far from all others: -999 in line 2")
    rows = "".join(f"{i // 10},{-999 if i % 5 == 0 else i * 0.37 % 1},{i * 0.73 % 1}\n" for i in range(400))
    assert noted(table(tmp_path, "run,x,y\n" + rows), "80 of 400 values of x are far from all others: -999")
    orbits = CIRCLES.copy()
    orbits[3, 4:] = np.nan
    assert noted(arrays(tmp_path, trajectories=orbits), "2 of 360 rows, with empty cells or NaN: trajectories[3], ...")


def test_columns_that_look_like_errors_are_noted(tmp_path):
    for name in ("x_std", "x_sigma", "x_err_deg"):
        rows = "".join(f"{line},{i % 7}\n" for i, line in enumerate(ROWS.splitlines()))
        assert noted(table(tmp_path, HEAD.strip() + f",{name}\n" + rows), f"{name} is taken for observed")
    assert not noted(table(tmp_path, HEAD + ROWS), "taken for observed")


@pytest.mark.parametrize("named, words", [
    ({}, "it holds none"), ({"x": CIRCLES[0], "x_prime": CIRCLES[1], "Y": [1]}, "no labels y"),
    ({"trajectories": CIRCLES, "x": CIRCLES[0], "group": [1]}, "it holds 'trajectories'"),
    ({"trajectories": CIRCLES + 0j}, "complex"), ({"trajectories": CIRCLES.astype(str)}, "must hold numbers"),
    ({"trajectories": np.array([{}])}, "no Python objects"), ({"trajectories": CIRCLES[:0]}, "must hold"),
    ({"trajectories": CIRCLES[0]}, r"trajectories \(6, 2\)"), ({"trajectories": 1.0}, r"trajectories \(\)"),
    ({"x": CIRCLES[0], "x_prime": CIRCLES[1, :5]}, r"x_prime \(5, 2\)"),
    ({"trajectories": CIRCLES, "names": ["x"]}, "names"), ({"trajectories": CIRCLES * 1e51}, "1e50"),
    ({"x": CIRCLES[0], "group": [1, 2, 3, 4, 5, np.nan]}, r"x\[5\] has no group"),
    ({"trajectories": CIRCLES, "errors": [0.0, 1.0]}, "an error"),
    ({"trajectories": CIRCLES, "errors": [[1.0]]}, "errors"),
    ({"trajectories": CIRCLES * (PHASE < 5).cumprod(axis=1)[..., None]}, "end in zeros")])
def test_arrays_of_another_form_are_refused(tmp_path, named, words):
    refused(words, arrays, tmp_path, **named)


def test_files_are_bounded_and_never_unpickled(tmp_path, monkeypatch):
    refused("line 2 has over 100,000 bytes", table, tmp_path, HEAD + "1" * 200_000)
    refused("over 1000 comments", table, tmp_path, "# a\n" * 2000 + HEAD)
    refused("over 1,000,000 lines", table, tmp_path, HEAD + "\n" * 10**6)
    monkeypatch.setattr(tables, "MAX_BYTES", 10**6)
    refused("over 1,000,000 bytes", table, tmp_path, HEAD + " " * 10**6)
    for shape, words in [((10**6, 10**3, 4), "no archive"), ((400, 10**3, 2), "1,000,000 bytes unpacked")]:
        with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("trajectories.npy", "w") as file:
                np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
                file.write(bytes(1_400_000 if shape[0] == 400 else 0))
        refused(words, tables.read, tmp_path / "bomb.npz")
    (tmp_path / "p.npz").write_bytes(pickle.dumps(print))
    refused("no archive", tables.read, tmp_path / "p.npz")


def test_only_regular_files_of_known_kinds_are_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo.csv"), os.mkdir(tmp_path / "folder.npz"), os.symlink("/dev/zero", tmp_path / "zero.csv")
    for name, words in [("fifo.csv", "no regular"), ("folder.npz", "no regular"), ("zero.csv", "no regular"),
                        ("a.pdf", "must end in"), ("a\x1b\udcff.pdf", r"a\\x1b\\udcff.pdf"),
                        ("a.csv.gz", "must end in"), ("cut.npz", "no archive")]:
        if not (tmp_path / name).exists():
            (tmp_path / name).write_bytes(b"PK\x03\x04" + os.urandom(300) if name == "cut.npz" else b"x")
        refused(words, tables.read, tmp_path / name)
    with pytest.raises(FileNotFoundError):
        tables.read(tmp_path / "absent.csv")


def test_a_mistake_in_a_check_is_not_taken_for_a_fault_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "leave_out_repeated", None)
    with pytest.raises(TypeError):
        table(tmp_path, HEAD + ROWS)


def test_columns_are_read_by_name_and_unit_with_their_lines(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("# new\nnote,v,µ [°]\na,1.5,20\n\nb,2,4e1\n", "utf-8")
    values, lines = tables.read_columns(path, ("μ", "v"), ("deg", ""))
    assert values.tolist() == [[20, 1.5], [40, 2]] and lines.tolist() == [3, 5]
    for name, unit, content, words in [
            ("q", "", "v\n1\n", r"one column q \[\], and has .v \[\]"), ("v", "", "v,v\n1,2\n", "two columns .* v"),
            ("v", "rad", "v [deg]\n1\n", r"one column v \[rad\], and has .v \[deg\]"),
            ("v", "m", "v\n1\n", r"one column v \[m\]"), ("v", "", "v\n1\nNaN\n", "line 3 lacks a number"),
            ("v", "", "v\n", "rows of numbers"), ("v", "", "v\n1.234\n", "line 2 has 1.234 .* thousands")]:
        path.write_text(content)
        refused(words, tables.read_columns, path, (name,), (unit,))


def test_a_time_that_falls_where_two_groups_stand_in_turn_is_seen(tmp_path):
    rows = "".join(f"{i % 2 + 2 * (i // 20)},{7 * i % 20},{i * i},{np.sin(i)}\n" for i in range(80))
    refused("t falls within groups.* used twice", table, tmp_path, "run,t,x,v\n" + rows)


def test_an_error_beyond_1e50_is_refused(tmp_path):
    refused("has an error", arrays, tmp_path, trajectories=CIRCLES, errors=[1e60, 1.0])
