"""The directories that geocrew fills, and the room that is left in each."""

import shutil
from pathlib import Path
from typing import NamedTuple

from geocrew.settings import Settings


class Room(NamedTuple):
    """Bytes of a file system: what this user may still write, and its size."""

    free: int
    size: int


def directories(settings: Settings) -> dict[str, Path]:
    """Return what is written to: `data`, and `logs` where log files are asked for."""
    found = {"data": settings.data_dir}
    return found if settings.log_dir is None else found | {"logs": settings.log_dir}


def room(directory: Path) -> Room:
    """Measure the file system of a directory that may yet have to be made; raises OSError."""
    usage = shutil.disk_usage(existing(directory))
    return Room(usage.free, usage.total)


def existing(directory: Path) -> Path:
    """Return the directory or the nearest parent that is there."""
    return next(path for path in (directory, *directory.parents) if path.exists())
