"""What the queue's callers see of a job."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Status = Literal["queued", "running", "completed", "failed", "cancelled"]
Outcome = Literal[
    "failed",
    "crashed",
    "timed_out",
    "out_of_memory",
    "no_resources",
    "lapsed",
    "quarantined",
    "rejected",
]

FINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True)
class Claim:
    """A job that is ours to run until its lease lapses; `consume.params` reads its parameters."""

    id: int
    user_id: int
    job_type: str
    attempt: int
    max_attempts: int
    crashes: int
    lease: UUID
    timeout_seconds: float | None
    waited_seconds: float

    @property
    def session_name(self) -> str:
        """How PostgreSQL shows the session in which the job runs."""
        return f"geocrew job {self.id} attempt {self.attempt}"


@dataclass(frozen=True)
class Job:
    """A job as its user sees it; times are None until they have come."""

    id: int
    user_id: int
    job_type: str
    params: Any
    status: Status
    result: dict[str, Any] | None
    error_message: str | None
    progress: int
    progress_message: str | None
    priority: int
    attempt: int
    max_attempts: int
    worker: str | None
    timeout_seconds: float | None
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took, where it is over."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True)
class Attempt:
    """One attempt that did not complete."""

    attempt: int
    worker: str | None
    started_at: datetime | None
    ended_at: datetime
    outcome: str
    error_message: str


@dataclass(frozen=True)
class LogLine:
    """One line of a job's log."""

    id: int
    attempt: int
    logged_at: datetime
    level: str
    message: str


@dataclass(frozen=True)
class Worker:
    """A worker that has said it lives."""

    name: str
    job_types: list[str]
    concurrency: int
    version: str
    started_at: datetime
    heartbeat_at: datetime
    memory_mb: int | None
    state: Literal["working", "waiting", "draining"]
    reason: str | None
    silent_seconds: float
