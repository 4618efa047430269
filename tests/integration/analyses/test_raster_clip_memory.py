"""Clipping a raster of a gigabyte stays below 300 MB, whole process, libraries included."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import shapely
from tests.integration.analyses.rasters import UTM, geojson, rasterio

from geocrew.datasets import catalog, rasters
from geocrew.datasets.catalog import Dataset
from geocrew.db import Connection

SIDE = 32_768  # 1.07 GB of bytes
PROGRAM = """
import json, sys
from pathlib import Path
from geocrew import analyses
from tests.run_analysis import run_analysis
from geocrew.db import connect

# The others bring compilers and statistics along, which a worker's children share with their parent.
analyses.MODULES = ("geocrew.analyses.raster_clip",)
url, directory, params = sys.argv[1:]
with connect(url, "memory") as connection:
    run = run_analysis(connection, "raster_clip", json.loads(params), raster_dir=Path(directory))
status = Path("/proc/self/status").read_text()
print(json.dumps({"mb": int(status.split("VmHWM:")[1].split()[0]) / 1024, **run.counts}))
"""


def add_large(connection: Connection, raster_dir: Path) -> int:
    """A raster with few blocks stored, all others 0; in the catalog without the detour of an import."""
    path = raster_dir / "large.tif"
    noise = np.random.default_rng(0).integers(0, 9, (512, 512)).astype("uint8")
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "uint8"}
    tiles = {
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "DEFLATE",
        "sparse_ok": True,
    }
    with rasterio.open(path, "w", crs="EPSG:32633", transform=UTM, **profile, **tiles) as opened:
        for row in range(0, SIDE, 512):
            opened.write(noise, 1, window=((row, row + 512), (row, row + 512)))
    number = catalog.reserve(connection, "large")
    with rasters.opened(path) as raster:
        told = rasters.describe(connection, raster, None)
    catalog.add(connection, Dataset(number, 1, "large", "raster", raster_file=path.name, **told))
    return number


def test_memory_does_not_grow_with_the_raster(
    connection: Connection, shared_url: str, tmp_path: Path
) -> None:
    number = add_large(connection, tmp_path)
    middle = (UTM.c + UTM.a * SIDE / 2, UTM.f + UTM.e * SIDE / 2)
    disk = shapely.Point(middle).buffer(SIDE * 10 * 0.49)
    ring = shapely.difference(disk, shapely.Point(middle).buffer(SIDE))
    params = {"raster_dataset_id": number, "clip_geometry": geojson(ring)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, shared_url, str(tmp_path), json.dumps(params)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    told = json.loads(done.stdout)
    assert told["n_pixels_inside"] > 0.7 * SIDE * SIDE
    assert told["mb"] < 300
