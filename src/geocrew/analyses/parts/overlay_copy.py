"""The polygons of a dataset copied to the workshop, in the reference system of what they cut.

PROJ refuses some coordinates and takes the whole statement along, so what it refuses is found by halving
and left out, named with its reason.
"""

from dataclasses import dataclass
from typing import Any, LiteralString

from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.srids import Alignment
from geocrew.datasets.topology import attempt
from geocrew.db import Connection
from geocrew.errors import UserError

_LISTED = 1000
_INSERT: LiteralString = (
    "INSERT INTO {table} (row, geom) SELECT s.ctid, ST_Force2D({shape}) FROM {rows}"
    " WHERE NOT {hollow} AND {kept} AND {part}"
)
# Without an error PROJ may give coordinates that are infinite.
_DROP_INFINITE: LiteralString = (
    "DELETE FROM {table} WHERE NOT (ST_XMin(geom) * 0 = 0 AND ST_YMin(geom) * 0 = 0"
    " AND ST_XMax(geom) * 0 = 0 AND ST_YMax(geom) * 0 = 0) RETURNING row::text"
)


@dataclass(frozen=True)
class Copied:
    """How many polygons could not be transformed, and the first thousand with the reason."""

    failed: int
    named: tuple[dict[str, Any], ...]


def copy_polygons(
    connection: Connection, table: Expression, features: Features, alignment: Alignment
) -> Copied:
    """Make `table` (row, geom) with a spatial index; raises UserError where no polygon is of use."""
    connection.execute(compose("CREATE UNLOGGED TABLE {table} (row tid, geom geometry)", table=table))
    refused = _insert(connection, table, features, alignment, None)
    if alignment.srid is not None:
        refused |= _drop_infinite(connection, table, alignment.srid)
    connection.execute(compose("CREATE INDEX ON {table} USING gist (geom)", table=table))
    connection.execute(compose("ANALYZE {table}", table=table))
    if refused and not _holds_rows(connection, table):
        reason = refused[min(refused)]
        raise UserError(
            f"no polygon of {features.layer.described} can be transformed to SRID {alignment.srid},"
            f" that of the features to be cut: {reason}; check the SRID of both"
        )
    return Copied(len(refused), _named(connection, features, refused))


def _insert(
    connection: Connection,
    table: Expression,
    features: Features,
    alignment: Alignment,
    rows: list[str] | None,
) -> dict[str, str]:
    """Copy the given rows (addresses as text), None for all; return those refused, with the reason."""
    among = "{" + ",".join(f'"{each}"' for each in rows or ()) + "}"
    statement = compose(
        _INSERT,
        table=table,
        shape=alignment.shape(features.geometry.straight(features.shape("s"))),
        rows=features.rows("s"),
        hollow=features.hollow("s"),
        kept=features.kept("s"),
        part=compose("true") if rows is None else compose("s.ctid = ANY ({rows}::tid[])", rows=among),
    )
    reason = attempt(connection, statement)
    if reason is None:
        return {}
    if rows is None:
        rows = _addresses(connection, features)
    if len(rows) == 1:
        return {rows[0]: reason}
    middle = len(rows) // 2
    halves = (rows[:middle], rows[middle:])
    return {
        row: reason
        for half in halves
        for row, reason in _insert(connection, table, features, alignment, half).items()
    }


def _addresses(connection: Connection, features: Features) -> list[str]:
    query = compose("SELECT s.ctid::text FROM {relation} AS s", relation=features.layer.relation)
    return [row[0] for row in connection.execute(query)]


def _drop_infinite(connection: Connection, table: Expression, srid: int) -> dict[str, str]:
    query = compose(_DROP_INFINITE, table=table)
    reason = f"has no coordinates in SRID {srid}"
    return {row: reason for (row,) in connection.execute(query)}


def _holds_rows(connection: Connection, table: Expression) -> bool:
    row = connection.execute(compose("SELECT EXISTS (SELECT FROM {table})", table=table)).fetchone()
    return row is not None and bool(row[0])


def _named(
    connection: Connection, features: Features, refused: dict[str, str]
) -> tuple[dict[str, Any], ...]:
    """Name refused rows by their keys, in the order of those."""
    if not refused:
        return ()
    query = compose(
        "SELECT {name}, s.ctid::text FROM {relation} AS s WHERE s.ctid = ANY ({rows}::tid[])"
        " ORDER BY {name} LIMIT {listed}",
        name=features.layer.rank("s") or compose("s.ctid"),
        relation=features.layer.relation,
        rows="{" + ",".join(f'"{each}"' for each in refused) + "}",
        listed=_LISTED,
    )
    return tuple(
        {"id": name if isinstance(name, int) else str(name), "reason": refused[row]}
        for name, row in connection.execute(query)
    )
