"""clip and erase of every kind of geometry, of invalid and missing ones, and of odd tables."""

from typing import Any

import numpy as np
import pytest
import shapely
from psycopg import sql
from tests.integration.analyses.layers import add_dataset, add_table
from tests.integration.analyses.overlay_cases import (
    BALANCE,
    BOTH,
    add,
    assert_right,
    blobs,
    clip,
    points,
    shapes_of,
)
from tests.run_analysis import Run, run_analysis

from geocrew.datasets.catalog import Kind
from geocrew.db import Connection
from geocrew.errors import UserError


@BOTH
def test_touching_only(connection: Connection, operation: Any) -> None:
    """Boundaries in common, and the mask's vertices along them, leave a feature as it was."""
    square = "POLYGON((0 0, 0 4, 4 4, 4 0, 0 0))"
    beside = "POLYGON((4 1, 4 3, 6 3, 6 1, 4 1))"
    dataset = add_table(connection, [(1, 0.0, square)], table="features")
    run = operation(connection, dataset, add_table(connection, [(1, 0.0, beside)], table="masks"))
    assert_right(run, 1)
    if operation is clip:
        assert run.counts["dropped_lower_dimension"] == 1
        assert run.counts["dropped"] == [{"id": 1, "reason": "only touches the clip shape"}]
    else:
        whole = connection.execute("SELECT ST_Multi(geom)::text FROM features").fetchone()
        assert whole is not None
        assert run.column("geom") == [whole[0]]


@BOTH
def test_pieces_of_a_lower_dimension_are_left_out(connection: Connection, operation: Any) -> None:
    """One part overlaps, another only touches: the result is polygons alone."""
    comb = "POLYGON((0 0, 0 4, 1 4, 1 1, 2 1, 2 2, 3 2, 3 0, 0 0))"
    dataset = add_table(connection, [(1, 0.0, comb)], table="features")
    mask = add_table(connection, [(1, 0.0, "POLYGON((-1 2, -1 5, 5 5, 5 2, -1 2))")], table="masks")
    run = operation(connection, dataset, mask)
    assert_right(run, 1)
    (shape,) = shapes_of(run).values()
    assert shape.geom_type == "MultiPolygon"
    assert shape.area == pytest.approx(2 if operation is clip else 5)


@BOTH
def test_every_kind_of_row_is_counted(connection: Connection, operation: Any) -> None:
    rows = [
        (1, 0.0, "POLYGON((1 1, 1 2, 2 2, 2 1, 1 1))"),
        (2, 0.0, "POLYGON((8 1, 8 2, 12 2, 12 1, 8 1))"),
        (3, 0.0, "POLYGON((20 0, 22 2, 22 0, 20 2, 20 0))"),
        (4, 0.0, "POLYGON((8 4, 12 6, 12 4, 8 6, 8 4))"),
        (5, 0.0, None),
        (6, 0.0, "POLYGON EMPTY"),
        (7, 0.0, "POLYGON((0 0, 1 1, 2 2, 0 0))"),
        (8, 0.0, "POLYGON((10 0, 10 1, 11 1, 11 0, 10 0))"),
    ]
    mask = add_table(connection, [(1, 0.0, "POLYGON((0 0, 0 10, 10 10, 10 0, 0 0))")], table="masks")
    dataset = add_table(connection, rows, table="features")
    run = operation(connection, dataset, mask)
    assert_right(run, 8)
    # A box tells enough of 3 (apart from the mask) in a clip, and of 7 (covered) in an erase.
    names = ("dropped_empty", "n_empty", "n_repaired")
    if operation is clip:
        assert [run.counts[name] for name in names] == [3, 3, 1]
        assert (sorted(shapes_of(run)), run.counts["dropped_lower_dimension"]) == ([1, 2, 4], 1)
    else:
        assert [run.counts[name] for name in names] == [2, 2, 2]
        assert (sorted(shapes_of(run)), run.counts["n_erased"]) == ([2, 3, 4, 8], 2)
    skipped = operation(connection, dataset, mask, on_invalid="skip")
    assert_right(skipped, 8)
    assert (skipped.counts["failed"], skipped.counts["n_skipped"]) == (2, 2)
    reasons = {each["id"]: each["reason"] for each in skipped.counts["dropped"]}
    assert reasons[4].startswith("Self-intersection")
    with pytest.raises(Exception, match="3 invalid geometries, the first with id 3, 4, 7"):
        operation(connection, dataset, mask, on_invalid="fail")


