"""What a table filled from here says of itself, and what numbers its places."""

from typing import Any, LiteralString

import numpy as np
import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_table, current_schema
from tests.integration.analyses.timeseries import add_series, grid, run
from tests.run_analysis import run_analysis

from geocrew.analyses.parts.period_rows import number_places
from geocrew.datasets.describe import describe
from geocrew.datasets.summary import summarise
from geocrew.db import Connection

POINTS: list[tuple[Any, ...]] = [(i, float(i * i % 7), f"POINT({i % 5} {-i / 3})") for i in range(40)]


RUNS: list[tuple[str, dict[str, Any]]] = [
    ("hotspot_analysis", {"distance": 1}),
    ("outlier_analysis", {"method": "mad"}),
    ("outlier_analysis", {"method": "local_moran", "distance": 1}),
]


@pytest.mark.parametrize("last", [[], [(99, 1.0, None)], [(99, 1.0, "POINT EMPTY")]])
@pytest.mark.parametrize(("job_type", "more"), RUNS)
def test_extent_and_counts_are_those_of_the_table(
    connection: Connection, job_type: str, more: dict[str, Any], last: list[Any]
) -> None:
    """Of points that are all somewhere they are known without a scan."""
    dataset_id = add_table(connection, POINTS + last)
    params = {"dataset_id": dataset_id, "value_field": "value"} | more
    run = run_analysis(connection, job_type, params)
    table = run.dataset.table_name
    counted = summarise(connection, "public", str(table), "geom")
    assert run.dataset.bbox == counted.bbox
    assert run.dataset.row_count == counted.row_count == 40 + len(last)
    assert run.dataset.null_geometry_count == counted.null_geometry_count
    assert (run.dataset.geometry_type, run.dataset.srid) == (counted.geometry_type, counted.srid)


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
@pytest.mark.parametrize("x", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("kind", ["Point", "MultiPoint"])
def test_a_point_that_is_nowhere_is_not_in_the_extent(
    connection: Connection, kind: LiteralString, x: str, mode: str
) -> None:
    """ST_Extent forgets what came before a NaN, and a job with one in its result could not end."""
    multi = "" if kind == "Point" else "MULTI"
    rows = [(i, float(i % 7), multi + place) for i, _, place in POINTS]
    dataset_id = add_table(connection, [*rows[:20], *rows[21:]], geometry_type=kind)
    nowhere = "ST_SetSRID(ST_MakePoint(%s, %s), 27700)"
    if multi:
        nowhere = f"ST_Multi({nowhere})"
    for key, place in ((-1, (x, "0")), (20, ("0", x)), (99, (x, x))):
        insert = sql.SQL("INSERT INTO places VALUES (%s, 1, " + nowhere + ")")
        connection.execute(insert, (key, *map(float, place)))
    params = {"dataset_id": dataset_id, "value_field": "value", "output_mode": mode}
    for job_type, more in RUNS:
        run = run_analysis(connection, job_type, params | more)
        assert run.dataset.bbox == [0, -13, 4, 0]
        assert (run.dataset.row_count, run.counts["n_empty"]) == (42, 3)
    found = describe(connection, current_schema(connection), "places", "geom")
    assert found.bbox == [0, -13, 4, 0]


@pytest.mark.parametrize("method", ["zscore", "mad"])
@pytest.mark.parametrize(
    ("kind", "last"),
    [
        ("float8", []),
        ("float4", [(99, 2.7, "POINT(0 0)")]),
        ("smallint", [(99, None, "POINT(0 0)")]),
        ("numeric", [(99, "1e-400", "POINT(0 0)")]),
        ("float8", [(99, "NaN", "POINT(0 0)")]),
        ("float8", [(99, "Infinity", "POINT(0 0)")]),
        ("float8", [(99, 1e9, "POINT EMPTY")]),
        ("float8", [(99, 1e9, None)]),
        ("float8", [(99, "1e-300", "POINT(0 0)")]),
    ],
)
def test_outliers_are_those_of_the_view(
    connection: Connection, method: str, kind: LiteralString, last: list[Any]
) -> None:
    """Whether the table is filled by the short expression or the full one, and however counted."""
    dataset_id = add_table(connection, POINTS + last, value_type=kind)
    params = {"dataset_id": dataset_id, "value_field": "value", "method": method, "threshold": 1.0}
    table, view = (
        run_analysis(connection, "outlier_analysis", params | {"output_mode": mode})
        for mode in ("static", "view")
    )
    np.testing.assert_allclose(
        np.array(table.column("outlier_score"), float),
        np.array(view.column("outlier_score"), float),
        rtol=1e-9,
        atol=1e-12,
    )
    assert table.column("is_outlier") == view.column("is_outlier")
    assert {**table.counts, "notes": []} == {**view.counts, "notes": []}
    assert table.counts["n_outliers"] == table.column("is_outlier").count(True) > 0


def test_places_are_told_apart_by_both_numbers() -> None:
    place = np.array([5, 5, -9, 5, 0, 0])
    twin = np.array([1, 2, 1, 1, 0, 0])
    somewhere = np.array([True, True, True, True, False, True])
    assert number_places(place, twin, somewhere).tolist() == [3, 4, 1, 3, 0, 2]


@pytest.mark.parametrize("kind", ["smallint", "integer", "bigint"])
def test_a_whole_number_names_a_place_as_its_text_does(connection: Connection, kind: str) -> None:
    dataset_id = add_series(connection, grid("abc"))
    connection.execute("ALTER TABLE series ADD number bigint")
    connection.execute("UPDATE series SET number = (id - 1) % 36 - 4 WHERE id <> 7")
    connection.execute("UPDATE series SET spot = number::text")
    connection.execute(sql.SQL("ALTER TABLE series ALTER number TYPE {}").format(sql.SQL(kind)))
    found = []
    for name in ("number", "spot"):
        series = run(connection, dataset_id, time_periods=["a", "b", "c"], location_field=name)
        found.append([series.column(column) for column in ("trend_z", "pattern")])
    assert found[0] == found[1]
    assert found[0][0][6] is None
