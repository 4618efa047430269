"""The sums over neighbours as a view computes them, with the help of the index on shapes."""

from typing import LiteralString

from geocrew.analyses.parts.contiguity import contiguity_cte
from geocrew.analyses.parts.neighbourhood import Rule
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.datasets.ticks import Ticks
from geocrew.errors import UserError

# Sums run over sorted values, so that they have the same bits whatever the order of the rows; the mean
# in two parts, mean + rest, is right to the last digits for values far from 0. No square may leave the
# range of float8, for PostgreSQL makes an error of that.
_USABLE: LiteralString = """
    usable AS MATERIALIZED (
        SELECT {row} AS row, {place} AS place, {value} AS value FROM {rows} WHERE {takes_part}
    ),
    ordered AS MATERIALIZED (SELECT value AS x FROM usable ORDER BY 1),
    rough AS (SELECT count(*) AS n, sum(x) / count(*) AS mean FROM ordered),
    middle AS (
        SELECT max(n) AS n, max(mean) AS mean, sum(x - mean) / max(n) AS rest FROM ordered, rough
    ),
    centred AS (SELECT n, mean, rest, x - mean - rest AS d FROM ordered, middle),
    widest AS (SELECT GREATEST(1e-200, max(abs(d))) AS width FROM centred),
    moments AS (
        SELECT max(n) AS n, max(mean) AS mean, max(rest) AS rest, max(width) * sqrt(
            sum(CASE WHEN abs(d) > 1e-100 * width THEN (d / width) ^ 2 ELSE 0 END) / max(n)
        ) AS s
        FROM centred, widest
    )
"""

_BAND: LiteralString = """
    lag AS (
        SELECT a.row, count(*) AS members, sum({value} - m.mean - m.rest ORDER BY {value}) AS total
        FROM usable AS a
        CROSS JOIN moments AS m
        CROSS JOIN LATERAL (SELECT {reach}::float8 AS reach) AS bound
        {boxes}
        JOIN {rows} ON {near} AND {takes_part} AND {apart} <= bound.reach
        WHERE {told}
        GROUP BY a.row
    )
"""

# Any k others bound the reach within which the k nearest must lie.
_NEAREST: LiteralString = """
    lag AS (
        SELECT a.row, 1 + count(*) AS members,
            a.value - m.mean - m.rest
                + sum(other.value - m.mean - m.rest ORDER BY other.value) AS total
        FROM usable AS a
        CROSS JOIN moments AS m
        CROSS JOIN LATERAL (
            SELECT max(apart) + {slack} AS reach
            FROM (
                SELECT {apart} AS apart FROM {rows} WHERE {takes_part} AND {row} <> a.row
                ORDER BY {shape} {walk} a.place LIMIT {k}
            ) AS others
        ) AS bound
        {boxes}
        CROSS JOIN LATERAL (
            SELECT {value} AS value
            FROM {rows}
            WHERE {near} AND {takes_part} AND {row} <> a.row AND {apart} <= bound.reach
            ORDER BY {order}, {row} LIMIT {k}
        ) AS other
        WHERE {told}
        GROUP BY a.row, a.value, m.mean, m.rest
    )
"""

# A place lies within the box of its shape, so the index on shapes finds every place within a reach.
_PLANAR: dict[str, LiteralString] = {
    "boxes": "",
    "near": "({shape} && ST_Expand(a.place, bound.reach))",
    "apart": "ST_Distance(a.place, {place})",
    "order": "ST_Distance(a.place, {place})",
}
# Always WGS84. Two libraries agree on an ellipsoidal distance to 1e-8 m only, so the nearest are ranked
# by whole millimetres and then by id.
_GEOGRAPHIC: dict[str, LiteralString] = {
    "boxes": "CROSS JOIN LATERAL geocrew.boxes_around(a.place, bound.reach) AS box",
    "near": "({shape} && box.here OR {shape} && box.west OR {shape} && box.east)",
    "apart": "ST_Distance(ST_SetSRID(a.place, 4326)::geography, ST_SetSRID({place}, 4326)::geography)",
    "order": "round(ST_Distance(ST_SetSRID(a.place, 4326)::geography,"
    " ST_SetSRID({place}, 4326)::geography)::numeric, 3)",
}


def row_of(layer: Layer, alias: str) -> Expression:
    """Return what names a row in a view; raises UserError where nothing does."""
    row = layer.rank(alias)
    if row is None:
        raise UserError(
            f"{layer.described} has no unique key, so a view cannot tell its rows apart; "
            'choose output_mode "static"'
        )
    return row


def _number_of(layer: Layer, row: Expression) -> Expression:
    """Return an integer for what names a row, the same for few."""
    return row if layer.number("s") is not None else compose("hashtext({row}::text)", row=row)


def lag_ctes(rule: Rule, features: Features, field: Field, ticks: Ticks) -> Expression:
    """Return CTEs `usable` (row, place, value), `moments` (n, mean, rest, s) and `lag`.

    `lag` has row, members (the row itself among them) and total: the sum of their values less the mean.
    `ticks` tells of the rows for which sums are made.
    """
    metric = _GEOGRAPHIC if rule.geographic else _PLANAR
    parts = {"shape": features.layer.shape("b"), "place": features.place("b")}
    neighbours = {
        **{name: compose(metric[name], **parts) for name in ("near", "apart", "order")},
        "shape": parts["shape"],
        "boxes": compose(metric["boxes"]),
        "row": row_of(features.layer, "b"),
        "rows": features.rows("b"),
        "value": field.number("b"),
        "takes_part": _takes_part(features, field, "b"),
        "told": ticks.each(_number_of(features.layer, compose("a.row"))),
    }
    if rule.contiguity is not None:
        half = ticks.part(0.5)
        lag = contiguity_cte(
            rule.contiguity,
            features,
            row=neighbours["row"],
            takes_part=compose(
                "{takes_part} AND {told}",
                takes_part=neighbours["takes_part"],
                told=half.each(_number_of(features.layer, neighbours["row"])),
            ),
            told=half.each(_number_of(features.layer, compose("pairs.row"))),
        )
    elif rule.reach is not None:
        lag = compose(_BAND, reach=rule.reach, **neighbours)
    else:
        slack = 0.001 if rule.geographic else 0.0
        # PostGIS fails on the distance to a polygon with an open ring, and not on that to its box.
        walk = compose("<#>" if features.invalid else "<->")
        lag = compose(_NEAREST, k=rule.k or 1, slack=slack, walk=walk, **neighbours)
    usable = compose(
        _USABLE,
        row=row_of(features.layer, "s"),
        place=features.place("s"),
        value=field.number("s"),
        rows=features.rows("s"),
        takes_part=_takes_part(features, field, "s"),
    )
    return compose("WITH {usable}, {lag}", usable=usable, lag=lag)


def _takes_part(features: Features, field: Field, alias: str) -> Expression:
    return compose(
        "{value} IS NOT NULL AND NOT {hollow} AND {kept}",
        value=field.number(alias),
        hollow=features.hollow(alias),
        kept=features.kept(alias),
    )
