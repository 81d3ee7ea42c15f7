"""A user's file of observations, in one strict format, or one sentence that says what is wrong.

Tables (.csv, .tsv, .txt, .dat, or these and .gz) have comments (#), a line of names with units, as
theta [rad], and one observation a row; one column or more tells what belongs together. An .npz file
holds x and x_prime (n, d), the same things observed twice; or trajectories (K, M, d); or x (N, d)
and group (N,). Nothing is guessed or unpickled, and every size has a bound: see docs/data.md.
"""

import csv
import gzip
import io
import os
import re
import zlib
from codecs import BOM_UTF8
from contextlib import contextmanager

import numpy as np

from discover.observations import MISSING, NUMBER, PAIR, check, observe, require, split_heads

TABLES = (".csv", ".tsv", ".txt", ".dat")
LAYOUTS = ({"trajectories"}, {"x", "x_prime"}, {"x", "group"})          # of an .npz file
KINDS = {**dict.fromkeys(("trajectories", "x", "x_prime", "errors"), "biuf"), "names": "U",
         "group": "biufU"}              # of its arrays, as NumPy calls them
GROUP_COLUMNS = ("event", "orbit", "experiment", "group", "trajectory", "trial", "id", "run")
WHOLE, THOUSANDS = re.compile(r"[+-]?\d{1,3}"), re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
MAX_BYTES, MAX_LINES, MAX_LINE_BYTES, MAX_COMMENTS = 10**8, 10**6, 10**5, 1000


def read(path, group=(), drop=()):
    """The Observations in a file.

    group: names of the columns that together name the class (default: the one of GROUP_COLUMNS
    that is there); drop: names of columns to ignore. Raises ValueError with one sentence if the
    file cannot be used, OSError if it cannot be read.
    """
    with unpacked(path) as (content, is_table):
        return check((read_table if is_table else read_npz)(
            content, split_heads(group), split_heads(drop)))


def read_columns(path, names, units):
    """Values (N, d) in the columns of a table with these names and units (d,), and lines (N,).

    Raises ValueError and OSError as `read` does, also where a unit differs or a number is missing.
    """
    with unpacked(path) as (content, is_table):
        require(is_table, f"laws are applied to tables; give one of {', '.join(TABLES)}")
        given, columns, lines, comma = split_table(content)
        for name, unit in zip(names, units):
            require(given.get(name) == unit, f"it needs one column {name} [{unit}], and has "
                    f"{listed(f'{name} [{unit}]' for name, unit in given.items())}; convert what "
                    "is in another unit, and write units behind the names")
        numbers = to_numbers({name: columns[name] for name in names}, lines, comma, [])
        values = np.column_stack([*numbers.values()])
        gaps = np.isnan(values).any(axis=1)
        require(not gaps.any(), f"line {lines[gaps.argmax()]} lacks a number in one of the columns "
                f"{listed(names)}; give it, or remove the line")
        return values, lines


