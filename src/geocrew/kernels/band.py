"""Sums over all neighbours within a distance on the plane."""

import math

import numpy as np
from numpy.typing import NDArray

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.lag import Lag
from geocrew.kernels.magnitude import shrinking, shrunk
from geocrew.kernels.pace import OnProgress
from geocrew.kernels.tree import plant
from geocrew.kernels.within import Limits, sum_within


def band_lag(
    x: Floats, y: Floats, values: Floats, radius: float, on_progress: OnProgress | None = None
) -> Lag:
    """Sum values over the neighbours within `radius`, inclusive.

    Neighbours are those with sqrt(dx*dx + dy*dy) <= radius in float arithmetic, as PostGIS
    ST_DWithin decides for points. x, y, values float8 (n,), finite; radius in the units of x.
    What lies inside the circle is added box by box and only points along it are tested, so with k
    neighbours the time grows like n log n + n sqrt(k); memory is O(n).
    """
    if not (math.isfinite(radius) and radius >= 0):
        raise ValueError(f"radius is {radius}; it must be finite and not negative")
    exponent = shrinking(radius)
    limit = largest_square(math.ldexp(radius, exponent))
    tree = plant(shrunk(x, y, exponent))
    return sum_within(tree, values, Limits(limit, limit), decide_none, on_progress)


def largest_square(radius: float) -> float:
    """Find the largest float whose root does not exceed radius: spares a root for each pair."""
    square = min(radius * radius, np.finfo(np.float64).max)
    while math.sqrt(square) > radius:
        square = math.nextafter(square, 0.0)
    while math.sqrt(above := math.nextafter(square, math.inf)) <= radius and above < math.inf:
        square = above
    return square


def decide_none(rows: Ints, _: Ints) -> NDArray[np.bool_]:
    """Nothing is in doubt on the plane: both limits are one."""
    return np.zeros(rows.size, np.bool_)
