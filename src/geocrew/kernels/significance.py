"""From z to p, to p adjusted for many tests, to the seven classes of a hot spot map."""

import numpy as np
from scipy.special import ndtr

from geocrew.kernels.arrays import Floats, TinyInts

LEVELS = (0.10, 0.05, 0.01)
# Normal quantiles of 1 - level / 2 to the last bit: |z| at or above is significant at that level.
CUTOFFS = (1.6448536269514722, 1.959963984540054, 2.5758293035489004)


def two_sided_p(z: Floats) -> Floats:
    """Two-sided normal p of z (n,), right to the smallest float; NaN stays NaN."""
    return 2.0 * ndtr(-np.abs(z))


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjust p (n,) for many tests as Benjamini and Hochberg (1995); R's p.adjust(p, "BH").

    NaN is no test: it stays NaN and does not count.
    """
    tested = np.flatnonzero(~np.isnan(p))
    rising = tested[np.argsort(p[tested])]
    factors = tested.size / np.arange(1, tested.size + 1)
    adjusted = np.full(p.shape, np.nan)
    lowest_above = np.minimum.accumulate((factors * p[rising])[::-1])[::-1]
    adjusted[rising] = np.minimum(lowest_above, 1.0)
    return adjusted


def bins_by_z(z: Floats) -> TinyInts:
    """Confidence bin int2 (n,), -3 to 3 with the sign of z; 0 where z is NaN."""
    return _signed(z, sum((np.abs(z) >= cutoff).astype(np.int16) for cutoff in CUTOFFS))


def bins_by_p(z: Floats, p: Floats) -> TinyInts:
    """Confidence bin int2 (n,) from p, say an adjusted one, with the sign of z; 0 for NaN.

    With adjusted p this is the step-up at each level: the strictest level that is passed.
    """
    return _signed(z, sum((p <= level).astype(np.int16) for level in LEVELS))


def _signed(z: Floats, steps: TinyInts | int) -> TinyInts:
    return np.where(z < 0, -np.asarray(steps), steps).astype(np.int16)
