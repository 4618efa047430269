"""What a job checks, reads, counts and builds is one state of its source, whatever others write."""

from contextlib import suppress
from typing import Any, LiteralString

import pytest
from psycopg import errors, sql
from tests.integration.analyses.changes import changed_at
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection
from geocrew.errors import SourceChanged

WRITING = "filling the view"
TWIST: LiteralString = (
    "UPDATE places SET geom = ST_GeomFromText('POLYGON((1 1,3 3,3 1,1 3,1 1))', 27700) WHERE id = 2"
)


def squares(connection: Connection, table: str = "places", count: int = 30) -> int:
    return add_table(
        connection,
        [
            (i, float(i * i % 7), f"POLYGON(({i} 0, {i} 1, {i + 1} 1, {i + 1} 0, {i} 0))")
            for i in range(count)
        ],
        table=table,
        geometry_type="Polygon",
    )


def changed_run(
    url: str, connection: Connection, job_type: str, params: Any, step: str, statement: LiteralString
) -> Run:
    """Run a job while another session executes the statement, unless it would have to wait."""
    wait: LiteralString = f"SET lock_timeout = '100ms'; {statement}"
    meddle = changed_at(url, connection, step, wait)
    told: list[str] = []

    def on_progress(share: float, message: str) -> None:
        told.append(message)
        with suppress(errors.LockNotAvailable):
            meddle(share, message)

    try:
        return run_analysis(connection, job_type, params, on_progress=on_progress)
    finally:
        assert step in told


@pytest.mark.parametrize("on_invalid", ["repair", "fail"])
@pytest.mark.parametrize(
    ("job_type", "step", "more"),
    [
        ("hotspot_analysis", "reading", {"distance": 3}),
        ("outlier_analysis", "reading", {"distance": 3, "method": "local_moran"}),
        ("outlier_analysis", "measuring the spread of the values", {}),
        ("hotspot_timeseries", "reading", {"distance": 3}),
        ("hotspot_timeseries", "finding periods", {"distance": 3}),
        ("nearest", "checking shapes of the targets", {}),
        ("dissolve", "summing up the groups", {"dissolve_field": "value"}),
    ],
)
def test_no_shape_comes_between_the_check_and_the_reading(
    shared_url: str,
    connection: Connection,
    job_type: str,
    step: str,
    more: dict[str, Any],
    on_invalid: str,
) -> None:
    source = squares(connection)
    params: dict[str, Any] = {"on_invalid": on_invalid, **more}
    if job_type == "nearest":
        params |= {"source_dataset_id": source, "target_dataset_id": squares(connection, "targets")}
    elif job_type == "dissolve":
        params |= {"source_dataset_id": source}
    else:
        params |= {"dataset_id": source, "value_field": "value"}
    if job_type == "hotspot_timeseries":
        connection.execute("ALTER TABLE places ADD kind text DEFAULT 'x'")
        params |= {"time_field": "kind", "time_periods": ["x"]}
    expected = run_analysis(connection, job_type, params).rows()
    try:
        run = changed_run(shared_url, connection, job_type, params, step, TWIST)
    except SourceChanged:
        return
    assert run.rows() == expected
    assert run.counts["n_repaired"] == run.counts["n_skipped"] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {} ALTER id TYPE text",
        "ALTER TABLE {} ALTER geom TYPE geometry(Polygon, 0) USING ST_SetSRID(geom, 0)",
    ],
)
@pytest.mark.parametrize(
    ("job_type", "table", "step"),
    [
        ("nearest", "places", "checking shapes"),
        ("nearest", "places", "checking shapes of the targets"),
        ("nearest", "targets", "checking shapes"),
        ("nearest", "targets", "checking shapes of the targets"),
        ("hotspot_timeseries", "places", "checking shapes"),
        ("hotspot_timeseries", "places", "reading"),
        ("hotspot_analysis", "places", "checking shapes"),
        ("outlier_analysis", "places", "checking shapes"),
        ("clip", "places", "reading"),
        ("clip", "places", "cutting"),
        ("clip", "targets", "checking shapes of the mask"),
        ("clip", "targets", "cutting"),
    ],
)
@pytest.mark.parametrize("mode", ["static", "materialized_view"])
def test_columns_that_become_others(
    shared_url: str,
    connection: Connection,
    job_type: str,
    table: str,
    step: str,
    statement: str,
    mode: str,
) -> None:
    source, targets = squares(connection), squares(connection, "targets", 5)
    connection.execute("ALTER TABLE places ADD kind text DEFAULT 'x'")
    statistics = {"dataset_id": source, "value_field": "value", "distance": 3}
    params: dict[str, dict[str, Any]] = {
        "nearest": {"source_dataset_id": source, "target_dataset_id": targets},
        "hotspot_analysis": statistics,
        "outlier_analysis": {"dataset_id": source, "value_field": "value"},
        "hotspot_timeseries": statistics | {"time_field": "kind", "time_periods": ["x"]},
        "clip": {"dataset_id": source, "clip_dataset_id": targets},
        "dissolve": {"source_dataset_id": source, "dissolve_field": "value"},
    }
    given = params[job_type] | {"output_mode": mode}
    before = run_analysis(connection, job_type, given)
    expected = before.rows()
    if mode != "static":  # of which the table's columns would be part
        kind = sql.SQL(mode.replace("_", " "))
        connection.execute(sql.SQL("DROP {} {}").format(kind, before.relation))
    change: Any = statement.format(table)
    try:
        run = changed_run(shared_url, connection, job_type, given, step, change)
    except SourceChanged:
        return
    assert run.rows() == expected


