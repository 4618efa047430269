"""Neighbour sums on the WGS84 ellipsoid: chords decide nearly all, the geodesic the doubtful rest."""

import math

import numpy as np
from numpy.typing import NDArray

from geocrew.kernels import ellipsoid
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.doubtful import settle
from geocrew.kernels.knn import check_k
from geocrew.kernels.lag import Lag, from_fixed, to_fixed
from geocrew.kernels.nearest import sum_nearest
from geocrew.kernels.pace import OnProgress, report_part
from geocrew.kernels.tree import plant
from geocrew.kernels.within import Limits, sum_within

TIE = 0.002  # metres; two that round to one millimetre are less apart than this


def geodesic_band_lag(
    lon: Floats, lat: Floats, values: Floats, metres: float, on_progress: OnProgress | None = None
) -> Lag:
    """Sum values over the neighbours within `metres` on the ellipsoid, inclusive.

    lon, lat in degrees, any turn (190 is -170); lon, lat, values float8 (n,), finite. Time and
    memory as `band_lag`, plus about 1 microsecond for each pair that the chord leaves in doubt: a
    share of 1e-7 of the neighbours at 50 km, 1e-3 at 5,000 km.
    """
    if not (math.isfinite(metres) and metres >= 0):
        raise ValueError(f"metres is {metres}; it must be finite and not negative")
    surely = ellipsoid.chord_surely_within(metres)
    possibly = float(ellipsoid.chord_possibly_within(metres))
    limits = Limits(math.copysign(surely * surely, surely), max(possibly, surely) ** 2)

    def decide(rows: Ints, others: Ints) -> NDArray[np.bool_]:
        return ellipsoid.geodesic(lon[rows], lat[rows], lon[others], lat[others]) <= metres

    return sum_within(plant(ellipsoid.to_ecef(lon, lat)), values, limits, decide, on_progress)


def geodesic_knn_lag(
    lon: Floats,
    lat: Floats,
    rank: Ints,
    values: Floats,
    k: int,
    on_progress: OnProgress | None = None,
) -> Lag:
    """Sum values over exactly k nearest others on the ellipsoid, by (distance, rank).

    Distances are rounded to the millimetre, so that what is equal on the ground goes by rank
    whatever the last bits of a library. Arguments as in `knn_lag` and `geodesic_band_lag`. Rows
    whose k-th and next neighbour are equally far, as on a regular grid, cost some 20 microseconds.
    """
    check_k(k, values.size)
    order = np.argsort(rank, kind="stable")  # linear where rows come in rank order
    lonlat = np.stack((lon[order], lat[order]))
    fixed = to_fixed(values)
    ranked = fixed.values[order]
    tree = plant(ellipsoid.to_ecef(lonlat[0], lonlat[1]))
    slots = min(k + 1, values.size - 1)
    sums, squares = sum_nearest(tree, ranked, k, slots, report_part(on_progress, 0.0, 0.5))
    reach = np.sqrt(squares)
    farthest = ellipsoid.longest_geodesic(reach[:, 0]) + TIE
    chords = ellipsoid.chord_possibly_within(farthest)
    places = np.flatnonzero((reach[:, 1] <= chords) & (slots > k))
    chosen = settle(tree, chords[places], k, report_part(on_progress, 0.5, 1.0), places, lonlat)
    sums[places] = ranked[tree.rows[places]] + ranked[chosen].sum(axis=1)
    in_rows = np.empty_like(sums)
    in_rows[order[tree.rows]] = sums
    return Lag(from_fixed(in_rows, fixed.scale), np.full(values.size, k, np.int32))
