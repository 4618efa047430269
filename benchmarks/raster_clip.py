"""Costs of clipping a raster in CPU and memory, against rasterio.mask, which reads the whole.

One run makes a seeded raster of int16 terrain, and clips it along a star of 5,302 vertices with each way
in turn, in a process of its own. Ours ends with a Cloud-Optimized GeoTIFF on disk; so does the peer. The
part of ours that a COG is not needed for is measured too, as is the peer without its COG: `cut`, `mask`.
The floor is the bare copy of the whole raster as a COG.

    python -m benchmarks.raster_clip [--large] [--repeats 3]
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import shapely
from benchmarks.measure import Cost, describe_machine, measure, run_apart

from geocrew.analyses.parts.raster_cut import cut
from geocrew.datasets import gdal, rasters
from geocrew.datasets.raster_scratch import Frame, scratch
from geocrew.datasets.raster_void import choose_void

RESULT = Path(__file__).parent / "results" / "raster_clip.json"
VERTICES = 5_302
BLOCK = 512
PAIRS = (("cut", "mask"), ("clip", "mask_to_cog"))


@dataclass(frozen=True)
class Comparison:
    """Ours against the peer at one size: medians over the repeats; above 1 ours takes less."""

    way: str
    peer: str
    side: int
    bands: int
    cpu_ratio: float
    memory_ratio: float


@dataclass(frozen=True)
class Figure:
    """Median cost of one way at one size."""

    way: str
    side: int
    bands: int
    cpu: float
    wall: float
    peak_mb: float
    base_mb: float


def make_raster(path: Path, side: int, bands: int) -> None:
    """Write slopes with noise, which compress as terrain does."""
    rasterio, rng = gdal.raster(), np.random.default_rng(20_240)
    shape = {"width": side, "height": side, "count": bands, "dtype": "int16", "nodata": -32768}
    tiles = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "DEFLATE", "zlevel": 1}
    place = rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)
    with rasterio.open(
        path, "w", driver="GTiff", crs="EPSG:32633", transform=place, **shape, **tiles
    ) as to:
        for row in range(0, side, BLOCK):
            height = min(BLOCK, side - row)
            slope = np.add.outer(np.arange(height) + row, np.arange(side)) // 16
            noise = rng.integers(0, 4, (bands, height, side))
            to.write((slope + noise).astype("int16"), window=((row, row + height), (0, side)))


def make_star(side: int) -> Any:
    """Make a star that covers about half of the raster."""
    rng = np.random.default_rng(5)
    angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    reach = side * 10 * (0.4 + 0.03 * np.sin(9 * angle) + rng.normal(0, 0.002, VERTICES))
    x, y = 500_000 + side * 5 + reach * np.cos(angle), 5_000_000 - side * 5 + reach * np.sin(angle)
    return shapely.Polygon(np.column_stack((x, y))).buffer(0)


def clip_ours(path: Path, shape: Any, to_cog: bool) -> None:
    """Do what the analysis does once the shape is in the raster's system."""
    scratch_path = path.with_name("scratch.tif")
    with rasters.opened(path) as raster:
        bands = list(range(1, raster.count + 1))
        left, bottom, right, top = shapely.bounds(shape)
        window = raster.window(left, bottom, right, top).round_offsets().round_lengths(op="ceil")
        frame = Frame(
            *(int(each) for each in (window.col_off, window.row_off, window.width, window.height))
        )
        void = choose_void(raster, bands, None)
        with scratch(raster, scratch_path, frame, bands, void) as written:
            cut(raster, written, frame, bands, void, shape, False, lambda _share: None)
    if to_cog:
        rasters.write(scratch_path, path.with_name("ours.tif"))


def clip_peer(path: Path, shape: Any, to_cog: bool) -> None:
    """Do as rasterio's documentation does, with a block size and compression like ours."""
    rasterio = gdal.raster()
    masks = import_module("rasterio.mask")
    with rasterio.open(path) as raster:
        cells, transform = masks.mask(raster, [shape], crop=True)
        profile = raster.profile | {
            "transform": transform,
            "height": cells.shape[1],
            "width": cells.shape[2],
        }
    plain = path.with_name("plain.tif")
    with rasterio.open(plain, "w", **profile | {"interleave": "band", "zlevel": 1}) as written:
        written.write(cells)
    if to_cog:
        rasters.write_cog(plain, path.with_name("theirs.tif"))


def ways(path: Path, side: int) -> dict[str, Callable[[], object]]:
    """Make the calls, by name."""
    shape = make_star(side)
    return {
        "cut": lambda: clip_ours(path, shape, to_cog=False),
        "mask": lambda: clip_peer(path, shape, to_cog=False),
        "clip": lambda: clip_ours(path, shape, to_cog=True),
        "mask_to_cog": lambda: clip_peer(path, shape, to_cog=True),
        "floor": lambda: rasters.write_cog(path, path.with_name("copy.tif")),
    }


def compare(side: int, bands: int, repeats: int) -> tuple[list[Figure], list[Comparison]]:
    """Run all ways in turn, `repeats` times."""
    costs: dict[str, list[Cost]] = {}
    with TemporaryDirectory() as directory:
        path = Path(directory) / "terrain.tif"
        make_raster(path, side, bands)
        for _ in range(repeats):
            for way in ways(path, side):
                cost = run_apart("benchmarks.raster_clip", "--one", way, str(path), str(side))
                costs.setdefault(way, []).append(cost)
                print(way, side, bands, cost, file=sys.stderr)
    figures = [
        Figure(
            way,
            side,
            bands,
            *(median(getattr(each, name) for each in found) for name in Cost.__annotations__),
        )
        for way, found in costs.items()
    ]
    comparisons = [
        Comparison(
            ours,
            peer,
            side,
            bands,
            median(b.cpu / a.cpu for a, b in zip(costs[ours], costs[peer], strict=True)),
            median(b.peak_mb / a.peak_mb for a, b in zip(costs[ours], costs[peer], strict=True)),
        )
        for ours, peer in PAIRS
    ]
    return figures, comparisons


def main() -> None:
    """Run the comparison and write the result, or one measurement for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="10,000 cells a side too")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=3, metavar=("WAY", "PATH", "SIDE"))
    arguments = parser.parse_args()
    if arguments.one:
        way, path, side = arguments.one
        print(json.dumps(asdict(measure(ways(Path(path), int(side))[way]))))
        return
    figures: list[Figure] = []
    comparisons: list[Comparison] = []
    for side, bands in [
        (3_000, 1),
        (3_000, 3),
        *([(10_000, 1), (10_000, 3)] if arguments.large else []),
    ]:
        more = compare(side, bands, arguments.repeats)
        figures, comparisons = figures + more[0], comparisons + more[1]
    result = {
        "machine": asdict(describe_machine("numpy", "rasterio", "shapely")),
        "repeats": arguments.repeats,
        "vertices": VERTICES,
        "comparisons": [asdict(each) for each in comparisons],
        "figures": [asdict(each) for each in figures],
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["comparisons"], indent=1))


if __name__ == "__main__":
    main()
