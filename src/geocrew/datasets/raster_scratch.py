"""GeoTIFFs that blocks can be written to in any order, one a resolution, before they are made a COG."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocrew.datasets import gdal
from geocrew.datasets.raster_cog import BLOCK, choose_cache, halvings, layout, options
from geocrew.datasets.raster_void import Void

_RGB = ("red", "green", "blue")
# Blocks of eight columns, from top to bottom: a block of the source that four blocks here need is then
# still in GDAL's cache, however wide the raster is, and one in eight is decoded twice.
_STRIPE = 8 * BLOCK


Transform = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Frame:
    """A window of a raster: its first column and row, its width and height, in cells."""

    column: int
    row: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return it as rasterio takes windows: rows, then columns."""
        return (self.row, self.row + self.height), (self.column, self.column + self.width)

    def move(self, transform: Transform) -> Transform:
        """Return the transform whose origin is the first cell of the frame."""
        a, b, c, d, e, f = transform
        column, row = self.column, self.row
        return a, b, column * a + row * b + c, d, e, column * d + row * e + f

    def blocks(self) -> Iterator[list["Frame"]]:
        """Yield short rows of blocks that make it up, placed within it."""
        for left in range(0, self.width, _STRIPE):
            right = min(self.width, left + _STRIPE)
            for row in range(0, self.height, BLOCK):
                height = min(BLOCK, self.height - row)
                yield [
                    Frame(column, row, min(BLOCK, right - column), height)
                    for column in range(left, right, BLOCK)
                ]


@dataclass(frozen=True)
class Scratch:
    """Open datasets of rasterio: the cells, every second one, every fourth."""

    levels: list[Any]

    def write(self, cells: NDArray[Any], mask: NDArray[np.bool_] | None, block: Frame) -> None:
        """Write a block (bands, rows, columns) and what of it each overview shows."""
        row, column = block.row, block.column
        for number, level in enumerate(self.levels):
            if number:
                # The frame's even rows and columns stay; a block smaller than the step may have none.
                cells = cells[:, row % 2 :: 2, column % 2 :: 2]
                mask = None if mask is None else mask[row % 2 :: 2, column % 2 :: 2]
                row, column = (row + 1) // 2, (column + 1) // 2
            height, width = cells.shape[1:]
            if not height * width:
                return
            window = (row, row + height), (column, column + width)
            level.write(cells, window=window)
            if mask is not None:
                level.write_mask(mask, window=window)


@contextmanager
def scratch(
    raster: Any, paths: Sequence[Path], frame: Frame, bands: Sequence[int], void: Void
) -> Iterator[Scratch]:
    """Yield new files for a frame of `raster`, with all that its bands are described by.

    `paths` are those of `scratch_files`. Blocks that nobody writes hold void in the end;
    GDAL encodes the first and repeats it.
    """
    rasterio = gdal.raster()
    names = [raster.colorinterp[band - 1].name for band in bands]
    shape = {"count": len(bands), "dtype": raster.dtypes[0], "nodata": void.nodata}
    if tuple(names[:3]) == _RGB:
        shape["photometric"] = "RGB"
    place = {"crs": raster.crs, "transform": rasterio.Affine(*frame.move(tuple(raster.transform)[:6]))}
    with options(choose_cache(raster.dtypes[0], raster.count)), ExitStack() as stack:
        levels = []
        for number, path in enumerate(paths):
            size = {"width": -(-frame.width >> number), "height": -(-frame.height >> number)}
            profile = layout(raster) | shape | size | ({} if number else place)
            level = stack.enter_context(rasterio.open(path, "w", **profile))
            _color(raster, level, bands)
            levels.append(level)
        _describe(raster, levels[0], bands)
        yield Scratch(levels)


@contextmanager
def scratch_files(target: Path, frame: Frame) -> Iterator[list[Path]]:
    """Yield the paths that a frame needs beside `target`, one a level, and remove what is there then."""
    numbers = range(1 + halvings(frame.width, frame.height))
    paths = [target.with_name(f"{target.name}.partial.cells{number or ''}") for number in numbers]
    try:
        yield paths
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _color(raster: Any, written: Any, bands: Sequence[int]) -> None:
    """Say what the bands show; a palette must be there before the first cell is."""
    palette = _palette(raster, bands)
    if palette is not None:
        written.write_colormap(1, palette)
    else:
        written.colorinterp = [raster.colorinterp[band - 1] for band in bands]


def _describe(raster: Any, written: Any, bands: Sequence[int]) -> None:
    """Copy what describes the bands."""
    written.update_tags(**_lasting(raster.tags()))
    for number, band in enumerate(bands, 1):
        written.update_tags(number, **_lasting(raster.tags(band)))
    written.descriptions = [raster.descriptions[band - 1] for band in bands]
    written.scales = [raster.scales[band - 1] for band in bands]
    written.offsets = [raster.offsets[band - 1] for band in bands]
    written.units = [raster.units[band - 1] for band in bands]


def _palette(raster: Any, bands: Sequence[int]) -> Any:
    if len(bands) != 1:  # GeoTIFF has one palette, for one band
        return None
    try:
        return raster.colormap(bands[0])
    except ValueError:
        return None


def _lasting(tags: dict[str, str]) -> dict[str, str]:
    """Leave out statistics: those of the whole raster are not those of a part."""
    return {name: value for name, value in tags.items() if not name.startswith("STATISTICS_")}
