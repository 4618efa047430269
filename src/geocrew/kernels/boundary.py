"""A number for the boundary of a sum of polygons: equal for polygons that fit together and their union.

Run around so that the inside is on the left, a shared edge is passed once each way, and the two cancel.
What is left is the boundary of the sum, which counts a place once for each polygon over it: no union has
it where two overlap, however small these are beside the rest.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from geocrew.kernels.arrays import Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.ring_crossings import orient

_ONE, _TWO = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_HALF = np.uint64(32)
_AT_ONCE = 4096  # shapes, whose corners are copied twice


def sum_boundary(polygons: npt.NDArray[np.object_]) -> int:
    """Return the sum of a number for each edge of valid polygons (n,), modulo 2^64.

    An edge passed the other way has the opposite number. Two boundaries that differ have the same sum
    with a probability of 2^-64.
    """
    total = 0
    for first in range(0, len(polygons), _AT_ONCE):
        part = polygons[first : first + _AT_ONCE]
        _, corners, offsets = shapely.to_ragged_array(part, include_z=False, include_m=False)
        places: Any = corners + 0.0  # -0 becomes 0
        x, y = places[:, 0].copy(), places[:, 1].copy()
        rings, shells = (np.asarray(each, np.int64) for each in offsets[:2])
        orient(x, y, rings, shells, False)
        total += int(add_edges(x.view(np.uint64), y.view(np.uint64), rings))
    return total % 2**64


@compiled
def add_edges(x: Any, y: Any, rings: Ints) -> Any:
    """Return the sum of the edges of rings, corners `rings[r]:rings[r + 1]` of the bits of x and y."""
    total = np.uint64(0)
    for ring in range(rings.size - 1):
        start = np.uint64(0)
        for k in range(rings[ring], rings[ring + 1]):
            end = _mix(_mix(x[k]) + y[k])
            if k > rings[ring]:
                total += _mix(start * _TWO + end) - _mix(end * _TWO + start)
            start = end
    return total


@compiled
def _mix(bits: Any) -> Any:
    bits = (bits ^ (bits >> _HALF)) * _ONE
    bits = (bits ^ (bits >> _HALF)) * _TWO
    return bits ^ (bits >> _HALF)
