"""Dissolve: one shape for all rows with the same value, and what their other values come to.

The result is defined by PostGIS's ST_Union of each group. A table is filled faster, and so that it can
be stopped: polygons that fit together are merged by dropping the edges that two of them share, all
others by GEOS's overlay, group by group in this process.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from geocrew.analyses.parts import groups_shapes
from geocrew.analyses.parts.groups import Grouping, by_field, by_list, by_nothing, find_field
from geocrew.analyses.parts.groups_aggregates import (
    Aggregate,
    Function,
    beyond_range,
    find_aggregates,
)
from geocrew.analyses.parts.groups_census import count_rows, merged_geometry, name_failed
from geocrew.analyses.parts.groups_select import FEATURE_COUNT, Groups
from geocrew.analyses.parts.groups_shapes import InvalidShapeFoundError, Unions
from geocrew.analyses.parts.groups_unchecked import take_unchecked
from geocrew.analysis import Analysis, Column, Context, Product, VectorParams, notes, rest, step_of
from geocrew.datasets.build import build
from geocrew.datasets.compose import compose
from geocrew.datasets.features import Features, prepare, reach_rows
from geocrew.datasets.layer import Layer, open_layer
from geocrew.datasets.number_range import in_range
from geocrew.datasets.output import ID
from geocrew.datasets.staging import SCHEMA, clear
from geocrew.datasets.steady import steady, steady_for, watched
from geocrew.datasets.ticks import ticks_of_view, ticks_over
from geocrew.db import Connection
from geocrew.errors import UserError

Mode = Literal["all", "field", "custom"]

_MERGING = (0.2, 0.8)  # shares of the work that merging begins and ends with


def _as_text(value: Any) -> Any:
    """Write a JSON value as PostgreSQL writes it: true, 5, 1.5."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, int | float) else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class CustomGroup(BaseModel):
    """A group of values under one name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200, description="what group_name says")
    values: tuple[Annotated[str, BeforeValidator(_as_text)], ...] = Field(
        min_length=1, description="values of custom_field, compared as text"
    )


class Params(VectorParams):
    """Parameters of dissolve."""

    source_dataset_id: int = Field(
        ge=1, description="the dataset whose rows are merged", json_schema_extra={"dataset": True}
    )
    dissolve_mode: Mode = Field(
        "field",
        description="all: into one; field: by the values of dissolve_field; custom: by custom_groups",
    )
    dissolve_field: str | None = Field(
        None,
        min_length=1,
        description="field whose equal values make a group; required for dissolve_mode field",
        json_schema_extra={"field_of": "source_dataset_id"},
    )
    custom_field: str | None = Field(
        None,
        min_length=1,
        description="field whose values custom_groups list; required for dissolve_mode custom",
        json_schema_extra={"field_of": "source_dataset_id"},
    )
    custom_groups: tuple[CustomGroup, ...] | None = Field(
        None,
        min_length=1,
        description='groups, e.g. [{"name": "West", "values": ["CA", "OR"]}]; for dissolve_mode custom',
    )
    aggregation_fields: dict[
        str,
        Annotated[tuple[Function, ...], BeforeValidator(_as_list), Field(min_length=1)],
    ] = Field(
        default_factory=dict,
        description="a function, or a list of them, for each field that is summed up: "
        "sum, avg, min, max, count, median, stddev, first",
    )
    multipart: bool = Field(True, description="one row a group; false: one row for each of its parts")
    unmatched: Literal["drop", "keep"] = Field(
        "drop", description="rows in no custom group: left out, or kept in one group without a name"
    )

    @classmethod
    def conditions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        """Want groups where they are needed, and no name or value in two."""
        yield from super().conditions(given)
        groups = given.get("custom_groups")
        if given.get("dissolve_mode") == "custom" and groups is None:
            example = '[{"name": "West", "values": ["CA", "OR"]}]'
            yield f'custom_groups is required for dissolve_mode "custom", e.g. {example}'
        names: set[str] = set()
        owners: dict[str, str] = {}
        for group in groups if isinstance(groups, list) else []:
            name = group.get("name") if isinstance(group, dict) else None
            values = group.get("values") if isinstance(group, dict) else None
            if not isinstance(name, str) or not isinstance(values, list):
                continue
            if name in names:
                yield f'custom_groups has two groups named "{name}"; give each a name of its own'
            names.add(name)
            for value in dict.fromkeys(str(_as_text(each)) for each in values):
                if owners.setdefault(value, name) != name:
                    yield (
                        f'custom_groups has the value "{value}" in two groups, "{owners[value]}" and '
                        f'"{name}"; a value belongs to one'
                    )


COLUMNS = (
    Column("group_name", "text", "name of the custom group; NULL for the rest; only with custom"),
    Column(FEATURE_COUNT, "int8", "number of rows in the group"),
)


def check(
    params: Params, connection: Connection, user_id: int
) -> tuple[Layer, Grouping, list[Aggregate]]:
    """Return layer, grouping and aggregates; raises UserError where they are not fit."""
    layer = open_layer(connection, params.source_dataset_id, user_id, "source_dataset_id")
    aggregates = find_aggregates(layer, params.aggregation_fields)
    first = any(each.function == "first" for each in aggregates)
    if first and params.output_mode != "static" and layer.rank("s") is None:
        raise UserError(
            f'{layer.described} has no unique key, so a view cannot tell which row is "first"; '
            'choose output_mode "static", or another function'
        )
    return layer, _group(params, connection, layer), aggregates


def _group(params: Params, connection: Connection, layer: Layer) -> Grouping:
    if params.dissolve_mode == "all":
        return by_nothing()
    needed = f'for dissolve_mode "{params.dissolve_mode}"'
    if params.dissolve_mode == "field":
        field = find_field(layer, "dissolve_field", params.dissolve_field, needed)
        return by_field(connection, field, layer)
    field = find_field(layer, "custom_field", params.custom_field, needed)
    lists = [(each.name, each.values) for each in params.custom_groups or ()]
    return by_list(field, lists, params.unmatched == "keep")


def run(params: Params, context: Context) -> Product:
    """Sum values up in PostgreSQL, merge shapes here, and let the server join the two.

    A table's shapes are taken for valid until one is met that is not; then all starts anew.
    """
    layer, grouping, aggregates = check(params, context.connection, context.user_id)
    rows = reach_rows(context.connection, layer)
    with watched(layer), steady_for(context.connection, params.output_mode):
        reached = 0.0
        if params.output_mode == "static" and params.on_invalid != "fail":
            taken = take_unchecked(context.connection, rows, context.staging, grouping)
            if taken is not None:
                try:
                    return _run(params, context, layer, lambda: taken, (grouping, aggregates))
                except InvalidShapeFoundError as found:
                    reached = _MERGING[0] + (_MERGING[1] - _MERGING[0]) * found.share
                    clear(context.connection, context.staging)
        show = step_of(context, "checking shapes", reached, reached + (1 - reached) * 0.1)

        def checked() -> Features:
            return prepare(context.connection, rows, context.staging, params.on_invalid, show)

        return _run(params, context, layer, checked, (grouping, aggregates), reached, checked=True)


def _run(
    params: Params,
    context: Context,
    layer: Layer,
    take: Callable[[], Features],
    asked: tuple[Grouping, list[Aggregate]],
    reached: float = 0.0,
    *,
    checked: bool = False,
) -> Product:
    """Make the product of the rows that `take` takes; progress goes from `reached` to 1."""

    def tell(share: float, message: str = "merging shapes") -> None:
        context.progress(reached + (1 - reached) * share, message)

    connection = context.connection
    with steady(connection):
        features = take()
        features.check_unchanged(connection)
        shape = merged_geometry(connection, features, params.multipart)
        groups = Groups(features, *asked, shape, params.multipart)
        tell(0.1, "summing up the groups")
        counts = count_rows(connection, groups)
        with in_range(beyond_range(groups.aggregates)):
            groups_shapes.list_groups(context, groups, boxes=params.output_mode == "view")
    unions, n_groups = Unions(), _count_groups(context)
    if params.output_mode == "static":
        unions = groups_shapes.unite_groups(
            context, groups, checked, lambda s: tell(_MERGING[0] + (_MERGING[1] - _MERGING[0]) * s)
        )
        ticks = ticks_over(connection, features.layer, n_groups)
        select = ticks.told(groups_shapes.output(context, groups), ID)
    else:
        ticks = ticks_of_view(n_groups)
        select = replace(groups, features=features.for_view(layer)).view()
    show = rest(context, reached + (1 - reached) * _MERGING[1])
    staged = build(connection, context.staging, params.output_mode, select, ticks, show=show)
    return Product(
        staged=staged,
        name=_name(params, layer),
        counts=counts
        | _merged(context, counts, unions, n_groups)
        | {"notes": _notes(params, features, unions)},
        described=_stand_in(params, context, features) if staged.kind == "view" else None,
    )


def _count_groups(context: Context) -> int:
    table = context.staging.relation("groups")
    row = context.connection.execute(compose("SELECT count(*) FROM {table}", table=table)).fetchone()
    return int(row[0]) if row else 0


def _merged(context: Context, counts: dict[str, Any], unions: Unions, n_groups: int) -> dict[str, Any]:
    """Return the number of groups and how they were merged, and take those that failed off the sheet."""
    found = {"n_groups": n_groups - len(unions.failed), "merged_by": dict(unions.ways)}
    if not unions.failed:
        return found
    members = context.staging.relation("members")
    lost = name_failed(context.connection, members, unions.failed)
    return found | {
        "rows_out": counts["rows_out"] - len(lost),
        "failed": counts["failed"] + len(lost),
        "dropped": [*counts["dropped"], *lost][:1000],
    }


def _stand_in(params: Params, context: Context, features: Features) -> Layer | None:
    """Return the groups with their boxes; how many parts they have only the view itself can tell."""
    if not params.multipart:
        return None
    boxes = features.layer.moved(SCHEMA, context.staging.name("groups"))
    return replace(boxes, geometry_column="box")


def _notes(params: Params, features: Features, unions: Unions) -> list[str]:
    computed = replace(features.geometry, unchanged=False)
    said = notes(replace(features, geometry=computed, lost=0), params.output_mode)
    if features.lost:
        said.append(f"{features.lost} invalid shapes could not be repaired and are left out")
    snapped = unions.ways["snapped_1e-9"] + unions.ways["snapped_1e-7"]
    if snapped:
        said.append(f"the shapes of {snapped} groups could only be merged after rounding coordinates")
    return said


def _name(params: Params, layer: Layer) -> str:
    field = {"field": params.dissolve_field, "custom": params.custom_field}.get(params.dissolve_mode)
    return f"{layer.dataset.name} dissolved" + (f" by {field}" if field else "")


ANALYSIS = Analysis(
    job_type="dissolve",
    title="Dissolve",
    summary="Merges features that share a value into one, with sums, means and counts of their fields.",
    params=Params,
    columns=COLUMNS,
    check=check,
    run=run,
)
