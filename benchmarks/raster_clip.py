"""Costs of clipping a raster, whole and through the queue, against rasterio.mask and ST_Union(ST_Clip).

The raster is int16 terrain made from a seed, imported; the shape a star of 5,302 vertices that covers
half of it. Ours and rasterio's ways end with a Cloud-Optimized GeoTIFF on disk: `mask` with the COG
driver's defaults (LZW), `mask_same` with our compression, level, predictor and overviews. PostGIS ends
with one raster in a table. The floor copies the whole raster as a COG. All keep the same cells.

    python -m benchmarks.raster_clip [--sides 3000 10000] [--bands 1 3] [--repeats 3]
"""

import argparse
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyproj
import shapely
from benchmarks.child_memory import Memory, watched
from benchmarks.ratios import Figure, compare, kept, write
from benchmarks.server import Cost, Server, served

from geocrew.analyses.parts.raster_place import Grid, place
from geocrew.datasets import catalog, gdal, rasters, remove
from geocrew.datasets.importer import import_file
from geocrew.db import Connection

RESULT = Path(__file__).parent / "results" / "raster_clip.json"
VERTICES, TILE, SRID = 5_302, 512, 32633
# The naive way takes minutes at three bands of 10,000 cells a side, and 6 GB.
NAIVE_CELLS = 100_000_000
SAME = {
    "compress": "DEFLATE",
    "level": 1,
    "predictor": "YES",
    "overviews": "IGNORE_EXISTING",
    "overview_resampling": "NEAREST",
}


def make_raster(path: Path, side: int, bands: int) -> None:
    """Write slopes with noise, which compress as terrain does."""
    rasterio, rng = gdal.raster(), np.random.default_rng(20_240)
    shape = {"width": side, "height": side, "count": bands, "dtype": "int16", "nodata": -32768}
    tiles = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "compress": "DEFLATE", "zlevel": 1}
    grid = rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)
    with rasterio.open(
        path, "w", driver="GTiff", crs=f"EPSG:{SRID}", transform=grid, **shape, **tiles
    ) as to:
        for row in range(0, side, TILE):
            height = min(TILE, side - row)
            slope = np.add.outer(np.arange(height) + row, np.arange(side)) // 16
            noise = rng.integers(0, 4, (bands, height, side))
            to.write((slope + noise).astype("int16"), window=((row, row + height), (0, side)))


def make_star(side: int) -> dict[str, Any]:
    """Make a star that covers about half of the raster, as GeoJSON in degrees."""
    rng = np.random.default_rng(5)
    angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    reach = side * 10 * (0.4 + 0.03 * np.sin(9 * angle) + rng.normal(0, 0.002, VERTICES))
    x, y = 500_000 + side * 5 + reach * np.cos(angle), 5_000_000 - side * 5 + reach * np.sin(angle)
    back = pyproj.Transformer.from_crs(SRID, 4326, always_xy=True)
    star = shapely.Polygon(np.column_stack(back.transform(x, y))).buffer(0)
    made: dict[str, Any] = shapely.geometry.mapping(star)
    return made


def load_tiles(server: Server, path: Path) -> None:
    """Fill the table `tiles`, as raster2pgsql -t 512x512 does."""
    rasterio = gdal.raster()
    server.execute(
        "CREATE EXTENSION IF NOT EXISTS postgis_raster",
        "SET postgis.gdal_enabled_drivers = 'GTiff'",
        "CREATE TABLE tiles (rid serial PRIMARY KEY, rast raster)",
    )
    with rasterio.open(path) as raster:
        for _, window in raster.block_windows(1):
            place_of = raster.window_transform(window)
            profile = {"width": window.width, "height": window.height, "transform": place_of}
            with rasterio.MemoryFile() as file:
                with file.open(**raster.profile | profile) as tile:
                    tile.write(raster.read(window=window))
                server.connection.execute(
                    "INSERT INTO tiles (rast) VALUES (ST_SetSRID(ST_FromGDALRaster(%s), %s))",
                    (bytes(file.getbuffer()), SRID),
                )
    server.execute("CREATE INDEX ON tiles USING gist (ST_ConvexHull(rast))", "ANALYZE tiles")


