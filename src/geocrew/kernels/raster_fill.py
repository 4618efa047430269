"""Which cells hold a value, and filling those that do not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[Any]
Flags = NDArray[np.bool_]


def equals(cells: Cells, value: Any) -> Flags:
    """Say which cells are `value`; NaN equals NaN here."""
    return np.isnan(cells) if np.isnan(value) else cells == value


def fill(cells: Cells, kept: Flags, value: Any) -> Cells:
    """Return cells (bands, rows, columns) with `value` where `kept` (broadcast to them) is false."""
    return np.where(kept, cells, cells.dtype.type(value))