@BOTH
def test_z_is_kept_and_interpolated(connection: Connection, operation: Any) -> None:
    dataset = add_table(
        connection,
        [(1, 0.0, "LINESTRINGZ(0 0 0, 10 0 100)"), (2, 0.0, "LINESTRINGZ(0 9 5, 1 9 6)")],
        table="features",
        geometry_type="LineStringZ",
    )
    mask = add_table(connection, [(1, 0.0, "POLYGON((-1 -1, -1 1, 4 1, 4 -1, -1 -1))")], table="masks")
    run = operation(connection, dataset, mask)
    assert run.types()["geom"] == "geometry(MultiLineStringZ,27700)"
    heights = shapely.get_coordinates(shapes_of(run)[1], include_z=True)
    assert sorted(heights[:, 2].tolist()) == pytest.approx([0, 40] if operation is clip else [40, 100])


@BOTH
def test_mixed_kinds_curves_and_collections(connection: Connection, operation: Any) -> None:
    rows = [
        (1, 0.0, "POINT(1 1)"),
        (2, 0.0, "LINESTRING(1 1, 9 1)"),
        (3, 0.0, "POLYGON((1 1, 1 2, 9 2, 9 1, 1 1))"),
        (4, 0.0, "CURVEPOLYGON(CIRCULARSTRING(3 0, 5 2, 7 0, 5 -2, 3 0))"),
        (5, 0.0, "GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(2 2, 8 2), POINT(9 9))"),
        (6, 0.0, "POINT(9 9)"),
        (7, 0.0, "MULTIPOINT(1 1, 9 9)"),
    ]
    dataset = add_table(connection, rows, table="features")
    mask = add_table(connection, [(1, 0.0, "POLYGON((0 -9, 0 9, 5 9, 5 -9, 0 -9))")], table="masks")
    run = operation(connection, dataset, mask)
    assert_right(run, 7)
    assert run.types()["geom"] == "geometry(Geometry,27700)"
    assert any("curves" in note for note in run.counts["notes"])
    shapes = shapes_of(run)
    if operation is clip:
        assert sorted(shapes) == [1, 2, 3, 4, 5, 7]
        assert shapes[5].geom_type == "GeometryCollection"
        assert shapes[5].length == pytest.approx(3)
    else:
        assert sorted(shapes) == [2, 3, 4, 5, 6, 7]
        assert shapes[7].equals(shapely.Point(9, 9))
    assert shapes[4].area == pytest.approx(2 * np.pi, rel=1e-2)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("mask_count", [0, 1])
@BOTH
def test_few_rows(connection: Connection, operation: Any, count: int, mask_count: int) -> None:
    dataset = add(connection, blobs(1, count), "features")
    mask = add(connection, [shapely.box(-9, -9, 99, 99)][:mask_count], "masks")
    run = operation(connection, dataset, mask)
    assert_right(run, count)
    assert run.counts["rows_out"] == (count if (operation is clip) == bool(mask_count) else 0)
    assert run.dataset.row_count == run.counts["rows_out"]


@BOTH
def test_two_reference_systems(connection: Connection, operation: Any) -> None:
    """A mask in degrees cuts metres as its own transform does."""
    square = shapely.box(400_000, 300_000, 500_000, 400_000)
    dataset = add(connection, [square], "features", srid=27700)
    mask = add(connection, [shapely.box(-1.5, 52, 3, 53)], "masks", srid=4326)
    run = operation(connection, dataset, mask)
    assert_right(run, 1)
    query = (
        "SELECT ST_AsBinary(ST_Transform(ST_Segmentize(ST_SetSRID("
        "ST_MakeEnvelope(-1.5, 52, 3, 53), 4326), 0.001), 27700))"
    )
    row = connection.execute(query).fetchone()
    blade = shapely.from_wkb(bytes(row[0] if row else b""))
    expected = (shapely.intersection if operation is clip else shapely.difference)(square, blade)
    (shape,) = shapes_of(run).values()
    assert shapely.hausdorff_distance(shapely.boundary(shape), shapely.boundary(expected), 0.1) < 1.0


@BOTH
def test_no_reference_system(connection: Connection, operation: Any) -> None:
    dataset = add(connection, blobs(1, 5), "features", srid=0)
    nowhere, somewhere = (
        add(connection, blobs(2, 5), "masks", srid=0),
        add(connection, blobs(2, 5), "other"),
    )
    assert_right(operation(connection, dataset, nowhere), 5)
    with pytest.raises(Exception, match=rf"dataset {dataset} has no coordinate reference system"):
        operation(connection, dataset, somewhere)
    with pytest.raises(Exception, match=rf"dataset {nowhere} has no coordinate reference system"):
        operation(connection, somewhere, nowhere)


@BOTH
def test_masks_must_be_polygons(connection: Connection, operation: Any) -> None:
    dataset = add(connection, blobs(1, 5), "features")
    name = "clip_dataset_id" if operation is clip else "erase_dataset_id"
    typed = add(connection, points(1, 3), "typed", geometry_type="Point")
    with pytest.raises(Exception, match=rf"{name} {typed} holds Point; choose a dataset of polygons"):
        operation(connection, dataset, typed)
    mixed = add(connection, [*points(1, 3), *blobs(1, 3)], "mixed")
    with pytest.raises(Exception, match=rf"{name} {mixed} holds points, lines or a mixture"):
        operation(connection, dataset, mixed)


