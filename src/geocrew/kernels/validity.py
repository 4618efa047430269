"""Which polygons are valid, most of them told at a glance.

GEOS takes 11 µs for a ring of 64 corners. A ring is certainly simple where its edges surely meet in no
point but the corner of neighbours. That is seen in 2 µs: within a stretch that goes on in x or in y no
two edges meet, and of two stretches only edges in both of their boxes can. Whatever is not certain, and
all that has several rings, is asked of GEOS.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import borrowing, compiled
from geocrew.kernels.signs import sign, turn

_POLYGONS = (3, 6)  # shapely's type ids of Polygon and MultiPolygon
# Comparing all stretches with each other is quadratic; from here on GEOS's sweep is faster.
MOST_CORNERS = 2048
_LARGEST = 1e150  # above, products overflow


def is_valid(shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Return what shapely.is_valid says of shapes (n,)."""
    valid = _are_surely_valid(shapes)
    doubtful = np.flatnonzero(~valid)
    with np.errstate(invalid="ignore", over="ignore"):
        valid[doubtful] = shapely.is_valid(shapes[doubtful])
    return valid


def _are_surely_valid(shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Several rings in a row are no simple ring: the first one's last corner would meet its first."""
    sizes = shapely.get_num_coordinates(shapes)
    chosen = np.flatnonzero(np.isin(shapely.get_type_id(shapes), _POLYGONS) & (sizes <= MOST_CORNERS))
    corners: Any = shapely.get_coordinates(shapes[chosen])
    offsets = np.concatenate(([0], np.cumsum(sizes[chosen]))).astype(np.int64)
    sure = np.zeros(len(shapes), np.bool_)
    sure[chosen] = find_simple(corners[:, 0].copy(), corners[:, 1].copy(), offsets)
    return sure


@compiled
def find_simple(x: Floats, y: Floats, offsets: Ints) -> npt.NDArray[np.bool_]:
    """Tell of each ring, corners x, y float8 (m,) from `offsets` (r + 1,), if it is surely simple."""
    found = np.zeros(offsets.size - 1, np.bool_)
    starts, boxes = np.empty(MOST_CORNERS, np.int64), np.empty((MOST_CORNERS, 4))
    for ring in range(offsets.size - 1):
        first, stop = offsets[ring], offsets[ring + 1]
        found[ring] = is_simple(x[first:stop], y[first:stop], starts, boxes)
    return found


@borrowing
def is_simple(x: Floats, y: Floats, starts: Ints, boxes: Floats) -> bool:
    """Whether a ring (m,) is surely simple; `starts` and `boxes` are scratch for m stretches."""
    edges = x.size - 1
    if edges < 3 or x[0] != x[edges] or y[0] != y[edges]:
        return False
    for i in range(edges):
        after = i + 2 if i + 2 <= edges else 1
        if not _goes_on(x[i], y[i], x[i + 1], y[i + 1], x[after], y[after]):
            return False
    count = _find_stretches(x, y, starts, boxes)
    for one in range(count):
        for two in range(one + 1, count):
            if not _stretches_apart(x, y, starts, boxes, one, two):
                return False
    return True


@compiled
def _goes_on(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> bool:
    """Whether edge ab has a length, and edge bc, which follows it, does not fold back on it."""
    dx, dy = bx - ax, by - ay
    if not (abs(ax) < _LARGEST and abs(ay) < _LARGEST) or (dx == 0 and dy == 0):
        return False
    return dx * (cx - bx) + dy * (cy - by) > 0 or _side(ax, ay, bx, by, cx, cy) != 0


@borrowing
def _find_stretches(x: Floats, y: Floats, starts: Ints, boxes: Floats) -> int:
    """Cut a ring into stretches along which x or y only grows or only shrinks; return their number."""
    edges, count, i = x.size - 1, 0, 0
    while i < edges:
        first, in_x, in_y = i, np.sign(x[i + 1] - x[i]), np.sign(y[i + 1] - y[i])
        while i < edges:
            next_x = in_x if np.sign(x[i + 1] - x[i]) == in_x else 0.0
            next_y = in_y if np.sign(y[i + 1] - y[i]) == in_y else 0.0
            if next_x == 0 and next_y == 0:
                break
            in_x, in_y, i = next_x, next_y, i + 1
        xmin = xmax = x[first]
        ymin = ymax = y[first]
        for k in range(first + 1, i + 1):
            xmin, xmax = min(xmin, x[k]), max(xmax, x[k])
            ymin, ymax = min(ymin, y[k]), max(ymax, y[k])
        boxes[count, 0], boxes[count, 1], boxes[count, 2], boxes[count, 3] = xmin, xmax, ymin, ymax
        starts[count] = first
        count += 1
        starts[count] = i
    return count


@borrowing
def _stretches_apart(x: Floats, y: Floats, starts: Ints, boxes: Floats, one: int, two: int) -> bool:
    """Whether no edge of one stretch meets one of the other, but neighbours in their corner."""
    xmin, xmax = max(boxes[one, 0], boxes[two, 0]), min(boxes[one, 1], boxes[two, 1])
    ymin, ymax = max(boxes[one, 2], boxes[two, 2]), min(boxes[one, 3], boxes[two, 3])
    if xmin > xmax or ymin > ymax:
        return True
    last = x.size - 2
    for i in range(starts[one], starts[one + 1]):
        if not reaches(x[i], y[i], x[i + 1], y[i + 1], xmin, xmax, ymin, ymax):
            continue
        for j in range(starts[two], starts[two + 1]):
            if j == i + 1 or (i == 0 and j == last):
                continue
            if not reaches(x[j], y[j], x[j + 1], y[j + 1], xmin, xmax, ymin, ymax):
                continue
            if not edges_apart(x[i], y[i], x[i + 1], y[i + 1], x[j], y[j], x[j + 1], y[j + 1]):
                return False
    return True


@compiled
def reaches(
    ax: float, ay: float, bx: float, by: float, xmin: float, xmax: float, ymin: float, ymax: float
) -> bool:
    """Whether the box of edge ab touches another box."""
    return bool(
        max(ax, bx) >= xmin and min(ax, bx) <= xmax and max(ay, by) >= ymin and min(ay, by) <= ymax
    )


@compiled
def edges_apart(
    ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float
) -> bool:
    """Whether edges ab and cd surely have no point in common."""
    if not reaches(ax, ay, bx, by, min(cx, dx), max(cx, dx), min(cy, dy), max(cy, dy)):
        return True
    if _side(ax, ay, bx, by, cx, cy) * _side(ax, ay, bx, by, dx, dy) > 0:
        return True
    return bool(_side(cx, cy, dx, dy, ax, ay) * _side(cx, cy, dx, dy, bx, by) > 0)


@compiled
def _side(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> int:
    """Return on which side of the line ab a corner c surely is, 1 or -1; 0 where it is not sure."""
    value, error = turn(ax, ay, bx, by, cx, cy)
    return sign(value, error)
