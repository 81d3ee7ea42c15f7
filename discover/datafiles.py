"""A user's observations, read from a file: all is checked, and what was done is said.

    .npz    x and x_prime (n, d): row i of both is one thing, observed twice; or trajectories
            (orbits, times, d); or x (N, d) and group (N,). Optional names (d,) of the columns.
    .csv, .tsv, .txt, .dat, each also with .gz
            a first line of names; one observation a row; one column of groups.

Nothing is unpickled, nor more than MOST_BYTES read, whatever a file claims to hold.
"""

import csv
import errno
import gzip
import io
import math
import os
import re
import stat
import zipfile
from array import array
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from keyword import iskeyword
from unicodedata import decomposition, normalize

import numpy as np

from discover.expressions import FUNCTIONS

TABLES = (".csv", ".tsv", ".txt", ".dat")
GROUP_COLUMNS = ("event", "orbit", "experiment", "group", "trajectory", "trial", "id", "run")
TIME_COLUMNS = ("t", "time", "zeit", "timestamp", "date", "index")
LAYOUTS = (("x", "x_prime"), ("trajectories",), ("x", "group"))         # of an .npz file
MISSING = ("", "na", "n/a", "<na>", "#n/a", "nan", "-nan", "null", "none")
MOST_BYTES = 2 * 10**9                  # of a file, of what it unpacks to, and of its numbers
LONGEST_LINE = 10**6
MOST_COLUMNS = 40                       # a polynomial in more of them costs gigabytes
FEWEST_GROUPS = 4                       # two to train on, two to test on
SHARED, SHARED_IF_ROUNDED = 0.01, 0.1   # of the observations are in several groups: join these
FAR, FEW = 30, 0.01                     # interquartile ranges off the median; share of such values


@dataclass(frozen=True)
class Observations:
    """Observations sorted by class, two or more in each."""
    values: np.ndarray                  # (N, d), float64
    classes: np.ndarray                 # (N,): 0, 1, ...
    names: tuple                        # (d,)
    said: tuple                         # sentences on what was read and done


@dataclass
class Rows:
    """Observations in the order of the file, on their way through the checks."""
    values: np.ndarray                  # (N, d), float64
    groups: np.ndarray                  # (N,): 0, 1, ...
    place: Callable                     # number of a row -> where it stands in the file
    names: list                         # (d,)
    said: list
    pairs: bool = False                 # x and x_prime, in turn

    def __post_init__(self):
        self.at = np.arange(len(self.values))

    def leave_out(self, rows, thing, why):
        """Leave out the rows of a mask (N,), and say why and where."""
        if rows.any():
            where = listed([self.place(i) for i in self.at[rows][:6]], 5)
            self.said.append(f"left out {counted(np.sum(rows), thing)} {why}: {where}")
            self.values, self.groups, self.at = (
                each[~rows] for each in (self.values, self.groups, self.at))

    def leave_out_columns(self, columns, why):
        """Leave out the columns of a mask (d,), and say why."""
        self.said += [f"left out the column {name}, {why}"
                      for name, out in zip(self.names, columns) if out]
        self.names = [name for name, out in zip(self.names, columns) if not out]
        self.values = self.values[:, ~np.array(columns, bool)]


class Refused(ValueError):
    """A file cannot be used: the sentence says why, and what to give instead."""


def refuse_if(wrong, sentence):
    if wrong:
        raise Refused(sentence)


def read(path, group=None, drop=()):
    """The Observations in a file; group: the name of the column of groups; drop: columns to ignore.

    Raises ValueError with one sentence if they cannot be used, OSError if they cannot be read.
    """
    try:
        return checked(rows_in(path, group, drop))
    except Refused as error:
        raise ValueError(f"{shown(path, 4096)}: {error}") from None
    except MemoryError:
        raise ValueError(f"{shown(path, 4096)}: it is too large for the memory") from None


def rows_in(path, group, drop):
    """The Rows of a file."""
    name, tables = os.fspath(path).lower(), ", ".join(TABLES)
    table = name.removesuffix(".gz").endswith(TABLES)
    refuse_if(not table and not name.endswith(".npz"),
              f"its name must end in .npz, {tables}, or one of these and .gz")
    refuse_if(group is not None and not table, f"--group is for {tables} only; give an array group")
    with opened(path, "table in UTF-8" if table else ".npz file") as file:
        return read_table(file, group, drop) if table else read_npz(file, drop)


