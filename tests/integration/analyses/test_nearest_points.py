"""Nearest among points of the plane: told and numbered in arrays as PostgreSQL would."""

from typing import Any

import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_dataset
from tests.run_analysis import Run, run_analysis

from geocrew.analyses.parts import nearest_points
from geocrew.db import Connection

MADE = """
CREATE TABLE one AS
SELECT i * 3 % 50 AS id, CASE WHEN i <> 9 THEN ST_MakePoint(i % 7, i % 11, i) END AS geom
FROM generate_series(1, 49) AS i;
CREATE TABLE two AS
SELECT i AS id, ST_MakePoint(i % 5 * 2.5, i % 13) AS geom FROM generate_series(1, 90) AS i;
ALTER TABLE one ALTER geom TYPE geometry(PointZ, 27700) USING ST_SetSRID(geom, 27700);
ALTER TABLE two ALTER geom TYPE geometry(Point, 27700) USING ST_SetSRID(geom, 27700);
ANALYZE one, two
"""


def nearest(connection: Connection, source: int, target: int, **params: Any) -> Run:
    datasets = {"source_dataset_id": source, "target_dataset_id": target}
    return run_analysis(connection, "nearest", datasets | params)


@pytest.mark.parametrize("same", [False, True], ids=["two", "one"])
@pytest.mark.parametrize("keep_unmatched", [False, True])
@pytest.mark.parametrize(("limit", "reach"), [(1, None), (3, None), (3, 1.0), (4, 0.0), (3, 0.5)])
def test_in_blocks(
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    reach: float | None,
    keep_unmatched: bool,
    same: bool,
) -> None:
    """All at once and told from arrays; in blocks of few sources and told by PostgreSQL; as a view."""
    connection.execute(sql.SQL(MADE))
    source = add_dataset(connection, "one")
    target = source if same else add_dataset(connection, "two")
    params = {"limit": limit, "max_distance": reach, "keep_unmatched": keep_unmatched}
    whole = nearest(connection, source, target, **params)
    monkeypatch.setattr(nearest_points, "_PAIRS", 20)
    blocks = nearest(connection, source, target, **params)
    view = nearest(connection, source, target, **params, output_mode="view")
    assert whole.rows() == blocks.rows() == view.rows()
    assert whole.counts == blocks.counts
    assert whole.column("id") == (
        sorted(whole.column("id")) if limit == 1 else list(range(1, len(whole.rows()) + 1))
    )
    for name in ("row_count", "null_geometry_count", "bbox", "geometry_type", "srid"):
        assert getattr(whole.dataset, name) == getattr(view.dataset, name)
        assert getattr(whole.dataset, name) == getattr(blocks.dataset, name)
