"""The union of shapes that fit together, and of those that only nearly do."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrew.kernels import coverage
from geocrew.kernels.coverage import unite

ONE = shapely.box(0, 0, 1, 1)
RIGHT = shapely.box(1, 0, 2, 1)


def array(*shapes: Any) -> Any:
    return np.array(shapes, object)


def is_right(shapes: Any, union: Any) -> bool:
    """Compare with GEOS's overlay, which takes nothing for granted."""
    expected = shapely.union_all(shapes)
    apart = shapely.area(shapely.symmetric_difference(expected, union))
    return bool(apart <= 1e-9 * shapely.area(expected)) and bool(shapely.is_valid(union))


def test_neighbours_lose_their_common_edge() -> None:
    united = unite(array(ONE, RIGHT), 2)
    assert united is not None
    assert united.way == "coverage"
    assert shapely.equals_identical(
        shapely.normalize(united.shape),
        shapely.normalize(
            shapely.multipolygons([shapely.from_wkt("POLYGON((0 0,1 0,2 0,2 1,1 1,0 1,0 0))")])
        ),
    )


TOUCHING = {
    "apart": (ONE, shapely.box(5, 5, 6, 6)),
    "corner": (ONE, shapely.box(1, 1, 2, 2)),
    "hole filled": (
        shapely.box(0, 0, 3, 3).difference(shapely.box(1, 1, 2, 2)),
        shapely.box(1, 1, 2, 2),
    ),
    "ring around nothing": tuple(
        shapely.box(x, y, x + 1, y + 1) for x in range(3) for y in range(3) if (x, y) != (1, 1)
    ),
    "multi": (shapely.multipolygons([ONE, shapely.box(5, 5, 6, 6)]), RIGHT),
    "alone": (ONE,),
}
MISFITS = {
    "overlap": (ONE, shapely.box(0.5, 0, 2, 1)),
    "tiny overlap": (ONE, shapely.box(1 - 1e-9, 0, 2, 1)),
    "inside": (shapely.box(0, 0, 3, 3), shapely.box(1, 1, 2, 2)),
    "twice": (ONE, ONE),
    "twice, beside another": (ONE, ONE, shapely.box(5, 5, 6, 6)),
    "twice, beside one so large that nobody misses them": (
        shapely.box(0, 0, 1e6, 1e6),
        *[shapely.box(2e6, 0, 2e6 + 1, 1)] * 2,
    ),
    "inside a large one, at a corner of it": (
        shapely.from_wkt("POLYGON((0 0,1 0,1e6 0,1e6 1e6,0 1e6,0 1,0 0))"),
        ONE,
    ),
    "overlap with a corner where edges cross, beside a large one": (
        shapely.from_wkt("POLYGON((0 0,2 0,2 1,2 2,1 2,0 2,0 0))"),
        shapely.from_wkt("POLYGON((1 1,2 1,3 1,3 3,1 3,1 2,1 1))"),
        shapely.box(2e6, 0, 3e6, 1e6),
    ),
    "crossed": (shapely.box(0, 1, 3, 2), shapely.box(1, 0, 2, 3)),
    "t-junction": (ONE, shapely.box(1, 0, 2, 0.5), shapely.box(1, 0.5, 2, 1)),
    "longer edge": (ONE, shapely.box(1, -1, 2, 2)),
    "overlap hidden by a gap": (
        shapely.box(0, 0, 2, 1),
        shapely.box(1, 0, 3, 1),
        shapely.box(9, 0, 10, 1),
    ),
}


@pytest.mark.parametrize("name", TOUCHING)
def test_what_fits_is_taken_for_a_coverage(name: str) -> None:
    shapes = array(*TOUCHING[name])
    united = unite(shapes, 2)
    assert united is not None
    assert united.way == "coverage"
    assert is_right(shapes, united.shape)


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_refused_by_the_gate_and_right(name: str) -> None:
    shapes = array(*MISFITS[name])
    united = unite(shapes, 2)
    assert united is not None
    assert united.way == "overlay"
    assert is_right(shapes, united.shape)


