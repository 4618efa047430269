"""Polygons between PostGIS's bytes (EWKB) and arrays of corners: no object for each, no copy in between.

shapely takes 5 µs to read and write a polygon of 64 corners and as long to take it apart; this takes
0.3. Format: PostGIS manual, "EWKB", of a server that writes the low byte first; what else there is is
left to shapely.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled

Bytes = npt.NDArray[np.uint8]

_POLYGON, _MULTIPOLYGON, _SRID = 3, 6, 0x20000000


class Polygons(NamedTuple):
    """Closed rings of corners x, y (m,): ring r from `rings[r]`, polygon p from ring `polygons[p]`.

    Shape s has the polygons from `shapes[s]`; the first ring of a polygon is its shell.
    """

    x: Floats
    y: Floats
    rings: Ints
    polygons: Ints
    shapes: Ints


@compiled
def find_values(data: Bytes, count: int) -> tuple[Ints, Ints]:
    """Find values (n,) that follow each other, each behind its length in four bytes, high one first.

    Returns where each begins and ends: NULL before it begins. Raises ValueError where that is not all.
    """
    starts, stops = np.empty(count, np.int64), np.empty(count, np.int64)
    at = 0
    for value in range(count):
        if at + 4 > data.size:
            raise ValueError("fewer values than there should be")
        size = _big(data, at)
        starts[value], stops[value] = at + 4, at + 3 if size >= 0x80000000 else at + 4 + size
        at = max(at + 4, stops[value])
    if at != data.size:
        raise ValueError("more values than there should be")
    return starts, stops


@compiled
def read_polygons(data: Bytes, starts: Ints, stops: Ints) -> Polygons:
    """Read shapes (n,) from their bytes; those that are no flat polygons have none in the result."""
    sizes = np.zeros((starts.size + 1, 3), np.int64)
    for row in range(starts.size):
        polygons, rings, corners = _measure(data, starts[row], stops[row])
        sizes[row + 1, 0], sizes[row + 1, 1] = sizes[row, 0] + polygons, sizes[row, 1] + rings
        sizes[row + 1, 2] = sizes[row, 2] + corners
    polygons, rings, corners = sizes[-1, 0], sizes[-1, 1], sizes[-1, 2]
    made = Polygons(
        np.empty(corners),
        np.empty(corners),
        np.zeros(rings + 1, np.int64),
        np.zeros(polygons + 1, np.int64),
        sizes[:, 0].copy(),
    )
    bits_x, bits_y = made.x.view(np.uint64), made.y.view(np.uint64)
    for row in range(starts.size):
        if sizes[row, 0] < sizes[row + 1, 0]:
            _fill(data, starts[row], stops[row], made, bits_x, bits_y, sizes[row], sizes[row + 1, 0])
    return made


@compiled
def _measure(data: Bytes, at: int, stop: int) -> tuple[int, int, int]:
    """Count polygons, rings and corners of a shape; all 0 where it is not of flat polygons only."""
    polygons, several, at = _begin(data, at, stop)
    rings = corners = 0
    for _ in range(polygons):
        if several:
            if at + 5 > stop or data[at] != 1 or _little(data, at + 1) != _POLYGON:
                return 0, 0, 0
            at += 5
        if at + 4 > stop or _little(data, at) == 0:
            return 0, 0, 0
        of_polygon, at = _little(data, at), at + 4
        for _ in range(of_polygon):
            if at + 4 > stop:
                return 0, 0, 0
            of_ring = _little(data, at)
            at += 4 + 16 * of_ring
            rings, corners = rings + 1, corners + of_ring
    return (polygons, rings, corners) if at == stop else (0, 0, 0)


@compiled
def _begin(data: Bytes, at: int, stop: int) -> tuple[int, bool, int]:
    """Return how many polygons a shape has, 0 of others, if it is a MultiPolygon, and where they are."""
    if stop - at < 13 or data[at] != 1:
        return 0, False, at
    kind = _little(data, at + 1)
    at += 9 if kind & _SRID else 5
    if (kind & ~_SRID) == _POLYGON:
        return 1, False, at
    if (kind & ~_SRID) == _MULTIPOLYGON:
        return _little(data, at), True, at + 4
    return 0, False, at


@compiled
def _fill(
    data: Bytes,
    at: int,
    end: int,
    made: Polygons,
    bits_x: npt.NDArray[np.uint64],
    bits_y: npt.NDArray[np.uint64],
    first: Ints,
    stop: int,
) -> None:
    """Read a shape's polygons up to `stop`, of which `first` are polygon, ring and corner."""
    _, several, at = _begin(data, at, end)
    ring, corner = first[1], first[2]
    for polygon in range(first[0], stop):
        at += 5 if several else 0
        rings, at = _little(data, at), at + 4
        for _ in range(rings):
            corners, at = _little(data, at), at + 4
            for _ in range(corners):
                bits_x[corner], bits_y[corner] = _word(data, at), _word(data, at + 8)
                corner, at = corner + 1, at + 16
            ring += 1
            made.rings[ring] = corner
        made.polygons[polygon + 1] = ring


