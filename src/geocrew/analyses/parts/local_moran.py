"""Local Moran's I as columns: who is like its neighbours, and who is unlike them.

Anselin, Local Indicators of Spatial Association - LISA, Geographical Analysis 27 (1995) 93-115, with
weights that sum to 1 in each row and the conditional moments of Sokal, Oden & Thomson, Local Spatial
Autocorrelation in a Biological Model, Geographical Analysis 30 (1998) 331-354.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, LiteralString

import numpy as np

from geocrew.analyses.parts.fit import check_values, fit_rule
from geocrew.analyses.parts.neighbourhood import Rule
from geocrew.analyses.parts.neighbourhood_sql import lag_ctes, row_of
from geocrew.analyses.parts.neighbourhood_view import build_view
from geocrew.analyses.parts.rows import Rows, read_rows, summary_of
from geocrew.analyses.parts.static import WRITING, build_static, spread
from geocrew.analysis import Column, Context, step_of
from geocrew.datasets.arrays import Array
from geocrew.datasets.build import OutputMode, Staged
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.datasets.output import Results
from geocrew.datasets.summary import Summary
from geocrew.datasets.ticks import Ticks
from geocrew.errors import UserError
from geocrew.kernels import moran
from geocrew.kernels.getis_ord import ConstantValuesError
from geocrew.kernels.moran import NEGLIGIBLE, QUADRANTS, UNIFORM, LocalMoran
from geocrew.kernels.significance import CUTOFFS, two_sided_p

COLUMNS = (
    Column("moran_i", "float8", "local Moran's I; NULL for a feature without neighbours"),
    Column("moran_z", "float8", "I as a standard normal deviate, neighbours drawn from all others"),
    Column("moran_p", "float8", "two-sided normal p of moran_z, uncorrected"),
    Column(
        "cluster_type", "text", "HH, LL, HL or LH at 5 %: the feature, then its neighbours; else NULL"
    ),
)

# From CTEs `usable`, `moments` and `lag`, as kernels.moran computes it. A sum too small to be multiplied
# counts as 0, for PostgreSQL makes an error of what is below the range of float8.
_SCORES: LiteralString = """
    ,
    standard AS (
        SELECT a.row, m.n, lag.members - 1 AS k, lag.total / NULLIF(m.s, 0) AS total,
            (a.value - m.mean - m.rest) / NULLIF(m.s, 0) AS score
        FROM lag
        JOIN usable AS a ON a.row = lag.row
        CROSS JOIN moments AS m
        WHERE lag.members > 1
    ),
    parted AS (
        SELECT row, n, k, CASE WHEN abs(score) > {negligible} THEN score ELSE 0 END AS u,
            CASE WHEN abs(total - score) > 1e-100 THEN (total - score) / k ELSE 0 END AS around
        FROM standard
        WHERE score IS NOT NULL
    ),
    moran AS (
        SELECT row, u, around, u * around AS moran_i,
            CASE WHEN u <> 0 AND k < n - 1 AND 1 - u * u / (n - 1) > {uniform} THEN
                sign(u) * (around + u / (n - 1)) / sqrt(
                    n / (n - 2)::float8 * (1 / k::float8 - 1 / (n - 1)::float8) * (1 - u * u / (n - 1))
                )
            END AS moran_z
        FROM parted
    ),
    scores AS (
        SELECT row, moran_i, moran_z, CASE WHEN abs(moran_z) < {cutoff} THEN 0
            WHEN u > 0 THEN CASE WHEN around > 0 THEN 1 ELSE 3 END
            ELSE CASE WHEN around > 0 THEN 4 ELSE 2 END END AS quadrant
        FROM moran
    )
"""
_RESULTS: LiteralString = """
    CROSS JOIN LATERAL (
        SELECT ({names}::text[])[CASE WHEN r.moran_z IS NOT NULL THEN r.quadrant END] AS cluster_type
    ) AS c
