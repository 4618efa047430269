"""Runs of equal values."""

import numpy as np

from geocrew.kernels.arrays import Ints


def places_in_runs(values: Ints) -> Ints:
    """Return for values (n,) the place of each in its run of equal ones, from 0."""
    at = np.arange(values.size)
    fresh = np.ones(values.size, bool)
    fresh[1:] = values[1:] != values[:-1]
    return np.asarray(at - np.maximum.accumulate(np.where(fresh, at, 0)))
