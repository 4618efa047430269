"""Dissolve by hand: small cases in all three modes, and what their counts say."""

from typing import Any, LiteralString

import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import Row, Run, run_analysis

from geocrew.db import Connection

MODES = ["static", "view", "materialized_view"]
BOX = "POLYGON(({0} {1}, {2} {1}, {2} {3}, {0} {3}, {0} {1}))"


def dissolve(connection: Connection, dataset_id: int, **params: Any) -> Run:
    return run_analysis(connection, "dissolve", {"source_dataset_id": dataset_id} | params)


def shapes(run: Run) -> list[str]:
    """The shapes in one spelling, by id."""
    query = sql.SQL("SELECT ST_AsText(ST_Normalize(geom)) FROM {} ORDER BY id")
    return [row[0] for row in run.context.connection.execute(query.format(run.relation))]


def box(*corners: float) -> str:
    return BOX.format(*corners)


def without_shapes(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "geom"} for row in rows]


def towns(connection: Connection) -> int:
    """Two states of two squares each, a square without a state, and three rows without a shape."""
    connection.execute(
        "CREATE TABLE towns (id int PRIMARY KEY, state text, people int, area numeric(6, 2),"
        " founded date, geom geometry(Polygon, 27700))"
    )
    rows: list[tuple[Any, ...]] = [
        (1, "B", 10, "1.50", "1900-01-02", box(0, 0, 1, 1)),
        (2, "A", 1, "2.25", "1800-01-02", box(5, 0, 6, 1)),
        (3, "B", 30, None, "1850-01-02", box(1, 0, 2, 1)),
        (4, None, 7, "1.00", None, box(9, 9, 10, 10)),
        (5, "A", None, "NaN", "1700-01-02", box(7, 0, 8, 1)),
        (6, "A", 99, "9.00", "1600-01-02", None),
        (7, "C", 99, "9.00", "1600-01-02", "POLYGON EMPTY"),
    ]
    for row in rows:
        connection.execute(
            "INSERT INTO towns VALUES (%s, %s, %s, %s, %s, ST_GeomFromText(%s, 27700))", row
        )
    return add_dataset(connection, "towns")


ALL_FUNCTIONS = ["sum", "avg", "min", "max", "count", "median", "stddev", "first"]


@pytest.mark.parametrize("mode", MODES)
def test_by_field(connection: Connection, mode: str) -> None:
    functions = {"people": ALL_FUNCTIONS, "area": "sum", "founded": ["min", "max", "first", "count"]}
    run = dissolve(
        connection,
        towns(connection),
        dissolve_field="state",
        aggregation_fields=functions,
        output_mode=mode,
    )
    a, b, none = run.rows()
    assert [row["state"] for row in (a, b, none)] == ["A", "B", None]
    assert [row["id"] for row in (a, b, none)] == [1, 2, 3]
    assert [row["feature_count"] for row in (a, b, none)] == [2, 2, 1]
    people = [b[f"people_{name}"] for name in ALL_FUNCTIONS]
    assert people == [40, 20.0, 10, 30, 2, 20.0, pytest.approx(200**0.5), 10]
    assert [a[f"people_{name}"] for name in ALL_FUNCTIONS] == [1, 1.0, 1, 1, 1, 1.0, None, 1]
    assert [row["area_sum"] for row in (a, b, none)] == [2.25, 1.5, 1.0]
    dates = [str(b[f"founded_{name}"]) for name in ("min", "max", "first", "count")]
    assert dates == ["1850-01-02", "1900-01-02", "1900-01-02", "2"]
    assert none["founded_count"] == 0
    assert shapes(run) == [
        "MULTIPOLYGON(((7 0,7 1,8 1,8 0,7 0)),((5 0,5 1,6 1,6 0,5 0)))",
        "MULTIPOLYGON(((0 0,0 1,1 1,2 1,2 0,1 0,0 0)))",
        "MULTIPOLYGON(((9 9,9 10,10 10,10 9,9 9)))",
    ]
    assert run.types() == {
        "id": "bigint",
        "state": "text",
        "feature_count": "bigint",
        "people_sum": "bigint",
        "people_avg": "double precision",
        "people_min": "integer",
        "people_max": "integer",
        "people_count": "bigint",
        "people_median": "double precision",
        "people_stddev": "double precision",
        "people_first": "integer",
        "area_sum": "double precision",
        "founded_min": "date",
        "founded_max": "date",
        "founded_first": "date",
        "founded_count": "bigint",
        "geom": "geometry(MultiPolygon,27700)",
    }
    counts = run.counts
    assert (counts["rows_in"], counts["rows_out"], counts["n_groups"]) == (7, 5, 3)
    assert counts["n_empty"] == counts["dropped_empty"] == 2
    assert counts["dropped"] == [
        {"id": 6, "reason": "it has no shape"},
        {"id": 7, "reason": "its shape is empty"},
    ]
    assert counts["n_null"] == {"people": 1, "area": 2}
    assert counts["n_not_numeric"] == {"people": 0, "area": 1}
    assert counts["merged_by"] == ({"coverage": 3} if mode == "static" else {})
    assert run.dataset.name == "towns dissolved by state"
    assert run.dataset.row_count == 3
    assert run.dataset.bbox == [0, 0, 10, 10]


