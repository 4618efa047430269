"""The rendered units under a real systemd: what an operator is promised, done to one worker each."""

import re
from collections.abc import Iterator

import pytest

from geocrew.db import Connection
from geocrew.ops.systemd.options import WORKERS
from geocrew.ops.systemd.render import service
from geocrew.queue import observe
from tests.systemd.inside import LATER, SOCKETS, Box
from tests.waiting import wait_for
from tests.worker.processes import final, play, running


@pytest.fixture(autouse=True)
def _stopped(box: Box) -> Iterator[None]:
    """Leave no worker behind, for all of them take the tests' jobs, and no settings of theirs."""
    yield
    units = [service(each) for each in WORKERS]
    box.run("systemctl", "kill", "--signal=SIGKILL", *units)
    box.run("systemctl", "stop", *units)
    box.forget_settings()
    box.run("systemctl", "reset-failed")


def test_a_worker_is_ready_when_the_database_answers(box: Box) -> None:
    box.begin("hotspot_worker", "EnvironmentFile=/etc/geocrew/later.env")
    waiting = box.wait("hotspot_worker", "StatusText", "waiting for the database")
    assert box.show("hotspot_worker", "ActiveState") == "activating", waiting
    (box.root / LATER.relative_to("/")).symlink_to(SOCKETS)
    box.wait("hotspot_worker", "ActiveState", "active")
    box.wait("hotspot_worker", "StatusText", "idle")


def test_a_killed_worker_is_restarted_and_its_job_rescued(box: Box, jobs: Connection) -> None:
    box.start("outlier_worker", "RestartSec=100ms")
    job_id = play(jobs, "sql", seconds=120, good_from_attempt=2)
    running(jobs, job_id)
    pattern = rf"job={job_id} play \d+% 00:00:\d\d"
    wait_for(lambda: re.fullmatch(pattern, box.show("outlier_worker", "StatusText")))
    before = box.main_pid("outlier_worker")
    box.kill("outlier_worker", "SIGKILL")
    done = final(jobs, job_id)
    assert (done.status, done.attempt) == ("completed", 2)
    assert box.main_pid("outlier_worker") not in {before, 0}
    assert box.show("outlier_worker", "NRestarts") == "1"
    said = box.journal("outlier_worker")
    assert "worker.ready" in said
    assert "job.claimed" in said
    assert "status=9/KILL" in said
    assert f'"job_id": {job_id}' in box.run("journalctl", "--output=cat", f"JOB_ID={job_id}").stdout
    log = box.root / "var/log/geocrew/worker_outlier.log"
    assert "worker.ready" in log.read_text()


def test_a_worker_that_hangs_is_restarted(box: Box) -> None:
    box.start("nearest_worker", "RestartSec=100ms\nWatchdogSec=3")
    before = box.main_pid("nearest_worker")
    box.kill("nearest_worker", "SIGSTOP")
    box.wait("nearest_worker", "NRestarts", "1")
    box.wait("nearest_worker", "ActiveState", "active")
    assert box.main_pid("nearest_worker") != before
    assert "Watchdog timeout" in box.journal("nearest_worker")


def test_a_stop_lets_the_job_finish(box: Box, jobs: Connection) -> None:
    box.start("dissolve_worker")
    job_id = play(jobs, "sql", seconds=3)
    running(jobs, job_id)
    box.systemctl("stop", "--no-block", "dissolve_worker")
    box.wait("dissolve_worker", "StatusText", "draining, 1 job left")
    box.wait("dissolve_worker", "ActiveState", "inactive")
    assert observe.get(jobs, job_id).status == "completed"
    assert box.show("dissolve_worker", "ExecMainStatus") == "0"


def test_a_job_beyond_the_limit_of_the_unit_dies_alone(box: Box, jobs: Connection) -> None:
    limits = "MemoryHigh=infinity\nMemoryMax=600M\nEnvironment=GEOCREW_JOB_MEMORY_MB=100000"
    box.start("clip_worker", limits)
    before = box.main_pid("clip_worker")
    ended = final(jobs, play(jobs, "hog"))
    assert ended.status == "failed"
    assert "out of memory" in (ended.error_message or "")
    assert (ended.attempt, box.main_pid("clip_worker")) == (1, before)
    assert final(jobs, play(jobs, "publish")).status == "completed"
    assert box.show("clip_worker", "NRestarts") == "0"


def test_a_worker_sees_only_what_it_needs(box: Box) -> None:
    unit = "hotspot_timeseries_worker"
    box.start(unit)

    def touch(path: str, root: bool = False) -> bool:
        return box.among_files(unit, "touch", path, root=root) == 0

    assert touch("/var/lib/geocrew/rasters.new")
    assert touch("/var/cache/geocrew/numba/new")
    assert touch("/tmp/new")  # noqa: S108 (the unit's own, not this machine's)
    assert not (box.root / "tmp/new").exists()
    closed = ("/opt/geocrew", "/var/lib", "/etc", "/usr", "/root")
    assert [each for each in closed if touch(f"{each}/new", root=True)] == []
    assert box.among_files(unit, "cat", "/etc/geocrew/geocrew.env") != 0


def test_a_crash_loop_ends(box: Box) -> None:
    box.begin("raster_clip_worker", "ExecStart=\nExecStart=/bin/false\nRestartSec=50ms")
    box.wait("raster_clip_worker", "ActiveState", "failed")
    assert box.show("raster_clip_worker", "NRestarts") == "10"
    assert "Start request repeated too quickly" in box.journal("raster_clip_worker")


def test_a_wrong_setting_is_not_tried_again(box: Box) -> None:
    box.begin("create_view_worker", "RestartSec=50ms\nEnvironment=GEOCREW_POLL_SECONDS=often")
    box.wait("create_view_worker", "ActiveState", "failed")
    assert box.show("create_view_worker", "ExecMainStatus") == "78"
    assert box.show("create_view_worker", "NRestarts") == "0"
    assert "GEOCREW_POLL_SECONDS" in box.journal("create_view_worker")


def test_the_target_starts_and_stops_all(box: Box) -> None:
    units = [service(each) for each in WORKERS]

    def states() -> set[str]:
        return set(box.run("systemctl", "is-active", *units).stdout.split())

    box.systemctl("set-environment", "BOX_IDLE=yes")
    try:
        box.systemctl("enable", "--now", "geocrew.target")
        wait_for(lambda: states() == {"active"})
        box.systemctl("stop", "geocrew.target")
        wait_for(lambda: states() == {"inactive"})
        box.systemctl("start", "geocrew.target")
        wait_for(lambda: states() == {"active"})
        assert box.show(units[0], "Slice") == "geocrew.slice"
        box.systemctl("disable", "--now", "geocrew.target")
        wait_for(lambda: states() == {"inactive"})
    finally:
        box.systemctl("unset-environment", "BOX_IDLE")
