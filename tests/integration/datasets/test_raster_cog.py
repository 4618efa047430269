"""The layout of a Cloud-Optimized GeoTIFF, byte by byte, and what a full disk leaves."""

import resource
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geocrew.datasets import gdal, raster_cog, rasters
from geocrew.datasets.raster_layout import arrange
from geocrew.errors import TransientError

CASES: dict[str, dict[str, Any]] = {
    "one band": {"dtype": "int16", "width": 1700, "height": 1100},
    "three bands": {"count": 3, "dtype": "uint8", "width": 700, "height": 2048},
    "floats": {"count": 2, "dtype": "float32", "width": 1200, "height": 640, "nodata": -1},
    "doubles": {"dtype": "float64", "width": 600, "height": 1024},
    "one block": {"dtype": "uint16", "width": 30, "height": 40},
    "one row": {"dtype": "uint8", "width": 3000, "height": 1},
    "parts of bytes": {"dtype": "uint8", "width": 700, "height": 600, "nbits": 7},
    "complex": {"dtype": "complex64", "width": 600, "height": 300},
}


def make(path: Path, mask: bool = False, **options: Any) -> Path:
    """A striped GeoTIFF whose upper half is empty."""
    rasterio, rng = gdal.raster(), np.random.default_rng(0)
    profile = {
        "count": 1,
        "crs": "EPSG:32633",
        "transform": rasterio.Affine(10, 0, 0, 0, -10, 0),
    } | options
    shape = profile["count"], profile["height"], profile["width"]
    cells = rng.integers(0, 100, shape).astype(profile["dtype"])
    cells[:, : shape[1] // 2] = 0
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", driver="GTiff", **profile) as o,
    ):
        o.write(cells)
        if mask:
            o.write_mask(rng.random(shape[1:]) > 0.3)
    return path


def directories(raw: bytes) -> Iterator[tuple[int, dict[int, tuple[int, ...]]]]:
    """Yield place and whole-number tags of each directory of a classic TIFF, in the file's order."""
    (place,) = struct.unpack_from("<I", raw, 4)
    kinds = {3: "H", 4: "I"}
    while place:
        (count,) = struct.unpack_from("<H", raw, place)
        tags = {}
        for number in range(count):
            entry = place + 2 + 12 * number
            tag, kind, many = struct.unpack_from("<HHI", raw, entry)
            if kind in kinds:
                form = f"<{many}{kinds[kind]}"
                small = struct.calcsize(form) <= 4
                at = entry + 8 if small else struct.unpack_from("<I", raw, entry + 8)[0]
                tags[tag] = struct.unpack_from(form, raw, at)
        yield place, tags
        (place,) = struct.unpack_from("<I", raw, place + 2 + 12 * count)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_layout(tmp_path: Path, case: str, mask: bool) -> None:
    """Directories first, the image's at once; then blocks, small overviews first, masks between."""
    rasters.write(make(tmp_path / "x.tif", mask, **CASES[case]), tmp_path / "y.tif")
    raw = (tmp_path / "y.tif").read_bytes()
    size = int(raw[8:].split(b"=")[1][:6])
    ghost = raw[8 : 8 + 43 + size]
    assert ghost.endswith(b"MASK_INTERLEAVED_WITH_IMAGERY=YES\n") == mask
    found = list(directories(raw))
    assert found[0][0] == 8 + len(ghost) + len(ghost) % 2
    assert [place for place, _ in found] == sorted(place for place, _ in found)
    kinds = [tags.get(254, (0,))[0] for _, tags in found]
    assert kinds == [
        0,
        *([4] if mask else []),
        *([1, 5] if mask else [1]) * (len(found) // (1 + mask) - 1),
    ]
    end = 0
    for level in range(len(found) - 1 - mask, -1, -1 - mask):
        images = [tags for _, tags in found[level : level + 1 + mask]]
        for block in range(len(images[0][324])):
            for tags in images:
                at, length = tags[324][block], tags[325][block]
                assert (at - 4 == end) or end == 0
                assert struct.unpack_from("<I", raw, at - 4) == (length,)
                assert raw[at + length : at + length + 4] == raw[at + length - 4 : at + length]
                end = at + length + 4
    assert end == len(raw)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_gdal_reads_the_source_in_it(tmp_path: Path, case: str, mask: bool) -> None:
    """Cells, mask, and overviews, that hold each second, fourth … cell."""
    rasterio = gdal.raster()
    path = make(tmp_path / "x.tif", mask, **CASES[case])
    rasters.write(path, tmp_path / "y.tif")
    with rasterio.open(path) as before, rasterio.open(tmp_path / "y.tif") as after:
        assert after.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert after.compression.value == "DEFLATE"
        cells, valid, factors = before.read(), before.read_masks(), after.overviews(1)
        assert np.array_equal(after.read(), cells)
        assert np.array_equal(after.read_masks(), valid)
        assert factors == [2, 4, 8, 16][: len(factors)]
        longest = max(after.shape)
    assert (longest >> len(factors)) <= raster_cog.BLOCK
    if factors:
        with rasterio.open(tmp_path / "y.tif", overview_level=0) as half:
            assert np.array_equal(half.read(), cells[:, ::2, ::2])
            assert np.array_equal(half.read_masks(), valid[:, ::2, ::2])


def test_big_tiff(tmp_path: Path) -> None:
    rasterio = gdal.raster()
    path = make(tmp_path / "x.tif", True, **CASES["three bands"])
    with rasters.opened(path) as raster, raster_cog.options():
        layout = raster_cog.layout(raster) | {"bigtiff": "YES"}
        rasterio.shutil.copy(raster, str(tmp_path / "cells"), **layout)
    raster_cog.add_overviews(tmp_path / "cells")
    raster_cog.finish([tmp_path / "cells"], tmp_path / "y.tif")
    assert (tmp_path / "y.tif").read_bytes()[:4] == b"II+\0"
    with rasterio.open(path) as before, rasterio.open(tmp_path / "y.tif") as after:
        assert after.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert np.array_equal(after.read(), before.read())
        assert np.array_equal(after.read_masks(), before.read_masks())
        assert after.overviews(1) == [2, 4]


def test_what_is_no_tiled_tiff_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"MM\0*" + bytes(40))
    striped = make(tmp_path / "x.tif", dtype="uint8", width=30, height=30)
    for path, says in ((tmp_path / "text", "not a little-endian TIFF"), (striped, "not a tiled TIFF")):
        with pytest.raises(ValueError, match=says):
            arrange([path], tmp_path / "y.tif")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Have the system refuse to let a file grow beyond a size, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_leaves_no_partial_file(tmp_path: Path) -> None:
    """The cells are there in full, and the COG is larger by its leaders and trailers."""
    rasterio = gdal.raster()
    path = make(tmp_path / "x.tif", dtype="int16", width=500, height=500)
    with rasters.opened(path) as raster, raster_cog.options():
        rasterio.shutil.copy(raster, str(tmp_path / "cells"), **raster_cog.layout(raster))
    says = f"^the raster cannot be written in {tmp_path}: .*File too large"
    size = (tmp_path / "cells").stat().st_size
    with largest_file(size), pytest.raises(TransientError, match=says):
        raster_cog.finish([tmp_path / "cells"], tmp_path / "y.tif")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cells", "x.tif"]