cell = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 3), st.integers(1, 3))
nudge = st.sampled_from([0.0, 0.0, 0.0, 1e-9, -1e-9, 0.5])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(cell, nudge), min_size=1, max_size=9))
def test_boxes_at_random(drawn: list[tuple[tuple[int, int, int, int], float]]) -> None:
    shapes = array(*(shapely.box(x + d, y, x + w + d, y + h) for (x, y, w, h), d in drawn))
    united = unite(shapes, 2)
    assert united is not None
    assert is_right(shapes, united.shape)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), min_size=4, max_size=12, unique=True))
def test_triangulations_are_coverages(points: list[tuple[float, float]]) -> None:
    shapes = shapely.get_parts(shapely.delaunay_triangles(shapely.multipoints(points)))
    shapes = shapes[shapely.area(shapes) > 1e-3]
    if len(shapes):
        united = unite(shapes, 2)
        assert united is not None
        assert is_right(shapes, united.shape)
        assert np.isclose(shapely.area(united.shape), shapely.area(shapes).sum(), rtol=1e-9)


def test_points_and_lines() -> None:
    points = unite(shapely.points([[1, 1], [0, 0], [1, 1]]), 0)
    assert points is not None
    assert shapely.to_wkt(shapely.normalize(points.shape), trim=True) == "MULTIPOINT ((1 1), (0 0))"
    crossing = shapely.from_wkt(["LINESTRING(0 0, 2 2)", "LINESTRING(0 2, 2 0)"])
    lines = unite(crossing, 1)
    assert lines is not None
    assert shapely.get_num_geometries(lines.shape) == 4
    assert lines.way == "overlay"


def test_z_is_kept() -> None:
    shapes = shapely.from_wkt(
        ["POLYGON Z((0 0 5,1 0 6,1 1 7,0 1 8,0 0 5))", "POLYGON Z((1 0 6,2 0 1,2 1 2,1 1 7,1 0 6))"]
    )
    united = unite(shapes, 2)
    assert united is not None
    z = shapely.get_coordinates(united.shape, include_z=True)
    assert {tuple(each) for each in z} == {
        (0, 0, 5), (1, 0, 6), (1, 1, 7), (0, 1, 8), (2, 0, 1), (2, 1, 2),
    }  # fmt: skip


def test_an_invalid_shape_climbs_to_repair() -> None:
    bow_tie = shapely.from_wkt("POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))")
    united = unite(array(bow_tie, shapely.box(5, 5, 6, 6)), 2)
    assert united is not None
    assert shapely.is_valid(united.shape)
    assert shapely.area(united.shape) == pytest.approx(3.0)


@pytest.mark.parametrize("rungs", [0, 1, 2, 3, 4])
def test_the_ladder_goes_on_where_a_rung_fails(monkeypatch: pytest.MonkeyPatch, rungs: int) -> None:
    def fail(*_: Any) -> Any:
        raise shapely.GEOSException("TopologyException")

    ways = list(coverage._LADDER)
    failing = dict.fromkeys(ways[:rungs], fail)
    monkeypatch.setattr(coverage, "_LADDER", coverage._LADDER | failing)
    shapes = array(ONE, RIGHT)
    united = unite(shapes, 2)
    assert united is not None
    assert united.way == ways[rungs]
    assert is_right(shapes, united.shape)


def test_none_where_all_rungs_fail() -> None:
    assert unite(array(shapely.from_wkt("POLYGON((0 0, 1 0, 2 0, 0 0))")), 2) is None
    assert unite(array(shapely.Polygon()), 2) is None


def test_far_from_the_origin() -> None:
    """Areas are measured from the first vertex, so that large coordinates do not blur the gate."""
    shapes = array(*(shapely.box(1e7 + i, 1e7, 1e7 + i + 1, 1e7 + 1) for i in range(50)))
    united = unite(shapes, 2)
    assert united is not None
    assert united.way == "coverage"
    assert shapely.area(united.shape) == 50


def test_a_union_that_lost_area_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """GEOS of today raises by itself for whatever we could think of; one that does not is caught."""
    monkeypatch.setattr(shapely, "coverage_union_all", lambda shapes, axis: shapes[:, 0])  # noqa: ARG005 (as shapely names it)
    united = unite(array(ONE, RIGHT), 2)
    assert united is not None
    assert united.way == "overlay"
    assert shapely.area(united.shape) == 2
