"""Sums over neighbours, held as integers so that their order cannot matter.

A sum of floats depends on its order: on the input's row order, on chunks, on a tree's shape.
Values are therefore scaled to whole numbers, of which any order gives the same sum to the bit.
"""

from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, Ints, SmallInts

BITS = 62


class Lag(NamedTuple):
    """For each row the sum of values over itself and its neighbours, and how many these are.

    `sums` float8 (n,) includes the row itself; `counts` int4 (n,) does not.
    """

    sums: Floats
    counts: SmallInts


class Fixed(NamedTuple):
    """Values as whole multiples of 2**-scale, scaled so that no sum of any of them overflows."""

    values: Ints
    scale: int


def to_fixed(values: Floats) -> Fixed:
    """Round finite values to whole multiples of a power of two.

    Each is off by at most sum(|values|) * 2**-62: for a million standard scores 2e-13.
    """
    magnitudes = np.abs(values)
    largest = float(magnitudes.max(initial=0.0))
    if largest == 0.0:
        return Fixed(np.zeros(values.size, np.int64), 0)
    coarse = BITS - int(np.frexp(largest)[1]) - values.size.bit_length()
    bound = int(_whole(magnitudes, coarse).sum()) + values.size
    scale = coarse + BITS - bound.bit_length()
    return Fixed(_whole(values, scale), scale)


def from_fixed(sums: Ints, scale: int) -> Floats:
    """Turn sums of fixed values back into floats, (n,) to (n,)."""
    floats = sums.astype(np.float64)
    return np.ldexp(floats, -scale, out=floats)


def _whole(values: Floats, scale: int) -> Ints:
    scaled = np.ldexp(values, scale)
    return np.rint(scaled, out=scaled).astype(np.int64)
