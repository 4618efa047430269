"""Empty curves, some of which PostGIS cannot turn into lines, count as rows without a shape."""

import re
from typing import Any

import pytest
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import run_analysis

from geocrew.db import Connection
from geocrew.error_classes import classify
from geocrew.errors import UserError

EMPTY = [
    "CURVEPOLYGON EMPTY",
    "CURVEPOLYGON Z EMPTY",
    "CURVEPOLYGON M EMPTY",
    "MULTISURFACE EMPTY",
    "MULTISURFACE(CURVEPOLYGON EMPTY)",
    "MULTISURFACE(POLYGON EMPTY, CURVEPOLYGON EMPTY)",
]
DISC = "CURVEPOLYGON(CIRCULARSTRING({0} 0, {1} 1, {2} 0, {1} -1, {0} 0))"
ANALYSES: list[tuple[str, str, dict[str, Any]]] = [
    ("hotspot_analysis", "dataset_id", {"value_field": "value", "distance": 5}),
    ("outlier_analysis", "dataset_id", {"value_field": "value"}),
    ("nearest", "source_dataset_id", {"target_dataset_id": None}),
    ("dissolve", "source_dataset_id", {"dissolve_mode": "all"}),
    ("clip", "dataset_id", {"clip_dataset_id": None}),
    ("erase_analysis", "input_dataset_id", {"erase_dataset_id": None}),
]


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
@pytest.mark.parametrize(("job_type", "name", "params"), ANALYSES)
def test_empty_curves_have_no_shape(
    connection: Connection, job_type: str, name: str, params: dict[str, Any], mode: str
) -> None:
    rows: list[Any] = [(key, float(key), DISC.format(key, key + 1, key + 2)) for key in (1, 3, 5)]
    features = add_table(connection, [*rows, (9, 9.0, None)], table="features")
    connection.execute("ALTER TABLE features ALTER geom TYPE geometry USING geom")
    for key, shape in enumerate(EMPTY, 11):
        connection.execute(
            "INSERT INTO features VALUES (%s, 1, ST_GeomFromText(%s, 27700))", (key, shape)
        )
    other = add_table(connection, [(1, 0.0, "POLYGON((0 -9, 0 9, 4 9, 4 -9, 0 -9))")], table="other")
    given = {key: other if value is None else value for key, value in params.items()}
    run = run_analysis(connection, job_type, {name: features, "output_mode": mode} | given)
    assert run.counts["n_empty"] == 1 + len(EMPTY)
    assert run.counts["rows_in"] == 4 + len(EMPTY)


HOLDING = [
    ("MULTISURFACE(CURVEPOLYGON EMPTY, {0})", "MULTISURFACE({0})"),
    (
        "MULTISURFACE(POLYGON EMPTY, {0}, ((8 0, 9 0, 9 1, 8 0)))",
        "MULTISURFACE({0}, ((8 0, 9 0, 9 1, 8 0)))",
    ),
    (
        "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(CURVEPOLYGON EMPTY), MULTISURFACE({0}, POLYGON EMPTY))",
        "GEOMETRYCOLLECTION(MULTIPOLYGON({1}))",
    ),
]


def hold(connection: Connection, table: str, shape: str) -> int:
    """Make a table of discs of which the first is in a shape."""
    first = DISC.format(0, 1, 2)
    row = connection.execute(
        "SELECT substr(ST_AsText(ST_CurveToLine(%s::geometry), 20), 8)", (first,)
    ).fetchone()
    assert row is not None
    shapes = [shape.format(first, row[0]), *(DISC.format(k, k + 1, k + 2) for k in (1, 2, 3))]
    dataset = add_table(connection, [(k, float(k), None) for k in range(4)], table=table)
    connection.execute(f"ALTER TABLE {table} ALTER geom TYPE geometry USING geom")
    for key, text in enumerate(shapes):
        update: Any = f"UPDATE {table} SET geom = ST_GeomFromText(%s, 27700) WHERE id = %s"
        connection.execute(update, (text, key))
    return dataset


@pytest.mark.parametrize(
    ("job_type", "name", "params", "shape", "whole"),
    [
        (*analysis, *shapes)
        for analysis in ANALYSES
        for shapes in HOLDING
        if analysis[0] != "dissolve" or shapes is not HOLDING[2]  # which refuses collections
    ],
)
def test_an_empty_member_costs_nothing(
    connection: Connection, job_type: str, name: str, params: dict[str, Any], shape: str, whole: str
) -> None:
    """PostGIS fails on it in the server: ST_IsValid, ST_Centroid, ST_CurveToLine."""
    other = add_table(connection, [(1, 0.0, "POLYGON((1 -9, 1 9, 4 9, 4 -9, 1 -9))")], table="other")
    given = {key: other if value is None else value for key, value in params.items()}
    run, expected = (
        run_analysis(connection, job_type, {name: hold(connection, table, each)} | given)
        for table, each in (("holding", shape), ("clean", whole))
    )
    assert run.rows() == expected.rows()
    assert run.counts == expected.counts


def test_a_curve_of_nothing_is_no_line(connection: Connection) -> None:
    """ST_CurveToLine makes a point of what it finds in memory of an empty CircularString."""
    dataset = add_table(connection, [(1, 0.0, None)], table="lines")
    connection.execute("ALTER TABLE lines ALTER geom TYPE geometry USING geom")
    connection.execute(
        "UPDATE lines SET geom = ST_GeomFromText('MULTICURVE(CIRCULARSTRING EMPTY, (0 0, 4 0))', 27700)"
    )
    params = {"dataset_id": dataset, "value_field": "value"}
    run = run_analysis(connection, "dissolve", {"source_dataset_id": dataset, "dissolve_mode": "all"})
    assert run.counts["n_repaired"] == 0
    with pytest.raises(UserError, match="1 usable value"):
        run_analysis(connection, "outlier_analysis", params | {"on_invalid": "fail"})


@pytest.mark.parametrize(("job_type", "name", "params"), ANALYSES)
def test_a_view_of_an_empty_member_is_told_as_the_mistake_of_the_data(
    connection: Connection, job_type: str, name: str, params: dict[str, Any]
) -> None:
    """PostGIS fails on it in the server; that is no fault of the program, and no use to try again."""
    shapes = [
        f"MULTISURFACE(CURVEPOLYGON EMPTY, {DISC.format(0, 1, 2)})",
        *(DISC.format(*range(k, k + 3)) for k in (1, 2, 3)),
    ]
    connection.execute("CREATE TABLE holding (id int PRIMARY KEY, value float8, geom geometry)")
    for key, shape in enumerate(shapes):
        row = (key, float(key), shape)
        connection.execute("INSERT INTO holding VALUES (%s, %s, ST_GeomFromText(%s, 27700))", row)
    other = add_table(connection, [(1, 0.0, "POLYGON((1 -9, 1 9, 4 9, 4 -9, 1 -9))")], table="other")
    given = {key: other if value is None else value for key, value in params.items()}
    with pytest.raises(Exception, match="need at least 1 ring") as caught:
        holding = {name: add_dataset(connection, "holding"), "output_mode": "materialized_view"}
        run_analysis(connection, job_type, holding | given)
    told = classify(caught.value)
    assert told.kind == "user"
    assert re.search("has an empty member|PostGIS cannot cut", told.message)
    assert 'choose output_mode "static"' in told.message or told.message.endswith('choose "static"')
