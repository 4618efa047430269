"""clip and erase of collections and mixtures: a view says what a table says, part by part."""

from typing import Any

import pytest
import shapely
from psycopg import sql
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.overlay_cases import BOTH, add, assert_right, erase, shapes_of
from tests.run_analysis import Run

from geocrew.db import Connection

VIEWS = ("view", "materialized_view")


def kinds_of(run: Run) -> dict[Any, str]:
    """Types of the shapes, by source."""
    query = sql.SQL("SELECT source_id, GeometryType(geom) FROM {}").format(run.relation)
    return dict(run.context.connection.execute(query).fetchall())


def assert_views_agree(connection: Connection, operation: Any, dataset: int, mask: int) -> Run:
    """Return the run of the table; types and members are the same in all modes, shapes to a rounding."""
    static: Run = operation(connection, dataset, mask)
    expected = shapes_of(static)
    for mode in VIEWS:
        other = operation(connection, dataset, mask, output_mode=mode)
        found = shapes_of(other)
        assert kinds_of(other) == kinds_of(static)
        for key, shape in expected.items():
            pairs = zip(shapely.get_parts(found[key]), shapely.get_parts(shape), strict=True)
            for one, same in pairs:
                assert one.geom_type == same.geom_type
                assert shapely.hausdorff_distance(one, same) < 1e-12
    return static


@BOTH
def test_collections_whose_members_overlap(connection: Connection, operation: Any) -> None:
    """GEOS before 3.13 refuses some of them as a whole: side location conflict."""
    lines = "MULTILINESTRING((9 6, 0 5, 7 1), (4 2, 5 4, 5 7, 8 3))"
    polygons = "POLYGON((3 2, 6 5, 6 7, 3 2)), POLYGON((0 4, 6 3, 2 9, 2 5, 0 4))"
    wkt = f"GEOMETRYCOLLECTION({lines}, {polygons})"
    dataset = add_table(connection, [(1, 0.0, wkt)], table="features")
    masks = ["POLYGON((3 6, 9 6, 9 9, 3 9, 3 6))", "POLYGON((0 7, 2 3, 7 5, 8 5, 8 8, 0 7))"]
    mask = add(connection, [shapely.from_wkt(each) for each in masks], "masks")
    assert_right(assert_views_agree(connection, operation, dataset, mask), 1)


@BOTH
def test_pieces_of_mixtures_have_one_type(connection: Connection, operation: Any) -> None:
    """What remains of a shape is single where it is one part, beside points and lines on an edge too."""
    shapes = [
        "POLYGON((0 0, 0 4, 1 4, 1 1, 2 1, 2 2, 3 2, 3 0, 0 0))",
        "LINESTRING(1 0, 1 3, 2 2, 3 2)",
        "MULTIPOINT(1 1, 9 9)",
        "GEOMETRYCOLLECTION(MULTIPOINT(0 1, 1 3, 9 9), LINESTRING(1 0, 1 3, 2 2, 3 2), POINT(7 1))",
        "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(MULTILINESTRING((0 0, 0 3), (3 2, 4 2))), POINT(1 3))",
    ]
    rows = [(key, 0.0, wkt) for key, wkt in enumerate(shapes)]
    dataset = add_table(connection, rows, table="features")
    mask = add(connection, [shapely.box(-1, 2, 5, 5)], "masks")
    static = assert_views_agree(connection, operation, dataset, mask)
    assert_right(static, len(shapes))
    assert kinds_of(static)[0] == "POLYGON"


def test_points_of_a_collection_on_a_border_are_covered(connection: Connection) -> None:
    """Each point of a collection is a shape of its own, as one in a row of its own is."""
    wkt = "GEOMETRYCOLLECTION(MULTIPOINT(0 0, 2 2), POINT(8 8))"
    dataset = add_table(connection, [(1, 0.0, wkt)], table="features")
    mask = add(connection, [shapely.box(2, 0, 4, 4)], "masks")
    static = assert_views_agree(connection, erase, dataset, mask)
    expected = shapely.from_wkt("GEOMETRYCOLLECTION(POINT(0 0), POINT(8 8))")
    assert shapes_of(static)[1] == shapely.set_srid(expected, 27700)


@BOTH
def test_mended_shapes_have_one_type(connection: Connection, operation: Any) -> None:
    """A polygon of which mending leaves one part is none of several, one of several stays so."""
    loop = "((0 0, 2 2, 2 4, 0 4, 0 3, 1 4, 1 4, 0 3, 0 0))"
    overlapping = "(((0 0, 2 0, 2 2, 0 2, 0 0)), ((1 1, 3 1, 3 3, 1 3, 1 1)))"
    rows = [(1, 0.0, "POLYGON" + loop), (2, 0.0, "MULTIPOLYGON" + overlapping), (3, 0.0, "POINT(1 1)")]
    dataset = add_table(connection, rows, table="features")
    # It meets the shapes' boxes, and so has them looked at, but holds or spares their interiors.
    box = shapely.box(-1, -1, 9, 9)
    mask = add(connection, [box if operation is not erase else shapely.box(-1, 3.5, -0.5, 9)], "masks")
    static = assert_views_agree(connection, operation, dataset, mask)
    assert kinds_of(static) == {1: "POLYGON", 2: "MULTIPOLYGON", 3: "POINT"}


