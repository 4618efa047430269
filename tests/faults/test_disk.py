"""Disks that fill up: F13, F28."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from geocrew.db import Connection, connect
from geocrew.queue import observe
from tests.cluster import Cluster
from tests.faults.conftest import prepare
from tests.waiting import wait_for
from tests.worker.processes import Workers, datasets_of, final, play, staged

if TYPE_CHECKING:
    from geocrew.queue.job import Worker

# A fresh cluster takes some 60 MB, the log of one job's 60 MB of rows as much again.
_SIZE = "240m"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@pytest.fixture
def small_disk(cluster_directory: Path) -> Iterator[Path]:
    cluster_directory.mkdir(mode=0o755)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=755", "tmpfs", str(cluster_directory)],
        check=True,
    )
    yield cluster_directory
    Cluster(cluster_directory).stop("immediate")
    subprocess.run(["umount", "--lazy", str(cluster_directory)], check=True)


@needs_root
def test_f13_full_disk(small_disk: Path, tmp_path: Path) -> None:
    """The job fails in plain words; the worker waits, says so, and goes on when there is room."""
    small = Cluster(small_disk, max_wal_size="64MB", min_wal_size="32MB", shared_buffers="16MB")
    small.start()
    prepare(small.url())
    workers = Workers(small.url(), tmp_path)
    try:
        with connect(small.url(), "test") as connection:
            worker = workers.start()
            ballast = _fill(small_disk)
            job = final(connection, play(connection, "fill"), 60)
            assert (job.status, job.attempt) == ("failed", 1)
            assert "the database's disk is full" in (job.error_message or "")
            assert (datasets_of(connection, job.id), staged(connection)) == (0, [])
            waiting = play(connection, "publish")
            wait_for(lambda: _waits(connection), 30, "the worker to say that it waits")
            assert observe.get(connection, waiting).status == "queued"
            ballast.unlink()
            job = final(connection, waiting, 90)
            assert (job.status, job.attempt) == ("completed", 1)
            wait_for(lambda: not _waits(connection), 15, "the worker to work")
            assert worker.process.poll() is None
    finally:
        workers.stop_all()


def _fill(directory: Path) -> Path:
    """Leave 4 MB: less than a worker's probe wants, enough for the queue's own rows."""
    ballast = directory / "ballast"
    status = os.statvfs(directory)
    ballast.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - 4 * 1024 * 1024)))
    return ballast


def _waits(connection: Connection) -> bool:
    crew: list[Worker] = list(observe.workers(connection))
    return [(each.state, each.reason) for each in crew] == [("waiting", "the database's disk is full")]
