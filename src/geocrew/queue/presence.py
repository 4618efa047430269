"""A worker makes itself and its job types known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from geocrew.db import Connection, statement

_SQL = "geocrew.queue.sql"
State = Literal["working", "waiting", "draining"]


def register_types(connection: Connection, job_types: Sequence[str]) -> None:
    """Tell the database which job types this build knows."""
    connection.execute(statement(_SQL, "register_types"), {"job_types": list(job_types)})


@dataclass(frozen=True)
class Presence:
    """What a worker tells of itself; `memory_mb` is of it and its jobs, `reason` what it waits for."""

    name: str
    job_types: Sequence[str]
    concurrency: int
    version: str
    memory_mb: int | None = None
    state: State = "working"
    reason: str | None = None


def announce(connection: Connection, presence: Presence) -> None:
    """Say that the worker lives; again and again."""
    values = {**vars(presence), "job_types": list(presence.job_types)}
    connection.execute(statement(_SQL, "register_worker"), values)


def leave(connection: Connection, name: str) -> None:
    """Take the worker off the list, and with it those unheard of for a day."""
    connection.execute(statement(_SQL, "forget_workers"), {"name": name})
