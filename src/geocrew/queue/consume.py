"""What a worker does to its jobs; every write is fenced by the lease that the claim gave."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from geocrew.db import Connection, statement
from geocrew.errors import LeaseLost
from geocrew.queue.job import Claim, Outcome

_SQL = "geocrew.queue.sql"


@dataclass(frozen=True)
class Beat:
    """What a heartbeat says of one job."""

    id: int
    lease: UUID
    progress: int
    message: str | None


@dataclass(frozen=True)
class Pulse:
    """What the heartbeat's answer says of it."""

    id: int
    held: bool
    completed: bool
    cancelling: bool


def claim(
    connection: Connection, job_types: Sequence[str], worker: str, lease_seconds: float, limit: int
) -> list[Claim]:
    """Take up to `limit` waiting jobs, each with a fresh lease."""
    values = {
        "job_types": list(job_types),
        "worker": worker,
        "lease_seconds": lease_seconds,
        "limit": limit,
    }
    with connection.cursor(row_factory=class_row(Claim)) as cursor:
        return cursor.execute(statement(_SQL, "claim"), values).fetchall()


def params(connection: Connection, claim: Claim) -> Any:
    """Return the parameters of a job, whatever JSON they are; raises LeaseLost when it is not ours."""
    values = {"id": claim.id, "lease": claim.lease}
    row = connection.execute(statement(_SQL, "params"), values).fetchone()
    if row is None:
        raise LeaseLost(f"job {claim.id}")
    return row[0]


def seconds_to_next(connection: Connection, job_types: Sequence[str]) -> float | None:
    """Return how long until the next waiting job may run, or None when nothing waits."""
    row = connection.execute(statement(_SQL, "next_run"), {"job_types": list(job_types)}).fetchone()
    return row[0] if row else None


def heartbeat(connection: Connection, beats: Sequence[Beat], lease_seconds: float) -> list[Pulse]:
    """Renew the leases and write the progress of all jobs of a worker in one statement."""
    values = {
        "ids": [beat.id for beat in beats],
        "leases": [beat.lease for beat in beats],
        "progress": [beat.progress for beat in beats],
        "messages": [beat.message for beat in beats],
        "lease_seconds": lease_seconds,
    }
    with connection.cursor(row_factory=class_row(Pulse)) as cursor:
        return cursor.execute(statement(_SQL, "heartbeat"), values).fetchall()


def index_shares(connection: Connection, backends: Sequence[int]) -> dict[int, float]:
    """Return how much of the index that each of some sessions is making is done, 0 to 1."""
    return dict(
        connection.execute(statement(_SQL, "index_progress"), {"pids": list(backends)}).fetchall()
    )


def complete(connection: Connection, job_id: int, lease: UUID, result: dict[str, Any]) -> None:
    """Mark the job completed in the caller's transaction; raises LeaseLost when it is not ours."""
    values = {"id": job_id, "lease": lease, "result": Jsonb(result)}
    if connection.execute(statement(_SQL, "complete"), values).rowcount != 1:
        raise LeaseLost(f"job {job_id}")


def fail(
    connection: Connection, claim: Claim, outcome: Outcome, message: str, *, crashed: bool = False
) -> bool:
    """End the job as failed; False when the lease is lost and nothing was written."""
    values = {
        "id": claim.id,
        "lease": claim.lease,
        "outcome": outcome,
        "message": message,
        "crashed": crashed,
    }
    return connection.execute(statement(_SQL, "fail"), values).rowcount == 1


def retry_later(
    connection: Connection,
    claim: Claim,
    outcome: Outcome,
    message: str,
    wait_seconds: float,
    *,
    crashed: bool = False,
) -> bool:
    """End the attempt and queue the next one; False when the lease is lost or a cancel was asked for."""
    values = {
        "id": claim.id,
        "lease": claim.lease,
        "outcome": outcome,
        "message": message,
        "wait_seconds": wait_seconds,
        "crashed": crashed,
    }
    return connection.execute(statement(_SQL, "retry_later"), values).rowcount == 1


def end_cancelled(connection: Connection, claim: Claim) -> float | None:
    """End a job whose cancellation was asked for, so many seconds ago; None when the lease is lost."""
    values = {"id": claim.id, "lease": claim.lease}
    row = connection.execute(statement(_SQL, "end_cancelled"), values).fetchone()
    return row[0] if row else None


def hand_back(connection: Connection, claim: Claim) -> bool:
    """Return the job to the queue without counting the attempt.

    False when the lease is lost or a cancel was asked for.
    """
    values = {"id": claim.id, "lease": claim.lease}
    return connection.execute(statement(_SQL, "hand_back"), values).fetchone() is not None


def write_log(connection: Connection, claim: Claim, lines: Sequence[tuple[str, str]]) -> None:
    """Append (level, message) lines to the job's log, unless another attempt has begun."""
    values = {
        "id": claim.id,
        "attempt": claim.attempt,
        "lease": claim.lease,
        "levels": [level for level, _ in lines],
        "messages": [message for _, message in lines],
    }
    connection.execute(statement(_SQL, "write_log"), values)


def end_session(connection: Connection, claim: Claim, backend: int) -> bool:
    """End the session of the job's process, which is gone, and with it the locks it held.

    False while the session goes on: PostgreSQL is inside a call that does not look for signals.
    """
    values = {"pid": backend, "name": claim.session_name}
    row = connection.execute(statement(_SQL, "end_session"), values).fetchone()
    return row is None or bool(row[0])
