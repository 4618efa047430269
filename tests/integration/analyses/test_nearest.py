"""Nearest: what the contract says, on cases done by hand and on tables that were there before."""

import math
from typing import Any, LiteralString

import pyproj
import pytest
from psycopg import sql
from tests.integration.analyses.compare import assert_same
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection
from geocrew.errors import InvalidParameters, UserError

MODES = ["static", "view", "materialized_view"]
GEOD = pyproj.Geod(ellps="WGS84")


def nearest(connection: Connection, source: int, target: int, **params: Any) -> Run:
    return run_analysis(
        connection, "nearest", {"source_dataset_id": source, "target_dataset_id": target} | params
    )


def comment(run: Run, column: str) -> str:
    query = (
        "SELECT col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attname = %s"
    )
    name = run.relation.as_string(run.context.connection)
    row = run.context.connection.execute(query, (name, column)).fetchone()
    return str(row and row[0])


@pytest.mark.parametrize("mode", MODES)
def test_deaths_and_pumps(shared: Connection, demo_ids: dict[str, int], mode: str) -> None:
    deaths, pumps = demo_ids["soho_deaths"], demo_ids["soho_pumps"]
    run = nearest(shared, deaths, pumps, output_mode=mode)
    expected = shared.execute(
        f"SELECT s.id, (SELECT t.id FROM {table(shared, pumps)} AS t"
        f" ORDER BY ST_Distance(s.geom, t.geom), t.id LIMIT 1) FROM {table(shared, deaths)} AS s"
        " ORDER BY 1"
    ).fetchall()
    assert [(row["source_id"], row["target_id"]) for row in run.rows()] == expected
    assert run.dataset.row_count == len(expected) == run.counts["rows_out"] == run.counts["n_pairs"]
    assert run.column("id") == run.column("source_id")
    assert comment(run, "distance") == "distance to the target, in metres"
    assert run.dataset.name == "Nearest in soho_pumps to soho_deaths"
    assert {"deaths", "target_id", "target_id_1", "rank", "distance"} <= set(run.types())


def table(connection: Connection, dataset_id: int) -> str:
    row = connection.execute(
        "SELECT schema_name || '.' || table_name FROM geocrew.datasets WHERE id = %s", (dataset_id,)
    ).fetchone()
    return str(row and row[0])


SOURCES = [(1, 1.0, "POINT(0 0)"), (2, 2.0, "POINT(10 0)"), (3, 3.0, None), (4, 4.0, "POINT EMPTY")]
TARGETS = [
    (7, 1.0, "POINT(3 4)"),
    (5, 2.0, "POINT(4 3)"),
    (6, 3.0, "POLYGON((10 -1, 20 -1, 20 5, 10 5, 10 -1))"),
    (8, 4.0, None),
    (9, 5.0, "POINT EMPTY"),
]


@pytest.mark.parametrize("mode", MODES)
def test_by_hand(connection: Connection, mode: str) -> None:
    source, target = add_table(connection, SOURCES), add_table(connection, TARGETS, table="targets")
    run = nearest(connection, source, target, limit=5, output_mode=mode)
    found = [(row["source_id"], row["rank"], row["target_id"], row["distance"]) for row in run.rows()]
    assert found == [
        (1, 1, 5, 5.0),
        (1, 2, 7, 5.0),
        (1, 3, 6, 10.0),
        (2, 1, 6, 0.0),
        (2, 2, 5, math.hypot(6, 3)),
        (2, 3, 7, math.hypot(7, 4)),
    ]
    assert run.column("id") == [1, 2, 3, 4, 5, 6]
    assert run.column("target_value") == [2.0, 1.0, 3.0, 3.0, 2.0, 1.0]
    counts = run.counts
    assert (counts["n"], counts["n_matched"], counts["n_empty"], counts["n_touching"]) == (2, 2, 2, 1)
    assert counts["targets"] == {
        "n": 3,
        "n_empty": 2,
        "n_repaired": 0,
        "n_skipped": 0,
        "failed": 0,
    }
    assert (counts["rows_in"], counts["rows_out"], counts["dropped_empty"]) == (4, 2, 2)
    assert counts["dropped"] == [{"id": 3, "reason": "no place"}, {"id": 4, "reason": "no place"}]
    assert run.dataset.row_count == 6
    assert run.dataset.bbox == [0.0, 0.0, 10.0, 0.0]


