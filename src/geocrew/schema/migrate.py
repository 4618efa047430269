"""Bring a database to the structure that this version of geocrew needs."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString

import psycopg

from geocrew.db import Connection
from geocrew.errors import ConfigurationError

# Any two migrations of one database exclude each other; the number is arbitrary but never changes.
_LOCK = 7_263_001


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    sql: LiteralString

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, kept in the database: an applied file may not change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return the files that ship with the package, in order."""
    found = [
        Migration(int(path.name[:4]), path.name.removesuffix(".sql"), path.read_text("utf-8"))
        for path in files("geocrew.schema").iterdir()
        if path.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.version)


def migrate(connection: Connection) -> list[str]:
    """Apply what is missing, all in one transaction, and return the names of what was applied.

    Raises ConfigurationError where PostGIS or a privilege is missing, or an applied file changed.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        try:
            _prepare(connection)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported) as error:
            raise ConfigurationError(_advice(error)) from error
        applied = _applied(connection)
        _check(applied)
        return [_apply(connection, each) for each in migrations() if each.version not in applied]


def pending(connection: Connection) -> list[str]:
    """Return the names of migrations that this database still lacks."""
    row = connection.execute("SELECT to_regclass('geocrew.schema_migrations')").fetchone()
    if row is None or row[0] is None:
        return [each.name for each in migrations()]
    applied = _applied(connection)
    _check(applied)
    return [each.name for each in migrations() if each.version not in applied]


def _prepare(connection: Connection) -> None:
    connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    connection.execute("CREATE SCHEMA IF NOT EXISTS geocrew")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS geocrew.schema_migrations ("
        " version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )


def _applied(connection: Connection) -> dict[int, tuple[str, str]]:
    rows = connection.execute("SELECT version, name, checksum FROM geocrew.schema_migrations")
    return {version: (name, checksum) for version, name, checksum in rows}


def _check(applied: dict[int, tuple[str, str]]) -> None:
    """Refuse a database whose history is not the package's; a newer one is fine (N-1 rule)."""
    for each in migrations():
        if each.version in applied and applied[each.version][1] != each.checksum:
            raise ConfigurationError(
                f"migration {each.name} was applied to this database in another form; "
                "it belongs to another build of geocrew"
            )


def _apply(connection: Connection, migration: Migration) -> str:
    connection.execute(migration.sql)
    connection.execute(
        "INSERT INTO geocrew.schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
        (migration.version, migration.name, migration.checksum),
    )
    return migration.name


def _advice(error: psycopg.Error) -> str:
    reason = error.diag.message_primary or str(error)
    return (
        f"the database is not ready for geocrew: {reason}. It needs PostGIS 3.3 or newer; a "
        "superuser can CREATE EXTENSION postgis and GRANT CREATE ON DATABASE and ON SCHEMA public"
    )
