"""Nearest neighbours on the plane where their spread is uneven, tied or extreme, against all pairs."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial import KDTree

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.knn import knn_lag

COUNT = 1200
RNG = np.random.default_rng(20)


def knn_oracle(points: Floats, rank: Ints, values: Floats, k: int) -> Floats:
    if np.abs(points).max() > 1e150:
        points = np.ldexp(points, -600)
    with np.errstate(under="ignore"):
        dx, dy = (axis[:, np.newaxis] - axis for axis in points)
        away = np.sqrt(dx * dx + dy * dy)
    np.fill_diagonal(away, -1.0)
    nearest = np.array([np.lexsort((rank, row)) for row in away])[:, : k + 1]
    return np.asarray(values[nearest].sum(axis=1), np.float64)


def clusters_of_all_sizes() -> Floats:
    chosen, sizes = RNG.integers(0, 12, COUNT), 10.0 ** RNG.uniform(-6, 0, 12)
    return RNG.random((2, 12))[:, chosen] + RNG.normal(0, 1, (2, COUNT)) * sizes[chosen]


def far_outliers() -> Floats:
    points = RNG.normal(0, 1, (2, COUNT))
    points[:, ::40] *= 1e5
    return points


def sites(many: int) -> Floats:
    return RNG.random((2, many))[:, RNG.integers(0, many, COUNT)]


PLACES = {
    "clusters of all sizes": clusters_of_all_sizes(),
    "far outliers": far_outliers(),
    "heavy tails": RNG.pareto(0.3, (2, COUNT)),
    "all scales at once": np.exp(RNG.uniform(-300, 300, (2, COUNT))),
    "one site": sites(1),
    "sites of hundreds": sites(9),
    "sites of few": sites(400),
    "grid": np.stack([axis.ravel() for axis in np.meshgrid(np.arange(40) * 0.1, np.arange(30) * 0.1)]),
    "line": np.stack((RNG.random(COUNT), np.zeros(COUNT))),
    "circle and its centre": np.stack(
        (np.append(np.cos(np.arange(COUNT - 1.0)), 0), np.append(np.sin(np.arange(COUNT - 1.0)), 0))
    ),
    "squares lost to 0": RNG.random((2, COUNT)) * 1e-170,
    "squares partly lost": RNG.random((2, COUNT)) * 1e-161,
    "squares beyond all numbers": (RNG.random((2, COUNT)) - 0.5) * 1e300,
    "squares partly beyond": (RNG.random((2, COUNT)) - 0.5) * 1e155,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("k", [1, 8, 15, 16, 60, 700, COUNT - 1])
def test_nearest_of_uneven_places(place: str, k: int) -> None:
    values = np.random.default_rng(1).integers(-50, 50, COUNT).astype(float)
    rank = np.random.default_rng(2).permutation(COUNT)
    x, y = PLACES[place]
    assert_array_equal(knn_lag(x, y, rank, values, k).sums, knn_oracle(PLACES[place], rank, values, k))


@pytest.mark.parametrize("place", PLACES)
def test_neither_row_order_nor_pieces_change_a_bit(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (x, y), rank = PLACES[place], np.arange(COUNT)
    values = np.random.default_rng(3).lognormal(0, 3, COUNT)
    whole = knn_lag(x, y, rank, values, 8).sums
    monkeypatch.setattr("geocrew.kernels.pace.FIRST_PIECE", 3)
    monkeypatch.setattr("geocrew.kernels.pace.SECONDS", 1e-9)
    moved = np.random.default_rng(4).permutation(COUNT)
    pieces = knn_lag(x[moved], y[moved], rank[moved], values[moved], 8).sums
    assert_array_equal(pieces, whole[moved])


def test_two_points() -> None:
    x = np.array([0.0, 5.0])
    assert_array_equal(knn_lag(x, x, np.array([1, 0]), np.array([2.0, 3.0]), 1).sums, [5.0, 5.0])


def test_leaves_between_a_dense_and_a_sparse_place_see_more_than_fits() -> None:
    rng = np.random.default_rng(5)
    sizes = np.repeat([1e-4, 1e-2, 1.0], 20_000)
    points, values = rng.normal(0, 1, (2, 60_000)) * sizes, rng.integers(-50, 50, 60_000).astype(float)
    _, nearest = KDTree(points.T).query(points.T, k=9)
    sums = knn_lag(points[0], points[1], rng.permutation(60_000), values, 8).sums
    assert_array_equal(sums, values[nearest].sum(axis=1))