@pytest.mark.parametrize("mode", MODES)
def test_all_into_one(connection: Connection, mode: str) -> None:
    run = dissolve(
        connection,
        towns(connection),
        dissolve_mode="all",
        aggregation_fields={"people": "sum"},
        output_mode=mode,
    )
    (row,) = without_shapes(run.rows())
    assert row == {"id": 1, "feature_count": 5, "people_sum": 48}
    assert run.dataset.name == "towns dissolved"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("unmatched", ["drop", "keep"])
def test_custom_groups(connection: Connection, unmatched: str, mode: str) -> None:
    groups = [
        {"name": 'it\'s "big" {0} %s', "values": [10, 30, "30"]},
        {"name": "small", "values": [1]},
        {"name": "nobody", "values": [12345]},
    ]
    run = dissolve(
        connection,
        towns(connection),
        dissolve_mode="custom",
        custom_field="people",
        custom_groups=groups,
        unmatched=unmatched,
        output_mode=mode,
    )
    expected = [(groups[0]["name"], 2), ("small", 1), *([(None, 2)] if unmatched == "keep" else [])]
    assert [(row["group_name"], row["feature_count"]) for row in run.rows()] == expected
    dropped = 2 if unmatched == "drop" else 0
    counts = run.counts
    assert counts["dropped_outside"] == counts["n_unmatched"] == dropped
    assert (counts["rows_in"], counts["rows_out"], counts["dropped_empty"]) == (7, 5 - dropped, 2)
    reasons = {each["id"]: each["reason"] for each in counts["dropped"]}
    assert reasons.get(4) == ("its value is in no custom group" if dropped else None)


@pytest.mark.parametrize("mode", MODES)
def test_a_row_for_each_part(connection: Connection, mode: str) -> None:
    run = dissolve(
        connection,
        towns(connection),
        dissolve_field="state",
        multipart=False,
        aggregation_fields={"people": "sum"},
        output_mode=mode,
    )
    assert without_shapes(run.rows()) == [
        {"id": 1, "state": "A", "feature_count": 2, "people_sum": 1},
        {"id": 2, "state": "A", "feature_count": 2, "people_sum": 1},
        {"id": 3, "state": "B", "feature_count": 2, "people_sum": 40},
        {"id": 4, "state": None, "feature_count": 1, "people_sum": 7},
    ]
    assert run.types()["geom"] == "geometry(MultiPolygon,27700)"
    assert shapes(run)[:2] == [
        "MULTIPOLYGON(((5 0,5 1,6 1,6 0,5 0)))",
        "MULTIPOLYGON(((7 0,7 1,8 1,8 0,7 0)))",
    ]
    assert run.dataset.row_count == 4


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("geometry", ["Polygon", "Geometry"])
@pytest.mark.parametrize("dissolve_mode", ["all", "field"])
def test_nothing_gives_nothing(
    connection: Connection, geometry: LiteralString, dissolve_mode: str, mode: str
) -> None:
    for rows in ([], [(1, 2.0, None)]):
        dataset_id = add_table(connection, rows, geometry_type=geometry)
        run = dissolve(
            connection,
            dataset_id,
            dissolve_mode=dissolve_mode,
            dissolve_field="value",
            output_mode=mode,
        )
        assert run.rows() == []
        assert (run.counts["n_groups"], run.counts["n_empty"]) == (0, len(rows))
        assert run.dataset.row_count == 0


@pytest.mark.parametrize("mode", MODES)
def test_points_and_lines(connection: Connection, mode: str) -> None:
    points = [
        (1, 1.0, "POINT(1 1)"),
        (2, 1.0, "POINT(1 1)"),
        (3, 1.0, "POINT(2 1)"),
        (4, 2.0, "POINT(0 0)"),
    ]
    run = dissolve(
        connection,
        add_table(connection, points, geometry_type="Point"),
        dissolve_field="value",
        output_mode=mode,
    )
    assert run.types()["geom"] == "geometry(MultiPoint,27700)"
    assert shapes(run) == ["MULTIPOINT((2 1),(1 1))", "MULTIPOINT((0 0))"]
    run = dissolve(
        connection,
        add_table(connection, points, geometry_type="Point"),
        dissolve_field="value",
        multipart=False,
        output_mode=mode,
    )
    assert run.types()["geom"] == "geometry(Point,27700)"
    assert shapes(run) == ["POINT(1 1)", "POINT(2 1)", "POINT(0 0)"]
    lines = [(1, 1.0, "LINESTRING(0 0, 2 2)"), (2, 1.0, "LINESTRING(0 2, 2 0)")]
    run = dissolve(connection, add_table(connection, lines), dissolve_field="value", output_mode=mode)
    assert run.types()["geom"] == "geometry(MultiLineString,27700)"
    assert shapes(run) == ["MULTILINESTRING((1 1,2 2),(1 1,2 0),(0 2,1 1),(0 0,1 1))"]
