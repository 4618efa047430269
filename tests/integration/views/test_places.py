"""Shapes in conditions: across 180 degrees, in projections, over the whole Earth."""

from typing import Any

import pytest
from tests.integration.analyses.layers import add_table
from tests.run_analysis import Run, run_analysis

from geocrew.datasets import registry
from geocrew.db import Connection
from geocrew.errors import InvalidParameters


def build(connection: Connection, source: int, **params: Any) -> Run:
    return run_analysis(connection, "create_view", {"source_dataset_id": source} | params)


def meets(shape: dict[str, Any]) -> dict[str, Any]:
    return {"op": "s_intersects", "args": [{"property": "geom"}, shape]}


@pytest.mark.parametrize(
    "bbox", [[170, 50, -170, 60], [170, 50, 190, 60], [-190, 50, -170, 60], [170, 50, 0, 190, 60, 9]]
)
def test_a_box_across_180_degrees_is_one_however_it_is_written(
    connection: Connection, bbox: list[float]
) -> None:
    rows = [(i, 0.0, f"POINT({x} 55)") for i, x in enumerate((169, 171, 179, -179, -171, -169, 0))]
    source = add_table(connection, rows, srid=4326)
    where = {"op": "s_intersects", "args": [{"property": "geom"}, {"bbox": bbox}]}
    assert build(connection, source, where=where).column("id") == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("bbox", "name", "ids"),
    [
        ([1, 1, 1, 1], "s_intersects", [1, 2]),
        ([1, 1, 1, 1], "s_within", [1]),
        ([1, 0, 1, 2], "s_within", [1]),
        ([0, 1, 2, 1], "s_within", [1]),
        ([180, 1, 180, 2], "s_intersects", []),
    ],
)
def test_a_box_without_an_area_is_a_line_or_a_point(
    connection: Connection, bbox: list[float], name: str, ids: list[int]
) -> None:
    source = add_table(connection, [(1, 0.0, "POINT(1 1)"), (2, 0.0, "LINESTRING(0 1, 5 1)")], srid=4326)
    where = {"op": name, "args": [{"property": "geom"}, {"bbox": bbox}]}
    assert build(connection, source, where=where).column("id") == ids


@pytest.mark.parametrize(
    ("shape", "ids"),
    [
        ({"type": "Point", "coordinates": [190, 5]}, [1]),
        ({"type": "Point", "coordinates": [-345, 5]}, [3]),
        ({"type": "MultiPoint", "coordinates": [[190, 5], [15, 5]]}, [1, 3]),
        ({"type": "LineString", "coordinates": [[170, 5], [195, 5]]}, [1, 2]),
        (
            {
                "type": "GeometryCollection",
                "geometries": [
                    {"type": "Point", "coordinates": [190, 5]},
                    {"type": "LineString", "coordinates": [[374, 5], [376, 5]]},
                ],
            },
            None,
        ),
        (
            {
                "type": "GeometryCollection",
                "geometries": [
                    {"type": "Point", "coordinates": [190, 5]},
                    {"type": "LineString", "coordinates": [[354, 5], [356, 5]]},
                ],
            },
            [1, 4],
        ),
    ],
)
def test_points_and_lines_beyond_180_degrees_are_on_the_other_side(
    connection: Connection, shape: dict[str, Any], ids: list[int] | None
) -> None:
    places = enumerate((-170, 175, 15, -5), start=1)
    source = add_table(connection, [(i, 0.0, f"POINT({x} 5)") for i, x in places], srid=4326)
    if ids is None:
        with pytest.raises(InvalidParameters, match="longitude \\(-360 to 360\\)"):
            build(connection, source, where=meets(shape))
    else:
        assert build(connection, source, where=meets(shape)).column("id") == ids


RING = [[170, 50], [-170, 50], [-170, 60], [170, 60], [170, 50]]
ACROSS_180 = {"type": "Polygon", "coordinates": [RING]}


