"""Drop a dataset: its catalog row and, unless it was only registered, what the row points to."""

from pathlib import Path

import psycopg
from psycopg import sql

from geocrew.datasets import catalog
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.relation import find_relation
from geocrew.db import Connection, statement
from geocrew.errors import UserError

_SQL = "geocrew.datasets.sql"
_COMMANDS = {
    "table": sql.SQL("DROP TABLE IF EXISTS {}"),
    "view": sql.SQL("DROP VIEW IF EXISTS {}"),
    "materialized_view": sql.SQL("DROP MATERIALIZED VIEW IF EXISTS {}"),
}


def drop(connection: Connection, dataset: Dataset, raster_dir: Path) -> None:
    """Remove relation and row in one transaction of its own, and then a raster's file.

    Raises UserError naming the views, and the datasets they are, that are built on it.
    """
    try:
        with connection.transaction():
            catalog.remove(connection, dataset.id)
            if dataset.kind in _COMMANDS and not dataset.registered:
                connection.execute(_COMMANDS[dataset.kind].format(_relation(dataset)))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise UserError(
            f"dataset {dataset.id} cannot be dropped: {_dependants(connection, dataset)} built on "
            f"it; drop that first"
        ) from error
    if dataset.raster_file is not None and not dataset.registered:
        (raster_dir / dataset.raster_file).unlink(missing_ok=True)


def _relation(dataset: Dataset) -> sql.Identifier:
    return sql.Identifier(str(dataset.schema_name), str(dataset.table_name))


def _dependants(connection: Connection, dataset: Dataset) -> str:
    relation = find_relation(connection, dataset.schema_name, dataset.table_name)
    if relation is None:
        return "something is"
    rows = connection.execute(statement(_SQL, "dependants"), {"relation": relation.oid}).fetchall()
    names = [
        f'dataset {number} ("{schema}"."{view}")' if number else f'the view "{schema}"."{view}"'
        for schema, view, number in rows
    ]
    if not names:
        return "another table or function is"
    return ", ".join(names) + (" are" if len(names) > 1 else " is")
