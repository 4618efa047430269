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

from geocrew import __version__
from geocrew.datasets import rasters, staging
from geocrew.db import Connection
from geocrew.queue import consume, presence, rescue
from geocrew.queue.consume import Beat
from geocrew.queue.job import Claim
from geocrew.settings import Settings
from geocrew.worker.children import Child, enforce_limits, start
from geocrew.worker.link import Link
from geocrew.worker.stop import StopRequest
from geocrew.worker.verdict import settle

log = structlog.get_logger()

# Progress is written twice a second at most, memory is looked at five times a second.
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
    """One worker: at most `concurrency` jobs at once of `job_types` (aliases among them)."""

    url: str
    job_types: Sequence[str]
    concurrency: int
    settings: Settings
    stop: StopRequest
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    children: dict[int, Child] = field(default_factory=dict)
    agenda: Agenda = field(default_factory=Agenda)

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
            self._wait(deadline)
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
        except psycopg.Error as error:
            self.link.control.lost(error)

    def _heed(self, channel: str, payload: str) -> None:
        if channel == "geocrew_jobs" and payload in self.job_types:
            self.agenda.look = 0.0
        elif channel == "geocrew_cancel" and payload.isdigit() and int(payload) in self.children:
            self.children[int(payload)].kill("cancel")

    def _greet(self, connection: Connection) -> None:
        if not self.agenda.greeted:
            presence.register_types(connection, self.job_types)
            presence.announce(connection, self.name, self.job_types, self.concurrency, __version__)
            self.agenda.greeted = True
            log.info("worker.ready", worker=self.name)

    def _beat(self, connection: Connection) -> None:
        """Renew all leases and write progress; kill what has been lost or cancelled."""
        now = time.monotonic()
        living = [child for child in self.children.values() if not child.over]
        if not living or now < self._beat_due():
            return
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
        if any(child.reported and not child.over for child in self.children.values()):
            return min(self.agenda.beat, self.agenda.last_beat + _PROGRESS_SECONDS)
        return self.agenda.beat

    def _settle(self, connection: Connection) -> None:
        for child in [each for each in self.children.values() if each.over]:
            settle(connection, child, self.settings)
            del self.children[child.claim.id]

    def _sweep(self, connection: Connection) -> None:
        """Look after what nobody looks after; any worker does, none leads."""
        now = time.monotonic()
        if now < self.agenda.sweep:
            return
        self.agenda.sweep = now + self.settings.sweep_seconds * _jitter()
        presence.announce(connection, self.name, self.job_types, self.concurrency, __version__)
        for job_id, job_type, attempt, status in rescue.rescue(connection):
            log.warning("job.rescued", job_id=job_id, job_type=job_type, attempt=attempt, status=status)
        for job_id in rescue.reject_unknown(connection):
            log.warning("job.rejected", job_id=job_id)
        for relation in staging.sweep(connection, lambda: rescue.live_leases(connection)):
            log.info("staging.swept", relation=relation)
        self._sweep_rasters(connection)

    def _sweep_rasters(self, connection: Connection) -> None:
        directory = self.settings.raster_dir
        try:
            swept = rasters.sweep_orphans(connection, directory, lambda: rescue.live_leases(connection))
        except OSError as error:  # a directory that is not ours to tidy is no reason to stop working
            log.warning("raster.not_swept", error=str(error))
            return
        for file in swept:
            log.info("raster.swept", file=file.name)

    def _claim(self, connection: Connection) -> None:
        """Fill the free places and decide when to look again."""
        now = time.monotonic()
        free = self.concurrency - len(self.children)
        if self.stop.count or free <= 0 or now < self.agenda.look:
            return
        lease = self.settings.lease_seconds
        claims = consume.claim(connection, self.job_types, self.name, lease, free)
        for claim in claims:
            log.info("job.claimed", job_id=claim.id, job_type=claim.job_type, attempt=claim.attempt)
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

    def _wait(self, deadline: float) -> None:
        """Sleep until something is said, a child stirs, a signal comes or a duty is due."""
        if self.stop.count and not self.children:
            return
        poll = select.poll()
        watched = [self.stop.descriptor, self.link.ear]
        watched += [each for child in self.children.values() for each in child.descriptors]
        for descriptor in watched:
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        seconds = max(0.0, min(self._due(deadline)) - time.monotonic())
        poll.poll(math.ceil(min(seconds, 60.0) * 1000))
        self.stop.drain()

    def _due(self, deadline: float) -> list[float]:
        now, due = time.monotonic(), list(self.link.retry_at)
        if self.children:
            due.append(now + _WATCH_SECONDS)
        if self.stop.count:
            due.append(max(deadline, now + _WATCH_SECONDS))
        if self.link.control.descriptor is not None:
            due.append(self.agenda.sweep)
            if len(self.children) < self.concurrency and not self.stop.count:
                due.append(self.agenda.look)
            if self.children:
                due.append(self._beat_due())
        return due

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