@contextmanager
def opened(path, what):
    """The regular file, opened for reading; others could keep us waiting, or never end."""
    status = os.stat(path)
    refuse_if(not stat.S_ISREG(status.st_mode), "it is no regular file; copy its content to one")
    refuse_if(status.st_size > MOST_BYTES, "it is larger than 2 GB; give fewer observations")
    with open(path, "rb") as file:
        try:
            yield file
        except (Refused, MemoryError):
            raise
        except Exception as error:                      # damaged files raise almost anything
            if getattr(error, "errno", None) not in (None, errno.EINVAL):
                raise                                   # it cannot be read at all
            raise Refused(f"it is damaged, or no {what} ({shown(error, 80)})") from None


def shown(text, most=40):
    """A text cut short, and escaped where a terminal could not show it as it is."""
    text = str(text)
    start = text[:most]
    return (start if start.isprintable() else ascii(start)[1:-1]) + "..." * (len(text) > most)


def listed(items, most=MOST_COLUMNS):
    """The first items, and dots where there are more."""
    return ", ".join(map(shown, items[:most])) + ", ..." * (len(items) > most)


def counted(n, thing):
    """12 000 rows, 1 row."""
    return f"{n:,} {thing}".replace(",", " ") + "s" * int(n != 1)


# ------------------------------------------------------------------------------- names of columns

def bare(head):
    """The head of a column without a unit in brackets."""
    return re.sub(r"(?<=.)(\([^()]*\)|\[[^][]*\])$", "", head.strip()).rstrip()


def kept_columns(heads, drop):
    """The numbers of the columns, with these bare heads, that are not to be dropped."""
    drop = [*map(bare, drop)]
    unknown = [name for name in drop if name not in heads]
    refuse_if(unknown, f"it has no column {listed(unknown)} to drop, but {listed(heads)}")
    return [i for i, head in enumerate(heads) if head not in drop]


def names_of(heads):
    """Names for columns with these bare heads, so that formulas can be read in one way only."""
    refuse_if(len(heads) > MOST_COLUMNS, f"it has {len(heads)} columns; give {MOST_COLUMNS} or "
              "fewer, those that an invariant may be made of; --drop leaves others out")
    names = [*map(as_name, heads)]
    for i, (head, name) in enumerate(zip(heads, names)):
        others = names[:i] + names[i + 1:]
        raised = any("<super>" in decomposition(sign) for sign in head)     # x² is not x2
        refuse_if(not head, f"column {i + 1} of the observations has no name; give it one")
        refuse_if(name in others, f"two columns have the name {shown(name)}; rename one")
        refuse_if(raised or not name.isidentifier() or len(name) > 40 or iskeyword(name)
                  or name in FUNCTIONS or name.lower() in ("nan", "inf", "infinity"),
                  f"the column name {shown(head)} cannot stand in a formula; give it up to 40 "
                  "letters, digits and _, a letter first, no function")
        refuse_if(is_glued(name, others), f"{name} reads as a product of other columns; rename it")
    return names


def as_name(head):
    """A bare head as Python reads names (µ and μ are one); blanks and points become _."""
    return normalize("NFKC", re.sub("[ .]+", "_", head))


def is_glued(name, others):
    """Whether a name consists of others, as xy does of x and y."""
    ends = {0}
    for i in range(len(name)):
        ends |= {i + len(other) for other in others if i in ends and name.startswith(other, i)}
    return len(name) in ends


# ----------------------------------------------------------------------------------------- tables

def read_table(file, group, drop):
    """The Rows of a table."""
    whole, rows, comments = head_and_rows(file)
    heads = [*map(bare, whole)]
    above, kept = len(comments), kept_columns(heads, drop)
    at = group_column(heads, kept, group)
    kept.remove(at)
    names, groups = names_of([heads[i] for i in kept]), Groups()
    said = units_in([whole[i] for i in kept])
    values, members, places = array("d"), array("q"), array("q")
    for line, row, numbers in numbered(rows, heads, kept, said):
        member = groups[row[at]]
        if member is None:
            raise Refused(f"line {line} has no group; say what it belongs to, or leave it out")
        values.extend(numbers)
        members.append(member)
        places.append(line)
    said += groups.said()
    passed = len(comments) - above
    said += [f"passed over {counted(passed, 'comment line')} among the rows"] * (passed > 0)
    return Rows(np.array(values).reshape(len(members), len(names)), np.array(members, np.int64),
                lambda i: f"line {places[i]}", names, said)


