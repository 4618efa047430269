"""The workshop: relations that an attempt builds, named by its lease, moved out whole or swept."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from psycopg import sql

from geocrew.datasets.relation import unused_index
from geocrew.db import Connection, statement

SCHEMA = "geocrew_staging"
RelationKind = Literal["table", "view", "materialized_view"]

_SQL = "geocrew.datasets.sql"
# Sweeps exclude each other; the number is arbitrary but never changes.
_SWEEP_LOCK = 7_263_002
_KINDS: dict[str, sql.SQL] = {
    "r": sql.SQL("TABLE"),
    "v": sql.SQL("VIEW"),
    "m": sql.SQL("MATERIALIZED VIEW"),
}


@dataclass(frozen=True)
class Staging:
    """The names that one attempt may use."""

    job_id: int
    lease: UUID

    def name(self, part: str) -> str:
        """Return the name of a relation; with a part of up to 9 letters it fits PostgreSQL's 63."""
        return f"j{self.job_id}_{self.lease.hex}_{part}"

    def relation(self, part: str) -> sql.Identifier:
        """Return the qualified name of a relation."""
        return sql.Identifier(SCHEMA, self.name(part))


def sweep(connection: Connection, live: Callable[[], set[UUID]]) -> list[str]:
    """Drop what is staged under leases that are not live; returns the names.

    The names are read before `live` is called: a lease taken in between has nothing among them.
    """
    found = _staged(connection)
    if not found:
        return []
    keep = {lease.hex for lease in live()}
    stale = [each for each in found if not _leased(each[0], keep)]
    with connection.transaction():
        row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_SWEEP_LOCK,)).fetchone()
        if row is None or not row[0]:  # another worker is at it
            return []
        for name, kind in stale:
            _drop(connection, name, kind)
    return [name for name, _ in stale]


def clear(connection: Connection, staging: Staging) -> None:
    """Drop everything that one attempt has staged."""
    for name, kind in _staged(connection):
        if name.startswith(staging.name("")):
            _drop(connection, name, kind)


def publish(connection: Connection, staged: str, kind: RelationKind, schema: str, name: str) -> None:
    """Move a staged relation to `schema`.`name` in the caller's transaction, its indexes renamed."""
    what = _KINDS[{"table": "r", "view": "v", "materialized_view": "m"}[kind]]
    for (index,) in connection.execute(
        statement(_SQL, "indexes"), {"schema": SCHEMA, "table": staged}
    ).fetchall():
        connection.execute(
            sql.SQL("ALTER INDEX {} RENAME TO {}").format(
                sql.Identifier(SCHEMA, index),
                sql.Identifier(unused_index(connection, schema, index.replace(staged, name))),
            )
        )
    connection.execute(
        sql.SQL("ALTER {} {} RENAME TO {}").format(
            what, sql.Identifier(SCHEMA, staged), sql.Identifier(name)
        )
    )
    connection.execute(
        sql.SQL("ALTER {} {} SET SCHEMA {}").format(
            what, sql.Identifier(SCHEMA, name), sql.Identifier(schema)
        )
    )


def _staged(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute(statement(_SQL, "staged"), {"schema": SCHEMA}).fetchall()


def _leased(name: str, leases: set[str]) -> bool:
    found = re.fullmatch(r"j\d+_([0-9a-f]{32})_.*", name)
    return found is not None and found[1] in leases


def _drop(connection: Connection, name: str, kind: str) -> None:
    connection.execute(
        sql.SQL("DROP {} IF EXISTS {} CASCADE").format(_KINDS[kind], sql.Identifier(SCHEMA, name))
    )
