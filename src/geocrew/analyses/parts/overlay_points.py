"""Which points lie in a mask: coordinates travel, and no shape is cut."""

from collections.abc import Callable

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_mask import Mask
from geocrew.analyses.parts.overlay_rows import Chunks, Rows
from geocrew.datasets.arrays import Array

# With more polygons than this near, an index of the points pays.
_FEW = 8
GROUP = 65_536


def find_covered(rows: Rows, chunks: Chunks, mask: Mask, show: Callable[[float], None]) -> Array:
    """Return which rows (n,) are points inside or on the edge of the mask."""
    covered = np.zeros(len(rows.row), bool)
    done = 0
    for chunk in range(len(chunks)):
        numbers = chunks.of(chunk)
        polygons = mask.near(chunks.boxes[chunk])
        x, y = (
            np.ascontiguousarray(rows.bounds[numbers, 0]),
            np.ascontiguousarray(rows.bounds[numbers, 1]),
        )
        hit = np.zeros(len(numbers), bool)
        if len(polygons) > _FEW:
            hit[shapely.STRtree(shapely.points(x, y)).query(polygons, predicate="intersects")[1]] = True
        else:
            for polygon in polygons:
                shapely.prepare(polygon)
                hit |= shapely.intersects_xy(polygon, x, y)
        covered[numbers[hit]] = True
        done += len(numbers)
        show(done / len(chunks.rows))
    return covered
