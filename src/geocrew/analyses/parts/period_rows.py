"""The rows of all periods as arrays, read in one go and taken period by period."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import LiteralString

import numpy as np

from geocrew.analyses.parts.period_lists import list_labels
from geocrew.analyses.parts.periods import Timing
from geocrew.analyses.parts.rows import TYPES, Rows, read_columns, select_arrays
from geocrew.datasets.arrays import Array, ArrayType
from geocrew.datasets.compose import Expression, compose, identify
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.texts import as_number, as_text
from geocrew.db import Connection
from geocrew.kernels.arrays import Ints, SmallInts
from geocrew.kernels.pace import OnProgress

_TYPES: dict[str, ArrayType] = TYPES | {
    "step": "int4",
    "place": "int8",
    "twin": "int8",
    "somewhere": "bool",
}
# A place that is no integer travels as two hashes of 64 bits, independent of each other.
_MORE: LiteralString = (
    ", COALESCE(step, 0) AS step, COALESCE({place}, 0)::int8 AS place,"
    " COALESCE({twin}, 0)::int8 AS twin, place IS NOT NULL AS somewhere"
)


@dataclass(frozen=True)
class PeriodRows(Rows):
    """Rows (n,) with `step`, the number of their period from 1, and `place`; 0 where they have none."""

    step: SmallInts
    place: Ints

    def inside(self) -> "PeriodRows":
        """Return the rows that are in a period."""
        if self.step.all():
            return self
        return PeriodRows(
            **{each.name: getattr(self, each.name)[self.step > 0] for each in fields(self)}
        )

    def by_period(self, count: int) -> Iterator[tuple[Array, Rows]]:
        """Yield for each of `count` periods where its rows are (m,), and the rows."""
        order = np.argsort(self.step, kind="stable")
        bounds = np.searchsorted(self.step[order], np.arange(1, count + 2))
        for first, stop in pairwise(bounds):
            at = order[first:stop]
            yield at, Rows(**{each.name: getattr(self, each.name)[at] for each in fields(Rows)})


def place_of(features: Features, location: Field | None, alias: str) -> Expression:
    """Return what is equal for rows of one place: the location field, or the stored shape less M."""
    if location is not None:
        return as_number(location, alias) if location.numeric else as_text(location, alias)
    shape: Expression = features.layer.shape(alias)
    if features.geometry.drops_m:  # it may well be the time
        flat = "ST_Force3DZ({shape})" if features.geometry.has_z else "ST_Force2D({shape})"
        shape = compose(flat, shape=shape)
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
    show: OnProgress,
    *,
    located: bool,
) -> PeriodRows:
    """Read value, spot, period and place of each row that is kept; `located` is that of `read_rows`."""
    rows, number = features.rows("s"), timing.number
    if number is None:
        rows = compose(
            "{rows} LEFT JOIN ({listed}) AS during ON during.period = {label}",
            rows=rows,
            listed=list_labels(labels),
            label=timing.label("s"),
        )
    step = compose("during.step") if number is None else number("s")
    inner, more = _place_numbers(features, location)
    inner = compose(", {step} AS step, {inner} AS place", step=step, inner=inner)
    arrays = read_columns(
        connection,
        features,
        lambda within: select_arrays(features, field, rows, inner, more, within, located=located),
        _TYPES,
        show,
    )
    place = number_places(arrays.pop("place"), arrays.pop("twin"), arrays.pop("somewhere"))
    return PeriodRows(place=place, **arrays)


def _place_numbers(features: Features, location: Field | None) -> tuple[Expression, Expression]:
    """Return what is read of a place, and of that, as `place`, what makes its two numbers."""
    if location is not None and location.type == "integer" and location.properties_column is None:
        return identify("s", location.name), compose(_MORE, place=compose("place"), twin=compose("0"))
    text = compose("place" if location is not None else "encode(place, 'hex')")
    place, twin = (compose("hashtextextended({text}, {seed})", text=text, seed=seed) for seed in (0, 1))
    return place_of(features, location, "s"), compose(_MORE, place=place, twin=twin)


def number_places(place: Ints, twin: Ints, somewhere: Array) -> Ints:
    """Give equal pairs of (place, twin) (n,) one number, from 1; 0 to a row that is not `somewhere`."""
    order = np.lexsort((twin, place))
    place, twin = place[order], twin[order]
    fresh = np.ones(place.size, np.bool_)
    fresh[1:] = (place[1:] != place[:-1]) | (twin[1:] != twin[:-1])
    numbers = np.empty(place.size, np.int64)
    numbers[order] = np.cumsum(fresh)
    return np.where(somewhere, numbers, 0)
