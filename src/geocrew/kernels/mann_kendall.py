"""Does a series rise or fall? The rank test of Mann (1945) and Kendall (1975), over many series at once.

S = sum over pairs a < b of sign(x_b - x_a); var = (T(T-1)(2T+5) - sum t(t-1)(2t+5)) / 18, t over groups
of equal values; z = (S - sign S) / sqrt(var). Mann, Econometrica 13 (1945) 245-259; Kendall, Rank
Correlation Methods (1975).

Series lie end to end: series i is values[offsets[i]:offsets[i + 1]], and NaN is a missing bin.
"""

from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.significance import two_sided_p


class Trend(NamedTuple):
    """S int8, z and two-sided p float8 of each series (m,); NaN below two values, z 0 if all tie."""

    s: Ints
    z: Floats
    p: Floats


def mann_kendall(values: Floats, offsets: Ints) -> Trend:
    """Test each series of values float8 (n,), offsets int8 (m + 1,); NaN is skipped."""
    s, variance = sum_signs(values, offsets)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance == 0, 0.0, (s - np.sign(s)) / np.sqrt(variance))
    return Trend(s, z, two_sided_p(z))


@compiled
def sum_signs(values: Floats, offsets: Ints) -> tuple[Ints, Floats]:
    """S and its variance, (m,); the variance of fewer than two values is NaN."""
    count = offsets.size - 1
    s, variance = np.zeros(count, np.int64), np.full(count, np.nan)
    for series in range(count):
        whole = values[offsets[series] : offsets[series + 1]]
        seen = whole[~np.isnan(whole)]
        if seen.size < 2:
            continue
        total = 0
        for a in range(seen.size):
            for b in range(a + 1, seen.size):
                total += int(seen[b] > seen[a]) - int(seen[b] < seen[a])
        s[series] = total
        variance[series] = (weigh(seen.size) - weigh_ties(np.sort(seen))) / 18.0
    return s, variance


@compiled
def weigh(size: int) -> int:
    """Return 18 times the variance of S in a group of this size without ties."""
    return size * (size - 1) * (2 * size + 5)


@compiled
def weigh_ties(rising: Floats) -> int:
    """Sum `weigh` over the groups of equal values in a sorted series."""
    total, first = 0, 0
    for at in range(1, rising.size + 1):
        if at == rising.size or rising[at] != rising[first]:
            total += weigh(at - first)
            first = at
    return total


@compiled
def level_out(values: Floats, offsets: Ints, apart: float) -> Floats:
    """Replace values (n,) by levels 0, 1 …: along a sorted series a gap above `apart` starts the next.

    Two values computed in different ways are thus equal where they ought to be; NaN stays NaN.
    """
    levels = values.copy()
    for series in range(offsets.size - 1):
        first = offsets[series]
        rising = np.argsort(values[first : offsets[series + 1]]) + first  # NaN last
        level = 0.0
        for at in range(rising.size):
            value = values[rising[at]]
            if np.isnan(value):
                break
            if at > 0 and value - values[rising[at - 1]] > apart:
                level += 1.0
            levels[rising[at]] = level
    return levels
