"""Polygons cut at a glance: what is not given up is what GEOS says, and little is given up."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrew.analyses.parts.overlay_rings import cut_rings, to_rings, to_shapes
from geocrew.kernels.ring_overlay import CUT, GIVEN_UP, NOTHING, WHOLE
from geocrew.kernels.signs import sign, turn

seeds = st.integers(0, 2**32 - 1)
GEOS: dict[Any, Any] = {"clip": shapely.intersection, "erase": shapely.difference}
OPERATIONS = pytest.mark.parametrize("operation", ["clip", "erase"])


def cut_one(operation: Any, whole: Any, cutters: Any) -> tuple[int, Any]:
    cutters = np.array(cutters, object)
    wholes = to_rings(np.array([whole], object), turned=False)
    blades = to_rings(cutters, turned=operation == "erase")
    chosen, starts = np.arange(len(cutters)), np.array([0, len(cutters)])
    pieces = cut_rings(operation, wholes, blades, np.arange(1), chosen, starts)
    return int(pieces.status[0]), to_shapes(pieces)[0]


def stars(seed: int, count: int, reach: float = 3.0, corners: int = 24) -> Any:
    """Polygons, every second with a hole, every third of two parts, over each other."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    made = []
    for number in range(count):
        around = np.column_stack((np.cos(angle), np.sin(angle)))
        middle = rng.uniform(2, 8, 2)
        outer = middle + around * rng.uniform(0.5, 1, (corners, 1)) * reach
        holes = [middle + around[::3] * 0.4 * reach * rng.uniform(0.5, 1)] if number % 2 else []
        shape: Any = shapely.Polygon(outer, holes)
        if number % 3 == 1:
            shape = shapely.MultiPolygon([shape, shapely.box(*(middle + 4), *(middle + 4.5))])
        made.append(shape)
    return np.array(made, object)


def count_rings(shape: Any) -> int:
    return len(shapely.get_rings(shapely.get_parts(shape)))


def assert_as_geos(operation: Any, whole: Any, cutters: Any) -> int:
    status, made = cut_one(operation, whole, cutters)
    expected = GEOS[operation](whole, shapely.union_all(cutters))
    if status == NOTHING:
        assert expected.area <= 1e-12 * whole.area
    elif status == WHOLE:
        assert expected.area == pytest.approx(whole.area, rel=1e-12)
    elif status == CUT:
        assert made.is_valid
        assert shapely.symmetric_difference(made, expected).area <= 1e-12 * whole.area
        assert count_rings(made) == count_rings(expected)
    return status


@OPERATIONS
@settings(max_examples=300, deadline=None)
@given(seeds, st.integers(1, 5), st.sampled_from([1.0, 1e-7, 1e6]))
def test_any_polygons(operation: Any, seed: int, count: int, scale: float) -> None:
    """In general position everything is sure."""
    shapes = [shapely.transform(each, lambda xy: xy * scale) for each in stars(seed, count + 1)]
    cutters = shapes[1 : 2 if operation == "clip" else None]
    assert assert_as_geos(operation, shapes[0], cutters) != GIVEN_UP


