"""Upgrades, migrations that die, restored dumps, rescuers at once, wrong clocks: F20 to F23, F29."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from geocrew.db import Connection, connect
from geocrew.local.programs import find_programs
from geocrew.queue import consume, observe, produce
from geocrew.queue.rescue import rescue
from geocrew.schema.migrate import migrate, migrations, pending
from tests.waiting import wait_for
from tests.worker.processes import Workers, datasets_of, final, play, running, staged

if TYPE_CHECKING:
    from tests.cluster import Cluster

PREVIOUS = Path(__file__).parent / "data" / "geocrew-0.1.0.tar.xz"
_KILLED_MIGRATION = """
import os, signal, sys
from geocrew.db import connect
from geocrew.schema import migrate
applied, apply = [], migrate._apply
def die_in_the_middle(connection, each):
    name = apply(connection, each)
    applied.append(name)
    if len(applied) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return name
migrate._apply = die_in_the_middle
with connect(sys.argv[1], "migration") as connection:
    migrate.migrate(connection)
"""


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release before this one, unpacked."""
    directory = tmp_path_factory.mktemp("previous")
    with tarfile.open(PREVIOUS) as archive:
        archive.extractall(directory, filter="data")
    return directory


@pytest.fixture
def empty_database(cluster: Cluster) -> str:
    name = f"test_{uuid4().hex[:12]}"
    return cluster.create_database(name)


def test_f20_clock_an_hour_off(connection: Connection, workers: Workers) -> None:
    """Leases and waits go by the database's clock and by steady ones; a wrong clock does nothing."""
    workers.start(failpoint="clock_ahead")
    workers.start()
    jobs = [play(connection, "sql", seconds=0.2) for _ in range(6)]
    for job_id in jobs:
        job = final(connection, job_id)
        assert (job.status, job.attempt) == ("completed", 1)
    later = play(connection, "transient", good_from_attempt=2)
    assert final(connection, later).attempt == 2


def test_f21_many_rescuers_rescue_once(connection: Connection, database: str) -> None:
    for _ in range(150):
        produce.enqueue(connection, "play", {})
    assert len(consume.claim(connection, ["play"], "dead", 0.0, 150)) == 150
    rescued: list[int] = []
    ready = threading.Barrier(4)

    def run() -> None:
        with connect(database, "rescuer") as own:
            ready.wait()
            while found := rescue(own, crash_limit=3):
                rescued.extend(row[0] for row in found)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rest = rescue(connection, crash_limit=3)  # what the others had locked when each gave up
    assert sorted([*rescued, *(row[0] for row in rest)]) == list(range(1, 151))


def test_f22_older_workers_go_on_with_the_newer_schema(
    connection: Connection, workers: Workers, previous: Path
) -> None:
    """A release's schema serves the release before it: both kinds of worker share one queue."""
    log = workers.directory / "older.log"
    with log.open("wb") as output:
        older = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.older", str(previous), workers.url, "1"],
            stdout=output,
            stderr=output,
            cwd=Path(__file__).parents[2],
        )
    try:
        wait_for(lambda: '"worker.ready"' in log.read_text(), 60, log.read_text())
        acts = ("publish", "segfault", "user_error", "transient")
        jobs = {play(connection, act, good_from_attempt=2): act for act in acts}
        for job_id, act in jobs.items():
            expected = "failed" if act == "user_error" else "completed"
            assert final(connection, job_id).status == expected, (act, log.read_text())
        lapsing = play(connection, "sql", seconds=60, good_from_attempt=2)
        running(connection, lapsing)
        older.kill()
        older.wait()
        newer = workers.start()
        assert final(connection, lapsing, 60).status == "completed"
        assert newer.process.poll() is None
        wait_for(lambda: staged(connection) == [], 15, "the sweep")
    finally:
        older.kill()
        older.wait()


@pytest.mark.parametrize("step", range(1, len(migrations()) + 1))
def test_f23_migration_killed_midway_is_run_again(empty_database: str, step: int) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED_MIGRATION, empty_database, str(step)], check=False
    )
    assert killed.returncode == -9
    with connect(empty_database, "test") as connection:
        # One transaction: all or nothing.
        assert pending(connection) == [each.name for each in migrations()]
        assert migrate(connection) == [each.name for each in migrations()]
        assert pending(connection) == []
        assert migrate(connection) == []


def test_f29_restored_dump_with_running_jobs(
    cluster: Cluster, connection: Connection, workers: Workers, tmp_path: Path
) -> None:
    """What ran when the dump was made is run again in the restored database, and nothing else is."""
    worker = workers.start()
    done = play(connection, "publish")
    assert final(connection, done).status == "completed"
    job_id = play(connection, "sql", seconds=60, good_from_attempt=2)
    running(connection, job_id)
    dump = tmp_path / "dump"
    programs = find_programs()
    subprocess.run(
        [programs.path("pg_dump"), "--format=custom", f"--file={dump}", workers.url], check=True
    )
    worker.process.kill()
    restored = cluster.create_database(f"test_{uuid4().hex[:12]}")
    subprocess.run([programs.path("pg_restore"), f"--dbname={restored}", dump], check=True)
    elsewhere = Workers(restored, tmp_path)
    try:
        with connect(restored, "test") as there:
            assert observe.get(there, job_id).status == "running"
            elsewhere.start()
            job = final(there, job_id, 60)
            assert (job.status, job.attempt) == ("completed", 2)
            assert datasets_of(there, job_id) == 1
            assert datasets_of(there, done) == 1
            wait_for(lambda: staged(there) == [], 15, "the sweep")
            row = there.execute(
                f"SELECT count(*) FROM {(observe.get(there, done).result or {})['table_name']}".encode()
            ).fetchone()
            assert row == (1,)
    finally:
        elsewhere.stop_all()
