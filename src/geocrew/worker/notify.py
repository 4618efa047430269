"""What a worker tells systemd about itself: datagrams to $NOTIFY_SOCKET, see sd_notify(3)."""

import math
import os
import socket
import time
from collections.abc import Iterable, MutableMapping
from typing import NamedTuple, Self

# systemd reads at once; a worker whose manager does not must go on with its jobs.
_SEND_SECONDS = 1.0
_MOST_CHARACTERS = 300
_MOST_JOBS = 4


class Running(NamedTuple):
    """A job as the status line shows it; `started` is time.monotonic()."""

    job_id: int
    job_type: str
    percent: int
    started: float


class Notifier:
    """Sends only what has changed, so that the main loop may call all of it with every turn.

    Without an address it sends nothing. It holds no open socket: a forked child inherits none.
    """

    def __init__(self, address: str | None, watchdog_seconds: float | None = None) -> None:
        self._address = address
        self.watchdog_seconds = watchdog_seconds if address else None
        self._ready = self._stopping = False
        self._status = ""
        self._extended_until = 0.0
        self.watchdog_due = 0.0 if self.watchdog_seconds else math.inf

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Self:
        """Take the variables that systemd sets out of the environment: no child may speak for us."""
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        owner = environment.pop("WATCHDOG_PID", str(os.getpid()))
        watched = owner == str(os.getpid()) and microseconds.isdigit() and int(microseconds) > 0
        return cls(
            address if address[:1] in {"/", "@"} and len(address) > 1 else None,
            int(microseconds) / 2e6 if watched else None,
        )

    def ready(self) -> None:
        """Say that the worker works: what is ordered after its unit may start."""
        self._ready = self._ready or self._send("READY=1")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        line = " ".join(text.split())[:_MOST_CHARACTERS]  # a line end would begin another message
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def watchdog(self) -> None:
        """Say that the main loop turns; sent twice in the time after which systemd kills."""
        now = time.monotonic()
        if self.watchdog_seconds and now >= self.watchdog_due and self._send("WATCHDOG=1"):
            self.watchdog_due = now + self.watchdog_seconds

    def stopping(self) -> None:
        """Say that the worker takes no more jobs and will end."""
        self._stopping = self._stopping or self._send("STOPPING=1")

    def extend(self, seconds: float) -> None:
        """Ask for this much time from now to start or stop in; sent anew when half of it is over."""
        now = time.monotonic()
        if self._extended_until - now < seconds / 2 and self._send(
            f"EXTEND_TIMEOUT_USEC={math.ceil(seconds * 1e6)}"
        ):
            self._extended_until = now + seconds

    def _send(self, message: str) -> bool:
        """Return whether it was taken; what was not is sent with a later turn."""
        if self._address is None:
            return False
        address = self._address
        path = f"\0{address[1:]}" if address.startswith("@") else address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(_SEND_SECONDS)
            try:
                sender.sendto(message.encode(), path)
            except OSError:
                return False
        return True


def describe(children: Iterable[Running], waiting: str | None, draining: bool, now: float) -> str:
    """Return the status line: `job=8123 dissolve 42% 00:01:10`, `idle`, `waiting for …`, `draining …`.

    `waiting` names what the worker waits for, such as `the database: connection refused`; `now` is
    time.monotonic().
    """
    running = sorted(children)
    parts = []
    if draining:
        parts.append(f"draining, {len(running)} job{'' if len(running) == 1 else 's'} left")
    if waiting:
        parts.append(f"waiting for {waiting}")
    parts += [_describe_job(each, now) for each in running[:_MOST_JOBS]]
    if len(running) > _MOST_JOBS:
        parts.append(f"and {len(running) - _MOST_JOBS} more")
    return "; ".join(parts) or "idle"


def _describe_job(job: Running, now: float) -> str:
    minutes, seconds = divmod(max(0, int(now - job.started)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"job={job.job_id} {job.job_type} {job.percent}% {hours:02}:{minutes:02}:{seconds:02}"
