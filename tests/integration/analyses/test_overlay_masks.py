"""clip and erase: what masks may be, which row is named, and what neither order nor clock may change."""

from typing import Any

import numpy as np
import pytest
import shapely
from tests.integration.analyses.layers import add_dataset, add_table
from tests.integration.analyses.overlay_cases import (
    BOTH,
    KINDS,
    add,
    assert_right,
    blobs,
    clip,
    erase,
    points,
    shapes_of,
    wkb_of,
)

from geocrew.analyses.parts import overlay as overlay_module
from geocrew.analyses.parts.overlay_mask import DatasetMask
from geocrew.datasets.compose import identify
from geocrew.db import Connection
from geocrew.errors import UserError

MODES = ("static", "view", "materialized_view")


@pytest.mark.parametrize("kind", KINDS)
@BOTH
def test_neither_order_nor_doubles_of_masks_matter(
    connection: Connection, operation: Any, kind: str
) -> None:
    """Six masks overlap over the same rows: their union is one, whatever row comes first or twice."""
    dataset = add(connection, KINDS[kind](41, 60), "features")
    masks = [shapely.box(1 + i / 2, 1, 4 + i / 2, 8 - i / 3) for i in range(6)]
    expected = wkb_of(operation(connection, dataset, add(connection, masks, "masks")))
    assert 5 < len(expected) <= 60
    for rows in (masks[::-1], [*masks[3:], *masks[:3]], [*masks, *masks[::2]]):
        assert wkb_of(operation(connection, dataset, add(connection, rows, "masks"))) == expected


def test_polygons_near_come_in_an_order_of_their_own(connection: Connection) -> None:
    """GEOS's union may depend on the order of what it unites, so that is not the table's."""
    found = []
    for shapes in (blobs(44, 30), blobs(44, 30)[::-1]):
        add(connection, shapes, "masks")
        mask = DatasetMask(connection, identify("masks"), 27700, moved=False)
        found.append([each.wkb for each in mask.near(np.array([2.0, 2.0, 8.0, 8.0]))])
    assert found[0] == found[1]
    assert len(found[0]) > 10


@pytest.mark.parametrize("kind", KINDS)
@BOTH
def test_neither_order_of_rows_nor_the_clock_changes_a_bit(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, operation: Any, kind: str
) -> None:
    features = KINDS[kind](42, 150)
    mask = add(connection, blobs(43, 25), "masks")
    found = []
    for size, order in (
        (500, range(150)),
        (1, range(150)[::-1]),
        (7, np.random.default_rng(2).permutation(150)),
    ):
        monkeypatch.setattr(overlay_module, "next_size", lambda _size, _seconds, size=size: size)
        monkeypatch.setattr(overlay_module, "_FIRST_ROWS", size)
        rows = [(int(i), 1.0, features[i].wkt) for i in order]
        dataset = add_table(connection, rows, table="features")
        found.append(wkb_of(operation(connection, dataset, mask)))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 20


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "points"])
@BOTH
def test_how_many_pairs_are_held_changes_no_bit(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, operation: Any, kind: str
) -> None:
    """A group of rows that meets too many polygons is done in parts, which begin within a chunk too."""
    features = [*KINDS[kind](45, 150), *KINDS[kind](46, 40)]
    dataset, mask = add(connection, features, "features"), add(connection, blobs(47, 25), "masks")
    found, parts, real = [], [], overlay_module.parts_of

    def noted(*given: Any) -> Any:
        made = list(real(*given))
        parts.append(len(made))
        return made

    monkeypatch.setattr(overlay_module, "parts_of", noted)
    for most in (overlay_module._MOST_PAIRS, 600, 1):
        monkeypatch.setattr(overlay_module, "_MOST_PAIRS", most)
        found.append(wkb_of(operation(connection, dataset, mask)))
    assert found[0] == found[1] == found[2]
    assert parts[0] == 1 < parts[1] < parts[2]


