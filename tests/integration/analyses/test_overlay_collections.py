"""clip and erase of collections and mixtures: a view says what a table says, part by part."""

from typing import Any

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


def test_points_of_a_collection_on_a_border_are_covered(connection: Connection) -> None:
    """Each point of a collection is a shape of its own, as one in a row of its own is."""
    wkt = "GEOMETRYCOLLECTION(MULTIPOINT(0 0, 2 2), POINT(8 8))"
    dataset = add_table(connection, [(1, 0.0, wkt)], table="features")
    mask = add(connection, [shapely.box(2, 0, 4, 4)], "masks")
    static = assert_views_agree(connection, erase, dataset, mask)
    expected = shapely.from_wkt("GEOMETRYCOLLECTION(POINT(0 0), POINT(8 8))")
    assert shapes_of(static)[1] == shapely.set_srid(expected, 27700)
