"""Polygons from their bytes, against shapely, which takes them apart one by one."""

import numpy as np
import pytest
import shapely
from numpy.testing import assert_array_equal

from geocrew.kernels.arrays import Floats
from geocrew.kernels.contiguity import outlines_of

HOLED = shapely.box(0, 0, 9, 9) - shapely.box(1, 1, 2, 2) - shapely.box(4, 4, 5, 6)
SHAPES = [
    shapely.box(0.1, -0.0, 3e300, 7),
    HOLED,
    shapely.MultiPolygon([shapely.box(20, 0, 21, 1), HOLED]),
    shapely.from_wkt("POLYGON EMPTY"),
    shapely.from_wkt("MULTIPOLYGON EMPTY"),
    shapely.from_wkt("MULTIPOLYGON (EMPTY, ((0 0, 4 0, 4 4, 0 0)), EMPTY)"),
    shapely.Point(0, 0).buffer(1, quad_segs=100),
]


@pytest.mark.parametrize("shapes", [[], SHAPES[:1], SHAPES, SHAPES[3:5]])
def test_all_rings_come_with_their_corners_and_owners(shapes: list[shapely.Geometry]) -> None:
    owners = np.arange(len(shapes))[::-1] * 10
    found = outlines_of([shapely.to_wkb(each, byte_order=1) for each in shapes], owners)
    rings: list[tuple[int, Floats]] = [
        (owner, shapely.get_coordinates(ring))
        for owner, shape in zip(owners.tolist(), shapes, strict=True)
        for part in shapely.get_parts(shape)
        for ring in shapely.get_rings(part)
    ]
    assert found.owners.tolist() == [owner for owner, _ in rings]
    assert found.offsets.tolist() == np.cumsum([0, *(len(ring) for _, ring in rings)]).tolist()
    corners = np.concatenate([np.empty((0, 2)), *(ring for _, ring in rings)])
    assert_array_equal(np.column_stack((found.x, found.y)), corners)