@pytest.mark.parametrize(
    "where",
    [
        meets(ACROSS_180),
        meets({"type": "MultiPolygon", "coordinates": [[RING]]}),
        meets({"type": "GeometryCollection", "geometries": [ACROSS_180]}),
        meets({"type": "Polygon", "coordinates": [[[x % 360, y] for x, y in RING]]}),
        "S_INTERSECTS(geom, POLYGON((170 50, -170 50, -170 60, 170 60, 170 50)))",
    ],
)
def test_a_ring_that_jumps_crosses_180_degrees(connection: Connection, where: Any) -> None:
    connection.execute(
        "CREATE TABLE pacific (id int PRIMARY KEY, geom geometry(Point, 4326)); INSERT INTO pacific"
        " SELECT i, ST_Point(lon, 55, 4326)"
        " FROM unnest(ARRAY[175, -175, 0, 165]) WITH ORDINALITY AS t (lon, i)"
    )
    source = registry.register(connection, "public", "pacific").id
    assert build(connection, source, where=where).column("id") == [1, 2]


LINE = [[170, 5], [-170, 6]]
# East around the Earth and on, by edges of less than half of it and one that jumps.
TURN = [[160, 5], [-160, 5], [-80, 5], [0, 5], [80, 5], [150, 5], [-150, 40]]


@pytest.mark.parametrize(
    ("shape", "ids"),
    [
        ({"type": "LineString", "coordinates": LINE}, [1, 2]),
        ({"type": "LineString", "coordinates": LINE[::-1]}, [1, 2]),
        ({"type": "MultiLineString", "coordinates": [LINE, [[5, 5], [6, 6]]]}, [1, 2, 4]),
        (
            {"type": "GeometryCollection", "geometries": [{"type": "LineString", "coordinates": LINE}]},
            [1, 2],
        ),
        ({"type": "LineString", "coordinates": [[170, 5], [0, 5.5], [-170, 6]]}, [3, 4, 5]),
        ({"type": "LineString", "coordinates": [[-180, 5], [180, 6]]}, [1, 2, 3, 4, 5]),
        ({"type": "LineString", "coordinates": TURN}, [1, 2, 3, 4, 6]),
        ("S_INTERSECTS(geom, LINESTRING(170 5, -170 6))", [1, 2]),
    ],
)
def test_a_line_that_jumps_crosses_180_degrees(
    connection: Connection, shape: Any, ids: list[int]
) -> None:
    boxes = (
        (172, 5, 179, 6),
        (-179, 5, -172, 6),
        (-60, 5, -50, 6),
        (5, 5, 6, 6),
        (60, 5.1, 70, 5.9),
        (-170, 20, -160, 30),
    )
    source = add_table(
        connection,
        [
            (i, 0.0, f"POLYGON(({w} {s},{e} {s},{e} {n},{w} {n},{w} {s}))")
            for i, (w, s, e, n) in enumerate(boxes, start=1)
        ],
        srid=4326,
    )
    where = shape if isinstance(shape, str) else meets(shape)
    assert build(connection, source, where=where).column("id") == ids


def test_a_parallel_is_one_in_a_projection_too(connection: Connection) -> None:
    """In US Albers the 40th parallel leaves its chord across the country by over two degrees."""
    connection.execute(
        "CREATE TABLE albers (id int PRIMARY KEY, geom geometry(Point, 5070)); INSERT INTO albers"
        " SELECT i, ST_Transform(ST_Point(-95, 38 + i * 0.25, 4326), 5070)"
        " FROM generate_series(1, 20) AS i"
    )
    source = registry.register(connection, "public", "albers").id
    run = build(connection, source, where="S_INTERSECTS(geom, BBOX(-120, 30, -70, 40.000001))")
    assert run.column("id") == [*range(1, 9)]


@pytest.mark.parametrize(
    ("srid", "place"),
    [(27700, (-1.5, 52.5)), (32633, (15, 50)), (32760, (178.5, -40)), (2154, (3, 46)), (3857, (10, 50))],
)
def test_the_whole_earth_holds_every_row(
    connection: Connection, srid: int, place: tuple[float, float]
) -> None:
    """Transverse projections fold far places over their own, others have none for them."""
    connection.execute(
        f"CREATE TABLE world (id int PRIMARY KEY, geom geometry(Point, {srid})); INSERT INTO world"
        f" SELECT i, ST_Transform(ST_Point({place[0]} + i, {place[1]}, 4326), {srid})"
        " FROM generate_series(1, 3) AS i"
    )
    source = registry.register(connection, "public", "world").id
    for bbox in ([-180, -90, 180, 90], [-180, -85, 180, 85]):
        assert build(connection, source, where=meets({"bbox": bbox})).column("id") == [1, 2, 3]
    elsewhere = meets({"bbox": [place[0] - 2, place[1] - 1, place[0] + 0.5, place[1] + 1]})
    assert build(connection, source, where=elsewhere).column("id") == []
