"""clip and erase cancelled amid one overlay that takes minutes: nothing of it stays."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from geocrew.datasets import registry
from geocrew.db import Connection
from geocrew.queue import observe, produce
from tests.waiting import wait_for
from tests.worker.processes import Workers, alive, datasets_of, final, job_sessions, staged

# Two combs of 2,000 teeth across each other: 16 million crossings in one call of GEOS.
COMB = """
CREATE TABLE public.{name} AS SELECT 1 AS id, ST_SetSRID(ST_MakePolygon(ST_MakeLine(ARRAY(
    SELECT ST_Point(x, y) FROM (
        SELECT tooth * 4 + corner AS place, tooth + corner / 4.0 AS {along},
            CASE WHEN corner IN (1, 2) THEN 2001 ELSE -1 END AS {across}
        FROM generate_series(0, 1999) AS tooth, generate_series(0, 3) AS corner
        UNION ALL VALUES (8000, 2000.0, -1), (8001, 2000.0, -2), (8002, 0.0, -2), (8003, 0.0, -1)
    ) AS corners ORDER BY place))), 27700)::geometry(Polygon, 27700) AS geom;
ALTER TABLE public.{name} ADD PRIMARY KEY (id)
"""


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("job_type", ["clip", "erase_analysis"])
def test_cancel_amid_an_overlay(connection: Connection, workers: Workers, job_type: str) -> None:
    for name, along, across in (("upright", "x", "y"), ("level", "y", "x")):
        for statement in COMB.format(name=name, along=along, across=across).split(";"):
            connection.execute(statement.encode())
    ids = [registry.register(connection, "public", name).id for name in ("upright", "level")]
    names = {
        "clip": ("dataset_id", "clip_dataset_id"),
        "erase_analysis": ("input_dataset_id", "erase_dataset_id"),
    }
    params: dict[str, Any] = dict(zip(names[job_type], ids, strict=True))
    before = datasets(connection)
    worker = workers.start(GEOCREW_LEASE_SECONDS="60")  # the next heartbeat is 20 s away
    job_id = produce.enqueue(connection, job_type, params)
    wait_for(
        lambda: any(name.endswith("_cut") for name in staged(connection)), 60, "the overlay's tables"
    )
    (child,) = worker.children()
    began = cpu_seconds(child)
    wait_for(lambda: cpu_seconds(child) > began + 1, 60, "a second of the overlay")
    assert observe.get(connection, job_id).status == "running"
    asked = time.monotonic()
    assert produce.cancel(connection, job_id) == "running"
    assert final(connection, job_id).status == "cancelled"
    assert not alive(child)
    assert time.monotonic() - asked < 5
    assert job_sessions(connection) == 0
    assert (datasets_of(connection, job_id), staged(connection)) == (0, [])
    assert datasets(connection) == before


def datasets(connection: Connection) -> list[Any]:
    return connection.execute("SELECT * FROM geocrew.datasets ORDER BY id").fetchall()
