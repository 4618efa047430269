"""Follow jobs to their end."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from geocrew.cli import exits
from geocrew.cli.job_page import result_pairs
from geocrew.cli.output import clean, console, emit, notice, pairs, say
from geocrew.queue.job import FINAL, Job

if TYPE_CHECKING:
    from geocrew.cli.session import Session
    from geocrew.db import Connection
    from geocrew.settings import Settings

Show = Callable[[Job], None]
# A job may be over in 20 ms; nobody looks oftener than twice a second at one that takes minutes.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5


def follow(session: "Session", job_id: int, *, wait: bool, as_json: bool) -> int:
    """Print a new job's number, or with `wait` its progress and its result; returns the exit code."""
    if wait:
        notice(f"job {job_id}")
        jobs = wait_for(session.connection, session.settings, [job_id])
    else:
        jobs = look(session.connection, [job_id])
        warn_of_missing_workers(session.connection, session.settings, jobs)
    if as_json:
        emit(jobs[0])
    elif wait:
        _show_result(jobs[0])
    else:
        say(str(job_id))
    return exit_code(jobs) if wait else exits.OK


def watch(
    connection: "Connection",
    job_ids: Sequence[int],
    show: Show,
    check: Callable[[], None] = lambda: None,
) -> list[Job]:
    """Show jobs until all are over and return them; `check` runs with every look and may raise."""
    pause = _FIRST_PAUSE
    while True:
        jobs = look(connection, job_ids)
        for job in jobs:
            show(job)
        if all(job.status in FINAL for job in jobs):
            return jobs
        check()
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def look(connection: "Connection", job_ids: Sequence[int]) -> list[Job]:
    """Return the jobs as they are now; raises NotFound."""
    from geocrew.queue import observe

    return [observe.get(connection, each) for each in job_ids]


def wait_for(connection: "Connection", settings: "Settings", job_ids: Sequence[int]) -> list[Job]:
    """Show progress on standard error until the jobs are over; Ctrl-C leaves them running."""
    warn_of_missing_workers(connection, settings, look(connection, job_ids))
    try:
        with progress() as show:
            return watch(connection, job_ids, show)
    except KeyboardInterrupt:
        ids = " ".join(str(each) for each in job_ids)
        notice(
            f"\nnot waiting any longer; nothing was cancelled. Look: geocrew jobs show {job_ids[0]},"
            f" wait again: geocrew jobs wait {ids}, cancel: geocrew jobs cancel {job_ids[0]}"
        )
        raise


def warn_of_missing_workers(connection: "Connection", settings: "Settings", jobs: Sequence[Job]) -> None:
    """Say where a job waits for a worker that is not there."""
    from geocrew.ops.liveness import served_types

    served = served_types(connection, settings)
    waiting = {job.job_type for job in jobs if job.status == "queued"}
    for job_type in sorted(waiting - served):
        notice(
            f"warning: no live worker takes {job_type}; the job waits."
            f" Start one: geocrew worker {job_type}"
        )


def exit_code(jobs: Sequence[Job]) -> int:
    """Return the code that tells how jobs ended: a failure counts more than a cancellation."""
    statuses = {job.status for job in jobs}
    if "failed" in statuses:
        return exits.FAILED
    return exits.CANCELLED if "cancelled" in statuses else exits.OK


def _show_result(job: Job) -> None:
    """Print what a job that is over has to show."""
    if job.status == "completed":
        pairs(result_pairs(job.result or {}))
    elif job.status == "failed":
        notice(f"job {job.id} failed: {job.error_message}")
    else:
        notice(f"job {job.id} was cancelled")


@contextmanager
def progress() -> Iterator[Show]:
    """Yield what shows a job: a bar on a terminal, a line for each change elsewhere."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    tasks: dict[int, TaskID] = {}
    text = TextColumn("{task.description}", markup=False)
    message = TextColumn("{task.fields[message]}", markup=False)
    bars = Progress(text, BarColumn(), message, TimeElapsedColumn(), console=console(stderr=True))
    with bars:

        def show(job: Job) -> None:
            if job.id not in tasks:
                title = f"job {job.id} {clean(job.job_type)}"
                tasks[job.id] = bars.add_task(title, total=100, message="")
            bars.update(tasks[job.id], completed=job.progress, message=clean(_message(job)))
            if job.status in FINAL:
                bars.stop_task(tasks[job.id])

        yield show


def _lines() -> Show:
    last: dict[int, str] = {}

    def show(job: Job) -> None:
        line = f"job {job.id} {job.job_type}: {job.progress:3} % {_message(job)}"
        if last.get(job.id) != line:
            last[job.id] = line
            notice(line)

    return show


def _message(job: Job) -> str:
    if job.status == "running" and job.progress_message:
        return job.progress_message
    if job.status == "queued" and job.attempt > 0:
        return f"queued again after attempt {job.attempt}"
    return job.status
