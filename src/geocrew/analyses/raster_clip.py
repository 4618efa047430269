"""Clip a raster along a shape: the cells inside it, as they are, on the grid that they are on.

A cell is inside when its centre is, or with `all_touched` when any of it is, as GDAL decides.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from pydantic import Field

from geocrew.analyses.parts.raster_cut import Tally, cut
from geocrew.analyses.parts.raster_place import Grid, place
from geocrew.analysis import Analysis, Context, Product
from geocrew.analysis import Params as AnyParams
from geocrew.datasets import catalog, raster_cog, rasters, reference_systems
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.geojson import ClipGeometry, parse_clip_geometry
from geocrew.datasets.raster_scratch import Frame, scratch, scratch_files
from geocrew.datasets.raster_void import Void, check_nodata, choose_void
from geocrew.datasets.staged_raster import StagedRaster
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, NotFound, UserError
from geocrew.kernels.raster_cells import Transform, move

_RASTERS = "rasters"


class Params(AnyParams):
    """Parameters of the raster clip."""

    raster_dataset_id: int = Field(ge=1, description="the raster", json_schema_extra={"dataset": True})
    clip_geometry: ClipGeometry = Field(
        description="GeoJSON polygons in longitude and latitude (EPSG:4326); cells inside are kept"
    )
    crop: bool = Field(True, description="whether to end at the shape's extent, or keep the whole grid")
    all_touched: bool = Field(
        False,
        description="keep every cell that the shape touches, not only those with their centre in it",
    )
    bands: list[int] | None = Field(
        None, min_length=1, description="numbers of the bands to keep, from 1, in this order; none: all"
    )
    nodata: float | None = Field(
        None,
        allow_inf_nan=True,
        description='value of cells without one, "nan" too; none: the raster\'s own, else a mask',
    )


@dataclass(frozen=True)
class Source:
    """The raster and what is wanted of it."""

    dataset: Dataset
    bands: list[int]
    definition: str

    @property
    def described(self) -> str:
        """Return how messages call it."""
        return f"dataset {self.dataset.id}"


def check(params: Params, connection: Connection, user_id: int) -> Source:
    """Return the raster and its bands; raises UserError where they are not fit."""
    name = "raster_dataset_id"
    dataset = catalog.given(connection, name, params.raster_dataset_id, user_id, _RASTERS, _is_raster)
    if dataset.kind != "raster" or dataset.raster is None:
        found = f"{name} {dataset.id} is a {dataset.kind.replace('_', ' ')}, not a raster"
        choices = catalog.choices(connection, user_id, _RASTERS, _is_raster)
        raise InvalidParameters([f"{found}; {choices}"])
    definition = reference_systems.definition(connection, dataset.srid or 0)
    if definition is None:
        raise UserError(
            f"dataset {dataset.id} has no coordinate reference system (SRID 0), so clip_geometry, in "
            "longitude and latitude, has no place in it; import it again with its srid"
        )
    bands = _check_bands(params, dataset.raster)
    if params.nodata is not None:
        check_nodata(params.nodata, dataset.raster["dtypes"][0], f"dataset {dataset.id}")
    return Source(dataset, bands, definition)


def _is_raster(dataset: Dataset) -> bool:
    return dataset.kind == "raster"


def _check_bands(params: Params, raster: dict[str, Any]) -> list[int]:
    count = raster["bands"]
    if params.bands is None:
        return list(range(1, count + 1))
    where = f"dataset {params.raster_dataset_id}"
    wrong = [each for each in params.bands if not 1 <= each <= count]
    if wrong:
        last = f"1 to {count}" if count > 1 else "1"
        raise InvalidParameters([f"bands {wrong[0]} is not in {where}; bands: {last}"])
    twice = [each for number, each in enumerate(params.bands) if each in params.bands[:number]]
    if twice:
        raise InvalidParameters([f"bands names {twice[0]} twice; name each band once"])
    return list(params.bands)


def run(params: Params, context: Context) -> Product:
    """Write the cells inside to a file of their own, block by block, and make that a COG."""
    source = check(params, context.connection, context.user_id)
    shape = parse_clip_geometry(params.clip_geometry)
    context.progress(0.0, "placing the shape on the raster")
    path = context.raster_dir / str(source.dataset.raster_file)
    if not path.is_file():
        raise NotFound(f"the file of {source.described} is not in the raster directory of this worker")
    target = context.raster_dir / rasters.job_file(context.connection, context.staging)
    plan = _plan(params, source, shape, path)
    try:
        with scratch_files(target, plan.frame) as levels:
            tally = _cut(params, context, source, plan, path, levels)
            raster_cog.finish(
                levels, target, lambda share: context.progress(0.9 + 0.05 * share, "writing the file")
            )
        staged = _describe(context.connection, source, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Product(
        staged=staged,
        name=f"Clip of {source.dataset.name}",
        counts=_counts(source, plan, tally),
    )


@dataclass(frozen=True)
class _Plan:
    """The shape in the raster's system, the window that it covers, and how cells outside are told."""

    shape: Any
    frame: Frame
    void: Void