def units_in(heads):
    """Sentences on units in brackets, which are left out of the names."""
    units = [head for head in heads if bare(head) != head]
    degrees = [unit for unit in units if re.search(r"[(\[](deg|degrees?|°)[])]$", unit.lower())]
    return [f"took for units what stands in brackets: {listed(units)}"] * bool(units) + [
        f"{unit} stays in degrees, of which no sine is taken rightly; give radians"
        for unit in degrees]


def read_columns(path, names):
    """Observations (N, d) in the columns of these names of a table, their lines, what to say of it.

    Raises ValueError with one sentence if a row has no number in one of them, OSError if the table
    cannot be read.
    """
    values, places = [], []
    try:
        with opened(path, "table in UTF-8") as file:
            whole, rows, _ = head_and_rows(file)
            heads = [*map(bare, whole)]
            found = [*map(as_name, heads)]
            missing = [name for name in names if name not in found]
            refuse_if(missing, f"it has no column {listed(missing)}, but {listed(heads) or 'none'}")
            twice = [name for name in names if found.count(name) > 1]
            refuse_if(twice, f"it has more than one column {listed(twice)}; rename the others")
            kept = [found.index(name) for name in names]
            said = units_in([whole[i] for i in kept])
            for line, _, numbers in numbered(rows, heads, kept, said):
                refuse_if(not np.isfinite(numbers).all(),
                          f"line {line} has no number in one of the columns {listed(names)}")
                values.append(numbers)
                places.append(line)
        refuse_if(not values, "it holds no observations")
    except Refused as error:
        raise ValueError(f"{shown(path, 4096)}: {error}") from None
    return np.array(values), places, said


def head_and_rows(file):
    """Heads, of the first row or the comment above; other rows; comments, as rows are read."""
    comments = []
    rows = rows_of(lines_of(file, comments))
    first = next(rows, (0, "", []))
    heads = first[2]
    if any(map(is_value, heads)):
        heads = next(rows_of(line.strip("#% \r\n") for line in comments[-1:]), (0, "", []))[2]
        refuse_if(len(heads) != len(first[2]) or any(map(is_value, heads)),
                  f"line {first[0]} holds numbers; name the columns in a line above")
        rows = chain([first], rows)
    return heads, rows, comments


def lines_of(file, comments):
    """Lines of UTF-8, or UTF-16 with a byte order mark; comments are emptied, and put in a list."""
    file = gzip.GzipFile(fileobj=file) if file.name.lower().endswith(".gz") else file
    wide, size = file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"), 0
    text = io.TextIOWrapper(file, encoding="utf-16" if wide else "utf-8-sig", newline="")
    while line := text.readline(LONGEST_LINE + 1):
        size += len(line) + 40                          # what a row takes in memory, about
        if len(line) > LONGEST_LINE or size > MOST_BYTES:
            raise Refused("it has a line of over a million characters, or is larger than 2 GB")
        if line.lstrip().startswith(("#", "%")):
            comments.append(line)
            line = "\n"
        yield line


def rows_of(lines):
    """For each row that is not empty: the number of its line, the separator, the cells."""
    above, first = next(((i, line) for i, line in enumerate(lines) if line.strip()), (0, ""))
    unquoted = re.sub('"[^"]*"', "", first.strip())
    separator = next((sign for sign in "\t;," if sign in unquoted), " ")
    if separator == " ":                                # omega (rad/s) is one cell
        first = " ".join(first.split()).replace(" (", "(").replace(" [", "[")
        lines = (" ".join(line.split()) for line in lines)
    reader = csv.reader(chain([first], lines), delimiter=separator, strict=True,
                        skipinitialspace=True)
    for row in reader:
        row = [cell.strip() for cell in row]
        if any(row):
            yield above + reader.line_num, separator, row


