"""Sums as whole numbers, listed neighbours, and compiling."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal

from geocrew.kernels import compiled
from geocrew.kernels.arrays import Floats
from geocrew.kernels.lag import from_fixed, to_fixed
from geocrew.kernels.neighbour_list import neighbour_list_lag
from geocrew.kernels.warm import warm


@given(arrays.arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e300, 1e300)))
def test_fixed_values_are_close_and_their_sum_fits(values: Floats) -> None:
    fixed = to_fixed(values)
    size = sum(abs(value) for value in values.tolist())
    assert np.all(np.abs(from_fixed(fixed.values, fixed.scale) - values) <= size * 2.0**-61)
    assert sum(abs(value) for value in fixed.values.tolist()) < 2**63


def test_whole_numbers_stay_exact() -> None:
    values = np.arange(-500.0, 1_000_000.0)
    fixed = to_fixed(values)
    assert_array_equal(from_fixed(fixed.values, fixed.scale), values)


def test_listed_neighbours() -> None:
    lag = neighbour_list_lag(np.array([0, 2, 2, 3]), np.array([1, 2, 0]), np.array([1.0, 10.0, 0.5]))
    assert_array_equal(lag.sums, [11.5, 10.0, 1.5])
    assert_array_equal(lag.counts, [2, 0, 1])
    assert lag.counts.dtype == np.int32


def test_warm_calls_every_kernel() -> None:
    warm()


def test_kernels_compile_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "CACHE", None)

    def double(number: int) -> int:
        return 2 * number

    assert compiled.compiled(double)(21) == 42


def test_machine_code_is_kept_by_the_text_it_was_made_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiled.CONFIG, "CACHE_DIR", str(tmp_path))
    found = compiled.find_cache()
    assert found is not None
    assert found.parent == tmp_path
    assert found.name.startswith("kernels-")


def test_machine_code_of_other_texts_goes_after_a_day(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiled.CONFIG, "CACHE_DIR", str(tmp_path))
    stale, fresh, foreign = (tmp_path / name for name in ("kernels-1", "kernels-2", "others-1"))
    for made in (stale, fresh, foreign):
        made.mkdir()
    (stale / "code.nbi").touch()
    for old in (stale, foreign):
        os.utime(old, (0, 0))
    current = compiled.find_cache()
    assert current is not None
    os.utime(current, (0, 0))
    assert compiled.find_cache() == current
    assert set(tmp_path.iterdir()) == {current, fresh, foreign}


def test_no_place_for_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled.CONFIG, "CACHE_DIR", "/dev/null")
    monkeypatch.setattr(compiled, "__file__", "/dev/null/compiled.py")
    monkeypatch.setenv("HOME", "/dev/null")
    assert compiled.find_cache() is None
