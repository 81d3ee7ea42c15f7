"""The record of a finished run: result.json, checked once, when it is read."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from support.process import find_openblas


@dataclass(frozen=True)
class LawRecord:
    """A law of `discover` (discover/laws.py), and the words that are its evidence."""
    expression: str                     # as discover.expressions.Expression reads it
    text: str
    verdict: str                        # exact, or approximate
    within: float                       # share of its variance within held-out classes
    evidence: str = ""
    terms: dict[str, float] = field(default_factory=dict)       # feature: coefficient
    errors: dict[str, float] = field(default_factory=dict)      # standard errors of these
    library: str = ""
    python: str = ""
    sympy: str = ""
    latex: str = ""


@dataclass(frozen=True)
class StepRecord:
    """A network of `discover` that was asked whether more is left (discover/network.py)."""
    word: str
    sentence: str
    train_accuracy: float
    test_accuracy: float
    interval: tuple[float, float]       # of the test accuracy, 95 %
    test_classes: int
    lambda_f: float                     # share of the variance of f within held-out classes
    lambda_columns: float               # the same of its columns
    ratio_interval: tuple[float, float]         # of lambda_f / lambda_columns, 95 %
    independence: float
    found: bool


@dataclass(frozen=True)
class Score:
    """How much of f known invariants explain: test R^2 of orders 1 and 3, correlation with f^2."""
    r2: float
    r2_cubic: float
    correlation_of_square: float | None = None


@dataclass(frozen=True)
class Interpreted:
    """Reading a trained network: accuracies, Tables I to V, the equation of f, correlations."""
    above_chance: bool = False                                  # whether f is worth reading
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    r2: dict[str, tuple[float, float]] = field(default_factory=dict)    # order: training, test
    optimal_order: int | None = None
    polynomial: str = ""
    terms: dict[str, float] = field(default_factory=dict)       # of the polynomial
    intercept: float = 0.0
    formula: str | None = None
    formula_spread: float | None = None
    largest_dropped: tuple[str, float] | None = None
    dominant: dict[str, dict[str, float]] = field(default_factory=dict)     # order: terms
    correlations: dict[str, float] = field(default_factory=dict)            # invariant: with f
    rank_correlations: dict[str, float] = field(default_factory=dict)
    on_invariants: dict[str, Score] = field(default_factory=dict)

    @classmethod
    def from_reading(cls, reading, above_chance, train_accuracy, test_accuracy, on_invariants,
                     **correlations):
        """The record of a regression.Interpretation; an f not above chance has no formula."""
        polynomial, formula = reading.polynomial, reading.formula if above_chance else None
        return cls(
            above_chance, train_accuracy, test_accuracy,
            r2={str(order): each.r2 for order, each in reading.polynomials.items()},
            optimal_order=reading.optimal_order, polynomial=str(polynomial),
            terms=polynomial.terms, intercept=polynomial.intercept,
            formula=formula and str(formula), formula_spread=formula and formula.spread,
            largest_dropped=formula and formula.dropped,
            dominant={str(order): terms for order, terms in reading.dominant.items()},
            on_invariants={name: Score(**each) for name, each in on_invariants.items()},
            **correlations)

    @property
    def score(self):
        """Test R^2 of the polynomial that the formula is made of."""
        return self.r2[str(self.optimal_order or 2)][1]


@dataclass(frozen=True)
class Result(Interpreted):
    """A finished run: of the paper, or with `laws` of discover."""
    system: str = ""
    seed: int = 0
    schedule: str = "quick"
    settings: dict[str, Any] = field(default_factory=dict)      # what two equal runs share
    versions: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    files: tuple[str, ...] = ()                                 # names of the files beside it
    training: str = ""                                          # what was trained, in a sentence
    epochs: int = 0
    best: Interpreted | None = None                             # of the best training cycle
    best_epoch: int | None = None
    laws: tuple[LawRecord, ...] | None = None
    steps: tuple[StepRecord, ...] = ()
    count: int | None = None                                    # independent invariants
    named: int | None = None                                    # of these, laws
    verdict: str = ""                                           # the finding in a sentence

    def __post_init__(self):
        needed = {"2", str(self.optimal_order or 2)}
        if self.laws is None and (None in (self.train_accuracy, self.test_accuracy)
                                  or not needed <= self.r2.keys()):
            raise ValueError("it holds neither laws, nor accuracies and the R² of order 2")


UNSET = {**vars(Result(laws=())), "laws": None}
ALWAYS_KEPT = {"system", "seed", "schedule", "formula"}


def as_json(result):
    """The text of result.json; other fields that have their defaults are left out."""
    known = {name: value for name, value in asdict(result).items()
             if name in ALWAYS_KEPT or value != UNSET[name]}
    return json.dumps(known, indent=1, ensure_ascii=False)


@lru_cache(maxsize=1)                   # 5 ms, and each checkpoint asks
def versions():
    """Versions of Python and the packages, kernels of matrix products and their threads."""
    from importlib.metadata import version              # here, since --help does not need it
    packages = {name: version(name) for name in ("numpy", "scipy", "matplotlib")}
    kernels, threads, _ = find_openblas()
    return {"python": platform.python_version(), **packages,
            "kernels": kernels().decode("ascii", "replace"), "threads": threads()}


def load_result(path):
    """The Result in a file; ValueError that names the file if it is damaged."""
    if os.path.exists(path) and not os.path.isfile(path):           # a pipe would never end
        raise ValueError(f"{path} is no regular file; remove it")
    try:
        return convert(Result, json.loads(Path(path).read_text("utf-8")), "it")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged, or of another program or version: {error}") from error


def convert(kind, value, place):
    """A value of a JSON file as this kind: a class, a record, or a type such as dict[str, int]."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any or value is None and NoneType in arguments:
        return value
    if origin is UnionType:                             # a kind, or None
        return convert(arguments[0], value, place)
    if is_dataclass(kind) and isinstance(value, dict):
        return kind(**{each.name: convert(each.type, value[each.name], each.name)
                       for each in fields(kind) if each.name in value})
    if origin is dict and isinstance(value, dict):
        return {name: convert(arguments[1], each, name) for name, each in value.items()}
    if origin is tuple and isinstance(value, list):
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) == len(value):
            return tuple(convert(each, one, place) for each, one in zip(kinds, value))
    if kind is float and type(value) in (int, float) and abs(value) <= 1e308:       # nor is it NaN
        return float(value)
    if kind is type(value) and kind is not float:
        return value
    raise ValueError(f"{place} must be of kind {getattr(kind, '__name__', kind)}")


