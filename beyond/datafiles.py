"""A user's observations, read from a file: all is checked, and what was done is said.

    .npz    x and x_prime (n, d): row i of both is one thing, observed twice; or trajectories
            (orbits, times, d); or x (N, d) and group (N,). Optional names (d,) of the columns.
    .csv, .tsv, .txt, .dat, each also with .gz
            a first line of names; one observation a row; one column of groups.

Nothing is unpickled, nor more than MOST_BYTES read, whatever a file claims to hold.
"""

import codecs
import csv
import gzip
import io
import math
import os
import re
import stat
import zipfile
import zlib
from array import array
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from keyword import iskeyword
from unicodedata import decomposition, normalize

import numpy as np

from beyond.libraries import FUNCTIONS

TABLES = (".csv", ".tsv", ".txt", ".dat")
GROUP_COLUMNS = ("event", "orbit", "experiment", "group", "trajectory", "trial", "id", "run")
TIME_COLUMNS = ("t", "time", "zeit", "timestamp", "date", "index")
LABELS = ("y", "label", "labels")       # arrays of an .npz file that tell pairs of two kinds apart
MISSING = ("", "na", "n/a", "<na>", "#n/a", "nan", "-nan", "null", "none")
MOST_BYTES = 2 * 10**9                  # of a file, of what it unpacks to, and of its numbers
LONGEST_LINE = 10**6
MOST_COLUMNS = 40                       # a polynomial in more of them costs gigabytes
FEWEST_GROUPS = 4                       # two to train on, two to test on
SHARED = 0.01                           # share of observations in several groups that joins these
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
    names: list
    said: list
    place: Callable                     # number of a row -> where it stands in the file
    pairs: bool = False                 # x and x_prime, in turn

    def __post_init__(self):
        self.at = np.arange(len(self.values))

    def keep(self, rows):
        """Keep the rows of a mask (N,) or of these numbers."""
        self.values, self.groups, self.at = self.values[rows], self.groups[rows], self.at[rows]

    def leave_out(self, columns, why):
        """Leave out the columns of these numbers."""
        self.said += [f"left out the column {self.names[i]}, {why}" for i in columns]
        self.values = np.delete(self.values, columns, axis=1)
        self.names = [name for i, name in enumerate(self.names) if i not in columns]


def read(path, group=None, drop=()):
    """The Observations in a file; group: the name of the column of groups; drop: columns to ignore.

    Raises ValueError with one sentence if they cannot be used, OSError if they cannot be read.
    """
    name = os.fspath(path).lower()
    table = name.removesuffix(".gz").endswith(TABLES)
    try:
        if not table and not name.endswith(".npz"):
            raise ValueError(f"its name must end in .npz, {', '.join(TABLES)}, or one of these .gz")
        if group is not None and not table:
            raise ValueError(f"a column of groups can be named in {', '.join(TABLES)} files only")
        with opened(path) as file:
            return checked(read_table(text_of(file, name.endswith(".gz")), group, drop) if table
                           else read_npz(file, drop))
    except UnicodeDecodeError:
        reason = "it is no text in UTF-8; save it as such"
    except (csv.Error, EOFError, zlib.error, gzip.BadGzipFile) as error:
        reason = f"it is damaged, or no table ({shown(error)})"
    except ValueError as error:
        reason = error
    raise ValueError(f"{shown(path, 4096)}: {reason}")


def opened(path):
    """The regular file, open for reading; others could keep us waiting, or never end."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("this is no regular file; copy what it holds into one")
    if status.st_size > MOST_BYTES:
        raise ValueError("it is larger than 2 GB; give fewer observations or columns")
    return open(path, "rb", opener=lambda name, flags: os.open(
        name, flags | getattr(os, "O_NONBLOCK", 0)))


def shown(text, most=40):
    """A text cut short, and escaped where a terminal could not show it as it is."""
    text = str(text)
    start = text[:most]
    return (start if start.isprintable() else ascii(start)[1:-1]) + "..." * (len(text) > most)


def listed(items, most=MOST_COLUMNS):
    """The first items, and how many more there are."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(shown(item) for item in items[:most]) + more


# ------------------------------------------------------------------------------- names of columns

