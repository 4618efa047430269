"""A polygon in longitude and latitude, brought to where a dataset is and into its reference system."""

from typing import Any

import numpy as np
import pyproj
import shapely

from geocrew.datasets.geojson import LONGITUDE_LATITUDE
from geocrew.errors import UserError
from geocrew.kernels.arrays import Floats

# As between two datasets: a straight line of 0.02 degrees is bent by less than 1 m up to 85 degrees.
_STEP = 0.02
_MOST_STEPS = 100_000
# How much more of the polygon is taken than the dataset covers, in degrees and as a share.
_MARGIN, _MARGIN_SHARE = 0.1, 0.02


def place_polygon(polygon: Any, definition: str, bounds: Floats) -> Any:
    """Return a valid MultiPolygon in the system of `definition`, right within `bounds` (4,) of it.

    A projection is good for a part of the Earth only, so a polygon that reaches beyond the dataset is
    cut around it first; no cut comes near `bounds`. Straight lines in degrees are bent as the projection
    bends them. Raises UserError where the projection cannot hold it.
    """
    crs = pyproj.CRS.from_user_input(definition)
    if crs.to_epsg() == LONGITUDE_LATITUDE:
        return polygon
    if not crs.is_geographic:
        polygon = _densified(_around(polygon, crs, bounds))
    to = pyproj.Transformer.from_crs(LONGITUDE_LATITUDE, crs, always_xy=True)
    moved = shapely.transform(polygon, lambda places: np.column_stack(to.transform(*places.T)))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise UserError(f"clip_geometry reaches where {crs.name} has no coordinates; give a smaller one")
    valid = shapely.make_valid(moved, method="structure", keep_collapsed=False)
    return shapely.multipolygons(
        [part for part in shapely.get_parts(valid) if shapely.get_dimensions(part) == 2]
    )


def _around(polygon: Any, crs: pyproj.CRS, bounds: Floats) -> Any:
    """Return the part of the polygon around the dataset, in one piece across 180 degrees."""
    back = pyproj.Transformer.from_crs(crs, LONGITUDE_LATITUDE, always_xy=True)
    xmin, ymin, xmax, ymax = (float(each) for each in bounds)
    west, south, east, north = back.transform_bounds(xmin, ymin, xmax, ymax, densify_pts=51)
    if not np.isfinite([west, south, east, north]).all():
        return polygon
    if west > east:
        east += 360
        polygon = shapely.union_all([polygon, _turned(polygon)])
    margin = _MARGIN + _MARGIN_SHARE * max(east - west, north - south)
    region = shapely.box(west - margin, south - margin, east + margin, north + margin)
    return shapely.intersection(polygon, region)


def _turned(polygon: Any) -> Any:
    return shapely.transform(polygon, lambda places: places + np.array([360.0, 0.0]))


def _densified(polygon: Any) -> Any:
    return shapely.segmentize(polygon, max(_STEP, float(shapely.length(polygon)) / _MOST_STEPS))
