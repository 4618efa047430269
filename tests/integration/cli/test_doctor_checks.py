"""Each check of the doctor, on a set-up that has what it looks for."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg import sql

from geocrew import __version__, analyses
from geocrew.db import Connection, connect
from geocrew.ops import doctor, machine_checks, queue_checks, server_checks
from geocrew.ops.finding import Finding
from geocrew.queue import consume, presence, produce
from geocrew.queue.presence import Presence
from geocrew.settings import Settings


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database, data_dir=tmp_path)


def test_a_sound_set_up_has_no_problem(connection: Connection, settings: Settings) -> None:
    presence.announce(connection, Presence("me", list(analyses.load()), 1, __version__))
    found = list(doctor.examine(settings))
    # The tests connect as superuser to what may be shared, and their server forgets with a power cut;
    # what the machine's packages bring may be known to be bad.
    doubts = {each.name for each in found if each.state != "ok"}
    assert {"role", "durability"} <= doubts <= {"role", "durability", "PostgreSQL", "PostGIS", "GEOS"}
    assert not any(each.state == "problem" for each in found)
    assert len({each.name for each in found}) == len(found)


def test_jobs_that_wait_for_no_worker_are_a_problem(connection: Connection, settings: Settings) -> None:
    def states() -> dict[str, str]:
        return {each.name: each.state for each in queue_checks.check_workers(connection, settings)}

    assert states() == {f"worker for {each}": "warning" for each in analyses.load()}
    produce.enqueue(connection, "hotspot_analysis", {})
    assert states()["worker for hotspot_analysis"] == "problem"
    presence.announce(connection, Presence("me", ["hotspot_analysis"], 1, __version__))
    assert states()["worker for hotspot_analysis"] == "ok"
    connection.execute("UPDATE geocrew.workers SET heartbeat_at = now() - interval '1 minute'")
    assert states()["worker for hotspot_analysis"] == "problem"


def test_jobs_that_are_stuck_are_named(connection: Connection) -> None:
    ids = [produce.enqueue(connection, "a", {}) for _ in range(3)]
    (_only,) = queue_checks.check_jobs(connection)
    assert _only.state == "ok"
    consume.claim(connection, ["a"], "me", 60, 2)
    connection.execute(
        "UPDATE background_jobs SET leased_until = now() - interval '1 minute' WHERE id = %s", (ids[0],)
    )
    connection.execute(
        "UPDATE background_jobs SET cancel_requested_at = now() - interval '2 minutes' WHERE id = %s",
        (ids[1],),
    )
    connection.execute(
        "UPDATE background_jobs SET run_at = now() - interval '1 hour' WHERE id = %s", (ids[2],)
    )
    lapsed, cancelling, waiting = queue_checks.check_jobs(connection)
    assert (lapsed.state, cancelling.state, waiting.state) == ("problem", "problem", "warning")
    for job_id, finding in zip(ids, (lapsed, cancelling, waiting), strict=True):
        assert f"job {job_id}:" in finding.message


def test_leftovers_are_what_no_running_job_holds(connection: Connection, settings: Settings) -> None:
    produce.enqueue(connection, "a", {})
    (claim,) = consume.claim(connection, ["a"], "me", 60, 1)

    def states() -> list[str]:
        return [each.state for each in queue_checks.check_leftovers(connection, settings)]

    _stage(connection, f"j{claim.id}_{claim.lease.hex}_rows")
    assert states() == ["ok"]
    _stage(connection, f"j{claim.id}_{uuid4().hex}_rows")
    assert states() == ["warning"]


def test_a_database_without_schema_is_told_and_the_rest_left_out(
    connection: Connection, settings: Settings
) -> None:
    connection.execute("DROP SCHEMA geocrew CASCADE; DROP EXTENSION postgis CASCADE")
    found = {each.name: each for each in doctor.examine(settings)}
    assert found["migrations"].state == "problem"
    assert found["migrations"].advice == "geocrew db migrate"
    assert found["PostGIS"].state == "problem"
    assert "jobs" not in found


def test_old_servers_and_extensions_that_reach_out(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    major = connection.info.server_version // 10_000
    monkeypatch.setattr(server_checks, "_SAFE_MINORS", {major: 9999})
    version, interval = server_checks.check_server(connection)
    assert (version.state, interval.state) == ("warning", "ok")
    assert f"{major}.9999" in version.advice
    monkeypatch.setattr(server_checks, "_OLDEST_MAJOR", 99)
    assert next(server_checks.check_server(connection)).state == "problem"
    monkeypatch.setattr(server_checks, "_OLDEST_POSTGIS", (99, 0))
    monkeypatch.setattr(server_checks, "_RISKY", {"plpgsql"})
    postgis, *_, extensions = server_checks.check_extensions(connection)
    assert (postgis.state, extensions.state) == ("problem", "warning")
    assert "plpgsql" in extensions.message


def test_postgis_out_of_reach(database: str) -> None:
    with connect(database, "test", search_path="pg_catalog") as connection:
        postgis, _extensions = server_checks.check_extensions(connection)
    assert postgis.state == "problem"
    assert "search_path" in postgis.message


def test_a_role_that_may_not_create_where_datasets_go(connection: Connection) -> None:
    role = f"narrow_{uuid4().hex[:8]}"
    assert _one(server_checks.check_rights(connection)).state == "ok"
    connection.execute(f"CREATE ROLE {role}; GRANT USAGE, CREATE ON SCHEMA geocrew_staging TO {role}")
    try:
        connection.execute(f"SET ROLE {role}")
        finding = _one(server_checks.check_rights(connection))
        connection.execute("RESET ROLE")
        assert finding.state == "problem"
        assert (
            finding.message
            == f"datasets cannot be made, for the role {role} may not create in schema public"
        )
        assert finding.advice == f"as its owner: GRANT USAGE, CREATE ON SCHEMA public TO {role}"
        connection.execute(finding.advice.partition(": ")[2])
        connection.execute(f"SET ROLE {role}")
        assert _one(server_checks.check_rights(connection)).state == "ok"
    finally:
        connection.execute("RESET ROLE")
        connection.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_the_clock_of_another_machine(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _one(server_checks.check_clock(connection)).state == "ok"
    real = time.time
    monkeypatch.setattr("geocrew.ops.server_checks.time.time", lambda: real() + 3)
    ahead = _one(server_checks.check_clock(connection))
    assert ahead.state == "warning"
    assert "3.0 s" in ahead.message


def test_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Settings(data_dir=tmp_path / "to" / "come", log_dir=tmp_path)
    found = {each.name: each for each in machine_checks.check_directories(missing)}
    assert list(found) == ["data directory", "data disk", "logs directory", "logs disk"]
    assert "to be made" in found["data directory"].message
    for kind, variable in (("data", "GEOCREW_DATA_DIR"), ("logs", "GEOCREW_LOG_DIR")):
        unwritable = machine_checks.check_directory(kind, Path("/proc/geocrew"))
        assert unwritable.state == "problem"
        assert variable in unwritable.advice
    assert machine_checks.check_drivers().state == "ok"
    for gibibytes, state in ((0.4, "problem"), (4.0, "warning"), (6.0, "ok")):
        usage = type("Usage", (), {"free": gibibytes * 1024**3, "total": 1024**4})
        monkeypatch.setattr("geocrew.ops.disks.shutil.disk_usage", lambda _path, usage=usage: usage)
        assert machine_checks.check_disk("data", tmp_path).state == state


def _one(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


def _stage(connection: Connection, name: str) -> None:
    connection.execute(
        sql.SQL("CREATE TABLE {} (a int)").format(sql.Identifier("geocrew_staging", name))
    )