class Clips:
    """The ways to clip one raster; each says how many cells hold a value in the end."""

    def __init__(self, server: Server, directory: Path, raster_id: int, star: dict[str, Any]) -> None:
        """Place the star as ours does, for the ways that do not."""
        self.server, self.directory, self.raster_id, self.star = server, directory, raster_id, star
        dataset = catalog.get(server.connection, raster_id)
        self.source = directory / "rasters" / str(dataset.raster_file)
        with gdal.raster().open(self.source) as raster:
            grid = Grid(tuple(raster.transform)[:6], raster.width, raster.height)
            self.shape = place(shapely.geometry.shape(star), SRID, raster.crs.to_wkt(), grid)

    def ours(self) -> Cost:
        """Run the job, and remove what it made."""
        params = {"raster_dataset_id": self.raster_id, "clip_geometry": self.star}
        cost = self.server.run_job("raster_clip", params)
        connection = self.server.connection
        made = max(catalog.listed(connection, 1), key=lambda each: each.id)
        cells = count_cells(self.directory / "rasters" / str(made.raster_file))
        remove.drop(connection, made, self.directory / "rasters")
        return replace(cost, rows=cells)

    def floor(self) -> Cost:
        """Copy the whole raster."""
        return self._to_file(lambda target: rasters.write(self.source, target))

    def mask(self, **options: Any) -> Cost:
        """Do as rasterio's documentation does."""
        return self._to_file(lambda target: self._mask(target, options))

    def warp(self) -> Cost:
        """Call gdalwarp, snapped to the source's grid."""
        cutline = self.directory / "cutline.geojson"
        cutline.write_text(shapely.to_geojson(shapely.geometry.shape(self.star)))
        cut = ["-cutline", str(cutline), "-crop_to_cutline", "-tap", "-tr", "10", "10"]
        same = [part for name, value in SAME.items() for part in ("-co", f"{name}={value}")]
        return self._to_file(
            lambda target: subprocess.run(
                ["gdalwarp", "-q", *cut, "-of", "COG", *same, str(self.source), str(target)], check=True
            )
        )

    def naive(self) -> Cost:
        """Run the SQL that tutorials give."""

        def call(connection: Connection) -> int:
            connection.execute(
                "CREATE TABLE naive AS SELECT ST_Union(ST_Clip(rast, shape, true)) AS rast"
                " FROM tiles, ST_GeomFromWKB(%s, %s) AS shape WHERE ST_Intersects(rast, shape)",
                (shapely.to_wkb(self.shape), SRID),
            )
            return 1

        cost = self.server.run_peer(call)
        row = self.server.connection.execute(
            "SELECT (ST_SummaryStats(rast, 1, true)).count FROM naive"
        ).fetchone()
        self.server.execute("DROP TABLE naive")
        return replace(cost, rows=int(row[0]) if row else 0)

    def _mask(self, target: Path, options: dict[str, Any]) -> None:
        rasterio, masks = gdal.raster(), import_module("rasterio.mask")
        with rasterio.open(self.source) as raster:
            cells, transform = masks.mask(raster, [self.shape], crop=True)
            profile = raster.meta | {
                "driver": "COG",
                "height": cells.shape[1],
                "width": cells.shape[2],
                "transform": transform,
            }
        with rasterio.open(target, "w", **profile | options) as written:
            written.write(cells)

    def _to_file(self, call: Callable[[Path], object]) -> Cost:
        target = self.directory / "peer.tif"
        cost = self.server.run_peer(lambda _connection: call(target) is None)
        cells = count_cells(target)
        target.unlink()
        return replace(cost, rows=cells)


def count_cells(path: Path) -> int:
    """Return the cells of the first band that hold a value."""
    with gdal.raster().open(path) as raster:
        return sum(
            int(np.count_nonzero(raster.read_masks(1, window=window)))
            for _, window in raster.block_windows(1)
        )


def run(side: int, bands: int, repeats: int) -> tuple[list[Figure], Memory]:
    """Compare all ways on one raster, and look into the memory of ours."""
    with TemporaryDirectory(prefix="geocrew-benchmark-") as name:
        directory = Path(name)
        path = directory / "terrain.tif"
        make_raster(path, side, bands)
        with served(directory) as server:
            dataset = import_file(server.connection, path, raster_dir=directory / "rasters")
            clips = Clips(server, directory, dataset.id, make_star(side))
            ways: dict[str, Callable[[], Cost]] = {
                "ours": clips.ours,
                "floor": clips.floor,
                "mask": clips.mask,
                "mask_same": partial(clips.mask, **SAME),
            }
            if shutil.which("gdalwarp"):
                ways["gdalwarp"] = clips.warp
            if side * side * bands <= NAIVE_CELLS:
                load_tiles(server, path)
                ways["naive"] = clips.naive
            figures = check(compare(f"{bands} bands", side * side, ways, repeats))
            with watched(server.worker, f"{bands} bands", side * side) as memory:
                clips.ours()
            return figures, memory


def check(figures: list[Figure]) -> list[Figure]:
    """Fail where a way kept other cells than ours."""
    ours = figures[0].rows_out
    other = [each.way for each in figures if each.way != "floor" and each.rows_out != ours]
    if other:
        raise RuntimeError(f"ours kept {ours} cells, others did not: {other}")
    return figures


def main() -> None:
    """Run all cases and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[3_000, 10_000])
    parser.add_argument("--bands", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    cases = [
        run(side, bands, arguments.repeats) for side in arguments.sides for bands in arguments.bands
    ]
    memories = [memory for _, memory in cases]
    write(
        RESULT,
        [figure for figures, _ in cases for figure in figures],
        arguments.repeats,
        "numpy",
        "rasterio",
        "shapely",
        vertices=VERTICES,
        same=SAME,
        memory=kept(RESULT, "memory", memories) + [asdict(each) for each in memories],
    )


if __name__ == "__main__":
    main()