@pytest.mark.parametrize("mode", MODES)
def test_reach_is_inclusive_and_unmatched_are_kept_when_asked(connection: Connection, mode: str) -> None:
    source, target = add_table(connection, SOURCES), add_table(connection, TARGETS, table="targets")
    run = nearest(connection, source, target, max_distance=5, limit=2, output_mode=mode)
    assert [(row["source_id"], row["target_id"]) for row in run.rows()] == [(1, 5), (1, 7), (2, 6)]
    run = nearest(connection, source, target, max_distance=4.999, output_mode=mode)
    assert run.column("source_id") == [2]
    assert run.counts["dropped_outside"] == 1
    assert run.counts["dropped"][0] == {"id": 1, "reason": "no target within 4.999 metres"}
    run = nearest(connection, source, target, max_distance=0, keep_unmatched=True, output_mode=mode)
    assert run.column("source_id") == [1, 2, 3, 4]
    assert run.column("target_id") == [None, 6, None, None]
    assert run.column("rank") == [None, 1, None, None]
    assert run.column("distance") == [None, 0.0, None, None]
    assert (run.counts["rows_in"], run.counts["rows_out"], run.counts["dropped"]) == (4, 4, [])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("empty", ["source", "target", "both"])
def test_nothing_to_find(connection: Connection, empty: str, mode: str) -> None:
    rows = [(1, 1.0, "POINT(0 0)")]
    source = add_table(connection, [] if empty != "target" else rows)
    target = add_table(connection, [] if empty != "source" else rows, table="targets")
    assert nearest(connection, source, target, output_mode=mode).rows() == []
    kept = nearest(connection, source, target, keep_unmatched=True, output_mode=mode)
    assert kept.column("target_id") == ([None] if empty == "target" else [])


@pytest.mark.parametrize("mode", MODES)
def test_degrees(connection: Connection, mode: str) -> None:
    source = add_table(connection, [(1, 0.0, "POINT(179.9 0)"), (2, 0.0, "POINT(10 89.9)")], srid=4326)
    target = add_table(
        connection,
        [(1, 0.0, "POINT(-179.9 0)"), (2, 0.0, "POINT(179.5 0)"), (3, 0.0, "POINT(-170 89.9)")],
        table="targets",
        srid=4326,
    )
    run = nearest(connection, source, target, distance_unit="km", output_mode=mode, geometry="line")
    expected = [GEOD.inv(179.9, 0, -179.9, 0)[2] / 1000, GEOD.inv(10, 89.9, -170, 89.9)[2] / 1000]
    assert run.column("target_id") == [1, 3]
    assert run.column("distance") == pytest.approx(expected, rel=1e-11)
    assert expected[0] == pytest.approx(22.26, abs=0.01)
    assert comment(run, "distance") == "distance to the target, in kilometres"
    assert run.types()["geom"] == "geometry(MultiLineString,4326)"
    crossing = connection.execute(
        "SELECT ST_XMin(geom), ST_XMax(geom), ST_NumGeometries(geom), ST_IsValid(geom),"
        " ST_Length(geom::geography) FROM " + run.relation.as_string(connection) + " WHERE source_id = 1"
    ).fetchone()
    assert crossing is not None
    assert crossing[:4] == (-180, 180, 2, True)
    assert crossing[4] == pytest.approx(expected[0] * 1000, rel=1e-9)
    assert nearest(connection, source, target, max_distance=22.4, distance_unit="km").column(
        "source_id"
    ) == [1, 2]


def test_opposite_sides_of_the_earth_do_not_touch(connection: Connection) -> None:
    """PostGIS says 0 for edges on one great circle that lie opposite each other."""
    rows = [(1, 0.0, "POLYGON((0 0, 1.5 0, 1.5 0.5, 0 0))")]
    rows += [(2, 0.0, "POLYGON((179.9 0, 181.4 0, 181.4 0.5, 179.9 0))")]
    source = add_table(connection, rows, srid=4326)
    run = nearest(connection, source, source)
    assert run.column("target_id") == [2, 1]
    assert min(run.column("distance")) > 19_800_000


