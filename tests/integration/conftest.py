"""A database with the demo data, which the tests of analyses and views share and leave as it was."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from tests.examples import DEMO_IDS, import_demo

from geocrew.db import Connection, connect

if TYPE_CHECKING:
    from tests.cluster import Cluster


@pytest.fixture(scope="session")
def demo_rasters(cluster: Cluster) -> Path:
    """Where the demo data's raster is kept, for all workers."""
    return cluster.directory / "demo_rasters"


@pytest.fixture(scope="session")
def demo_template(cluster: Cluster, demo_rasters: Path) -> str:
    """The name of a database with the demo data, imported once."""
    return cluster.create_template("geocrew_demo", lambda url: import_demo(url, demo_rasters))


@pytest.fixture(scope="session")
def demo_ids() -> dict[str, int]:
    """The demo data's datasets: id by file name."""
    return DEMO_IDS


@pytest.fixture(scope="session")
def shared_url(cluster: Cluster, demo_template: str) -> Iterator[str]:
    """A database that tests share."""
    name = f"shared_{uuid4().hex[:12]}"
    yield cluster.create_database(name, demo_template)
    cluster.drop_database(name)


@pytest.fixture(scope="session")
def shared(shared_url: str) -> Iterator[Connection]:
    """A session in the shared database."""
    with connect(shared_url, "test", client_min_messages="warning") as opened:
        yield opened
