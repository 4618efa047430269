"""A function with which a statement stands still at one row until a test lets it go on."""

from collections.abc import Iterator
from contextlib import contextmanager

from geocrew.db import Connection

_LOCK = 4_711


def make_held(connection: Connection, at: int) -> None:
    """Make public.held(point): it returns the point; where its x is `at`, it waits to be let go on."""
    connection.execute(
        "CREATE FUNCTION public.held(spot geometry) RETURNS geometry LANGUAGE plpgsql IMMUTABLE AS $$"
        f" BEGIN IF public.ST_X(spot) = {at} THEN"
        f" PERFORM pg_advisory_lock_shared({_LOCK}); PERFORM pg_advisory_unlock_shared({_LOCK});"
        " END IF; RETURN spot; END $$".encode()
    )


@contextmanager
def holding(connection: Connection) -> Iterator[None]:
    """Let statements stand still at that row while the block runs."""
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
