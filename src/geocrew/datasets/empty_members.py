"""Shapes that hold members without a point beside others, on which functions of PostGIS fail or err."""

from psycopg import sql

from geocrew.datasets.layer import Layer
from geocrew.db import Connection

_SOME_EMPTY = sql.SQL(
    "SELECT EXISTS (SELECT FROM {relation} AS s WHERE ST_IsCollection({shape})"
    " AND (ST_NumGeometries({shape}) > 1 OR GeometryType({shape}) LIKE 'GEOMETRYCOLLECTION%')"
    " AND NOT ST_IsEmpty({shape})"
    " AND EXISTS (SELECT FROM ST_Dump({shape}) AS d WHERE ST_IsEmpty(d.geom)))"
)
# ST_Dump takes a CurvePolygon to pieces; a summary names the members of each shape but no coordinates.
_EMPTY_CURVE = sql.SQL(
    "NOT ST_IsEmpty({shape}) AND ST_Summary({shape}) ~ 'with 0 (elements|rings|points)'"
)


def has_gaps(connection: Connection, layer: Layer) -> bool:
    """Say whether some of the shapes that are not empty have empty members."""
    if layer.geometry_type.rstrip("ZM") in ("Point", "LineString", "Polygon"):
        return False
    query = _SOME_EMPTY.format(relation=layer.relation, shape=layer.shape("s"))
    row = connection.execute(query).fetchone()
    return row is not None and bool(row[0])


def without_empty(shape: sql.Composable) -> sql.Composable:
    """Return a straight shape without its empty members.

    PostGIS 3.3 measures nothing or anything to MULTIPOLYGON(EMPTY, ((0 0, …))).
    """
    return sql.SQL(
        "CASE WHEN ST_IsCollection({shape}) THEN (SELECT ST_Collect(d.geom) FROM ST_Dump({shape}) AS d"
        " WHERE NOT ST_IsEmpty(d.geom)) ELSE {shape} END"
    ).format(shape=shape)


def curves_have_gaps(connection: Connection, layer: Layer) -> bool:
    """Say the same of shapes with curves, where PostGIS fails or finds points that are nowhere."""
    query = sql.SQL("SELECT FROM {relation} AS s WHERE {gap} LIMIT 1").format(
        relation=layer.relation, gap=_EMPTY_CURVE.format(shape=layer.shape("s"))
    )
    return connection.execute(query).fetchone() is not None


def copy_straight(connection: Connection, layer: Layer, table: sql.Composable) -> None:
    """Copy the rows in their order; of curves with empty members what is left, in straight lines.

    In place of an earlier copy, of who has taken the rows and begins again.
    """
    shape = layer.shape("s")
    whole = sql.SQL(
        "CASE WHEN {gap} THEN geocrew.straighten({shape}) ELSE {shape} END AS {name}"
    ).format(
        gap=_EMPTY_CURVE.format(shape=shape), shape=shape, name=sql.Identifier(layer.geometry_column)
    )
    columns = [
        whole if each.name == layer.geometry_column else sql.Identifier("s", each.name)
        for each in layer.columns
    ]
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    copy = sql.SQL("CREATE TABLE {} AS SELECT {} FROM {} AS s ORDER BY s.ctid")
    connection.execute(copy.format(table, sql.SQL(", ").join(columns), layer.relation))