@BOTH
def test_polygons_that_cut_count_as_memory(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, operation: Any
) -> None:
    """A block of 200 discs that 1,256 polygons cut each took 1.3 GB."""
    dataset = add(connection, blobs(48, 40), "features")
    mask = add(connection, [shapely.segmentize(shapely.box(4, -9, 5, 19), 0.01)], "masks")
    found, rows, real = [], [], overlay_module.block_of

    def noted(weights: Any, size: int) -> int:
        rows.append(real(weights, size))
        return rows[-1]

    monkeypatch.setattr(overlay_module, "block_of", noted)
    for most in (overlay_module._MOST_BYTES, 50_000):
        monkeypatch.setattr(overlay_module, "_MOST_BYTES", most)
        found.append(wkb_of(operation(connection, dataset, mask)))
        rows.append(0)
    at = rows.index(0)
    assert max(rows[:at]) > max(rows[at:])
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["points", "polygons"])
@pytest.mark.parametrize("mode", MODES)
@BOTH
def test_rows_without_a_key_are_numbered_as_they_came(
    connection: Connection, operation: Any, mode: str, kind: str
) -> None:
    """`source_id` is the place in the source, where rows that are dropped count too."""
    features = [shapely.box(x, 0, x + 0.5, 1) for x in range(6)]
    if kind == "points":
        features = [shapely.centroid(each) for each in features]
    add(connection, features, "features", geometry_type="Point" if kind == "points" else "Polygon")
    connection.execute("CREATE TABLE keyless AS SELECT value, geom FROM features ORDER BY id")
    dataset = add_dataset(connection, "keyless", key=None)
    mask = add(connection, [shapely.box(1.9, -1, 4.9, 2)], "masks")
    rows = operation(connection, dataset, mask, output_mode=mode).rows()
    expected = [3, 4, 5] if operation is clip else [1, 2, 6]
    assert [row["source_id"] for row in rows] == expected
    assert [row["value"] for row in rows] == [each - 1 for each in expected]
    assert [row["id"] for row in rows] == [1, 2, 3]


@BOTH
def test_a_view_without_a_key_cannot_be_followed(connection: Connection, operation: Any) -> None:
    add(connection, blobs(3, 30), "features")
    mask = add(connection, blobs(4, 6), "masks")
    connection.execute("CREATE VIEW seen AS SELECT value, geom FROM features")
    dataset = add_dataset(connection, "seen", key=None, kind="view")
    assert operation(connection, dataset, mask).counts["rows_in"] == 30
    with pytest.raises(UserError, match=rf"dataset {dataset} has no unique key.*choose.*\"static\""):
        operation(connection, dataset, mask, output_mode="view")


MIXED = [
    (1, "GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(2 2, 8 2), POLYGON((3 3, 3 4, 7 4, 7 3, 3 3)))"),
    (2, "GEOMETRYCOLLECTION(POINT(1 1), POINT(2 2), POINT(9 9))"),
    (3, "GEOMETRYCOLLECTION(POLYGON((1 5, 1 6, 2 6, 2 5, 1 5)), LINESTRING(1 7, 2 7))"),
    (4, "GEOMETRYCOLLECTION(POLYGON((6 5, 6 6, 7 6, 7 5, 6 5)), LINESTRING(6 7, 7 7))"),
    (5, "GEOMETRYCOLLECTION(MULTIPOINT(1 8, 9 8), MULTILINESTRING((4 8, 6 8), (7 8, 8 8)))"),
    (6, "GEOMETRYCOLLECTION(LINESTRING(5 0, 5 1), POINT(8 8))"),
    (7, "GEOMETRYCOLLECTION EMPTY"),
    (8, "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(4 4)), POLYGON((4 0, 4 1, 6 1, 6 0, 4 0)))"),
    (9, "POINT(1 1)"),
    (10, "LINESTRING(4 9, 6 9)"),
    (11, "POLYGON((4 7, 4 8, 6 8, 6 7, 4 7))"),
    (12, "MULTIPOINT(1 1, 9 9)"),
    (13, None),
]


