"""Shapes in degrees find their place on rasters of any system, round the Earth and over a pole."""

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from tests.integration.analyses.rasters import Clipped, clip, random_cells, rasterio, write
from tests.run_analysis import run_analysis

from geocrew.analyses.parts.raster_place import Grid, place
from geocrew.datasets.geojson import parse_clip_geometry
from geocrew.datasets.importer import import_file
from geocrew.db import Connection
from geocrew.errors import UserError

GLOBE = Affine(1, 0, -180, 0, -1, 90)


def ring(*corners: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    return ring((west, south), (east, south), (east, north), (west, north))


def kept(clipped: Clipped) -> int:
    return int((clipped.cells != -1).sum())


@pytest.fixture
def raster_dir(tmp_path: Path) -> Path:
    return tmp_path / "rasters"


@pytest.mark.parametrize(
    ("crs", "corner"),
    [
        ("EPSG:32633", (300_000, 6_600_000)),
        ("EPSG:3035", (3_000_000, 4_000_000)),
        ("EPSG:2225", (5e6, 3e6)),
    ],
)
def test_edges_bend_with_the_projection(crs: str, corner: tuple[float, float]) -> None:
    """Within half a metre of an edge cut into pieces of 100 m; left straight it misses by far."""
    grid = Grid((100, 0, corner[0], 0, -100, corner[1]), 4000, 4000)
    there = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    outline = shapely.transform(
        grid.outline, lambda p: np.column_stack(there.transform(p[:, 0], p[:, 1], direction="INVERSE"))
    )
    west, south, east, north = shapely.bounds(outline)
    shape = shapely.box(west + 0.1, south + 0.1, east - 0.1, north - 0.1)
    placed = place(shapely.multipolygons([shape]), 0, crs, grid)

    def project(places: Any) -> Any:
        return np.column_stack(there.transform(*places.T))

    fine = shapely.transform(shapely.segmentize(shape, 0.001), project)
    metres = pyproj.CRS(crs).axis_info[0].unit_conversion_factor
    assert shapely.hausdorff_distance(placed.boundary, fine.boundary) * metres < 0.5
    rough = shapely.transform(shape, project)
    assert shapely.hausdorff_distance(rough.boundary, fine.boundary) * metres > 200
    assert shapely.get_num_coordinates(placed) < 3000


def test_the_whole_earth_keeps_the_whole_raster(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    """Projected as it is, the outline of the Earth is nonsense in UTM."""
    cells = random_cells(1, 60, 50)
    for crs, transform in (
        ("EPSG:32633", Affine(10_000, 0, 200_000, 0, -10_000, 6_000_000)),
        ("EPSG:3857", Affine(500_000, 0, -12_500_000, 0, -500_000, 15_000_000)),
        ("EPSG:4326", Affine(1, 0, 100, 0, -1, 30)),
        ("EPSG:4269", Affine(1, 0, -120, 0, -1, 30)),
    ):
        path = write(tmp_path / "x.tif", cells, nodata=-1, crs=crs, transform=transform)
        clipped = clip(connection, raster_dir, path, box(-180, -90, 180, 90))
        assert np.array_equal(clipped.cells, cells)
        assert clipped.transform == transform


def test_across_the_antimeridian(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    """Around Fiji: one ring from 178 to -178, on a projected raster and on one in degrees up to 190."""
    fiji = box(178, -19, -178, -16)
    path = write(
        tmp_path / "degrees.tif",
        random_cells(1, 100, 200),
        nodata=-1,
        crs="EPSG:4326",
        transform=Affine(0.1, 0, 170, 0, -0.1, -12),
    )
    clipped = clip(connection, raster_dir, path, fiji)
    assert kept(clipped) == clipped.cells.size == 40 * 30
    assert clipped.run.dataset.bbox == pytest.approx([178, -19, 182, -16])
    path = write(
        tmp_path / "utm.tif",
        random_cells(1, 120, 240),
        nodata=-1,
        crs="EPSG:32701",
        transform=Affine(5000, 0, -200_000, 0, -5000, 8_400_000),
    )
    clipped = clip(connection, raster_dir, path, fiji)
    geod = pyproj.Geod(ellps="WGS84")
    area = abs(
        geod.geometry_area_perimeter(shapely.segmentize(shapely.box(178, -19, 182, -16), 0.01))[0]
    )
    assert kept(clipped) * 25e6 == pytest.approx(area, rel=0.01)


def test_longitudes_from_0_to_360(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    """A shape over Greenwich lies at both ends of such a raster."""
    path = write(
        tmp_path / "x.tif",
        random_cells(1, 180, 360),
        nodata=-1,
        crs="EPSG:4326",
        transform=Affine(1, 0, 0, 0, -1, 90),
    )
    clipped = clip(connection, raster_dir, path, box(-10, -5, 20, 5))
    assert clipped.cells.shape == (1, 10, 360)
    assert np.array_equal(np.flatnonzero(clipped.cells[0, 0] != -1), [*range(20), *range(350, 360)])
    assert kept(clip(connection, raster_dir, path, box(-100, -5, -90, 5))) == 100
    assert kept(clip(connection, raster_dir, path, box(-180, -90, 180, 90))) == 180 * 360


def test_over_the_pole(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    """A cap in polar stereographic is a disk, without a slit along the antimeridian."""
    path = write(
        tmp_path / "x.tif",
        random_cells(1, 200, 200),
        nodata=-1,
        crs="EPSG:3413",
        transform=Affine(20_000, 0, -2_000_000, 0, -20_000, 2_000_000),
    )
    clipped = clip(connection, raster_dir, path, box(-180, 80, 180, 90), crop=False)
    there = pyproj.Transformer.from_crs(4326, 3413, always_xy=True)
    radius = np.hypot(*there.transform(0, 80))
    centres = (np.arange(200) + 0.5) * 20_000 - 2_000_000
    away = np.hypot(centres[:, None], centres[None, :])
    clear = np.abs(away - radius) > 200
    assert np.array_equal((clipped.cells[0] != -1)[clear], (away < radius)[clear])


def test_a_raster_with_corners_off_the_earth(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    path = write(
        tmp_path / "x.tif",
        random_cells(1, 180, 360),
        nodata=-1,
        crs="ESRI:54009",
        transform=Affine(100_500, 0, -18_090_000, 0, -100_500, 9_045_000),
    )
    clipped = clip(connection, raster_dir, path, box(-180, -90, 180, 90))
    ellipse = np.pi * 18_040_096 * 9_020_048 / 100_500**2
    assert kept(clipped) == pytest.approx(ellipse, rel=0.003)
    equal_area = kept(clip(connection, raster_dir, path, box(20, 0, 60, 50)))
    share = np.deg2rad(40) * np.sin(np.deg2rad(50)) / (4 * np.pi)
    assert equal_area == pytest.approx(ellipse * share, rel=0.01)


def test_places_that_a_system_does_not_reach_are_told() -> None:
    """From space only half of the Earth is seen."""
    grid = Grid((100_000, 0, -6_500_000, 0, -100_000, 6_500_000), 130, 130)
    space = "+proj=ortho +lat_0=0 +lon_0=0 +datum=WGS84 +type=crs"
    seen = place(parse_clip_geometry(box(-30, -30, 30, 30)), 0, space, grid)
    assert shapely.area(seen) > 1e12
    with pytest.raises(UserError, match=r"clip_geometry reaches places .* give a shape closer"):
        place(parse_clip_geometry(box(-30, -30, 120, 30)), 0, space, grid)


def test_a_datum_that_pushes_over_180_degrees() -> None:
    """WGS 84 at 180 is -179.99 in a datum that lies to the west: no edge may run around the Earth."""
    grid = Grid((0.1, 0, 170, 0, -0.1, 0), 100, 400)
    datum = "+proj=longlat +ellps=WGS84 +towgs84=0,800,0 +type=crs"
    placed = place(parse_clip_geometry(box(175, -30, 180, -10)), 0, datum, grid)
    west, _, east, _ = shapely.bounds(placed)
    assert east - west == pytest.approx(5, abs=0.01)
    assert abs(east - 180) < 0.01
    assert east != 180


def test_a_raster_placed_by_control_points_is_refused(connection: Connection, tmp_path: Path) -> None:
    corners = [(0, 0, 10, 50), (0, 9, 11, 50), (9, 0, 10, 49), (9, 9, 11.2, 49.1)]
    points = [rasterio.control.GroundControlPoint(*each) for each in corners]
    path = write(
        tmp_path / "x.tif", random_cells(1, 10, 10), transform=None, gcps=points, crs="EPSG:4326"
    )
    shape = shapely.geometry.mapping(shapely.box(10, 49, 11, 50))
    dataset = import_file(connection, path, srid=4326, raster_dir=tmp_path / "rasters")
    given = {"raster_dataset_id": dataset.id, "clip_geometry": shape}
    with pytest.raises(UserError, match="is placed by ground control points"):
        run_analysis(connection, "raster_clip", given, raster_dir=tmp_path / "rasters")
