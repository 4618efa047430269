"""What is clip's own: the polygon in the parameters, where it is placed, its size, the counties."""

from time import process_time
from typing import Any, LiteralString

import geopandas as gpd
import numpy as np
import pytest
import shapely
from psycopg import sql
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.overlay_cases import add, apart, assert_right, blobs, shapes_of, wkb_of
from tests.run_analysis import Run, run_analysis

from geocrew import analyses
from geocrew.analyses import clip as clip_module
from geocrew.datasets import catalog
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, UserError

MODES = ("static", "view", "materialized_view")


def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


WORLD = polygon(ring(-180, -90, 180, 90))


def clip(connection: Connection, dataset: int, geometry: Any, **params: Any) -> Run:
    return run_analysis(connection, "clip", {"dataset_id": dataset, "clip_geometry": geometry, **params})


@pytest.mark.parametrize("mode", MODES)
def test_a_polygon_with_a_hole(connection: Connection, mode: str) -> None:
    boxes = [shapely.box(x, y, x + 1, y + 1) for x in range(4) for y in range(4)]
    dataset = add(connection, boxes, "features", srid=4326)
    blade = polygon(ring(0.5, 0.5, 3.5, 3.5), ring(1, 1, 2, 2)[::-1])
    run = clip(connection, dataset, blade, output_mode=mode)
    assert_right(run, 16)
    shapes = shapes_of(run)
    assert 5 not in shapes
    assert sum(shape.area for shape in shapes.values()) == pytest.approx(8)
    assert {key for key, shape in shapes.items() if shape.area == 1} == {6, 9, 10}
    assert run.counts["dropped_lower_dimension"] == 1


@pytest.mark.parametrize("srid", [4326, 4269, 27700, 3857, 32630])
@pytest.mark.parametrize("kind", ["Point", "Polygon"])
def test_everything_is_kept_bit_for_bit_by_the_whole_world(
    connection: Connection, srid: int, kind: str
) -> None:
    rows = []
    for number in range(50):
        lon, lat = -4 + number % 10 * 0.5, 50 + number // 10
        triangle = f"(({lon} {lat}, {lon + 0.3} {lat}, {lon} {lat + 0.3}, {lon} {lat}))"
        rows.append((number, 0.0, f"POINT({lon} {lat})" if kind == "Point" else "POLYGON" + triangle))
    dataset = add_table(connection, rows, table="features", srid=4326)
    alter = f"ALTER TABLE features ALTER geom TYPE geometry({kind}, {srid})"
    connection.execute(f"{alter} USING ST_Transform(geom, {srid})".encode())
    connection.execute("UPDATE geocrew.datasets SET srid = %s WHERE id = %s", (srid, dataset))
    run = clip(connection, dataset, WORLD)
    assert_right(run, 50)
    assert run.counts["n_untouched"] == 50
    query: LiteralString = (
        "SELECT id, ST_AsEWKB(CASE ST_Dimension(geom) WHEN 0 THEN geom ELSE ST_Multi(geom) END)"
        " FROM features"
    )
    assert wkb_of(run) == {key: bytes(wkb) for key, wkb in connection.execute(query)}


@pytest.mark.parametrize("mode", MODES)
def test_across_the_antimeridian(connection: Connection, mode: str) -> None:
    rows = [
        (1, 0.0, "POLYGON((175 0, 175 2, 180 2, 180 0, 175 0))"),
        (2, 0.0, "POLYGON((-180 0, -180 2, -165 2, -165 0, -180 0))"),
        (3, 0.0, "POLYGON((0 0, 0 2, 10 2, 10 0, 0 0))"),
    ]
    dataset = add_table(connection, rows, table="features", srid=4326)
    run = clip(connection, dataset, polygon(ring(170, 1, -170, 3)), output_mode=mode)
    assert_right(run, 3)
    assert {key: shape.bounds for key, shape in shapes_of(run).items()} == {
        1: (175, 1, 180, 2),
        2: (-180, 1, -170, 2),
    }


def test_across_the_antimeridian_in_a_projection(connection: Connection) -> None:
    """New Zealand's system goes on across 180 degrees: the polygon has no seam there."""
    query = (
        "SELECT ST_AsText(ST_Transform(ST_SetSRID(ST_MakePoint(lon, -42), 4326), 2193), 15)"
        " FROM unnest(ARRAY[179.0, 179.99, 180, -179.99, -179, -177]) AS lon"
    )
    places = [row[0] for row in connection.execute(query.encode())]
    dataset = add_table(connection, [(i, 0.0, each) for i, each in enumerate(places)], srid=2193)
    run = clip(connection, dataset, polygon(ring(178, -45, -178, -40)))
    assert sorted(shapes_of(run)) == [0, 1, 2, 3, 4]
    x, y = shapely.from_wkt(places[2]).coords[0]
    around = shapely.box(x - 9e3, y - 9e3, x + 9e3, y + 9e3).wkt
    square = add_table(connection, [(1, 0.0, around)], srid=2193, table="square")
    assert clip(connection, square, polygon(ring(178, -45, -178, -40))).counts["n_untouched"] == 1


