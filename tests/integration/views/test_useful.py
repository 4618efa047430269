"""Queries that people make views of become views, which read what they name and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from tests.run_analysis import Run, run_analysis

from geocrew.datasets.remove import drop
from geocrew.db import Connection

QUERIES = [
    line
    for line in Path(__file__).with_name("useful.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def named(query: str, demo_ids: dict[str, int]) -> str:
    for name, number in demo_ids.items():
        query = query.replace(f"{{{name}}}", f"spatial_data_{number}")
    return query


def make(connection: Connection, demo_ids: dict[str, int], query: str, **params: Any) -> Run:
    source = next(number for name, number in demo_ids.items() if f"{{{name}}}" in query)
    params = {"source_dataset_id": source, "query": named(query, demo_ids)} | params
    return run_analysis(connection, "create_view", params)


def test_the_corpus_is_what_it_says() -> None:
    assert len(set(QUERIES)) == len(QUERIES) >= 60


@pytest.mark.parametrize("query", QUERIES)
def test_useful_queries_become_views(shared: Connection, demo_ids: dict[str, int], query: str) -> None:
    run = make(shared, demo_ids, query)
    try:
        check(shared, demo_ids, query, run)
    finally:
        drop(shared, run.dataset, Path("/nonexistent"))


def check(connection: Connection, demo_ids: dict[str, int], query: str, run: Run) -> None:
    """Hold the view against the query itself, and what it depends on against what it may read."""
    plain = f"SELECT count(*) FROM ({named(query, demo_ids)}) AS q"
    (rows,) = connection.execute(plain).fetchone() or (None,)
    assert run.dataset.kind == "view"
    assert run.dataset.row_count == run.counts["rows_out"] == rows > 0
    assert run.dataset.srid in (4326, 3857, 27700)
    assert len(set(run.column("id"))) == rows
    types = run.types()
    assert (next(iter(types)), types["id"]) == ("id", "bigint")
    assert types["geom"] == f"geometry({run.dataset.geometry_type},{run.dataset.srid})"
    read = {f"spatial_data_{number}" for name, number in demo_ids.items() if f"{{{name}}}" in query}
    assert relations(connection, str(run.dataset.table_name)) == read
    assert scanned(connection, run.relation) <= read
    assert set(run.counts["read_dataset_ids"]) == {
        int(each.removeprefix("spatial_data_")) for each in read
    }
    owner = connection.execute(
        "SELECT rolname, rolcanlogin, reloptions FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner"
        " WHERE pg_class.oid = %s::regclass",
        (run.relation.as_string(connection),),
    ).fetchone()
    assert owner == ("geocrew_views", False, ["security_invoker=true"])


def relations(connection: Connection, view: str) -> set[str]:
    """What PostgreSQL itself records that a view depends on, row types of functions aside."""
    found = connection.execute(
        "SELECT DISTINCT d.refobjid::regclass::text FROM pg_depend AS d"
        " JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass"
        " JOIN pg_class AS c ON c.oid = d.refobjid AND c.relkind <> 'c'"
        " WHERE d.refclassid = 'pg_class'::regclass AND r.ev_class = to_regclass(%s)"
        " AND d.refobjid <> r.ev_class",
        (view,),
    )
    return {name for (name,) in found}


def scanned(connection: Connection, view: sql.Identifier) -> set[str]:
    plan = connection.execute(sql.SQL("EXPLAIN (FORMAT JSON) SELECT * FROM {}").format(view)).fetchone()
    return set(re.findall(r"'Relation Name': '(\w+)'", str(plan)))


@pytest.mark.parametrize("query", QUERIES[::9])
def test_stored_views_hold_the_same_rows(
    shared: Connection, demo_ids: dict[str, int], query: str
) -> None:
    view = make(shared, demo_ids, query)
    stored = make(shared, demo_ids, query, materialized=True)
    assert stored.dataset.kind == "materialized_view"
    assert stored.rows() == view.rows()
    assert stored.types() == view.types()
    found = shared.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = %s ORDER BY 1", (stored.dataset.table_name,)
    ).fetchall()
    definitions = [row[0] for row in found]
    assert any("UNIQUE" in each and each.endswith("btree (id)") for each in definitions)
    assert any(each.endswith("gist (geom)") for each in definitions)
