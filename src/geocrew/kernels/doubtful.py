"""The rows of a geodesic nearest search that chords cannot decide, settled by the geodesic."""

from collections.abc import Callable

import numpy as np

from geocrew.kernels import ellipsoid
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.pace import OnProgress, run_in_pieces
from geocrew.kernels.tree import LEAF, STACK, Tree, first_point, point_gap, push_children

PAIRS = 1 << 16  # candidates measured in one go: 1 MB
MILLIMETRES = 1000.0

Measure = Callable[[Ints, Ints], Floats]


def settle(
    tree: Tree, chords: Floats, k: int, on_progress: OnProgress | None, points: Ints, lonlat: Floats
) -> Ints:
    """Give the rows (m, k) of the k nearest others of each of `points` (m,) by (millimetre, row).

    `chords` (m,) bound the candidates of each; points are tree positions, rows are numbered by rank;
    lonlat (2, n) goes by row.
    """
    rows, squares = tree.rows[points], chords * chords
    pairs = np.empty((PAIRS, 2), np.int64)
    chosen = np.empty((rows.size, k), np.int64)

    def step(first: int, stop: int) -> int:
        nonlocal pairs
        reached, found = list_candidates(tree, points, squares, (first, stop), k, pairs)
        if reached == first:
            pairs = np.empty((2 * len(pairs), 2), np.int64)
        else:
            which, others = pairs[:found, 0], tree.rows[pairs[:found, 1]]
            here, there = lonlat[:, rows[which]], lonlat[:, others]
            metres = ellipsoid.geodesic(here[0], here[1], there[0], there[1])
            best = np.lexsort((others, np.rint(metres * MILLIMETRES), which))
            starts = np.searchsorted(which, np.arange(first, reached))
            chosen[first:reached] = others[best[starts[:, np.newaxis] + np.arange(k)]]
        return reached

    run_in_pieces(rows.size, step, on_progress)
    return chosen


@compiled
def list_candidates(
    tree: Tree, points: Ints, squares: Floats, work: tuple[int, int], k: int, pairs: Ints
) -> tuple[int, int]:
    """List (number of the row, tree position) of all others within the squared chord of each row.

    Of coincident points only the first k + 1 are listed: no later one can be among the k nearest.
    Returns the first row not done, since `pairs` may be full before the end, and the pairs listed.
    """
    stack = np.empty((STACK, 2), np.int64)
    found = 0
    for number in range(work[0], work[1]):
        found_before = found
        point = points[number]
        x, y, z = tree.x[point], tree.y[point], tree.z[point]
        stack[0, 0], stack[0, 1] = tree.levels.size - 2, 0
        top = 1
        while top > 0:
            top -= 1
            level, node = stack[top, 0], stack[top, 1]
            if point_gap(tree.boxes, tree.levels[level] + node, x, y, z) > squares[number]:
                continue
            if repeats(tree, level, node, k + 1):
                continue
            if level > 0:
                top = push_children(tree.levels, level, node, stack, top)
            else:
                found = list_leaf(tree, point, squares[number], node, k + 1, number, pairs, found)
        if found > len(pairs):
            return number, found_before
    return work[1], found


@compiled
def list_leaf(
    tree: Tree, point: int, limit: float, leaf: int, most: int, number: int, pairs: Ints, found: int
) -> int:
    """List the points of a leaf within the limit; counts on when `pairs` is full."""
    copies = copies_before(tree, leaf * LEAF, most)
    for other in range(leaf * LEAF, min((leaf + 1) * LEAF, tree.x.size)):
        if other > leaf * LEAF:
            copies = copies + 1 if coincide(tree, other - 1, other) else 0
        dx, dy = tree.x[point] - tree.x[other], tree.y[point] - tree.y[other]
        dz = tree.z[point] - tree.z[other]
        if dx * dx + dy * dy + dz * dz <= limit and other != point and copies < most:
            if found < len(pairs):
                pairs[found, 0], pairs[found, 1] = number, other
            found += 1
    return found


@compiled
def repeats(tree: Tree, level: int, node: int, most: int) -> bool:
    """Whether a node holds one place only, of which at least `most` copies come before it."""
    box = tree.levels[level] + node
    for axis in range(3):
        if tree.boxes[box, axis] != tree.boxes[box, axis + 3]:
            return False
    return copies_before(tree, first_point(level, node), most) == most


@compiled
def copies_before(tree: Tree, at: int, most: int) -> int:
    """How many points right before this one lie exactly on it, at most `most`."""
    copies = 0
    while copies < most and at - copies > 0 and coincide(tree, at - copies - 1, at):
        copies += 1
    return copies


@compiled
def coincide(tree: Tree, one: int, other: int) -> bool:
    """Whether two points are in exactly one place."""
    return bool(
        tree.x[one] == tree.x[other] and tree.y[one] == tree.y[other] and tree.z[one] == tree.z[other]
    )
