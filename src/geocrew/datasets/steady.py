"""One view of the data for several statements, and a plain word where it changed between them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from psycopg import errors

from geocrew.datasets.build import OutputMode
from geocrew.datasets.layer import Layer
from geocrew.db import Connection
from geocrew.errors import UserError


@contextmanager
def steady(connection: Connection) -> Iterator[None]:
    """Run the block in a transaction whose statements all see the same rows."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def steady_for(connection: Connection, output_mode: OutputMode) -> AbstractContextManager[None]:
    """Run the block as `steady` does where its output reads the source anew: what is told of it is true.

    A table is joined to the rows that were read, which tells whether they are others by then.
    """
    return nullcontext() if output_mode == "static" else steady(connection)


@contextmanager
def watched(layer: Layer) -> Iterator[None]:
    """Run the block; a table or column of `layer` that is suddenly missing raises SourceChanged.

    A key that is none, as no index keeps that of a view, raises UserError.
    """
    try:
        yield
    except (errors.UniqueViolation, errors.NotNullViolation) as error:
        if layer.key is None or layer.relation_kind in ("r", "p"):
            raise
        why = error.diag.message_detail or "it is NULL in some"
        raise UserError(
            f'"{layer.key.name}" does not tell the rows of {layer.described} apart any more: {why}'
        ) from error
    except (errors.UndefinedTable, errors.UndefinedColumn) as error:
        raise layer.changed() from error
