"""Observations as a file has them: what cannot be used is left out and noted, or all is refused."""

import re
from dataclasses import dataclass
from decimal import Decimal
from keyword import iskeyword
from unicodedata import normalize

import numpy as np

from discover.expressions import FUNCTIONS

MISSING = {"", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None"}   # Na is sodium
NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]{1,4})?")
UNIT = re.compile(r"[\w °º˚%′″·⋅×./*^+−⁻()-]{0,40}")
DEGREES = re.compile(r"deg(ree)?s?\.?|[°º˚]", re.IGNORECASE)
IN_DEGREES = ("_deg", "_degree", "_degrees")            # ends of names
OTHER_ANGLES = ("grad", "gon", "arcmin", "arcsec", "turn", "turns", "rev")
TIME_COLUMNS = ("t", "time", "timestamp", "date", "index", "frame", "step")
PAIR = "pair {}"                        # the place of x and x_prime, observed of one thing
MAX_COLUMNS, MAX_NAME_LENGTH = 40, 40   # a polynomial in more columns costs gigabytes
MAX_MAGNITUDE = 1e100                   # of a value: its square is still a number
MIN_GROUPS, FEW_GROUPS = 4, 50          # two to train and two to test on; a note below 50
MAX_SHARED = 0.1                        # of observations are in several pairs by chance
OUTLIER_IQR, MAX_OUTLIERS = 30, 0.01    # interquartile ranges off the median; share of a column


class Refused(ValueError):
    """A file cannot be used: the sentence says what was wrong, and what to give instead."""


def require(is_fine, sentence):
    if not is_fine:
        raise Refused(sentence)


@dataclass
class Observations:
    """N observations in d columns, in the order of the file until `check` sorts them by class."""
    names: np.ndarray                   # (d,)
    units: np.ndarray                   # (d,), "" where the file gives none, "deg" for all degrees
    values: np.ndarray                  # (N, d), float64
    errors: np.ndarray                  # (N, d), standard deviations, NaN where not given
    classes: np.ndarray                 # (N,): 0, 1, ...
    places: np.ndarray                  # (N,), numbers that `place` takes
    place: str                          # such as "line {}"
    notes: list                         # sentences on what was read and left out

    @property
    def degrees(self):
        """Whether each column is an angle in degrees, (d,)."""
        return self.units == "deg"

    def where(self, rows):
        """The places of a mask (N,), as text: the first one."""
        more = ", ..." if rows.sum() > 1 else ""
        return self.place.format(self.places[np.argmax(rows)]) + more

    def keep(self, rows):
        """Keep the rows of a mask (N,), or of these numbers in this order."""
        self.values, self.errors, self.classes, self.places = (
            each[rows] for each in (self.values, self.errors, self.classes, self.places))

    def leave_out(self, rows, why):
        """Leave out the rows of a mask (N,), and note how many."""
        if rows.any():
            self.notes.append(f"left out {rows.sum()} of {len(rows)} rows, {why}: "
                              f"{self.where(rows)}")
            self.keep(~rows)

    def leave_out_columns(self, columns, why):
        """Leave out the columns of a mask (d,), and note it; Refused if less than two are left."""
        self.notes += [f"left out the column {name}, {why}" for name in self.names[columns]]
        self.names, self.units, self.values, self.errors = (
            each[..., ~columns] for each in (self.names, self.units, self.values, self.errors))
        require(len(self.names) > 1, "an invariant needs two columns that vary; "
                f"{'; '.join([*self.notes, 'it has ' + (', '.join(self.names) or 'none')])}")


def split_head(head):
    """Name and unit of a head such as theta [rad]; degrees in all spellings are deg."""
    name, _, unit = head[:-1].partition("[") if head.endswith("]") else (head, "", "")
    name, unit = name.strip(), unit.strip()
    is_degrees = DEGREES.fullmatch(unit) if unit else name.lower().endswith(IN_DEGREES)
    return name, "deg" if is_degrees else unit


def observe(heads, numbers, keys, places, place, notes):
    """Observations, unchecked, of numbers (N, D), where theta_err has the errors of theta.

    heads: (name, unit) of D columns; keys: the name of each row's group, a tuple of texts; the
    others are as in Observations.
    """
    names, units = [normalize("NFKC", name) for name, _ in heads], [unit for _, unit in heads]
    errors = {name: i for i, name in enumerate(names) if name.endswith("_err")}
    own = [i for i, name in enumerate(names) if name not in errors]
    require(len(own) <= MAX_COLUMNS, f"it has over {MAX_COLUMNS} columns; --drop some")
    for (head, unit), name in zip(heads, names):
        stem = name.removesuffix("_err")
        require(head.isidentifier() and len(name) <= MAX_NAME_LENGTH and not iskeyword(name)
                and name not in FUNCTIONS and name != "pi" and not {*name} <= {*names} - {name},
                f"the column name {head[:40]!r} cannot stand in a formula; give letters, digits "
                "and _, as in theta_1 [rad], no function, and no product of other columns")
        require(names.count(name) == 1, f"two columns have the name {name}; rename one")
        require(UNIT.fullmatch(unit) and unit.lower() not in OTHER_ANGLES
                and (unit in ("", "deg") or not stem.lower().endswith(IN_DEGREES)),
                f"{name} has the unit {unit[:40]!r}; write units as m/s^2, angles in rad or deg")
        require(name == stem or stem in names and stem not in errors
                and unit in ("", units[names.index(stem)]), f"{name} would be the errors of a "
                f"column {stem} with the same unit; rename or --drop it")
    numbers = np.column_stack([numbers, np.full(len(numbers), np.nan)])     # where there are none
    of_errors = [errors.get(f"{names[i]}_err", -1) for i in own]
    return Observations(np.array(names)[own], np.array(units)[own], numbers[:, own],
                        numbers[:, of_errors], number_groups(keys, places, place), places, place,
                        notes)


