"""What the machine must give: a directory, room on the disk, restricted file formats."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from geocrew.datasets import gdal
from geocrew.errors import ConfigurationError
from geocrew.ops.disks import directories, existing, room
from geocrew.ops.finding import Finding
from geocrew.settings import Settings

_GIBIBYTE = 1024**3
_VARIABLES = {"data": "GEOCREW_DATA_DIR", "logs": "GEOCREW_LOG_DIR"}


def check_directories(settings: Settings) -> Iterator[Finding]:
    """See that what geocrew writes to is writable and has room."""
    for name, directory in directories(settings).items():
        yield check_directory(name, directory)
        yield check_disk(name, directory)


def check_directory(kind: str, path: Path) -> Finding:
    """See that files can be written there."""
    directory, name = existing(path), f"{kind} directory"
    try:
        with TemporaryFile(dir=directory):  # root may write by right where the file system cannot
            note = "" if directory == path else ", to be made"
    except OSError as error:
        variable = _VARIABLES[kind]
        advice = f"choose another one with {variable}, or give this user the right to write there"
        return Finding(name, "problem", f"{directory}: {error.strerror}", advice)
    return Finding(name, "ok", f"{path} is writable{note}")


def check_disk(kind: str, path: Path) -> Finding:
    """Warn below 5 GiB, where a larger import may not fit; below 0.5 GiB PostgreSQL is in danger."""
    name, free = f"{kind} disk", room(path).free / _GIBIBYTE
    message = f"{free:.1f} GiB free in {path}"
    if free < 0.5:
        return Finding(name, "problem", message, "make room: jobs will fail half way")
    if free < 5:
        return Finding(name, "warning", message, "make room before larger data comes in")
    return Finding(name, "ok", message)


def check_drivers() -> Finding:
    """See that both copies of GDAL open no format but those that geocrew allows."""
    try:
        gdal.vector()
        gdal.raster()
    except ConfigurationError as error:
        return Finding("file formats", "problem", str(error), "install the locked requirements")
    names = ", ".join(sorted(gdal.VECTOR_DRIVERS | gdal.RASTER_DRIVERS))
    return Finding("file formats", "ok", f"GDAL is restricted to {names}")