def by_dimension(shape: Any) -> list[Any]:
    """The union of a shape's points, of its lines and of its polygons."""
    parts = [shape]
    while any(shapely.get_type_id(each) >= 4 for each in parts):
        parts = [part for each in parts for part in shapely.get_parts(each)]
    return [
        shapely.normalize(
            shapely.union_all([p for p in parts if shapely.get_dimensions(p) == dimension])
        )
        for dimension in range(3)
    ]


@BOTH
def test_collections_and_mixtures_are_the_same_in_all_modes(
    connection: Connection, operation: Any
) -> None:
    rows = [(key, 0.0, wkt) for key, wkt in MIXED]
    dataset = add_table(connection, rows, table="features")
    mask = add(connection, [shapely.box(0, -1, 5, 20)], "masks")
    static = operation(connection, dataset, mask)
    assert_right(static, len(MIXED))
    expected = shapes_of(static)
    blade = shapely.box(0, -1, 5, 20)
    overlay = shapely.intersection if operation is clip else shapely.difference
    for key, wkt in MIXED:
        if wkt is None:
            continue
        whole = by_dimension(shapely.from_wkt(wkt))
        kept = by_dimension(expected.get(key, shapely.GeometryCollection()))
        for dimension in range(3):
            oracle = overlay(whole[dimension], blade)
            if shapely.get_dimensions(oracle) < dimension:
                oracle = shapely.GeometryCollection()
            assert shapely.equals(kept[dimension], oracle) or (
                kept[dimension].is_empty and oracle.is_empty
            ), (key, dimension)
    for mode in MODES[1:]:
        other = operation(connection, dataset, mask, output_mode=mode)
        assert_right(other, len(MIXED))
        assert other.counts | {"notes": []} == static.counts | {"notes": []}
        found = shapes_of(other)
        assert list(found) == list(expected)
        for key, shape in found.items():
            for one, same in zip(by_dimension(shape), by_dimension(expected[key]), strict=True):
                assert shapely.equals(one, same) or (one.is_empty and same.is_empty), (mode, key)


@BOTH
def test_members_of_collections_in_collections_are_mended_each_by_itself(
    connection: Connection, operation: Any
) -> None:
    inner = "POINT(1 1), LINESTRING(1 7, 8 7), POLYGON((4 1, 6 3, 6 1, 4 3, 4 1))"
    wkt = f"GEOMETRYCOLLECTION(GEOMETRYCOLLECTION({inner}), POINT(9 9), LINESTRING(4 5, 6 5))"
    dataset = add_table(connection, [(1, 0.0, wkt)], table="features")
    mask = add(connection, [shapely.box(0, -1, 5.5, 20)], "masks")
    whole = by_dimension(shapely.make_valid(shapely.from_wkt(wkt)))
    overlay = shapely.intersection if operation is clip else shapely.difference
    for mode in MODES:
        run = operation(connection, dataset, mask, output_mode=mode)
        assert run.counts["n_repaired"] == 1
        for found, each in zip(by_dimension(shapes_of(run)[1]), whole, strict=True):
            expected = overlay(each, shapely.box(0, -1, 5.5, 20))
            assert shapely.equals(found, expected), mode


@BOTH
def test_what_postgis_cannot_cut_is_refused_as_a_view(connection: Connection, operation: Any) -> None:
    """PostGIS has an older GEOS than this process; what only that refuses is told at once."""
    dataset = add(connection, blobs(3, 10), "features")
    mask = add(connection, blobs(4, 4, radius=3), "masks")
    name = "ST_Intersection" if operation is clip else "ST_Difference"
    connection.execute(
        f"CREATE FUNCTION {name}(geometry, geometry) RETURNS geometry LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE internal_error USING MESSAGE = 'TopologyException: side location'; END $$".encode()
    )
    assert operation(connection, dataset, mask).counts["n_cut"] > 0
    for mode in MODES[1:]:
        with pytest.raises(
            UserError, match=rf'dataset {dataset} .*"{mode}" .*TopologyException.*"static"'
        ):
            operation(connection, dataset, mask, output_mode=mode)


