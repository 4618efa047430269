"""What workers do beside their jobs: old ones go, nothing tells a password, what happens is counted."""

import math
import time
from unittest.mock import create_autospec

import psycopg
import pytest

from geocrew.db import Connection
from geocrew.queue import observe
from geocrew.settings import MEBIBYTE, Settings
from geocrew.worker import tell
from geocrew.worker.children import Child
from geocrew.worker.loop import Worker
from geocrew.worker.notify import Notifier
from geocrew.worker.stop import StopRequest
from tests.waiting import wait_for
from tests.worker.processes import Workers, final, play

CANARY = "c4n4ry-p4ss"


def _ids(connection: Connection) -> set[int]:
    return {row[0] for row in connection.execute("SELECT id FROM background_jobs")}


def test_workers_prune_what_is_older_than_they_are_told(
    connection: Connection, workers: Workers
) -> None:
    workers.start(GEOCREW_KEEP_DAYS="2")
    old, new = play(connection, "publish"), play(connection, "publish")
    for job_id in (old, new):
        final(connection, job_id)
    dataset = (observe.get(connection, old).result or {})["dataset_id"]
    connection.execute(
        "UPDATE background_jobs SET finished_at = now() - interval '3 days' WHERE id = %s", (old,)
    )
    wait_for(lambda: _ids(connection) == {new}, 15, "the old job to go")
    assert connection.execute("SELECT 1 FROM geocrew.datasets WHERE id = %s", (dataset,)).fetchone()


def test_no_line_tells_the_password(connection: Connection, workers: Workers) -> None:
    """Not the service log, whatever fails, and not what a job's user may read."""
    url = psycopg.conninfo.make_conninfo(workers.url, password=CANARY)
    worker = workers.start(url=url)
    acts = ("publish", "bug", "transient", "user_error", "segfault")
    for job_id in [play(connection, act, max_attempts=1) for act in acts]:
        final(connection, job_id)
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'geocrew worker%%' AND datname = current_database()"
    )
    wait_for(lambda: any(each["event"] == "database.lost" for each in worker.events), 15)
    assert CANARY not in worker.log.read_text()
    told = connection.execute(
        "SELECT concat(jobs, tries, lines) FROM background_jobs AS jobs"
        " LEFT JOIN geocrew.job_attempts AS tries ON tries.job_id = jobs.id"
        " LEFT JOIN geocrew.job_log AS lines ON lines.job_id = jobs.id"
    ).fetchall()
    assert len(told) >= len(acts)
    for (text,) in told:
        for secret in (CANARY, "secret detail", "Traceback", "SELECT", str(workers.directory)):
            assert secret not in text


def test_what_happens_is_counted(connection: Connection, workers: Workers) -> None:
    workers.start()
    for act in ("publish", "transient", "segfault", "user_error"):
        final(connection, play(connection, act, good_from_attempt=2))

    def totals() -> dict[tuple[str, str], float]:
        rows = connection.execute(
            "SELECT metric, reason, sum(total) FROM geocrew.tallies GROUP BY metric, reason"
        )
        return {(metric, reason): total for metric, reason, total in rows}

    expected = {
        ("job_duration_seconds", "completed"): 3,
        ("job_duration_seconds", "failed"): 1,
        ("job_duration_seconds", "retried"): 2,
        ("jobs_retried", "failed"): 1,
        ("jobs_retried", "crashed"): 1,
        ("queue_wait_seconds", ""): 6,
        ("result_rows", ""): 3,
    }
    wait_for(lambda: expected.items() <= totals().items(), 15, f"{expected}, not {totals()}")


def test_a_worker_without_work_rests_until_its_next_duty(database: str) -> None:
    settings = Settings(poll_seconds=60, sweep_seconds=60)
    with StopRequest() as stop:
        worker = Worker(database, ["play"], ["play"], 1, settings, stop, Notifier(None, None))
        now = time.monotonic()
        for _ in range(2):
            worker._turn()
            assert now + 30 < min(worker._due(math.inf)) < now + 120
        worker._leave()


def test_a_worker_tells_of_its_memory_with_that_of_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell, "private_memory", lambda _pid: 100 * MEBIBYTE)
    jobs = [create_autospec(Child, instance=True) for _ in range(2)]
    for job, size in zip(jobs, (20, 3), strict=True):
        job.memory.return_value = size * MEBIBYTE
    assert tell.present("me", ["play"], 2, jobs, None, stopping=False).memory_mb == 123
