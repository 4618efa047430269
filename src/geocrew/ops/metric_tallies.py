"""Counters and histograms from what workers have added up in geocrew.tallies."""

from collections import defaultdict
from typing import get_args

from geocrew.db import Connection, statement
from geocrew.ops.liveness import known_types
from geocrew.ops.metric_sheet import Sheet
from geocrew.queue.job import Outcome
from geocrew.queue.tallies import BOUNDS

_SQL = "geocrew.ops.sql"
_ENDINGS = ("completed", "failed", "cancelled")
_OUTCOMES = {*_ENDINGS, "retried"}
_REASONS = set(get_args(Outcome))
Key = tuple[str, ...]


def read_tallies(connection: Connection, sheet: Sheet) -> None:
    """Put all counters and histograms down; what has not happened yet is 0."""
    known = set(known_types(connection))
    counts: defaultdict[str, defaultdict[Key, defaultdict[float, float]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(float))
    )
    for metric, job_type, reason, bound, total in connection.execute(statement(_SQL, "tallies")):
        key = _labels(metric.removesuffix("_sum"), job_type if job_type in known else "other", reason)
        counts[metric][key][bound] += total
    for job_type in known:
        # A counter that first appears as 1 has no increase that an alert could see.
        for metric in ("jobs_quarantined", "stale_writes_blocked", "result_rows"):
            counts[metric][job_type,].setdefault(0.0, 0.0)
        counts["jobs_rescued"][job_type, "lapsed"].setdefault(0.0, 0.0)
        for ending in _ENDINGS:
            counts["job_duration_seconds"][job_type, ending].setdefault(BOUNDS[0], 0.0)
    _put(counts, sheet)


def _put(counts: dict[str, defaultdict[Key, defaultdict[float, float]]], sheet: Sheet) -> None:
    for metric in (
        "jobs_rescued",
        "jobs_retried",
        "jobs_quarantined",
        "stale_writes_blocked",
        "result_rows",
        "db_errors",
    ):
        for key, values in sorted(counts[metric].items()):
            sheet.put(f"geocrew_{metric}_total", sum(values.values()), *key)
    for metric in ("queue_wait_seconds", "job_duration_seconds", "cancel_latency_seconds"):
        for key, values in sorted(counts[metric].items()):
            total = sum(counts[f"{metric}_sum"][key].values())
            sheet.put_histogram(f"geocrew_{metric}", BOUNDS, values, total, *key)
    for (job_type, outcome), values in sorted(counts["job_duration_seconds"].items()):
        if outcome in _ENDINGS:
            sheet.put("geocrew_jobs", sum(values.values()), outcome, job_type)


def _labels(metric: str, job_type: str, reason: str) -> Key:
    """Return label values of a bounded set, whatever somebody wrote into the table."""
    if metric == "db_errors":
        return (reason if _is_class(reason) else "other",)
    if metric == "job_duration_seconds":
        return job_type, reason if reason in _OUTCOMES else "other"
    if metric in ("jobs_rescued", "jobs_retried"):
        return job_type, reason if reason in _REASONS else "other"
    return (job_type,)


def _is_class(text: str) -> bool:
    """Class of an SQLSTATE: two of 0-9 and A-Z; `none` stands for errors without one."""
    return text == "none" or (
        len(text) == 2 and text.isascii() and text.isalnum() and text == text.upper()
    )
