"""What holds for outliers and time series as for hot spots: order, names, columns that are taken."""

from typing import Any, LiteralString

import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_dataset, add_table
from tests.integration.analyses.timeseries import add_series, corner, grid
from tests.integration.analyses.timeseries import run as run_series
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection
from geocrew.errors import UserError

ROWS = [(i, float(i * 37 % 11), f"POINT({i % 6} {i // 6})") for i in range(36)]
MORAN: list[dict[str, Any]] = [
    {"method": "local_moran", "distance": 1.5},
    {"method": "local_moran", "neighbor_type": "knn", "k_neighbors": 3},
]


def outliers(connection: Connection, dataset_id: int, **params: Any) -> Run:
    given = {"dataset_id": dataset_id, "value_field": "value"} | params
    return run_analysis(connection, "outlier_analysis", given)


def moran_bits(result: Run) -> list[Any]:
    query = sql.SQL(
        "SELECT source_id, float8send(moran_i), float8send(moran_z), float8send(moran_p), cluster_type"
        " FROM {} ORDER BY id"
    )
    return result.context.connection.execute(query.format(result.relation)).fetchall()


@pytest.mark.parametrize("rule", MORAN, ids=["distance", "knn"])
def test_the_order_of_rows_changes_no_bit_of_local_moran(
    shared: Connection, rule: dict[str, Any]
) -> None:
    rows = [(i, value * 1.1**i, place) for i, value, place in ROWS]
    before = moran_bits(outliers(shared, add_table(shared, rows), **rule))
    for order in (rows[::-1], sorted(rows, key=lambda row: (row[0] * 17) % 37)):
        assert moran_bits(outliers(shared, add_table(shared, order), **rule)) == before


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
@pytest.mark.parametrize("params", [{}, *MORAN], ids=["zscore", "distance", "knn"])
def test_taken_names_give_way(connection: Connection, params: dict[str, Any], mode: str) -> None:
    connection.execute(
        "CREATE TABLE kept AS SELECT i AS id, i * i % 7 AS value, 'a' AS outlier_score, 1 AS is_outlier,"
        " 'x' AS moran_i, 'c' AS cluster_type, 's' AS source_id, ST_Point(i % 5, i / 5, 27700) AS geom"
        " FROM generate_series(0, 24) AS i"
    )
    result = outliers(connection, add_dataset(connection, "kept"), output_mode=mode, **params)
    types = result.types()
    assert (types["source_id"], types["source_id_1"]) == ("integer", "text")
    assert (types["outlier_score"], types["outlier_score_1"]) == ("double precision", "text")
    assert (types["is_outlier"], types["is_outlier_1"]) == ("boolean", "integer")
    local = bool(params)
    assert types["moran_i"] == ("double precision" if local else "text")
    assert ("moran_i_1" in types, "cluster_type_1" in types) == (local, local)
    row = result.rows()[3]
    assert (row["id"], row["source_id"], row["source_id_1"], row["outlier_score_1"]) == (3, 3, "s", "a")


def test_results_have_readable_names(shared: Connection) -> None:
    assert outliers(shared, add_table(shared, ROWS)).dataset.name == "Outliers of value in places"
    series = run_series(shared, add_series(shared, grid("ab")), time_periods=["a", "b"])
    assert series.dataset.name == "Hot spots of value in series over 2 periods"


def test_several_srids_are_refused_with_their_counts(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE series AS SELECT i AS id, i AS value, 'a' AS seen, 'x' AS spot,"
        " ST_Point(i, i, CASE WHEN i < 4 THEN 27700 ELSE 4326 END) AS geom"
        " FROM generate_series(1, 9) AS i"
    )
    dataset_id = add_dataset(connection, "series")
    with pytest.raises(UserError, match=r"SRID 4326: 6 rows, SRID 27700: 3 rows"):
        run_series(connection, dataset_id, time_periods=["a"])


def test_a_thousand_dropped_rows_are_named_at_most(shared: Connection) -> None:
    """Those left out for their shape and those in no period, together."""
    bow = "POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))"
    square = "POLYGON(({0} {1}, {0}.5 {1}, {0} {1}.5, {0} {1}))"
    rows: list[Any] = [(*row[:4], square.format(*corner(row[4]))) for row in grid("a")]
    rows += [(1000 + i, 1.0, "a", "x", bow) for i in range(600)]
    rows += [(2000 + i, 1.0, "z", "x", square.format(1, 1)) for i in range(600)]
    dataset_id = add_series(shared, rows, geometry_type="Polygon")
    counts = run_series(shared, dataset_id, time_periods=["a"], on_invalid="skip").counts
    assert (counts["rows_in"], counts["rows_out"]) == (1236, 36)
    assert (counts["failed"], counts["dropped_outside"]) == (600, 600)
    named = [each["id"] for each in counts["dropped"]]
    assert named == [*range(1000, 1600), *range(2000, 2400)]


def test_scores_that_no_value_can_have_are_warned_of(shared: Connection) -> None:
    """Of n values one alone has a z-score of at most (n - 1) / sqrt(n)."""
    rows = [(i, float(i == 9), f"POINT({i} 0)") for i in range(10)]
    dataset_id = add_table(shared, rows)
    high = outliers(shared, dataset_id, threshold=3)
    assert max(high.column("outlier_score")) == pytest.approx(9 / 10**0.5)
    (said,) = [message for message, level in high.context.lines if level == "warning"]
    assert said.startswith("of 10 values none can have a z-score beyond 2.85, (n - 1) / √n, and ")
    assert "threshold is 3: nothing can be an outlier" in said
    for params in ({"threshold": 2.8}, {"threshold": 3, "method": "mad"}):
        assert outliers(shared, dataset_id, **params).context.lines == []


@pytest.mark.parametrize(
    ("key", "mode", "why"),
    [
        ("id / 2", "static", "is duplicated."),
        ("id / 2", "materialized_view", "is duplicated."),
        ("NULLIF(id, 3)", "static", "it is NULL in some"),
    ],
)
def test_a_view_whose_key_has_become_none(
    connection: Connection, key: LiteralString, mode: str, why: str
) -> None:
    """No index keeps the id of a view unique."""
    add_series(connection, grid("ab"))
    select = "CREATE VIEW keyed AS SELECT {} AS id, value, seen, geom FROM series"
    connection.execute(sql.SQL(select).format(sql.SQL(key)))
    dataset_id = add_dataset(connection, "keyed", kind="view")
    params = {"dataset_id": dataset_id, "value_field": "value", "output_mode": mode}
    for job_type, more in (
        ("hotspot_analysis", {"distance": 1}),
        ("outlier_analysis", {}),
        ("outlier_analysis", MORAN[0]),
        ("hotspot_timeseries", {"distance": 1, "time_field": "seen", "time_periods": ["a"]}),
    ):
        with pytest.raises(UserError) as caught:
            run_analysis(connection, job_type, params | more)
        said = f'"id" does not tell the rows of dataset {dataset_id} apart any more: '
        assert str(caught.value).startswith(said)
        assert str(caught.value).endswith(why)
