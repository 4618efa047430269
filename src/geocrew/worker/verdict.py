"""What becomes of a job when its child is gone."""

import os
import signal

import psycopg
import structlog

from geocrew.datasets import staging
from geocrew.datasets.staging import Staging
from geocrew.db import Connection
from geocrew.queue import consume
from geocrew.queue.job import Outcome
from geocrew.settings import Settings
from geocrew.worker.children import Child
from geocrew.worker.retry import wait_seconds

log = structlog.get_logger()


def settle(connection: Connection, child: Child, settings: Settings) -> None:
    """Write the end of an attempt; every write is fenced, so a lost lease makes it nothing."""
    claim, event = child.claim, "job.lease_lost"
    child.flush_log(connection)
    if child.ended is None or child.ended.fate != "completed":
        _clean(connection, child)
    if child.ended is not None and child.ended.fate == "completed":
        event = "job.completed"
    elif child.killed == "stop":
        event = "job.handed_back" if consume.hand_back(connection, claim) else event
    elif child.killed == "cancel":
        event = "job.cancelled" if consume.end_cancelled(connection, claim) else event
    elif child.killed != "lease" and (child.ended is None or child.ended.fate != "lease_lost"):
        event = _end_attempt(connection, child, settings) or event
    log.info(event, job_id=claim.id, job_type=claim.job_type, attempt=claim.attempt, **_reason(child))


def _clean(connection: Connection, child: Child) -> None:
    """End the session of a process that is gone and drop what it had staged; else the sweep will."""
    if child.backend is not None:
        consume.end_session(connection, child.claim, child.backend)
    try:
        staging.clear(connection, Staging(child.claim.id, child.claim.lease))
    except psycopg.errors.LockNotAvailable:
        log.warning("staging.not_cleared", job_id=child.claim.id)


def _end_attempt(connection: Connection, child: Child, settings: Settings) -> str | None:
    """Fail the job or send it round again; None when the lease is lost."""
    claim = child.claim
    outcome, message, final = _judge(child, settings)
    consume.write_log(connection, claim, [("error", message)])
    if final or claim.attempt >= claim.max_attempts:
        return "job.failed" if consume.fail(connection, claim, outcome, message) else None
    wait = wait_seconds(claim.attempt, settings)
    return "job.retried" if consume.retry_later(connection, claim, outcome, message, wait) else None


def _judge(child: Child, settings: Settings) -> tuple[Outcome, str, bool]:
    """Return outcome, message for the user, and whether another attempt would be in vain."""
    if child.killed == "timeout":
        seconds = child.claim.timeout_seconds or settings.job_timeout_seconds
        return "timed_out", f"stopped after {seconds:g} seconds, the job's timeout", True
    if child.killed == "memory" or (child.ended and child.ended.fate == "out_of_memory"):
        limit = f"out of memory: a job may hold {settings.job_memory_mb} MiB"
        return "out_of_memory", f"{limit} (GEOCREW_JOB_MEMORY_MB)", True
    if child.ended is None:
        return "crashed", f"the job's process {_death(child.exit_status or 0)}", False
    if child.ended.fate == "user_error":
        return "rejected", child.ended.message, True
    return "failed", child.ended.message, False


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
