"""Whether the database's disk takes more."""

import psycopg

from geocrew.db import Connection, statement

_SQL = "geocrew.queue.sql"


def has_space(connection: Connection) -> bool:
    """Write 8 MB and take them back; False where the disk is full."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement(_SQL, "probe_space"))
    except psycopg.errors.DiskFull:
        return False
    return True
