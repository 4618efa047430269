"""The nearest shapes to each of many points, by the edges of their outlines, on a tree."""

from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.join import Found, push_nearest_last
from geocrew.kernels.tree import LEAF, STACK, Tree, bound, plant


class Edges(NamedTuple):
    """Edges (n,) in tree order: their ends (n, 2), the shapes they are of, and a tree of their boxes."""

    tree: Tree
    starts: Floats
    ends: Floats
    owners: Ints


def plant_edges(starts: Floats, ends: Floats, owners: Ints) -> Edges:
    """Prepare edges between finite points (n, 2), n > 0, of the shapes `owners` (n,) to be searched."""
    tree = plant(np.ascontiguousarray((starts / 2 + ends / 2).T))
    starts, ends = starts[tree.rows], ends[tree.rows]
    flat = np.zeros(len(starts))
    first, last = (bound(each[:, 0], each[:, 1], flat, tree.levels) for each in (starts, ends))
    boxes = np.hstack((np.minimum(first, last)[:, :3], np.maximum(first, last)[:, 3:]))
    return Edges(tree._replace(boxes=boxes), starts, ends, owners[tree.rows])


def find_nearest_shapes(edges: Edges, x: Floats, y: Floats, k: int, reach: float, noise: float) -> Found:
    """Find the k shapes whose edges are nearest to each point (n,), none beyond `reach`.

    Ranks and distances are (n, k + 1): the last is that of a further shape which is no more than `noise`
    beyond the k-th, if there is one. `noise` must be above the rounding of the coordinates.
    """
    found = Found(np.full((x.size, k + 1), -1), np.full((x.size, k + 1), np.inf))
    fill_nearest_shapes(edges, x, y, reach, noise, found)
    return found


@compiled
def fill_nearest_shapes(
    edges: Edges, x: Floats, y: Floats, reach: float, noise: float, found: Found
) -> None:
    """Search for each point; how far the one before had to go, and the step from it, bound the way."""
    last = found.ranks.shape[1] - 2
    nodes, gaps = np.empty((STACK, 2), np.int64), np.empty(STACK)
    for at in range(x.size):
        limit = reach
        if at > 0 and found.ranks[at - 1, last] >= 0:
            step = np.sqrt((x[at] - x[at - 1]) ** 2 + (y[at] - y[at - 1]) ** 2)
            bound = (found.distances[at - 1, last] + step) * (1.0 + 1e-14) + 2.0 * noise
            limit = min(limit, bound)
        search_edges(
            edges, x[at], y[at], limit, noise, found.ranks[at], found.distances[at], nodes, gaps
        )


@compiled
def search_edges(
    edges: Edges,
    x: float,
    y: float,
    limit: float,
    noise: float,
    owners: Ints,
    distances: Floats,
    nodes: Ints,
    gaps: Floats,
) -> None:
    """Fill owners and distances (k + 1,) of a point; `nodes`, `gaps` are a stack, the nearest on top."""
    tree, count, worst = edges.tree, 0, limit
    nodes[0, 0], nodes[0, 1], gaps[0], top = tree.levels.size - 2, 0, 0.0, 1
    while top > 0:
        top -= 1
        level, node = nodes[top, 0], nodes[top, 1]
        if gaps[top] > worst:
            continue
        if level > 0:
            top = push_nearest_last(tree, level, node, x, y, nodes, gaps, top)
            continue
        for edge in range(node * LEAF, min((node + 1) * LEAF, edges.owners.size)):
            distance = apart(edges.starts[edge], edges.ends[edge], x, y)
            if distance <= worst:
                count = keep_nearest(owners, distances, count, edges.owners[edge], distance)
                worst = min(limit, distances[owners.size - 2] + noise)


@compiled
def apart(start: Floats, end: Floats, x: float, y: float) -> float:
    """Measure from a point to an edge with the operations of PostGIS (lw_dist2d_pt_seg)."""
    width, height = end[0] - start[0], end[1] - start[1]
    dx, dy = x - start[0], y - start[1]
    if width != 0.0 or height != 0.0:
        share = (dx * width + dy * height) / (width * width + height * height)
        if share >= 1.0:
            dx, dy = x - end[0], y - end[1]
        elif share >= 0.0:
            if dy * width == dx * height:
                return 0.0
            dx, dy = x - (start[0] + share * width), y - (start[1] + share * height)
    return float(np.sqrt(dx * dx + dy * dy))


@compiled
def keep_nearest(owners: Ints, distances: Floats, count: int, owner: int, distance: float) -> int:
    """Put a shape at its place by distance, once; returns how many there are."""
    slot = 0
    while slot < count and owners[slot] != owner:
        slot += 1
    if slot < count:
        if distances[slot] <= distance:
            return count
    elif count < owners.size:
        count += 1
    elif distances[count - 1] <= distance:
        return count
    else:
        slot = count - 1
    while slot > 0 and distances[slot - 1] > distance:
        owners[slot], distances[slot] = owners[slot - 1], distances[slot - 1]
        slot -= 1
    owners[slot], distances[slot] = owner, distance
    return count
