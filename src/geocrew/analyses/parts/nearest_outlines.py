"""Points to lines and polygons of the plane: outlines are read, and their edges are searched here.

Of 100,000 points among 5,000 lakes of 400 vertices, PostgreSQL takes 18 CPU s by its index on pieces of
64 vertices (4.5 of them to cut); reading, planting and searching their edges takes 0.9.

What the last bits decide is left to PostgreSQL, so that the result is that of ST_Distance: points on or
very near an outline, targets nearly as far as the next, or nearly at the end of the reach.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.analyses.parts.nearest_points import is_point, name_of, within_reach, write_pairs
from geocrew.analyses.parts.nearest_sql import Search
from geocrew.analyses.parts.nearest_tally import Points
from geocrew.datasets.arrays import Array
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.pairing import Side
from geocrew.db import Connection
from geocrew.kernels.arrays import Ints
from geocrew.kernels.join import Found, along_curve
from geocrew.kernels.join_edges import Edges, find_nearest_shapes, plant_edges
from geocrew.kernels.pace import OnProgress, run_in_pieces
from geocrew.kernels.runs import places_in_runs

_FEW = 16  # targets a source
_POLYGONS = 64  # looked up at once: all points may be in each
_MOST = 4_000_000  # vertices: by estimate 150 bytes of memory each
_VERTICES_EACH = (
    100  # with more vertices than this to a source PostgreSQL's index on whole shapes is as fast
)
_NOISE = 1e-12  # of the coordinates: some thousand times their rounding


@dataclass(frozen=True)
class Outlines:
    """Shapes (n,) that have a place, by name, and the number of all kept rows."""

    names: Array
    shapes: Array
    kept: int


def are_outlines(
    connection: Connection, source: Side, target: Side, search: Search, sources: int
) -> bool:
    """Say whether the search can be done here, and is cheaper."""
    key = target.features.layer.key
    if search.geographic or search.limit > _FEW or not is_point(source):
        return False
    if target.features.geometry.dimension not in (1, 2) or key is None or key.type != "integer":
        return False
    query = compose(
        "SELECT COALESCE(sum(ST_NPoints({shape})), 0) FROM {rows}",
        shape=target.features.layer.shape("b"),
        rows=compose("{relation} AS b", relation=target.features.layer.relation),
    )
    row = connection.execute(query).fetchone()
    return row is not None and int(row[0]) <= min(_MOST, _VERTICES_EACH * sources)


def read_outlines(connection: Connection, side: Side, on_share: OnProgress) -> Outlines:
    """Read the shapes of a layer."""
    kept, names, shapes = 0, [np.empty(0, np.int64)], [np.empty(0, object)]
    for part in block_ranges(connection, side.features.layer, on_share):
        query = compose(
            "SELECT {name}, CASE WHEN NOT {hollow} THEN ST_AsBinary(ST_Force2D({shape})) END"
            " FROM {rows} WHERE {kept} AND {part}",
            name=name_of(side),
            hollow=side.features.hollow("s"),
            shape=side.shape("s"),
            rows=side.features.rows("s"),
            kept=side.features.kept("s"),
            part=part,
        )
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(query).fetchall()
        kept += len(rows)
        somewhere = [(name, wkb) for name, wkb in rows if wkb is not None]
        names.append(np.array([name for name, _ in somewhere], np.int64))
        shapes.append(shapely.from_wkb(np.array([wkb for _, wkb in somewhere], object)))
    found, whole = np.concatenate(names), np.concatenate(shapes)
    order = np.argsort(found, kind="stable")
    return Outlines(found[order], whole[order], kept)


def join_outlines(
    connection: Connection,
    table: Expression,
    source: Points,
    target: Outlines,
    search: Search,
    on_share: OnProgress,
) -> Array:
    """Append the pairs that are beyond doubt to `table`; returns the names of the sources left over."""
    source = source.chosen(source.somewhere)
    if not len(target.names):
        return source.names[:0]
    source = source.chosen(along_curve(source.x, source.y))
    inside = _find_inside(source, target, search.limit, lambda share: on_share(0.3 * share))
    edges, noise = _edges(target, source)
    doubtful = np.zeros(len(source.names), bool)

    def step(first: int, stop: int) -> int:
        part = source.chosen(np.arange(first, stop))
        near = find_nearest_shapes(edges, part.x, part.y, search.limit, search.farthest + noise, noise)
        within = inside[(inside[:, 0] >= first) & (inside[:, 0] < stop)]
        found = _merge(near, within - (first, 0))
        doubtful[first:stop] = _doubtful(near, found, search, noise)
        found = Found(found.ranks[:, : search.limit].copy(), found.distances[:, : search.limit])
        found.ranks[doubtful[first:stop]] = -1
        write_pairs(connection, table, part, target.names, within_reach(found, search))
        return stop

    run_in_pieces(len(source.names), step, lambda share: on_share(0.3 + 0.7 * share))
    return source.names[doubtful]


def _find_inside(source: Points, target: Outlines, limit: int, on_share: OnProgress) -> Ints:
    """Return the pairs (n, 2) of a point and a polygon that it is in or on, for each the first `limit`.

    More are never asked for: all are at distance 0, and ties go by rank.
    """
    pairs = [np.empty((0, 2), np.int64)]
    places, left = shapely.points(source.x, source.y), np.arange(len(source.names))
    tree, seen = shapely.STRtree(places), np.zeros(len(left), np.int64)

    def step(first: int, stop: int) -> int:
        nonlocal tree, left
        stop = min(stop, first + _POLYGONS)
        shape, point = tree.query(target.shapes[first:stop], predicate="intersects")
        order = np.lexsort((shape, point))
        point, shape = left[point[order]], shape[order] + first
        few = seen[point] + places_in_runs(point) < limit
        np.add.at(seen, point[few], 1)
        pairs.append(np.column_stack((point[few], shape[few])))
        wanting = seen[left] < limit
        if 2 * np.count_nonzero(wanting) < len(left):
            # Among 3,000 areas that overlap, 360 of them around each point: 8 CPU s, not 32.
            left = left[wanting]
            tree = shapely.STRtree(places[left])
        return stop

    if shapely.get_dimensions(target.shapes).max() == 2:
        run_in_pieces(len(target.shapes), step, on_share)
    return np.concatenate(pairs)


def _edges(target: Outlines, source: Points) -> tuple[Edges, float]:
    parts, owners = shapely.get_parts(target.shapes, return_index=True)
    if shapely.get_dimensions(parts).max() == 2:
        parts, of_part = shapely.get_rings(parts, return_index=True)
        owners = owners[of_part]
    places = shapely.get_coordinates(parts)
    lines = np.concatenate(([0], np.cumsum(shapely.get_num_coordinates(parts))))
    far = max(abs(each).max(initial=0.0) for each in (places, source.x, source.y))
    return plant_edges(places, lines, owners), _NOISE * float(far)


def _merge(near: Found, inside: Ints) -> Found:
    """Put the polygons that points are inside of, at distance 0, before those whose edges are near."""
    found = Found(near.ranks.copy(), near.distances.copy())
    points, at = np.unique(inside[:, 0], return_inverse=True)
    row, column = np.nonzero(near.ranks[points] >= 0)
    rows = np.concatenate((at, row))
    ranks = np.concatenate((inside[:, 1], near.ranks[points[row], column]))
    distances = np.concatenate((np.zeros(len(at)), near.distances[points[row], column]))
    order = np.lexsort((distances, ranks, rows))
    rows, ranks, distances = rows[order], ranks[order], distances[order]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (ranks[1:] != ranks[:-1])
    rows, ranks, distances = rows[first], ranks[first], distances[first]
    order = np.lexsort((ranks, distances, rows))
    rows, ranks, distances = rows[order], ranks[order], distances[order]
    place = places_in_runs(rows)
    few = place < near.ranks.shape[1]
    found.ranks[points], found.distances[points] = -1, np.inf
    found.ranks[points[rows[few]], place[few]] = ranks[few]
    found.distances[points[rows[few]], place[few]] = distances[few]
    return found


def _doubtful(near: Found, found: Found, search: Search, noise: float) -> Array:
    """Return the points (n,) of which the last bits could decide."""
    closer, farther = found.distances[:, :-1], found.distances[:, 1:]
    tied = (closer > 0) & (farther < np.inf) & (farther <= closer + noise)
    far = found.distances[found.distances < np.inf]
    at_end = np.zeros(found.distances.shape, bool)
    at_end[found.distances < np.inf] = abs(far - search.farthest) <= noise
    return np.asarray(tied.any(axis=1) | at_end.any(axis=1) | (near.distances[:, 0] <= noise))
