"""The overviews of a clip are made on the way, block by block: every second cell, every fourth …"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from tests.integration.analyses.rasters import UTM, clip, geojson, random_cells, rasterio, write

from geocrew.datasets import raster_cog
from geocrew.db import Connection

WIDTH, HEIGHT = 4_611, 1_031  # nine columns of blocks, so two stripes of them; odd at every halving


def ring() -> Any:
    """A rhombus with a hole, that leaves corners empty; it begins at an odd cell."""
    x = np.array([4600.0, 2300, 1, 2300, 4600])
    y = np.array([500.0, 1029, 500, 3, 500])
    hole = np.array([2000.0, 2600, 2600, 2000, 2000]), np.array([400.0, 400, 600, 600, 400])
    rings = [np.column_stack((UTM.c + UTM.a * a, UTM.f + UTM.e * b)) for a, b in ((x, y), hole)]
    return geojson(shapely.Polygon(rings[0], rings[1:]))


@pytest.mark.parametrize("crop", [True, False])
@pytest.mark.parametrize("nodata", [None, -1])
def test_overviews_are_every_second_cell(
    connection: Connection, tmp_path: Path, nodata: int | None, crop: bool
) -> None:
    path = write(tmp_path / "x.tif", random_cells(2, HEIGHT, WIDTH), nodata=nodata)
    clipped = clip(connection, tmp_path / "rasters", path, ring(), crop=crop)
    cells, mask = clipped.cells, clipped.mask
    assert cells.shape[1:] != (HEIGHT, WIDTH) or not crop
    with rasterio.open(clipped.path) as opened:
        factors = opened.overviews(1)
    assert factors == [2, 4, 8, 16]
    for number, factor in enumerate(factors):
        with rasterio.open(clipped.path, overview_level=number) as less:
            assert np.array_equal(less.read(), cells[:, ::factor, ::factor])
            assert np.array_equal(less.read_masks(1), mask[::factor, ::factor])
            assert (less.nodata, less.shape) == (nodata, cells[0, ::factor, ::factor].shape)
    assert max(cells.shape) >> len(factors) <= raster_cog.BLOCK
