"""Empty curves, some of which PostGIS cannot turn into lines, count as rows without a shape."""

from typing import Any

import pytest
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import run_analysis

from geocrew.db import Connection
from geocrew.error_classes import classify

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


@pytest.mark.parametrize(("job_type", "name", "params"), ANALYSES)
def test_an_empty_member_is_told_as_the_mistake_of_the_data(
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
        run_analysis(connection, job_type, {name: add_dataset(connection, "holding")} | given)
    told = classify(caught.value)
    assert told.kind == "user"
    assert "MultiSurface or collection has an empty member" in told.message