def numbered(rows, heads, kept, said):
    """For each row: the number of its line, all cells, the numbers in the kept columns.

    A first row of words alone holds units. What was taken for what is added to the list `said`.
    """
    signs, count, unit_rows = set(), 0, 0
    for line, separator, row in rows:
        if len(row) != len(heads):
            raise Refused(f"line {line} has {len(row)} cells, the head has {len(heads)}")
        cells = [row[i] for i in kept]
        numbers = [number(cell, separator != ",") for cell in cells]
        if None not in numbers:
            signs.update(*cells)
            count += len(numbers)
            yield line, row, numbers
        elif count or unit_rows or any(map(is_value, cells)):
            wrong = numbers.index(None)
            raise Refused(f"line {line} has {shown(cells[wrong])} in column "
                          f"{shown(heads[kept[wrong]])}, where a number must stand; correct it, or "
                          "leave the column out with --drop")
        else:
            unit_rows += 1
            said.append(f"took line {line} for units")
        if count > MOST_BYTES / 8:
            raise Refused("its numbers would take over 2 GB; give fewer observations or columns")
    refuse_if({",", "."} <= signs, "it has numbers with a comma and with a point; use one of them")
    said += ["took commas for decimal points"] * ("," in signs)


def number(text, comma=False):
    """The number in a cell, NaN where the cell says that there is none, None of anything else."""
    if text.lower() in MISSING:
        return math.nan
    try:
        value = float(text.replace(",", ".", 1) if comma else text)
    except ValueError:
        return None
    return value if math.isfinite(value) and text.isascii() and "_" not in text else None


def is_value(text):
    """Whether a cell holds a number, or says that there is none, rather than nothing or a word."""
    return text != "" and number(text) is not None


class Groups(dict):
    """Numbers of groups by name, None of a missing name; names equal as numbers are one."""

    def __init__(self):
        self.different = {}

    def __missing__(self, name):
        if name.lower() in MISSING:
            return None
        numeric = len(name) <= 40 and number(name) is not None
        key = Decimal(name) if numeric else name        # exact, unlike a float
        self[name] = self.different.setdefault(key, len(self.different))
        return self[name]

    def said(self):
        """A sentence, if there are names that are equal as numbers."""
        same = len(self) - len(self.different)
        return [f"took {counted(same, 'name')} of groups for others, equal as numbers (1, 01, 1.0)"
                ] * (same > 0)


def group_column(heads, kept, group):
    """The number of the column that tells which observations belong together."""
    wanted = GROUP_COLUMNS if group is None else (bare(group),)
    found = [i for i in kept if (heads[i].lower() if group is None else heads[i]) in wanted]
    refuse_if(not found, f"no column ({listed(wanted)}) tells which observations belong together; "
              f"name one with --group; the columns are {listed(heads) or 'missing'}")
    refuse_if(len(found) > 1, f"{listed([heads[i] for i in found])} could each tell which belong "
              "together; name one with --group, leave out others with --drop")
    return found[0]


# ------------------------------------------------------------------------------------------- .npz

def load(archive, wanted):
    """The arrays of these names, each after a look at what it declares to hold."""
    arrays, total = {}, 0
    for name in wanted:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as member:
            start = io.BytesIO(member.read(11_000))     # NumPy's heads are below 10 000
        read_head = {(1, 0): np.lib.format.read_array_header_1_0,
                     (2, 0): np.lib.format.read_array_header_2_0}[np.lib.format.read_magic(start)]
        shape, _, dtype = read_head(start)
        what, kinds = {"names": ("text", "U"), "group": ("numbers or text", "iufbU")}.get(
            name, ("numbers", "iufb"))
        refuse_if(dtype.hasobject, f"{name} holds Python objects, which are not read; orbits of "
                  "different lengths can be given as x with group")
        refuse_if(dtype.kind not in kinds, f"{name} must hold {what}, not {shown(dtype)}")
        count = math.prod(shape)
        total += count * max(8, dtype.itemsize)
        refuse_if(total > MOST_BYTES, f"{name} would take over 2 GB; give fewer observations")
        refuse_if(min(shape, default=1) < 1, f"{name} is empty; give observations")
        refuse_if(count * dtype.itemsize != info.file_size - start.tell(),
                  f"{name} is damaged: not of the size it declares")
        with archive.open(info) as member:
            arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays


def read_npz(file, drop):
    """The Rows of an .npz file."""
    archive = zipfile.ZipFile(file)
    held = [name.removesuffix(".npy") for name in archive.namelist()]
    labels = {"y", "label", "labels"} & {*map(str.lower, held)}
    refuse_if(labels, f"it has labels ({listed(sorted(labels))}); give equivalent pairs only")
    layouts = [layout for layout in LAYOUTS if {*layout} <= {*held}]
    refuse_if(len(layouts) != 1, "it must hold x and x_prime, or trajectories, or x and group, and "
              f"one of these only; it holds {listed(held) or 'nothing'}")
    wanted = [*layouts[0], *({"names"} & {*held})]
    rows = rows_of_arrays(load(archive, wanted))
    heads = [*map(bare, rows.names)]
    kept = kept_columns(heads, drop)
    rows.names, rows.values = names_of([heads[i] for i in kept]), rows.values[:, kept]
    other = [name for name in held if name not in wanted]
    rows.said += [f"did not read {listed(other)}"] * bool(other)
    return rows


