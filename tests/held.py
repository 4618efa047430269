"""A function with which a statement stands still at some rows until a test lets it go on."""

from collections.abc import Iterator
from contextlib import contextmanager

from geocrew.db import Connection

_LOCKS = 4_711  # the first of the two numbers of the locks; the second is the row's


def make_held(connection: Connection, *rows: int) -> None:
    """Make public.held(point), which returns the point, and waits where x is one of `rows` held."""
    places = ", ".join(map(str, rows))
    lock = f"{_LOCKS}, public.ST_X(spot)::int"
    connection.execute(
        "CREATE FUNCTION public.held(spot geometry) RETURNS geometry LANGUAGE plpgsql IMMUTABLE AS $$"
        f" BEGIN IF public.ST_X(spot) IN ({places}) THEN"
        f" PERFORM pg_advisory_lock_shared({lock}); PERFORM pg_advisory_unlock_shared({lock});"
        " END IF; RETURN spot; END $$".encode()
    )


@contextmanager
def holding(connection: Connection, row: int) -> Iterator[None]:
    """Let statements stand still at a row while the block runs."""
    connection.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCKS, row))
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCKS, row))
