"""Who works on what, and why a job does not run: asked of real workers."""

import os
import signal

from tests.acceptance.cli.command import Command
from tests.waiting import wait_for

from geocrew import __version__
from geocrew.db import Connection
from geocrew.queue import consume, presence, produce
from geocrew.queue.presence import Presence


def test_live_and_silent_workers_are_told_apart(geocrew: Command, connection: Connection) -> None:
    none = geocrew("workers")
    assert none.code == 0
    assert "no worker lives" in none.err
    running = geocrew.worker("outlier_analysis")
    presence.announce(connection, Presence("gone", ["a", "b"], 2, "0.0", None, "waiting", "room"))
    connection.execute(
        "UPDATE geocrew.workers SET heartbeat_at = now() - interval '1 h' WHERE name = 'gone'"
    )
    job_id = produce.enqueue(connection, "a", {})
    consume.claim(connection, ["a"], "gone", 60, 1)
    connection.execute("UPDATE background_jobs SET progress = 42")
    (live,) = geocrew("workers", "--json").document["live"]
    assert live["name"].endswith(f":{running.process.pid}")
    assert live["job_types"] == ["outlier_analysis"]
    assert (live["version"], live["state"], live["alive"]) == (__version__, "working", True)
    assert live["jobs"] == []
    assert live["memory_mb"] > 1
    assert live["silent_seconds"] < 15
    (dead,) = geocrew("workers", "--json").document["dead"]
    assert (dead["name"], dead["alive"]) == ("gone", False)
    (job,) = dead["jobs"]
    assert (job["id"], job["job_type"], job["progress"]) == (job_id, "a", 42)
    page = geocrew("workers")
    lines = page.out.splitlines()
    silent = next(i for i, line in enumerate(lines) if line.startswith("silent"))
    assert any(live["name"] in line and "working" in line for line in lines[:silent])
    assert any(
        "gone" in line and f"{job_id} a 42 %" in line and "60 min" in line for line in lines[silent:]
    )


def test_why_a_job_waits(geocrew: Command, connection: Connection) -> None:
    presence.register_types(connection, ["outlier_analysis"])
    job_id = produce.enqueue(connection, "outlier_analysis", {})
    page = geocrew("jobs", "why", str(job_id))
    assert page.code == 0
    assert page.out == (
        f"job {job_id} is queued: no live worker takes outlier_analysis;"
        " start one: geocrew worker outlier_analysis\n"
    )
    answer = geocrew("jobs", "why", str(job_id), "--json").document
    assert (answer["id"], answer["status"]) == (job_id, "queued")
    assert [each["name"] for each in answer["causes"]] == ["no_worker"]
    missing = geocrew("jobs", "why", "77")
    assert missing.code == 2
    assert "job 77 does not exist" in missing.err


def test_why_a_job_waits_for_a_frozen_worker(geocrew: Command, connection: Connection) -> None:
    """A worker that is frozen falls silent; the job then waits for another one."""
    running = geocrew.worker("outlier_analysis")
    os.kill(running.process.pid, signal.SIGSTOP)
    job_id = produce.enqueue(connection, "outlier_analysis", {"dataset_id": 1})

    def cause() -> dict[str, str]:
        (found,) = geocrew("jobs", "why", str(job_id), "--json").document["causes"]
        return dict(found)

    def silent() -> dict[str, str] | None:
        # Its last heartbeat may still be on its way to the server.
        connection.execute("UPDATE geocrew.workers SET heartbeat_at = now() - interval '10 min'")
        found = cause()
        return found if found["name"] == "no_worker" else None

    found = wait_for(silent, 60, "the frozen worker to count as silent")
    assert f":{running.process.pid}, 10 min ago" in found["message"]
    os.kill(running.process.pid, signal.SIGCONT)

    def failed() -> dict[str, str] | None:
        found = cause()
        return found if found["name"] == "failed" else None

    assert (
        "mend the request" in wait_for(failed, 60, "the worker to go on and refuse the job")["message"]
    )
