"""How the scores of a place go through the periods: columns, numbers, and the same as SQL."""

from dataclasses import dataclass
from typing import LiteralString

import numpy as np

from geocrew.analyses.parts.static import missing
from geocrew.analysis import Column
from geocrew.datasets.arrays import Array
from geocrew.datasets.compose import Expression, compose
from geocrew.kernels.arrays import Floats, Ints, SmallInts, TinyInts
from geocrew.kernels.mann_kendall import level_out, mann_kendall
from geocrew.kernels.significance import CUTOFFS, bins_by_z
from geocrew.kernels.space_time import KINDS, find_patterns

COLUMNS = (
    Column("trend_z", "float8", "Mann-Kendall trend of the place's gi_z over the periods"),
    Column("trend_p", "float8", "two-sided p of trend_z"),
    Column("pattern", "text", "category of emerging hot spot analysis: new hot … historical cold, none"),
)
NO_PATTERN = int(missing(np.dtype(np.int16)))
# Sums in another order differ by 1e-13; scores closer than this are equal, in a table as in a view.
APART = 1e-9

# CTEs from `binned` (place, step, gi_z, bin) to `trends` (place, trend_z, trend_p, pattern). A place
# that has two scores in one period has no series. `latest` is the side of the last bin, 1, 0 or -1;
# `same` and `other` count the significant bins of that side and of the other.
_TRENDS: LiteralString = """
    stepped AS (
        SELECT place, gi_z, bin, row_number() OVER (PARTITION BY place ORDER BY step) AS position,
            (gi_z - lag(gi_z) OVER (PARTITION BY place ORDER BY gi_z) > {apart})::int AS rises
        FROM binned
        WHERE place IN (
            SELECT place FROM binned GROUP BY place
            HAVING count(*) > 1 AND count(*) <= count(DISTINCT step)
        )
    ),
    series AS (
        SELECT *, sum(COALESCE(rises, 0)) OVER (PARTITION BY place ORDER BY gi_z) AS level FROM stepped
    ),
    tallies AS (
        SELECT place, count(*) AS t, count(*) FILTER (WHERE bin > 0) AS hot,
            count(*) FILTER (WHERE bin < 0) AS cold, min(position) FILTER (WHERE bin <> 0) AS since,
            sign((array_agg(bin ORDER BY position DESC))[1])::int AS latest
        FROM series GROUP BY place
    ),
    ties AS (
        SELECT place, sum(tied * (tied - 1) * (2 * tied + 5)) AS weight
        FROM (SELECT place, count(*) AS tied FROM series GROUP BY place, level) AS levels
        GROUP BY place
    ),
    pairs AS (
        SELECT a.place, sum(sign(b.level - a.level)) AS s
        FROM series AS a JOIN series AS b ON b.place = a.place AND b.position > a.position
        GROUP BY a.place
    ),
    tested AS (
        SELECT tallies.*, CASE WHEN t * (t - 1) * (2 * t + 5) = weight THEN 0 ELSE
                (s - sign(s))::float8 / sqrt((t * (t - 1) * (2 * t + 5) - weight)::float8 / 18)
            END AS trend_z
        FROM tallies JOIN ties USING (place) JOIN pairs USING (place)
    ),
    sided AS (
        SELECT *, CASE WHEN abs(trend_z) >= {cutoff} THEN sign(trend_z)::int * latest ELSE 0
            END AS trend,
            CASE WHEN latest < 0 THEN cold ELSE hot END AS same,
            CASE WHEN latest < 0 THEN hot ELSE cold END AS other
        FROM tested
    ),
    trends AS (
        SELECT place, trend_z, geocrew.two_sided_p(trend_z) AS trend_p, CASE
            WHEN latest = 0 THEN
                CASE WHEN 10 * hot >= 9 * t THEN 8 WHEN 10 * cold >= 9 * t THEN -8 ELSE 0 END
            WHEN same = 1 AND other = 0 THEN latest
            WHEN 10 * same >= 9 * t THEN latest * CASE trend WHEN 1 THEN 3 WHEN -1 THEN 5 ELSE 4 END
            WHEN other > 0 THEN latest * 7
            WHEN since = t - same + 1 THEN latest * 2
            ELSE latest * 6
        END AS pattern
        FROM sided
    )
"""

_PATTERN: LiteralString = (
    "CASE WHEN t.pattern = 0 THEN {none} ELSE ({kinds}::text[])[abs(t.pattern)]"
    " || CASE WHEN t.pattern > 0 THEN ' hot' ELSE ' cold' END END"
)


@dataclass(frozen=True)
class Trends:
    """Arrays (n,) of all rows: NaN and NO_PATTERN where a place has no series of at least two scores.

    `patterns` counts places by pattern, `repeated` those left out for two scores in one period.
    """

    z: Floats
    p: Floats
    pattern: TinyInts
    patterns: dict[str, int]
    repeated: int


def find_trends(place: Ints, step: SmallInts, z: Floats, bins: TinyInts) -> Trends:
    """Test the series of z (n,) of each place, in order of step; place 0 is none, NaN no score."""
    scored = np.flatnonzero((place > 0) & ~np.isnan(z))
    scored = scored[np.lexsort((step[scored], place[scored]))]
    places, sizes = np.unique(place[scored], return_counts=True)
    twice = (np.diff(place[scored]) == 0) & (np.diff(step[scored]) == 0)
    repeated = np.isin(places, place[scored[1:]][twice])
    kept = (sizes > 1) & ~repeated
    scored = scored[np.repeat(kept, sizes)]
    offsets = np.cumsum([0, *sizes[kept]])
    trend = mann_kendall(level_out(z[scored], offsets, APART), offsets)
    found = find_patterns(z[scored], bins[scored], offsets, bins_by_z(trend.z))
    return Trends(
        _spread(place, places[kept], trend.z, np.nan),
        _spread(place, places[kept], trend.p, np.nan),
        _spread(place, places[kept], found, NO_PATTERN),
        _count(found),
        int(np.count_nonzero(repeated)),
    )


def _spread(place: Ints, places: Ints, values: Array, missing: float) -> Array:
    """Give each row (n,) the value of its place, `missing` where that has none."""
    of_place = np.full(int(place.max(initial=0)) + 1, missing, values.dtype)
    of_place[places] = values
    return of_place[place]


def _count(found: TinyInts) -> dict[str, int]:
    """Count places by pattern, in the order of the documentation."""
    named = {0: KINDS[0]}
    for code, kind in enumerate(KINDS[1:], start=1):
        named |= {code: f"{kind} hot", -code: f"{kind} cold"}
    return {name: int(np.count_nonzero(found == code)) for code, name in named.items()}


def trend_ctes() -> Expression:
    """Return the CTEs that end in `trends`, over a CTE `binned` (place, step, gi_z, bin)."""
    return compose(_TRENDS, apart=APART, cutoff=CUTOFFS[0])


def result_columns() -> list[tuple[str, Expression]]:
    """Return name and expression of each column, over the trends t of a row's place."""
    kinds = "{" + ",".join(KINDS[1:]) + "}"
    return [
        ("trend_z", compose("t.trend_z")),
        ("trend_p", compose("t.trend_p")),
        ("pattern", compose(_PATTERN, none=KINDS[0], kinds=kinds)),
    ]
