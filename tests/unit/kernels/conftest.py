"""Published reference tables, copied to tests/reference (see SOURCES.md there)."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

REFERENCE = Path(__file__).parents[2] / "reference"

Neighbours = tuple[NDArray[np.int64], NDArray[np.int64]]


@pytest.fixture(scope="session")
def column() -> Callable[[str, str], NDArray[np.float64]]:
    """One numeric column of a reference table."""

    def read(table: str, name: str) -> NDArray[np.float64]:
        with (REFERENCE / table).open() as lines:
            return np.array([float(row[name]) for row in csv.DictReader(lines)])

    return read


@pytest.fixture(scope="session")
def neighbours() -> Callable[[str], Neighbours]:
    """Offsets and indices of a neighbour list: a line for each row, its number first, from 1."""

    def read(table: str) -> Neighbours:
        lines = (REFERENCE / table).read_text().splitlines()
        lists = [[int(word) - 1 for word in line.split()] for line in lines]
        assert [row[0] for row in lists] == list(range(len(lists)))
        offsets = np.cumsum([0, *(len(row) - 1 for row in lists)])
        return offsets, np.array([other for row in lists for other in row[1:]])

    return read
