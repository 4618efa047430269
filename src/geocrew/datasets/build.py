"""Turn a SELECT into a staged relation that only has to be moved to be published."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from geocrew.datasets.output import GEOMETRY, ID
from geocrew.datasets.progress import Show, part_of, unseen
from geocrew.datasets.staging import RelationKind, Staging
from geocrew.datasets.ticks import SILENT, Ticks
from geocrew.db import Connection

OutputMode = Literal["static", "view", "materialized_view"]

# Of the time that a million points take: rows 4 parts, key 1, spatial index 5, statistics 1.
_ROWS, _KEY, _INDEX = 0.35, 0.45, 0.92
# A materialized view computes its rows while it is filled, which takes most of the time.
_FILLED = 0.9


@dataclass(frozen=True)
class Staged:
    """A relation in the workshop, ready to be published.

    `table` is its name there, `rows` the number of its rows (None for a view).
    """

    table: str
    kind: RelationKind
    rows: int | None


def build(
    connection: Connection,
    staging: Staging,
    output_mode: OutputMode,
    select: sql.Composable,
    ticks: Ticks = SILENT,
    comments: Mapping[str, str] | None = None,
    show: Show = unseen,
) -> Staged:
    """Make the relation that `output_mode` names of a SELECT with columns id and geom.

    `ticks` hears what the `select` of a table tells of its rows, where there are many, and has a
    materialized view tell of its own. `comments` says of columns what their names cannot, e.g. a unit;
    `show` is told each step, and the share of them that is done.
    """
    if output_mode == "static":
        staged = _build_table(connection, staging, select, ticks, show)
    elif output_mode == "view":
        staged = _build_view(connection, staging, select)
    else:
        staged = _build_materialized_view(connection, staging, select, ticks, show)
    for column, comment in (comments or {}).items():
        connection.execute(
            sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                staging.relation("out"), sql.Identifier(column), sql.Literal(comment)
            )
        )
    return staged


def _build_table(
    connection: Connection, staging: Staging, select: sql.Composable, ticks: Ticks, show: Show
) -> Staged:
    """Make a table of `select` with primary key, spatial index and statistics."""
    show(0.0, "writing")
    query = sql.SQL("CREATE TABLE {} AS {}").format(staging.relation("out"), select)
    with ticks.heard(connection, lambda share: show(_ROWS * share, "writing")):
        rows = connection.execute(query).rowcount
    show(_ROWS, "numbering the rows", _KEY)
    connection.execute(
        sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} PRIMARY KEY ({})").format(
            staging.relation("out"), sql.Identifier(staging.name("out_pkey")), sql.Identifier(ID)
        )
    )
    _finish(connection, staging, show)
    return Staged(staging.name("out"), "table", rows)


def _build_view(connection: Connection, staging: Staging, select: sql.Composable) -> Staged:
    """Make a view of `select`, which reads with the rights of its reader."""
    connection.execute(
        sql.SQL("CREATE VIEW {} WITH (security_invoker = true) AS {}").format(
            staging.relation("out"), select
        )
    )
    return Staged(staging.name("out"), "view", None)


def _build_materialized_view(
    connection: Connection, staging: Staging, select: sql.Composable, ticks: Ticks, show: Show
) -> Staged:
    """Make a materialized view of `select` with a unique id: what a concurrent refresh needs.

    That it tells of its rows is part of its definition.
    """
    show(0.0, "filling the view")
    query = sql.SQL("CREATE MATERIALIZED VIEW {} AS {}").format(
        staging.relation("out"), ticks.told(select, ID)
    )
    with ticks.heard(connection, lambda share: show(_FILLED * share, "filling the view")):
        rows = connection.execute(query).rowcount
    finishing = part_of(show, _FILLED)
    finishing(0.0, "numbering the rows", _KEY)
    connection.execute(
        sql.SQL("CREATE UNIQUE INDEX {} ON {} ({})").format(
            sql.Identifier(staging.name("out_id")), staging.relation("out"), sql.Identifier(ID)
        )
    )
    _finish(connection, staging, finishing)
    return Staged(staging.name("out"), "materialized_view", rows)


def _finish(connection: Connection, staging: Staging, show: Show) -> None:
    show(_KEY, "making the spatial index", _INDEX)
    connection.execute(
        sql.SQL("CREATE INDEX {} ON {} USING gist ({})").format(
            sql.Identifier(staging.name("out_geom")),
            staging.relation("out"),
            sql.Identifier(GEOMETRY),
        )
    )
    show(_INDEX, "gathering statistics")
    connection.execute(sql.SQL("ANALYZE {}").format(staging.relation("out")))
