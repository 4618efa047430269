"""Names and places of many points as two values, packed by the server.

A million points cost this process 0.03 CPU s instead of 0.5 row by row, and the server no more than a
COPY. The server builds the values in its memory: a query should be of some million rows at most.
"""

from typing import LiteralString

import numpy as np
from psycopg import sql

from geocrew.datasets.arrays import Array, ArrayType
from geocrew.db import Connection

_SEND: dict[ArrayType, tuple[LiteralString, str]] = {
    "int8": ("int8send", ">i8"),
    "tid": ("tidsend", "V6"),
}
_PLACE = np.dtype([("x", ">f8"), ("y", ">f8")])  # as PostgreSQL sends its own type point


def read_packed(
    connection: Connection, query: sql.Composable, kind: ArrayType
) -> tuple[Array, Array, Array]:
    """Return the columns (n,) of `query`: name, of `kind`, and x and y of the point `shape`.

    Where there is no shape or an empty one, x and y are NaN. Raises ValueError when a name is NULL: a
    mistake of the query.
    """
    send, wire = _SEND[kind]
    packed = sql.SQL(
        "SELECT COALESCE(string_agg({send}(name), ''), ''),"
        " COALESCE(string_agg(point_send(COALESCE(shape::point, '(NaN,NaN)')), ''), '')"
        " FROM ({query}) AS points"
    ).format(send=sql.SQL(send), query=query)
    with connection.cursor(binary=True) as cursor:
        names, places = cursor.execute(packed).fetchone() or (b"", b"")
    if len(names) * _PLACE.itemsize != len(places) * np.dtype(wire).itemsize:
        raise ValueError("a name is NULL")
    found, rows = np.frombuffer(names, wire), np.frombuffer(places, _PLACE)
    return found.astype(found.dtype.newbyteorder("=")), rows["x"].astype(float), rows["y"].astype(float)
