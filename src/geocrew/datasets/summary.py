"""What the catalog says of a relation's rows."""

from dataclasses import dataclass

from psycopg import sql

from geocrew.datasets.extent import extent
from geocrew.datasets.layer import Layer
from geocrew.datasets.relation import find_relation
from geocrew.db import Connection


@dataclass(frozen=True)
class Summary:
    """Counts and extent of a relation; `bbox` is [xmin, ymin, xmax, ymax], None without shapes."""

    geometry_type: str
    srid: int
    row_count: int
    null_geometry_count: int
    bbox: list[float] | None


def summarise(
    connection: Connection, schema: str, table: str, geometry_column: str, stand_in: Layer | None = None
) -> Summary:
    """Count the rows and find the extent, of `stand_in` where counting the relation would compute it."""
    relation, shape = sql.Identifier(schema, table), sql.Identifier(geometry_column)
    if stand_in is not None:
        relation, shape = stand_in.relation, sql.Identifier(stand_in.geometry_column)
    query = sql.SQL(
        "SELECT rows, nulls, ST_XMin(extent), ST_YMin(extent), ST_XMax(extent), ST_YMax(extent) FROM ("
        "SELECT count(*) AS rows, count(*) FILTER (WHERE {shape} IS NULL) AS nulls,"
        " {extent} AS extent FROM {relation}) AS summary"
    )
    filled = query.format(shape=shape, extent=extent(shape), relation=relation)
    row = connection.execute(filled).fetchone()
    found = find_relation(connection, schema, table)
    column = found.column(geometry_column) if found is not None else None
    if row is None or column is None:
        raise LookupError(f"{schema}.{table} has no column {geometry_column}")
    rows, nulls, *bbox = row
    return Summary(column.geometry_type, column.srid, rows, nulls, None if bbox[0] is None else bbox)
