"""Trends against R, pymannkendall and a published table; levels that tie."""

import numpy as np
import pymannkendall
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.unit.kernels.test_published import Column, read_income

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.mann_kendall import Trend, level_out, mann_kendall

TABLE = "usjoin_mannkendall_baseR.csv"
value = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6), st.just(float("nan")))
compiling = settings(deadline=None)  # the first call may compile
series_list = st.lists(st.lists(value, max_size=30), min_size=1, max_size=8)


def lay_out(series: list[list[float]]) -> tuple[Floats, Ints]:
    return np.array([x for one in series for x in one]), np.cumsum([0, *map(len, series)])


def trend_of(matrix: Floats) -> Trend:
    """A row a series."""
    return mann_kendall(matrix.ravel(), np.arange(0, matrix.size + 1, matrix.shape[1]))


def assert_is(trend: Trend, column: Column, suffix: str) -> None:
    assert_array_equal(trend.s, column(TABLE, f"S_{suffix}"))
    assert_allclose(trend.z, column(TABLE, f"z_{suffix}"), rtol=1e-9)
    assert_allclose(trend.p, column(TABLE, f"p_{suffix}"), rtol=1e-9)


def test_r_on_81_years_of_income_in_48_states(column: Column) -> None:
    income = read_income()
    scores = np.array([column("usjoin_gistar_slice_spdep.csv", year) for year in income]).T
    assert_is(trend_of(scores), column, "gi")
    relative = np.array([values / values.mean() for values in income.values()]).T
    assert_is(trend_of(relative), column, "rel")


def test_r_on_ties(column: Column) -> None:
    relative = np.array([values / values.mean() for values in read_income().values()]).T
    assert_is(trend_of(np.round(relative, 2)), column, "relround2")


@pytest.mark.parametrize(
    ("s", "p"), [(23, 0.0491), (11, 0.371), (1, 1.0), (-5, 0.721), (-27, 0.0200447), (35, 0.0023575)]
)
def test_published_p_of_ten_values(s: int, p: float) -> None:
    """Kendall::MannKendall, as printed by sfdep; (45 - S) / 2 pairs stand the wrong way round."""
    wrong, series = (45 - s) // 2, list(range(10))
    while wrong:
        at = next(i for i in range(9) if series[i] < series[i + 1])
        series[at], series[at + 1] = series[at + 1], series[at]
        wrong -= 1
    trend = trend_of(np.array([series], float))
    assert trend.s.tolist() == [s]
    assert trend.p[0] == pytest.approx(p, abs=5e-4)
    assert trend.z[0] == pytest.approx((s - np.sign(s)) / np.sqrt(125), rel=1e-14)


@compiling
@given(series_list)
def test_pymannkendall(series: list[list[float]]) -> None:
    trend = mann_kendall(*lay_out(series))
    for one, s, z, p in zip(series, *trend, strict=True):
        seen = [x for x in one if not np.isnan(x)]
        if len(seen) < 2:
            assert (s, np.isnan(z), np.isnan(p)) == (0, True, True)
        elif len(set(seen)) == 1:  # pymannkendall divides by a variance of 0
            assert (s, z, p) == (0, 0.0, 1.0)
        else:
            expected = pymannkendall.original_test(seen)
            assert s == expected.s
            assert z == pytest.approx(expected.z, rel=1e-9, abs=1e-12)
            assert p == pytest.approx(expected.p, rel=1e-9, abs=1e-12)


@compiling
@given(series_list)
def test_turning_time_or_values_round_turns_the_sign(series: list[list[float]]) -> None:
    trend = mann_kendall(*lay_out(series))
    for turned in ([one[::-1] for one in series], [[-x for x in one] for one in series]):
        other = mann_kendall(*lay_out(turned))
        assert_array_equal(other.s, -trend.s)
        assert_array_equal(other.z, -trend.z)
        assert_array_equal(other.p, trend.p)


@compiling
@given(series_list)
def test_levels_without_tolerance_have_the_same_trend(series: list[list[float]]) -> None:
    values, offsets = lay_out(series)
    levels = level_out(values, offsets, 0.0)
    for one, other in zip(mann_kendall(values, offsets), mann_kendall(levels, offsets), strict=True):
        assert_array_equal(one, other)


def test_levels_join_what_differs_by_rounding() -> None:
    values = np.array([1.0, 3.0, 1 + 1e-12, np.nan, 1 - 1e-12, 1.1, 1.0])
    levels = level_out(values, np.array([0, 6, 7]), 1e-9)
    assert_array_equal(levels, [0, 2, 0, np.nan, 0, 1, 0])


def test_no_series_and_series_of_nothing() -> None:
    empty = np.empty(0)
    assert mann_kendall(empty, np.array([0])).z.size == 0
    assert_array_equal(mann_kendall(empty, np.array([0, 0])).z, [np.nan])
    assert level_out(empty, np.array([0, 0]), 1e-9).size == 0
