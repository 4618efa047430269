"""raster_clip against rasterio.mask, which reads the whole, on every cell."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from tests.integration.analyses.rasters import (
    UTM,
    Array,
    Clipped,
    clip,
    geojson,
    masks,
    random_cells,
    rasterio,
    write,
)

from geocrew import demo
from geocrew.analyses.parts.raster_place import Grid, place
from geocrew.datasets.geojson import parse_clip_geometry
from geocrew.db import Connection

# rasterio's own code, with affine 3.1.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")

GRIDS = {
    "north-up": UTM,
    "south-up": Affine(10, 0, 500_000, 0, 10, 4_990_000),
    "mirrored": Affine(-10, 0, 507_000, 0, -10, 5_000_000),
    "rotated": Affine.translation(500_000, 5_000_000) @ Affine.rotation(30) @ Affine.scale(10, -7),
    "sheared": Affine(10, 3, 500_000, -2, -8, 5_000_000),
}


def blob(seed: int, width: int, height: int, corners: int = 40) -> Any:
    """A star with a hole, and an island, in cells; it reaches over the raster's edge."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(0.2, 0.65, corners) * (width, height)[seed % 2]
    ring = np.column_stack((width * 0.5 + reach * np.cos(angle), height * 0.5 + reach * np.sin(angle)))
    star = shapely.make_valid(shapely.Polygon(ring))
    hole = shapely.Point(width * 0.5, height * 0.5).buffer(min(width, height) / 9.3, 7)
    island = shapely.box(width * 0.871, height * 0.031, width * 0.9312, height * 0.118)
    return shapely.union(shapely.difference(star, hole), island)


def on_grid(shape: Any, transform: Affine) -> Any:
    return shapely.transform(
        shape, lambda p: np.column_stack(transform @ (p[:, 0].copy(), p[:, 1].copy()))
    )


def oracle(source: Path, shape: Any, **options: Any) -> Array:
    with rasterio.open(source) as opened:
        found: Array = masks.mask(opened, [shape], **options)[0]
    return found


def agrees(clipped: Clipped, expected: Array, void: float) -> None:
    """All cells in the window are the oracle's, and outside of it the oracle kept none."""
    window = (slice(None), *clipped.window)
    assert np.array_equal(clipped.cells, expected[window], equal_nan=clipped.cells.dtype.kind in "fc")
    rest = expected.copy()
    rest[window] = void
    assert np.array_equal(rest, np.full_like(rest, void), equal_nan=rest.dtype.kind in "fc")


def projected(source: Path, geometry: dict[str, Any]) -> Any:
    """GeoJSON in the raster's system, long edges bent (test_raster_clip_places.py looks at that)."""
    with rasterio.open(source) as opened:
        grid = Grid(tuple(opened.transform)[:6], opened.width, opened.height)
        return place(parse_clip_geometry(geometry), 0, opened.crs.to_wkt(), grid)


@pytest.fixture
def raster_dir(tmp_path: Path) -> Path:
    return tmp_path / "rasters"


@pytest.mark.parametrize("all_touched", [False, True])
@pytest.mark.parametrize("grid", GRIDS)
def test_every_cell_is_rasterios(
    connection: Connection, tmp_path: Path, raster_dir: Path, grid: str, all_touched: bool
) -> None:
    """Blocks inside, outside and on the edge; holes, parts, every way a grid can lie."""
    transform = GRIDS[grid]
    path = write(tmp_path / "x.tif", random_cells(2, 1300, 1210), nodata=-1, transform=transform)
    for seed in range(2):
        geometry = geojson(on_grid(blob(seed, 1210, 1300), transform))
        clipped = clip(connection, raster_dir, path, geometry, all_touched=all_touched)
        shape = projected(path, geometry)
        expected = oracle(path, shape, all_touched=all_touched)
        agrees(clipped, expected, -1)
        assert clipped.run.counts["n_pixels_inside"] == (expected[0] != -1).sum()
        whole = clip(connection, raster_dir, path, geometry, all_touched=all_touched, crop=False)
        assert np.array_equal(whole.cells, expected)


