"""What a scrape says of a database whose state is known."""

import math
import time
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from tests.cluster import Cluster
from tests.integration.ops.scraping import Scrape, live_through, scrape

from geocrew.db import Connection, connect
from geocrew.error_classes import classify
from geocrew.ops.metric_families import FAMILIES
from geocrew.ops.metric_gauges import _REASONS
from geocrew.ops.metrics import exposition, registry
from geocrew.queue import consume, presence, produce
from geocrew.queue.presence import Presence
from geocrew.queue.tallies import BOUNDS, Tallies
from geocrew.settings import Settings
from geocrew.worker.pause import NO_DESCRIPTOR


def test_every_metric_of_the_table_is_exposed_with_its_labels(
    connection: Connection, database: str, tmp_path: Path
) -> None:
    live_through(connection)
    found = scrape(database, tmp_path)
    exposed = {each.name + ("_total" if each.type == "counter" else ""): each for each in found.families}
    assert set(exposed) == set(FAMILIES)
    for name, family in FAMILIES.items():
        assert exposed[name].type == family.kind
        assert exposed[name].documentation == family.help
        for sample in exposed[name].samples:
            assert set(sample.labels) - {"le"} == set(family.labels), name


def test_jobs_are_counted_by_status_and_type(
    connection: Connection, database: str, tmp_path: Path
) -> None:
    presence.register_types(connection, ["a", "b"])
    for _ in range(5):
        produce.enqueue(connection, "a", {})
    consume.claim(connection, ["a"], "me", 60, 2)
    connection.execute(
        "UPDATE background_jobs SET run_at = now() - interval '1 hour'"
        " WHERE id = (SELECT max(id) FROM background_jobs);"
        "UPDATE background_jobs SET cancel_requested_at = now() - interval '2 minutes'"
        " WHERE id = (SELECT min(id) FROM background_jobs);"
        "INSERT INTO background_jobs (job_type, run_at) VALUES ('b', now() + interval '1 hour')"
    )
    found = scrape(database, tmp_path)
    assert found("geocrew_jobs", status="queued", job_type="a") == 3
    assert found("geocrew_jobs", status="running", job_type="a") == 2
    assert found("geocrew_jobs", status="queued", job_type="b") == 1
    assert found("geocrew_jobs", status="running", job_type="b") == 0
    assert found("geocrew_oldest_queued_seconds", job_type="a") == pytest.approx(3600, abs=30)
    assert found("geocrew_oldest_queued_seconds", job_type="b") == 0  # its time has not come
    assert found("geocrew_oldest_cancelling_seconds", job_type="a") == pytest.approx(120, abs=30)
    assert found("geocrew_oldest_cancelling_seconds", job_type="b") == 0


def test_labels_are_bounded_whatever_is_in_the_tables(
    connection: Connection, database: str, tmp_path: Path
) -> None:
    presence.register_types(connection, ["a"])
    tallies = Tallies()
    for number in range(30):
        produce.enqueue(connection, f"made up {number}", {})
        tallies.observe("job_duration_seconds", 1.0, f"made up {number}", f"made up {number}")
        tallies.count("jobs_rescued", "a", f"made up {number}")
        tallies.count("db_errors", reason=f"made up {number}")
        worker = Presence(f"w{number}", [f"t{number}"], 1, "1", None, "waiting", f"made up {number}")
        presence.announce(connection, worker)
    consume.claim(connection, [f"made up {number}" for number in range(10)], "me", 60, 10)
    tallies.flush(connection)
    found = scrape(database, tmp_path)
    assert found("geocrew_jobs", status="queued", job_type="other") == 20
    assert found("geocrew_jobs", status="running", job_type="other") == 10
    assert found("geocrew_jobs_rescued_total", job_type="a", reason="other") == 30
    assert found("geocrew_db_errors_total", sqlstate_class="other") == 30
    assert found("geocrew_workers_waiting", reason="other") == 30
    assert found("geocrew_job_duration_seconds_count", job_type="other", outcome="other") == 30
    assert "made up" not in str(found.series)


def test_histograms_are_cumulative_and_keep_their_sum(
    connection: Connection, database: str, tmp_path: Path
) -> None:
    presence.register_types(connection, ["a"])
    tallies = Tallies()
    for seconds in (0.003, 0.2, 0.3, 7.0, 9999.0):
        tallies.observe("queue_wait_seconds", seconds, "a")
    tallies.flush(connection)
    tallies.observe("queue_wait_seconds", 0.2, "a")  # of another worker
    tallies.flush(connection)
    connection.execute("INSERT INTO geocrew.tallies VALUES ('queue_wait_seconds', 'a', '', 2.5, 1)")
    found = scrape(database, tmp_path)
    buckets = [
        found("geocrew_queue_wait_seconds_bucket", job_type="a", le=_edge(bound)) for bound in BOUNDS
    ]
    # A bound of an older version (2.5) counts in the next one of today (5).
    assert buckets == [1, 1, 1, 4, 4, 5, 6, 6, 6, 6, 6, 6, 7]
    assert found("geocrew_queue_wait_seconds_count", job_type="a") == 7
    assert found("geocrew_queue_wait_seconds_sum", job_type="a") == pytest.approx(10006.703)


