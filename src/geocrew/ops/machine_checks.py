"""What the machine must give: a directory, room on the disk, restricted file formats."""

import shutil
from pathlib import Path
from tempfile import TemporaryFile

from geocrew.datasets import gdal
from geocrew.errors import ConfigurationError
from geocrew.ops.finding import Finding
from geocrew.settings import Settings

_GIBIBYTE = 1024**3


def check_data_dir(settings: Settings) -> Finding:
    """See that raster files and the private database can be written."""
    directory = _existing(settings.data_dir)
    try:
        with TemporaryFile(dir=directory):  # root may write by right where the file system cannot
            note = "" if directory == settings.data_dir else ", to be made"
    except OSError as error:
        advice = "choose another one with GEOCREW_DATA_DIR, or give this user the right to write there"
        return Finding("data directory", "problem", f"{directory}: {error.strerror}", advice)
    return Finding("data directory", "ok", f"{settings.data_dir} is writable{note}")


def check_disk(settings: Settings) -> Finding:
    """Warn below 5 GiB, where a larger import may not fit; below 0.5 GiB PostgreSQL is in danger."""
    free = shutil.disk_usage(_existing(settings.data_dir)).free / _GIBIBYTE
    message = f"{free:.1f} GiB free in {settings.data_dir}"
    if free < 0.5:
        return Finding("disk", "problem", message, "make room: jobs will fail half way")
    if free < 5:
        return Finding("disk", "warning", message, "make room before larger data comes in")
    return Finding("disk", "ok", message)


def check_drivers() -> Finding:
    """See that both copies of GDAL open no format but those that geocrew allows."""
    try:
        gdal.vector()
        gdal.raster()
    except ConfigurationError as error:
        return Finding("file formats", "problem", str(error), "install the locked requirements")
    names = ", ".join(sorted(gdal.VECTOR_DRIVERS | gdal.RASTER_DRIVERS))
    return Finding("file formats", "ok", f"GDAL is restricted to {names}")


def _existing(directory: Path) -> Path:
    """Return the directory or the nearest parent that is there."""
    return next(path for path in (directory, *directory.parents) if path.exists())