def number_groups(keys, places, place):
    """Numbers (N,) of the groups that keys [(text, ...), ...] name, compared as text."""
    for at, key in zip(places, keys):
        if not MISSING.isdisjoint(key):
            raise Refused(f"{place.format(at)} has no group; say what it belongs to, or remove it")
    numbers = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    for texts in zip(*numbers):
        seen = {}
        for text in texts:
            value = Decimal(text.replace(",", ".")) if NUMBER.fullmatch(text) else text
            same = seen.setdefault(value, text)
            require(same == text, f"the groups {same[:40]!r} and {text[:40]!r} differ as text and "
                    "are equal as numbers; write them alike")
    return np.array([numbers[key] for key in keys])


# ----------------------------------------------------------------------------------------- checks

def check(found):
    """Leave out what cannot be used, and sort by class; Refused if too little is left."""
    for values, least, what in (
            (found.values, -np.inf, "a value beyond 1e100; use other units"),
            (found.errors, 0, "an error that is not above 0; leave it empty if it is not known")):
        is_fine = np.isnan(values) | (values > least) & (np.abs(values) <= MAX_MAGNITUDE)
        require(is_fine.all(), f"{found.where(~is_fine.all(axis=1))} has {what}")
    found.leave_out(np.isnan(found.values).any(axis=1), "with empty cells or NaN")
    require(len(found.values), "each row has empty cells or NaN; --drop empty columns")
    leave_out_times(found)
    join_shared(found)
    found.leave_out(np.bincount(found.classes)[found.classes] == 1, "alone in their groups")
    names, found.classes = np.unique(found.classes, return_inverse=True)
    require(len(names) >= MIN_GROUPS, f"{MIN_GROUPS} groups of two different observations or more "
            f"are needed; {'; '.join([*found.notes, f'it has {len(names)}'])}")
    spread, largest = np.ptp(found.values, axis=0), np.abs(found.values).max(axis=0)
    found.leave_out_columns(spread <= 1e-12 * largest + 1e-100, "which has one value")
    columns = ", ".join(f"{name} [{unit}]" if unit else name
                        for name, unit in zip(found.names, found.units))
    found.notes.insert(0, f"read {len(names)} groups, {len(found.values)} observations, columns "
                       f"{columns}")
    if len(names) < FEW_GROUPS:
        found.notes.append(f"{len(names)} groups are few: how many laws there are is sure from "
                           f"about {FEW_GROUPS} on")
    found.keep(np.argsort(found.classes, kind="stable"))
    note_outliers(found)
    return found


def note_outliers(found):
    """Note columns in which a few values, such as -999, are far from all others."""
    low, middle, high = np.quantile(found.values, [0.25, 0.5, 0.75], axis=0)
    far = (np.abs(found.values - middle) > OUTLIER_IQR * (high - low)) & (high > low)
    for i in np.flatnonzero(far.any(axis=0) & (far.mean(axis=0) < MAX_OUTLIERS)):
        rows = far[:, i]
        found.notes.append(f"{rows.sum()} of {len(rows)} values of {found.names[i]} are far from "
                           f"all others: {found.values[rows, i][0]:g} in {found.where(rows)}")


def leave_out_times(found):
    """Leave out running times; Refused where one falls back in a group that stands in blocks."""
    order = np.argsort(found.classes, kind="stable")
    goes_on = np.diff(found.classes[order]) == 0        # with the group of the row before
    in_blocks = goes_on & (np.diff(order) > 1)
    times = np.zeros(len(found.names), bool)
    for i in np.flatnonzero([name.lower() in TIME_COLUMNS and name != "T" for name in found.names]):
        steps = np.diff(found.values[order, i]) * goes_on               # T is a temperature
        times[i] = steps.any() and not (steps < 0).any()
        if (steps < 0).any():
            text = (f"{found.names[i]} falls within groups, as in "
                    f"{found.place.format(found.places[order[1:][steps < 0].min()])}")
            require(not in_blocks[steps < 0].any(), f"{text}, and groups stand in several blocks: "
                    "a name may be used twice; name a second column with --group, or sort the "
                    "rows by group and time")
            found.notes.append(f"{text}, and is taken for observed, not for a running time")
    if in_blocks.any() and not times.any():
        found.notes.append("groups stand in several blocks of the file; if a name is used twice, "
                           "name a second column with --group")
    found.leave_out_columns(times, "a running time")


def join_shared(found):
    """Leave out repeated rows of a group, and make one class of pairs that share observations."""
    state = np.unique(found.values, axis=0, return_inverse=True)[1].ravel()
    first = np.unique(np.stack([state, found.classes]), axis=1, return_index=True)[1]
    repeated = ~np.isin(np.arange(len(state)), first)
    found.leave_out(repeated, "that repeat another of their group")
    state = state[~repeated]
    shared = np.bincount(state)[state] > 1
    if found.place == PAIR and shared.mean() > MAX_SHARED:
        from scipy.sparse import coo_array              # here, since only this needs it
        from scipy.sparse.csgraph import connected_components
        before, nodes = found.classes.max() + 1, state.max() + found.classes.max() + 2
        links = np.ones(len(state)), (state, state.max() + 1 + found.classes)
        found.classes = connected_components(coo_array(links, shape=(nodes, nodes)))[1][state]
        found.notes.append(f"x and x_prime share observations: joined {before} pairs to "
                           f"{len(np.unique(found.classes))} groups")
        join_shared(found)                              # rows that now repeat another
    elif shared.any():
        found.notes.append(f"groups share {shared.sum()} observations, as in "
                           f"{found.where(shared)}; groups of one motion need one name")
