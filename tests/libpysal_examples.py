"""Polygons that come with libpysal, read as geocrew reads files: importing GDAL fixes its drivers."""

from typing import Any

import libpysal

from geocrew.datasets import gdal


def example(name: str) -> Any:
    """Read an example, say columbus.shp, as a GeoDataFrame."""
    return gdal.vector().read_dataframe(libpysal.examples.get_path(name))
