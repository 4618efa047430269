"""Clip: features cut to the boundary of a polygon or of a dataset's polygons, attributes kept.

Features wholly inside come out bit for bit. No vertex is made that is not the features', the polygon's,
or a crossing of their edges; a feature that only touches the boundary is dropped and counted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import shapely
from pydantic import Field

from geocrew.analyses.parts.overlay_job import Blade, cut, cut_by_dataset, open_source
from geocrew.analyses.parts.overlay_layers import MaskLayer, open_mask
from geocrew.analyses.parts.overlay_mask import PolygonMask
from geocrew.analyses.parts.overlay_polygon import place_polygon
from geocrew.analyses.parts.overlay_rows import find_extent
from geocrew.analyses.parts.overlay_sql import one_polygon
from geocrew.analysis import Analysis, Context, Product, VectorParams
from geocrew.datasets.features import Reached, reach_rows
from geocrew.datasets.geojson import LONGITUDE_LATITUDE, ClipGeometry, parse_clip_geometry
from geocrew.datasets.layer import Layer, open_layer
from geocrew.datasets.reference_systems import definition
from geocrew.datasets.steady import steady_for, watched
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.kernels.arrays import Floats

# A view repeats the polygon in its definition, three bytes of text for each of its own.
_MOST_IN_VIEW = 20_000
# The extent tells what part of the polygon a projection must hold; degrees need no projection.
_EVERYWHERE = np.array([-180.0, -90.0, 180.0, 90.0])


class Params(VectorParams):
    """Parameters of the clip: exactly one of the two shapes."""

    dataset_id: int = Field(
        ge=1, description="the dataset to be cut", json_schema_extra={"dataset": True}
    )
    clip_geometry: ClipGeometry | None = Field(
        None,
        description="GeoJSON Polygon, MultiPolygon, Feature or FeatureCollection to cut to (EPSG:4326)",
    )
    clip_dataset_id: int | None = Field(
        None,
        ge=1,
        description="in place of clip_geometry: a dataset of polygons to whose union to cut",
        json_schema_extra={"dataset": True},
    )

    @classmethod
    def conditions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is wrong with the choice between the two shapes."""
        shapes = ("clip_geometry", "clip_dataset_id")
        named = [name for name in shapes if given.get(name) is not None]
        if not named:
            yield "one of clip_geometry and clip_dataset_id is required"
        if len(named) == 2:
            yield "clip_geometry and clip_dataset_id exclude each other; give one of them"


def check(params: Params, connection: Connection, user_id: int) -> tuple[Layer, MaskLayer | None]:
    """Return the layer and that of the clip dataset; raises UserError where they are not fit."""
    layer = open_layer(connection, params.dataset_id, user_id)
    if params.clip_dataset_id is not None:
        found = open_mask(connection, "clip_dataset_id", params.clip_dataset_id, user_id, layer)
        return layer, found
    if layer.srid == 0:
        raise UserError(
            f"{layer.described} has no coordinate reference system (SRID 0), so clip_geometry, "
            "which is in EPSG:4326, cannot be placed in it; give the dataset its SRID, or use "
            "clip_dataset_id"
        )
    return layer, None


def run(params: Params, context: Context) -> Product:
    """Cut in PostgreSQL, by masks that are made here."""
    layer, mask = check(params, context.connection, context.user_id)
    name = f"Clip of {layer.dataset.name}"
    if mask is not None:
        return cut_by_dataset("clip", params, context, layer, mask, name)
    reached = reach_rows(context.connection, layer)
    with watched(layer), steady_for(context.connection, params.output_mode):
        return _cut_by_polygon(params, context, reached, name)


def _cut_by_polygon(params: Params, context: Context, reached: Reached, name: str) -> Product:
    layer, source = reached.layer, open_source(context, reached, params.on_invalid)
    polygon = parse_clip_geometry(params.clip_geometry or {})
    if not layer.geographic:
        extent = find_extent(context.connection, source.features)
        polygon = _place(context, layer, polygon, extent)
    elif layer.srid != LONGITUDE_LATITUDE:
        polygon = _place(context, layer, polygon, _EVERYWHERE)
    _check_size(params, int(shapely.get_num_coordinates(polygon)))
    ewkb = str(shapely.to_wkb(shapely.set_srid(polygon, layer.srid), hex=True, include_srid=True))
    blade = Blade(PolygonMask(polygon), lambda _features: one_polygon(ewkb))
    return cut("clip", params, context, source, blade, name)


def _place(context: Context, layer: Layer, polygon: Any, extent: Floats | None) -> Any:
    """Return the polygon in the layer's system; where the layer has no extent nothing is to be cut."""
    if extent is None:
        return polygon
    return place_polygon(polygon, definition(context.connection, layer.srid) or "", extent)


def _check_size(params: Params, positions: int) -> None:
    """Raise UserError where a view would have to repeat too large a polygon."""
    if params.output_mode != "static" and positions > _MOST_IN_VIEW:
        raise UserError(
            f'clip_geometry has {positions} positions, and output_mode "{params.output_mode}" takes at '
            f'most {_MOST_IN_VIEW}; choose "static", or import the polygon and give clip_dataset_id'
        )


ANALYSIS = Analysis(
    job_type="clip",
    title="Clip",
    summary="Cuts features to the boundary of a polygon; those wholly inside stay as they are.",
    params=Params,
    columns=(),
    check=check,
    run=run,
)
