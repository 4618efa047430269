"""The child process of one job: what happens between fork and exit."""

import faulthandler
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import structlog

from geocrew.datasets.staging import Staging
from geocrew.db import Connection, connect
from geocrew.error_classes import classify, timeouts_told
from geocrew.queue.job import Claim
from geocrew.worker.context import JobContext
from geocrew.worker.parent import die_with
from geocrew.worker.perform import perform
from geocrew.worker.report import Backend, Ended, send

log = structlog.get_logger()

# Told to the user in full; a traceback would tell the operator no more.
_EXPECTED = {"user", "lease_lost", "out_of_memory", "unavailable"}


def run_job(
    claim: Claim, url: str, raster_dir: Path, parent: int, pipe: int, inherited: list[int]
) -> NoReturn:
    """Run one job in a process that was just forked, and exit; never returns to the parent's code.

    `inherited` descriptors are the parent's and are closed.
    """
    code = 1
    try:
        for descriptor in inherited:
            os.close(descriptor)
        die_with(parent, signal.SIGKILL)
        _stand_alone()
        send(pipe, _attempt(claim, url, raster_dir, pipe))
        code = 0
    except BaseException:
        log.exception("job.process_broken", job_id=claim.id)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _stand_alone() -> None:
    """Take signals as they come, and be the first to go."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.enable()
    # Of all processes of this machine the kernel should end this one when memory runs out.
    Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")


def _attempt(claim: Claim, url: str, raster_dir: Path, pipe: int) -> Ended:
    """Run the job and say how it ended, in words that its user may read."""
    try:
        with _session(claim, url) as connection, timeouts_told(connection):
            send(pipe, Backend(connection.info.backend_pid))
            workshop = Staging(claim.id, claim.lease)
            context = JobContext(connection, claim.user_id, workshop, raster_dir, pipe)
            rows = perform(claim, context)["row_count"]
    except Exception as error:
        found = classify(error)
        if found.kind not in _EXPECTED:
            log.exception("job.attempt_failed", job_id=claim.id, attempt=claim.attempt)
        return Ended(found.kind, found.message, found.sqlstate, found.disk_full)
    return Ended("completed", "", rows=rows or 0)  # a raster has none


def _session(claim: Claim, url: str) -> Connection:
    """Open the job's own session.

    JIT costs 0.5 CPU s a query here and gains nothing; a backend whose client is gone notices within a
    second. A search of the nearest computes for minutes between two statements of its transaction; one
    that idles for an hour belongs to a child that somebody froze.
    """
    return connect(
        url,
        claim.session_name,
        jit="off",
        client_connection_check_interval="1s",
        idle_in_transaction_session_timeout="1h",
        client_min_messages="error",
    )
