"""Cut a raster along a shape, one block at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import shapely

from geocrew.analyses.parts.raster_place import join
from geocrew.datasets import gdal
from geocrew.datasets.raster_scratch import Frame, Scratch
from geocrew.datasets.raster_void import Void, has_mask, is_beyond, usable_nodata
from geocrew.kernels.arrays import Floats
from geocrew.kernels.raster_cells import invert, move, shorten_ring
from geocrew.kernels.raster_fill import Cells, Flags, equals, fill

# GDAL's walk along an edge looks a hundredth of a cell beyond its end; two cells keep clear of it.
_MARGIN = 2


@dataclass
class Tally:
    """Cells inside the shape, and of each band those with a value and those that nodata now hides."""

    inside: int = 0
    valued: list[int] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)


def cut(
    raster: Any,
    written: Scratch,
    frame: Frame,
    bands: Sequence[int],
    void: Void,
    shape: Any,
    all_touched: bool,
    progress: Callable[[float], None],
) -> Tally:
    """Copy the cells of `raster` within `frame` and the shape to `written`, which is empty.

    `shape` is a MultiPolygon in the raster's system.
    """
    tally = Tally(valued=[0] * len(bands), hidden=[0] * len(bands))
    to_cells = invert(frame.move(tuple(raster.transform)[:6]))
    local = join([shapely.transform(shape, lambda places: move(places, to_cells))])
    for block, cover in _covers(local, frame, all_touched, progress):
        if not cover.any():
            continue
        here = Frame(frame.column + block.column, frame.row + block.row, block.width, block.height)
        cells = raster.read(list(bands), window=here.slices)
        values = _find_values(raster, cells, bands, here.slices)
        kept = cover[np.newaxis] if values is None else cover & values
        stays = kept if void.replaces else cover[np.newaxis]
        # A block wholly inside is the source's, and most are: np.where would cost as much as reading it.
        filled = cells if stays.all() else fill(cells, stays, void.fill)
        written.write(filled, kept[0] if void.masked else None, block)
        _count(tally, cells, cover, kept, void)
    return tally


def _find_values(raster: Any, cells: Cells, bands: Sequence[int], window: Any) -> Flags | None:
    """Say which cells hold a value in the source, an array to broadcast to `cells`; None: all do."""
    if has_mask(raster):
        found: Flags = (raster.read_masks(1, window=window) > 0)[np.newaxis]
        return found
    if is_beyond(raster):
        exact: Flags = raster.read_masks(list(bands), window=window) > 0
        return exact
    nodata = usable_nodata(raster)
    return None if nodata is None else ~equals(cells, cells.dtype.type(nodata))


def _count(tally: Tally, cells: Cells, cover: Flags, kept: Flags, void: Void) -> None:
    tally.inside += int(np.count_nonzero(cover))
    every = np.broadcast_to(kept, cells.shape)
    for number, (band, values) in enumerate(zip(cells, every, strict=True)):
        tally.valued[number] += int(np.count_nonzero(values))
        if void.replaces:
            hidden = values & equals(band, band.dtype.type(void.fill))
            tally.hidden[number] += int(np.count_nonzero(hidden))


def _covers(
    shape: Any, frame: Frame, all_touched: bool, progress: Callable[[float], None]
) -> Iterator[tuple[Frame, Flags]]:
    """Yield each block that the shape meets, with the cells of it that are inside (rows, columns)."""
    shapely.prepare(shape)
    rings = [shapely.get_coordinates(each) for each in _rings(shape)]
    done, total = 0, frame.width * frame.height
    for blocks in frame.blocks():
        boxes = _boxes(blocks)
        whole = shapely.contains_properly(shape, boxes)
        met = shapely.intersects(shape, boxes)
        near = _near(rings, shapely.total_bounds(boxes)) if (met & ~whole).any() else []
        for block, is_whole, is_met in zip(blocks, whole, met, strict=True):
            if is_whole:
                yield block, np.ones((block.height, block.width), bool)
            elif is_met:
                yield block, _burn(near, block, all_touched)
            done += block.width * block.height
            progress(done / total)


def _burn(rings: list[Floats], block: Frame, all_touched: bool) -> Flags:
    """Say which cells of a block have their centre inside the rings, or are touched by what is."""
    gdal.raster()
    features = import_module("rasterio.features")
    corner = (block.column - _MARGIN, block.row - _MARGIN)
    near = _near(rings, shapely.bounds(_boxes([block])[0]))
    if not near:
        return np.zeros((block.height, block.width), bool)
    # All rings as one polygon: GDAL fills between the first crossing and the second, and so on.
    polygon = {"type": "Polygon", "coordinates": [(ring - corner).tolist() for ring in near]}
    burnt = features.rasterize(
        [polygon],
        out_shape=(block.height + 2 * _MARGIN, block.width + 2 * _MARGIN),
        all_touched=all_touched,
        dtype="uint8",
    )
    inner: Flags = burnt[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] != 0
    return inner


def _near(rings: list[Floats], bounds: Any) -> list[Floats]:
    """Return what the rings do near a box; `bounds` with the margin that burning looks at."""
    box = tuple(float(each) for each in bounds)
    short = (shorten_ring(ring, (box[0], box[1], box[2], box[3])) for ring in rings)
    return [ring for ring in short if len(ring)]


def _boxes(blocks: list[Frame]) -> Any:
    """Return blocks as shapes, wider by the margin and one cell."""
    wide = _MARGIN + 1
    column, row = (np.array([getattr(b, name) for b in blocks]) for name in ("column", "row"))
    width, height = (np.array([getattr(b, name) for b in blocks]) for name in ("width", "height"))
    return shapely.box(column - wide, row - wide, column + width + wide, row + height + wide)


def _rings(shape: Any) -> Iterator[Any]:
    for polygon in shapely.get_parts(shape):
        yield polygon.exterior
        yield from polygon.interiors
