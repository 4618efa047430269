"""Read the queue: one read model for CLI, API, metrics and page."""

from collections.abc import Sequence

from psycopg.rows import class_row

from geocrew.db import Connection, statement
from geocrew.errors import NotFound
from geocrew.queue.job import Attempt, Job, LogLine, Status, Worker

_SQL = "geocrew.queue.sql"


def get(connection: Connection, job_id: int) -> Job:
    """Return one job; raises NotFound."""
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        job = cursor.execute(statement(_SQL, "job"), {"id": job_id}).fetchone()
    if job is None:
        raise NotFound(f"job {job_id} does not exist")
    return job


def listed(
    connection: Connection,
    *,
    status: Status | None = None,
    job_type: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Job]:
    """Return jobs, newest first; `before` is the last id of the page before."""
    values = {"status": status, "job_type": job_type, "before": before, "limit": limit}
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(statement(_SQL, "jobs"), values).fetchall()


def attempts(connection: Connection, job_id: int) -> Sequence[Attempt]:
    """Return the attempts that did not complete, oldest first."""
    with connection.cursor(row_factory=class_row(Attempt)) as cursor:
        return cursor.execute(statement(_SQL, "attempts"), {"id": job_id}).fetchall()


def log_lines(connection: Connection, job_id: int, after: int = 0) -> Sequence[LogLine]:
    """Return the job's log after the line with id `after`."""
    with connection.cursor(row_factory=class_row(LogLine)) as cursor:
        return cursor.execute(statement(_SQL, "log_lines"), {"id": job_id, "after": after}).fetchall()


def workers(connection: Connection) -> Sequence[Worker]:
    """Return the workers of this database with the seconds since each was last heard of."""
    with connection.cursor(row_factory=class_row(Worker)) as cursor:
        return cursor.execute(statement(_SQL, "workers")).fetchall()
