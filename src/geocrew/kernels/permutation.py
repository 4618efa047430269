"""Pseudo p of neighbour sums: each row keeps its value, its neighbours are drawn from all others.

One shuffle serves all rows. The first k of a shuffled list without row i are k others of i drawn
without replacement, so its sum is a prefix sum of the shuffle or, where i is among its first k, the next
one less x_i. Rows with equally many neighbours share one sorted table of prefix sums, in which a p is
two binary searches and a correction for each shuffle that has i in front: the cost hardly depends on
rows times permutations times neighbours. Rows share draws, as in esda, so their errors go together.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geocrew.kernels.arrays import Floats, Ints, SmallInts
from geocrew.kernels.compiled import compiled
from geocrew.kernels.pace import OnProgress, report_part, run_in_pieces

ROOM = 1 << 23  # draws held at once: 160 MB with all that is made of them
TIE = 1e-13  # of the largest value, for each value summed: what rounding may part


class Sums(NamedTuple):
    """Values float8 (n,), the sums of each row's neighbours (n,), how many these are (n,)."""

    values: Floats
    around: Floats
    counts: Ints | SmallInts


class Shuffles(NamedTuple):
    """Some shuffles (c,): `draws` int4 (c, most + 1), where each row (n,) is among them, and sums.

    Row i was drawn entries[starts[i]:starts[i + 1]], as shuffle * (most + 1) + turn. `table` (u, c)
    holds the prefix sums for each number of neighbours that occurs, `ordered` the same sorted.
    """

    draws: SmallInts
    starts: Ints
    entries: Ints
    table: Floats
    ordered: Floats


def permutation_p(
    sums: Sums,
    rank: Ints,
    permutations: int,
    seed: int,
    on_progress: OnProgress | None = None,
) -> Floats:
    """Two-sided pseudo p (n,): min(1, 2 min(greater, less)), each (1 + as extreme) / (1 + permutations).

    NaN for rows without neighbours, or with all others as such. Rows are drawn in the order of `rank`
    int8 (n,), which is unique, so the same seed gives the same p whatever their order here.
    """
    order = np.argsort(rank, kind="stable")
    greater, less = count_extremes(
        Sums(sums.values[order], sums.around[order], sums.counts[order]),
        permutations,
        seed,
        on_progress,
    )
    p = np.empty(rank.size)
    p[order] = np.minimum(1.0, 2.0 * (np.minimum(greater, less) + 1.0) / (permutations + 1.0))
    tested = (sums.counts > 0) & (sums.counts < rank.size - 1)
    return np.where(tested, p, np.nan)


def count_extremes(
    sums: Sums, permutations: int, seed: int, on_progress: OnProgress | None = None
) -> tuple[Ints, Ints]:
    """Count for each row (n,) the permutations whose sum is not below, and not above, what is seen."""
    n = sums.values.size
    rows = np.flatnonzero((sums.counts > 0) & (sums.counts < n - 1))
    greater, less = np.zeros(n, np.int64), np.zeros(n, np.int64)
    used = np.unique(sums.counts[rows]).astype(np.int64)
    slots = np.searchsorted(used, sums.counts)
    slack = TIE * float(np.abs(sums.values).max(initial=0.0))
    done = 0
    for shuffles in _shuffle(sums.values, used, permutations, seed):
        here = shuffles

        def step(first: int, stop: int, here: Shuffles = here) -> int:
            compare(sums, here, rows[first:stop], slots, slack, (greater, less))
            return stop

        share = done / permutations
        done += len(here.draws)
        run_in_pieces(rows.size, step, report_part(on_progress, share, done / permutations))
    return greater, less


def _shuffle(values: Floats, used: Ints, permutations: int, seed: int) -> Iterator[Shuffles]:
    """Draw the shuffles, as many at once as there is room for; `used` are the prefixes wanted (u,)."""
    if used.size == 0:
        return
    length = int(used[-1]) + 1
    bits, order = np.random.PCG64(seed), np.arange(values.size)
    at_once = max(1, ROOM // length)
    for first in range(0, permutations, at_once):
        count = min(at_once, permutations - first)
        # The raw stream of a bit generator is the same in every version of numpy; the rest is not.
        draws = draw(order, bits.random_raw(count * length).reshape(count, length))
        table = sum_prefixes(values, draws, used)
        starts, entries = invert(draws, values.size)
        yield Shuffles(draws, starts, entries, table, np.sort(table, axis=1))


@compiled
def draw(order: Ints, bits: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Shuffle the front of `order`, in place, for each line of random bits; return what comes there.

    Going on from the last shuffle is as good as starting anew: any order is as likely to come next.
    """
    draws = np.empty(bits.shape, np.int32)
    for line in range(bits.shape[0]):
        for turn in range(bits.shape[1]):
            share = (bits[line, turn] >> np.uint64(11)) * 2.0**-53
            other = turn + int(share * (order.size - turn))
            order[turn], order[other] = order[other], order[turn]
            draws[line, turn] = order[turn]
    return draws


@compiled
def sum_prefixes(values: Floats, draws: SmallInts, used: Ints) -> Floats:
    """Sum the first `used` (u,), rising, values of each shuffle, (u, c)."""
    table = np.empty((used.size, draws.shape[0]))
    for line in range(draws.shape[0]):
        total, turn = 0.0, 0
        for slot in range(used.size):
            while turn < used[slot]:
                total += values[draws[line, turn]]
                turn += 1
            table[slot, line] = total
    return table


@compiled
def invert(draws: SmallInts, count: int) -> tuple[Ints, Ints]:
    """List for each of `count` rows where it was drawn: starts (count + 1,) and entries."""
    starts = np.zeros(count + 1, np.int64)
    for line in range(draws.shape[0]):
        for turn in range(draws.shape[1]):
            starts[draws[line, turn] + 1] += 1
    for row in range(count):
        starts[row + 1] += starts[row]
    free, entries = starts[:-1].copy(), np.empty(draws.size, np.int64)
    drawn = draws.ravel()
    for entry in range(drawn.size):
        row = int(drawn[entry])
        entries[free[row]] = entry
        free[row] += 1
    return starts, entries


@compiled
def compare(
    sums: Sums,
    shuffles: Shuffles,
    rows: Ints,
    slots: Ints,
    slack: float,
    totals: tuple[Ints, Ints],
) -> None:
    """Add to `totals` (not below, not above) for these rows."""
    values, draws, count = sums.values, shuffles.draws, shuffles.draws.shape[0]
    length = shuffles.draws.shape[1]
    for row in rows:
        k, sums_drawn = sums.counts[row], shuffles.table[slots[row]]
        low = sums.around[row] - slack * (k + 1)
        high = sums.around[row] + slack * (k + 1)
        ordered = shuffles.ordered[slots[row]]
        greater = count - np.searchsorted(ordered, low)
        less = np.searchsorted(ordered, high, side="right")
        for at in range(shuffles.starts[row], shuffles.starts[row + 1]):
            line, turn = divmod(shuffles.entries[at], length)
            if turn < k:
                drawn = sums_drawn[line]
                instead = drawn + values[draws[line, k]] - values[row]
                greater += int(instead >= low) - int(drawn >= low)
                less += int(instead <= high) - int(drawn <= high)
        totals[0][row] += greater
        totals[1][row] += less
