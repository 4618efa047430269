"""Nearest on any geometry: curves, Z, coordinates that are no numbers, shapes without a place."""

import math
from typing import Any, LiteralString

import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import Run, run_analysis

from geocrew.datasets import ticks
from geocrew.db import Connection
from geocrew.errors import UserError

MODES = ["static", "view", "materialized_view"]


def nearest(connection: Connection, source: int, target: int, **params: Any) -> Run:
    return run_analysis(
        connection, "nearest", {"source_dataset_id": source, "target_dataset_id": target} | params
    )


SPOTS = [(1, 0.0, "POINT(0 3)"), (2, 0.0, "POINT(11 1)"), (3, 0.0, "LINESTRING(20 0, 20 9)")]
CURVES = [
    (1, 0.0, "CIRCULARSTRING(-1 0, 0 1, 1 0)"),
    (2, 0.0, "CURVEPOLYGON(CIRCULARSTRING(10 -1, 12 1, 10 3, 8 1, 10 -1))"),
    (3, 0.0, "COMPOUNDCURVE(CIRCULARSTRING(18 0, 19 1, 18 2), (18 2, 18 5))"),
    (4, 0.0, "MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING(30 0, 31 1, 30 2, 29 1, 30 0)))"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("swap", [False, True], ids=["targets", "sources"])
def test_curves_are_measured_as_lines(connection: Connection, swap: bool, mode: str) -> None:
    spots, curves = add_table(connection, SPOTS, table="spots"), add_table(connection, CURVES)
    source, target = (curves, spots) if swap else (spots, curves)
    run = nearest(connection, source, target, limit=9, output_mode=mode)
    names = ("places", "spots") if swap else ("spots", "places")
    expected = connection.execute(
        sql.SQL(
            "SELECT s.id, t.id, ST_Distance(ST_CurveToLine(s.geom), ST_CurveToLine(t.geom)) AS apart"
            " FROM {} AS s, {} AS t ORDER BY s.id, apart, t.id"
        ).format(*map(sql.Identifier, names))
    ).fetchall()
    found = [(row["source_id"], row["target_id"], row["distance"]) for row in run.rows()]
    assert found == [(one, other, pytest.approx(apart, abs=1e-12)) for one, other, apart in expected]
    assert any("curves" in note for note in run.counts["notes"])
    if not swap:
        assert found[0][2] == pytest.approx(2, abs=1e-3)
        assert found[4][2] == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("near", ["POINT(3 4)", "LINESTRING(3 4, 3 9)"])
@pytest.mark.parametrize("here", ["POINT(0 0)", "LINESTRING(0 0, -1 0)"])
def test_what_is_too_far_to_be_measured_is_no_match(
    connection: Connection, here: str, near: str, mode: str
) -> None:
    """Shapefiles have points that are nowhere, and their coordinates are the lowest of float8."""
    far = "POINT(-1.797693134862315e308 -1.797693134862315e308)"
    places = [(1, 0.0, here), (2, 0.0, "POINT(1e160 1)"), (3, 0.0, "POINT(-1e39 0)")]
    source = add_table(connection, places, table="one")
    target = add_table(connection, [(1, 0.0, near), (2, 0.0, far)], table="two")
    run = nearest(connection, source, target, limit=2, output_mode=mode)
    assert [(row["source_id"], row["target_id"]) for row in run.rows()] == [(1, 1)]
    assert run.counts["distance"] == {"min": 5.0, "mean": 5.0, "max": 5.0}
    assert (run.counts["rows_out"], run.counts["dropped_outside"]) == (1, 2)
    assert [each["id"] for each in run.counts["dropped"]] == [2, 3]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("limit", [1, 3])
def test_members_of_big_collections_are_all_near(connection: Connection, limit: int, mode: str) -> None:
    """Big targets are cut up, where many sources pay for it: not only their polygons count."""
    disc = "SELECT ST_AsText(ST_Buffer(ST_Point({}, {}), 5, 32))"
    rows = [connection.execute(disc.format(*place)).fetchone() for place in ((99, 99), (50, 0))]
    far, near = (str(row[0]) if row else "" for row in rows)
    rows_of_targets = [
        (1, 0.0, f"GEOMETRYCOLLECTION({far}, LINESTRING(5 1, 6 1), GEOMETRYCOLLECTION(POINT(0 1)))"),
        (2, 0.0, near),
        (3, 0.0, "MULTIPOINT(3 -1, 3 -1)"),
    ]
    places = [(i, 0.0, f"POINT({i / 10} 0)") for i in range(60)]
    targets, source = (
        add_table(connection, rows_of_targets),
        add_table(connection, places, table="spots"),
    )
    run = nearest(connection, source, targets, limit=limit, output_mode=mode)
    if mode == "static":
        assert any("pieces" in message for _, message in run.context.steps)
    expected = connection.execute(
        "SELECT source, target, apart FROM (SELECT s.id AS source, t.id AS target,"
        " ST_Distance(s.geom, t.geom) AS apart, row_number() OVER ("
        " PARTITION BY s.id ORDER BY ST_Distance(s.geom, t.geom), t.id) AS rank"
        " FROM spots AS s, places AS t) AS pairs WHERE rank <= %s ORDER BY source, rank",
        (limit,),
    ).fetchall()
    found = [(row["source_id"], row["target_id"], row["distance"]) for row in run.rows()]
    assert found == [(one, other, pytest.approx(apart, abs=1e-12)) for one, other, apart in expected]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("kind", "target"),
    [("PointZ", "POINT Z(3 4 1000)"), ("LineStringZ", "LINESTRING Z(3 4 1000, 9 9 0)")],
)
def test_heights_do_not_count(
    connection: Connection, kind: LiteralString, target: str, mode: str
) -> None:
    source = add_table(connection, [(1, 0.0, "POINT Z(0 0 -7)")], geometry_type="PointZ")
    others = [(1, 0.0, target), (2, 0.0, target.replace("3 4 1000", "6 8 -7").replace("9 9", "9 8"))]
    second = add_table(connection, others, table="t", geometry_type=kind)
    run = nearest(connection, source, second, output_mode=mode)
    assert [(row["target_id"], row["distance"]) for row in run.rows()] == [(1, 5.0)]
    assert run.types()["geom"] == "geometry(PointZ,27700)"
    line = nearest(connection, source, second, output_mode=mode, geometry="line")
    assert line.column("distance") == [5.0]


NOWHERE = ("ST_Point('NaN', 1, {0})", "ST_Point(1, 'Infinity', {0})", "'POINT EMPTY'", "NULL")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("srid", [27700, 4326])
@pytest.mark.parametrize("both", [False, True], ids=["targets", "same"])
def test_points_that_are_nowhere(connection: Connection, both: bool, srid: int, mode: str) -> None:
    rows = ", ".join(
        f"({number}, ST_SetSRID({shape.format(srid)}::geometry, {srid}))"
        for number, shape in enumerate(NOWHERE, 11)
    )
    connection.execute(
        sql.SQL(
            f"CREATE TABLE odd (id int PRIMARY KEY, geom geometry(Point, {srid}));"
            f"INSERT INTO odd VALUES {rows}, (1, ST_Point(0, 1, {srid})), (2, ST_Point(0, 2, {srid}))"
        )
    )
    target = add_dataset(connection, "odd", srid=srid)
    source = target if both else add_table(connection, [(1, 0.0, "POINT(0 0.9)")], srid=srid)
    run = nearest(connection, source, target, limit=9, output_mode=mode)
    found = [(row["source_id"], row["target_id"]) for row in run.rows()]
    assert found == ([(1, 2), (2, 1)] if both else [(1, 1), (1, 2)])
    assert all(math.isfinite(each) for each in run.column("distance"))
    assert (run.counts["targets"]["n"], run.counts["targets"]["n_empty"]) == (2, 4)
    assert run.counts["n_empty"] == run.counts["dropped_empty"] == (4 if both else 0)
    kept = nearest(connection, source, target, output_mode=mode, keep_unmatched=True)
    shapes = {row["source_id"]: row["geom"] for row in kept.rows()}
    empty = f"SRID={srid};POINT EMPTY"
    assert not both or [shapes[key] for key in range(11, 15)] == [None, None, empty, None]


def far_out(connection: Connection, shape: str) -> tuple[int, int]:
    source = add_table(connection, [(1, 0.0, "POINT(530000 180000)")])
    rows = [
        (1, 0.0, shape.format(0, 55)),
        (5, 0.0, shape.format(1000, 95)),
        (7, 0.0, shape.format(0, 51)),
    ]
    return source, add_table(connection, rows, table="lonlat", srid=4326)


@pytest.mark.parametrize("on_invalid", ["repair", "skip"])
@pytest.mark.parametrize("geometry", ["source", "line"])
@pytest.mark.parametrize(
    "shape",
    [
        "POINT({0} {1})",
        "LINESTRING({0} {1}, {0}.1 {1})",
        "POLYGON(({0} {1}, {0}.1 {1}, {0}.1 {1}.1, {0} {1}))",
    ],
)
def test_a_target_that_cannot_be_transformed_costs_no_other(
    connection: Connection, shape: str, geometry: str, on_invalid: str
) -> None:
    source, target = far_out(connection, shape)
    run = nearest(connection, source, target, limit=3, geometry=geometry, on_invalid=on_invalid)
    assert run.column("target_id") == [7, 1]
    targets = run.counts["targets"]
    assert (targets["n"], targets["n_empty"], targets["n_skipped"], targets["failed"]) == (2, 0, 0, 1)
    assert targets["dropped"] == [{"id": 5, "reason": "has no place in SRID 27700"}]
    assert "1 targets have no place in SRID 27700 and match nothing" in run.counts["notes"]


@pytest.mark.parametrize("mode", MODES[1:])
def test_a_view_of_a_target_that_cannot_be_transformed_is_refused(
    connection: Connection, mode: str
) -> None:
    source, target = far_out(connection, "POINT({0} {1})")
    with pytest.raises(UserError, match=rf"dataset {target} has 1 shapes .* SRID 27700, .* with id 5"):
        nearest(connection, source, target, output_mode=mode)


def test_targets_of_a_wrong_srid_are_an_error(connection: Connection) -> None:
    source = add_table(connection, [(1, 0.0, "POINT(530000 180000)")])
    rows = [(i, 0.0, f"POINT({i} 180000)") for i in range(1002)]
    target = add_table(connection, rows, table="lonlat", srid=4326)
    with pytest.raises(UserError, match=rf"dataset {target} has more than 1000 .* is 4326 its SRID"):
        nearest(connection, source, target)


@pytest.mark.parametrize(
    ("shape", "indexed", "costly"),
    [("POINT(1 0)", True, False), ("POINT(1 0)", False, True), ("LINESTRING(1 0, 2 0)", True, True)],
)
def test_a_view_in_degrees_says_what_it_costs(
    connection: Connection, shape: str, indexed: bool, costly: bool
) -> None:
    """Points with an index are found by it; for all else each source is compared with all targets."""
    source = add_table(connection, [(1, 0.0, "POINT(0 0)"), (2, 0.0, shape)], srid=4326)
    if not indexed:
        connection.execute("DROP INDEX places_geom_idx")
    run = nearest(connection, source, source, output_mode="view")
    said = any(
        "compares each source with the box of every target" in each for each in run.counts["notes"]
    )
    assert said == costly


def test_a_view_of_points_in_degrees_walks_the_index(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE spots AS SELECT i AS id, ST_Point(i % 360 - 180, i * 7 % 180 - 90, 4326) AS geom"
        " FROM generate_series(1, 5000) AS i;"
        "CREATE INDEX by_place ON spots USING gist (geom); ANALYZE spots"
    )
    spots = add_dataset(connection, "spots", srid=4326)
    run = nearest(connection, spots, spots, output_mode="view")
    query = sql.SQL("EXPLAIN SELECT * FROM {}").format(run.relation)
    plan = "\n".join(row[0] for row in connection.execute(query).fetchall())
    assert "Index Cond: (geom && " in plan
    assert "Order By: (geom <-> " in plan


@pytest.mark.parametrize("limit", [1, 3])
def test_one_huge_target_among_small_ones_is_cut_up(connection: Connection, limit: int) -> None:
    connection.execute(
        "CREATE TABLE mixed AS SELECT i AS id,"
        " ST_Buffer(ST_Point(i % 10 * 50, i / 10 * 50, 27700), CASE i WHEN 7 THEN 200 ELSE 3 END,"
        " CASE i WHEN 7 THEN 'quad_segs=5000' ELSE 'quad_segs=1' END) AS geom"
        " FROM generate_series(1, 100) AS i;"
        "CREATE TABLE spots AS SELECT i AS id,"
        " ST_MakeEnvelope(i % 30 * 17, i / 30 * 25, i % 30 * 17 + 1, i / 30 * 25 + 1, 27700) AS geom"
        " FROM generate_series(1, 600) AS i"
    )
    first, second = add_dataset(connection, "spots"), add_dataset(connection, "mixed")
    run = nearest(connection, first, second, limit=limit)
    assert any("pieces of big shapes" in message for _, message in run.context.steps)
    assert run.rows() == nearest(connection, first, second, limit=limit, output_mode="view").rows()


def test_progress_grows_while_targets_are_prepared(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each row has much to be told of: copied for want of an index, cut up, indexed twice."""
    monkeypatch.setattr(ticks, "_EACH", 1)
    connection.execute(
        "CREATE TABLE big AS SELECT i AS id, ST_Buffer(ST_Point(i * 60, 0, 27700), 20, 'quad_segs=40')"
        " AS geom FROM generate_series(1, 10) AS i;"
        "CREATE TABLE spots AS SELECT i AS id, ST_MakeEnvelope(i, 50, i + 1, 51, 27700) AS geom"
        " FROM generate_series(1, 200) AS i"
    )
    steps = nearest(
        connection, add_dataset(connection, "spots"), add_dataset(connection, "big")
    ).context.steps
    assert [share for share, _ in steps] == sorted(share for share, _ in steps)
    for said in ("copying targets", "cutting big targets up"):
        assert len({share for share, step in steps if step == said}) == 10
    assert sum(step == "making an index of targets" for _, step in steps) == 2
