"""A scrape reads what waits and runs through its indexes, however many finished jobs there are."""

import time
from pathlib import Path

from tests.integration.ops.scraping import scrape
from tests.waiting import wait_for

from geocrew.db import Connection, connect, statement
from geocrew.queue import presence

FINISHED = 200_000


def _fill(connection: Connection) -> None:
    presence.register_types(connection, ["a", "b"])
    connection.execute(
        "INSERT INTO background_jobs"
        " (job_type, status, attempt, started_at, finished_at, result, progress)"
        " SELECT 'a', 'completed', 1, now(), now(), '{}', 100 FROM generate_series(1, %s)",
        (FINISHED,),
    )
    connection.execute(
        "INSERT INTO background_jobs (job_type) SELECT 'a' FROM generate_series(1, 1000);"
        "INSERT INTO background_jobs"
        " (job_type, status, attempt, started_at, lease, leased_until, worker)"
        " SELECT 'b', 'running', 1, now(), gen_random_uuid(), now() + interval '1 h', 'w'"
        " FROM generate_series(1, 100);"
        "ANALYZE background_jobs"
    )


def test_no_statement_of_a_scrape_reads_finished_jobs(
    connection: Connection, database: str, tmp_path: Path
) -> None:
    _fill(connection)
    for name in ("queue_depth", "running_jobs", "running"):
        plan = "\n".join(
            row[0] for row in connection.execute("EXPLAIN " + statement("geocrew.ops.sql", name))
        )
        assert "background_jobs_claim" in plan or "background_jobs_running" in plan
        assert "Seq Scan on background_jobs" not in plan, plan
    before = _reads(database)
    start = time.monotonic()
    found = scrape(database, tmp_path)
    seconds = time.monotonic() - start
    assert found("geocrew_jobs", status="queued", job_type="a") == 1000
    assert found("geocrew_jobs", status="running", job_type="b") == 100
    assert seconds < 2  # 0.02 s on an idle machine

    # What a session has read is counted when it ends: queue_depth and running_jobs use an index each.
    def after_both() -> tuple[int, int, int] | None:
        now = _reads(database)
        return now if now[0] >= before[0] + 2 else None

    after = wait_for(after_both, 10, "the counts")
    assert after[1] == before[1], "the scrape read the whole table"
    assert after[2] - before[2] < 5000


def _reads(url: str) -> tuple[int, int, int]:
    """Return index scans, sequential scans and rows fetched by indexes of the table so far."""
    with connect(url, "counting") as connection:
        row = connection.execute(
            "SELECT idx_scan, seq_scan, idx_tup_fetch FROM pg_stat_user_tables"
            " WHERE relname = 'background_jobs'"
        ).fetchone()
    assert row is not None
    return row
