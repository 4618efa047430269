"""Who shares a corner or an edge, against libpysal and against drawings."""

from collections.abc import Sequence

import libpysal
import numpy as np
import pytest
import shapely
from numpy.testing import assert_array_equal
from tests.libpysal_examples import example

from geocrew.kernels.arrays import Floats
from geocrew.kernels.contiguity import Outlines, Shared, contiguity_lag, share_corners, share_edges
from geocrew.kernels.lag import Lag

SHARE = {"queen": share_corners, "rook": share_edges}
Ring = Sequence[tuple[float, float]]


def outline(polygons: Sequence[Sequence[Ring]]) -> Outlines:
    """Make outlines of polygons as lists of closed rings."""
    rings = [(owner, ring) for owner, polygon in enumerate(polygons) for ring in polygon]
    corners = np.array([corner for _, ring in rings for corner in ring], dtype=float).reshape(-1, 2)
    return Outlines(
        corners[:, 0].copy(),
        corners[:, 1].copy(),
        np.cumsum([0, *(len(ring) for _, ring in rings)]),
        np.array([owner for owner, _ in rings], dtype=np.int64),
    )


def take_apart(shapes: Floats) -> Outlines:
    return outline(
        [
            [
                [(x, y) for x, y in ring.coords]
                for part in shapely.get_parts(shape)
                for ring in shapely.get_rings(part)
            ]
            for shape in shapes
        ]
    )


def neighbours(shared: Shared, count: int) -> list[list[int]]:
    """List neighbours by what powers of two sum to."""
    powers: Floats = np.ldexp(1.0, np.arange(count))
    found: Lag = contiguity_lag(shared, powers)
    sums = [int(each) - 2**row for row, each in enumerate(found.sums)]
    lists = [[other for other in range(count) if each >> other & 1] for each in sums]
    assert_array_equal(found.counts, [len(each) for each in lists])
    return lists


def square(x: float, y: float, size: float = 1.0) -> Ring:
    return [(x, y), (x + size, y), (x + size, y + size), (x, y + size), (x, y)]


@pytest.mark.parametrize(
    ("name", "queen_links"), [("columbus.shp", 236), ("sids2.shp", 490), ("stl_hom.shp", 406)]
)
@pytest.mark.parametrize("contiguity", SHARE)
def test_as_libpysal(name: str, queen_links: int, contiguity: str) -> None:
    frame = example(name)
    make = {"queen": libpysal.weights.Queen, "rook": libpysal.weights.Rook}[contiguity]
    expected = make.from_dataframe(frame, use_index=False)
    count = len(frame)
    shared = SHARE[contiguity](take_apart(frame.geometry.to_numpy()), count)
    values = np.random.default_rng(1).normal(size=count)
    found = contiguity_lag(shared, values)
    assert_array_equal(found.counts, [expected.cardinalities[row] for row in range(count)])
    sums = [values[row] + values[expected.neighbors[row]].sum() for row in range(count)]
    np.testing.assert_allclose(found.sums, sums, rtol=1e-12, atol=1e-12)
    assert contiguity == "rook" or found.counts.sum() == queen_links


def test_a_chessboard() -> None:
    board = outline([[square(i % 3, i // 3)] for i in range(9)])
    queen, rook = (neighbours(share(board, 9), 9) for share in SHARE.values())
    assert queen[4] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert queen[0] == [1, 3, 4]
    assert rook[4] == [1, 3, 5, 7]
    assert rook[0] == [1, 3]


def test_what_is_shared_is_a_corner_not_a_place() -> None:
    """A corner on the middle of an edge is not the edge's; a hole's ring is as good as a shell's."""
    around = [square(0, 0, 3), [(1, 1), (1, 2), (2, 2), (2, 1), (1, 1)]]
    polygons = [around, [square(1, 1)], [square(3, 1)], [square(9, 9)]]
    for share in SHARE.values():
        assert neighbours(share(outline(polygons), 4), 4) == [[1], [0], [], []]


def test_edges_have_no_direction_and_need_two_corners() -> None:
    one = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]
    same_edge = [(1.0, 0.0), (2.0, 0.0), (1.0, 1.0), (1.0, 0.0)]
    backwards = [(1.0, 1.0), (2.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
    corner = [(1.0, 0.0), (1.0, 0.0), (2.0, -1.0), (1.0, -1.0), (1.0, 0.0)]
    polygons = outline([[one], [same_edge], [backwards], [corner]])
    assert neighbours(share_edges(polygons, 4), 4) == [[1, 2], [0, 2], [0, 1], []]
    assert neighbours(share_corners(polygons, 4), 4)[3] == [0, 1, 2]


def test_corners_that_parts_do_not_connect_make_no_edge() -> None:
    """The last corner of a ring and the first of the next are not neighbours."""
    two = [square(0, 0), square(5, 5)]
    across = [(0.0, 0.0), (5.0, 5.0), (9.0, 0.0), (0.0, 0.0)]
    assert neighbours(share_edges(outline([two, [across]]), 2), 2) == [[], []]


def test_minus_zero_is_zero_and_twins_are_neighbours() -> None:
    minus = [(-0.0, -0.0), (-1.0, 0.0), (0.0, -1.0), (-0.0, -0.0)]
    polygons = outline([[square(0, 0)], [minus], [square(0, 0)]])
    assert neighbours(share_corners(polygons, 3), 3) == [[1, 2], [0, 2], [0, 1]]
    assert neighbours(share_edges(polygons, 3), 3) == [[2], [], [0]]


def test_no_polygons_and_polygons_without_rings() -> None:
    for share in SHARE.values():
        assert neighbours(share(outline([]), 0), 0) == []
        assert neighbours(share(outline([[], [square(0, 0)], []]), 3), 3) == [[], [], []]


def test_order_changes_no_bit() -> None:
    random = np.random.default_rng(2)
    board = [[square(i % 20, i // 20)] for i in range(400)]
    values = random.lognormal(size=400)
    shuffle = random.permutation(400)
    for share in SHARE.values():
        found = contiguity_lag(share(outline(board), 400), values)
        moved = contiguity_lag(share(outline([board[i] for i in shuffle]), 400), values[shuffle])
        assert_array_equal(moved.sums, found.sums[shuffle])
        assert_array_equal(moved.counts, found.counts[shuffle])
