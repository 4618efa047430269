"""Sums over polygons that share a corner (queen) or an edge (rook), to the bit of their coordinates.

Neighbours are never listed: a polygon finds them through what it shares, so memory follows the corners
whatever the number of neighbours.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.ewkb import Polygons, read_polygons
from geocrew.kernels.lag import Lag, from_fixed, to_fixed
from geocrew.kernels.pace import OnProgress, run_in_pieces


class Outlines(NamedTuple):
    """Rings of polygons: corners x, y float8 (m,), the last of a ring like its first.

    Ring r is corners offsets[r]:offsets[r + 1], offsets int8 (r + 1,), and belongs to polygon owners[r].
    """

    x: Floats
    y: Floats
    offsets: Ints
    owners: Ints


def outlines_of(shapes: Sequence[bytes], owners: Ints) -> Outlines:
    """Take flat polygons, one or several a shape, from their EWKB; `owners` (n,) number the shapes."""
    found = _read(shapes)
    if unread := np.flatnonzero(np.diff(found.shapes) == 0).tolist():
        parts = [shapely.get_parts(shapely.from_wkb(shapes[each])) for each in unread]
        full = [shapely.multipolygons(each[~shapely.is_empty(each)]) for each in parts]
        mended = dict(zip(unread, shapely.to_wkb(full, byte_order=1), strict=True))
        found = _read([mended.get(each, shape) for each, shape in enumerate(shapes)])
    rings = np.diff(found.polygons[found.shapes])
    return Outlines(found.x, found.y, found.rings, np.repeat(owners, rings))


def _read(shapes: Sequence[bytes]) -> Polygons:
    """Read shapes; one that is empty, or has a part that is, comes without polygons."""
    sizes = np.array([len(shape) for shape in shapes], np.int64)
    stops = np.cumsum(sizes)
    return read_polygons(np.frombuffer(b"".join(shapes), np.uint8), stops - sizes, stops)


class Shared(NamedTuple):
    """What polygons (n,) have in common, be it corners or edges, numbered (t,).

    Polygon i has marks[starts[i]:starts[i + 1]]; mark j is on polygons holders[firsts[j]:firsts[j + 1]].
    """

    starts: Ints
    marks: Ints
    firsts: Ints
    holders: Ints


def share_corners(outlines: Outlines, count: int) -> Shared:
    """Find the corners that several of `count` polygons have: queen contiguity."""
    owners = np.repeat(outlines.owners, np.diff(outlines.offsets))
    return _share(owners, _number_corners(outlines), count)


def share_edges(outlines: Outlines, count: int) -> Shared:
    """Find the edges, from corner to next corner, that several of `count` polygons have: rook."""
    corners, sizes = _number_corners(outlines), np.diff(outlines.offsets)
    ends = np.zeros(corners.size, np.bool_)
    ends[outlines.offsets[1:][sizes > 0] - 1] = True
    begins = np.flatnonzero(~ends)
    low = np.minimum(corners[begins], corners[begins + 1])
    high = np.maximum(corners[begins], corners[begins + 1])
    proper = low < high
    edges = low[proper] * (int(corners.max(initial=0)) + 1) + high[proper]
    numbers = np.unique(edges, return_inverse=True)[1]
    return _share(np.repeat(outlines.owners, sizes)[begins[proper]], numbers, count)


def contiguity_lag(shared: Shared, values: Floats, on_progress: OnProgress | None = None) -> Lag:
    """Sum values float8 (n,), finite, over each polygon and those it shares something with."""
    fixed = to_fixed(values)
    sums, counts = np.zeros(values.size, np.int64), np.zeros(values.size, np.int32)
    seen = np.full(values.size, -1, np.int64)

    def step(first: int, stop: int) -> int:
        sum_contiguous(shared, fixed.values, (first, stop), seen, (sums, counts))
        return stop

    run_in_pieces(values.size, step, on_progress)
    return Lag(from_fixed(sums, fixed.scale), counts)


def _number_corners(outlines: Outlines) -> Ints:
    """Give equal corners (0 equals -0) one number."""
    x, y = outlines.x, outlines.y
    order = np.lexsort((y, x))
    x, y = x[order], y[order]
    fresh = np.concatenate((np.zeros(min(1, x.size), np.bool_), (x[1:] != x[:-1]) | (y[1:] != y[:-1])))
    numbers = np.empty(x.size, np.int64)
    numbers[order] = np.cumsum(fresh)
    return numbers


def _share(owners: Ints, marks: Ints, count: int) -> Shared:
    """Look up both ways which polygon has which mark, for marks that more than one has."""
    pairs = np.sort(marks * count + owners)  # np.unique hashes, which takes ten times as long
    pairs = pairs[np.concatenate((np.ones(min(1, pairs.size), np.bool_), pairs[1:] != pairs[:-1]))]
    marks, owners = np.divmod(pairs, max(count, 1))
    common = np.bincount(marks)[marks] > 1
    marks, owners = marks[common], owners[common]
    marks = np.unique(marks, return_inverse=True)[1]
    by_owner = np.argsort(owners, kind="stable")
    return Shared(
        np.concatenate(([0], np.cumsum(np.bincount(owners, minlength=count)))),
        marks[by_owner],
        np.concatenate(([0], np.cumsum(np.bincount(marks)))),
        owners,
    )


@compiled
def sum_contiguous(
    shared: Shared,
    values: Ints,
    rows: tuple[int, int],
    seen: Ints,
    totals: tuple[Ints, NDArray[np.int32]],
) -> None:
    """Fill `totals` for some rows; `seen` says which polygon has met another last."""
    sums, counts = totals
    for row in range(rows[0], rows[1]):
        seen[row] = row
        sums[row] = values[row]
        for at in range(shared.starts[row], shared.starts[row + 1]):
            mark = shared.marks[at]
            for holder in range(shared.firsts[mark], shared.firsts[mark + 1]):
                other = shared.holders[holder]
                if seen[other] != row:
                    seen[other] = row
                    sums[row] += values[other]
                    counts[row] += 1
