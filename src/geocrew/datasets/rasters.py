"""Rasters: re-encoded as Cloud-Optimized GeoTIFF into the raster directory, described in the catalog."""

import math
import os
import re
import secrets
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geocrew.datasets import catalog, gdal, reference_systems
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.shelter import sheltered
from geocrew.db import Connection, statement
from geocrew.errors import RefusedInput

_NAME = re.compile(r"raster_\d+_[0-9a-f]{16}\.tif(\.partial.*)?")
_COG = {
    "driver": "COG",
    "compress": "DEFLATE",
    "predictor": "YES",
    "bigtiff": "IF_SAFER",
    # The source's overviews may be another file's, or wrong.
    "overviews": "IGNORE_EXISTING",
    # Values between classes do not exist; a mean of elevations does no harm by being absent.
    "overview_resampling": "NEAREST",
}


def import_raster(
    connection: Connection, path: Path, *, name: str, srid: int | None, user_id: int, raster_dir: Path
) -> Dataset:
    """Re-encode a GeoTIFF and add it to the catalog; the file is there before the row."""
    rasterio = gdal.raster()
    written: Path | None = None
    try:
        with sheltered(path) as inner, connection.transaction():
            dataset_id = catalog.reserve(connection, name, user_id)
            written = raster_dir / f"raster_{dataset_id}_{secrets.token_hex(8)}.tif"
            raster_dir.mkdir(parents=True, exist_ok=True)
            _write(inner, written)
            with opened(written) as raster:
                described = _describe(connection, raster, srid)
            dataset = Dataset(
                **described,
                id=dataset_id,
                user_id=user_id,
                name=name[:200],
                kind="raster",
                raster_file=written.name,
                source={"file": path.name, "format": "GeoTIFF", "notes": _notes(described["srid"])},
            )
            catalog.add(connection, dataset)
            return dataset
    except (rasterio.errors.RasterioError, rasterio._err.CPLE_BaseError) as error:  # noqa: SLF001  # no public name
        _unlink(written)
        raise RefusedInput(f'"{path.name}" cannot be read as a GeoTIFF: {error}') from error
    except BaseException:
        _unlink(written)
        raise


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Yield the rasterio dataset of a GeoTIFF, opened by that driver alone, with no file beside."""
    rasterio = gdal.raster()
    with rasterio.Env(**gdal.RASTER_OPTIONS), warnings.catch_warnings():
        # What lacks a place is refused with a message of ours, or was let in before.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, driver="GTiff") as raster:
            yield raster


def write_cog(source: Path, target: Path) -> None:
    """Re-encode GeoTIFF `source` as a COG at `target`, window by window."""
    rasterio = gdal.raster()
    with opened(source) as raster:
        rasterio.shutil.copy(raster, str(target), **_COG)


def orphans(connection: Connection, raster_dir: Path, min_age_seconds: float = 3600) -> list[Path]:
    """Return files of ours in `raster_dir` that no dataset points to.

    Younger ones may belong to an import that has not committed yet.
    """
    rows = connection.execute(statement("geocrew.datasets.sql", "raster_files"))
    known = {file for (file,) in rows}
    limit = time.time() - min_age_seconds
    return sorted(
        each
        for each in (raster_dir.iterdir() if raster_dir.is_dir() else ())
        if each.name not in known and _NAME.fullmatch(each.name) and each.stat().st_mtime <= limit
    )


def _write(inner: Path, target: Path) -> None:
    """Write beside the target, reach the disk, then rename: no reader sees half a file."""
    partial = target.with_name(target.name + ".partial")
    try:
        write_cog(inner, partial)
        flush(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until the file's content has reached the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _describe(connection: Connection, raster: Any, srid: int | None) -> dict[str, Any]:  # rasterio
    if raster.crs is None and raster.transform.is_identity and not raster.gcps[0]:
        raise RefusedInput("the TIFF file has no georeference: neither a place nor a reference system")
    crs = raster.crs.to_wkt() if raster.crs else None
    chosen = reference_systems.identify(connection, crs) if srid is None else srid
    reference_systems.check(connection, chosen)
    return {
        "srid": chosen,
        "bbox": _bounds(raster),
        "raster": {
            "width": raster.width,
            "height": raster.height,
            "bands": raster.count,
            "dtypes": list(raster.dtypes),
            "nodata": [_number(each) for each in raster.nodatavals],
            "descriptions": list(raster.descriptions),
            "transform": list(raster.transform)[:6],
            "resolution": list(raster.res),
            "crs_wkt": crs,
            "epsg": chosen or None,
            "block_shape": list(raster.block_shapes[0]),
            "overviews": raster.overviews(1),
            "compression": raster.compression.value if raster.compression else None,
            "bytes": Path(raster.name).stat().st_size,
        },
    }


def _notes(srid: int) -> list[str]:
    return [] if srid else ["the file names no coordinate reference system; its SRID is 0"]


def _bounds(raster: Any) -> list[float]:
    """Return the box around the four corners, whichever way up, mirrored or turned the grid is."""
    a, b, c, d, e, f = raster.transform[:6]
    corners = [
        (a * i + b * j + c, d * i + e * j + f) for i in (0, raster.width) for j in (0, raster.height)
    ]
    xs, ys = zip(*corners, strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def _number(value: float | None) -> float | str | None:
    """JSON has no NaN, the most common nodata of floating point rasters."""
    return "nan" if value is not None and math.isnan(value) else value


def _unlink(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)
