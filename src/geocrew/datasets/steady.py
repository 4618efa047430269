"""One view of the data for several statements, and a plain word where it changed between them."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import errors

from geocrew.datasets.layer import Layer
from geocrew.db import Connection
from geocrew.errors import SourceChanged


@contextmanager
def steady(connection: Connection) -> Iterator[None]:
    """Run the block in a transaction whose statements all see the same rows."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


@contextmanager
def watched(layer: Layer) -> Iterator[None]:
    """Run the block; a table or column of `layer` that is suddenly missing raises SourceChanged."""
    try:
        yield
    except (errors.UndefinedTable, errors.UndefinedColumn) as error:
        raise SourceChanged(f"{layer.described} was changed while the job was reading it") from error
