"""Cancel a dissolve while GEOS unites a group in one call that no signal can enter."""

import os
import time
from pathlib import Path

from geocrew.datasets import registry
from geocrew.db import Connection
from geocrew.queue import observe, produce
from tests.waiting import wait_for
from tests.worker.processes import Workers, alive, datasets_of, final, job_sessions, staged

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def weave(connection: Connection, strips: int) -> int:
    """Strips that cross each other everywhere: no coverage, and a union with strips² holes."""
    connection.execute(
        "CREATE TABLE weave AS SELECT row_number() OVER () AS id, ST_MakeEnvelope("
        "CASE WHEN across THEN 0 ELSE i END, CASE WHEN across THEN i ELSE 0 END,"
        "CASE WHEN across THEN %(n)s ELSE i + 0.5 END, CASE WHEN across THEN i + 0.5 ELSE %(n)s END,"
        " 27700) AS geom FROM generate_series(0, %(n)s - 1) AS i, (VALUES (true), (false)) AS w(across)",
        {"n": strips},
    )
    connection.execute("ALTER TABLE weave ADD PRIMARY KEY (id)")
    return registry.register(connection, "public", "weave").id


def test_cancel_while_geos_unites(connection: Connection, workers: Workers) -> None:
    dataset_id = weave(connection, 1500)
    worker = workers.start(GEOCREW_LEASE_SECONDS="60")  # the next heartbeat is 20 s away
    params = {"source_dataset_id": dataset_id, "dissolve_mode": "all"}
    job_id = produce.enqueue(connection, "dissolve", params)
    wait_for(lambda: observe.get(connection, job_id).progress >= 20, 30, "merging to begin")
    (child,) = worker.children()
    begun = cpu_seconds(child)  # the 3,000 rows are read in 10 ms; all else is one union
    wait_for(lambda: cpu_seconds(child) > begun + 1, 30, "the union to be under way")
    asked = time.monotonic()
    assert produce.cancel(connection, job_id) == "running"
    job = final(connection, job_id)
    assert job.status == "cancelled"
    assert time.monotonic() - asked < 5
    assert not alive(child)
    assert job_sessions(connection) == 0
    assert (datasets_of(connection, job_id), staged(connection)) == (0, [])
