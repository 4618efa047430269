"""What an overlay cuts with: one polygon or those of a dataset, large ones cut to the size of a chunk.

A cut line that runs through a feature would leave vertices that are nobody's, so a polygon is cut to a
box that is larger than the features of its chunk. Unions and cuts of shapes of any size are done here,
in a process that can be killed.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_rings import Shapes, to_rings
from geocrew.analyses.parts.overlay_rows import around
from geocrew.datasets.arrays import Array
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.type_ids import POLYGONS
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats
from geocrew.kernels.box_places import ACROSS, DOUBTFUL, INSIDE, place_boxes
from geocrew.kernels.ring_crossings import Rings

# Up to this many vertices a polygon is compared with every row that it meets: 2 µs for each.
_SMALL = 2048
# Pieces of larger ones are cut on down to this, and whatever is united for one row.
_WORTH_A_CUT = 256
# A cut box is larger than what it is for by this share of its longer side: enough to lie apart from
# it, and no round number, so that it does not fall on the lines of a grid.
_MARGIN = 1 / 317
# Beyond this products of coordinates overflow: GEOS then cuts without a word, and beside the mask.
FARTHEST = 1e150
# Polygons of a dataset that take no more than this are read once and held.
_HELD_BYTES = 16_000_000


class Mask(Protocol):
    """Polygons whose union is the mask; `bounds` (4,) are around all of them, None without any."""

    bounds: Floats | None

    def near(self, box: Floats) -> Shapes:
        """Return those whose boxes meet `box` (4,), each once, in an order of their own."""


class PolygonMask:
    """A polygon of this process."""

    def __init__(self, polygon: Any) -> None:
        self._parts: Shapes = shapely.get_parts(polygon)
        shapely.prepare(self._parts)
        self._boxes = shapely.bounds(self._parts)
        self.bounds: Floats | None = around(self._boxes) if len(self._parts) else None

    def near(self, box: Floats) -> Shapes:
        """Return the parts of the polygon near a box."""
        found: Shapes = self._parts[_meeting(self._boxes, box)]
        return found


class DatasetMask:
    """The polygons of a table of the workshop (row, geom); `moved` if they have been transformed."""

    def __init__(self, connection: Connection, table: Expression, srid: int, *, moved: bool) -> None:
        self._connection, self._table, self._srid, self._moved = connection, table, srid, moved
        query = compose(
            "SELECT ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box), bytes FROM (SELECT"
            " ST_Extent(geom) AS box, sum(pg_column_size(geom))::float8 AS bytes FROM {table}) AS t",
            table=table,
        )
        row = connection.execute(query).fetchone()
        filled = row is not None and row[0] is not None
        self.bounds: Floats | None = (
            np.array(row[:4], np.float64) if row is not None and filled else None
        )
        few = row is not None and filled and row[4] <= _HELD_BYTES
        self._held = self._read(compose("true")) if few else None
        self._boxes: Floats = shapely.bounds(() if self._held is None else self._held)

    def near(self, box: Floats) -> Shapes:
        """Return the polygons near a box, each once, in the order of their bytes: not of their place."""
        west, south, east, north = (float(each) for each in box)
        if self._held is not None:
            return self._held[_meeting(self._boxes, box)]
        return self._read(
            compose(
                "geom && ST_MakeEnvelope({west}, {south}, {east}, {north}, {srid})",
                west=west,
                south=south,
                east=east,
                north=north,
                srid=self._srid,
            )
        )

    def _read(self, where: Expression) -> Shapes:
        query = compose(
            "SELECT ST_AsBinary(geom) FROM {table} WHERE {where}", table=self._table, where=where
        )
        found = sorted({row[0] for row in self._connection.execute(query, binary=True)})
        shapes: Shapes = shapely.from_wkb(np.array(found, object))
        return _repaired(shapes) if self._moved else shapes


def _meeting(boxes: Floats, box: Floats) -> Array:
    """Return which of boxes (n, 4) meet another (4,)."""
    return np.asarray((boxes[:, :2] <= box[2:]).all(axis=1) & (boxes[:, 2:] >= box[:2]).all(axis=1))


class Near(NamedTuple):
    """Polygons near boxes; of the large ones number, box and piece there, in the order of numbers."""

    shapes: Shapes
    pieces: list[tuple[int, int, Any]]


def split(mask: Mask, boxes: Floats) -> Near:
    """Return the polygons near boxes (n, 4), the large ones by pieces.

    Boxes that follow each other should lie together. A polygon that comes twice is one.
    """
    shapes = mask.near(enlarged(around(boxes)))
    for number in np.flatnonzero(~np.isin(shapely.get_type_id(shapes), POLYGONS)):
        shapes[number] = only_polygons(shapes[number])
    shapes = shapes[~shapely.is_empty(shapes)]
    large = np.flatnonzero(shapely.get_num_coordinates(shapes) > _SMALL)
    pieces = [
        (number, box, piece)
        for number in large.tolist()
        for box, piece in _pieces(shapes[number], boxes)
    ]
    return Near(shapes, pieces)


def unite(pieces: Shapes, box: Floats) -> Any:
    """Return the union of valid pieces, n > 0, right within a box (4,)."""
    if len(pieces) == 1:
        return pieces[0]
    cut = [
        each if shapely.get_num_coordinates(each) <= _WORTH_A_CUT else _cut(each, box) for each in pieces
    ]
    try:
        union = shapely.union_all(cut)
    except shapely.GEOSException:
        union = shapely.union_all(_repaired(np.array(cut, object)))
    return only_polygons(union)


def only_polygons(shape: Any) -> Any:
    """Return the polygons of a shape: cutting to a box may leave lines and points on its edge."""
    if shapely.get_type_id(shape) in POLYGONS:
        return shape
    polygons = [part for part in shapely.get_parts(shape) if shapely.get_dimensions(part) == 2]
    return polygons[0] if len(polygons) == 1 else shapely.multipolygons(polygons)


def _pieces(shape: Any, boxes: Floats) -> Iterator[tuple[int, Any]]:
    """Yield the piece of a shape for each of the boxes that it meets, of whole ones without a cut."""
    rings = Rings(*to_rings(np.array([shape], np.object_), turned=False))
    alone = np.zeros(len(boxes), np.int64)
    places = place_boxes(boxes, rings, np.arange(len(boxes)), alone)
    for box in np.flatnonzero(places == INSIDE).tolist():
        yield box, shapely.box(*enlarged(boxes[box]))
    rest = np.flatnonzero((places == ACROSS) | (places == DOUBTFUL))
    for at, piece in _spread(shape, boxes[rest], range(len(rest))):
        yield int(rest[at]), piece


def _spread(shape: Any, boxes: Floats, chosen: range) -> Iterator[tuple[int, Any]]:
    """Yield the piece of a shape for each of the boxes that it meets, cutting in halves again and again.

    Cutting a polygon of 1M vertices for each of 1,700 chunks would take a minute; this takes 11 cuts.
    """
    low, high = boxes[chosen.start : chosen.stop, :2], boxes[chosen.start : chosen.stop, 2:]
    bounds = shapely.bounds(shape)
    meets = (low <= bounds[2:]).all(axis=1) & (high >= bounds[:2]).all(axis=1)
    if not meets.any():
        return
    small = shapely.get_num_coordinates(shape) <= _WORTH_A_CUT
    if small or len(chosen) == 1:
        for at in np.flatnonzero(meets):
            piece = only_polygons(shape if small else _cut(shape, boxes[chosen[at]]))
            if not piece.is_empty:
                yield chosen[at], piece
        return
    middle = len(chosen) // 2
    for half in (chosen[:middle], chosen[middle:]):
        piece = _cut(shape, around(boxes[half.start : half.stop]))
        if not piece.is_empty:
            yield from _spread(piece, boxes, half)


def _cut(shape: Any, box: Floats) -> Any:
    """Cut a shape to a box, enlarged.

    clip_by_rect is no faster on large shapes, and 194 of 258 pieces of a ragged coast were not valid.
    """
    bounds = shapely.bounds(shape)
    box = enlarged(box)
    if (bounds[:2] >= box[:2]).all() and (bounds[2:] <= box[2:]).all():
        return shape
    return shapely.intersection(shape, shapely.box(*box))


def _repaired(shapes: Shapes) -> Shapes:
    invalid = ~shapely.is_valid(shapes)
    shapes[invalid] = shapely.make_valid(shapes[invalid], method="structure", keep_collapsed=False)
    return shapes


def enlarged(box: Floats) -> Floats:
    """Enlarge a box (4,) by a share of its longer side, and by more than a coordinate's last digits."""
    side = max(box[2] - box[0], box[3] - box[1])
    margin = max(side * _MARGIN, float(np.abs(box).max()) * 1e-9, 1e-9)
    larger: Floats = box + np.array([-margin, -margin, margin, margin])
    return larger
