"""A database that cancels, ends, refuses and changes under a job: F7 to F18, F30."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

import os
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from geocrew.datasets import registry
from geocrew.db import Connection, connect
from geocrew.queue import observe, produce
from tests.waiting import wait_for
from tests.worker.processes import (
    WorkerProcess,
    Workers,
    datasets_of,
    final,
    job_sessions,
    play,
    running,
    staged,
)

if TYPE_CHECKING:
    from tests.cluster import Cluster


def _sessions(connection: Connection, name: str) -> list[int]:
    rows = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s"
        " AND datname = current_database()",
        (name,),
    )
    return [row[0] for row in rows]


def _said(worker: WorkerProcess, event: str, **values: Any) -> bool:
    return any(each["event"] == event and values.items() <= each.items() for each in worker.events)


def _waiting(connection: Connection) -> list[tuple[str, str | None]]:
    return [(each.state, each.reason) for each in observe.workers(connection)]


@pytest.mark.parametrize("function", ["pg_cancel_backend", "pg_terminate_backend"])
def test_f7_job_session_is_ended_by_hand(
    connection: Connection, workers: Workers, function: str
) -> None:
    workers.start()
    job_id = play(connection, "sql", seconds=60, good_from_attempt=2)
    running(connection, job_id)
    (backend,) = _sessions(connection, f"geocrew job {job_id} %")
    connection.execute(f"SELECT {function}({backend})".encode())
    job = final(connection, job_id)
    assert (job.status, job.attempt) == ("completed", 2)
    (attempt,) = observe.attempts(connection, job_id)
    assert attempt.outcome == "failed"
    assert "SELECT" not in attempt.error_message


def test_f7_worker_session_is_ended_while_a_job_runs(connection: Connection, workers: Workers) -> None:
    """The job has a session of its own: it does not notice."""
    worker = workers.start()
    job_id = play(connection, "sql", seconds=2)
    running(connection, job_id)
    for backend in _sessions(connection, "geocrew worker %"):
        connection.execute("SELECT pg_terminate_backend(%s)", (backend,))
    job = final(connection, job_id)
    assert (job.status, job.attempt) == ("completed", 1)
    assert _said(worker, "database.lost")


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
def test_f8_server_restarts(own_cluster: Cluster, own_workers: Workers, mode: str) -> None:
    worker = own_workers.start()
    with connect(own_cluster.url(), "test") as connection:
        job_id = play(connection, "sql", seconds=60, good_from_attempt=2)
        running(connection, job_id)
        (backend,) = _sessions(connection, f"geocrew job {job_id} %")
        if mode == "kill":  # one backend's death by signal makes the server drop all sessions, soon
            os.kill(backend, signal.SIGKILL)
            wait_for(lambda: lost(connection), 60, "the server to notice")
        else:
            own_cluster.restart("fast" if mode == "fast" else "immediate")
    with wait_for_server(own_cluster) as connection:
        job = final(connection, job_id, 60)
        assert job.status == "completed"
        assert job.attempt >= 2
        assert datasets_of(connection, job_id) == 1
        wait_for(lambda: staged(connection) == [], 15, "the sweep")
        wait_for(lambda: len(_sessions(connection, "geocrew listen %")) == 1, 15, "LISTEN again")
    assert worker.process.poll() is None


def test_f11_listening_session_is_lost(connection: Connection, workers: Workers) -> None:
    """Jobs start by the poll until LISTEN is back, and by NOTIFY then."""
    workers.start(GEOCREW_POLL_SECONDS="0.5")
    for backend in _sessions(connection, "geocrew listen %"):
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    assert final(connection, play(connection, "publish")).status == "completed"
    wait_for(lambda: len(_sessions(connection, "geocrew listen %")) == 1, 15, "LISTEN")


@pytest.mark.parametrize(
    ("setting", "act", "says"),
    [
        ("statement_timeout = '300ms'", "sql", "statement_timeout"),
        ("temp_file_limit = '1MB'", "spill", "temp_file_limit"),
    ],
)
def test_f12_limits_of_the_server_fail_with_advice(
    connection: Connection, workers: Workers, setting: str, act: str, says: str
) -> None:
    row = connection.execute("SELECT current_database()").fetchone()
    assert row is not None
    worker = workers.start()
    connection.execute(f'ALTER DATABASE "{row[0]}" SET {setting}'.encode())
    job = final(connection, play(connection, act, seconds=60))
    assert (job.status, job.attempt) == ("failed", 1)
    assert says in (job.error_message or "")
    assert worker.process.poll() is None


def test_f12_lock_timeout_is_retried(connection: Connection, database: str, workers: Workers) -> None:
    workers.start()
    row = connection.execute("SELECT current_database()").fetchone()
    assert row is not None
    connection.execute(f"ALTER DATABASE \"{row[0]}\" SET lock_timeout = '200ms'".encode())
    connection.execute("CREATE TABLE public.contended ()")
    with connect(database, "holder") as holder, holder.transaction():
        holder.execute("LOCK public.contended")
        job_id = play(connection, "lock")
        wait_for(lambda: bool(observe.attempts(connection, job_id)), 30, "the first attempt's end")
    job = final(connection, job_id)
    assert (job.status, job.attempt >= 2) == ("completed", True)


def test_f14_no_connection_left_for_jobs(connection: Connection, workers: Workers) -> None:
    """The job goes back uncounted, the worker waits and says why, and goes on by itself."""
    row = connection.execute("SELECT current_database()").fetchone()
    assert row is not None
    connection.execute("DROP ROLE IF EXISTS narrow_crew")
    connection.execute("CREATE ROLE narrow_crew LOGIN SUPERUSER CONNECTION LIMIT 2")
    connection.execute("ALTER ROLE narrow_crew NOSUPERUSER")
    connection.execute(f'GRANT ALL ON DATABASE "{row[0]}" TO narrow_crew'.encode())
    for schema in ("public", "geocrew", "geocrew_staging"):
        connection.execute(f"GRANT ALL ON SCHEMA {schema} TO narrow_crew".encode())
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO narrow_crew".encode())
        connection.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO narrow_crew".encode())
    try:
        worker = workers.start(url=workers.url.replace("geocrew@", "narrow_crew@"))
        job_id = play(connection, "publish")
        wait_for(lambda: _said(worker, "worker.pausing"), 30, "the worker to wait")
        reason = "the database has no connection left"
        wait_for(lambda: ("waiting", reason) in _waiting(connection), 30, "the worker to say so")
        assert observe.get(connection, job_id).attempt <= 1
        connection.execute("ALTER ROLE narrow_crew CONNECTION LIMIT 10")
        job = final(connection, job_id, 60)
        assert (job.status, job.attempt) == ("completed", 1)
        wait_for(lambda: _waiting(connection) == [("working", None)], 30, "the worker to work")
        worker.end()
    finally:
        connection.execute("DROP OWNED BY narrow_crew CASCADE")
        connection.execute("DROP ROLE narrow_crew")


def test_f15_read_only_database(own_cluster: Cluster, own_workers: Workers) -> None:
    worker = own_workers.start()
    with connect(own_cluster.url(), "test", default_transaction_read_only="off") as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        reason = "the database is read-only"
        wait_for(lambda: _said(worker, "database.lost", reason=reason), 30, "the worker to notice")
        job_id = play(connection, "publish")
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")
        job = final(connection, job_id, 60)
        assert (job.status, job.attempt) == ("completed", 1)
    assert worker.process.poll() is None


@pytest.mark.parametrize("change", ["DROP TABLE places", "ALTER TABLE places DROP COLUMN value"])
def test_f18_input_is_gone_or_altered(connection: Connection, workers: Workers, change: str) -> None:
    """The job names its dataset or column, publishes nothing, and is not run in vain again."""
    connection.execute(
        "CREATE TABLE places AS SELECT i AS id, i::float8 AS value,"
        " ST_Point(i, i, 3857)::geometry(Point, 3857) AS geom FROM generate_series(1, 50) AS i"
    )
    dataset = registry.register(connection, "public", "places").id
    params = {"dataset_id": dataset, "value_field": "value", "neighbor_type": "knn", "k_neighbors": 3}
    job_id = produce.enqueue(connection, "hotspot_analysis", params)
    connection.execute(change.encode())
    workers.start()
    job = final(connection, job_id)
    assert job.status == "failed"
    assert "places" in (job.error_message or "") or "value" in (job.error_message or "")
    assert (datasets_of(connection, job_id), staged(connection)) == (0, [])


def test_f30_no_herd_after_an_outage(own_cluster: Cluster, own_workers: Workers) -> None:
    """A thousand waiting jobs and a restart: the workers hold what they hold otherwise, no more."""
    with connect(own_cluster.url(), "test") as connection:
        for _ in range(1000):
            play(connection, "publish")
    for _ in range(3):
        own_workers.start(concurrency=2)
    own_cluster.restart("immediate")
    most = 0
    with connect(own_cluster.url(), "test") as connection:

        def settled() -> bool:
            nonlocal most
            most = max(most, len(_sessions(connection, "geocrew %")))
            row = connection.execute(
                "SELECT count(*) FROM background_jobs WHERE status = 'completed'"
            ).fetchone()
            return row is not None and row[0] >= 50

        wait_for(settled, 120, "fifty jobs")
        assert most <= 3 * (2 + 2)  # two sessions a worker, one a job
        rows = connection.execute("SELECT DISTINCT status FROM background_jobs").fetchall()
        assert {row[0] for row in rows} <= {"queued", "running", "completed"}
        wait_for(lambda: job_sessions(connection) <= 6, 15)


def lost(connection: Connection) -> bool:
    """Say whether the server has ended this session."""
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def wait_for_server(cluster: Cluster) -> Connection:
    """Return a session as soon as the server takes one."""

    def look() -> Connection | None:
        try:
            return connect(cluster.url(), "test")
        except psycopg.OperationalError:
            return None

    return wait_for(look, 60, "the server")
