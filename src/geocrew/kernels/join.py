"""The nearest points of one set to each of another, by (distance, rank), on a tree.

Distances are sqrt(dx*dx + dy*dy), as PostGIS measures between points; they are compared as such, so that
two squares with one root are a tie. A box's gap has the root that no distance into it is below.
"""

from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.curve import sort_along_curve
from geocrew.kernels.nearest import lowest_ranks
from geocrew.kernels.search import NO_RANK
from geocrew.kernels.tree import FAN, LEAF, STACK, Tree, plant, point_gap


class Orchard(NamedTuple):
    """A tree of points in rank order, and the lowest rank under each of its nodes."""

    tree: Tree
    lowest: Ints


class Found(NamedTuple):
    """Ranks and distances (n, k) of the nearest in order; -1 and inf where there are no more."""

    ranks: Ints
    distances: Floats


def plant_orchard(x: Floats, y: Floats) -> Orchard:
    """Prepare finite points (n,), n > 0, in the order by which ties go, to be searched."""
    tree = plant(np.stack((x, y)))
    return Orchard(tree, lowest_ranks(tree))


def along_curve(x: Floats, y: Floats) -> Ints:
    """Return finite points (n,) in an order in which each is near the one before."""
    order = np.arange(x.size)
    if x.size:
        sort_along_curve(np.stack((x, y)), order, LEAF)
    return order


def find_nearest(orchard: Orchard, x: Floats, y: Floats, k: int, reach: float) -> Found:
    """Find the k nearest of the orchard to each point (n,), none beyond `reach`.

    Time O(n (k + log m)) for m points in the orchard if each point is near the one before.
    """
    found = Found(np.full((x.size, k), -1), np.full((x.size, k), np.inf))
    fill_nearest(orchard.tree, orchard.lowest, x, y, reach, found)
    return found


@compiled
def fill_nearest(tree: Tree, lowest: Ints, x: Floats, y: Floats, reach: float, found: Found) -> None:
    """Search for each point; how far the one before had to go, and the step from it, bound the way."""
    k = found.ranks.shape[1]
    nodes, gaps = np.empty((STACK, 2), np.int64), np.empty(STACK)
    for at in range(x.size):
        bound = reach
        if at > 0 and found.ranks[at - 1, k - 1] >= 0:
            step = np.sqrt((x[at] - x[at - 1]) ** 2 + (y[at] - y[at - 1]) ** 2)
            # The margin covers the rounding of the sum, and squares that are lost below 1e-308.
            bound = min(bound, (found.distances[at - 1, k - 1] + step) * (1.0 + 1e-14) + 1e-150)
        search_from(tree, lowest, x[at], y[at], bound, found.ranks[at], found.distances[at], nodes, gaps)


@compiled
def search_from(
    tree: Tree,
    lowest: Ints,
    x: float,
    y: float,
    bound: float,
    ranks: Ints,
    distances: Floats,
    nodes: Ints,
    gaps: Floats,
) -> None:
    """Fill ranks and distances (k,) of one point; `nodes` and `gaps` are a stack, the nearest on top."""
    count, last = 0, ranks.size - 1
    worst, rank = bound, NO_RANK
    nodes[0, 0], nodes[0, 1], gaps[0], top = tree.levels.size - 2, 0, 0.0, 1
    while top > 0:
        top -= 1
        level, node = nodes[top, 0], nodes[top, 1]
        if gaps[top] > worst or (gaps[top] == worst and lowest[tree.levels[level] + node] > rank):
            continue
        if level > 0:
            top = push_nearest_last(tree, level, node, x, y, nodes, gaps, top)
            continue
        for other in range(node * LEAF, min((node + 1) * LEAF, tree.x.size)):
            dx, dy = x - tree.x[other], y - tree.y[other]
            distance = np.sqrt(dx * dx + dy * dy)
            if distance > worst or (distance == worst and tree.rows[other] > rank):
                continue
            insert(ranks, distances, min(count, last), tree.rows[other], distance)
            count += 1
            if count > last:
                worst, rank = distances[last], ranks[last]


@compiled
def insert(ranks: Ints, distances: Floats, slot: int, rank: int, distance: float) -> None:
    """Put a candidate at its place among those before `slot`, by distance and rank."""
    while slot > 0 and (
        distances[slot - 1] > distance or (distances[slot - 1] == distance and ranks[slot - 1] > rank)
    ):
        ranks[slot], distances[slot] = ranks[slot - 1], distances[slot - 1]
        slot -= 1
    ranks[slot], distances[slot] = rank, distance


@compiled
def push_nearest_last(
    tree: Tree, level: int, node: int, x: float, y: float, nodes: Ints, gaps: Floats, top: int
) -> int:
    """Put the children of a node on the stack, the nearest uppermost; returns the new top.

    Of equally near ones the first is uppermost: coincident points lie in rank order, so the first of
    them that is seen is the lowest and the others are passed over (quadratic otherwise).
    """
    first, bottom = node * FAN, top
    below = tree.levels[level - 1]
    for child in range(first, min(first + FAN, tree.levels[level] - below)):
        away = np.sqrt(point_gap(tree.boxes, below + child, x, y, 0.0))
        slot = top
        while slot > bottom and gaps[slot - 1] <= away:
            gaps[slot] = gaps[slot - 1]
            nodes[slot, 0], nodes[slot, 1] = nodes[slot - 1, 0], nodes[slot - 1, 1]
            slot -= 1
        gaps[slot], nodes[slot, 0], nodes[slot, 1] = away, level - 1, child
        top += 1
    return top
