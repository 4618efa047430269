"""The nearest points and shapes of one set to each of another, against all pairs, however they tie."""

from collections.abc import Callable

import numpy as np
import pytest
import shapely
from numpy.testing import assert_allclose, assert_array_equal

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.join import along_curve, find_nearest, plant_orchard
from geocrew.kernels.join_edges import find_nearest_shapes, plant_edges

RNG = np.random.default_rng(3)


def all_pairs(points: Floats, others: Floats, k: int, reach: float) -> tuple[Ints, Floats]:
    with np.errstate(over="ignore", under="ignore"):
        dx, dy = (axis[:, None] - other for axis, other in zip(points, others, strict=True))
        away = np.sqrt(dx * dx + dy * dy)
    order = np.argsort(away, axis=1, kind="stable")[:, :k]
    away = np.take_along_axis(away, order, axis=1)
    beyond = away > reach
    ranks, distances = np.full((points.shape[1], k), -1), np.full((points.shape[1], k), np.inf)
    ranks[:, : order.shape[1]] = np.where(beyond, -1, order)
    distances[:, : order.shape[1]] = np.where(beyond, np.inf, away)
    return ranks, distances


SPREADS: dict[str, Callable[[int], Floats]] = {
    "grid with ties": lambda n: RNG.integers(0, 12, (2, n)).astype(float),
    "even": lambda n: RNG.random((2, n)),
    "clusters": lambda n: RNG.random((2, 5))[:, RNG.integers(0, 5, n)] + RNG.normal(0, 1e-6, (2, n)),
    "one spot": lambda n: np.full((2, n), 3.3),
    "on a line": lambda n: np.stack((RNG.random(n) * 1e5, np.zeros(n))),
    "far out": lambda n: RNG.choice([-1e300, 1e-300, 0.0, 1e300], (2, n)),
}


@pytest.mark.parametrize("k", [1, 2, 9])
@pytest.mark.parametrize("reach", [np.inf, 2**0.5, 0.01])
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("count", [1, 3, 700])
def test_points(spread: str, k: int, reach: float, count: int) -> None:
    others, points = SPREADS[spread](count), SPREADS[spread](200)
    points = points[:, along_curve(points[0], points[1])]
    found = find_nearest(plant_orchard(others[0], others[1]), points[0], points[1], k, reach)
    ranks, distances = all_pairs(points, others, k, reach)
    assert_array_equal(found.ranks, ranks)
    assert_array_equal(found.distances, distances)


def test_the_order_of_points_changes_nothing() -> None:
    others, points = SPREADS["grid with ties"](500), SPREADS["grid with ties"](300)
    orchard = plant_orchard(others[0], others[1])
    there = find_nearest(orchard, points[0], points[1], 3, np.inf)
    back = find_nearest(orchard, points[0, ::-1].copy(), points[1, ::-1].copy(), 3, np.inf)
    assert_array_equal(there.ranks, back.ranks[::-1])


def lines_of(shapes: list[shapely.Geometry]) -> tuple[Floats, Ints, Ints]:
    sizes = shapely.get_num_coordinates(shapes)
    places = shapely.get_coordinates(shapes)
    return places, np.concatenate(([0], np.cumsum(sizes))), np.arange(len(shapes))


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("reach", [np.inf, 0.05])
def test_shapes(k: int, reach: float) -> None:
    middles = RNG.random((60, 2))
    # 5 to 37 vertices: runs of 16 edges that are full, not full, and just begun.
    shapes = [
        shapely.Point(each).buffer(RNG.uniform(0, 0.1), quad_segs=1 + at % 9).exterior
        for at, each in enumerate(middles)
    ]
    shapes.append(shapely.LineString([(0.5, 0.5), (0.5, 0.5), (0.6, 0.5)]))
    points = RNG.random((2, 400))
    points = points[:, along_curve(points[0], points[1])]
    found = find_nearest_shapes(plant_edges(*lines_of(shapes)), points[0], points[1], k, reach, 1e-12)
    away = shapely.distance(shapely.points(*points)[:, None], np.array(shapes))
    order = np.argsort(away, axis=1, kind="stable")[:, :k]
    expected = np.take_along_axis(away, order, axis=1)
    assert_array_equal(found.ranks[:, :k], np.where(expected <= reach, order, -1))
    within = expected <= reach
    assert_allclose(found.distances[:, :k][within], expected[within], rtol=1e-12, atol=1e-15)


def test_a_shape_as_near_as_the_last_is_told() -> None:
    """The second is 1e-9 farther: beyond a noise of 1e-10, within one of 1e-8."""
    shapes = [
        shapely.LineString([(1, -1), (1, 1)]),
        shapely.LineString([(-1 - 1e-9, -1), (-1 - 1e-9, 1)]),
    ]
    edges = plant_edges(*lines_of(shapes))
    zero = np.zeros(1)
    assert find_nearest_shapes(edges, zero, zero, 1, np.inf, 1e-10).distances[0, 1] > 1 + 1e-10
    near = find_nearest_shapes(edges, zero, zero, 1, np.inf, 1e-8)
    assert near.ranks.tolist() == [[0, 1]]
