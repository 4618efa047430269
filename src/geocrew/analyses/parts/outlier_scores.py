"""The score of a row by its value alone, as SQL: over moments measured here, or in one SELECT."""

from typing import LiteralString

import numpy as np

from geocrew.analyses.parts.values import Values
from geocrew.datasets.compose import Expression, compose, identify
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.output import Results
from geocrew.kernels.spread import Spread, distances, negligible

# A mean in two parts, and sums over sorted values: right to the last digits for values far from 0, and
# the same bits whatever the order of the rows: no GROUP BY, which sorts anew, and on disk in another
# order. No square may leave the range of float8, for PostgreSQL makes an error of that.
_ORDERED: LiteralString = (
    "WITH ordered AS MATERIALIZED ("
    "SELECT {value} AS x FROM {rows} WHERE {value} IS NOT NULL AND NOT {hollow} AND {kept} ORDER BY 1), "
)
_MOMENTS: dict[str, LiteralString] = {
    "zscore": """
        rough AS (SELECT count(*) AS n, sum(x) / count(*) AS mean FROM ordered),
        middle AS (
            SELECT max(n) AS n, max(mean) AS mean, sum(x - mean) / max(n) AS rest FROM ordered, rough
        ),
        centred AS (SELECT n, mean, rest, x - mean - rest AS d FROM ordered, middle),
        widest AS (SELECT GREATEST(1e-200, max(abs(d))) AS width FROM centred),
        moments AS (
            SELECT max(n) AS n, max(mean) AS centre, max(rest) AS rest, max(width) * sqrt(
                sum(CASE WHEN abs(d) > 1e-100 * width THEN (d / width) ^ 2 ELSE 0 END)
                / NULLIF(max(n) - 1, 0)
            ) AS scale, 'sample standard deviation' AS scale_name
            FROM centred, widest
        ) """,
    "mad": """
        middle AS (
            SELECT count(*) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS centre FROM ordered
        ),
        spread AS (
            SELECT max(n) AS n, max(centre) AS centre,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(x - centre)) AS mad,
                sum(abs(x - centre)) / max(n) AS mean_ad
            FROM ordered, middle
        ),
        moments AS (
            SELECT n, centre, 0 AS rest,
                CASE WHEN spreads THEN mad / 0.6745 ELSE 1.253314 * mean_ad END AS scale,
                CASE WHEN spreads THEN 'median absolute deviation' ELSE 'mean absolute deviation' END
                    AS scale_name
            FROM (SELECT *, mad > GREATEST(mean_ad, 1e-18) * 1e-290 AS spreads FROM spread) AS judged
        ) """,
}
# A table is filled under the snapshot that was measured, so what was found stands for how it is found.
_MEASURED: LiteralString = (
    "WITH moments AS (SELECT {centre}::float8 AS centre, {rest}::float8 AS rest,"
    " {scale}::float8 AS scale) "
)
# A quotient may leave the range of float8 no more than a square: what is below 1e-290 of the scale is 0.
_SCORE: LiteralString = (
    "CASE WHEN NOT {hollow} THEN"
    " CASE WHEN abs({apart}) > GREATEST(m.scale, 1e-18) * 1e-290 THEN {apart} / NULLIF(m.scale, 0)"
    " WHEN {apart} IS NOT NULL AND m.scale > 0 THEN 0 END END"
)
# Where every row has a place and a number, or NULL, and no quotient leaves that range: short enough to
# be computed for each of two columns, which takes a quarter less to fill a table.
_BRIEF_SCORE: LiteralString = "(({value}::float8 - {centre}::float8 - {rest}::float8) / {scale}::float8)"
_PLAIN_TYPES = ("float8", "float4", "int8", "int4", "int2")


def measured_results(
    field: Field, features: Features, values: Values, spread: Spread, threshold: float
) -> tuple[Results, int]:
    """Define the result over the measured spread, as briefly as the values allow; count the outliers."""
    numbers = {"centre": spread.centre, "rest": spread.rest, "scale": spread.scale}
    apart = distances(values.usable(), spread)
    nothing = np.abs(apart) <= negligible(spread)
    plain = field.properties_column is None and field.type_name in _PLAIN_TYPES
    brief = plain and values.sound and not apart[nothing].any()
    apart[nothing] = 0.0
    outliers = int(np.count_nonzero(np.abs(apart / spread.scale) > threshold))
    if brief:
        score = compose(_BRIEF_SCORE, value=identify("s", field.name), **numbers)
        return Results(joins=compose(""), columns=_columns(score, threshold)), outliers
    hollow = features.hollow("s") if values.hollow.any() else compose("false")
    return _results(field, compose(_MEASURED, **numbers), hollow, threshold), outliers


def defining_results(field: Field, features: Features, method: str, threshold: float) -> Results:
    """Define the result of `method` zscore or mad over the rows as they are when it is read: a view."""
    moments = compose(
        _ORDERED + _MOMENTS[method],
        value=field.number("s"),
        rows=features.rows("s"),
        hollow=features.hollow("s"),
        kept=features.kept("s"),
    )
    return _results(field, moments, features.hollow("s"), threshold)


def _results(field: Field, moments: Expression, hollow: Expression, threshold: float) -> Results:
    """Define the result over `moments`, the CTE of that name, and what a row with no place is."""
    apart = compose("({value} - m.centre - m.rest)", value=field.number("s"))
    score = compose(_SCORE, hollow=hollow, apart=apart)
    return Results(
        ctes=moments,
        # OFFSET 0: the score is computed once, not for each of its two columns.
        joins=compose(
            "LEFT JOIN moments AS m ON true CROSS JOIN LATERAL (SELECT {score} AS score OFFSET 0) AS r",
            score=score,
        ),
        columns=_columns(compose("r.score"), threshold),
    )


def _columns(score: Expression, threshold: float) -> list[tuple[str, Expression]]:
    return [
        ("outlier_score", score),
        (
            "is_outlier",
            compose("abs({score}) > {threshold}", score=score, threshold=threshold),
        ),
    ]
