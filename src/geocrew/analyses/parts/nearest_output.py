"""Rows of the result of a nearest search: source, target, distance, and the shape between them."""

from typing import Literal, LiteralString

from geocrew.analysis import Column
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.output import Results
from geocrew.datasets.pairing import Side, prefixed_attributes

Geometry = Literal["source", "line"]

COLUMNS = (
    Column("target_id", "bigint", "id of the target; its key, of whatever type, where it has one"),
    Column("rank", "integer", "1 for the nearest target of the source, 2 for the next …"),
    Column("distance", "double precision", "distance between the two shapes, 0 where they touch"),
)

_PLANAR_LINE: LiteralString = "ST_ShortestLine({source}, {target})"
# No version 3.3 of PostGIS has the shortest line on an ellipsoid: its ends are found in the plane where
# a degree of longitude has the length it has there, the target moved by a turn where that is nearer.
_GEOGRAPHIC_LINE: LiteralString = """(
    SELECT ST_WrapX(ST_WrapX(line, 180, -360), -180, 360)
    FROM (
        SELECT ST_Scale(
            ST_ShortestLine(
                ST_Scale(source, narrow, 1), ST_Scale(ST_Translate(target, turn, 0), narrow, 1)
            ), 1 / narrow, 1
        ) AS line, narrow, turn
        FROM (SELECT {source} AS source, {target} AS target OFFSET 0) AS both_shapes
        CROSS JOIN LATERAL (
            SELECT GREATEST(1e-6, cos(radians(ST_Y(ST_ClosestPoint(source, target))))) AS narrow
        ) AS scale
        CROSS JOIN (VALUES (0.0), (-360.0), (360.0)) AS turns (turn)
    ) AS lines
    ORDER BY ST_Length(ST_Scale(line, narrow, 1)), abs(turn), turn LIMIT 1
)"""


def pair_results(
    source: Side,
    target: Side,
    pairs: Expression,
    ctes: Expression,
    *,
    geometry: Geometry,
    geographic: bool,
    once: bool,
    numbered: bool,
    keep_unmatched: bool,
) -> Results:
    """Join sources and targets by `pairs`, a relation of source, target, rank and distance.

    `once`: no source has more than one target, so its id can be the row's. `numbered`: pairs have their
    number already, which spares the server to sort the output.
    """
    columns = [("target_id", target.identity("t"))]
    taken = [column.name for column in COLUMNS]
    columns += prefixed_attributes(target, "t", "target", taken)
    columns += [("rank", compose("r.rank")), ("distance", compose("r.distance"))]
    joins = compose(
        "{numbers} {kind} JOIN {pairs} AS r ON r.source = {source}"
        " {kind} JOIN {targets} ON {target} = r.target {target_numbers}",
        numbers=source.identity_join("s"),
        kind=compose("LEFT" if keep_unmatched else "INNER"),
        pairs=pairs,
        source=source.row("s"),
        targets=target.features.rows("t"),
        target=target.row("t"),
        target_numbers=target.identity_join("t"),
    )
    number = compose("row_number() OVER (ORDER BY {source}, r.rank)", source=source.row("s"))
    if numbered and not keep_unmatched:
        number = compose("r.number")
    return Results(
        columns=columns,
        joins=joins,
        ctes=ctes,
        shape=_line(source, target, geographic) if geometry == "line" else None,
        number=None if once else number,
        source_id=source.identity("s"),
    )


def _line(source: Side, target: Side, geographic: bool) -> Expression:
    """Return the shortest connection; NULL where it has no length, for such a line is not valid.

    So it is where two touch, also where they do on the map alone, and not along the geodesic.
    """
    line = compose(
        _GEOGRAPHIC_LINE if geographic else _PLANAR_LINE,
        source=compose("ST_Force2D({shape})", shape=source.shape("s")),
        target=compose("ST_Force2D({shape})", shape=target.shape("t")),
    )
    return compose(
        "(CASE WHEN r.distance > 0 THEN (SELECT CASE WHEN ST_IsValid(made.line) THEN made.line END"
        " FROM (SELECT ST_Multi({line}) AS line OFFSET 0) AS made) END)"
        "::geometry(MultiLineString, {srid})",
        line=line,
        srid=source.features.layer.srid,
    )
