"""Refresh a stored view, while others read it where that is possible."""

from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from geocrew.datasets import catalog
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.relation import find_relation
from geocrew.datasets.summary import summarise
from geocrew.db import Connection, statement
from geocrew.errors import NotFound, UserError

_SQL = "geocrew.views.sql"


@dataclass(frozen=True)
class Refreshed:
    """A dataset whose rows a run has brought up to date, in place of a new one."""

    dataset_id: int


def check_refreshable(connection: Connection, dataset_id: int, user_id: int) -> Dataset:
    """Return the dataset; raises NotFound, or UserError where it is no stored view of ours."""
    dataset = catalog.given(
        connection, "dataset_id", dataset_id, user_id, "stored views", _is_stored_view
    )
    if dataset.kind != "materialized_view":
        raise UserError(
            f"dataset_id {dataset_id} is a {dataset.kind}; only a materialized_view can be refreshed"
        )
    if dataset.registered:
        raise UserError(
            f"dataset_id {dataset_id} is a registered materialized view, which is never changed from"
            " here; refresh it where it is kept, and register it again"
        )
    relation = find_relation(connection, dataset.schema_name, dataset.table_name)
    if relation is None or relation.kind != "m":
        raise _gone(dataset)
    if not (relation.column(dataset.key_column) and relation.column(dataset.geometry_column)):
        raise NotFound(f"{_gone(dataset)}; another is in its place, which has other columns")
    return dataset


def _is_stored_view(dataset: Dataset) -> bool:
    return dataset.kind == "materialized_view" and not dataset.registered


def refresh(connection: Connection, dataset: Dataset) -> bool:
    """Compute the rows anew; returns whether readers could go on reading.

    Runs with the rights of the view's owner. Raises UserError where an id is now there twice or missing,
    and where a value or shape cannot be computed any more.
    """
    place = {"schema": dataset.schema_name, "name": dataset.table_name}
    row = connection.execute(statement(_SQL, "refreshable"), place).fetchone()
    if row is None:
        raise _gone(dataset)
    concurrently = bool(row[0])
    command = sql.SQL("REFRESH MATERIALIZED VIEW {}{}").format(
        sql.SQL("CONCURRENTLY " if concurrently else ""),
        sql.Identifier(str(dataset.schema_name), str(dataset.table_name)),
    )
    try:
        with connection.transaction():
            connection.execute(command)
            _check_ids(connection, dataset)
    except (psycopg.errors.UniqueViolation, psycopg.errors.CardinalityViolation) as error:
        raise _ambiguous(dataset) from error
    except (psycopg.DataError, psycopg.errors.InsufficientPrivilege) as error:
        raise UserError(
            f"dataset {dataset.id} cannot be refreshed: {error.diag.message_primary}"
        ) from error
    return concurrently


def _check_ids(connection: Connection, dataset: Dataset) -> None:
    """Raise UserError where a row has no id, which no unique index minds."""
    query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} IS NULL)").format(
        sql.Identifier(str(dataset.schema_name), str(dataset.table_name)),
        sql.Identifier(str(dataset.key_column)),
    )
    row = connection.execute(query).fetchone()
    if row is not None and row[0]:
        raise _ambiguous(dataset)


def _gone(dataset: Dataset) -> NotFound:
    return NotFound(f"the view of dataset {dataset.id} is not there any more")


def _ambiguous(dataset: Dataset) -> UserError:
    return UserError(
        f'dataset {dataset.id} cannot be refreshed: its "id" would not identify its rows any more'
    )


def describe(connection: Connection, refreshed: Refreshed, user_id: int) -> Dataset:
    """Return the dataset with the counts and extent that it has now."""
    dataset = catalog.get(connection, refreshed.dataset_id, user_id)
    place = (str(dataset.schema_name), str(dataset.table_name), str(dataset.geometry_column))
    found = summarise(connection, *place)
    return replace(
        dataset,
        row_count=found.row_count,
        null_geometry_count=found.null_geometry_count,
        bbox=found.bbox,
    )


def record(connection: Connection, dataset: Dataset) -> None:
    """Write counts and extent to the catalog; raises NotFound where the dataset is gone."""
    values = {
        "id": dataset.id,
        "row_count": dataset.row_count,
        "null_geometry_count": dataset.null_geometry_count,
        "bbox": dataset.bbox,
    }
    if connection.execute(statement(_SQL, "record"), values).rowcount != 1:
        raise NotFound(f"dataset {dataset.id} does not exist any more")
