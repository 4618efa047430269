"""What a block leaves in each overview, also where it begins at an odd cell of that."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from geocrew.datasets.raster_scratch import Frame, Scratch

Array = npt.NDArray[np.int64]
Window = tuple[tuple[int, int], tuple[int, int]]


@dataclass
class Level:
    """Takes cells and masks as rasterio's datasets do."""

    cells: Array
    mask: npt.NDArray[np.bool_]

    def write(self, cells: Array, window: Window) -> None:
        (top, bottom), (left, right) = window
        assert cells[0].shape == self.mask[top:bottom, left:right].shape
        self.cells[:, top:bottom, left:right] += cells

    def write_mask(self, mask: npt.NDArray[np.bool_], window: Window) -> None:
        (top, bottom), (left, right) = window
        self.mask[top:bottom, left:right] += mask


@pytest.mark.parametrize("block", [1, 3, 4])
def test_every_cell_is_written_once_where_it_belongs(block: int) -> None:
    height, width = 13, 22
    cells = np.arange(1, 1 + 2 * height * width).reshape(2, height, width)
    mask = cells[0] % 7 > 3
    shapes = [(-(-height >> number), -(-width >> number)) for number in range(5)]
    levels = [Level(np.zeros((2, *shape), int), np.zeros(shape, bool)) for shape in shapes]
    for row in range(0, height, block):
        for column in range(0, width, block):
            part = (slice(row, row + block), slice(column, column + block))
            here = mask[part]
            Scratch(levels).write(cells[:, *part], here, Frame(column, row, *here.shape[::-1]))
    for number, level in enumerate(levels):
        assert np.array_equal(level.cells, cells[:, :: 1 << number, :: 1 << number])
        assert np.array_equal(level.mask, mask[:: 1 << number, :: 1 << number])
