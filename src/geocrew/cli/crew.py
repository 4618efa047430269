"""Worker processes as children of one: forked, their lines merged, restarted when they die.

Forked from a process that has loaded all they need: nine interpreters of their own would take 20 s of
CPU to start and hold the same libraries nine times. That process must stay without threads.
"""

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from geocrew.cli.exits import explain
from geocrew.worker.parent import die_with
from geocrew.worker.stop import StopRequest

Work = Callable[[str], None]
Print = Callable[[str, str], None]

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
# A worker that lived this long was fit; its next death starts from the shortest wait again.
_FIT_SECONDS = 60.0
_LONGEST_LINE = 64 * 1024


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the process that started this one dies, even by `kill -9`."""
    die_with(os.getppid(), signal.SIGTERM)


@dataclass
class _Member:
    """One worker: its process, the end of the pipe that it writes to, when to start it again."""

    name: str
    pid: int | None = None
    pipe: int = -1
    unread: bytes = b""
    started: float = 0.0
    wait: float = _FIRST_WAIT
    due: float = field(default_factory=time.monotonic)


class Crew:
    """Runs `work(name)` in a process for each name until asked to stop; `show(name, line)` prints."""

    def __init__(self, names: list[str], work: Work, show: Print, stop: StopRequest) -> None:
        self._members = [_Member(name) for name in names]
        self._work, self._show, self._stop = work, show, stop

    def run(self, grace_seconds: float) -> None:
        """Keep all running; when asked to stop, ask them, and kill who has not gone after the grace."""
        asked, deadline = 0, None
        while not (self._stop.count and all(each.pid is None for each in self._members)):
            if self._stop.count > asked:
                asked = self._stop.count
                deadline = deadline or time.monotonic() + grace_seconds
                self._signal(signal.SIGTERM)
            if deadline is not None and time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            self._start_due()
            self._listen()
            self._collect()

    def _start_due(self) -> None:
        now = time.monotonic()
        for member in self._members:
            if member.pid is None and now >= member.due and not self._stop.count:
                self._start(member, now)

    def _start(self, member: _Member, now: float) -> None:
        pipe, writer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be(member.name, writer)
        os.close(writer)
        os.set_blocking(pipe, False)
        member.pid, member.pipe, member.started = pid, pipe, now

    def _be(self, name: str, writer: int) -> NoReturn:
        """Be the worker, in a session of its own: a terminal's Ctrl-C is the parent's business."""
        code = 1
        try:
            die_with_parent()
            os.setsid()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            self._close_inherited(writer)
            self._work(name)
            code = 0
        except Exception as error:  # noqa: BLE001 (whatever it is, the parent must hear of it)
            code, message = explain(error)
            traceback.print_exc()
            sys.stderr.write(f"{message}\n")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _close_inherited(self, writer: int) -> None:
        for descriptor in (writer, *self._stop.descriptors, *(each.pipe for each in self._members)):
            if descriptor > 2:
                os.close(descriptor)

    def _listen(self) -> None:
        """Wait for lines, a signal or the next start, half a second at most, and print whole lines."""
        poll = select.poll()
        poll.register(self._stop.descriptor, select.POLLIN)
        for member in self._members:
            if member.pid is not None and member.pipe >= 0:
                poll.register(member.pipe, select.POLLIN)
        poll.poll(500)
        self._stop.drain()
        for member in self._members:
            self._read(member)

    def _read(self, member: _Member) -> None:
        while member.pipe >= 0:
            try:
                data = os.read(member.pipe, 65536)
            except BlockingIOError:
                return
            if not data:
                os.close(member.pipe)
                member.pipe = -1
            *lines, member.unread = (member.unread + data).split(b"\n")
            if len(member.unread) > _LONGEST_LINE or (not data and member.unread):
                lines.append(member.unread)
                member.unread = b""
            for line in lines:
                self._show(member.name, line.decode("utf-8", "replace"))

    def _collect(self) -> None:
        """Take note of who has died; not before its last words are read."""
        for member in self._members:
            if member.pid is None or os.waitpid(member.pid, os.WNOHANG)[0] == 0:
                continue
            self._read(member)
            if member.pipe >= 0:  # a child of the worker still holds the other end
                os.close(member.pipe)
            member.pid, member.pipe = None, -1
            if not self._stop.count:
                self._plan_restart(member)

    def _plan_restart(self, member: _Member) -> None:
        now = time.monotonic()
        if now - member.started >= _FIT_SECONDS:
            member.wait = _FIRST_WAIT
        member.due = now + member.wait
        self._show(member.name, f"the worker died; starting again in {member.wait:.0f} s")
        member.wait = min(member.wait * 2, _LONGEST_WAIT)

    def _signal(self, number: int) -> None:
        for member in self._members:
            if member.pid is not None:
                os.kill(member.pid, number)
