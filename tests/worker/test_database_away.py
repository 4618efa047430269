"""PostgreSQL restarts, crashes and stays away: workers wait and go on by themselves."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

from pathlib import Path
from typing import TYPE_CHECKING

from geocrew.db import connect
from geocrew.schema.migrate import migrate
from tests.waiting import wait_for
from tests.worker.processes import Workers, final, play, running

if TYPE_CHECKING:
    from tests.cluster import Cluster


def _prepare(url: str) -> None:
    with connect(url, "test") as connection:
        migrate(connection)
        connection.execute("CREATE TABLE public.starts (job_id bigint)")


def test_worker_starts_before_its_database(own_cluster: Cluster, tmp_path: Path) -> None:
    _prepare(own_cluster.url())
    own_cluster.stop()
    workers = Workers(own_cluster.url(), tmp_path)
    try:
        worker = workers.start(wait=False)
        wait_for(lambda: any(event["event"] == "database.lost" for event in worker.events), 30)
        own_cluster.start()
        with connect(own_cluster.url(), "test") as connection:
            assert final(connection, play(connection, "publish"), 60).status == "completed"
        assert worker.end() == 0
    finally:
        workers.stop_all()


def test_worker_stops_while_the_database_is_away(own_cluster: Cluster, tmp_path: Path) -> None:
    _prepare(own_cluster.url())
    workers = Workers(own_cluster.url(), tmp_path)
    try:
        worker = workers.start(GEOCREW_DRAIN_SECONDS="0.2")
        with connect(own_cluster.url(), "test") as connection:
            job_id = play(connection, "hold_gil", seconds=60)
            running(connection, job_id)
        own_cluster.stop("immediate")
        assert worker.end() == 0
    finally:
        workers.stop_all()
