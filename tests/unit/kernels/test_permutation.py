"""Pseudo p against all possible draws, against draws one by one, and in what may not matter."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from geocrew.kernels import permutation
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.permutation import Sums, count_extremes, permutation_p

SEED = 12345


def make(n: int, counts: Ints, values: Floats | None = None) -> Sums:
    """Rows (n,) with random neighbours, `counts` of them."""
    random = np.random.default_rng(n)
    values = random.lognormal(size=n) if values is None else values
    others = [
        values[np.delete(np.arange(n), row)[random.permutation(n - 1)[: counts[row]]]].sum()
        for row in range(n)
    ]
    return Sums(values, np.array(others), counts)


def exact(sums: Sums, row: int) -> tuple[float, float]:
    """Shares of all possible draws that are not below, and not above, what is seen."""
    others = np.delete(sums.values, row)
    drawn = np.array([sum(each) for each in combinations(others, int(sums.counts[row]))])
    slack = 1e-9
    return (drawn >= sums.around[row] - slack).mean(), (drawn <= sums.around[row] + slack).mean()


@pytest.mark.parametrize("kind", ["continuous", "integers"])
def test_all_possible_draws(kind: str) -> None:
    """Ten rows with 1 to 8 neighbours, so that a row is mostly among the first of a shuffle itself."""
    counts = np.array([1, 2, 3, 4, 5, 6, 7, 8, 4, 3])
    values = np.array([0, 1, 1, 2, 0, 5, 1, 0, 2, 2.0]) if kind == "integers" else None
    sums, draws = make(10, counts, values), 99_999
    greater, less = count_extremes(sums, draws, SEED)
    for row in range(10):
        for counted, share in zip((greater[row], less[row]), exact(sums, row), strict=True):
            sigma = np.sqrt(share * (1 - share) / draws)
            assert abs(counted / draws - share) <= 4 * sigma + 1e-12, row


def test_draws_one_by_one() -> None:
    """Within four sigmas for 99.9 % of 1,500 rows of 1 to 12 neighbours, both tails."""
    n, draws, brute = 1500, 2_000, 4_000
    random = np.random.default_rng(4)
    sums = make(n, random.integers(1, 13, n))
    greater, less = count_extremes(sums, draws, SEED)
    drawn = np.empty((n, brute))
    for turn in range(brute):
        at = random.integers(0, n - 1, (n, 12))
        again = np.ones(n, np.bool_)
        while again.any():  # without replacement
            at[again] = random.integers(0, n - 1, (int(again.sum()), 12))
            ordered = np.sort(at, axis=1)
            again = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        at += at >= np.arange(n)[:, None]  # all but the row itself
        prefix = sums.values[at].cumsum(axis=1)
        drawn[:, turn] = prefix[np.arange(n), sums.counts - 1]
    for counted, share in (
        (greater / draws, (drawn >= sums.around[:, None] - 1e-9).mean(axis=1)),
        (less / draws, (drawn <= sums.around[:, None] + 1e-9).mean(axis=1)),
    ):
        middle = (counted * draws + share * brute + 1) / (draws + brute + 2)
        sigma = np.sqrt(middle * (1 - middle) * (1 / draws + 1 / brute))
        assert (np.abs(counted - share) <= 4 * sigma).mean() >= 0.999


def test_two_sided_p_is_twice_the_smaller() -> None:
    sums = make(40, np.full(40, 5))
    greater, less = count_extremes(sums, 999, SEED)
    p = permutation_p(sums, np.arange(40), 999, SEED)
    assert_allclose(p, np.minimum(1, 2 * (np.minimum(greater, less) + 1) / 1000), rtol=1e-15)
    assert p.min() >= 2 / 1000
    assert p.max() <= 1


def test_rows_without_neighbours_and_with_all_others() -> None:
    counts = np.array([0, 5, 2, 4, 2, 2])
    p = permutation_p(make(6, counts), np.arange(6), 99, SEED)
    assert np.isnan(p).tolist() == [True, True, False, False, False, False]
    none = permutation_p(make(6, np.zeros(6, np.int64)), np.arange(6), 99, SEED)
    assert np.isnan(none).all()


def test_ties_do_not_hang_on_rounding() -> None:
    """Sums of 0.1, 0.2 and 0.3 differ in the last bit by the order of their terms."""
    values = np.array([0.1, 0.2, 0.3] * 8)
    sums = make(24, np.full(24, 6), values)
    whole = Sums(np.round(values * 10), np.round(sums.around * 10), sums.counts)
    for one, other in zip(count_extremes(sums, 999, 1), count_extremes(whole, 999, 1), strict=True):
        assert_array_equal(one, other)


def test_order_of_rows_and_room_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(6)
    sums = make(200, random.integers(0, 20, 200))
    rank = random.permutation(1000)[:200]
    p = permutation_p(sums, rank, 499, SEED)
    shuffle = random.permutation(200)
    moved = Sums(sums.values[shuffle], sums.around[shuffle], sums.counts[shuffle])
    assert_array_equal(permutation_p(moved, rank[shuffle], 499, SEED), p[shuffle])
    for room in (1, 100, 1234):
        monkeypatch.setattr(permutation, "ROOM", room)
        assert_array_equal(permutation_p(sums, rank, 499, SEED), p)
    assert (permutation_p(sums, rank, 499, SEED + 1) != p).any()


def test_turning_the_values_over_changes_nothing() -> None:
    sums = make(100, np.random.default_rng(8).integers(1, 9, 100))
    turned = Sums(-sums.values, -sums.around, sums.counts)
    ranks = np.arange(100)
    assert_array_equal(permutation_p(turned, ranks, 199, 3), permutation_p(sums, ranks, 199, 3))


def test_progress_is_told() -> None:
    shares: list[float] = []
    permutation_p(make(50, np.full(50, 3)), np.arange(50), 99, SEED, shares.append)
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
