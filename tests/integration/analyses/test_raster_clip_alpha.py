"""Alpha bands, of which GDAL makes a mask where they are the last of two or four, and there alone."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from tests.integration.analyses.rasters import UTM, clip, geojson, random_cells, rasterio, write

from geocrew.db import Connection


@pytest.mark.parametrize("bands", [[4, 1], [1, 2, 4], [4], [2, 4], [1, 2, 3, 4], [4, 3, 2, 1]])
def test_void_cells_are_told_wherever_the_alpha_band_is(
    connection: Connection, tmp_path: Path, bands: list[int]
) -> None:
    cells = random_cells(4, 40, 50, dtype="uint8")
    cells[3] = 255
    cells[3, 10:20, 10:20] = 0
    path = write(tmp_path / "x.tif", cells, photometric="RGB", alpha="yes")
    left, top = UTM @ (5, 5)
    right, bottom = UTM @ (30, 35)
    shape = geojson(shapely.box(left, bottom, right, top))
    clipped = clip(connection, tmp_path / "rasters", path, shape, bands=bands, crop=False)
    inside = np.zeros((40, 50), bool)
    inside[5:35, 5:30] = True
    with rasterio.open(clipped.path) as opened:
        assert np.array_equal(opened.dataset_mask() > 0, inside & (cells[3] > 0))
        assert [each.name for each in opened.colorinterp].index("alpha") == bands.index(4)


def test_five_bands_the_last_of_which_is_alpha(connection: Connection, tmp_path: Path) -> None:
    """GDAL makes no mask of it, so the shape makes one; the band is kept as it is."""
    cells = random_cells(5, 40, 50, dtype="uint8")
    path = write(tmp_path / "x.tif", cells, photometric="RGB")
    with rasterio.open(path, "r+") as opened:
        alpha = rasterio.enums.ColorInterp.alpha
        opened.colorinterp = [*opened.colorinterp[:4], alpha]
    left, top = UTM @ (5, 5)
    right, bottom = UTM @ (30, 35)
    shape = geojson(shapely.box(left, bottom, right, top))
    clipped = clip(connection, tmp_path / "rasters", path, shape, crop=False)
    inside = np.zeros((40, 50), bool)
    inside[5:35, 5:30] = True
    assert np.array_equal(clipped.mask > 0, inside)
    assert np.array_equal(clipped.cells, np.where(inside, cells, 0))
    with rasterio.open(clipped.path) as opened:
        assert opened.colorinterp[4] == alpha
