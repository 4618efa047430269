"""A raster that a job has written, ready to be published."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StagedRaster:
    """A file in the raster directory that no dataset points to yet, and what the catalog says of it.

    `raster` as datasets/rasters.py describes rasters; `bbox` is [xmin, ymin, xmax, ymax] in the SRID.
    """

    file: str
    raster: dict[str, Any]
    srid: int
    bbox: list[float]
