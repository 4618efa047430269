"""What any worker does for jobs that nobody looks after; no leader, every step safe to repeat."""

from uuid import UUID

from geocrew.db import Connection, statement

_SQL = "geocrew.queue.sql"
LAPSED = "the worker died or lost its connection while the job was running"


def rescue(connection: Connection, crash_limit: int) -> list[tuple[int, str, int, str]]:
    """Queue or end lapsed jobs; returns (id, job type, attempt, new status) of each.

    A job that has lost its worker or its process `crash_limit` times is quarantined: it fails.
    """
    values = {
        "message": LAPSED,
        "quarantined": quarantine_message(crash_limit, LAPSED),
        "crash_limit": crash_limit,
    }
    return list(connection.execute(statement(_SQL, "rescue"), values))


def quarantine_message(crashes: int, last: str) -> str:
    """Say why a job is not run again, and what its owner can do."""
    return (
        f"quarantined: {crashes} attempts took their process down, the last one so: {last}."
        " It is not run again by itself: see the worker's log, then retry the job"
    )


def reject_unknown(connection: Connection, grace_seconds: float = 10.0) -> list[int]:
    """Fail waiting jobs of a type that nobody knows; returns their ids."""
    rows = connection.execute(statement(_SQL, "reject_unknown"), {"grace_seconds": grace_seconds})
    return [row[0] for row in rows]


def live_leases(connection: Connection) -> set[UUID]:
    """Return the leases of all running jobs: what is staged under any other is left over."""
    return {row[0] for row in connection.execute(statement(_SQL, "leases"))}
