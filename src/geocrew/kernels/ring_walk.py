"""Which stretches of rings lie within all regions: counted while walking from crossing to crossing."""

from typing import NamedTuple

from geocrew.kernels.arrays import Ints
from geocrew.kernels.compiled import borrowing
from geocrew.kernels.ring_crossings import Bools, Crossings, Rings, is_in

START, END = 1, 2


class Walk(NamedTuple):
    """Scratch. Of each entry in order: its `role`, its `ring`, and that ring's entries `low` to `high`.

    `others` counts for each crossing of the row's border the cutting regions but the crossed one that
    it is in; `inside` (regions,) tells where the walker is; `whole` lists rings that are border whole.
    """

    role: Ints
    ring: Ints
    low: Ints
    high: Ints
    others: Ints
    inside: Bools
    whole: Ints


@borrowing
def walk_rings(
    of: Rings, regions: Ints, outside: bool, into: Crossings, order: Ints, entries: int, walk: Walk
) -> int:
    """Give every entry its role; return how many rings are border whole, -1 where anything is not sure.

    `regions` (k + 1,) are the row's shape and what cuts it; with `outside` it is the outside of those.
    """
    whole = 0
    for region in range(regions.size):
        shape = regions[region]
        for ring in range(of.shapes[shape], of.shapes[shape + 1]):
            low = _first_from(of.rings[ring], into, order, entries)
            high = _first_from(of.rings[ring + 1], into, order, entries)
            for at in range(low, high):
                walk.role[at], walk.ring[at] = 0, ring
                walk.low[at], walk.high[at] = low, high
            if region == 0:
                wholly = _walk_own(of, regions, outside, ring, into, order, walk, low, high)
            else:
                wholly = _walk_other(of, regions, outside, region, ring, into, order, walk, low, high)
            if wholly < 0:
                return -1
            if wholly:
                if whole == walk.whole.size:
                    return -1
                walk.whole[whole] = ring
                whole += 1
    return whole


@borrowing
def _first_from(corner: int, into: Crossings, order: Ints, entries: int) -> int:
    """Return the first entry in order whose edge begins at `corner` or after it."""
    low, high = 0, entries
    while low < high:
        middle = (low + high) // 2
        if into.at[order[middle]] < corner:
            low = middle + 1
        else:
            high = middle
    return low


@borrowing
def _look_around(of: Rings, regions: Ints, outside: bool, own: int, corner: int, inside: Bools) -> int:
    """Tell in which regions but `own` a corner is; return in how many, -1 where that is not sure."""
    count = 0
    for region in range(regions.size):
        if region == own:
            continue
        within = is_in(of, regions[region], corner)
        if within < 0:
            return -1
        inside[region] = (within == 1) != (outside and region > 0)
        count += inside[region]
    return count


@borrowing
def _walk_own(
    of: Rings,
    regions: Ints,
    outside: bool,
    ring: int,
    into: Crossings,
    order: Ints,
    walk: Walk,
    low: int,
    high: int,
) -> int:
    """Walk a ring of the row's shape; return 1 if all of it is border, -1 where anything is not sure."""
    every = regions.size - 1
    first = _look_around(of, regions, outside, 0, of.rings[ring], walk.inside)
    if first < 0:
        return -1
    count = first
    for at in range(low, high):
        entry = order[at]
        other, enters = into.other[entry], into.enters[entry]
        if enters == walk.inside[other]:
            return -1
        walk.others[entry // 2] = count - (0 if enters else 1)
        if count == every:
            walk.role[at] = END
        count += 1 if enters else -1
        walk.inside[other] = enters
        if count == every:
            walk.role[at] = START
    if count != first:
        return -1
    return 1 if low == high and count == every else 0


@borrowing
def _walk_other(
    of: Rings,
    regions: Ints,
    outside: bool,
    region: int,
    ring: int,
    into: Crossings,
    order: Ints,
    walk: Walk,
    low: int,
    high: int,
) -> int:
    """Walk a ring of what cuts, where it is in the row's shape; returns as `_walk_own`.

    It begins where the ring enters that shape. Beyond it not all crossings are known, nor needed.
    """
    begin, crossed = -1, False
    for at in range(low, high):
        if into.other[order[at]] == 0:
            crossed = True
            if begin < 0 and into.enters[order[at]]:
                begin = at
    if crossed:
        if begin < 0:
            return -1
        return _walk_through(regions.size - 1, into, order, walk, low, high, begin)
    within = is_in(of, regions[0], of.rings[ring])
    if within <= 0:
        return within
    every = regions.size - 1
    first = _look_around(of, regions, outside, region, of.rings[ring], walk.inside)
    if first < 0:
        return -1
    count = first
    for at in range(low, high):
        count = _pass(into, order, walk, at, count, every)
    if count != first:
        return -1
    return 1 if low == high and count == every else 0


@borrowing
def _walk_through(
    every: int, into: Crossings, order: Ints, walk: Walk, low: int, high: int, begin: int
) -> int:
    count, within = 0, False
    for step in range(high - low):
        at = low + (begin - low + step) % (high - low)
        entry = order[at]
        if into.other[entry] != 0:
            if within:
                count = _pass(into, order, walk, at, count, every)
            continue
        others = 1 + walk.others[entry // 2]
        if into.enters[entry] == within or (within and count != others):
            return -1
        within = not within
        if others == every:
            walk.role[at] = START if within else END
        count = others
    return -1 if within else 0


@borrowing
def _pass(into: Crossings, order: Ints, walk: Walk, at: int, count: int, every: int) -> int:
    """Give an entry its role and return in how many regions the walker is after it."""
    if count == every:
        walk.role[at] = END
    count += 1 if into.enters[order[at]] else -1
    if count == every:
        walk.role[at] = START
    return count
