"""What becomes of a job when its child is gone."""

import os
import signal
import time
from dataclasses import dataclass

import psycopg
import structlog

from geocrew.datasets import staging
from geocrew.datasets.staging import Staging
from geocrew.db import Connection
from geocrew.queue import consume
from geocrew.queue.job import Claim, Outcome
from geocrew.queue.rescue import quarantine_message
from geocrew.queue.tallies import Tallies
from geocrew.settings import Settings
from geocrew.worker.children import Child
from geocrew.worker.retry import wait_seconds

log = structlog.get_logger()

# While its session in PostgreSQL goes on, a job that was stopped is not over, and says so.
LINGERING = "stopping: PostgreSQL is inside a call that cannot be interrupted"


@dataclass(frozen=True)
class Verdict:
    """How an attempt is to end: `final` is no further one, `crashed` that it took its process down."""

    outcome: Outcome
    message: str
    final: bool
    crashed: bool = False


def settle(connection: Connection, child: Child, settings: Settings, tallies: Tallies) -> bool:
    """Write the end of an attempt; every write is fenced, so a lost lease makes it nothing.

    False while the child's session in PostgreSQL cannot be ended: come again.
    """
    child.flush_log(connection)
    completed = child.ended is not None and child.ended.fate == "completed"
    if not completed and not _clean(connection, child, settings):
        return False
    event = _end(connection, child, settings, tallies)
    claim = child.claim
    log.info(event, job_id=claim.id, job_type=claim.job_type, attempt=claim.attempt, **_reason(child))
    ending = event.removeprefix("job.")
    if event == "job.lease_lost":
        tallies.count("stale_writes_blocked", claim.job_type)
    elif event != "job.handed_back":
        seconds = time.monotonic() - child.started
        tallies.observe("job_duration_seconds", seconds, claim.job_type, ending)
    if child.ended is not None and child.ended.sqlstate:
        tallies.count("db_errors", reason=child.ended.sqlstate[:2])
    return True


def _end(connection: Connection, child: Child, settings: Settings, tallies: Tallies) -> str:
    """End the job or the attempt; return the event."""
    claim, ended = child.claim, child.ended
    if ended is not None and ended.fate == "completed":
        tallies.count("result_rows", claim.job_type, number=ended.rows)
        return "job.completed"
    if child.killed == "stop" or (ended is not None and ended.fate == "unavailable"):
        done = consume.hand_back(connection, claim)
        return "job.handed_back" if done else _end_cancelled(connection, claim, tallies)
    if child.killed == "cancel":
        return _end_cancelled(connection, claim, tallies)
    if child.killed == "lease" or (ended is not None and ended.fate == "lease_lost"):
        return "job.lease_lost"
    return _end_attempt(connection, child, settings, tallies)


def _end_cancelled(connection: Connection, claim: Claim, tallies: Tallies) -> str:
    """End a job whose cancellation was asked for, perhaps while its attempt was ending by itself."""
    latency = consume.end_cancelled(connection, claim)
    if latency is None:
        return "job.lease_lost"
    tallies.observe("cancel_latency_seconds", latency, claim.job_type)
    return "job.cancelled"


def _clean(connection: Connection, child: Child, settings: Settings) -> bool:
    """End the session of a process that is gone and drop what it had staged; else the sweep will.

    False while the session goes on and there is still patience with it.
    """
    if child.backend is not None and not consume.end_session(connection, child.claim, child.backend):
        now = time.monotonic()
        child.lingering_since = child.lingering_since or now
        child.message, child.reported = LINGERING, True
        if now - child.lingering_since < settings.abandon_seconds:
            return False
        log.error("session.abandoned", job_id=child.claim.id, backend=child.backend)
        lasting = f"its session in PostgreSQL (process {child.backend}) is still inside one call"
        consume.write_log(connection, child.claim, [("warning", lasting)])
    try:
        staging.clear(connection, Staging(child.claim.id, child.claim.lease))
    except psycopg.errors.LockNotAvailable:
        log.warning("staging.not_cleared", job_id=child.claim.id)
    return True


def _end_attempt(connection: Connection, child: Child, settings: Settings, tallies: Tallies) -> str:
    """Fail the job or send it round again."""
    claim = child.claim
    verdict = _judge(child, settings)
    consume.write_log(connection, claim, [("error", verdict.message)])
    counted = claim.attempt - claim.crashes
    if verdict.final or (counted >= claim.max_attempts and not verdict.crashed):
        done = consume.fail(connection, claim, verdict.outcome, verdict.message, crashed=verdict.crashed)
        if done and verdict.outcome == "quarantined":
            tallies.count("jobs_quarantined", claim.job_type)
        return "job.failed" if done else "job.lease_lost"
    wait = wait_seconds(claim.attempt, settings)
    done = consume.retry_later(
        connection, claim, verdict.outcome, verdict.message, wait, crashed=verdict.crashed
    )
    if not done:
        return _end_cancelled(connection, claim, tallies)
    tallies.count("jobs_retried", claim.job_type, verdict.outcome)
    return "job.retried"


def _judge(child: Child, settings: Settings) -> Verdict:
    """Decide from what the child said, or from how it died."""
    ended = child.ended
    if child.killed == "timeout":
        seconds = child.claim.timeout_seconds or settings.job_timeout_seconds
        return Verdict("timed_out", f"stopped after {seconds:g} seconds, the job's timeout", final=True)
    if child.killed == "memory" or (ended is not None and ended.fate == "out_of_memory"):
        limit = f"out of memory: a job may hold {settings.job_memory_mb} MiB"
        return Verdict("out_of_memory", f"{limit} (GEOCREW_JOB_MEMORY_MB)", final=True)
    if ended is None:
        return _judge_death(child, settings)
    if ended.fate == "user":
        return Verdict("rejected", ended.message, final=True)
    if ended.fate == "resource":
        return Verdict("no_resources", ended.message, final=True)
    return Verdict("failed", ended.message, final=False)


def _judge_death(child: Child, settings: Settings) -> Verdict:
    if child.out_of_memory:
        words = "out of memory: the machine or the worker's control group (MemoryMax) had no more"
        return Verdict("out_of_memory", words, final=True)
    message = f"the job's process {_death(child.exit_status or 0)}"
    crashes = child.claim.crashes + 1
    if crashes >= settings.crash_limit:
        words = quarantine_message(crashes, message)
        return Verdict("quarantined", words, final=True, crashed=True)
    return Verdict("crashed", message, final=False, crashed=True)


def _death(status: int) -> str:
    """Describe a wait status in words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"was killed by signal {number} ({signal.Signals(number).name})"
    return f"ended by itself with exit code {os.waitstatus_to_exitcode(status)}"


def _reason(child: Child) -> dict[str, str]:
    if child.killed is not None:
        return {"reason": child.killed}
    return {} if child.ended is None or not child.ended.message else {"message": child.ended.message}