def load_results(paths, order):
    """Results of all finished runs under the folders, by system, as in `order`, and seed.

    ValueError names a file that is damaged, or cannot stand on one page with the others.
    """
    found = []
    for path in paths:
        files = sorted(Path(path).rglob("result.json"))
        if not files:
            raise ValueError(f"{path} is no folder that holds a result.json; "
                             "give folders of finished runs")
        found += [(file, load_result(file)) for file in files]
    for file, result in found:
        if result.laws is None and result.system not in order:
            raise ValueError(f"{file} is of no system of the paper: {result.system}")
    for (_, other), (file, result) in combinations(found, 2):
        is_alike = other.system == result.system
        for wrong, sentence in (
                ((result.laws is None) != (other.laws is None), "is a run of another command"),
                (is_alike and other.seed == result.seed,
                 f"is a second run of {result.system} with seed {result.seed}"),
                (is_alike and result.r2.keys() != other.r2.keys(), "has other orders of R²"),
                (result.schedule != other.schedule, f"has the schedule {result.schedule}"),
                (is_alike and {**result.settings, "seed": 0} != {**other.settings, "seed": 0},
                 f"has other settings than another seed of {result.system}")):
            if wrong:
                raise ValueError(f"{file} {sentence}; report it apart from the others")
    return sorted((result for _, result in found),
                  key=lambda result: ([*order, result.system].index(result.system),
                                      result.system, result.seed))
