"""Gi* against esda, under changes that must not matter, and where it is not defined."""

import math
from functools import partial

import numpy as np
import pytest
from esda.getisord import G_Local
from libpysal.weights import KNN, DistanceBand
from numpy.testing import assert_allclose, assert_array_equal

from geocrew.kernels.arrays import Floats
from geocrew.kernels.band import band_lag
from geocrew.kernels.getis_ord import ConstantValuesError, gi_star, standardise
from geocrew.kernels.knn import knn_lag
from geocrew.kernels.lag import Lag

RNG = np.random.default_rng(0)
POINTS = RNG.normal(0, 10, (2, 600))
VALUES = RNG.lognormal(0, 1, 600)


def gi_of(values: Floats, radius: float = 3.0) -> Floats:
    return gi_star(values, lambda scores: band_lag(POINTS[0], POINTS[1], scores, radius)).z


@pytest.mark.filterwarnings("ignore::UserWarning")  # islands, components: libpysal tells
def test_esda_on_a_distance_band() -> None:
    weights = DistanceBand(POINTS.T, 3.0, binary=True, silence_warnings=True)
    expected = G_Local(VALUES, weights, transform="B", star=True, permutations=0).Zs
    z = gi_of(VALUES)
    assert_array_equal(np.isnan(z), [not weights.neighbors[row] for row in range(600)])
    assert_allclose(z[~np.isnan(z)], np.asarray(expected)[~np.isnan(z)], rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("k", [1, 8, 40])
def test_esda_on_nearest_neighbours(k: int) -> None:
    expected = G_Local(
        VALUES, KNN(POINTS.T, k=k, silence_warnings=True), transform="B", star=True, permutations=0
    ).Zs
    result = gi_star(VALUES, lambda scores: knn_lag(POINTS[0], POINTS[1], np.arange(600), scores, k))
    assert_allclose(result.z, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shift", [-1e3, -float(VALUES.mean()), 1e9])
@pytest.mark.parametrize("factor", [1.0, -2.5, 1 / 1024])
def test_shift_and_scale_change_nothing_but_the_sign(factor: float, shift: float) -> None:
    values = np.round(VALUES * 64)  # exact when scaled and shifted by 1e9
    z = gi_of(values)
    moved = gi_of(factor * values + shift)
    assert_allclose(moved, math.copysign(1, factor) * z, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("factor", [1e300, 1e-300])
def test_huge_and_tiny_values(factor: float) -> None:
    assert_allclose(gi_of(VALUES * factor), gi_of(VALUES), rtol=1e-9, atol=1e-12)


def test_mean_and_deviation_have_n_in_the_denominator() -> None:
    scores = standardise(VALUES)
    assert scores.mean == pytest.approx(VALUES.mean(), rel=1e-14)
    assert scores.s == pytest.approx(VALUES.std(ddof=0), rel=1e-14)
    assert_allclose(scores.values, (VALUES - VALUES.mean()) / VALUES.std(), rtol=1e-12, atol=1e-13)


def test_row_order_changes_no_bit() -> None:
    shuffled = np.random.default_rng(1).permutation(600)
    assert_array_equal(standardise(VALUES[shuffled]).values, standardise(VALUES).values[shuffled])


def test_islands_have_no_score() -> None:
    x, values = np.array([0.0, 1.0, 50.0]), np.array([1.0, 2.0, 9.0])
    result = gi_star(values, lambda scores: band_lag(x, x * 0, scores, 1.0))
    assert_array_equal(np.isnan(result.z), [False, False, True])
    assert_array_equal(result.neighbours, [1, 1, 0])


def test_rows_next_to_all_others_have_no_score() -> None:
    x, values = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 9.0])
    z = gi_star(values, lambda scores: band_lag(x, x * 0, scores, 1.0)).z
    assert_array_equal(np.isnan(z), [False, True, False])


@pytest.mark.parametrize(
    "values",
    [np.full(5, 7.0), np.zeros(4), np.array([3.0]), np.array([0.1 + 0.2, 0.3, 0.3])],
    ids=["equal", "zero", "one", "rounding"],
)
def test_values_that_do_not_vary(values: Floats) -> None:
    with pytest.raises(ConstantValuesError, match=f"all {values.size} values are"):
        gi_star(values, partial(Lag, counts=np.ones(values.size, np.int32)))


def test_no_values() -> None:
    with pytest.raises(ConstantValuesError, match="no values"):
        standardise(np.empty(0))
