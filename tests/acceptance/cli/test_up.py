"""All workers and the database in one terminal."""

import os
import signal

from tests.acceptance.cli.command import Command, Running
from tests.waiting import wait_for
from tests.worker.processes import alive

from geocrew import analyses
from geocrew.db import Connection

KINDS = list(analyses.load())


def _start(command: Command) -> Running:
    up = command.start("up")
    up.said("worker.ready", times=len(KINDS), seconds=120)
    return up


def test_a_dead_worker_comes_back_and_the_lines_tell_whose_they_are(geocrew: Command) -> None:
    up = _start(geocrew)
    before = up.children()
    assert len(before) == len(KINDS)
    os.kill(before[0], signal.SIGKILL)
    up.said("the worker died; starting again in 1 s")
    up.said("worker.ready", times=len(KINDS) + 1)
    assert len(up.children()) == len(KINDS)
    assert before[0] not in up.children()
    assert up.end() == 0
    lines = up.out.read_text().splitlines()
    assert {line.split("|")[0].strip() for line in lines} == set(KINDS)
    assert sum("worker.stopped" in line for line in lines) == len(KINDS)


def test_kill_9_takes_the_workers_along(geocrew: Command, connection: Connection) -> None:
    up = _start(geocrew)
    workers = up.children()
    try:
        up.end(signal.SIGKILL)
        wait_for(lambda: not any(alive(pid) for pid in workers), 20, f"the end of {workers}")
    finally:
        for pid in filter(alive, workers):
            os.kill(pid, signal.SIGKILL)
    # They were asked to go, and signed off.
    assert connection.execute("SELECT count(*) FROM geocrew.workers").fetchone() == (0,)


def test_ctrl_c_stops_workers_then_the_database_that_it_started(private: Command) -> None:
    up = _start(private)
    # A terminal sends Ctrl-C to the whole group; workers hear of it from `up`, once.
    assert os.getpgid(up.process.pid) not in {os.getpgid(pid) for pid in up.children()}
    assert private("db", "status", "--json").document["state"] == "running"
    assert up.end(signal.SIGINT) == 0
    said = up.err.read_text()
    assert said.index("workers stopped") < said.index("database stopped")
    assert private("db", "status", "--json").document["state"] == "stopped"
