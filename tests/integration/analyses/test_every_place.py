"""Every analysis of shapes in degrees on both sides of the antimeridian, beyond it, and at a pole."""

from dataclasses import replace
from typing import Any

import pytest
import shapely
from tests.integration.analyses.compare import assert_same
from tests.integration.analyses.every import BALANCE, Case, bits, every
from tests.integration.analyses.layers import add_table

from geocrew.db import Connection

COLUMNS = {
    "antimeridian": [178.0, 179.0, -180.0, -179.0],
    "beyond": [178.0, 179.0, 180.0, 181.0],
    "pole": [float(x) for x in range(-180, 180, 30)],
}


def row_of(x: float, y: float, width: float, height: float) -> str:
    return str(shapely.box(x, y, x + width, y + height).wkt)


@pytest.mark.parametrize("place", COLUMNS)
@every
def test_a_view_is_the_table(connection: Connection, case: Case, place: str) -> None:
    """Boxes side by side, the topmost with an edge that is the pole, and small ones in each third."""
    south, width = (88.0, 30.0) if place == "pole" else (10.0, 1.0)
    corners = [(x, south + y / 2) for x in COLUMNS[place] for y in range(4)]
    rows = [(i, float(i * i * 7 % 23), row_of(x, y, width, 0.5)) for i, (x, y) in enumerate(corners)]
    source = add_table(connection, rows, table="features", srid=4326)
    connection.execute("ALTER TABLE features ADD part int DEFAULT 1, ADD seen text DEFAULT 'a'")
    small = [
        (i, 0.0, row_of(x + width / 4, y + 0.1, width / 2, 0.1)) for i, (x, y) in enumerate(corners[::3])
    ]
    other = add_table(connection, small, table="others", srid=4326)
    reach = {"distance": 120_000.0} if case.params.get("distance") == 3.0 else {}
    periods = {"time_periods": ["a"]} if "time_periods" in case.params else {}
    case = replace(case, params=case.params | reach | periods)
    static = case.run(connection, source, other)
    view = case.run(connection, source, other, output_mode="view")
    found, expected = bits(view), bits(static)
    assert_same([row | {"geom": ""} for row in found], [row | {"geom": ""} for row in expected])
    for one, same in zip(found, expected, strict=True):
        assert (one["geom"] is None) == (same["geom"] is None)
        if one["geom"]:
            shapes = shapely.from_wkb([one["geom"], same["geom"]])
            assert all(shapely.is_valid(shapes))
            assert shapely.symmetric_difference(*shapes).area < 1e-9 * max(1, shapes[0].area)
    ours: dict[str, Any] = {"notes": [], "merged_by": {}}
    assert view.counts | ours == static.counts | ours
    assert static.counts["rows_in"] == len(rows) == sum(static.counts[name] for name in BALANCE)
