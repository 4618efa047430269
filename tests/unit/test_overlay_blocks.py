"""How an overlay sizes its blocks, and what its grid says of points: with no database."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrew.analyses.parts import overlay as overlay_module
from geocrew.analyses.parts.block_ranges import next_size
from geocrew.analyses.parts.overlay import block_of, parts_of
from geocrew.analyses.parts.overlay_grid import APART, CROSSED, INSIDE, lay_grid
from geocrew.analyses.parts.overlay_mask import PolygonMask
from geocrew.analyses.parts.overlay_points import find_covered
from geocrew.analyses.parts.overlay_rows import Chunks


def test_blocks_follow_the_clock() -> None:
    size = 500
    for _ in range(20):
        size = next_size(size, size * 0.001)  # a millisecond a row
    assert 200 <= size <= 500
    for _ in range(20):
        size = next_size(size, size * 1e-5)
    assert 20_000 <= size <= 50_000
    assert next_size(1, 100.0) == 1


def test_blocks_are_no_larger_than_memory_allows() -> None:
    light = np.full(1000, 1_000)
    assert block_of(light, 500) == 500
    assert block_of(light[:3], 500) == 3
    heavy = np.full(1000, overlay_module._MOST_BYTES // 4)
    assert block_of(heavy, 500) == 4
    assert block_of(heavy * 100, 500) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([1.0, 1e-6, 1e5]))
def test_cells_agree_with_every_point(seed: int, count: int, scale: float) -> None:
    """What a cell says of its points is what the polygons say, corners and points on edges included."""
    rng = np.random.default_rng(seed)
    middle, reach = rng.uniform(0, 10, (count, 1, 2)), rng.uniform(1, 3, (count, 40, 1))
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    around = np.stack((np.cos(angle), np.sin(angle)), -1)
    polygons = shapely.polygons((middle + around * reach) * scale + 5e5 * (scale == 1.0))
    mask = PolygonMask(shapely.union_all(polygons))
    union = shapely.union_all(polygons)
    corners = shapely.get_coordinates(union)
    west, south, east, north = union.bounds
    spread = rng.uniform((west - scale, south - scale), (east + scale, north + scale), (500, 2))
    places = np.concatenate(
        (
            spread,
            corners,
            (corners[1:] + corners[:-1]) / 2,
        )
    )
    grid = lay_grid(mask)
    assert grid is not None
    west, south, east, north = grid.box
    ends = np.array(
        [[west, south], [east, south], [east, north], [west, north], [east, (south + north) / 2]]
    )
    places = np.concatenate((places, ends))
    expected = shapely.intersects_xy(union, places[:, 0], places[:, 1])
    covered = find_covered(places[:, 0].copy(), places[:, 1].copy(), np.arange(len(places)), mask)
    assert (covered == expected).all()
    low, high = grid.box[:2], grid.box[2:]
    within = ((places >= low) & (places <= high)).all(axis=1)
    assert not expected[~within].any()
    cell = np.floor((places[within] - low) / grid.step).astype(int)
    codes: Any = grid.codes[cell[:, 1], cell[:, 0]]
    assert expected[within][codes == INSIDE].all()
    assert not expected[within][codes == APART].any()
    assert (codes == CROSSED).any()


@pytest.mark.parametrize("scale", [1.0, 1e-3, 7.7e5])
def test_a_border_along_the_border_of_cells(scale: float) -> None:
    """Which cell a point so near is in is a matter of rounding: neither may be told for it."""
    span = [
        shapely.box(*corner, corner[0] + scale, corner[1] + scale)
        for corner in ((0, 0), (99 * scale,) * 2)
    ]
    bare = lay_grid(PolygonMask(shapely.MultiPolygon(span)))
    assert bare is not None
    for line in range(5, 120):
        low = bare.box[:2] + 3 * bare.step
        east, north = bare.box[:2] + line * bare.step
        union = shapely.union_all([*span, shapely.box(*low, east, north)])
        grid = lay_grid(PolygonMask(union))
        assert grid is not None
        assert (grid.box == bare.box).all()
        assert (grid.codes == INSIDE).any()
        near = [(np.nextafter(east, way), (low[1] + north) / 2) for way in (-np.inf, east, np.inf)]
        near += [((low[0] + east) / 2, np.nextafter(north, way)) for way in (-np.inf, north, np.inf)]
        places = np.array(near)
        expected = shapely.intersects_xy(union, places[:, 0], places[:, 1])
        cell = np.floor((places - grid.box[:2]) / grid.step).astype(int)
        codes = grid.codes[cell[:, 1], cell[:, 0]]
        assert expected[codes == INSIDE].all()
        assert not expected[codes == APART].any()


def test_a_group_is_parted_where_it_makes_too_many_pairs() -> None:
    chunks = Chunks(np.arange(100), np.array([0, 30, 40, 100]), np.zeros((3, 4)))
    most = overlay_module._MOST_PAIRS
    assert list(parts_of(chunks, range(3), 0)) == [range(100)]
    assert list(parts_of(chunks, range(1, 3), most // 25)) == [
        range(30, 55),
        range(55, 80),
        range(80, 100),
    ]
    assert list(parts_of(chunks, range(1, 2), 3 * most)) == [range(at, at + 1) for at in range(30, 40)]


def test_a_grid_tells_most_of_a_compact_mask() -> None:
    grid = lay_grid(PolygonMask(shapely.Point(0, 0).buffer(1)))
    assert grid is not None
    assert (grid.codes == INSIDE).mean() > 0.7
    assert (grid.codes == CROSSED).mean() < 0.08
    assert lay_grid(PolygonMask(shapely.MultiPolygon())) is None
