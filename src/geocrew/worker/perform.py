"""From a job row to a run: check the parameters again, run the analysis, publish its product."""

import time
from typing import Any

from geocrew import analyses
from geocrew.analysis import Params
from geocrew.datasets import catalog, destination
from geocrew.queue import consume
from geocrew.queue.job import Claim
from geocrew.worker.context import JobContext
from geocrew.worker.settle import publish


def perform(claim: Claim, context: JobContext) -> dict[str, Any]:
    """Run the job and return its result; the row may come from anywhere, so nothing in it is trusted."""
    started = time.monotonic()
    analysis = analyses.find(claim.job_type)
    given = consume.params(context.connection, claim)
    params: Params = analysis.parse(given)
    catalog.check_output(context.connection, params.output_dataset_id, claim.user_id)
    if analysis.makes_relation:
        destination.check_rights(context.connection)
    product = analysis.run(params, context)
    context.progress(0.97, "publishing")
    return publish(context.connection, claim, given, params, product, started)