@contextmanager
def unpacked(path):
    """The content of a file, and whether it is a table; ValueErrors name the file."""
    path = os.path.expanduser(os.fspath(path))
    ending = path.lower().removesuffix(".gz")
    try:
        require(os.path.isfile(path) or not os.path.exists(path), "it is no regular file; copy it")
        require(ending.endswith(TABLES) or path.lower().endswith(".npz"),
                f"its name must end in .npz, {', '.join(TABLES)}, or one of these and .gz")
        with (open if ending == path.lower() else gzip.open)(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        require(len(content) <= MAX_BYTES, f"it has over {MAX_BYTES:,} bytes; give fewer rows")
        yield content, ending.endswith(TABLES)
    except (ValueError, EOFError, MemoryError, zlib.error, gzip.BadGzipFile) as error:
        name = path if path.isprintable() else ascii(path)
        damaged = "" if isinstance(error, ValueError) else "it is damaged or too large: "
        raise ValueError(f"{name}: {damaged}{error}") from error


def listed(names):
    return str([*map(str, names)])[1:-1][:400] or "none"


def leave_out(units, out):
    """The columns {name: unit} but those named out, which must be there, and their errors."""
    for name in out:
        require(name in units, f"it has no columns {name[:40]!r}; name one of {listed(units)}")
    return {name: unit for name, unit in units.items()
            if {name, name.removesuffix("_err")}.isdisjoint(out)}


# ----------------------------------------------------------------------------------------- tables

def read_table(content, group, drop):
    """The Observations of a table, unchecked."""
    units, columns, lines, comma = split_table(content)
    usual = [name for name in units if name.lower() in GROUP_COLUMNS and name not in drop]
    require(group or len(usual) == 1, f"{listed(usual)} of its columns would tell which rows "
            f"belong together; name one column, or several, of {listed(units)} with --group")
    by, notes = [*group] or usual, []
    units = leave_out(units, [*by, *drop])
    numbers = to_numbers({name: columns[name] for name in units}, lines, comma, notes)
    return observe(units, numbers, [*zip(*map(columns.get, by))], lines, "line {}", notes)


def split_table(content):
    """Columns {name: unit} and {name: cells}, lines (N,), and whether commas may be decimal."""
    require(content.count(b"\n") < MAX_LINES, f"it has over {MAX_LINES:,} lines; give fewer rows")
    cells, lines, comments, separator, width = [], [], 0, "", 0
    for number, line in enumerate(content.removeprefix(BOM_UTF8).split(b"\n"), 1):
        line, place = line.strip(b" \r"), f"line {number}"
        require(len(line) <= MAX_LINE_BYTES and comments <= MAX_COMMENTS, f"{place} has over "
                f"{MAX_LINE_BYTES:,} bytes, or over {MAX_COMMENTS} comments above it; shorten them")
        if line.startswith(b"#"):
            require(not lines, f"{place} starts with #, and comments stand above the line of names "
                    "only; remove it, or quote the cell that starts with #")
            comments += 1
        elif line.strip():
            row, separator = split_line(line, separator, place)
            width = width or len(row)
            require(len(row) == width, f"{place} has {len(row)} cells, and the line of names "
                    f"{width}; give as many")
            cells += row
            lines.append(number)
    units, columns = split_heads(cells[:width]), [cells[width + i::width] for i in range(width)]
    require(len(lines) > 1 and not any(map(NUMBER.fullmatch, units)), "it needs a line of names, "
            "without #, and rows of numbers below it")
    return units, dict(zip(units, columns)), np.array(lines[1:]), separator != ","


def split_line(line, separator, place):
    """The cells of a line, and the separator, which the line of names, the first, has."""
    try:
        text = line.decode()
        separator = separator or next((sign for sign in "\t;," if sign in text), " ")
        if separator == " ":                            # theta [rad] is one cell
            text = re.sub(r"\s*\[[^][]*\]", lambda unit: "".join(unit[0].split()), text)
        row, = csv.reader([text], delimiter=separator, skipinitialspace=True, strict=True)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{place} cannot be read ({error}); save the table as text in UTF-8, "
                         "with quotes that end") from None
    return [*map(str.strip, row)], separator


