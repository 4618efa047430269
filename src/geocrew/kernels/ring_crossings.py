"""Where the edges of rings cross, as far as signs that rounding cannot change tell it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled

Bools = npt.NDArray[np.bool_]

# Comparing all pairs of blocks is quadratic: with more edges near a row GEOS is faster.
MOST_EDGES = 8192
MOST_CROSSINGS = 1024
_BLOCK = 8  # edges that follow each other lie together: most pairs are told apart by the boxes of blocks
# Rounding of a 2 by 2 determinant of differences, relative to the sum of its terms (Shewchuk 1997, "A").
_ERROR = 3.3306690738754716e-16
_SMALLEST = 1e-290  # below, products lose digits that the bound does not count
_MOST_DOUBT = 1e-11  # how far off a crossing may be, as a share of an edge


class Rings(NamedTuple):
    """Closed rings of corners x, y (m,): ring r from `rings[r]`, shape s from ring `shapes[s]`."""

    x: Floats
    y: Floats
    rings: Ints
    shapes: Ints


class Edges(NamedTuple):
    """Scratch for the edges near a row: first corner, region, and box (xmin, ymin, xmax, ymax)."""

    at: Ints
    region: Ints
    box: Floats


class Crossings(NamedTuple):
    """Scratch for crossings c at x, y: entry 2c is of one edge, 2c + 1 of the other.

    Of an entry: the edge's first corner `at`, how far along it, give or take `doubt`, the `other`
    region, and whether the edge `enters` that.
    """

    x: Floats
    y: Floats
    at: Ints
    along: Floats
    doubt: Floats
    other: Ints
    enters: Bools


@compiled
def orient(x: Floats, y: Floats, rings: Ints, polygons: Ints, turned: bool) -> None:
    """Turn rings in place: inside to the left, of polygon p with its shell at `polygons[p]`, then holes.

    With `turned` to the right. A ring so thin that rounding hides its direction crosses itself or is
    not surely simple, and is of no use either way.
    """
    for polygon in range(polygons.size - 1):
        for ring in range(polygons[polygon], polygons[polygon + 1]):
            first, stop, area = rings[ring], rings[ring + 1], 0.0
            for i in range(first, stop - 1):
                area += (x[i] - x[first]) * (y[i + 1] - y[first])
                area -= (y[i] - y[first]) * (x[i + 1] - x[first])
            if (area < 0) != (turned != (ring > polygons[polygon])):
                x[first:stop], y[first:stop] = x[first:stop][::-1].copy(), y[first:stop][::-1].copy()


@compiled
def turn(x: Floats, y: Floats, edge: int, corner: int) -> tuple[float, float]:
    """Return twice the signed area of an edge and a corner, positive to the left, and its rounding."""
    return turn_at(x, y, edge, x[corner], y[corner])


@compiled
def turn_at(x: Floats, y: Floats, edge: int, east: float, north: float) -> tuple[float, float]:
    """Return what `turn` does, of a corner at `east` and `north`."""
    left = (x[edge] - east) * (y[edge + 1] - north)
    right = (y[edge] - north) * (x[edge + 1] - east)
    bound = abs(left) + abs(right)
    return left - right, _ERROR * bound if bound >= _SMALLEST else np.inf


@compiled
def sign(value: float, error: float) -> int:
    """Return 1 or -1 where the sign is sure, else 0; 0 of what is no number."""
    if value > error:
        return 1
    return -1 if value < -error else 0


@compiled
def is_in(of: Rings, shape: int, corner: int) -> int:
    """Return whether a corner is in a shape, 1 or 0; -1 where that is not sure."""
    return is_in_at(of, shape, of.x[corner], of.y[corner])


@compiled
def is_in_at(of: Rings, shape: int, east: float, north: float) -> int:
    """Return what `is_in` does, of a corner at `east` and `north`."""
    x, y, within = of.x, of.y, 0
    for ring in range(of.shapes[shape], of.shapes[shape + 1]):
        for i in range(of.rings[ring], of.rings[ring + 1] - 1):
            if (y[i] > north) == (y[i + 1] > north):
                continue
            value, error = turn_at(x, y, i, east, north)
            side = sign(value, error)
            if side == 0:
                return -1
            if (side > 0) == (y[i + 1] > y[i]):
                within = 1 - within
    return within


@compiled
def collect(of: Rings, shape: int, region: int, near: Floats, edges: Edges, count: int) -> int:
    """Add the edges of a shape whose boxes meet `near` (4,); return how many in all, -1 if too many."""
    x, y = of.x, of.y
    for ring in range(of.shapes[shape], of.shapes[shape + 1]):
        for i in range(of.rings[ring], of.rings[ring + 1] - 1):
            xmin, xmax = min(x[i], x[i + 1]), max(x[i], x[i + 1])
            ymin, ymax = min(y[i], y[i + 1]), max(y[i], y[i + 1])
            if xmin > near[2] or xmax < near[0] or ymin > near[3] or ymax < near[1]:
                continue
            if count == MOST_EDGES:
                return -1
            edges.at[count], edges.region[count] = i, region
            edges.box[count, 0], edges.box[count, 1] = xmin, ymin
            edges.box[count, 2], edges.box[count, 3] = xmax, ymax
            count += 1
    return count


@compiled
def find_crossings(of: Rings, edges: Edges, count: int, into: Crossings) -> int:
    """Find where edges of two regions cross; return how many, -1 where one is not sure or too many."""
    starts, boxes = _make_blocks(edges, count)
    found, region, box = 0, edges.region, edges.box
    for one in range(starts.size - 1):
        for two in range(one + 1, starts.size - 1):
            if region[starts[one]] == region[starts[two]] or _apart(boxes, one, boxes, two):
                continue
            for a in range(starts[one], starts[one + 1]):
                if _apart(box, a, boxes, two):
                    continue
                for b in range(starts[two], starts[two + 1]):
                    if not _apart(box, a, box, b):
                        met = _cross(of, edges, a, b, into, found)
                        if met < 0:
                            return -1
                        found += met
    return found


@compiled
def _make_blocks(edges: Edges, count: int) -> tuple[Ints, Floats]:
    """Part edges (count,) into blocks of one region; return where they start, and their boxes."""
    starts, boxes = np.empty(count + 1, np.int64), np.empty((count, 4))
    blocks = 0
    for a in range(count):
        first = starts[blocks - 1] if blocks else 0
        if blocks == 0 or a - first == _BLOCK or edges.region[a] != edges.region[first]:
            starts[blocks], boxes[blocks] = a, edges.box[a]
            blocks += 1
            continue
        box = boxes[blocks - 1]
        box[0], box[1] = min(box[0], edges.box[a, 0]), min(box[1], edges.box[a, 1])
        box[2], box[3] = max(box[2], edges.box[a, 2]), max(box[3], edges.box[a, 3])
    starts[blocks] = count
    return starts[: blocks + 1], boxes


@compiled
def _apart(one: Floats, a: int, two: Floats, b: int) -> bool:
    """Whether box a of `one` (n, 4) and box b of `two` have no point in common."""
    if one[a, 0] > two[b, 2] or one[a, 2] < two[b, 0]:
        return True
    return bool(one[a, 1] > two[b, 3] or one[a, 3] < two[b, 1])


@compiled
def _cross(of: Rings, edges: Edges, a: int, b: int, into: Crossings, found: int) -> int:
    """Note the crossing of two edges if they have one; return 1 then, 0 if not, -1 if not sure."""
    if found == MOST_CROSSINGS:
        return -1
    x, y, i, j = of.x, of.y, edges.at[a], edges.at[b]
    from_j, error_1 = turn(x, y, i, j)
    to_j, error_2 = turn(x, y, i, j + 1)
    first, second = sign(from_j, error_1), sign(to_j, error_2)
    if first * second > 0:
        return 0
    from_i, error_3 = turn(x, y, j, i)
    to_i, error_4 = turn(x, y, j, i + 1)
    third, fourth = sign(from_i, error_3), sign(to_i, error_4)
    if third * fourth > 0:
        return 0
    if first * second * third * fourth == 0:
        return -1
    doubt_i = 4 * (error_3 + error_4) / abs(from_i - to_i)
    doubt_j = 4 * (error_1 + error_2) / abs(from_j - to_j)
    if not max(doubt_i, doubt_j) < _MOST_DOUBT:
        return -1
    for entry, at, along, doubt, other, enters in (
        (2 * found, i, from_i / (from_i - to_i), doubt_i, edges.region[b], fourth > 0),
        (2 * found + 1, j, from_j / (from_j - to_j), doubt_j, edges.region[a], second > 0),
    ):
        into.at[entry], into.along[entry], into.doubt[entry] = at, along, doubt
        into.other[entry], into.enters[entry] = other, enters
    into.x[found], into.y[found] = _place(x, y, i, j)
    return 1


@compiled
def _place(x: Floats, y: Floats, i: int, j: int) -> tuple[float, float]:
    """Return where two edges cross: to the bit the same whichever is first and wherever each begins."""
    a, b = (i, i + 1) if _before(x, y, i, i + 1) else (i + 1, i)
    c, d = (j, j + 1) if _before(x, y, j, j + 1) else (j + 1, j)
    if _before(x, y, c, a) or (not _before(x, y, a, c) and _before(x, y, d, b)):
        a, b, c, d = c, d, a, b
    wide, high = x[d] - x[c], y[d] - y[c]
    whole = (x[b] - x[a]) * high - (y[b] - y[a]) * wide
    share = ((x[c] - x[a]) * high - (y[c] - y[a]) * wide) / whole
    # From the nearer end, where fewer digits are lost.
    if share > 0.5:
        share = ((x[c] - x[b]) * high - (y[c] - y[b]) * wide) / whole
        return x[b] + share * (x[b] - x[a]), y[b] + share * (y[b] - y[a])
    return x[a] + share * (x[b] - x[a]), y[a] + share * (y[b] - y[a])


@compiled
def _before(x: Floats, y: Floats, a: int, b: int) -> bool:
    return bool(x[a] < x[b] or (x[a] == x[b] and y[a] < y[b]))


@compiled
def sort_entries(into: Crossings, found: int, order: Ints, place: Ints) -> bool:
    """Order 2 * found entries along their rings; `place` is where each is. False where not sure."""
    for entry in range(2 * found):
        at = entry
        while at > 0 and _follows(into, order[at - 1], entry):
            order[at] = order[at - 1]
            at -= 1
        order[at] = entry
    for at in range(2 * found):
        one = order[at]
        place[one] = at
        if at + 1 < 2 * found:
            two = order[at + 1]
            near = into.along[two] - into.along[one] <= into.doubt[one] + into.doubt[two]
            if into.at[one] == into.at[two] and near:
                return False
    return True


@compiled
def _follows(into: Crossings, one: int, two: int) -> bool:
    same = into.at[one] == into.at[two]
    return bool(into.along[one] > into.along[two] if same else into.at[one] > into.at[two])