def bare(head):
    """The head of a column without a unit in brackets."""
    return re.sub(r"(?<=[^\s])\s*(\([^()]*\)|\[[^][]*\])$", "", head)


def kept_columns(heads, drop):
    """The numbers of the columns that are not to be dropped."""
    unknown = [name for name in drop if name not in [*heads, *map(bare, heads)]]
    if unknown:
        raise ValueError(f"it has no column {shown(unknown[0])} to drop, but {listed(heads)}")
    return [i for i, head in enumerate(heads) if head not in drop and bare(head) not in drop]


def names_of(heads):
    """Names for columns with these heads, with which a formula can be read in one way only.

    They are as Python reads names (µ and μ are one); blanks and points become _.
    """
    names = [normalize("NFKC", re.sub("[ .]+", "_", bare(head))) for head in heads]
    for i, (head, name) in enumerate(zip(heads, names)):
        others = names[:i] + names[i + 1:]
        if not head:
            raise ValueError(f"column {i + 1} of the observations has no name; give it one")
        if name in others:
            raise ValueError(f"two columns have the name {shown(name)}; rename one")
        if not is_usable(name) or any("<super>" in decomposition(sign) for sign in bare(head)):
            raise ValueError(f"the column name {shown(head)} cannot stand in a formula; rename it: "
                             "a letter, then letters, digits and _, no function, no Python keyword")
        if is_glued(name, others):
            raise ValueError(f"the column name {name} reads as a product of others; rename it")
    return names


def is_usable(name):
    """Whether a name is a word without another meaning."""
    return (name.isidentifier() and len(name) <= 40 and not iskeyword(name)
            and name not in FUNCTIONS and name.lower() not in ("nan", "inf", "infinity"))


def is_glued(name, others):
    """Whether a name consists of others, as xy does of x and y."""
    ends = {0}
    for i in range(len(name)):
        ends |= {i + len(other) for other in others if i in ends and name.startswith(other, i)}
    return len(name) in ends


# ----------------------------------------------------------------------------------------- tables

class Lines:
    """The lines of a text file as csv.reader takes them, with comments emptied and remembered."""

    def __init__(self, file):
        self.file, self.comments, self.comment = file, 0, ""

    def __iter__(self):
        size = 0
        while line := self.file.readline(LONGEST_LINE + 1):
            size += len(line)
            if len(line) > LONGEST_LINE or size > MOST_BYTES:
                raise ValueError("it has a line of more than a million characters, or over 2 GB")
            if line.lstrip().startswith(("#", "%")):
                self.comments, self.comment, line = self.comments + 1, line, "\n"
            yield line


def text_of(file, zipped):
    """The text in a binary file: UTF-8, or UTF-16 where a byte order mark tells so."""
    file = gzip.GzipFile(fileobj=file) if zipped else file
    wide = file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return io.TextIOWrapper(file, encoding="utf-16" if wide else "utf-8-sig", newline="")


def rows_of(lines):
    """For each row that is not empty: the number of its line, the separator, the cells."""
    lines = iter(lines)
    above, first = next(((i, line) for i, line in enumerate(lines) if line.strip()), (0, ""))
    unquoted = re.sub('"[^"]*"', "", first.strip())
    separator = next((sign for sign in "\t;," if sign in unquoted), " ")
    if separator == " ":                                # omega (rad/s) is one cell
        lines = chain([re.sub(r"\s+(?=[[(])", "", first)], lines)
        lines = (" ".join(line.split()) for line in lines)
    else:
        lines = chain([first], lines)
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    for row in reader:
        row = [cell.strip() for cell in row]
        if any(row):
            yield above + reader.line_num, separator, row


def head_and_rows(lines):
    """The heads of the columns, from the first row or the comment above it, and all other rows."""
    rows = rows_of(lines)
    first = next(rows, (0, "", []))
    if not any(is_number(cell) for cell in first[2]):
        return first[2], rows
    heads = next(rows_of([lines.comment.strip("#% \r\n")]), (0, "", []))[2]
    if len(heads) != len(first[2]) or any(is_number(cell) for cell in heads):
        raise ValueError(f"line {first[0]} holds numbers; name the columns in a line above it")
    return heads, chain([first], rows)


