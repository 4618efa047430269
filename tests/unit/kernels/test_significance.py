"""From z to p to classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import false_discovery_control, norm

from geocrew.kernels.significance import (
    CUTOFFS,
    LEVELS,
    benjamini_hochberg,
    bins_by_p,
    bins_by_z,
    two_sided_p,
)


def test_p_of_huge_scores_does_not_underflow() -> None:
    assert_allclose(two_sided_p(np.array([30.0, -30.0])), 9.813427854297e-198, rtol=1e-12)


def test_p_is_two_sided_and_keeps_nan() -> None:
    p = two_sided_p(np.array([0.0, -1.0, 2.0, np.nan]))
    assert_allclose(p, [1.0, 0.3173105078629141, 0.0455002638963584, np.nan], rtol=1e-12)


def test_cutoffs_are_normal_quantiles() -> None:
    assert_allclose(CUTOFFS, norm.isf(np.array(LEVELS) / 2), rtol=1e-15)
    assert_allclose(two_sided_p(np.array(CUTOFFS)), LEVELS, rtol=1e-14)


def test_adjusted_p_as_scipy() -> None:
    p = np.random.default_rng(0).random(500) ** 3
    p[100:200] = p[:100]
    assert_allclose(benjamini_hochberg(p), false_discovery_control(p, method="bh"), rtol=1e-13)


def test_rows_without_test_do_not_count() -> None:
    p = np.array([0.01, np.nan, 0.04, np.nan])
    assert_array_equal(benjamini_hochberg(p), [0.02, np.nan, 0.04, np.nan])
    assert_array_equal(benjamini_hochberg(np.full(2, np.nan)), [np.nan, np.nan])


@pytest.mark.parametrize("sign", [1, -1])
def test_bins_by_z_are_inclusive(sign: int) -> None:
    below = [np.nextafter(cutoff, 0.0) for cutoff in CUTOFFS]
    z = sign * np.array([0.0, below[0], CUTOFFS[0], below[1], CUTOFFS[1], below[2], CUTOFFS[2], 40])
    bins = bins_by_z(z)
    assert_array_equal(bins, sign * np.array([0, 0, 1, 1, 2, 2, 3, 3]))
    assert bins.dtype == np.int16


def test_bins_by_p_are_inclusive_and_signed() -> None:
    p = np.array([0.2, 0.1, 0.05, 0.01, 0.0, 0.01])
    z = np.array([-1.0, -2.0, 2.0, -3.0, 9.0, 3.0])
    assert_array_equal(bins_by_p(z, p), [0, -1, 2, -3, 3, 3])


def test_rows_without_score_are_not_significant() -> None:
    missing = np.array([np.nan])
    assert_array_equal(bins_by_z(missing), [0])
    assert_array_equal(bins_by_p(missing, missing), [0])


def test_adjusted_p_gives_the_step_up_of_each_level() -> None:
    p = np.random.default_rng(1).random(300) ** 4
    bins = bins_by_p(np.ones(300), benjamini_hochberg(p))
    rising = np.sort(p)
    for level, least in zip(LEVELS, (1, 2, 3), strict=True):
        passed = np.flatnonzero(rising <= level * np.arange(1, 301) / 300)
        assert np.count_nonzero(bins >= least) == (passed[-1] + 1 if passed.size else 0)
