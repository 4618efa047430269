"""Enqueue, cancel, retry: what callers may do to jobs."""

import json
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import set_json_loads

from geocrew.db import Connection, connect
from geocrew.errors import InvalidParameters, LeaseLost, NotFound, UserError
from geocrew.queue import consume, observe, produce
from geocrew.queue.job import Claim
from geocrew.queue.presence import register_types
from geocrew.queue.rescue import reject_unknown, rescue
from geocrew.schema.migrate import migrate


def _claim(connection: Connection) -> Claim:
    (claim,) = consume.claim(connection, ["play"], "worker", 60, 1)
    return claim


def test_enqueue_takes_part_in_the_callers_transaction(database: str, connection: Connection) -> None:
    with connect(database, "worker") as worker, connect(database, "listener") as listener:
        listener.execute("LISTEN geocrew_jobs")
        with pytest.raises(ZeroDivisionError), connection.transaction():
            produce.enqueue(connection, "play", {})
            assert consume.claim(worker, ["play"], "w", 60, 1) == []
            raise ZeroDivisionError
        assert list(listener.notifies(timeout=0.1)) == []
        with connection.transaction():
            job_id = produce.enqueue(connection, "play", {"a": 1})
            produce.enqueue(connection, "play", {})
        assert [notice.payload for notice in listener.notifies(timeout=5, stop_after=1)] == ["play"]
        assert [each.id for each in consume.claim(worker, ["play"], "w", 60, 1)] == [job_id]


def test_one_key_is_one_job(connection: Connection) -> None:
    first = produce.enqueue(connection, "play", {"a": 1}, idempotency_key="k")
    assert produce.enqueue(connection, "play", {"a": 2}, idempotency_key="k") == first
    assert observe.get(connection, first).params == {"a": 1}
    assert produce.enqueue(connection, "play", {}, idempotency_key="k", user_id=2) != first


def test_plain_insert_fills_the_rest(connection: Connection) -> None:
    connection.execute("INSERT INTO background_jobs (job_type) VALUES ('play')")
    (job,) = observe.listed(connection)
    assert (job.status, job.params, job.progress, job.attempt, job.user_id) == ("queued", {}, 0, 0, 1)
    assert consume.params(connection, _claim(connection)) == {}


def test_a_claim_reads_no_parameters(connection: Connection) -> None:
    def refuse(text: str | bytes) -> NoReturn:
        raise AssertionError(f"{len(text)} bytes were read")

    produce.enqueue(connection, "play", {"a": "b" * 100_000})
    set_json_loads(refuse, connection)
    claim = _claim(connection)
    set_json_loads(json.loads, connection)
    assert consume.params(connection, claim) == {"a": "b" * 100_000}


def test_parameters_are_read_under_the_lease_alone(connection: Connection) -> None:
    produce.enqueue(connection, "play", {})
    claim = _claim(connection)
    connection.execute("UPDATE background_jobs SET lease = gen_random_uuid()")
    with pytest.raises(LeaseLost):
        consume.params(connection, claim)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_has_not_are_told(connection: Connection, number: float) -> None:
    with pytest.raises(InvalidParameters, match="params hold NaN or infinity"):
        produce.enqueue(connection, "play", {"deep": [{"a": number}]})
    assert observe.listed(connection) == []


def test_jobs_wait_for_their_time(connection: Connection) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    produce.enqueue(connection, "play", {}, run_at=later)
    assert consume.claim(connection, ["play"], "w", 60, 1) == []
    wait = consume.seconds_to_next(connection, ["play"])
    assert wait is not None
    assert 3590 < wait <= 3600
    assert consume.seconds_to_next(connection, ["other"]) is None


def test_cancel_says_what_it_found(connection: Connection) -> None:
    job_id = produce.enqueue(connection, "play", {})
    claim = _claim(connection)
    assert produce.cancel(connection, job_id) == "running"
    assert consume.end_cancelled(connection, claim)
    with pytest.raises(UserError, match=f"job {job_id} is already cancelled"):
        produce.cancel(connection, job_id)
    with pytest.raises(NotFound, match="job 999 does not exist"):
        produce.cancel(connection, 999)


