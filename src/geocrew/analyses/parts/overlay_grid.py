"""A mask as a grid of cells, inside, outside or crossed: most points are told by their cell alone."""

from dataclasses import dataclass

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_mask import Mask, enlarged
from geocrew.analyses.parts.overlay_rings import Shapes
from geocrew.datasets.arrays import Array
from geocrew.datasets.compose import Expression, compose
from geocrew.kernels.arrays import Floats

APART, INSIDE, CROSSED = 0, 1, 2
_TILES, _CELLS = 8, 16  # a side: tiles that are crossed are divided into cells
_SIDE = _TILES * _CELLS


@dataclass(frozen=True)
class Grid:
    """Codes of cells (y, x) over `box` (4,), larger than the mask; `step` (2,) is a cell's size.

    No point of a cell INSIDE or APART is near enough to its border for rounding to matter.
    """

    box: Floats
    step: Floats
    codes: Array

    def code(self, x: Expression, y: Expression) -> Expression:
        """Return the code of the cell that a point is in; NULL where it is beyond the box or nowhere."""
        west, south, east, north = (float(each) for each in self.box)
        return compose(
            "CASE WHEN {x} BETWEEN {west} AND {east} AND {y} BETWEEN {south} AND {north} THEN get_byte("
            "{codes}::bytea, floor(({y} - {south}) / {high})::int * {side}"
            " + floor(({x} - {west}) / {wide})::int) END",
            x=x,
            y=y,
            west=west,
            south=south,
            east=east,
            north=north,
            wide=float(self.step[0]),
            high=float(self.step[1]),
            side=_SIDE,
            codes="\\x" + self.codes.astype(np.uint8).tobytes().hex(),
        )


def lay_grid(mask: Mask) -> Grid | None:
    """Return the grid of a mask; None where there is nothing in the mask."""
    if mask.bounds is None:
        return None
    box = enlarged(mask.bounds)
    # The last cell is half beyond the box: no point falls off the end.
    step = (box[2:] - box[:2]) / (_SIDE - 0.5)
    codes = np.full((_SIDE, _SIDE), APART, np.uint8)
    for row in range(0, _SIDE, _CELLS):
        for column in range(0, _SIDE, _CELLS):
            tile = _cells(box, step, range(column, column + 1), range(row, row + 1), _CELLS)
            polygons = mask.near(tile[0])
            code = _codes(polygons, tile)[0]
            if code == CROSSED:
                columns, rows = range(column, column + _CELLS), range(row, row + _CELLS)
                cells = _codes(polygons, _cells(box, step, columns, rows, 1))
                codes[row : row + _CELLS, column : column + _CELLS] = cells.reshape(_CELLS, _CELLS)
            else:
                codes[row : row + _CELLS, column : column + _CELLS] = code
    return Grid(box, step, codes)


def _cells(box: Floats, step: Floats, columns: range, rows: range, size: int) -> Floats:
    """Return the boxes (n, 4) of cells, larger by more than a cell number's rounding can err."""
    x, y = np.meshgrid(np.array(columns), np.array(rows))
    corner = np.column_stack((x.ravel(), y.ravel()))
    margin = np.maximum(1e-6 * step, np.abs(box).max() * 1e-13)
    low = box[:2] + corner * step - margin
    return np.column_stack((low, box[:2] + (corner + size) * step + margin))


def _codes(polygons: Shapes, boxes: Floats) -> Array:
    """Say of boxes (n, 4) what they are to the union of polygons; INSIDE only of a single one."""
    codes = np.full(len(boxes), APART, np.uint8)
    if not len(polygons):
        return codes
    shapes = shapely.box(*boxes.T)
    shapely.prepare(polygons)
    cell, polygon = shapely.STRtree(polygons).query(shapes)
    met = shapely.intersects(polygons[polygon], shapes[cell])
    cell, polygon = cell[met], polygon[met]
    codes[cell] = CROSSED
    codes[cell[shapely.covers(polygons[polygon], shapes[cell])]] = INSIDE
    return codes
