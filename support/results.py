"""What a run found, as a record with named fields: result.json, written and read back."""

import json
import platform
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from support.blas import kernels, threads
from support.files import check_seal, regular, sealed, write

LEARNED = 0.7                           # test accuracy from which earlier versions said so
LARGEST = 10**8                         # bytes of a result


@dataclass(frozen=True)
class Result:
    """A finished run: a network that was read off, or with `steps` a search for all invariants."""
    system: str
    seed: int
    schedule: str
    settings: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)
    notes: tuple = ()                   # what a reader of results on these data should know
    epochs: int = 0
    seconds: float = 0.0
    learned: bool | None = None         # whether the network tells pairs apart
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    r2: dict = field(default_factory=dict)                  # {order: (training, test)}
    optimal_order: int | None = None
    polynomial: dict = field(default_factory=dict)          # terms, intercept, text
    formula: str | None = None
    formula_spread: float | None = None
    formula_dropped: tuple | None = None
    best: dict = field(default_factory=dict)                # the same, of the best training cycle
    dominant: dict = field(default_factory=dict)            # {order: the formula's terms}
    rank_correlations: dict = field(default_factory=dict)
    correlations: dict = field(default_factory=dict)        # {known invariant: of f with it}
    on_invariants: dict = field(default_factory=dict)       # {known invariants: R^2 of f on them}
    verdict: dict = field(default_factory=dict)             # on f, discover.verdict.Verdict
    laws: tuple = ()                                        # in order of simplicity, a dict each
    on_laws: dict = field(default_factory=dict)             # {laws: R^2 of f on them}
    count: int | None = None            # independent invariants found in all
    named: int | None = None            # of these, independent laws
    steps: tuple | None = None          # of a search: networks that looked for more, a dict each
    files: dict = field(default_factory=dict)               # digests of the files beside it
    sha256: str = ""


def versions():
    """Versions of Python and the packages, the kernels of matrix products, and their threads."""
    from importlib.metadata import version              # here, since --help does not need it
    packages = "numpy", "scipy", "matplotlib"
    return {"python": platform.python_version(), **{name: version(name) for name in packages},
            "kernels": kernels(), "threads": threads()}


def save_result(result, folder, beside):
    """Write result.json, with the digests of the files `beside` it in the folder and its own."""
    known = {name: value for name, value in asdict(result).items() if value is not None}
    content = sealed(known, folder, beside)
    write(Path(folder) / "result.json",
          lambda file: json.dump(content, file, indent=1, ensure_ascii=False))


def load_result(path):
    """The Result in a file; ValueError that names the file if it is damaged or was altered."""
    with _named(path), regular(path, LARGEST) as file:
        content = {"files": {}, **json.loads(file.read().decode("utf-8"))}
    check_seal(path, content)
    with _named(path):
        if "steps" not in content:                      # earlier versions did not say it
            content.setdefault("learned", content["test_accuracy"] >= LEARNED)
        known = {each.name for each in fields(Result)}
        result = Result(**{name: value for name, value in content.items() if name in known})
        _check(result)
    return result


@contextmanager
def _named(path):
    """Turn what a file of other content raises into a ValueError that names the file."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged or of another program or version "
                         f"({type(error).__name__}: {error})") from error


def _check(result):
    """Raise if a field that a report needs is missing or of another kind."""
    kinds = {"system": str, "seed": int, "schedule": str, "settings": dict, "versions": dict,
             "r2": dict, "polynomial": dict, "correlations": dict, "verdict": dict, "on_laws": dict}
    for name, kind in kinds.items():
        if not isinstance(getattr(result, name), kind):
            raise TypeError(f"{name} is no {kind.__name__}")
    if result.steps is None:
        float(result.train_accuracy), float(result.test_accuracy)
        [float(score) for scores in result.r2.values() for score in scores]
        result.r2[str(result.optimal_order or 2)], result.r2["2"]
        result.polynomial and str(result.polynomial["text"])
        result.verdict and (result.verdict["sentence"], float(result.verdict["within"]))
    for step in result.steps or ():
        float(step["test_accuracy"]), float(step["independence"]), bool(step["found"])
        str(step["sentence"]), str(step["word"]), float(step["within"])
        [float(bound) for bound in step["interval"]]
    for law in result.laws:
        str(law["text"]), law["verdict"], float(law["within"]), list(law["function_of"])


def load_results(paths, order):
    """Results of all finished runs under the given folders, by system, as in `order`, and seed.

    Raises ValueError, naming the file, if there are none, if one is damaged or altered, if a run is
    there twice, or if schedules are mixed, or settings among the seeds of a system.
    """
    results, places = [], {name: place for place, name in enumerate(order)}
    for path in map(Path, paths):
        found = sorted(path.rglob("result.json")) if path.is_dir() else []
        files = [file for file in found if not file.is_dir()]
        if not files:
            raise ValueError(f"{path} is no folder that holds a result.json; "
                             "give folders of finished runs")
        for file in files:
            result = load_result(file)
            _check_together(file, result, results)
            results.append(result)
    return sorted(results, key=lambda result: (places.get(result.system, len(places)),
                                               result.system, result.seed))


def _check_together(file, result, others):
    """ValueError that names the file if a result cannot stand on one page with the others."""
    first = [*others, result][0]
    alike = [other for other in others if other.system == result.system]
    if (result.steps is None) != (first.steps is None):
        kind = "one run" if result.steps is None else "a search for all invariants"
        raise ValueError(f"{file} is {kind}, others are not; report them apart")
    if any(other.seed == result.seed for other in alike):
        raise ValueError(f"{file} is a second run of {result.system} with seed {result.seed}; "
                         "give one of them")
    if result.schedule != first.schedule:
        raise ValueError(f"{file} has the schedule {result.schedule}, others have "
                         f"{first.schedule}; report them apart")
    if alike and result.settings != alike[0].settings:
        raise ValueError(f"{file} has other settings than another seed of {result.system}; "
                         "report them apart")
