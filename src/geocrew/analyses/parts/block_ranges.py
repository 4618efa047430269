"""A table's rows in ranges of blocks, each small enough that a job can be stopped and shows progress."""

from collections.abc import Iterator
from time import monotonic

from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.layer import Layer
from geocrew.db import Connection

_SECONDS = 0.4  # what a range should take
_FIRST_BLOCKS = 4


def block_ranges(connection: Connection, layer: Layer) -> Iterator[tuple[float, Expression]]:
    """Yield conditions on the rows `s` of a layer, each true for a part, with the share before it.

    How many blocks a range has follows from how long the caller took for the last one. In a transaction
    with one snapshot: blocks that are added later hold nothing it sees.
    """
    query = compose(
        "SELECT pg_relation_size(format('%I.%I', {schema}, {table})::regclass)"
        " / current_setting('block_size')::bigint",
        schema=layer.schema,
        table=layer.table,
    )
    row = connection.execute(query).fetchone()
    total = int(row[0]) if row else 0
    start, size = 0, _FIRST_BLOCKS
    while start < total:
        began, stop = monotonic(), min(total, start + size)
        yield (
            start / total,
            compose(
                "s.ctid >= {start}::tid AND s.ctid < {stop}::tid",
                start=f"({start},0)",
                stop=f"({stop},0)",
            ),
        )
        took = max(monotonic() - began, 1e-3)
        start, size = stop, max(1, round(size * min(4.0, _SECONDS / took)))
