"""How a raster tells the cells that hold no value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geocrew.errors import InvalidParameters, UserError

# What a whole number of complex_int16 must fit, for which numpy has no type.
_PARTS = {"complex_int16": "int16"}
# rasterio takes and gives nodata as a float: -2**63 among int64 was written as -9.
_MOST = 2**53 - 1


@dataclass(frozen=True)
class Void:
    """Cells without a value hold `fill`; a reader knows them by `nodata`, else by a mask where `masked`.

    Neither: by an alpha band among the cells. `replaces`: the nodata value is new, and cells that the
    source knows as void by other means must take it.
    """

    fill: float
    nodata: float | None
    masked: bool
    replaces: bool


def choose_void(raster: Any, bands: Sequence[int], nodata: float | None) -> Void:
    """Decide how the output tells void cells: by `nodata` where given, else as `raster` does.

    Raises UserError where that is a number that cannot be written.
    """
    if nodata is not None:
        return Void(nodata, nodata, masked=False, replaces=True)
    if is_beyond(raster):
        raise UserError(
            f"the nodata value of the raster's {raster.dtypes[0]} cells is beyond {_MOST}, so it cannot"
            " be written; give nodata, to replace it"
        )
    given, masked = usable_nodata(raster), has_mask(raster) and not _is_told_by_alpha(raster)
    if given is not None:
        return Void(given, given, masked, replaces=False)
    # Of an alpha band in any other place GDAL makes no mask.
    last = raster.colorinterp[bands[-1] - 1].name
    by_alpha = last == "alpha" and len(bands) in (2, 4)
    return Void(0, None, masked or not by_alpha, replaces=False)


def _is_told_by_alpha(raster: Any) -> bool:
    return any(each.name == "alpha" for each in raster.mask_flag_enums[0])


def usable_nodata(raster: Any) -> float | None:
    """Return the nodata value; None too where no cell can hold it, such as -9999 among bytes."""
    value: float | None = raster.nodata
    return value if value is not None and fits(value, raster.dtypes[0]) else None


def is_beyond(raster: Any) -> bool:
    """Say whether a nodata value tells void cells that only GDAL's mask of each band knows exactly."""
    by_value = any(each.name == "nodata" for each in raster.mask_flag_enums[0])
    return by_value and raster.dtypes[0] in ("int64", "uint64") and usable_nodata(raster) is None


def fits(value: float, dtype: str) -> bool:
    """Say whether a cell of that type can hold the value, and a GeoTIFF can name it."""
    kind = np.dtype(_PARTS.get(dtype, dtype))
    if kind.kind in "iu":
        least, most = _limits(kind)
        return float(value).is_integer() and least <= int(value) <= most
    return not np.isfinite(value) or abs(value) <= float(np.finfo(kind).max)


def _limits(kind: np.dtype[Any]) -> tuple[int, int]:
    limits = np.iinfo(kind)
    return max(int(limits.min), -_MOST), min(int(limits.max), _MOST)


def check_nodata(value: float, dtype: str, described: str) -> None:
    """Raise InvalidParameters where no cell of that type can hold the value, or no file name it."""
    if fits(value, dtype):
        return
    kind = np.dtype(_PARTS.get(dtype, dtype))
    if kind.kind in "iu":
        least, most = _limits(kind)
        choices = f"a whole number from {least} to {most}"
    else:
        choices = f'a number of at most {np.finfo(kind).max:g}, or "nan"'
    raise InvalidParameters(
        [f"nodata {value:.17g} does not fit the {dtype} cells of {described}; choose {choices}"]
    )


def has_mask(raster: Any) -> bool:
    """Say whether a mask or an alpha band tells which cells hold a value; it overrules nodata."""
    return any(each.name == "per_dataset" for each in raster.mask_flag_enums[0])
