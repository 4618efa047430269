"""Hundreds of jobs while workers, children and backends are killed at random: each ends exactly once."""

import os
import random
import signal
import threading
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from geocrew.db import Connection
from geocrew.queue import produce
from tests.waiting import wait_for
from tests.worker.processes import Workers, job_sessions, play, staged

JOBS = 200
KILLS = 60


@pytest.mark.parametrize("seed", [1854])
def test_every_job_ends_once_with_one_dataset(
    connection: Connection, workers: Workers, seed: int
) -> None:
    dice, pause = random.Random(seed), threading.Event()
    jobs = [play(connection, "sql", seconds=0.05, max_attempts=100) for _ in range(JOBS)]
    cancelled = dice.sample(jobs, 10)
    team = [workers.start(concurrency=2, wait=False) for _ in range(2)]
    for number in range(KILLS):
        pause.wait(dice.uniform(0.05, 0.3))
        victim = dice.choice(team)
        if dice.random() < 0.15:
            victim.process.kill()
            victim.process.wait()
            team[team.index(victim)] = workers.start(concurrency=2, wait=False)
        elif dice.random() < 0.5:
            _kill_a_child(victim.pid, dice)
        else:
            _kill_a_backend(connection, dice)
        if number % 6 == 0:
            with suppress(Exception):
                produce.cancel(connection, cancelled[number // 6])
    wait_for(lambda: _open_jobs(connection) == 0, 120, "all jobs to end")
    _check_history(connection, jobs)
    wait_for(lambda: staged(connection) == [] and job_sessions(connection) == 0, 15, "the sweep")


def _kill_a_child(worker: int, dice: random.Random) -> None:
    with suppress(FileNotFoundError, ProcessLookupError, IndexError):
        pids = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
        os.kill(int(dice.choice(pids)), signal.SIGKILL)


def _kill_a_backend(connection: Connection, dice: random.Random) -> None:
    rows = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'geocrew %'"
        " AND datname = current_database() AND pid <> pg_backend_pid() ORDER BY pid"
    ).fetchall()
    if rows:
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_terminate_backend(%s)", (dice.choice(rows)[0],))


def _open_jobs(connection: Connection) -> int:
    row = connection.execute(
        "SELECT count(*) FROM background_jobs WHERE status IN ('queued', 'running')"
    ).fetchone()
    return int(row[0]) if row else 0


def _check_history(connection: Connection, jobs: list[int]) -> None:
    """Every completed job has one dataset whose table is there, every other has none."""
    rows = connection.execute(
        "SELECT job.id, job.status, job.error_message, count(dataset.id),"
        " count(to_regclass('public.' || table_name))"
        " FROM background_jobs AS job LEFT JOIN geocrew.datasets AS dataset ON dataset.job_id = job.id"
        " GROUP BY job.id"
    ).fetchall()
    assert sorted(row[0] for row in rows) == jobs
    bad = [row for row in rows if row[3:] != ((1, 1) if row[1] == "completed" else (0, 0))]
    assert bad == []
    assert {row[1] for row in rows} <= {"completed", "cancelled"}
    tables = connection.execute(
        "SELECT count(*) FROM pg_class WHERE relname LIKE 'spatial_data_%' AND relkind = 'r'"
    ).fetchone()
    completed = sum(row[1] == "completed" for row in rows)
    assert tables == (completed,)
    assert completed >= len(jobs) - 10