def rows_of_arrays(arrays):
    """The Rows of one of the LAYOUTS, with all columns, named as in the file."""
    names = arrays.pop("names", None)
    (*_, (last, other)), x = arrays.items(), arrays.get("trajectories", arrays.get("x"))
    shapes, said, groups = " and ".join(str(array.shape) for array in arrays.values()), [], None
    if last == "trajectories":
        refuse_if(x.ndim != 3, f"trajectories must be (orbits, times, columns), not {shapes}")
    elif last == "x_prime":
        refuse_if(x.ndim != 2 or x.shape != other.shape,
                  f"x and x_prime must have one and the same shape (pairs, columns), not {shapes}")
        refuse_if(np.array_equal(x, other), "x and x_prime are the same observations; x_prime must "
                  "be others, of the same things")
        x = np.stack([x, other], axis=1)                # trajectories of two times
    else:
        refuse_if(x.ndim != 2 or other.shape != x.shape[:1],
                  f"x and group must be (observations, columns) and (observations,), not {shapes}")
        numbers = Groups()
        groups = [numbers[str(name).strip()] for name in other.tolist()]
        refuse_if(None in groups, "group has missing names; leave out what belongs nowhere")
        x, said = x[:, None], numbers.said()
    orbits, times, columns = x.shape
    names = [f"x{i + 1}" for i in range(columns)] if names is None else names
    refuse_if(np.shape(names) != (columns,), f"names must be {columns} texts, one for each column")
    place = {"trajectories": lambda i: f"trajectories[{i // times}, {i % times}]",
             "x_prime": lambda i: f"{('x', 'x_prime')[i % 2]}[{i // 2}]",
             "group": lambda i: f"x[{i}]"}[last]
    groups = np.repeat(np.arange(orbits), times) if groups is None else np.array(groups)
    rows = Rows(x.reshape(-1, columns).astype(np.float64), groups, place, [*map(str, names)], said,
                pairs=last == "x_prime")
    if last == "trajectories":                          # the shorter ones may end in zeros
        used = np.logical_or.accumulate((x != 0).any(axis=2)[:, ::-1], axis=1)[:, ::-1].ravel()
        rows.leave_out(~used, "row", "of zeros at the ends of trajectories")
    return rows


# ----------------------------------------------------------------------------------------- checks

def checked(rows):
    """The Observations among the Rows; Refused if there are too few, or none that can be used."""
    refuse_if(not len(rows.values), "it holds no observations")
    gaps = np.isnan(rows.values)
    if gaps.any(axis=1).all():
        raise Refused("all rows have empty cells or NaN, the first in column "
                      f"{rows.names[gaps[0].argmax()]}; leave empty columns out with --drop")
    rows.leave_out(gaps.any(axis=1), "row", "with empty cells or NaN")
    leave_out_idle_columns(rows)
    join_shared(rows)
    rows.leave_out(np.bincount(rows.groups)[rows.groups] == 1, "group", "of a single observation")
    labels, classes = np.unique(rows.groups, return_inverse=True)
    refuse_if(len(labels) < FEWEST_GROUPS, f"it has {counted(len(labels), 'group')} of two or more "
              f"different observations, too few; give {FEWEST_GROUPS} or more" + so_far(rows))
    note_outliers(rows)
    order = np.argsort(classes, kind="stable")
    read = (f"read {counted(len(labels), 'group')}, {counted(len(order), 'observation')}, "
            f"columns {', '.join(rows.names)}")
    return Observations(rows.values[order], classes[order], tuple(rows.names), (read, *rows.said))


def so_far(rows):
    """What was done before a refusal, which may explain it."""
    return f" ({'; '.join(rows.said)})" if rows.said else ""


