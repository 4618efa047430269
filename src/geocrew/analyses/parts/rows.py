"""The rows of a source as arrays: ids and numbers travel, shapes stay."""

from dataclasses import dataclass
from functools import cached_property
from typing import LiteralString

import numpy as np

from geocrew.analyses.parts.neighbourhood import Places
from geocrew.datasets.arrays import Array, ArrayType, read_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.datasets.summary import Summary
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats

TYPES: dict[str, ArrayType] = {
    "row": "tid",
    "version": "xid",
    "rank": "int8",
    "x": "float8",
    "y": "float8",
    "value": "float8",
}
# What is there and no number travels as infinity, nothing as NaN: one width for all.
_SELECTED: LiteralString = (
    "SELECT row, version, rank, COALESCE(ST_X(spot), 'NaN'), COALESCE(ST_Y(spot), 'NaN'),"
    " COALESCE(value, CASE WHEN present THEN 'Infinity'::float8 ELSE 'NaN' END){more}"
    " FROM (SELECT s.ctid AS row, s.xmin AS version, {rank} AS rank, {spot} AS spot,"
    " {value} AS value, {present} AS present{inner} FROM {rows} WHERE {kept}) AS kept"
)


@dataclass(frozen=True)
class Rows:
    """Arrays (n,) of all rows: address, version, rank for ties, place, value.

    A value is NaN where there is none, infinite where what is there is no finite number.
    """

    row: Array
    version: Array
    rank: Array
    x: Floats
    y: Floats
    value: Floats

    @cached_property
    def placed(self) -> Array:
        """Rows with a place."""
        return np.isfinite(self.x) & np.isfinite(self.y)

    @cached_property
    def takes_part(self) -> Array:
        """Rows with a value and a place."""
        return np.isfinite(self.value) & self.placed

    def places(self) -> Places:
        """Return where the rows that take part are."""
        chosen = self.takes_part
        return Places(self.x[chosen], self.y[chosen], self.rank[chosen])

    def counts(self) -> dict[str, int]:
        """Count the rows by whether they take part and why not."""
        valued = np.isfinite(self.value)
        return {
            "n": int(self.takes_part.sum()),
            "n_null": int((~valued).sum()),
            "n_not_numeric": int(np.isinf(self.value).sum()),
            "n_empty": int((valued & ~self.placed).sum()),
        }


def read_rows(connection: Connection, features: Features, field: Field) -> Rows:
    """Read one value and one place for each row that is kept."""
    nothing = compose("")
    query = select_arrays(features, field, features.rows("s"), nothing, nothing)
    return Rows(**read_arrays(connection, query, TYPES))


def select_arrays(
    features: Features, field: Field, rows: Expression, inner: Expression, more: Expression
) -> Expression:
    """Return a SELECT of the columns of Rows and `more`, which is over `inner` columns of `rows`."""
    return compose(
        _SELECTED,
        more=more,
        rank=_rank_number(features.layer),
        spot=features.place("s"),
        value=field.number("s"),
        present=field.present("s"),
        inner=inner,
        rows=rows,
        kept=features.kept("s"),
    )


def summary_of(features: Features, rows: Rows) -> Summary | None:
    """Return what the catalog says of an output of these rows; None where they cannot tell.

    Rows know the extent of points, and of those all that are somewhere: a scan of the output less.
    """
    if features.geometry.type != "Point" or rows.x.size == 0 or not rows.placed.all():
        return None
    extent = [float(each) for each in (rows.x.min(), rows.y.min(), rows.x.max(), rows.y.max())]
    return Summary(features.geometry.name, features.geometry.srid, rows.x.size, 0, extent)


def _rank_number(layer: Layer) -> Expression:
    """Return an integer that orders rows as their key does."""
    rank = layer.rank("s") or compose("s.ctid")
    if layer.key is not None and layer.key.type == "integer":
        return compose("{rank}::bigint", rank=rank)
    return compose("row_number() OVER (ORDER BY {rank})", rank=rank)
