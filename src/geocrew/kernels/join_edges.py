"""The nearest shapes to each of many points, by the edges of their outlines, on a tree of short runs.

Edges that follow one another lie together, so 16 of them share a box and only runs are put in order:
2 M edges of lakes are planted in 0.02 CPU s, where each by itself took 0.4, and 100,000 points find
the nearest in 0.2, where it took 0.5.
"""

from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import borrowing, compiled
from geocrew.kernels.join import Found, push_nearest_last
from geocrew.kernels.tree import LEAF, STACK, Tree, bound, plant

RUN = 16  # edges


class Edges(NamedTuple):
    """Runs (n,) of edges in tree order: the vertices (first, last) of `places` (m, 2), their shapes.

    `boxes` (n, 4) are low x and y, high x and y of each run; the tree's boxes hold whole runs.
    """

    tree: Tree
    places: Floats
    runs: Ints
    boxes: Floats
    owners: Ints


def plant_edges(places: Floats, lines: Ints, owners: Ints) -> Edges:
    """Prepare lines to be searched.

    Line j has the finite vertices `places[lines[j]:lines[j + 1]]` (m, 2), two of them or more, and is of
    shape `owners[j]`; there must be a line.
    """
    edges = np.diff(lines) - 1
    counts = -(-edges // RUN)
    line = np.repeat(np.arange(len(edges)), counts)
    start = (np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)) * RUN
    runs = np.column_stack((start, np.minimum(start + RUN, edges[line]))) + lines[line][:, None]
    boxes = box_runs(places, runs)
    tree = plant(np.stack((boxes[:, 0] / 2 + boxes[:, 2] / 2, boxes[:, 1] / 2 + boxes[:, 3] / 2)))
    boxes, flat = boxes[tree.rows], np.zeros(len(runs))
    low, high = (bound(boxes[:, at], boxes[:, at + 1], flat, tree.levels) for at in (0, 2))
    tree = tree._replace(boxes=np.hstack((low[:, :3], high[:, 3:])))
    return Edges(tree, places, runs[tree.rows], boxes, owners[line][tree.rows])


@compiled
def box_runs(places: Floats, runs: Ints) -> Floats:
    """Box the vertices of each run: low x and y, high x and y."""
    boxes = np.empty((runs.shape[0], 4))
    for run in range(runs.shape[0]):
        box, first = boxes[run], places[runs[run, 0]]
        box[0], box[1], box[2], box[3] = first[0], first[1], first[0], first[1]
        for at in range(runs[run, 0] + 1, runs[run, 1] + 1):
            x, y = places[at, 0], places[at, 1]
            box[0], box[1], box[2], box[3] = (
                min(box[0], x),
                min(box[1], y),
                max(box[2], x),
                max(box[3], y),
            )
    return boxes


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


@borrowing
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
        for run in range(node * LEAF, min((node + 1) * LEAF, edges.owners.size)):
            box = edges.boxes[run]
            dx, dy = max(box[0] - x, x - box[2], 0.0), max(box[1] - y, y - box[3], 0.0)
            if np.sqrt(dx * dx + dy * dy) > worst:
                continue
            distance = near_run(edges.places, edges.runs[run, 0], edges.runs[run, 1], x, y)
            if distance <= worst:
                count = keep_nearest(owners, distances, count, edges.owners[run], distance)
                worst = min(limit, distances[owners.size - 2] + noise)


@borrowing
def near_run(places: Floats, first: int, last: int, x: float, y: float) -> float:
    """Measure from a point to edges in a row, with the operations of PostGIS (lw_dist2d_pt_seg)."""
    least = np.inf
    ends_x, ends_y = places[first, 0], places[first, 1]
    for at in range(first + 1, last + 1):
        start_x, start_y, ends_x, ends_y = ends_x, ends_y, places[at, 0], places[at, 1]
        width, height = ends_x - start_x, ends_y - start_y
        dx, dy = x - start_x, y - start_y
        if width != 0.0 or height != 0.0:
            share = (dx * width + dy * height) / (width * width + height * height)
            if share >= 1.0:
                dx, dy = x - ends_x, y - ends_y
            elif share >= 0.0:
                if dy * width == dx * height:
                    return 0.0
                dx, dy = x - (start_x + share * width), y - (start_y + share * height)
        least = min(least, dx * dx + dy * dy)
    return float(np.sqrt(least))


@borrowing
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
