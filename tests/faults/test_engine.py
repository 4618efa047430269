"""Calls inside PostgreSQL that do not look for signals: F16, F17."""

import os
import signal

import pytest

from geocrew.db import Connection
from geocrew.queue import observe, produce
from tests.waiting import wait_for
from tests.worker.processes import WorkerProcess, Workers, alive, final, job_sessions, play, running


@pytest.fixture
def deaf(connection: Connection, workers: Workers) -> tuple[WorkerProcess, int, int]:
    """Worker, job and stopped backend: like one inside a call of GEOS, it hears nothing."""
    worker = workers.start(GEOCREW_ABANDON_SECONDS="6")
    job_id = play(connection, "sql", seconds=60)
    running(connection, job_id)
    row = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s", (f"geocrew job {job_id} %",)
    ).fetchone()
    assert row is not None
    workers.start()  # the other one, which goes on
    os.kill(row[0], signal.SIGSTOP)
    return worker, job_id, row[0]


def test_f16_job_that_cannot_be_interrupted_says_so(
    connection: Connection, deaf: tuple[WorkerProcess, int, int]
) -> None:
    """Its slot stays taken and its state `running` until the call ends or the worker's patience does."""
    worker, job_id, backend = deaf
    try:
        produce.cancel(connection, job_id)
        message = "stopping: PostgreSQL is inside a call that cannot be interrupted"
        wait_for(lambda: observe.get(connection, job_id).progress_message == message, 15, "the message")
        assert observe.get(connection, job_id).status == "running"
        assert (
            final(connection, play(connection, "publish")).status == "completed"
        )  # by the other worker
        assert final(connection, job_id).status == "cancelled"
        lines = [line.message for line in observe.log_lines(connection, job_id)]
        assert any("is still inside one call" in line for line in lines)
        assert any(each["event"] == "session.abandoned" for each in worker.events)
        assert alive(backend)
    finally:
        os.kill(backend, signal.SIGCONT)
    wait_for(lambda: job_sessions(connection) == 0, 15, "the backend's end")


def test_f16_job_is_over_as_soon_as_the_call_is(
    connection: Connection, deaf: tuple[WorkerProcess, int, int]
) -> None:
    worker, job_id, backend = deaf
    try:
        produce.cancel(connection, job_id)
        wait_for(
            lambda: (observe.get(connection, job_id).progress_message or "").startswith("stopping"), 15
        )
    finally:
        os.kill(backend, signal.SIGCONT)
    assert final(connection, job_id).status == "cancelled"
    assert not any(each["event"] == "session.abandoned" for each in worker.events)
    assert job_sessions(connection) == 0


def test_f17_cancel_in_geos_is_no_failure(connection: Connection, workers: Workers) -> None:
    """PostGIS reports an interrupted call as an internal error; the job is cancelled all the same."""
    workers.start(GEOCREW_ABANDON_SECONDS="5")
    connection.execute(
        "CREATE TABLE public.tangle AS SELECT ST_Collect(ST_MakeLine("
        "ST_Point(random(), random()), ST_Point(random(), random()))) AS geom"
        " FROM generate_series(1, 1500)"
    )
    job_id = play(connection, "node")
    running(connection, job_id)
    produce.cancel(connection, job_id)
    job = final(connection, job_id)
    assert (job.status, job.error_message) == ("cancelled", None)
