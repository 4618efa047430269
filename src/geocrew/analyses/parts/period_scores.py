"""Gi* within each period, on its own: mean, deviation, neighbours and tests are the period's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from geocrew.analyses.parts import gi_star
from geocrew.analyses.parts.gi_star import Correction
from geocrew.analyses.parts.neighbourhood import Rule
from geocrew.analyses.parts.period_rows import PeriodRows
from geocrew.analyses.parts.rows import Rows
from geocrew.analyses.parts.static import missing
from geocrew.errors import UserError
from geocrew.kernels.arrays import Floats, SmallInts, TinyInts
from geocrew.kernels.getis_ord import ConstantValuesError, GiStar
from geocrew.kernels.getis_ord import gi_star as compute_gi_star
from geocrew.kernels.pace import OnProgress, report_part
from geocrew.kernels.significance import benjamini_hochberg, bins_by_p, bins_by_z, two_sided_p


@dataclass(frozen=True)
class Scores:
    """Arrays (n,) of all rows: z, p NaN, bins 0 and neighbors `missing` where a row takes no part.

    `periods` holds what the result tells of each period, `few` the labels of those below 30 features,
    `full` of those where a feature has all others as neighbours.
    """

    z: Floats
    p: Floats
    p_adjusted: Floats
    bins: TinyInts
    neighbors: SmallInts
    periods: list[dict[str, Any]]
    few: list[str]
    full: list[str]


def score_periods(
    rule: Rule,
    rows: PeriodRows,
    labels: tuple[str, ...],
    correction: Correction,
    where: str,
    on_progress: OnProgress,
) -> Scores:
    """Score each period; raises UserError, which names it, for one of which Gi* can say nothing."""
    n = len(rows.row)
    nothing = np.full(n, np.nan)
    scores = Scores(
        nothing,
        nothing.copy(),
        nothing.copy(),
        np.zeros(n, np.int16),
        np.full(n, missing(np.dtype(np.int32)), np.int32),
        [],
        [],
        [],
    )
    for number, (chosen, those) in enumerate(rows.by_period(len(labels))):
        part = report_part(on_progress, number / len(labels), (number + 1) / len(labels))
        named = f'{where} in period "{labels[number]}"'
        result = _score(rule, those, named, part or on_progress)
        at = chosen[those.takes_part]
        scores.z[at], scores.p[at] = result.z, two_sided_p(result.z)
        scores.p_adjusted[at] = benjamini_hochberg(scores.p[at])
        scores.bins[at] = (
            bins_by_p(result.z, scores.p_adjusted[at]) if correction == "fdr" else bins_by_z(result.z)
        )
        scores.neighbors[at] = result.neighbours
        scores.periods.append(_describe(labels[number], those, result, scores.bins[at]))
        scores.few.extend([labels[number]] * (at.size < 30))
        scores.full.extend([labels[number]] * (int(result.neighbours.max()) == at.size - 1))
    return scores


def _score(rule: Rule, rows: Rows, where: str, on_progress: OnProgress) -> GiStar:
    values = rows.value[rows.takes_part]
    if len(values) < 3:
        raise UserError(f"{where} has {len(values)} usable values; hot spots need at least 3")
    if rule.k is not None and rule.k >= len(values):
        raise UserError(
            f"k_neighbors is {rule.k}, but only {len(values)} features of {where} have a value "
            f"and a place; choose at most {len(values) - 1}"
        )
    places = rows.places()
    try:
        return compute_gi_star(values, lambda scores: rule.lag(places, scores, on_progress))
    except ConstantValuesError as error:
        raise UserError(f"{where} does not vary: {error}") from error


def _describe(label: str, rows: Rows, result: GiStar, bins: TinyInts) -> dict[str, Any]:
    neighbours = result.neighbours
    return {
        "period": label,
        **rows.counts(),
        "n_islands": int(np.count_nonzero(neighbours == 0)),
        "classes": gi_star.count_classes(bins),
        "neighbors": {
            "min": int(neighbours.min()),
            "mean": float(neighbours.mean()),
            "max": int(neighbours.max()),
        },
        "mean": result.mean,
        "s": result.s,
    }


def warnings_of(scores: Scores) -> Iterator[str]:
    """Yield what a reader of the result should know before believing it."""
    if scores.few:
        yield (
            f"fewer than 30 features in {_named(scores.few)}:"
            " so few, the normal distribution of Gi* is doubtful"
        )
    if scores.full:
        yield (
            f"some features have all others as neighbours in {_named(scores.full)};"
            " their Gi* is undefined (NULL)"
        )


def _named(labels: list[str]) -> str:
    more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
    return f"period{'s' * (len(labels) > 1)} {', '.join(labels[:10])}{more}"
