"""Each cause, on rows that have it."""

from collections.abc import Iterator

import psycopg
import pytest

from geocrew.db import Connection, connect
from geocrew.errors import NotFound
from geocrew.ops.why import Cause, explain
from geocrew.queue import consume, presence, produce
from geocrew.queue.job import Claim
from geocrew.queue.presence import Presence
from geocrew.settings import Settings

SETTINGS = Settings(poll_seconds=5)


@pytest.fixture
def job_id(connection: Connection) -> int:
    """A due job of type `a`, which workers know."""
    presence.register_types(connection, ["a", "b"])
    return produce.enqueue(connection, "a", {})


def _announce(connection: Connection, name: str, *job_types: str, places: int = 1) -> None:
    presence.announce(connection, Presence(name, job_types, places, "1"))


def _claim(connection: Connection, job_type: str, worker: str = "me", lease: float = 60.0) -> Claim:
    (claim,) = consume.claim(connection, [job_type], worker, lease, 1)
    return claim


def _why(connection: Connection, job_id: int) -> dict[str, str]:
    causes = explain(connection, SETTINGS, job_id)
    names = [each.name for each in causes]
    assert len(set(names)) == len(names) > 0
    return {each.name: each.message for each in causes}


def _only(connection: Connection, job_id: int) -> Cause:
    (cause,) = explain(connection, SETTINGS, job_id)
    return cause


def test_a_job_that_is_not_there(connection: Connection) -> None:
    with pytest.raises(NotFound, match="job 77 does not exist"):
        explain(connection, SETTINGS, 77)


def test_nothing_stands_in_its_way(connection: Connection, job_id: int) -> None:
    _announce(connection, "me", "a")
    cause = _only(connection, job_id)
    assert cause.name == "next"
    assert "within 5 s" in cause.message


def test_no_worker(connection: Connection, job_id: int) -> None:
    _announce(connection, "other", "b")
    cause = _only(connection, job_id)
    assert (cause.name, cause.message) == (
        "no_worker",
        "no live worker takes a; start one: geocrew worker a",
    )
    _announce(connection, "gone", "a")
    connection.execute(
        "UPDATE geocrew.workers SET heartbeat_at = now() - interval '5 minutes' WHERE name = 'gone'"
    )
    assert "(the last one, gone, 5 min ago)" in _why(connection, job_id)["no_worker"]


def test_an_unknown_type(connection: Connection) -> None:
    presence.register_types(connection, ["a"])
    unknown = produce.enqueue(connection, "hotspots", {})
    cause = _only(connection, unknown)
    assert cause.name == "unknown_type"
    assert '"hotspots"' in cause.message


def test_all_workers_wait(connection: Connection, job_id: int) -> None:
    for name, state in (("one", "waiting"), ("two", "draining")):
        reason = "the database's disk is full" if state == "waiting" else None
        values = Presence(name, ["a"], 1, "1", None, state, reason)  # type: ignore[arg-type]  # of a Literal
        presence.announce(connection, values)
    cause = _only(connection, job_id)
    assert cause.name == "workers_wait"
    assert cause.message.startswith("all 2 live workers of its type must wait")
    assert cause.message.endswith("the database's disk is full")
    _announce(connection, "three", "a")
    assert _only(connection, job_id).name == "next"


def test_all_workers_stop(connection: Connection, job_id: int) -> None:
    presence.announce(connection, Presence("one", ["a"], 1, "1", None, "draining"))
    assert _only(connection, job_id).name == "draining"


def test_scheduled(connection: Connection, job_id: int) -> None:
    _announce(connection, "me", "a")
    connection.execute("UPDATE background_jobs SET run_at = now() + interval '3 hours'")
    cause = _only(connection, job_id)
    assert cause.name == "scheduled"
    assert "due in 3 h" in cause.message


def test_waiting_for_its_next_attempt(connection: Connection, job_id: int) -> None:
    claim = _claim(connection, "a")
    assert consume.retry_later(connection, claim, "failed", "the connection was lost", 40)
    assert list(_why(connection, job_id)) == ["no_worker", "retry_wait"]
    _announce(connection, "me", "a")
    cause = _only(connection, job_id)
    assert cause.name == "retry_wait"
    assert "attempt 1 ended so: the connection was lost" in cause.message
    assert "due in 40 s" in cause.message or "due in 39 s" in cause.message


