"""Sums over the nearest points by (distance, rank), on a tree."""

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.candidates import (
    HAIR,
    NO_RANK,
    ROUNDS,
    Candidates,
    append,
    cut,
    keep_best,
    make_room,
)
from geocrew.kernels.compiled import compiled
from geocrew.kernels.pace import OnProgress, run_in_pieces
from geocrew.kernels.tree import FAN, LEAF, STACK, Tree, gap, point_gap, push_children


def sum_nearest(
    tree: Tree, values: Ints, k: int, slots: int, on_progress: OnProgress | None
) -> tuple[Ints, Floats]:
    """Sum values over each point and its k nearest others; all arrays and rows are in rank order.

    Also gives the distances (n, 2) of the k-th and of the last of `slots` (k or k + 1) nearest.
    """
    here = values[tree.rows]
    sums, reach = np.empty(values.size, np.int64), np.empty((values.size, 2))
    lowest = lowest_ranks(tree)

    def step(first: int, stop: int) -> int:
        sum_nearest_leaves(tree, lowest, here, (k, slots), (first, stop), sums, reach)
        return stop

    run_in_pieces(int(tree.levels[1]), step, on_progress)
    in_rows, reach_in_rows = np.empty_like(sums), np.empty_like(reach)
    in_rows[tree.rows], reach_in_rows[tree.rows] = sums, reach
    return in_rows, reach_in_rows


