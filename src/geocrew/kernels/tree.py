"""A tree of boxes over points sorted along a curve.

Boxes are bounds of the coordinates as they are, and the gap between two boxes is computed with the
same operations as the distance between two points. Rounding is monotone, so a gap is never above
the computed distance of any two points inside, nor a span below it: no tolerance is needed.
"""

from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.curve import sort_along_curve

LEAF = 16
FAN = 4
STACK = 128  # depth * FAN of a tree over 2**62 points


class Tree(NamedTuple):
    """Points (n,) in curve order, their input rows, and boxes (nodes, 6) level by level.

    Node j of level l covers points j * LEAF * FAN**l up to the start of node j + 1; level l begins
    at `levels[l]`; the root is the last node. A box is (x, y, z) of its low and its high corner.
    """

    x: Floats
    y: Floats
    z: Floats
    rows: Ints
    boxes: Floats
    levels: Ints


def plant(points: Floats) -> Tree:
    """Build the tree over finite points (2 or 3, n); coincident points keep their order."""
    count = points.shape[1]
    rows = np.arange(count)
    sort_along_curve(points, rows, LEAF)
    x, y = points[0][rows], points[1][rows]
    z = points[2][rows] if points.shape[0] == 3 else np.zeros(count)
    sizes = [-(-count // LEAF)]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // FAN))
    levels = np.concatenate(([0], np.cumsum(sizes)))
    return Tree(x, y, z, rows, bound(x, y, z, levels), levels)


@compiled
def bound(x: Floats, y: Floats, z: Floats, levels: Ints) -> Floats:
    """Boxes of all nodes, leaves first."""
    boxes = np.empty((levels[-1], 6))
    boxes[:, :3] = np.inf
    boxes[:, 3:] = -np.inf
    for at in range(x.size):
        box = boxes[at // LEAF]
        box[0], box[3] = min(box[0], x[at]), max(box[3], x[at])
        box[1], box[4] = min(box[1], y[at]), max(box[4], y[at])
        box[2], box[5] = min(box[2], z[at]), max(box[5], z[at])
    for level in range(1, levels.size - 1):
        for child in range(levels[level] - levels[level - 1]):
            box, inner = boxes[levels[level] + child // FAN], boxes[levels[level - 1] + child]
            for axis in range(3):
                box[axis] = min(box[axis], inner[axis])
                box[axis + 3] = max(box[axis + 3], inner[axis + 3])
    return boxes


@compiled
def gap(boxes: Floats, one: int, other: int) -> float:
    """Squared distance between two boxes, 0 where they touch."""
    dx = max(boxes[one, 0] - boxes[other, 3], boxes[other, 0] - boxes[one, 3], 0.0)
    dy = max(boxes[one, 1] - boxes[other, 4], boxes[other, 1] - boxes[one, 4], 0.0)
    dz = max(boxes[one, 2] - boxes[other, 5], boxes[other, 2] - boxes[one, 5], 0.0)
    return float(dx * dx + dy * dy + dz * dz)


@compiled
def point_gap(boxes: Floats, node: int, x: float, y: float, z: float) -> float:
    """Squared distance from a point to a box, 0 inside."""
    dx = max(boxes[node, 0] - x, x - boxes[node, 3], 0.0)
    dy = max(boxes[node, 1] - y, y - boxes[node, 4], 0.0)
    dz = max(boxes[node, 2] - z, z - boxes[node, 5], 0.0)
    return float(dx * dx + dy * dy + dz * dz)


@compiled
def span(boxes: Floats, one: int, other: int) -> float:
    """Squared distance of the two points farthest apart in two boxes."""
    dx = max(boxes[one, 3] - boxes[other, 0], boxes[other, 3] - boxes[one, 0])
    dy = max(boxes[one, 4] - boxes[other, 1], boxes[other, 4] - boxes[one, 1])
    dz = max(boxes[one, 5] - boxes[other, 2], boxes[other, 5] - boxes[one, 2])
    return float(dx * dx + dy * dy + dz * dz)


@compiled
def first_point(level: int, node: int) -> int:
    """Where the points of node number `node` of a level begin."""
    return (node * LEAF) << (2 * level)  # FAN is 4


@compiled
def push_children(levels: Ints, level: int, node: int, stack: Ints, top: int) -> int:
    """Put the children of a node on the stack, the first one uppermost; returns the new top."""
    first = node * FAN
    stop = min(first + FAN, levels[level] - levels[level - 1])
    for child in range(stop - 1, first - 1, -1):
        stack[top, 0] = level - 1
        stack[top, 1] = child
        top += 1
    return top
