"""The pairs of a nearest search, found range by range into a staged table, and their counts."""

from collections.abc import Callable
from typing import Any

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.analyses.parts.nearest_sql import Search, Targets, pairs_select
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.pairing import Side
from geocrew.datasets.staging import Staging
from geocrew.db import Connection

_LISTED = 1000


def store_pairs(
    connection: Connection,
    staging: Staging,
    source: Side,
    targets: Targets,
    search: Search,
    on_share: Callable[[float], object],
) -> Expression:
    """Fill a staged table with source, target, rank and distance; returns it."""
    table = staging.relation("pairs")
    nothing = pairs_select(source, targets, search, compose("false"))
    connection.execute(
        compose("CREATE UNLOGGED TABLE {table} AS {nothing} WITH NO DATA", table=table, nothing=nothing)
    )
    for share, part in block_ranges(connection, source.features.layer):
        on_share(share)
        select = pairs_select(source, targets, search, part)
        connection.execute(compose("INSERT INTO {table} {select}", table=table, select=select))
    connection.execute(compose("ANALYZE {table}", table=table))
    return table


def count_places(connection: Connection, side: Side) -> tuple[int, int]:
    """Return how many rows are kept, and how many of them have no place."""
    query = compose(
        "SELECT count(*), count(*) FILTER (WHERE {hollow}) FROM {rows} WHERE {kept}",
        hollow=side.features.hollow("s"),
        rows=side.features.rows("s"),
        kept=side.features.kept("s"),
    )
    row = connection.execute(query).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def measure_pairs(connection: Connection, pairs: Expression) -> tuple[int, dict[str, Any]]:
    """Return the number of sources with a target, and the counts of pairs as results name them."""
    query = compose(
        "SELECT count(*) FILTER (WHERE rank = 1), count(*), count(*) FILTER (WHERE distance = 0),"
        " min(distance), sum(distance ORDER BY distance) / NULLIF(count(*), 0), max(distance)"
        " FROM {pairs}",
        pairs=pairs,
    )
    row = connection.execute(query).fetchone()
    matched, count, touching, least, mean, most = row or (0, 0, 0, None, None, None)
    spread = {"min": least, "mean": mean, "max": most}
    return matched, {"n_pairs": count, "n_touching": touching, "distance": spread}


def list_unmatched(
    connection: Connection, source: Side, pairs: Expression, reason: str
) -> list[dict[str, Any]]:
    """Return id and reason of the first thousand sources without a target."""
    query = compose(
        "SELECT {id}, CASE WHEN {hollow} THEN 'no place' ELSE {reason} END"
        " FROM {rows} {numbers} LEFT JOIN {pairs} AS r ON r.source = {row}"
        " WHERE {kept} AND r.source IS NULL ORDER BY {row} LIMIT {listed}",
        id=source.identity("s"),
        hollow=source.features.hollow("s"),
        reason=reason,
        rows=source.features.rows("s"),
        numbers=source.identity_join("s"),
        pairs=pairs,
        row=source.row("s"),
        kept=source.features.kept("s"),
        listed=_LISTED,
    )
    rows = connection.execute(query).fetchall()
    return [{"id": key if isinstance(key, int) else str(key), "reason": why} for key, why in rows]
