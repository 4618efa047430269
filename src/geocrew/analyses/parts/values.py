"""The values of a source's rows, and which of them a statistic can use."""

from dataclasses import dataclass

import numpy as np

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.analyses.parts.rows import summary_of
from geocrew.datasets.arrays import Array, ArrayType, read_parts
from geocrew.datasets.compose import compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.summary import Summary
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats
from geocrew.kernels.pace import OnProgress


@dataclass(frozen=True)
class Values:
    """Arrays (n,) of all rows: value, and whether there is no place.

    A value is NaN where there is none, infinite where what is there is no finite number.
    `summary` is what the catalog says of an output of all rows, None where that is not known.
    """

    value: Floats
    hollow: Array
    summary: Summary | None

    @property
    def sound(self) -> bool:
        """Whether all rows have a place, and those with a value a finite number."""
        return not (self.hollow.any() or np.isinf(self.value).any())

    def usable(self) -> Floats:
        """Return the values of the rows that take part."""
        return self.value[np.isfinite(self.value) & ~self.hollow]

    def counts(self) -> dict[str, int]:
        """Count the rows by whether they take part and why not."""
        valued = np.isfinite(self.value)
        empty = int(np.count_nonzero(valued & self.hollow))
        return {
            "n": int(np.count_nonzero(valued)) - empty,
            "n_null": int(np.count_nonzero(~valued)),
            "n_not_numeric": int(np.count_nonzero(np.isinf(self.value))),
            "n_empty": empty,
        }


def read_values(connection: Connection, features: Features, field: Field, show: OnProgress) -> Values:
    """Read one value for each row that is kept, in the caller's transaction with one snapshot."""
    types: dict[str, ArrayType] = {"value": "float8", "hollow": "bool"}
    place = compose("{hollow} AS hollow", hollow=features.hollow("s"))
    if features.geometry.type == "Point":
        types = {"value": "float8", "x": "float8", "y": "float8"}
        place = compose(
            "COALESCE(ST_X({shape}), 'NaN') AS x, COALESCE(ST_Y({shape}), 'NaN') AS y",
            shape=features.shape("s"),
        )
    queries = (
        compose(
            "SELECT COALESCE({value}, CASE WHEN {present} THEN 'Infinity'::float8 ELSE 'NaN' END)"
            " AS value, {place} FROM {rows} WHERE {kept} AND {within}",
            value=field.number("s"),
            present=field.present("s"),
            place=place,
            rows=features.rows("s"),
            kept=features.kept("s"),
            within=within,
        )
        for within in block_ranges(connection, features.layer, show)
    )
    read = read_parts(connection, queries, types)
    if "hollow" in read:
        return Values(read["value"], read["hollow"], None)
    x, y = read["x"], read["y"]
    return Values(read["value"], ~(np.isfinite(x) & np.isfinite(y)), summary_of(features, x, y))
