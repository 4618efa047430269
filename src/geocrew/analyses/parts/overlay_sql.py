"""The overlay of rows with the mask of their chunk, as SQL; and the whole of it as a view says it."""

from collections.abc import Mapping
from typing import LiteralString

from geocrew.analyses.parts.overlay_ladder import Operation, Verdict
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features

# ST_Covers(mask, row), never ST_CoveredBy(row, mask): only the first is prepared, 400 times faster.
# OFFSET 0 keeps PostgreSQL from computing an overlay once for each use of it.
_CUT_ROWS: LiteralString = """
    WITH met AS (
        SELECT p.number, shape, m.geom AS mask, {verdict} AS verdict
        FROM {masks} AS m
        JOIN {placed} AS p ON p.chunk = m.chunk
        JOIN {rows} ON s.ctid = p.row AND s.xmin = p.version
        CROSS JOIN LATERAL (SELECT {shape} AS shape OFFSET 0) AS t
        OFFSET 0
    ), overlaid AS (
        SELECT number, shape, mask, verdict, CASE WHEN verdict = {pending} THEN {overlay} END AS piece
        FROM met
        OFFSET 0
    ), extracted AS (
        SELECT number, shape, mask, verdict, piece,
            ST_CollectionExtract(piece, ST_Dimension(shape) + 1) AS part
        FROM overlaid
        OFFSET 0
    ), judged AS MATERIALIZED (
        SELECT number, part, CASE
            WHEN verdict < {pending} THEN verdict
            WHEN {untouched} THEN {kept}
            WHEN ST_IsEmpty(part) AND ({clip} OR NOT ST_IsEmpty(piece)) THEN {lower}
            WHEN ST_IsEmpty(part) THEN {outside}
            WHEN ST_IsValid(part) THEN {cut}
            ELSE {pending}
        END AS verdict
        FROM extracted
    ), kept AS (
        INSERT INTO {cuts} (number, geom) SELECT number, part FROM judged WHERE verdict = {cut}
    )
    INSERT INTO {decided} (number, verdict) SELECT number, verdict FROM judged
"""
_VERDICT: dict[Operation, LiteralString] = {
    "clip": "CASE WHEN NOT ST_Intersects(m.geom, shape) THEN {outside}"
    " WHEN ST_Covers(m.geom, shape) THEN {kept} ELSE {pending} END",
    "erase": "CASE WHEN NOT ST_Intersects(m.geom, shape) THEN {kept}"
    " WHEN ST_Covers(m.geom, shape) THEN {outside} ELSE {pending} END",
}
# Difference with a mask that only touches may add the mask's vertices, and such a row is untouched. As
# ST_Relate is never prepared, it is asked only where nothing seems to be gone.
_UNTOUCHED: dict[Operation, LiteralString] = {
    "clip": "false",
    "erase": "(ST_Area(part) + ST_Length(part) >= (1 - 1e-9) * (ST_Area(shape) + ST_Length(shape))"
    " AND NOT ST_Relate(mask, shape, 'T********'))",
}
_OVERLAY: dict[Operation, LiteralString] = {
    "clip": "ST_Intersection(shape, mask)",
    "erase": "ST_Difference(shape, mask)",
}
# What a view computes for one row; it has no chunks. `piece` is NULL where the shape stays as it is.
_VIEW_PIECE: dict[Operation, LiteralString] = {
    "clip": "CASE WHEN NOT ST_Covers(mask.geom, {shape}) THEN ST_CollectionExtract("
    "ST_Intersection({shape}, mask.geom), ST_Dimension({shape}) + 1) END",
    "erase": "CASE WHEN ST_Intersects(mask.geom, {shape}) AND ST_Relate(mask.geom, {shape}, 'T********')"
    " THEN ST_CollectionExtract(ST_Difference({shape}, mask.geom), ST_Dimension({shape}) + 1) END",
}
_VIEW_REMAINS: dict[Operation, LiteralString] = {
    "clip": "ST_Intersects(mask.geom, {shape})",
    "erase": "ST_Covers(mask.geom, {shape}) IS NOT true",
}


def cut_rows(operation: Operation, features: Features, tables: Mapping[str, Expression]) -> Expression:
    """Return the statement that decides the rows `placed` by the masks of their chunks.

    `tables` are those of the workshop; it fills decided and cuts.
    """
    verdicts = {
        "outside": Verdict.OUTSIDE,
        "kept": Verdict.KEPT,
        "cut": Verdict.CUT,
        "lower": Verdict.LOWER,
        "pending": Verdict.PENDING,
    }
    return compose(
        _CUT_ROWS,
        clip=compose("true" if operation == "clip" else "false"),
        overlay=compose(_OVERLAY[operation]),
        untouched=compose(_UNTOUCHED[operation]),
        verdict=compose(_VERDICT[operation], **verdicts),
        rows=features.rows("s"),
        shape=straight_shape(features),
        **tables,
        **verdicts,
    )


def straight_shape(features: Features) -> Expression:
    """Return the valid shape of row `s`, without curves: what is cut."""
    return features.geometry.straight(features.shape("s"))


def one_polygon(geometry: str) -> Expression:
    """Return the FROM item `mask` of a view: one polygon, as EWKB in hexadecimal, written into it."""
    return compose("CROSS JOIN LATERAL (SELECT {geometry}::geometry AS geom) AS mask", geometry=geometry)


def union_near(features: Features, aligned: Expression, shape: Expression) -> Expression:
    """Return the FROM item `mask` of a view: the union of the polygons that meet the row, or NULL."""
    return compose(
        "CROSS JOIN LATERAL (SELECT ST_Union(ST_Force2D({aligned})) AS geom FROM {rows}"
        " WHERE {kept} AND {aligned} && {shape} AND ST_Intersects({aligned}, {shape}) OFFSET 0) AS mask",
        aligned=aligned,
        rows=features.rows("m"),
        kept=features.kept("m"),
        shape=shape,
    )


def view_piece(operation: Operation, mask: Expression, shape: Expression) -> Expression:
    """Return the joins that give a row its `piece.geom`: NULL where the shape stays as it is."""
    return compose(
        "{mask} CROSS JOIN LATERAL (SELECT {piece} AS geom OFFSET 0) AS piece",
        mask=mask,
        piece=compose(_VIEW_PIECE[operation], shape=shape),
    )


def view_where(operation: Operation, hollow: Expression, shape: Expression) -> Expression:
    """Return the condition that something of a row remains."""
    return compose(
        "NOT {hollow} AND {remains} AND (piece.geom IS NULL OR NOT ST_IsEmpty(piece.geom))",
        hollow=hollow,
        remains=compose(_VIEW_REMAINS[operation], shape=shape),
    )
