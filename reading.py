"""Reading a trained network: accuracies, the tables and equations of section III, and what goes beyond the paper.

What regression.py does with numbers, done to the bottleneck f of a network on the observations of a system;
the results are plain numbers and texts, as result.json holds them.
"""

import re
from math import comb

import numpy as np

import formulas
import regression
from features import expressions, polynomial, rational

LEARNED = 0.7                           # test accuracy below which a network has found nothing to tell pairs by
MOST_TERMS = 12                         # a formula of more terms is not one that a person reads
GRADIENT_SAMPLES = 10_000               # on which gradients are aligned
LIBRARIES = {"polynomial": polynomial, "rational": rational}
SPARSE_ORDER = 2                        # of the features that short formulas are made of
LEAST_NEW = 0.1                         # share of its squared gradient that must be at right angles to those of the f before
DISCOVERY_ORDER = 3                     # the same for all invariants: A_x = x v_y^2 - y v_x v_y - x/r where L is not fixed


def read_off(system, network, train, test):
    """What the network has learned: accuracies, regression hierarchy, formula, correlations.

    The regression is done on the first observation of every equivalent pair, training and test.
    """
    x, x_test = [pairs[0][pairs[2] == 0].astype(np.float64) for pairs in (train, test)]
    f, f_test = [network.bottleneck(values)[:, 0].astype(np.float64) for values in (x, x_test)]
    # A ridge of strength 1 weighs on features in whatever units they are: on a user's data there is none.
    polynomials = regression.hierarchy(x, f, x_test, f_test, system.inputs, orders_for(len(system.inputs)),
                                       regression.ALPHA if system.scale is None else 0.0)
    order = regression.optimal_order(polynomials)
    # Without an optimal order there is no formula; the quadratic is kept, the order of all the paper's.
    fit = polynomials[order or 2]
    test_accuracy = float(network.evaluate(*test)[1])
    formula = None
    if order and test_accuracy >= LEARNED:
        if system.scale is None:
            formula = formulas.group_terms(fit.terms, fit.intercept)
        else:                                           # in other units a small coefficient says little: the fewest that explain f
            fewest = regression.sparse_fit(polynomial(system.inputs, order), x, f)
            formula = formulas.group_terms(fewest.terms, fewest.intercept, drop=0, unit=f.std())
        if formula.length > MOST_TERMS:
            formula = None
    return {
        "train_accuracy": float(network.evaluate(*train)[1]),
        "test_accuracy": test_accuracy,
        "r2": {str(n): each.r2 for n, each in polynomials.items()},
        "optimal_order": order,
        "polynomial": {"terms": fit.terms, "intercept": fit.intercept, "text": fit.text(like_sizes=system.scale is None)},
        "formula": str(formula) if formula else None,
        "formula_spread": formula.spread if formula else None,
        "formula_dropped": formula.dropped if formula else None,
        "correlations": {name: regression.correlation(invariant(x_test), f_test)
                         for name, invariant in system.invariants.items()},
        "alignment": aligned(system, network, x[:GRADIENT_SAMPLES], polynomials[2].coefficients,
                             system.normals(x[:GRADIENT_SAMPLES])),
        "sparse": {name: sparse(system, name, library, x, f, x_test, f_test)
                   for name, library in libraries(system, SPARSE_ORDER).items()},
        "on_invariants": explained(system, x, f, x_test, f_test),
    }


def read_step(system, network, earlier, x, x_test):
    """What the network of one step of a search for all invariants has learned, at observations x, x_test (n, d).

    earlier: the networks of the steps before; the gradients of their f are left aside.
    """
    f, f_test = [network.bottleneck(values)[:, 0].astype(np.float64) for values in (x, x_test)]
    order = max(n for n in orders_for(len(system.inputs), 300) if n <= DISCOVERY_ORDER)
    some = x_test[:GRADIENT_SAMPLES]
    return {"sparse": {name: sparse(system, name, library, x, f, x_test, f_test)
                       for name, library in libraries(system, order).items()},
            "alignment": aligned(system, network, some, normals=[
                *system.normals(some), *(network.input_gradient(some)[:, 0] for network in earlier)],
                least=LEAST_NEW if earlier else 1e-9),
            "on_invariants": explained(system, x, f, x_test, f_test)}


def common(system, networks, x):
    """The quadratic polynomials that are functions of all these networks' f together, each in its simplest form.

    Quadratic only: three gradients span three of the four directions of a state, and of many features some
    combination always nearly lies in them.
    """
    x = x[:GRADIENT_SAMPLES]
    normals = system.normals(x)
    if not 0 < len(networks) < len(system.inputs) - len(normals):       # of as many f as directions, everything is a function
        return None
    gradients = np.stack([network.input_gradient(x)[:, 0] for network in networks], axis=2)
    library = polynomial(system.inputs, SPARSE_ORDER)
    try:
        rows, eigenvalues = regression.common_invariants(library, x, gradients, normals, system.scale)
    except ValueError:                                  # too few observations with gradients
        return None
    return {"formulas": [short_formula(row, sizes=relative_sizes(system, library, x, row)) for row in rows],
            "eigenvalues": eigenvalues[:len(rows) + 1].tolist()}


def orders_for(width, most=1000):
    """Orders of polynomials of at most so many terms, which is all of Tables I to V for a width of up to 10 inputs; at least 1 and 2."""
    return [order for order in regression.ORDERS if order <= 2 or comb(width + order, order) <= most + 1]