@pytest.mark.parametrize(
    "dtype",
    ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"],
)
def test_types_and_nodata(connection: Connection, tmp_path: Path, raster_dir: Path, dtype: str) -> None:
    cells = random_cells(3, 90, 80, dtype=dtype)
    cells[1, 20:40, 30:50] = 7
    path = write(tmp_path / "x.tif", cells, nodata=7)
    geometry = geojson(on_grid(blob(1, 80, 90), UTM))
    shape = projected(path, geometry)
    clipped = clip(connection, raster_dir, path, geometry)
    agrees(clipped, oracle(path, shape), 7)
    with rasterio.open(clipped.path) as opened:
        assert opened.dtypes == (dtype,) * 3
        assert opened.nodatavals == (7,) * 3
    inside = oracle(path, shape, nodata=0)
    counts = clipped.run.counts
    shares = [1 - (band != 0).sum() / counts["n_pixels_inside"] for band in inside]
    assert counts["nodata_share"] == pytest.approx(shares, abs=1e-12)
    assert counts["nodata_share"][1] > counts["nodata_share"][0]
    given = clip(connection, raster_dir, path, geometry, nodata=121)
    agrees(given, oracle(path, shape, nodata=121), 121)


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "complex_int16"])
def test_complex_cells(connection: Connection, tmp_path: Path, raster_dir: Path, dtype: str) -> None:
    cells = random_cells(1, 60, 70, dtype="complex64") * (1 + 2j)
    path = write(tmp_path / "x.tif", cells, dtype=dtype)
    geometry = geojson(on_grid(blob(2, 70, 60), UTM))
    clipped = clip(connection, raster_dir, path, geometry)
    agrees(clipped, oracle(path, projected(path, geometry)), 0)
    with rasterio.open(clipped.path) as opened:
        assert opened.dtypes == (dtype,)


