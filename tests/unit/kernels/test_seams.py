"""The union of a coverage, cut into clusters and tiles: GEOS's union of the whole, corner by corner."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrew.kernels import seams
from geocrew.kernels.edges import outline
from geocrew.kernels.seams import unite_coverage


def cells(places: Any) -> Any:
    """Unit squares with a corner more on two sides, that share edges to the bit."""
    x, y = np.asarray(places, float).reshape(-1, 2).T
    steps = [(0, 0), (0.5, 0.1), (1, 0), (1, 1), (0.5, 1.1), (0, 1)]
    corners = np.stack([np.stack((x + dx, y + dy), -1) for dx, dy in steps], 1)
    return shapely.polygons(corners)


def spelled(shape: Any) -> Any:
    """One spelling of a shape, whatever its type: corners stay where they are."""
    parts = shapely.get_parts(shape)
    return shapely.to_wkb(shapely.normalize(shapely.multipolygons(parts)))


def board(side: int, seed: int, share: float) -> Any:
    places = np.argwhere(np.random.default_rng(seed).random((side, side)) < share)
    return cells(places)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("tile", [16, 1024])
def test_the_whole_is_its_parts(monkeypatch: pytest.MonkeyPatch, share: float, tile: int) -> None:
    monkeypatch.setattr(seams, "_TILE", tile)
    monkeypatch.setattr(seams, "_FEW", 2)
    shapes = board(20, 3, share)
    assert spelled(unite_coverage(shapes)) == spelled(shapely.coverage_union_all(shapes))


places = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30, unique=True)


@settings(max_examples=200, deadline=None)
@given(places)
def test_any_cells(drawn: list[tuple[int, int]]) -> None:
    shapes = cells(drawn)
    whole = spelled(shapely.coverage_union_all(shapes))
    assert spelled(unite_coverage(shapes)) == whole
    plain = outline(shapes)
    assert plain is None or spelled(plain) == whole


def test_an_outline_is_made_where_it_is_plain() -> None:
    assert outline(cells([(0, 0), (1, 0), (1, 1), (5, 5)])) is not None
    turned = shapely.reverse(cells([(0, 0), (1, 0)]))
    assert spelled(outline(turned)) == spelled(outline(cells([(0, 0), (1, 0)])))
    mixed = np.concatenate((cells([(0, 0)]), shapely.reverse(cells([(1, 0)]))))
    assert spelled(outline(mixed)) == spelled(outline(turned))


def test_an_outline_is_not_guessed() -> None:
    ring = [(x, y) for x in range(3) for y in range(3) if (x, y) != (1, 1)]
    assert outline(cells(ring)) is None  # a hole
    assert outline(cells([(0, 0), (1, 1)])) is None  # a corner in common
    assert outline(cells([(0, 0), (0, 0)])) is None  # twice
    holed = shapely.box(0, 0, 9, 9).difference(shapely.box(3, 3, 4, 4))
    assert outline(np.array([holed], object)) is None
    assert outline(np.array([shapely.multipolygons(cells([(0, 0), (5, 5)]))], object)) is None
    assert (
        outline(np.array([shapely.from_wkt("POLYGON Z((0 0 1, 1 0 2, 1 1 3, 0 0 1))")], object)) is None
    )


def test_minus_zero_is_zero() -> None:
    left = shapely.polygons([(-1, 0), (-0.0, 0), (-0.0, 1), (-1, 1)])
    right = shapely.polygons([(0.0, -0.0), (1, 0), (1, 1), (0.0, 1)])
    united = outline(np.array([left, right], object))
    assert shapely.get_num_geometries(united) == 1
    assert shapely.area(united) == 2


def test_clusters_are_not_searched_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every box touches every other, all are one cluster."""
    monkeypatch.setattr(seams, "_FEW", 2)
    steps = np.arange(200.0)
    slant = shapely.polygons(
        np.stack([np.stack((steps + a, -steps * 0 + b + steps * 0), -1) for a, b in
                  [(0, 0), (1, 0), (1001, 1000), (1000, 1000)]], 1)
    )  # fmt: skip
    monkeypatch.setattr(seams, "_MOST_TOUCHING", 10)
    assert set(seams._label(slant)) == {0}
    assert spelled(unite_coverage(slant)) == spelled(shapely.coverage_union_all(slant))


def test_progress_grows_to_one() -> None:
    told: list[float] = []
    unite_coverage(board(60, 1, 1.0), told.append)
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == 1


def test_the_search_for_clusters_takes_little_memory() -> None:
    """Where every box touches every other: 16,000 squares on one spot took 2 GB."""
    squares = cells(np.zeros((3000, 2)))
    tracemalloc.start()
    try:
        assert set(seams._label(squares)) == {0}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000 * len(squares)
