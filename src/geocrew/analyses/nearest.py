"""Nearest: for each feature of one dataset the nearest of another, and how far they are apart.

Planar as ST_Distance measures (never with Z), on degrees along geodesics of WGS84. Exact: an index only
bounds the reach within which the nearest must lie, all within are measured; ties go by the target's id.
"""

from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from geocrew.analyses.parts.nearest_output import COLUMNS, Geometry, pair_results
from geocrew.analyses.parts.nearest_pairs import (
    Finder,
    Pairs,
    failed_targets,
    list_unmatched,
    measure_pairs,
)
from geocrew.analyses.parts.nearest_sql import Search, pairs_select
from geocrew.analyses.parts.nearest_tally import summary_of
from geocrew.analyses.parts.nearest_targets import are_stored_points, defined_targets
from geocrew.analyses.parts.nearest_unit import unit_in_words
from geocrew.analysis import Analysis, Context, Product, VectorParams, notes, rest, step_of
from geocrew.datasets.build import Staged, build
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.empty_members import has_gaps
from geocrew.datasets.features import Reached, prepare, reach_rows
from geocrew.datasets.layer import Layer, open_layer
from geocrew.datasets.output import ID, Results, select_rows
from geocrew.datasets.pairing import Side, has_shape_index
from geocrew.datasets.progress import part_of
from geocrew.datasets.srids import Alignment, in_srid_of
from geocrew.datasets.staging import SCHEMA
from geocrew.datasets.steady import steady, watched
from geocrew.datasets.ticks import ticks_of_view, ticks_over
from geocrew.datasets.units import DistanceUnit, measured
from geocrew.datasets.unprojected import attempted, set_aside
from geocrew.db import Connection
from geocrew.errors import UserError


class Params(VectorParams):
    """Parameters of the nearest search."""

    source_dataset_id: int = Field(
        ge=1, description="features whose nearest are looked for", json_schema_extra={"dataset": True}
    )
    target_dataset_id: int = Field(
        ge=1,
        description="features among which they are looked for; if it is the source, "
        "no feature is its own neighbour",
        json_schema_extra={"dataset": True},
    )
    max_distance: float | None = Field(
        None, ge=0, description="targets further away do not count; inclusive, in distance_unit"
    )
    limit: int = Field(1, ge=1, le=1_000_000, description="how many targets each source gets at most")
    keep_unmatched: bool = Field(
        False, description="whether sources without a target keep a row, with NULL in it"
    )
    geometry: Geometry = Field(
        "source", description="shape of the rows: the source's, or the shortest line to the target"
    )
    distance_unit: DistanceUnit = Field(
        "auto",
        description="unit of max_distance and of the result; "
        "auto: metres on the ellipsoid for geographic datasets, else the dataset's unit",
    )


@dataclass(frozen=True)
class Plan:
    """What `check` has found: two layers, how they are compared, what is looked for, the unit."""

    source: Layer
    target: Layer
    alignment: Alignment
    search: Search
    unit: str


def check(params: Params, connection: Connection, user_id: int) -> Plan:
    """Return what is to be done; raises UserError for datasets that cannot be compared."""
    source = open_layer(connection, params.source_dataset_id, user_id, "source_dataset_id")
    target = open_layer(connection, params.target_dataset_id, user_id, "target_dataset_id")
    if params.output_mode != "static":
        for layer in (source, target):
            _check_names(layer)
    search = Search(
        limit=params.limit,
        reach=params.max_distance,
        unit=measured(connection, source, 1.0, params.distance_unit),
        geographic=source.geographic,
        same=params.source_dataset_id == params.target_dataset_id,
    )
    alignment = in_srid_of(connection, source, target)
    return Plan(
        source, target, alignment, search, unit_in_words(connection, source, params.distance_unit)
    )


def run(params: Params, context: Context) -> Product:
    """Find the pairs in PostgreSQL, where the index is, and join them to the rows of both layers."""
    plan = check(params, context.connection, context.user_id)
    with watched(plan.source), watched(plan.target):
        return _run(params, context, plan)


