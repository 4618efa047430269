"""A connection for one look at a database that may be in trouble: it gives up soon."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from geocrew.db import Connection

Address = Callable[[], str]
# Prometheus waits 10 s for a scrape by default, so connection and statements together must take less.
_CONNECT_SECONDS = 3
_STATEMENT_SECONDS = 4


@contextmanager
def probe(address: Address, purpose: str) -> Iterator[Connection]:
    """Yield an autocommitting connection; raises psycopg.Error, and what `address` raises."""
    with psycopg.connect(
        address(),
        autocommit=True,
        application_name=f"geocrew {purpose}",
        connect_timeout=_CONNECT_SECONDS,
        tcp_user_timeout=_STATEMENT_SECONDS * 1000,
        options=f"-c statement_timeout={_STATEMENT_SECONDS}s -c lock_timeout=1s",
    ) as connection:
        yield connection
