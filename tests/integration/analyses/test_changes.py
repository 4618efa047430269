"""What happens to the source while a job runs."""

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, LiteralString

import pytest
from psycopg import errors
from tests.integration.analyses.changes import changed_at
from tests.integration.analyses.layers import add_table, current_schema
from tests.run_analysis import run_analysis
from tests.waiting import wait_for

from geocrew.db import Connection, connect
from geocrew.errors import NotFound, SourceChanged

BOW_TIE = "POLYGON((20 0, 22 2, 22 0, 20 2, 20 0))"


@pytest.fixture
def source(connection: Connection) -> int:
    """Points that were all written by one transaction, so that their versions (xmin) are one."""
    return add_table(connection, [(i, float(i * i % 7), f"POINT({i % 5} {i // 5})") for i in range(40)])


def hotspots(connection: Connection, dataset_id: int, on_progress: Callable[[float, str], None]) -> Any:
    params = {"dataset_id": dataset_id, "value_field": "value", "distance": 1}
    return run_analysis(connection, "hotspot_analysis", params, on_progress=on_progress)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE places SET value = 1 WHERE id = 3",
        "UPDATE places SET value = value WHERE id = 3",
        "DELETE FROM places WHERE id = 3",
        "TRUNCATE places",
        "DROP TABLE places",
        "ALTER TABLE places RENAME TO elsewhere",
        "ALTER TABLE places RENAME value TO other",
        "ALTER TABLE places DROP COLUMN geom",
        # Rows move and keep their versions: each would get the result of another.
        "DELETE FROM places WHERE id < 0; VACUUM FULL places",
        "CREATE INDEX by_value ON places (value); CLUSTER places USING by_value",
    ],
)
@pytest.mark.parametrize("step", ["summing over neighbours", "writing"])
def test_rows_that_changed_after_they_were_read(
    shared_url: str, connection: Connection, source: int, statement: LiteralString, step: str
) -> None:
    datasets = connection.execute("SELECT count(*) FROM geocrew.datasets").fetchone()
    with pytest.raises(SourceChanged, match=f"dataset {source} was changed while"):
        hotspots(connection, source, changed_at(shared_url, connection, step, statement))
    assert connection.execute("SELECT count(*) FROM geocrew.datasets").fetchone() == datasets
    left = "SELECT FROM pg_class WHERE relnamespace = 'geocrew_staging'::regnamespace"
    assert connection.execute(left).rowcount == 0


def test_rows_that_came_later_are_left_to_the_next_job(
    shared_url: str, connection: Connection, source: int
) -> None:
    expected = hotspots(connection, source, lambda _share, _message: None).rows()
    insert: LiteralString = "INSERT INTO places SELECT id + 100, value, geom FROM places"
    run = hotspots(connection, source, changed_at(shared_url, connection, "writing", insert))
    assert run.rows() == expected
    assert run.counts["rows_out"] == 40


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
def test_a_source_that_vanishes_early(
    shared_url: str, connection: Connection, source: int, mode: str
) -> None:
    params = {"dataset_id": source, "value_field": "value", "distance": 1, "output_mode": mode}
    with pytest.raises(SourceChanged):
        run_analysis(
            connection,
            "hotspot_analysis",
            params,
            on_progress=changed_at(shared_url, connection, "checking shapes", "DROP TABLE places"),
        )
    with pytest.raises(
        NotFound, match=r"the table of dataset \d+, test_\w+.places, is not there any more"
    ):
        run_analysis(connection, "hotspot_analysis", params)


@pytest.mark.parametrize(
    ("job_type", "params", "step"),
    [("hotspot_analysis", {"distance": 3}, "writing"), ("hotspot_analysis", {"distance": 3}, "reading")],
)
@pytest.mark.parametrize("on_invalid", ["repair", "skip"])
@pytest.mark.parametrize(
    "statement", ["UPDATE places SET value = 9 WHERE id = 20", "DELETE FROM places WHERE id = 20"]
)
def test_invalid_rows_that_changed_after_they_were_mended(
    shared_url: str,
    connection: Connection,
    job_type: str,
    params: dict[str, Any],
    step: str,
    on_invalid: str,
    statement: LiteralString,
) -> None:
    squares = [(i, float(i % 3), f"POLYGON(({i} 0, {i} 1, {i}.5 1, {i} 0))") for i in range(9)]
    dataset_id = add_table(connection, [*squares, (20, 1.0, BOW_TIE)])
    with pytest.raises(SourceChanged):
        run_analysis(
            connection,
            job_type,
            {"dataset_id": dataset_id, "value_field": "value", "on_invalid": on_invalid} | params,
            on_progress=changed_at(shared_url, connection, step, statement),
        )


