"""Gi* and its significance against published and independently computed numbers."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import libpysal
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.band import band_lag
from geocrew.kernels.getis_ord import gi_star
from geocrew.kernels.neighbour_list import neighbour_list_lag
from geocrew.kernels.significance import benjamini_hochberg, bins_by_p, two_sided_p

Column = Callable[[str, str], Floats]
Listed = Callable[[str], tuple[Ints, Ints]]


@pytest.mark.parametrize("radius", [30, 60, 90])
def test_getis_and_ord_remote_sensing_example(column: Column, radius: int) -> None:
    x, y, values = (column("getisord_spdep.csv", name) for name in ("x", "y", "val"))
    result = gi_star(values, lambda scores: band_lag(x, y, scores, float(radius)))
    assert_allclose(result.z, column("getisord_spdep.csv", f"Gistar_{radius}"), rtol=1e-9)


def test_value_printed_by_spdep_for_row_120(column: Column) -> None:
    x, y, values = (column("getisord_spdep.csv", name) for name in ("x", "y", "val"))
    result = gi_star(values, lambda scores: band_lag(x, y, scores, 30.0))
    assert result.z[119] == pytest.approx(1.45077980738707, rel=1e-9)


@pytest.mark.parametrize(
    ("table", "neighbour_table", "field", "expected"),
    [
        ("columbus_spdep.csv", "columbus_gal_neighbours.txt", "CRIME", "Gistar"),
        ("stl_hom_spdep.csv", "stl_gal_neighbours.txt", "HR8893", "Gistar"),
        ("sids2_spdep.csv", "sids2_gal_neighbours.txt", "SIDR74", "Gistar_gal_SIDR74"),
        ("sids2_spdep.csv", "sids2_gal_neighbours.txt", "SIDR79", "Gistar_gal_SIDR79"),
        ("sids2_spdep.csv", "sids2_queen_neighbours.txt", "SIDR74", "Gistar_queen_SIDR74"),
        ("sids2_spdep.csv", "sids2_queen_neighbours.txt", "SIDR79", "Gistar_queen_SIDR79"),
    ],
)
def test_contiguous_polygons(
    column: Column, neighbours: Listed, table: str, neighbour_table: str, field: str, expected: str
) -> None:
    result = gi_star(column(table, field), partial(neighbour_list_lag, *neighbours(neighbour_table)))
    assert_allclose(result.z, column(table, expected), rtol=1e-9)


def test_income_of_48_states_in_81_years(column: Column, neighbours: Listed) -> None:
    income = read_income()
    listed = neighbours("us48_gal_neighbours.txt")
    for year, values in income.items():
        result = gi_star(values, partial(neighbour_list_lag, *listed))
        assert_allclose(result.z, column("usjoin_gistar_slice_spdep.csv", year), rtol=1e-9)
    assert len(income) == 81


def read_income() -> dict[str, NDArray[np.float64]]:
    with Path(libpysal.examples.get_path("usjoin.csv")).open() as lines:
        rows = list(csv.DictReader(lines))
    years = [name for name in rows[0] if name.isdigit()]
    return {year: np.array([float(row[year]) for row in rows]) for year in years}


def test_esda_docstring_example() -> None:
    x, y = np.array([[10, 10], [20, 10], [40, 10], [15, 20], [30, 20], [30, 30.0]]).T
    values = np.array([2, 3, 3.2, 5, 8, 7])
    result = gi_star(values, lambda scores: band_lag(x, y, scores, 15.0))
    expected = [-1.39727626, -0.28917762, 0.65064964, -0.28917762, 1.23452088, 2.02424331]
    assert_allclose(result.z, expected, atol=1e-8)
    assert_array_equal(result.neighbours, [2, 3, 1, 3, 4, 1])


def test_p_and_adjusted_p_of_st_louis(column: Column) -> None:
    p = two_sided_p(column("stl_hom_spdep.csv", "Gistar"))
    assert_allclose(p, column("stl_hom_spdep.csv", "p_two_Gistar"), rtol=1e-9)
    assert_allclose(benjamini_hochberg(p), column("stl_hom_spdep.csv", "p_BH_Gistar"), rtol=1e-9)


def test_example_of_benjamini_and_hochberg_1995(column: Column) -> None:
    p = column("bh1995_pvalues_R.csv", "p")
    adjusted = benjamini_hochberg(p)
    assert_allclose(adjusted, column("bh1995_pvalues_R.csv", "bh"), rtol=1e-12)
    assert np.count_nonzero(bins_by_p(np.ones(15), adjusted) >= 2) == 4
