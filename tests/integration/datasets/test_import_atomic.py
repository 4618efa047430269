"""An import that dies at any moment leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import geopandas
import pytest
from shapely.geometry import Point
from tests.integration.datasets.conftest import Take

from geocrew import demo
from geocrew.datasets import catalog
from geocrew.datasets.importer import import_file
from geocrew.db import Connection

DIE = """
import os, sys
from pathlib import Path
from geocrew.datasets.importer import import_file
from geocrew.db import connect
def progress(rows):
    if rows >= int(sys.argv[3]):
        os.kill(os.getpid(), 9)
import_file(connect(sys.argv[1], "dies"), Path(sys.argv[2]), raster_dir=Path(sys.argv[4]),
on_progress=progress)
"""


@pytest.mark.parametrize("rows", [1, 8000, 17_326])
def test_kill_9_leaves_nothing(
    rows: int, database: str, connection: Connection, raster_dir: Path, leftovers: object
) -> None:
    cities = next(each for each in demo.files() if each.stem == "us_cities")
    done = subprocess.run(
        [sys.executable, "-c", DIE, database, str(cities), str(rows), str(raster_dir)],
        check=False,
        timeout=60,
    )
    assert done.returncode == -9
    assert callable(leftovers)
    # The next import waits for nothing of the dead one, and finds nothing.
    assert leftovers() == []
    assert import_file(connection, cities, raster_dir=raster_dir).row_count == 17_326


def test_an_error_of_the_caller_rolls_back(tmp_path: Path, take: Take, connection: Connection) -> None:
    geopandas.GeoDataFrame(geometry=[Point(0, 0)], crs=4326).to_parquet(tmp_path / "x.parquet")

    def fail(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(tmp_path / "x.parquet", on_progress=fail)
    assert catalog.listed(connection) == []
