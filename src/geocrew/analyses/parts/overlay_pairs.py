"""Which polygons of the mask may meet which rows: told by boxes, with no look at a row's shape."""

from typing import NamedTuple

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_mask import Near
from geocrew.analyses.parts.overlay_rings import Ragged, Shapes, to_rings
from geocrew.datasets.arrays import Array
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.box_pairs import pair_boxes
from geocrew.kernels.box_places import APART, DOUBTFUL, INSIDE, place_boxes
from geocrew.kernels.ring_crossings import Rings


class Cutters(NamedTuple):
    """Polygons (m,) that cut rows: row i by `chosen[starts[i]:starts[i + 1]]` of them, or by none.

    `outlines` and `turned` are their rings, the inside of the polygons to the left and to the right.
    """

    shapes: Shapes
    outlines: Ragged
    turned: Ragged
    chosen: Ints
    starts: Ints

    @property
    def counts(self) -> Ints:
        """By how many polygons each row is cut."""
        return np.diff(self.starts)

    def weights(self) -> Ints:
        """Return how many bytes the coordinates of each row's polygons are."""
        size = 16 * np.asarray(shapely.get_num_coordinates(self.shapes), np.int64)
        sums = np.concatenate(([0], np.cumsum(size[self.chosen])))
        return np.asarray(sums[self.starts[1:]] - sums[self.starts[:-1]])

    def of(self, rows: Ints) -> "Cutters":
        """Return those of some rows (n,), in their order."""
        counts = self.counts[rows]
        starts = np.concatenate(([0], np.cumsum(counts)))
        at = np.repeat(self.starts[rows] - starts[:-1], counts) + np.arange(starts[-1])
        return self._replace(chosen=self.chosen[at], starts=starts)

    def pairs(self) -> tuple[Ints, Ints]:
        """Return row and polygon of each pair, by row."""
        return np.repeat(np.arange(len(self.starts) - 1), self.counts), self.chosen

    def only(self, pairs: Array) -> "Cutters":
        """Return these with the chosen ones of the pairs (n,)."""
        counts = np.bincount(self.pairs()[0][pairs], minlength=len(self.starts) - 1)
        return self._replace(chosen=self.chosen[pairs], starts=np.concatenate(([0], np.cumsum(counts))))


def find_cutters(near: Near, boxes: Floats, chunks: Floats, chunk: Ints) -> tuple[Cutters, Array]:
    """Return what cuts rows in boxes (n, 4), and which of the boxes are inside one of the polygons.

    Row i is of chunk `chunk[i]`; `chunks` (c, 4) are around theirs, and `near` is near those.
    """
    shapes, pieces = near
    row, polygon = _meet(shapes, pieces, boxes, chunk, chunks)
    cutters = np.concatenate((shapes, np.array([piece for *_, piece in pieces] or (), np.object_)))
    starts = np.searchsorted(row, np.arange(len(boxes) + 1))
    used, chosen = np.unique(polygon, return_inverse=True)
    cutters = cutters[used]
    outlines, turned = to_rings(cutters, turned=False), to_rings(cutters, turned=True)
    found = Cutters(cutters, outlines, turned, chosen, starts)
    apart, inside = _place(boxes, found)
    within = np.zeros(len(boxes), bool)
    within[row[inside]] = True
    return found.only(~apart), within


def _place(boxes: Floats, cutters: Cutters) -> tuple[Array, Array]:
    """Say of each pair (n,) whether the row's box is apart from the polygon, and whether inside it.

    A box without an area is no valid polygon, of which GEOS promises nothing: never inside.
    """
    row, chosen = cutters.pairs()
    place = place_boxes(boxes, Rings(*cutters.outlines), row, chosen)
    apart, inside = place == APART, place == INSIDE
    doubtful = np.flatnonzero(place == DOUBTFUL)
    polygons, shapes = cutters.shapes[chosen[doubtful]], shapely.box(*boxes[row[doubtful]].T)
    shapely.prepare(polygons)
    apart[doubtful] = ~shapely.intersects(polygons, shapes)
    inside[doubtful] = shapely.covers(polygons, shapes)
    solid = np.asarray((boxes[:, :2] < boxes[:, 2:]).all(axis=1))
    return apart, inside & solid[row]


def _meet(
    shapes: Shapes, pieces: list[tuple[int, int, object]], boxes: Floats, chunk: Ints, chunks: Floats
) -> tuple[Ints, Ints]:
    """Return rows and polygons whose boxes meet, by row: pieces come after the shapes."""
    whole = np.ones(len(shapes), bool)
    rows, polygons, numbers = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for at, (number, of_chunk, piece) in enumerate(pieces):
        whole[number] = False
        found = np.flatnonzero(chunk == of_chunk)
        bounds = shapely.bounds(piece)
        meets = (boxes[found, :2] <= bounds[2:]).all(axis=1) & (boxes[found, 2:] >= bounds[:2]).all(
            axis=1
        )
        rows.append(found[meets])
        polygons.append(np.full(meets.sum(), len(shapes) + at))
        numbers.append(np.full(meets.sum(), number))
    kept = np.flatnonzero(whole)
    row, met = pair_boxes(boxes, chunk, chunks, shapely.bounds(shapes[kept]).reshape(-1, 4))
    rows.append(row)
    polygons.append(kept[met])
    numbers.append(kept[met])
    row, polygon = np.concatenate(rows), np.concatenate(polygons)
    order = np.lexsort((np.concatenate(numbers), row))
    return row[order], polygon[order]
