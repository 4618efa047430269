"""Where values gather and how far they spread: what an outlier is measured by.

Sums run over sorted values, so that they have the same bits whatever the order of the rows, and values
are scaled by a power of two, so that none leaves the range of float8.
"""

import math
from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats

LARGEST = float(np.finfo(np.float64).max)
NOISE = 1e-18  # of the largest value: two floats of that size are farther apart, errors of a mean nearer
NO_MAD = 1e-290  # of the mean deviation: what it is divided by would leave the range of float8


class Spread(NamedTuple):
    """`centre` + `rest` is right to more digits than one float8 has; `scale` is 0 for equal values."""

    centre: float
    rest: float
    scale: float
    scale_name: str


def by_deviation(values: Floats) -> Spread:
    """Mean and sample deviation of finite values (n,), n > 1."""
    ordered, exponent = _scaled(values)
    centre = float(ordered.mean())
    rest = float((ordered - centre).mean())
    apart = ordered - centre - rest
    width = max(-float(apart[0]), float(apart[-1]))
    scale = 0.0
    if width > NOISE:
        scale = width * math.sqrt(float(np.square(apart / width).sum()) / (values.size - 1))
    return _unscaled(centre, rest, scale, "sample standard deviation", exponent)


def by_median(values: Floats) -> Spread:
    """Median and median absolute deviation / 0.6745 of finite values (n,), n > 0 (Iglewicz & Hoaglin).

    Where more than half of them are equal: 1.253314 times their mean absolute deviation.
    """
    ordered, exponent = _scaled(values)
    centre = _middle(ordered)
    apart = np.sort(np.abs(ordered - centre))
    mad, mean = _middle(apart), float(apart.mean())
    if mad > mean * NO_MAD:
        return _unscaled(centre, 0.0, mad / 0.6745, "median absolute deviation", exponent)
    return _unscaled(centre, 0.0, 1.253314 * mean, "mean absolute deviation", exponent)


def distances(values: Floats, spread: Spread) -> Floats:
    """Return finite values (n,) less the centre: `negligible` ones would divide to no float8."""
    return values - spread.centre - spread.rest


def negligible(spread: Spread) -> float:
    """Return the largest distance that scores 0."""
    return max(spread.scale, NOISE) * NO_MAD


def _scaled(values: Floats) -> tuple[Floats, int]:
    ordered = np.sort(values)
    exponent = math.frexp(max(-float(ordered[0]), float(ordered[-1])))[1]
    return np.ldexp(ordered, -exponent), exponent


def _unscaled(centre: float, rest: float, scale: float, name: str, exponent: int) -> Spread:
    with np.errstate(over="ignore"):
        found = [float(np.ldexp(each, exponent)) for each in (centre, rest, scale)]
    return Spread(found[0], found[1], min(found[2], LARGEST), name)


def _middle(ordered: Floats) -> float:
    """Return the median as PostgreSQL's percentile_cont computes it."""
    low, high = float(ordered[(ordered.size - 1) // 2]), float(ordered[ordered.size // 2])
    return low + 0.5 * (high - low)
