"""Local Moran's I of Anselin (1995), each neighbour weighing one part in their number.

On standard scores u (mean 0, variance with n 1) and the mean l of a row's neighbours I = u l. Where the
neighbours are drawn from all other rows (Sokal, Oden & Thomson 1998, conditional randomisation),
with k neighbours E = -u**2 / (n - 1), V = u**2 n / (n - 2) (1 / k - 1 / (n - 1)) (1 - u**2 / (n - 1)),
so that z = sign(u) (l + u / (n - 1)) / sqrt(n / (n - 2) (1 / k - 1 / (n - 1)) (1 - u**2 / (n - 1))).
spdep's localmoran gives the same; esda's I is (n - 1) / n of it, beside the same conditional moments.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, SmallInts, TinyInts
from geocrew.kernels.getis_ord import standardise
from geocrew.kernels.lag import Lag
from geocrew.kernels.significance import CUTOFFS

NEGLIGIBLE = 1e-12  # a score nearer to the mean is rounding
UNIFORM = 1e-7  # a share of the variance left to all others below which z has no nine digits
QUADRANTS = ("HH", "LL", "HL", "LH")  # quadrant 1 to 4


class LocalMoran(NamedTuple):
    """`i`, `z` float8 (n,), NaN where not defined; `quadrants` int2 (n,), 0 where z is below 95 %.

    A row without neighbours has neither; one at the mean, one with all others as neighbours, or one
    without which no value varies has i alone.
    """

    i: Floats
    z: Floats
    quadrants: TinyInts
    neighbours: SmallInts
    mean: float
    s: float


def local_moran(values: Floats, lag_of: Callable[[Floats], Lag]) -> LocalMoran:
    """Score every row of values float8 (n,), finite, n > 2; `lag_of` sums over row and neighbours."""
    scores = standardise(values)
    lag = lag_of(scores.values)
    n, k = values.size, np.where(lag.counts > 0, lag.counts, np.nan)
    u = np.where(np.abs(scores.values) <= NEGLIGIBLE, 0.0, scores.values)
    around = (lag.sums - scores.values) / k
    spread = n / (n - 2) * (1 / k - 1 / (n - 1)) * (1 - u * u / (n - 1))
    defined = (u != 0) & (lag.counts < n - 1) & (1 - u * u / (n - 1) > UNIFORM)
    deviation = np.sqrt(np.where(defined, spread, np.nan))
    z = np.sign(u) * (around + u / (n - 1)) / deviation
    return LocalMoran(u * around, z, quadrants(u, around, z), lag.counts, scores.mean, scores.s)


def quadrants(u: Floats, around: Floats, z: Floats) -> TinyInts:
    """Give each row (n,) its quadrant, numbered as in QUADRANTS; 0 where z is not significant at 5 %."""
    high, high_around = u > 0, around > 0
    named = np.select([high & high_around, ~high & ~high_around, high], [1, 2, 3], 4)
    return np.where(np.abs(z) >= CUTOFFS[1], named, 0).astype(np.int16)
