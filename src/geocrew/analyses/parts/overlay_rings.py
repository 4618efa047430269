"""Polygons cut by polygons at a glance: shapes to rings and back, around `kernels.ring_overlay`."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from geocrew.analyses.parts.overlay_ladder import Operation
from geocrew.datasets.arrays import Array
from geocrew.datasets.type_ids import POLYGONS
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.ewkb import Polygons
from geocrew.kernels.ring_crossings import Rings, orient
from geocrew.kernels.ring_overlay import CUT, Pieces, overlay_rings

Shapes = npt.NDArray[np.object_]


class Ragged(NamedTuple):
    """Polygons as corners x, y (m,), ring r from `rings[r]`, shape s from ring `shapes[s]`."""

    x: Floats
    y: Floats
    rings: Ints
    shapes: Ints


def are_flat_polygons(shapes: Shapes) -> Array:
    """Return which of shapes (n,) are polygons or several, without heights or measures."""
    plain = np.isin(shapely.get_type_id(shapes), POLYGONS)
    return np.asarray(
        plain & ~shapely.has_z(shapes) & ~shapely.has_m(shapes) & ~shapely.is_empty(shapes)
    )


def to_rings(shapes: Shapes, *, turned: bool) -> Ragged:
    """Take valid polygons apart, their inside to the left of every ring, to the right if `turned`."""
    if not len(shapes):
        return Ragged(np.empty(0), np.empty(0), np.zeros(1, np.int64), np.zeros(1, np.int64))
    _, corners, offsets = shapely.to_ragged_array(shapes, include_z=False, include_m=False)
    rings, polygons, *several = (np.asarray(each, np.int64) for each in offsets)
    x, y = corners[:, 0].copy(), corners[:, 1].copy()
    orient(x, y, rings, polygons, turned)
    return Ragged(x, y, rings, polygons[several[0]] if several else polygons)


def as_rings(of: Polygons) -> Ragged:
    """Return polygons as rings, all turned in place: their inside to the left."""
    orient(of.x, of.y, of.rings, of.polygons, False)
    return Ragged(of.x, of.y, of.rings, of.polygons[of.shapes])


def cut_rings(
    operation: Operation, wholes: Ragged, cutters: Ragged, rows: Ints, chosen: Ints, starts: Ints
) -> Pieces:
    """Cut some `rows` (n,) of shapes, each by those from `starts[i]` (n + 1,) of `chosen` cutters.

    A clip must have one for each. What is CUT is not checked.
    """
    of = Rings(
        np.concatenate((wholes.x, cutters.x)),
        np.concatenate((wholes.y, cutters.y)),
        np.concatenate((wholes.rings, cutters.rings[1:] + wholes.rings[-1])),
        np.concatenate((wholes.shapes, cutters.shapes[1:] + wholes.shapes[-1])),
    )
    count = len(wholes.shapes) - 1
    return overlay_rings(of, rows, chosen + count, starts, operation == "erase")


def as_polygons(pieces: Pieces) -> Polygons:
    """Return pieces as polygons; rows that are not CUT have none."""
    return Polygons(pieces.x, pieces.y, pieces.rings, pieces.polygons, pieces.rows)


def to_shapes(pieces: Pieces) -> Shapes:
    """Return the shape of each row (n,) that is CUT, else None."""
    made: Shapes = np.full(len(pieces.status), None, np.object_)
    cut = np.flatnonzero(pieces.status == CUT)
    if len(cut):
        made[cut] = _to_shapes(pieces, cut)
    return made


def _to_shapes(pieces: Pieces, cut: Ints) -> Shapes:
    """Build the shapes of the rows that have polygons, one or several."""
    corners: Any = np.column_stack((pieces.x, pieces.y))
    offsets = (pieces.rings, pieces.polygons)
    polygons: Any = shapely.from_ragged_array(shapely.GeometryType.POLYGON, corners, offsets)
    number = np.diff(pieces.rows)[cut]
    made: Shapes = polygons[pieces.rows[cut]]
    several = np.flatnonzero(number > 1)
    if len(several):
        row = np.repeat(np.arange(len(cut)), number)
        among = number[row] > 1
        place = np.repeat(np.arange(len(several)), number[several])
        made[several] = shapely.multipolygons(polygons[among], indices=place)
    return made