def test_long_edges_are_bent_as_the_projection_bends_them(connection: Connection) -> None:
    """The parallel of 55 degrees north, given by its two ends, within a metre all along."""
    square = shapely.box(300_000, 400_000, 500_000, 700_000)
    dataset = add(connection, [square], "features")
    run = clip(connection, dataset, polygon(ring(-9, 45, 9, 55)))
    query = (
        "SELECT ST_AsBinary(ST_Transform(ST_SetSRID(ST_Segmentize("
        "'LINESTRING(-9 55, 9 55)'::geometry, 0.001), 4326), 27700))"
    )
    row = connection.execute(query).fetchone()
    parallel = shapely.intersection(shapely.from_wkb(bytes(row[0] if row else b"")), square)
    (shape,) = shapes_of(run).values()
    along = shapely.points(shapely.get_coordinates(parallel))
    assert len(along) > 100
    assert shapely.distance(shapely.boundary(shape), along).max() < 1


def test_without_a_reference_system_a_polygon_has_no_place(connection: Connection) -> None:
    dataset = add(connection, blobs(1, 3), "features", srid=0)
    with pytest.raises(UserError, match=rf"dataset {dataset} has no .*SRID 0.*clip_dataset_id"):
        clip(connection, dataset, WORLD)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"dataset_id": 1}, "one of clip_geometry and clip_dataset_id is required"),
        (
            {"dataset_id": 1, "clip_geometry": WORLD, "clip_dataset_id": 2},
            "clip_geometry and clip_dataset_id exclude each other",
        ),
        (
            {"dataset_id": 1, "clip_geometry": polygon([[0, 0], [1, 1]])},
            "clip_geometry.coordinates.0 must be a ring of at least 4 positions",
        ),
        (
            {"dataset_id": 1, "clip_geometry": {"type": "Point"}},
            'clip_geometry must be .* not "a Point"',
        ),
        ({"dataset_id": 1, "clip_geometry": 7}, "clip_geometry should be an object, not 7"),
        ({"dataset_id": 0, "clip_dataset_id": -1}, "clip_dataset_id should be greater .* not -1"),
    ],
)
def test_wrong_parameters_are_refused_at_submit(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameters, match=message):
        analyses.find("clip").parse(params)


def test_a_view_takes_no_huge_polygon(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_module, "_MOST_IN_VIEW", 4)
    dataset = add(connection, blobs(1, 3), "features", srid=4326)
    with pytest.raises(UserError, match=r"clip_geometry has 5 positions.*at most 4; choose \"static\""):
        clip(connection, dataset, WORLD, output_mode="view")


def coast(vertices: int) -> list[list[float]]:
    """A ring around 5, 5 with that many vertices, wobbling."""
    angle = np.linspace(0, 2 * np.pi, vertices)
    reach = 3 + 0.05 * np.sin(angle * 5000) + 0.5 * np.sin(angle * 7)
    places: list[list[float]] = np.column_stack(
        (5 + np.cos(angle) * reach, 5 + np.sin(angle) * reach)
    ).tolist()
    return [*places[:-1], places[0]]


@pytest.mark.parametrize("as_dataset", [False, True])
def test_a_polygon_of_a_million_vertices(connection: Connection, as_dataset: bool) -> None:
    """Cut in halves for all chunks, not whole for each; and no statement of the server is long."""
    boxes = [shapely.box(x / 5, y / 5, x / 5 + 0.2, y / 5 + 0.2) for x in range(50) for y in range(50)]
    dataset = add(connection, boxes, "features", srid=4326)
    blade = shapely.Polygon(coast(1_000_000))
    mask = add(connection, [blade], "masks", srid=4326) if as_dataset else 0
    connection.execute("SET statement_timeout TO '15s'")
    begin = process_time()
    if as_dataset:
        run = run_analysis(connection, "clip", {"dataset_id": dataset, "clip_dataset_id": mask})
    else:
        run = clip(connection, dataset, polygon(coast(1_000_000)))
    assert process_time() - begin < 60
    connection.execute("RESET statement_timeout")
    assert_right(run, 2500)
    shapes = shapes_of(run)
    assert sum(shape.area for shape in shapes.values()) == pytest.approx(blade.area, rel=1e-9)
    assert run.counts["n_cut"] > 100


def test_counties_by_a_polygon(shared: Connection, demo_ids: dict[str, int]) -> None:
    dataset = demo_ids["us_counties_2009"]
    around = polygon([[-110, 37], [-102, 36.5], [-101, 41.5], [-109.5, 41], [-110, 37]])
    runs = [clip(shared, dataset, around, output_mode=mode) for mode in MODES]
    expected = shapes_of(runs[0])
    assert_right(runs[0], runs[0].counts["rows_in"])
    for run in runs[1:]:
        found = shapes_of(run)
        assert list(found) == list(expected)
        assert all(apart(found[key], expected[key]) < 1e-9 for key in found)
    counties = demo_table(shared, dataset)
    blade = gpd.GeoSeries([shapely.segmentize(shapely.geometry.shape(around), 0.02)], crs=4326)
    oracle = gpd.clip(counties, blade.to_crs(counties.crs).iloc[0], keep_geom_type=True)
    assert sorted(oracle.index) == sorted(expected)
    assert len(expected) > 60
    assert all(apart(expected[key], oracle.geometry[key]) < 1e-9 for key in expected)


def demo_table(connection: Connection, dataset: int) -> gpd.GeoDataFrame:
    found = catalog.get(connection, dataset)
    query = sql.SQL("SELECT {}, ST_AsBinary({}) FROM {}").format(
        sql.Identifier(found.key_column or ""),
        sql.Identifier(found.geometry_column or ""),
        sql.Identifier(found.schema_name or "", found.table_name or ""),
    )
    rows = connection.execute(query).fetchall()
    shapes = shapely.from_wkb([bytes(row[1]) for row in rows])
    return gpd.GeoDataFrame(index=[row[0] for row in rows], geometry=shapes, crs=found.srid)
