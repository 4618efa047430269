"""Gi* of Ord and Getis (1995), binary weights with the row itself among its neighbours.

z_i = (sum_j x_j - mean W_i) / (s sqrt((n W_i - W_i**2) / (n - 1))), j over i and its neighbours,
W_i their number, s with n in the denominator. On standard scores u = (x - mean) / s this is
z_i = sum_j u_j / sqrt(W_i (n - W_i) / (n - 1)): shifting or scaling x changes nothing.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, SmallInts
from geocrew.kernels.lag import Lag

ROUNDING = 4 * float(np.finfo(np.float64).eps)


class ConstantValuesError(ValueError):
    """The values do not vary, or by no more than rounding: no statistic is defined."""


class Scores(NamedTuple):
    """Standard scores float8 (n,) and the mean and deviation (with n) that they were made with."""

    values: Floats
    mean: float
    s: float


class GiStar(NamedTuple):
    """`z` float8 (n,), NaN for islands and rows whose neighbours are all rows; `neighbours` (n,)."""

    z: Floats
    neighbours: SmallInts
    mean: float
    s: float


def gi_star(values: Floats, lag_of: Callable[[Floats], Lag]) -> GiStar:
    """Score every row of values float8 (n,), finite; `lag_of` sums over neighbours."""
    scores = standardise(values)
    lag = lag_of(scores.values)
    return GiStar(z_scores(lag), lag.counts, scores.mean, scores.s)


def standardise(values: Floats) -> Scores:
    """Make standard scores of finite values (n,), the same bits whatever the order of rows.

    Sums run over sorted values, scaled by a power of two so that no square overflows, and the mean
    is taken twice, the second time of what the first left over: 1e9 + x has the scores of x.
    ConstantValuesError if s is within rounding (4 eps) of the largest magnitude.
    """
    if values.size == 0:
        raise ConstantValuesError("there are no values")
    ordered = np.sort(values)
    exponent = math.frexp(max(-float(ordered[0]), float(ordered[-1])))[1]
    ordered = np.ldexp(ordered, -exponent)
    first = float(ordered.mean())
    rest = float((ordered - first).mean())
    s = math.sqrt(float(np.square(ordered - first - rest).mean()))
    if s <= ROUNDING:
        raise ConstantValuesError(f"all {values.size} values are {values[0]:.15g}")
    scores = (np.ldexp(values, -exponent) - first - rest) / s
    return Scores(scores, math.ldexp(first + rest, exponent), math.ldexp(s, exponent))


def z_scores(lag: Lag) -> Floats:
    """Gi* (n,) from the neighbour sums of standard scores; NaN where it is not defined."""
    n = lag.sums.size
    weights = lag.counts.astype(np.float64) + 1.0
    defined = (lag.counts > 0) & (weights < n)
    spread = np.sqrt(np.where(defined, weights * (n - weights) / max(n - 1, 1), np.nan))
    return lag.sums / spread
