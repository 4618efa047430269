"""Features cut by a mask: many rows are decided by one look at a box.

Rows are gathered in chunks of about 60 that lie together, and large polygons brought to their size.
Shapes that can remain travel to this process, which can be killed whatever GEOS does, are checked and,
where the edge of a polygon may cross them, cut: ST_Difference took 2.5 times the CPU of the same call
here and 20 times that of `kernels.ring_overlay`, and ST_IsValid ten times that of `kernels.validity`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
import shapely

from geocrew.analyses.parts.block_ranges import next_size
from geocrew.analyses.parts.overlay_check import Invalid, check_shapes
from geocrew.analyses.parts.overlay_cut import cut_polygons, cut_rows
from geocrew.analyses.parts.overlay_ladder import Operation, Verdict
from geocrew.analyses.parts.overlay_mask import FARTHEST, Mask, Near, split
from geocrew.analyses.parts.overlay_pairs import Cutters, find_cutters
from geocrew.analyses.parts.overlay_rings import Shapes, as_polygons
from geocrew.analyses.parts.overlay_rows import Chunks, Rows, gather
from geocrew.analyses.parts.overlay_workshop import Workshop
from geocrew.datasets.arrays import Array
from geocrew.datasets.features import OnInvalid
from geocrew.kernels.arrays import Ints
from geocrew.kernels.ewkb import Polygons, read_polygons
from geocrew.kernels.valid_polygons import find_valid

# Polygons are read for this many rows at a time: a number of its own, for where a large one is cut moves
# the last digits of a crossing, which must not depend on the clock.
_GROUP_ROWS = 3_000
# Pairs of a row and a polygon that are held at once, 100 bytes each if all of their boxes meet.
_MOST_PAIRS = 2_000_000
# What is read and cut at once: rows as the clock tells, and no more than this of shapes and, for each,
# polygons, whose union and cut take nine times as much (200 discs that 1,256 polygons each cut: 1.3 GB).
_FIRST_ROWS = 500
_MOST_BYTES = 32_000_000


@dataclass(frozen=True)
class Overlaid:
    """What became of the rows: `verdicts` (n,), and how many were mended or snapped to be cut."""

    verdicts: Array
    mended: int
    invalid: Invalid

    def count(self, *verdicts: int) -> int:
        """Count the rows of some verdicts."""
        return int(np.isin(self.verdicts, verdicts).sum())


@np.errstate(over="ignore", invalid="ignore")  # GEOS leaves its flags behind, and numpy warns of them
def overlay(
    operation: Operation,
    workshop: Workshop,
    rows: Rows,
    mask: Mask,
    on_invalid: OnInvalid,
    show: Callable[[float], None],
) -> Overlaid:
    """Decide every row, cut those that need it, and note in the workshop what remains."""
    somewhere = np.flatnonzero(rows.somewhere)
    chunks = gather(rows.bounds, rows.rank, somewhere)
    task = _Task(operation, workshop, rows, on_invalid, show)
    task.do_strays(np.flatnonzero(~rows.somewhere), mask)
    for group in chunks.groups(_GROUP_ROWS):
        near = split(mask, chunks.boxes[group.start : group.stop])
        for part in parts_of(chunks, group, len(near.shapes)):
            numbers, cutters = task.undecided(chunks, group, part, near)
            task.do(numbers, cutters, part.stop / len(somewhere))
    return Overlaid(task.verdicts, task.mended, task.invalid)


@dataclass
class _Task:
    """The rows at work; `verdicts` (n,) are theirs, and `size` the rows that are read at once."""

    operation: Operation
    workshop: Workshop
    rows: Rows
    on_invalid: OnInvalid
    show: Callable[[float], None]
    verdicts: Array = field(init=False)
    invalid: Invalid = field(default_factory=Invalid)
    mended: int = 0
    size: int = _FIRST_ROWS
    share: float = 0.0

    def __post_init__(self) -> None:
        self.verdicts = np.full(len(self.rows.row), Verdict.PENDING, np.int16)

    def undecided(self, chunks: Chunks, group: range, part: range, near: Near) -> tuple[Ints, Cutters]:
        """Drop rows of a part of a group by their boxes alone; return the others with what cuts them.

        A row that nothing cuts stays as it is if only its shape is valid.
        """
        numbers = chunks.rows[part.start : part.stop]
        starts = chunks.starts[group.start : group.stop]
        chunk = np.searchsorted(starts, np.arange(part.start, part.stop), "right") - 1
        boxes = chunks.boxes[group.start : group.stop]
        cutters, inside = find_cutters(near, self.rows.bounds[numbers], boxes, chunk)
        met = cutters.counts > 0
        gone = ~met if self.operation == "clip" else inside
        self.verdicts[numbers[gone]] = Verdict.OUTSIDE
        if self.operation == "clip":
            cutters = cutters.only(~inside[cutters.pairs()[0]])
        left = np.flatnonzero(~gone)
        return numbers[left], cutters.of(left)

    def do(self, numbers: Ints, cutters: Cutters, share: float) -> None:
        """Read, check and cut rows, each by its cutters; `share` of all is done then."""
        done, weights = 0, self.rows.weight[numbers] + cutters.weights()
        while done < len(numbers):
            began = monotonic()
            stop = done + block_of(weights[done:], self.size)
            self._do_block(numbers[done:stop], cutters.of(np.arange(done, stop)))
            if stop - done == self.size:
                self.size = next_size(self.size, monotonic() - began)
            self.show(self.share + (share - self.share) * stop / len(numbers))
            done = stop
        self.share = share
        self.show(share)

    def do_strays(self, numbers: Ints, mask: Mask) -> None:
        """Decide rows without a box: most have no shape, some are mended and have one then."""
        for start in range(0, len(numbers), _GROUP_ROWS):
            chosen = numbers[start : start + _GROUP_ROWS]
            read = self.workshop.read_shapes(chosen).of(np.arange(len(chosen)))
            shapes, verdicts, _ = check_shapes(read, chosen, self.on_invalid, self.invalid)
            found = np.flatnonzero(verdicts == Verdict.PENDING)
            self.verdicts[chosen] = verdicts
            if len(found):
                boxes = shapely.bounds(shapes[found])
                cutters, _ = find_cutters(split(mask, boxes), boxes, boxes, np.arange(len(found)))
                if self.operation == "clip":
                    self.verdicts[chosen[found[cutters.counts == 0]]] = Verdict.OUTSIDE
                    met = np.flatnonzero(cutters.counts > 0)
                    found, cutters = found[met], cutters.of(met)
                self._cut(chosen[found], shapes[found], np.ones(len(found), bool), cutters)

    def _do_block(self, numbers: Ints, cutters: Cutters) -> None:
        read = self.workshop.read_shapes(numbers)
        polygons = read_polygons(read.data, read.starts, read.stops)
        sure, met = find_valid(polygons), cutters.counts > 0
        self.verdicts[numbers[sure & ~met]] = Verdict.KEPT
        self.workshop.write_whole(numbers[sure & ~met])
        self._cut_sure(numbers, polygons, np.flatnonzero(sure & met), cutters)
        rest = np.flatnonzero(self.verdicts[numbers] == Verdict.PENDING)
        if len(rest):
            self._do_shapes(numbers[rest], read.of(rest), cutters.of(rest))

    def _cut_sure(self, numbers: Ints, polygons: Polygons, rows: Ints, cutters: Cutters) -> None:
        """Cut some rows of the block at a glance; those of which not all is sure stay PENDING."""
        if self.operation == "clip":
            rows = rows[cutters.counts[rows] == 1]
        verdicts, pieces = cut_polygons(self.operation, polygons, rows, cutters.of(rows))
        self.verdicts[numbers[rows]] = verdicts
        self.workshop.write_whole(numbers[rows[verdicts == Verdict.KEPT]])
        cut = np.flatnonzero(verdicts == Verdict.CUT)
        self.workshop.write_polygons(numbers[rows[cut]], as_polygons(pieces), cut)

    def _do_shapes(self, numbers: Ints, found: list[bytes | None], cutters: Cutters) -> None:
        """Check and cut rows by their shapes, one by one where nothing else helps."""
        shapes, verdicts, mended = check_shapes(found, numbers, self.on_invalid, self.invalid)
        self.verdicts[numbers] = verdicts
        usable = np.flatnonzero(verdicts == Verdict.PENDING)
        self._cut(numbers[usable], shapes[usable], mended[usable], cutters.of(usable))

    def _cut(self, numbers: Ints, shapes: Shapes, mended: Array, cutters: Cutters) -> None:
        verdicts = np.full(len(numbers), Verdict.KEPT, np.int16)
        pieces: Shapes = np.full(len(numbers), None, np.object_)
        far = np.abs(shapely.bounds(shapes)).max(axis=1, initial=0) > FARTHEST
        verdicts[far & (cutters.counts > 0)] = Verdict.FAILED
        met = np.flatnonzero((cutters.counts > 0) & ~far)
        cut = cut_rows(self.operation, shapes[met], cutters.of(met))
        verdicts[met], pieces[met] = cut.verdicts, cut.pieces
        self.mended += cut.mended
        self.verdicts[numbers] = verdicts
        kept = verdicts == Verdict.KEPT
        pieces[kept & mended] = shapes[kept & mended]
        self.workshop.write_whole(numbers[kept & ~mended])
        new = (verdicts == Verdict.CUT) | (kept & mended)
        self.workshop.write_cut(numbers[new], pieces[new])


def parts_of(chunks: Chunks, group: range, polygons: int) -> Iterator[range]:
    """Yield the places of a group's rows in parts that make a bounded number of pairs with polygons."""
    first, stop = (int(chunks.starts[each]) for each in (group.start, group.stop))
    size = max(1, _MOST_PAIRS // max(1, polygons))
    for start in range(first, stop, size):
        yield range(start, min(stop, start + size))


def block_of(weights: Ints, size: int) -> int:
    """Return how many of the rows to read at once: `size`, fewer if they are heavy, at least one."""
    room = int(np.searchsorted(np.cumsum(weights[:size]), _MOST_BYTES, "right"))
    return max(1, min(room, size, len(weights)))
