"""A user's observations, read from a file: all is checked, and what was done is said.

    .npz    x and x_prime (n, d): row i of both is one thing, observed twice; or trajectories
            (orbits, times, d); or x (N, d) and group (N,). Optional names (d,) of the columns.
    .csv, .tsv, .txt, .dat, each also with .gz
            a first line of names; one observation a row; one column of groups.

Nothing is unpickled, nor more than MOST_BYTES read, whatever a file claims to hold.
"""

import csv
import gzip
import io
import math
import os
import re
import stat
import zipfile
from array import array
from collections.abc import Callable
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
LAYOUTS = (("x", "x_prime"), ("trajectories",), ("x", "group"))                 # of an .npz file
KINDS = {"names": "U", "group": "iufbU"}                                        # others: numbers
MISSING = ("", "na", "n/a", "<na>", "#n/a", "nan", "-nan", "null", "none")
MOST_BYTES = 2 * 10**9                  # of a file, of what it unpacks to, and of its numbers
LONGEST_LINE = 10**6
MOST_COLUMNS = 40                       # a polynomial in more of them costs gigabytes
FEWEST_GROUPS = 4                       # two to train on, two to test on
SHARED = 0.01                           # share of observations in several groups that joins these
FAR, FEW = 30, 0.01                     # interquartile ranges off the median; share of such values


class Refused(ValueError):
    """A file cannot be used: the sentence says why, and what to give instead."""


def refuse_if(wrong, sentence):
    if wrong:
        raise Refused(sentence)


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
    names: tuple = ()
    said: tuple = ()
    pairs: bool = False                 # x and x_prime, in turn

    def __post_init__(self):
        self.at = np.arange(len(self.values))

    def leave_out(self, rows, what):
        """Leave out the rows of a mask (N,) and say so."""
        if rows.any():
            self.say(f"left out {counted(np.sum(rows), what)}")
            self.values, self.groups, self.at = self.values[~rows], self.groups[~rows], self.at[~rows]

    def leave_out_columns(self, columns, why):
        """Leave out the columns of a mask (d,) and say why."""
        self.say(*(f"left out the column {name}, {why}" for name in np.array(self.names)[columns]))
        self.values = self.values[:, ~columns]
        self.names = tuple(name for name, gone in zip(self.names, columns) if not gone)

    def say(self, *sentences):
        self.said += sentences


def read(path, group=None, drop=()):
    """The Observations in a file; group: the name of the column of groups; drop: columns to ignore.

    Raises ValueError with one sentence if they cannot be used, OSError if they cannot be read.
    """
    name = os.fspath(path).lower()
    table = name.removesuffix(".gz").endswith(TABLES)
    try:
        refuse_if(not table and not name.endswith(".npz"),
                  f"its name must end in .npz, {', '.join(TABLES)}, or one of these and .gz")
        refuse_if(group is not None and not table,
                  f"a column of groups can be named in {', '.join(TABLES)} files only")
        with opened(path) as file:
            rows = (read_table(text_of(file, name.endswith(".gz")), group, drop) if table
                    else read_npz(zipfile.ZipFile(file), drop))
        return checked(rows)
    except UnicodeDecodeError:
        reason = "it is no text in UTF-8; save it as such"
    except Refused as error:
        reason = error
    except (csv.Error, zipfile.BadZipFile, ...) as error:
        reason = ...
    raise ValueError(f"{shown(path, 4096)}: {reason}")
