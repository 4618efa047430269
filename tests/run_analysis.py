"""An analysis run with no queue: the tests' own `geocrew.analysis.Context`, and what a run leaves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from psycopg import sql
from psycopg.rows import dict_row

from geocrew import analyses
from geocrew.analysis import Level, Params, Product
from geocrew.datasets import catalog, staging
from geocrew.datasets.catalog import OPERATOR, Dataset
from geocrew.datasets.output import GEOMETRY, ID
from geocrew.datasets.staging import Staging
from geocrew.datasets.summary import summarise
from geocrew.db import Connection

Row = dict[str, Any]


@dataclass
class DirectContext:
    """Keeps what a run reports; `on_progress` lets a test act between two steps."""

    connection: Connection
    user_id: int = OPERATOR
    staging: Staging = field(default_factory=lambda: Staging(0, uuid4()))
    on_progress: Callable[[float, str], object] = lambda _share, _message: None
    steps: list[tuple[float, str]] = field(default_factory=list)
    lines: list[tuple[str, Level]] = field(default_factory=list)

    def progress(self, share: float, message: str) -> None:
        self.steps.append((share, message))
        self.on_progress(share, message)

    def log(self, message: str, level: Level = "info") -> None:
        self.lines.append((message, level))


@dataclass(frozen=True)
class Run:
    """What a run has published: `counts` are what its result would hold beside AR1's keys."""

    dataset: Dataset
    product: Product
    counts: Row
    context: DirectContext

    @property
    def relation(self) -> sql.Identifier:
        return sql.Identifier(self.dataset.schema_name or "", self.dataset.table_name or "")

    def rows(self) -> list[Row]:
        """All rows by id; shapes as EWKT."""
        return rows_of(self.context.connection, self.relation)

    def column(self, name: str) -> list[Any]:
        query = sql.SQL("SELECT {} FROM {} ORDER BY id").format(sql.Identifier(name), self.relation)
        return [row[0] for row in self.context.connection.execute(query)]

    def types(self) -> dict[str, str]:
        """Column names in order, with their types as PostgreSQL writes them."""
        query = (
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        name = self.relation.as_string(self.context.connection)
        return dict(self.context.connection.execute(query, (name,)).fetchall())


def run_analysis(
    connection: Connection,
    job_type: str,
    params: Any,
    *,
    user_id: int = OPERATOR,
    on_progress: Callable[[float, str], object] = lambda _share, _message: None,
) -> Run:
    """Do what a worker's child does with a job, but for the queue."""
    analysis = analyses.find(job_type)
    parsed: Params = analysis.parse(params)
    catalog.check_output(connection, parsed.output_dataset_id, user_id)
    context = DirectContext(connection, user_id, on_progress=on_progress)
    try:
        product = analysis.run(parsed, context)
        dataset = _publish(context, parsed, product)
    finally:
        staging.clear(connection, context.staging)
    return Run(dataset, product, dict(product.counts), context)


def rows_of(connection: Connection, relation: sql.Composable) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        query = sql.SQL("SELECT *, ST_AsEWKT(geom) AS geom FROM {} ORDER BY id")
        return cursor.execute(query.format(relation)).fetchall()


def _publish(context: DirectContext, params: Params, product: Product) -> Dataset:
    connection, staged = context.connection, product.staged
    summary = summarise(connection, staging.SCHEMA, staged.table, GEOMETRY, product.described)
    with connection.transaction():
        reserved = params.output_dataset_id
        dataset_id = reserved or catalog.reserve(connection, product.name, context.user_id)
        table = f"spatial_data_{dataset_id}"
        staging.publish(connection, staged.table, staged.kind, "public", table)
        dataset = Dataset(
            id=dataset_id,
            user_id=context.user_id,
            name=params.output_name or product.name,
            kind=staged.kind,
            schema_name="public",
            table_name=table,
            key_column=ID,
            geometry_column=GEOMETRY,
            geometry_type=summary.geometry_type,
            srid=summary.srid,
            row_count=summary.row_count,
            null_geometry_count=summary.null_geometry_count,
            bbox=summary.bbox,
        )
        catalog.add(connection, dataset)
    return dataset
