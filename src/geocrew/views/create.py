"""From a query that passed the guard to a staged view, made, tried and counted as the role of views."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from geocrew.datasets.build import OutputMode, Staged, build
from geocrew.datasets.geometry import OutputGeometry
from geocrew.datasets.layer import Layer
from geocrew.datasets.output import GEOMETRY, ID
from geocrew.datasets.progress import Show, part_of
from geocrew.datasets.relation import find_relation
from geocrew.datasets.staging import SCHEMA, Staging
from geocrew.datasets.summary import Summary, summarise
from geocrew.db import Connection
from geocrew.error_classes import timeouts_told
from geocrew.errors import SourceChanged, StatementTimeout, UserError
from geocrew.views.definition import verify
from geocrew.views.outline import Outline, outline
from geocrew.views.role import ROLE, check_role, confined, grant, screened, spatial_schema
from geocrew.views.tables import Table

# Time to plan; time to read all rows of a plain view, which every look at it costs again.
PLAN_SECONDS = 10.0
READ_SECONDS = 60.0
_QUERY = "query"


@dataclass(frozen=True)
class Definition:
    """What a view is to be: a SELECT of `tables`, given as `parameter`."""

    select: sql.Composable
    tables: tuple[Table, ...]
    parameter: str


@dataclass(frozen=True)
class View:
    """A view in the workshop, with the names of its columns and what it holds.

    `converted` is what its shapes became, None where they are as they were; `screened` names the tables
    whose policies chose the rows that were looked at.
    """

    staged: Staged
    columns: tuple[str, ...]
    keyed: bool
    converted: OutputGeometry | None
    summary: Summary
    hollow: int
    screened: tuple[str, ...]


def create(
    connection: Connection,
    staging: Staging,
    definition: Definition,
    source: Layer,
    *,
    materialized: bool,
    progress: Show,
) -> View:
    """Make the view in the workshop; raises UserError for a query that PostgreSQL cannot run in time.

    A stored view may take as long as its job may; a plain one is read within READ_SECONDS.
    """
    check_role(connection)
    grant(connection, definition.tables)
    spatial = spatial_schema(connection)
    limit = 0.0 if materialized else READ_SECONDS
    with (
        _watched(connection, definition),
        _told(definition.parameter),
        timeouts_told(connection),
    ):
        progress(0.05, "planning the query")
        _try(connection, staging, definition, spatial)
        progress(0.1, "looking at its rows")
        with confined(connection, spatial, limit):
            found = find_relation(connection, SCHEMA, staging.name(_QUERY))
            if found is None:
                raise UserError(f"{definition.parameter}: a table was dropped, and its view with it")
            read = replace(source, schema=SCHEMA, table=staging.name(_QUERY), relation_kind="v")
            shape = outline(connection, found, read, definition.parameter)
        progress(0.4, "making the view")
        show = part_of(progress, 0.4, 0.7)
        staged = _build(connection, staging, definition, shape, spatial, materialized, limit, show)
        progress(0.7, "counting its rows")
        with confined(connection, spatial, limit):
            hollow = _count_hollow(connection, staged, definition.parameter)
            summary = summarise(connection, SCHEMA, staged.table, GEOMETRY)
            hidden = screened(connection, definition.tables)
    names = tuple(name for name, _ in shape.columns)
    return View(staged, names, shape.keyed, shape.converted, summary, hollow, hidden)


def _try(connection: Connection, staging: Staging, definition: Definition, spatial: str) -> None:
    """Let PostgreSQL understand the query, look at what it understood, and only then plan it."""
    relation = staging.relation(_QUERY)
    with confined(connection, spatial, PLAN_SECONDS, read_only=False):
        connection.execute(
            sql.SQL("CREATE VIEW {} WITH (security_invoker = true) AS {}").format(
                relation, definition.select
            )
        )
        verify(connection, SCHEMA, staging.name(_QUERY), definition.tables, definition.parameter)
    with confined(connection, spatial, PLAN_SECONDS):
        connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(relation))
        connection.execute(sql.SQL("EXPLAIN SELECT * FROM {}").format(relation))


def _build(
    connection: Connection,
    staging: Staging,
    definition: Definition,
    shape: Outline,
    spatial: str,
    materialized: bool,
    limit: float,
    show: Show,
) -> Staged:
    mode: OutputMode = "materialized_view" if materialized else "view"
    with confined(connection, spatial, limit, read_only=False):
        connection.execute(sql.SQL("DROP VIEW {}").format(staging.relation(_QUERY)))
        staged = build(connection, staging, mode, shape.select(definition.select), show=show)
        verify(connection, SCHEMA, staged.table, definition.tables, definition.parameter)
    return staged


def _count_hollow(connection: Connection, staged: Staged, parameter: str) -> int:
    """Return how many rows have no shape or an empty one; raises UserError for ids that come twice."""
    query = sql.SQL(
        "SELECT count(*) FILTER (WHERE COALESCE(ST_IsEmpty({shape}), true)), count(*),"
        " count(DISTINCT {id}) FROM {view}"
    ).format(
        shape=sql.Identifier(GEOMETRY),
        id=sql.Identifier(ID),
        view=sql.Identifier(SCHEMA, staged.table),
    )
    row = connection.execute(query).fetchone()
    hollow, rows, ids = row or (0, 0, 0)
    if rows != ids:
        raise _repeated(parameter, f": {rows} rows have {ids} different ids")
    return int(hollow)


def _repeated(parameter: str, counts: str) -> UserError:
    return UserError(
        f'{parameter} yields an "id" that does not identify its rows{counts}; leave it out or give it'
        " another name, and a row id is made"
    )


@contextmanager
def _watched(connection: Connection, definition: Definition) -> Iterator[None]:
    """Run the block; what fails in it while a table is another than it was raises SourceChanged."""
    try:
        yield
    except UserError as error:
        for table in definition.tables:
            found = find_relation(connection, table.schema, table.name)
            names = () if found is None else tuple(each.name for each in found.columns)
            if found is None or (found.oid, names) != (table.oid, table.columns):
                what = f"dataset {table.dataset_id} was changed while the job was reading it"
                raise SourceChanged(what) from error
        raise


@contextmanager
def _told(parameter: str) -> Iterator[None]:
    """Tell the caller in PostgreSQL's words what it found wrong with the query."""
    try:
        yield
    except StatementTimeout as error:
        raise UserError(
            f"{parameter} takes too long ({PLAN_SECONDS:g} s to plan, {READ_SECONDS:g} s to read all)"
            '; make it simpler, or store its rows with "materialized": true'
        ) from error
    except psycopg.errors.UniqueViolation as error:
        raise _repeated(parameter, "") from error
    except psycopg.errors.UndefinedObject as error:
        raise UserError(f"{parameter}{_undefined(error.diag)}") from error
    except (
        psycopg.ProgrammingError,
        psycopg.DataError,
        psycopg.NotSupportedError,
        psycopg.InternalError,
    ) as error:
        raise UserError(f"{parameter}: {_words(error.diag)}") from error


def _undefined(diagnosis: Any) -> str:
    """Return what is missing; of what is the role's, that can only be its access to a foreign server."""
    if ROLE not in str(diagnosis.message_primary):
        return f": {_words(diagnosis)}"
    return (
        f" reads a foreign table with the rights of {ROLE}, which has no user mapping for its server;"
        " make a view or a materialized view of the table and register that, which is read with its"
        " owner's rights"
    )


def _words(diagnosis: Any) -> str:
    words = str(diagnosis.message_primary)
    return f"{words}. {diagnosis.message_hint}" if diagnosis.message_hint else words
