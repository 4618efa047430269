"""A GeoTIFF that windows can be written to in any order, before it is made a COG."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geocrew.datasets import gdal
from geocrew.datasets.raster_cog import BLOCK, layout, options
from geocrew.datasets.raster_void import Void

_RGB = ("red", "green", "blue")


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
        """Yield rows of blocks that make it up, placed within it."""
        for row in range(0, self.height, BLOCK):
            height = min(BLOCK, self.height - row)
            yield [
                Frame(column, row, min(BLOCK, self.width - column), height)
                for column in range(0, self.width, BLOCK)
            ]


@contextmanager
def scratch(raster: Any, path: Path, frame: Frame, bands: Sequence[int], void: Void) -> Iterator[Any]:
    """Yield a new rasterio dataset for a frame of `raster`, with all that its bands are described by.

    Blocks that nobody writes hold void in the end; GDAL encodes the first and repeats it.
    """
    rasterio = gdal.raster()
    names = [raster.colorinterp[band - 1].name for band in bands]
    shape = {
        "width": frame.width,
        "height": frame.height,
        "count": len(bands),
        "dtype": raster.dtypes[0],
        "crs": raster.crs,
        "transform": rasterio.Affine(*frame.move(tuple(raster.transform)[:6])),
        "nodata": void.nodata,
    }
    if tuple(names[:3]) == _RGB:
        shape["photometric"] = "RGB"
    with options(), rasterio.open(path, "w", **layout(raster), **shape) as written:
        _describe(raster, written, bands)
        yield written


def _describe(raster: Any, written: Any, bands: Sequence[int]) -> None:
    """Copy what describes the bands; a palette must be there before the first cell is."""
    palette = _palette(raster, bands)
    if palette is not None:
        written.write_colormap(1, palette)
    else:
        written.colorinterp = [raster.colorinterp[band - 1] for band in bands]
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
