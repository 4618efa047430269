"""Which points lie in a mask: by the cell of a grid, and near the mask's border one by one here.

Only those near the border travel. No shape is cut, and none is checked: a point with finite coordinates
is valid.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import LiteralString

import numpy as np
import shapely

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.analyses.parts.overlay_grid import APART, CROSSED, INSIDE, Grid, lay_grid
from geocrew.analyses.parts.overlay_ladder import Operation
from geocrew.analyses.parts.overlay_mask import Mask
from geocrew.analyses.parts.overlay_rows import gather
from geocrew.datasets.arrays import Array, ArrayType, read_arrays, write_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.staging import Staging
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats

# With more polygons than this near, an index of the points pays.
_FEW = 8
_GROUP = 65_536
# The subquery is hashed once and looked up for the points of crossed cells only.
_REMAINS: dict[Operation, LiteralString] = {
    "clip": "CASE {code} WHEN {inside} THEN true"
    " WHEN {crossed} THEN s.ctid IN (SELECT row FROM {near}) ELSE false END",
    "erase": "CASE {code} WHEN {inside} THEN false WHEN {apart} THEN true"
    " WHEN {crossed} THEN s.ctid IN (SELECT row FROM {near}) ELSE NOT {hollow} END",
}
_TYPES: dict[str, ArrayType] = {"row": "tid", "x": "float8", "y": "float8"}


@dataclass(frozen=True)
class Sorted:
    """Points told apart: how many rows, how many without a place, and those that remain as SQL.

    `where` is over the rows s; `hollow` is the condition of those without a place.
    """

    total: int
    empty: int
    where: Expression
    hollow: Expression


def sort_points(
    operation: Operation,
    connection: Connection,
    staging: Staging,
    features: Features,
    mask: Mask,
    show: Callable[[float], None],
) -> Sorted:
    """Tell the points that remain; in a transaction with one snapshot."""
    grid = lay_grid(mask)
    shape = features.layer.shape("s")
    code = _code(grid, compose("ST_X({shape})", shape=shape), compose("ST_Y({shape})", shape=shape))
    total, doubtful = _read_doubtful(connection, features, grid, show)
    somewhere = np.isfinite(doubtful["x"]) & np.isfinite(doubtful["y"])
    covered = find_covered(doubtful["x"], doubtful["y"], np.flatnonzero(somewhere), mask)
    remain = covered if operation == "clip" else somewhere & ~covered
    table = staging.relation("near")
    connection.execute(compose("CREATE UNLOGGED TABLE {table} (row tid)", table=table))
    write_arrays(connection, table, {"row": ("tid", doubtful["row"][remain])})
    connection.execute(compose("ANALYZE {table}", table=table))
    hollow = features.hollow("s")
    where = compose(
        _REMAINS[operation],
        code=code,
        hollow=hollow,
        apart=APART,
        inside=INSIDE,
        crossed=CROSSED,
        near=table,
    )
    return Sorted(
        total=total,
        empty=int((~somewhere).sum()),
        where=where,
        hollow=hollow,
    )


def _code(grid: Grid | None, x: Expression, y: Expression) -> Expression:
    return compose("NULL::int") if grid is None else grid.code(x, y)


def _read_doubtful(
    connection: Connection, features: Features, grid: Grid | None, show: Callable[[float], None]
) -> tuple[int, dict[str, Array]]:
    """Count all rows; read those near the border, and those without a place (x or y not finite)."""
    query = (
        "SELECT row, COALESCE(x, 'NaN'), COALESCE(y, 'NaN') FROM (SELECT s.ctid AS row,"
        " ST_X({shape}) AS x, ST_Y({shape}) AS y FROM {rows} WHERE {part} OFFSET 0) AS p"
        " WHERE COALESCE({code} = {crossed}, (x * 0 + y * 0 = 0) IS NOT true)"
    )
    total, pieces = 0, []
    for part in block_ranges(connection, features.layer, show):
        parts = {"rows": features.rows("s"), "part": part}
        row = connection.execute(compose("SELECT count(*) FROM {rows} WHERE {part}", **parts)).fetchone()
        total += row[0] if row is not None else 0
        select = compose(
            query,
            shape=features.layer.shape("s"),
            code=_code(grid, compose("x"), compose("y")),
            crossed=CROSSED,
            **parts,
        )
        pieces.append(read_arrays(connection, select, _TYPES))
    if not pieces:
        return 0, read_arrays(connection, compose("SELECT NULL::tid, 0.0, 0.0 LIMIT 0"), _TYPES)
    return total, {name: np.concatenate([piece[name] for piece in pieces]) for name in _TYPES}


def find_covered(x: Floats, y: Floats, numbers: Array, mask: Mask) -> Array:
    """Return which of the points (n,), among those numbered, are inside or on the edge of the mask."""
    covered = np.zeros(len(x), bool)
    chunks = gather(np.column_stack((x, y, x, y)), np.arange(len(x)), numbers, _GROUP)
    for chunk in range(len(chunks)):
        numbers = chunks.of(chunk)
        polygons = mask.near(chunks.boxes[chunk])
        hit = np.zeros(len(numbers), bool)
        if len(polygons) > _FEW:
            tree = shapely.STRtree(shapely.points(x[numbers], y[numbers]))
            hit[tree.query(polygons, predicate="intersects")[1]] = True
        else:
            for polygon in polygons:
                shapely.prepare(polygon)
                hit |= shapely.intersects_xy(polygon, x[numbers], y[numbers])
        covered[numbers[hit]] = True
    return covered
