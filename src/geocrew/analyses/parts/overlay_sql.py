"""The overlay of a row with a mask as a view says it, and the shape of a row that is cut."""

from typing import LiteralString

from geocrew.analyses.parts.overlay_ladder import Operation
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features

# ST_Covers(mask, row), never ST_CoveredBy(row, mask): only the first is prepared, 400 times faster.
# NULL where the shape stays as it is, empty where nothing remains.
_PIECE: dict[Operation, LiteralString] = {
    "clip": "CASE WHEN mask.whole IS NOT true AND NOT ST_Covers(mask.geom, {shape}) THEN"
    " ST_CollectionExtract(ST_Intersection({shape}, mask.geom), ST_Dimension({shape}) + 1) END",
    "erase": "CASE WHEN mask.whole IS NOT true AND ST_Intersects(mask.geom, {shape})"
    " AND ST_Relate(mask.geom, {shape}, 'T********') THEN"
    " ST_CollectionExtract(ST_Difference({shape}, mask.geom), ST_Dimension({shape}) + 1) END",
}
# GEOS overlays no collections, so their members are cut each by itself.
_PIECE_OF_MIXED: LiteralString = (
    "CASE WHEN GeometryType({shape}) <> 'GEOMETRYCOLLECTION' THEN {piece} ELSE ("
    "SELECT CASE WHEN NOT bool_and(piece IS NULL) THEN COALESCE(ST_ForceCollection(ST_Collect("
    "COALESCE(piece, geom) ORDER BY path) FILTER (WHERE piece IS NULL OR NOT ST_IsEmpty(piece))),"
    " 'GEOMETRYCOLLECTION EMPTY') END"
    " FROM (SELECT path, geom, {member} AS piece FROM ST_Dump({shape}) AS d OFFSET 0) AS members) END"
)
# A shape of one part is no Multi* beside others of its own kind: ST_CollectionExtract makes one of it.
_PIECE_OF_ONE: LiteralString = (
    "(SELECT CASE WHEN ST_NumGeometries(cut.geom) = 1 THEN ST_GeometryN(cut.geom, 1) ELSE cut.geom END"
    " FROM (SELECT {piece} AS geom OFFSET 0) AS cut)"
)
# GEOS refuses some collections whose members overlap.
_MEETS: LiteralString = (
    "CASE WHEN GeometryType({shape}) = 'GEOMETRYCOLLECTION' THEN EXISTS ("
    "SELECT FROM ST_Dump({shape}) AS member WHERE ST_Intersects({aligned}, member.geom))"
    " ELSE ST_Intersects({aligned}, {shape}) END"
)
# A member that is covered leaves nothing; of a whole row _REMAINS says so.
_PIECE_OF_MEMBER: dict[Operation, LiteralString] = {
    "clip": "{piece}",
    "erase": "CASE WHEN ST_Covers(mask.geom, d.geom) THEN 'GEOMETRYCOLLECTION EMPTY' ELSE {piece} END",
}
_REMAINS: dict[Operation, LiteralString] = {
    "clip": "(mask.whole OR ST_Intersects(mask.geom, {shape}))",
    "erase": "(mask.whole OR ST_Covers(mask.geom, {shape})) IS NOT true",
}


def straight_shape(features: Features) -> Expression:
    """Return the valid shape of row `s`, without curves and M: what is cut.

    GeometryType calls a collection with M by another name, and no collection takes members with M beside
    others that lost it when they were cut.
    """
    geometry = features.geometry
    shape = geometry.straight(features.shape("s"))
    if not geometry.drops_m:
        return shape
    return compose("ST_Force3DZ({shape})" if geometry.has_z else "ST_Force2D({shape})", shape=shape)


def one_polygon(geometry: str) -> Expression:
    """Return the FROM item `mask` of a view: one polygon, as EWKB in hexadecimal, written into it."""
    return compose(
        "CROSS JOIN LATERAL (SELECT {geometry}::geometry AS geom, NULL::boolean AS whole) AS mask",
        geometry=geometry,
    )


def union_near(features: Features, aligned: Expression, shape: Expression, *, mixed: bool) -> Expression:
    """Return the FROM item `mask` of a view: the union of the polygons that meet the row, or NULL.

    `mixed` says that some of the shapes that are cut may be collections.

    `whole` says that one of them covers the row: of their union the corners are rounded where edges
    cross, so that it may not quite do so.
    """
    meets = _MEETS if mixed else "ST_Intersects({aligned}, {shape})"
    return compose(
        "CROSS JOIN LATERAL (SELECT ST_Union(ST_Force2D({aligned})) AS geom,"
        " bool_or(CASE WHEN GeometryType({shape}) <> 'GEOMETRYCOLLECTION'"
        " THEN ST_Covers({aligned}, {shape}) END) AS whole FROM {rows}"
        " WHERE {kept} AND {aligned} && {shape} AND {meets} OFFSET 0) AS mask",
        aligned=aligned,
        rows=features.rows("m"),
        kept=features.kept("m"),
        shape=shape,
        meets=compose(meets, aligned=aligned, shape=shape),
    )


def view_piece(operation: Operation, mask: Expression, shape: Expression, *, mixed: bool) -> Expression:
    """Return the joins that give a row its `piece.geom`: NULL where the shape stays as it is.

    `mixed` says that some shapes may be collections.
    """
    piece = compose(_PIECE[operation], shape=shape)
    if mixed:
        piece = compose(_PIECE_OF_ONE, piece=piece)
        member = compose(_PIECE_OF_ONE, piece=compose(_PIECE[operation], shape=compose("d.geom")))
        member = compose(_PIECE_OF_MEMBER[operation], piece=member)
        piece = compose(_PIECE_OF_MIXED, shape=shape, piece=piece, member=member)
    return compose(
        "{mask} CROSS JOIN LATERAL (SELECT {piece} AS geom OFFSET 0) AS piece", mask=mask, piece=piece
    )


def view_where(
    operation: Operation, hollow: Expression, shape: Expression, *, mixed: bool
) -> Expression:
    """Return the condition that something of a row remains."""
    remains = compose(_REMAINS[operation], shape=shape)
    if mixed:
        remains = compose(
            "CASE WHEN GeometryType({shape}) = 'GEOMETRYCOLLECTION' THEN {any} ELSE {remains} END",
            shape=shape,
            # A clip has no mask where nothing meets the row; its pieces would be NULL, as if kept.
            any=compose("true" if operation == "erase" else "mask.geom IS NOT NULL"),
            remains=remains,
        )
    return compose(
        "NOT {hollow} AND {remains} AND (piece.geom IS NULL OR NOT ST_IsEmpty(piece.geom))",
        hollow=hollow,
        remains=remains,
    )
