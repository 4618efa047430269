"""How far a materialized view is while PostgreSQL fills it."""

from typing import Any

import pytest
from psycopg import sql
from psycopg.errors import Diagnostic
from tests.integration.analyses.layers import add_table
from tests.run_analysis import run_analysis

from geocrew.db import Connection

ROWS = 400
NEAR = {"neighbor_type": "knn", "k_neighbors": 4}
WITHIN = {"neighbor_type": "distance", "distance": 4}
QUEEN = {"neighbor_type": "queen"}
ANALYSES: list[tuple[str, str, dict[str, Any]]] = [
    ("hotspot_analysis", "dataset_id", {"value_field": "value"} | NEAR),
    ("hotspot_analysis", "dataset_id", {"value_field": "value"} | WITHIN),
    ("hotspot_analysis", "dataset_id", {"value_field": "value"} | QUEEN),
    ("outlier_analysis", "dataset_id", {"value_field": "value"}),
    ("outlier_analysis", "dataset_id", {"value_field": "value", "method": "local_moran"} | NEAR),
    ("hotspot_timeseries", "dataset_id", {"value_field": "value"} | NEAR),
    ("nearest", "source_dataset_id", {"target_dataset_id": None}),
    ("dissolve", "source_dataset_id", {"dissolve_field": "id"}),
    ("clip", "dataset_id", {"clip_dataset_id": None}),
    ("erase_analysis", "input_dataset_id", {"erase_dataset_id": None}),
]


def tells_of_sums(connection: Connection, view: sql.Composable) -> bool:
    """Whether the view says most of what it tells before its first row is there."""
    found = connection.execute(
        sql.SQL("SELECT pg_get_viewdef({}::regclass, true)").format(
            sql.Literal(view.as_string(connection))
        )
    ).fetchone()
    assert found is not None
    said: list[str | None] = []

    def hear(message: Diagnostic) -> None:
        said.append(message.message_primary)

    connection.add_notice_handler(hear)
    connection.execute("SET geocrew.telling = 'on'")
    connection.execute(found[0].rstrip(";").encode() + b" LIMIT 1")
    connection.remove_notice_handler(hear)
    return said.count("geocrew.tick") > ROWS / 2


@pytest.mark.parametrize(("job_type", "name", "params"), ANALYSES)
def test_it_tells_of_its_rows(
    connection: Connection, job_type: str, name: str, params: dict[str, Any]
) -> None:
    """And again when it is refreshed, of which whoever does so by hand hears nothing."""
    places = [(i % 20 * 3, i // 20 * 3) for i in range(ROWS)]
    squares = [
        (i, float(i % 7), f"POLYGON(({x} {y}, {x + 2} {y}, {x + 2} {y + 2}, {x} {y + 2}, {x} {y}))")
        for i, (x, y) in enumerate(places, 1)
    ]
    features = add_table(connection, squares, table="features")
    wide = add_table(connection, [(1, 0.0, "POLYGON((1 1, 58 1, 58 58, 1 58, 1 1))")], table="wide")
    given = {key: wide if value is None else value for key, value in params.items()}
    if job_type == "hotspot_timeseries":
        connection.execute("ALTER TABLE features ADD kind text DEFAULT 'x'")
        given |= {"time_field": "kind", "time_periods": ["x"]}
    given |= {name: features, "output_mode": "materialized_view"}
    run = run_analysis(connection, job_type, given)
    if "neighbor_type" in params:
        assert tells_of_sums(connection, run.relation)
    shares = [share for share, step in run.context.steps if step == "filling the view"]
    assert shares == sorted(shares)
    # Of an erase the rows at the border are left, and of one in two rows is told.
    assert len(set(shares)) > (10 if job_type == "erase_analysis" else 100)
    said: list[str | None] = []
    connection.add_notice_handler(lambda message: said.append(message.message_primary))
    connection.execute("SET geocrew.telling = 'off'")
    connection.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(run.relation))
    assert said == []