def test_retry_sends_a_spent_job_through_again(connection: Connection) -> None:
    job_id = produce.enqueue(connection, "play", {}, max_attempts=1)
    with pytest.raises(UserError, match=f"job {job_id} is queued; only failed and cancelled"):
        produce.retry(connection, job_id)
    assert consume.fail(connection, _claim(connection), "failed", "broken")
    produce.retry(connection, job_id)
    job = observe.get(connection, job_id)
    assert (job.status, job.attempt, job.max_attempts, job.finished_at) == ("queued", 1, 2, None)
    claim = _claim(connection)
    consume.complete(connection, claim.id, claim.lease, {"done": True})
    assert observe.get(connection, job_id).error_message is None
    assert [each.error_message for each in observe.attempts(connection, job_id)] == ["broken"]


def test_rescue_ends_what_loses_its_worker_too_often(connection: Connection) -> None:
    again = produce.enqueue(connection, "play", {}, max_attempts=1)  # lapses are counted apart
    poison = produce.enqueue(connection, "play", {})
    connection.execute("UPDATE background_jobs SET crashes = 2 WHERE id = %s", (poison,))
    asked = produce.enqueue(connection, "play", {})
    alive = produce.enqueue(connection, "play", {})
    assert len(consume.claim(connection, ["play"], "dead", 0.0, 3)) == 3
    assert len(consume.claim(connection, ["play"], "living", 60.0, 1)) == 1
    produce.cancel(connection, asked)
    rescued = {row[0]: row[3] for row in rescue(connection, crash_limit=3)}
    assert rescued == {again: "queued", poison: "failed", asked: "cancelled"}
    assert observe.get(connection, alive).status == "running"
    message = observe.get(connection, poison).error_message or ""
    assert message.startswith("quarantined: 3 attempts took their process down")
    assert "the worker died" in message
    assert [each.outcome for each in observe.attempts(connection, again)] == ["lapsed"]
    assert [each.outcome for each in observe.attempts(connection, poison)] == ["quarantined"]


def test_types_that_somebody_knows_are_left_to_him(connection: Connection) -> None:
    produce.enqueue(connection, "newer", {})
    unknown = produce.enqueue(connection, "nonsense", {})
    register_types(connection, ["newer", "play"])
    assert reject_unknown(connection) == []  # within the grace
    assert reject_unknown(connection, grace_seconds=0.0) == [unknown]
    assert (
        observe.get(connection, unknown).error_message
        == 'unknown job_type "nonsense"; known: newer, play'
    )


@pytest.mark.parametrize(
    "columns",
    [
        "status = 'done'",
        "status = 'completed', finished_at = now(), result = '{}', progress = 100",
        "status = 'running'",
        "status = 'failed', finished_at = now()",
        "status = 'cancelled', finished_at = now()",
        "lease = gen_random_uuid()",
        "progress = 101",
        "finished_at = now()",
        "result = '{}'",
        "timeout = '-1 s'",
        "max_attempts = 0",
        "attempt = 2147483647",
        "crashes = 2147483647",
        "id = -5",
        "job_type = ''",
    ],
)
def test_table_refuses_nonsense(connection: Connection, columns: str) -> None:
    produce.enqueue(connection, "play", {})
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"UPDATE background_jobs SET {columns}")


@pytest.mark.parametrize("time", ["-infinity", "infinity", "0044-03-15 BC", "20000-01-01"])
@pytest.mark.parametrize("column", ["run_at", "created_at", "started_at", "cancel_requested_at"])
def test_times_are_such_as_clients_can_read(connection: Connection, column: str, time: str) -> None:
    insert = sql.SQL("INSERT INTO background_jobs (job_type, {}) VALUES ('play', %s)")
    with pytest.raises(psycopg.errors.CheckViolation, match="times_of_our_calendar"):
        connection.execute(insert.format(sql.Identifier(column)), (time,))
    for near in ("0001-01-02 00:00Z", "9999-12-30 23:59:59Z"):
        connection.execute(insert.format(sql.Identifier(column)), (near,))
    assert len(observe.listed(connection)) == 2
    assert len(consume.claim(connection, ["play"], "w", 60, 2)) == (1 if column == "run_at" else 2)


