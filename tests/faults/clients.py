"""Clients that enqueue, cancel and retry at once, and write down what they were told."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from geocrew.db import Connection, connect
from geocrew.errors import UserError
from geocrew.queue import produce

# A client waits for its own: what it asks falls among the harms, not all before the first of them.
OPEN_AT_ONCE = 15
ACTS: list[dict[str, Any]] = [
    {"act": "publish"},
    {"act": "sql", "seconds": 0.05},
    {"act": "sql", "seconds": 0.5},
    {"act": "transient", "good_from_attempt": 2},
    {"act": "segfault", "good_from_attempt": 2},
    {"act": "user_error"},
]


@dataclass
class History:
    """What was asked and answered, in the order in which it was written down; one JSON object a line."""

    path: Path
    started: float = field(default_factory=time.monotonic)
    acknowledged: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, who: str, what: str, **values: Any) -> None:
        line = {"at": round(time.monotonic() - self.started, 4), "who": who, "what": what, **values}
        with self._lock, self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            if what == "enqueued":
                self.acknowledged.add(values["job_id"])


class Client:
    """One caller with a seed of its own; a lost connection is opened again, a question put again."""

    def __init__(self, url: str, name: str, seed: int, jobs: int, history: History) -> None:
        self._url, self._name, self._history = url, name, history
        self._dice = random.Random(f"{seed}/{name}")
        self._jobs = jobs
        self._mine: list[int] = []
        self._connection: Connection | None = None
        self._pause = threading.Event()

    def run(self) -> None:
        for number in range(self._jobs):
            self._wait()
            self._mine.append(self._enqueue(number))
            die = self._dice.random()
            if die < 0.1:
                self._ask("cancel", self._dice.choice(self._mine))
            elif die < 0.2:
                self._ask("retry", self._dice.choice(self._mine))
        if self._connection is not None:
            self._connection.close()

    def _wait(self) -> None:
        """Wait until few enough of the jobs are open."""
        query = (
            "SELECT count(*) FROM background_jobs"
            " WHERE id = ANY (%s) AND status IN ('queued', 'running')"
        )
        while True:
            try:
                row = self._open().execute(query, (self._mine,)).fetchone()
            except psycopg.Error as error:
                self._lose("count", error)
                continue
            if row is not None and row[0] < OPEN_AT_ONCE:
                return
            self._pause.wait(0.02)

    def _enqueue(self, number: int) -> int:
        """Enqueue until the database has acknowledged; the key makes the repeats one job."""
        params = self._dice.choice(ACTS)
        key = f"{self._name}/{number}"
        while True:
            try:
                job_id = produce.enqueue(self._open(), "play", params, idempotency_key=key)
            except psycopg.Error as error:
                self._lose("enqueue", error, key=key)
            else:
                self._history.write(self._name, "enqueued", job_id=job_id, key=key, **params)
                return job_id

    def _ask(self, what: str, job_id: int) -> None:
        act = produce.cancel if what == "cancel" else produce.retry
        try:
            act(self._open(), job_id)
        except UserError as error:
            self._history.write(self._name, f"{what} refused", job_id=job_id, why=str(error))
        except psycopg.Error as error:
            self._lose(what, error, job_id=job_id)
        else:
            self._history.write(self._name, f"{what} accepted", job_id=job_id)

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, f"client {self._name}", statement_timeout="10s")
        return self._connection

    def _lose(self, what: str, error: psycopg.Error, **values: Any) -> None:
        self._history.write(self._name, f"{what} unanswered", why=str(error).strip()[:200], **values)
        if self._connection is not None:
            self._connection.close()
        self._pause.wait(0.1)


@contextmanager
def clients(url: str, seed: int, count: int, jobs: int, history: History) -> Iterator[None]:
    """Let `count` clients enqueue `jobs` altogether while the caller does harm; wait for them then."""
    team = [Client(url, f"c{i}", seed, jobs // count, history) for i in range(count)]
    threads = [threading.Thread(target=each.run) for each in team]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(120 + jobs)
        assert not any(thread.is_alive() for thread in threads), "a client has not come to its end"