def _plan(params: Params, source: Source, shape: Any, path: Path) -> _Plan:
    with rasters.opened(path) as raster:
        if raster.gcps[0]:
            raise UserError(
                f"{source.described} is placed by ground control points, not by a grid; warp it to one "
                "(gdalwarp) and import that"
            )
        grid = Grid(tuple(raster.transform)[:6], raster.width, raster.height)
        placed = place(shape, source.dataset.srid or 0, source.definition, grid)
        frame = _choose_frame(placed, grid, tuple(~raster.transform)[:6], params.crop, source)
        return _Plan(placed, frame, choose_void(raster, source.bands, params.nodata))


def _cut(
    params: Params, context: Context, source: Source, plan: _Plan, path: Path, levels: list[Path]
) -> Tally:
    def progress(share: float) -> None:
        context.progress(0.05 + 0.85 * share, "copying the cells inside")

    frame, void, bands = plan.frame, plan.void, source.bands
    with (
        raster_cog.watching(levels[0].parent),
        rasters.opened(path) as raster,
        scratch(raster, levels, frame, bands, void) as written,
    ):
        tally = cut(raster, written, frame, bands, void, plan.shape, params.all_touched, progress)
    if not tally.inside:
        raise UserError(_say_nothing_inside(params))
    return tally


def _choose_frame(shape: Any, grid: Grid, inverse: Transform, crop: bool, source: Source) -> Frame:
    """Return the window that the output covers, as rasterio does; raises UserError for none."""
    if not shapely.intersects(shape, grid.outline):
        west, south, east, north = source.dataset.bbox or []
        raise UserError(
            f"clip_geometry does not overlap {source.described}, which reaches from ({west:.10g}, "
            f"{south:.10g}) to ({east:.10g}, {north:.10g}) in EPSG:{source.dataset.srid}; clip_geometry "
            "must be in longitude and latitude, in this order"
        )
    if not crop:
        return Frame(0, 0, grid.width, grid.height)
    cells = move(shapely.get_coordinates(shape), inverse)
    column, row = (max(0, math.floor(each)) for each in cells.min(axis=0))
    right, bottom = (math.ceil(each) for each in cells.max(axis=0))
    column, row = min(column, grid.width - 1), min(row, grid.height - 1)
    width, height = min(right, grid.width) - column, min(bottom, grid.height) - row
    return Frame(column, row, max(1, width), max(1, height))


def _say_nothing_inside(params: Params) -> str:
    if params.all_touched:
        return "clip_geometry touches the raster only at its edge: no cell is inside"
    return (
        "no cell of the raster has its centre inside clip_geometry, which is smaller than a cell or "
        "grazes the raster only; all_touched true keeps every cell that it touches"
    )


def _describe(connection: Connection, source: Source, target: Path) -> StagedRaster:
    with rasters.opened(target) as raster:
        told = rasters.describe(connection, raster, source.dataset.srid)
    return StagedRaster(target.name, told["raster"], told["srid"], told["bbox"])


def _counts(source: Source, plan: _Plan, tally: Tally) -> dict[str, Any]:
    shares = [(tally.inside - valued) / tally.inside for valued in tally.valued]
    notes = [
        f"band {band}: {hidden} cells inside hold {plan.void.nodata:g} as their value and are nodata now"
        for band, hidden in zip(source.bands, tally.hidden, strict=True)
        if hidden
    ]
    return {
        "width": plan.frame.width,
        "height": plan.frame.height,
        "bands": len(source.bands),
        "n_pixels_inside": tally.inside,
        "nodata_share": shares,
        "notes": notes,
    }


ANALYSIS = Analysis(
    job_type="raster_clip",
    title="Raster clip",
    summary="Cuts a raster along a shape: the cells inside, as they are, on the grid that they are on.",
    params=Params,
    columns=(),
    check=check,
    run=run,
    makes_relation=False,
)
