"""Which boxes meet which, where the first lie together in chunks: no tree, no object for a box."""

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import borrowing, compiled


@compiled
def pair_boxes(boxes: Floats, chunk: Ints, chunks: Floats, others: Floats) -> tuple[Ints, Ints]:
    """Return pairs of a box (n, 4) and of another (m, 4) that have a point in common, by box and other.

    Box i is within chunk `chunk[i]` of `chunks` (c, 4); those of one chunk follow each other.
    """
    one, two = np.empty(4 * boxes.shape[0] + 1, np.int64), np.empty(4 * boxes.shape[0] + 1, np.int64)
    near, close, found, current = np.empty(others.shape[0], np.int64), 0, 0, -1
    for box in range(boxes.shape[0]):
        if chunk[box] != current:
            current, close = chunk[box], 0
            for other in range(others.shape[0]):
                if _meet(chunks[current], others[other]):
                    near[close] = other
                    close += 1
        if found + close > one.size:
            one, two = _grown(one, found + close), _grown(two, found + close)
        for at in range(close):
            if _meet(boxes[box], others[near[at]]):
                one[found], two[found] = box, near[at]
                found += 1
    return one[:found], two[:found]


@borrowing
def _meet(one: Floats, two: Floats) -> bool:
    in_x = one[0] <= two[2] and one[2] >= two[0]
    return bool(in_x and one[1] <= two[3] and one[3] >= two[1])


@compiled
def _grown(array: Ints, least: int) -> Ints:
    grown = np.empty(2 * least, np.int64)
    grown[: array.size] = array
    return grown
