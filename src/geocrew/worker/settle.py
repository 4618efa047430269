"""Publish what a job has built and complete the job, in one commit that its lease must survive."""

import time
from typing import Any

from geocrew import publication
from geocrew.analysis import Params, Product
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.staging import Staging
from geocrew.db import Connection
from geocrew.queue import consume
from geocrew.queue.job import Claim


def publish(
    connection: Connection, claim: Claim, given: Any, params: Params, product: Product, started: float
) -> dict[str, Any]:
    """Make output, catalog row and `completed` visible together; raises LeaseLost, then nothing is.

    `given` are the parameters as the job's row has them, `params` the same checked; `started`
    is time.monotonic() of the run's begin.
    """
    source = {"job_type": claim.job_type, "params": given}
    draft = publication.draft(connection, product, params, claim.user_id, source)
    with connection.transaction():
        dataset = publication.publish(
            connection, draft, product, Staging(claim.id, claim.lease), claim.id
        )
        result = _result(dataset, product, started)
        consume.complete(connection, claim.id, claim.lease, result)
    return result


def _result(dataset: Dataset, product: Product, started: float) -> dict[str, Any]:
    """Return AR1's three keys, what every result has, and the counts of this analysis."""
    return {
        "dataset_id": dataset.id,
        "dataset_name": dataset.name,
        "table_name": dataset.table_name,
        "row_count": dataset.row_count,
        "bbox": dataset.bbox,
        "srid": dataset.srid,
        "elapsed_ms": round((time.monotonic() - started) * 1000),
        **product.counts,
    }
