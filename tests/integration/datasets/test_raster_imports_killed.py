"""Files of an import: nobody takes them while it lives, any worker does once it is gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from tests.waiting import wait_for

from geocrew.datasets import gdal, rasters
from geocrew.db import Connection

PROGRAM = """
import sys
from pathlib import Path
from geocrew.datasets.importer import import_file
from geocrew.db import connect

url, path, directory = sys.argv[1:]
with connect(url, "import") as connection:
    import_file(connection, Path(path), raster_dir=Path(directory))
"""
SIDE = 4096


def no_leases() -> set[UUID]:
    return set()


@pytest.fixture
def importing(database: str, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """An import that is stopped while its file grows."""
    rasterio = gdal.raster()
    path, raster_dir = tmp_path / "x.tif", tmp_path / "rasters"
    cells = np.random.default_rng(0).integers(0, 2**15, (1, SIDE, SIDE)).astype("int16")
    place = rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)
    profile = {"width": SIDE, "height": SIDE, "count": 1, "dtype": "int16", "crs": "EPSG:32633"}
    with rasterio.open(path, "w", driver="GTiff", transform=place, **profile) as opened:
        opened.write(cells)
    raster_dir.mkdir()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, database, str(path), str(raster_dir)])
    wait_for(lambda: any(each.stat().st_size for each in raster_dir.iterdir()), 60, "the import")
    process.send_signal(signal.SIGSTOP)
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


def test_a_killed_import_is_swept(
    connection: Connection, tmp_path: Path, importing: "subprocess.Popen[bytes]"
) -> None:
    raster_dir = tmp_path / "rasters"
    made = sorted(raster_dir.iterdir())
    assert [each.name.partition(".tif")[2] for each in made] == [".partial.cells"]
    assert rasters.sweep_orphans(connection, raster_dir, no_leases) == []
    assert sorted(raster_dir.iterdir()) == made
    os.kill(importing.pid, signal.SIGKILL)
    gone = wait_for(lambda: rasters.sweep_orphans(connection, raster_dir, no_leases), 30, "the sweep")
    assert gone == made
    assert list(raster_dir.iterdir()) == []
    assert connection.execute("SELECT count(*) FROM geocrew.datasets").fetchone() == (0,)


def test_an_import_that_was_waited_for_goes_through(
    connection: Connection, tmp_path: Path, importing: "subprocess.Popen[bytes]"
) -> None:
    raster_dir = tmp_path / "rasters"
    assert rasters.sweep_orphans(connection, raster_dir, no_leases) == []
    importing.send_signal(signal.SIGCONT)
    assert importing.wait(60) == 0
    assert rasters.sweep_orphans(connection, raster_dir, no_leases) == []
    (file,) = raster_dir.iterdir()
    assert connection.execute("SELECT raster_file FROM geocrew.datasets").fetchall() == [(file.name,)]
