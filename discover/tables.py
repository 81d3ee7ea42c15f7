"""A user's file of observations, in one strict format, or one sentence that says what is wrong.

Tables (.csv, .tsv, .txt, .dat) have comments (#), a line of names with units, as theta [rad], and
one observation a row; one column or more tells what belongs together. An .npz file holds x and
x_prime (n, d), the same things observed twice; or trajectories (K, M, d); or x (N, d) and
group (N,). Nothing is guessed or unpickled, and every size has a bound: see docs/data.md.
"""

import csv
import io
import re
from codecs import BOM_UTF8
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from unicodedata import normalize

import numpy as np

from discover.expressions import MAX_MAGNITUDE, NO_NAMES
from discover.libraries import IN_DEGREES
from support.process import printable

TABLES = (".csv", ".tsv", ".txt", ".dat")
LAYOUTS = {("trajectories",): "trajectories[{}]", ("x", "x_prime"): "pair {}",
           ("group", "x"): "x[{}]"}     # of an .npz file, and the place of a row
KINDS = {**dict.fromkeys(("trajectories", "x", "x_prime", "errors"), "biuf"), "names": "U",
         "group": "biufU"}              # of its arrays, as NumPy calls them
GROUP_COLUMNS = ("event", "orbit", "experiment", "group", "trajectory", "trial", "id", "run")
MISSING = {"", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None"}   # Na is sodium
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
UNIT = re.compile(r"(?!(grad|gon|arc(min|sec)|turns?|rev|cycles?|[muµμ]as|hourangle|"
                  r"[mµμun]rad|[′″])$)[\w °º˚%′″·⋅×./*^+−⁻()-]{0,40}", re.I)
DEGREES = re.compile(r"deg(ree)?s?\.?|[°º˚]", re.IGNORECASE)
LIKE_ERRORS = re.compile(r"(.+?)_(?:errors?|sigma|std|sd|unc|uncertainty|err_deg\w*)", re.I)
TIME = re.compile(r"t|(?i:time|timestamp|date|index|frame|step)")           # T is a temperature
MAX_BYTES, MAX_LINES, MAX_LINE_BYTES, MAX_COMMENTS = 10**8, 10**6, 10**5, 1000
MAX_COLUMNS, MAX_NAME_LENGTH = 40, 40   # a polynomial in more columns costs gigabytes
MIN_GROUPS, FEW_GROUPS = 4, 50          # two to train and two to test on; a note below 50
MAX_SHARED = 0.1                        # of observations are in several pairs by chance
OUTLIER_IQR, MAX_OUTLIERS = 30, 0.01    # interquartile ranges off the median; share of a column


def require(is_fine, sentence):
    """ValueError with a sentence on what was wrong, and what to give instead, unless it is fine."""
    if not is_fine:
        raise ValueError(sentence)


def listed(names):
    return str([*map(str, names)])[1:-1][:400] or "none"


def read(path, group=(), drop=()):
    """The Observations in a file.

    group: names of the columns that together name the class (default: the one of GROUP_COLUMNS
    that is there); drop: names of columns to ignore. Raises ValueError with one sentence if the
    file cannot be used, OSError if it cannot be read.
    """
    with opened(path, (".npz", *TABLES)) as (content, ending):
        observe = read_npz if ending == ".npz" else read_table
        named = (split_heads(dict.fromkeys(each)) for each in (group, drop))
        return check(observe(content, *named))


def read_columns(path, names, units):
    """Values (N, d) in the columns of a table with these names and units (d,), and lines (N,).

    Raises ValueError and OSError as `read` does, also where a unit differs or a number is missing.
    """
    with opened(path, TABLES) as (content, _):
        given, columns, lines, comma = split_table(content)
        wanted = dict(zip(names, units))
        for name, unit in wanted.items():
            require(given.get(name) == unit, f"it needs one column {name} [{unit}], and has "
                    f"{listed(f'{name} [{unit}]' for name, unit in given.items())}; convert what "
                    "is in another unit, and write units behind the names")
        numbers = to_numbers({name: columns[name] for name in names}, lines, comma, [])
        found = Observations(wanted, numbers, [()] * len(lines), "line {}", lines, [])
        found.refuse(np.isnan(found.values), "lacks a number in one of the columns "
                     f"{listed(names)}; give it, or remove the line")
        return found.values, lines


@contextmanager
def opened(path, endings):
    """The content of a file, and which of the endings its name has; ValueErrors name the file."""
    path, ending = Path(path), Path(path).suffix.lower()
    try:
        require(path.is_file() or not path.exists(), "it is no regular file; copy it")
        require(ending in endings, f"its name must end in {', '.join(endings)}; unpack what is "
                "packed, and convert others")
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        require(len(content) <= MAX_BYTES, f"it has over {MAX_BYTES:,} bytes; give fewer rows")
        yield content, ending
    except ValueError as error:
        raise ValueError(f"{printable(path)}: {error}") from error


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
    return Observations(units, numbers, [*zip(*map(columns.get, by))], "line {}", lines, notes)


def split_table(content):
    """Columns {name: unit} and {name: cells}, lines (N,), and whether commas may be decimal."""
    require(content.count(b"\n") < MAX_LINES, f"it has over {MAX_LINES:,} lines; give fewer rows")
    rows, lines, comments, separator = [], [], 0, None
    try:
        for number, line in enumerate(content.removeprefix(BOM_UTF8).split(b"\n"), 1):
            line, place = line.strip(b" \r"), f"line {number}"
            require(len(line) <= MAX_LINE_BYTES and comments <= MAX_COMMENTS, f"{place} has over "
                    f"{MAX_LINE_BYTES:,} bytes, or over {MAX_COMMENTS} comments above it")
            if line.startswith(b"#"):
                require(not rows, f"{place} starts with #, and comments stand above the line of "
                        "names only; remove it, or quote the cell that starts with #")
                comments += 1
            elif line.strip():
                text = line.decode()
                separator = separator or next((sign for sign in "\t;," if sign in text), " ")
                if separator == " ":                    # theta [rad] is one cell
                    text = re.sub(r"\s*\[[^][]*\]", lambda unit: "".join(unit[0].split()), text)
                row, = csv.reader([text], delimiter=separator, skipinitialspace=True, strict=True)
                rows.append([*map(str.strip, row)])
                lines.append(number)
                require(len(row) == len(rows[0]), f"{place} has {len(row)} cells, and the line of "
                        f"names {len(rows[0])}; give as many")
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{place} cannot be read ({error}); save the table as text in UTF-8, "
                         "with quotes that end") from None
    require(len(rows) > 1 and not any(map(NUMBER.fullmatch, rows[0])), "it needs a line of names, "
            "without #, and rows of numbers below it")
    units = split_heads(rows[0])
    return units, dict(zip(units, zip(*rows[1:]))), np.array(lines[1:]), separator != ","


