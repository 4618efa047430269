"""Rows whose shapes are not valid: found by PostgreSQL, mended in this process.

ST_IsValid costs n log n of one row. ST_MakeValid of a spiral in the server was deaf to cancel for 30 s;
this process can be killed. Only invalid shapes travel; what is mended waits in a staged table.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from psycopg import sql

from geocrew.datasets.geometry import OutputGeometry
from geocrew.datasets.layer import Layer
from geocrew.datasets.ticks import Ticks, ticks_over
from geocrew.datasets.type_ids import COLLECTION, SINGLE
from geocrew.db import Connection
from geocrew.errors import UserError

Dropped = tuple[dict[str, Any], ...]
Show = Callable[[float], object]

_LISTED = 1000
# The share of finding invalid shapes where they are mended besides: most shapes are valid.
_FOUND = 0.9


def refuse_invalid(connection: Connection, layer: Layer, show: Show) -> None:
    """Raise UserError that names the first ten rows whose shapes are not valid, if there are any."""
    name = layer.rank("s") or sql.SQL("NULL")
    ticks = ticks_over(connection, layer)
    query = sql.SQL(
        "SELECT ({name})::text, count(*) OVER () FROM {relation} AS s"
        " WHERE {invalid} ORDER BY {name} LIMIT 10"
    ).format(name=name, relation=layer.relation, invalid=_invalid(layer, ticks))
    with ticks.heard(connection, show):
        found = connection.execute(query).fetchall()
    if found:
        ids = ", ".join(str(row[0]) for row in found)
        raise UserError(
            f"{layer.described} has {found[0][1]} invalid geometries, the first with id {ids}; "
            'mend them, or choose on_invalid "repair" or "skip"'
        )


def leave_out(
    connection: Connection, layer: Layer, mends: sql.Identifier, show: Show
) -> tuple[int, Dropped]:
    """List the invalid rows in the staged table; return their number, and the first with reasons."""
    ticks = ticks_over(connection, layer)
    insert = sql.SQL(
        "INSERT INTO {mends} (row, version) SELECT ctid, xmin FROM {relation} AS s WHERE {invalid}"
    ).format(mends=mends, relation=layer.relation, invalid=_invalid(layer, ticks))
    with ticks.heard(connection, show):
        invalid = connection.execute(insert).rowcount
    name = layer.rank("s") or sql.SQL("s.ctid")
    query = sql.SQL(
        "SELECT {name}, ST_IsValidReason({shape}) FROM {mends} AS m"
        " JOIN {relation} AS s ON s.ctid = m.row AND s.xmin = m.version ORDER BY {name} LIMIT {listed}"
    ).format(
        name=name,
        shape=layer.shape("s"),
        mends=mends,
        relation=layer.relation,
        listed=sql.Literal(_LISTED),
    )
    rows = connection.execute(query).fetchall()
    return invalid, tuple(
        {"id": row if isinstance(row, int) else str(row), "reason": reason} for row, reason in rows
    )


def mend(
    connection: Connection, layer: Layer, geometry: OutputGeometry, mends: sql.Identifier, show: Show
) -> tuple[int, int]:
    """Fill the staged table with the mended shapes of invalid rows; return their number and the lost."""
    ticks = ticks_over(connection, layer)
    query = sql.SQL(
        "SELECT ctid::text, xmin::text, ST_AsBinary(ST_CurveToLine({shape})) FROM {relation} AS s"
        " WHERE {invalid}"
    ).format(shape=layer.shape("s"), relation=layer.relation, invalid=_invalid(layer, ticks))
    with ticks.heard(connection, lambda share: show(_FOUND * share)):
        rows = connection.execute(query).fetchall()
    mended = []
    for number, (row, version, wkb) in enumerate(rows):
        show(_FOUND + (1 - _FOUND) * number / len(rows))
        mended.append((row, version, _mended(bytes(wkb), geometry)))
    copy = sql.SQL("COPY {} (row, version, geom) FROM STDIN").format(mends)
    with connection.cursor() as cursor, cursor.copy(copy) as copying:
        for each in mended:
            copying.write_row(each)
    return len(mended), sum(shape is None for _, _, shape in mended)


def count_invalid(connection: Connection, layer: Layer) -> int:
    """Count the rows whose shapes are not valid."""
    query = sql.SQL("SELECT count(*) FROM {relation} AS s WHERE NOT ST_IsValid({shape})").format(
        relation=layer.relation, shape=layer.shape("s")
    )
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _mended(wkb: bytes, geometry: OutputGeometry) -> str | None:
    """Return a valid shape as hexadecimal EWKB of the output's type, None where nothing is left."""
    whole = mend_shape(wkb)
    if whole is None:
        return None
    whole = shapely.force_3d(whole) if geometry.has_z else shapely.force_2d(whole)
    return str(shapely.to_wkb(shapely.set_srid(whole, geometry.srid), hex=True, include_srid=True))


def mend_shape(wkb: bytes) -> Any:
    """Return a valid shape of a straight one, None where nothing is left.

    By structure (a shell in a shell is no hole), in the dimension that the shape had; the members of a
    collection, and of those in it, each by itself.
    """
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            return _mend_members(shapely.from_wkb(wkb, on_invalid="fix"))
    except shapely.GEOSException:  # coordinates that are no numbers
        return None


def _mend_members(shape: Any) -> Any:
    if shapely.get_type_id(shape) != COLLECTION:
        return _of_own_dimension(shape)
    members = [_mend_members(each) for each in shapely.get_parts(shape)]
    kept = [each for each in members if each is not None]
    return shapely.geometrycollections(kept) if kept else None


def _of_own_dimension(shape: Any) -> Any:
    """Mend a shape that is no collection; one of a single part is a Multi* if it came as one."""
    valid = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    dimension = shapely.get_dimensions(shape)
    parts = [
        part
        for part in shapely.get_parts(shapely.get_parts(valid))
        if not part.is_empty and shapely.get_dimensions(part) == dimension
    ]
    if not parts:
        return None
    if len(parts) == 1 and shapely.get_type_id(shape) in SINGLE:
        return parts[0]
    return (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)[dimension](parts)


def _invalid(layer: Layer, ticks: Ticks) -> sql.Composed:
    """Return the condition that the shape of row s is not valid, which tells of some rows."""
    return sql.SQL("{ticks} AND NOT ST_IsValid({shape})").format(
        ticks=ticks.each(sql.SQL("hashtid(s.ctid)")), shape=layer.shape("s")
    )
