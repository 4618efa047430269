"""Which shapes of several rings are surely valid: GEOS takes 40 µs for two rings of 64 corners.

A shape is valid if every ring is simple, no two rings meet, every hole is in its shell and in no other
hole, and no polygon is in another. Rings that touch may be valid too, but are not surely so.
"""

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.ewkb import Polygons
from geocrew.kernels.ring_crossings import Bools, Rings, is_in
from geocrew.kernels.validity import MOST_CORNERS, edges_apart, is_simple, reaches


@compiled
def find_valid(of: Polygons) -> Bools:
    """Tell of each shape (n,) if it is surely valid; a shape without polygons is not."""
    found = np.zeros(of.shapes.size - 1, np.bool_)
    starts, boxes = np.empty(MOST_CORNERS, np.int64), np.empty((MOST_CORNERS, 4))
    for shape in range(found.size):
        first, stop = of.polygons[of.shapes[shape]], of.polygons[of.shapes[shape + 1]]
        if first == stop or of.rings[stop] - of.rings[first] > MOST_CORNERS:
            continue
        simple = True
        for ring in range(first, stop):
            low, high = of.rings[ring], of.rings[ring + 1]
            simple = simple and is_simple(of.x[low:high], of.y[low:high], starts, boxes)
        found[shape] = simple and (stop - first == 1 or _fits(of, shape, first, stop))
    return found


@compiled
def _fits(of: Polygons, shape: int, first: int, stop: int) -> bool:
    """Whether simple rings surely lie to each other as those of a valid shape do."""
    boxes = np.empty((stop - first, 4))
    for ring in range(first, stop):
        x, y = of.x[of.rings[ring] : of.rings[ring + 1]], of.y[of.rings[ring] : of.rings[ring + 1]]
        boxes[ring - first, 0], boxes[ring - first, 1] = x.min(), x.max()
        boxes[ring - first, 2], boxes[ring - first, 3] = y.min(), y.max()
    for one in range(first, stop):
        for two in range(one + 1, stop):
            if not _rings_apart(of, one, two, boxes[one - first], boxes[two - first]):
                return False
    alone = Rings(of.x, of.y, of.rings, np.arange(stop + 1))
    whole = Rings(of.x, of.y, of.rings, of.polygons)
    for polygon in range(of.shapes[shape], of.shapes[shape + 1]):
        if not _holes_fit(of, alone, polygon):
            return False
        corner = of.rings[of.polygons[polygon]]
        for other in range(of.shapes[shape], of.shapes[shape + 1]):
            if other != polygon and is_in(whole, other, corner) != 0:
                return False
    return True


@compiled
def _holes_fit(of: Polygons, alone: Rings, polygon: int) -> bool:
    shell, stop = of.polygons[polygon], of.polygons[polygon + 1]
    for hole in range(shell + 1, stop):
        corner = of.rings[hole]
        if is_in(alone, shell, corner) != 1:
            return False
        for other in range(shell + 1, stop):
            if other != hole and is_in(alone, other, corner) != 0:
                return False
    return True


@compiled
def _rings_apart(of: Polygons, one: int, two: int, first: Floats, second: Floats) -> bool:
    """Whether no edge of one ring meets one of the other; their boxes are (xmin, xmax, ymin, ymax)."""
    xmin, xmax = max(first[0], second[0]), min(first[1], second[1])
    ymin, ymax = max(first[2], second[2]), min(first[3], second[3])
    if xmin > xmax or ymin > ymax:
        return True
    x, y = of.x, of.y
    near = _edges_in(of, two, xmin, xmax, ymin, ymax)
    for i in range(of.rings[one], of.rings[one + 1] - 1):
        if reaches(x[i], y[i], x[i + 1], y[i + 1], xmin, xmax, ymin, ymax):
            for j in near:
                if not edges_apart(x[i], y[i], x[i + 1], y[i + 1], x[j], y[j], x[j + 1], y[j + 1]):
                    return False
    return True


@compiled
def _edges_in(of: Polygons, ring: int, xmin: float, xmax: float, ymin: float, ymax: float) -> Ints:
    """Return the edges of a ring whose boxes touch another box."""
    x, y = of.x, of.y
    found, count = np.empty(of.rings[ring + 1] - of.rings[ring], np.int64), 0
    for i in range(of.rings[ring], of.rings[ring + 1] - 1):
        if reaches(x[i], y[i], x[i + 1], y[i + 1], xmin, xmax, ymin, ymax):
            found[count] = i
            count += 1
    return found[:count]
