"""A table of results that were computed here, joined to the rows that they were computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

import numpy as np

from geocrew.analyses.parts.rows import Rows
from geocrew.analysis import Context
from geocrew.datasets.arrays import Array, ArrayType, write_arrays
from geocrew.datasets.build import Staged, build
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.output import Results, select_rows


@dataclass(frozen=True)
class Computed:
    """Columns of the rows that take part, arrays (n,) by name, and how the server reads them.

    `declared` are the columns as CREATE TABLE takes them; `read`, of them, what the row `r` of a result
    holds: "SELECT row, version, ...", NaN and -1 standing for nothing.
    """

    arrays: Mapping[str, tuple[ArrayType, Array]]
    declared: LiteralString
    read: LiteralString


def build_static(
    context: Context,
    features: Features,
    rows: Rows,
    computed: Computed,
    columns: Sequence[tuple[str, Expression]],
    joins: Expression,
) -> Staged:
    """Send what was computed to the server and join it to the rows: ids and numbers travel, no shapes.

    `columns` and `joins` are over the rows s and r. Raises SourceChanged where s is not what was read.
    """
    connection, table = context.connection, context.staging.relation("scores")
    connection.execute(
        compose(
            "CREATE UNLOGGED TABLE {table} (row tid, version xid, " + computed.declared + ")",
            table=table,
        )
    )
    arrays: dict[str, tuple[ArrayType, Array]] = {
        "row": ("tid", rows.row),
        "version": ("xid", rows.version),
    }
    for name, (kind, values) in computed.arrays.items():
        arrays[name] = (kind, _spread(rows, values))
    write_arrays(connection, table, arrays)
    connection.execute(compose("ANALYZE {table}", table=table))
    join = compose(
        "JOIN ("
        + computed.read
        + " FROM {table}) AS r ON r.row = s.ctid AND r.version = s.xmin {joins}",
        table=table,
        joins=joins,
    )
    with connection.transaction():
        staged = build(
            connection, context.staging, "static", select_rows(features, Results(columns, join))
        )
        features.check_unchanged(connection)
    if staged.rows != len(rows.row):
        raise features.changed()
    return staged


def _spread(rows: Rows, values: Array) -> Array:
    """Return an array over all rows, NaN or -1 where a row takes no part."""
    missing = np.nan if values.dtype.kind == "f" else -1
    spread = np.full(len(rows.row), missing, values.dtype)
    spread[rows.takes_part] = values
    return spread
