"""Polygons that callers give as GeoJSON (RFC 7946): checked when submitted, made one shape when needed.

Longitude and latitude on WGS84. What is wrong is named by its place, e.g. `clip_geometry.coordinates.0`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import AfterValidator, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from geocrew.errors import InvalidParameters

Path = tuple[str | int, ...]
Ring = npt.NDArray[np.float64]

LONGITUDE_LATITUDE = 4326  # the SRID of all GeoJSON
_KINDS = "Polygon, MultiPolygon, Feature or FeatureCollection"
# A request of this size is 80 MB of JSON; past it a dataset is the better way.
MAX_POSITIONS = 2_000_000
_MAX_PROBLEMS = 10
# Longitudes of another turn are met in the wild; further out x and y are swapped or not degrees.
_MAX_LONGITUDE, _MAX_LATITUDE = 360.0, 90.0
# What could be flat is repaired to see, which at this size takes milliseconds.
_MAX_REPAIRED = 10_000


@dataclass
class _Problem(Exception):
    """One thing that is wrong: where, what was found there, and what must be."""

    path: Path
    found: object
    must: str


def check_clip_geometry(value: dict[str, Any]) -> dict[str, Any]:
    """Return `value`; raises ValidationError that names the place of each mistake, up to ten."""
    problems: list[_Problem] = []
    positions, flat = 0, True
    try:
        for path, polygon in _polygons(value, ()):
            try:
                rings = _rings(path, polygon)
                positions += sum(map(len, rings))
                flat = flat and _may_be_flat(rings)
            except _Problem as problem:
                problems.append(problem)
            if positions > MAX_POSITIONS or len(problems) == _MAX_PROBLEMS:
                break
    except _Problem as problem:
        problems.append(problem)
    if positions > MAX_POSITIONS:
        limit = f"must have at most {MAX_POSITIONS} positions; import it and give its dataset instead"
        problems.append(_Problem((), "more", limit))
    if flat and not problems and positions <= _MAX_REPAIRED and not _areas(value):
        problems.append(_Problem((), "flat rings", "must enclose an area"))
    if problems:
        raise ValidationError.from_exception_data("geometry", [_details(each) for each in problems])
    return value


def parse_clip_geometry(value: Mapping[str, Any], parameter: str = "clip_geometry") -> Any:
    """Return checked GeoJSON as one valid MultiPolygon in EPSG:4326, cut where it crosses 180 degrees.

    Repairs and cuts, so a run calls it and no server of requests. Raises InvalidParameters that names
    `parameter` where nothing of it has an area.
    """
    areas = _areas(value)
    if not areas:
        raise InvalidParameters([f"{parameter} must enclose an area; all of its rings are flat"])
    return shapely.multipolygons(areas)


ClipGeometry = Annotated[
    dict[str, Any],
    AfterValidator(check_clip_geometry),
    WithJsonSchema(
        {
            "type": "object",
            "format": "geojson",
            "shape": True,
            "description": f"GeoJSON {_KINDS} in longitude and latitude (EPSG:4326)",
        }
    ),
]


def _areas(value: Mapping[str, Any]) -> list[Any]:
    """Return the valid polygons that checked GeoJSON comes to."""
    turned = [_polygon(_rings(path, polygon)) for path, polygon in _polygons(value, ())]
    parts = [part for polygon in turned for part in _within_one_turn(polygon)]
    whole = _valid(shapely.multipolygons(parts))
    return [part for part in shapely.get_parts(whole) if shapely.get_dimensions(part) == 2]


def _may_be_flat(rings: list[Ring]) -> bool:
    """Say whether a polygon could enclose nothing, by the signed areas of its rings (degrees²)."""
    shell, *holes = (abs(_signed_area(ring)) for ring in rings)
    width, height = np.ptp(rings[0], axis=0)
    return shell - sum(holes) <= 1e-9 * float(width * height)


def _signed_area(ring: Ring) -> float:
    x, y = (ring - ring[0]).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2


def _polygons(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield where each polygon's coordinates are, and them; nesting no deeper than RFC 7946."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "FeatureCollection" and not path:
        members = _array(value.get("features"), (*path, "features"), "features")
        for number, each in enumerate(members):
            at = (*path, "features", number)
            if not isinstance(each, dict) or each.get("type") != "Feature":
                raise _Problem(at, each, "must be a GeoJSON Feature")
            yield from _polygons(each, at)
    elif kind == "Feature":
        yield from _bare_polygons(value.get("geometry"), (*path, "geometry"), "Polygon or MultiPolygon")
    else:
        yield from _bare_polygons(value, path, _KINDS)


def _bare_polygons(value: Any, path: Path, kinds: str) -> Iterator[tuple[Path, Any]]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        found = value if kind is None else f"a {kind}"
        raise _Problem(path, found, f"must be a GeoJSON {kinds}")
    at = (*path, "coordinates")
    coordinates = _array(value.get("coordinates"), at, "rings" if kind == "Polygon" else "polygons")
    if kind == "Polygon":
        yield at, coordinates
        return
    for number, polygon in enumerate(coordinates):
        yield (*at, number), polygon


def _rings(path: Path, polygon: Any) -> list[Ring]:
    """Return the rings (n, 2) of one polygon, longitudes running on across 180 degrees."""
    return [_ring((*path, number), ring) for number, ring in enumerate(_array(polygon, path, "rings"))]


def _ring(path: Path, ring: Any) -> Ring:
    positions = _array(ring, path, "positions")
    if len(positions) < 4:
        raise _Problem(path, ring, "must be a ring of at least 4 positions, the last equal to the first")
    places = _places(path, positions)
    if not (places[0] == places[-1]).all():
        begin = places[0].tolist()
        raise _Problem(
            (*path, len(positions) - 1), ring[-1], f"must close the ring, which begins at {begin}"
        )
    _check_range(path, places, positions)
    return _run_on(path, places)


def _places(path: Path, positions: list[Any]) -> Ring:
    """Return positions as an array (n, 2), heights left out; checked by their types, 1M in 0.2 s."""
    try:
        plain = {list, tuple} >= set(map(type, positions)) and min(map(len, positions)) >= 2
        if plain and {int, float} >= set(map(type, chain.from_iterable(positions))):
            places = np.array([(each[0], each[1]) for each in positions], np.float64)
            deep = max(map(len, positions)) > 2
            heights = chain.from_iterable(each[2:] for each in positions) if deep else ()
            if np.isfinite(places).all() and all(map(math.isfinite, heights)):
                return places
    except OverflowError:  # an integer beyond float8
        pass
    at = next(i for i, each in enumerate(positions) if not _is_position(each))
    raise _Problem(
        (*path, at), positions[at], "must be a position: longitude and latitude, finite numbers"
    )


def _is_position(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) < 2:
        return False
    if not all(type(each) in (int, float) for each in value):
        return False
    return all(-1.7976931348623157e308 <= each <= 1.7976931348623157e308 for each in value)


def _check_range(path: Path, places: Ring, positions: list[Any]) -> None:
    outside = (np.abs(places) > (_MAX_LONGITUDE, _MAX_LATITUDE)).any(axis=1)
    if outside.any():
        at = int(np.argmax(outside))
        must = "must be longitude (-360 to 360) and latitude (-90 to 90) in degrees, in this order"
        raise _Problem((*path, at), positions[at], must)


def jumps(longitudes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what is to be added after each edge of a ring or line (n,): (n - 1,), a turn or nothing.

    An edge that jumps more than 180 degrees goes the short way, across the antimeridian; a whole turn is
    a parallel, no jump.
    """
    step = np.diff(longitudes)
    jump = (np.abs(step) > 180) & (np.abs(step) < 360)
    return np.where(jump, -360 * np.sign(step), 0.0)


