"""One view of the data for several statements."""

from collections.abc import Iterator
from contextlib import contextmanager

from geocrew.db import Connection


@contextmanager
def steady(connection: Connection) -> Iterator[None]:
    """Run the block in a transaction whose statements all see the same rows."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
