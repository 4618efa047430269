"""Rows of the example's datasets, their shapes in the plane of a map."""

from typing import Any

import shapely
from psycopg import sql
from psycopg.rows import dict_row

from geocrew.db import Connection

Row = dict[str, Any]
# Conus Albers: areas of US counties compare.
ALBERS = 5070


def read_rows(connection: Connection, table: str, srid: int) -> list[Row]:
    """Return the rows of a dataset by id; shapes as shapely's, in the reference system `srid`."""
    query = sql.SQL("SELECT *, ST_AsBinary(ST_Transform(geom, {})) AS geom FROM {} ORDER BY id")
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query.format(sql.Literal(srid), sql.Identifier(table))).fetchall()
    for row in found:
        row["geom"] = None if row["geom"] is None else shapely.from_wkb(row["geom"])
    return found
