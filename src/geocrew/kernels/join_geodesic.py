"""The nearest points of one set to each of another on WGS84, by (millimetre, rank).

Chords tell which may be the nearest, geodesics measure those. Points on one spot are one place, for a
search of thousands of them, from each of thousands, would take the square of that.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from geocrew.kernels import ellipsoid
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.geodesic import TIE
from geocrew.kernels.runs import places_in_runs

# Chords order as geodesics do but for one part in 300: with so many more the last is surely beyond.
SPARE = 2
# Two libraries agree to 1e-8 m: what is so near to half a millimetre (here in millimetres) may round
# either way, and what is so near to the reach (in metres) may be within it or not.
HALF, EDGE = 1e-4, 1e-6


class Places(NamedTuple):
    """Different places (m,), each with the ranks of its points in order: `ranks[starts[i]:…]`."""

    tree: KDTree
    lon: Floats
    lat: Floats
    ranks: Ints
    starts: Ints

    @property
    def sizes(self) -> Ints:
        """How many points each place has."""
        return np.diff(self.starts)


class Nearest(NamedTuple):
    """Pairs (p,): row of the source, rank of the target, place from 0, metres; rows (n,) in doubt."""

    rows: Ints
    ranks: Ints
    places: Ints
    metres: Floats
    doubtful: NDArray[np.bool_]


def plant_places(lon: Floats, lat: Floats) -> Places:
    """Prepare points (n,), n > 0, in degrees within their bounds, in the order by which ties go."""
    lon, lat = lon + 0.0, lat + 0.0  # no minus zero
    order = np.lexsort((lat, lon))
    fresh = np.ones(order.size, bool)
    fresh[1:] = (np.diff(lon[order]) != 0) | (np.diff(lat[order]) != 0)
    starts = np.append(np.flatnonzero(fresh), order.size)
    lon, lat = lon[order[fresh]], lat[order[fresh]]
    return Places(KDTree(ellipsoid.to_ecef(lon, lat).T), lon, lat, order, starts)


def find_nearest_places(
    places: Places, lon: Floats, lat: Floats, k: int, reach: float, itself: Ints | None
) -> Nearest:
    """Find the k nearest to each point (n,), none beyond `reach` metres, nor the rank `itself` (n,).

    Of the doubtful the last digits decide, or what lies beyond what was looked at.
    """
    need = k + (itself is not None)
    count = min(need + SPARE, places.lon.size)
    near, chords = _look(places, lon, lat, count, reach)
    row, column = np.nonzero(near < places.lon.size)
    place = near[row, column]
    metres = ellipsoid.geodesic(lon[row], lat[row], places.lon[place], places.lat[place])
    metres = np.rint(metres * 1e8) / 1e8  # as PostGIS does
    doubtful = np.zeros(lon.size, bool)
    doubtful[row[np.abs(metres * 1000 % 1 - 0.5) < HALF]] = True
    doubtful[row[np.abs(metres - reach) < EDGE]] = True
    inside = metres <= reach
    rows, ranks, metres = _first(places, row[inside], place[inside], metres[inside], need, itself)
    order = places_in_runs(rows)
    kept = order < k
    rows, ranks, metres, order = rows[kept], ranks[kept], metres[kept], order[kept]
    farthest = np.full(lon.size, min(reach, ellipsoid.FARTHEST))
    last = order == k - 1
    farthest[rows[last]] = np.minimum(farthest[rows[last]], metres[last])
    if count < places.lon.size:
        doubtful |= chords[:, -1] <= ellipsoid.chord_possibly_within(farthest + TIE)
    sure = ~doubtful[rows]
    return Nearest(rows[sure], ranks[sure], order[sure], metres[sure], doubtful)


def _look(places: Places, lon: Floats, lat: Floats, count: int, reach: float) -> tuple[Ints, Floats]:
    """Return the places (n, count) by chord, m where there are no more, and the chords."""
    farthest = float(ellipsoid.chord_possibly_within(min(reach, ellipsoid.FARTHEST) + TIE))
    chords, near = places.tree.query(
        ellipsoid.to_ecef(lon, lat).T, count, distance_upper_bound=np.nextafter(farthest, np.inf)
    )
    shape = lon.size, count
    return np.asarray(near).reshape(shape), np.asarray(chords).reshape(shape)


def _first(
    places: Places, row: Ints, place: Ints, metres: Floats, need: int, itself: Ints | None
) -> tuple[Ints, Ints, Floats]:
    """Return row, rank and metres of the first points of each place, in the order of the result."""
    several = np.minimum(places.sizes[place], need)
    ends = np.cumsum(several)
    at = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - several, several)
    ranks = places.ranks[np.repeat(places.starts[place], several) + at]
    row, metres = np.repeat(row, several), np.repeat(metres, several)
    if itself is not None:
        other = ranks != itself[row]
        row, ranks, metres = row[other], ranks[other], metres[other]
    order = np.lexsort((ranks, np.rint(metres * 1000), row))
    return row[order], ranks[order], metres[order]
