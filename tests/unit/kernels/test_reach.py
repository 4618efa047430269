"""The reach that places suggest."""

import libpysal
import numpy as np
import pyproj
import pytest
from numpy.testing import assert_allclose

from geocrew.kernels.band import band_lag
from geocrew.kernels.reach import geodesic_reach, planar_reach


def test_everyone_has_a_neighbour_as_libpysal_measures() -> None:
    places = np.random.default_rng(1).random((400, 2))
    apart = libpysal.weights.min_threshold_distance(places)
    x, y = places.T
    limit = _mean_and_three_deviations(places)
    assert apart <= limit  # nobody is out of line here
    assert planar_reach(x, y) == pytest.approx(apart, rel=2e-9)
    assert (band_lag(x, y, np.ones(400), planar_reach(x, y)).counts > 0).all()


def _mean_and_three_deviations(places: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    return float(nearest.mean() + 3 * nearest.std())


def test_a_hermit_is_left_out() -> None:
    x = np.concatenate((np.arange(100.0) * 0.1, [500.0]))
    y = np.zeros(101)
    reach = planar_reach(x, y)
    assert reach == pytest.approx(0.1, rel=1e-8)
    counts = band_lag(x, y, np.ones(101), reach).counts
    assert counts.tolist() == [1, *[2] * 98, 1, 0]


def test_coincident_places_do_not_count() -> None:
    x, y = np.array([0.0, 0.0, -0.0, 2.0, 4.0]), np.array([0.0, 0.0, 0.0, 0.0, 0.0])
    assert planar_reach(x, y) == pytest.approx(2.0, rel=1e-8)
    for measure in (planar_reach, geodesic_reach):
        with pytest.raises(ValueError, match="no two different places"):
            measure(x[:3], y[:3])


def test_places_too_far_apart_to_measure() -> None:
    """The square of 1e160 is no float, and a tree of such places finds no nearest."""
    with pytest.raises(ValueError, match="too far apart"):
        planar_reach(np.array([0.0, 1e160, 2e160]), np.zeros(3))
    with pytest.raises(ValueError, match="too far apart"):
        planar_reach(np.array([-1.7e308, 0.0, 1.7e308]), np.zeros(3))


def test_metres_on_the_ellipsoid() -> None:
    """Two degrees apart across the antimeridian, and half a degree north of one."""
    lon, lat = np.array([179.0, -179.0, 179.0]), np.array([10.0, 10.0, 10.5])
    apart = pyproj.Geod(ellps="WGS84").inv(179.0, 10.0, -179.0, 10.0)[2]
    reach = geodesic_reach(lon, lat)
    assert 0.0005 - 1e-7 <= reach - apart <= 0.0015 + 1e-7
    assert_allclose(reach * 1000, round(reach * 1000), atol=1e-6)


def test_order_changes_no_bit() -> None:
    random = np.random.default_rng(2)
    x, y = random.uniform(-80, 80, (2, 500))
    shuffle = random.permutation(500)
    for measure in (planar_reach, geodesic_reach):
        assert measure(x, y) == measure(x[shuffle], y[shuffle])
