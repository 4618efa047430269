"""The balance of an overlay: what became of every row, and the first of those that were left out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from geocrew.analyses.parts.overlay import Overlaid
from geocrew.analyses.parts.overlay_ladder import Operation, Verdict
from geocrew.analyses.parts.overlay_points import Sorted
from geocrew.analyses.parts.overlay_rows import Rows, is_hollow
from geocrew.analyses.parts.overlay_workshop import addresses, fetching
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.pairing import Side
from geocrew.datasets.srids import Alignment
from geocrew.db import Connection

_LISTED = 1000
# The rarest first.
_ORDER = (Verdict.SKIPPED, Verdict.FAILED, Verdict.LOWER, Verdict.EMPTY, Verdict.OUTSIDE)
_REASONS: dict[Operation, dict[int, str]] = {
    "clip": {
        Verdict.FAILED: "could not be cut",
        Verdict.LOWER: "only touches the clip shape",
        Verdict.EMPTY: "no shape",
        Verdict.OUTSIDE: "outside the clip shape",
    },
    "erase": {
        Verdict.FAILED: "could not be cut",
        Verdict.LOWER: "what remains is of a lower dimension",
        Verdict.EMPTY: "no shape",
        Verdict.OUTSIDE: "wholly covered",
    },
}


def balance_shapes(
    operation: Operation, connection: Connection, features: Features, rows: Rows, overlaid: Overlaid
) -> dict[str, Any]:
    """Return the balance sheet: rows_in is the sum of rows_out, the three dropped_ and failed."""
    empty = overlaid.count(Verdict.EMPTY) + rows.hollow
    apart = rows.total - len(rows.row) - rows.hollow
    skipped = overlaid.count(Verdict.SKIPPED)
    return {
        "n_cut": overlaid.count(Verdict.CUT),
        "n_untouched": overlaid.count(Verdict.KEPT),
        "n_empty": empty,
        "n_repaired": overlaid.invalid.mended,
        "n_skipped": skipped,
        "n_mended_to_cut": overlaid.mended,
        "rows_in": rows.total,
        "rows_out": overlaid.count(Verdict.KEPT, Verdict.CUT),
        "dropped_outside": overlaid.count(Verdict.OUTSIDE) + apart,
        "dropped_empty": empty,
        "dropped_lower_dimension": overlaid.count(Verdict.LOWER),
        "failed": overlaid.count(Verdict.FAILED) + skipped,
        "dropped": _dropped_shapes(operation, connection, features, rows, overlaid),
    }


def balance_points(
    operation: Operation, connection: Connection, features: Features, points: Sorted, rows_out: int
) -> dict[str, Any]:
    """Return the balance sheet of points."""
    outside = points.total - points.empty - rows_out
    apart = compose("NOT {where} AND NOT {hollow}", where=points.where, hollow=points.hollow)
    dropped: list[dict[str, Any]] = []
    for verdict, count, condition in (
        (Verdict.EMPTY, points.empty, points.hollow),
        (Verdict.OUTSIDE, outside, apart),
    ):
        room = _LISTED - len(dropped)
        if count and room:
            dropped += _with_reasons(
                operation, _first_points(connection, features, verdict, condition, room)
            )
    return {
        "n_cut": 0,
        "n_untouched": rows_out,
        "n_empty": points.empty,
        "n_repaired": 0,
        "n_skipped": 0,
        "n_mended_to_cut": 0,
        "rows_in": points.total,
        "rows_out": rows_out,
        "dropped_outside": outside,
        "dropped_empty": points.empty,
        "dropped_lower_dimension": 0,
        "failed": 0,
        "dropped": dropped,
    }


def balance_view(
    operation: Operation,
    connection: Connection,
    features: Features,
    view: Expression,
    rows_out: int,
    counts: dict[str, Any],
) -> dict[str, Any]:
    """Return the `counts` of the shapes as they are in a `view` of `rows_out` rows.

    PostGIS's GEOS is another than this process's: where only the union of several polygons covers or
    touches a row, whose corners are rounded, one of them may leave a sliver and the other nothing.
    """
    more = rows_out - counts["rows_out"]
    if not more:
        return counts
    side = Side(features, Alignment(None, 0.0))
    query = compose(
        "SELECT {id} FROM {rows} {numbers}"
        " WHERE NOT EXISTS (SELECT FROM {view} AS v WHERE v.source_id = {id})"
        " ORDER BY {name} LIMIT {listed}",
        id=side.identity("s"),
        rows=features.rows("s"),
        numbers=side.identity_join("s"),
        view=view,
        name=_name(features),
        listed=_LISTED,
    )
    place = _ORDER.index(Verdict.OUTSIDE)
    found = [(name, place) for (name,) in connection.execute(query).fetchall()]
    reasons = {each["id"]: each["reason"] for each in counts["dropped"]}
    named = _with_reasons(operation, found)
    dropped = [{**each, "reason": reasons.get(each["id"], each["reason"])} for each in named]
    kinds = ["dropped_lower_dimension", "dropped_outside"]
    first, second = kinds if operation == "clip" else kinds[::-1]
    taken = min(more, counts[first]) if more > 0 else 0
    rest = {first: counts[first] - taken, second: counts[second] + taken - more}
    if more < 0:
        rest = {"dropped_outside": counts["dropped_outside"] - more}
    cut = max(0, counts["n_cut"] + more)
    return {
        **counts,
        **rest,
        "n_cut": cut,
        "n_untouched": rows_out - cut,
        "rows_out": rows_out,
        "dropped": dropped,
    }


def _first_points(
    connection: Connection, features: Features, verdict: int, condition: Expression, room: int
) -> list[tuple[Any, ...]]:
    """Return the first rows of a verdict as name and place; an index on the key ends the search."""
    query = compose(
        "SELECT {name}, {place} FROM {rows} WHERE {condition} ORDER BY {name} LIMIT {room}",
        name=_name(features),
        place=_ORDER.index(verdict),
        rows=features.rows("s"),
        condition=condition,
        room=room,
    )
    return connection.execute(query).fetchall()


def _dropped_shapes(
    operation: Operation, connection: Connection, features: Features, rows: Rows, overlaid: Overlaid
) -> list[dict[str, Any]]:
    """Name the first rows of those left out, the rarest reasons first, by key within each."""
    places = np.full(Verdict.SKIPPED + 1, len(_ORDER))
    places[list(_ORDER)] = range(len(_ORDER))
    place = places[overlaid.verdicts]
    numbers = np.flatnonzero(place < len(_ORDER))
    numbers = numbers[np.lexsort((rows.rank[numbers], place[numbers]))][:_LISTED]
    if not len(numbers) and rows.unread is None:
        return []
    query = compose(
        "SELECT {name} AS name, t.place, t.number FROM"
        " unnest({rows}::tid[], {places}::int[], {numbers}::int[]) AS t(row, place, number)"
        " JOIN {relation} AS s ON s.ctid = t.row",
        name=_name(features),
        rows=addresses(rows, numbers),
        places="{" + ",".join(map(str, place[numbers].tolist())) + "}",
        numbers="{" + ",".join(map(str, numbers.tolist())) + "}",
        relation=features.layer.relation,
    )
    if rows.unread is not None:
        query = compose("{query} UNION ALL {unread}", query=query, unread=_unread(features, rows.unread))
    query = compose(
        "SELECT name, place, number FROM ({query}) AS named ORDER BY place, name LIMIT {listed}",
        query=query,
        listed=_LISTED,
    )
    with fetching(connection):
        found = connection.execute(query).fetchall()
    reasons = overlaid.invalid.reasons
    return [
        {"id": name["id"], "reason": reasons.get(number, name["reason"])}
        for name, (_, _, number) in zip(_with_reasons(operation, found), found, strict=True)
    ]


def _unread(features: Features, unread: Expression) -> Expression:
    """Return the SELECT of the first rows that were never read, as name, place and number."""
    return compose(
        "(SELECT {name}, CASE WHEN {hollow} THEN {empty} ELSE {outside} END AS place, -1"
        " FROM {rows} WHERE {unread} ORDER BY place, {name} LIMIT {listed})",
        name=_name(features),
        hollow=is_hollow(features),
        empty=_ORDER.index(Verdict.EMPTY),
        outside=_ORDER.index(Verdict.OUTSIDE),
        rows=features.rows("s"),
        unread=unread,
        listed=_LISTED,
    )


def _with_reasons(operation: Operation, found: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    reasons = _REASONS[operation]
    return [
        {
            "id": name if isinstance(name, int) else str(name),
            "reason": reasons.get(_ORDER[place], "not valid"),
        }
        for name, place, *_ in found
    ]


def _name(features: Features) -> Expression:
    return features.layer.rank("s") or compose("s.ctid")
