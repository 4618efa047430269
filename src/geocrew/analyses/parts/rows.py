"""The rows of a source as arrays: ids and numbers travel, shapes stay."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import LiteralString

import numpy as np

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.analyses.parts.neighbourhood import Places
from geocrew.datasets.arrays import Array, ArrayType, read_arrays, read_parts
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.datasets.steady import steady
from geocrew.datasets.summary import Summary
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats
from geocrew.kernels.pace import OnProgress

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
    "SELECT row, version, rank, COALESCE(ST_X(spot), 'NaN') AS x, COALESCE(ST_Y(spot), 'NaN') AS y,"
    " COALESCE(value, CASE WHEN present THEN 'Infinity'::float8 ELSE 'NaN' END) AS value{more}"
    " FROM (SELECT s.ctid AS row, s.xmin AS version, {rank} AS rank, {spot} AS spot,"
    " {value} AS value, {present} AS present{inner} FROM {rows}"
    " WHERE {kept} AND {within}{apart}) AS kept"
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


def read_rows(
    connection: Connection, features: Features, field: Field, show: OnProgress, *, located: bool = True
) -> Rows:
    """Read one value and one place for each row that is kept, in a transaction of its own.

    Not `located`, all shapes are at 0, 0: enough for contiguity, where centroids would be a seventh of
    the job.
    """

    def select(within: Expression) -> Expression:
        nothing = compose("")
        rows = features.rows("s")
        return select_arrays(features, field, rows, nothing, nothing, within, located=located)

    return Rows(**read_columns(connection, features, select, TYPES, show))


def select_arrays(
    features: Features,
    field: Field,
    rows: Expression,
    inner: Expression,
    more: Expression,
    within: Expression,
    *,
    located: bool = True,
) -> Expression:
    """Return a SELECT of the columns of Rows and `more`, which is over `inner` columns of `rows`."""
    spot = features.place("s")
    if not located:
        spot = compose("CASE WHEN NOT {hollow} THEN ST_Point(0, 0) END", hollow=features.hollow("s"))
    return compose(
        _SELECTED,
        more=more,
        rank=_rank_number(features.layer),
        spot=spot,
        value=field.number("s"),
        present=field.present("s"),
        inner=inner,
        rows=rows,
        kept=features.kept("s"),
        within=within,
        # A centroid is computed once, not for each of its coordinates.
        apart=compose("" if features.geometry.type == "Point" else " OFFSET 0"),
    )


def read_columns(
    connection: Connection,
    features: Features,
    select: Callable[[Expression], Expression],
    types: Mapping[str, ArrayType],
    show: OnProgress,
) -> dict[str, Array]:
    """Read the columns that `select` has for the rows s within a condition.

    In a transaction of its own. Where ranks number all rows together, these cannot be read in parts.
    Raises SourceChanged for a table that is not the one that was opened: it may look empty.
    """
    with steady(connection):
        features.check_unchanged(connection)
        if not _ranked_as_is(features.layer):
            return read_arrays(connection, select(compose("true")), types)
        parts = (select(within) for within in block_ranges(connection, features.layer, show))
        return read_parts(connection, parts, types)


def summary_of(features: Features, x: Floats, y: Floats) -> Summary | None:
    """Return what the catalog says of an output of rows at x, y (n,); None where they cannot tell.

    They know the extent of points, and of those all that are somewhere: a scan of the output less.
    """
    if features.geometry.type != "Point" or x.size == 0:
        return None
    extent = [float(each) for each in (x.min(), y.min(), x.max(), y.max())]
    if not np.isfinite(extent).all():
        return None
    return Summary(features.geometry.name, features.geometry.srid, x.size, 0, extent)


def _ranked_as_is(layer: Layer) -> bool:
    return layer.key is not None and layer.key.type == "integer"


def _rank_number(layer: Layer) -> Expression:
    """Return an integer that orders rows as their key does."""
    rank = layer.rank("s") or compose("s.ctid")
    if _ranked_as_is(layer):
        # NULL in a view whose key has become none: the key of the output will tell of it.
        return compose("COALESCE({rank}::bigint, 0)", rank=rank)
    return compose("row_number() OVER (ORDER BY {rank})", rank=rank)
