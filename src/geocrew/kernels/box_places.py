"""Where boxes lie in polygons: outside, inside or across the border, ten times as fast as by cutting."""

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import borrowing, compiled
from geocrew.kernels.ring_crossings import Rings, is_in_at
from geocrew.kernels.signs import sign, turn

DOUBTFUL, APART, INSIDE, ACROSS = 0, 1, 2, 3


@compiled
def place_boxes(boxes: Floats, of: Rings, row: Ints, chosen: Ints) -> Ints:
    """Say of pairs (n,), box `row[i]` of boxes (b, 4) and shape `chosen[i]`, how the box surely lies.

    APART has no point in common, INSIDE touches no border.
    """
    places = np.empty(row.size, np.int64)
    for pair in range(row.size):
        places[pair] = _place(boxes[row[pair]], of, chosen[pair])
    return places


@borrowing
def _place(box: Floats, of: Rings, shape: int) -> int:
    x, y, doubt = of.x, of.y, False
    for ring in range(of.shapes[shape], of.shapes[shape + 1]):
        for i in range(of.rings[ring], of.rings[ring + 1] - 1):
            if max(x[i], x[i + 1]) < box[0] or min(x[i], x[i + 1]) > box[2]:
                continue
            if max(y[i], y[i + 1]) < box[1] or min(y[i], y[i + 1]) > box[3]:
                continue
            met = _meets(box, x, y, i)
            if met > 0:
                return ACROSS
            doubt = doubt or met < 0
    within = is_in_at(of, shape, box[0], box[1])
    if doubt or within < 0:
        return DOUBTFUL
    return INSIDE if within else APART


@borrowing
def _meets(box: Floats, x: Floats, y: Floats, i: int) -> int:
    """Whether an edge passes through a box that its own box touches: 1, 0, or -1 where it may touch.

    It does if in x, in y and across its own line neither lies beside the other.
    """
    left = right = sure = 0
    for corner in range(4):
        east, north = box[2 * (corner & 1)], box[1 + 2 * (corner >> 1)]
        value, error = turn(x[i], y[i], x[i + 1], y[i + 1], east, north)
        side = sign(value, error)
        left, right, sure = left + (side > 0), right + (side < 0), sure + (side != 0)
    if sure == 4 and left * right == 0:
        return 0
    in_x = max(x[i], x[i + 1]) > box[0] and min(x[i], x[i + 1]) < box[2]
    in_y = max(y[i], y[i + 1]) > box[1] and min(y[i], y[i + 1]) < box[3]
    return 1 if in_x and in_y and left * right > 0 else -1
