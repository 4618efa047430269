"""Put jobs into the queue, take them back out, send them through again."""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

import psycopg
from psycopg.types.json import Jsonb

from geocrew.db import Connection, statement
from geocrew.errors import InvalidParameters, UserError
from geocrew.queue.job import Status
from geocrew.queue.observe import get

_SQL = "geocrew.queue.sql"


def enqueue(
    connection: Connection,
    job_type: str,
    params: dict[str, Any],
    *,
    user_id: int = 1,
    priority: int = 0,
    run_at: datetime | None = None,
    max_attempts: int = 5,
    timeout: timedelta | None = None,
    idempotency_key: str | None = None,
) -> int:
    """Insert a job in the caller's transaction and return its id.

    Nothing is checked but what the table's CHECKs say: `geocrew.submit` checks parameters. With an
    `idempotency_key` that the owner has used before, the id of that job comes back, nothing is new.
    Raises InvalidParameters for text and numbers that no row can hold.
    """
    values = {
        "user_id": user_id,
        "job_type": job_type,
        "params": Jsonb(params, partial(json.dumps, allow_nan=False)),
        "priority": priority,
        "run_at": run_at,
        "max_attempts": max_attempts,
        "timeout": timeout,
        "idempotency_key": idempotency_key,
    }
    try:
        row = connection.execute(statement(_SQL, "enqueue"), values).fetchone()
    except (psycopg.errors.UntranslatableCharacter, psycopg.errors.InvalidTextRepresentation) as error:
        problem = "params hold text with a NUL character (\\u0000) or half of a surrogate pair"
        raise InvalidParameters([f"{problem}, which PostgreSQL cannot store; leave it out"]) from error
    except ValueError as error:
        problem = "params hold NaN or infinity, for which JSON has no number"
        raise InvalidParameters([f'{problem}; write "nan", where that is a choice']) from error
    if row is None:  # the key's first use is still uncommitted elsewhere and invisible to us
        raise UserError(f'a job with idempotency key "{idempotency_key}" is being enqueued already')
    return cast(int, row[0])


def cancel(connection: Connection, job_id: int) -> Status:
    """Cancel a waiting job at once, ask for the end of a running one; return the status it has now.

    Raises NotFound, and UserError where the job is over.
    """
    row = connection.execute(statement(_SQL, "cancel"), {"id": job_id}).fetchone()
    if row is None:
        raise UserError(f"job {job_id} is already {get(connection, job_id).status}")
    return cast(Status, row[0])


def retry(connection: Connection, job_id: int) -> None:
    """Queue a failed or cancelled job again; raises NotFound, and UserError where it is neither."""
    if connection.execute(statement(_SQL, "retry"), {"id": job_id}).fetchone() is None:
        status = get(connection, job_id).status
        raise UserError(f"job {job_id} is {status}; only failed and cancelled jobs can be retried")
