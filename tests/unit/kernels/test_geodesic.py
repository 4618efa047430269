"""Neighbour sums on the ellipsoid against Geod.inv of all pairs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal
from pyproj import Geod

from geocrew.kernels import ellipsoid
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.geodesic import geodesic_band_lag, geodesic_knn_lag
from geocrew.kernels.lag import Lag

LONGITUDES = st.one_of(
    st.sampled_from([-190.0, -180.0, -170.0, 0.0, 90.0, 170.0, 180.0, 190.0]),
    st.floats(179.9, 180.1),
    st.floats(-180, 180),
)
LATITUDES = st.one_of(
    st.sampled_from([-90.0, -45.0, 0.0, 45.0, 90.0]), st.floats(89.99, 90), st.floats(-90, 90)
)
POINTS = st.integers(2, 30).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.float64, n, elements=LONGITUDES),
        arrays.arrays(np.float64, n, elements=LATITUDES),
    ).map(np.stack)
)


def distances(points: Floats) -> Floats:
    """All pairs, (n, n), in metres."""
    n = points.shape[1]
    one, other = (index.ravel() for index in np.indices((n, n)))
    lon, lat = points
    metres = Geod(ellps="WGS84").inv(lon[one], lat[one], lon[other], lat[other])[2]
    return np.asarray(metres, np.float64).reshape(n, n)


def whole_numbers(count: int) -> Floats:
    return np.random.default_rng(0).integers(-50, 50, count).astype(float)


def band_oracle(points: Floats, values: Floats, metres: float) -> Lag:
    near = distances(points) <= metres
    return Lag(near @ values, (near.sum(axis=1) - 1).astype(np.int32))


def knn_oracle(points: Floats, rank: Ints, values: Floats, k: int) -> Floats:
    millimetres = np.rint(distances(points) * 1000)
    np.fill_diagonal(millimetres, -1)
    nearest = np.array([np.lexsort((rank, row)) for row in millimetres])[:, : k + 1]
    return np.asarray(values[nearest].sum(axis=1), np.float64)


def around(lon: float, lat: float, spread: float, count: int = 400) -> Floats:
    rng = np.random.default_rng(1)
    points = np.array([[lon], [lat]]) + rng.normal(0, spread, (2, count))
    points[1] = np.clip(points[1], -90, 90)
    return points


PLACES = [
    around(11.0, 48.0, 0.5),
    around(180.0, -17.0, 0.5),
    around(25.0, 80.0, 1.0),
    around(0.0, 90.0, 2.0),
    around(0.0, 0.0, 70.0),
    np.array(np.meshgrid(np.arange(-180.0, 200, 20), np.arange(-90.0, 91, 10))).reshape(2, -1),
    np.array(np.meshgrid(np.arange(20) / 50, 60 + np.arange(20) / 100)).reshape(2, -1),
]


@settings(deadline=None, max_examples=150)
@given(points=POINTS, data=st.data())
def test_band_of_any_points(points: Floats, data: st.DataObject) -> None:
    values = whole_numbers(points.shape[1])
    exact = data.draw(st.sampled_from(np.unique(distances(points)).tolist()))
    metres = data.draw(st.sampled_from([exact, math.nextafter(exact, 0.0), 19_950_000.0, 5e6]))
    lag, expected = (
        geodesic_band_lag(points[0], points[1], values, metres),
        band_oracle(points, values, metres),
    )
    assert_array_equal(lag.counts, expected.counts)
    assert_array_equal(lag.sums, expected.sums)


@settings(deadline=None, max_examples=150)
@given(points=POINTS, data=st.data())
def test_knn_of_any_points(points: Floats, data: st.DataObject) -> None:
    count = points.shape[1]
    rank = np.array(data.draw(st.permutations(range(count))))
    k, values = data.draw(st.integers(1, count - 1)), whole_numbers(count)
    expected = knn_oracle(points, rank, values, k)
    assert_array_equal(geodesic_knn_lag(points[0], points[1], rank, values, k).sums, expected)


@pytest.mark.parametrize("points", PLACES, ids=range(len(PLACES)))
@pytest.mark.parametrize("metres", [0.0, 20e3, 400e3, 3e6, 12e6, 2.1e7])
def test_band_of_places(points: Floats, metres: float) -> None:
    values = whole_numbers(points.shape[1])
    lag, expected = (
        geodesic_band_lag(points[0], points[1], values, metres),
        band_oracle(points, values, metres),
    )
    assert_array_equal(lag.counts, expected.counts)
    assert_array_equal(lag.sums, expected.sums)


@pytest.mark.parametrize("points", PLACES, ids=range(len(PLACES)))
@pytest.mark.parametrize("k", [1, 4, 8, 50])
def test_knn_of_places(points: Floats, k: int) -> None:
    values = whole_numbers(points.shape[1])
    rank = np.random.default_rng(2).permutation(points.shape[1])
    expected = knn_oracle(points, rank, values, k)
    assert_array_equal(geodesic_knn_lag(points[0], points[1], rank, values, k).sums, expected)


def test_turns_of_longitude_are_one_place() -> None:
    lon, lat = np.array([190.0, -170.0, -170.0, 10.0]), np.array([5.0, 5.0, 5.001, 5.0])
    assert_array_equal(geodesic_band_lag(lon, lat, np.ones(4), 1.0).counts, [1, 1, 0, 0])


def test_coincident_points_stay_cheap() -> None:
    x, values = np.full(20_000, 12.0), np.arange(20_000.0)
    lag = geodesic_knn_lag(x, x, np.arange(20_000), values, 2)
    assert lag.sums[0] == 0 + 1 + 2
    assert lag.sums[-1] == 19_999 + 0 + 1


def test_row_order_changes_no_bit() -> None:
    points, shuffled = around(25.0, 80.0, 1.0, 1000), np.random.default_rng(3).permutation(1000)
    values, rank = np.random.default_rng(4).lognormal(0, 3, 1000), np.arange(1000)
    moved = np.ascontiguousarray(points[:, shuffled])
    band = geodesic_band_lag(points[0], points[1], values, 9000.0)
    moved_band = geodesic_band_lag(moved[0], moved[1], values[shuffled], 9000.0)
    assert_array_equal(moved_band.sums, band.sums[shuffled])
    knn = geodesic_knn_lag(points[0], points[1], rank, values, 8)
    moved_knn = geodesic_knn_lag(moved[0], moved[1], rank[shuffled], values[shuffled], 8)
    assert_array_equal(moved_knn.sums, knn.sums[shuffled])


def test_progress_rises_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geocrew.kernels.pace.FIRST_PIECE", 1)
    monkeypatch.setattr("geocrew.kernels.pace.SECONDS", 1e-9)
    points = np.array(np.meshgrid(np.arange(20.0), np.arange(20.0))).reshape(2, -1)
    heard: list[float] = []
    geodesic_knn_lag(points[0], points[1], np.arange(400), np.ones(400), 4, heard.append)
    assert heard == sorted(heard)
    assert 0.0 < heard[0] < 0.5 < heard[-1] == 1.0


def test_pairs_that_overflow_their_list_are_all_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    points, values = PLACES[5], whole_numbers(PLACES[5].shape[1])
    band = geodesic_band_lag(points[0], points[1], values, 2e6)
    knn = geodesic_knn_lag(points[0], points[1], np.arange(values.size), values, 6)
    monkeypatch.setattr("geocrew.kernels.within.PAIRS", 1)
    monkeypatch.setattr("geocrew.kernels.doubtful.PAIRS", 1)
    assert_array_equal(geodesic_band_lag(points[0], points[1], values, 2e6).sums, band.sums)
    assert_array_equal(
        geodesic_knn_lag(points[0], points[1], np.arange(values.size), values, 6).sums, knn.sums
    )


@pytest.mark.parametrize("metres", [-1.0, math.nan, math.inf])
def test_distance_that_is_none(metres: float) -> None:
    with pytest.raises(ValueError, match=f"metres is {metres}; it must be finite"):
        geodesic_band_lag(np.zeros(3), np.zeros(3), np.zeros(3), metres)


@settings(deadline=None)
@given(LONGITUDES, LATITUDES, LONGITUDES, LATITUDES)
def test_chords_bound_geodesics(lon: float, lat: float, lon2: float, lat2: float) -> None:
    ends = ellipsoid.to_ecef(np.array([lon, lon2]), np.array([lat, lat2]))
    chord = float(np.linalg.norm(ends[:, 0] - ends[:, 1]))
    metres = Geod(ellps="WGS84").inv(lon, lat, lon2, lat2)[2]
    assert chord <= ellipsoid.chord_possibly_within(metres)
    assert metres <= ellipsoid.longest_geodesic(np.array([chord]))[0]
    assert metres <= ellipsoid.FARTHEST
