"""One database with the demo data for the tests of views, which leave it as it was."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from geocrew import demo
from geocrew.datasets.importer import import_file
from geocrew.db import Connection, connect

if TYPE_CHECKING:
    from tests.cluster import Cluster


@pytest.fixture(scope="session")
def views_url(cluster: Cluster, template: str) -> Iterator[str]:
    name = f"views_{uuid4().hex[:12]}"
    yield cluster.create_database(name, template)
    cluster.drop_database(name)


@pytest.fixture(scope="session")
def shared(views_url: str) -> Iterator[Connection]:
    """A session in the database with the demo data."""
    with connect(views_url, "test", client_min_messages="warning") as opened:
        yield opened


@pytest.fixture(scope="session")
def demo_ids(shared: Connection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The demo data's vector files as datasets: id by file name."""
    rasters = tmp_path_factory.mktemp("rasters")
    paths = [path for path in demo.files() if path.suffix == ".gpkg"]
    return {path.stem: import_file(shared, path, raster_dir=rasters).id for path in paths}
