"""Databases shared by the tests of the analyses, which leave what they read as it was."""

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
def shared(cluster: Cluster, template: str) -> Iterator[Connection]:
    """A session in a database that tests of this folder share."""
    name = f"analyses_{uuid4().hex[:12]}"
    with connect(cluster.create_database(name, template), "test", client_min_messages="warning") as opened:
        yield opened
    cluster.drop_database(name)


@pytest.fixture(scope="session")
def demo_ids(shared: Connection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The demo data's vector files as datasets: id by file name."""
    rasters = tmp_path_factory.mktemp("rasters")
    paths = [path for path in demo.files() if path.suffix == ".gpkg"]
    return {path.stem: import_file(shared, path, raster_dir=rasters).id for path in paths}