def _run_on(path: Path, places: Ring) -> Ring:
    """Continue longitudes where they jump."""
    added = jumps(places[:, 0])
    turns = np.concatenate(([0.0], np.cumsum(added)))
    if turns[-1] != 0:
        must = "must not run around a pole; lead the ring along longitudes -180 and 180 to the pole"
        raise _Problem(path, "a ring around the Earth", must)
    return np.column_stack((places[:, 0] + turns, places[:, 1])) if added.any() else places


def _polygon(rings: list[Ring]) -> Any:
    """Build a polygon, its holes in the turn that its shell is in."""
    shell, *holes = rings
    west, east = shell[:, 0].min(), shell[:, 0].max()
    placed = []
    for hole in holes:
        middle = (hole[:, 0].min() + hole[:, 0].max()) / 2
        turn = 360 * ((middle < west) - int(middle > east))
        placed.append(hole + np.array([turn, 0.0]) if turn else hole)
    return shapely.Polygon(shell, placed)


def _within_one_turn(polygon: Any) -> Iterator[Any]:
    """Yield the parts of a polygon between -180 and 180 degrees, those of other turns moved there."""
    longitudes = shapely.get_coordinates(polygon)[:, 0]  # of holes, too: their bounds are the shell's
    if longitudes.min() >= -180 and longitudes.max() <= 180:
        yield polygon
        return
    polygon = _valid(polygon)
    for turn in (-720, -360, 0, 360, 720):
        part = shapely.intersection(polygon, shapely.box(turn - 180, -91, turn + 180, 91))
        moved = shapely.transform(part, lambda places, turn=turn: places - (turn, 0))
        yield from (each for each in shapely.get_parts(moved) if shapely.get_dimensions(each) == 2)


def _valid(shape: Any) -> Any:
    return shapely.make_valid(shape, method="structure", keep_collapsed=False)


def _array(value: Any, path: Path, of: str) -> Any:
    """Return a list that is not empty."""
    if not isinstance(value, list | tuple) or not value:
        raise _Problem(path, value, f"must be a non-empty array of {of}")
    return value


def _details(problem: _Problem) -> InitErrorDetails:
    # The message is a template; braces in it would be read as names.
    error = PydanticCustomError("geojson", "{must}", {"must": problem.must})
    return InitErrorDetails(type=error, loc=problem.path, input=_brief(problem.found))


def _brief(value: object) -> object:
    """Return what a message can show of a value, whatever its size and depth."""
    if isinstance(value, list | tuple):
        if len(value) <= 4 and all(not isinstance(each, list | tuple | dict) for each in value):
            return value
        return f"an array of {len(value)}"
    if isinstance(value, dict):
        return "an object without a type" if "type" not in value else f"a {str(value['type'])[:40]}"
    return value
