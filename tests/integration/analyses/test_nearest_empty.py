"""Nearest among shapes with empty members, to which PostGIS 3.3 measures no distance."""

import pytest
from tests.integration.analyses.layers import add_table
from tests.run_analysis import run_analysis

from geocrew.db import Connection

SHAPES = [
    "MULTIPOLYGON(EMPTY, ((1 1, 2 1, 2 2, 1 1)))",
    "MULTILINESTRING((1 1, 2 1), EMPTY)",
    "MULTIPOINT(EMPTY, 1 1)",
    "GEOMETRYCOLLECTION(POLYGON EMPTY, GEOMETRYCOLLECTION(POINT EMPTY, LINESTRING(1 1, 2 1)))",
]
OTHERS = [
    "POINT(0 1)",
    "LINESTRING(0 1, -1 1)",
    "POLYGON((0 1, -1 2, -1 0, 0 1))",
    "MULTIPOINT(0 1, -1 1)",
]


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
@pytest.mark.parametrize(("srid", "apart"), [(27700, 1.0), (4326, 111_302.6)])
@pytest.mark.parametrize("shape", SHAPES)
def test_empty_members_are_no_obstacle(
    connection: Connection, shape: str, srid: int, apart: float, mode: str
) -> None:
    others = [(key, 0.0, other) for key, other in enumerate(OTHERS)]
    for swap in (False, True):
        one, two = [(9, 0.0, shape)], others
        first = add_table(connection, two if swap else one, table="one", srid=srid)
        second = add_table(connection, one if swap else two, table="two", srid=srid)
        params = {"source_dataset_id": first, "target_dataset_id": second, "limit": 9}
        run = run_analysis(connection, "nearest", params | {"output_mode": mode})
        assert run.column("distance") == [pytest.approx(apart, rel=1e-6)] * len(OTHERS)
        line = run_analysis(connection, "nearest", params | {"output_mode": mode, "geometry": "line"})
        assert None not in line.column("geom")