def number(text, comma=False):
    """The number in a cell, NaN where the cell says that there is none, None of anything else."""
    if text.lower() in MISSING:
        return math.nan
    try:
        value = float(text.replace(",", ".", 1) if comma else text)
    except ValueError:
        return None
    return value if math.isfinite(value) and text.isascii() and "_" not in text else None


def is_number(text):
    """Whether a cell holds a number."""
    return text.lower() not in MISSING and number(text) is not None


class Groups(dict):
    """Numbers of groups by name, None of a missing name; those equal as numbers are one group."""

    def __init__(self):
        self.different = {}

    def __missing__(self, name):
        key = Decimal(name) if len(name) < 40 and is_number(name) else name
        new = self.different.setdefault(key, len(self.different))
        self[name] = None if name.lower() in MISSING else new
        return self[name]

    def said(self):
        """A sentence, if names were equal as numbers."""
        same = len(self) - len(self.different)
        return [f"took {same} names of groups for others, equal as numbers (1, 01, 1.0)"] * bool(same)


def group_column(heads, kept, group):
    """The number of the column that tells which observations belong together."""
    wanted = GROUP_COLUMNS if group is None else (group,)
    found = [i for i in kept if heads[i] in wanted or bare(heads[i]) in wanted
             or group is None and bare(heads[i]).lower() in wanted]
    if len(found) != 1:
        raise ValueError(f"{len(found) or 'no'} columns ({listed(wanted)}) tell which observations "
                         "belong together, one must; name it with --group, leave out others with "
                         f"--drop; the columns are {listed(heads) or 'missing'}")
    return found[0]


def read_table(file, group, drop):
    """The Rows of a text file."""
    lines = Lines(file)
    heads, rows = head_and_rows(lines)
    above, kept = lines.comments, kept_columns(heads, drop)
    at = group_column(heads, kept, group)
    kept.remove(at)
    names, groups, said, signs = names_of([heads[i] for i in kept]), Groups(), [], set()
    values, members, places = array("d"), array("q"), array("q")
    for line, separator, row in rows:
        if len(row) != len(heads):
            raise ValueError(f"line {line} has {len(row)} cells, the head has {len(heads)}")
        texts = [row[i] for i in kept]
        numbers = [number(text, separator != ",") for text in texts]
        if None in numbers and not places and not said and are_units(texts):
            said.append(f"took line {line} for units")
            continue
        if None in numbers:
            wrong = numbers.index(None)
            raise ValueError(f"line {line} has {shown(texts[wrong])} in column {names[wrong]}, where a "
                             "number must stand; correct it, or leave the column out with --drop")
        if groups[row[at]] is None:
            raise ValueError(f"line {line} has no group in column {shown(heads[at])}; say what each "
                             "observation belongs to, or leave it out")
        if separator != ",":
            signs.update(*texts)
        values.extend(numbers), members.append(groups[row[at]]), places.append(line)
    if {",", "."} <= signs:
        raise ValueError("it has numbers with a comma and others with a point; use one of them")
    said += ["took commas in numbers for decimal points"] * ("," in signs) + groups.said()
    said += [f"passed over {lines.comments - above} comment lines"] * (lines.comments > above)
    return Rows(np.array(values).reshape(-1, len(names)), np.array(members), names, said,
                lambda i: f"line {places[i]}")


def are_units(texts):
    """Whether the cells of the first row below the head hold words only, or nothing."""
    return all(not text or number(text) is None for text in texts)


# ------------------------------------------------------------------------------------------- .npz

@contextmanager
def sound(what):
    """A damaged archive raises almost anything: make it one sentence."""
    try:
        yield
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        if getattr(error, "errno", None) is not None:   # cannot be read at all
            raise
        raise ValueError(f"{what} is damaged, or no .npz file ({type(error).__name__})") from None


def member_head(archive, name):
    """Shape and type that an array in the archive declares, and the bytes that it has."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read_head = {(1, 0): np.lib.format.read_array_header_1_0,
                     (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, kind = read_head(member)
        return shape, kind, info.file_size - member.tell()


def load(archive, wanted):
    """The arrays of these names, a dict, after a look at what each declares to hold."""
    total = 0
    for name in wanted:
        ...
