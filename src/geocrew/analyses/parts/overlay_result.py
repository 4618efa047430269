"""What an overlay gives back: the rows that remain, the balance of all, and what to know of them."""

from typing import Any, LiteralString

import numpy as np

from geocrew.analyses.parts.overlay import Overlaid
from geocrew.analyses.parts.overlay_ladder import Operation, Verdict
from geocrew.analyses.parts.overlay_rows import Rows
from geocrew.analyses.parts.overlay_sql import straight_shape, view_piece, view_where
from geocrew.analysis import Context, notes
from geocrew.datasets.build import OutputMode, Staged, build
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.layer import Layer
from geocrew.datasets.output import Results, select_rows
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.kernels.arrays import Ints

_LISTED = 1000
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
_SHAPE: LiteralString = "CASE WHEN c.number IS NULL THEN {whole} ELSE {part} END"


def build_table(context: Context, features: Features, overlaid: Overlaid) -> Staged:
    """Let the server write the rows that remain, each whole or with its cut shape."""
    connection = context.connection
    results = Results(
        columns=[],
        joins=compose(
            "JOIN {remains} AS r ON r.row = s.ctid AND r.version = s.xmin"
            " LEFT JOIN {cuts} AS c ON c.number = r.number",
            **overlaid.tables,
        ),
        shape=compose(
            _SHAPE,
            whole=features.output_shape("s"),
            part=features.geometry.force(compose("c.geom")),
        ),
    )
    with connection.transaction():
        connection.execute("SET LOCAL jit = off")
        staged = build(connection, context.staging, "static", select_rows(features, results))
        features.check_unchanged(connection)
    if staged.rows != overlaid.count(Verdict.KEPT, Verdict.CUT):
        raise features.changed()
    return staged


def build_view(
    operation: Operation,
    context: Context,
    features: Features,
    mask: Expression,
    overlaid: Overlaid,
    output_mode: OutputMode,
) -> Staged:
    """Make the view; `features` are those of the original layer, `mask` its FROM item `mask`."""
    if overlaid.mended or overlaid.count(Verdict.FAILED):
        raise UserError(
            f"{features.layer.described} has shapes that PostGIS cannot cut, so output_mode "
            f'"{output_mode}" would fail when it is read; choose "static"'
        )
    shape = straight_shape(features)
    results = Results(
        columns=[],
        joins=view_piece(operation, mask, shape),
        shape=compose(
            "CASE WHEN piece.geom IS NULL THEN {whole} ELSE {part} END",
            whole=features.output_shape("s"),
            part=features.geometry.force(compose("piece.geom")),
        ),
        where=view_where(operation, features.hollow("s"), shape),
    )
    return build(context.connection, context.staging, output_mode, select_rows(features, results))


def count_rows(
    operation: Operation, connection: Connection, features: Features, rows: Rows, overlaid: Overlaid
) -> dict[str, Any]:
    """Return the balance sheet: rows_in is the sum of rows_out, the three dropped_ and failed."""
    repaired, skipped = features.mending
    outside, empty = overlaid.count(Verdict.OUTSIDE), overlaid.count(Verdict.EMPTY)
    dropped = list(features.dropped)
    dropped += _dropped(operation, connection, features.layer, rows, overlaid)
    return {
        "n_cut": overlaid.count(Verdict.CUT),
        "n_untouched": overlaid.count(Verdict.KEPT),
        "n_empty": empty,
        "n_repaired": repaired,
        "n_skipped": skipped,
        "n_mended_to_cut": overlaid.mended,
        "rows_in": len(rows.row) + skipped,
        "rows_out": overlaid.count(Verdict.KEPT, Verdict.CUT),
        "dropped_outside": outside,
        "dropped_empty": empty,
        "dropped_lower_dimension": overlaid.count(Verdict.LOWER),
        "failed": overlaid.count(Verdict.FAILED) + skipped,
        "dropped": dropped[:_LISTED],
    }


def say(features: Features, output_mode: OutputMode) -> list[str]:
    """Return notes of what became of shapes; a view of an overlay computes all of them."""
    said = notes(features, "static")
    if output_mode == "view":
        said.append(
            "the view cuts its shapes anew whenever it is read and cannot use the spatial index; "
            'output_mode "materialized_view" stores them with one'
        )
    return said


def _dropped(
    operation: Operation, connection: Connection, layer: Layer, rows: Rows, overlaid: Overlaid
) -> list[dict[str, Any]]:
    """Name the first rows of those left out, the rarest reasons first, by rank within each."""
    reasons = _REASONS[operation]
    order = {verdict: place for place, verdict in enumerate(reasons)}
    numbers = np.flatnonzero(np.isin(overlaid.verdicts, list(reasons)))
    places = np.array([order[verdict] for verdict in overlaid.verdicts[numbers].tolist()], np.int64)
    first = numbers[np.lexsort((rows.rank[numbers], places))][:_LISTED]
    if not len(first):
        return []
    names = _names(connection, layer, rows, first)
    return [
        {"id": name, "reason": reasons[int(overlaid.verdicts[number])]}
        for name, number in zip(names, first, strict=True)
    ]


def _names(connection: Connection, layer: Layer, rows: Rows, numbers: Ints) -> list[int | str]:
    """Return the keys of some rows, their addresses where there is no key."""
    address = rows.row[numbers].view([("block", ">u4"), ("place", ">u2")])
    query = compose(
        "SELECT {name} FROM unnest({addresses}::tid[]) WITH ORDINALITY AS t(row, place)"
        " LEFT JOIN {relation} AS s ON s.ctid = t.row ORDER BY t.place",
        name=layer.rank("s") or compose("s.ctid"),
        addresses="{" + ",".join(f'"({each["block"]},{each["place"]})"' for each in address) + "}",
        relation=layer.relation,
    )
    found = connection.execute(query).fetchall()
    return [name if isinstance(name, int) else str(name) for (name,) in found]
