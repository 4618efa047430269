"""Boxes told apart by arithmetic: what is said of them is what GEOS says."""

from typing import Any

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.kernels.test_ring_overlay import stars

from geocrew.analyses.parts.overlay_rings import to_rings
from geocrew.kernels.addresses import write_addresses
from geocrew.kernels.box_pairs import pair_boxes
from geocrew.kernels.box_places import ACROSS, APART, DOUBTFUL, INSIDE, place_boxes
from geocrew.kernels.ring_crossings import Rings

seeds = st.integers(0, 2**32 - 1)


def place(boxes: Any, shapes: Any) -> Any:
    """Every box in every shape, (b, s)."""
    row, chosen = (each.ravel() for each in np.indices((len(boxes), len(shapes))))
    of = Rings(*to_rings(shapes, turned=False))
    return place_boxes(boxes, of, row, chosen).reshape(len(boxes), len(shapes))


def assert_as_geos(places: Any, boxes: Any, shapes: Any) -> None:
    squares = shapely.box(*boxes.T)[:, None]
    meets, covers = shapely.intersects(shapes, squares), shapely.covers(shapes, squares)
    assert not meets[places == APART].any()
    assert covers[places == INSIDE].all()
    assert meets[places == ACROSS].all()
    assert not covers[places == ACROSS].any()


@settings(max_examples=100, deadline=None)
@given(seeds, st.sampled_from([1.0, 1e-7, 1e6]))
def test_boxes_anywhere_are_surely_placed(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 9, (60, 2))
    boxes = np.column_stack((low, low + rng.uniform(0.01, 2, (60, 2)))) * scale
    shapes = np.array(
        [shapely.transform(each, lambda xy: xy * scale) for each in stars(seed, 6)], object
    )
    places = place(boxes, shapes)
    assert (places != DOUBTFUL).all()
    assert_as_geos(places, boxes, shapes)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=2, max_size=8), seeds)
def test_on_a_grid_corners_and_edges_meet(corners: Any, seed: int) -> None:
    boxes = np.array(
        [[min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1] for a, b, c, d in corners], float
    )
    rng = np.random.default_rng(seed)
    triangles = shapely.polygons(rng.integers(0, 7, (5, 3, 2)).astype(float))
    shapes = np.concatenate((shapely.box(*boxes[1:].T), triangles[shapely.is_valid(triangles)]))
    places = place(boxes, shapes)
    assert_as_geos(places, boxes, shapes)


def test_each_place_by_hand() -> None:
    ring = shapely.difference(shapely.box(0, 0, 9, 9), shapely.box(3, 3, 6, 6))
    boxes = np.array(
        [
            [1, 1, 2, 2],
            [4, 4, 5, 5],
            [2, 2, 4, 4],
            [-1, -1, 10, 10],
            [-1, 1, 10, 2],
            [10, 10, 11, 11],
            [0, 0, 1, 1],
            [9, 9, 10, 10],
        ],
        float,
    )
    places = place(boxes, np.array([ring], object))[:, 0]
    assert places.tolist() == [INSIDE, APART, ACROSS, ACROSS, ACROSS, APART, DOUBTFUL, DOUBTFUL]


def test_a_box_across_a_slanted_edge_whose_own_box_it_touches() -> None:
    slanted = np.array([shapely.Polygon([(0, 0), (9, 0), (0, 9)])], object)
    boxes = np.array([[5, 5, 6, 6], [1, 1, 2, 2], [4, 4, 6, 6]], float)
    assert place(boxes, slanted)[:, 0].tolist() == [APART, INSIDE, ACROSS]


def test_a_box_that_is_touched_at_one_place_is_covered_still() -> None:
    notched = np.array([shapely.Polygon([(-1, -1), (5, -1), (2, 1), (5, 3), (-1, 3)])], object)
    assert place(np.array([[0.0, 0.0, 2.0, 2.0]]), notched)[0, 0] == DOUBTFUL


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(0, 40), st.integers(0, 12))
def test_pairs_of_boxes_that_meet(seed: int, count: int, others: int) -> None:
    rng = np.random.default_rng(seed)

    def make(number: int) -> Any:
        low = rng.integers(0, 12, (number, 2)).astype(float)
        return np.column_stack((low, low + rng.integers(0, 4, (number, 2))))

    boxes, other = make(count), make(others)
    chunk = np.sort(rng.integers(0, 5, count))
    chunks = np.full((5, 4), np.nan)
    for each in np.unique(chunk):
        mine = boxes[chunk == each]
        chunks[each] = [*mine[:, :2].min(axis=0), *mine[:, 2:].max(axis=0)]
    one, two = pair_boxes(boxes, chunk, chunks, other)
    meets = (boxes[:, None, :2] <= other[:, 2:]).all(axis=2) & (boxes[:, None, 2:] >= other[:, :2]).all(
        axis=2
    )
    assert np.column_stack((one, two)).tolist() == np.argwhere(meets).tolist()


def test_addresses_are_written_as_postgresql_reads_them() -> None:
    blocks, places = np.array([0, 9, 10, 4294967295]), np.array([1, 65535, 10, 291])
    text = write_addresses(blocks, places).tobytes().decode()
    assert text == '{"(0,1)","(9,65535)","(10,10)","(4294967295,291)"}'
    assert write_addresses(blocks[:0], places[:0]).tobytes() == b"{}"
