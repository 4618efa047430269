"""Many rows cut at once: most at a glance, others by GEOS, and what that refuses up the ladder."""

from typing import NamedTuple

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_ladder import Operation, Verdict, overlay_one
from geocrew.analyses.parts.overlay_mask import unite
from geocrew.analyses.parts.overlay_pairs import Cutters
from geocrew.analyses.parts.overlay_rings import (
    Shapes,
    are_flat_polygons,
    as_polygons,
    as_rings,
    cut_rings,
    to_rings,
    to_shapes,
)
from geocrew.datasets.arrays import Array
from geocrew.datasets.type_ids import COLLECTION
from geocrew.kernels.arrays import Ints
from geocrew.kernels.ewkb import Polygons
from geocrew.kernels.ring_overlay import CUT, NOTHING, WHOLE, Pieces
from geocrew.kernels.valid_polygons import find_valid
from geocrew.kernels.validity import is_valid

_TYPE_OF_DIMENSION = np.array([[0, 4], [1, 5], [3, 6]])  # single and multi


class Cut(NamedTuple):
    """Arrays (n,) of verdicts and of shapes where CUT, else None; how many were mended or snapped."""

    verdicts: Array
    pieces: Shapes
    mended: int


def sides(operation: Operation) -> tuple[int, int]:
    """Return the verdict of what is wholly inside the mask, and of what is wholly outside."""
    if operation == "clip":
        return Verdict.KEPT, Verdict.OUTSIDE
    return Verdict.OUTSIDE, Verdict.KEPT


def cut_rows(operation: Operation, shapes: Shapes, cutters: Cutters) -> Cut:
    """Cut valid shapes (n,), each by the union of its cutters, of which it has one at least."""
    verdicts = np.full(len(shapes), Verdict.PENDING, np.int16)
    pieces: Shapes = np.full(len(shapes), None, np.object_)
    single = cutters.counts == 1
    flat = np.flatnonzero(are_flat_polygons(shapes) & (single if operation == "clip" else True))
    _cut_rings(operation, shapes, cutters, flat, verdicts, pieces)
    rest = np.flatnonzero(verdicts == Verdict.PENDING)
    verdicts[rest[_are_covered(shapes[rest], cutters.of(rest))]] = sides(operation)[0]
    rest = np.flatnonzero(verdicts == Verdict.PENDING)
    among = cutters.of(rest)
    slow = cut_by_masks(operation, shapes[rest], _unite(shapes[rest], among))
    verdicts[rest], pieces[rest] = slow.verdicts, slow.pieces
    return Cut(verdicts, pieces, slow.mended)


def cut_polygons(
    operation: Operation, polygons: Polygons, rows: Ints, cutters: Cutters
) -> tuple[Array, Pieces]:
    """Cut surely valid shapes, `rows` (n,) of them, each by its cutters; a clip takes one for each.

    Returns verdicts (n,), PENDING of what is not sure, and the pieces of those that are CUT.
    """
    blades = cutters.turned if operation == "erase" else cutters.outlines
    pieces = cut_rings(operation, as_rings(polygons), blades, rows, cutters.chosen, cutters.starts)
    verdicts = np.full(len(rows), Verdict.PENDING, np.int16)
    verdicts[pieces.status == NOTHING] = Verdict.OUTSIDE
    verdicts[pieces.status == WHOLE] = Verdict.KEPT
    verdicts[(pieces.status == CUT) & find_valid(as_polygons(pieces))] = Verdict.CUT
    return verdicts, pieces


def _cut_rings(
    operation: Operation, shapes: Shapes, cutters: Cutters, rows: Ints, verdicts: Array, pieces: Shapes
) -> None:
    """Decide polygons where every crossing is sure; the others stay PENDING."""
    among, wholes = cutters.of(rows), to_rings(shapes[rows], turned=False)
    blades = cutters.turned if operation == "erase" else cutters.outlines
    made = cut_rings(operation, wholes, blades, np.arange(len(rows)), among.chosen, among.starts)
    verdicts[rows[made.status == NOTHING]] = Verdict.OUTSIDE
    verdicts[rows[made.status == WHOLE]] = Verdict.KEPT
    cut, found = np.flatnonzero(made.status == CUT), to_shapes(made)
    good = cut[is_valid(found[cut])]
    verdicts[rows[good]], pieces[rows[good]] = Verdict.CUT, found[good]