def _run(params: Params, context: Context, plan: Plan) -> Product:
    connection, search = context.connection, plan.search
    reached = [reach_rows(connection, each) for each in (plan.source, plan.target)]
    with steady(connection):
        source, target = _open_sides(params, context, plan, reached)
        show = part_of(context.progress, 0.1, 0.7)
        finder = Finder(connection, context.staging, source, target, search, show)
        nowhere: list[dict[str, Any]] = []
        pairs = attempted(connection, finder.find)
        if pairs is None:
            context.progress(0.1, "looking for targets that cannot be transformed")
            target, nowhere = set_aside(connection, context.staging, target, "2")
            _check_view(params, plan, nowhere)
            pairs = replace(finder, target=target).find()
        counts = _counts(params, connection, plan, source, target, pairs)
        counts["targets"] |= failed_targets(params.on_invalid, counts["targets"], nowhere)
        source = replace(source, features=source.features.known(placed=not pairs.sources.empty))
        static = _results(params, search, source, target, pairs, compose(""))
        rows = max(counts["n_pairs"], counts["rows_out"])
        staged, described = _build(params, context, plan, source, target, static, rows)
    indexed = are_stored_points(source, target) and has_shape_index(connection, plan.target)
    plain = params.output_mode == "static" and params.geometry == "source" and not params.keep_unmatched
    nearest = f"Nearest in {plan.target.dataset.name} to {plan.source.dataset.name}"
    return Product(
        staged=staged,
        name=f"Nearest neighbours in {plan.source.dataset.name}" if search.same else nearest,
        counts=counts | {"notes": _notes(params, source, target, len(nowhere), indexed)},
        described=described,
        summary=summary_of(source, pairs.tally) if plain else None,
    )


def _open_sides(params: Params, context: Context, plan: Plan, rows: list[Reached]) -> tuple[Side, Side]:
    """Make both layers valid; one that is both is read once."""
    connection = context.connection
    show = step_of(context, "checking shapes", 0.0, 0.05)
    features = prepare(connection, rows[0], context.staging, params.on_invalid, show)
    source = Side(features, Alignment(None, 0.0), has_gaps(connection, features.layer))
    if plan.search.same:
        return source, source
    show = step_of(context, "checking shapes of the targets", 0.05, 0.1)
    others = prepare(connection, rows[1], context.staging, params.on_invalid, show, part="2")
    return source, Side(others, plan.alignment, has_gaps(connection, others.layer))


def _results(
    params: Params, search: Search, source: Side, target: Side, pairs: Pairs | None, ctes: Expression
) -> Results:
    """Join what was found, or the CTE `pairs` of `ctes`."""
    return pair_results(
        source,
        target,
        compose("pairs") if pairs is None else pairs.table,
        ctes,
        geometry=params.geometry,
        geographic=search.geographic,
        once=search.limit == 1,
        numbered=pairs is not None and pairs.numbered,
        keep_unmatched=params.keep_unmatched,
    )


def _build(
    params: Params, context: Context, plan: Plan, source: Side, target: Side, static: Results, rows: int
) -> tuple[Staged, Layer | None]:
    """Build the output, and for a view the table of shapes that stands for its extent and rows."""
    connection, staging = context.connection, context.staging
    comments = {
        "target_id": f"id of the target in {plan.target.described}",
        "distance": f"distance to the target, in {plan.unit}",
    }
    described: Layer | None = None
    select: Expression = select_rows(source.features, static)
    if params.output_mode != "static":
        if params.output_mode == "view":
            connection.execute(
                compose(
                    "CREATE UNLOGGED TABLE {table} AS SELECT geom FROM ({select}) AS rows",
                    table=staging.relation("stand"),
                    select=select,
                )
            )
            moved = plan.source.moved(SCHEMA, staging.name("stand"))
            described = replace(moved, geometry_column="geom")
        select, ticks = _defining_select(params, plan, source, target), ticks_of_view(rows)
    else:
        ticks = ticks_over(connection, source.features.layer, rows)
        select = ticks.told(select, ID)
    show = rest(context, 0.7)
    return build(connection, staging, params.output_mode, select, ticks, comments, show), described


