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
import stat
import zlib
from codecs import BOM_UTF8
from contextlib import contextmanager
from unicodedata import normalize

import numpy as np

from discover.observations import (MISSING, NUMBER, PAIR, Refused, check, observe, require,
                                   split_head)

TABLES = (".csv", ".tsv", ".txt", ".dat")
LAYOUTS = ({"trajectories"}, {"x", "x_prime"}, {"x", "group"})          # of an .npz file
ARRAYS = {"names", "errors"}.union(*LAYOUTS)
GROUP_COLUMNS = ("event", "orbit", "experiment", "group", "trajectory", "trial", "id", "run")
WHOLE, THOUSANDS = re.compile(r"[+-]?\d{1,3}"), re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
MAX_BYTES, MAX_LINES, MAX_LINE_BYTES, MAX_COMMENTS = 10**8, 10**6, 10**5, 1000


def read(path, group=(), drop=()):
    """The Observations in a file.

    group: names of the columns that together name the class (default: the one of GROUP_COLUMNS
    that is there); drop: names of columns to ignore. Raises ValueError with one sentence if the
    file cannot be used, OSError if it cannot be read.
    """
    with loaded(path) as (content, is_table):
        return check((read_table if is_table else read_npz)(content, group, drop))


def read_columns(path, names, units):
    """Values (N, d) in the columns of a table with these names and units (d,), and lines (N,).

    Raises ValueError and OSError as `read` does, also where a unit differs or a number is missing.
    """
    with loaded(path) as (content, is_table):
        require(is_table, f"laws are applied to tables; give one of {', '.join(TABLES)}")
        heads, columns, lines, comma = split_table(content)
        heads = [(normalize("NFKC", name), unit) for name, unit in heads]
        for name, unit in zip(names, units):
            require(heads.count((name, unit)) == 1, f"it needs one column {name} [{unit}], and has "
                    f"{listed(f'{name} [{unit}]' for name, unit in heads)}; convert what is in "
                    "another unit, and write units behind the names")
        cells = {name: columns[heads.index((name, unit))] for name, unit in zip(names, units)}
        values = to_numbers(cells, lines, comma, [])
        gaps = np.isnan(values).any(axis=1)
        require(not gaps.any(), f"line {lines[gaps.argmax()]} lacks a number in one of the columns "
                f"{listed(names)}; give it, or remove the line")
        return values, lines


