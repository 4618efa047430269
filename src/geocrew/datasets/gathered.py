"""Columns of values of any length, gathered into arrays by the server.

A row that travels by itself costs the client 4 µs and more, an element of an array 0.1; where all values
have one width, `arrays.read_parts` is cheaper still. Format: the binary form of arrays, as PostgreSQL's
array_send writes it.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
from psycopg import sql

from geocrew.datasets.arrays import SIGNATURE, TRAILER, WIRE, Array, ArrayType
from geocrew.db import Connection

# Of an array: dimensions, flags, type, size, first index.
_HEAD = 20

GatheredType: TypeAlias = ArrayType | Literal["bytes"]


def read_gathered(
    connection: Connection,
    query: sql.Composable,
    types: Mapping[str, GatheredType],
    groups: sql.Composable,
) -> dict[str, Array]:
    """Return one array (n,) for each column of `query`, as `arrays.read_arrays` does.

    Of a column of `bytes` comes what its type's send function writes, uint8: of each value the length,
    four bytes with the high one first, and the value. The query is done for every row of the FROM item
    `groups`, to whose columns it may refer; what it finds for one the server holds at once. Of shapes of
    1 kB, 64 are best: with more the server spends its time on getting memory.
    """
    columns = [sql.Identifier(name) for name in types]
    gather = sql.SQL(
        "COPY (SELECT found.* FROM {} CROSS JOIN LATERAL (SELECT {} FROM ({}) AS g({})) AS found)"
        " TO STDOUT (FORMAT binary)"
    ).format(
        groups,
        sql.SQL(", ").join(sql.SQL("array_agg({})").format(column) for column in columns),
        query,
        sql.SQL(", ").join(columns),
    )
    with connection.cursor() as cursor, cursor.copy(gather) as copy:
        data = memoryview(b"".join(copy))
    at, found = len(SIGNATURE), {name: [data[:0]] for name in types}
    while data[at : at + 2] == len(types).to_bytes(2, "big"):
        at += 2
        for pieces in found.values():
            stop = at + 4 + max(0, int.from_bytes(data[at : at + 4], "big", signed=True))
            pieces.append(data[at + 4 + _HEAD : stop])
            at = stop
    if data[at:] != TRAILER:
        raise ValueError(f"a query that is not of {', '.join(types)}")
    return {name: _elements(b"".join(found[name]), kind) for name, kind in types.items()}


def _elements(elements: bytes, kind: GatheredType) -> Array:
    if kind == "bytes":
        return np.frombuffer(elements, np.uint8)
    record = np.dtype([("size", ">i4"), ("value", WIRE[kind])])
    read = np.frombuffer(elements, record)
    if not (read["size"] == record["value"].itemsize).all():
        raise ValueError(f"an array has a NULL or is not of {kind}")
    return read["value"].astype(record["value"].newbyteorder("="))
