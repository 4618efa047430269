"""Points to points of the plane: coordinates travel, and a tree in this process is searched.

Of 100,000 points among 1,000,000 the index of PostgreSQL takes 5.1 CPU s (50 µs a source); reading both
takes 1.1, planting 0.1 and searching 0.15.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.analyses.parts.nearest_sql import Search
from geocrew.datasets.arrays import Array, ArrayType, read_arrays, write_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.pairing import Side
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.join import Found, along_curve, find_nearest, plant_orchard
from geocrew.kernels.pace import OnProgress, run_in_pieces

_FEW = 64  # neighbours: more are kept in order at a cost of their square
_MOST = 4_000_000  # targets: by estimate 100 bytes of memory each while they are read
# A source costs 50 µs by the index, a target 1.2 µs to read: with more targets than this to a source
# the index is cheaper.
_TARGETS_EACH = 40


@dataclass(frozen=True)
class Points:
    """The kept points of a layer in the order by which ties go.

    `names` (n,) are keys or row addresses; x and y (n,) are not finite for rows without a place.
    """

    names: Array
    x: Floats
    y: Floats
    type: ArrayType

    @property
    def somewhere(self) -> Array:
        """Which rows have a place."""
        return np.isfinite(self.x) & np.isfinite(self.y)

    def chosen(self, rows: Array) -> "Points":
        """Return some of them."""
        return Points(self.names[rows], self.x[rows], self.y[rows], self.type)


def are_points(
    source: Side, target: Side, search: Search, sources: int, count_targets: Callable[[], int]
) -> bool:
    """Say whether the search can be done here, and is cheaper."""
    return (
        not search.geographic
        and search.limit <= _FEW
        and all(is_point(side) for side in (source, target))
        and count_targets() <= min(_MOST, _TARGETS_EACH * sources)
    )


def is_point(side: Side) -> bool:
    """Say whether all rows are points of whose names there are arrays."""
    key = side.features.layer.key
    return side.features.geometry.type == "Point" and (key is None or key.type == "integer")


def read_points(connection: Connection, side: Side, on_share: OnProgress) -> Points:
    """Read names and coordinates of the kept rows of a layer of points."""
    key = side.features.layer.key
    kind: ArrayType = "tid" if key is None else "int8"
    pieces = [
        read_arrays(connection, _select(side, part), {"name": kind, "x": "float8", "y": "float8"})
        for part in _shown(block_ranges(connection, side.features.layer), on_share)
    ]
    if not pieces:
        return Points(np.empty(0, "V6" if key is None else np.int64), np.empty(0), np.empty(0), kind)
    names, x, y = (np.concatenate([piece[each] for piece in pieces]) for each in ("name", "x", "y"))
    order = np.argsort(_numbers(names), kind="stable")  # linear where rows come in order
    return Points(names[order], x[order], y[order], kind)


def join_points(
    connection: Connection,
    table: Expression,
    source: Points,
    target: Points,
    search: Search,
    on_share: OnProgress,
) -> None:
    """Append source, target, rank and distance of the nearest to `table`."""
    source, target = source.chosen(source.somewhere), target.chosen(target.somewhere)
    if not len(target.names):
        return
    source = source.chosen(along_curve(source.x, source.y))
    orchard = plant_orchard(target.x, target.y)
    # One more than what is asked for, for the source itself may be among them.
    count = min(search.limit + search.same, len(target.names))

    def step(first: int, stop: int) -> int:
        part = source.chosen(np.arange(first, stop))
        found = find_nearest(orchard, part.x, part.y, count, search.farthest)
        if search.same:
            itself = np.searchsorted(_numbers(target.names), _numbers(part.names))
            found = without(found, itself, search.limit)
        write_pairs(connection, table, part, target.names, found, search)
        return stop

    run_in_pieces(len(source.names), step, on_share)


def without(found: Found, itself: Ints, limit: int) -> Found:
    """Leave one rank (n,) out of each row of what was found, and all beyond `limit`."""
    order = np.argsort(found.ranks == itself[:, None], axis=1, kind="stable")
    ranks = np.take_along_axis(found.ranks, order, axis=1)
    distances = np.take_along_axis(found.distances, order, axis=1)
    gone = ranks == itself[:, None]
    ranks[gone], distances[gone] = -1, np.inf
    return Found(ranks[:, :limit], distances[:, :limit])


def write_pairs(
    connection: Connection,
    table: Expression,
    source: Points,
    targets: Array,
    found: Found,
    search: Search,
) -> None:
    """Append what was found to `table`, in the unit of the result and within the reach."""
    distances = found.distances / search.unit
    chosen = found.ranks >= 0
    if search.reach is not None:
        chosen &= distances <= search.reach
    row, column = np.nonzero(chosen)
    names = targets[found.ranks[row, column]]
    columns: dict[str, tuple[ArrayType, Array]] = {
        "source": (source.type, source.names[row]),
        "target": ("int8" if names.dtype.kind == "i" else "tid", names),
        "rank": ("int4", column + 1),
        "distance": ("float8", distances[row, column]),
    }
    write_arrays(connection, table, columns)


def name_of(side: Side) -> Expression:
    """Return what names a row in arrays: an integer key, or a row address."""
    name = side.row("s")
    return name if side.features.layer.key is None else compose("{name}::bigint", name=name)


def _shown(parts: Iterator[tuple[float, Expression]], on_share: OnProgress) -> Iterator[Expression]:
    for share, part in parts:
        on_share(share)
        yield part


def _select(side: Side, part: Expression) -> Expression:
    return compose(
        "SELECT name, COALESCE(ST_X(shape), 'NaN'), COALESCE(ST_Y(shape), 'NaN')"
        " FROM (SELECT {name} AS name, {shape} AS shape FROM {rows} WHERE {kept} AND {part} OFFSET 0)"
        " AS points",
        name=name_of(side),
        shape=side.shape("s"),
        rows=side.features.rows("s"),
        kept=side.features.kept("s"),
        part=part,
    )


def _numbers(names: Array) -> Ints:
    """Return integers in the order of keys, or of row addresses (block and place in it)."""
    if names.dtype.kind == "i":
        return names.astype(np.int64)
    parts = names.view([("block", ">u4"), ("place", ">u2")])
    return np.asarray(parts["block"].astype(np.int64) << 16 | parts["place"])
