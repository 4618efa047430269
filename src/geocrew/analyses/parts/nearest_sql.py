"""The nearest targets of each source, as one SELECT of pairs.

Planar distances are those of ST_Distance; `<->` is the same number and walks the index on shapes.
Geographic ones are geodesics on WGS84: the index orders by the sphere and is wrong in 0.16 % of rows,
so it only bounds the reach within which the nearest must lie, and all of those are measured.
"""

import math
from dataclasses import dataclass
from typing import LiteralString

from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.pairing import Side

_NOTHING = compose("")


@dataclass(frozen=True)
class Search:
    """What is looked for: up to `limit` targets, no further than `reach` (None: anywhere).

    `unit` is the unit of results and of `reach` in that of the comparison; `same`: no row is its own
    neighbour.
    """

    limit: int
    reach: float | None
    unit: float
    geographic: bool
    same: bool

    @property
    def farthest(self) -> float:
        """A hair more than the reach, in the unit of the comparison; the exact limit comes after."""
        return math.inf if self.reach is None else self.reach * self.unit * (1 + 1e-12)


@dataclass(frozen=True)
class Targets:
    """Where targets are read: a FROM item with alias b, their names and shapes, which of them count.

    `made` is a CTE that must precede the SELECT. `probe` reads planar shapes in the same way,
    where geographic ones have no index that could bound the reach; `spot` is a planar point of each with
    such an index. `boxed`: the index on points as they are stored, in degrees, serves, but for `strays`,
    those beyond the bounds of degrees.
    `pieces` is a table of big planar shapes cut up (target, shape); distances to them are right to
    `noise`.
    """

    rows: Expression
    row: Expression
    shape: Expression
    usable: Expression
    made: Expression | None = None
    probe: "Targets | None" = None
    spot: Expression | None = None
    boxed: bool = False
    strays: "Targets | None" = None
    pieces: Expression | None = None
    noise: float = 0.0


_PAIRS: LiteralString = """
    SELECT {source} AS source, near.target, near.rank, near.distance
    FROM {sources}
    CROSS JOIN LATERAL (SELECT {shape} AS shape, {near} AS near OFFSET 0) AS a
    {search}
    CROSS JOIN LATERAL (
        SELECT target, apart / {unit} AS distance,
            (row_number() OVER (ORDER BY {order}, target))::integer AS rank
        FROM ({found}) AS found
        WHERE {within}
        ORDER BY {order}, target LIMIT {limit}
    ) AS near
    WHERE {takes_part} AND {part}
"""

# Ties come along, so that the order of the index does not decide which of them is left.
_NEAREST: LiteralString = """
    SELECT {row} AS target, a.shape <-> {shape} AS apart
    FROM {rows} WHERE {usable} AND {other} AND {bounded}
    ORDER BY apart FETCH FIRST {limit} ROWS WITH TIES
"""

