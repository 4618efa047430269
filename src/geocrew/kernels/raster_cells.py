"""Shapes in cells of a raster: column and row, (0, 0) the outer corner of the first cell."""

import numpy as np

from geocrew.kernels.arrays import Floats

Transform = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]


def move(points: Floats, transform: Transform) -> Floats:
    """Return points (n, 2) moved: x' = a·x + b·y + c and y' = d·x + e·y + f."""
    a, b, c, d, e, f = transform
    x, y = points.T
    return np.column_stack((a * x + b * y + c, d * x + e * y + f))


def invert(transform: Transform) -> Transform:
    """Return the way back, rounded as in GDAL: a centre on an edge falls to the same side as there."""
    a, b, c, d, e, f = transform
    if b == d == 0:
        return 1 / a, 0.0, -c / a, 0.0, 1 / e, -f / e
    part = 1 / (a * e - b * d)
    return e * part, -b * part, (b * f - c * e) * part, -d * part, a * part, (c * d - a * f) * part


def shorten_ring(ring: Floats, box: Box) -> Floats:
    """Leave out what a closed ring (n, 2) does beyond one side of a box; nothing is left of one far off.

    Of vertices that follow each other beyond the same side the first and the last stay, so that every
    segment that touches the box keeps its two ends and the box keeps its inside, to the bit.
    """
    left, top, right, bottom = box
    for axis, sign, limit in ((1, -1, top), (1, 1, bottom), (0, -1, left), (0, 1, right)):
        beyond = sign * (ring[:, axis] - limit) > 0
        if beyond.all():
            return ring[:0]
        keep = np.ones(len(ring), bool)
        keep[1:-1] = ~(beyond[:-2] & beyond[1:-1] & beyond[2:])
        ring = ring[keep]
    return ring
