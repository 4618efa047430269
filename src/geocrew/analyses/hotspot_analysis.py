"""Hot spots: where high or low values gather (Getis-Ord Gi*).

Ord & Getis, Local Spatial Autocorrelation Statistics, Geographical Analysis 27 (1995) 286-306, with
binary weights and the feature itself among its neighbours. Classes at 90, 95 and 99 % confidence; with
`fdr` after Benjamini & Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289-300.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from pydantic import Field

from geocrew.analyses.parts import gi_star
from geocrew.analyses.parts.fit import check_values, fit_rule
from geocrew.analyses.parts.gi_star import Correction
from geocrew.analyses.parts.neighbourhood import NeighbourParams, Places, Rule, rule_of
from geocrew.analyses.parts.neighbourhood_sql import lag_ctes, row_of
from geocrew.analyses.parts.neighbourhood_view import build_view, paced
from geocrew.analyses.parts.rows import Rows, read_rows, summary_of
from geocrew.analyses.parts.stand_in import summary_of_view
from geocrew.analyses.parts.static import build_static, spread
from geocrew.analysis import Analysis, Context, Product, balance, notes, step_of
from geocrew.datasets.arrays import Array
from geocrew.datasets.build import Staged
from geocrew.datasets.compose import compose
from geocrew.datasets.features import Features, Reached, prepare, reach_rows
from geocrew.datasets.fields import Field as DataField
from geocrew.datasets.layer import Layer, open_layer
from geocrew.datasets.output import Results
from geocrew.datasets.steady import steady, steady_for, watched
from geocrew.datasets.ticks import Ticks
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.kernels.arrays import Floats, SmallInts, TinyInts
from geocrew.kernels.getis_ord import ConstantValuesError, standardise, z_scores
from geocrew.kernels.lag import Lag
from geocrew.kernels.permutation import Sums, permutation_p
from geocrew.kernels.significance import benjamini_hochberg, bins_by_p, bins_by_z, two_sided_p


class Params(NeighbourParams):
    """Parameters of the hot spot analysis."""

    correction: Correction = Field(
        "none", description="fdr: classes after the false discovery rate of all tests together"
    )
    permutations: int = Field(
        0,
        ge=0,
        le=99_999,
        description="random draws of neighbours for a pseudo p, e.g. 9999; 0: no pseudo p",
    )
    seed: int = Field(0, ge=0, le=2**63 - 1, description="start of the random numbers of permutations")

    @classmethod
    def conditions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        """Refuse random draws in a view."""
        yield from super().conditions(given)
        mode = given.get("output_mode", "static")
        if given.get("permutations") and mode in ("view", "materialized_view"):
            yield f'permutations need output_mode "static", not "{mode}": a view can hold no random draw'


@dataclass(frozen=True)
class Scores:
    """Gi* of the rows that take part: arrays (n,), NaN and bin 0 for features without neighbours."""

    z: Floats
    p: Floats
    p_adjusted: Floats
    p_perm: Floats | None
    bins: TinyInts
    neighbors: SmallInts
    mean: float
    s: float


def check(params: Params, connection: Connection, user_id: int) -> tuple[Layer, DataField, Rule]:
    """Return layer, field and neighbourhood; raises UserError where they are not fit."""
    layer = open_layer(connection, params.dataset_id, user_id)
    field = layer.number_field("value_field", params.value_field)
    if params.output_mode != "static":
        row_of(layer, "s")
    return layer, field, rule_of(params, connection, layer)


def run(params: Params, context: Context) -> Product:
    """Read values and places, compute, and let the server build the output by a join."""
    layer, field, rule = check(params, context.connection, context.user_id)
    reached = reach_rows(context.connection, layer)
    with watched(layer), steady_for(context.connection, params.output_mode):
        return _run(params, paced(context, params.output_mode), reached, field, rule)


def _run(params: Params, context: Context, reached: Reached, field: DataField, rule: Rule) -> Product:
    connection, layer = context.connection, reached.layer
    show = step_of(context, "checking shapes", 0.0, 0.1)
    with steady(connection):
        features = prepare(connection, reached, context.staging, params.on_invalid, show)
        show = step_of(context, "reading", 0.1, 0.2)
        rows = read_rows(connection, features, field, show, located=rule.contiguity is None)
    features = features.known(placed=bool(rows.placed.all()))
    check_values(rule, rows, params.values_named, "hot spots")
    show = step_of(context, "finding neighbours", 0.2, 0.3)
    rule = fit_rule(rule, connection, features, rows, show, params.output_mode)
    scores = _compute(params, rule, rows, context)
    if params.output_mode == "static":
        staged = _build_static(context, features, rows, scores, params.correction)
    else:
        view = features.for_view(layer)
        results = partial(_view_results, view, rule, field, params.correction)
        staged = build_view(context, params.output_mode, view, results, len(rows.row))
    counts = _counts(rule, rows, scores)
    counts |= balance(features, len(rows.row)) | {"notes": notes(features, params.output_mode)}
    for warning in _warnings(scores):
        context.log(warning, "warning")
    return Product(
        staged=staged,
        name=f"Hot spots of {params.value_field} in {layer.dataset.name}",
        counts=counts,
        summary=summary_of(features, rows.x, rows.y)
        if staged.kind == "table"
        else summary_of_view(context, staged, features),
    )


def _compute(params: Params, rule: Rule, rows: Rows, context: Context) -> Scores:
    values, places = rows.value[rows.takes_part], rows.places()
    end = 0.45 if params.permutations else 0.6

    def show(share: float) -> None:
        context.progress(0.3 + (end - 0.3) * share, "summing over neighbours")

    try:
        standard = standardise(values)
    except ConstantValuesError as error:
        raise UserError(f"{params.values_named} does not vary: {error}") from error
    lag = rule.lag(places, standard.values, show)
    z = z_scores(lag)
    p = two_sided_p(z)
    adjusted = benjamini_hochberg(p)
    bins = bins_by_p(z, adjusted) if params.correction == "fdr" else bins_by_z(z)
    p_perm = _permute(params, places, standard.values, lag, context) if params.permutations else None
    return Scores(z, p, adjusted, p_perm, bins, lag.counts, standard.mean, standard.s)


def _permute(params: Params, places: Places, standard: Floats, lag: Lag, context: Context) -> Floats:
    """Return the two-sided pseudo p of each row."""
    sums = Sums(standard, lag.sums - standard, lag.counts)
    return permutation_p(
        sums,
        places.rank,
        params.permutations,
        params.seed,
        lambda share: context.progress(0.45 + 0.15 * share, "permuting"),
    )


def _build_static(
    context: Context, features: Features, rows: Rows, scores: Scores, correction: Correction
) -> Staged:
    """Send the scores to the server and join them to the rows they were read from."""
    results: dict[str, Array] = {
        "gi_z": scores.z,
        "gi_p": scores.p,
        "gi_bin": gi_star.sent_bins(scores.z, scores.bins),
        "neighbors": scores.neighbors,
    }
    if correction == "fdr":
        results["gi_p_adjusted"] = scores.p_adjusted
    if scores.p_perm is not None:
        results["gi_p_perm"] = scores.p_perm
    results = {name: spread(rows, values) for name, values in results.items()}
    columns = gi_star.result_columns(correction, scores.p_perm is not None)
    return build_static(context, features, rows, results, columns, gi_star.sent_bin_join())


def _view_results(
    features: Features, rule: Rule, field: DataField, correction: Correction, ticks: Ticks
) -> Results:
    """Define Gi* as SQL: what a view is."""
    return Results(
        ctes=gi_star.score_ctes(lag_ctes(rule, features, field, ticks)),
        joins=compose(
            "LEFT JOIN scores AS r ON r.row = {row} {bins}",
            row=row_of(features.layer, "s"),
            bins=gi_star.bin_join(correction),
        ),
        columns=gi_star.result_columns(correction),
    )


def _counts(rule: Rule, rows: Rows, scores: Scores) -> dict[str, Any]:
    neighbors = scores.neighbors
    return {
        **rows.counts(),
        "n_islands": int(np.count_nonzero(neighbors == 0)),
        "classes": gi_star.count_classes(scores.bins),
        "neighbors": {
            "min": int(neighbors.min()),
            "mean": float(neighbors.mean()),
            "max": int(neighbors.max()),
        },
        **rule.described(),
        "mean": scores.mean,
        "s": scores.s,
    }


def _warnings(scores: Scores) -> list[str]:
    """Say what a reader of the result should know before believing it."""
    n, warnings = len(scores.z), []
    if n < 30:
        warnings.append(f"{n} features are few: below 30 the normal distribution of Gi* is doubtful")
    if n > 1 and int(scores.neighbors.max()) == n - 1:
        warnings.append("some features have all others as neighbours; their Gi* is undefined (NULL)")
    return warnings


ANALYSIS = Analysis(
    job_type="hotspot_analysis",
    title="Hot spot analysis (Getis-Ord Gi*)",
    summary="Finds where high or low values gather: z, p and a class of confidence for each feature.",
    params=Params,
    columns=(*gi_star.COLUMNS, gi_star.ADJUSTED, gi_star.PERMUTED),
    check=check,
    run=run,
)