@BOTH
def test_invalid_masks_are_mended(connection: Connection, operation: Any) -> None:
    dataset = add(connection, [shapely.box(0, 0, 4, 4)], "features")
    rows = [(1, 0.0, "POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))"), (2, 0.0, None), (3, 0.0, "POLYGON EMPTY")]
    rows.append((4, 0.0, "POLYGON((0 0, 1 0, 2 0, 0 0))"))
    mask = add_table(connection, rows, table="masks")
    run = operation(connection, dataset, mask)
    (shape,) = shapes_of(run).values()
    assert shape.area == pytest.approx(2 if operation is clip else 14)
    assert (run.counts["n_mask_repaired"], run.counts["n_mask_empty"]) == (1, 3)


@BOTH
def test_registered_table_with_odd_names(connection: Connection, operation: Any) -> None:
    connection.execute(
        'CREATE TABLE "Select ""x"" %s" ("Id" text PRIMARY KEY, "a b" int, id text, source_id int,'
        ' "where" geometry)'
    )
    connection.execute(
        'INSERT INTO "Select ""x"" %s" SELECT chr(97 + i), i, i::text, -i,'
        " ST_MakeEnvelope(i, 0, i + 1, 1, 27700) FROM generate_series(0, 9) AS i"
    )
    dataset = add_dataset(connection, 'Select "x" %s', key="Id", geometry="where")
    mask = add(connection, [shapely.box(2.5, -1, 5.5, 2)], "masks")
    static = operation(connection, dataset, mask)
    assert_right(static, 10)
    assert list(static.types()) == ["id", "source_id", "Id", "a b", "id_1", "source_id_1", "geom"]
    for mode in ("view", "materialized_view"):
        other = operation(connection, dataset, mask, output_mode=mode)
        assert [row | {"geom": ""} for row in other.rows()] == [
            row | {"geom": ""} for row in static.rows()
        ]
        # A ring may begin at another corner.
        assert all(map(shapely.equals, shapes_of(other).values(), shapes_of(static).values()))


@BOTH
def test_a_view_as_input_and_a_table_without_a_key(connection: Connection, operation: Any) -> None:
    add(connection, blobs(3, 30), "features")
    mask = add(connection, blobs(4, 6), "masks")
    connection.execute("CREATE VIEW seen AS SELECT * FROM features")
    connection.execute("CREATE TABLE keyless AS SELECT value, geom FROM features")
    expected = None
    sources: list[tuple[str, Kind, str | None]] = [("seen", "view", "id"), ("keyless", "table", None)]
    for table, kind, key in sources:
        run = operation(connection, add_dataset(connection, table, key=key, kind=kind), mask)
        assert_right_but_ids(run, 30)
        found = [row["geom"] for row in run.rows()]
        assert expected in (None, found)
        expected = found


def assert_right_but_ids(run: Run, inputs: int) -> None:
    assert run.counts["rows_in"] == inputs == sum(run.counts[name] for name in BALANCE)
    assert run.counts["rows_out"] == len(run.rows())


@pytest.mark.parametrize(
    ("job_type", "features", "mask"),
    [
        ("clip", "dataset_id", "clip_dataset_id"),
        ("erase_analysis", "input_dataset_id", "erase_dataset_id"),
    ],
)
def test_coordinates_far_out_of_range(
    connection: Connection, job_type: str, features: str, mask: str
) -> None:
    """A clip of a square of 1e300 had a corner outside of what it was cut to."""
    square = "POLYGON((0 0, {0} 0, {0} {0}, 0 {0}, 0 0))"
    rows = [
        (i, 0.0, square.format(size)) for i, size in enumerate(("4", "1e30", "1e149", "1e151", "1e300"))
    ]
    source = add_table(connection, rows, table="squares")
    near = add_table(connection, [(1, 0.0, "POLYGON((1 -1, 10 -1, 10 10, 1 10, 1 -1))")], table="near")
    run = run_analysis(connection, job_type, {features: source, mask: near})
    assert run.column("source_id") == [0, 1, 2]
    assert run.counts["failed"] == 2
    assert run.counts["dropped"] == [{"id": i, "reason": "could not be cut"} for i in (3, 4)]
    if job_type == "clip":
        areas = connection.execute(
            sql.SQL("SELECT ST_Area(geom) FROM {} ORDER BY id").format(run.relation)
        ).fetchall()
        assert [round(area, 6) for (area,) in areas] == [12, 90, 90]
    with pytest.raises(UserError, match=r"fail when it is read \(2 rows"):
        run_analysis(connection, job_type, {features: source, mask: near, "output_mode": "view"})
    with pytest.raises(UserError, match=rf"{mask} {source} has coordinates beyond 1e\+150"):
        run_analysis(connection, job_type, {features: near, mask: source})