@contextmanager
def loaded(path):
    """The content of a file, unpacked, and whether it is a table; ValueErrors name the file."""
    path = os.path.expanduser(os.fspath(path))
    ending = path.lower().removesuffix(".gz")
    try:
        require(stat.S_ISREG(os.stat(path).st_mode), "it is no regular file; copy it to one")
        require(ending.endswith(TABLES) or path.lower().endswith(".npz"),
                f"its name must end in .npz, {', '.join(TABLES)}, or one of these and .gz")
        with (open if ending == path.lower() else gzip.open)(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        require(len(content) <= MAX_BYTES, f"it has over {MAX_BYTES:,} bytes; give fewer rows")
        yield content, ending.endswith(TABLES)
    except (Refused, EOFError, MemoryError, zlib.error, gzip.BadGzipFile) as error:
        reason = error if isinstance(error, Refused) else f"it is damaged or too large ({error})"
        raise ValueError(f"{path if path.isprintable() else ascii(path)}: {reason}") from error


def listed(names):
    return str([*map(str, names)])[1:-1][:400] or "none"


# ----------------------------------------------------------------------------------------- tables

def read_table(content, group, drop):
    """The Observations of a table, unchecked."""
    heads, columns, lines, comma = split_table(content)
    by, kept = choose_columns([name for name, _ in heads], group, drop)
    notes, keys = [], [*zip(*(columns[i] for i in by))]
    numbers = to_numbers({heads[i][0]: columns[i] for i in kept}, lines, comma, notes)
    return observe([heads[i] for i in kept], numbers, keys, lines, "line {}", notes)


def split_table(content):
    """Heads [(name, unit), ...], columns of cells, lines (N,), whether commas may be decimal."""
    require(content.count(b"\n") < MAX_LINES, f"it has over {MAX_LINES:,} lines; give fewer rows")
    cells, lines, comments, separator, width = [], [], 0, " ", 0
    for number, line in enumerate(content.removeprefix(BOM_UTF8).split(b"\n"), 1):
        line = line.strip(b" \r")
        if len(line) > MAX_LINE_BYTES or comments > MAX_COMMENTS:
            raise Refused(f"line {number} has over {MAX_LINE_BYTES:,} bytes, or stands below over "
                          f"{MAX_COMMENTS} comments; shorten them")
        if line.startswith(b"#"):
            require(not lines, f"line {number} starts with #, and comments stand above the line of "
                    "names only; remove it, or quote the cell that starts with #")
            comments += 1
        if line.startswith(b"#") or not line.strip():
            continue
        try:
            text = line.decode()
            if not lines:                               # what no quotes or brackets hold
                bare = re.sub(r'"[^"]*"|\[[^][]*\]', "", text)
                separator, *others = [sign for sign in "\t;," if sign in bare] or " "
                require(not others, f"line {number}, of the names, has several of tab, semicolon "
                        "and comma; separate all cells by one of them")
            if separator == " ":                        # theta [rad] is one cell
                text = re.sub(r"\s*\[[^][]*\]", lambda unit: "".join(unit[0].split()), text)
                text = " ".join(text.split())
            row, = csv.reader([text], delimiter=separator, skipinitialspace=True, strict=True)
        except (UnicodeDecodeError, csv.Error) as error:
            raise Refused(f"line {number} cannot be read ({error}); save the table as text in "
                          "UTF-8, with quotes that end") from None
        width = width or len(row)
        if len(row) != width:
            raise Refused(f"line {number} has {len(row)} cells, and the line of names {width}; "
                          "give as many")
        cells.extend(map(str.strip, row))
        lines.append(number)
    heads, columns = cells[:width], [cells[width + i::width] for i in range(width)]
    require(len(lines) > 1 and not any(map(NUMBER.fullmatch, heads)), "it needs a line of names, "
            "without #, and rows of numbers below it")
    return [*map(split_head, heads)], columns, np.array(lines[1:]), separator != ","


def to_numbers(columns, lines, comma, notes):
    """Values (N, d) of columns {name: cells}, NaN where missing; 1,234 must not be 1234 as well."""
    for name, cells in columns.items():
        for line, cell in zip(lines, cells):
            if cell not in MISSING and not (NUMBER.fullmatch(cell) and (comma or "," not in cell)):
                hint = ("numbers have no signs for thousands" if re.match("[+-]?[0-9]", cell) else
                        "units stand in the line of names, as theta [rad]")
                raise Refused(f"line {line} has {cell[:40]!r} in column {name[:40]!r}, where a "
                              f"number such as 1234.5 must stand; {hint}; --drop omits a column")
    marked = {cell for cells in columns.values() for cell in cells if "." in cell or "," in cell}
    commas = [cell for cell in marked if "," in cell]
    require(len(commas) in (0, len(marked)), f"{min(commas, default='')} has a comma, and other "
            "numbers have points; write decimal points, and no signs for thousands")
    beside_wholes = any(not marked.isdisjoint(cells) and any(map(WHOLE.fullmatch, cells))
                        for cells in columns.values())
    if (marked and all(map(THOUSANDS.fullmatch, marked))
            and (beside_wholes or not any("-" in cell for cell in marked))):
        name, line, cell = next((name, line, cell) for name, cells in columns.items()
                                for line, cell in zip(lines, cells) if cell in marked)
        decimal, whole = cell.replace(",", "."), re.sub("[.,]", "", cell)
        raise Refused(f"line {line} has {cell} in column {name}, which is {whole} if its sign is "
                      f"for thousands, and {decimal} if not, and no number tells; write {whole} "
                      f"or {decimal}0")
    if commas:
        notes.append("commas are decimal points")
    values = [[np.nan if cell in MISSING else float(cell.replace(",", ".")) for cell in cells]
              for cells in columns.values()]
    return np.array(values).reshape(len(columns), len(lines)).T


# ------------------------------------------------------------------------------------------- .npz

def read_npz(content, group, drop):
    """The Observations of an .npz file, unchecked."""
    require(not group, "--group names columns of a table; give an array group")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            size, held = sum(each.file_size for each in archive.zip.infolist()), archive.files
            arrays = {name: archive[name] for name in held if name in ARRAYS and size <= MAX_BYTES}
    except Exception as error:                          # damaged archives raise almost anything
        raise Refused(f"it is no archive of arrays ({str(error)[:80]}); write it with np.savez, of "
                      "numbers and no Python objects") from error
    require(size <= MAX_BYTES, f"it has over {MAX_BYTES:,} bytes unpacked; give fewer rows")
    layouts = [layout for layout in LAYOUTS if layout <= {*held}]
    require(len(layouts) == 1 and not {"y", "label", "labels"} & {*map(str.lower, held)},
            "it must hold x and x_prime, or trajectories, or x and group, and no labels y, since "
            f"all pairs are equivalent; it holds {listed(held)}")
    for name, each in arrays.items():
        kinds, what = {"names": ("U", "text"), "group": ("biufU", "numbers or text")}.get(
            name, ("biuf", "numbers"))
        require(isinstance(each, np.ndarray) and each.dtype.kind in kinds and each.size,
                f"{name} must hold {what}; it is {getattr(each, 'dtype', 'no array')}, "
                f"{np.shape(each)}")
    x = arrays.get("trajectories", arrays.get("x"))
    axes, d = 3 if "trajectories" in arrays else 2, x.shape[-1:] or (0,)
    names = arrays.get("names", np.array([f"x{i + 1}" for i in range(*d)]))
    errors = arrays.get("errors", np.empty(d))
    require(x.ndim == axes and names.shape == d and errors.shape in (d, x.shape)
            and arrays.get("x_prime", x).shape == x.shape
            and arrays.get("group", x[..., 0]).shape == x.shape[:-1], "it must hold x and x_prime "
            "(n, d), or trajectories (K, M, d), or x (N, d) and group (N,), with names (d,) and "
            "errors (d,) or like x, and holds "
            f"{', '.join(f'{name} {each.shape}' for name, each in arrays.items())}")
    if axes == 2:                                       # as trajectories of two times, or of one
        x = np.stack([x, arrays["x_prime"]], 1) if "x_prime" in arrays else x[:, None]
    require(x.shape[1] < 3 or x[:, -2:].any(axis=(1, 2)).all(), "some trajectories end in zeros; "
            "end shorter ones in NaN, which is left out")
    if x.dtype.kind == "f" and x.dtype.itemsize < 8:    # 0.1 stays 0.1
        x = np.reshape([float(str(value)) for value in x.ravel()], x.shape)
    heads = [*map(split_head, names.tolist())]
    if "errors" in arrays:
        heads += [(f"{name}_err", "") for name, _ in heads]
        errors = errors if errors.ndim == 1 else errors.reshape(len(x), -1, *d)
        x = np.concatenate([x, np.broadcast_to(errors, x.shape)], axis=2)
    _, kept = choose_columns([name for name, _ in heads] + [""], [""], drop)
    places, numbers = np.repeat(np.arange(len(x)), x.shape[1]), x.reshape(-1, len(heads))[:, kept]
    keys = [(str(key).strip(),) for key in arrays.get("group", places).tolist()]
    place = "trajectories[{}]" if axes == 3 else PAIR if "x_prime" in arrays else "x[{}]"
    notes = [f"did not read {name[:40]!r}" for name in held if name not in arrays]
    return observe([heads[i] for i in kept], numbers.astype(float), keys, places, place, notes)


# ------------------------------------------------------------------------------- names of columns

def choose_columns(names, group, drop):
    """Numbers of the columns of groups, and of all others that are not dropped."""
    usual = [name for name in names if name.lower() in GROUP_COLUMNS and name not in drop]
    require(group or len(usual) == 1, f"{listed(usual)} of its columns would tell which rows "
            f"belong together; name one column, or several, of {listed(names)} with --group")
    by = [*group] or usual
    for name in (*by, *drop):
        require(names.count(name) == 1, f"it has {names.count(name) or 'no'} columns "
                f"{name[:40]!r}; name one of {listed(names)}")
    out = {*by, *drop, *(f"{name}_err" for name in drop)}
    return [*map(names.index, by)], [i for i, name in enumerate(names) if name not in out]