@BOTH
def test_polygons_that_cannot_be_transformed_are_named(connection: Connection, operation: Any) -> None:
    """One bad row of the mask never costs the job."""
    dataset = add(connection, [shapely.box(400_000, 300_000, 500_000, 400_000)], "features", srid=27700)
    rows = [
        (1, 0.0, shapely.box(-1.5, 52, 3, 53).wkt),
        (2, 0.0, shapely.box(-1.5, 252, 3, 253).wkt),
        (3, 0.0, shapely.box(1e6, -1e9, 2e6, 1e9).wkt),
        (4, 0.0, shapely.box(-5, 50, -4, 51).wkt),
    ]
    mask = add_table(connection, rows, table="masks", srid=4326)
    run = operation(connection, dataset, mask)
    assert_right(run, 1)
    assert run.counts["n_mask_failed"] == 2
    assert [each["id"] for each in run.counts["mask_failed"]] == [2, 3]
    assert all(each["reason"] for each in run.counts["mask_failed"])
    alone = add_table(connection, [rows[0], rows[3]], table="masks", srid=4326)
    assert wkb_of(operation(connection, dataset, alone)) == wkb_of(run)
    mask = add_table(connection, rows, table="masks", srid=4326)
    with pytest.raises(UserError, match=r"2 polygons to cut by cannot be transformed.*\"static\""):
        operation(connection, dataset, mask, output_mode="view")
    none = add_table(connection, rows[1:3], table="masks", srid=4326)
    with pytest.raises(
        UserError, match=rf"no polygon of dataset {none} can be transformed to SRID 27700"
    ):
        operation(connection, dataset, none)


@BOTH
def test_rows_far_out_of_range_are_rows_like_others(connection: Connection, operation: Any) -> None:
    """The first input is never transformed."""
    far = [shapely.box(1e12, -1e15, 2e12, 1e15), *points(1, 2), shapely.box(2, 2, 3, 3)]
    dataset = add(connection, far, "features")
    mask = add(connection, [shapely.box(0, 50, 1, 51)], "masks", srid=4326)
    run = operation(connection, dataset, mask)
    assert_right(run, 4)
    assert run.counts["rows_out"] == (0 if operation is clip else 4)


@pytest.mark.parametrize("mode", MODES)
def test_the_balance_holds_where_rounding_decides(connection: Connection, mode: str) -> None:
    """A line on the edge of one polygon, whose union with others is rounded: two GEOS, two answers."""
    line = [(3, 3), (0, 0), (2, 2)]
    masks = [
        [(0, 2), (3, 2), (2, 0), (1, 0)],
        [(2, 2), (0, 3), (0, 0)],
        [(3, 1), (3, 2), (0, 2)],
        [(1, 2), (3, 2), (3, 3), (1, 3)],
        [(3, 2), (1, 1), (0, 1)],
        [(2, 0), (3, 2), (3, 3)],
    ]
    blades = [shapely.Polygon(np.array(each) * 1e-7) for each in masks]
    dataset = add(connection, [shapely.LineString(np.array(line) * 1e-7)], "features")
    assert_right(erase(connection, dataset, add(connection, blades, "masks"), output_mode=mode), 1)


@pytest.mark.parametrize("size", [1e155, 1e200, 1.5e308])
@BOTH
def test_lines_far_out_of_range_are_cut_without_a_warning(
    connection: Connection, operation: Any, size: float
) -> None:
    """GEOS squares what overflows, and numpy would tell of it."""
    lines = [shapely.LineString([(-size, -size), (size, size)]), shapely.LineString([(0, 2), (9, 2)])]
    dataset = add(connection, lines, "features")
    mask = add(connection, [shapely.Polygon([(-1, -1), (4, -1), (4, 40), (-1, 4)])], "masks")
    run = operation(connection, dataset, mask)
    assert_right(run, 2)
