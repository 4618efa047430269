"""The role that owns views and tries them: it can read the datasets granted to it, and nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from geocrew.db import Connection, statement
from geocrew.errors import ConfigurationError, UserError
from geocrew.views.tables import Table

ROLE = "geocrew_views"

_SQL = "geocrew.views.sql"
# Grants on one table exclude each other ("tuple concurrently updated"); arbitrary, but never changes.
_GRANT_LOCK = 7_263_004
_ADVICE = (
    f"create_view needs the role {ROLE}, and this user as its member; as a superuser:"
    f" CREATE ROLE {ROLE} NOLOGIN; GRANT USAGE, CREATE ON SCHEMA geocrew_staging TO {ROLE};"
    f" GRANT USAGE ON SCHEMA geocrew TO {ROLE}; GRANT {ROLE} TO the worker's user"
)


def spatial_schema(connection: Connection) -> str:
    """Return the schema that PostGIS is installed in."""
    row = connection.execute(statement(_SQL, "spatial_schema")).fetchone()
    if row is None:
        raise ConfigurationError("the database has no PostGIS")
    return str(row[0])


def check_role(connection: Connection) -> None:
    """Raise ConfigurationError where the role is missing, too mighty, or not this session's to take."""
    row = connection.execute(statement(_SQL, "role")).fetchone()
    if row is None or not row[1]:
        raise ConfigurationError(_ADVICE)
    if row[0]:
        raise ConfigurationError(
            f"the role {ROLE} may log in or has rights over the server, which the owner of users' views"
            f" must not have; as a superuser: ALTER ROLE {ROLE} NOLOGIN NOSUPERUSER NOCREATEROLE"
            " NOCREATEDB NOREPLICATION NOBYPASSRLS"
        )


def grant(connection: Connection, tables: Sequence[Table]) -> None:
    """Let the role read the tables; raises UserError naming those that are not ours to grant."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_GRANT_LOCK,))
        for schema, name, readable, usable, _ in _needed(connection, tables):
            try:
                with connection.transaction():
                    if not usable:
                        _grant(connection, sql.SQL("USAGE ON SCHEMA {}").format(sql.Identifier(schema)))
                    if not readable:
                        _grant(connection, sql.SQL("SELECT ON {}").format(sql.Identifier(schema, name)))
            except psycopg.errors.InsufficientPrivilege as error:
                raise _not_ours(schema, name) from error
        # A grant that gives nothing is a mere warning.
        for schema, name, readable, usable, _ in _needed(connection, tables):
            if not (readable and usable):
                raise _not_ours(schema, name)


def screened(connection: Connection, tables: Sequence[Table]) -> tuple[str, ...]:
    """Name the tables whose policies (row level security) choose what the current role sees."""
    return tuple(
        f'"{schema}"."{name}"' for schema, name, *_, active in _needed(connection, tables) if active
    )


@contextmanager
def confined(
    connection: Connection, spatial: str, seconds: float, *, read_only: bool = True
) -> Iterator[None]:
    """Run the block in a transaction of its own as the role; statements end after `seconds` (0: never).

    Names are looked up among PostgreSQL's and PostGIS's own, so that nobody's table or function of the
    same name is taken for them (CVE-2018-1058).
    """
    path = sql.SQL("pg_catalog, {}").format(sql.Identifier(spatial)).as_string(connection)
    with connection.transaction():
        if read_only:
            connection.execute("SET TRANSACTION READ ONLY")
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(ROLE)))
        connection.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('search_path', %s, true),"
            " set_config('standard_conforming_strings', 'on', true),"
            " set_config('lock_timeout', '10s', true)",
            (str(int(seconds * 1000)), path),
        )
        yield


def _needed(connection: Connection, tables: Sequence[Table]) -> list[tuple[str, str, bool, bool, bool]]:
    values = {"tables": [each.oid for each in tables]}
    return connection.execute(statement(_SQL, "readable"), values).fetchall()


def _grant(connection: Connection, what: sql.Composable) -> None:
    connection.execute(sql.SQL("GRANT {} TO {}").format(what, sql.Identifier(ROLE)))


def _not_ours(schema: str, name: str) -> UserError:
    return UserError(
        f'"{schema}"."{name}" is not ours to grant; its owner must let views read it:'
        f' GRANT USAGE ON SCHEMA "{schema}" TO {ROLE}; GRANT SELECT ON "{schema}"."{name}" TO {ROLE}'
    )