@pytest.mark.parametrize("statement", ["UPDATE places SET value = 9", "DELETE FROM places WHERE id > 5"])
def test_outliers_see_one_state_of_the_source(
    shared_url: str, connection: Connection, source: int, statement: LiteralString
) -> None:
    params = {"dataset_id": source, "value_field": "value"}
    expected = run_analysis(connection, "outlier_analysis", params).rows()
    run = run_analysis(
        connection,
        "outlier_analysis",
        params,
        on_progress=changed_at(shared_url, connection, "scoring the rows", statement),
    )
    assert run.rows() == expected


def test_outliers_of_a_table_that_was_dropped_under_them(
    shared_url: str, connection: Connection, source: int
) -> None:
    with pytest.raises(SourceChanged):
        run_analysis(
            connection,
            "outlier_analysis",
            {"dataset_id": source, "value_field": "value"},
            on_progress=changed_at(shared_url, connection, "checking shapes", "DROP TABLE places"),
        )


RELOAD: LiteralString = (
    "BEGIN; CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM {0}; TRUNCATE {0};"
    "INSERT INTO {0} SELECT * FROM kept; COMMIT"
)
SWAP: LiteralString = (
    "CREATE TABLE other (LIKE {0}); INSERT INTO other SELECT * FROM {0};"
    "DROP TABLE {0}; ALTER TABLE other RENAME TO {0}"
)


@pytest.mark.parametrize("statement", [RELOAD, SWAP], ids=["reload", "swap"])
@pytest.mark.parametrize(
    ("job_type", "table", "step"),
    [
        ("nearest", "places", "reading points"),
        ("nearest", "targets", "reading points"),
        ("clip", "places", "cutting"),
        ("erase_analysis", "places", "cutting"),
        ("outlier_analysis", "places", "measuring the spread of the values"),
    ],
)
def test_a_reload_of_points_leaves_no_empty_result(
    shared_url: str,
    connection: Connection,
    source: int,
    job_type: str,
    table: str,
    step: str,
    statement: LiteralString,
) -> None:
    """A snapshot older than the reload sees an empty table: the job must not take that for its input."""
    targets = add_table(connection, [(i, 1.0, f"POINT({i} 9)") for i in range(5)], table="targets")
    square = [(1, 1.0, "POLYGON((0 0, 3 0, 3 3, 0 3, 0 0))")]
    mask = add_table(connection, square, table="mask")
    params: dict[str, dict[str, Any]] = {
        "nearest": {"source_dataset_id": source, "target_dataset_id": targets},
        "clip": {"dataset_id": source, "clip_dataset_id": mask},
        "erase_analysis": {"input_dataset_id": source, "erase_dataset_id": mask},
        "outlier_analysis": {"dataset_id": source, "value_field": "value"},
    }
    expected = run_analysis(connection, job_type, params[job_type]).rows()
    change: LiteralString = f"SET lock_timeout = '100ms'; {statement.format(table)}"
    meddle = changed_at(shared_url, connection, step, change)

    def on_progress(share: float, message: str) -> None:
        with suppress(errors.LockNotAvailable):  # the job holds what it reads
            meddle(share, message)

    try:
        run = run_analysis(connection, job_type, params[job_type], on_progress=on_progress)
    except SourceChanged:
        return
    assert run.rows() == expected


@pytest.mark.parametrize(
    ("job_type", "params"),
    [
        ("hotspot_analysis", {"distance": 1}),
        ("outlier_analysis", {"method": "local_moran", "distance": 1}),
        ("outlier_analysis", {}),
    ],
)
def test_a_reload_that_is_under_way(
    shared_url: str, connection: Connection, job_type: str, params: dict[str, Any]
) -> None:
    """The job waits for it with a snapshot from before, and must not tell of a table without values."""
    points = [(i, float(i * i % 7), f"POINT({i % 5} {i // 5})") for i in range(40)]
    params = {
        "dataset_id": add_table(connection, points, geometry_type="Point"),
        "value_field": "value",
        **params,
    }
    schema = current_schema(connection)
    with connect(shared_url, "reload", search_path=f"{schema},public") as other:
        for each in RELOAD.format("places").split(";")[:-1]:
            other.execute(each)
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'places'::regclass"

        def finish() -> None:
            wait_for(lambda: other.execute(waiting).rowcount > 0, 30, "the job to wait")
            other.execute("COMMIT")

        reload = Thread(target=finish)
        reload.start()
        with pytest.raises(SourceChanged):
            assert run_analysis(connection, job_type, params).dataset.row_count == 40
        reload.join()
    assert run_analysis(connection, job_type, params).dataset.row_count == 40
