"""What the PostgreSQL server must be."""

import time
from collections.abc import Iterator
from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow

from geocrew.datasets import destination
from geocrew.db import Connection, statement
from geocrew.errors import ConfigurationError
from geocrew.ops.finding import Finding
from geocrew.ops.version_checks import check_server_geos, parse, unsafe_postgis
from geocrew.views.role import ROLE
from geocrew.views.role import check_role as check_views_role

_SQL = "geocrew.ops.sql"
# CVE-2026-6473 and others: any SQL user may corrupt the server's memory below these minor versions.
_SAFE_MINORS = {15: 18, 16: 14, 17: 10, 18: 4}
_OLDEST_MAJOR, _OLDEST_POSTGIS = 15, (3, 3)
# Each lets whoever may use it leave the database: files, other servers, unbounded languages.
_RISKY = {"adminpack", "dblink", "file_fdw", "plperlu", "plpython3u", "pltclu", "refint"}
_CLOCK_SECONDS = 2.0


def check_server(connection: Connection) -> Iterator[Finding]:
    """Yield version and the ability to notice that a client is gone."""
    version, number, interval = _row(connection, statement(_SQL, "server"))
    major, minor = divmod(number, 10_000)
    safe = _SAFE_MINORS.get(major)
    if major < _OLDEST_MAJOR:
        advice = f"upgrade to PostgreSQL {_OLDEST_MAJOR} or newer"
        yield Finding("PostgreSQL", "problem", f"{version} is too old", advice)
    elif safe is not None and minor < safe:
        message = f"{version} has known security holes (CVE-2026-6473 and others)"
        yield Finding("PostgreSQL", "warning", message, f"update to {major}.{safe} or newer")
    else:
        yield Finding("PostgreSQL", "ok", str(version))
    yield _check_interval(connection, interval)


def check_role(connection: Connection, private: bool) -> Iterator[Finding]:
    """Yield the role; a superuser is too much in a database that others share."""
    name, superuser = _row(connection, statement(_SQL, "role"))
    if superuser and not private:
        advice = "let workers connect as a role of their own, without SUPERUSER"
        yield Finding(
            "role", "warning", f"{name} is a superuser of a database that may be shared", advice
        )
    else:
        yield Finding(
            "role", "ok", f"{name}{', superuser of its private database' if superuser else ''}"
        )


def check_extensions(connection: Connection) -> Iterator[Finding]:
    """Yield PostGIS, and the extensions that a database of geocrew had better not have."""
    rows = connection.execute(statement(_SQL, "extensions")).fetchall()
    versions = {name: version for name, version, _ in rows}
    reachable = bool(rows and rows[0][2])
    yield _check_postgis(versions.get("postgis"), reachable)
    if reachable:
        yield from check_server_geos(connection)
    risky = sorted(_RISKY & versions.keys())
    if risky:
        advice = "DROP EXTENSION what this database does not need"
        yield Finding("extensions", "warning", f"{', '.join(risky)} reach beyond the database", advice)
    else:
        yield Finding("extensions", "ok", ", ".join(f"{name} {each}" for name, each in versions.items()))


def check_view_role(connection: Connection) -> Iterator[Finding]:
    """Yield whether views of users have an owner that can do no harm; only create_view needs it."""
    try:
        check_views_role(connection)
    except ConfigurationError as error:
        yield Finding("role of views", "warning", "create_view will fail", str(error))
    else:
        yield Finding("role of views", "ok", f"{ROLE} is there and can do nothing else")


def check_rights(connection: Connection) -> Iterator[Finding]:
    """Yield whether the role may create where datasets are made and where they go."""
    try:
        destination.check_rights(connection)
    except ConfigurationError as error:
        message, _, advice = str(error).partition("; ")
        yield Finding("rights", "problem", message, advice)
    else:
        yield Finding("rights", "ok", "the role may create datasets")


def check_clock(connection: Connection) -> Iterator[Finding]:
    """Yield how far the database's clock, which leases go by, is from this machine's."""
    before = time.time()
    theirs = float(_row(connection, statement(_SQL, "clock"))[0])
    after = time.time()
    off = max(before - theirs, theirs - after, 0.0)
    if off > _CLOCK_SECONDS:
        message = f"this machine and the database differ by {off:.1f} s"
        yield Finding("clock", "warning", message, "synchronise both (chrony, systemd-timesyncd)")
    else:
        yield Finding(
            "clock", "ok", f"this machine and the database agree to {off + after - before:.1f} s"
        )


def _check_interval(connection: Connection, interval: str | None) -> Finding:
    name = "client_connection_check_interval"
    try:
        connection.execute("SET client_connection_check_interval = '1s'")
    except psycopg.Error as error:
        message = f"not supported by this server: {error.diag.message_primary}"
        return Finding(name, "warning", message, "the statement of a killed worker runs on to its end")
    return Finding(name, "ok", f"supported (the server's own: {interval})")


def _check_postgis(version: str | None, reachable: bool) -> Finding:
    if version is None:
        advice = "geocrew db migrate, or as a superuser: CREATE EXTENSION postgis"
        return Finding("PostGIS", "problem", "not in this database", advice)
    if parse(version) < _OLDEST_POSTGIS:
        return Finding("PostGIS", "problem", f"{version} is too old", "install PostGIS 3.3 or newer")
    if not reachable:
        advice = "ALTER ROLE … SET search_path so that it holds the schema of PostGIS"
        return Finding("PostGIS", "problem", f"{version} is outside of the search_path", advice)
    if safe := unsafe_postgis(version):
        return Finding("PostGIS", "warning", f"{version} has known security holes", f"update to {safe}")
    return Finding("PostGIS", "ok", version)


def _row(connection: Connection, query: LiteralString) -> TupleRow:
    row = connection.execute(query).fetchone()
    if row is None:
        raise LookupError(query)
    return row
