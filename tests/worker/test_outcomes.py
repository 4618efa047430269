"""What becomes of a job, whatever it does to the process it runs in."""

from datetime import timedelta

import pytest

from geocrew import analyses
from geocrew.db import Connection
from geocrew.queue import observe, produce
from tests.waiting import wait_for
from tests.worker.processes import Workers, datasets_of, final, job_sessions, play, staged, starts


def test_good_job_publishes_one_dataset(connection: Connection, workers: Workers) -> None:
    workers.start()
    job = final(connection, play(connection, "publish"))
    assert job.status == "completed"
    assert job.progress == 100
    assert job.result is not None
    assert {
        "dataset_id",
        "dataset_name",
        "table_name",
        "row_count",
        "bbox",
        "srid",
        "elapsed_ms",
    } <= set(job.result)
    assert datasets_of(connection, job.id) == 1
    assert connection.execute(f"SELECT count(*) FROM {job.result['table_name']}").fetchone() == (1,)
    assert staged(connection) == []


def test_plain_insert_is_a_full_enqueue(connection: Connection, workers: Workers) -> None:
    workers.start()
    row = connection.execute(
        "INSERT INTO background_jobs (job_type, params) VALUES ('play', '{}') RETURNING id"
    ).fetchone()
    assert row is not None
    assert final(connection, row[0]).status == "completed"


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("transient", "come again"),
        ("bug", "internal error (ZeroDivisionError)"),
    ],
)
def test_what_may_pass_is_retried_and_then_failed(
    connection: Connection, workers: Workers, act: str, says: str
) -> None:
    worker = workers.start()
    spared = play(connection, "publish")
    job = final(connection, play(connection, act, max_attempts=2))
    assert job.status == "failed"
    assert says in (job.error_message or "")
    assert "secret" not in (job.error_message or "")
    assert [each.attempt for each in observe.attempts(connection, job.id)] == [1, 2]
    assert starts(connection, job.id) == 2
    assert final(connection, spared).status == "completed"
    assert worker.process.poll() is None
    assert staged(connection) == []


@pytest.mark.parametrize(
    ("act", "says"), [("segfault", "killed by signal 11 (SIGSEGV)"), ("exit", "exit code 7")]
)
def test_what_kills_its_process_is_quarantined(
    connection: Connection, workers: Workers, act: str, says: str
) -> None:
    worker = workers.start()
    spared = play(connection, "publish")
    job = final(connection, play(connection, act, max_attempts=1))  # crashes are counted apart
    assert job.status == "failed"
    assert "quarantined: 3 attempts took their process down" in (job.error_message or "")
    assert says in (job.error_message or "")
    outcomes = [each.outcome for each in observe.attempts(connection, job.id)]
    assert outcomes == ["crashed", "crashed", "quarantined"]
    assert starts(connection, job.id) == 3
    assert final(connection, spared).status == "completed"
    assert worker.process.poll() is None
    assert staged(connection) == []
    produce.retry(connection, job.id)
    assert final(connection, job.id).status == "failed"
    assert starts(connection, job.id) == 6  # a retry by hand starts counting anew


def test_crashes_do_not_use_up_attempts(connection: Connection, workers: Workers) -> None:
    workers.start()
    job = final(connection, play(connection, "segfault", good_from_attempt=3, max_attempts=1))
    assert (job.status, job.attempt) == ("completed", 3)


def test_retry_can_succeed(connection: Connection, workers: Workers) -> None:
    workers.start()
    job = final(connection, play(connection, "transient", good_from_attempt=3))
    assert (job.status, job.attempt, job.error_message) == ("completed", 3, None)
    assert datasets_of(connection, job.id) == 1


def test_user_errors_fail_at_once(connection: Connection, workers: Workers) -> None:
    workers.start()
    job = final(connection, play(connection, "user_error"))
    assert (job.status, job.attempt, job.error_message) == ("failed", 1, "act is not what you want")


def test_traceback_goes_to_the_log_alone(connection: Connection, workers: Workers) -> None:
    worker = workers.start()
    final(connection, play(connection, "bug", max_attempts=1))
    assert "secret detail" in worker.log.read_text()


def test_memory_limit_stops_one_job_with_plain_words(connection: Connection, workers: Workers) -> None:
    worker = workers.start(GEOCREW_JOB_MEMORY_MB="700")
    job = final(connection, play(connection, "hog"))
    assert (job.status, job.attempt) == ("failed", 1)
    assert "out of memory: a job may hold 700 MiB" in (job.error_message or "")
    assert final(connection, play(connection, "publish")).status == "completed"
    assert worker.process.poll() is None