def leave_out_idle_columns(rows):
    """Leave out columns that say nothing of a state: of one value, or a running time."""
    largest = np.abs(rows.values).max(axis=0)
    far = [name for name, most in zip(rows.names, largest) if most >= 1e30 or 0 < most <= 1e-30]
    refuse_if(far, f"the values of {listed(far)} are beyond 1e-30 to 1e30; use other units")
    still = np.ptp(rows.values, axis=0) <= 1e-12 * largest
    rows.leave_out_columns(still, "which has one value throughout")
    times = [is_time(*column, rows.groups) for column in zip(rows.values.T, rows.names)]
    rows.leave_out_columns(times, "a running time (shuffle the rows to keep it)")
    refuse_if(len(rows.names) < 2, "an invariant needs two columns or more, there is "
              f"{listed(rows.names) or 'none'}" + so_far(rows))


def is_time(column, name, groups):
    """Whether a column (N,) tells when a row was taken, rather than what was observed.

    It never falls within a group. And it is named so; or it ticks evenly, from one start in all
    groups or through the file.
    """
    order = np.argsort(groups, kind="stable")
    within = np.diff(groups[order]) == 0
    steps, starts = np.diff(column[order])[within], column[order][np.r_[True, ~within]]
    if not len(steps) or steps.min() < 0:
        return False
    if name != "T" and name.lower() in TIME_COLUMNS:    # T is a temperature
        return True
    if steps.min() == 0:
        return False
    ticks = steps / steps.min()                         # several, where rows were left out
    even = np.median(ticks) < 1.5 and np.abs(ticks - ticks.round()).max() <= 1e-6
    one_start = np.ptp(starts) <= 1e-6 * steps.min()
    return bool(even and (one_start or np.diff(column).min() > 0))


def join_shared(rows):
    """Join groups that share observations, unless by accident, so that each stands in one only."""
    state = leave_out_repeated(rows)
    common = np.bincount(state)[state] > len(np.unique(rows.groups)) / 2
    if common.mean() < 0.2:
        rows.leave_out(common, "row", "that most groups have, such as a common start")
        state = state[~common]
    shared, before = np.bincount(state)[state] > 1, rows.groups
    digits = max(len(np.unique(column)) for column in rows.values.T)
    rounded = digits < len(np.unique(state)) / 2        # so that different rows may look the same
    if shared.mean() > (SHARED_IF_ROUNDED if rounded else 0 if rows.pairs else SHARED):
        rows.groups = linked(state, before)
        after, least = (np.sort(np.bincount(each))[-2:].sum() for each in (rows.groups, before))
        refuse_if(after > 0.9 * len(state) >= least, "observations that several groups or pairs "
                  "share link nearly all of these to one or two, as states[:-1] and states[1:] of "
                  "one orbit do; give many orbits, and more digits if rounded")
        rows.said.append(
            f"{'x and x_prime' if rows.pairs else 'groups'} share observations: joined "
            f"{len(np.unique(before))} to {counted(rows.groups.max() + 1, 'group')}")
        leave_out_repeated(rows)
    elif shared.any():
        rows.said.append(f"{counted(shared.sum(), 'observation')} in several groups, left there")


def leave_out_repeated(rows):
    """Leave out rows that repeat another of their group; return the others' states, numbered."""
    state = np.unique(rows.values, axis=0, return_inverse=True)[1].ravel()
    repeated = np.ones(len(state), bool)
    in_group = state * (rows.groups.max() + 1) + rows.groups
    repeated[np.unique(in_group, return_index=True)[1]] = False
    rows.leave_out(repeated, "row", "that repeat another of their group")
    return state[~repeated]


def linked(state, groups):
    """The groups (N,), renumbered, where those with a state (N,) in common are one."""
    from scipy.sparse import coo_array                  # here, since only this needs it
    from scipy.sparse.csgraph import connected_components
    size = state.max() + groups.max() + 2
    ends = state, state.max() + 1 + groups
    links = coo_array((np.ones(len(state), bool), ends), shape=(size, size))
    return np.unique(connected_components(links, directed=False)[1][state], return_inverse=True)[1]


def note_outliers(rows):
    """Say which columns have a few values far from all others."""
    low, middle, high = np.quantile(rows.values, [0.25, 0.5, 0.75], axis=0)
    for name, column, centre, spread in zip(rows.names, rows.values.T, middle, high - low):
        far = np.abs(column - centre) > FAR * spread
        if spread > 0 and 0 < far.mean() < FEW:
            first = far.argmax()
            rows.said.append(
                f"{counted(far.sum(), 'value')} of column {name} far from all others (e.g. "
                f"{column[first]:g} in {rows.place(rows.at[first])}): leave them out if they are "
                "no measurements")
