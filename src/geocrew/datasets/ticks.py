"""How far a statement is that PostgreSQL is running: it tells of some of the rows as it comes to them.

One call of PostgreSQL shows others nothing of its work but for indexes and statistics. So the statement
itself speaks: a function in it sends a message (`geocrew.tick`), which libpq hands over at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql
from psycopg.errors import Diagnostic

from geocrew.db import Connection

# So many are told of, and at least one of so many, which pass in a fifth of a second. To tell takes
# 25 µs, to find the row 15 ns of each, a twentieth of what writing it takes; by a hash of ids it took a
# twelfth.
_TOLD, _MOST = 64, 100_000


@dataclass(frozen=True)
class Ticks:
    """What a statement tells that comes to about `rows` rows; nothing where that is not known."""

    rows: int | None

    @property
    def every(self) -> int:
        """One of so many rows is told of: no multiple of 2 or 5, as ids may come in tens or eights."""
        odd = min((self.rows or 0) // _TOLD, _MOST) | 1
        return odd if odd % 5 else odd + 2

    def each(self, number: sql.Composable) -> sql.Composable:
        """Return a condition that is true of each row and tells of some; `number` is an integer."""
        if self.rows is None:
            return sql.SQL("true")
        return sql.SQL("({number} % {every} <> 0 OR geocrew.tick())").format(
            number=number, every=sql.Literal(self.every)
        )

    @contextmanager
    def heard(self, connection: Connection, show: Callable[[float], object]) -> Iterator[None]:
        """Call `show` with the share of the rows that the statements of the block have come to."""
        told = 0

        def hear(message: Diagnostic) -> None:
            nonlocal told
            if message.message_primary == "geocrew.tick":
                told += 1
                show(min(1.0, told * self.every / max(1, self.rows or 0)))

        connection.add_notice_handler(hear)
        try:
            yield
        finally:
            connection.remove_notice_handler(hear)