def to_numbers(columns, lines, comma, notes):
    """{name: values (N,)} of {name: cells}, NaN where missing; 1,234 must not be 1234 as well."""
    comma = comma and not any("." in cell for cells in columns.values() for cell in cells)
    numbers, marked = {}, {}                            # first places of cells with , or .
    for name, cells in columns.items():
        numbers[name] = np.full(len(cells), np.nan)
        for i, cell in enumerate(cells):
            number = cell.replace(",", ".") if comma else cell
            if NUMBER.fullmatch(number):
                numbers[name][i] = float(number)
            elif cell not in MISSING:
                raise ValueError(f"line {lines[i]} has {cell[:40]!r} in column {name[:40]!r}; "
                                 "write all numbers as 1234.5, without signs for thousands, and "
                                 "units in the line of names, as theta [rad], or --drop the column")
            if "." in number:
                marked.setdefault(cell, (lines[i], name))
    if marked and all(map(THOUSANDS.fullmatch, marked)):
        cell, (line, name) = next(iter(marked.items()))
        raise ValueError(f"line {line} has {cell} in column {name}, which is "
                         f"{re.sub('[.,]', '', cell)} if its sign is for thousands, and {cell}0 if "
                         "not; no number tells: write either")
    if marked and comma:
        notes.append("commas are decimal points")
    return numbers


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
    place = LAYOUTS.get(tuple(sorted(arrays.keys() - {"names", "errors"})))
    x = arrays.get("trajectories", arrays.get("x", np.empty(0)))
    d, errors = x.shape[-1:], arrays.get("errors")
    shapes = {"group": [x.shape[:-1]], "names": [d], "errors": [d, x.shape]}
    fits = [each.dtype.kind in KINDS[name] and each.shape in shapes.get(name, [x.shape])
            for name, each in arrays.items()]
    require(place and x.ndim == 2 + ("trajectories" in arrays) and x.size and all(fits)
            and not {"y", "label", "labels"} & {*map(str.lower, held)},
            "it must hold numbers x and x_prime (n, d), or trajectories (K, M, d), or x (N, d) and "
            "group (N,), with names (d,) and errors (d,) or like x, and no labels y, since all "
            f"pairs are equivalent; it holds {listed(held)}: "
            f"{', '.join(f'{each.dtype} {name} {each.shape}' for name, each in arrays.items())}")
    alike = len(x), -1, *d                              # as trajectories, of one or two times
    x = np.stack([x, arrays["x_prime"]], 1) if "x_prime" in arrays else x.reshape(alike)
    require(x.shape[1] < 3 or x[:, -2:].any(axis=(1, 2)).all(), "some trajectories end in zeros; "
            "end shorter ones in NaN, which is left out")
    if x.dtype in (np.float16, np.float32):
        x = x.astype(str).astype(float)                 # 0.1 stays 0.1
    heads = [*arrays.get("names", [f"x{i + 1}" for i in range(*d)])]
    if errors is not None:
        heads += [f"{name}_err" for name in split_heads(heads)]
        errors = errors if errors.ndim == 1 else errors.reshape(alike)
        x = np.concatenate([x, np.broadcast_to(errors, x.shape)], axis=2)
    units, rows = split_heads(heads), np.repeat(np.arange(len(x)), x.shape[1])
    keys = [(str(key).strip(),) for key in arrays.get("group", rows).tolist()]
    return Observations(
        leave_out(units, drop), dict(zip(units, x.reshape(len(rows), -1).T)), keys, place, rows,
        [f"did not read {name[:40]!r}" for name in held if name not in arrays])


