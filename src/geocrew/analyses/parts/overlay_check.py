"""Shapes as they come from the server, each valid, mended or left out: checked before any shortcut."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_ladder import Verdict
from geocrew.analyses.parts.overlay_rings import Shapes
from geocrew.datasets.arrays import Array
from geocrew.datasets.features import OnInvalid
from geocrew.datasets.invalid import mend_shape
from geocrew.kernels.arrays import Ints
from geocrew.kernels.validity import is_valid


@dataclass
class Invalid:
    """What has been found: rows mended, and with nothing left of them; reasons of rows left out."""

    mended: int = 0
    lost: int = 0
    reasons: dict[int, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """All rows whose shape was not valid."""
        return self.mended + self.lost + len(self.reasons)


def check_shapes(
    found: Sequence[bytes | None], numbers: Ints, on_invalid: OnInvalid, invalid: Invalid
) -> tuple[Shapes, Array, Array]:
    """Return shapes (n,), verdicts (n,) and which were mended (n,); adds to `invalid`.

    PENDING are those with a valid shape, EMPTY those with none, SKIPPED those left out.
    """
    with np.errstate(invalid="ignore"):
        shapes: Shapes = shapely.from_wkb(np.array(found, np.object_), on_invalid="ignore")
    verdicts = np.full(len(shapes), Verdict.PENDING, np.int16)
    mended = np.zeros(len(shapes), bool)
    hollow = np.array([each is None for each in found], bool) | shapely.is_empty(shapes)
    verdicts[hollow] = Verdict.EMPTY
    present = np.flatnonzero(~hollow)
    for at in present[~is_valid(shapes[present])]:
        number, wkb = int(numbers[at]), found[at]
        if on_invalid == "skip":
            verdicts[at] = Verdict.SKIPPED
            invalid.reasons[number] = _reason(shapes[at])
            continue
        shapes[at] = None if wkb is None else mend_shape(wkb)
        if shapes[at] is None:
            verdicts[at] = Verdict.EMPTY
            invalid.lost += 1
        else:
            mended[at] = True
            invalid.mended += 1
    return shapes, verdicts, mended


def _reason(shape: Any) -> str:
    return "not closed" if shape is None else str(shapely.is_valid_reason(shape))
