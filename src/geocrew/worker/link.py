"""A worker's two sessions: one to work with, one to listen; both come back by themselves."""

import random
import time
from collections.abc import Iterator

import psycopg
import structlog

from geocrew.db import Connection, PromptConnection, connect
from geocrew.error_classes import waiting_reason

log = structlog.get_logger()

_CHANNELS = ("geocrew_jobs", "geocrew_cancel")
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0


class Session:
    """One connection that is opened when needed and after losses with growing, jittered waits."""

    def __init__(self, url: str, name: str, channels: tuple[str, ...] = ()) -> None:
        self._url, self._name, self._channels = url, name, channels
        self._connection: Connection | None = None
        self._wait = _FIRST_WAIT
        self._retry_at = 0.0
        self.reason: str | None = None

    def open(self) -> Connection | None:
        """Return the connection, opening it if it is due; None while the database is away."""
        if self._connection is None and time.monotonic() >= self._retry_at:
            try:
                self._connection = self._connect()
            except psycopg.Error as error:
                self.lost(error)
        return self._connection

    def well(self) -> None:
        """Take note that the connection has done its work."""
        self._wait, self.reason = _FIRST_WAIT, None

    def lost(self, error: Exception) -> None:
        """Give the connection up and wait before the next try."""
        self.reason = waiting_reason(error)
        log.warning("database.lost", session=self._name, error=str(error).strip(), reason=self.reason)
        self.close()
        self._retry_at = time.monotonic() + self._wait * random.uniform(0.5, 1.5)  # noqa: S311 (jitter)
        self._wait = min(self._wait * 2, _LONGEST_WAIT)

    def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def retry_at(self) -> float | None:
        """When the next try is due, time.monotonic(); None while connected."""
        return self._retry_at if self._connection is None else None

    @property
    def descriptor(self) -> int | None:
        """The socket, while connected."""
        return None if self._connection is None else self._connection.fileno()

    def _connect(self) -> Connection:
        # No statement of a worker takes long; one that waits for a lock must not let leases lapse.
        connection = connect(
            self._url, self._name, PromptConnection, statement_timeout="5s", lock_timeout="1s"
        )
        for channel in self._channels:
            connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
        return connection


class Link:
    """Both sessions of a worker. Losing the listening one costs no more than the poll interval."""

    def __init__(self, url: str, worker: str) -> None:
        self.control = Session(url, f"geocrew worker {worker}")
        self._ears = Session(url, f"geocrew listen {worker}", _CHANNELS)

    def hear(self) -> Iterator[tuple[str, str]]:
        """Yield (channel, payload) of what has been said since."""
        connection = self._ears.open()
        if connection is None:
            return
        try:
            for notice in connection.notifies(timeout=0):
                yield notice.channel, notice.payload
            self._ears.well()
        except psycopg.Error as error:
            self._ears.lost(error)

    @property
    def descriptors(self) -> list[int]:
        """The open sockets."""
        return [each for each in (self.control.descriptor, self._ears.descriptor) if each is not None]

    @property
    def ear(self) -> int | None:
        """The socket that becomes readable when something is said."""
        return self._ears.descriptor

    @property
    def retry_at(self) -> list[float]:
        """When tries to reconnect are due."""
        return [each for each in (self.control.retry_at, self._ears.retry_at) if each is not None]

    def close(self) -> None:
        """End both sessions."""
        self.control.close()
        self._ears.close()
