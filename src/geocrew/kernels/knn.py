"""Sums over the k nearest neighbours on the plane."""

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.lag import Lag, from_fixed, to_fixed
from geocrew.kernels.magnitude import shrinking, shrunk
from geocrew.kernels.nearest import sum_nearest
from geocrew.kernels.pace import OnProgress
from geocrew.kernels.tree import plant


def knn_lag(
    x: Floats, y: Floats, rank: Ints, values: Floats, k: int, on_progress: OnProgress | None = None
) -> Lag:
    """Sum values over exactly k nearest others, ordered by (distance, rank).

    Distance is sqrt(dx*dx + dy*dy) in float arithmetic; equal distances go by rank, which is unique
    (a row id); a coincident point is a neighbour at distance 0. Where squares would overflow, distances
    below 1e-300 of the largest coordinate may count as equal. x, y, values float8 (n,), finite; rank
    int8 (n,). ValueError unless 1 <= k < n. Time O(n log n + n k), memory O(n).
    """
    check_k(k, values.size)
    order = np.argsort(rank, kind="stable")  # linear where rows come in rank order
    fixed = to_fixed(values)
    exponent = shrinking(max(float(np.abs(x).max()), float(np.abs(y).max())))
    tree = plant(shrunk(x[order], y[order], exponent))
    sums, _ = sum_nearest(tree, fixed.values[order], k, k, on_progress)
    in_rows = np.empty_like(sums)
    in_rows[order[tree.rows]] = sums
    return Lag(from_fixed(in_rows, fixed.scale), np.full(values.size, k, np.int32))


def check_k(k: int, count: int) -> None:
    """Refuse a k that n rows cannot give."""
    if not 1 <= k < count:
        raise ValueError(f"k is {k}; with {count} rows it must be from 1 to {count - 1}")
