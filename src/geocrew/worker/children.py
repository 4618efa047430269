"""The jobs that a worker is running: one forked process each, watched and limited from outside."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from geocrew.db import Connection
from geocrew.queue.consume import write_log
from geocrew.queue.job import Claim
from geocrew.settings import MEBIBYTE, Settings
from geocrew.worker import kernel_kills
from geocrew.worker.child import run_job
from geocrew.worker.report import Backend, Ended, Line, Progress, Report, parse

KillReason = Literal["cancel", "timeout", "memory", "stop", "lease"]

# How much a process holds takes 0.1 ms to read, and its parent wakes up for more than that.
_LOOK_SECONDS = 0.15

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Child:
    """One running job as its parent sees it; times are time.monotonic().

    `indexing`: the percent before and after the index that its session is making.
    """

    claim: Claim
    pid: int
    pidfd: int
    pipe: int
    started: float
    confirmed: float
    kernel_kills: int
    percent: int = 0
    message: str | None = None
    reported: bool = False
    indexing: tuple[int, int] | None = None
    lines: list[tuple[str, str]] = field(default_factory=list)
    backend: int | None = None
    killed: KillReason | None = None
    ended: Ended | None = None
    exit_status: int | None = None
    lingering_since: float | None = None
    look_again: float = 0.0
    _unread: bytes = b""

    @property
    def over(self) -> bool:
        """Whether the process is gone."""
        return self.exit_status is not None

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel has killed the process, as far as it tells: it counts kills by group."""
        by_kernel = os.WIFSIGNALED(self.exit_status or 0) and self.killed is None
        return by_kernel and kernel_kills.count() > self.kernel_kills

    @property
    def descriptors(self) -> list[int]:
        """What is open for the child: none once it is over."""
        return [] if self.over else [self.pipe, self.pidfd]

    def kill(self, reason: KillReason) -> None:
        """End the process and all that it started; what it had staged is swept."""
        if self.killed is None and not self.over:
            self.killed = reason
            os.killpg(self.pid, signal.SIGKILL)

    def read(self) -> None:
        """Take in what the child has reported since."""
        while chunk := _read(self.pipe):
            self._unread += chunk
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            self._take(parse(line))

    def _take(self, report: Report) -> None:
        match report:
            case Progress(percent, message, until):
                self.percent, self.message = max(self.percent, percent), message
                self.indexing = None if until is None else (percent, until)
                self.reported = True
            case Line(level, message):
                self.lines.append((level, message))
            case Backend(pid):
                self.backend = pid
            case Ended():
                self.ended = report

    def indexed(self, share: float) -> None:
        """Take in how much of its index is made."""
        if self.indexing is not None:
            first, until = self.indexing
            self.percent = max(self.percent, int(first + (until - first) * share))

    def reap(self) -> bool:
        """Collect the process if it is gone, with its last words."""
        pid, status, _ = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.read()
        os.close(self.pipe)
        os.close(self.pidfd)
        self.exit_status = status
        return True

    def flush_log(self, connection: Connection) -> None:
        """Write the lines reported since to the job's log."""
        if self.lines:
            write_log(connection, self.claim, self.lines)
            self.lines.clear()

    def memory(self) -> int:
        """Return the bytes that the process holds and does not share with a file."""
        return private_memory(self.pid)


def start(claim: Claim, url: str, raster_dir: Path, confirmed: float, inherited: list[int]) -> Child:
    """Fork the child of a job; `inherited` descriptors of the parent are closed in it.

    `confirmed` is when the claim was asked for: no later than the lease began. Raises OSError where the
    system has no process or descriptor left; then no child runs.
    """
    parent, kills = os.getpid(), kernel_kills.count()
    reading, writing = os.pipe()
    try:
        pid = os.fork()
        if pid == 0:
            run_job(claim, url, raster_dir, parent, writing, [reading, *inherited])
        os.setpgid(pid, pid)  # the child does so too; whoever is first, kill() finds the group
        pidfd = _open_pidfd(pid)
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    os.set_blocking(reading, False)
    return Child(claim, pid, pidfd, reading, time.monotonic(), confirmed, kills)


def _open_pidfd(pid: int) -> int:
    """Return a descriptor that tells of the child's end; a child that cannot be watched is ended."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def private_memory(pid: int) -> int:
    """Return the resident bytes of a process that no file backs; 0 when it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return (int(pages[1]) - int(pages[2])) * _PAGE if len(pages) > 2 else 0


def enforce_limits(child: Child, settings: Settings) -> None:
    """Kill a child that has outlived its lease or its time, or holds too much memory."""
    now = time.monotonic()
    timeout = child.claim.timeout_seconds or settings.job_timeout_seconds
    if now - child.confirmed > settings.lease_seconds:
        child.kill("lease")
    elif now - child.started > timeout:
        child.kill("timeout")
    elif now >= child.look_again:
        child.look_again = now + _LOOK_SECONDS
        if child.memory() > settings.job_memory_mb * MEBIBYTE:
            child.kill("memory")


def _read(pipe: int) -> bytes:
    try:
        return os.read(pipe, 65_536)
    except BlockingIOError:
        return b""
