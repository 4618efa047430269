"""What the doctor says of versions, settings, parameters of the server, and of jobs in trouble."""

import sys
from pathlib import Path

import pytest

from geocrew import __version__
from geocrew.db import Connection, connect
from geocrew.ops import parameter_checks, queue_checks, server_checks, settings_checks, version_checks
from geocrew.ops.finding import Finding
from geocrew.queue import consume, presence, produce
from geocrew.queue.presence import Presence
from geocrew.settings import Settings


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("3.9.0-CAPI-1.16.2", "problem"),
        ("3.10.2-CAPI-1.16.0", "ok"),
        ("3.11.1-CAPI-1.17.1", "warning"),
        ("3.11.3-CAPI-1.17.3", "warning"),
        ("3.11.4-CAPI-1.17.4", "ok"),
        ("3.12.0dev-CAPI-1.18.0", "ok"),
        ("3.15.0-CAPI-1.21.0", "ok"),
    ],
)
def test_known_bad_geos(version: str, state: str) -> None:
    found = version_checks.judge_geos(version)
    assert found.state == state
    assert version in found.message


def test_known_bad_postgis() -> None:
    assert version_checks.unsafe_postgis("3.5.6") == "3.5.7"
    assert version_checks.unsafe_postgis("3.6.3") == "3.6.4"
    assert version_checks.unsafe_postgis("3.6.4") is None
    assert version_checks.unsafe_postgis("3.3.2") is None  # nobody has said of 3.3 that it is mended
    assert version_checks.unsafe_postgis("3.7.0beta2") is None


def test_versions_are_told(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    told = version_checks.check_versions()
    assert told.state == "ok"
    for name in (f"geocrew {__version__}", "GDAL ", "GEOS ", "PROJ ", f"Python {sys.version_info[0]}."):
        assert name in told.message
    (server,) = version_checks.check_server_geos(connection)
    assert "CAPI" in server.message
    monkeypatch.setattr(version_checks, "_OLDEST_GEOS", (99, 0))
    assert version_checks.check_versions().state == "problem"


def _doubts(directory: Path, **changed: float) -> dict[str, Finding]:
    settings = Settings.model_validate({"data_dir": directory, **changed})
    first, *rest = settings_checks.check_settings(settings)
    assert (first.name, first.state) == ("settings", "ok")
    return {each.name: each for each in rest}


def test_settings_that_contradict_each_other(tmp_path: Path) -> None:
    assert _doubts(tmp_path) == {}
    found = _doubts(tmp_path, lease_seconds=70, drain_seconds=5, job_timeout_seconds=3)
    found |= _doubts(tmp_path, retry_base_seconds=9, retry_max_seconds=3, job_memory_mb=2**40)
    assert {each.state for each in found.values()} == {"warning"}
    for name, told in {
        "GEOCREW_LEASE_SECONDS": "73 s",
        "GEOCREW_DRAIN_SECONDS": "5 s, less than a lease (70 s)",
        "GEOCREW_JOB_TIMEOUT_SECONDS": "3 s",
        "GEOCREW_RETRY_BASE_SECONDS": "9 s",
        "GEOCREW_JOB_MEMORY_MB": "this machine has",
    }.items():
        assert told in found.pop(name).message
    assert found == {}


def _parameters(connection: Connection) -> dict[str, Finding]:
    return {each.name: each for each in parameter_checks.check_parameters(connection)}


def test_parameters_of_the_server(connection: Connection) -> None:
    found = _parameters(connection)
    assert {name: each.state for name, each in found.items()} == {
        "vacuum": "ok",
        "durability": "warning",  # the tests' server forgets on purpose
        "limits": "ok",
        "connections": "ok",
        "transactions": "ok",
    }
    assert "fsync, full_page_writes off" in found["durability"].message
    assert "work_mem" in found["limits"].message
    assert "temp_file_limit" in found["limits"].advice
    assert "ALTER DATABASE" in found["limits"].advice
    presence.announce(connection, Presence("many", ["a"], 190, __version__))
    crowded = _parameters(connection)["connections"]
    assert crowded.state == "warning"
    assert "may take 192" in crowded.message
    connection.execute("SET track_counts = off")
    vacuum = _parameters(connection)["vacuum"]
    assert vacuum.state == "problem"
    assert "track_counts" in vacuum.message
    assert "autovacuum" not in vacuum.message


def test_a_transaction_that_was_forgotten(
    connection: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameter_checks, "_LONG_SECONDS", 0)
    with connect(database, "forgotten") as other, other.transaction():
        other.execute("SELECT 1")
        found = _parameters(connection)["transactions"]
        assert found.state == "warning"
        assert f"process {other.info.backend_pid} (forgotten)" in found.message


def test_a_worker_that_waits(connection: Connection, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    presence.announce(connection, Presence("well", ["a"], 1, __version__))
    (found,) = queue_checks.check_pauses(connection, settings)
    assert found.state == "ok"
    reason = "the database's disk is full"
    presence.announce(connection, Presence("poor", ["a"], 1, __version__, 1, "waiting", reason))
    (found,) = queue_checks.check_pauses(connection, settings)
    assert (found.name, found.state) == ("worker poor", "warning")
    assert reason in found.message


def test_a_job_in_quarantine(connection: Connection) -> None:
    (found,) = queue_checks.check_quarantine(connection)
    assert found.state == "ok"
    job_id = produce.enqueue(connection, "a", {})
    (claim,) = consume.claim(connection, ["a"], "me", 60, 1)
    consume.fail(connection, claim, "quarantined", "it crashed", crashed=True)
    (found,) = queue_checks.check_quarantine(connection)
    assert found.state == "warning"
    assert f"job {job_id}:" in found.message
    produce.retry(connection, job_id)
    (found,) = queue_checks.check_quarantine(connection)
    assert found.state == "ok"


def test_the_role_of_views(connection: Connection) -> None:
    (found,) = server_checks.check_view_role(connection)
    assert found.state == "ok"
    with connection.transaction(force_rollback=True):
        connection.execute("REVOKE USAGE ON SCHEMA geocrew FROM geocrew_views")
        (found,) = server_checks.check_view_role(connection)
        assert found.state == "warning"
        assert "GRANT USAGE" in found.advice
