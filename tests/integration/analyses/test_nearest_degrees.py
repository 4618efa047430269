"""Nearest among points in degrees by the index on their table: at the antimeridian, poles and beyond."""

import numpy as np
import pyproj
import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import run_analysis

from geocrew.db import Connection

PLACES = {
    "antimeridian": "ST_Point((180 - i * 0.001) * (i % 2 * 2 - 1), i * i % 7 * 0.1, 4326)",
    "pole": "ST_Point(i * 37 % 360 - 180, 88.5 + i % 15 * 0.1, 4326)",
    "anywhere": "ST_Point(i * 37 % 360 - 180, i * 53 % 180 - 90, 4326)",
    "edges": "ST_Point(i % 3 * 180 - 180, i % 5 * 45 - 90, 4326)",
    "beyond": "ST_Point(i * 37 % 720 - 360, i * 53 % 240 - 120, 4326)",
    "unusual": "ST_Point(i * 37 % 720 - 360, i % 90, 4326)",
}


@pytest.mark.parametrize(
    ("place", "target_place"),
    [*((each, each) for each in PLACES), ("beyond", "anywhere"), ("anywhere", "beyond")],
)
@pytest.mark.parametrize("limit", [1, 4])
def test_equals_brute_force(connection: Connection, place: str, target_place: str, limit: int) -> None:
    """PostGIS, every pair, and a view; beyond the bounds of degrees points are somewhere else."""
    for table, shift, at in (("one", 0, place), ("two", 1, target_place)):
        connection.execute(
            sql.SQL(
                f"CREATE TABLE {table} (id int PRIMARY KEY, geom geometry(Point, 4326));"
                f"INSERT INTO {table} SELECT i, {PLACES[at]}"
                f" FROM generate_series({1 + shift * 7}, 120) AS i;"
                f"CREATE INDEX ON {table} USING gist (geom); ANALYZE {table}"
            )
        )
    source, target = (add_dataset(connection, table, srid=4326) for table in ("one", "two"))
    params = {"source_dataset_id": source, "target_dataset_id": target, "limit": limit}
    run = run_analysis(connection, "nearest", params)
    expected = connection.execute(
        "SELECT * FROM (SELECT s.id, t.id, row_number() OVER (PARTITION BY s.id ORDER BY"
        " round(ST_Distance(s.geom::geography, t.geom::geography)::numeric, 3), t.id) AS rank"
        " FROM one AS s, two AS t) AS pairs WHERE rank <= %s ORDER BY 1, 3",
        (limit,),
    ).fetchall()
    assert [(row["source_id"], row["target_id"], row["rank"]) for row in run.rows()] == expected
    view = run_analysis(connection, "nearest", params | {"output_mode": "view"})
    assert run.rows() == view.rows()


def test_not_the_nearest_on_the_sphere(connection: Connection) -> None:
    """Against geodesics of GeographicLib, all of them; the sphere has other nearest for some sources."""
    rng = np.random.default_rng(1)
    counts = {"one": 1000, "two": 800}
    # Even over the Earth: the sine of the latitude is.
    places = {
        table: (rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n))))
        for table, n in counts.items()
    }
    for table, (x, y) in places.items():
        connection.execute(
            sql.SQL(
                "CREATE TABLE {table} AS SELECT row_number() OVER () - 1 AS id,"
                " ST_Point(x, y, 4326)::geometry(Point, 4326) AS geom FROM unnest({x}, {y}) AS t (x, y);"
                "CREATE INDEX ON {table} USING gist (geom); ANALYZE {table}"
            ).format(table=sql.Identifier(table), x=sql.Literal(x.tolist()), y=sql.Literal(y.tolist()))
        )
    source, target = (add_dataset(connection, table, srid=4326) for table in counts)
    params = {"source_dataset_id": source, "target_dataset_id": target}
    run = run_analysis(connection, "nearest", params)
    x, y = (np.repeat(each, counts["two"]) for each in places["one"])
    to_x, to_y = (np.tile(each, counts["one"]) for each in places["two"])
    apart, on_sphere = (
        np.reshape(pyproj.Geod(ellps=each).inv(x, y, to_x, to_y)[2], (counts["one"], counts["two"]))
        for each in ("WGS84", "sphere")
    )
    assert run.column("target_id") == apart.argmin(axis=1).tolist()
    np.testing.assert_allclose(run.column("distance"), apart.min(axis=1), rtol=0, atol=1e-6)
    assert (on_sphere.argmin(axis=1) != apart.argmin(axis=1)).any()


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
def test_shapes_that_touch_on_the_antimeridian(connection: Connection, mode: str) -> None:
    """One is written with 180 degrees, the other with -180, and they have no vertex in common."""
    east = [(1, 0.0, "POLYGON((170 0, 180 0, 180 10, 170 10, 170 0))")]
    west = [(1, 0.0, "POINT(-180 5)"), (2, 0.0, "LINESTRING(-180 6, -179 6)"), (3, 0.0, "POINT(-179 5)")]
    source = add_table(connection, east, table="one", srid=4326)
    target = add_table(connection, west, table="two", srid=4326)
    params = {"source_dataset_id": source, "target_dataset_id": target, "limit": 3, "output_mode": mode}
    run = run_analysis(connection, "nearest", params)
    assert run.column("target_id") == [1, 2, 3]
    assert run.column("distance") == [0.0, 0.0, pytest.approx(110_900, rel=1e-3)]
    assert run.counts["n_touching"] == 2


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
def test_lines_without_a_length_are_null(connection: Connection, mode: str) -> None:
    """A point on the straight edge of the map is metres from the geodesic between the edge's ends."""
    source = add_table(connection, [(1, 0.0, "POINT(5 51)"), (2, 0.0, "POINT(5 52)")], srid=4326)
    edge = [(1, 0.0, "LINESTRING(4 51, 6 51)")]
    target = add_table(connection, edge, table="two", srid=4326)
    params = {"source_dataset_id": source, "target_dataset_id": target, "output_mode": mode}
    run = run_analysis(connection, "nearest", params | {"geometry": "line"})
    assert run.column("distance") == [pytest.approx(474, abs=1), pytest.approx(110_790, abs=10)]
    query = sql.SQL("SELECT ST_AsText(geom), ST_IsValid(geom) FROM {} ORDER BY id").format(run.relation)
    found = connection.execute(query).fetchall()
    assert found == [(None, None), ("MULTILINESTRING((5 52,5 51))", True)]
