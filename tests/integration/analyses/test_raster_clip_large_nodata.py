"""Nodata values of 64 bits, which rasterio takes and gives as floats."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from tests.integration.analyses.rasters import UTM, clip, geojson, mark, random_cells, write

from geocrew.db import Connection
from geocrew.errors import InvalidParameters, UserError

EXTREMES = [
    ("int64", -(2**63)),
    ("int64", 2**63 - 1),
    ("int64", 2**53 + 1),
    ("uint64", 2**64 - 1),
]


@pytest.mark.parametrize(("dtype", "nodata"), EXTREMES)
def test_a_nodata_value_beyond_floats_is_replaced_or_refused(
    connection: Connection, tmp_path: Path, dtype: str, nodata: int
) -> None:
    cells = random_cells(2, 40, 50, dtype=dtype)
    cells[0, 5:20, 5:20] = nodata
    cells[1, 10:30, 10:30] = nodata
    path = write(tmp_path / "x.tif", cells, nodata=111)
    mark(path, nodata)
    left, top = UTM @ (-1, -1)
    right, bottom = UTM @ (60, 60)
    shape, rasters = geojson(shapely.box(left, bottom, right, top)), tmp_path / "rasters"
    with pytest.raises(UserError, match=f"of the raster's {dtype} cells is beyond {2**53 - 1}"):
        clip(connection, rasters, path, shape)
    before = sorted(rasters.iterdir())
    assert len(before) == 1
    clipped = clip(connection, rasters, path, shape, nodata=0)
    assert np.array_equal(clipped.cells, np.where(cells == nodata, 0, cells))
    assert clipped.run.counts["nodata_share"] == pytest.approx([225 / 2000, 400 / 2000])


@pytest.mark.parametrize(("dtype", "nodata"), EXTREMES)
def test_a_new_nodata_value_beyond_floats_is_refused(
    connection: Connection, tmp_path: Path, dtype: str, nodata: int
) -> None:
    path = write(tmp_path / "x.tif", random_cells(1, 40, 50, dtype=dtype))
    left, top = UTM @ (5, 5)
    right, bottom = UTM @ (20, 20)
    shape, rasters = geojson(shapely.box(left, bottom, right, top)), tmp_path / "rasters"
    with pytest.raises(InvalidParameters, match=f"whole number from -?[0-9]+ to {2**53 - 1}"):
        clip(connection, rasters, path, shape, nodata=nodata)
    least = 0 if dtype == "uint64" else 1 - 2**53
    clipped = clip(connection, rasters, path, shape, nodata=least)
    assert clipped.run.dataset.raster is not None
    assert clipped.run.dataset.raster["nodata"] == [least]
