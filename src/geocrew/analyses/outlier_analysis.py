"""Outliers: values unlike the rest of their dataset.

The z-score with the sample deviation, or the modified z-score of Iglewicz & Hoaglin, How to Detect and
Handle Outliers (ASQC, 1993): 0.6745 (x - median) / MAD, and (x - median) / (1.253314 mean |x - median|)
where MAD is 0 because more than half of the values are equal; these know no places. Or local Moran's I,
which finds values unlike those around them.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from geocrew.analyses.parts import local_moran
from geocrew.analyses.parts.neighbourhood import NeighbourParams, Rule, rule_of
from geocrew.analyses.parts.neighbourhood_sql import row_of
from geocrew.analyses.parts.neighbourhood_view import paced
from geocrew.analyses.parts.outlier_scores import defining_results, measured_results
from geocrew.analyses.parts.stand_in import summary_of_view
from geocrew.analyses.parts.values import Values, read_values
from geocrew.analysis import (
    Analysis,
    Column,
    Context,
    Product,
    VectorParams,
    balance,
    notes,
    rest,
    step_of,
)
from geocrew.datasets.build import Staged, build
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features, prepare, reach_rows
from geocrew.datasets.fields import Field as DataField
from geocrew.datasets.layer import Layer, open_layer
from geocrew.datasets.output import select_rows
from geocrew.datasets.steady import steady, steady_for, watched
from geocrew.datasets.summary import Summary
from geocrew.datasets.ticks import ticks_of_view, ticks_over
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.kernels.spread import LARGEST, Spread, by_deviation, by_median

Method = Literal["zscore", "mad", "local_moran"]
_THRESHOLD = 2.0


class Params(NeighbourParams):
    """Parameters of the outlier analysis."""

    method: Method = Field(
        "zscore",
        description="zscore: from the mean in standard deviations; "
        "mad: from the median in median absolute deviations, which outliers do not inflate; "
        "local_moran: from the values of the neighbours",
    )
    threshold: float = Field(
        _THRESHOLD,
        gt=0,
        description="a score beyond this, either way, is an outlier; local_moran tests at 5 % instead",
    )

    @classmethod
    def conditions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        """Refuse what the method has no use for; only local_moran has neighbours."""
        method = given.get("method", "zscore")
        if method == "local_moran":
            yield from super().conditions(given)
            if given.get("threshold", _THRESHOLD) != _THRESHOLD:
                yield "threshold is for method zscore or mad; local_moran tests at 5 %"
            return
        yield from VectorParams.conditions(given)
        for name in ("distance", "k_neighbors"):
            if given.get(name) is not None:
                yield f'{name} is for method local_moran, not for "{method}"'


COLUMNS = (
    Column(
        "outlier_score", "float8", "z-score, modified z-score or moran_z; NULL without a value or place"
    ),
    Column(
        "is_outlier", "bool", "whether the score is beyond the threshold; local_moran: whether HL or LH"
    ),
    *local_moran.COLUMNS,
)

_CENTRES: dict[str, str] = {"zscore": "mean", "mad": "median"}


def check(params: Params, connection: Connection, user_id: int) -> tuple[Layer, DataField, Rule | None]:
    """Return layer, field and neighbourhood, if any; raises UserError where they are not fit."""
    layer = open_layer(connection, params.dataset_id, user_id)
    field = layer.number_field("value_field", params.value_field)
    if params.method != "local_moran":
        return layer, field, None
    if params.output_mode != "static":
        row_of(layer, "s")
    return layer, field, rule_of(params, connection, layer)


def run(params: Params, context: Context) -> Product:
    """Score every row by its value alone, or by those of its neighbours."""
    layer, field, rule = check(params, context.connection, context.user_id)
    reached = reach_rows(context.connection, layer)
    if rule is not None:
        context = paced(context, params.output_mode)
    with watched(layer), steady_for(context.connection, params.output_mode):
        show = step_of(context, "checking shapes", 0.0, 0.1)
        with steady(context.connection):
            features = prepare(context.connection, reached, context.staging, params.on_invalid, show)
            if rule is None:
                staged, n, counts, summary = _score_values(params, context, layer, features, field)
            else:
                rows = local_moran.read(context, features, field, rule)
        if rule is not None:
            staged, n, counts, summary = local_moran.build_local_moran(
                context, layer, features, field, rule, rows, params.output_mode, params.values_named
            )
        # Where all points are placed their summary is known.
        features = features.known(placed=summary is not None)
        if staged.kind != "table":
            summary = summary_of_view(context, staged, features)
    return Product(
        staged=staged,
        name=f"Outliers of {params.value_field} in {layer.dataset.name}",
        counts=counts | balance(features, n) | {"notes": notes(features, params.output_mode)},
        summary=summary,
    )


def _score_values(
    params: Params, context: Context, layer: Layer, features: Features, field: DataField
) -> tuple[Staged, int, dict[str, Any], Summary | None]:
    """Score every row in PostgreSQL, by a spread that is measured here."""
    connection = context.connection
    show = step_of(context, "measuring the spread of the values", 0.1, 0.3)
    values = read_values(connection, features, field, show)
    features = features.known(placed=not values.hollow.any())
    spread = _measure(values, params)
    for warning in _warnings(params, values.usable().size):
        context.log(warning, "warning")
    context.progress(0.3, "scoring the rows")
    rows = values.value.size
    if params.output_mode == "static":
        results, outliers = measured_results(field, features, values, spread, params.threshold)
        ticks = ticks_over(connection, features.layer, rows)
        select = select_rows(features, results, ticks)
    else:
        view = features.for_view(layer)
        results = defining_results(field, view, params.method, params.threshold)
        ticks = ticks_of_view(rows)
        select = select_rows(view, results)
    writing = rest(context, 0.3)
    staged = build(connection, context.staging, params.output_mode, select, ticks, show=writing)
    if params.output_mode != "static":
        outliers = _count_outliers(connection, context.staging.relation("out"))
    counts = {
        _CENTRES[params.method]: spread.centre + spread.rest,
        "scale": spread.scale_name,
        "scale_value": spread.scale,
        "n_outliers": outliers,
    }
    return staged, rows, values.counts() | counts, values.summary


def _measure(values: Values, params: Params) -> Spread:
    """Return centre and scale; raises UserError where there is no spread."""
    usable, where = values.usable(), params.values_named
    if usable.size < 2:
        raise UserError(f"{where} has {usable.size} usable values; outliers need at least 2")
    low, high = float(usable.min()), float(usable.max())
    if high / 2 - low / 2 > LARGEST / 2:
        raise UserError(
            f"{where} reaches from {low:g} to {high:g}, too far for float8; divide the values"
        )
    spread = (by_deviation if params.method == "zscore" else by_median)(usable)
    if not spread.scale > 0:
        raise UserError(f"{where} is constant ({spread.centre:g}): no value is unlike the rest")
    return spread


def _warnings(params: Params, n: int) -> Iterator[str]:
    """Say where no value can be an outlier, whatever the values: one of n pulls the deviation along."""
    most = (n - 1) / math.sqrt(n)
    if params.method == "zscore" and params.threshold >= most:
        yield (
            f"of {n} values none can have a z-score beyond {most:.3g}, (n - 1) / √n, and threshold is"
            f' {params.threshold:g}: nothing can be an outlier; method "mad" knows no such limit'
        )


def _count_outliers(connection: Connection, relation: Expression) -> int:
    query = compose("SELECT count(*) FROM {relation} WHERE is_outlier", relation=relation)
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


ANALYSIS = Analysis(
    job_type="outlier_analysis",
    title="Outlier analysis",
    summary="Finds values unlike the rest: by z-score, or by the median, which outliers do not pull.",
    params=Params,
    columns=COLUMNS,
    check=check,
    run=run,
)
