"""Views of users: one SELECT of theirs, or chosen columns and a condition.

What a query may hold is decided in geocrew.views.guard, by PostgreSQL's grammar and lists; what it comes
to mean in geocrew.views.definition; a role that can only read the datasets concerned makes and tries it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, field_validator

from geocrew import analysis
from geocrew.analysis import Analysis, Context, Product, losses
from geocrew.datasets import reference_systems
from geocrew.datasets.layer import Layer, open_layer
from geocrew.db import Connection
from geocrew.views import parse
from geocrew.views.builder import build_query
from geocrew.views.create import Definition, View, create
from geocrew.views.queries import guard_query
from geocrew.views.role import ROLE
from geocrew.views.tables import ReadableTables


class Params(analysis.Params):
    """Parameters of a view."""

    source_dataset_id: int = Field(
        ge=1, description="the dataset that is viewed", json_schema_extra={"dataset": True}
    )
    query: str | None = Field(
        None,
        min_length=1,
        max_length=parse.MAX_LENGTH,
        description="one SELECT that reads datasets as spatial_data_ID and yields one geometry column",
    )
    columns: list[str] | None = Field(
        None,
        min_length=1,
        description="in place of a query: fields to keep; all, where there is only a condition",
        json_schema_extra={"field_of": "source_dataset_id"},
    )
    where: str | dict[str, Any] | None = Field(
        None, description="in place of a query: which rows to keep, in CQL2, as text or JSON"
    )
    materialized: bool = Field(
        False, description="whether rows are stored, with a spatial index, and refreshed when asked to"
    )

    @field_validator("where", mode="before")
    @classmethod
    def _text_or_object(cls, value: Any) -> Any:
        """Refuse all else at once: pydantic would tell of each kind apart."""
        if value is not None and not isinstance(value, str | dict):
            raise ValueError("should be text or an object")
        return value

    @classmethod
    def conditions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        """Say where there is both a query and what stands in its place, or neither."""
        built = [each for each in ("columns", "where") if given.get(each) is not None]
        if given.get("query") is not None and built:
            yield f"query and {' and '.join(built)} exclude each other; give one or the other"
        if given.get("query") is None and not built:
            yield "query, or columns and where in its place, is required"


def check(params: Params, connection: Connection, user_id: int) -> tuple[Layer, Definition]:
    """Return the layer and what the view is to be; raises UserError for what no view may be."""
    layer = open_layer(connection, params.source_dataset_id, user_id, "source_dataset_id")
    tables = ReadableTables(connection, user_id)
    if params.query is not None:
        return layer, guard_query(connection, params.query, tables)
    system = reference_systems.definition(connection, layer.srid)
    table = tables.of(layer.dataset)
    return layer, build_query(layer, table, params.columns, params.where, system)


def run(params: Params, context: Context) -> Product:
    """Make the view as the role of views, count it, and hand it to publication."""
    layer, definition = check(params, context.connection, context.user_id)
    view = create(
        context.connection,
        context.staging,
        definition,
        layer,
        materialized=params.materialized,
        progress=context.progress,
    )
    return Product(
        staged=view.staged,
        name=f"View of {layer.dataset.name}",
        counts={
            "rows_in": view.summary.row_count,
            "rows_out": view.summary.row_count,
            "dropped_outside": 0,
            "dropped_empty": 0,
            "dropped_lower_dimension": 0,
            "failed": 0,
            "n_empty": view.hollow,
            "columns": list(view.columns),
            "read_dataset_ids": sorted({each.dataset_id for each in definition.tables}),
            "notes": _notes(view),
        },
        summary=view.summary,
    )


def _notes(view: View) -> list[str]:
    said = [] if view.converted is None else losses(view.converted)
    stored = view.staged.kind == "materialized_view"
    if view.screened:
        tables = ", ".join(view.screened)
        seen = "the view holds the rows" if stored else "counts are of the rows"
        said.append(f"{seen} that the policies (row level security) of {tables} let {ROLE} see")
    if stored:
        return [*said, "the view holds the rows of now; geocrew datasets refresh brings it up to date"]
    slow = []
    if view.converted is not None:
        slow.append("computes its shapes")
    if not view.keyed:
        slow.append('numbers its rows, for the query yields no integer column "id",')
    why = f" The view {' and '.join(slow)} and cannot use the spatial index." if slow else ""
    advice = ' "materialized": true stores them with a spatial index.' if slow else ""
    return [*said, f"the view finds its rows anew whenever it is read.{why}{advice}"]


ANALYSIS = Analysis(
    job_type="create_view",
    title="Create view",
    summary="Makes a view of datasets from one SELECT, or from chosen columns and a condition.",
    params=Params,
    columns=(),
    check=check,
    run=run,
)
