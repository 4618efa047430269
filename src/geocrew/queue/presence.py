"""A worker makes itself and its job types known."""

from collections.abc import Sequence

from geocrew.db import Connection, statement

_SQL = "geocrew.queue.sql"


def register_types(connection: Connection, job_types: Sequence[str]) -> None:
    """Tell the database which job types this build knows."""
    connection.execute(statement(_SQL, "register_types"), {"job_types": list(job_types)})


def announce(
    connection: Connection, name: str, job_types: Sequence[str], concurrency: int, version: str
) -> None:
    """Say that the worker lives; again and again."""
    values = {
        "name": name,
        "job_types": list(job_types),
        "concurrency": concurrency,
        "version": version,
    }
    connection.execute(statement(_SQL, "register_worker"), values)


def leave(connection: Connection, name: str) -> None:
    """Take the worker off the list, and with it those unheard of for a day."""
    connection.execute(statement(_SQL, "forget_workers"), {"name": name})
