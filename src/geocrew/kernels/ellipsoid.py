"""Distances on the WGS84 ellipsoid, and what a straight chord through it says about them.

On the ellipsoid all curvatures lie between 1/WIDE and 1/TIGHT. By Blaschke's theorem the surface
lies inside a sphere of radius WIDE and outside one of radius TIGHT that touch it at any point; for
a geodesic of length s and chord c, f = c**2 / 2 then obeys 1 - f/TIGHT**2 <= f'' <= 1 - f/WIDE**2,
whose solutions are circles, so 2 TIGHT sin(s / 2 TIGHT) <= c <= 2 WIDE sin(s / 2 WIDE).
"""

import math
from typing import cast

import numpy as np
import pyproj

from geocrew.kernels.arrays import Floats

WGS84 = pyproj.Geod(ellps="WGS84")
TIGHT = WGS84.b**2 / WGS84.a
WIDE = WGS84.a**2 / WGS84.b
FARTHEST = 20_003_932.0  # half a meridian, the longest shortest way: 20003931.4586 m
ROUNDING = 1e-6  # metres; chords of ECEF coordinates are good to about 3e-9


def to_ecef(lon: Floats, lat: Floats) -> Floats:
    """Earth-centred coordinates (3, n) in metres of degrees (n,) on the surface."""
    east, north = np.radians(lon), np.radians(lat)
    curvature = WGS84.a / np.sqrt(1.0 - WGS84.es * np.sin(north) ** 2)
    return np.stack(
        (
            curvature * np.cos(north) * np.cos(east),
            curvature * np.cos(north) * np.sin(east),
            curvature * (1.0 - WGS84.es) * np.sin(north),
        )
    )


def geodesic(lon: Floats, lat: Floats, other_lon: Floats, other_lat: Floats) -> Floats:
    """Shortest way over the ellipsoid in metres between degrees, pair by pair, (m,)."""
    return cast("Floats", WGS84.inv(lon, lat, other_lon, other_lat)[2])


def chord_surely_within(metres: float) -> float:
    """Find the chord up to which the geodesic is at most `metres`; may be negative: no chord."""
    if metres >= FARTHEST:
        return math.inf
    return 2.0 * TIGHT * math.sin(min(metres / (2.0 * TIGHT), math.pi / 2.0)) - ROUNDING


def chord_possibly_within(metres: Floats | float) -> Floats:
    """Find the chord beyond which the geodesic is longer than `metres`."""
    half_angle = np.minimum(np.asarray(metres) / (2.0 * WIDE), math.pi / 2.0)
    return 2.0 * WIDE * np.sin(half_angle) + ROUNDING


def longest_geodesic(chord: Floats) -> Floats:
    """Bound from above, in metres, the geodesics with these chords (n,)."""
    share = (chord + ROUNDING) / (2.0 * TIGHT)
    return np.where(share < 1.0, 2.0 * TIGHT * np.arcsin(np.minimum(share, 1.0)), FARTHEST)