def to_numbers(columns, lines, comma, notes):
    """{name: values (N,)} of {name: cells}, NaN where missing; 1,234 must not be 1234 as well."""
    marked = {}                                         # numbers with , or . and their first place
    for name, cells in columns.items():
        for line, cell in zip(lines, cells):
            if cell not in MISSING and not (NUMBER.fullmatch(cell) and (comma or "," not in cell)):
                raise ValueError(f"line {line} has {cell[:40]!r} in column {name[:40]!r}; write "
                                 "numbers as 1234.5, without signs for thousands, and units in the "
                                 "line of names, as theta [rad], or --drop the column")
            if "." in cell or "," in cell:
                marked.setdefault(cell, (line, name))
    commas = [cell for cell in marked if "," in cell]
    require(len(commas) in (0, len(marked)), f"{min(commas, default='')} has a comma, and other "
            "numbers have points; write decimal points, and no signs for thousands")
    beside_wholes = any(not marked.keys().isdisjoint(cells) and any(map(WHOLE.fullmatch, cells))
                        for cells in columns.values())
    are_decimal = any(not THOUSANDS.fullmatch(cell) or "-" in cell and not beside_wholes
                      for cell in marked)
    if marked and not are_decimal:
        cell, (line, name) = next(iter(marked.items()))
        whole = re.sub("[.,]", "", cell)
        raise ValueError(f"line {line} has {cell} in column {name}, which is {whole} if its sign "
                         f"is for thousands, and {cell}0 if not; no number tells: write either")
    if commas:
        notes.append("commas are decimal points")
    return {name: np.array([np.nan if cell in MISSING else float(cell.replace(",", "."))
                            for cell in cells]) for name, cells in columns.items()}


# ------------------------------------------------------------------------------------------- .npz

def read_npz(content, group, drop):
    """The Observations of an .npz file, unchecked."""
    require(not group, "--group names columns of a table; give an array group")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            size, held = sum(each.file_size for each in archive.zip.infolist()), archive.files
            require(size <= MAX_BYTES, f"over {MAX_BYTES:,} bytes unpacked")
            arrays = {name: np.asarray(archive[name]) for name in held if name in KINDS}
    except Exception as error:                          # damaged archives raise almost anything
        raise ValueError(f"it is no archive of arrays that can be read ({str(error)[:80]}); write "
                         "it with np.savez, of numbers and no Python objects") from error
    x = arrays.get("trajectories", arrays.get("x", np.empty(0)))
    axes, d = 3 if "trajectories" in arrays else 2, x.shape[-1:]
    shapes = {"x_prime": [x.shape], "group": [x.shape[:-1]], "names": [d], "errors": [d, x.shape]}
    fits = [each.size and each.dtype.kind in KINDS[name]
            and each.shape in shapes.get(name, [x.shape]) for name, each in arrays.items()]
    require(arrays.keys() - {"names", "errors"} in LAYOUTS and x.ndim == axes and all(fits)
            and not {"y", "label", "labels"} & {*map(str.lower, held)},
            "it must hold numbers x and x_prime (n, d), or trajectories (K, M, d), or x (N, d) and "
            "group (N,), with names (d,) and errors (d,) or like x, and no labels y, since all "
            f"pairs are equivalent; it holds {listed(held)}: "
            f"{', '.join(f'{each.dtype} {name} {each.shape}' for name, each in arrays.items())}")
    if axes == 2:                                       # as trajectories of two times, or of one
        x = np.stack([x, arrays["x_prime"]], 1) if "x_prime" in arrays else x[:, None]
    require(x.shape[1] < 3 or x[:, -2:].any(axis=(1, 2)).all(), "some trajectories end in zeros; "
            "end shorter ones in NaN, which is left out")
    if x.dtype in (np.float16, np.float32):
        x = x.astype(str).astype(float)                 # 0.1 stays 0.1
    names = [*arrays.get("names", [f"x{i + 1}" for i in range(*d)])]
    if "errors" in arrays:
        names += [f"{name}_err" for name in split_heads(names)]
        errors = arrays["errors"][:, None] if arrays["errors"].ndim == 2 else arrays["errors"]
        x = np.concatenate([x, np.broadcast_to(errors, x.shape)], axis=2)
    units, places = split_heads(names), np.repeat(np.arange(len(x)), x.shape[1])
    keys = [(str(key).strip(),) for key in arrays.get("group", places).tolist()]
    place = "trajectories[{}]" if axes == 3 else PAIR if "x_prime" in arrays else "x[{}]"
    notes = [f"did not read {name[:40]!r}" for name in held if name not in arrays]
    return observe(leave_out(units, drop), dict(zip(units, x.reshape(len(places), -1).T)), keys,
                   places, place, notes)
