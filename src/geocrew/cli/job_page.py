"""All that is known of one job, for a reader."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from geocrew.cli.output import moment, pairs, say, table
from geocrew.queue.job import Attempt, Job, LogLine

LOG_TAIL = 20
_FIRST = ("dataset_id", "dataset_name", "table_name", "row_count", "classes", "n_outliers")


def show_page(job: Job, attempts: Sequence[Attempt], lines: Sequence[LogLine]) -> None:
    """Print a job, its times, result, failed attempts and the end of its log."""
    pairs(
        [
            ("job", job.id),
            ("type", job.job_type),
            ("status", _status(job)),
            ("priority", job.priority or None),
            ("attempt", f"{job.attempt} of {job.max_attempts}"),
            ("timeout", None if job.timeout_seconds is None else f"{job.timeout_seconds:g} s"),
            ("worker", job.worker),
            ("error", job.error_message if job.status == "failed" else None),
        ]
    )
    _section("parameters")
    pairs(job.params.items() if isinstance(job.params, dict) else [("params", job.params)])
    _section("times")
    table(["", "at", "after"], _timeline(job), ["after"])
    if job.result is not None:
        _section("result")
        pairs(result_pairs(job.result))
    if attempts:
        _section("attempts that did not complete")
        rows = [
            (each.attempt, moment(each.ended_at), each.outcome, each.error_message) for each in attempts
        ]
        table(["attempt", "ended", "outcome", "error"], rows, ["attempt"])
    if lines:
        _section(f"log, at most the last {LOG_TAIL} lines (all: geocrew jobs log {job.id})")
        for line in lines:
            say(log_line(line))


def result_pairs(result: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return a result for a reader: what came out first, then the rest by name."""
    return [(name, result[name]) for name in _FIRST if name in result] + sorted(
        (name, value) for name, value in result.items() if name not in _FIRST
    )


def log_line(line: LogLine) -> str:
    """Write a line of a job's log."""
    return f"{moment(line.logged_at)}  {line.level:<7}  {line.message}"


def _status(job: Job) -> str:
    if job.status != "running":
        return job.status
    asked = ", cancellation asked for" if job.cancel_requested_at else ""
    message = f", {job.progress_message}" if job.progress_message else ""
    return f"running, {job.progress} %{message}{asked}"


def _timeline(job: Job) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield what happened, when, and how long after what came before."""
    due = job.run_at if job.run_at > job.created_at else None
    moments = [
        ("created", job.created_at),
        ("not before", due),
        ("last started", job.started_at),
        ("cancel requested", job.cancel_requested_at),
        ("finished", job.finished_at),
    ]
    known = sorted(((at, what) for what, at in moments if at is not None), key=lambda each: each[0])
    before: datetime | None = None
    for at, what in known:
        after = None if before is None else f"{(at - before).total_seconds():.1f} s"
        yield what, moment(at), after
        before = at


def _section(title: str) -> None:
    say("")
    say(title)
