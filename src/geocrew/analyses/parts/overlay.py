"""Features cut by a mask: decided chunk by chunk, most rows by one look at their chunk's box.

Rows are gathered in chunks of about 60 that lie together. The mask is brought to each chunk's size in
this process; the rows of a chunk are then cut by PostgreSQL, which compares each with a mask that stays
prepared. What is too large for a statement that can be stopped, or what GEOS refuses there, is cut here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_ladder import Operation, Verdict, overlay_one
from geocrew.analyses.parts.overlay_mask import Mask, mask_of_chunks
from geocrew.analyses.parts.overlay_points import GROUP, find_covered
from geocrew.analyses.parts.overlay_rows import HEAVY, Chunks, Rows, gather
from geocrew.analyses.parts.overlay_workshop import Workshop
from geocrew.analysis import Context
from geocrew.datasets.arrays import Array
from geocrew.datasets.compose import Expression
from geocrew.datasets.features import Features

# A statement's worth of rows: about half a second, so that progress moves and cancel is heard.
_GROUP_ROWS = 3_000


@dataclass(frozen=True)
class Overlaid:
    """What became of the rows: `verdicts` (n,), and how many were mended or snapped to be cut.

    The staged tables `cuts` and `remains` hold the shapes and the addresses of the rows that remain.
    """

    verdicts: Array
    mended: int
    tables: Mapping[str, Expression]

    def count(self, *verdicts: int) -> int:
        """Count the rows of some verdicts."""
        return int(np.isin(self.verdicts, verdicts).sum())


def overlay(
    operation: Operation, context: Context, features: Features, rows: Rows, mask: Mask
) -> Overlaid:
    """Decide every row, and cut those that need it."""
    workshop = Workshop(operation, context.connection, context.staging, features, rows)
    numbers = np.flatnonzero(~rows.hollow)
    verdicts, mended = np.full(len(rows.row), Verdict.EMPTY, np.int16), 0

    def show(share: float) -> None:
        context.progress(0.2 + 0.6 * share, "cutting")

    if features.geometry.type == "Point":
        inside, outside = _sides(operation)
        covered = find_covered(rows, gather(rows, numbers, GROUP), mask, show)
        verdicts[numbers] = np.where(covered[numbers], inside, outside)
    else:
        chunks = gather(rows, numbers)
        cutting = _Cutting(operation, workshop, chunks, verdicts)
        for group in chunks.groups(_GROUP_ROWS):
            boxes = chunks.boxes[group.start : group.stop]
            masks = dict(zip(group, mask_of_chunks(mask, boxes), strict=True))
            mended += cutting.cut(masks)
            show(int(chunks.starts[group.stop]) / len(numbers))
    workshop.write_remains(np.flatnonzero(np.isin(verdicts, (Verdict.KEPT, Verdict.CUT))))
    return Overlaid(verdicts, mended, workshop.tables)


def _sides(operation: Operation) -> tuple[int, int]:
    """Return the verdict of what is wholly inside the mask, and of what is wholly outside."""
    if operation == "clip":
        return Verdict.KEPT, Verdict.OUTSIDE
    return Verdict.OUTSIDE, Verdict.KEPT


@dataclass(frozen=True)
class _Cutting:
    """Lines and polygons, group by group; writes into `verdicts`."""

    operation: Operation
    workshop: Workshop
    chunks: Chunks
    verdicts: Array

    def cut(self, masks: Mapping[int, Any]) -> int:
        """Decide the rows of a group's chunks; return how many were mended or snapped for it."""
        masks = self._undecided(masks)
        if not masks:
            return 0
        numbers = np.concatenate([self.chunks.of(chunk) for chunk in masks])
        chunk_of = np.repeat(list(masks), [len(self.chunks.of(chunk)) for chunk in masks])
        self.workshop.start_group(numbers, chunk_of)
        light = {chunk: mask for chunk, mask in masks.items() if self._is_light(chunk, mask)}
        decided = self.workshop.cut(light) if light else None
        if decided is not None:
            self.verdicts[decided[0]] = decided[1]
        left = {
            int(number): masks[chunk]
            for number, chunk in zip(numbers, chunk_of, strict=True)
            if self.verdicts[number] == Verdict.PENDING
        }
        return self._cut_here(left) if left else 0

    def _undecided(self, masks: Mapping[int, Any]) -> dict[int, Any]:
        """Decide the rows of chunks that lie wholly inside or outside; return the masks of others."""
        inside, outside = _sides(self.operation)
        undecided = {}
        for chunk, mask in masks.items():
            if mask is None:
                verdict = outside
            elif shapely.covers(mask, shapely.box(*self.chunks.boxes[chunk])):
                verdict = inside
            else:
                verdict = Verdict.PENDING
                undecided[chunk] = mask
            self.verdicts[self.chunks.of(chunk)] = verdict
        return undecided

    def _is_light(self, chunk: int, mask: Any) -> bool:
        return not self.chunks.heavy[chunk] and int(shapely.get_num_coordinates(mask)) < HEAVY

    def _cut_here(self, masks: Mapping[int, Any]) -> int:
        """Cut rows, given with their masks, in this process; return how many were mended or snapped."""
        mended, cuts = 0, []
        for number, shape in self.workshop.read_shapes(masks):
            outcome = overlay_one(self.operation, shape, masks[number])
            self.verdicts[number] = outcome.verdict
            mended += outcome.rung > 0 and outcome.verdict != Verdict.FAILED
            if outcome.shape is not None:
                cuts.append((number, outcome.shape))
        self.workshop.write_cuts(cuts)
        return mended
