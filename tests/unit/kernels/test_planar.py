"""Neighbour sums on the plane against all pairs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.band import band_lag, largest_square
from geocrew.kernels.knn import knn_lag
from geocrew.kernels.lag import Lag

COORDINATES = st.one_of(
    st.integers(0, 6).map(float),
    st.integers(-3, 3).map(lambda step: step * 0.1),
    st.floats(-1e6, 1e6),
    st.integers(0, 3).map(lambda step: 1e15 + step),
)
POINTS = st.integers(1, 60).flatmap(lambda n: arrays.arrays(np.float64, (2, n), elements=COORDINATES))


def distances(points: Floats) -> Floats:
    """All pairs, (n, n), in the float operations that the contract names."""
    dx, dy = (axis[:, np.newaxis] - axis for axis in points)
    return np.asarray(np.sqrt(dx * dx + dy * dy), np.float64)


def whole_numbers(count: int, seed: int = 0) -> Floats:
    """Values whose sums are exact in any order, so that results can be compared to the bit."""
    return np.random.default_rng(seed).integers(-50, 50, count).astype(float)


def band_oracle(points: Floats, values: Floats, radius: float) -> Lag:
    near = distances(points) <= radius
    return Lag(near @ values, (near.sum(axis=1) - 1).astype(np.int32))


def knn_oracle(points: Floats, rank: Ints, values: Floats, k: int) -> Floats:
    away = distances(points)
    np.fill_diagonal(away, -1.0)
    nearest = np.array([np.lexsort((rank, row)) for row in away])[:, : k + 1]
    return np.asarray(values[nearest].sum(axis=1), np.float64)


def clusters(count: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    centres = rng.random((2, 20)) * 1000
    return centres[:, rng.integers(0, 20, count)] + rng.normal(0, 15, (2, count))


def assert_same(lag: Lag, expected: Lag) -> None:
    assert_array_equal(lag.counts, expected.counts)
    assert_array_equal(lag.sums, expected.sums)


@settings(deadline=None, max_examples=200)
@given(points=POINTS, data=st.data())
def test_band_of_any_points(points: Floats, data: st.DataObject) -> None:
    values = whole_numbers(points.shape[1])
    exact = data.draw(st.sampled_from(np.unique(distances(points)).tolist()))
    radius = data.draw(st.sampled_from([exact, math.nextafter(exact, 0.0), exact * 1.7, 0.3]))
    assert_same(band_lag(points[0], points[1], values, radius), band_oracle(points, values, radius))


@settings(deadline=None, max_examples=200)
@given(points=POINTS.filter(lambda points: points.shape[1] > 1), data=st.data())
def test_knn_of_any_points(points: Floats, data: st.DataObject) -> None:
    count = points.shape[1]
    rank = np.array(data.draw(st.permutations(range(count)))) * 7 - 3
    k = data.draw(st.integers(1, count - 1))
    values = whole_numbers(count)
    lag = knn_lag(points[0], points[1], rank, values, k)
    assert_array_equal(lag.sums, knn_oracle(points, rank, values, k))
    assert_array_equal(lag.counts, np.full(count, k))


@pytest.mark.parametrize("radius", [1e-9, 5.0, 40.0, 400.0, 5000.0, 1e300])
def test_band_of_clusters(radius: float) -> None:
    points, values = clusters(1500, seed=1), whole_numbers(1500)
    assert_same(band_lag(points[0], points[1], values, radius), band_oracle(points, values, radius))


@pytest.mark.parametrize("k", [1, 8, 30, 200, 1499])
def test_knn_of_clusters(k: int) -> None:
    points, values = clusters(1500, seed=2), whole_numbers(1500)
    rank = np.random.default_rng(3).permutation(1500)
    assert_array_equal(
        knn_lag(points[0], points[1], rank, values, k).sums, knn_oracle(points, rank, values, k)
    )


def test_grid_where_all_distances_tie() -> None:
    points = np.array(np.meshgrid(np.arange(30.0), np.arange(30.0))).reshape(2, -1) * 0.1
    values, rank = whole_numbers(900), np.random.default_rng(4).permutation(900)
    assert_array_equal(
        knn_lag(points[0], points[1], rank, values, 6).sums, knn_oracle(points, rank, values, 6)
    )
    assert_same(band_lag(points[0], points[1], values, 0.3), band_oracle(points, values, 0.3))


def test_coincident_points_are_neighbours_by_rank() -> None:
    x, values = np.zeros(50_000), np.arange(50_000.0)
    rank = np.arange(50_000)[::-1].copy()
    lag = knn_lag(x, x, rank, values, 2)
    assert lag.sums[0] == 0 + 49_999 + 49_998
    assert lag.sums[-1] == 49_999 + 49_998 + 49_997
    assert_array_equal(band_lag(x, x, values, 0.0).counts, np.full(50_000, 49_999))


def test_far_outlier_leaves_the_rest_resolved() -> None:
    points = clusters(3000, seed=5)
    points[:, 0] = 1e300
    values, rank = whole_numbers(3000), np.arange(3000)
    assert_same(
        band_lag(points[0], points[1], values, 10.0), band_oracle_without_overflow(points, values, 10.0)
    )
    nearest = knn_lag(points[0, 1:], points[1, 1:], rank[1:], values[1:], 4).sums
    assert_array_equal(knn_lag(points[0], points[1], rank, values, 4).sums[1:], nearest)


@pytest.mark.parametrize("exponent", [480, 500, 700, 1015])
def test_places_whose_squares_overflow(exponent: int) -> None:
    """A power of two changes no digit, so their neighbours are those of the same places in a village."""
    village = clusters(500, 5) + 0.1
    x, y = np.ldexp(village, exponent - 10)
    rank, values = np.arange(500)[::-1], whole_numbers(500)
    assert_same(knn_lag(x, y, rank, values, 6), knn_lag(village[0], village[1], rank, values, 6))
    radius = math.ldexp(31.7, exponent - 10)
    assert_same(band_lag(x, y, values, radius), band_lag(village[0], village[1], values, 31.7))


def test_a_village_and_a_place_at_the_end_of_numbers() -> None:
    village = clusters(40, 6)
    x, y = np.append(village, [[1e250], [-1e250]], axis=1)
    values, rank = whole_numbers(41), np.arange(41)
    some = knn_lag(x, y, rank, values, 5)
    alone = knn_lag(village[0], village[1], rank[:40], values[:40], 5)
    assert_array_equal(some.sums[:40], alone.sums)


def band_oracle_without_overflow(points: Floats, values: Floats, radius: float) -> Lag:
    with np.errstate(over="ignore"):
        return band_oracle(points, values, radius)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_points(count: int) -> None:
    x, values = np.arange(float(count)), np.ones(count)
    assert_array_equal(band_lag(x, x, values, 0.5).counts, np.zeros(count))
    assert_array_equal(band_lag(x, x, values, 1e9).sums, np.full(count, count))


def test_row_order_changes_no_bit() -> None:
    points, rank = clusters(2000, seed=6), np.arange(2000)
    points[:, 500:600] = points[:, 100:200]
    values = np.random.default_rng(7).lognormal(0, 3, 2000)
    shuffled = np.random.default_rng(8).permutation(2000)
    moved, moved_values = np.ascontiguousarray(points[:, shuffled]), values[shuffled]
    band, knn = (
        band_lag(points[0], points[1], values, 30.0),
        knn_lag(points[0], points[1], rank, values, 7),
    )
    assert_same(
        band_lag(moved[0], moved[1], moved_values, 30.0), Lag(band.sums[shuffled], band.counts[shuffled])
    )
    assert_same(
        knn_lag(moved[0], moved[1], rank[shuffled], moved_values, 7),
        Lag(knn.sums[shuffled], knn.counts[shuffled]),
    )


def test_progress_rises_to_one_and_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    points, values = clusters(5000, seed=9), np.random.default_rng(10).lognormal(0, 3, 5000)
    whole = band_lag(points[0], points[1], values, 30.0)
    monkeypatch.setattr("geocrew.kernels.pace.FIRST_PIECE", 3)
    monkeypatch.setattr("geocrew.kernels.pace.SECONDS", 1e-9)
    heard: list[float] = []
    assert_same(band_lag(points[0], points[1], values, 30.0, heard.append), whole)
    assert heard == sorted(heard)
    assert len(heard) > 100
    assert heard[-1] == 1.0


def test_inputs_are_left_as_they_were() -> None:
    points, values = clusters(100, seed=11), whole_numbers(100)
    rank = np.arange(100)
    for array in (points, values, rank):
        array.setflags(write=False)
    band_lag(points[0], points[1], values, 10.0)
    knn_lag(points[0], points[1], rank, values, 3)


@pytest.mark.parametrize("k", [0, 5, 6])
def test_k_that_rows_cannot_give(k: int) -> None:
    x = np.arange(5.0)
    with pytest.raises(ValueError, match=f"k is {k}; with 5 rows it must be from 1 to 4"):
        knn_lag(x, x, np.arange(5), x, k)


@pytest.mark.parametrize("radius", [-1.0, math.nan, math.inf])
def test_radius_that_is_none(radius: float) -> None:
    with pytest.raises(ValueError, match=f"radius is {radius}; it must be finite"):
        band_lag(np.zeros(3), np.zeros(3), np.zeros(3), radius)


@given(radius=st.floats(0, 1e308))
def test_largest_square_is_the_last_within(radius: float) -> None:
    square = largest_square(radius)
    above = math.nextafter(square, math.inf)
    assert math.sqrt(square) <= radius
    assert above == math.inf or math.sqrt(above) > radius
