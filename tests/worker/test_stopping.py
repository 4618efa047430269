"""Cancel, stop, kill and freeze: who stops, what is freed, and what is never published."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from geocrew.db import Connection, connect
from geocrew.errors import LeaseLost
from geocrew.queue import consume, observe, produce
from geocrew.queue.rescue import rescue
from tests.waiting import wait_for
from tests.worker.processes import (
    Workers,
    alive,
    datasets_of,
    final,
    job_sessions,
    play,
    running,
    staged,
    starts,
)


@pytest.mark.parametrize("act", ["hold_gil", "burn", "sql"])
def test_cancel_frees_the_cpu(connection: Connection, workers: Workers, act: str) -> None:
    worker = workers.start(GEOCREW_LEASE_SECONDS="60")  # the next heartbeat is 20 s away
    job_id = play(connection, act, seconds=60)
    running(connection, job_id)
    (child,) = worker.children()
    asked = time.monotonic()
    assert produce.cancel(connection, job_id) == "running"
    job = final(connection, job_id)
    assert job.status == "cancelled"
    assert not alive(child)  # the state says cancelled only when the process is gone
    assert time.monotonic() - asked < 5
    assert job_sessions(connection) == 0
    assert (datasets_of(connection, job_id), staged(connection)) == (0, [])
    assert final(connection, play(connection, "publish")).status == "completed"


def test_cancel_is_heard_by_heartbeat_when_nobody_listens(
    connection: Connection, workers: Workers
) -> None:
    workers.start()
    job_id = play(connection, "hold_gil", seconds=60)
    running(connection, job_id)
    connection.execute(
        "UPDATE background_jobs SET cancel_requested_at = now() WHERE id = %s", (job_id,)
    )  # without the NOTIFY that cancel.sql sends
    assert final(connection, job_id).status == "cancelled"


@pytest.mark.parametrize("ending", ["retry", "hand back"])
def test_cancel_that_meets_the_end_of_an_attempt(
    connection: Connection, workers: Workers, ending: str
) -> None:
    """The worker has not heard of it: what would go round again does not."""
    worker = workers.start(GEOCREW_LEASE_SECONDS="60", GEOCREW_DRAIN_SECONDS="0")
    job_id = play(connection, "sql", seconds=60)
    running(connection, job_id)
    connection.execute("UPDATE background_jobs SET cancel_requested_at = now() WHERE id = %s", (job_id,))
    if ending == "retry":
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
            (f"geocrew job {job_id} %",),
        )
    else:
        worker.signal(signal.SIGTERM)
    assert final(connection, job_id).status == "cancelled"
    (attempt,) = observe.attempts(connection, job_id)
    assert attempt.outcome == "cancelled"


def test_waiting_job_is_cancelled_at_once(connection: Connection) -> None:
    job_id = produce.enqueue(connection, "play", {})
    assert produce.cancel(connection, job_id) == "cancelled"
    assert observe.get(connection, job_id).status == "cancelled"


def test_holding_the_gil_past_the_lease_starts_once(connection: Connection, workers: Workers) -> None:
    workers.start(GEOCREW_LEASE_SECONDS="1")
    workers.start(GEOCREW_LEASE_SECONDS="1")
    job = final(connection, play(connection, "hold_gil", seconds=4))
    assert (job.status, job.attempt) == ("completed", 1)
    assert starts(connection, job.id) == 1


def test_sigterm_lets_the_job_finish(connection: Connection, workers: Workers) -> None:
    worker = workers.start()
    job_id = play(connection, "sql", seconds=1)
    running(connection, job_id)
    waiting = play(connection, "publish")
    assert worker.end() == 0
    assert observe.get(connection, job_id).status == "completed"
    assert observe.get(connection, waiting).status == "queued"
    assert observe.workers(connection) == []


def test_sigterm_hands_a_long_job_back_without_burning_an_attempt(
    connection: Connection, workers: Workers
) -> None:
    worker = workers.start(GEOCREW_DRAIN_SECONDS="0.2")
    job_id = play(connection, "hold_gil", seconds=60)
    running(connection, job_id)
    (child,) = worker.children()
    assert worker.end() == 0
    job = observe.get(connection, job_id)
    assert (job.status, job.attempt, job.progress) == ("queued", 0, 0)
    assert not alive(child)
    assert staged(connection) == []


def test_second_signal_does_not_wait(connection: Connection, workers: Workers) -> None:
    worker = workers.start(GEOCREW_DRAIN_SECONDS="3600")
    job_id = play(connection, "burn")
    running(connection, job_id)
    worker.signal(signal.SIGTERM)
    wait_for(lambda: not observe.get(connection, job_id).finished_at and worker.process.poll() is None)
    worker.signal(signal.SIGINT)
    assert worker.process.wait(timeout=30) == 0
    assert observe.get(connection, job_id).status == "queued"


def _attempt_has_session(connection: Connection, job_id: int, attempt: int) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = %s AND datname = current_database()",
        (f"geocrew job {job_id} attempt {attempt}",),
    ).fetchone()
    return row != (0,)


@pytest.mark.parametrize("act", ["hold_gil", "burn", "sql"])
def test_killing_the_worker_takes_children_and_backends_along(
    connection: Connection, workers: Workers, act: str
) -> None:
    worker = workers.start()
    job_id = play(connection, act, seconds=60, good_from_attempt=2)
    running(connection, job_id)
    (child,) = worker.children()
    workers.start()
    worker.process.kill()
    worker.process.wait()
    wait_for(lambda: not alive(child), 2, "the child to die")
    wait_for(lambda: not _attempt_has_session(connection, job_id, 1), 5, "the backend to end")
    job = final(connection, job_id, 15)
    assert (job.status, job.attempt) == ("completed", 2)
    assert datasets_of(connection, job_id) == 1
    assert [each.outcome for each in observe.attempts(connection, job_id)] == ["lapsed"]
    wait_for(lambda: staged(connection) == [], 10, "the sweep")


def test_rescue_with_default_settings_takes_15_seconds_at_most(
    connection: Connection, workers: Workers
) -> None:
    doomed = workers.start(GEOCREW_LEASE_SECONDS="10", GEOCREW_SWEEP_SECONDS="3")
    job_id = play(connection, "burn", good_from_attempt=2)
    running(connection, job_id)
    workers.start(GEOCREW_LEASE_SECONDS="10", GEOCREW_SWEEP_SECONDS="3")
    killed = time.monotonic()
    doomed.process.kill()
    wait_for(lambda: starts(connection, job_id) == 2, 15, "the second start")
    assert time.monotonic() - killed <= 15
    assert final(connection, job_id).status == "completed"


def test_frozen_worker_publishes_nothing_when_it_thaws(connection: Connection, workers: Workers) -> None:
    frozen = workers.start()
    job_id = play(connection, "hold_gil", seconds=60, good_from_attempt=2)
    running(connection, job_id)
    (child,) = frozen.children()
    os.kill(child, signal.SIGSTOP)
    frozen.signal(signal.SIGSTOP)
    workers.start()
    job = final(connection, job_id)
    assert (job.status, job.attempt) == ("completed", 2)
    os.kill(child, signal.SIGCONT)
    frozen.signal(signal.SIGCONT)
    wait_for(lambda: not alive(child), 10, "the zombie's child to be killed")
    assert observe.get(connection, job_id) == job
    assert datasets_of(connection, job_id) == 1
    assert final(connection, play(connection, "publish")).status == "completed"
    assert frozen.process.poll() is None
    wait_for(lambda: staged(connection) == [], 10, "the sweep")


def test_every_write_of_a_lost_lease_is_refused(connection: Connection) -> None:
    job_id = produce.enqueue(connection, "play", {})
    (first,) = consume.claim(connection, ["play"], "one", 0.0, 1)
    connection.execute("UPDATE background_jobs SET leased_until = now() - interval '1 s'")
    assert [row[0] for row in rescue(connection, crash_limit=3)] == [job_id]
    (second,) = consume.claim(connection, ["play"], "two", 60.0, 1)
    before = observe.get(connection, job_id)
    with pytest.raises(LeaseLost):
        consume.complete(connection, first.id, first.lease, {})
    assert not consume.fail(connection, first, "failed", "no")
    assert not consume.retry_later(connection, first, "failed", "no", 0)
    assert not consume.end_cancelled(connection, first)
    assert not consume.hand_back(connection, first)
    (pulse,) = consume.heartbeat(connection, [consume.Beat(first.id, first.lease, 99, "no")], 60)
    consume.write_log(connection, first, [("info", "no")])
    assert not pulse.held
    assert observe.get(connection, job_id) == before
    assert observe.log_lines(connection, job_id) == []
    consume.complete(connection, second.id, second.lease, {})


def test_two_workers_never_claim_one_job(database: str, connection: Connection) -> None:
    for _ in range(60):
        produce.enqueue(connection, "play", {})
    with connect(database, "other") as other:
        taken: list[int] = []
        with connection.transaction():
            taken += [each.id for each in consume.claim(connection, ["play"], "one", 60, 30)]
            taken += [each.id for each in consume.claim(other, ["play"], "two", 60, 30)]
    assert len(taken) == len(set(taken)) == 60


def test_worker_outlives_its_sessions(connection: Connection, workers: Workers) -> None:
    worker = workers.start(GEOCREW_LEASE_SECONDS="10")
    slow = play(connection, "hold_gil", seconds=3)
    running(connection, slow)
    ended = connection.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name SIMILAR TO 'geocrew (worker|listen)%' AND datname = current_database()"
    ).fetchone()
    assert ended is not None
    assert ended[0] >= 2
    assert final(connection, slow).attempt == 1
    assert final(connection, play(connection, "publish")).status == "completed"
    assert worker.process.poll() is None


def test_pickup_by_notify_not_by_poll(connection: Connection, workers: Workers) -> None:
    workers.start(GEOCREW_POLL_SECONDS="300")
    waits = []
    for _ in range(5):
        job = final(connection, play(connection, "publish"))
        assert job.started_at is not None
        waits.append(job.started_at - job.created_at)
    assert min(waits) < timedelta(seconds=0.1)


def test_parent_has_one_thread(workers: Workers) -> None:
    worker = workers.start()  # before its first fork, for OpenBLAS ends its threads when a process forks
    assert [each.name for each in Path(f"/proc/{worker.pid}/task").iterdir()] == [str(worker.pid)]


def test_lost_connection_is_a_psycopg_error() -> None:
    with pytest.raises(psycopg.OperationalError):
        connect("host=/nonexistent dbname=x", "test")
