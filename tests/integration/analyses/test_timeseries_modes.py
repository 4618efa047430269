"""static, view and materialized_view are one answer; a view finds neighbours by the index on shapes."""

import json
from typing import Any, LiteralString

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from tests.integration.analyses.layers import add_dataset
from tests.integration.analyses.test_modes import assert_modes_agree
from tests.integration.analyses.test_plans import nodes
from tests.integration.analyses.timeseries import JOB, add_series, grid, run

from geocrew.db import Connection
from geocrew.errors import UserError

INCOME = {"value_field": "income", "time_field": "year"}


@pytest.mark.parametrize(
    "params",
    [
        {"time_step": "year", "distance": 500, "distance_unit": "km", "location_field": "state"},
        {"time_step": "year", "neighbor_type": "knn", "k_neighbors": 6, "correction": "fdr"},
        {"time_periods": ["2009", "1929", "1969"], "neighbor_type": "knn", "k_neighbors": 3},
    ],
)
def test_income_by_decade(shared: Connection, demo_ids: dict[str, int], params: dict[str, Any]) -> None:
    assert_modes_agree(shared, JOB, INCOME | params | {"dataset_id": demo_ids["us_state_income"]})


# Few places and values, so that ties, islands, gaps and repeated places are common.
row = st.tuples(
    st.one_of(st.integers(-3, 3).map(float), st.sampled_from([None, float("nan"), 1e6])),
    st.sampled_from(["a", "a", "b", "b", "c", None]),
    st.sampled_from(["p", "q", "r", None]),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
rule = st.sampled_from(
    [{"distance": 1.0}, {"distance": 2.3}, {"neighbor_type": "knn", "k_neighbors": 2}]
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(row, min_size=9, max_size=40),
    rule,
    st.sampled_from(["none", "fdr"]),
    st.sampled_from([None, "spot"]),
    st.sampled_from(["POINT({0} {1})", "LINESTRING({0} {1}, {0} 9)"]),
)
def test_small_data(
    shared: Connection,
    drawn: list[Any],
    chosen: dict[str, Any],
    correction: str,
    location: str | None,
    shape: str,
) -> None:
    rows = [(at, each[0], each[1], each[2], shape.format(*each[3])) for at, each in enumerate(drawn)]
    params = {
        "dataset_id": add_series(shared, rows),
        "value_field": "value",
        "time_field": "seen",
        "time_periods": ["b", "a"],
        "location_field": location,
        "correction": correction,
        **chosen,
    }
    try:
        run(shared, **params)
    except UserError:  # too few rows or no variation: test_timeseries_periods.py
        return
    assert_modes_agree(shared, JOB, params, ("view",))


def test_a_view_follows_its_features(shared: Connection) -> None:
    dataset_id = add_series(shared, grid("abcde"))
    params = {"time_periods": list("abcde"), "location_field": "spot"}
    view = run(shared, dataset_id, output_mode="view", **params)
    shared.execute(
        "UPDATE series SET value = 99 WHERE spot IN ('1/1', '1/2'); DELETE FROM series WHERE id = 70;"
        " UPDATE series SET seen = 'gone' WHERE id = 5"
    )
    static = run(shared, dataset_id, **params)
    assert view.column("id") == static.column("id")
    assert view.column("pattern") == static.column("pattern")
    for name in ("gi_z", "trend_z"):
        assert view.column(name) == pytest.approx(static.column(name), rel=1e-9, abs=1e-12)


def test_a_view_of_a_period_that_became_useless_keeps_its_rows(shared: Connection) -> None:
    dataset_id = add_series(shared, grid("ab"))
    view = run(shared, dataset_id, time_periods=["a", "b"], output_mode="view")
    shared.execute("UPDATE series SET value = 5 WHERE seen = 'b'")
    rows = view.rows()
    assert [each["gi_z"] is None for each in rows] == [each["seen"] == "b" for each in rows]
    assert set(view.column("trend_z")) == {None}


def test_a_view_needs_what_tells_rows_apart(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE bare AS SELECT i % 7 AS value, i % 2 AS seen, ST_Point(i, 0, 27700) AS geom"
        " FROM generate_series(1, 20) AS i; CREATE VIEW keyless AS SELECT * FROM bare"
    )
    dataset_id = add_dataset(connection, "keyless", key=None)
    assert len(run(connection, dataset_id, time_step="year").rows()) == 20
    with pytest.raises(UserError, match=f"dataset {dataset_id} has no unique key"):
        run(connection, dataset_id, time_step="year", output_mode="view")


_MAKE: LiteralString = """
    CREATE TABLE wide AS SELECT i AS id, i * i % 97 AS value, date '2020-01-15' + i % 3 * 31 AS seen,
            ST_Point(i / 3 % 100, i / 300, 27700)::geometry(Point, 27700) AS geom
        FROM generate_series(0, 29999) AS i;
    ALTER TABLE wide ADD PRIMARY KEY (id);
    CREATE INDEX wide_geom ON wide USING gist (geom);
    ANALYZE wide
"""


@pytest.mark.parametrize(
    "rule", [{"distance": 1}, {"neighbor_type": "knn", "k_neighbors": 4}], ids=["distance", "knn"]
)
@pytest.mark.parametrize("time", [{"time_step": "month"}, {"time_periods": ["2020-01", "2020-03"]}])
def test_a_view_finds_neighbours_by_the_index_on_shapes(
    connection: Connection, rule: dict[str, Any], time: dict[str, Any]
) -> None:
    connection.execute(_MAKE)
    view = run(connection, add_dataset(connection, "wide"), output_mode="view", **rule, **time)
    explain = sql.SQL("EXPLAIN (FORMAT json) SELECT * FROM {}").format(view.relation)
    found = connection.execute(explain).fetchone()
    assert found is not None
    plan = found[0] if not isinstance(found[0], str) else json.loads(found[0])
    steps = list(nodes(plan[0]["Plan"]))
    by_index = [each for each in steps if each.get("Index Name") == "wide_geom"]
    conditions = " ".join(each.get("Index Cond", "") + each.get("Order By", "") for each in by_index)
    assert "&&" in conditions
    assert ("<->" in conditions) == ("k_neighbors" in rule)
    # Read whole for the periods, for each one's statistics, for the places and for the rows.
    scans = [each for each in steps if each["Node Type"] == "Seq Scan"]
    assert sum(each.get("Relation Name") == "wide" for each in scans) <= 4
