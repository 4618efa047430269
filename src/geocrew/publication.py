"""Give what a run has built its place and its row in the catalog."""

from dataclasses import replace
from typing import Any

import psycopg

from geocrew.analysis import Params, Product
from geocrew.datasets import catalog, staging
from geocrew.datasets.build import Staged
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.destination import PUBLIC
from geocrew.datasets.output import GEOMETRY, ID
from geocrew.datasets.staged_raster import StagedRaster
from geocrew.datasets.staging import SCHEMA, Staging
from geocrew.datasets.summary import summarise
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.views import refresh
from geocrew.views.refresh import Refreshed


def draft(
    connection: Connection, product: Product, params: Params, user_id: int, source: dict[str, Any]
) -> Dataset:
    """Describe the product as a dataset with no id and no place yet; reads all of its rows.

    A refreshed dataset keeps its row but for counts and extent.
    """
    if isinstance(product.staged, Refreshed):
        return refresh.describe(connection, product.staged, user_id)
    return Dataset(
        id=params.output_dataset_id or 0,
        user_id=user_id,
        name=params.output_name or product.name,
        source=source,
        **_describe(connection, product, product.staged),
    )


def publish(
    connection: Connection,
    dataset: Dataset,
    product: Product,
    workshop: Staging,
    job_id: int | None = None,
) -> Dataset:
    """Move the product to its place and fill its catalog row, in the caller's transaction."""
    if isinstance(product.staged, Refreshed):
        refresh.record(connection, dataset)
        return dataset
    if dataset.id:
        catalog.hold(connection, dataset.id, dataset.user_id)
    number = dataset.id or catalog.reserve(connection, dataset.name, dataset.user_id)
    dataset = replace(dataset, id=number, job_id=job_id)
    if isinstance(product.staged, Staged):
        table = f"spatial_data_{number}"
        try:
            staging.publish(connection, product.staged.table, product.staged.kind, PUBLIC, table)
        except (psycopg.errors.DuplicateTable, psycopg.errors.DuplicateObject) as error:
            raise UserError(
                f'"{PUBLIC}"."{table}" is there already, so dataset {number} cannot be filled;'
                " rename that relation or type, or give another output_dataset_id"
            ) from error
        dataset = replace(dataset, schema_name=PUBLIC, table_name=table)
    staging.clear(connection, workshop)
    catalog.add(connection, dataset)
    return dataset


def _describe(connection: Connection, product: Product, staged: Staged | StagedRaster) -> dict[str, Any]:
    if isinstance(staged, StagedRaster):
        return {
            "kind": "raster",
            "raster_file": staged.file,
            "raster": staged.raster,
            "srid": staged.srid,
            "bbox": staged.bbox,
        }
    summary = product.summary or summarise(connection, SCHEMA, staged.table, GEOMETRY, product.described)
    return {
        "kind": staged.kind,
        "key_column": ID,
        "geometry_column": GEOMETRY,
        "geometry_type": summary.geometry_type,
        "srid": summary.srid,
        "row_count": summary.row_count,
        "null_geometry_count": summary.null_geometry_count,
        "bbox": summary.bbox,
    }
