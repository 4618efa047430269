"""Processes that die, hang and run out of descriptors: F1, F3, F6, F19, F26."""

import os
import resource
import signal
import socket
import time
from pathlib import Path

import pytest

from geocrew.db import Connection
from geocrew.queue import observe
from tests.faults.main import POINTS
from tests.waiting import wait_for
from tests.worker.processes import (
    Workers,
    datasets_of,
    final,
    job_sessions,
    play,
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


@pytest.mark.parametrize("free", [0, 2])
def test_f26_no_process_to_be_had(connection: Connection, workers: Workers, free: int) -> None:
    """The worker hands the job back, lives, and runs it when there is room again.

    With two descriptors left there is a pipe to the child, but nothing to watch its process by.
    """
    limited = workers.start()
    before = _descriptors(limited.pid)
    soft, hard = resource.prlimit(limited.pid, resource.RLIMIT_NOFILE)
    unused = [number for number in range(max(before) + 4) if number not in before]
    resource.prlimit(limited.pid, resource.RLIMIT_NOFILE, (unused[free], hard))
    job_id = play(connection, "publish")
    wait_for(lambda: [each["event"] for each in limited.events].count("job.not_started") >= 2, 15)
    assert limited.process.poll() is None
    assert limited.children() == []
    assert _descriptors(limited.pid) == before
    resource.prlimit(limited.pid, resource.RLIMIT_NOFILE, (soft, hard))
    job = final(connection, job_id)
    assert (job.status, job.attempt) == ("completed", 1)


def _descriptors(pid: int) -> set[int]:
    return {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}


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
