"""The rows of an overlay as numbers: address, bounds and size; and how rows are gathered in chunks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geocrew.datasets.arrays import Array, ArrayType, read_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.layer import Layer
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.curve import sort_along_curve

# One GEOS call on shapes of this size together takes under 1 s; above it, the child does the row.
HEAVY = 20_000
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
    """All rows that are kept: arrays (n,), `bounds` (n, 4) with NaN for rows without a shape.

    `weight` is the number of vertices, HEAVY for what SQL cannot overlay (collections).
    """

    row: Array
    version: Array
    rank: Ints
    bounds: Floats
    weight: Ints

    @property
    def hollow(self) -> Array:
        """Rows without a shape."""
        return np.asarray(~np.isfinite(self.bounds).all(axis=1))

    def extent(self) -> Floats | None:
        """Return the box (4,) around all rows, None without any shape."""
        return around(self.bounds[~self.hollow]) if not self.hollow.all() else None


@dataclass(frozen=True)
class Chunks:
    """Rows gathered by size and place: `rows[starts[i]:starts[i + 1]]` are the rows of chunk i.

    `boxes` (chunks, 4) hold them; `heavy` (chunks,) are single rows of HEAVY vertices or more.
    """

    rows: Ints
    starts: Ints
    boxes: Floats
    heavy: Array

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


def read_rows(connection: Connection, features: Features) -> Rows:
    """Read address, bounds and number of vertices of each row that is kept."""
    query = compose(
        "SELECT s.ctid, s.xmin, {rank}, COALESCE(ST_XMin(box), 'NaN'), COALESCE(ST_YMin(box), 'NaN'),"
        " COALESCE(ST_XMax(box), 'NaN'), COALESCE(ST_YMax(box), 'NaN'), CASE"
        " WHEN GeometryType(shape) = 'GEOMETRYCOLLECTION' THEN {heavy}"
        " ELSE COALESCE(ST_NPoints(shape), 0) END FROM {rows}"
        " CROSS JOIN LATERAL (SELECT {shape} AS shape OFFSET 0) AS t"
        " CROSS JOIN LATERAL (SELECT box3d(shape) AS box OFFSET 0) AS b WHERE {kept}",
        rank=_rank(features.layer),
        heavy=HEAVY,
        rows=features.rows("s"),
        shape=features.shape("s"),
        kept=features.kept("s"),
    )
    arrays = read_arrays(connection, query, _TYPES)
    bounds = np.column_stack([arrays.pop(name) for name in ("xmin", "ymin", "xmax", "ymax")])
    arrays["weight"] = arrays["weight"].astype(np.int64)
    return Rows(bounds=bounds, **arrays)


def around(boxes: Floats) -> Floats:
    """Return the box (4,) around boxes (n, 4), n > 0."""
    return np.concatenate((boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)))


def gather(rows: Rows, numbers: Ints, size: int = _CHUNK_ROWS) -> Chunks:
    """Gather the given rows in chunks of about `size` that lie together and are of like extent.

    A function of the rows' bounds, and of their rank where those are equal: their order in the table
    changes nothing. Rows of one box are never parted.
    """
    order = _in_place_order(rows, numbers)
    bounds, heavy = rows.bounds[order], rows.weight[order] >= HEAVY
    fresh = np.ones(len(order), bool)
    fresh[1:] = (bounds[1:] != bounds[:-1]).any(axis=1)
    runs = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
    level = _levels(bounds)
    part = np.concatenate(([False], (level[1:] != level[:-1]) | heavy[1:] | heavy[:-1]))
    starts = np.flatnonzero(
        part | np.concatenate(([True], runs[1:] // size != runs[:-1] // size))[: len(order)]
    )
    if not len(order):
        return Chunks(order, np.zeros(1, np.int64), np.empty((0, 4)), np.empty(0, bool))
    low = np.minimum.reduceat(bounds[:, :2], starts)
    high = np.maximum.reduceat(bounds[:, 2:], starts)
    return Chunks(
        order, np.append(starts, len(order)), np.column_stack((low, high)), heavy[starts].astype(bool)
    )


def _in_place_order(rows: Rows, numbers: Ints) -> Ints:
    """Order rows by extent and then along a curve through the middles of their boxes."""
    by_rank = numbers[np.lexsort((rows.rank[numbers], *rows.bounds[numbers].T))]
    bounds = rows.bounds[by_rank]
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
    longer = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    return np.frexp(longer)[1].astype(np.int64) // 2


def _rank(layer: Layer) -> Expression:
    """Return an integer that orders rows as their key does."""
    rank = layer.rank("s") or compose("s.ctid")
    if layer.key is not None and layer.key.type == "integer":
        return compose("{rank}::bigint", rank=rank)
    return compose("row_number() OVER (ORDER BY {rank})", rank=rank)
