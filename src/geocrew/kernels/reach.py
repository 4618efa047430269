"""A reach for a neighbourhood that the places themselves suggest.

The largest distance from any place to its nearest other one, so that everyone has a neighbour, but for
locational outliers: places whose nearest other is farther than the mean of these distances and three of
their standard deviations, as ArcGIS's Optimized Hot Spot Analysis leaves them out. One hermit island
would else give everybody else thousands of neighbours.
"""

import math

import numpy as np
from scipy.spatial import KDTree

from geocrew.kernels import ellipsoid
from geocrew.kernels.arrays import Floats

DEVIATIONS = 3.0
SLACK = 1.0 + 1e-9  # equal spacings differ in their last bits
FARTHEST = 1e153  # squares of distances, and their sum in two dimensions, are floats


def planar_reach(x: Floats, y: Floats) -> float:
    """Find the reach of places x, y (n,), a hair (1e-9) above the distance that it stands for.

    ValueError where there are no two different places, or they are farther apart than 1e153.
    """
    places = _distinct(x, y)
    if (places.max(axis=0) / 2 - places.min(axis=0) / 2).max() > FARTHEST / 2:
        raise ValueError("the places are too far apart to measure")
    nearest = _nearest(places)
    dx, dy = places[:, 0] - places[nearest, 0], places[:, 1] - places[nearest, 1]
    return _usual(np.sqrt(dx * dx + dy * dy)) * SLACK


def geodesic_reach(lon: Floats, lat: Floats) -> float:
    """Find the reach in metres on WGS84, rounded up to half a millimetre or more beyond.

    Two libraries agree on a distance to 1e-8 m only, so the reach keeps clear of the distance itself.
    """
    places = _distinct(lon, lat)
    lon, lat = places.T
    nearest = _nearest(ellipsoid.to_ecef(lon, lat).T)
    apart = ellipsoid.geodesic(lon, lat, lon[nearest], lat[nearest])
    return math.ceil(_usual(apart) * 1000.0 + 0.5) / 1000.0


def _distinct(x: Floats, y: Floats) -> Floats:
    """Return the different places (m, 2), in an order of their own."""
    places = np.unique(np.column_stack((x, y)) + 0.0, axis=0)
    if len(places) < 2:
        raise ValueError("there are no two different places")
    return places


def _nearest(points: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return where the nearest other of each of the points (m, 2 or 3) is."""
    found = np.asarray(KDTree(points).query(points, 2)[1])
    itself = found[:, 0] == np.arange(len(points))
    return np.where(itself, found[:, 1], found[:, 0])


def _usual(apart: Floats) -> float:
    """Return the largest of the distances (m,) that are not out of line."""
    apart = np.sort(apart)
    limit = float(apart.mean()) + DEVIATIONS * float(apart.std())
    return float(apart[apart <= limit * SLACK].max())
