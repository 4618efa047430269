"""What a relation's rows hold: counts, box, geometry type and SRID, in one scan."""

from collections import Counter
from dataclasses import dataclass

from psycopg import sql

from geocrew.datasets.extent import extent
from geocrew.db import Connection
from geocrew.errors import RefusedInput

_FAMILIES = {
    "POINT": "Point",
    "MULTIPOINT": "MultiPoint",
    "LINESTRING": "LineString",
    "MULTILINESTRING": "MultiLineString",
    "POLYGON": "Polygon",
    "MULTIPOLYGON": "MultiPolygon",
}
_SCAN = sql.SQL(
    "SELECT srid, kind, has_z, n, ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM ("
    " SELECT ST_SRID({geom}) AS srid, rtrim(GeometryType({geom}), 'M') AS kind,"
    " ST_Zmflag({geom}) >= 2 AS has_z, count(*) AS n, {extent} AS e"
    " FROM {table} GROUP BY 1, 2, 3) AS groups"
)


@dataclass(frozen=True)
class Description:
    """`bbox` is in the SRID, None without coordinates; `geometry_type` as in a typmod."""

    row_count: int
    null_geometry_count: int
    bbox: list[float] | None
    geometry_type: str
    srid: int


def describe(
    connection: Connection, schema: str, table: str, geometry: str, srid: int = 0
) -> Description:
    """Scan the relation; `srid` is what the column declares, 0 to take the rows' own.

    Raises RefusedInput, with the count of each, when rows have several SRIDs.
    """
    shape = sql.Identifier(geometry)
    query = _SCAN.format(geom=shape, extent=extent(shape), table=sql.Identifier(schema, table))
    rows = connection.execute(query).fetchall()
    filled = [row for row in rows if row[1] is not None]
    srids: Counter[int] = Counter()
    for row in filled:
        srids[row[0]] += row[3]
    if len(srids) > 1:
        counts = ", ".join(f"{each}: {n} rows" for each, n in sorted(srids.items()))
        raise RefusedInput(
            f'column "{geometry}" of {schema}.{table} mixes several SRIDs ({counts}); use one'
        )
    boxes = [row[4:] for row in filled if row[4] is not None]
    return Description(
        row_count=sum(row[3] for row in rows),
        null_geometry_count=sum(row[3] for row in rows if row[1] is None),
        bbox=_around(boxes),
        geometry_type=_type({row[1] for row in filled}, any(row[2] for row in filled)),
        srid=next(iter(srids), srid),
    )


def _around(boxes: list[tuple[float, ...]]) -> list[float] | None:
    if not boxes:
        return None
    xmin, ymin, xmax, ymax = zip(*boxes, strict=True)
    return [min(xmin), min(ymin), max(xmax), max(ymax)]


def _type(kinds: set[str], has_z: bool) -> str:
    """One kind, or the Multi kind of its single one, or Geometry."""
    known = {_FAMILIES.get(each, "Geometry") for each in kinds}
    multi = {each for each in known if each.startswith("Multi")}
    if len(known) == 2 and len(multi) == 1 and known == multi | {next(iter(multi))[5:]}:
        known = multi
    base = next(iter(known)) if len(known) == 1 else "Geometry"
    return base + "Z" if has_z else base
