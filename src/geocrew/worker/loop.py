"""The worker's main loop: claim, fork, beat the heart, listen, rescue, settle; it computes nothing."""

import math
import os
import random
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
import structlog

from geocrew.db import Connection
from geocrew.queue import consume, presence
from geocrew.queue.consume import Beat
from geocrew.queue.job import Claim
from geocrew.queue.presence import Presence
from geocrew.queue.tallies import Tallies
from geocrew.settings import Settings
from geocrew.worker import upkeep
from geocrew.worker.children import Child, enforce_limits, start
from geocrew.worker.indexes import follow_indexes
from geocrew.worker.link import Link
from geocrew.worker.notify import Notifier
from geocrew.worker.pause import NO_DESCRIPTOR, Pause
from geocrew.worker.stop import StopRequest
from geocrew.worker.tell import present, tell_systemd
from geocrew.worker.verdict import settle

log = structlog.get_logger()

# Progress is written twice a second at most, reports and memory are looked at five times a second: to be
# woken up by each report took a tenth of a percent of a job.
_PROGRESS_SECONDS = 0.5
_WATCH_SECONDS = 0.2


@dataclass
class Agenda:
    """When each of the loop's duties is due, time.monotonic()."""

    look: float = 0.0
    beat: float = 0.0
    sweep: float = 0.0
    last_beat: float = 0.0
    greeted: bool = False


