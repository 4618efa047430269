"""The nearest others of one point, found in the tree: candidates kept unsorted until room runs out."""

from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.tree import LEAF, STACK, Tree, point_gap, push_children

HAIR = 1.0 + 1e-15  # squares farther apart than this have different roots
NO_RANK = np.iinfo(np.int64).max


class Candidates(NamedTuple):
    """Squared distances and tree positions (room,); `stack` (STACK, 2) is for the way to them."""

    squares: Floats
    places: Ints
    stack: Ints


@compiled
def make_room(slots: int) -> Candidates:
    """Room for the candidates of a point of which `slots` are wanted."""
    room = 4 * slots + 6 * LEAF
    return Candidates(np.empty(room), np.empty(room, np.int64), np.empty((STACK, 2), np.int64))


@compiled
def search(tree: Tree, lowest: Ints, point: int, limit: float, slots: int, held: Candidates) -> int:
    """Hold the `slots` nearest others of a point, none beyond `limit` (squared), sorted.

    When there is no more room the best so far are kept, and the last of them limits the rest.
    """
    levels, stack = tree.levels, held.stack
    x, y, z = tree.x[point], tree.y[point], tree.z[point]
    worst, rank, count = np.inf, NO_RANK, 0
    stack[0, 0], stack[0, 1], top = levels.size - 2, 0, 1
    while top > 0:
        top -= 1
        level, node = stack[top, 0], stack[top, 1]
        box = levels[level] + node
        away = point_gap(tree.boxes, box, x, y, z)
        if away > limit or (away >= worst and lowest[box] > rank):
            continue
        if level > 0:
            top = push_children(levels, level, node, stack, top)
            continue
        if count + LEAF > held.squares.size:
            count = keep_best(held, count, tree.rows, slots)
            worst, rank = held.squares[slots - 1], tree.rows[held.places[slots - 1]]
            limit = worst * HAIR
        for other in range(node * LEAF, min((node + 1) * LEAF, tree.x.size)):
            dx, dy, dz = x - tree.x[other], y - tree.y[other], z - tree.z[other]
            square = dx * dx + dy * dy + dz * dz
            if square <= limit and other != point:
                held.squares[count], held.places[count] = square, other
                count += 1
    return keep_best(held, count, tree.rows, slots)


@compiled
def keep_best(held: Candidates, count: int, rows: Ints, slots: int) -> int:
    """Sort the candidates by (distance, rank) and forget all but the first `slots`.

    A square is replaced by the square of its root, which has the same root. Returns how many are left.
    """
    squares, places = held.squares, held.places
    for index in range(count):
        distance, place = np.sqrt(squares[index]), places[index]
        slot = min(index, slots)
        while slot > 0 and squares[slot - 1] >= distance:
            if squares[slot - 1] == distance and rows[places[slot - 1]] < rows[place]:
                break
            if slot < slots:
                squares[slot], places[slot] = squares[slot - 1], places[slot - 1]
            slot -= 1
        if slot < slots:
            squares[slot], places[slot] = distance, place
    kept = min(count, slots)
    for index in range(kept):
        squares[index] *= squares[index]
    return kept
