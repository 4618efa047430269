"""Hot spots through time: Gi* within each period, and what becomes of each place over them.

Each period is a hot spot analysis of its own (Ord & Getis 1995). The scores of a place over the periods
have a trend (Mann 1945, Kendall 1975) and one of the seventeen categories of emerging hot spot analysis.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from geocrew.analyses.parts import gi_star, trend
from geocrew.analyses.parts.fit import fit_rule
from geocrew.analyses.parts.gi_star import Correction
from geocrew.analyses.parts.neighbourhood import NeighbourParams, Rule, rule_of
from geocrew.analyses.parts.neighbourhood_sql import row_of
from geocrew.analyses.parts.neighbourhood_view import build_view, paced
from geocrew.analyses.parts.period_lists import (
    MOST,
    check_periods,
    find_periods,
    list_labels,
    name_outside,
)
from geocrew.analyses.parts.period_rows import PeriodRows, read_period_rows
from geocrew.analyses.parts.period_scores import Scores, score_periods, warnings_of
from geocrew.analyses.parts.period_sql import result_columns, view_results
from geocrew.analyses.parts.periods import TimeStep, Timing, timing_of
from geocrew.analyses.parts.rows import summary_of
from geocrew.analyses.parts.stand_in import summary_of_view
from geocrew.analyses.parts.static import build_static
from geocrew.analyses.parts.trend import Trends, find_trends
from geocrew.analysis import Analysis, Column, Context, Product, balance, notes, step_of
from geocrew.datasets.arrays import Array
from geocrew.datasets.build import Staged
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features, Reached, prepare, reach_rows
from geocrew.datasets.fields import Field as DataField
from geocrew.datasets.layer import Layer, open_layer
from geocrew.datasets.steady import steady, steady_for, watched
from geocrew.db import Connection

PERIOD = Column("period", "text", "the period of the row")


class Params(NeighbourParams):
    """Parameters of the hot spot time series."""

    time_field: str = Field(
        min_length=1,
        description="field that tells a row's period: a date, a timestamp, a year, or any text",
        json_schema_extra={"field_of": "dataset_id"},
    )
    time_periods: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] | None = Field(
        None,
        min_length=1,
        max_length=MOST,
        description="texts that the field holds; for dates 2020, 2020-Q1, 2020-03, 2020-W12, 2020-03-05",
    )
    time_step: TimeStep | None = Field(
        None, description="in place of time_periods: every such period of the calendar that has rows"
    )
    location_field: str | None = Field(
        None,
        min_length=1,
        description="field that is equal for rows of one place; without it places have equal shapes",
        json_schema_extra={"field_of": "dataset_id"},
    )
    correction: Correction = Field(
        "none", description="fdr: classes after the false discovery rate of all tests of a period"
    )

    @classmethod
    def conditions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        """Periods are named or made by step; none is named twice."""
        yield from super().conditions(given)
        periods, step = given.get("time_periods"), given.get("time_step")
        if periods is None and step is None:
            yield "time_periods is required, or time_step (year, quarter, month, week, day) in its place"
        if periods is not None and step is not None:
            yield "time_periods and time_step exclude each other; give one of them"
        if isinstance(periods, list):
            texts = [each for each in periods if isinstance(each, str)]
            yield from (
                f'time_periods names "{each}" {texts.count(each)} times'
                for each in dict.fromkeys(texts)
                if texts.count(each) > 1
            )
            if any("\0" in each for each in texts):
                yield "time_periods holds a NUL character, which no text in a database has"


@dataclass(frozen=True)
class Subject:
    """What the parameters name: the layer, its fields, the neighbourhood, and how periods are told."""

    layer: Layer
    field: DataField
    rule: Rule
    timing: Timing
    location: DataField | None


def check(params: Params, connection: Connection, user_id: int) -> Subject:
    """Return what the parameters name; raises UserError where that is not fit."""
    layer = open_layer(connection, params.dataset_id, user_id)
    field = layer.number_field("value_field", params.value_field)
    time = layer.any_field("time_field", params.time_field)
    location = params.location_field and layer.any_field("location_field", params.location_field)
    if params.output_mode != "static":
        row_of(layer, "s")
    timing = timing_of(layer, time, params.time_periods, params.time_step)
    return Subject(layer, field, rule_of(params, connection, layer), timing, location or None)


def run(params: Params, context: Context) -> Product:
    """Read all periods in one go, compute, and let the server build the output by a join."""
    subject = check(params, context.connection, context.user_id)
    reached = reach_rows(context.connection, subject.layer)
    with watched(subject.layer), steady_for(context.connection, params.output_mode):
        return _run(params, paced(context, params.output_mode), subject, reached)


def _run(params: Params, context: Context, subject: Subject, reached: Reached) -> Product:
    connection, layer, timing = context.connection, subject.layer, subject.timing
    show = step_of(context, "checking shapes", 0.0, 0.1)
    with steady(connection):
        features = prepare(connection, reached, context.staging, params.on_invalid, show)
        context.progress(0.1, "finding periods")
        labels = find_periods(connection, features, timing)
        timing = timing.fixed(labels)
        found = _read(context, features, replace(subject, timing=timing), labels)
        check_periods(connection, features, timing, labels, found.step)
        rows = found.inside()
        outside = len(found.row) - len(rows.row)
        dropped = name_outside(connection, features, timing, labels) if outside else []
    features = features.known(placed=bool(rows.placed.all()))
    show = step_of(context, "finding neighbours", 0.25, 0.3)
    rule = fit_rule(subject.rule, connection, features, rows, show, params.output_mode)
    scores = score_periods(
        rule,
        rows,
        labels,
        params.correction,
        params.values_named,
        step_of(context, "summing over neighbours", 0.3, 0.55),
    )
    trends = find_trends(rows.place, rows.step, scores.z, scores.bins)
    if params.output_mode == "static":
        staged = _build_static(context, features, rows, scores, trends, labels, params.correction)
    else:
        view = features.for_view(layer)
        results = partial(
            view_results, view, rule, subject.field, subject.timing, subject.location, params.correction
        )
        staged = build_view(context, params.output_mode, view, results, len(rows.row))
    for warning in [*warnings_of(scores), *_warnings(params, trends)]:
        context.log(warning, "warning")
    counts = _counts(rule, rows, scores, trends)
    counts |= balance(features, len(rows.row)) | {"notes": notes(features, params.output_mode)}
    counts["rows_in"] += outside
    counts |= {"dropped_outside": outside, "dropped": [*counts["dropped"], *dropped][:1000]}
    name = f"Hot spots of {params.value_field} in {layer.dataset.name} over {len(labels)} periods"
    return Product(
        staged=staged,
        name=name,
        counts=counts,
        summary=summary_of(features, rows.x, rows.y)
        if staged.kind == "table"
        else summary_of_view(context, staged, features, _in_periods(timing, labels)),
    )


def _read(context: Context, features: Features, subject: Subject, labels: tuple[str, ...]) -> PeriodRows:
    located = subject.rule.contiguity is None
    return read_period_rows(
        context.connection,
        features,
        subject.field,
        subject.timing,
        labels,
        subject.location,
        step_of(context, "reading", 0.15, 0.25),
        located=located,
    )


def _build_static(
    context: Context,
    features: Features,
    rows: PeriodRows,
    scores: Scores,
    trends: Trends,
    labels: tuple[str, ...],
    correction: Correction,
) -> Staged:
    """Send the scores to the server and join them to the rows they were read from."""
    results: dict[str, Array] = {
        "step": rows.step,
        "gi_z": scores.z,
        "gi_p": scores.p,
        "gi_bin": gi_star.sent_bins(scores.z, scores.bins),
        "neighbors": scores.neighbors,
        "trend_z": trends.z,
        "trend_p": trends.p,
        "pattern": trends.pattern,
    }
    if correction == "fdr":
        results["gi_p_adjusted"] = scores.p_adjusted
    joins = compose(
        "{bins} CROSS JOIN LATERAL (SELECT r.trend_z, r.trend_p, r.pattern) AS t"
        " JOIN ({listed}) AS during ON during.step = r.step",
        bins=gi_star.sent_bin_join(),
        listed=list_labels(labels),
    )
    return build_static(context, features, rows, results, result_columns(correction), joins)


def _in_periods(timing: Timing, labels: tuple[str, ...]) -> Expression:
    """Return what is true of the rows s in the periods."""
    return compose(
        "{label} IN (SELECT period FROM ({listed}) AS p)",
        label=timing.label("s"),
        listed=list_labels(labels),
    )


def _counts(rule: Rule, rows: PeriodRows, scores: Scores, trends: Trends) -> dict[str, Any]:
    return {
        **rows.counts(),
        "n_islands": sum(each["n_islands"] for each in scores.periods),
        "classes": gi_star.count_classes(scores.bins[rows.takes_part]),
        **rule.described(),
        "periods": scores.periods,
        "n_places": sum(trends.patterns.values()),
        "n_places_repeated": trends.repeated,
        "patterns": trends.patterns,
    }


def _warnings(params: Params, trends: Trends) -> Iterator[str]:
    if trends.repeated:
        other = "another" if params.location_field else "a"
        yield (
            f"{trends.repeated} places have several rows in one period and thus no trend;"
            f" {other} location_field may tell them apart"
        )


ANALYSIS = Analysis(
    job_type="hotspot_timeseries",
    title="Hot spot time series (emerging hot spots)",
    summary="Finds hot spots within each period, and how each place goes from one to the next.",
    params=Params,
    columns=(PERIOD, *gi_star.COLUMNS, gi_star.ADJUSTED, *trend.COLUMNS),
    check=check,
    run=run,
)
