"""Finished jobs go after a time; the datasets they made stay."""

from geocrew.db import Connection, statement

_SQL = "geocrew.queue.sql"
_DAY = 86_400
# A batch takes some 10 ms and holds its row locks no longer.
BATCH = 500


def prune(connection: Connection, keep_days: float, limit: int = BATCH) -> int:
    """Delete up to `limit` jobs, the oldest that finished over `keep_days` ago; return how many."""
    values = {"keep_seconds": keep_days * _DAY, "limit": limit}
    return connection.execute(statement(_SQL, "prune"), values).rowcount


def prunable(connection: Connection, keep_days: float) -> int:
    """Return how many jobs finished more than `keep_days` ago."""
    row = connection.execute(statement(_SQL, "prunable"), {"keep_seconds": keep_days * _DAY}).fetchone()
    return int(row[0]) if row else 0
