"""How far a statement is that PostgreSQL is running: it tells of some of the rows as it comes to them.

One call of PostgreSQL shows others nothing of its work but for indexes and statistics. So the statement
itself speaks: a function in it sends a message (`geocrew.tick`), which libpq hands over at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql
from psycopg.errors import Diagnostic

from geocrew.datasets.estimate import estimate_rows, size_of
from geocrew.datasets.layer import Layer
from geocrew.db import Connection

# One row is told of for so many bytes, which PostgreSQL copies in 20 ms at least, and cuts up in some
# 600. To tell takes 50 µs at both ends.
_EACH = 2**22


@dataclass(frozen=True)
class Ticks:
    """What a statement tells that comes to about `rows` rows of `size` bytes in all; of few none.

    `ahead` is the share of its messages that it sends before the first of its rows is made.
    """

    rows: int
    size: int
    ahead: float = 0.0

    @property
    def every(self) -> int:
        """One of so many rows is told of: no multiple of 2 or 5, as ids may come in tens or eights."""
        odd = self.rows // max(1, self.size // _EACH) | 1
        return odd if odd % 5 else odd + 2

    def part(self, share: float) -> "Ticks":
        """Return the ticks that tell of the same rows with a share of the messages."""
        return Ticks(self.rows, round(self.size * share))

    def each(self, number: sql.Composable) -> sql.Composable:
        """Return a condition that is true of each row and tells of some; `number` is an integer.

        It takes 15 to 20 ns of each row that a table is read for, a twentieth of what copying a point
        takes, but 90 where it is asked of rows that a subquery passes on one by one.
        """
        if self.size < _EACH:
            return sql.SQL("true")
        return sql.SQL("({number} % {every} <> 0 OR geocrew.tick())").format(
            number=number, every=sql.Literal(self.every)
        )

    def told(self, select: sql.Composable, number: str) -> sql.Composable:
        """Return a SELECT that tells of its rows when they are made, which takes 30 ns of each.

        Not when those are read that they are made of. `number` is an integer column of it.
        """
        if self.size < _EACH:
            return select
        return sql.SQL("SELECT * FROM ({} OFFSET 0) AS made WHERE {}").format(
            select, self.part(1 - self.ahead).each(sql.Identifier("made", number))
        )

    @contextmanager
    def heard(self, connection: Connection, show: Callable[[float], object]) -> Iterator[None]:
        """Call `show` with the share of the rows that the statements of the block have come to."""
        told = 0

        def hear(message: Diagnostic) -> None:
            nonlocal told
            if message.message_primary == "geocrew.tick":
                told += 1
                show(min(1.0, told * self.every / max(1, self.rows)))

        connection.execute("SET geocrew.telling = 'on'")
        connection.add_notice_handler(hear)
        try:
            yield
        finally:
            connection.remove_notice_handler(hear)


SILENT = Ticks(0, 0)
# Of a view's rows so many are told of, for each may take long to make: half a second, where all take two
# minutes.
_OF_VIEW = 256


def ticks_over(connection: Connection, layer: Layer, rows: int | None = None) -> Ticks:
    """Return the ticks of a statement that comes to the rows of a layer, or to `rows` made of them."""
    found = estimate_rows(connection, layer) if rows is None else rows
    return Ticks(found, size_of(connection, layer))


def ticks_of_view(rows: int, ahead: float = 0.0) -> Ticks:
    """Return the ticks of a materialized view that is filled with about so many rows.

    `ahead` is the share of the work that is done before the first of them is there.
    """
    return Ticks(rows, _OF_VIEW * _EACH, ahead)
