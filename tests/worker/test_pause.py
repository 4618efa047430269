"""How long a worker claims nothing."""

from pathlib import Path

import pytest

from geocrew.db import Connection
from geocrew.worker import pause
from geocrew.worker.pause import Pause


def test_waits_double_until_a_job_runs_well(connection: Connection, tmp_path: Path) -> None:
    paused, now, waits = Pause(), 100.0, []
    for _ in range(7):
        paused.begin("the database is read-only", now)
        waits.append(paused.until - now)
        now = paused.until
        paused.look(connection, tmp_path, now - 0.001)
        assert paused.reason == "the database is read-only"
        paused.look(connection, tmp_path, now)
        assert paused.reason is None
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    paused.end()
    paused.begin("again", now)
    assert paused.until - now == 1


def test_full_disk_is_looked_at_first(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = Pause()
    paused.begin("the worker's disk is full", 0.0, disk_full=True)
    monkeypatch.setattr(pause, "_FREE_BYTES", 2**60)
    paused.look(connection, tmp_path / "not" / "yet", 1.0)
    assert (paused.reason, paused.until) == ("the worker's disk is full", 3.0)
    monkeypatch.setattr(pause, "_FREE_BYTES", 0)
    paused.look(connection, tmp_path, 3.0)
    assert paused.reason is None
