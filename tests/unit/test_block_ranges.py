"""Ranges of rows grow and shrink with the measured rate, so that progress comes twice a second."""

import pytest

from geocrew.analyses.parts.block_ranges import address, next_size


def test_ranges_settle_at_under_half_a_second() -> None:
    for rate in (10.0, 300.0, 1e6):  # addresses a second
        size = 1164
        for _ in range(20):
            size = next_size(size, size / rate)
        assert size / rate == pytest.approx(0.4, rel=0.1)


def test_a_slow_range_is_followed_by_a_short_one() -> None:
    assert next_size(1000, 40.0) == 10
    assert next_size(1, 40.0) == 1


def test_a_range_grows_fourfold_at_most() -> None:
    assert next_size(100, 0.0) == 400


def test_addresses_begin_at_1_in_each_block() -> None:
    assert [address(each, 291) for each in (0, 290, 291)] == ["(0,1)", "(0,291)", "(1,1)"]