@pytest.mark.parametrize("act", ["hold_gil", "burn", "sql"])
def test_timeout_stops_what_cannot_be_interrupted(
    connection: Connection, workers: Workers, act: str
) -> None:
    workers.start()
    job = final(connection, play(connection, act, seconds=60, timeout=timedelta(seconds=0.5)))
    assert (job.status, job.error_message) == ("failed", "stopped after 0.5 seconds, the job's timeout")
    assert job.seconds is not None
    assert job.seconds < 10
    assert job_sessions(connection) == 0


def test_a_job_may_compute_for_long_within_its_transaction(
    connection: Connection, workers: Workers
) -> None:
    """A search of the nearest did for two minutes, and its session was gone after one."""
    workers.start()
    job = final(connection, play(connection, "patience"))
    lines = wait_for(lambda: observe.log_lines(connection, job.id), 10, "the job's log")
    assert [line.message for line in lines] == ["(True,)"]


def test_log_is_bounded(connection: Connection, workers: Workers) -> None:
    workers.start()
    job = final(connection, play(connection, "talk"))
    wait_for(lambda: len(observe.log_lines(connection, job.id)) >= 1000, 10, "the log")
    lines = observe.log_lines(connection, job.id)
    assert [line.message for line in lines] == [f"line {number}" for number in range(1000)]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ("[1, 2]", "params must be a JSON object of parameters, not an array"),
        ('"text"', "not a string"),
        ("null", "not null"),
        ("{}", "dataset_id is required; value_field is required; distance is required"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "params nest too deep to be read"),
        ('{"dataset_id": 1e5000}', 'not "a number of 5001 digits"'),
        ('{"dataset_id": 1, "distance": %s.5}' % ("9" * 400), 'not "a number of 402 digits"'),
        ('{"dataset_id": 99, "value_field": "x", "distance": 1}', "dataset 99 does not exist"),
        (
            '{"dataset_id": 1, "value_feild": "x", "distance": -1}',
            (
                "value_field is required; distance should be greater than 0, not -1;"
                ' unknown parameter "value_feild"; did you mean "value_field"?'
            ),
        ),
    ],
)
def test_bad_rows_fail_clearly(connection: Connection, workers: Workers, params: str, says: str) -> None:
    worker = workers.start()
    row = connection.execute(
        "INSERT INTO background_jobs (job_type, params) VALUES ('hotspot_analysis', %s) RETURNING id",
        (params,),
    ).fetchone()
    assert row is not None
    job = final(connection, row[0])
    assert (job.status, job.attempt) == ("failed", 1)
    assert says in (job.error_message or "")
    assert worker.process.poll() is None


def test_unknown_job_type_is_rejected_with_the_choices(connection: Connection, workers: Workers) -> None:
    """Unknown is what no worker's build knows: another type waits for a worker, however long."""
    workers.start("play")
    others = produce.enqueue(connection, "clip", {})
    job_id = produce.enqueue(connection, "hotspot", {})
    connection.execute("UPDATE background_jobs SET created_at = now() - interval '1 minute'")
    job = final(connection, job_id)
    assert job.status == "failed"
    known = sorted(name for each in analyses.load().values() for name in each.names)
    assert (
        job.error_message == f'unknown job_type "hotspot"; known: {", ".join(sorted([*known, "play"]))}'
    )
    assert observe.get(connection, others).status == "queued"


def test_a_role_that_cannot_publish_is_told_before_it_computes(
    connection: Connection, workers: Workers
) -> None:
    row = connection.execute("SELECT current_database()").fetchone()
    role = f"narrow_{(row or ('',))[0]}"
    connection.execute(f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA public TO {role}")
    for schema in ("geocrew", "geocrew_staging"):
        connection.execute(f"GRANT ALL ON SCHEMA {schema} TO {role}")
    for schema in ("public", "geocrew"):
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}")
        connection.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
    try:
        worker = workers.start(url=workers.url.replace("geocrew@", f"{role}@"))
        job = final(connection, play(connection, "publish"))
        assert (job.status, job.attempt) == ("failed", 1)
        assert f"GRANT USAGE, CREATE ON SCHEMA public TO {role}" in (job.error_message or "")
        assert starts(connection, job.id) == 0
        worker.end()
    finally:
        connection.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
