"""What is known of a job and of what surrounds it, read at one time."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from geocrew.db import Connection, statement
from geocrew.errors import NotFound
from geocrew.queue.job import Status

_SQL = "geocrew.ops.sql"


@dataclass(frozen=True)
class Circumstances:
    """A job's row and its surroundings; times are seconds ago, of `due` and `lease` to come."""

    id: int
    job_type: str
    status: Status
    attempt: int
    max_attempts: int
    progress: int
    progress_message: str | None
    worker: str | None
    error_message: str | None
    dataset_id: str | None
    run_at: datetime
    due_seconds: float
    running_seconds: float | None
    lease_seconds: float | None
    cancelling_seconds: float | None
    finished_seconds: float | None
    known: bool
    read_only: bool
    last_outcome: str | None
    backend: int | None


def read_circumstances(connection: Connection, job_id: int) -> Circumstances:
    """Return what is known of a job; raises NotFound."""
    with connection.cursor(row_factory=class_row(Circumstances)) as cursor:
        found = cursor.execute(statement(_SQL, "circumstances"), {"id": job_id}).fetchone()
    if found is None:
        raise NotFound(f"job {job_id} does not exist")
    return found


def count_ahead(connection: Connection, job_id: int, job_types: frozenset[str]) -> int:
    """Return how many due jobs the workers of these types take before this one."""
    values = {"id": job_id, "job_types": sorted(job_types)}
    row = connection.execute(statement(_SQL, "ahead"), values).fetchone()
    return row[0] if row else 0


def is_locked(connection: Connection, job_id: int) -> bool:
    """Whether somebody's transaction holds the row of a queued job."""
    return connection.execute(statement(_SQL, "unlocked"), {"id": job_id}).fetchone() is None
