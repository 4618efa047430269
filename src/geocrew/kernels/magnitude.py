"""Coordinates whose squares would overflow, brought into range by a power of two: no digit changes."""

import math

import numpy as np

from geocrew.kernels.arrays import Floats

# Squares of twice as much, and four times their sum, are floats.
_LARGEST = 490


def shrinking(largest: float) -> int:
    """Return the exponent of the power of two by which lengths up to `largest` are to be multiplied."""
    return min(0, _LARGEST - math.frexp(largest)[1])


def shrunk(x: Floats, y: Floats, exponent: int) -> Floats:
    """Return points (2, n) from x, y (n,), multiplied by 2 ** `exponent`."""
    points = np.stack((x, y))
    return np.ldexp(points, exponent, out=points) if exponent else points
