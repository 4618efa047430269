"""Points and pairs of them as arrays, and what a result tells of the pairs."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from geocrew.datasets.arrays import Array, ArrayType
from geocrew.datasets.pairing import Side
from geocrew.datasets.summary import Summary
from geocrew.kernels.arrays import Floats, Ints


@dataclass(frozen=True)
class Points:
    """The kept points of a layer in the order by which ties go.

    `names` (n,) are keys or row addresses; x and y (n,) are not finite for rows without a place.
    """

    names: Array
    x: Floats
    y: Floats
    type: ArrayType

    @property
    def somewhere(self) -> Array:
        """Which rows have a place."""
        return np.isfinite(self.x) & np.isfinite(self.y)

    def chosen(self, rows: Array | slice) -> "Points":
        """Return some of them."""
        return Points(self.names[rows], self.x[rows], self.y[rows], self.type)


class PairRows(NamedTuple):
    """Pairs (m,): a row of the sources, a rank of the targets, its place from 0, the distance."""

    rows: Ints
    targets: Ints
    places: Ints
    distances: Floats


@dataclass(frozen=True)
class Tally:
    """The number of sources with a target, of pairs and of those at distance 0, their distances.

    `extent` is that of the sources with a target: xmin, ymin, xmax, ymax, None where there is none.
    """

    matched: int
    pairs: int
    touching: int
    least: float | None
    mean: float | None
    most: float | None
    extent: list[float] | None = None


def take_tally(pairs: PairRows, source: Points) -> Tally:
    """Count pairs of `source`; the mean is PostgreSQL's, which adds the distances in their order."""
    if not len(pairs.rows):
        return Tally(0, 0, 0, None, None, None)
    distances = np.sort(pairs.distances)
    found = source.chosen(pairs.rows[pairs.places == 0])
    return Tally(
        matched=len(found.names),
        pairs=distances.size,
        touching=int(np.searchsorted(distances, 0.0, side="right")),
        least=float(distances[0]),
        mean=float(np.cumsum(distances)[-1]) / distances.size,
        most=float(distances[-1]),
        extent=[float(each) for each in (found.x.min(), found.y.min(), found.x.max(), found.y.max())],
    )


def summary_of(source: Side, tally: Tally | None) -> Summary | None:
    """Return what the catalog says of a table of these pairs, None where its rows have to tell."""
    if tally is None or tally.extent is None:
        return None
    geometry = source.features.geometry
    return Summary(geometry.name, geometry.srid, tally.pairs, 0, tally.extent)
