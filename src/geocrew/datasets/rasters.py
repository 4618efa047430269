"""Rasters: re-encoded as Cloud-Optimized GeoTIFF into the raster directory, described in the catalog."""

import math
import os
import re
import secrets
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from geocrew.datasets import catalog, gdal, reference_systems
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.shelter import sheltered
from geocrew.datasets.staging import Staging
from geocrew.db import Connection, statement
from geocrew.errors import RefusedInput

# Of an import: dataset and chance; of a job: database, job and lease.
_NAME = re.compile(
    r"raster_(?:\d+_[0-9a-f]{16}|(?P<owner>[0-9a-f]{8})_j\d+_(?P<lease>[0-9a-f]{32}))\.tif(\.partial.*)?"
)
# GDAL's default is a twentieth of the machine's memory. With 64 MB a gigabyte takes no less CPU, and as
# two passes through it leave two such caches behind, 100 MB more.
_CACHE_BYTES = 16 * 1024 * 1024
_LOOK_SECONDS = 0.5
_COG = {
    "driver": "COG",
    "compress": "DEFLATE",
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
            write(inner, written)
            with opened(written) as raster:
                described = describe(connection, raster, srid)
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
    options = gdal.RASTER_OPTIONS | {"GDAL_CACHEMAX": _CACHE_BYTES}
    with rasterio.Env(**options), warnings.catch_warnings():
        # What lacks a place is refused with a message of ours, or was let in before.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, driver="GTiff") as raster:
            yield raster


def write_cog(source: Path, target: Path) -> None:
    """Re-encode GeoTIFF `source` as a COG at `target`, window by window."""
    rasterio = gdal.raster()
    with opened(source) as raster:
        # Predictors are for numbers of one part.
        predictor = "NO" if raster.dtypes[0].startswith("complex") else "YES"
        rasterio.shutil.copy(raster, str(target), predictor=predictor, **_COG)


def job_file(connection: Connection, staging: Staging) -> str:
    """Return the name of the raster that one attempt of a job may make, known by its lease."""
    return f"raster_{_owner(connection)}_j{staging.job_id}_{staging.lease.hex}.tif"


def orphans(connection: Connection, raster_dir: Path, min_age_seconds: float = 3600) -> list[Path]:
    """Return files of ours in `raster_dir` that no dataset points to.

    Younger ones may belong to an import or a job that has not committed yet.
    """
    limit = time.time() - min_age_seconds
    return [
        path
        for path in _unknown(connection, [path for path, _ in _files(raster_dir)])
        if _modified(path) <= limit
    ]


def sweep_orphans(connection: Connection, raster_dir: Path, live: Callable[[], set[UUID]]) -> list[Path]:
    """Remove the files of attempts whose lease is not live and that no dataset points to; returns them.

    The files are listed before `live` is called and the catalog read after it: an attempt that begins
    in between has no file among them, one that publishes in between has its dataset. Files of imports
    stay: no lease tells whether their process lives. So do those of other databases.
    """
    found = [(path, name) for path, name in _files(raster_dir) if name["lease"]]
    if not found:
        return []
    owner, keep = _owner(connection), live()
    stale = [path for path, name in found if name["owner"] == owner and UUID(name["lease"]) not in keep]
    gone = _unknown(connection, stale)
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def _files(raster_dir: Path) -> list[tuple[Path, re.Match[str]]]:
    """Return the files that have a name of ours, in order."""
    paths = sorted(raster_dir.iterdir()) if raster_dir.is_dir() else []
    named = [(path, _NAME.fullmatch(path.name)) for path in paths]
    return [(path, name) for path, name in named if name]


def _owner(connection: Connection) -> str:
    row = connection.execute(statement("geocrew.datasets.sql", "raster_owner")).fetchone()
    return str(row[0]) if row else ""


def _unknown(connection: Connection, paths: list[Path]) -> list[Path]:
    known = {file for (file,) in connection.execute(statement("geocrew.datasets.sql", "raster_files"))}
    return [path for path in paths if path.name not in known]


def _modified(path: Path) -> float:
    """Return when the file was written; one that is gone by now is as young as can be."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def write(source: Path, target: Path, progress: Callable[[float], None] = lambda _share: None) -> None:
    """Write a COG beside the target, reach the disk, then rename: no reader sees half a file."""
    partial = target.with_name(target.name + ".partial")
    try:
        with ThreadPoolExecutor(1) as pool:
            copying = pool.submit(write_cog, source, partial)
            # A COG is about as large as its source, and its overviews a third of that.
            expected = 4 / 3 * source.stat().st_size
            while wait([copying], _LOOK_SECONDS).not_done:
                progress(min(1.0, _size(partial) / expected))
            copying.result()
        flush(partial)
        partial.replace(target)
    finally:
        for each in target.parent.glob(f"{partial.name}*"):
            each.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def flush(path: Path) -> None:
    """Wait until the file's content has reached the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def describe(connection: Connection, raster: Any, srid: int | None) -> dict[str, Any]:
    """Return what the catalog says of rasterio's `raster`: srid, bbox and the rest."""
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
