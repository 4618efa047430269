"""Rings put together from the stretches of border that a walk has found, and told shells from holes."""

from typing import NamedTuple

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import borrowing
from geocrew.kernels.ring_crossings import Crossings, Rings, is_in
from geocrew.kernels.ring_walk import END, START, Walk


class Traced(NamedTuple):
    """Scratch for the border of one row: closed rings of corners x, y, ring r from `rings[r]`.

    `area` (rings,) is twice the signed one, and `shell` the ring that a hole is in, its own of a shell.
    `numbers` (rings + 1,) are 0, 1, 2 …: rings as shapes of their own.
    """

    x: Floats
    y: Floats
    rings: Ints
    area: Floats
    shell: Ints
    numbers: Ints


@borrowing
def trace(
    of: Rings, into: Crossings, order: Ints, place: Ints, entries: int, walk: Walk, traced: Traced
) -> int:
    """Follow the border from every START; return how many rings that makes, -1 where it breaks off."""
    made, used, x, y = 0, 0, traced.x, traced.y
    traced.rings[0] = 0
    for begin in range(entries):
        if walk.role[begin] != START:
            continue
        at = begin
        while walk.role[at] == START:
            walk.role[at] = 0
            entry = order[at]
            used = _add(traced, made, used, into.x[entry // 2], into.y[entry // 2])
            stop = at + 1 if at + 1 < walk.high[at] else walk.low[at]
            if walk.role[stop] != END:
                return -1
            ring = walk.ring[at]
            first, last = of.rings[ring], of.rings[ring + 1] - 1
            corner, final = into.at[entry], into.at[order[stop]]
            # Along one edge only, unless the end comes before the start: then all around.
            if corner != final or stop <= at:
                while True:
                    corner = corner + 1 if corner + 1 < last else first
                    used = _add(traced, made, used, of.x[corner], of.y[corner])
                    if corner == final:
                        break
            at = place[order[stop] ^ 1]
        if at != begin:
            return -1
        used = _close(traced, made, used, x, y)
        if used < 0:
            return -1
        made += 1
    return made


@borrowing
def add_whole(of: Rings, walk: Walk, whole: int, traced: Traced, made: int) -> int:
    """Add rings that are border whole; return how many rings that makes, -1 where one is too thin."""
    for number in range(whole):
        ring, used = walk.whole[number], traced.rings[made]
        for corner in range(of.rings[ring], of.rings[ring + 1] - 1):
            used = _add(traced, made, used, of.x[corner], of.y[corner])
        if _close(traced, made, used, traced.x, traced.y) < 0:
            return -1
        made += 1
    return made


@borrowing
def _add(traced: Traced, made: int, used: int, x: float, y: float) -> int:
    """Add a corner unless it is where the last one is."""
    if used > traced.rings[made] and traced.x[used - 1] == x and traced.y[used - 1] == y:
        return used
    traced.x[used], traced.y[used] = x, y
    return used + 1


@borrowing
def _close(traced: Traced, made: int, used: int, x: Floats, y: Floats) -> int:
    """Close a ring and measure it; return the corners used then, -1 where it has no sure area."""
    first = traced.rings[made]
    while used > first + 1 and x[used - 1] == x[first] and y[used - 1] == y[first]:
        used -= 1
    if used < first + 3:
        return -1
    x[used], y[used] = x[first], y[first]
    area = bound = 0.0
    for i in range(first, used):
        left, right = (
            (x[i] - x[first]) * (y[i + 1] - y[first]),
            (y[i] - y[first]) * (x[i + 1] - x[first]),
        )
        area += left - right
        bound += abs(left) + abs(right)
    if not abs(area) > 1e-12 * bound:
        return -1
    traced.area[made], traced.shell[made] = area, made
    traced.rings[made + 1] = used + 1
    return used + 1


@borrowing
def find_shells(traced: Traced, made: int) -> bool:
    """Find the shell of every hole: the smallest that it is in; False where that is not sure."""
    shells, only = 0, 0
    for ring in range(made):
        if traced.area[ring] > 0:
            shells, only = shells + 1, ring
    of = Rings(traced.x, traced.y, traced.rings, traced.numbers)
    for ring in range(made):
        if traced.area[ring] > 0:
            continue
        best = only if shells == 1 else -1
        for shell in range(made if shells > 1 else 0):
            if traced.area[shell] > 0:
                within = is_in(of, shell, traced.rings[ring])
                if within < 0:
                    return False
                if within and (best < 0 or traced.area[shell] < traced.area[best]):
                    best = shell
        if best < 0:
            return False
        traced.shell[ring] = best
    return True
