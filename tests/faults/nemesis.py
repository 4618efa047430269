"""Whatever can go wrong, at random, by a seed that replays it."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from geocrew.db import connect
from tests.faults.clients import History
from tests.faults.proxy import Proxy
from tests.worker.processes import WorkerProcess, Workers

if TYPE_CHECKING:
    from tests.cluster import Cluster

SETTINGS = {"GEOCREW_CRASH_LIMIT": "1000", "GEOCREW_LEASE_SECONDS": "2"}


class Nemesis:
    """Harms three workers, two of them behind a proxy, and their server; heals all in the end."""

    def __init__(
        self, cluster: Cluster, workers: Workers, proxy: Proxy, seed: int, history: History
    ) -> None:
        self._cluster, self._workers, self._proxy = cluster, workers, proxy
        self._dice, self._history = random.Random(seed), history
        self._pause = threading.Event()
        self._team = [self._start(n) for n in range(3)]
        self._stopped: list[int] = []

    def rage(self, events: int, restarts: bool) -> None:
        """Do so many harms, one every 0.1 to 0.6 seconds; restarts of the server only if told."""
        harms: list[Callable[[], str]] = [
            self._kill_worker,
            self._freeze_worker,
            self._kill_child,
            self._kill_child,
            self._end_session,
            self._end_session,
            self._partition,
            self._reset,
            *([self._restart] if restarts else []),
        ]
        for _ in range(events):
            self._pause.wait(self._dice.uniform(0.1, 0.6))
            harm = self._dice.choice(harms)
            what = harm()
            self._history.write("nemesis", harm.__name__.strip("_"), detail=what)
        self.heal()

    def heal(self) -> None:
        """Let all go on that was stopped, and start whoever is dead."""
        self._thaw()
        self._proxy.thaw()
        for number, worker in enumerate(self._team):
            if worker.process.poll() is not None:
                self._team[number] = self._start(number)

    def _start(self, number: int) -> WorkerProcess:
        url = self._proxy.url(self._workers.url) if number else None
        return self._workers.start(concurrency=2, wait=False, url=url, **SETTINGS)

    def _kill_worker(self) -> str:
        number = self._dice.randrange(len(self._team))
        victim = self._team[number]
        victim.process.kill()
        victim.process.wait()
        self._team[number] = self._start(number)
        return str(victim.pid)

    def _freeze_worker(self) -> str:
        """Freeze a worker and its children for longer than its lease."""
        self._thaw()
        victim = self._dice.choice(self._team)
        with suppress(ProcessLookupError, FileNotFoundError):
            for pid in (victim.pid, *victim.children()):
                os.kill(pid, signal.SIGSTOP)
                self._stopped.append(pid)
        timer = threading.Timer(3, self._thaw)
        timer.daemon = True
        timer.start()
        return str(victim.pid)

    def _thaw(self) -> None:
        while self._stopped:
            with suppress(ProcessLookupError):
                os.kill(self._stopped.pop(), signal.SIGCONT)

    def _kill_child(self) -> str:
        with suppress(FileNotFoundError, ProcessLookupError, IndexError):
            pid = self._dice.choice(self._dice.choice(self._team).children())
            os.kill(pid, signal.SIGKILL)
            return str(pid)
        return "nobody"

    def _end_session(self) -> str:
        query = (
            "SELECT pg_terminate_backend(pid), application_name FROM pg_stat_activity"
            " WHERE application_name ~ '^(geocrew|client) ' ORDER BY pid OFFSET %s LIMIT 1"
        )
        with suppress(psycopg.Error), connect(self._cluster.url(), "nemesis") as connection:
            row = connection.execute(query, (self._dice.randrange(6),)).fetchone()
            return str(row[1]) if row else "nobody"
        return "no answer"

    def _partition(self) -> str:
        """Cut two workers off for longer than their lease."""
        self._proxy.freeze()
        timer = threading.Timer(3, self._proxy.thaw)
        timer.daemon = True
        timer.start()
        return "3 s"

    def _reset(self) -> str:
        self._proxy.reset()
        return "all"

    def _restart(self) -> str:
        mode = self._dice.choice(("fast", "immediate"))
        self._cluster.restart("fast" if mode == "fast" else "immediate")
        return mode
