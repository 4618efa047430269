"""Statements of shapes that GEOS or PROJ may refuse, tried without losing what surrounds them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg import errors, sql

from geocrew.datasets.compose import Expression
from geocrew.db import Connection


def attempt(connection: Connection, statement: Expression) -> str | None:
    """Execute in a transaction of its own; return what GEOS or PROJ said, else None."""
    try:
        with refused_as(connection, _Refused):
            connection.execute(sql.Composed([statement]))
    except _Refused as refused:
        return str(refused)
    return None


@contextmanager
def refused_as(connection: Connection, error: Callable[[str], Exception]) -> Iterator[None]:
    """Run the block in a transaction; what GEOS or PROJ refuse is raised as `error` of their words.

    TopologyException, "transform: Invalid coordinate" and the like reach SQL as internal errors.
    """
    try:
        with connection.transaction():
            yield
    except errors.InternalError_ as refused:
        raise error(refused.diag.message_primary or str(refused)) from refused


class _Refused(Exception):
    pass
