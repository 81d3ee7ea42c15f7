"""Beyond the paper: the conserved quantities of any data, by name (docs/beyond.md).

    python -m discover pendulum.tsv         in a shell
    discover.find(x, group, names)          in a notebook
"""


def find(x, group, names=None, errors=None):
    """Find the laws of observations x (n, d) with groups (n,) and names (d,) of the columns.

    errors: standard deviations of the readings, (n, d) or (d,); found from the digits by default.
    Returns laws.Laws, which a notebook shows as a table. Raises ValueError if an argument has
    another shape, or there are too few groups.
    """
    from discover.laws import find_in_arrays    # here: the command sets threads before NumPy loads
    return find_in_arrays(x, group, names, errors)
