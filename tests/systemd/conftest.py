"""One systemd for all tests of a process, with a database of its own."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from geocrew.db import Connection, connect
from geocrew.local.places import find_places
from tests.systemd.inside import SOCKETS, Box, build_files

if TYPE_CHECKING:
    from tests.cluster import Cluster

SCRIPT = Path(__file__).with_name("box")
REFUSED = 125


@pytest.fixture(scope="session")
def box_database(cluster: Cluster, template: str) -> Iterator[str]:
    """The name of the database that the box's workers serve."""
    name = f"box_{uuid4().hex[:12]}"
    with connect(cluster.create_database(name, template), "box") as connection:
        connection.execute("CREATE TABLE public.starts (job_id bigint)")
    yield name
    cluster.drop_database(name)


@pytest.fixture(scope="session")
def box(cluster: Cluster, box_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A booted systemd; skips where this machine cannot give one."""
    files = tmp_path_factory.mktemp("box")
    mounts = build_files(files, box_database)
    mounts.append(f"{find_places(cluster.directory).sockets}:{SOCKETS}")
    process = subprocess.Popen(
        [SCRIPT, files, *mounts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    init = process.stdout.readline()
    if not init:
        _, said = process.communicate()
        assert process.returncode == REFUSED, said
        pytest.skip(said.strip())
    yield Box(int(init))
    _, said = process.communicate("")
    assert process.returncode == 0, said


@pytest.fixture
def jobs(cluster: Cluster, box_database: str) -> Iterator[Connection]:
    """A session in the database that the box's workers serve."""
    with connect(cluster.url(box_database), "test") as opened:
        yield opened
