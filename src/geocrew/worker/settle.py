"""Publish what a job has built and complete the job, in one commit that its lease must survive."""

import time
from typing import Any

from geocrew.analysis import Params, Product
from geocrew.datasets import catalog, staging
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.output import GEOMETRY, ID
from geocrew.datasets.staging import SCHEMA, Staging
from geocrew.datasets.summary import Summary, summarise
from geocrew.db import Connection
from geocrew.queue import consume
from geocrew.queue.job import Claim

_PUBLIC = "public"


def publish(
    connection: Connection, claim: Claim, params: Params, product: Product, started: float
) -> dict[str, Any]:
    """Make table, catalog row and `completed` visible together; raises LeaseLost, then nothing is.

    `started` is time.monotonic() of the run's begin.
    """
    summary = summarise(connection, SCHEMA, product.staged.table, GEOMETRY, product.described)
    with connection.transaction():
        dataset_id = params.output_dataset_id or catalog.reserve(connection, product.name, claim.user_id)
        table = f"spatial_data_{dataset_id}"
        staging.publish(connection, product.staged.table, product.staged.kind, _PUBLIC, table)
        staging.clear(connection, Staging(claim.id, claim.lease))
        name = params.output_name or product.name
        catalog.add(
            connection,
            Dataset(
                id=dataset_id,
                user_id=claim.user_id,
                name=name,
                kind=product.staged.kind,
                schema_name=_PUBLIC,
                table_name=table,
                key_column=ID,
                geometry_column=GEOMETRY,
                geometry_type=summary.geometry_type,
                srid=summary.srid,
                row_count=summary.row_count,
                null_geometry_count=summary.null_geometry_count,
                bbox=summary.bbox,
                job_id=claim.id,
                source={"job_type": claim.job_type, "params": claim.params},
            ),
        )
        result = _result(dataset_id, name, table, summary, product, started)
        consume.complete(connection, claim.id, claim.lease, result)
    return result


def _result(
    dataset_id: int, name: str, table: str, summary: Summary, product: Product, started: float
) -> dict[str, Any]:
    """Return AR1's three keys, what every result has, and the counts of this analysis."""
    note = {} if product.note is None else {"note": product.note}
    return {
        "dataset_id": dataset_id,
        "dataset_name": name,
        "table_name": table,
        "row_count": summary.row_count,
        "bbox": summary.bbox,
        "srid": summary.srid,
        "elapsed_ms": round((time.monotonic() - started) * 1000),
        **product.counts,
        **note,
    }
