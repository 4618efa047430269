"""What has become of a hot or cold spot: the seventeen categories of emerging hot spot analysis.

The categories are those of ArcGIS's Emerging Hot Spot Analysis, whose text lets some series fall in two;
here they are a total order. With T bins of a series, H hot and C cold ones among them, L the latest:

L hot, H = 1 and C = 0          new
L hot, 10 H >= 9 T              intensifying, diminishing, persistent: the trend is up, down, neither
L hot, C > 0                    oscillating
L hot, one run of hot bins      consecutive
L hot, otherwise                sporadic
L neither, 10 H >= 9 T          historical
otherwise                       none

and the same for cold, where a falling trend intensifies. Whole numbers: 0.9 * T in floats is not exact.
"""

import numpy as np

from geocrew.kernels.arrays import Floats, Ints, TinyInts
from geocrew.kernels.compiled import compiled

# A cold spot of the same kind has the negative number.
KINDS = (
    "none",
    "new",
    "consecutive",
    "intensifying",
    "persistent",
    "diminishing",
    "sporadic",
    "oscillating",
    "historical",
)
NONE, NEW, CONSECUTIVE, INTENSIFYING, PERSISTENT, DIMINISHING, SPORADIC, OSCILLATING, HISTORICAL = range(
    9
)


@compiled
def find_patterns(z: Floats, bins: TinyInts, offsets: Ints, trends: TinyInts) -> TinyInts:
    """Classify each series: int2 (m,), 0 to 8 as in KINDS, negative for cold.

    Series i is rows offsets[i]:offsets[i + 1], in order of time. bins int2 (n,) are significant and hot
    above 0, cold below; rows whose z (n,) is NaN are missing. trends int2 (m,) are above 0 where z rises
    significantly, below where it falls.
    """
    patterns = np.zeros(offsets.size - 1, np.int16)
    for series in range(patterns.size):
        seen = hot = cold = latest = runs = 0
        for at in range(offsets[series], offsets[series + 1]):
            if np.isnan(z[at]):
                continue
            side = int(np.sign(bins[at]))
            seen += 1
            hot += int(side > 0)
            cold += int(side < 0)
            runs += int(side not in (0, latest))
            latest = side
        if latest < 0:
            patterns[series] = -name_present(seen, cold, hot, runs, -trends[series])
        elif latest > 0:
            patterns[series] = name_present(seen, hot, cold, runs, trends[series])
        elif seen > 0 and 10 * hot >= 9 * seen:
            patterns[series] = HISTORICAL
        elif seen > 0 and 10 * cold >= 9 * seen:
            patterns[series] = -HISTORICAL
    return patterns


@compiled
def name_present(seen: int, same: int, other: int, runs: int, trend: int) -> int:
    """Classify a series whose latest bin is significant, from its bins of that side and of the other."""
    if same == 1 and other == 0:
        return NEW
    if 10 * same >= 9 * seen:
        return PERSISTENT if trend == 0 else INTENSIFYING if trend > 0 else DIMINISHING
    if other > 0:
        return OSCILLATING
    return CONSECUTIVE if runs == 1 else SPORADIC