def test_nan(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    cells = random_cells(1, 90, 80, dtype="float32")
    cells[0, 30:40, 5:60] = np.nan
    geometry = geojson(on_grid(blob(1, 80, 90), UTM))
    path = write(tmp_path / "x.tif", cells, nodata=float("nan"))
    shape = projected(path, geometry)
    clipped = clip(connection, raster_dir, path, geometry)
    agrees(clipped, oracle(path, shape), np.nan)
    with rasterio.open(clipped.path) as opened:
        assert np.isnan(opened.nodata)
    assert clipped.run.counts["nodata_share"][0] > 0.05
    agrees(clip(connection, raster_dir, path, geometry, nodata=-9), oracle(path, shape, nodata=-9), -9)
    plain = write(tmp_path / "y.tif", np.nan_to_num(cells))
    told = clip(connection, raster_dir, plain, geometry, nodata="nan")
    agrees(told, oracle(plain, shape, nodata=np.nan), np.nan)


def test_infinity(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    cells = random_cells(1, 90, 80, dtype="float32")
    cells[0, 30:40, 5:60] = np.inf
    geometry = geojson(on_grid(blob(1, 80, 90), UTM))
    path = write(tmp_path / "x.tif", cells, nodata=np.inf)
    shape = projected(path, geometry)
    clipped = clip(connection, raster_dir, path, geometry)
    agrees(clipped, oracle(path, shape), np.inf)
    assert (clipped.run.dataset.raster or {})["nodata"] == ["inf"]
    assert clipped.run.counts["nodata_share"][0] > 0.05
    told = clip(connection, raster_dir, path, geometry, nodata="-inf")
    agrees(told, oracle(path, shape, nodata=-np.inf), -np.inf)


def test_without_nodata_a_mask_tells(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    cells = random_cells(2, 700, 800, dtype="uint8")
    cells[:, 100:300, 100:300] = 0
    path = write(tmp_path / "x.tif", cells)
    geometry = geojson(on_grid(blob(1, 800, 700), UTM))
    clipped = clip(connection, raster_dir, path, geometry)
    shape = projected(path, geometry)
    agrees(clipped, oracle(path, shape), 0)
    ones = write(tmp_path / "ones.tif", np.ones((1, 700, 800), "uint8"))
    inside = oracle(ones, shape)[0][clipped.window]
    assert np.array_equal(clipped.mask, inside * 255)
    with rasterio.open(clipped.path) as opened:
        assert opened.nodata is None
        assert [[flag.name for flag in each] for each in opened.mask_flag_enums] == [["per_dataset"]] * 2


def test_masks_are_combined(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    cells = random_cells(1, 700, 800, dtype="uint8")
    mask = (random_cells(700, 800, seed=3) > 40).astype("uint8") * 255
    geometry = geojson(on_grid(blob(1, 800, 700), UTM))
    for nodata in (None, 0):
        path = write(tmp_path / f"{nodata}.tif", cells, mask, nodata=nodata)
        clipped = clip(connection, raster_dir, path, geometry)
        shape = projected(path, geometry)
        expected = oracle(path, shape, filled=False)
        window = (0, *clipped.window)
        assert np.array_equal(clipped.mask == 0, expected.mask[window])  # type: ignore[attr-defined]  # masked
        assert np.array_equal(clipped.cells[0][clipped.mask > 0], cells[window][clipped.mask > 0])
        with rasterio.open(clipped.path) as opened:
            assert opened.nodata == nodata
        given = clip(connection, raster_dir, path, geometry, nodata=255)
        agrees(given, oracle(path, shape, nodata=255), 255)
        with rasterio.open(given.path) as opened:
            assert opened.mask_flag_enums[0][0].name == "nodata"


def test_alpha_tells_by_itself(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    cells = random_cells(4, 90, 80, dtype="uint8")
    cells[3] = 255
    cells[3, 40:60] = 0
    path = write(tmp_path / "x.tif", cells, photometric="RGB", alpha="yes")
    geometry = geojson(on_grid(blob(1, 80, 90), UTM))
    shape = projected(path, geometry)
    clipped = clip(connection, raster_dir, path, geometry)
    window = (slice(None), *clipped.window)
    expected = oracle(path, shape, filled=False)
    assert np.array_equal(clipped.mask == 0, expected.mask[0][window[1:]])  # type: ignore[attr-defined]  # masked
    with rasterio.open(clipped.path) as opened:
        assert [each.name for each in opened.colorinterp] == ["red", "green", "blue", "alpha"]
        assert opened.mask_flag_enums[0][-1].name == "alpha"
    two = clip(connection, raster_dir, path, geometry, bands=[3, 1])
    assert np.array_equal(two.mask, clipped.mask)
    assert np.array_equal(two.cells[:, two.mask > 0], clipped.cells[[2, 0]][:, two.mask > 0])


def test_the_demo_raster(connection: Connection, raster_dir: Path) -> None:
    """It lies south-up: its first row is the southernmost."""
    (path,) = [each for each in demo.files() if each.suffix == ".tif"]
    shape = shapely.box(-84.35, 36.5, -84.2, 36.62).buffer(0.03)
    clipped = clip(connection, raster_dir, path, shapely.geometry.mapping(shape))
    assert clipped.transform.e > 0
    agrees(clipped, oracle(path, shape), -32768)
    assert clipped.run.dataset.bbox == pytest.approx([-84.38, 36.47, -84.17, 36.65], abs=0.001)


def test_crop_is_rasterios(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    path = write(tmp_path / "x.tif", random_cells(1, 900, 800), nodata=-1)
    for seed in range(4):
        geometry = geojson(on_grid(blob(seed, 800, 900), UTM))
        clipped = clip(connection, raster_dir, path, geometry)
        with warnings.catch_warnings(), rasterio.open(path) as opened:
            expected, transform = masks.mask(opened, [projected(path, geometry)], crop=True)
        assert np.array_equal(clipped.cells, expected)
        assert clipped.transform.almost_equals(transform)
