"""Cancelling a nearest search at work: in PostgreSQL, and in the child."""

import time

import pytest
from psycopg import sql

from geocrew.db import Connection
from geocrew.queue import observe, produce
from tests.integration.analyses.layers import add_dataset
from tests.waiting import wait_for
from tests.worker.processes import Workers, alive, datasets_of, final, job_sessions, staged

# PostgreSQL measures between lines of 200 vertices that run side by side; the child looks among the
# edges of 1,000 rings around one spot, which are all nearly as far.
SHAPES = {
    "in PostgreSQL": (
        "ST_MakeLine(ARRAY(SELECT ST_Point(i, j, 27700) FROM generate_series(1, 200) AS j))",
        "ST_MakeLine(ARRAY(SELECT ST_Point(-i, j, 27700) FROM generate_series(1, 200) AS j))",
    ),
    "in the child": (
        "ST_Point(0.001 * i, 0, 27700)",
        "ST_ExteriorRing(ST_Buffer(ST_Point(0, 0, 27700), 9000 + i, 'quad_segs=200'))",
    ),
}


@pytest.mark.parametrize("where", SHAPES)
def test_cancel_while_searching(connection: Connection, workers: Workers, where: str) -> None:
    source, target = SHAPES[where]
    for table, shape, count in (("one", source, 10_000), ("two", target, 1_000)):
        connection.execute(
            sql.SQL(
                f"CREATE TABLE {table} AS SELECT i AS id, {shape} AS geom"
                f" FROM generate_series(1, {count}) AS i; CREATE INDEX ON {table} USING gist (geom)"
            )
        )
    first, second = (add_dataset(connection, table) for table in ("one", "two"))
    params = {"source_dataset_id": first, "target_dataset_id": second, "limit": 16}
    worker = workers.start(GEOCREW_LEASE_SECONDS="60")
    job_id = produce.enqueue(connection, "nearest", params)

    def is_searching() -> bool:
        job = observe.get(connection, job_id)
        assert job.status in ("queued", "running"), job
        return (job.progress_message or "").startswith("searching the nearest")

    wait_for(is_searching, 60, "the search to begin")
    (child,) = worker.children()
    asked = time.monotonic()
    assert produce.cancel(connection, job_id) == "running"
    assert final(connection, job_id).status == "cancelled"
    assert time.monotonic() - asked < 5
    assert not alive(child)
    assert job_sessions(connection) == 0
    assert (datasets_of(connection, job_id), staged(connection)) == (0, [])
