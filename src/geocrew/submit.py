"""From a request to a job row: the parameters are checked before anything is stored."""

from datetime import datetime, timedelta
from typing import Any

from geocrew import analyses
from geocrew.analysis import Params
from geocrew.datasets import catalog
from geocrew.datasets.catalog import OPERATOR
from geocrew.db import Connection
from geocrew.queue import produce


def submit(
    connection: Connection,
    job_type: str,
    params: dict[str, Any],
    *,
    user_id: int = OPERATOR,
    priority: int = 0,
    run_at: datetime | None = None,
    max_attempts: int = 5,
    timeout: timedelta | None = None,
    idempotency_key: str | None = None,
) -> int:
    """Check a request and enqueue it in the caller's transaction; returns the job's id.

    Raises NotFound for an unknown job type or dataset, InvalidParameters with every mistake at once;
    nothing is stored then.
    """
    analysis = analyses.find(job_type)
    checked: Params = analysis.parse(params)
    catalog.check_output(connection, checked.output_dataset_id, user_id)
    analysis.check(checked, connection, user_id)
    return produce.enqueue(
        connection,
        analysis.job_type,
        params,
        user_id=user_id,
        priority=priority,
        run_at=run_at,
        max_attempts=max_attempts,
        timeout=timeout,
        idempotency_key=idempotency_key,
    )