def aligned(system, network, x, quadratic=None, normals=(), least=1e-9):
    """Gradient alignment with all monomials: per order the lowest eigenvalues, and the formula at the gap.

    normals, least: gradients at x (n, d) of what is fixed, or found before, as in regression.gradient_alignment.
    quadratic: coefficients of the ridge regression of order 2. Where they are given, and one of the known
        invariants is a quadratic polynomial, the result also says by how far the coefficients of the
        alignment and of the ridge regression are off, each as a vector of length 1.
    """
    if len(normals) >= len(system.inputs) - 1:          # in the one direction left, all gradients are parallel
        return None
    gradients = network.input_gradient(x)[:, 0].astype(float)
    library = polynomial(system.inputs, max(orders_for(len(system.inputs), 300)))
    try:
        alignments = regression.gradient_alignment(library, x, gradients, normals, system.scale, least)
    except ValueError:                                  # f is constant nearly everywhere, of the normals' quantities alone, or data are few
        return None
    order = regression.aligned_order(alignments)
    best = alignments[order or min(2, max(alignments))]
    errors = {}
    if quadratic is not None and 2 in alignments:
        features, _ = regression.polynomial_features(x, 2)
        for name in (name for name in system.invariants if name not in system.fixed):
            known = system.invariants[name](x)
            true, intercept = regression.ridge(features, known, alpha=0)
            if regression.r2_score(known, features @ true + intercept) > 1 - 1e-9:
                errors[name] = {method: distance_of_directions(found, true)
                                for method, found in (("ridge", quadratic), ("alignment", alignments[2].coefficients))}
    return {"eigenvalues": {str(n): alignment.eigenvalues[:4].tolist() for n, alignment in alignments.items()},
            "order": order, "terms": best.terms, "coefficient_errors": errors,
            "formula": short_formula(best.terms, sizes=relative_sizes(
                system, polynomial(system.inputs, order), x, best.terms)) if order else None}


def distance_of_directions(a, b):
    """Length of the difference of two vectors when both have length 1 and the better sign: 0 to sqrt(2)."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(min(np.linalg.norm(a - b), np.linalg.norm(a + b)))


def libraries(system, order):
    """The feature libraries of a system by name; all typed expressions among its features are one."""
    typed = [text for text in system.features if text not in LIBRARIES]
    return {**{name: LIBRARIES[name](system.inputs, order) for name in system.features if name in LIBRARIES},
            **({"typed": expressions(system.inputs, typed)} if typed else {})}


def relative_sizes(system, library, x, terms):
    """{name: standard deviation of that feature over that of the sum of all terms}, for a user's data in units of any kind.

    None for the paper's systems, whose features are of like size.
    """
    if system.scale is None:
        return None
    values = library.values(x[:1000])
    whole = (values @ [terms.get(name, 0.0) for name in library.names]).std()
    return dict(zip(library.names, (values.std(axis=0) / max(whole, 1e-300)).tolist()))


def sparse(system, name, library, x, f, x_test, f_test):
    """The fewest features of a library that explain f, and their test score."""
    fit = regression.sparse_fit(library, x, f)
    values = library.values(x_test)
    prediction = fit.intercept + values[:, [library.names.index(feature) for feature in fit.terms]] @ list(fit.terms.values())
    # Where features are of like size, a term with a coefficient of 2 % of the largest is not worth its place.
    drop = 0.02 if system.scale is None and name != "typed" else 0
    return {"terms": fit.terms, "intercept": fit.intercept, "r2": [fit.r2, float(regression.r2_score(f_test, prediction))],
            "richest_r2": fit.richest_r2,
            "formula": short_formula(fit.terms, fit.intercept, drop, unit=None if system.scale is None else f.std())}


def short_formula(terms, intercept=0.0, drop=0.1, sizes=None, unit=None):
    """The terms in grouped form; None where there are none, or more than a person reads."""
    if not any(terms.values()):
        return None
    if sizes and not any(c * sizes[name] for name, c in terms.items()):     # of constants, as x*y where that is 1 throughout
        sizes = None
    formula = formulas.group_terms(terms, intercept, drop=drop, sizes=sizes, unit=unit)
    return str(formula) if formula.length <= MOST_TERMS else None


def explained(system, x, f, x_test, f_test):
    """Test R² of f as a polynomial in each known invariant that varies, in the components of A, and in all of them.

    Of order 1 it tells whether f is that invariant up to scale and offset, of order 3 whether it is a smooth function
    of it. More than 16 invariants are too many to take together.
    """
    varying = tuple(name for name in system.invariants if name not in system.fixed)
    components = tuple(name for name in varying if re.fullmatch("A_[xyz]", name))
    together = varying if 3 in orders_for(len(varying)) else ()
    scores = {}
    for names in filter(None, dict.fromkeys([*((name,) for name in varying), components, together])):
        columns, columns_test = [np.stack([system.invariants[name](values) for name in names], axis=1) for values in (x, x_test)]
        mean, size = columns.mean(axis=0), columns.std(axis=0)
        size[size <= 1e-6 * abs(mean)] = np.inf         # constant but for rounding: explains nothing
        # In units of its own: powers of what is large, or far from zero, would lose digits.
        fits = regression.hierarchy((columns - mean) / size, f, (columns_test - mean) / size, f_test, names, (1, 3), alpha=0)
        scores[", ".join(names)] = {"r2": fits[1].r2[1], "r2_cubic": fits[3].r2[1],
                                    "coefficients": (fits[1].coefficients / size).tolist(),
                                    "correlation_of_square": regression.correlation(columns_test[:, 0], f_test**2)
                                    if len(names) == 1 else None}
    return scores