CHANGES = [
    ("clip", "targets", "cutting"),
    ("clip", "places", "cutting"),
    ("erase_analysis", "targets", "cutting"),
    ("erase_analysis", "places", "reading"),
    ("dissolve", "places", "summing up the groups"),
    ("dissolve", "places", WRITING),
    ("hotspot_analysis", "places", "summing over neighbours"),
    ("hotspot_timeseries", "places", "summing over neighbours"),
    ("outlier_analysis", "places", "summing over neighbours"),
    ("nearest", "targets", "checking shapes of the targets"),
]


@pytest.mark.parametrize(
    ("job_type", "table", "step", "mode"),
    [(*change, "materialized_view") for change in CHANGES]
    # Nothing is told of a view being written.
    + [(*change, "view") for change in CHANGES if change[2] != WRITING],
)
@pytest.mark.parametrize("kind", ["table", "view"])
def test_counts_are_those_of_the_rows(
    shared_url: str,
    connection: Connection,
    job_type: str,
    table: str,
    step: str,
    mode: str,
    kind: str,
) -> None:
    """A materialized view and what is told of it are of one state; so is a view when it is made."""
    source, targets = squares(connection), squares(connection, "targets", 10)
    connection.execute("ALTER TABLE places ADD kind text DEFAULT 'x'")
    if kind == "view":
        connection.execute("CREATE VIEW places_seen AS SELECT * FROM places")
        source = add_dataset(connection, "places_seen", kind="view")
    statistics = {"dataset_id": source, "value_field": "value", "distance": 3}
    params: dict[str, dict[str, Any]] = {
        "nearest": {"source_dataset_id": source, "target_dataset_id": targets, "max_distance": 5},
        "hotspot_analysis": statistics,
        "outlier_analysis": statistics | {"method": "local_moran"},
        "hotspot_timeseries": statistics | {"time_field": "kind", "time_periods": ["x"]},
        "clip": {"dataset_id": source, "clip_dataset_id": targets},
        "erase_analysis": {"input_dataset_id": source, "erase_dataset_id": targets},
        "dissolve": {"source_dataset_id": source, "dissolve_field": "id"},
    }
    given = params[job_type] | {"output_mode": mode}
    expected = run_analysis(connection, job_type, given)
    counts, rows = expected.counts, expected.rows()
    delete: Any = f"DELETE FROM {table} WHERE id < 7"
    run = changed_run(shared_url, connection, job_type, given, step, delete)
    assert run.counts == counts
    assert (run.dataset.row_count, run.dataset.bbox) == (len(rows), expected.dataset.bbox)
    if mode == "materialized_view":
        assert run.rows() == rows
