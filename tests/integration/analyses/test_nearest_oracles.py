"""Nearest equals brute force: PostGIS without an index, and pyproj on the ellipsoid."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql
from tests.integration.analyses.compare import assert_same
from tests.integration.analyses.layers import add_table
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection

Place = tuple[float, float]
Rows = list[tuple[int, float, str]]

KINDS = {
    "Point": "POINT({x} {y})",
    "MultiPoint": "MULTIPOINT({x} {y}, {x1} {y})",
    "LineString": "LINESTRING({x} {y}, {x1} {y1}, {x1} {y})",
    "Polygon": "POLYGON(({x} {y}, {x1} {y}, {x1} {y1}, {x} {y}))",
}
# Half a step apart and three steps wide: ties, duplicates and shapes that touch or overlap are common.
plane = st.tuples(st.integers(0, 6), st.integers(0, 6))
antimeridian = st.tuples(
    st.sampled_from([179.9, 179.5, -179.5, -179.9, 180.0, -180.0, 178.0, 90.0]), st.integers(-2, 2)
)
polar = st.tuples(st.integers(-12, 11).map(lambda n: n * 15), st.sampled_from([89.0, 89.5, 88.5, 80.0]))


def write(kind: str, at: Place) -> str:
    return KINDS[kind].format(x=at[0], y=at[1], x1=at[0] + 1.5, y1=at[1] + 0.5)


def layer(kinds: list[str], places: st.SearchStrategy[Place]) -> st.SearchStrategy[Rows]:
    row = st.tuples(st.integers(1, 99), st.sampled_from(kinds), places)
    rows = st.lists(row, max_size=9, unique_by=lambda each: each[0])
    return rows.map(lambda drawn: [(key, 0.0, write(kind, at)) for key, kind, at in drawn])


def nearest(connection: Connection, source: int, target: int, **params: Any) -> Run:
    return run_analysis(
        connection, "nearest", {"source_dataset_id": source, "target_dataset_id": target} | params
    )


def pairs(run: Run) -> list[tuple[int, int, int]]:
    return [(row["source_id"], row["rank"], row["target_id"]) for row in run.rows()]


def brute_force(
    connection: Connection, table: str, geographic: bool, limit: int, reach: float | None, same: bool
) -> list[tuple[int, int, int, float]]:
    """Measure every pair with PostGIS: source, rank, target and distance."""
    cast = "::geography" if geographic else ""
    order = "round(d::numeric, 3)" if geographic else "d"
    query = f"""
        SELECT a, rank, b, d FROM (
            SELECT s.id AS a, t.id AS b, d,
                row_number() OVER (PARTITION BY s.id ORDER BY {order}, t.id) AS rank
            FROM sources AS s CROSS JOIN {table} AS t,
            LATERAL (SELECT ST_Distance(s.geom{cast}, t.geom{cast}) AS d) AS apart
            WHERE ({not same} OR s.id <> t.id) AND d <= {"'inf'" if reach is None else reach}
        ) AS pairs WHERE rank <= {limit} ORDER BY a, rank"""
    return connection.execute(sql.SQL(query)).fetchall()


quick = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
cases = st.fixed_dictionaries(
    {
        "limit": st.sampled_from([1, 1, 2, 5]),
        "same": st.booleans(),
        "reach": st.sampled_from([None, 1, 2**0.5]),
    }
)


@pytest.mark.parametrize(
    ("srid", "places", "scale"),
    [(27700, plane, 1.0), (4326, antimeridian, 60_000.0), (4326, polar, 30_000.0)],
    ids=["plane", "antimeridian", "polar"],
)
@pytest.mark.parametrize(
    ("kinds", "others"),
    [
        (["Point"], ["Point"]),
        (["Polygon"], ["Point"]),
        (["Point"], ["Polygon"]),
        (list(KINDS), list(KINDS)),
    ],
    ids=["points", "polygon-point", "point-polygon", "mixed"],
)
def test_small_data(
    shared: Connection,
    kinds: list[str],
    others: list[str],
    srid: int,
    places: st.SearchStrategy[Place],
    scale: float,
) -> None:
    @quick
    @given(layer(kinds, places), layer(others, places), cases)
    def check(source: Rows, target: Rows, case: dict[str, Any]) -> None:
        first = add_table(shared, source, table="sources", srid=srid)
        second = first if case["same"] else add_table(shared, target, table="targets", srid=srid)
        reach = case["reach"] and case["reach"] * scale
        chosen = {"limit": case["limit"], "max_distance": reach}
        run = nearest(shared, first, second, **chosen)
        table = "sources" if case["same"] else "targets"
        expected = brute_force(shared, table, srid == 4326, case["limit"], reach, case["same"])
        assert pairs(run) == [row[:3] for row in expected]
        assert run.column("distance") == pytest.approx([row[3] for row in expected], rel=1e-9, abs=1e-6)
        assert run.counts["rows_in"] == len(source)
        assert run.counts["dropped_outside"] == len(source) - len({row[0] for row in expected})
        assert_same(nearest(shared, first, second, **chosen, output_mode="view").rows(), run.rows())

    check()


def scatter(connection: Connection, table: str, count: int, srid: int, shape: str, seed: int) -> None:
    """Make a table of seeded random shapes; `shape` is SQL of x and y in 0 to 1."""
    connection.execute(
        sql.SQL(
            f"SELECT setseed({seed / 100}); DROP TABLE IF EXISTS {table} CASCADE;"
            f"CREATE TABLE {table} (id int PRIMARY KEY, geom geometry(Geometry, {srid}));"
            f"INSERT INTO {table} SELECT i, ST_SetSRID({shape}, {srid}) FROM (SELECT i, random() AS x,"
            f" random() AS y, random() AS r FROM generate_series(1, {count}) AS i) AS places;"
            f"CREATE INDEX ON {table} USING gist (geom); ANALYZE {table}"
        )
    )


@pytest.mark.parametrize("limit", [1, 3, 16])
def test_points_in_very_many_areas(connection: Connection, limit: int) -> None:
    """Areas are looked up in turns, the points that have enough of them no more."""
    areas = [(i, 0.0, f"POLYGON(({-i} 0, 0 {i}, {i} 0, 0 {-i}, {-i} 0))") for i in range(1, 201)]
    places = [(i, 0.0, f"POINT({i * 37 % 211}.3 {i * i % 13})") for i in range(1, 60)]
    source = add_table(connection, places, table="sources")
    target = add_table(connection, areas, table="targets")
    run = nearest(connection, source, target, limit=limit)
    expected = brute_force(connection, "targets", False, limit, None, False)
    assert pairs(run) == [(a, rank, b) for a, rank, b, _ in expected]
    assert len({a for a, _, _, distance in expected if distance == 0}) > 40
