"""Count the rows of a source by whether a statistic can use them."""

from dataclasses import dataclass

from geocrew.datasets.compose import compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.db import Connection


@dataclass(frozen=True)
class Census:
    """How many rows there are and why some take no part.

    `not_numeric` rows hold something that is no number; they are among the `null` ones, whose value is
    NULL, NaN or infinite. `empty` rows have a value but no place.
    """

    rows: int
    null: int
    not_numeric: int
    empty: int

    @property
    def usable(self) -> int:
        """Rows that take part."""
        return self.rows - self.null - self.empty

    def counts(self) -> dict[str, int]:
        """Return the counts as results name them."""
        return {
            "n": self.usable,
            "n_null": self.null,
            "n_not_numeric": self.not_numeric,
            "n_empty": self.empty,
        }


def take_census(connection: Connection, features: Features, field: Field) -> Census:
    """Count the rows of `features` by their value of `field` and their shape."""
    query = compose(
        "SELECT count(*), count(*) FILTER (WHERE value IS NULL),"
        " count(*) FILTER (WHERE value IS NULL AND present),"
        " count(*) FILTER (WHERE value IS NOT NULL AND hollow)"
        " FROM (SELECT {value} AS value, {present} AS present, {hollow} AS hollow"
        " FROM {rows} WHERE {kept}) AS counted",
        value=field.number("s"),
        present=field.present("s"),
        hollow=features.hollow("s"),
        rows=features.rows("s"),
        kept=features.kept("s"),
    )
    row = connection.execute(query).fetchone()
    rows, null, not_numeric, empty = row if row is not None else (0, 0, 0, 0)
    return Census(rows, null, not_numeric, empty)
