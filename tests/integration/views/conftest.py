"""A small table that the tests of views change."""

import pytest

from geocrew.datasets import registry
from geocrew.db import Connection


@pytest.fixture
def spots(connection: Connection) -> int:
    """Five points with a value, registered: the dataset's id."""
    connection.execute(
        "CREATE TABLE spots (id int PRIMARY KEY, value float8, geom geometry(Point, 27700));"
        "INSERT INTO spots SELECT i, i, ST_Point(i, i, 27700) FROM generate_series(1, 5) AS i"
    )
    return registry.register(connection, "public", "spots").id
