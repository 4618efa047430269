"""The rows of a source as arrays: ids and numbers travel, shapes stay."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geocrew.analyses.parts.neighbourhood import Places
from geocrew.datasets.arrays import Array, ArrayType, read_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats

_TYPES: dict[str, ArrayType] = {
    "row": "tid",
    "version": "xid",
    "rank": "int8",
    "x": "float8",
    "y": "float8",
    "value": "float8",
    "present": "bool",
}


@dataclass(frozen=True)
class Rows:
    """Arrays (n,) of all rows: address, version, rank for ties, place, value, whether it holds any."""

    row: Array
    version: Array
    rank: Array
    x: Floats
    y: Floats
    value: Floats
    present: Array

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
            "n_not_numeric": int((~valued & self.present).sum()),
            "n_empty": int((valued & ~self.placed).sum()),
        }


def read_rows(connection: Connection, features: Features, field: Field) -> Rows:
    """Read one value and one place for each row that is kept."""
    query = compose(
        "SELECT row, version, rank, COALESCE(ST_X(place), 'NaN'), COALESCE(ST_Y(place), 'NaN'),"
        " COALESCE(value, 'NaN'), present FROM (SELECT s.ctid AS row, s.xmin AS version, {rank} AS rank,"
        " {place} AS place, {value} AS value, {present} AS present FROM {rows} WHERE {kept}) AS kept",
        rank=rank_number(features.layer),
        place=features.place("s"),
        value=field.number("s"),
        present=field.present("s"),
        rows=features.rows("s"),
        kept=features.kept("s"),
    )
    return Rows(**read_arrays(connection, query, _TYPES))


def rank_number(layer: Layer) -> Expression:
    """Return an integer that orders rows as their key does."""
    rank = layer.rank("s") or compose("s.ctid")
    if layer.key is not None and layer.key.type == "integer":
        return compose("{rank}::bigint", rank=rank)
    return compose("row_number() OVER (ORDER BY {rank})", rank=rank)
