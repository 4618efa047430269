"""Processes that die, freeze and fill up: F1, F2, F4, F5, F6, F19, F26, F27."""

import os
import resource
import signal
import socket
import time

import pytest

from geocrew.db import Connection
from geocrew.queue import observe
from tests.faults.main import POINTS
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


@pytest.mark.parametrize("point", [each for each in POINTS if each != "clock_ahead"])
def test_f1_f19_death_at_a_named_point(connection: Connection, workers: Workers, point: str) -> None:
    """Whatever dies wherever: one dataset, one completion, nothing staged, no session left."""
    first = workers.start(failpoint=point, wait=False)
    job_id = play(connection, "publish")
    if point not in ("before_commit", "after_commit"):  # there the child dies and the worker lives
        assert first.process.wait(timeout=60) == -signal.SIGKILL
        wait_for(lambda: job_sessions(connection) == 0, 2, "the backend to go")
    else:
        wait_for(lambda: observe.get(connection, job_id).attempt > 0, 60, "the first claim")
        wait_for(lambda: starts(connection, job_id) > 0, 60, "the job to begin")
        if point == "before_commit":
            wait_for(lambda: bool(observe.attempts(connection, job_id)), 60, "the child's death")
        first.signal(signal.SIGTERM)
        first.process.wait(timeout=60)
    if point in ("after_commit", "before_settling"):
        assert observe.get(connection, job_id).status == "completed"
    workers.start()
    job = final(connection, job_id)
    assert job.status == "completed"
    assert datasets_of(connection, job_id) == 1
    wait_for(lambda: staged(connection) == [] and job_sessions(connection) == 0, 15, "the sweep")


def test_f2_frozen_worker_publishes_nothing_when_it_thaws(
    connection: Connection, workers: Workers
) -> None:
    frozen = workers.start()
    job_id = play(connection, "sql", seconds=2, good_from_attempt=2)
    running(connection, job_id)
    (child,) = frozen.children()
    for pid in (frozen.pid, child):
        os.kill(pid, signal.SIGSTOP)
    workers.start()
    assert final(connection, job_id).status == "completed"
    dataset = (observe.get(connection, job_id).result or {})["dataset_id"]
    for pid in (child, frozen.pid):
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: any(each["event"] == "job.lease_lost" for each in frozen.events), 15)
    assert not alive(child)
    assert (observe.get(connection, job_id).result or {})["dataset_id"] == dataset
    assert datasets_of(connection, job_id) == 1


@pytest.mark.parametrize(("grace", "status", "attempt"), [("20", "completed", 1), ("0.2", "queued", 0)])
def test_f4_sigterm_drains_or_hands_back(
    connection: Connection, workers: Workers, grace: str, status: str, attempt: int
) -> None:
    worker = workers.start(GEOCREW_DRAIN_SECONDS=grace)
    job_id = play(connection, "sql", seconds=1 if status == "completed" else 60)
    running(connection, job_id)
    assert worker.end() == 0
    job = observe.get(connection, job_id)
    assert (job.status, job.attempt) == (status, attempt)


def test_f5_job_out_of_memory_fails_once(connection: Connection, workers: Workers) -> None:
    worker = workers.start(GEOCREW_JOB_MEMORY_MB="700")
    job = final(connection, play(connection, "hog"))
    assert (job.status, job.attempt) == ("failed", 1)
    assert "out of memory: a job may hold 700 MiB" in (job.error_message or "")
    assert final(connection, play(connection, "publish")).status == "completed"
    assert worker.process.poll() is None


def test_f6_poison_pill_for_workers_is_quarantined(connection: Connection, workers: Workers) -> None:
    """Each of three workers dies with the job; the fourth never sees it."""
    job_id = play(connection, "publish", max_attempts=100)
    for _ in range(3):
        dying = workers.start(failpoint="before_run", wait=False)
        assert dying.process.wait(timeout=60) == -signal.SIGKILL
    fourth = workers.start()
    job = final(connection, job_id)
    assert (job.status, job.attempt) == ("failed", 3)
    assert "quarantined: 3 attempts took their process down" in (job.error_message or "")
    assert final(connection, play(connection, "publish")).status == "completed"
    assert fourth.process.poll() is None


def test_f26_no_process_to_be_had(connection: Connection, workers: Workers) -> None:
    """The worker hands the job back, lives, and runs it when there is room again."""
    limited = workers.start()
    soft, hard = resource.prlimit(limited.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(limited.pid, resource.RLIMIT_NOFILE, (3, hard))
    job_id = play(connection, "publish")
    wait_for(lambda: any(each["event"] == "job.not_started" for each in limited.events), 15)
    assert limited.process.poll() is None
    resource.prlimit(limited.pid, resource.RLIMIT_NOFILE, (soft, hard))
    job = final(connection, job_id)
    assert (job.status, job.attempt) == ("completed", 1)


def test_f27_log_flood_is_bounded(connection: Connection, workers: Workers) -> None:
    worker = workers.start()
    job = final(connection, play(connection, "talk"))
    assert job.status == "completed"
    wait_for(lambda: len(observe.log_lines(connection, job.id)) >= 1000, 10, "the log")
    assert len(observe.log_lines(connection, job.id)) == 1000
    assert len(worker.events) < 100  # the service's own log is none of the job's


def test_f3_worker_that_hangs_stops_pinging_the_watchdog(workers: Workers) -> None:
    """What systemd does then is tested under systemd; here, that a hanging loop falls silent."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = workers.directory / "notify"
        manager.bind(str(address))
        manager.settimeout(30)
        worker = workers.start(
            failpoint="nowhere", wait=False, NOTIFY_SOCKET=str(address), WATCHDOG_USEC="1000000"
        )
        said: list[bytes] = []
        while said.count(b"WATCHDOG=1") < 3:
            said.append(manager.recv(4096))
        assert said.index(b"READY=1") < len(said)
        os.kill(worker.pid, signal.SIGSTOP)
        manager.settimeout(2)
        deadline = time.monotonic() + 10
        with pytest.raises(TimeoutError):
            while time.monotonic() < deadline:
                manager.recv(4096)
        os.kill(worker.pid, signal.SIGCONT)
        manager.settimeout(30)
        assert manager.recv(4096)
        worker.signal(signal.SIGTERM)
        while b"STOPPING=1" not in said:
            said.append(manager.recv(4096))
    assert worker.process.wait(30) == 0
