"""From a shape in longitude and latitude to one in the system of a raster."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import shapely

from geocrew.datasets.geojson import LONGITUDE_LATITUDE
from geocrew.errors import UserError
from geocrew.kernels.arrays import Floats
from geocrew.kernels.raster_cells import Transform, move

# A bent edge may leave its straight pieces by a twentieth of a cell, and by half a metre.
_TOLERANCE_CELLS, _TOLERANCE_METRES = 0.05, 0.5
# An edge may bend both ways and have its middle in place; within a degree none does.
_LONGEST_DEGREES = 1.0
# Samples along each side of the raster, and what its outline may bulge between them.
_SAMPLES, _MARGIN = 33, 0.1

Project = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Grid:
    """The cells of a raster: how many, and where."""

    transform: Transform
    width: int
    height: int

    @property
    def outline(self) -> Any:
        """Return the whole raster, in its system."""
        box = shapely.box(0, 0, self.width, self.height)
        return shapely.transform(box, lambda cells: move(cells, self.transform))


def place(shape: Any, srid: int, definition: str, grid: Grid) -> Any:
    """Return a MultiPolygon of EPSG:4326 as a valid one in the system of the raster; may be empty.

    `definition` is what pyproj knows the raster's system by. Raises UserError where the shape reaches
    places that the system has no coordinates for.
    """
    crs = pyproj.CRS.from_user_input(definition)
    if crs.is_geographic:
        return _in_degrees(shape, srid, crs, grid)
    return _in_plane(shape, crs, grid)


def _in_degrees(shape: Any, srid: int, crs: Any, grid: Grid) -> Any:
    """Place each turn around the Earth that the raster covers: 0 to 360 is as common as -180 to 180."""
    turn = round(math.tau / crs.axis_info[0].unit_conversion_factor, 9)
    unit = turn / 360
    project = _Transformer(crs)

    def place_vertices(places: Floats) -> Floats:
        moved = project(places) if srid != LONGITUDE_LATITUDE else places
        # A datum may push 180 to -180; an edge there would run around the Earth.
        turns = np.round((places[:, 0] * unit - moved[:, 0]) / turn)
        return np.column_stack((moved[:, 0] + turns * turn, moved[:, 1]))

    moved = shapely.transform(shape, place_vertices)
    parts = np.concatenate([shapely.get_parts(each) for each in _turns(moved, turn)])
    return join([shapely.MultiPolygon(parts[shapely.intersects(parts, grid.outline)])])


def _in_plane(shape: Any, crs: Any, grid: Grid) -> Any:
    """Cut to the surroundings of the raster first: far from its own zone a projection folds over."""
    transformer = _Transformer(crs)
    near = shapely.box(*_surroundings(grid, transformer))
    cut = join([shapely.intersection(each, near) for each in _turns(shape, 360.0)])
    a, b, _, d, e, _ = grid.transform
    cell = math.sqrt(abs(a * e - b * d))
    tolerance = min(_TOLERANCE_CELLS * cell, _TOLERANCE_METRES / crs.axis_info[0].unit_conversion_factor)

    def project(places: Floats) -> Floats:
        moved = transformer(places)
        if not np.isfinite(moved).all():
            raise UserError(
                f'clip_geometry reaches places for which "{crs.name}", the coordinate reference system '
                "of the raster, has no coordinates; give a shape closer to the raster"
            )
        return moved

    def bend(ring: Any) -> Floats:
        return _bend(shapely.get_coordinates(ring), project, tolerance)

    return join(
        [
            shapely.Polygon(bend(each.exterior), [bend(hole) for hole in each.interiors])
            for each in shapely.get_parts(cut)
        ]
    )


def _turns(shape: Any, turn: float) -> list[Any]:
    """Return the shape as seen from one turn to the west, from here, and from one turn to the east."""
    steps = [np.array((each, 0.0)) for each in (-turn, 0.0, turn)]
    return [shapely.transform(shape, lambda places, step=step: places + step) for step in steps]


class _Transformer:
    """From longitude and latitude to a system, x before y, and back."""

    def __init__(self, crs: Any) -> None:
        self._both = pyproj.Transformer.from_crs(LONGITUDE_LATITUDE, crs, always_xy=True)

    def __call__(self, places: Floats) -> Floats:
        return np.column_stack(self._both.transform(places[:, 0], places[:, 1]))

    def back(self, places: Floats) -> Floats:
        """Return longitudes and latitudes."""
        return np.column_stack(self._both.transform(places[:, 0], places[:, 1], direction="INVERSE"))


def _surroundings(grid: Grid, transformer: _Transformer) -> tuple[float, float, float, float]:
    """Return west, south, east, north around the raster; west to east may leave -180 to 180."""
    columns, rows = np.meshgrid(
        np.linspace(0, grid.width, _SAMPLES), np.linspace(0, grid.height, _SAMPLES)
    )
    cells = np.column_stack((columns.ravel(), rows.ravel()))
    lon, lat = transformer.back(move(cells, grid.transform)).T
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return -180.0, -90.0, 180.0, 90.0
    margin = _MARGIN * (lat.max() - lat.min()) + 1e-6
    south, north = max(-90.0, lat.min() - margin), min(90.0, lat.max() + margin)
    lon = min((lon, lon % 360), key=np.ptp)
    margin = _MARGIN * float(np.ptp(lon)) + 1e-6
    if np.ptp(lon) > 180:
        return -180.0, south, 180.0, north
    return lon.min() - margin, south, lon.max() + margin, north


def _bend(ring: Floats, project: Project, tolerance: float) -> Floats:
    """Project a ring, with vertices added where its edges would bend by more than `tolerance`."""
    flat, straight = project(ring), np.zeros(len(ring) - 1, bool)
    while not straight.all():
        at = np.flatnonzero(~straight)
        middle = (ring[at] + ring[at + 1]) / 2
        bent = project(middle)
        off = np.hypot(*(bent - (flat[at] + flat[at + 1]) / 2).T)
        reach = np.abs(ring[at + 1] - ring[at]).max(axis=1)
        # Below a millionth of a degree an edge is 0.1 m: what still bends there is torn, not bent.
        split = ((off > tolerance) & (reach > 1e-6)) | (reach > _LONGEST_DEGREES)
        straight[at[~split]] = True
        new = at[split]
        ring = np.insert(ring, new + 1, middle[split], axis=0)
        flat = np.insert(flat, new + 1, bent[split], axis=0)
        straight = np.insert(straight, new, False)
    return flat


def join(shapes: list[Any]) -> Any:
    """Return the areas of shapes as one valid MultiPolygon."""
    valid = [
        each
        if shapely.is_valid(each)
        else shapely.make_valid(each, method="structure", keep_collapsed=False)
        for each in shapes
    ]
    whole = valid[0] if len(valid) == 1 else shapely.union_all(valid)
    return shapely.MultiPolygon(
        [each for each in shapely.get_parts(whole) if shapely.get_dimensions(each) == 2]
    )