# ---------------------------------------------------------- names, units, groups and observations

def split_heads(heads):
    """{name: unit} of heads such as theta [rad]; names as Python reads them, degrees as deg."""
    units = {}
    for head in heads:
        name, _, unit = head[:-1].partition("[") if head.endswith("]") else (head, "", "")
        name, unit = name.strip(), unit.strip()
        if name.isidentifier():                         # x² is none, and is not x2
            name = normalize("NFKC", name)
        require(name not in units, f"two columns have the name {name[:40]}; rename one")
        in_degrees = DEGREES.fullmatch(unit) if unit else name.lower().endswith(IN_DEGREES)
        units[name] = "deg" if in_degrees else unit
    return units


def leave_out(units, out):
    """The columns {name: unit} but those named out, which must be there, and their errors."""
    for name in out:
        require(name in units, f"it has no columns {name[:40]!r}; name one of {listed(units)}")
    return {name: unit for name, unit in units.items()
            if {name, name.removesuffix("_err")}.isdisjoint(out)}


def number_groups(keys):
    """Numbers (N,) of the groups that keys [(text, ...), ...] name; -1 where it is missing."""
    numbers = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    for texts in zip(*numbers):
        seen = {}
        for text in texts:
            number = text.replace(",", ".")
            same = seen.setdefault(Decimal(number) if NUMBER.fullmatch(number) else text, text)
            require(same == text, f"the groups {same[:40]!r} and {text[:40]!r} differ as text and "
                    "are equal as numbers; write them alike")
    return np.array([numbers[key] if MISSING.isdisjoint(key) else -1 for key in keys])


