"""Rasters: re-encoded as Cloud-Optimized GeoTIFF into the raster directory, described in the catalog."""

import math
import re
import secrets
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from geocrew.datasets import catalog, gdal, raster_cog, reference_systems
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.shelter import sheltered
from geocrew.datasets.staging import Staging
from geocrew.db import Connection, statement
from geocrew.errors import RefusedInput

# From here on a float may stand for several whole numbers.
_ROUNDED = 2.0**53
# Of an import: database, dataset and chance, before 0008 without the database; of a job: database, job
# and lease.
_NAME = re.compile(
    r"(?P<file>raster_(?:\d+_[0-9a-f]{16}"
    r"|(?P<owner>[0-9a-f]{8})_(?:i\d+_[0-9a-f]{16}|j\d+_(?P<lease>[0-9a-f]{32})))\.tif)(\.partial.*)?"
)


def import_raster(
    connection: Connection, path: Path, *, name: str, srid: int | None, user_id: int, raster_dir: Path
) -> Dataset:
    """Re-encode a GeoTIFF and add it to the catalog; the file is there before the row."""
    rasterio = gdal.raster()
    written: Path | None = None
    try:
        with sheltered(path) as inner, connection.transaction():
            dataset_id = catalog.reserve(connection, name, user_id)
            written = raster_dir / _reserve_file(connection, dataset_id)
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


def _reserve_file(connection: Connection, dataset_id: int) -> str:
    """Return a name that no sweep takes while this transaction lasts."""
    name = f"raster_{_owner(connection)}_i{dataset_id}_{secrets.token_hex(8)}.tif"
    connection.execute(statement("geocrew.datasets.sql", "raster_lock"), {"name": name})
    return name


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Yield the rasterio dataset of a GeoTIFF, opened by that driver alone, with no file beside."""
    rasterio = gdal.raster()
    options = gdal.RASTER_OPTIONS | {"GDAL_CACHEMAX": raster_cog.CACHE_BYTES}
    with rasterio.Env(**options), warnings.catch_warnings():
        # What lacks a place is refused with a message of ours, or was let in before.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, driver="GTiff") as raster:
            yield raster


def write(source: Path, target: Path) -> None:
    """Re-encode GeoTIFF `source` as a COG at `target`, window by window.

    Raises OSError where the disk is full, TransientError where it cannot be written for another reason.
    """
    rasterio = gdal.raster()
    cells = target.with_name(target.name + ".partial.cells")
    try:
        with (
            opened(source) as raster,
            raster_cog.options(),
            raster_cog.watching(target.parent, raster_cog.measure(raster)),
        ):
            rasterio.shutil.copy(raster, str(cells), **raster_cog.layout(raster))
        with raster_cog.watching(target.parent):
            raster_cog.add_overviews(cells)
        raster_cog.finish([cells], target)
    finally:
        cells.unlink(missing_ok=True)


def job_file(connection: Connection, staging: Staging) -> str:
    """Return the name of the raster that one attempt of a job may make, known by its lease."""
    return f"raster_{_owner(connection)}_j{staging.job_id}_{staging.lease.hex}.tif"


def orphans(connection: Connection, raster_dir: Path, min_age_seconds: float = 3600) -> list[Path]:
    """Return files of ours in `raster_dir` that no dataset points to.

    Younger ones may belong to an import or a job that has not committed yet.
    """
    limit, owner = time.time() - min_age_seconds, _owner(connection)
    ours = [path for path, name in _files(raster_dir) if name["owner"] in (None, owner)]
    return [path for path in _unknown(connection, ours) if _modified(path) <= limit]


def sweep_orphans(connection: Connection, raster_dir: Path, live: Callable[[], set[UUID]]) -> list[Path]:
    """Remove the files of dead attempts and imports that no dataset points to; returns them.

    An attempt is dead when its lease is not live, an import when nobody holds the lock of its file. The
    files are listed before that is asked and the catalog read after it: what begins in between has no
    file among them, what is published in between has its dataset. Files of other databases stay.
    """
    owned = [(path, name) for path, name in _files(raster_dir) if name["owner"]]
    if not owned:
        return []
    owner = _owner(connection)
    found = [(path, name) for path, name in owned if name["owner"] == owner]
    keep = live() if any(name["lease"] for _, name in found) else set()
    ended = _ended(connection, {name["file"] for _, name in found if not name["lease"]})
    stale = [
        path
        for path, name in found
        if (UUID(name["lease"]) not in keep if name["lease"] else name["file"] in ended)
    ]
    gone = _unknown(connection, stale)
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def _ended(connection: Connection, imports: set[str]) -> set[str]:
    """Return those of some files of imports whose import has committed, was rolled back, or is gone."""
    asked = {"names": sorted(imports)}
    rows = (
        connection.execute(statement("geocrew.datasets.sql", "raster_unlocked"), asked)
        if imports
        else ()
    )
    return {name for (name,) in rows}


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
            "nodata": [_nodata(*each) for each in zip(raster.nodatavals, raster.dtypes, strict=True)],
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


def _nodata(value: float | None, dtype: str) -> float | str | None:
    """Return what the catalog says; None where a value of 64 bits was rounded on its way to a float.

    JSON has neither NaN, the most common nodata of floating point rasters, nor infinity.
    """
    if value is None or (dtype in ("int64", "uint64") and abs(value) >= _ROUNDED):
        return None
    return value if math.isfinite(value) else str(value)


def _unlink(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)
