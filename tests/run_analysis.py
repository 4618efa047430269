"""An analysis run with no queue: the tests' own `geocrew.analysis.Context`, and what a run leaves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg import sql
from psycopg.rows import dict_row

from geocrew import analyses, publication
from geocrew.analysis import Level, Params, Product
from geocrew.datasets import catalog, staging
from geocrew.datasets.catalog import OPERATOR, Dataset
from geocrew.datasets.staging import Staging
from geocrew.db import Connection

Row = dict[str, Any]


@dataclass
class DirectContext:
    """Keeps what a run reports; `on_progress` lets a test act between two steps."""

    connection: Connection
    user_id: int = OPERATOR
    staging: Staging = field(default_factory=lambda: Staging(0, uuid4()))
    raster_dir: Path = Path("/nonexistent")
    on_progress: Callable[[float, str], object] = lambda _share, _message: None
    steps: list[tuple[float, str]] = field(default_factory=list)
    lines: list[tuple[str, Level]] = field(default_factory=list)

    def progress(self, share: float, message: str, until: float | None = None) -> None:
        assert until is None or share < until <= 1
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
    raster_dir: Path = Path("/nonexistent"),
    on_progress: Callable[[float, str], object] = lambda _share, _message: None,
) -> Run:
    """Do what a worker's child does with a job, but for the queue."""
    analysis = analyses.find(job_type)
    parsed: Params = analysis.parse(params)
    catalog.check_output(connection, parsed.output_dataset_id, user_id)
    context = DirectContext(connection, user_id, raster_dir=raster_dir, on_progress=on_progress)
    try:
        product = analysis.run(parsed, context)
        source = {"job_type": job_type, "params": params}
        draft = publication.draft(connection, product, parsed, user_id, source)
        with connection.transaction():
            dataset = publication.publish(connection, draft, product, context.staging)
    finally:
        staging.clear(connection, context.staging)
    return Run(dataset, product, dict(product.counts), context)


def rows_of(connection: Connection, relation: sql.Composable) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        query = sql.SQL("SELECT *, ST_AsEWKT(geom) AS geom FROM {} ORDER BY id")
        return cursor.execute(query.format(relation)).fetchall()
