"""Centre and scale of values against numpy, far from 0, at the ends of float8, and of equal ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from geocrew.kernels.spread import by_deviation, by_median

VALUES = np.random.default_rng(3).lognormal(size=501)


@pytest.mark.parametrize("shift", [0.0, 1e9, -1e9])
@pytest.mark.parametrize("factor", [1.0, 1e290, 1e-290])
def test_against_numpy(shift: float, factor: float) -> None:
    values = (VALUES + shift) * factor
    plain = values / factor - shift
    found = by_deviation(values)
    assert_allclose((found.centre / factor - shift) + found.rest / factor, plain.mean(), rtol=1e-6)
    assert_allclose(found.scale / factor, plain.std(ddof=1), rtol=1e-6)
    middle = by_median(values)
    assert middle.centre == np.median(values)
    mad = np.median(np.abs(values - np.median(values)))
    assert_allclose(middle.scale, mad / 0.6745, rtol=1e-9)


def test_order_changes_no_bit() -> None:
    assert by_deviation(VALUES) == by_deviation(VALUES[::-1])
    assert by_median(VALUES) == by_median(VALUES[::-1])


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e300, 5e-324])
def test_equal_values_have_no_spread(value: float) -> None:
    values = np.full(37, value)
    assert by_deviation(values).scale == 0
    assert by_median(values).scale == 0


def test_more_than_half_equal() -> None:
    found = by_median(np.array([1.0, 1, 1, 1, 5]))
    assert (found.centre, found.scale_name) == (1, "mean absolute deviation")
    assert_allclose(found.scale, 1.253314 * 0.8)
