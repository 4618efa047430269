"""Sums over all points within a distance, on a tree."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.lag import Lag, from_fixed, to_fixed
from geocrew.kernels.pace import OnProgress, run_in_pieces
from geocrew.kernels.tree import LEAF, STACK, Tree, first_point, gap, push_children, span

PAIRS = 1 << 16  # doubtful pairs decided in one go: 1 MB


class Limits(NamedTuple):
    """Squared distances: neighbours up to `inner` for sure, none beyond `outer`, doubt between."""

    inner: float
    outer: float


Decide = Callable[[Ints, Ints], NDArray[np.bool_]]


def sum_within(
    tree: Tree, values: Floats, limits: Limits, decide: Decide, on_progress: OnProgress | None
) -> Lag:
    """Sum values (n,) over the points within the limits.

    `decide` says for two arrays of input rows (m,) which doubtful pairs are neighbours.
    """
    fixed = to_fixed(values)
    sorted_values = fixed.values[tree.rows]
    prefix = np.concatenate((np.zeros(1, np.int64), np.cumsum(sorted_values)))
    sums, counts = np.zeros(values.size, np.int64), np.full(values.size, -1, np.int32)
    pairs = np.empty((PAIRS, 2), np.int64)

    def step(first: int, stop: int) -> int:
        nonlocal pairs
        reached, found = sum_leaves(
            tree, sorted_values, prefix, limits, (first, stop), (sums, counts), pairs
        )
        if reached == first:
            pairs = np.empty((2 * len(pairs), 2), np.int64)
        elif found:
            rows, others = pairs[:found, 0], pairs[:found, 1]
            hits = decide(tree.rows[rows], tree.rows[others])
            np.add.at(sums, rows[hits], sorted_values[others[hits]])
            np.add.at(counts, rows[hits], 1)
        return reached

    run_in_pieces(int(tree.levels[1]), step, on_progress)
    in_rows, in_counts = np.empty_like(sums), np.empty_like(counts)
    in_rows[tree.rows], in_counts[tree.rows] = sums, counts
    return Lag(from_fixed(in_rows, fixed.scale), in_counts)


@compiled
def test_run(
    tree: Tree,
    values: Ints,
    limits: Limits,
    at: tuple[int, int, int, int],
    totals: tuple[Ints, NDArray[np.int32]],
    pairs: Ints,
    found: int,
) -> int:
    """Test the points start..stop against the points run..run_stop, all one by one."""
    start, stop, run, run_stop = at
    xs, ys, zs, some_values = (
        tree.x[run:run_stop],
        tree.y[run:run_stop],
        tree.z[run:run_stop],
        values[run:run_stop],
    )
    for point in range(start, stop):
        x, y, z = tree.x[point], tree.y[point], tree.z[point]
        total, count, near = np.int64(0), np.int64(0), np.int64(0)
        for other in range(xs.size):
            dx, dy, dz = x - xs[other], y - ys[other], z - zs[other]
            square = dx * dx + dy * dy + dz * dz
            total += some_values[other] if square <= limits.inner else 0
            count += 1 if square <= limits.inner else 0
            near += 1 if square <= limits.outer else 0
        totals[0][point] += total
        totals[1][point] += count
        if near > count:
            found = list_doubtful(tree, limits, point, (run, run_stop), pairs, found)
    return found


@compiled
def list_doubtful(
    tree: Tree, limits: Limits, point: int, run: tuple[int, int], pairs: Ints, found: int
) -> int:
    """List the pairs of a point that lie between the limits; counts on when `pairs` is full."""
    for other in range(run[0], run[1]):
        dx, dy, dz = (
            tree.x[point] - tree.x[other],
            tree.y[point] - tree.y[other],
            tree.z[point] - tree.z[other],
        )
        square = dx * dx + dy * dy + dz * dz
        if limits.inner < square <= limits.outer:
            if found < len(pairs):
                pairs[found, 0], pairs[found, 1] = point, other
            found += 1
    return found


@compiled
def sum_leaves(
    tree: Tree,
    values: Ints,
    prefix: Ints,
    limits: Limits,
    leaves: tuple[int, int],
    totals: tuple[Ints, NDArray[np.int32]],
    pairs: Ints,
) -> tuple[int, int]:
    """Add to `totals` for the points of some leaves; list doubtful pairs of tree positions.

    Returns the first leaf not done, since `pairs` may be full before the end, and the pairs found.
    """
    stack = np.empty((STACK, 2), np.int64)
    boxes, levels, size = tree.boxes, tree.levels, tree.x.size
    found = 0
    for leaf in range(leaves[0], leaves[1]):
        found_before = found
        start, stop = leaf * LEAF, min((leaf + 1) * LEAF, size)
        inside, inside_sum, run, run_stop = 0, 0, 0, 0
        stack[0, 0], stack[0, 1], top = levels.size - 2, 0, 1
        while top > 0:
            top -= 1
            level, node = stack[top, 0], stack[top, 1]
            box = levels[level] + node
            if gap(boxes, leaf, box) > limits.outer:
                continue
            first, last = first_point(level, node), min(first_point(level, node + 1), size)
            if span(boxes, leaf, box) <= limits.inner:
                inside += last - first
                inside_sum += prefix[last] - prefix[first]
            elif level > 0:
                top = push_children(levels, level, node, stack, top)
            elif first == run_stop:
                run_stop = last
            else:
                found = test_run(
                    tree, values, limits, (start, stop, run, run_stop), totals, pairs, found
                )
                run, run_stop = first, last
        found = test_run(tree, values, limits, (start, stop, run, run_stop), totals, pairs, found)
        if found > len(pairs):
            totals[0][start:stop] = 0
            totals[1][start:stop] = -1
            return leaf, found_before
        for point in range(start, stop):
            totals[0][point] += inside_sum
            totals[1][point] += inside
    return leaves[1], found
