"""Each exit code once, with what is said beside it."""

import signal
from pathlib import Path

import pytest
from tests.acceptance.cli.command import Command
from tests.acceptance.cli.conftest import count_jobs
from tests.cluster import Cluster

from geocrew.db import Connection
from geocrew.queue import observe

HOT = ("hotspot_analysis", "dataset_id=places", "value_field=size", "neighbor_type=knn")


def test_completed_is_0_and_json_is_alone_on_standard_output(geocrew: Command, places: int) -> None:
    worker = geocrew.worker("hotspot_analysis")
    answer = geocrew("run", *HOT, "k_neighbors=4", "--output-name", "hot places", "--wait", "--json")
    assert answer.code == 0, answer.err
    job = answer.document
    assert job["status"] == "completed"
    assert job["params"] == {
        "dataset_id": places,
        "value_field": "size",
        "neighbor_type": "knn",
        "k_neighbors": 4,
        "output_name": "hot places",
    }
    assert job["result"]["dataset_name"] == "hot places"
    assert job["result"]["row_count"] == 36
    assert "100 %" in answer.err
    assert worker.end() == 0


@pytest.mark.usefixtures("places")
def test_without_wait_the_number_is_printed_and_a_missing_worker_is_told(
    geocrew: Command, connection: Connection
) -> None:
    answer = geocrew(
        "run", *HOT, "k_neighbors=4", "--priority=7", "--timeout=30", "--idempotency-key=once"
    )
    assert answer.code == 0, answer.err
    job = observe.get(connection, int(answer.out))
    assert (job.status, job.priority, job.timeout_seconds) == ("queued", 7, 30)
    assert "no live worker takes hotspot_analysis" in answer.err
    again = geocrew("run", *HOT, "k_neighbors=4", "--idempotency-key=once")
    assert again.out == answer.out
    assert count_jobs(connection) == 1


@pytest.mark.parametrize(
    "arguments",
    [("run",), ("jobs", "list", "--status", "lost"), ("nonsense",), ("jobs", "show", "first")],
)
def test_usage_is_2(geocrew: Command, arguments: tuple[str, ...]) -> None:
    answer = geocrew(*arguments)
    assert answer.code == 2
    assert "Usage: geocrew" in answer.err
    assert answer.out == ""


@pytest.mark.usefixtures("places")
def test_failed_is_3(geocrew: Command) -> None:
    geocrew.worker("hotspot_analysis")
    answer = geocrew("run", *HOT, "k_neighbors=36", "--wait")
    assert answer.code == 3
    assert "k_neighbors is 36, but only 36 features" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.usefixtures("places")
def test_cancelled_is_4(geocrew: Command) -> None:
    job_id = geocrew("run", *HOT, "k_neighbors=4").out.strip()
    cancelled = geocrew("jobs", "cancel", job_id, "--wait", "--json")
    assert (cancelled.code, cancelled.document["status"]) == (0, "cancelled")
    assert geocrew("jobs", "wait", job_id).code == 4
    again = geocrew("jobs", "cancel", job_id)
    assert again.code == 2
    assert f"job {job_id} is already cancelled" in again.err


def test_unreachable_is_75(geocrew: Command, tmp_path: Path) -> None:
    answer = geocrew("jobs", "list", GEOCREW_DATABASE_URL=f"host={tmp_path} dbname=none")
    assert answer.code == 75
    assert str(tmp_path) in answer.err
    assert "Traceback" not in answer.err


def test_no_database_at_all_is_75_and_says_how_to_get_one(private: Command) -> None:
    for arguments in (("jobs", "list"), ("worker",), ("db", "migrate"), ("db", "url")):
        answer = private(*arguments)
        assert answer.code == 75
        assert "geocrew db start" in answer.err
        assert answer.out == ""


def test_configuration_is_78(geocrew: Command, cluster: Cluster) -> None:
    url = cluster.create_database("bare")
    try:
        answer = geocrew("jobs", "list", GEOCREW_DATABASE_URL=url)
        assert answer.code == 78
        assert "0001_queue" in answer.err
        assert "geocrew db migrate" in answer.err
        assert geocrew("worker", GEOCREW_DATABASE_URL=url).code == 78
        migrated = geocrew("db", "migrate", "--json", GEOCREW_DATABASE_URL=url)
        assert "0001_queue" in migrated.document["applied"]
        assert geocrew("db", "migrate", GEOCREW_DATABASE_URL=url).out == "nothing to do\n"
        assert geocrew("jobs", "list", "--json", GEOCREW_DATABASE_URL=url).document == []
    finally:
        cluster.drop_database("bare")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"GEOCREW_LEASE_SECONDS": "soon"}, "GEOCREW_LEASE_SECONDS should be a valid number"),
        ({"GEOCREW_POLL_SECONDS": "0"}, "GEOCREW_POLL_SECONDS should be greater than or equal to 0.1"),
        ({"GEOCREW_DATABASE_URL": "somewhere"}, 'missing "="'),
    ],
)
def test_a_wrong_setting_is_78_and_named(
    geocrew: Command, settings: dict[str, str], message: str
) -> None:
    answer = geocrew("jobs", "list", **settings)
    assert answer.code == 78
    assert message in answer.err


@pytest.mark.usefixtures("places")
def test_ctrl_c_while_waiting_leaves_the_job(geocrew: Command, connection: Connection) -> None:
    waiting = geocrew.start("run", *HOT, "k_neighbors=4", "--wait")
    waiting.said("queued")
    assert waiting.end(signal.SIGINT) == 130
    (job,) = observe.listed(connection)
    assert job.status == "queued"
    said = waiting.err.read_text()
    assert f"geocrew jobs show {job.id}" in said
    assert f"geocrew jobs cancel {job.id}" in said
    assert "Traceback" not in said
