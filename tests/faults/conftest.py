"""A server of the test's own, and workers on it."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from geocrew.db import connect
from geocrew.schema.migrate import migrate
from tests.worker.processes import Workers

if TYPE_CHECKING:
    from tests.cluster import Cluster


@pytest.fixture
def own_database(own_cluster: Cluster) -> str:
    """A migrated database in a server that the test may stop."""
    prepare(own_cluster.url())
    return own_cluster.url()


@pytest.fixture
def own_workers(own_database: str, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(own_database, tmp_path)
    yield made
    made.stop_all()


def prepare(url: str) -> None:
    with connect(url, "test") as connection:
        migrate(connection)
        connection.execute("CREATE TABLE IF NOT EXISTS public.starts (job_id bigint)")