@BOTH
def test_a_view_mends_what_its_box_alone_has_decided(connection: Connection, operation: Any) -> None:
    """Shapes far outside or deep inside are not looked at in a table; the view reads all of them."""
    overlapping = "MULTIPOLYGON(((4 1, 4 2, 2 4, 4 1)), ((3 3, 4 3, 4 0, 3 0, 3 3)))"
    rows = [(1, 0.0, overlapping), (2, 0.0, "POLYGON((3 3, 3 12, 12 12, 12 3, 3 3))")]
    dataset = add_table(connection, rows, table="features")
    board = "((1 3, 4 3, 4 4, 1 4, 1 3)), ((2 3, 3 3, 3 4, 2 4, 2 3)), ((1 0, 4 0, 4 3, 1 3, 1 0))"
    mask = add_table(connection, [(1, 0.0, f"MULTIPOLYGON({board})")], table="masks")
    assert_right(assert_views_agree(connection, operation, dataset, mask), 2)


@BOTH
@pytest.mark.parametrize("force", ["ST_Force3DM", "ST_Force4D"])
def test_collections_with_m(connection: Connection, operation: Any, force: str) -> None:
    """A collection with M goes by another name, and takes no members that lost theirs."""
    members = ["POINT(1 1)", "LINESTRING(2 2, 8 2)", "POLYGON((3 3, 3 4, 7 4, 7 3, 3 3))"]
    rows = [(1, 0.0, f"GEOMETRYCOLLECTION({', '.join(members)})"), (2, 0.0, "POINT(1 1)")]
    dataset = add_table(connection, rows, table="features")
    connection.execute("ALTER TABLE features ALTER geom TYPE geometry")
    connection.execute(f"UPDATE features SET geom = {force}(geom)".encode())
    mask = add(connection, [shapely.box(0, -1, 5, 20)], "masks")
    run = assert_views_agree(connection, operation, dataset, mask)
    assert_right(run, 2)
    assert kinds_of(run)[1] == "GEOMETRYCOLLECTION"
    assert "M values of the shapes are not kept" in run.counts["notes"]


HOLE_OUTSIDE = "((0 3, 1 4, 2 3, 1 2, 0 3), (3 1, 4 1, 4 3, 3 3, 3 1))"


@BOTH
@pytest.mark.parametrize(
    "kind",
    [
        "POLYGON{}",
        "MULTIPOLYGON({})",
        "GEOMETRYCOLLECTION(POLYGON{})",
        "CURVEPOLYGON{}",
        "MULTISURFACE({})",
    ],
)
@pytest.mark.parametrize("mask", [(-1, 1.5, 2.5, 5), (3, 1, 5, 2)])
def test_a_hole_beyond_its_shell(
    connection: Connection, operation: Any, kind: str, mask: tuple[float, ...]
) -> None:
    """PostGIS takes a polygon's box from its shell; mended, such a hole is a polygon."""
    rows = [(1, 0.0, kind.format(HOLE_OUTSIDE)), (2, 0.0, "POLYGON((0 6, 0 9, -1 9, 0 6))")]
    dataset = add_table(connection, rows, table="features")
    masks = add(connection, [shapely.box(*mask), shapely.box(-9, 0, -8, 9)], "masks")
    run = assert_views_agree(connection, operation, dataset, masks)
    assert_right(run, 2)
    shell = shapely.Polygon([(0, 3), (1, 4), (2, 3), (1, 2)])
    whole = shapely.MultiPolygon([shapely.box(3, 1, 4, 3), shell])
    cut = shapely.difference if operation is erase else shapely.intersection
    assert shapely.area(shapes_of(run)[1]) == pytest.approx(cut(whole, shapely.box(*mask)).area)


@BOTH
def test_curved_types_without_arcs_in_collections(connection: Connection, operation: Any) -> None:
    surface = "MULTISURFACE(((0 0, 2 0, 2 2, 0 2, 0 0)))"
    rows = [(1, 0.0, f"GEOMETRYCOLLECTION({surface}, MULTICURVE((0 3, 2 3)))"), (2, 0.0, "POINT(0.5 0)")]
    dataset = add_table(connection, rows, table="features")
    mask = add(connection, [shapely.box(-1, -9, 1, 9)], "masks")
    run = assert_views_agree(connection, operation, dataset, mask)
    assert_right(run, 2)
    assert (shapely.area(shapes_of(run)[1]), shapely.length(shapes_of(run)[1])) == (2, 7)


@BOTH
def test_curves_in_collections(connection: Connection, operation: Any) -> None:
    """No other row has curves, so that nothing but a look into collections tells of them."""
    disc = "CURVEPOLYGON(CIRCULARSTRING(0 0, 1 1, 2 0, 1 -1, 0 0))"
    bow = "CIRCULARSTRING(0 3, 1 4, 2 3)"
    rows = [(1, 0.0, f"GEOMETRYCOLLECTION({disc}, GEOMETRYCOLLECTION({bow}))"), (2, 0.0, "POINT(0.5 0)")]
    dataset = add_table(connection, rows, table="features")
    mask = add(connection, [shapely.box(-1, -9, 1, 9)], "masks")
    run = assert_views_agree(connection, operation, dataset, mask)
    assert_right(run, 2)
    assert "curves were replaced by short straight lines" in run.counts["notes"]
    area, length = 3.140, 3.141  # a half of each is left, and the polygon's new edge
    assert shapely.area(shapes_of(run)[1]) == pytest.approx(area / 2, abs=0.002)
    assert shapely.length(shapes_of(run)[1]) == pytest.approx(length / 2 + length + 2, abs=0.002)
