"""Rasters made for a test, in the catalog as an import leaves them, and their clips."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from affine import Affine
from tests.run_analysis import Run, run_analysis

from geocrew.datasets.gdal import raster
from geocrew.datasets.importer import import_file
from geocrew.db import Connection

rasterio = raster()
# Not before geocrew has restricted GDAL.
masks = import_module("rasterio.mask")
Array = npt.NDArray[Any]

_NODATA_TAG = 42113  # GDAL_NODATA
UTM = Affine(10, 0, 500_000, 0, -10, 5_000_000)


def write(path: Path, cells: Array, mask: Array | None = None, **options: Any) -> Path:
    """Write bands (n, rows, columns) as GeoTIFF, in UTM 33N unless told otherwise."""
    count, height, width = cells.shape
    profile = {
        "driver": "GTiff",
        "count": count,
        "height": height,
        "width": width,
        "dtype": cells.dtype,
        "crs": "EPSG:32633",
        "transform": UTM,
    } | options
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as opened:
        opened.write(cells)
        if mask is not None:
            opened.write_mask(mask)
    return path


def random_cells(*shape: int, dtype: str = "int16", seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(1, 120, shape).astype(dtype)


def geojson(shape: Any, srid: int = 32633) -> dict[str, Any]:
    """A shape in the raster's system as GeoJSON in degrees, vertex by vertex."""
    back = pyproj.Transformer.from_crs(srid, 4326, always_xy=True)
    turned = shapely.transform(shape, lambda p: np.column_stack(back.transform(p[:, 0], p[:, 1])))
    found: dict[str, Any] = shapely.geometry.mapping(turned)
    return found


@dataclass(frozen=True)
class Clipped:
    """The source and what came out, read whole."""

    run: Run
    source: Path
    path: Path

    @property
    def cells(self) -> Array:
        with rasterio.open(self.path) as opened:
            found: Array = opened.read()
        return found

    @property
    def mask(self) -> Array:
        with rasterio.open(self.path) as opened:
            found: Array = opened.read_masks(1)
        return found

    @property
    def transform(self) -> Affine:
        with rasterio.open(self.path) as opened:
            found: Affine = opened.transform
        return found

    @property
    def window(self) -> tuple[slice, slice]:
        """Where the output lies in the source: rows and columns."""
        with rasterio.open(self.source) as source, rasterio.open(self.path) as opened:
            column, row = ~source.transform @ (opened.transform.c, opened.transform.f)
            first = round(row), round(column)
            assert np.allclose(first, (row, column), atol=1e-6)
            return (
                slice(first[0], first[0] + opened.height),
                slice(first[1], first[1] + opened.width),
            )


Clip = Callable[..., Clipped]


def clip(connection: Connection, raster_dir: Path, path: Path, geometry: Any, **params: Any) -> Clipped:
    """Import a GeoTIFF and clip it."""
    dataset = import_file(connection, path, raster_dir=raster_dir)
    given = {"raster_dataset_id": dataset.id, "clip_geometry": geometry} | params
    run = run_analysis(connection, "raster_clip", given, raster_dir=raster_dir)
    source = raster_dir / str(dataset.raster_file)
    return Clipped(run, source, raster_dir / str(run.dataset.raster_file))


def mark(path: Path, nodata: int) -> None:
    """Have a GeoTIFF name a nodata value to the last digit, as GDAL's own programs do."""
    raw = bytearray(path.read_bytes())
    (place,) = struct.unpack_from("<I", raw, 4)
    (count,) = struct.unpack_from("<H", raw, place)
    tags = range(place + 2, place + 2 + 12 * count, 12)
    (entry,) = (at for at in tags if struct.unpack_from("<H", raw, at)[0] == _NODATA_TAG)
    text = f"{nodata}\0".encode("ascii")
    struct.pack_into("<II", raw, entry + 4, len(text), len(raw))
    path.write_bytes(raw + text)
