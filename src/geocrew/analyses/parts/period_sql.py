"""Gi* within each period, and the trend of each place, as one SELECT computes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import LiteralString

from geocrew.analyses.parts import gi_star, trend
from geocrew.analyses.parts.gi_star import Correction
from geocrew.analyses.parts.neighbourhood import Rule
from geocrew.analyses.parts.neighbourhood_sql import lag_ctes, row_of
from geocrew.analyses.parts.period_lists import list_periods
from geocrew.analyses.parts.period_rows import place_of
from geocrew.analyses.parts.periods import Timing
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.output import Results
from geocrew.datasets.ticks import Ticks

# All of hot spot's CTEs run once for each period, on the rows of that period.
_SCORED: LiteralString = """
    WITH periods AS ({periods}),
    scored AS (
        SELECT during.step, r.*
        FROM periods AS during
        CROSS JOIN LATERAL (
            {scores} SELECT row, gi_z, gi_p, gi_p_adjusted, neighbors FROM scores
        ) AS r
    ),
    binned AS (
        SELECT r.step, r.gi_z, c.bin, {place} AS place
        FROM {rows}
        JOIN scored AS r ON r.row = {row}
        {bins}
        WHERE {kept} AND r.gi_z IS NOT NULL AND {place} IS NOT NULL
    ),
    {trends}
"""
_JOINS: LiteralString = """
    JOIN periods AS during ON during.period = {label}
    LEFT JOIN scored AS r ON r.row = {row}
    {bins}
    LEFT JOIN trends AS t ON t.place = {place}
"""


@dataclass(frozen=True)
class Within(Features):
    """The rows of one period: of the row `during` of an outer SELECT."""

    during: Callable[[str], Expression] = lambda _alias: compose("NULL")

    def kept(self, alias: str) -> Expression:
        """Return the condition under which a row is part of the period."""
        return compose("({kept} AND {during})", kept=super().kept(alias), during=self.during(alias))


def view_results(
    features: Features,
    rule: Rule,
    field: Field,
    timing: Timing,
    location: Field | None,
    correction: Correction,
    ticks: Ticks,
) -> Results:
    """Define the analysis as SQL: what a view is."""
    within = Within(**vars(features), during=timing.during)
    parts = {
        "row": row_of(features.layer, "s"),
        "place": place_of(features, location, "s"),
        "bins": gi_star.bin_join(correction),
    }
    ctes = compose(
        _SCORED,
        periods=list_periods(features, timing),
        scores=gi_star.score_ctes(lag_ctes(rule, within, field, ticks)),
        rows=features.rows("s"),
        kept=features.kept("s"),
        trends=trend.trend_ctes(),
        **parts,
    )
    joins = compose(_JOINS, label=timing.label("s"), **parts)
    return Results(ctes=ctes, joins=joins, columns=result_columns(correction))


def result_columns(correction: Correction) -> list[tuple[str, Expression]]:
    """Return name and expression of each column, over during, r, c and t."""
    period: tuple[str, Expression] = ("period", compose("during.period"))
    return [period, *gi_star.result_columns(correction), *trend.result_columns()]
