"""Statements of shapes that GEOS may refuse, tried without losing what surrounds them."""

from psycopg import errors, sql

from geocrew.datasets.compose import Expression
from geocrew.db import Connection


def attempt(connection: Connection, statement: Expression) -> bool:
    """Execute in a transaction of its own; returns False, with nothing done, where GEOS raised.

    GEOS errors (TopologyException, IllegalArgumentException) reach SQL as internal errors. Rows come in
    the order that makes prepared shapes pay, so joins are nested loops in the order as written. JIT
    costs 0.5 CPU s and 75 MB a statement here and gains nothing.
    """
    try:
        with connection.transaction():
            for setting in ("jit", "enable_hashjoin", "enable_mergejoin", "enable_seqscan"):
                connection.execute("SELECT set_config(%s, 'off', true)", (setting,))
            connection.execute("SET LOCAL join_collapse_limit = 1")
            connection.execute(sql.Composed([statement]))
    except errors.InternalError_:
        return False
    return True
