"""Points to points of the plane: coordinates travel, and a tree in this process is searched.

Of 100,000 points among 1,000,000 the index of PostgreSQL takes 5.1 CPU s (50 µs a source); reading both
takes 0.45, planting 0.1 and searching 0.15.
"""

from collections.abc import Callable, Iterator

import numpy as np

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.analyses.parts.nearest_sql import Search
from geocrew.analyses.parts.nearest_tally import PairRows, Points, Tally, take_tally
from geocrew.datasets.arrays import Array, ArrayType, number_addresses, read_parts, write_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.pairing import Side
from geocrew.db import Connection
from geocrew.kernels.arrays import Ints
from geocrew.kernels.join import Found, Orchard, along_curve, find_nearest, plant_orchard
from geocrew.kernels.pace import OnProgress, report_part, run_in_pieces

_FEW = 64  # neighbours: more are kept in order at a cost of their square
_MOST = 4_000_000  # targets: by estimate 100 bytes of memory each while they are read
# A source costs 50 µs by the index, a target 0.5 µs to read and plant: with more targets than this to a
# source the index is cheaper.
_TARGETS_EACH = 100
_FARTHEST = float(np.finfo(np.float32).max)  # from here on ST_Distance is NULL
_PAIRS = 2_000_000  # kept at a time, by estimate 60 bytes of memory each


def are_points(
    source: Side, target: Side, search: Search, sources: int, count_targets: Callable[[], int]
) -> bool:
    """Say whether the search can be done here, and is cheaper."""
    return not search.geographic and is_cheaper_here(source, target, search, sources, count_targets)


def is_cheaper_here(
    source: Side, target: Side, search: Search, sources: int, count_targets: Callable[[], int]
) -> bool:
    """Say whether both sides are points that can be read and searched for less than by an index."""
    return (
        search.limit <= _FEW
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

    def parts() -> Iterator[Expression]:
        for part in block_ranges(connection, side.features.layer, on_share):
            yield _select(side, part)

    read = read_parts(connection, parts(), {"name": kind, "place": "point"})
    order = np.argsort(numbers_of(read["name"]), kind="stable")  # linear where rows come in order
    places = read["place"][order]
    return Points(read["name"][order], places["x"].copy(), places["y"].copy(), kind)


def join_points(
    connection: Connection,
    table: Expression,
    source: Points,
    target: Points,
    search: Search,
    on_share: OnProgress,
) -> Tally | None:
    """Append source, target, rank and distance of the nearest to `table`, and the number of the pair.

    Returns what there is to tell of them, None where they are too many to be kept.
    """
    source, target = source.chosen(source.somewhere), target.chosen(target.somewhere)
    if not len(target.names):
        return None
    orchard = plant_orchard(target.x, target.y)
    # One more than what is asked for, for the source itself may be among them.
    count = min(search.limit + search.same, len(target.names))
    total, most, before = len(source.names), max(1, _PAIRS // count), 0
    for start in range(0, total, most):
        block = source.chosen(slice(start, start + most))
        order = along_curve(block.x, block.y)
        part = block.chosen(order)
        show = report_part(on_share, start / total, min(start + most, total) / total)
        found = _find(orchard, part, count, search.farthest, show)
        if search.same:
            itself = np.searchsorted(numbers_of(target.names), numbers_of(part.names))
            found = without(found, itself, search.limit)
        pairs = within_reach(found, search)
        numbers = before + _number(pairs, order)
        write_pairs(connection, table, part, target.names, pairs, numbers)
        before += numbers.size
        if total <= most:
            return take_tally(pairs, part)
    return None


def _find(orchard: Orchard, source: Points, k: int, reach: float, on_share: OnProgress | None) -> Found:
    """Find the k nearest of each source (n,), in pieces."""
    total = len(source.names)
    found = Found(np.empty((total, k), np.int64), np.empty((total, k)))

    def step(first: int, stop: int) -> int:
        near = find_nearest(orchard, source.x[first:stop], source.y[first:stop], k, reach)
        found.ranks[first:stop], found.distances[first:stop] = near
        return stop

    run_in_pieces(total, step, on_share)
    return found


def without(found: Found, itself: Ints, limit: int) -> Found:
    """Leave one rank (n,) out of each row of what was found, and all beyond `limit`."""
    order = np.argsort(found.ranks == itself[:, None], axis=1, kind="stable")
    ranks = np.take_along_axis(found.ranks, order, axis=1)
    distances = np.take_along_axis(found.distances, order, axis=1)
    gone = ranks == itself[:, None]
    ranks[gone], distances[gone] = -1, np.inf
    return Found(ranks[:, :limit], distances[:, :limit])


def within_reach(found: Found, search: Search) -> PairRows:
    """Return the pairs that were found, in the unit of the result, up to the exact end of the reach."""
    distances = found.distances / search.unit
    chosen = (found.ranks >= 0) & (found.distances < _FARTHEST)
    if search.reach is not None:
        chosen &= distances <= search.reach
    rows, places = np.nonzero(chosen)
    return PairRows(rows, found.ranks[rows, places], places, distances[rows, places])


def _number(pairs: PairRows, order: Ints) -> Ints:
    """Give pairs (m,) numbers from 1 by source and place; row i is source `order[i]` of n."""
    counts = np.bincount(order[pairs.rows], minlength=order.size)
    first = np.cumsum(counts) - counts
    return np.asarray(first[order[pairs.rows]] + pairs.places + 1)


def write_pairs(
    connection: Connection,
    table: Expression,
    source: Points,
    targets: Array,
    pairs: PairRows,
    numbers: Ints | None = None,
) -> None:
    """Append pairs to `table`."""
    names = targets[pairs.targets]
    columns: dict[str, tuple[ArrayType, Array]] = {
        "source": (source.type, source.names[pairs.rows]),
        "target": ("int8" if names.dtype.kind == "i" else "tid", names),
        "rank": ("int4", pairs.places + 1),
        "distance": ("float8", pairs.distances),
    }
    if numbers is not None:
        columns["number"] = ("int8", numbers)
    write_arrays(connection, table, columns)


def name_of(side: Side) -> Expression:
    """Return what names a row in arrays: an integer key, or a row address."""
    name = side.row("s")
    return name if side.features.layer.key is None else compose("{name}::bigint", name=name)


def _select(side: Side, part: Expression) -> Expression:
    return compose(
        "SELECT {name} AS name, COALESCE({shape}::point, '(NaN,NaN)') AS place"
        " FROM {rows} WHERE {kept} AND {part}",
        name=name_of(side),
        shape=side.shape("s"),
        rows=side.features.rows("s"),
        kept=side.features.kept("s"),
        part=part,
    )


def numbers_of(names: Array) -> Ints:
    """Return integers in the order of keys, or of row addresses."""
    return names.astype(np.int64) if names.dtype.kind == "i" else number_addresses(names)