def _are_covered(shapes: Shapes, cutters: Cutters) -> Array:
    """Return which of shapes (n,) are inside a single one of several cutters, on its edge included.

    Their union has corners where their edges cross, which are rounded: it does not quite hold them.
    """
    covered = np.zeros(len(shapes), bool)
    row, chosen = cutters.pairs()
    inner, outer = shapely.bounds(shapes)[row], shapely.bounds(cutters.shapes)[chosen]
    near = (inner[:, :2] >= outer[:, :2]).all(axis=1) & (inner[:, 2:] <= outer[:, 2:]).all(axis=1)
    near &= (cutters.counts > 1)[row] & (shapely.get_type_id(shapes) != COLLECTION)[row]
    row, blades = row[near], cutters.shapes[chosen[near]]
    shapely.prepare(blades)
    covered[row[shapely.covers(blades, shapes[row])]] = True
    return covered


def _unite(shapes: Shapes, cutters: Cutters) -> Shapes:
    """Return for each shape (n,) the union of its cutters, prepared."""
    made: Shapes = np.full(len(shapes), None, np.object_)
    bounds = shapely.bounds(shapes)
    for row in range(len(shapes)):
        chosen = cutters.chosen[cutters.starts[row] : cutters.starts[row + 1]]
        made[row] = unite(cutters.shapes[chosen], bounds[row])
    shapely.prepare(made)
    return made


def cut_by_masks(operation: Operation, shapes: Shapes, masks: Shapes) -> Cut:
    """Cut valid shapes (n,), each by the valid, prepared mask (n,) of its own; GEOS does all of it."""
    verdicts = np.full(len(shapes), Verdict.PENDING, np.int16)
    pieces: Shapes = np.full(len(shapes), None, np.object_)
    plain = np.flatnonzero(shapely.get_type_id(shapes) != COLLECTION)
    try:
        _cut_plain(operation, shapes, masks, plain, verdicts, pieces)
    except shapely.GEOSException:
        verdicts[:], pieces[:] = Verdict.PENDING, None
    mended = 0
    for row in np.flatnonzero(verdicts == Verdict.PENDING):
        outcome = overlay_one(operation, shapes[row], masks[row])
        verdicts[row], pieces[row] = outcome.verdict, outcome.shape
        mended += outcome.rung > 0 and outcome.verdict != Verdict.FAILED
    return Cut(verdicts, pieces, mended)


def _cut_plain(
    operation: Operation, shapes: Shapes, masks: Shapes, rows: Ints, verdicts: Array, pieces: Shapes
) -> None:
    """Decide rows that are no collections; those whose piece is no plain valid shape stay PENDING."""
    inside, outside = sides(operation)
    met = shapely.intersects(masks[rows], shapes[rows])
    verdicts[rows[~met]] = outside
    rows = rows[met]
    covered = shapely.covers(masks[rows], shapes[rows])
    verdicts[rows[covered]] = inside
    rows = rows[~covered]
    if operation == "erase":
        # A difference takes away what runs along a border, and may add vertices of what only touches.
        touching = shapely.touches(masks[rows], shapes[rows])
        verdicts[rows[touching]] = outside
        rows = rows[~touching]
    overlay = shapely.intersection if operation == "clip" else shapely.difference
    whole = shapes[rows]
    cut: Shapes = overlay(whole, masks[rows])
    types = _TYPE_OF_DIMENSION[shapely.get_dimensions(whole)]
    good = (types == shapely.get_type_id(cut)[:, None]).any(axis=1) & ~shapely.is_empty(cut)
    good[good] = is_valid(cut[good])
    verdicts[rows[good]], pieces[rows[good]] = Verdict.CUT, cut[good]
