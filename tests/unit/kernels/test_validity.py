"""Which polygons are valid: what is told at a glance is what GEOS says."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.kernels.test_ewkb import read

from geocrew.kernels.valid_polygons import find_valid
from geocrew.kernels.validity import find_simple, is_valid

VALID = [
    "POLYGON((0 0, 4 0, 4 4, 0 4, 0 0))",
    "POLYGON((0 0, 4 0, 4 0, 4 4, 0 4, 0 0))",  # a corner twice
    "POLYGON((0 0, 2 0, 4 0, 4 4, 0 4, 0 0))",  # a corner on a straight line
    "POLYGON((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))",
    "POLYGON((0 0, 9 0, 9 9, 0 9, 0 0), (0 0, 2 1, 2 2, 1 2, 0 0))",
    "MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))",
    "POLYGON Z((0 0 1, 4 0 2, 4 4 3, 0 0 1))",
    "POLYGON EMPTY",
    "POINT(1 1)",
    "LINESTRING(0 0, 1 1, 0 1, 1 0)",
]
INVALID = [
    "POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))",
    "POLYGON((0 0, 4 0, 4 4, 2 0, 0 4, 0 0))",  # a corner on an edge
    "POLYGON((0 0, 4 0, 2 2, 4 4, 0 4, 2 2, 0 0))",  # a corner twice, far apart
    "POLYGON((0 0, 4 0, 6 0, 4 0, 4 4, 0 4, 0 0))",  # a spike
    "POLYGON((0 0, 6 0, 4 0, 4 4, 0 4, 0 0))",  # a spike at the start
    "POLYGON((0 0, 1 0, 2 0, 0 0))",
    "POLYGON((0 0, 9 0, 9 9, 0 9, 0 0), (8 8, 12 8, 12 12, 8 12, 8 8))",
    "POLYGON((0 0, 9 0, 9 9, 0 9, 0 0), (0 0, 9 0, 9 9, 0 9, 0 0))",
    "MULTIPOLYGON(((0 0, 4 0, 4 4, 0 0)), ((0 0, 4 0, 4 4, 0 0)))",
]


def as_geos_says(shapes: Any) -> list[bool]:
    with np.errstate(invalid="ignore"):
        return list(shapely.is_valid(shapes))


def test_single_cases() -> None:
    shapes = np.array([shapely.from_wkt(each) for each in VALID + INVALID], object)
    assert list(is_valid(shapes)) == as_geos_says(shapes)
    corners = [[(0, 0), (4, 0), (4, bad), (0, 4)] for bad in (np.nan, np.inf, 1e308)]
    with np.errstate(invalid="ignore"):
        nowhere = shapely.polygons(corners)
    assert list(is_valid(nowhere)) == as_geos_says(nowhere) == [False, False, True]
    assert list(is_valid(shapes)) == [True] * len(VALID) + [False] * len(INVALID)
    assert not is_valid(np.array([None], object)).any()
    assert len(is_valid(np.array([], object))) == 0


@pytest.mark.parametrize("scale", [1.0, 1e-160, 1e160, 1e-320])
def test_every_start_and_direction(scale: float) -> None:
    for text in VALID[:3] + INVALID[:6]:
        ring = shapely.get_coordinates(shapely.from_wkt(text))[:-1] * scale
        for shift in range(len(ring)):
            for turned in (ring, ring[::-1]):
                closed = np.roll(turned, shift, axis=0)
                shape = np.array([shapely.Polygon(closed)], object)
                assert list(is_valid(shape)) == as_geos_says(shape), text


grid = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=12)


@settings(max_examples=1500, deadline=None)
@given(grid, st.sampled_from([0.0, 1e-15, 0.1, 1e7]))
def test_any_ring(corners: list[tuple[int, int]], shift: float) -> None:
    """On a small grid corners meet, touch and line up all the time."""
    shape = np.array([shapely.Polygon(np.array(corners, float) / 3 + shift)], object)
    assert list(is_valid(shape)) == as_geos_says(shape)


def test_most_are_told_at_a_glance() -> None:
    """A star of 65 corners, and with two of them swapped."""
    angle = np.linspace(0, 2 * np.pi, 65)
    reach = np.where(np.arange(65) % 2, 1.0, 0.6)
    reach[-1] = reach[0]
    x, y = reach * np.cos(angle), reach * np.sin(angle)
    x[-1], y[-1] = x[0], y[0]
    assert find_simple(x, y, np.array([0, 65])).all()
    x[10], x[12] = x[12], x[10]
    assert not find_simple(x, y, np.array([0, 65])).any()


def test_a_ring_of_many_corners_is_asked_of_geos() -> None:
    circle = np.array([shapely.Point(0, 0).buffer(1, quad_segs=2000)], object)
    assert is_valid(circle).all()


def is_surely_valid(shapes: Any) -> Any:
    return find_valid(read([shapely.to_wkb(each) for each in shapes]))


SQUARES = [shapely.box(*each) for each in [(0, 0, 9, 9), (1, 1, 3, 3), (5, 5, 8, 8), (2, 2, 6, 6)]]
RINGS = [list(each.exterior.coords) for each in SQUARES]


@pytest.mark.parametrize(
    ("shape", "sure"),
    [
        (shapely.Polygon(RINGS[0], RINGS[1:3]), True),
        (shapely.MultiPolygon([SQUARES[1], SQUARES[2]]), True),
        (shapely.MultiPolygon([shapely.Polygon(RINGS[0], [RINGS[3]]), shapely.box(3, 3, 4, 4)]), True),
        (shapely.Polygon(RINGS[0], [RINGS[1], RINGS[3]]), False),  # holes cross
        (shapely.Polygon(RINGS[0], [RINGS[3], list(shapely.box(3, 3, 4, 4).exterior.coords)]), False),
        (shapely.Polygon(RINGS[1], [RINGS[2]]), False),  # a hole outside
        (shapely.Polygon(RINGS[1], [RINGS[0]]), False),  # a hole around
        (shapely.MultiPolygon([SQUARES[0], SQUARES[1]]), False),  # a polygon in another
        (shapely.MultiPolygon([SQUARES[1], SQUARES[0]]), False),
        (shapely.MultiPolygon([SQUARES[1], SQUARES[3]]), False),  # they cross
        (shapely.Polygon(RINGS[0], [[(1, 1), (2, 2), (2, 1), (1, 2), (1, 1)]]), False),
    ],
)
def test_several_rings_by_hand(shape: Any, sure: bool) -> None:
    assert shape.is_valid == sure
    for turned in (shape, shapely.reverse(shape)):
        assert is_surely_valid([turned]).tolist() == [sure]


rings = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 4), st.booleans()),
    min_size=1,
    max_size=4,
)


@settings(max_examples=600, deadline=None)
@given(st.lists(rings, min_size=1, max_size=3), st.sampled_from([0.0, 0.01]))
def test_what_is_sure_of_several_rings_is_what_geos_says(parts: Any, shift: float) -> None:
    """Squares and triangles, the first of a part its shell; shifted each a little they touch no more."""
    polygons, number = [], 0
    for part in parts:
        made = []
        for at, (x, y, size, square) in enumerate(part):
            number += 1
            side = size * (3 if at == 0 else 1)
            corners = [(0, 0), (side, 0), (side, side), (0, side)][: 4 if square else 3]
            made.append(np.array(corners) + (x, y) + np.array([shift, shift * 1.7]) * number)
        polygons.append(shapely.Polygon(made[0], made[1:]))
    shape: Any = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    sure = is_surely_valid([shape])[0]
    assert shape.is_valid or not sure
    assert sure or not shape.is_valid or shift == 0.0


def test_shapes_without_polygons_or_with_too_many_corners_are_not_sure() -> None:
    circle = shapely.Point(0, 0).buffer(1, quad_segs=2000)
    shapes = [shapely.Point(1, 1), SQUARES[0], shapely.Polygon(), circle]
    assert is_surely_valid(shapes).tolist() == [False, True, False, False]
