"""A schema of each test's own in the shared database."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from psycopg import sql

from geocrew.db import Connection


@pytest.fixture
def connection(shared: Connection) -> Iterator[Connection]:
    """The shared session with a schema of the test's own in front; a database each would take 0.4 s."""
    schema = sql.Identifier(f"test_{uuid4().hex[:8]}")
    shared.execute(sql.SQL("CREATE SCHEMA {0}; SET search_path TO {0}, public").format(schema))
    yield shared
    shared.execute(sql.SQL("RESET search_path; DROP SCHEMA {} CASCADE").format(schema))
