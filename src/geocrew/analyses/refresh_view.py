"""Bring a stored view up to date: every analysis can make one, and none of them follows its sources."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from geocrew import analysis
from geocrew.analysis import Analysis, Context, Product
from geocrew.datasets.catalog import Dataset
from geocrew.db import Connection
from geocrew.views.refresh import Refreshed, check_refreshable, refresh


class Params(analysis.Params):
    """Parameters of a refresh."""

    dataset_id: int = Field(
        ge=1, description="the dataset, a materialized view", json_schema_extra={"dataset": True}
    )

    @classmethod
    def conditions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        """Say that there is no new dataset to name or fill."""
        for name in ("output_name", "output_dataset_id"):
            if given.get(name) is not None:
                yield f"{name} means nothing here: a refresh makes no new dataset"


def check(params: Params, connection: Connection, user_id: int) -> Dataset:
    """Return the dataset; raises UserError where it cannot be refreshed."""
    return check_refreshable(connection, params.dataset_id, user_id)


def run(params: Params, context: Context) -> Product:
    """Refresh; the rows are there for all to see before the job is completed, which harms nobody."""
    dataset = check(params, context.connection, context.user_id)
    context.progress(0.1, "computing the rows")
    concurrently = refresh(context.connection, dataset)
    return Product(
        staged=Refreshed(dataset.id),
        name=dataset.name,
        counts={"concurrently": concurrently, "rows_before": dataset.row_count},
    )


ANALYSIS = Analysis(
    job_type="refresh_view",
    title="Refresh view",
    summary="Computes the rows of a stored view anew, while others read it where that is possible.",
    params=Params,
    columns=(),
    check=check,
    run=run,
    makes_relation=False,
)
