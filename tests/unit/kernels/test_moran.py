"""Local Moran's I against spdep and esda."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import esda
import libpysal
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.getis_ord import ConstantValuesError
from geocrew.kernels.moran import QUADRANTS, LocalMoran, local_moran
from geocrew.kernels.neighbour_list import neighbour_list_lag
from geocrew.kernels.significance import two_sided_p

REFERENCE = Path(__file__).parents[2] / "reference"
Column = Callable[[str, str], Floats]
Listed = Callable[[str], tuple[Ints, Ints]]


def chain(values: Floats) -> LocalMoran:
    """Neighbours are the one before and the one after; the last has none."""
    n = len(values)
    lists = [[j for j in (i - 1, i + 1) if 0 <= j < n - 1] for i in range(n - 1)] + [[]]
    offsets = np.cumsum([0, *map(len, lists)])
    indices = np.array([j for each in lists for j in each])
    return local_moran(values, partial(neighbour_list_lag, offsets, indices))


@pytest.mark.parametrize(
    ("table", "listed", "field"),
    [
        ("columbus_spdep.csv", "columbus_gal_neighbours.txt", "CRIME"),
        ("stl_hom_spdep.csv", "stl_gal_neighbours.txt", "HR8893"),
    ],
)
def test_as_spdep(column: Column, neighbours: Listed, table: str, listed: str, field: str) -> None:
    found = local_moran(column(table, field), partial(neighbour_list_lag, *neighbours(listed)))
    assert_allclose(found.i, column(table, "Ii"), rtol=1e-9)
    assert_allclose(found.z, column(table, "Z_cond"), rtol=1e-9)
    assert_allclose(two_sided_p(found.z), column(table, "p_cond"), rtol=1e-9)
    with (REFERENCE / table).open() as lines:
        quadrants = [row["quadr"] for row in csv.DictReader(lines)]
    words = {"HH": "High-High", "LL": "Low-Low", "HL": "High-Low", "LH": "Low-High"}
    significant = np.flatnonzero(found.quadrants)
    assert_array_equal(significant, np.flatnonzero(column(table, "p_cond") <= 0.05))
    assert 0 < significant.size < len(quadrants)
    for row in significant:
        assert words[QUADRANTS[found.quadrants[row] - 1]] == quadrants[row]


@pytest.mark.parametrize("field", ["SIDR74", "SIDR79"])
def test_queen_contiguity_as_spdep(column: Column, neighbours: Listed, field: str) -> None:
    table = "sids2_spdep.csv"
    lag = partial(neighbour_list_lag, *neighbours("sids2_queen_neighbours.txt"))
    found = local_moran(column(table, field), lag)
    assert_allclose(found.i, column(table, f"Ii_queen_{field}"), rtol=1e-9)


def test_esda_has_another_divisor(column: Column, neighbours: Listed) -> None:
    crime = column("columbus_spdep.csv", "CRIME")
    offsets, indices = neighbours("columbus_gal_neighbours.txt")
    found = local_moran(crime, partial(neighbour_list_lag, offsets, indices))
    lists = {i: indices[offsets[i] : offsets[i + 1]].tolist() for i in range(49)}
    esda_moran = esda.Moran_Local(crime, libpysal.weights.W(lists), permutations=0)
    assert_allclose(found.i * 48 / 49, esda_moran.Is, rtol=1e-9)
    # Its conditional moments are those of spdep's I, not of its own.
    z = (esda_moran.Is * 49 / 48 - esda_moran.EIc) / np.sqrt(esda_moran.VIc)
    assert_allclose(found.z, z, rtol=1e-9)


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 1e9), (-2.0, 5.0), (1e-200, 0.0), (1e200, 0.0)])
def test_affine_changes_of_the_values(factor: float, shift: float) -> None:
    values = np.round(64 * np.sin(np.arange(60) / 4) + np.random.default_rng(3).normal(size=60)) / 64
    values[[6, 20]] *= -1.5
    before, after = chain(values), chain(values * factor + shift)
    assert_allclose(after.i, before.i, rtol=1e-8, atol=1e-11)
    assert_allclose(after.z, before.z, rtol=1e-8, atol=1e-11)
    swap = np.array([0, 2, 1, 4, 3]) if factor < 0 else np.arange(5)
    assert_array_equal(after.quadrants, swap[before.quadrants])
    assert np.unique(before.quadrants).size > 2


def test_what_is_not_defined() -> None:
    """An island has nothing; a value at the mean has I = 0 and no z."""
    found = chain(np.array([1.0, 3.0, 2.0, 1.0, 3.0, 2.0]))
    assert np.isnan([found.i[5], found.z[5], found.z[2]]).all()
    assert found.i[2] == 0.0
    assert found.neighbours.tolist() == [1, 2, 2, 2, 1, 0]
    assert np.isfinite(found.z[[0, 1, 3, 4]]).all()
    assert found.quadrants[[2, 5]].tolist() == [0, 0]


def test_a_value_at_the_mean_up_to_rounding() -> None:
    found = chain(np.array([0.1, 0.3, 0.2, 0.1, 0.3, 0.2]) + 0.7)
    assert np.isnan(found.z[2])
    assert found.i[2] == 0.0


def test_one_value_unlike_all_others_that_are_equal() -> None:
    """Whoever its neighbours are, their mean is the same: nothing to test."""
    found = chain(np.array([5.0, 5.0, 9.0, 5.0, 5.0, 5.0, 5.0]))
    assert np.isnan(found.z[2])
    assert np.isfinite(found.z[[0, 1, 3, 4, 5]]).all()


def test_all_others_as_neighbours() -> None:
    lists = [[1, 2], [0, 2], [0, 1]]
    lag = partial(neighbour_list_lag, np.array([0, 2, 4, 6]), np.array(lists).ravel())
    found = local_moran(np.array([1.0, 2.0, 6.0]), lag)
    assert np.isnan(found.z).all()
    assert np.isfinite(found.i).all()


def test_no_variation() -> None:
    with pytest.raises(ConstantValuesError, match="all 4 values are 7"):
        chain(np.full(4, 7.0))
