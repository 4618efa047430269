"""A raster job whose process is killed, or which is cancelled, midway: what becomes of its files."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from geocrew.datasets import gdal
from geocrew.datasets.importer import import_file
from geocrew.db import Connection
from geocrew.queue import observe, produce
from tests.waiting import wait_for
from tests.worker.processes import WorkerProcess, Workers, datasets_of, final

SIDE = 6144
PARTS = [".partial.cells", *(f".partial.cells{number}" for number in range(1, 5))]  # cells, overviews
STRANGERS = ("somebody elses.tif", f"raster_00000000_j2_{'0' * 32}.tif", f"raster_9_{'0' * 16}.tif")


@pytest.fixture
def job(connection: Connection, tmp_path: Path) -> int:
    """A clip that takes seconds, as noise does not compress, waiting in the queue."""
    rasterio = gdal.raster()
    path, raster_dir = tmp_path / "x.tif", tmp_path / "rasters"
    cells = np.random.default_rng(0).integers(0, 2**15, (1, SIDE, SIDE)).astype("int16")
    place = rasterio.Affine(0.0001, 0, 10, 0, -0.0001, 50)
    profile = {"width": SIDE, "height": SIDE, "count": 1, "dtype": "int16", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", driver="GTiff", transform=place, **profile) as opened:
        opened.write(cells)
    dataset = import_file(connection, path, raster_dir=raster_dir)
    for each in STRANGERS:
        (raster_dir / each).touch()
    corners = [[9, 48], [12, 48], [12, 51], [9, 51], [9, 48]]
    shape = {"type": "Polygon", "coordinates": [corners]}
    return produce.enqueue(
        connection, "raster_clip", {"raster_dataset_id": dataset.id, "clip_geometry": shape}
    )


def files_of(raster_dir: Path, job_id: int) -> list[Path]:
    return sorted(raster_dir.glob(f"raster_*_j{job_id}_*"))


def midway(worker: WorkerProcess, raster_dir: Path, job_id: int) -> tuple[int, list[Path]]:
    """Wait until the job writes cells; return its process and its files."""
    wait_for(lambda: any(each.stat().st_size for each in files_of(raster_dir, job_id)), 60, "cells")
    (child,) = worker.children()
    return child, files_of(raster_dir, job_id)


def test_a_killed_attempt_is_taken_over_and_its_files_are_swept(
    connection: Connection, workers: Workers, tmp_path: Path, job: int
) -> None:
    raster_dir, home = tmp_path / "rasters", str(tmp_path)
    before = set(raster_dir.iterdir())
    worker = workers.start(GEOCREW_DATA_DIR=home)
    child, left = midway(worker, raster_dir, job)
    os.kill(child, signal.SIGSTOP)
    os.kill(worker.pid, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    worker.process.wait()
    assert [each.name.partition(".tif")[2] for each in left] == PARTS
    assert set(left) <= set(raster_dir.iterdir())
    workers.start(GEOCREW_DATA_DIR=home)
    done = final(connection, job, 60)
    assert (done.status, done.attempt) == ("completed", 2)
    assert datasets_of(connection, job) == 1
    row = connection.execute("SELECT raster_file FROM geocrew.datasets WHERE job_id = %s", (job,))
    made = raster_dir / row.fetchone()[0]  # type: ignore[index]  # there is one
    wait_for(lambda: set(raster_dir.iterdir()) == before | {made}, 30, "the sweep")
    assert json.dumps(done.result).count(str(SIDE)) >= 2


def test_a_cancelled_job_leaves_no_file(
    connection: Connection, workers: Workers, tmp_path: Path, job: int
) -> None:
    raster_dir = tmp_path / "rasters"
    before = set(raster_dir.iterdir())
    worker = workers.start(GEOCREW_DATA_DIR=str(tmp_path))
    child, _ = midway(worker, raster_dir, job)
    os.kill(child, signal.SIGSTOP)
    produce.cancel(connection, job)
    assert final(connection, job).status == "cancelled"
    assert datasets_of(connection, job) == 0
    wait_for(lambda: set(raster_dir.iterdir()) == before, 30, "the sweep")
    assert observe.get(connection, job).attempt == 1
