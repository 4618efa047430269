"""Rasters in and out: the same pixels, grid and metadata, and no file that nobody points to."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.datasets.conftest import Take

from geocrew import demo
from geocrew.datasets import rasters
from geocrew.datasets.exporter import export
from geocrew.datasets.gdal import raster
from geocrew.datasets.remove import drop
from geocrew.db import Connection
from geocrew.errors import RefusedInput


def write(path: Path, **options: Any) -> np.ndarray[Any, Any]:
    rasterio = raster()
    defaults = {
        "driver": "GTiff",
        "width": 700,
        "height": 600,
        "count": 2,
        "dtype": "float32",
        "crs": "EPSG:32633",
        "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000),
    }
    profile = defaults | options
    shape = (profile["count"], profile["height"], profile["width"])
    pixels = np.random.default_rng(0).normal(100, 30, shape).astype(profile["dtype"])
    with rasterio.open(path, "w", **profile) as opened:
        opened.write(pixels)
        opened.descriptions = tuple(f"band {i}" for i in range(profile["count"]))
        opened.scales, opened.offsets = (2.0,) * profile["count"], (1.0,) * profile["count"]
    return pixels


@pytest.mark.parametrize(
    "options", [{}, {"dtype": "uint16", "nodata": 65535}, {"nodata": float("nan")}, {"tiled": True}]
)
def test_pixels_grid_and_metadata_are_kept(
    options: Any, tmp_path: Path, take: Take, raster_dir: Path
) -> None:
    pixels = write(tmp_path / "x.tif", **options)
    dataset = take(tmp_path / "x.tif")
    assert (dataset.kind, dataset.srid, dataset.bbox) == (
        "raster",
        32633,
        [500_000, 4_994_000, 507_000, 5_000_000],
    )
    told = dataset.raster or {}
    assert (told["width"], told["height"], told["bands"]) == (700, 600, 2)
    assert told["resolution"] == [10, 10]
    with raster().open(raster_dir / str(dataset.raster_file)) as stored:
        assert np.array_equal(stored.read(), pixels)
        assert stored.descriptions == ("band 0", "band 1")
        assert (stored.scales, stored.offsets) == ((2.0, 2.0), (1.0, 1.0))
        assert list(stored.transform)[:6] == told["transform"]
        assert stored.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        nodata = options.get("nodata")
        assert stored.nodata == nodata or (np.isnan(nodata) and np.isnan(stored.nodata))


def test_the_demo_raster_goes_in_and_out(
    tmp_path: Path, take: Take, connection: Connection, raster_dir: Path
) -> None:
    dataset = take(demo.files()[0])
    assert dataset.raster is not None
    assert dataset.raster["descriptions"] == ["elevation_m"]
    assert export(connection, dataset, tmp_path / "out.tif", raster_dir) == 0
    with raster().open(demo.files()[0]) as before, raster().open(tmp_path / "out.tif") as after:
        assert np.array_equal(before.read(), after.read())
        assert before.bounds == after.bounds


def test_a_tiff_without_place_is_refused(tmp_path: Path, take: Take, raster_dir: Path) -> None:
    rasterio = raster()
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(
            tmp_path / "x.tif", "w", driver="GTiff", width=2, height=2, count=1, dtype="uint8"
        ) as opened,
    ):
        opened.write(np.zeros((1, 2, 2), "uint8"))
    with pytest.raises(RefusedInput, match=r"no georeference"):
        take(tmp_path / "x.tif")
    assert list(raster_dir.iterdir()) == []


def test_a_place_without_a_system_is_srid_zero(tmp_path: Path, take: Take) -> None:
    write(tmp_path / "x.tif", crs=None)
    dataset = take(tmp_path / "x.tif")
    assert dataset.srid == 0
    assert "SRID is 0" in dataset.source["notes"][0]


def test_orphans_are_old_files_of_ours_without_a_row(
    tmp_path: Path, take: Take, connection: Connection, raster_dir: Path
) -> None:
    write(tmp_path / "x.tif")
    kept = take(tmp_path / "x.tif")
    old, young = raster_dir / f"raster_9_{'0' * 16}.tif", raster_dir / f"raster_9_{'1' * 16}.tif.partial"
    for each in (old, young, raster_dir / "somebody elses.tif"):
        each.touch()
    long_ago = time.time() - 7200
    for each in (old, raster_dir / "somebody elses.tif", raster_dir / str(kept.raster_file)):
        os.utime(each, (long_ago, long_ago))
    assert rasters.orphans(connection, raster_dir) == [old]
    assert rasters.orphans(connection, raster_dir, min_age_seconds=0) == [old, young]
    assert rasters.orphans(connection, tmp_path / "nowhere") == []


def test_drop_removes_row_and_file(
    tmp_path: Path, take: Take, connection: Connection, raster_dir: Path
) -> None:
    write(tmp_path / "x.tif")
    dataset = take(tmp_path / "x.tif")
    drop(connection, dataset, raster_dir)
    assert list(raster_dir.iterdir()) == []
    assert connection.execute("SELECT count(*) FROM geocrew.datasets").fetchone() == (0,)
