"""Sums over neighbours that are listed."""

import numpy as np

from geocrew.kernels.arrays import Floats, Ints, SmallInts
from geocrew.kernels.compiled import compiled
from geocrew.kernels.lag import Lag, from_fixed, to_fixed


def neighbour_list_lag(offsets: Ints, indices: Ints, values: Floats) -> Lag:
    """Sum values over each row and its listed neighbours.

    Neighbours of row i are indices[offsets[i]:offsets[i + 1]], themselves without i; offsets int8
    (n + 1,), indices int8 (m,), values float8 (n,), finite.
    """
    fixed = to_fixed(values)
    counts: SmallInts = np.diff(offsets).astype(np.int32)
    return Lag(from_fixed(sum_listed(offsets, indices, fixed.values), fixed.scale), counts)


@compiled
def sum_listed(offsets: Ints, indices: Ints, values: Ints) -> Ints:
    """Sum of each row's own and its listed values, (n,)."""
    sums = values.copy()
    for row in range(values.size):
        for at in range(offsets[row], offsets[row + 1]):
            sums[row] += values[indices[at]]
    return sums
