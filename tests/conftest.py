"""What all tests share: a migrated database of each test's own, copied from a template."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from geocrew.db import Connection, connect
from geocrew.schema.migrate import migrate

if TYPE_CHECKING:
    from tests.cluster import Cluster

pytest_plugins = ["tests.cluster", "tests.worker.fixtures"]


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """The name of a migrated database without rows."""
    return cluster.create_template("geocrew_template", _migrate)


@pytest.fixture
def database(cluster: Cluster, template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    name = f"test_{uuid4().hex[:12]}"
    yield cluster.create_database(name, template)
    cluster.drop_database(name)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A session in the test's database."""
    with connect(database, "test") as opened:
        yield opened


def _migrate(url: str) -> None:
    with connect(url, "template") as opened:
        migrate(opened)
