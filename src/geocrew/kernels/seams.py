"""The union of a coverage: what remains when every edge that two polygons share is dropped.

GEOS makes it of one collection, at a cost that grows faster than the collection: 1.3 s for 10,000
polygons of 64 corners that lie scattered, 0.1 s for them in small clusters. An edge is dropped with its
twin wherever the two meet, so any cutting of the work gives the same edges in the end, hence the same
shape: clusters whose boxes do not touch are united apart, and a large cluster tile by tile.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geocrew.kernels.arrays import Ints
from geocrew.kernels.edges import outline
from geocrew.kernels.validity import is_valid

Shapes: TypeAlias = npt.NDArray[np.object_]
OnProgress: TypeAlias = Callable[[float], None]

# Fewer are not worth looking for clusters; so many in a call keep GEOS in the processor's cache.
_FEW = 256
_SEVERAL = 8  # from here on it pays to call our own kernel for one cluster
_TILE = 1024
# Where boxes touch more others than this on average, they are taken for one cluster.
_MOST_TOUCHING = 64
# So few are asked for at a time, for each may touch all others: 16,000 on one spot took 2 GB by 4096.
_QUERIED = _MOST_TOUCHING


def unite_coverage(shapes: Shapes, on_progress: OnProgress = lambda _share: None) -> Any:
    """Return the MultiPolygon of polygons (n,) that fit together; None where it is empty or not valid.

    Raises GEOSException for much, but not for all, that does not fit.
    """
    unions: list[Shapes] = []
    done = 0
    for members in _cluster(shapes):
        unions.append(_unite_clusters(shapes[members], on_progress))
        done += members.size
        on_progress(done / len(shapes))
    united = np.concatenate(unions)
    parts = shapely.get_parts(shapely.get_parts(united))
    parts = parts[(shapely.get_dimensions(parts) == 2) & ~shapely.is_empty(parts)]
    if not len(parts) or not is_valid(united).all():
        return None
    return shapely.multipolygons(parts)


def _unite_clusters(clusters: Shapes, on_progress: OnProgress) -> Shapes:
    """Return the union (k,) of each of some clusters (k, size)."""
    size = clusters.shape[1]
    if size == 1:
        return clusters[:, 0]
    if size > _TILE:
        return np.array([_unite_tiles(clusters[0], on_progress)], object)
    if size >= _SEVERAL:
        return np.array([_unite_tile(each) for each in clusters], object)
    united: Shapes = shapely.coverage_union_all(clusters, axis=1)
    return united


def _unite_tile(shapes: Shapes) -> Any:
    plain = outline(shapes)
    return shapely.coverage_union_all(shapes) if plain is None else plain


def _cluster(shapes: Shapes) -> Iterator[Ints]:
    """Yield the members of clusters as arrays (k, size), of large clusters one at a time."""
    labels = _label(shapes)
    sizes = np.bincount(labels)
    order = np.argsort(labels, kind="stable")
    size_of = sizes[labels[order]]
    for size in np.unique(sizes):
        members = order[size_of == size].reshape(-1, size)
        step = max(1, _TILE // int(size))
        for first in range(0, len(members), step):
            yield members[first : first + step]


def _label(shapes: Shapes) -> Ints:
    """Give shapes whose boxes touch, in chains too, one number, where that is worth the search."""
    count = len(shapes)
    one = np.zeros(count, np.int64)
    if count < _FEW:
        return one
    tree, pairs, found = shapely.STRtree(shapes), [], 0
    for first in range(0, count, _QUERIED):
        mine, others = tree.query(shapes[first : first + _QUERIED])
        pairs.append((mine + first, others))
        found += len(mine)
        if found > _MOST_TOUCHING * count:
            return one
    rows, columns = (np.concatenate(each) for each in zip(*pairs, strict=True))
    touching = coo_array((np.ones(found, np.bool_), (rows, columns)), shape=(count, count))
    return connected_components(touching, directed=False)[1].astype(np.int64)


def _unite_tiles(shapes: Shapes, on_progress: OnProgress) -> Any:
    """Unite a large cluster by tiles of neighbours, and then the tiles."""
    bounds = shapely.bounds(shapes)
    x, y = bounds[:, 0] + bounds[:, 2], bounds[:, 1] + bounds[:, 3]
    strips = round((len(shapes) / _TILE) ** 0.5)
    strip = np.empty(len(shapes), np.int64)
    strip[np.argsort(x, kind="stable")] = np.arange(len(shapes)) * strips // len(shapes)
    order = np.lexsort((y, strip))
    tiles: list[Any] = []
    for first in range(0, len(shapes), _TILE):
        tiles.append(_unite_tile(shapes[order[first : first + _TILE]]))
        on_progress(first / len(shapes))
    return _unite_tile(np.array(tiles, object))
