"""A schema of each test's own in the shared database, and two small tables in it."""

from collections.abc import Iterator
from typing import LiteralString
from uuid import uuid4

import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_dataset

from geocrew.db import Connection

SQUARES: LiteralString = (
    "SELECT i AS id, i * i % 7 AS value, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END AS seen, i % 3 AS part,"
    " ST_MakeEnvelope(i % 5, i / 5, i % 5 + 1, i / 5 + 1, 27700)::geometry(Polygon, 27700) AS geom"
    " FROM generate_series(1, 20) AS i"
)
MASK: LiteralString = (
    "SELECT i AS id, ST_MakeEnvelope(x, 1.5, x + 1, 3, 27700)::geometry(Polygon, 27700) AS geom"
    " FROM (SELECT i, i * 2.25 AS x FROM generate_series(0, 3) AS i) AS places"
)


@pytest.fixture
def connection(shared: Connection) -> Iterator[Connection]:
    """The shared session with a schema of the test's own in front; a database each would take 0.4 s."""
    schema = sql.Identifier(f"test_{uuid4().hex[:8]}")
    shared.execute(sql.SQL("CREATE SCHEMA {0}; SET search_path TO {0}, public").format(schema))
    yield shared
    shared.execute(sql.SQL("RESET search_path; DROP SCHEMA {} CASCADE").format(schema))


@pytest.fixture
def squares(connection: Connection) -> int:
    """Twenty squares side by side."""
    connection.execute(sql.SQL("CREATE TABLE squares AS " + SQUARES))
    return add_dataset(connection, "squares")


@pytest.fixture
def mask(connection: Connection) -> int:
    """Four rectangles across them."""
    connection.execute(sql.SQL("CREATE TABLE mask AS " + MASK))
    return add_dataset(connection, "mask")
