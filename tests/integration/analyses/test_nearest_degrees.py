"""Nearest among points in degrees by the index on their table: at the antimeridian, poles and beyond."""

import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_dataset
from tests.run_analysis import run_analysis

from geocrew.db import Connection

PLACES = {
    "antimeridian": "ST_Point((180 - i * 0.001) * (i % 2 * 2 - 1), i * i % 7 * 0.1, 4326)",
    "pole": "ST_Point(i * 37 % 360 - 180, 88.5 + i % 15 * 0.1, 4326)",
    "anywhere": "ST_Point(i * 37 % 360 - 180, i * 53 % 180 - 90, 4326)",
    "edges": "ST_Point(i % 3 * 180 - 180, i % 5 * 45 - 90, 4326)",
    "unusual": "ST_Point(i * 37 % 720 - 360, i % 90, 4326)",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("limit", [1, 4])
def test_equals_brute_force(connection: Connection, place: str, limit: int) -> None:
    for table, shift in (("one", 0), ("two", 1)):
        connection.execute(
            sql.SQL(
                f"CREATE TABLE {table} (id int PRIMARY KEY, geom geometry(Point, 4326));"
                f"INSERT INTO {table} SELECT i, {PLACES[place]}"
                f" FROM generate_series({1 + shift * 7}, 120) AS i;"
                f"CREATE INDEX ON {table} USING gist (geom); ANALYZE {table}"
            )
        )
    source, target = (add_dataset(connection, table, srid=4326) for table in ("one", "two"))
    params = {"source_dataset_id": source, "target_dataset_id": target, "limit": limit}
    run = run_analysis(connection, "nearest", params)
    expected = connection.execute(
        "SELECT * FROM (SELECT s.id, t.id, row_number() OVER (PARTITION BY s.id ORDER BY"
        " round(ST_Distance(s.geom::geography, t.geom::geography)::numeric, 3), t.id) AS rank"
        " FROM one AS s, two AS t) AS pairs WHERE rank <= %s ORDER BY 1, 3",
        (limit,),
    ).fetchall()
    assert [(row["source_id"], row["target_id"], row["rank"]) for row in run.rows()] == expected
    view = run_analysis(connection, "nearest", params | {"output_mode": "view"})
    assert run.rows() == view.rows()
