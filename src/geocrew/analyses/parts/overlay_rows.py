"""The rows of an overlay as numbers: address, bounds and size; and how rows are gathered in chunks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.datasets.arrays import Array, ArrayType, read_arrays, read_parts
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.layer import Layer
from geocrew.datasets.steady import steady
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.curve import sort_along_curve
from geocrew.kernels.pace import OnProgress

# 16 to 250 rows a chunk are within 20 % of the best (measured on 100 thousand polygons of 64 vertices).
_CHUNK_ROWS = 60

_TYPES: dict[str, ArrayType] = {
    "row": "tid",
    "version": "xid",
    "rank": "int8",
    "xmin": "float8",
    "ymin": "float8",
    "xmax": "float8",
    "ymax": "float8",
    "weight": "int4",
}


@dataclass(frozen=True)
class Rows:
    """Rows that may be part of the output: arrays (n,), `bounds` (n, 4), NaN for rows without a shape.

    `weight` is what a shape takes in the table, bytes. `total` counts all rows of the table and `hollow`
    those of them, not among these, that have no shape; `unread` is the condition on a row `s` to be one
    of the rest, whose boxes are apart from the mask's, None where there is no rest.
    """

    row: Array
    version: Array
    rank: Ints
    bounds: Floats
    weight: Ints
    total: int
    hollow: int
    unread: Expression | None

    @property
    def somewhere(self) -> Array:
        """Rows with bounds."""
        return np.asarray(np.isfinite(self.bounds).all(axis=1))


@dataclass(frozen=True)
class Chunks:
    """Rows gathered by size and place: `rows[starts[i]:starts[i + 1]]` are the rows of chunk i.

    `boxes` (chunks, 4) hold them.
    """

    rows: Ints
    starts: Ints
    boxes: Floats

    def __len__(self) -> int:
        return len(self.boxes)

    def of(self, chunk: int) -> Ints:
        """Return the numbers of a chunk's rows."""
        return self.rows[self.starts[chunk] : self.starts[chunk + 1]]

    def groups(self, size: int) -> Iterator[range]:
        """Yield consecutive chunks that hold about `size` rows together."""
        first = 0
        for chunk in range(len(self)):
            if self.starts[chunk + 1] - self.starts[first] >= size or chunk == len(self) - 1:
                yield range(first, chunk + 1)
                first = chunk + 1


def read_rows(connection: Connection, features: Features, near: Floats | None, show: OnProgress) -> Rows:
    """Read address, bounds and size of each row, but for those whose box is apart from `near` (4,).

    A box that is no number meets every other, so nothing of unknown place is left out. `show` hears the
    share of the rows.
    """
    shape = features.layer.shape("s")
    meets = compose("true")
    if near is not None:
        west, south, east, north = (float(each) for each in near)
        meets = compose(
            "({shape} && ST_MakeEnvelope({west}, {south}, {east}, {north}, {srid})) IS TRUE",
            shape=shape,
            west=west,
            south=south,
            east=east,
            north=north,
            srid=features.layer.srid,
        )
    with steady(connection):
        arrays = _read(connection, features, meets, show)
        total, hollow = len(arrays["row"]), 0
        if near is not None:
            total, hollow = _count(connection, features, meets)
    bounds = np.column_stack([arrays.pop(name) for name in ("xmin", "ymin", "xmax", "ymax")])
    arrays["weight"] = arrays["weight"].astype(np.int64)
    unread = None if near is None else compose("NOT {meets}", meets=meets)
    return Rows(bounds=bounds, **arrays, total=total, hollow=hollow, unread=unread)


def _read(
    connection: Connection, features: Features, meets: Expression, show: OnProgress
) -> dict[str, Array]:
    """Read rows range by range, unless they must be numbered all together."""
    if not _has_number(features.layer):
        return read_arrays(connection, _select(features, meets), _TYPES)
    parts = (
        _select(features, compose("{meets} AND {part}", meets=meets, part=part))
        for part in block_ranges(connection, features.layer, show)
    )
    return read_parts(connection, parts, _TYPES)


def _select(features: Features, where: Expression) -> Expression:
    """Return a SELECT of the columns of _TYPES."""
    return compose(
        "SELECT s.ctid AS row, s.xmin AS version, {rank} AS rank,"
        " COALESCE(ST_XMin(box), 'NaN') AS xmin, COALESCE(ST_YMin(box), 'NaN') AS ymin,"
        " COALESCE(ST_XMax(box), 'NaN') AS xmax, COALESCE(ST_YMax(box), 'NaN') AS ymax,"
        " COALESCE(pg_column_size({shape}), 0) AS weight FROM {rows}"
        " CROSS JOIN LATERAL (SELECT box3d({whole}) AS box OFFSET 0) AS b WHERE {where}",
        rank=_rank(features.layer),
        whole=_whole(features),
        rows=features.rows("s"),
        shape=features.layer.shape("s"),
        where=where,
    )