def test_an_upgrade_frees_a_queue_that_stood_still(connection: Connection) -> None:
    connection.execute(
        "ALTER TABLE background_jobs DROP CONSTRAINT background_jobs_times_of_our_calendar,"
        " DROP CONSTRAINT background_jobs_counts_bounded, DROP CONSTRAINT background_jobs_id_positive;"
        "DELETE FROM geocrew.schema_migrations WHERE version = 8;"
        "INSERT INTO background_jobs (job_type, run_at)"
        " VALUES ('play', '-infinity'), ('play', 'infinity'), ('play', now());"
        "INSERT INTO background_jobs (job_type, attempt) VALUES ('play', 2147483647)"
    )
    assert migrate(connection) == ["0008_bounds"]
    assert {each.id for each in consume.claim(connection, ["play"], "w", 60, 4)} == {1, 3, 4}
    assert [each.id for each in observe.listed(connection)] == [4, 3, 2, 1]


def test_states_move_along_drawn_edges_only(connection: Connection) -> None:
    produce.enqueue(connection, "play", {})
    claim = _claim(connection)
    consume.complete(connection, claim.id, claim.lease, {})
    with pytest.raises(psycopg.errors.CheckViolation, match="cannot go from completed to queued"):
        connection.execute(
            "UPDATE background_jobs"
            " SET status = 'queued', finished_at = NULL, result = NULL, progress = 1"
        )


@pytest.mark.parametrize(
    "change",
    [
        "user_id = 2",
        "params = '{}'",
        "job_type = 'other'",
        "attempt = 0",
        "idempotency_key = 'other'",
        "max_attempts = attempt",
        "crashes = 1",
        "progress = 1",
        "cancel_requested_at = now()",
    ],
)
def test_only_a_whole_retry_brings_a_job_back(connection: Connection, change: str) -> None:
    job_id = produce.enqueue(connection, "play", {"a": 1}, idempotency_key="k")
    consume.fail(connection, _claim(connection), "failed", "broken")
    whole = {
        "status": "'queued'",
        "finished_at": "NULL",
        "run_at": "clock_timestamp()",
        "max_attempts": "5",
        "crashes": "0",
        "progress": "0",
        "cancel_requested_at": "NULL",
    }
    name, value = change.split(" = ")
    update = "UPDATE background_jobs SET "
    with pytest.raises(psycopg.errors.CheckViolation, match=f"geocrew jobs retry {job_id}"):
        connection.execute(update + ", ".join(f"{k} = {v}" for k, v in (whole | {name: value}).items()))
    assert observe.get(connection, job_id).status == "failed"
    connection.execute(update + ", ".join(f"{k} = {v}" for k, v in whole.items()))
    assert _claim(connection).id == job_id


def test_a_job_of_a_thousand_attempts_can_be_retried(connection: Connection) -> None:
    job_id = produce.enqueue(connection, "play", {}, max_attempts=1000)
    connection.execute("UPDATE background_jobs SET attempt = 999")
    consume.fail(connection, _claim(connection), "failed", "broken")
    produce.retry(connection, job_id)
    assert _claim(connection).attempt == 1001


def test_listing_pages_backwards(connection: Connection) -> None:
    ids = [produce.enqueue(connection, "play", {}) for _ in range(5)]
    page = observe.listed(connection, limit=2)
    assert [job.id for job in page] == [ids[4], ids[3]]
    assert [job.id for job in observe.listed(connection, limit=2, before=ids[3])] == [ids[2], ids[1]]
    produce.cancel(connection, ids[0])
    assert [job.id for job in observe.listed(connection, status="cancelled")] == [ids[0]]
    assert observe.listed(connection, job_type="other") == []
