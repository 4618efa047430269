"""Curves that hold members without a point, on which PostGIS fails or finds points that are nowhere."""

from psycopg import sql

from geocrew.datasets.layer import Layer
from geocrew.db import Connection

# In a summary, which names the members of each shape but no coordinates.
_EMPTY = sql.SQL("NOT ST_IsEmpty({0}) AND ST_Summary({0}) ~ 'with 0 (elements|rings|points)'")


def has_empty_members(connection: Connection, layer: Layer) -> bool:
    """Say whether a shape has an empty member beside others."""
    query = sql.SQL("SELECT FROM {} AS s WHERE {} LIMIT 1")
    condition = _EMPTY.format(layer.shape("s"))
    return connection.execute(query.format(layer.relation, condition)).fetchone() is not None


def copy_straight(connection: Connection, layer: Layer, table: sql.Composable) -> None:
    """Copy the rows in their order; of shapes with empty members what is left, in straight lines.

    In place of an earlier copy, of who has taken the rows and begins again.
    """
    columns = [
        sql.SQL("CASE WHEN {} THEN geocrew.straighten({}) ELSE {} END AS {}").format(
            _EMPTY.format(layer.shape("s")),
            layer.shape("s"),
            layer.shape("s"),
            sql.Identifier(each.name),
        )
        if each.name == layer.geometry_column
        else sql.Identifier("s", each.name)
        for each in layer.columns
    ]
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    copy = sql.SQL("CREATE TABLE {} AS SELECT {} FROM {} AS s ORDER BY s.ctid")
    connection.execute(copy.format(table, sql.SQL(", ").join(columns), layer.relation))
