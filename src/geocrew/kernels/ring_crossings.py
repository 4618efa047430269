"""Where the edges of rings cross, as far as signs that rounding cannot change tell it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import borrowing, compiled
from geocrew.kernels.signs import sign, turn

Bools = npt.NDArray[np.bool_]

# Comparing all pairs of blocks is quadratic: with more edges near a row GEOS is faster.
MOST_EDGES = 8192
MOST_CROSSINGS = 1024
_BLOCK = 8  # edges that follow each other lie together: most pairs are told apart by the boxes of blocks
_MOST_DOUBT = 1e-11  # how far off a crossing may be, as a share of an edge


class Rings(NamedTuple):
    """Closed rings of corners x, y (m,): ring r from `rings[r]`, shape s from ring `shapes[s]`."""

    x: Floats
    y: Floats
    rings: Ints
    shapes: Ints


class Edges(NamedTuple):
    """Scratch for the edges near a row: first corner, region, and box (xmin, ymin, xmax, ymax).

    Edges that follow each other are parted into blocks: where each begins, and the box `around` it.
    """

    at: Ints
    region: Ints
    box: Floats
    starts: Ints
    around: Floats


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


class _Meeting(NamedTuple):
    """Of two edges: whether one `crosses` the other, 1 or 0, -1 where that is not sure.

    How far `along` the first that is, give or take `doubt`, whether it `enters` what lies to the left
    of the other there; and the same of the other. By numbers, for references to arrays are counted.
    """

    crosses: int
    along: float
    doubt: float
    enters: bool
    other_along: float
    other_doubt: float
    other_enters: bool


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


@borrowing
def is_in(of: Rings, shape: int, corner: int) -> int:
    """Return whether a corner is in a shape, 1 or 0; -1 where that is not sure."""
    return is_in_at(of, shape, of.x[corner], of.y[corner])


@borrowing
def is_in_at(of: Rings, shape: int, east: float, north: float) -> int:
    """Return what `is_in` does, of a corner at `east` and `north`."""
    x, y, within = of.x, of.y, 0
    for ring in range(of.shapes[shape], of.shapes[shape + 1]):
        for i in range(of.rings[ring], of.rings[ring + 1] - 1):
            if (y[i] > north) == (y[i + 1] > north):
                continue
            value, error = turn(x[i], y[i], x[i + 1], y[i + 1], east, north)
            side = sign(value, error)
            if side == 0:
                return -1
            if (side > 0) == (y[i + 1] > y[i]):
                within = 1 - within
    return within


@borrowing
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


@borrowing
def find_crossings(of: Rings, edges: Edges, count: int, into: Crossings) -> int:
    """Find where edges of two regions cross; return how many, -1 where one is not sure or too many."""
    blocks, starts, boxes = _make_blocks(edges, count), edges.starts, edges.around
    x, y, found, region, box = of.x, of.y, 0, edges.region, edges.box
    for one in range(blocks):
        for two in range(one + 1, blocks):
            if region[starts[one]] == region[starts[two]] or _apart(boxes, one, boxes, two):
                continue
            for a in range(starts[one], starts[one + 1]):
                if _apart(box, a, boxes, two):
                    continue
                for b in range(starts[two], starts[two + 1]):
                    if _apart(box, a, box, b):
                        continue
                    i, j = edges.at[a], edges.at[b]
                    met = _cross(x[i], y[i], x[i + 1], y[i + 1], x[j], y[j], x[j + 1], y[j + 1])
                    if met.crosses == 0:
                        continue
                    if met.crosses < 0 or found == MOST_CROSSINGS:
                        return -1
                    _note(edges, a, b, met, into, found)
                    into.x[found], into.y[found] = _place(
                        x[i], y[i], x[i + 1], y[i + 1], x[j], y[j], x[j + 1], y[j + 1]
                    )
                    found += 1
    return found


@borrowing
def _make_blocks(edges: Edges, count: int) -> int:
    """Part edges (count,) into blocks of one region; return how many."""
    starts, boxes, blocks = edges.starts, edges.around, 0
    for a in range(count):
        first = starts[blocks - 1] if blocks else 0
        if blocks == 0 or a - first == _BLOCK or edges.region[a] != edges.region[first]:
            starts[blocks] = a
            for side in range(4):
                boxes[blocks, side] = edges.box[a, side]
            blocks += 1
            continue
        last = blocks - 1
        boxes[last, 0] = min(boxes[last, 0], edges.box[a, 0])
        boxes[last, 1] = min(boxes[last, 1], edges.box[a, 1])
        boxes[last, 2] = max(boxes[last, 2], edges.box[a, 2])
        boxes[last, 3] = max(boxes[last, 3], edges.box[a, 3])
    starts[blocks] = count
    return blocks


@borrowing
def _apart(one: Floats, a: int, two: Floats, b: int) -> bool:
    """Whether box a of `one` (n, 4) and box b of `two` have no point in common."""
    if one[a, 0] > two[b, 2] or one[a, 2] < two[b, 0]:
        return True
    return bool(one[a, 1] > two[b, 3] or one[a, 3] < two[b, 1])


@compiled
def _cross(
    ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float
) -> _Meeting:
    """Tell whether edges ab and cd cross."""
    from_c, error_1 = turn(ax, ay, bx, by, cx, cy)
    to_d, error_2 = turn(ax, ay, bx, by, dx, dy)
    first, second = sign(from_c, error_1), sign(to_d, error_2)
    if first * second > 0:
        return _Meeting(0, 0.0, 0.0, False, 0.0, 0.0, False)
    from_a, error_3 = turn(cx, cy, dx, dy, ax, ay)
    to_b, error_4 = turn(cx, cy, dx, dy, bx, by)
    third, fourth = sign(from_a, error_3), sign(to_b, error_4)
    if third * fourth > 0:
        return _Meeting(0, 0.0, 0.0, False, 0.0, 0.0, False)
    if first * second * third * fourth == 0:
        return _Meeting(-1, 0.0, 0.0, False, 0.0, 0.0, False)
    whole, other_whole = from_a - to_b, from_c - to_d
    doubt = 4 * (error_3 + error_4) / abs(whole)
    other_doubt = 4 * (error_1 + error_2) / abs(other_whole)
    sure = 1 if max(doubt, other_doubt) < _MOST_DOUBT else -1
    return _Meeting(
        sure, from_a / whole, doubt, fourth > 0, from_c / other_whole, other_doubt, second > 0
    )


@borrowing
def _note(edges: Edges, a: int, b: int, met: _Meeting, into: Crossings, found: int) -> None:
    """Note the crossing of two edges."""
    for entry, at, along, doubt, other, enters in (
        (2 * found, edges.at[a], met.along, met.doubt, edges.region[b], met.enters),
        (
            2 * found + 1,
            edges.at[b],
            met.other_along,
            met.other_doubt,
            edges.region[a],
            met.other_enters,
        ),
    ):
        into.at[entry], into.along[entry], into.doubt[entry] = at, along, doubt
        into.other[entry], into.enters[entry] = other, enters


@compiled
def _place(
    ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float
) -> tuple[float, float]:
    """Return where ab and cd cross: to the bit the same whichever is first and wherever each begins."""
    if not _before(ax, ay, bx, by):
        ax, ay, bx, by = bx, by, ax, ay
    if not _before(cx, cy, dx, dy):
        cx, cy, dx, dy = dx, dy, cx, cy
    if _before(cx, cy, ax, ay) or (not _before(ax, ay, cx, cy) and _before(dx, dy, bx, by)):
        ax, ay, bx, by, cx, cy, dx, dy = cx, cy, dx, dy, ax, ay, bx, by
    wide, high = dx - cx, dy - cy
    whole = (bx - ax) * high - (by - ay) * wide
    share = ((cx - ax) * high - (cy - ay) * wide) / whole
    # From the nearer end, where fewer digits are lost.
    if share > 0.5:
        share = ((cx - bx) * high - (cy - by) * wide) / whole
        return bx + share * (bx - ax), by + share * (by - ay)
    return ax + share * (bx - ax), ay + share * (by - ay)


@compiled
def _before(ax: float, ay: float, bx: float, by: float) -> bool:
    return bool(ax < bx or (ax == bx and ay < by))


@borrowing
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


@borrowing
def _follows(into: Crossings, one: int, two: int) -> bool:
    same = into.at[one] == into.at[two]
    return bool(into.along[one] > into.along[two] if same else into.at[one] > into.at[two])
