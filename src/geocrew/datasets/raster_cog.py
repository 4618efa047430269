"""A raster's file: a Cloud-Optimized GeoTIFF, kept beside its target until it is whole."""

import errno
import os
import re
import shutil
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from geocrew.datasets import gdal
from geocrew.datasets.raster_layout import arrange
from geocrew.errors import TransientError

BLOCK = 512
# Against level 4, that libdeflate takes two to three times as long for (int16 terrain, float32, photos):
# 1 to 9 % more bytes. GDAL's own 6 takes as long again.
_LEVEL = 1
_LOOK_SECONDS = 0.5
# GDAL's default is a twentieth of the machine's memory, and keeps it. A clip holds two short rows of the
# source's blocks, one of the output's and those of the overviews: some forty blocks, or it decodes and
# encodes what it had already (3 bands of int16: 64 MB take a quarter less CPU than 16).
CACHE_BYTES = 16 * 1024 * 1024
_CACHED_BLOCKS, _MOST_CACHE_BYTES = 40, 64 * 1024 * 1024
# GDAL says "Write error" where the disk is full, not why; what is left then is less than a block.
_FULL_BYTES = 64 * 1024
_WRITE_ERROR = re.compile("write error|writing", re.IGNORECASE)


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


def choose_cache(dtype: str, bands: int) -> int:
    """Return the bytes that GDAL may keep of blocks while a raster is clipped."""
    block = BLOCK * BLOCK * bands * _cell_bytes(dtype)
    return max(CACHE_BYTES, min(_CACHED_BLOCKS * block, _MOST_CACHE_BYTES))


def _cell_bytes(dtype: str) -> int:
    return 4 if dtype == "complex_int16" else np.dtype(dtype).itemsize  # numpy lacks that one


@contextmanager
def options(cache_bytes: int = CACHE_BYTES) -> Iterator[None]:
    """Have GDAL write masks into the file, and overviews in blocks like those of the cells."""
    settings = {
        "GDAL_CACHEMAX": cache_bytes,
        "GDAL_TIFF_INTERNAL_MASK": True,
        "GDAL_TIFF_OVR_BLOCKSIZE": BLOCK,
        "ZLEVEL_OVERVIEW": _LEVEL,
    }
    rasterio = gdal.raster()
    with rasterio.Env(**settings), warnings.catch_warnings():
        # What lacks a place is refused with a message of ours, or was let in before.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield


@contextmanager
def watching(directory: Path, size: int = 0) -> Iterator[None]:
    """Raise OSError, no space left, for whatever fails inside while the disk of `directory` is full.

    What GDAL cannot write on closing a file it does not even tell; hence the look at the end, too. A
    copy that it could not finish it removes; `size`: the bytes that it may have wanted.
    """
    try:
        yield
    except Exception as error:
        wanted = size if _WRITE_ERROR.search(str(error)) else 0
        if _is_full(directory, wanted):
            raise _no_space(directory) from error
        raise
    if _is_full(directory):
        raise _no_space(directory)


def _is_full(directory: Path, wanted: int = 0) -> bool:
    return shutil.disk_usage(directory).free < max(_FULL_BYTES, wanted)


def _no_space(directory: Path) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))


def measure(raster: Any) -> int:
    """Return the bytes of all cells, uncompressed."""
    size: int = raster.width * raster.height * raster.count * _cell_bytes(raster.dtypes[0])
    return size


def finish(
    sources: Sequence[Path], target: Path, progress: Callable[[float], None] = lambda _share: None
) -> None:
    """Make a COG of GeoTIFFs of the layout above: the first has the cells, all together the overviews.

    It grows beside the target, reaches the disk, and is renamed then: no reader sees half a file. Raises
    TransientError where it cannot be written, OSError where the disk is full.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        with watching(target.parent), ThreadPoolExecutor(1) as pool:
            expected = max(1, sum(map(_size, sources)))
            making = pool.submit(arrange, sources, partial)
            while wait([making], _LOOK_SECONDS).not_done:
                progress(min(1.0, _size(partial) / expected))
            making.result()
            flush(partial)
        partial.replace(target)
    except (OSError, ValueError, struct.error) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise TransientError(f"the raster cannot be written in {target.parent}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def add_overviews(cells: Path) -> None:
    """Halve until one block holds all.

    Values between classes do not exist, hence the nearest; a mean of elevations does no harm by being
    absent. Raises TransientError where they cannot be written.
    """
    rasterio = gdal.raster()
    try:
        with options(), rasterio.open(cells, "r+", driver="GTiff") as raster:
            factors = [2**number for number in range(1, halvings(raster.width, raster.height) + 1)]
            if factors:
                raster.build_overviews(factors, rasterio.enums.Resampling.nearest)
    except (rasterio.errors.RasterioError, rasterio._err.CPLE_BaseError) as error:  # noqa: SLF001  # no public name
        raise TransientError(f"the overviews cannot be written in {cells.parent}: {error}") from error


def halvings(width: int, height: int) -> int:
    """Return how many overviews there are, the last of which one block holds."""
    number = 0
    while max(width, height) >> number > BLOCK:
        number += 1
    return number


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def flush(path: Path) -> None:
    """Wait until the file's content has reached the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