@compiled
def lowest_ranks(tree: Tree) -> Ints:
    """Lowest rank under each node, leaves first."""
    levels = tree.levels
    lowest = np.full(levels[-1], NO_RANK, np.int64)
    for at in range(tree.rows.size):
        lowest[at // LEAF] = min(lowest[at // LEAF], tree.rows[at])
    for level in range(1, levels.size - 1):
        for child in range(levels[level] - levels[level - 1]):
            node = levels[level] + child // FAN
            lowest[node] = min(lowest[node], lowest[levels[level - 1] + child])
    return lowest


@compiled
def sum_nearest_leaves(
    tree: Tree,
    lowest: Ints,
    values: Ints,
    sizes: tuple[int, int],
    leaves: tuple[int, int],
    sums: Ints,
    reach: Floats,
) -> None:
    """Fill `sums` and `reach` for the points of some leaves."""
    k, slots = sizes
    candidates = make_room(slots)
    stack = np.empty((STACK, 2), np.int64)
    for leaf in range(leaves[0], leaves[1]):
        window = take_window(tree, leaf, slots, candidates)
        search(tree, lowest, leaf, window, slots, candidates, stack)
        for at in range(min(LEAF, tree.x.size - leaf * LEAF)):
            point = leaf * LEAF + at
            total, last, following = choose(candidates, tree.rows, values, at, k, slots)
            sums[point] = values[point] + total
            reach[point, 0], reach[point, 1] = last, following


@compiled
def take_window(tree: Tree, leaf: int, slots: int, candidates: Candidates) -> tuple[int, int]:
    """Take a bound, and the first candidates, from the leaves next along the curve.

    Returns the first of these leaves and the one after the last.
    """
    first, stop = leaf, leaf + 1
    while (first > 0 or stop < tree.levels[1]) and (stop - first) * LEAF < 3 * slots + LEAF:
        first, stop = max(first - 1, 0), min(stop + 1, tree.levels[1])
    start, end = first * LEAF, min(stop * LEAF, tree.x.size)
    squares = candidates.scratch[: end - start]
    for at in range(min(LEAF, tree.x.size - leaf * LEAF)):
        measure(tree, leaf * LEAF + at, start, end, 0.0, squares)
        square, _ = cut(squares, slots + 1, slots // 4 + 1, 8)
        distance = np.sqrt(square)
        candidates.distances[at] = distance
        candidates.ranks[at] = NO_RANK
        squares[leaf * LEAF + at - start] = np.inf
        candidates.counts[at] = append(
            candidates.squares, candidates.places, at, 0, squares, start, distance * distance * HAIR
        )
    return first, stop


@compiled
def measure(tree: Tree, point: int, first: int, stop: int, limit: float, squares: Floats) -> int:
    """Write squared distances of the points first..stop; returns how many are within the limit."""
    x, y, z = tree.x[point], tree.y[point], tree.z[point]
    xs, ys, zs = tree.x[first:stop], tree.y[first:stop], tree.z[first:stop]
    count = np.int64(0)
    for other in range(xs.size):
        dx, dy, dz = x - xs[other], y - ys[other], z - zs[other]
        square = dx * dx + dy * dy + dz * dz
        squares[other] = square
        count += 1 if square <= limit else 0
    return int(count)


@compiled
def search(
    tree: Tree,
    lowest: Ints,
    leaf: int,
    window: tuple[int, int],
    slots: int,
    candidates: Candidates,
    stack: Ints,
) -> None:
    """Scan all leaves outside the window that may matter to a point of the leaf."""
    boxes, levels = tree.boxes, tree.levels
    count = min(LEAF, tree.x.size - leaf * LEAF)
    distance, rank = worst(candidates.distances, candidates.ranks, count)
    stack[0, 0], stack[0, 1] = levels.size - 2, 0
    top = 1
    while top > 0:
        top -= 1
        level, node = stack[top, 0], stack[top, 1]
        box = levels[level] + node
        away = gap(boxes, leaf, box)
        if away > distance * distance * HAIR:
            continue
        if away == distance * distance and lowest[box] > rank:
            continue
        if level > 0:
            top = push_children(levels, level, node, stack, top)
        elif window[0] <= node < window[1]:
            continue
        elif scan_leaf(tree, leaf, node, slots, candidates):
            distance, rank = worst(candidates.distances, candidates.ranks, count)


@compiled
def worst(distances: Floats, ranks: Ints, count: int) -> tuple[float, int]:
    """Find the last (distance, rank) that may matter to any point of the leaf."""
    distance, rank = 0.0, np.int64(0)
    for at in range(count):
        if distances[at] > distance:
            distance, rank = distances[at], ranks[at]
        elif distances[at] == distance:
            rank = max(rank, ranks[at])
    return distance, int(rank)


@compiled
def scan_leaf(tree: Tree, leaf: int, other: int, slots: int, candidates: Candidates) -> bool:
    """Offer all points of another leaf to each point of this one; True if a bound got tighter."""
    first, stop = other * LEAF, min((other + 1) * LEAF, tree.x.size)
    xs, ys, zs = tree.x[first:stop], tree.y[first:stop], tree.z[first:stop]
    start, end = leaf * LEAF, min((leaf + 1) * LEAF, tree.x.size)
    px, py, pz = tree.x[start:end], tree.y[start:end], tree.z[start:end]
    boxes, distances, counts = tree.boxes, candidates.distances, candidates.counts
    all_squares, all_places = candidates.squares, candidates.places
    squares = candidates.scratch[: stop - first]
    tighter = False
    for at in range(px.size):
        x, y, z = px[at], py[at], pz[at]
        limit = distances[at] * distances[at] * HAIR
        if point_gap(boxes, other, x, y, z) > limit:
            continue
        hits = np.int64(0)
        for index in range(xs.size):
            dx, dy, dz = x - xs[index], y - ys[index], z - zs[index]
            square = dx * dx + dy * dy + dz * dz
            squares[index] = square
            hits += 1 if square <= limit else 0
        if hits == 0:
            continue
        if counts[at] + LEAF > all_squares.shape[1]:
            keep_best(candidates, tree.rows, at, slots)
            limit = distances[at] * distances[at] * HAIR
            tighter = True
        counts[at] = append(all_squares, all_places, at, counts[at], squares, first, limit)
    return tighter


@compiled
def choose(
    candidates: Candidates, rows: Ints, values: Ints, at: int, k: int, slots: int
) -> tuple[int, float, float]:
    """Sum the values of the k best candidates; also the distances of the k-th and the last slot."""
    squares, places = candidates.squares[at], candidates.places[at]
    count = candidates.counts[at]
    limit, within = cut(squares[:count], k, 0, ROUNDS)
    total, last, following = np.int64(0), 0.0, np.inf
    for index in range(count):
        inside = squares[index] <= limit
        total += values[places[index]] if inside else 0
        last = max(last, squares[index] if inside else 0.0)
        following = min(following, np.inf if inside else squares[index])
    last, following = np.sqrt(last), np.sqrt(following)
    if within == k and last < following:
        return int(total), last, following
    keep_best(candidates, rows, at, slots)
    total = np.int64(0)
    for index in range(k):
        total += values[places[index]]
    return int(total), np.sqrt(squares[k - 1]), np.sqrt(squares[slots - 1])
