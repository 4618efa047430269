"""Stored views come up to date, with their row of the catalog, and no others are touched."""

from typing import Any

import pytest
from psycopg import sql
from tests.run_analysis import Run, run_analysis

from geocrew import analyses
from geocrew.datasets import catalog, registry
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, NotFound, UserError
from geocrew.submit import submit


def refresh(connection: Connection, dataset_id: int, user_id: int = 1) -> Run:
    return run_analysis(connection, "refresh_view", {"dataset_id": dataset_id}, user_id=user_id)


def stored(connection: Connection, spots: int, **params: Any) -> Run:
    given = {"source_dataset_id": spots, "columns": ["value"], "materialized": True} | params
    return run_analysis(connection, "create_view", given)


def add_spot(connection: Connection) -> None:
    connection.execute("INSERT INTO spots VALUES (6, 6, 'SRID=27700;POINT(60 70)'), (7, 7, NULL)")


def test_rows_counts_and_extent_come_up_to_date(connection: Connection, spots: int) -> None:
    made = stored(connection, spots)
    add_spot(connection)
    assert len(made.rows()) == 5
    run = refresh(connection, made.dataset.id)
    assert len(made.rows()) == 7
    found = catalog.get(connection, made.dataset.id)
    assert (found.row_count, found.null_geometry_count, found.bbox) == (7, 1, [1, 1, 60, 70])
    assert found == run.dataset
    assert (found.id, found.name, found.job_id) == (made.dataset.id, made.dataset.name, None)
    assert run.counts == {"concurrently": True, "rows_before": 5}
    assert len(catalog.listed(connection)) == 2


def test_views_of_every_analysis_are_refreshed(connection: Connection, spots: int) -> None:
    params = {"dataset_id": spots, "value_field": "value", "output_mode": "materialized_view"}
    made = run_analysis(connection, "outlier_analysis", params)
    add_spot(connection)
    assert refresh(connection, made.dataset.id).counts["concurrently"] is True
    assert len(made.rows()) == 7


@pytest.mark.parametrize(
    "spoil", ["DROP INDEX {index}", "REFRESH MATERIALIZED VIEW {view} WITH NO DATA"]
)
def test_where_readers_must_wait_it_says_so(connection: Connection, spots: int, spoil: str) -> None:
    made = stored(connection, spots)
    connection.execute(
        sql.SQL(spoil).format(view=made.relation, index=sql.Identifier(f"{made.dataset.table_name}_id"))
    )
    add_spot(connection)
    assert refresh(connection, made.dataset.id).counts["concurrently"] is False
    assert len(made.rows()) == 7


def told(connection: Connection, dataset_id: int, user_id: int = 1) -> str:
    with pytest.raises(UserError) as caught:
        refresh(connection, dataset_id, user_id)
    return str(caught.value)


def test_only_stored_views_of_ours_are_refreshed(connection: Connection, spots: int) -> None:
    made = run_analysis(connection, "create_view", {"source_dataset_id": spots, "columns": ["value"]})
    only = "only a materialized_view can be refreshed"
    assert told(connection, spots) == f"dataset_id {spots} is a table; {only}"
    assert told(connection, made.dataset.id) == f"dataset_id {made.dataset.id} is a view; {only}"
    connection.execute("CREATE MATERIALIZED VIEW elsewhere AS SELECT * FROM spots")
    registered = registry.register(connection, "public", "elsewhere").id
    assert "is a registered materialized view, which is never changed" in told(connection, registered)
    with pytest.raises(NotFound, match="dataset 999 does not exist"):
        refresh(connection, 999)


def test_a_view_that_is_gone_is_told_when_submitted(connection: Connection, spots: int) -> None:
    made = stored(connection, spots).dataset
    name = str(made.table_name)
    replacements = (
        ("MATERIALIZED VIEW", ""),
        ("MATERIALIZED VIEW", f"CREATE TABLE {name} (id int)"),
        ("TABLE", f"CREATE MATERIALIZED VIEW {name} AS SELECT 1 AS other"),
    )
    for kind, replacement in replacements:
        connection.execute(f"DROP {kind} IF EXISTS {name}; {replacement}")
        with pytest.raises(NotFound, match=f"the view of dataset {made.id} is not there any more"):
            submit(connection, "refresh_view", {"dataset_id": made.id})
    assert "another is in its place, which has other columns" in told(connection, made.id)


def test_another_users_view_does_not_exist(connection: Connection, spots: int) -> None:
    made = stored(connection, spots)
    assert told(connection, made.dataset.id, 2) == (
        f"dataset_id: dataset {made.dataset.id} does not exist; there are no stored views yet"
    )


def test_ids_that_have_become_equal_are_the_users_to_mend(connection: Connection, spots: int) -> None:
    query = f"SELECT value::int AS id, geom FROM spatial_data_{spots}"
    made = run_analysis(
        connection, "create_view", {"source_dataset_id": spots, "query": query, "materialized": True}
    )
    connection.execute("UPDATE spots SET value = 1")
    assert 'its "id" would not identify its rows any more' in told(connection, made.dataset.id)
    assert len(made.rows()) == 5


def test_ids_that_have_become_null_are_the_users_to_mend(connection: Connection, spots: int) -> None:
    query = f"SELECT NULLIF(id, 6) AS id, geom FROM spatial_data_{spots}"
    made = stored(connection, spots, columns=None, query=query)
    add_spot(connection)
    assert 'its "id" would not identify its rows any more' in told(connection, made.dataset.id)
    assert len(made.rows()) == 5


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ("1 / (id - 6) AS ratio, geom", "division by zero"),
        (
            "CASE id WHEN 6 THEN ST_Buffer(geom, 1) ELSE geom END AS geom",
            "Geometry type (Polygon) does not match column type (Point)",
        ),
    ],
)
def test_rows_that_do_not_fit_are_the_users_to_mend(
    connection: Connection, spots: int, columns: str, problem: str
) -> None:
    query = f"SELECT id, {columns} FROM spatial_data_{spots}"
    made = stored(connection, spots, columns=None, query=query)
    add_spot(connection)
    expected = f"dataset {made.dataset.id} cannot be refreshed: {problem}"
    assert told(connection, made.dataset.id) == expected
    assert len(made.rows()) == 5


def test_a_view_that_is_gone_is_missed(connection: Connection, spots: int) -> None:
    made = stored(connection, spots)
    connection.execute(sql.SQL("DROP MATERIALIZED VIEW {}").format(made.relation))
    assert "is not there any more" in told(connection, made.dataset.id)


@pytest.mark.parametrize("name", ["output_name", "output_dataset_id"])
def test_there_is_no_output_to_name(name: str) -> None:
    value = {"output_name": "x", "output_dataset_id": 3}[name]
    with pytest.raises(InvalidParameters, match=f"{name} means nothing here"):
        analyses.find("refresh_view").parse({"dataset_id": 1, name: value})
