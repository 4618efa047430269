"""The values of a source's rows, and which of them a statistic can use."""

from dataclasses import dataclass

import numpy as np

from geocrew.datasets.arrays import Array, read_arrays
from geocrew.datasets.compose import compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats


@dataclass(frozen=True)
class Values:
    """Arrays (n,) of all rows: value, and whether there is no place.

    A value is NaN where there is none, infinite where what is there is no finite number.
    """

    value: Floats
    hollow: Array

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


def read_values(connection: Connection, features: Features, field: Field) -> Values:
    """Read one value for each row that is kept."""
    query = compose(
        "SELECT COALESCE({value}, CASE WHEN {present} THEN 'Infinity'::float8 ELSE 'NaN' END), {hollow}"
        " FROM {rows} WHERE {kept}",
        value=field.number("s"),
        present=field.present("s"),
        hollow=features.hollow("s"),
        rows=features.rows("s"),
        kept=features.kept("s"),
    )
    return Values(**read_arrays(connection, query, {"value": "float8", "hollow": "bool"}))
