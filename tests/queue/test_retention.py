"""Finished jobs go after a time, with what belongs to them; nothing else does."""

from geocrew.db import Connection
from geocrew.queue import consume, produce
from geocrew.queue.retention import prunable, prune


def _finished(connection: Connection, days_ago: float) -> int:
    job_id = produce.enqueue(connection, "play", {})
    (claim,) = consume.claim(connection, ["play"], "w", 60, 1)
    consume.write_log(connection, claim, [("info", "hello")])
    consume.fail(connection, claim, "failed", "no")
    connection.execute(
        "UPDATE background_jobs SET finished_at = now() - %s * interval '1 day' WHERE id = %s",
        (days_ago, job_id),
    )
    return job_id


def _ids(connection: Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT id FROM background_jobs ORDER BY id")]


def test_only_old_finished_jobs_go(connection: Connection) -> None:
    old, new = _finished(connection, 31), _finished(connection, 29)
    waiting = produce.enqueue(connection, "play", {})
    connection.execute("UPDATE background_jobs SET created_at = 'epoch', run_at = 'epoch'")
    assert prunable(connection, 30) == 1
    assert prune(connection, 30) == 1
    assert _ids(connection) == [new, waiting]
    for table in ("job_attempts", "job_log"):
        rows = connection.execute(f"SELECT job_id FROM geocrew.{table}".encode()).fetchall()
        assert {row[0] for row in rows} == {new}, old


def test_batches_take_the_oldest_first(connection: Connection) -> None:
    ids = [_finished(connection, days) for days in (40, 60, 50)]
    assert prune(connection, 30, limit=2) == 2
    assert _ids(connection) == [ids[0]]
    assert (prune(connection, 30), prune(connection, 30)) == (1, 0)
