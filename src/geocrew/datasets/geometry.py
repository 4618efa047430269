"""What an output's geometry column is: one type with its SRID, and how the input becomes it."""

from collections import Counter
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from geocrew.datasets.layer import Layer
from geocrew.db import Connection
from geocrew.errors import UserError

_DIMENSIONS = {
    "POINT": 0,
    "MULTIPOINT": 0,
    "LINESTRING": 1,
    "MULTILINESTRING": 1,
    "CIRCULARSTRING": 1,
    "COMPOUNDCURVE": 1,
    "MULTICURVE": 1,
    "POLYGON": 2,
    "MULTIPOLYGON": 2,
    "CURVEPOLYGON": 2,
    "MULTISURFACE": 2,
}
# Surfaces of which neither ST_IsValid nor GEOS knows anything.
_SURFACES = {"POLYHEDRALSURFACE", "TIN", "TRIANGLE"}
_CURVED = {"CIRCULARSTRING", "COMPOUNDCURVE", "MULTICURVE", "CURVEPOLYGON", "MULTISURFACE"}
# In a summary, which names the types of members; ST_HasArc tells of no MultiSurface without an arc.
_CURVE = sql.Literal("CircularString|CompoundCurve|MultiCurve|CurvePolygon|MultiSurface")
_MULTI: tuple[LiteralString, ...] = ("MultiPoint", "MultiLineString", "MultiPolygon")

# ST_CurveToLine raises for an empty CurvePolygon, alone or in what holds nothing else: "need at least 1
# ring".
STRAIGHT: LiteralString = (
    "CASE WHEN ST_IsEmpty({shape})"
    " AND left(GeometryType({shape}), 12) IN ('CURVEPOLYGON', 'MULTISURFACE')"
    " THEN ST_SetSRID('POLYGON EMPTY'::geometry, ST_SRID({shape}))"
    " WHEN ST_IsEmpty({shape}) AND starts_with(GeometryType({shape}), 'GEOMETRYCOLLECTION')"
    " THEN ST_SetSRID('GEOMETRYCOLLECTION EMPTY'::geometry, ST_SRID({shape}))"
    " ELSE ST_CurveToLine({shape}) END"
)


@dataclass(frozen=True)
class OutputGeometry:
    """The type of an output's geometry column and what becomes of the input on the way.

    `dimension` is 0, 1 or 2, None where the input mixes them and the type can only be Geometry.
    """

    type: LiteralString
    has_z: bool
    srid: int
    dimension: int | None
    unchanged: bool
    drops_m: bool
    linearises: bool

    @property
    def name(self) -> str:
        """PostGIS's name of the type."""
        return self.type + ("Z" if self.has_z else "")

    def convert(self, shape: sql.Composable) -> sql.Composable:
        """Return the expression `shape` as a value of this type."""
        return shape if self.unchanged else self.force(shape)

    def straight(self, shape: sql.Composable) -> sql.Composable:
        """Return `shape` without curves."""
        if not self.linearises:
            return shape
        return sql.SQL(STRAIGHT).format(shape=shape)

    def force(self, shape: sql.Composable) -> sql.Composable:
        """Return `shape`, of whatever type, as a value of this one."""
        shape = self.straight(shape)
        force = sql.SQL("ST_Force3DZ({})" if self.has_z else "ST_Force2D({})")
        shape = force.format(shape)
        if self.type in _MULTI:
            shape = sql.SQL("ST_Multi({})").format(shape)
        kind = sql.SQL(self.type) + sql.SQL("Z" if self.has_z else "")
        return sql.SQL("{}::geometry({}, {})").format(shape, kind, sql.Literal(self.srid))


def output_geometry(connection: Connection, layer: Layer) -> OutputGeometry:
    """Find the one type that holds all geometries of `layer`; reads rows if the column is open.

    Raises UserError for several SRIDs, and for surfaces that nothing can compute with.
    """
    name = layer.geometry_type
    has_m, has_z = name.endswith("M"), name.rstrip("M").endswith("Z")
    kinds, curved = {name.rstrip("ZM").upper()}, False
    if not kinds <= set(_DIMENSIONS):
        kinds, has_z, has_m, curved = _kinds_present(connection, layer)
        if kinds & _SURFACES:
            names = ", ".join(sorted(kinds & _SURFACES))
            raise UserError(
                f"{layer.described} holds shapes of the type {names} in its column"
                f' "{layer.geometry_column}", which analyses cannot read; turn them into polygons'
            )
    dimensions = {_DIMENSIONS.get(kind) for kind in kinds}
    dimension = dimensions.pop() if len(dimensions) == 1 else None
    target = _target(kinds, dimension)
    return OutputGeometry(
        type=target,
        has_z=has_z,
        srid=layer.srid,
        dimension=dimension,
        unchanged=target != "Geometry" and name == target + ("Z" if has_z else ""),
        drops_m=has_m,
        linearises=curved or bool(kinds & _CURVED),
    )


def _target(kinds: set[str], dimension: int | None) -> LiteralString:
    """Single points stay Point, for every client can read ST_X of one; all else is promoted."""
    if kinds == {"POINT"}:
        return "Point"
    return "Geometry" if dimension is None else _MULTI[dimension]


def _kinds_present(connection: Connection, layer: Layer) -> tuple[set[str], bool, bool, bool]:
    """Return the geometry types in the rows, and whether any has Z, M, or curves in a collection.

    Checks their SRIDs.
    """
    query = sql.SQL(
        "SELECT GeometryType(ST_Force2D({0})), ST_Zmflag({0}), ST_SRID({0}), count(*),"
        " bool_or(starts_with(GeometryType({0}), 'GEOMETRYCOLLECTION') AND ST_Summary({0}) ~ {2})"
        " FROM {1} AS s WHERE {0} IS NOT NULL GROUP BY 1, 2, 3"
    )
    rows = connection.execute(query.format(layer.shape("s"), layer.relation, _CURVE)).fetchall()
    srids: Counter[int] = Counter()
    for _, _, srid, count, _ in rows:
        srids[srid] += count
    _check_srids(layer, srids)
    flags = {row[1] for row in rows}  # 0 is XY, 1 XYM, 2 XYZ, 3 XYZM
    curved = any(row[4] for row in rows)
    return {row[0] for row in rows}, bool(flags & {2, 3}), bool(flags & {1, 3}), curved


def _check_srids(layer: Layer, srids: Counter[int]) -> None:
    """Raise UserError, with the count of each, where rows are not all in the dataset's SRID."""
    if set(srids) <= {layer.srid}:
        return
    counts = ", ".join(f"SRID {each}: {count} rows" for each, count in sorted(srids.items()))
    raise UserError(
        f'{layer.described} has SRID {layer.srid}, but its column "{layer.geometry_column}" holds'
        f" {counts}; give all rows one SRID, and register the table again if it is another"
    )