@compiled
def bound_polygons(of: Polygons, rows: Ints) -> Floats:
    """Return the boxes (n, 4) around some shapes (n,) that have corners."""
    boxes = np.empty((rows.size, 4))
    for at in range(rows.size):
        first = of.rings[of.polygons[of.shapes[rows[at]]]]
        stop = of.rings[of.polygons[of.shapes[rows[at] + 1]]]
        x, y = of.x[first:stop], of.y[first:stop]
        boxes[at, 0], boxes[at, 1], boxes[at, 2], boxes[at, 3] = x.min(), y.min(), x.max(), y.max()
    return boxes


@compiled
def measure_ewkb(of: Polygons, rows: Ints, multi: bool) -> Ints:
    """Return how many bytes `write_polygons` needs for each of some shapes (n,)."""
    sizes = np.empty(rows.size, np.int64)
    for at in range(rows.size):
        first, stop = of.shapes[rows[at]], of.shapes[rows[at] + 1]
        rings = of.polygons[stop] - of.polygons[first]
        corners = of.rings[of.polygons[stop]] - of.rings[of.polygons[first]]
        parts = 9 * (stop - first) + 4 if multi or stop - first > 1 else 4
        sizes[at] = 9 + parts + 4 * rings + 16 * corners
    return sizes


@compiled
def write_polygons(of: Polygons, rows: Ints, srid: int, multi: bool, heads: Bytes, sizes: Ints) -> Bytes:
    """Write some shapes (n,) one after another, each behind its head (n, h); `sizes` are measured.

    A shape of one polygon is written as that, or with `multi` as a MultiPolygon.
    """
    width = heads.shape[1]
    data: Bytes = np.empty(rows.size * width + sizes.sum(), np.uint8)
    bits_x, bits_y = of.x.view(np.uint64), of.y.view(np.uint64)
    start = 0
    for number in range(rows.size):
        data[start : start + width] = heads[number]
        at = start + width
        first, stop = of.shapes[rows[number]], of.shapes[rows[number] + 1]
        several = multi or stop - first > 1
        data[at] = 1
        _put(data, at + 1, (_MULTIPOLYGON if several else _POLYGON) | _SRID)
        _put(data, at + 5, srid)
        at += 9
        if several:
            _put(data, at, stop - first)
            at += 4
        for polygon in range(first, stop):
            if several:
                data[at] = 1
                _put(data, at + 1, _POLYGON)
                at += 5
            _put(data, at, of.polygons[polygon + 1] - of.polygons[polygon])
            at += 4
            for ring in range(of.polygons[polygon], of.polygons[polygon + 1]):
                _put(data, at, of.rings[ring + 1] - of.rings[ring])
                at += 4
                for corner in range(of.rings[ring], of.rings[ring + 1]):
                    _put_word(data, at, bits_x[corner])
                    _put_word(data, at + 8, bits_y[corner])
                    at += 16
        start += width + sizes[number]
    return data


@compiled
def _little(data: Bytes, at: int) -> int:
    value = np.int64(data[at]) | np.int64(data[at + 1]) << 8
    return int(value | np.int64(data[at + 2]) << 16 | np.int64(data[at + 3]) << 24)


@compiled
def _big(data: Bytes, at: int) -> int:
    value = np.int64(data[at]) << 24 | np.int64(data[at + 1]) << 16
    return int(value | np.int64(data[at + 2]) << 8 | np.int64(data[at + 3]))


@compiled
def _word(data: Bytes, at: int) -> np.uint64:
    value = np.uint64(0)
    for byte in range(8):
        value |= np.uint64(data[at + byte]) << np.uint64(8 * byte)
    return value


@compiled
def _put(data: Bytes, at: int, value: int) -> None:
    for byte in range(4):
        data[at + byte] = (value >> (8 * byte)) & 255


@compiled
def _put_word(data: Bytes, at: int, value: np.uint64) -> None:
    for byte in range(8):
        data[at + byte] = np.uint8((value >> np.uint64(8 * byte)) & np.uint64(255))