def test_finished_jobs_come_from_the_tallies(
    connection: Connection, database: str, tmp_path: Path
) -> None:
    live_through(connection)
    found = scrape(database, tmp_path)
    for status in ("completed", "failed", "cancelled"):
        assert found("geocrew_jobs", status=status, job_type="a") == 1
        assert found("geocrew_jobs", status=status, job_type="b") == 0
    assert found.labels("geocrew_jobs", "status") == {
        "queued", "running", "completed", "failed", "cancelled",
    }  # fmt: skip
    # Counters start at 0, so that the first event is an increase.
    assert found("geocrew_jobs_quarantined_total", job_type="b") == 0
    assert found("geocrew_jobs_rescued_total", job_type="b", reason="lapsed") == 0
    assert [found("geocrew_result_rows_total", job_type=each) for each in "ab"] == [20, 0]


def test_workers_are_told_by_type(connection: Connection, database: str, tmp_path: Path) -> None:
    presence.register_types(connection, ["a", "b", "c"])
    presence.announce(connection, Presence("one", ["a", "b"], 1, "1"))
    presence.announce(connection, Presence("two", ["a"], 1, "1", None, "waiting", _disk_full()))
    presence.announce(connection, Presence("dead", ["a", "c"], 1, "1", None, "waiting", _disk_full()))
    connection.execute(
        "UPDATE geocrew.workers SET heartbeat_at = now() - interval '5 s' WHERE name = 'two';"
        "UPDATE geocrew.workers SET heartbeat_at = now() - interval '10 min' WHERE name = 'dead'"
    )
    found = scrape(database, tmp_path)
    live = [found("geocrew_workers_live", job_type=each) for each in "abc"]
    assert live == [2, 1, 0]
    ages = [found("geocrew_worker_heartbeat_age_seconds", job_type=each) for each in "abc"]
    assert ages == pytest.approx([5, 0, 600], abs=4)
    assert found("geocrew_workers_waiting", reason="database_disk") == 1
    assert found("geocrew_workers_waiting", reason="read_only") == 0


def test_reasons_of_waiting_workers_have_their_label() -> None:
    """The sentences of error_classes.py and the labels of the metric keep in step."""
    kinds = (errors.DiskFull, errors.TooManyConnections, errors.CannotConnectNow)
    told = {classify(each()).message.partition(":")[0] for each in kinds}
    told |= {classify(errors.ReadOnlySqlTransaction()).message.partition(":")[0]}
    told |= {classify(OSError(28, "No space left on device")).message.partition(":")[0]}
    assert told | {NO_DESCRIPTOR} == set(_REASONS)


def test_a_database_that_is_down_is_a_value(tmp_path: Path) -> None:
    told: list[str] = []
    url = f"postgresql:///x?host={tmp_path}"
    found = Scrape(exposition(lambda: url, Settings(data_dir=tmp_path), told.append))
    assert found("geocrew_database_up") == 0
    assert found("geocrew_database_writable") == 0
    assert found("geocrew_scrape_failures") == 1
    assert found("geocrew_disk_free_bytes", directory="data") > 0
    assert len(told) == 1
    assert told[0].startswith("cannot read database: ")


def test_the_same_trouble_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    made = registry(lambda: f"host={tmp_path}", Settings(data_dir=tmp_path), told.append)
    for _ in range(3):
        list(made.collect())
    assert len(told) == 1


def test_a_database_without_schema_says_what_it_can(cluster: Cluster, tmp_path: Path) -> None:
    told: list[str] = []
    url = cluster.url("postgres")
    found = Scrape(exposition(lambda: url, Settings(data_dir=tmp_path), told.append))
    assert found("geocrew_database_up") == 1
    assert found("geocrew_database_writable") == 1
    assert found("geocrew_scrape_failures") == len(told) == 4
    assert not any(name == "geocrew_jobs" for name, _ in found.series)


def test_a_read_only_database_is_up_and_not_writable(
    connection: Connection, database: str, tmp_path: Path
) -> None:
    presence.register_types(connection, ["a"])
    connection.execute(
        psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(
            psycopg.sql.Identifier(connection.info.dbname)
        )
    )
    found = scrape(database, tmp_path)
    assert found("geocrew_database_up") == 1
    assert found("geocrew_database_writable") == 0
    assert found("geocrew_jobs", status="queued", job_type="a") == 0


def test_the_server_and_the_disks(connection: Connection, database: str, tmp_path: Path) -> None:
    with connect(database, "another"):
        connection.execute("CREATE TABLE geocrew_staging.j1_x_rows (a integer)")
        (tmp_path / "logs").mkdir()
        settings = Settings(data_dir=tmp_path / "to" / "come", log_dir=tmp_path / "logs")
        found = Scrape(exposition(lambda: database, settings, lambda _: None))
    assert found("geocrew_database_connections", state="used") >= 3
    assert found("geocrew_database_connections", state="limit") == 197  # of 200, 3 are the superuser's
    assert found("geocrew_staging_relations") == 1
    assert found("geocrew_schema_version") >= 5
    assert abs(found("geocrew_clock_offset_seconds")) < 1
    for directory in ("data", "logs"):
        free = found("geocrew_disk_free_bytes", directory=directory)
        assert 0 < free < found("geocrew_disk_size_bytes", directory=directory)


def test_the_clock_of_another_machine(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    for shift in (30.0, -30.0):
        monkeypatch.setattr("geocrew.ops.metric_gauges.time.time", lambda shift=shift: real() + shift)
        offset = scrape(database, tmp_path)("geocrew_clock_offset_seconds")
        assert offset == pytest.approx(-shift, abs=2)


def _edge(bound: float) -> str:
    return "+Inf" if math.isinf(bound) else str(bound)


def _disk_full() -> str:
    return classify(errors.DiskFull()).message.partition(":")[0]
