"""A table of results that were computed here, joined to the rows that they were computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from geocrew.analyses.parts.rows import Rows
from geocrew.analysis import Context, rest
from geocrew.datasets.arrays import Array, ArrayType, write_arrays
from geocrew.datasets.build import Staged, build
from geocrew.datasets.compose import Expression, compose, identify, join
from geocrew.datasets.features import Features
from geocrew.datasets.output import Results, select_rows
from geocrew.datasets.ticks import SILENT, ticks_over

# The share of a job's work that is done when its scores are.
WRITING = 0.6

_TYPES: dict[str, ArrayType] = {"<f8": "float8", "<i8": "int8", "<i4": "int4", "<i2": "int2"}


@dataclass(frozen=True)
class _Found(Features):
    """Features whose rows `s` are looked up by the addresses of the results `r`, one after another.

    A million in 1.8 s and in the order they were read, where a hash join took 2.2 to 2.8 s and left
    what did not fit in memory in no order. `told` is a condition on the looked up row p.
    """

    results: Expression = field(default_factory=lambda: compose(""))
    told: Expression = field(default_factory=lambda: compose("true"))

    def rows(self, alias: str) -> Expression:
        """Return a FROM item of the rows under `alias`, each with its results."""
        item = compose(
            "{results} AS r CROSS JOIN LATERAL (SELECT p.ctid, p.xmin, p.* FROM {relation} AS p"
            " WHERE p.ctid = r.row AND p.xmin = r.version AND {told} OFFSET 0) AS {alias}",
            results=self.results,
            relation=self.layer.relation,
            told=self.told,
            alias=identify(alias),
        )
        if self.mends is None:
            return item
        return compose(
            "{item} LEFT JOIN {mends} AS {mended}"
            " ON {mended}.row = {alias}.ctid AND {mended}.version = {alias}.xmin",
            item=item,
            mends=self.mends,
            mended=identify(f"{alias}_mended"),
            alias=identify(alias),
        )


def build_static(
    context: Context,
    features: Features,
    rows: Rows,
    results: Mapping[str, Array],
    columns: Sequence[tuple[str, Expression]],
    joins: Expression,
) -> Staged:
    """Send results (n,) of all rows to the server and join them: ids and numbers travel, no shapes.

    `columns` and `joins` are over the rows s and the results r, by name, NULL where they are `missing`.
    Raises SourceChanged where s is not what was read.
    """
    connection, table = context.connection, context.staging.relation("scores")
    context.progress(WRITING, "sending the results")
    types = {name: _TYPES[values.dtype.str] for name, values in results.items()}
    declared = [compose("{name} " + kind, name=identify(name)) for name, kind in types.items()]
    connection.execute(
        compose(
            "CREATE UNLOGGED TABLE {table} (row tid, version xid, {declared})",
            table=table,
            declared=join(", ", declared),
        )
    )
    addresses: dict[str, tuple[ArrayType, Array]] = {
        "row": ("tid", rows.row),
        "version": ("xid", rows.version),
    }
    numbers = {name: (types[name], values) for name, values in results.items()}
    write_arrays(connection, table, addresses | numbers)
    read = [
        compose(
            "NULLIF({name}, {missing}) AS {name}", name=identify(name), missing=missing(values.dtype)
        )
        for name, values in results.items()
    ]
    ticks = ticks_over(connection, features.layer, len(rows.row))
    number = features.layer.number("p")
    found = _Found(
        **vars(features),
        results=compose(
            "(SELECT row, version, {read} FROM {table})", read=join(", ", read), table=table
        ),
        told=compose("true") if number is None else ticks.each(number),
    )
    with connection.transaction():
        told = ticks if number is None else SILENT
        select, show = select_rows(found, Results(columns, joins), told), rest(context, WRITING)
        staged = build(connection, context.staging, "static", select, ticks, show=show)
        features.check_unchanged(connection)
    if staged.rows != len(rows.row):
        raise features.layer.changed()
    return staged


def spread(rows: Rows, values: Array) -> Array:
    """Give all rows (n,) the results of those that take part (m,), `missing` to the others."""
    everywhere = np.full(len(rows.row), missing(values.dtype), values.dtype)
    everywhere[rows.takes_part] = values
    return everywhere


def missing(dtype: np.dtype[Any]) -> float:
    """Return what stands for nothing: NaN, or the lowest integer."""
    return float("nan") if dtype.kind == "f" else int(np.iinfo(dtype).min)
