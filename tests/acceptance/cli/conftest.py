"""The command on a database of the test's own, and one that brings its private database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.cli.command import Command

from geocrew.datasets import registry
from geocrew.db import Connection


@pytest.fixture
def geocrew(database: str, tmp_path: Path) -> Iterator[Command]:
    """`geocrew` with GEOCREW_DATABASE_URL."""
    settings = {"GEOCREW_DATABASE_URL": database, "GEOCREW_DATA_DIR": str(tmp_path / "data")}
    command = Command(tmp_path, settings)
    yield command
    command.end_all()


@pytest.fixture
def private(cluster_directory: Path, tmp_path: Path) -> Iterator[Command]:
    """`geocrew` without a database; what it makes is removed."""
    command = Command(tmp_path, {"GEOCREW_DATA_DIR": str(cluster_directory)})
    yield command
    command.end_all()


@pytest.fixture
def places(connection: Connection) -> int:
    """The id of a dataset `places`: 36 points 1 km apart with a number, a text and a constant."""
    connection.execute(
        "CREATE TABLE public.places (id integer PRIMARY KEY, title text, size float8, flat float8,"
        " geom geometry(Point, 3857));"
        "INSERT INTO public.places SELECT i, 'place ' || i, (i / 6) ^ 2 + i % 6, 1,"
        " ST_SetSRID(ST_MakePoint(i % 6 * 1000, i / 6 * 1000), 3857) FROM generate_series(0, 35) AS i"
    )
    return registry.register(connection, "public", "places").id


def count_jobs(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM background_jobs").fetchone()
    return int(row[0]) if row else 0