def _defining_select(params: Params, plan: Plan, source: Side, target: Side) -> Expression:
    """Define the result as one SELECT of the original tables: what a view is."""
    first = replace(source, features=source.features.for_view(plan.source))
    second = replace(target, features=target.features.for_view(plan.target))
    targets = defined_targets(first, second, plan.search.geographic)
    pairs = compose("pairs AS ({select}) ", select=pairs_select(first, targets, plan.search))
    made = compose("") if targets.made is None else compose("{made}, ", made=targets.made)
    ctes = compose("WITH {made}{pairs}", made=made, pairs=pairs)
    results = _results(params, plan.search, first, second, None, ctes)
    return select_rows(first.features, results)


def _counts(
    params: Params, connection: Connection, plan: Plan, source: Side, target: Side, pairs: Pairs
) -> dict[str, Any]:
    """Return the counts; each source counts once in the balance, however many targets it has."""
    kept, empty = pairs.sources.kept, pairs.sources.empty
    matched, measures = measure_pairs(connection, pairs)
    repaired, skipped = source.features.mending
    target_repaired, target_skipped = target.features.mending
    unmatched = kept - empty - matched
    dropped = list(source.features.dropped)
    if matched < kept and not params.keep_unmatched:
        reach = "" if params.max_distance is None else f" within {params.max_distance:g} {plan.unit}"
        dropped += list_unmatched(connection, source, pairs.table, f"no target{reach}")
    return {
        "n": kept - empty,
        "n_matched": matched,
        "n_unmatched": unmatched,
        "n_empty": empty,
        **measures,
        "distance_unit": plan.unit,
        "targets": {
            "n": pairs.targets.kept - pairs.targets.empty,
            "n_empty": pairs.targets.empty,
            "n_repaired": target_repaired,
            "n_skipped": target_skipped,
        },
        "n_repaired": repaired,
        "n_skipped": skipped,
        "rows_in": kept + skipped,
        "rows_out": kept if params.keep_unmatched else matched,
        "dropped_outside": 0 if params.keep_unmatched else unmatched,
        "dropped_empty": 0 if params.keep_unmatched else empty,
        "dropped_lower_dimension": 0,
        "failed": skipped,
        "dropped": dropped[:1000],
    }


def _notes(params: Params, source: Side, target: Side, nowhere: int, indexed: bool) -> list[str]:
    said = notes(source.features, params.output_mode)
    lost = target.features.lost - nowhere
    if lost:
        said.append(f"{lost} invalid targets could not be repaired and match nothing")
    if nowhere:
        srid = source.features.layer.srid
        said.append(f"{nowhere} targets have no place in SRID {srid} and match nothing")
    if target.features.geometry.linearises:
        said.append("curves of the targets were measured as short straight lines")
    if params.output_mode == "view" and source.features.layer.geographic and not indexed:
        said.append(
            "in degrees the view compares each source with the box of every target whenever it is read:"
            ' for more than some thousands of each, output_mode "materialized_view" is the better choice'
        )
    return said


def _check_view(params: Params, plan: Plan, nowhere: list[dict[str, Any]]) -> None:
    """Refuse a view that could not be read, for PostgreSQL would raise for these rows each time."""
    if params.output_mode != "static":
        ids = ", ".join(str(each["id"]) for each in nowhere[:10])
        raise UserError(
            f"{plan.target.described} has {len(nowhere)} shapes that have no place in SRID"
            f" {plan.source.srid}, the first with id {ids}, so a view could not be read;"
            ' mend them, or choose output_mode "static"'
        )


def _check_names(layer: Layer) -> None:
    if layer.rank("s") is None:
        raise UserError(
            f"{layer.described} has no unique key, so a view cannot tell its rows apart; "
            'choose output_mode "static"'
        )


ANALYSIS = Analysis(
    job_type="nearest",
    title="Nearest features",
    summary="Finds for each feature the nearest ones of another dataset, and how far they are.",
    params=Params,
    columns=COLUMNS,
    check=check,
    run=run,
    aliases=("nearest_analysis",),
)