class Observations:
    """N observations in d columns, sorted by their classes, those of one class as in the file.

    names, units (d,): "" where the file gives no unit, "deg" for all degrees; values, errors
    (N, d): float64, and standard deviations, NaN where not given; classes (N,): 0, 1, ...; rows
    (N,): such as 2 of the place "line {}"; notes: sentences on what was read and left out.
    """

    def __init__(self, units, numbers, keys, place, rows, notes):
        """Of columns {name: unit} and {name: values (N,)}; keys (N,): texts that name the group."""
        own, classes = list_observed(units, notes), number_groups(keys)
        order, unknown = np.argsort(classes, kind="stable"), np.full(len(rows), np.nan)
        self.names, self.units = np.array([*own]), np.array([*own.values()])
        self.values, self.errors = (
            np.column_stack([numbers.get(name + ending, unknown)[order] for name in own])
            .astype(float) for ending in ("", "_err"))
        self.classes, self.rows, self.place, self.notes = classes[order], rows[order], place, notes
        self.refuse(np.abs(self.values) > MAX_MAGNITUDE, "has a value beyond 1e50, of which not "
                    "all laws are finite; use other units")

    def where(self, rows):
        """The places of a mask (N,), as text: the first one."""
        return self.place.format(self.rows[np.argmax(rows)]) + (", ..." if rows.sum() > 1 else "")

    def refuse(self, cells, what):
        """ValueError with the place of the first cell of a mask (N, d), if it has any."""
        require(not cells.any(), f"{self.where(cells.any(axis=1))} {what}")

    def leave_out(self, rows, why):
        """Leave out the rows of a mask (N,), and note how many."""
        if rows.any():
            self.notes.append(f"left out {rows.sum()} of {len(rows)} rows, {why}: "
                              f"{self.where(rows)}")
        for name in ("values", "errors", "classes", "rows"):
            setattr(self, name, getattr(self, name)[~rows])

    def leave_out_columns(self, columns, why):
        """Leave out the columns of a mask (d,), and note it; two at least must be left."""
        self.notes += [f"left out the column {name}, {why}" for name in self.names[columns]]
        for name in ("names", "units", "values", "errors"):
            setattr(self, name, getattr(self, name)[..., ~columns])
        require(len(self.names) > 1, "an invariant needs two columns that vary; "
                f"{'; '.join([*self.notes, 'it has ' + (', '.join(self.names) or 'none')])}")


def list_observed(units, notes):
    """The columns {name: unit} that hold no errors; ValueError if a name or unit is not allowed."""
    own = {name: unit for name, unit in units.items() if not name.endswith("_err")}
    require(0 < len(own) <= MAX_COLUMNS, f"it has {len(own)} columns besides groups and errors; "
            f"an invariant needs two columns that vary, and {MAX_COLUMNS} at most")
    for name, unit in units.items():
        stem, like = name.removesuffix("_err"), LIKE_ERRORS.fullmatch(name)
        require(name.isidentifier() and "·" not in name and len(name) <= MAX_NAME_LENGTH
                and name not in NO_NAMES and not {*name} <= {*units} - {name},
                f"the column name {name[:40]!r} cannot stand in a formula; give letters, digits "
                "and _, as in theta_1 [rad], no function, and no product of other columns")
        require(UNIT.fullmatch(unit)
                and (unit in ("", "deg") or not stem.lower().endswith(IN_DEGREES)),
                f"{name} has the unit {unit[:40]!r}; write units as m/s^2, angles in rad or deg")
        require(name in own or stem in own and unit in ("", own[stem]), f"{name} would be the "
                f"errors of a column {stem} with the same unit; rename or --drop it")
        if like and not {like[1], f"{like[1]}_deg"}.isdisjoint(own):
            notes.append(f"{name} is taken for observed; if it holds errors, let its name end in "
                         "_err, as theta_err")
    return own


# ----------------------------------------------------------------------------------------- checks