def test_all_places_are_taken(connection: Connection, job_id: int) -> None:
    _announce(connection, "me", "a", "b", places=2)
    _claim(connection, "a")
    running = produce.enqueue(connection, "b", {})
    _claim(connection, "b")
    produce.enqueue(connection, "b", {}, priority=3)
    produce.enqueue(connection, "other", {}, priority=3)  # in nobody's way
    late = produce.enqueue(connection, "a", {})
    found = _why(connection, late)
    assert list(found) == ["busy", "ahead"]
    assert "all 2 places of the only live worker of its type are taken" in found["busy"]
    assert f"job {job_id} (a, 0 %), job {running} (b, 0 %)" in found["busy"]
    assert found["ahead"].endswith(": 1")
    _announce(connection, "free", "a")
    assert list(_why(connection, late)) == [
        "next"
    ]  # the job ahead is of a type that `free` does not take


def test_its_row_is_locked(connection: Connection, database: str, job_id: int) -> None:
    _announce(connection, "me", "a")
    with connect(database, "holder") as holder, holder.transaction():
        holder.execute("SELECT FROM background_jobs WHERE id = %s FOR UPDATE", (job_id,))
        assert _only(connection, job_id).name == "locked"
    assert _only(connection, job_id).name == "next"


@pytest.fixture
def read_only(connection: Connection, database: str) -> Iterator[Connection]:
    connection.execute(
        psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(
            psycopg.sql.Identifier(connection.info.dbname)
        )
    )
    with connect(database, "test") as opened:
        yield opened


def test_the_database_is_read_only(connection: Connection, read_only: Connection, job_id: int) -> None:
    _announce(connection, "me", "a")
    assert _only(read_only, job_id).name == "read_only"


def test_running(connection: Connection, job_id: int) -> None:
    _announce(connection, "me", "a")
    _claim(connection, "a")
    connection.execute("UPDATE background_jobs SET progress = 42, progress_message = 'reading'")
    cause = _only(connection, job_id)
    assert cause.name == "running"
    for told in (
        "attempt 1 has run for 0 s",
        "42 % (reading)",
        "worker me was heard of 0 s ago",
        "60 s",
    ):
        assert told in cause.message


def test_its_worker_is_gone(connection: Connection, job_id: int) -> None:
    _claim(connection, "a")
    connection.execute("UPDATE background_jobs SET leased_until = now() - interval '30 s'")
    found = _why(connection, job_id)
    assert list(found) == ["lapsed", "running"]
    assert "lapsed 30 s ago; no live worker is there" in found["lapsed"]
    assert "is not on the list" in found["running"]
    _announce(connection, "you", "b")
    assert "any live worker takes the job over" in _why(connection, job_id)["lapsed"]


def test_cancelling(connection: Connection, database: str, job_id: int) -> None:
    claim = _claim(connection, "a")
    produce.cancel(connection, job_id)
    connection.execute("UPDATE background_jobs SET cancel_requested_at = now() - interval '75 s'")
    found = _why(connection, job_id)
    assert list(found) == ["cancelling", "running"]
    assert "asked for 75 s ago" in found["cancelling"]
    assert "its worker has yet to hear of it" in found["cancelling"]
    with connect(database, claim.session_name) as session:
        told = _why(connection, job_id)["cancelling"]
        assert f"process {session.info.backend_pid}" in told
        assert "after 60 s" in told


def test_over(connection: Connection, job_id: int) -> None:
    claim = _claim(connection, "a")
    consume.complete(connection, claim.id, claim.lease, {"dataset_id": 12})
    cause = _only(connection, job_id)
    assert (cause.name, cause.message) == ("completed", "it was completed 0 s ago; its dataset: 12")
    other = produce.enqueue(connection, "a", {})
    produce.cancel(connection, other)
    cause = _only(connection, other)
    assert cause.name == "cancelled"
    assert f"geocrew jobs retry {other}" in cause.message


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        ("rejected", "mend the request"),
        ("quarantined", "the worker's log"),
        ("timed_out", "GEOCREW_JOB_TIMEOUT_SECONDS"),
        ("out_of_memory", "GEOCREW_JOB_MEMORY_MB"),
        ("no_resources", "make room"),
        ("failed", "no attempt left"),
    ],
)
def test_failed(connection: Connection, job_id: int, outcome: str, advice: str) -> None:
    claim = _claim(connection, "a")
    assert consume.fail(connection, claim, outcome, "it broke")  # type: ignore[arg-type]  # of a Literal
    cause = _only(connection, job_id)
    assert cause.name == "failed"
    assert "failed 0 s ago: it broke" in cause.message
    assert advice in cause.message
    assert ("jobs retry" in cause.message) == (outcome != "rejected")


def test_failed_for_its_type(connection: Connection) -> None:
    job_id = produce.enqueue(connection, "hotspots", {})
    connection.execute(
        "UPDATE background_jobs SET status = 'failed', finished_at = now(), error_message = 'unknown'"
    )
    assert "geocrew analyses list" in _only(connection, job_id).message
