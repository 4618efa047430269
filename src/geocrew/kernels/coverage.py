"""The union of many shapes: fast where they fit together, robust where they do not.

Polygons are first taken for a coverage, whose union only drops the edges that two of them share. That
is trusted after the fact: overlaps raise, leave an invalid union, or one that is not bounded by what
remains of the polygons' edges. Its area would not tell: a small polygon that comes twice, and vanishes
with all of its edges, is nothing beside a large one. Asking coverage_is_valid beforehand costs 2.6 times
as much as the area did.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely

from geocrew.kernels.boundary import sum_boundary
from geocrew.kernels.seams import OnProgress, Shapes, unite_coverage

Way = Literal["coverage", "overlay", "repaired", "snapped_1e-9", "snapped_1e-7"]

_COLLECT = (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)
_MULTI = (4, 5, 6)  # shapely's type ids of MultiPoint, MultiLineString, MultiPolygon


@dataclass(frozen=True)
class United:
    """A valid Multi shape, and the rung of the ladder that gave it."""

    shape: Any
    way: Way


def unite(
    shapes: Shapes, dimension: int, on_progress: OnProgress = lambda _share: None
) -> United | None:
    """Unite shapes (n,) of one dimension, 0 to 2; None where every rung fails.

    The vertices of the result depend on the order of the shapes where they overlap: sort them first.
    `on_progress` hears the share done of a large coverage; other rungs are one silent call of GEOS.
    """
    for way, attempt in _LADDER.items():
        try:
            with np.errstate(invalid="ignore", over="ignore"):
                union = attempt(shapes, dimension, on_progress)
        except shapely.GEOSException:
            continue
        if union is not None:
            return United(union, way)
    return None


def _as_coverage(shapes: Shapes, dimension: int, on_progress: OnProgress) -> Any:
    if dimension != 2:
        return None
    union = unite_coverage(shapes, on_progress)
    if union is None or sum_boundary(np.array([union], object)) != sum_boundary(shapes):
        return None
    return union


def _as_overlay(shapes: Shapes, dimension: int, _on_progress: OnProgress) -> Any:
    return _of_dimension(shapely.union_all(shapes), dimension)


def _repaired(shapes: Shapes, dimension: int, on_progress: OnProgress) -> Any:
    mended = shapely.make_valid(shapes, method="structure", keep_collapsed=False)
    return _as_overlay(mended, dimension, on_progress)


def _snapped(shapes: Shapes, dimension: int, share: float) -> Any:
    """Unite on a grid whose step is a share of the extent's longer side."""
    xmin, ymin, xmax, ymax = shapely.total_bounds(shapes)
    step = share * float(max(xmax - xmin, ymax - ymin))
    return _of_dimension(shapely.union_all(shapes, grid_size=step), dimension)


_LADDER: dict[Way, Callable[[Shapes, int, OnProgress], Any]] = {
    "coverage": _as_coverage,
    "overlay": _as_overlay,
    "repaired": _repaired,
    "snapped_1e-9": lambda shapes, dimension, _: _snapped(shapes, dimension, 1e-9),
    "snapped_1e-7": lambda shapes, dimension, _: _snapped(shapes, dimension, 1e-7),
}


def _of_dimension(shape: Any, dimension: int) -> Any:
    """Return the Multi shape of the parts of `dimension`, None where there are none or it is invalid."""
    if shapely.get_type_id(shape) != _MULTI[dimension]:
        parts = shapely.get_parts(shapely.get_parts(shape))
        parts = parts[(shapely.get_dimensions(parts) == dimension) & ~shapely.is_empty(parts)]
        shape = _COLLECT[dimension](parts)
    return shape if not shapely.is_empty(shape) and shapely.is_valid(shape) else None
