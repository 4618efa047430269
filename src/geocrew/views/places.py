"""Shapes in a condition: GeoJSON of any kind or a box, in longitude and latitude, as SQL."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyproj
import shapely
from psycopg import sql
from pydantic import ValidationError

from geocrew.datasets.geojson import (
    LONGITUDE_LATITUDE,
    check_clip_geometry,
    jumps,
    parse_clip_geometry,
)
from geocrew.datasets.layer import Layer
from geocrew.datasets.srids import STEP_DEGREES
from geocrew.errors import InvalidParameters

_KINDS = "Point, LineString, Polygon, MultiPoint, MultiLineString, MultiPolygon, GeometryCollection"
_MAX_POSITIONS = 100_000
_MAX_LONGITUDE, _MAX_LATITUDE = 360.0, 90.0
_AREAS = ("Polygon", "MultiPolygon")
_LINES = ("LineString", "MultiLineString")
_MOST_STEPS = 100_000
# Degrees around the area that a projection is made for; transverse ones fold over far from it.
_MARGIN = 30.0


def is_place(value: Any) -> bool:
    """Say whether a part of a condition is meant to be a shape."""
    return isinstance(value, dict) and (
        "bbox" in value or "coordinates" in value or "geometries" in value
    )


def place(value: Mapping[str, Any], layer: Layer, system: str | None) -> sql.Composable:
    """Return the expression of a shape in the SRID of the layer; raises InvalidParameters.

    `system` is what pyproj knows that SRID by.
    """
    if layer.srid == 0:
        problem = f"{layer.described} has no coordinate reference system (SRID 0)"
        reason = "so the shape in where, in longitude and latitude, has no place in it"
        raise InvalidParameters([f"{problem}, {reason}; give the dataset its SRID"])
    boxed = "bbox" in value and "type" not in value
    shape = _box(value["bbox"]) if boxed else _shape(value)
    if shapely.is_empty(shape):
        raise InvalidParameters(["where holds a shape without coordinates"])
    _check_range(shape)
    if system is not None and not layer.geographic and shape.geom_type in _AREAS:
        shape = _near(shape, pyproj.CRS.from_user_input(system))
    wkb = shapely.to_wkb(shapely.set_srid(shape, LONGITUDE_LATITUDE), hex=True, include_srid=True)
    literal = sql.SQL("{}::geometry").format(sql.Literal(str(wkb)))
    if layer.srid == LONGITUDE_LATITUDE:
        return literal
    if not layer.geographic and shapely.get_dimensions(shape) > 0:
        # In SQL and with the shape written once, so that the definition of the view stays small; it is
        # computed once for all rows.
        step = max(STEP_DEGREES, float(shapely.length(shape)) / _MOST_STEPS)
        literal = sql.SQL("ST_Segmentize({}, {})").format(literal, sql.Literal(step))
    return sql.SQL("ST_Transform({}, {})").format(literal, sql.Literal(layer.srid))


def _shape(value: Mapping[str, Any]) -> Any:
    kind = value.get("type")
    if kind not in _KINDS.split(", "):
        raise InvalidParameters([f'where holds a shape of type "{kind}"; types: {_KINDS}'])
    try:
        if sum(1 for _ in _numbers(value)) > 3 * _MAX_POSITIONS:
            raise InvalidParameters([f"where holds a shape of more than {_MAX_POSITIONS} positions"])
        if kind in _AREAS:
            return _areas(value)
        if kind == "GeometryCollection":
            return shapely.GeometryCollection([_shape(each) for each in value["geometries"]])
        shape = shapely.force_2d(shapely.geometry.shape(value))
        _check_range(shape)
        return _within_one_turn(_led_across(shape) if kind in _LINES else shape)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, shapely.GEOSException) as error:
        raise InvalidParameters([f"where holds a {kind} that is no GeoJSON: {error}"]) from error


def _areas(value: Mapping[str, Any]) -> Any:
    """Return a valid MultiPolygon, cut where it crosses 180 degrees: shapely would close open rings."""
    try:
        check_clip_geometry(dict(value))
    except ValidationError as error:
        problems = [
            f"where holds a {value['type']} {_which(each['loc'])} {each['msg']}"
            for each in error.errors()
        ]
        raise InvalidParameters(problems) from error
    return parse_clip_geometry(value, "where")


def _which(path: tuple[str | int, ...]) -> str:
    return f"whose {'.'.join(map(str, path))}" if path else "that"


def _near(shape: Any, system: pyproj.CRS) -> Any:
    """Return the part of an area that is around what a projection is made for; may be empty."""
    use = system.area_of_use
    if use is None:
        return shape
    east = use.east + 360 * (use.west > use.east)
    turns = _turns(shape)
    box = (use.west - _MARGIN, use.south - _MARGIN, east + _MARGIN, use.north + _MARGIN)
    if box[2] - box[0] >= 360:
        turns, box = [shape], (-360.0, box[1], 360.0, box[3])
    cut = shapely.intersection(shapely.union_all(turns), shapely.box(*box))
    return shapely.multipolygons([each for each in shapely.get_parts(cut) if each.geom_type in _AREAS])


def _box(bounds: Any) -> Any:
    if not isinstance(bounds, list | tuple) or len(bounds) not in (4, 6):
        raise InvalidParameters(["where: a bbox is four numbers: west, south, east, north"])
    half = len(bounds) // 2
    corners = [bounds[0], bounds[1], bounds[half], bounds[half + 1]]
    if not all(type(each) in (int, float) for each in corners):
        raise InvalidParameters(["where: a bbox is four numbers: west, south, east, north"])
    west, south, east, north = corners
    if west > east:  # across 180 degrees, as RFC 7946 writes it
        east += 360
    whole = _upright(west, south, east, north)
    _check_range(whole)
    return _within_one_turn(whole)


def _upright(west: float, south: float, east: float, north: float) -> Any:
    """Return a box, or the line or point that it is without an area: in a flat polygon is nothing."""
    if west < east and south != north:
        return shapely.box(west, south, east, north)
    corners = [(west, south), (east, north)]
    return shapely.Point(west, south) if corners[0] == corners[1] else shapely.LineString(corners)


def _led_across(shape: Any) -> Any:
    """Return lines whose edges that jump more than 180 degrees go beyond 180 degrees instead."""
    lines = [shapely.get_coordinates(each) for each in shapely.get_parts(shape)]
    added = [jumps(each[:, 0]) for each in lines]
    if not any(each.any() for each in added):
        return shape
    return shapely.MultiLineString(
        [piece for both in zip(lines, added, strict=True) for piece in _pieces(*both)]
    )


def _pieces(line: Any, added: Any) -> Iterator[Any]:
    """Yield what of a line (n, 2) is between its jumps, and each edge that jumps by itself."""
    start = 0
    for edge in map(int, np.flatnonzero(added)):
        if edge > start:
            yield line[start : edge + 1]
        yield line[edge : edge + 2] + np.array(((0.0, 0.0), (added[edge], 0.0)))
        start = edge + 1
    if len(line) > start + 1:
        yield line[start:]


def _within_one_turn(shape: Any) -> Any:
    """Return the shape with what is beyond 180 degrees brought to the other side."""
    if shapely.is_empty(shape):
        return shape
    west, _, east, _ = shapely.bounds(shape)
    if west >= -180 and east <= 180:
        return shape
    return shapely.intersection(shapely.union_all(_turns(shape)), shapely.box(-180, -90, 180, 90))


def _turns(shape: Any) -> list[Any]:
    """Return a shape a turn further west, where it is, and a turn further east."""
    return [
        shapely.transform(shape, lambda places, turn=turn: places + np.array((turn, 0.0)))
        for turn in (-360.0, 0.0, 360.0)
    ]


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
