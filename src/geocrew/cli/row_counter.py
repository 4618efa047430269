"""Shows how far an import has come."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from geocrew.cli.output import clean, console


@contextmanager
def row_counter(title: str) -> Iterator[Callable[[int], None] | None]:
    """Yield what takes the number of rows so far; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.text import Text

    with console(stderr=True).status(Text(clean(title))) as status:

        def show(rows: int) -> None:
            status.update(Text(f"{clean(title)}: {rows:,} rows"))

        yield show