@pytest.mark.parametrize("mode", MODES)
def test_line_of_the_plane(connection: Connection, mode: str) -> None:
    source, target = add_table(connection, SOURCES), add_table(connection, TARGETS, table="targets")
    run = nearest(connection, source, target, geometry="line", output_mode=mode)
    assert [row["geom"] for row in run.rows()] == ["SRID=27700;MULTILINESTRING((0 0,4 3))", None]
    assert run.dataset.geometry_type == "MultiLineString"


@pytest.mark.parametrize("mode", MODES)
def test_another_srid_is_transformed(connection: Connection, mode: str) -> None:
    source = add_table(connection, [(1, 0.0, "POINT(530000 180000)")], srid=27700)
    target = add_table(
        connection,
        [(1, 0.0, "LINESTRING(-3 51.6, 3 51.6)"), (2, 0.0, "POINT(0 55)")],
        table="targets",
        srid=4326,
    )
    run = nearest(connection, source, target, limit=2, output_mode=mode)
    expected = connection.execute(
        "SELECT ST_Distance(s.geom, ST_Transform(ST_Segmentize(t.geom, 0.001), 27700))"
        " FROM places AS s, targets AS t ORDER BY t.id"
    ).fetchall()
    assert run.column("distance") == pytest.approx([row[0] for row in expected], abs=1)
    assert run.dataset.srid == 27700


def test_srid_0_meets_only_srid_0(connection: Connection) -> None:
    source = add_table(connection, [(1, 0.0, "POINT(0 0)")], srid=0)
    known = add_table(connection, [(1, 0.0, "POINT(3 4)")], table="targets")
    with pytest.raises(UserError, match=rf"dataset {source} has no coordinate reference system"):
        nearest(connection, source, known)
    with pytest.raises(UserError, match=rf"dataset {source} has no .* dataset {known} has SRID 27700"):
        nearest(connection, known, source)
    run = nearest(connection, source, source, keep_unmatched=True)
    assert comment(run, "distance") == "distance to the target, in the unit of the coordinates"
    with pytest.raises(InvalidParameters, match='distance_unit "km" needs a coordinate reference'):
        nearest(connection, source, source, distance_unit="km")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("srid", [27700, 4326])
