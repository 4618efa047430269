"""The rows of all periods as arrays, read in one go and taken period by period."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from geocrew.analyses.parts.period_lists import list_labels
from geocrew.analyses.parts.periods import Timing
from geocrew.analyses.parts.rows import Rows, rank_number
from geocrew.datasets.arrays import Array, ArrayType, read_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.texts import as_text
from geocrew.db import Connection
from geocrew.kernels.arrays import Ints

_TYPES: dict[str, ArrayType] = {
    "row": "tid",
    "version": "xid",
    "rank": "int8",
    "x": "float8",
    "y": "float8",
    "value": "float8",
    "present": "bool",
    "step": "int8",
    "place": "int8",
}


@dataclass(frozen=True)
class PeriodRows(Rows):
    """Rows (n,) with `step`, the number of their period from 1, and `place`, 0 where none is known."""

    step: Ints
    place: Ints

    def by_period(self, count: int) -> Iterator[tuple[Array, Rows]]:
        """Yield for each of `count` periods where its rows are (m,), and the rows."""
        order = np.argsort(self.step, kind="stable")
        bounds = np.searchsorted(self.step[order], np.arange(1, count + 2))
        for first, stop in pairwise(bounds):
            at = order[first:stop]
            yield at, Rows(**{each.name: getattr(self, each.name)[at] for each in fields(Rows)})


def place_of(features: Features, location: Field | None, alias: str) -> Expression:
    """Return what is equal for rows of one place: the location field, or the shape as it is stored."""
    if location is not None:
        return as_text(location, alias)
    shape = features.layer.shape(alias)
    if features.geometry.type == "Point":
        return compose("ST_AsEWKB({shape})", shape=shape)
    return compose("sha256(ST_AsEWKB({shape}))", shape=shape)


def read_period_rows(
    connection: Connection,
    features: Features,
    field: Field,
    timing: Timing,
    labels: tuple[str, ...],
    location: Field | None,
) -> PeriodRows:
    """Read value, spot, period and place of each row that is kept and in a period."""
    query = compose(
        "SELECT row, version, rank, COALESCE(ST_X(spot), 'NaN'), COALESCE(ST_Y(spot), 'NaN'),"
        " COALESCE(value, 'NaN'), present, step::int8,"
        " CASE WHEN place IS NULL THEN 0 ELSE dense_rank() OVER (ORDER BY place) END"
        " FROM (SELECT s.ctid AS row, s.xmin AS version, {rank} AS rank, {spot} AS spot,"
        " {value} AS value, {present} AS present, during.step, {place} AS place"
        " FROM {rows} JOIN ({listed}) AS during ON during.period = {label} WHERE {kept}) AS kept",
        rank=rank_number(features.layer),
        spot=features.place("s"),
        value=field.number("s"),
        present=field.present("s"),
        place=place_of(features, location, "s"),
        rows=features.rows("s"),
        listed=list_labels(labels),
        label=timing.label("s"),
        kept=features.kept("s"),
    )
    return PeriodRows(**read_arrays(connection, query, _TYPES))
