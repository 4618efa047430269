"""Gi* as columns: what it adds to a row, as a table is filled with it and as a view computes it."""

from typing import Literal, LiteralString

import numpy as np

from geocrew.analyses.parts.static import missing
from geocrew.analysis import Column
from geocrew.datasets.compose import Expression, compose
from geocrew.kernels.arrays import Floats, TinyInts
from geocrew.kernels.significance import CUTOFFS

Correction = Literal["none", "fdr"]

CLASSES = {
    3: "99% hot",
    2: "95% hot",
    1: "90% hot",
    0: "not significant",
    -1: "90% cold",
    -2: "95% cold",
    -3: "99% cold",
}
COLUMNS = (
    Column("gi_z", "float8", "Gi* as a standard normal deviate; NULL for a feature without neighbours"),
    Column("gi_p", "float8", "two-sided normal p of gi_z, uncorrected"),
    Column("gi_bin", "int2", "-3 to 3: cold or hot at 90, 95 or 99 % confidence; 0 not significant"),
    Column("neighbors", "int4", "number of neighbours, the feature itself not counted"),
    Column("hotspot_class", "text", "gi_bin in words"),
)
ADJUSTED = Column("gi_p_adjusted", "float8", "gi_p after Benjamini & Hochberg; only with correction fdr")

PERMUTED = Column("gi_p_perm", "float8", "two-sided pseudo p of gi_z; only with permutations")

# What a view computes from CTEs `lag` (row, members, total) and `moments` (n, mean, rest, s).
_SCORES: LiteralString = """
    ,
    z_scores AS (
        SELECT lag.row, (lag.members - 1)::int4 AS neighbors,
            CASE WHEN lag.members > 1 AND lag.members < m.n THEN
                lag.total / NULLIF(m.s, 0)
                    / sqrt((m.n * lag.members - lag.members ^ 2) / (m.n - 1)::float8)
            END AS gi_z
        FROM lag
        CROSS JOIN moments AS m
    ),
    p_values AS (
        SELECT *, geocrew.two_sided_p(gi_z) AS gi_p
        FROM z_scores
    ),
    ranked AS (
        SELECT *, row_number() OVER (ORDER BY gi_p) AS place, count(gi_p) OVER () AS tested
        FROM p_values
    ),
    scores AS (
        SELECT *, CASE WHEN gi_p IS NOT NULL THEN
            LEAST(1, min(gi_p * tested / place) OVER (ORDER BY gi_p DESC))
        END AS gi_p_adjusted
        FROM ranked
    )
"""

_BIN: dict[Correction, LiteralString] = {
    "none": "CASE WHEN abs(r.gi_z) >= {q99} THEN 3 WHEN abs(r.gi_z) >= {q95} THEN 2"
    " WHEN abs(r.gi_z) >= {q90} THEN 1 WHEN r.gi_z IS NOT NULL THEN 0 END",
    "fdr": "CASE WHEN r.gi_p_adjusted <= 0.01 THEN 3 WHEN r.gi_p_adjusted <= 0.05 THEN 2"
    " WHEN r.gi_p_adjusted <= 0.1 THEN 1 WHEN r.gi_z IS NOT NULL THEN 0 END",
}
_CLASS: LiteralString = (
    "CASE WHEN r.neighbors IS NOT NULL THEN CASE c.bin WHEN 0 THEN 'not significant'"
    " WHEN 3 THEN '99% hot' WHEN 2 THEN '95% hot' WHEN 1 THEN '90% hot'"
    " WHEN -1 THEN '90% cold' WHEN -2 THEN '95% cold' WHEN -3 THEN '99% cold'"
    " ELSE 'not significant' END END"
)


def score_ctes(lag: Expression) -> Expression:
    """Return the CTEs that end in `scores` (row, gi_z, gi_p, gi_p_adjusted, neighbors)."""
    return compose("{lag}{scores} ", lag=lag, scores=compose(_SCORES))


def bin_join(correction: Correction) -> Expression:
    """Return the join that classifies the scores r of a row: c.bin."""
    q90, q95, q99 = CUTOFFS
    value = compose(_BIN[correction], q90=q90, q95=q95, q99=q99)
    sign = "CASE WHEN r.gi_z < 0 THEN -1 ELSE 1 END"
    return compose(
        "CROSS JOIN LATERAL (SELECT (({value}) * ({sign}))::int2 AS bin) AS c",
        value=value,
        sign=compose(sign),
    )


def sent_bins(z: Floats, bins: TinyInts) -> TinyInts:
    """Return the bins of scores z (n,) as results r.gi_bin hold them: `missing` where z is.

    To classify them again would take the server a fifth of the time in which it fills the table.
    """
    sent = bins.copy()
    sent[np.isnan(z)] = missing(bins.dtype)
    return sent


def sent_bin_join() -> Expression:
    """Return the join that has c.bin from results r that bring it."""
    return compose("CROSS JOIN LATERAL (SELECT r.gi_bin AS bin) AS c")


def result_columns(correction: Correction, permuted: bool = False) -> list[tuple[str, Expression]]:
    """Return name and expression of each column, over scores r and class c."""
    columns: list[tuple[str, Expression]] = [
        ("gi_z", compose("r.gi_z")),
        ("gi_p", compose("r.gi_p")),
        ("gi_bin", compose("c.bin")),
        ("neighbors", compose("r.neighbors")),
        ("hotspot_class", compose(_CLASS)),
    ]
    if permuted:
        columns.insert(2, ("gi_p_perm", compose("r.gi_p_perm")))
    if correction == "fdr":
        columns.insert(2, ("gi_p_adjusted", compose("r.gi_p_adjusted")))
    return columns


def count_classes(bins: TinyInts) -> dict[str, int]:
    """Count rows by class; bins int (n,) of the rows that took part."""
    return {name: int(np.count_nonzero(bins == each)) for each, name in CLASSES.items()}
