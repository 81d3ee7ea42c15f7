"""Feature libraries from simple to rich: monomials of columns, and of functions of columns.

    polynomials   of all columns, orders 1 to 4
    distance      these with r = sqrt(x^2 + y^2) or sqrt(x^2 + y^2 + z^2), 1/r, and log(r)
    angles        sines and cosines of angles, with the other columns
    logarithms    of positive columns, with all columns
    roots         of positive columns, and negative powers of all that stay away from 0
    typed         expressions of the user, with all columns
    waves         sines and cosines of every column, where nothing else fits

The user may restrict them to KINDS: polynomials alone, or these and quotients by positive columns.
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from discover.expressions import LARGEST, MAX_MAGNITUDE, NO_NAMES, Expression

KINDS = ("polynomial", "rational")
IN_DEGREES = ("_deg", "_degree", "_degrees")            # ends of names
MAX_FEATURES = 300                      # of one library
NEAR_ZERO = 0.005                       # of a column's root mean square: no quotients by less
LINEAR = 0.01                           # deviation of x below which exp(x) and sin(x) say no more
MAX_EXPONENT = 10                       # of exp: of more, a few rows are all of its variance
DISTANCE = re.compile(r"sqrt\(x(\w*)\^2 \+ y\1\^2( \+ z\1\^2)?\)")    # r, or r_km of x_km, y_km
ANGLE_NAMES = re.compile(r"(theta|phi|varphi|psi|alpha|beta|angle|azimuth|tilt|inclination)"
                         r"(_?\w{1,2}|_deg)?", re.IGNORECASE)
COSTS = {"exp": 3.0, "log": 1.5, "sqrt": 1.5, "sin": 1.3, "cos": 1.3}   # beside a column's 1


@dataclass(frozen=True)
class Library:
    """Monomials of variables: `exponents` (p, v) of them, and how each variable is printed."""
    title: str
    labels: tuple[str, ...]                             # of the variables, such as "x" and "r"
    variables: tuple[Expression, ...]
    exponents: np.ndarray

    @cached_property
    def names(self):
        """Of each feature, as it is read: "y*v_x/r"."""
        return tuple(format_monomial(self.labels, row) for row in self.exponents)

    @cached_property
    def expressions(self):
        """Of each feature, as Expression reads it: "y*v_x/sqrt(x^2 + y^2)"."""
        labels = [in_product(variable.name) for variable in self.variables]
        return tuple(format_monomial(labels, row) for row in self.exponents)

    @cached_property
    def costs(self):
        """What a reader pays for each feature (p,): its degree, functions more than columns."""
        weights = [1.0 if label in variable.inputs else COSTS.get(variable.name.split("(")[0], 1.3)
                   for label, variable in zip(self.labels, self.variables)]
        below = np.maximum(-self.exponents, 0).sum(axis=1)
        squares = np.array(["^2 + y" in variable.name and variable.name.count("^")
                            for variable in self.variables])    # that r holds
        return (0.6 + 0.4 * np.abs(self.exponents) @ np.array(weights) + 0.2 * below
                + 1.2 * (self.exponents != 0) @ squares)

    def part(self, features):
        """The Library of these features (an index)."""
        exponents = self.exponents[features]
        used = np.flatnonzero(exponents.any(axis=0))
        labels, variables = ([each[i] for i in used] for each in (self.labels, self.variables))
        return Library(self.title, tuple(labels), tuple(variables), exponents[:, used])

    def bounded(self, x):
        """Which features (p,) of samples (n, d) are below LARGEST with certainty."""
        with np.errstate(divide="ignore"):
            sizes = np.array([np.log10(np.abs(variable(x)[0])) for variable in self.variables])
        above, below = np.maximum(sizes.max(axis=1), 0), np.maximum(-sizes.min(axis=1), 0)
        below[self.exponents.min(axis=0) >= 0] = 0      # it may be infinite
        bound = np.maximum(self.exponents, 0) @ above + np.maximum(-self.exponents, 0) @ below
        return bound < np.log10(LARGEST)

    def values(self, x):
        """Features (n, p) of samples (n, d), for which they are bounded."""
        powers = self._powers([variable(x)[0] for variable in self.variables])
        return self._products(powers, self.exponents, len(x))

    def gradients(self, x):
        """Derivatives (n, p, d) at samples (n, d), by the chain rule."""
        pairs = [variable(x) for variable in self.variables]
        powers = self._powers([value for value, _ in pairs])
        result = np.zeros((len(x), len(self.exponents), x.shape[1]))
        for i, (_, slope) in enumerate(pairs):
            used = np.flatnonzero(self.exponents[:, i])
            lowered = self.exponents[used] - np.eye(len(pairs), dtype=int)[i]
            by_variable = self._products(powers, lowered, len(x)) * self.exponents[used, i]
            for column in np.flatnonzero(slope.any(axis=0)):
                result[:, used, column] += by_variable * slope[:, [column]]
        return result

    def _powers(self, variables):
        """{(variable, exponent): values}, each made once."""
        highest = [set(column) | set(column - 1) for column in self.exponents.T]
        with np.errstate(divide="ignore", over="ignore"):
            return {(i, e): z**float(e) for i, z in enumerate(variables) for e in highest[i]}

    @staticmethod
    def _products(powers, exponents, n):
        result = np.ones((len(exponents), n))
        for feature, row in zip(result, exponents):
            for i in np.flatnonzero(row):
                feature *= powers[i, row[i]]
        return result.T


def unite(libraries):
    """One Library of all features of these, each once, and where theirs are in it (p,), a list."""
    names = dict.fromkeys(v.name for library in libraries for v in library.variables)
    place, rows, groups = {name: i for i, name in enumerate(names)}, {}, []
    for library in libraries:
        wide = np.zeros((len(library.exponents), len(place)), int)
        wide[:, [place[v.name] for v in library.variables]] = library.exponents
        groups.append(np.array([rows.setdefault(tuple(row), len(rows)) for row in wide]))
    known = {v.name: (label, v) for library in libraries[::-1]
             for label, v in zip(library.labels, library.variables)}
    labels, variables = zip(*(known[name] for name in names))
    return Library("all", labels, variables, np.array(list(rows), int)), groups


def make_libraries(x, names, features=(), angles=None, positive=None, kinds=(), degrees=()):
    """Libraries from simple to rich for samples (n, d), those of waves, and notes.

    names: of the columns. features: expressions that the user typed. angles, positive: names of
    such columns; by default they are recognised from the data. kinds: of KINDS, to which libraries
    are restricted. degrees: names of columns in degrees. Raises ValueError for an unknown name or
    an expression that is not allowed.
    """
    moving, notes = select_columns(x, names)
    turns = {name: np.pi / 180 if name in degrees else 1.0 for name in moving}
    angles = choose_columns(names, angles, "angles", lambda name: (
        name in degrees or is_angle(name, moving[name])), moving)
    chosen = choose_columns(names, positive, "positive",
                            lambda name: moving[name].min() > 0, moving)
    for name in chosen:
        if moving[name].min() <= 0:
            raise ValueError(f"{name} is named as positive and holds a value that is not")
    typed = {Expression(text, names).name: range(5) for text in features}
    columns = {name: range(5) for name in moving}
    waves = []
    if kinds:
        plan = restricted_plan(columns, typed, chosen if "rational" in kinds else ())
    else:
        plan = full_plan(moving, columns, typed, angles, chosen,
                         distance(x, names, moving), degrees)
        others = [name for name in moving if name not in angles
                  and LINEAR < moving[name].std() * turns[name] < 30]
        waves = [("sines and cosines of columns", columns | sines(others, degrees), (2, 3))]
    libraries, left_out = build(plan if moving else [], names)
    return libraries, build(waves if moving else [], names)[0], notes + left_out


def restricted_plan(columns, typed, below):
    """(title, {variable: its powers}, orders) of polynomials, and of quotients by these columns."""
    yield "polynomials", columns, (1, 2)
    if typed:
        yield "typed features", columns | typed, (1, 2, 3)
    yield "polynomials", columns, (3, 4)
    if below:
        yield "quotients", columns | dict.fromkeys(below, range(-2, 5)) | typed, (2, 3, 4)


def sines(names, degrees):
    """{variable: its powers} of sines and cosines of columns; cos^2 is 1 - sin^2."""
    inside = [f"pi*{name}/180" if name in degrees else name for name in names]
    return ({f"sin({each})": range(5) for each in inside}
            | {f"cos({each})": range(2) for each in inside})


def full_plan(moving, columns, typed, angles, positive, distance, degrees):
    """(title, {variable: its powers}, orders) of each kind of library, from simple to rich."""
    waves = sines(angles, degrees)
    # What fills a turn by chance, as a velocity may, or goes beyond it, stays a column as well.
    named = [name for name in angles if (name in degrees or ANGLE_NAMES.fullmatch(name))
             and np.ptp(moving[name]) < (396 if name in degrees else 2.2 * np.pi)]
    straight, others = ({name: powers for name, powers in columns.items() if name not in out}
                        for out in (named, angles))
    logarithms = {f"log({name})": range(3) for name in positive}
    exponentials = {f"exp({name})": range(-2, 3) for name in straight
                    if moving[name].std() > LINEAR and np.abs(moving[name]).max() < MAX_EXPONENT}
    roots = {f"sqrt({name})": range(2) for name in positive}
    away = [name for name, values in moving.items()
            if name in positive or stays_away(values)]
    negative, inverse = ({name: range(least, 5) for name in away} for least in (-3, -1))
    below = {name: powers for name, powers in negative.items() if name in straight}
    below |= {text: range(-2, 1 + max(powers)) for text, powers in waves.items()
              if stays_away(Expression(text, moving).value(np.stack([*moving.values()], axis=1)))}
    everything = straight | typed | waves | distance | logarithms
    many = len(everything) > len(columns) + 1
    return [each for needed, *each in (
        (True, "polynomials", columns, (1, 2)),
        (typed, "typed features", columns | typed, (1, 2, 3)),
        (angles, "sines and cosines", straight | waves, (1, 2, 3)),
        (angles, "sines and cosines", others | waves, (4,)),
        (True, "polynomials", columns, (3,)),
        (angles, "quotients with sines and cosines", straight | waves | below, (2, 3)),
        (distance, "with r and 1/r", columns | distance, (2, 3)),
        (distance, "with log(r)", columns | {f"log({text})": range(2) for text in distance}, (2,)),
        (positive, "logarithms", columns | logarithms, (1, 2, 3)),
        (away, "roots and negative powers", columns | negative | roots, (2, 3)),
        (positive, "logarithms and 1/x", columns | inverse | logarithms, (1, 2)),
        (away, "even powers", {name: range(-2 * (name in away), 5, 2) for name in columns}, (4,)),
        (away, "negative powers", columns | {name: range(-4, 5) for name in away}, (4,)),
        (True, "polynomials", columns, (4,)),
        (distance, "with r and 1/r", columns | distance, (4,)),
        (exponentials, "exponentials", straight | exponentials, (2, 3)),
        (many, "all of these", everything, (2, 3))) if needed]


def stays_away(values):
    """Whether values (n,) stay away from 0, so that they may stand below a line."""
    return np.abs(values).min() > NEAR_ZERO * np.sqrt(np.mean(values**2))


def select_columns(x, names):
    """{name: column} of those that vary and are no multiple of one before; notes on the others."""
    kept, notes = {}, []
    for name, column in zip(names, x.T):
        first = np.argmax(np.abs(column))
        unit = column / (column[first] or 1.0)
        twin = next((other for other, values in kept.items() if np.abs(
            unit * values[first] - values * unit[first]).max() <= 1e-12 * abs(values[first])), None)
        if not name.isidentifier() or name in NO_NAMES:
            notes.append(f"{name} is no name that a formula can hold, and takes no part: rename it")
        elif not 1 / MAX_MAGNITUDE < abs(column[first]) < MAX_MAGNITUDE and column[first]:
            notes.append(f"{name} has values of {column[first]:g} and takes no part: use units in "
                         f"which they are below {MAX_MAGNITUDE:g}, and not all below 1e-50")
        elif np.ptp(unit) <= 1e-12:
            notes.append(f"{name} has one value on all data and takes no part")
        elif twin is not None:
            notes.append(f"{name} is a multiple of {twin} and takes no part")
        else:
            kept[name] = column
    return kept, notes


def is_angle(name, column):
    """Whether a column (n,) is an angle: it fills a whole turn and no more, or has an angle's name.

    Noise may blur the ends of the turn, if many observations are near both of them.
    """
    for low in (-np.pi, 0):
        ends = np.array([column.min() - low, low + 2 * np.pi - column.max()])
        crowded = min(np.mean(column < low + 0.6), np.mean(column > low + 2 * np.pi - 0.6)) > 0.01
        if np.all((ends >= 0) & (ends < 0.1)) or crowded and np.all(np.abs(ends) < 0.6):
            return True
    return ANGLE_NAMES.fullmatch(name) is not None


def choose_columns(names, chosen, what, rule, moving):
    """Names of the moving columns that are chosen, or follow a rule."""
    if chosen is None:
        return [name for name in moving if rule(name)]
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise ValueError(f"{what} must name columns, and {unknown[0]!r} is none of "
                         f"{', '.join(names)}")
    return [name for name in chosen if name in moving]


def distance(x, names, moving):
    """r of the positions, with its powers, unless r is a column, or 0 somewhere."""
    for end in (name[1:] for name in moving if name.startswith("x")):
        position = [axis + end for axis in "xyz" if axis + end in names]
        if {"x" + end, "y" + end} <= set(moving) and "r" + end not in names:
            r = np.linalg.norm(x[:, [names.index(name) for name in position]], axis=1)
            text = f"sqrt({' + '.join(f'{name}^2' for name in position)})"
            return {text: range(-3, 2)} if r.min() > 1e-9 * r.max() else {}
    return {}


def build(plan, names):
    """The libraries of a plan that are small enough, and a note on polynomials that are not."""
    libraries, notes, seen = [], [], set()
    for title, allowed, orders in plan:
        variables = tuple(Expression(text, names) for text in allowed)
        labels = tuple(in_product(DISTANCE.sub(r"r\1", text)) for text in allowed)
        r = [label for label, text in zip(labels, allowed) if DISTANCE.fullmatch(text)]
        for order in orders:
            exponents = monomials(allowed.values(), order)
            if exponents is not None and r:
                exponents = without_identities(exponents, labels, r[0])
            key = (labels, tuple(allowed.values()), order)
            if exponents is not None and key not in seen:
                libraries.append(Library(f"{title}, order {order}", labels, variables, exponents))
            elif exponents is None and title == "polynomials" and order < 4:
                notes += [f"polynomials of order {order} of {len(labels)} columns are more than "
                          f"{MAX_FEATURES} features, and were not tried"]
            seen.add(key)
    return libraries, notes


def monomials(allowed, order):
    """Exponents (p, v) of all monomials up to an order, each power from its variable's list.

    None where there are more than MAX_FEATURES. The order counts negative powers as positive ones.
    """
    rows = [()]
    for powers in allowed:
        rows = [row + (e,) for row in rows for e in powers if sum(map(abs, row)) + abs(e) <= order]
        if len(rows) > MAX_FEATURES + 1:
            return None
    rows.sort(key=lambda row: (sum(map(abs, row)), [-abs(e) for e in row], [-e for e in row]))
    return np.array(rows[1:], int).reshape(len(rows) - 1, -1)


def without_identities(exponents, labels, r):
    """Exponents (p, v) without y^2/r, which is r - x^2/r, or with z in its place."""
    last = next(axis + r[1:] for axis in "zy" if axis + r[1:] in labels)
    redundant = (exponents[:, labels.index(last)] > 1) & (exponents[:, labels.index(r)] != 0)
    return exponents[~redundant]


def in_product(text):
    """A variable as it stands in a product: in brackets, unless a name or a function's value."""
    return text if re.fullmatch(r"\w+(\([^()]*\))?", text) else f"({text})"


def factors(labels, row):
    """Factors, such as "x^2", of the numerator and of the denominator of a monomial."""
    return [[label + f"^{e}" * int(e > 1) for label, e in zip(labels, sign * row) if e > 0]
            for sign in (1, -1)]


def format_monomial(labels, row):
    above, below = map("*".join, factors(labels, row))
    if not below:
        return above
    return f"{above or 1}/({below})" if "*" in below else f"{above or 1}/{below}"
