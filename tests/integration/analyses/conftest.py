"""Databases shared by the tests of the analyses, which leave what they read as it was."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from psycopg import sql

from geocrew import demo
from geocrew.datasets.importer import import_file
from geocrew.db import Connection, connect

if TYPE_CHECKING:
    from tests.cluster import Cluster


@pytest.fixture(scope="session")
def shared_url(cluster: Cluster, template: str) -> Iterator[str]:
    """A database that the tests of this folder share."""
    name = f"analyses_{uuid4().hex[:12]}"
    yield cluster.create_database(name, template)
    cluster.drop_database(name)


@pytest.fixture(scope="session")
def shared(shared_url: str) -> Iterator[Connection]:
    """A session in the shared database."""
    with connect(shared_url, "test", client_min_messages="warning") as opened:
        yield opened


@pytest.fixture
def connection(shared: Connection) -> Iterator[Connection]:
    """The shared session with a schema of the test's own in front; a database each would take 0.4 s."""
    schema = sql.Identifier(f"test_{uuid4().hex[:8]}")
    shared.execute(sql.SQL("CREATE SCHEMA {0}; SET search_path TO {0}, public").format(schema))
    yield shared
    shared.execute(sql.SQL("RESET search_path; DROP SCHEMA {} CASCADE").format(schema))


@pytest.fixture(scope="session")
def demo_ids(shared: Connection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The demo data's vector files as datasets: id by file name."""
    rasters = tmp_path_factory.mktemp("rasters")
    paths = [path for path in demo.files() if path.suffix == ".gpkg"]
    return {path.stem: import_file(shared, path, raster_dir=rasters).id for path in paths}
