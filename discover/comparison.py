"""How much of f the known invariants explain: is f one of them, a function of one, or a mixture?"""

import re

import numpy as np

import regression

ORDERS = (1, 3)  # of the polynomials: f is the invariant, or a function of it
MOST_TOGETHER = 16  # with more invariants a cubic in all of them has too many terms


def explained(invariants, x, f, x_test, f_test):
    """Test R^2 of f (n,) on invariants at observations x (n, d), by name.

    invariants: {name: function of (n, d), giving (n,)}. For each, for the components of the
    Laplace-Runge-Lenz vector, and for all together: a dict with `r2` of order 1, which tells
    whether f is that invariant up to scale and offset, `r2_cubic` of order 3, which tells whether
    it is a smooth function of it, the `coefficients` of order 1, and `correlation_of_square`, of
    f^2 with a single one.
    """
    components = tuple(name for name in invariants if re.fullmatch("A_[xyz]", name))
    together = tuple(invariants) if len(invariants) <= MOST_TOGETHER else ()
    sets = dict.fromkeys([*((name,) for name in invariants), components, together])
    return {", ".join(names): _scores([invariants[name] for name in names], names, x, f, x_test,
                                      f_test) for names in sets if names}


def varying(system):
    """The system's invariants that are not fixed, by name."""
    return {name: each for name, each in system.invariants.items() if name not in system.fixed}


def _scores(functions, names, x, f, x_test, f_test):
    columns, columns_test = [np.stack([each(values) for each in functions], axis=1)
                             for values in (x, x_test)]
    mean, size = columns.mean(axis=0), columns.std(axis=0)
    size[size <= 1e-6 * abs(mean)] = np.inf  # constant but for rounding: explains nothing
    # In units of its own: powers of what is large, or far from zero, would lose digits.
    fits = regression.hierarchy((columns - mean) / size, f, (columns_test - mean) / size, f_test,
                                names, ORDERS, alpha=0)
    of_square = regression.correlation(columns_test[:, 0], f_test**2) if len(names) == 1 else None
    return {"r2": fits[1].r2[1], "r2_cubic": fits[3].r2[1],
            "coefficients": (fits[1].coefficients / size).tolist(),
            "correlation_of_square": of_square}