@OPERATIONS
@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=2, max_size=4), st.booleans())
def test_on_a_grid_corners_and_edges_meet(operation: Any, corners: Any, slanted: bool) -> None:
    boxes = [shapely.box(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for a, b, c, d in corners]
    if slanted:
        boxes = [shapely.transform(each, lambda xy: xy @ [[0.1, 0.7], [0.3, -0.2]]) for each in boxes]
    assert_as_geos(operation, boxes[0], boxes[1 : 2 if operation == "clip" else None])


BOX = shapely.box(0, 0, 4, 4)
INNER, ACROSS = shapely.box(1, 1, 2, 2), shapely.box(1, -1, 2, 5)
OVER = shapely.box(1.5, 1.5, 3, 3)
# An island in a hole: what is cut out of it is a hole of the island's, not of what is around.
NESTED = shapely.MultiPolygon(
    [shapely.box(0, 0, 10, 10) - shapely.box(2, 2, 8, 8), shapely.box(3, 3, 7, 7)]
)
SLANT = np.array([[0.8, 0.6], [-0.6, 0.8]])
SLANTED = shapely.transform(BOX, lambda xy: xy @ SLANT)
# Its edge surely crosses one of SLANTED, but where is not told by 1e-11 of its length.
NEARLY_ALONG = shapely.Polygon([(-1, -1), (4 - 1e-13, -1), (4 + 1e-13, 5), (-1, 5)] @ SLANT)


@pytest.mark.parametrize(
    ("operation", "whole", "cutters", "status", "area", "rings"),
    [
        ("erase", BOX, [INNER], CUT, 15, 2),
        ("erase", BOX, [INNER, OVER], CUT, 13, 2),
        ("erase", BOX, [ACROSS], CUT, 12, 2),
        ("erase", BOX, [shapely.box(-1, -1, 5, 5)], NOTHING, None, 0),
        ("erase", BOX, [shapely.box(5, 5, 6, 6)], WHOLE, None, 0),
        ("erase", BOX, [shapely.box(0, 1, 2, 2)], GIVEN_UP, None, 0),
        ("erase", BOX, [BOX], GIVEN_UP, None, 0),
        ("erase", NESTED, [shapely.box(4, 4, 5, 5)], CUT, 79, 4),
        ("erase", BOX, [shapely.box(-1, -1, 3, 5), shapely.box(2, -2, 6, 6)], NOTHING, None, 0),
        ("erase", SLANTED, [NEARLY_ALONG], GIVEN_UP, None, 0),
        ("clip", SLANTED, [NEARLY_ALONG], GIVEN_UP, None, 0),
        ("clip", BOX, [INNER], CUT, 1, 1),
        ("clip", NESTED, [shapely.box(2.5, 2.5, 7.5, 7.5)], CUT, 16, 1),
        ("clip", BOX, [shapely.difference(shapely.box(-1, -1, 9, 9), INNER)], CUT, 15, 2),
        ("clip", BOX, [shapely.box(-1, -1, 5, 5)], WHOLE, None, 0),
        ("clip", BOX, [shapely.box(5, 5, 6, 6)], NOTHING, None, 0),
        ("clip", shapely.box(1, 0, 1, 4), [BOX], GIVEN_UP, None, 0),
    ],
)
def test_by_hand(operation: Any, whole: Any, cutters: Any, status: int, area: Any, rings: int) -> None:
    found, made = cut_one(operation, whole, cutters)
    assert found == status
    if area is not None:
        assert made.area == pytest.approx(area)
        for part in shapely.get_parts(made):  # turned as GEOS turns what it cuts
            assert not part.exterior.is_ccw
            assert all(hole.is_ccw for hole in part.interiors)
        assert count_rings(made) == rings
        assert made.is_valid


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_a_crossing_is_one_place_from_both_sides(seed: int) -> None:
    """Neighbours share an edge; cut by the same shape they share its crossings to the bit."""
    rng = np.random.default_rng(seed)
    (blade,) = stars(seed, 1)
    bottom, top = rng.uniform(4, 6, 2)
    left = shapely.Polygon([(-9, -9), (bottom, -9), (top, 19), (-9, 19)])
    right = shapely.Polygon([(bottom, -9), (19, -9), (19, 19), (top, 19)])
    given = set(map(tuple, shapely.get_coordinates([blade, left, right]).tolist()))
    made = [cut_one("clip", each, [blade])[1] for each in (left, right)]
    new = [set(map(tuple, shapely.get_coordinates([each]).tolist())) - given for each in made if each]
    assert len(new) < 2 or new[0] == new[1]
    inside = cut_one("clip", left, [blade])[1]
    rest = cut_one("erase", left, [blade])[1]
    if inside is not None and rest is not None:
        assert inside.area + rest.area == pytest.approx(left.area, rel=1e-13)


def test_many_rows_at_once_are_each_its_own() -> None:
    """Rows with more corners than one block of memory holds, cut by none, one or several."""
    wholes, blades = stars(5, 400, corners=90), stars(6, 60, reach=2.0, corners=90)
    rng = np.random.default_rng(7)
    counts = rng.integers(0, 4, 400)
    starts = np.concatenate(([0], np.cumsum(counts)))
    # Rings that meet no edge of the row's come in the order of the cutters.
    chosen = np.concatenate([np.sort(rng.choice(60, count, replace=False)) for count in counts])
    rings = to_rings(wholes, turned=False)
    pieces = cut_rings("erase", rings, to_rings(blades, turned=True), np.arange(400), chosen, starts)
    status, made = pieces.status, to_shapes(pieces)
    assert np.bincount(status, minlength=4)[CUT] > 150
    for row in range(0, 400, 7):
        alone = cut_one("erase", wholes[row], blades[chosen[starts[row] : starts[row + 1]]])
        assert alone[0] == status[row]
        assert (alone[1] is None and made[row] is None) or alone[1].wkb == made[row].wkb
    assert (status[counts == 0] == WHOLE).all()


def test_too_much_is_left_to_geos() -> None:
    (one, other) = stars(1, 2, corners=6000)
    assert cut_one("erase", one, [other]) == (GIVEN_UP, None)


@pytest.mark.parametrize(("scale", "off"), [(1.0, 0.0), (2.0**-535, 1e-3)])
def test_a_sign_that_is_told_is_exact(scale: float, off: float) -> None:
    """Corners on a line but for their last digits: in the small, products have but a few."""
    rng = np.random.default_rng(3)
    for _ in range(1000):
        a, b = rng.uniform(0, 10, (2, 2))
        c = a + rng.uniform() * (b - a) + rng.normal(0, 1, 2) * off
        x, y = np.array([a, b, c]).T * scale
        (ax, ay), (bx, by), (cx, cy) = (
            (Fraction(float(east)), Fraction(float(north))) for east, north in zip(x, y, strict=True)
        )
        exact = (ax - cx) * (by - cy) - (ay - cy) * (bx - cx)
        assert sign(*turn(x[0], y[0], x[1], y[1], x[2], y[2])) in (0, (exact > 0) - (exact < 0))
    assert sign(*turn(0.0, 0.0, 4.0, 0.0, 1.0, 1.0)) == 1
    assert sign(*turn(0.0, 0.0, 4.0, 0.0, 1.0, -1.0)) == -1
