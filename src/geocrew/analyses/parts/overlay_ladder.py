"""One row's overlay in this process, with a ladder for shapes that GEOS stumbles over."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import shapely

from geocrew.datasets.type_ids import COLLECTION, SINGLE

Operation = Literal["clip", "erase"]


class Verdict:
    """What becomes of a row."""

    OUTSIDE = 0  # nothing of it remains
    KEPT = 1  # comes out bit for bit
    CUT = 2
    LOWER = 3  # only touching: what remains is of a lower dimension
    FAILED = 4
    EMPTY = 5  # had no shape
    PENDING = 6  # not decided
    SKIPPED = 7  # not valid, and to be left out


class Outcome(NamedTuple):
    """A verdict, the shape where it is CUT, and the rung of the ladder that gave it, 0 the first."""

    verdict: int
    shape: Any
    rung: int


# Fractions of the extent to whose multiples the last rungs snap.
_GRIDS = (1e-9, 1e-7)


def overlay_one(operation: Operation, shape: Any, mask: Any) -> Outcome:
    """Cut a valid shape by a valid mask: as is, then repaired, then snapped; else FAILED."""
    if shapely.get_type_id(shape) == COLLECTION:
        return _overlay_collection(operation, shape, mask)
    extent = max(np.subtract(*np.split(shapely.bounds(shape), 2)[::-1]))
    for rung, grid in enumerate((None, None, *(fraction * extent for fraction in _GRIDS))):
        try:
            if rung == 1:
                shape, mask = _repair(shape), _repair(mask)
            outcome = _overlay(operation, shape, mask, grid)
        except shapely.GEOSException:
            continue
        if outcome.shape is None or shapely.is_valid(outcome.shape):
            return outcome._replace(rung=rung)
    return Outcome(Verdict.FAILED, None, len(_GRIDS) + 2)


def _repair(shape: Any) -> Any:
    return shapely.make_valid(shape, method="structure", keep_collapsed=False)


def _overlay(operation: Operation, shape: Any, mask: Any, grid: float | None) -> Outcome:
    clip = operation == "clip"
    if not shapely.intersects(mask, shape):
        return Outcome(Verdict.OUTSIDE if clip else Verdict.KEPT, None, 0)
    if shapely.covers(mask, shape):
        return Outcome(Verdict.KEPT if clip else Verdict.OUTSIDE, None, 0)
    if not clip and not shapely.relate_pattern(shape, mask, "T********"):
        return Outcome(Verdict.KEPT, None, 0)
    cut = (shapely.intersection if clip else shapely.difference)(shape, mask, grid_size=grid)
    dimension = shapely.get_dimensions(shape)
    parts = [
        part
        for part in shapely.get_parts(shapely.get_parts(cut))
        if not part.is_empty and shapely.get_dimensions(part) == dimension
    ]
    if not parts:
        return Outcome(Verdict.LOWER if clip or not cut.is_empty else Verdict.OUTSIDE, None, 0)
    collect = (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)[dimension]
    return Outcome(Verdict.CUT, parts[0] if len(parts) == 1 else collect(parts), 0)


def _parts(shape: Any) -> Iterator[Any]:
    """Yield the points, lines and polygons of a shape."""
    if shapely.get_type_id(shape) in SINGLE:
        yield shape
        return
    for part in shapely.get_parts(shape):
        yield from _parts(part)


def _overlay_collection(operation: Operation, shape: Any, mask: Any) -> Outcome:
    """Cut the parts of a collection's members each by itself: GEOS takes no collections."""
    members = list(_parts(shape))
    outcomes = [overlay_one(operation, each, mask) for each in members]
    verdicts = np.array([each.verdict for each in outcomes])
    rung = max((each.rung for each in outcomes), default=0)
    if (verdicts == Verdict.FAILED).any():
        return Outcome(Verdict.FAILED, None, rung)
    kept = [
        each if outcome.shape is None else outcome.shape
        for each, outcome in zip(members, outcomes, strict=True)
        if outcome.verdict in (Verdict.KEPT, Verdict.CUT)
    ]
    if (verdicts == Verdict.KEPT).all():
        return Outcome(Verdict.KEPT, None, rung)
    if not kept:
        lower = (verdicts == Verdict.LOWER).any()
        return Outcome(Verdict.LOWER if lower else Verdict.OUTSIDE, None, rung)
    return Outcome(Verdict.CUT, shapely.geometrycollections(kept), rung)
