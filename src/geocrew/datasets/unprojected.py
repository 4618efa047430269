"""Shapes that have no place in another coordinate reference system: one of them must not cost the rest.

ST_Transform raises for them and ends its statement, so they are sought only when that has happened, by
halves: one among a million costs as much as transforming all twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from psycopg import errors, sql

from geocrew.datasets.layer import Layer
from geocrew.datasets.pairing import Side
from geocrew.datasets.staging import Staging
from geocrew.db import Connection
from geocrew.errors import UserError

_MOST = 1000

T = TypeVar("T")


def attempted(connection: Connection, call: Callable[[], T]) -> T | None:
    """Return what `call` returns; None, with nothing done, where a shape could not be transformed."""
    try:
        with connection.transaction():
            return call()
    except errors.InternalError_:
        return None


def set_aside(
    connection: Connection, staging: Staging, side: Side, part: str
) -> tuple[Side, list[dict[str, Any]]]:
    """Return the layer with NULL for the shapes that cannot be transformed, and ids with the reason.

    They are among its mended shapes from now on. Raises UserError for more than a thousand of them.
    """
    layer = side.features.layer
    addresses = _addresses(connection, side)
    features = side.features
    mends = staging.relation(f"mends{part}")
    connection.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} (row tid, version xid, geom geometry)").format(mends)
    )
    named = {"mends": mends, "relation": layer.relation, "rows": sql.Literal(addresses)}
    forget = "DELETE FROM {mends} WHERE row = ANY ({rows}::tid[])"
    connection.execute(sql.SQL(forget).format(**named))
    insert = (
        "INSERT INTO {mends} SELECT ctid, xmin, NULL FROM {relation} WHERE ctid = ANY ({rows}::tid[])"
    )
    connection.execute(sql.SQL(insert).format(**named))
    count = sql.SQL("SELECT count(*), count(*) FILTER (WHERE geom IS NULL) FROM {}").format(mends)
    invalid, lost = connection.execute(count).fetchone() or (0, 0)
    without = replace(features, mends=mends, invalid=invalid, lost=lost)
    return replace(side, features=without), _names(connection, layer, addresses, side.alignment.srid)


def _names(
    connection: Connection, layer: Layer, addresses: list[str], srid: int | None
) -> list[dict[str, Any]]:
    name = layer.rank("s") or sql.SQL("s.ctid")
    query = sql.SQL(
        "SELECT {name} FROM {relation} AS s WHERE ctid = ANY ({rows}::tid[]) ORDER BY {name}"
    )
    rows = connection.execute(
        query.format(name=name, relation=layer.relation, rows=sql.Literal(addresses))
    ).fetchall()
    reason = f"has no place in SRID {srid}"
    return [{"id": row if isinstance(row, int) else str(row), "reason": reason} for (row,) in rows]


def _addresses(connection: Connection, side: Side) -> list[str]:
    """Return the addresses of the rows whose shapes cannot be transformed."""
    layer = side.features.layer
    query = sql.SQL(
        "SELECT pg_relation_size(format('%I.%I', {schema}, {table})::regclass) / size, (size - 24) / 28"
        " FROM (SELECT current_setting('block_size')::bigint AS size) AS blocks"
    ).format(schema=sql.Literal(layer.schema), table=sql.Literal(layer.table))
    blocks, rows = connection.execute(query).fetchone() or (0, 1)
    found: list[str] = []
    for address in _failing(connection, side, 0, blocks * rows, rows):
        found.append(address)
        if len(found) > _MOST:
            raise UserError(
                f"{layer.described} has more than {_MOST} shapes that have no place in SRID"
                f" {side.alignment.srid}; is {layer.srid} its SRID?"
            )
    return found


def _failing(connection: Connection, side: Side, start: int, stop: int, rows: int) -> Iterator[str]:
    """Yield the addresses from `start` to `stop`, `rows` to a block, that fail; halves those that do."""
    low, high = (f"({each // rows},{each % rows + 1})" for each in (start, stop))
    probe = sql.SQL(
        "SELECT count({shape}) FROM {rows} WHERE s.ctid >= {low}::tid AND s.ctid < {high}::tid"
    ).format(
        shape=side.shape("s"), rows=side.features.rows("s"), low=sql.Literal(low), high=sql.Literal(high)
    )
    if start == stop or attempted(connection, lambda: connection.execute(probe)) is not None:
        return
    if stop - start == 1:
        yield low
        return
    middle = (start + stop) // 2
    yield from _failing(connection, side, start, middle, rows)
    yield from _failing(connection, side, middle, stop, rows)
