"""A table's rows in ranges small enough that a job can be stopped and shows progress."""

from collections.abc import Callable, Iterator
from time import monotonic

from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.layer import Layer
from geocrew.db import Connection

_SECONDS = 0.4  # what a range should take
_FIRST_BLOCKS = 4


def block_ranges(
    connection: Connection, layer: Layer, show: Callable[[float], object]
) -> Iterator[Expression]:
    """Yield conditions on the rows `s` of a layer, each true for a part, and show the share before it.

    How many addresses a range has follows from how long the caller took for the last one; where a row
    takes long, a block is divided. In a transaction with one snapshot: blocks that are added later
    hold nothing it sees. Raises SourceChanged where the table has just been replaced by another.
    """
    # A row takes 24 bytes and its pointer 4, and the head of a block 24: 291 rows in one of 8 kB.
    query = compose(
        "SELECT pg_relation_size(format('%I.%I', {schema}, {table})::regclass) / size, (size - 24) / 28"
        " FROM (SELECT current_setting('block_size')::bigint AS size) AS blocks",
        schema=layer.schema,
        table=layer.table,
    )
    row = connection.execute(query).fetchone()
    if row is None or row[0] is None:
        raise layer.changed()
    blocks, rows = int(row[0]), int(row[1])
    total = blocks * rows
    start, size = 0, _FIRST_BLOCKS * rows
    while start < total:
        began, stop = monotonic(), min(total, start + size)
        show(start / total)
        yield compose(
            "s.ctid >= {start}::tid AND s.ctid < {stop}::tid",
            start=address(start, rows),
            stop=address(stop, rows),
        )
        start, size = stop, next_size(size, monotonic() - began)


def next_size(size: int, seconds: float) -> int:
    """Return how large the next range should be if one of `size` took so long.

    It grows fourfold at most, for the rows of the first blocks may be few or simple.
    """
    return max(1, round(size * min(4.0, _SECONDS / max(seconds, 1e-3))))


def address(position: int, rows: int) -> str:
    """Write the address of a row, whose numbers begin at 1, in a table with room for `rows` a block."""
    return f"({position // rows},{position % rows + 1})"