# Any k targets bound the reach. The box on the sphere is wider by 1 %: the smallest radius of curvature
# of WGS84 is 0.56 % below the mean radius that _ST_Expand divides by.
_GEOGRAPHIC_SEARCH: LiteralString = """
    CROSS JOIN LATERAL (
        SELECT LEAST(max(apart), {reach}) + 0.001 AS reach
        FROM (
            SELECT {apart} AS apart
            FROM {rows} WHERE {usable} AND {other}
            ORDER BY {order} LIMIT {limit}
        ) AS few
    ) AS bound
"""
_ZONE: LiteralString = """
    CROSS JOIN LATERAL (SELECT _ST_Expand(a.shape, bound.reach * 1.01) AS zone OFFSET 0) AS around
"""
_GEOGRAPHIC: LiteralString = """
    SELECT target, apart
    FROM (
        (
            SELECT {row} AS target, {apart} AS apart
            FROM {rows} WHERE {indexed} && around.zone AND {usable} AND {other}
            OFFSET 0
        )
        {strays}
    ) AS close
    WHERE apart <= bound.reach
"""
_STRAYS: LiteralString = "UNION ALL SELECT {row}, {apart} FROM {rows} WHERE {usable} AND {other}"
# Points within the reach lie in a box of degrees, so the index on the points as they are stored serves.
# A degree of latitude has 110,574 m at least, one of longitude 111,320 m by the cosine of the farthest
# latitude on the way; near a pole, and where the box would cross the antimeridian, all longitudes count,
# and all latitudes for a source beyond the bounds of degrees, which PostGIS takes for some other place.
_BOX: LiteralString = """
    CROSS JOIN LATERAL (
        SELECT ST_MakeEnvelope(
            CASE WHEN whole THEN -180 ELSE x - wide END, CASE WHEN stray THEN -90 ELSE y - tall END,
            CASE WHEN whole THEN 180 ELSE x + wide END, CASE WHEN stray THEN 90 ELSE y + tall END,
            {srid}
        ) AS zone
        FROM (
            SELECT x, y, tall, wide, abs(y) + tall > 89 OR abs(x) + wide > 180 AS whole,
                abs(y) > 90 AS stray
            FROM (
                SELECT x, y, tall, tall / cos(radians(LEAST(abs(y) + tall, 89))) AS wide
                FROM (SELECT ST_X(a.near) AS x, ST_Y(a.near) AS y, bound.reach / 110500 AS tall) AS spot
            ) AS width
        ) AS sides
        OFFSET 0
    ) AS around
"""
# PostGIS calls edges on one great circle that lie opposite each other on the Earth crossing; boxes of
# shapes that touch have a place in common, so those are measured between their vertices. But for the
# last digits: the meridians of 180 and -180 degrees are not quite the same numbers.
_APART: LiteralString = """
    COALESCE(NULLIF(ST_Distance(a.shape, {shape}), 0), CASE
        WHEN _ST_Expand(a.shape, 1) && {shape} THEN 0 ELSE
        ST_Distance(ST_Points(a.shape::geometry)::geography, ST_Points({shape}::geometry)::geography)
    END)
"""

# The nearest pieces of k targets bound the reach; where too few targets are among them, whole shapes do.
_PIECES_SEARCH: LiteralString = """
    CROSS JOIN LATERAL (
        SELECT LEAST(COALESCE(
            (
                SELECT apart FROM (
                    SELECT min(apart) AS apart FROM (
                        SELECT p.target, a.shape <-> p.shape AS apart
                        FROM {pieces} AS p WHERE {other} ORDER BY apart LIMIT {first}
                    ) AS closest GROUP BY target
                ) AS grouped ORDER BY apart OFFSET {limit} - 1 LIMIT 1
            ),
            {whole}
        ), {reach}) AS reach
    ) AS bound
    CROSS JOIN LATERAL (SELECT bound.reach * 1e-9 + {noise} AS noise OFFSET 0) AS limits
"""
_WHOLE: LiteralString = """
    (
        SELECT max(apart) FROM (
            SELECT a.shape <-> {shape} AS apart FROM {rows} WHERE {usable} AND {other}
            ORDER BY apart LIMIT {limit}
        ) AS few
    )
"""
# Cuts move an edge by the last bit, so where that could decide (ties, touching, the end of the reach)
# the whole shape is measured.
_PIECES: LiteralString = """
    SELECT target, CASE WHEN doubtful THEN (
        SELECT ST_Distance(a.shape, {shape}) FROM {rows} WHERE {row} = target
    ) ELSE apart END AS apart
    FROM (
        SELECT target, apart,
            COALESCE(apart - lag(apart) OVER nearest <= limits.noise, false)
            OR COALESCE(lead(apart) OVER nearest - apart <= limits.noise, false)
            OR apart BETWEEN 5e-324 AND limits.noise
            OR COALESCE(abs(apart - {reach}) <= limits.noise, false) AS doubtful
        FROM (
            SELECT p.target, min(a.shape <-> p.shape) AS apart
            FROM {pieces} AS p WHERE ST_DWithin(p.shape, a.shape, bound.reach + limits.noise) AND {other}
            GROUP BY p.target
        ) AS close
        WINDOW nearest AS (ORDER BY apart)
    ) AS ranked
"""


