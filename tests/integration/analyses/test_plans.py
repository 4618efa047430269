"""How PostgreSQL finds neighbours for a view."""

import json
from collections.abc import Iterator
from typing import Any, LiteralString

import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_dataset
from tests.run_analysis import run_analysis

from geocrew.db import Connection

ROWS = 30_000
SHAPES: dict[str, LiteralString] = {
    "points": "ST_Point(x, y, {srid})::geometry(Point, {srid})",
    "squares": "ST_MakeEnvelope(x, y, x + 0.001, y + 0.001, {srid})::geometry(Polygon, {srid})",
}
_MAKE: LiteralString = """
    CREATE TABLE wide AS SELECT i AS id, i % 97 AS value, {shape} AS geom
        FROM generate_series(1, {rows}) AS i,
            LATERAL (SELECT i % 170 / 2.0 AS x, i / 170 / 3.0 AS y) AS p;
    ALTER TABLE wide ADD PRIMARY KEY (id);
    CREATE INDEX wide_geom ON wide USING gist (geom);
    ANALYZE wide
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from nodes(each)


def plan_of(connection: Connection, relation: sql.Composable) -> list[dict[str, Any]]:
    """Return the nodes of the plan by which all rows of a view are read."""
    explain = sql.SQL("EXPLAIN (FORMAT json) SELECT * FROM {}").format(relation)
    row = connection.execute(explain).fetchone()
    assert row is not None
    plan = row[0] if not isinstance(row[0], str) else json.loads(row[0])
    return list(nodes(plan[0]["Plan"]))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("srid", [27700, 4326])
@pytest.mark.parametrize(
    "rule", [{"distance": 0.2}, {"neighbor_type": "knn", "k_neighbors": 5}], ids=["distance", "knn"]
)
def test_a_view_finds_neighbours_by_the_index_on_shapes(
    connection: Connection, shape: str, srid: int, rule: dict[str, Any]
) -> None:
    """With a table of 30,000 rows and all planner settings as they come."""
    connection.execute(
        sql.SQL(_MAKE).format(
            shape=sql.SQL(SHAPES[shape]).format(srid=sql.Literal(srid)), rows=sql.Literal(ROWS)
        )
    )
    params = {"dataset_id": add_dataset(connection, "wide", srid=srid), "value_field": "value"} | rule
    view = run_analysis(connection, "hotspot_analysis", params | {"output_mode": "view"})
    found = plan_of(connection, view.relation)
    by_index = [each for each in found if each.get("Index Name") == "wide_geom"]
    conditions = " ".join(each.get("Index Cond", "") + each.get("Order By", "") for each in by_index)
    assert "&&" in conditions
    assert ("<->" in conditions) == ("k_neighbors" in rule)
    # The whole table is read once for the statistics and once for the rows, never for each row.
    assert (
        sum(each["Node Type"] == "Seq Scan" for each in found if each.get("Relation Name") == "wide")
        <= 2
    )


def test_a_view_joins_trends_to_places_by_their_order_or_hash(connection: Connection) -> None:
    """Compared pair by pair, 100,000 rows of 8,333 places took 50 s of 72.

    The planner took such pairs for cheap when it expected millions of rows where there were thousands.
    """
    connection.execute(
        sql.SQL(_MAKE).format(
            shape=sql.SQL(SHAPES["points"]).format(srid=sql.Literal(27700)), rows=sql.Literal(ROWS)
        )
    )
    connection.execute("ALTER TABLE wide ADD seen date, ADD spot text")
    connection.execute("UPDATE wide SET seen = date '2020-01-01' + 31 * (id % 12), spot = id / 12")
    connection.execute("ANALYZE wide")
    params = {
        "dataset_id": add_dataset(connection, "wide", srid=27700),
        "value_field": "value",
        "neighbor_type": "knn",
        "k_neighbors": 5,
        "time_field": "seen",
        "time_step": "month",
        "location_field": "spot",
        "output_mode": "view",
    }
    found = plan_of(connection, run_analysis(connection, "hotspot_timeseries", params).relation)
    pairs = [each for each in found if each["Node Type"] == "Nested Loop" and "Join Filter" in each]
    assert not [each for each in pairs if "place" in each["Join Filter"]]
    assert max(each["Plan Rows"] for each in found) < 10 * ROWS
