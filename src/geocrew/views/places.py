"""Shapes in a condition: GeoJSON of any kind or a box, in longitude and latitude, as SQL."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import shapely
from psycopg import sql

from geocrew.errors import InvalidParameters

_KINDS = "Point, LineString, Polygon, MultiPoint, MultiLineString, MultiPolygon, GeometryCollection"
_MAX_POSITIONS = 100_000
_MAX_LONGITUDE, _MAX_LATITUDE = 360.0, 90.0


def is_place(value: Any) -> bool:
    """Say whether a part of a condition is meant to be a shape."""
    return isinstance(value, dict) and (
        "bbox" in value or "coordinates" in value or "geometries" in value
    )


def place(value: Mapping[str, Any], srid: int) -> sql.Composable:
    """Return the expression of a shape in `srid` (0: as it is); raises InvalidParameters."""
    shape = _box(value["bbox"]) if "type" not in value else _shape(value)
    if shapely.is_empty(shape):
        raise InvalidParameters(["where holds a shape without coordinates"])
    _check_range(shape)
    wkb = shapely.to_wkb(shapely.set_srid(shape, 4326 if srid else 0), hex=True, include_srid=True)
    literal = sql.SQL("{}::geometry").format(sql.Literal(str(wkb)))
    if srid in (0, 4326):
        return literal
    return sql.SQL("ST_Transform({}, {})").format(literal, sql.Literal(srid))


def _shape(value: Mapping[str, Any]) -> Any:
    if value["type"] not in _KINDS.split(", "):
        raise InvalidParameters([f'where holds a shape of type "{value["type"]}"; types: {_KINDS}'])
    try:
        if sum(1 for _ in _numbers(value)) > 3 * _MAX_POSITIONS:
            raise InvalidParameters([f"where holds a shape of more than {_MAX_POSITIONS} positions"])
        return shapely.force_2d(shapely.geometry.shape(value))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, shapely.GEOSException) as error:
        raise InvalidParameters(
            [f"where holds a {value['type']} that is no GeoJSON: {error}"]
        ) from error


def _box(bounds: Any) -> Any:
    if not isinstance(bounds, list | tuple) or len(bounds) not in (4, 6):
        raise InvalidParameters(["where: a bbox is four numbers: west, south, east, north"])
    half = len(bounds) // 2
    corners = [bounds[0], bounds[1], bounds[half], bounds[half + 1]]
    if not all(type(each) in (int, float) for each in corners):
        raise InvalidParameters(["where: a bbox is four numbers: west, south, east, north"])
    west, south, east, north = corners
    if west > east:  # across 180 degrees
        return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))
    return shapely.box(west, south, east, north)


def _numbers(value: Any) -> Iterator[float]:
    """Yield all coordinates; `shapely.geometry.shape` would take text and booleans for numbers."""
    if isinstance(value, dict):
        value = value.get("coordinates", value.get("geometries"))
    if isinstance(value, list | tuple):
        for each in value:
            yield from _numbers(each)
    elif type(value) in (int, float) and math.isfinite(value):
        yield value
    else:
        raise ValueError(f"{value!r} is no number")


def _check_range(shape: Any) -> None:
    west, south, east, north = (float(each) for each in shapely.bounds(shape))
    if max(-west, east) > _MAX_LONGITUDE or max(-south, north) > _MAX_LATITUDE:
        problem = f"where holds a shape from ({west:g} {south:g}) to ({east:g} {north:g})"
        must = "it must be longitude (-360 to 360) and latitude (-90 to 90) in degrees, in this order"
        raise InvalidParameters([f"{problem}; {must}"])
