"""Start real worker processes and look at what becomes of their jobs."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geocrew.db import Connection
from geocrew.queue import observe, produce
from geocrew.queue.job import FINAL, Job
from tests.waiting import wait_for

QUICK = {
    "GEOCREW_LEASE_SECONDS": "2",
    "GEOCREW_SWEEP_SECONDS": "0.3",
    "GEOCREW_RETRY_BASE_SECONDS": "0.05",
    "GEOCREW_DRAIN_SECONDS": "20",
}


@dataclass
class WorkerProcess:
    """A worker in a process of its own; its log goes to a file."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def children(self) -> list[int]:
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(each) for each in text.split()]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Ask it to stop and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@dataclass
class Workers:
    """Starts workers on one database and ends those that a test left."""

    url: str
    directory: Path
    started: list[WorkerProcess] = field(default_factory=list)

    def start(
        self,
        *job_types: str,
        concurrency: int = 1,
        wait: bool = True,
        failpoint: str | None = None,
        url: str | None = None,
        **settings: str,
    ) -> WorkerProcess:
        """Start one; `failpoint`: where it dies (tests/faults/main.py), `url`: a way of its own."""
        main = ["tests.faults.main", failpoint] if failpoint else ["tests.worker.main"]
        log = self.directory / f"worker{len(self.started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *main, url or self.url, str(concurrency), *job_types],
                stdout=output,
                stderr=output,
                env=os.environ | QUICK | settings,
                cwd=Path(__file__).parents[2],
            )
        worker = WorkerProcess(process, log)
        self.started.append(worker)
        if wait:
            wait_for(lambda: _is_ready(worker), 120, "a worker to be ready")
        return worker

    def stop_all(self) -> None:
        for worker in self.started:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
                worker.process.kill()
            worker.process.wait()


def _is_ready(worker: WorkerProcess) -> bool:
    """Say whether a worker works; one that has ended never will."""
    assert worker.process.poll() is None, worker.log.read_text()
    return any(each["event"] == "worker.ready" for each in worker.events)


def play(connection: Connection, act: str, **params: Any) -> int:
    """Enqueue a job that misbehaves as told; max_attempts and timeout may be among the parameters."""
    how = {name: params.pop(name) for name in ("max_attempts", "timeout", "priority") if name in params}
    return produce.enqueue(connection, "play", {"act": act, **params}, **how)


def final(connection: Connection, job_id: int, seconds: float = 60.0) -> Job:
    """Wait until the job is over and return it."""

    def look() -> Job | None:
        job = observe.get(connection, job_id)
        return job if job.status in FINAL else None

    return wait_for(look, seconds, f"the end of job {job_id}: {observe.get(connection, job_id)}")


def running(connection: Connection, job_id: int) -> Job:
    """Wait until the job's own code has begun in this attempt, and return the job."""

    def look() -> Job | None:
        job = observe.get(connection, job_id)
        return job if job.status == "running" and job.progress >= 25 else None

    return wait_for(look, 60, f"job {job_id} to run")


def starts(connection: Connection, job_id: int) -> int:
    row = connection.execute("SELECT count(*) FROM starts WHERE job_id = %s", (job_id,)).fetchone()
    return int(row[0]) if row else 0


def datasets_of(connection: Connection, job_id: int) -> int:
    row = connection.execute(
        "SELECT count(*) FROM geocrew.datasets WHERE job_id = %s", (job_id,)
    ).fetchone()
    return int(row[0]) if row else 0


def staged(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'geocrew_staging'::regnamespace"
    )
    return [row[0] for row in rows]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def job_sessions(connection: Connection) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'geocrew job%'"
        " AND datname = current_database()"
    ).fetchone()
    return int(row[0]) if row else 0
