"""Observations as a file has them: what cannot be used is left out and noted, or all is refused."""

import re
from dataclasses import dataclass
from decimal import Decimal
from keyword import kwlist
from unicodedata import normalize

import numpy as np

from discover.expressions import FUNCTIONS

MISSING = {"", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None"}   # Na is sodium
NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]{1,4})?")
UNIT = re.compile(r"[\w °º˚%′″·⋅×./*^+−⁻()-]{0,40}")
DEGREES = re.compile(r"deg(ree)?s?\.?|[°º˚]", re.IGNORECASE)
IN_DEGREES = ("_deg", "_degree", "_degrees")            # ends of names
OTHER_ANGLES = ("grad", "gon", "arcmin", "arcsec", "turn", "turns", "rev")
TIME = re.compile(r"t|(?i:time|timestamp|date|index|frame|step)")           # T is a temperature
NO_NAMES = {*FUNCTIONS, *kwlist, "pi"}
PAIR = "pair {}"                        # the place of x and x_prime, observed of one thing
MAX_COLUMNS, MAX_NAME_LENGTH = 40, 40   # a polynomial in more columns costs gigabytes
MAX_MAGNITUDE = 1e100                   # of a value: its square is still a number
MIN_GROUPS, FEW_GROUPS = 4, 50          # two to train and two to test on; a note below 50
MAX_SHARED = 0.1                        # of observations are in several pairs by chance
OUTLIER_IQR, MAX_OUTLIERS = 30, 0.01    # interquartile ranges off the median; share of a column


def require(is_fine, sentence):
    """ValueError with a sentence on what was wrong, and what to give instead, unless it is fine."""
    if not is_fine:
        raise ValueError(sentence)


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

    def where(self, rows):
        """The places of a mask (N,), as text: the first one."""
        more = ", ..." if rows.sum() > 1 else ""
        return self.place.format(self.places[np.argmax(rows)]) + more

    def refuse(self, cells, what):
        """ValueError with the place of the first cell of a mask (N, d), if it has any."""
        require(not cells.any(), f"{self.where(cells.any(axis=1))} has {what}")

    def keep(self, rows):
        """Keep the rows of a mask (N,), or of these numbers in this order."""
        for name in ("values", "errors", "classes", "places"):
            setattr(self, name, getattr(self, name)[rows])

    def leave_out(self, rows, why):
        """Leave out the rows of a mask (N,), and note how many."""
        if rows.any():
            self.notes.append(f"left out {rows.sum()} of {len(rows)} rows, {why}: "
                              f"{self.where(rows)}")
            self.keep(~rows)

    def leave_out_columns(self, columns, why):
        """Leave out the columns of a mask (d,), and note it; two at least must be left."""
        self.notes += [f"left out the column {name}, {why}" for name in self.names[columns]]
        for name in ("names", "units", "values", "errors"):
            setattr(self, name, getattr(self, name)[..., ~columns])
        require(len(self.names) > 1, "an invariant needs two columns that vary; "
                f"{'; '.join([*self.notes, 'it has ' + (', '.join(self.names) or 'none')])}")


def split_heads(heads):
    """{name: unit} of heads such as theta [rad]; names as Python reads them, degrees as deg."""
    units = {}
    for head in heads:
        name, _, unit = head[:-1].partition("[") if head.endswith("]") else (head, "", "")
        name, unit = name.strip(), unit.strip()
        name = normalize("NFKC", name) if name.isidentifier() else name     # x² is not x2
        require(name not in units, f"two columns have the name {name[:40]}; rename one")
        in_degrees = DEGREES.fullmatch(unit) if unit else name.lower().endswith(IN_DEGREES)
        units[name] = "deg" if in_degrees else unit
    return units