def test_invalid_targets(connection: Connection, srid: int, mode: str) -> None:
    bow = "POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))"
    source = add_table(connection, [(1, 0.0, "POINT(0.5 1)"), (2, 0.0, "POINT(9 9)")], srid=srid)
    target = add_table(connection, [(1, 0.0, bow), (2, 0.0, "POINT(9 8)")], table="t", srid=srid)
    run = nearest(connection, source, target, output_mode=mode)
    assert run.column("target_id") == [1, 2]
    assert run.column("distance")[0] == 0
    assert run.counts["targets"]["n_repaired"] == 1
    skipped = nearest(connection, source, target, on_invalid="skip", output_mode=mode)
    assert skipped.column("target_id") == [2, 2]
    with pytest.raises(UserError, match=f"dataset {target} has 1 invalid"):
        nearest(connection, source, target, on_invalid="fail", output_mode=mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("same", [True, False])
def test_text_keys_and_names_that_collide(connection: Connection, mode: str, same: bool) -> None:
    long = "n" * 60
    for name, shift in (("one", 0), ("two", 1)):
        connection.execute(
            f'CREATE TABLE {name} AS SELECT chr(CASE WHEN i < 3 THEN 96 ELSE 64 END + i) AS "Key",'
            f' i AS id, i AS target_id, i AS rank, i AS distance, i AS "{long}1234",'
            f' i AS "{long}", i AS {long}x, i AS "target_{long[:56]}",'
            f" ST_Point(i + {shift}, i % 2, 27700) AS geom FROM generate_series(1, 4) AS i"
        )
    source = add_dataset(connection, "one", key="Key")
    target = source if same else add_dataset(connection, "two", key="Key")
    run = nearest(connection, source, target, limit=2, output_mode=mode)
    names = list(run.types())
    assert len(names) == len(set(names))
    assert names.index("target_Key") > names.index("target_id")
    assert {"target_id_1", "rank_1", "distance_1", "target_rank", "target_distance"} <= set(names)
    assert run.types()["target_id"] == run.types()["source_id"] == "text"
    for row in run.rows():
        assert row["target_Key"] == row["target_id"]
        assert not same or row["source_id"] != row["target_id"]
    assert [row["source_id"] for row in run.rows()][::2] == sorted("abCD")
    if not same:
        assert [row["target_id"] for row in run.rows()][:2] == ["C", "a"]


@pytest.mark.parametrize("view", [False, True])
def test_no_keys(connection: Connection, view: bool) -> None:
    connection.execute(
        "CREATE TABLE bare AS SELECT i AS n, CASE WHEN i <> 2 THEN ST_Point(i * i, 0, 27700) END AS geom"
        " FROM generate_series(1, 4) AS i; CREATE VIEW seen AS SELECT * FROM bare"
    )
    source = add_dataset(connection, "seen" if view else "bare", key=None)
    run = nearest(connection, source, source, limit=2)
    assert [(row["source_id"], row["n"]) for row in run.rows()] == [(n, n) for n in (1, 1, 3, 3, 4, 4)]
    assert [(row["target_id"], row["target_n"]) for row in run.rows()] == [
        (n, n) for n in (3, 4, 4, 1, 3, 1)
    ]
    if view:
        with pytest.raises(UserError, match=f"dataset {source} has no unique key"):
            nearest(connection, source, source, output_mode="view")
    else:
        assert_same(nearest(connection, source, source, limit=2, output_mode="view").rows(), run.rows())


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("reach", [None, 30.0])
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ST_Point({0}, {1}, 27700)", "reading shapes"),
        ("ST_MakeEnvelope({0}, {1}, {0} + 1, {1} + 1, 27700)", "pieces"),
    ],
    ids=["points", "polygons"],
)
def test_big_polygons(
    connection: Connection, limit: int, reach: float | None, source: LiteralString, said: str
) -> None:
    """Points are compared with outlines in the child, other shapes with pieces in PostgreSQL."""
    connection.execute(
        sql.SQL(
            "CREATE TABLE big AS SELECT i AS id,"
            " ST_Buffer(ST_Point(i % 9 * 60, i / 9 * 60, 27700), 20 + i % 3 * 10, 'quad_segs=40')"
            " AS geom FROM generate_series(1, 80) AS i;"
            "CREATE TABLE spots AS SELECT i AS id, {} AS geom FROM generate_series(1, 900) AS i"
        ).format(sql.SQL(source).format(sql.SQL("i % 37 * 15"), sql.SQL("i / 37 * 30")))
    )
    first, second = add_dataset(connection, "spots"), add_dataset(connection, "big")
    run = nearest(connection, first, second, limit=limit, max_distance=reach)
    view = nearest(connection, first, second, limit=limit, max_distance=reach, output_mode="view")
    assert any(said in message for _, message in run.context.steps)
    assert_same(run.rows(), view.rows())
    if said != "pieces":  # whose cuts move edges by a bit
        assert run.rows() == view.rows()


def test_rows_in_another_order(connection: Connection) -> None:
    rows = [(i, 0.0, f"POINT({i % 5} {i % 7})") for i in range(40)]
    results = []
    for order in (rows, rows[::-1]):
        source = add_table(connection, order)
        target = add_table(connection, [*order[::3], (99, 0.0, "POINT(2 2)")], table="targets")
        results.append(nearest(connection, source, target, limit=3).rows())
    assert len(results[0]) == 120
    assert results[0] == results[1]


def test_parameters(connection: Connection) -> None:
    source = add_table(connection, [(1, 0.0, "POINT(0 0)")])
    with pytest.raises(InvalidParameters) as caught:
        nearest(connection, source, source, limit=0, max_distance=-1, geometry="arc")
    assert "limit should be greater than or equal to 1, not 0" in str(caught.value)
    assert "max_distance should be greater than or equal to 0, not -1" in str(caught.value)
    assert "geometry should be 'source' or 'line', not \"arc\"" in str(caught.value)
    assert (
        run_analysis(
            connection, "nearest_analysis", {"source_dataset_id": source, "target_dataset_id": source}
        ).rows()
        == []
    )
