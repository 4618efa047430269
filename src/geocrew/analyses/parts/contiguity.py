"""Polygons as neighbours: who shares a corner or an edge, in this process and as SQL."""

from dataclasses import dataclass
from typing import Literal, LiteralString

import numpy as np

from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.geometry import OutputGeometry
from geocrew.datasets.layer import Layer
from geocrew.errors import InvalidParameters
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.contiguity import Outlines, contiguity_lag, share_corners, share_edges
from geocrew.kernels.lag import Lag
from geocrew.kernels.pace import OnProgress

Contiguity = Literal["queen", "rook"]

_MAYBE_POLYGONS = {"Polygon", "MultiPolygon", "CurvePolygon", "MultiSurface", "Geometry"}

# A corner or an edge is one array: of a join by four columns the planner expects no rows and loops over
# all of them (9.1 s for 3,137 counties, 0.9 s like this).
_MARKS: dict[Contiguity, LiteralString] = {
    "queen": """
        marks AS MATERIALIZED (
            SELECT {row} AS row, ARRAY[ST_X(corner.geom), ST_Y(corner.geom)] AS mark
            FROM {rows}
            CROSS JOIN LATERAL ST_DumpPoints({shape}) AS corner
            WHERE {takes_part}
        ),
    """,
    "rook": """
        marks AS MATERIALIZED (
            SELECT {row} AS row,
                CASE WHEN (x1, y1) < (x2, y2) THEN ARRAY[x1, y1, x2, y2] ELSE ARRAY[x2, y2, x1, y1] END
                    AS mark
            FROM {rows}
            CROSS JOIN LATERAL ST_DumpSegments({shape}) AS edge
            CROSS JOIN LATERAL (
                SELECT ST_X(ST_StartPoint(edge.geom)) AS x1, ST_Y(ST_StartPoint(edge.geom)) AS y1,
                    ST_X(ST_EndPoint(edge.geom)) AS x2, ST_Y(ST_EndPoint(edge.geom)) AS y2
            ) AS ends
            WHERE {takes_part} AND (x1, y1) <> (x2, y2)
        ),
    """,
}
# Each polygon shares all it has with itself, and so is among its neighbours.
_LAG: LiteralString = """
    pairs AS (
        SELECT DISTINCT one.row, other.row AS neighbour
        FROM marks AS one
        JOIN marks AS other ON one.mark = other.mark
    ),
    lag AS (
        SELECT pairs.row, count(*) AS members,
            sum(other.value - m.mean - m.rest ORDER BY other.value) AS total
        FROM pairs
        JOIN usable AS other ON other.row = pairs.neighbour
        CROSS JOIN moments AS m
        WHERE pairs.row <> pairs.neighbour OR {told}
        GROUP BY pairs.row
    )
"""


@dataclass(frozen=True)
class Polygons:
    """The outlines of all rows that take part; owners are where a row's rank is in `ranks`, rising."""

    contiguity: Contiguity
    ranks: Ints
    outlines: Outlines

    def lag(self, rank: Ints, values: Floats, on_progress: OnProgress) -> Lag:
        """Sum `values` (n,) over each of the rows with these ranks (n,) and its neighbours."""
        share = share_corners if self.contiguity == "queen" else share_edges
        return contiguity_lag(share(self._chosen(rank), rank.size), values, on_progress)

    def _chosen(self, rank: Ints) -> Outlines:
        """Return the outlines of the rows with these ranks, numbered in their order."""
        number = np.full(self.ranks.size, -1)
        number[np.searchsorted(self.ranks, rank)] = np.arange(rank.size)
        x, y, offsets, owners = self.outlines
        owners, sizes = number[owners], np.diff(offsets)
        rings = owners >= 0
        corners = np.repeat(rings, sizes)
        offsets = np.concatenate(([0], np.cumsum(sizes[rings])))
        return Outlines(x[corners], y[corners], offsets, owners[rings])


def check_polygons(contiguity: Contiguity, layer: Layer, geometry: OutputGeometry | None = None) -> None:
    """Raise InvalidParameters for what cannot be, or where `geometry` is known is not, all polygons."""
    kind = layer.geometry_type.rstrip("ZM")
    if geometry is not None and geometry.dimension != 2:
        kind = "shapes of several dimensions" if geometry.dimension is None else geometry.type
    elif kind in _MAYBE_POLYGONS:
        return
    problem = f'neighbor_type "{contiguity}" needs polygons, but {layer.described} has {kind}'
    raise InvalidParameters([f"{problem}; choose distance or knn"])


def contiguity_cte(
    contiguity: Contiguity,
    features: Features,
    *,
    row: Expression,
    takes_part: Expression,
    told: Expression,
) -> Expression:
    """Return CTE `lag` over neighbours of rows b, after CTEs `usable` and `moments`.

    `told` is a condition that is true of each row of CTE `pairs`.
    """
    marks = compose(
        _MARKS[contiguity],
        row=row,
        rows=features.rows("b"),
        shape=features.geometry.straight(features.shape("b")),
        takes_part=takes_part,
    )
    return compose("{marks}{lag}", marks=marks, lag=compose(_LAG, told=told))