def measured_shape(shape: Expression, geographic: bool) -> Expression:
    """Return a shape as distances are measured to it: degrees are always taken as WGS84."""
    return compose("ST_SetSRID({shape}, 4326)::geography", shape=shape) if geographic else shape


def pairs_select(
    source: Side, targets: Targets, search: Search, part: Expression | None = None
) -> Expression:
    """Return the SELECT of source, target, rank and distance; `part` is a condition on the sources."""
    order = "round(apart::numeric, 3)" if search.geographic else "apart"
    if search.reach is None:
        within = compose("apart IS NOT NULL")
    else:
        within = compose("apart / {unit} <= {reach}", unit=search.unit, reach=search.reach)
    steps, found = _search(source, targets, search)
    return compose(
        _PAIRS,
        source=source.row("s"),
        sources=source.features.rows("s"),
        shape=measured_shape(source.shape("s"), search.geographic),
        near=_near(source, targets),
        search=steps,
        found=found,
        unit=search.unit,
        within=within,
        order=compose(order),
        limit=search.limit,
        takes_part=source.takes_part("s"),
        part=part or compose("true"),
    )


def _search(source: Side, targets: Targets, search: Search) -> tuple[Expression, Expression]:
    """Return the laterals that bound the search, and the SELECT of target and apart within it."""
    reach = None if search.reach is None else search.farthest
    bounds = {"reach": compose("NULL::float8") if reach is None else reach, "limit": search.limit}
    whole = _from(targets, source, search)
    if search.geographic:
        probe = targets.probe or targets
        steps = compose(
            _GEOGRAPHIC_SEARCH,
            **_from(probe, source, search)
            | {"order": compose("a.near <-> {near}", near=targets.spot or probe.shape)}
            | {"apart": compose(_APART, shape=measured_shape(probe.shape, targets.probe is not None))},
            **bounds,
        )
        box = compose(_BOX, srid=source.features.layer.srid) if targets.boxed else compose(_ZONE)
        return compose("{steps} {box}", steps=steps, box=box), compose(
            _GEOGRAPHIC,
            **whole,
            apart=compose(_APART, shape=targets.shape),
            indexed=probe.shape if targets.boxed else targets.shape,
            strays=_NOTHING if targets.strays is None else _stray(targets.strays, source, search),
        )
    if targets.pieces is None:
        bounded = "true" if reach is None else "ST_DWithin(a.shape, {shape}, {reach})"
        near = compose(bounded, shape=targets.shape, reach=bounds["reach"])
        return _NOTHING, compose(_NEAREST, **whole, bounded=near, limit=search.limit)
    pieces = {"pieces": targets.pieces, "other": _other(compose("p.target"), source, search)}
    steps = compose(
        _PIECES_SEARCH,
        **pieces,
        **bounds,
        first=1 if search.limit == 1 else 8 * search.limit,
        noise=targets.noise,
        whole=compose(_WHOLE, **whole, limit=search.limit) if reach is None else reach,
    )
    return steps, compose(_PIECES, **whole | pieces, reach=bounds["reach"])


def _stray(strays: Targets, source: Side, search: Search) -> Expression:
    apart = compose(_APART, shape=strays.shape)
    return compose(_STRAYS, **_from(strays, source, search), apart=apart)


def _near(source: Side, targets: Targets) -> Expression:
    """Return what the targets that bound the reach are near to.

    In the plane of the degrees: PostGIS's search by an index on geography fails now and then, for shapes
    and for points ("index returned tuples in wrong order"), and any k targets are good enough.
    """
    if targets.spot is not None:
        return source.spot("s")
    return source.shape("s") if targets.probe is not None else compose("NULL::geometry")


def _from(targets: Targets, source: Side, search: Search) -> dict[str, Expression]:
    return {
        "rows": targets.rows,
        "row": targets.row,
        "shape": targets.shape,
        "usable": targets.usable,
        "other": _other(targets.row, source, search),
    }


def _other(row: Expression, source: Side, search: Search) -> Expression:
    if not search.same:
        return compose("true")
    return compose("{row} <> {source}", row=row, source=source.row("s"))
