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
    explain = sql.SQL("EXPLAIN (FORMAT json) SELECT * FROM {}").format(view.relation)
    row = connection.execute(explain).fetchone()
    assert row is not None
    plan = row[0] if not isinstance(row[0], str) else json.loads(row[0])
    found = list(nodes(plan[0]["Plan"]))
    by_index = [each for each in found if each.get("Index Name") == "wide_geom"]
    conditions = " ".join(each.get("Index Cond", "") + each.get("Order By", "") for each in by_index)
    assert "&&" in conditions
    assert ("<->" in conditions) == ("k_neighbors" in rule)
    # The whole table is read once for the statistics and once for the rows, never for each row.
    assert (
        sum(each["Node Type"] == "Seq Scan" for each in found if each.get("Relation Name") == "wide")
        <= 2
    )
