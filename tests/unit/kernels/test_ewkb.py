"""Polygons read from bytes and written as bytes are what shapely reads and writes."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrew.kernels.ewkb import (
    Polygons,
    bound_polygons,
    find_values,
    measure_ewkb,
    read_polygons,
    write_polygons,
)

FLAT = [
    "POLYGON((0 0, 4 0, 4 4, 0 0))",
    "POLYGON((0 0, 9 0, 9 9, 0 0), (1 1, 2 1, 2 2, 1 1), (5 4, 6 4, 6 5, 5 4))",
    "MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5), (5.6 5.2, 5.7 5.2, 5.7 5.3, 5.6 5.2)))",
    "MULTIPOLYGON(((-1e300 0.1, 1 -0.0, 1 1e-300, -1e300 0.1)))",
]
OTHERS = [
    "POINT(1 2)",
    "LINESTRING(0 0, 1 1)",
    "POLYGON EMPTY",
    "MULTIPOLYGON EMPTY",
    "MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)), EMPTY)",
    "POLYGON Z((0 0 1, 4 0 1, 4 4 1, 0 0 1))",
    "POLYGON M((0 0 1, 4 0 1, 4 4 1, 0 0 1))",
    "MULTIPOLYGON Z(((0 0 1, 4 0 1, 4 4 1, 0 0 1)))",
    "MULTIPOINT(1 2, 3 4)",
    "GEOMETRYCOLLECTION(POLYGON((0 0, 4 0, 4 4, 0 0)))",
]


def read(ewkb: list[bytes]) -> Polygons:
    ends = np.cumsum([len(each) for each in ewkb])
    data = np.frombuffer(b"".join(ewkb), np.uint8)
    return read_polygons(data, np.concatenate(([0], ends[:-1])), ends)


def write(polygons: Polygons, rows: Any, srid: int, multi: bool) -> list[bytes]:
    """Each shape behind a head of two bytes."""
    sizes = measure_ewkb(polygons, rows, multi)
    heads = np.arange(2 * len(rows)).astype(np.uint8).reshape(-1, 2)
    data = write_polygons(polygons, rows, srid, multi, heads, sizes).tobytes()
    made, at = [], 0
    for head, size in zip(heads, sizes.tolist(), strict=True):
        assert data[at : at + 2] == head.tobytes()
        made.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    assert at == len(data)
    return made


@pytest.mark.parametrize("srid", [0, 4326, 900913])
def test_what_is_written_is_what_was_read(srid: int) -> None:
    shapes = shapely.set_srid(np.array([shapely.from_wkt(each) for each in FLAT], object), srid)
    ewkb = [shapely.to_wkb(each, include_srid=True) for each in shapes]
    polygons = read(ewkb)
    rows = np.array([2, 0, 1])
    made = shapely.from_wkb(write(polygons, rows, 4326, False))
    assert [each.wkb for each in made] == [shapes[row].wkb for row in rows]
    assert set(shapely.get_srid(made)) == {4326}
    multi = shapely.from_wkb(write(polygons, rows, 4326, True))
    assert set(shapely.get_type_id(multi)) == {6}
    assert [each.normalize().wkt for each in multi] == [
        shapely.multipolygons(shapely.get_parts(shapes[row])).normalize().wkt for row in rows
    ]
    assert (bound_polygons(polygons, rows) == shapely.bounds(shapes[rows])).all()


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_flat_polygon_has_none(text: str) -> None:
    first, last = (shapely.to_wkb(shapely.from_wkt(each)) for each in FLAT[:2])
    polygons = read([first, shapely.to_wkb(shapely.from_wkt(text), flavor="extended"), last])
    assert polygons.shapes.tolist() == [0, 1, 1, 2]
    assert polygons.polygons.tolist() == [0, 1, 4]


def test_a_member_of_another_kind_than_the_whole_is_no_polygon() -> None:
    ewkb = bytearray(shapely.to_wkb(shapely.from_wkt(FLAT[2])))
    ewkb[13] |= 0x80  # of its first polygon: has Z
    assert read([bytes(ewkb)]).shapes.tolist() == [0, 0]


def test_the_other_byte_order_and_nothing_are_left_alone() -> None:
    shape = shapely.from_wkt(FLAT[0])
    polygons = read([shapely.to_wkb(shape, byte_order=0), b"", shapely.to_wkb(shape)])
    assert polygons.shapes.tolist() == [0, 0, 0, 1]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FLAT), st.data())
def test_bytes_that_are_cut_off_or_changed_are_no_polygon_or_one_within_them(
    text: str, data: Any
) -> None:
    ewkb = bytearray(shapely.to_wkb(shapely.from_wkt(text)))
    del ewkb[data.draw(st.integers(0, len(ewkb))) :]
    for _ in range(data.draw(st.integers(0, 2))):
        if ewkb:
            ewkb[data.draw(st.integers(0, len(ewkb) - 1))] = data.draw(st.integers(0, 255))
    polygons = read([bytes(ewkb)])
    assert 16 * len(polygons.x) <= len(ewkb)
    assert polygons.rings[-1] == len(polygons.x)


def test_values_behind_their_lengths() -> None:
    data = np.frombuffer(b"\0\0\0\2ab\xff\xff\xff\xff\0\0\0\0\0\0\0\1c", np.uint8)
    starts, stops = find_values(data, 4)
    assert [bytes(data[a:b]) for a, b in zip(starts, stops, strict=True)] == [b"ab", b"", b"", b"c"]
    assert (stops < starts).tolist() == [False, True, False, False]
    for count, word in ((3, "more"), (5, "fewer")):
        with pytest.raises(ValueError, match=word):
            find_values(data, count)