def observe(units, numbers, keys, places, place, notes):
    """Observations, unchecked, in columns {name: unit} and {name: values (N,)}.

    theta_err has the errors of theta; keys: the name of each row's group, a tuple of texts; the
    others are as in Observations.
    """
    own = {name: unit for name, unit in units.items() if not name.endswith("_err")}
    require(own, "an invariant needs two columns that vary; it has none")
    require(len(own) <= MAX_COLUMNS, f"it has over {MAX_COLUMNS} columns; --drop some")
    for name, unit in units.items():
        stem = name.removesuffix("_err")
        require(name.isidentifier() and len(name) <= MAX_NAME_LENGTH and name not in NO_NAMES
                and not {*name} <= {*units} - {name}, f"the column name {name[:40]!r} cannot stand "
                "in a formula; give letters, digits and _, as in theta_1 [rad], no function, and "
                "no product of other columns")
        require(UNIT.fullmatch(unit) and unit.lower() not in OTHER_ANGLES
                and (unit in ("", "deg") or not stem.lower().endswith(IN_DEGREES)),
                f"{name} has the unit {unit[:40]!r}; write units as m/s^2, angles in rad or deg")
        require(name in own or stem in own and unit in ("", own[stem]), f"{name} would be the "
                f"errors of a column {stem} with the same unit; rename or --drop it")
    unknown = np.full(len(places), np.nan)
    values, errors = (np.column_stack([numbers.get(name + ending, unknown) for name in own])
                      .astype(float) for ending in ("", "_err"))
    return Observations(np.array([*own]), np.array([*own.values()]), values, errors,
                        number_groups(keys), places, place, notes)


def number_groups(keys):
    """Numbers (N,) of the groups that keys [(text, ...), ...] name; -1 where it is missing."""
    numbers = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    for texts in zip(*numbers):
        seen = {}
        for text in texts:
            value = Decimal(text.replace(",", ".")) if NUMBER.fullmatch(text) else text
            same = seen.setdefault(value, text)
            require(same == text, f"the groups {same[:40]!r} and {text[:40]!r} differ as text and "
                    "are equal as numbers; write them alike")
    return np.array([numbers[key] if MISSING.isdisjoint(key) else -1 for key in keys])


# ----------------------------------------------------------------------------------------- checks

def check(found):
    """Leave out what cannot be used, and sort by class; ValueError if too little is left."""
    found.refuse(found.classes[:, None] < 0, "no group; say what it belongs to, or remove it")
    found.refuse(np.abs(found.values) > MAX_MAGNITUDE, "a value beyond 1e100; use other units")
    found.refuse((found.errors <= 0) | (found.errors > MAX_MAGNITUDE),
                 "an error that is not above 0; leave it empty if it is not known")
    found.leave_out(np.isnan(found.values).any(axis=1), "with empty cells or NaN")
    require(len(found.values), "each row has empty cells or NaN; --drop empty columns")
    leave_out_times(found)
    join_shared(found)
    found.leave_out(np.bincount(found.classes)[found.classes] == 1, "alone in their groups")
    groups, found.classes = np.unique(found.classes, return_inverse=True)
    require(len(groups) >= MIN_GROUPS, f"{MIN_GROUPS} groups of two different observations or more "
            f"are needed; {'; '.join([*found.notes, f'it has {len(groups)}'])}")
    spread, largest = np.ptp(found.values, axis=0), np.abs(found.values).max(axis=0)
    found.leave_out_columns(spread <= 1e-12 * largest + 1e-100, "which has one value")
    columns = ", ".join(f"{name} [{unit}]" if unit else name
                        for name, unit in zip(found.names, found.units))
    found.notes.insert(0, f"read {len(groups)} groups, {len(found.values)} observations, columns "
                       f"{columns}")
    if len(groups) < FEW_GROUPS:
        found.notes.append(f"{len(groups)} groups are few: how many laws there are is sure from "
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
    """Leave out running times; ValueError where one falls in a group that stands in blocks."""
    rows, order = np.arange(len(found.classes)), np.argsort(found.classes, kind="stable")
    goes_on = np.diff(found.classes[order]) == 0
    before = rows.copy()                                # the last row of the group, if there is one
    before[order[1:][goes_on]] = order[:-1][goes_on]
    in_blocks, steps = rows - before > 1, found.values - found.values[before]
    is_time = np.array([bool(TIME.fullmatch(name)) for name in found.names], bool)
    for name, falls in zip(found.names[is_time], steps.T[is_time] < 0):
        if falls.any():
            text = f"{name} falls within groups, as in {found.where(falls)}"
            require(not in_blocks[falls].any(), f"{text}, and groups stand in several blocks: a "
                    "name may be used twice; name a second column with --group, or sort the rows "
                    "by group and time")
            found.notes.append(f"{text}, and is taken for observed, not for a running time")
    is_time &= (steps >= 0).all(axis=0) & steps.any(axis=0)
    if in_blocks.any() and not is_time.any():
        found.notes.append("groups stand in several blocks of the file; if a name is used twice, "
                           "name a second column with --group")
    found.leave_out_columns(is_time, "a running time")


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
