"""A raster directory whose disk fills up while a clip is written."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from geocrew.datasets import gdal, rasters
from geocrew.datasets.importer import import_file
from geocrew.db import Connection, connect
from geocrew.queue import observe, produce
from tests.waiting import wait_for
from tests.worker.processes import Workers, datasets_of, final, play

if TYPE_CHECKING:
    from geocrew.queue.job import Worker

SIDE = 2048  # 8 MB of noise, which does not compress
MEGABYTE = 1024 * 1024
_SIZE = "160m"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def noise(path: Path) -> Path:
    rasterio = gdal.raster()
    cells = np.random.default_rng(0).integers(0, 2**15, (1, SIDE, SIDE)).astype("int16")
    place = rasterio.Affine(0.0001, 0, 10, 0, -0.0001, 50)
    profile = {"width": SIDE, "height": SIDE, "count": 1, "dtype": "int16", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", driver="GTiff", transform=place, **profile) as opened:
        opened.write(cells)
    return path


def leave(disk: Path, free: int) -> Path:
    """Fill a disk but for some bytes."""
    ballast = disk / "ballast"
    status = os.statvfs(disk)
    with ballast.open("wb") as file:
        for _ in range(max(0, status.f_bavail * status.f_frsize - free) // MEGABYTE):
            file.write(bytes(MEGABYTE))
    return ballast


def clip_all(dataset_id: int) -> dict[str, Any]:
    corners = [[9, 49], [11, 49], [11, 51], [9, 51], [9, 49]]
    shape = {"type": "Polygon", "coordinates": [corners]}
    return {"raster_dataset_id": dataset_id, "clip_geometry": shape}


@pytest.mark.parametrize("free", [4 * MEGABYTE, 14 * MEGABYTE], ids=["cells", "file"])
def test_a_full_disk_ends_the_job_in_plain_words(
    own_database: str, own_workers: Workers, small_disk: Path, tmp_path: Path, free: int
) -> None:
    """While cells are written, or the file of them: failed at once, nothing left, the worker waits."""
    raster_dir = small_disk / "rasters"
    with connect(own_database, "test") as connection:
        dataset = import_file(connection, noise(tmp_path / "x.tif"), raster_dir=raster_dir)
        before = set(raster_dir.iterdir())
        own_workers.start(GEOCREW_DATA_DIR=str(small_disk))
        ballast = leave(small_disk, free)
        job = final(connection, produce.enqueue(connection, "raster_clip", clip_all(dataset.id)))
        assert (job.status, job.attempt) == ("failed", 1)
        assert job.error_message == "the worker's disk is full: free some space, then retry the job"
        assert set(raster_dir.iterdir()) == before
        assert datasets_of(connection, job.id) == 0
        waiting = play(connection, "publish")
        wait_for(lambda: _waits(connection), 30, "the worker to say that it waits")
        assert observe.get(connection, waiting).status == "queued"
        ballast.unlink()
        assert final(connection, waiting, 90).status == "completed"
        again = final(connection, produce.enqueue(connection, "raster_clip", clip_all(dataset.id)))
        assert again.status == "completed"


def test_an_import_tells_it_too(small_disk: Path, tmp_path: Path) -> None:
    """What GDAL says of a full disk is what it says of a file that it cannot read."""
    path, target = noise(tmp_path / "x.tif"), small_disk / "y.tif"
    leave(small_disk, 4 * MEGABYTE)
    with pytest.raises(OSError, match="No space left") as caught:
        rasters.write(path, target)
    assert caught.value.errno == errno.ENOSPC
    assert [each.name for each in small_disk.iterdir()] == ["ballast"]


def _waits(connection: Connection) -> bool:
    crew: list[Worker] = list(observe.workers(connection))
    return [(each.state, each.reason) for each in crew] == [("waiting", "the worker's disk is full")]
