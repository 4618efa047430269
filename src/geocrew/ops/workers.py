"""What the workers of a database do now."""

from collections import defaultdict
from dataclasses import dataclass, fields

from psycopg.rows import class_row

from geocrew.db import Connection, statement
from geocrew.ops.liveness import is_alive
from geocrew.queue import observe
from geocrew.queue.job import Worker
from geocrew.settings import Settings

_SQL = "geocrew.ops.sql"


@dataclass(frozen=True)
class RunningJob:
    """A job in the hands of a worker; `seconds` since it was claimed."""

    id: int
    job_type: str
    worker: str
    progress: int
    progress_message: str | None
    cancelling: bool
    seconds: float


@dataclass(frozen=True)
class BusyWorker(Worker):
    """A worker with what it runs; `alive` that it was heard of lately."""

    alive: bool
    jobs: list[RunningJob]


def survey(connection: Connection, settings: Settings) -> list[BusyWorker]:
    """Return the workers on the list, each with its jobs."""
    jobs = defaultdict(list)
    for job in running_jobs(connection):
        jobs[job.worker].append(job)
    return [
        BusyWorker(
            **{each.name: getattr(worker, each.name) for each in fields(worker)},
            alive=is_alive(worker, settings),
            jobs=jobs[worker.name],
        )
        for worker in observe.workers(connection)
    ]


def running_jobs(connection: Connection) -> list[RunningJob]:
    """Return all running jobs, the oldest first."""
    with connection.cursor(row_factory=class_row(RunningJob)) as cursor:
        return cursor.execute(statement(_SQL, "running")).fetchall()