@dataclass
class Worker:
    """One worker: at most `concurrency` jobs at once of `job_types` (aliases among them).

    `known_types` are all that this build knows: jobs of another one's types are not unknown to it.
    """

    url: str
    job_types: Sequence[str]
    known_types: Sequence[str]
    concurrency: int
    settings: Settings
    stop: StopRequest
    notifier: Notifier
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    children: dict[int, Child] = field(default_factory=dict)
    agenda: Agenda = field(default_factory=Agenda)
    pause: Pause = field(default_factory=Pause)
    tallies: Tallies = field(default_factory=Tallies)

    def __post_init__(self) -> None:
        self.link = Link(self.url, self.name)

    def run(self) -> None:
        """Work until asked to stop, and until then through whatever jobs and database do."""
        log.info("worker.started", worker=self.name, job_types=list(self.job_types))
        deadline = math.inf
        while not self._finished(deadline):
            if self.stop.count:
                deadline = min(deadline, self._grace_ends())
                self._hand_back_after(deadline)
            self._watch()
            self._turn()
            self._tell(deadline)
            self._wait(deadline)
        self._tell(deadline)
        self._leave()
        log.info("worker.stopped", worker=self.name)

    def _finished(self, deadline: float) -> bool:
        """Stop when no job is left, or when the database stays away: leases lapse, others rescue."""
        if not self.stop.count:
            return False
        return not self.children or time.monotonic() > deadline + self.settings.lease_seconds

    def _grace_ends(self) -> float:
        return time.monotonic() + (self.settings.drain_seconds if self.stop.count == 1 else 0.0)

    def _hand_back_after(self, deadline: float) -> None:
        if time.monotonic() >= deadline:
            for child in self.children.values():
                child.kill("stop")

    def _watch(self) -> None:
        """Take in reports, collect the dead, hold the living to their limits."""
        for child in self.children.values():
            if child.over:
                continue
            child.read()
            if child.reap():
                self.agenda.look = 0.0
            else:
                enforce_limits(child, self.settings)

    def _turn(self) -> None:
        """Do what is due in the database; without it, go on watching and try again later."""
        for channel, payload in self.link.hear():
            self._heed(channel, payload)
        connection = self.link.control.open()
        if connection is None:
            return
        try:
            self._greet(connection)
            self._beat(connection)
            self._settle(connection)
            self._sweep(connection)
            self._claim(connection)
            self.link.control.well()
        except psycopg.Error as error:
            self.tallies.count("db_errors", reason=(error.sqlstate or "none")[:2])
            self.link.control.lost(error)
            self.agenda.sweep = 0.0  # the first thing to write: only that proves that all is well again
        except OSError as error:  # no descriptor to be had; there may be again
            log.warning("worker.hindered", error=str(error))
            self.agenda.look = self.agenda.sweep = time.monotonic() + 1

    def _heed(self, channel: str, payload: str) -> None:
        if channel == "geocrew_jobs" and payload in self.job_types:
            self.agenda.look = 0.0
        elif channel == "geocrew_cancel" and payload.isdigit() and int(payload) in self.children:
            self.children[int(payload)].kill("cancel")

    def _greet(self, connection: Connection) -> None:
        if not self.agenda.greeted:
            presence.register_types(connection, self.known_types)
            presence.announce(connection, self._presence())
            self.agenda.greeted = True
            self.notifier.ready()
            log.info("worker.ready", worker=self.name)

    def _beat(self, connection: Connection) -> None:
        """Renew all leases and write progress; kill what has been lost or cancelled."""
        now = time.monotonic()
        # A child that is gone keeps its lease until its end is written, unless that is what it lost.
        living = [child for child in self.children.values() if child.killed != "lease"]
        if not living or now < self._beat_due():
            return
        follow_indexes(connection, living)
        beats = [Beat(each.claim.id, each.claim.lease, each.percent, each.message) for each in living]
        for pulse in consume.heartbeat(connection, beats, self.settings.lease_seconds):
            child = self.children[pulse.id]
            child.reported = False
            if pulse.held:
                child.confirmed = now
            if pulse.cancelling:
                child.kill("cancel")
            elif not (pulse.held or pulse.completed):
                child.kill("lease")
        for child in living:
            child.flush_log(connection)
        self.agenda.last_beat = now
        self.agenda.beat = now + self.settings.lease_seconds / 3

    def _beat_due(self) -> float:
        if any(child.reported or child.indexing for child in self.children.values()):
            return min(self.agenda.beat, self.agenda.last_beat + _PROGRESS_SECONDS)
        return self.agenda.beat

    def _settle(self, connection: Connection) -> None:
        for child in [each for each in self.children.values() if each.over]:
            if settle(connection, child, self.settings, self.tallies):
                del self.children[child.claim.id]
                self._learn(child)

    def _learn(self, child: Child) -> None:
        """Pause when the next job would meet what this one did."""
        ended, now = child.ended, time.monotonic()
        if ended is None:
            return
        if ended.fate == "completed":
            self.pause.end()
        elif ended.fate == "unavailable" or ended.disk_full:
            self.pause.begin(ended.message.partition(":")[0], now, disk_full=ended.disk_full)
            log.warning("worker.pausing", reason=self.pause.reason, seconds=self.pause.until - now)

    def _sweep(self, connection: Connection) -> None:
        """Look after what nobody looks after; any worker does, none leads."""
        now = time.monotonic()
        if now < self.agenda.sweep:
            return
        self.agenda.sweep = now + self.settings.sweep_seconds * _jitter()
        presence.announce(connection, self._presence())
        upkeep.look_after(connection, self.settings, self.tallies)

    def _presence(self) -> Presence:
        children = self.children.values()
        stopping = self.stop.count > 0
        return present(
            self.name, self.job_types, self.concurrency, children, self.pause.reason, stopping
        )

    def _claim(self, connection: Connection) -> None:
        """Fill the free places and decide when to look again."""
        now = time.monotonic()
        self.pause.look(connection, self.settings.data_dir, now)
        free = self.concurrency - len(self.children)
        if self.stop.count or free <= 0 or now < max(self.agenda.look, self.pause.until):
            return
        lease = self.settings.lease_seconds
        claims = consume.claim(connection, self.job_types, self.name, lease, free)
        for claim in claims:
            log.info("job.claimed", job_id=claim.id, job_type=claim.job_type, attempt=claim.attempt)
            self.tallies.observe("queue_wait_seconds", claim.waited_seconds, claim.job_type)
            self._start(connection, claim, now)
        self.agenda.look = now + self.settings.poll_seconds * _jitter()
        if len(claims) < free:
            wait = consume.seconds_to_next(connection, self.job_types)
            if wait is not None:  # at least 50 ms: what is due and was not claimed is in another's hands
                self.agenda.look = min(self.agenda.look, now + max(wait, 0.05))

    def _start(self, connection: Connection, claim: Claim, now: float) -> None:
        inherited = [*self.link.descriptors, *self.stop.descriptors]
        inherited += [each for child in self.children.values() for each in child.descriptors]
        try:
            self.children[claim.id] = start(claim, self.url, self.settings.raster_dir, now, inherited)
        except OSError as error:  # no process or descriptor to be had: somebody else may have
            log.warning("job.not_started", job_id=claim.id, error=str(error))
            consume.hand_back(connection, claim)
            self.pause.begin(NO_DESCRIPTOR, now)

    def _wait(self, deadline: float) -> None:
        """Sleep until something is said, a child ends, a signal comes or a duty is due."""
        if self.stop.count and not self.children:
            return
        poll = select.poll()
        watched = [self.stop.descriptor, self.link.ear]
        watched += [child.pidfd for child in self.children.values() if not child.over]
        for descriptor in watched:
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        seconds = max(0.0, min(self._due(deadline)) - time.monotonic())
        poll.poll(math.ceil(min(seconds, 60.0) * 1000))
        self.stop.drain()

    def _due(self, deadline: float) -> list[float]:
        now, due = time.monotonic(), [*self.link.retry_at, self.notifier.watchdog_due]
        if self.children:
            due.append(now + _WATCH_SECONDS)
        if self.stop.count:
            due.append(max(deadline, now + _WATCH_SECONDS))
        if self.link.control.descriptor is not None:
            due.append(self.agenda.sweep)
            if len(self.children) < self.concurrency and not self.stop.count:
                due.append(max(self.agenda.look, self.pause.until))
            if self.children:
                due.append(self._beat_due())
        return due

    def _tell(self, deadline: float) -> None:
        waiting = self.link.control.reason or self.pause.reason
        left = None
        if self.stop.count:
            # The signal may have come after this turn has looked for it.
            ends = min(deadline, self._grace_ends())
            left = max(0.0, ends - time.monotonic()) + self.settings.lease_seconds + 5
        tell_systemd(self.notifier, self.children.values(), waiting, self.agenda.greeted, left)

    def _leave(self) -> None:
        connection = self.link.control.open()
        if connection is not None:
            try:
                presence.leave(connection, self.name)
            except psycopg.Error as error:
                log.warning("worker.not_signed_off", error=str(error).strip())
        self.link.close()


def _jitter() -> float:
    """Return a factor around 1, so that workers started together drift apart."""
    return random.uniform(0.8, 1.2)  # noqa: S311 (spreads load, guards nothing)