def check(found):
    """Leave out what cannot be used, and count the classes; ValueError if too little is left."""
    found.refuse(found.classes[:, None] < 0, "has no group; say what it belongs to, or remove it")
    found.refuse((found.errors <= 0) | (found.errors > MAX_MAGNITUDE), "has an error that is not "
                 "above 0, or beyond 1e50; leave it empty if it is not known")
    found.leave_out(np.isnan(found.values).any(axis=1), "with empty cells or NaN")
    require(len(found.values), "each row has empty cells or NaN; --drop empty columns")
    leave_out_times(found)
    leave_out_repeated(found)
    found.leave_out(np.bincount(found.classes)[found.classes] == 1, "alone in their groups")
    groups, found.classes = np.unique(found.classes, return_inverse=True)
    require(len(groups) >= MIN_GROUPS, f"{MIN_GROUPS} groups of two different observations or more "
            f"are needed; {'; '.join([*found.notes, f'it has {len(groups)}'])}")
    spread, largest = np.ptp(found.values, axis=0), np.abs(found.values).max(axis=0)
    found.leave_out_columns(spread <= 1e-12 * largest + 1 / MAX_MAGNITUDE, "which hardly varies")
    heads = [f"{name} [{unit}]" if unit else name for name, unit in zip(found.names, found.units)]
    found.notes.insert(0, f"read {len(groups)} groups, {len(found.values)} observations, columns "
                       f"{', '.join(heads)}")
    if len(groups) < FEW_GROUPS:
        found.notes.append(f"{len(groups)} groups are few: a count of laws needs {FEW_GROUPS}")
    low, middle, high = np.quantile(found.values, [0.25, 0.5, 0.75], axis=0)
    far = (np.abs(found.values - middle) > OUTLIER_IQR * (high - low)) & (high > low)
    for name, rows, values in zip(found.names, far.T, found.values.T):
        if rows.any() and (rows.mean() < MAX_OUTLIERS or np.ptp(values[rows]) == 0):    # -999
            found.notes.append(f"{rows.sum()} of {len(rows)} values of {name} are far from all "
                               f"others: {values[rows][0]:g} in {found.where(rows)}")
    return found


def leave_out_times(found):
    """Leave out running times; ValueError where one falls in a group that stands in blocks."""
    names, order = found.names, np.searchsorted(np.sort(found.rows), found.rows)
    goes_on, steps = np.diff(found.classes) == 0, np.diff(found.values, axis=0)
    in_blocks = goes_on & (np.diff(order) > 1)
    is_time = np.array([bool(TIME.fullmatch(name)) for name in names])
    falls, rises = ((goes_on[:, None] & is_time & each).T for each in (steps < 0, steps > 0))
    used_twice = np.append(False, in_blocks & falls.any(axis=0))
    require(not used_twice.any(), f"{', '.join(names[is_time])} falls within groups, as in "
            f"{found.where(used_twice)}, and groups stand in several blocks: a name may be used "
            "twice; name a second column with --group, or sort the rows by group and time")
    found.notes += [f"{name} falls within groups, and is taken for observed, not for a running time"
                    for name in names[falls.any(axis=1)]]
    is_time = rises.any(axis=1) & ~falls.any(axis=1)
    if in_blocks.any() and not is_time.any():
        found.notes.append("groups stand in several blocks of the file; if a name is used twice, "
                           "name a second column with --group")
    found.leave_out_columns(is_time, "a running time")


def leave_out_repeated(found):
    """Leave out repeated rows of a group; refuse pairs that share observations, note groups."""
    rows = np.column_stack([found.classes, found.values])
    first = np.unique(rows, axis=0, return_index=True)[1]
    found.leave_out(~np.isin(np.arange(len(rows)), first), "that repeat another of their group")
    state = np.unique(found.values, axis=0, return_inverse=True)[1].ravel()
    shared = np.bincount(state)[state] > 1
    text = f"share {shared.sum()} observations, as in {found.where(shared)}"
    require(not found.place.startswith("pair") or shared.mean() <= MAX_SHARED,
            f"x and x_prime {text}; give x and group, with one group for all of one motion, or "
            "trajectories")
    if shared.any():
        found.notes.append(f"groups {text}; groups of one motion need one name")
