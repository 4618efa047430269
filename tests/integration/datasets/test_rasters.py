"""Rasters in and out: the same pixels, grid and metadata, and no file that nobody points to."""

import os
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from tests.integration.analyses.rasters import mark
from tests.integration.datasets.conftest import Take

from geocrew import demo
from geocrew.datasets import rasters
from geocrew.datasets.exporter import export
from geocrew.datasets.gdal import raster
from geocrew.datasets.remove import drop
from geocrew.datasets.staging import Staging
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
    "options",
    [
        {},
        {"dtype": "uint16", "nodata": 65535},
        {"nodata": float("nan")},
        {"nodata": float("-inf")},
        {"tiled": True},
    ],
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


def test_a_sweep_takes_what_dead_attempts_left(
    tmp_path: Path, take: Take, connection: Connection, raster_dir: Path
) -> None:
    write(tmp_path / "x.tif")
    imported = raster_dir / str(take(tmp_path / "x.tif").raster_file)
    live, dead, done = (Staging(number, uuid4()) for number in (1, 2, 3))
    names = {each: rasters.job_file(connection, each) for each in (live, dead, done)}
    published = imported.rename(raster_dir / names[done])
    connection.execute("UPDATE geocrew.datasets SET raster_file = %s", (published.name,))
    mine = [raster_dir / (names[live] + ending) for ending in ("", ".partial", ".partial.cells")]
    stale = [raster_dir / (names[dead] + ending) for ending in ("", ".partial", ".partial.ovr.tmp")]
    others = [
        raster_dir / f"raster_9_{'0' * 16}.tif",
        raster_dir / f"raster_00000000_j2_{dead.lease.hex}.tif",
        raster_dir / "somebody elses.tif",
    ]
    for each in (*mine, *stale, *others):
        each.touch()
    assert set(rasters.orphans(connection, raster_dir, 0)) == {*mine, *stale, others[0]}
    assert rasters.sweep_orphans(connection, raster_dir, lambda: {live.lease}) == stale
    assert set(raster_dir.iterdir()) == {published, *mine, *others}


def test_what_is_published_during_a_sweep_stays(
    tmp_path: Path, take: Take, connection: Connection, raster_dir: Path
) -> None:
    """The lease is gone when the sweep asks for it, and the dataset is there."""
    write(tmp_path / "x.tif")
    imported = raster_dir / str(take(tmp_path / "x.tif").raster_file)
    published = imported.rename(raster_dir / rasters.job_file(connection, Staging(1, uuid4())))

    def live() -> set[UUID]:
        connection.execute("UPDATE geocrew.datasets SET raster_file = %s", (published.name,))
        return set()

    assert rasters.sweep_orphans(connection, raster_dir, live) == []
    assert published.exists()


def test_an_empty_directory_costs_no_look_at_leases(connection: Connection, tmp_path: Path) -> None:
    def live() -> set[UUID]:
        raise AssertionError("nobody should ask")

    assert rasters.sweep_orphans(connection, tmp_path, live) == []
    assert rasters.sweep_orphans(connection, tmp_path / "nowhere", live) == []


def test_a_copy_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    write(tmp_path / "x.tif", tiled=True)
    whole = (tmp_path / "x.tif").read_bytes()
    (tmp_path / "x.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Exception, match="read"):
        rasters.write(tmp_path / "x.tif", tmp_path / "y.tif")
    assert [each.name for each in tmp_path.iterdir()] == ["x.tif"]


@pytest.mark.parametrize("dtype", ["complex64", "int8", "uint64"])
def test_unusual_types_are_taken(tmp_path: Path, take: Take, raster_dir: Path, dtype: str) -> None:
    pixels = write(tmp_path / "x.tif", dtype=dtype)
    dataset = take(tmp_path / "x.tif")
    with raster().open(raster_dir / str(dataset.raster_file)) as stored:
        assert np.array_equal(stored.read(), pixels)


def test_drop_removes_row_and_file(
    tmp_path: Path, take: Take, connection: Connection, raster_dir: Path
) -> None:
    write(tmp_path / "x.tif")
    dataset = take(tmp_path / "x.tif")
    drop(connection, dataset, raster_dir)
    assert list(raster_dir.iterdir()) == []
    assert connection.execute("SELECT count(*) FROM geocrew.datasets").fetchone() == (0,)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
@pytest.mark.parametrize(
    ("nodata", "told"), [(2**53 - 1, 2.0**53 - 1), (2**53, None), (2**53 + 1, None), (2**63 - 1, None)]
)
def test_a_nodata_value_that_no_float_holds_is_not_told(
    tmp_path: Path, take: Take, dtype: str, nodata: int, told: float | None
) -> None:
    write(tmp_path / "x.tif", dtype=dtype, nodata=111)
    mark(tmp_path / "x.tif", nodata)
    assert (take(tmp_path / "x.tif").raster or {})["nodata"] == [told, told]
