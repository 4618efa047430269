"""The pairs of a nearest search in a staged table, and their counts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, LiteralString

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.analyses.parts.nearest_degrees import are_degrees, find_in_degrees, measured, within_bounds
from geocrew.analyses.parts.nearest_outlines import are_outlines, join_outlines, read_outlines
from geocrew.analyses.parts.nearest_points import (
    are_points,
    join_points,
    name_of,
    read_points,
)
from geocrew.analyses.parts.nearest_sql import Search, Targets, pairs_select
from geocrew.analyses.parts.nearest_tally import Points, Tally
from geocrew.analyses.parts.nearest_targets import prepare_targets
from geocrew.datasets.arrays import Array, ArrayType, write_arrays
from geocrew.datasets.compose import Expression, compose, identify
from geocrew.datasets.estimate import estimate_rows
from geocrew.datasets.features import OnInvalid
from geocrew.datasets.pairing import Side
from geocrew.datasets.progress import Show, part_of
from geocrew.datasets.staging import Staging
from geocrew.db import Connection

_LISTED = 1000


@dataclass(frozen=True)
class Places:
    """How many rows of a layer are kept, and how many of them have no place."""

    kept: int
    empty: int


@dataclass(frozen=True)
class Pairs:
    """A staged table of source, target, rank and distance, and the counts of both sides.

    `numbered`: it has their number besides, from 1 by source and rank. `tally` is None where the pairs
    have to be counted yet.
    """

    table: Expression
    sources: Places
    targets: Places
    numbered: bool = False
    tally: Tally | None = None


@dataclass(frozen=True)
class Finder:
    """Finds the nearest targets of each source.

    `on_progress` hears what is being done and the share of all that is.
    """

    connection: Connection
    staging: Staging
    source: Side
    target: Side
    search: Search
    on_progress: Show

    def find(self) -> Pairs:
        """Find all pairs, in whichever way is the cheapest."""
        sources = self._estimate_rows(self.source)
        targets = partial(self._estimate_rows, self.target)
        if are_points(self.source, self.target, self.search, sources, targets):
            pairs = self._among_points()
        elif are_degrees(self.source, self.target, self.search, sources, targets):
            pairs = self._in_degrees()
        elif are_outlines(self.connection, self.source, self.target, self.search, sources):
            pairs = self._among_outlines()
        else:
            pairs = self._by_index()
        self.on_progress(1.0, "counting pairs")
        self.connection.execute(compose("ANALYZE {table} (source, target)", table=pairs.table))
        return pairs

    def _among_points(self) -> Pairs:
        targets = read_points(self.connection, self.target, self._show(0.0, 0.6, "reading points"))
        sources = targets if self.search.same else self._read_sources(0.6, 0.7)
        table = self._make_table(sources.type, targets.type, ", number int8")
        show = self._show(0.7, 1.0, "searching the nearest")
        tally = join_points(self.connection, table, sources, targets, self.search, show)
        return Pairs(table, _places(sources), _places(targets), numbered=True, tally=tally)

    def _in_degrees(self) -> Pairs:
        targets = read_points(self.connection, self.target, self._show(0.0, 0.4, "reading points"))
        if not within_bounds(targets)[targets.somewhere].all():
            return self._by_index()
        sources = targets if self.search.same else self._read_sources(0.4, 0.5)
        table = self._make_table(sources.type, targets.type)
        show, found = self._show(0.5, 0.65, "searching the nearest"), self.staging.relation("found")
        left = find_in_degrees(self.connection, found, sources, targets, self.search, show)
        self.on_progress(0.65, "measuring the pairs")
        select = measured(found, self.search)
        self.connection.execute(compose("INSERT INTO {table} {select}", table=table, select=select))
        if len(left):
            self._search_again(table, sources.type, left)
        return Pairs(table, _places(sources), _places(targets))

    def _among_outlines(self) -> Pairs:
        targets = read_outlines(self.connection, self.target, self._show(0.0, 0.3, "reading shapes"))
        sources = self._read_sources(0.3, 0.4)
        table = self._make_table(sources.type, "int8")
        show = self._show(0.4, 0.7, "searching the nearest")
        left = join_outlines(self.connection, table, sources, targets, self.search, show)
        if len(left):
            self._search_again(table, sources.type, left)
        return Pairs(table, _places(sources), Places(targets.kept, targets.kept - len(targets.names)))

    def _search_again(self, table: Expression, kind: ArrayType, names: Array) -> None:
        """Let PostgreSQL decide what hangs on last bits."""
        left = self.staging.relation("left")
        self.connection.execute(
            compose("CREATE UNLOGGED TABLE {left} (name {kind})", left=left, kind=identify(kind))
        )
        write_arrays(self.connection, left, {"name": (kind, names)})
        self.connection.execute(compose("ANALYZE {left}", left=left))
        chosen = compose("{source} IN (SELECT name FROM {left})", source=name_of(self.source), left=left)
        targets = self._prepare_targets(len(names), 0.7, 0.8)
        self._append(table, targets, chosen, 0.8, "searching again where the last bits decide")

    def _by_index(self) -> Pairs:
        self.on_progress(0.0, "counting places")
        sources = self._count_places(self.source)
        targets = self._prepare_targets(sources.kept, 0.0, 0.5)
        among = "" if targets.pieces is None else " among pieces of big shapes"
        table = self.staging.relation("pairs")
        nothing = pairs_select(self.source, targets, self.search, compose("false"))
        self.connection.execute(
            compose(
                "CREATE UNLOGGED TABLE {table} AS {nothing} WITH NO DATA", table=table, nothing=nothing
            )
        )
        self._append(table, targets, compose("true"), 0.5, f"searching the nearest{among}")
        return Pairs(table, sources, self._count_places(self.target))

    def _prepare_targets(self, sources: int, first: float, last: float) -> Targets:
        return prepare_targets(
            self.connection,
            self.staging,
            self.source,
            self.target,
            self.search.geographic,
            sources,
            part_of(self.on_progress, first, last),
        )

    def _append(
        self, table: Expression, targets: Targets, chosen: Expression, began: float, doing: str
    ) -> None:
        show = self._show(began, 1.0, doing)
        for part in block_ranges(self.connection, self.source.features.layer, show):
            both = compose("{part} AND {chosen}", part=part, chosen=chosen)
            select = pairs_select(self.source, targets, self.search, both)
            self.connection.execute(compose("INSERT INTO {table} {select}", table=table, select=select))

    def _read_sources(self, first: float, stop: float) -> Points:
        return read_points(self.connection, self.source, self._show(first, stop, "reading points"))

    def _make_table(self, source: ArrayType, target: ArrayType, more: LiteralString = "") -> Expression:
        table = self.staging.relation("pairs")
        self.connection.execute(
            compose(
                "CREATE UNLOGGED TABLE {table} (source {source}, target {target}, rank int4,"
                " distance float8{more})",
                more=compose(more),
                table=table,
                source=identify(source),
                target=identify(target),
            )
        )
        return table

    def _show(self, first: float, stop: float, doing: str) -> Callable[[float], None]:
        return lambda share: self.on_progress(first + (stop - first) * share, doing)

    def _estimate_rows(self, side: Side) -> int:
        return estimate_rows(self.connection, side.features.layer)

    def _count_places(self, side: Side) -> Places:
        query = compose(
            "SELECT count(*), count(*) FILTER (WHERE {hollow}) FROM {rows} WHERE {kept}",
            hollow=side.features.hollow("s"),
            rows=side.features.rows("s"),
            kept=side.features.kept("s"),
        )
        row = self.connection.execute(query).fetchone()
        return Places(int(row[0]), int(row[1])) if row else Places(0, 0)


def _places(points: Points) -> Places:
    return Places(len(points.names), int((~points.somewhere).sum()))


def measure_pairs(connection: Connection, pairs: Pairs) -> tuple[int, dict[str, Any]]:
    """Return the number of sources with a target, and the counts of pairs as results name them."""
    tally = pairs.tally or _count_pairs(connection, pairs.table)
    spread = {"min": tally.least, "mean": tally.mean, "max": tally.most}
    return tally.matched, {"n_pairs": tally.pairs, "n_touching": tally.touching, "distance": spread}


def _count_pairs(connection: Connection, table: Expression) -> Tally:
    query = compose(
        "SELECT count(*) FILTER (WHERE rank = 1), count(*), count(*) FILTER (WHERE distance = 0),"
        " min(distance), sum(distance ORDER BY distance) / NULLIF(count(*), 0), max(distance)"
        " FROM {table}",
        table=table,
    )
    row = connection.execute(query).fetchone()
    return Tally(*(row or (0, 0, 0, None, None, None)))


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


def failed_targets(
    on_invalid: OnInvalid, targets: dict[str, Any], nowhere: list[dict[str, Any]]
) -> dict[str, Any]:
    """Count the targets that cannot be transformed apart from those without a place."""
    if not nowhere:
        return {"failed": 0}
    kind = "n_skipped" if on_invalid == "skip" else "n_empty"
    return {kind: targets[kind] - len(nowhere), "failed": len(nowhere), "dropped": nowhere}