def _whole(features: Features) -> Expression:
    """Return a shape with the box of row `s`, of all its rings.

    PostGIS takes the box of a polygon from its shell; a hole beyond that becomes a polygon when it is
    mended.
    """
    shape, geometry = features.layer.shape("s"), features.geometry
    if geometry.dimension in (0, 1):
        return shape
    if geometry.dimension is None or geometry.linearises:
        # ST_Boundary takes three quarters less time, and refuses collections and MultiSurfaces.
        whole = "CASE WHEN ST_NRings({shape}) > 1 THEN ST_Points({shape}) ELSE {shape} END"
        return compose(whole, shape=shape)
    return compose(
        "CASE WHEN ST_NRings({shape}) > ST_NumGeometries({shape})"
        " THEN ST_Boundary({shape}) ELSE {shape} END",
        shape=shape,
    )


def is_hollow(features: Features) -> Expression:
    """Return the condition that row `s` has no shape or an empty one."""
    return compose("COALESCE(ST_IsEmpty({shape}), true)", shape=features.layer.shape("s"))


def find_extent(connection: Connection, features: Features) -> Floats | None:
    """Return the box (4,) around all shapes with finite bounds, None without any."""
    query = compose(
        "SELECT min(ST_XMin(box)), min(ST_YMin(box)), max(ST_XMax(box)), max(ST_YMax(box)) FROM {rows}"
        " CROSS JOIN LATERAL (SELECT box3d({shape}) AS box OFFSET 0) AS b WHERE ST_XMin(box) * 0 = 0"
        " AND ST_YMin(box) * 0 = 0 AND ST_XMax(box) * 0 = 0"
        " AND ST_YMax(box) * 0 = 0",
        rows=features.rows("s"),
        shape=features.layer.shape("s"),
    )
    row = connection.execute(query).fetchone()
    return None if row is None or row[0] is None else np.array(row, np.float64)


def around(boxes: Floats) -> Floats:
    """Return the box (4,) around boxes (n, 4), n > 0."""
    return np.concatenate((boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)))


def gather(bounds: Floats, rank: Ints, numbers: Ints, size: int = _CHUNK_ROWS) -> Chunks:
    """Gather the given rows in chunks of about `size` that lie together and are of like extent.

    A function of the rows' bounds (n, 4), and of their rank (n,) where those are equal: their order in
    the table changes nothing. Rows of one box are never parted.
    """
    order = _in_place_order(bounds, rank, numbers)
    if not len(order):
        return Chunks(order, np.zeros(1, np.int64), np.empty((0, 4)))
    bounds = bounds[order]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (bounds[1:] != bounds[:-1]).any(axis=1)
    runs = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
    level = _levels(bounds)
    part = (level[1:] != level[:-1]) | (runs[1:] // size != runs[:-1] // size)
    starts = np.flatnonzero(np.concatenate(([True], part)))
    low = np.minimum.reduceat(bounds[:, :2], starts)
    high = np.maximum.reduceat(bounds[:, 2:], starts)
    return Chunks(order, np.append(starts, len(order)), np.column_stack((low, high)))


def _in_place_order(bounds: Floats, rank: Ints, numbers: Ints) -> Ints:
    """Order rows by extent and then along a curve through the middles of their boxes."""
    by_rank = numbers[np.lexsort((rank[numbers], *bounds[numbers].T))]
    bounds = bounds[by_rank]
    middles = np.ascontiguousarray((bounds[:, :2] / 2 + bounds[:, 2:] / 2).T)
    level = _levels(bounds)
    pieces = []
    for each in np.unique(level):
        chosen = np.flatnonzero(level == each)
        sort_along_curve(middles, chosen, 1)
        pieces.append(by_rank[chosen])
    return np.concatenate(pieces) if pieces else by_rank


def _levels(bounds: Floats) -> Ints:
    """Class boxes by their longer side, in powers of four: a country would swell a chunk of parcels."""
    halves = bounds / 2  # the whole side may be more than a number can be
    longer = np.maximum(halves[:, 2] - halves[:, 0], halves[:, 3] - halves[:, 1])
    return (np.frexp(longer)[1].astype(np.int64) + 1) // 2


def _count(connection: Connection, features: Features, meets: Expression) -> tuple[int, int]:
    """Count all rows, and those among the unread that have no shape."""
    query = compose(
        "SELECT count(*), count(*) FILTER (WHERE {hollow} AND NOT {meets}) FROM {rows}",
        hollow=is_hollow(features),
        meets=meets,
        rows=features.rows("s"),
    )
    row = connection.execute(query).fetchone()
    return (row[0], row[1]) if row is not None else (0, 0)


def _rank(layer: Layer) -> Expression:
    """Return an integer that orders rows as their key does."""
    rank = layer.rank("s") or compose("s.ctid")
    if _has_number(layer):
        return compose("{rank}::bigint", rank=rank)
    return compose("row_number() OVER (ORDER BY {rank})", rank=rank)


def _has_number(layer: Layer) -> bool:
    return layer.key is not None and layer.key.type == "integer"