"""


def read(context: Context, features: Features, field: Field, rule: Rule) -> Rows:
    """Read what `build_local_moran` computes from, in the snapshot in which the shapes were checked."""
    show = step_of(context, "reading", 0.1, 0.2)
    return read_rows(context.connection, features, field, show, located=rule.contiguity is None)


def build_local_moran(
    context: Context,
    layer: Layer,
    features: Features,
    field: Field,
    rule: Rule,
    rows: Rows,
    output_mode: OutputMode,
    where: str,
) -> tuple[Staged, int, dict[str, Any], Summary | None]:
    """Build the output; return it, the number of its rows and what to tell of it, and of the rows.

    Raises UserError, which names the field as `where`, for values of which the statistic says nothing.
    """
    connection = context.connection
    features = features.known(placed=bool(rows.placed.all()))
    check_values(rule, rows, where, "local Moran statistics")
    show = step_of(context, "finding neighbours", 0.2, 0.3)
    rule = fit_rule(rule, connection, features, rows, show, output_mode)
    found = _compute(rule, rows, where, step_of(context, "summing over neighbours", 0.3, WRITING))
    if output_mode == "static":
        staged = _build_static(context, features, rows, found)
    else:
        view = features.for_view(layer)
        results = partial(_view_results, view, rule, field)
        staged = build_view(context, output_mode, view, results, len(rows.row))
    counts = rows.counts() | _counts(rule, found)
    return staged, len(rows.row), counts, summary_of(features, rows.x, rows.y)


def _compute(rule: Rule, rows: Rows, where: str, show: Callable[[float], None]) -> LocalMoran:
    places = rows.places()
    try:
        return moran.local_moran(
            rows.value[rows.takes_part], lambda scores: rule.lag(places, scores, show)
        )
    except ConstantValuesError as error:
        raise UserError(f"{where} does not vary: {error}") from error


def _build_static(context: Context, features: Features, rows: Rows, found: LocalMoran) -> Staged:
    results: dict[str, Array] = {
        "moran_i": found.i,
        "moran_z": found.z,
        "moran_p": two_sided_p(found.z),
        "quadrant": found.quadrants,
    }
    results = {name: spread(rows, values) for name, values in results.items()}
    columns = _result_columns(compose("r.moran_p"))
    return build_static(context, features, rows, results, columns, _names())


def _view_results(features: Features, rule: Rule, field: Field, ticks: Ticks) -> Results:
    """Define local Moran's I as SQL: what a view is."""
    scores = compose(_SCORES, negligible=NEGLIGIBLE, uniform=UNIFORM, cutoff=CUTOFFS[1])
    row = row_of(features.layer, "s")
    return Results(
        ctes=compose("{lag}{scores} ", lag=lag_ctes(rule, features, field, ticks), scores=scores),
        joins=compose("LEFT JOIN scores AS r ON r.row = {row} {names}", row=row, names=_names()),
        columns=_result_columns(compose("geocrew.two_sided_p(r.moran_z)")),
    )


def _names() -> Expression:
    """Return the join that names the quadrant of scores r: c.cluster_type."""
    return compose(_RESULTS, names="{" + ",".join(QUADRANTS) + "}")


def _result_columns(p: Expression) -> list[tuple[str, Expression]]:
    outlier = "CASE WHEN r.moran_z IS NOT NULL THEN COALESCE(c.cluster_type IN ('HL', 'LH'), false) END"
    return [
        ("outlier_score", compose("r.moran_z")),
        ("is_outlier", compose(outlier)),
        ("moran_i", compose("r.moran_i")),
        ("moran_z", compose("r.moran_z")),
        ("moran_p", p),
        ("cluster_type", compose("c.cluster_type")),
    ]


def _counts(rule: Rule, found: LocalMoran) -> dict[str, Any]:
    counts = np.bincount(found.quadrants, minlength=len(QUADRANTS) + 1).tolist()
    clusters = dict(zip(("not significant", *QUADRANTS), counts, strict=True))
    return {
        "n_islands": int(np.count_nonzero(found.neighbours == 0)),
        "n_outliers": clusters["HL"] + clusters["LH"],
        "clusters": clusters,
        "neighbors": {
            "min": int(found.neighbours.min()),
            "mean": float(found.neighbours.mean()),
            "max": int(found.neighbours.max()),
        },
        **rule.described(),
        "mean": found.mean,
        "s": found.s,
    }
