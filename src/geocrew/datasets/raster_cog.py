"""A raster's file: a Cloud-Optimized GeoTIFF, kept beside its target until it is whole."""

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from geocrew.datasets import gdal
from geocrew.datasets.raster_layout import arrange
from geocrew.errors import TransientError

BLOCK = 512
# Against level 6, that GDAL takes without being told: 2.6 times less CPU, 4 % more bytes (10,000²
# int16); level 1 takes as long as 4, and 14 % more bytes.
_LEVEL = 4
_LOOK_SECONDS = 0.5
# GDAL's default is a twentieth of the machine's memory. With 64 MB a gigabyte takes no less CPU, and as
# two passes through it leave two such caches behind, 100 MB more.
CACHE_BYTES = 16 * 1024 * 1024


def layout(raster: Any) -> dict[str, Any]:
    """Return GDAL's creation options of a GeoTIFF whose blocks can become those of a COG."""
    return {
        "driver": "GTiff",
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "DEFLATE",
        "zlevel": _LEVEL,
        "predictor": _predictor(raster),
        "interleave": "pixel",
        "bigtiff": "IF_SAFER",
        "endianness": "LITTLE",
    }


def _predictor(raster: Any) -> int:
    """Return how neighbours are compared: as whole numbers (2) or floats (3); 1: not at all."""
    dtype = raster.dtypes[0]
    # Predictors are for numbers of one part, and of whole bytes.
    if dtype.startswith("complex") or "NBITS" in raster.tags(1, ns="IMAGE_STRUCTURE"):
        return 1
    return 3 if np.dtype(dtype).kind == "f" else 2


@contextmanager
def options() -> Iterator[None]:
    """Have GDAL write masks into the file, and overviews in blocks like those of the cells."""
    settings = {
        "GDAL_CACHEMAX": CACHE_BYTES,
        "GDAL_TIFF_INTERNAL_MASK": True,
        "GDAL_TIFF_OVR_BLOCKSIZE": BLOCK,
        "ZLEVEL_OVERVIEW": _LEVEL,
    }
    rasterio = gdal.raster()
    with rasterio.Env(**settings), warnings.catch_warnings():
        # What lacks a place is refused with a message of ours, or was let in before.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield


def finish(cells: Path, target: Path, progress: Callable[[float], None] = lambda _share: None) -> None:
    """Make a COG of `cells`, a GeoTIFF of the layout above, which gets its overviews.

    It grows beside the target, reaches the disk, and is renamed then: no reader sees half a file. Raises
    TransientError where it cannot be written: the disk may be full.
    """
    rasterio = gdal.raster()
    partial = target.with_name(target.name + ".partial")
    try:
        with ThreadPoolExecutor(1) as pool:
            # Overviews are a third of the cells; after them, the COG is as large as both.
            expected = 8 / 3 * max(1, cells.stat().st_size)
            making = pool.submit(_make, cells, partial)
            while wait([making], _LOOK_SECONDS).not_done:
                progress(min(1.0, (_size(cells) + _size(partial)) / expected))
            making.result()
        flush(partial)
        partial.replace(target)
    except (OSError, ValueError, rasterio.errors.RasterioError, rasterio._err.CPLE_BaseError) as error:  # noqa: SLF001  # no public name
        raise TransientError(f"the raster cannot be written in {target.parent}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _make(cells: Path, partial: Path) -> None:
    _add_overviews(cells)
    arrange(cells, partial)


def _add_overviews(cells: Path) -> None:
    """Halve until one block holds all.

    Values between classes do not exist, hence the nearest; a mean of elevations does no harm by being
    absent.
    """
    rasterio = gdal.raster()
    with options(), rasterio.open(cells, "r+", driver="GTiff") as raster:
        longest = max(raster.shape)
        factors: list[int] = []
        while longest > BLOCK:
            longest //= 2
            factors.append(2 ** (len(factors) + 1))
        if factors:
            raster.build_overviews(factors, rasterio.enums.Resampling.nearest)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def flush(path: Path) -> None:
    """Wait until the file's content has reached the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
