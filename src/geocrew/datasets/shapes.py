"""WKB of any kind → EWKB of one type: promoted, without M, finite, and in range."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geocrew.errors import RefusedInput

Shapes: TypeAlias = NDArray[np.object_]

_POINT, _LINE, _POLYGON = 0, 1, 3
_NAMES = {
    0: "Point",
    1: "MultiLineString",
    3: "MultiPolygon",
    4: "MultiPoint",
    5: "MultiLineString",
    6: "MultiPolygon",
}
# A tenth of a metre, for a pole that a projection rounded.
_SLACK = 1e-6


@dataclass(frozen=True)
class Shape:
    """What a column has held so far: the kinds after promotion, and whether any has Z."""

    kinds: frozenset[str] = frozenset()
    has_z: bool = False

    def __or__(self, other: "Shape") -> "Shape":
        """Return the narrowest shape that holds both."""
        return Shape(self.kinds | other.kinds, self.has_z or other.has_z)

    @property
    def points_promoted(self) -> bool:
        """Whether single points become MultiPoint: when any point is multi."""
        return "MultiPoint" in self.kinds

    @property
    def geometry_type(self) -> str:
        """The type for the column: one kind, or Geometry for a mixture and for no shapes at all."""
        kinds = self.kinds - {"Point"} if self.points_promoted else self.kinds
        base = next(iter(kinds)) if len(kinds) == 1 else "Geometry"
        return base + "Z" if self.has_z else base


@dataclass(frozen=True)
class Checked:
    """A batch of shapes that passed; `shapes` has None for NULL."""

    shapes: Shapes
    shape: Shape
    dropped_m: int

    @property
    def bounds(self) -> list[float] | None:
        """Smallest box around all, or None for none."""
        box = shapely.total_bounds(self.shapes)
        return None if np.isnan(box).any() else [float(each) for each in box]


def check(wkb: pa.Array, first_row: int, geographic: bool) -> Checked:
    """Parse, check and promote lines and polygons; raises RefusedInput naming the row (1-based)."""
    shapes = _parse(wkb, first_row)
    _check_coordinates(shapes, first_row, geographic)
    shapes = _promote(shapes, _LINE, shapely.multilinestrings)
    shapes = _promote(shapes, _POLYGON, shapely.multipolygons)
    kinds = np.unique(shapely.get_type_id(shapes))
    names = frozenset(_NAMES.get(int(kind), "Geometry") for kind in kinds if kind >= 0)
    shape = Shape(names, bool(shapely.has_z(shapes).any()))
    return Checked(shapes, shape, int(shapely.has_m(shapes).sum()))


def encode(shapes: Shapes, shape: Shape, srid: int) -> list[bytes | None]:
    """Write the shapes as EWKB fit for a column of `shape`; Z that is missing becomes 0."""
    if shape.points_promoted:
        shapes = _promote(shapes, _POINT, shapely.multipoints)
    if shape.has_z:
        shapes = shapely.force_3d(shapes, 0.0)
    encoded: list[bytes | None] = shapely.to_wkb(
        shapely.set_srid(shapes, srid),
        output_dimension=3 if shape.has_z else 2,
        byte_order=1,
        include_srid=True,
        flavor="extended",
    ).tolist()
    return encoded


def _parse(wkb: pa.Array, first_row: int) -> Shapes:
    values = np.empty(len(wkb), dtype=object)
    try:
        wkb.validate(full=True)
        values[:] = wkb.to_pylist()
        with np.errstate(invalid="ignore", over="ignore"):
            shapes: Shapes = shapely.from_wkb(values)
    except (shapely.errors.ShapelyError, NotImplementedError, pa.ArrowInvalid) as error:
        row = next((i for i, value in enumerate(values) if not _parses(value)), 0)
        raise RefusedInput(f"row {first_row + row}: {_reason(error)}") from error
    return shapes


def _reason(error: Exception) -> str:
    if isinstance(error, NotImplementedError):
        return (
            "the geometry is curved; convert curves to line segments first, e.g. with "
            "ST_CurveToLine or ogr2ogr -nlt CONVERT_TO_LINEAR"
        )
    return f"the geometry cannot be read: {error}"


def _check_coordinates(shapes: Shapes, first_row: int, geographic: bool) -> None:
    flat, index = shapely.get_coordinates(shapes, return_index=True)
    _refuse_first(~np.isfinite(flat).all(axis=1), index, flat, first_row, "is not finite")
    with_z = np.flatnonzero(shapely.has_z(shapes))
    if with_z.size:
        deep, deep_index = shapely.get_coordinates(shapes[with_z], include_z=True, return_index=True)
        _refuse_first(
            ~np.isfinite(deep).all(axis=1), with_z[deep_index], deep, first_row, "is not finite"
        )
    if geographic:
        outside = (np.abs(flat[:, 0]) > 360 + _SLACK) | (np.abs(flat[:, 1]) > 90 + _SLACK)
        advice = (
            "is no longitude and latitude (|lon| ≤ 360, |lat| ≤ 90); "
            "is the SRID right, are x and y swapped?"
        )
        _refuse_first(outside, index, flat, first_row, advice)


def _refuse_first(
    wrong: NDArray[np.bool_], index: NDArray[Any], coordinates: NDArray[Any], first_row: int, why: str
) -> None:
    if wrong.any():
        at = int(np.argmax(wrong))
        place = " ".join(str(float(each)) for each in coordinates[at])
        raise RefusedInput(f"row {first_row + int(index[at])}: the coordinate ({place}) {why}")


def _promote(shapes: Shapes, kind: int, build: Any) -> Shapes:  # one of shapely's ufuncs
    single = np.flatnonzero(shapely.get_type_id(shapes) == kind)
    if not single.size:
        return shapes
    promoted = shapes.copy()
    promoted[single] = build(shapes[single], indices=np.arange(single.size))
    return promoted


def _parses(value: bytes | None) -> bool:
    try:
        shapely.from_wkb(value)
    except (shapely.errors.ShapelyError, NotImplementedError):
        return False
    return True
