"""Every metric that geocrew exposes, with labels and meaning; docs/monitoring.md shows this table."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Family:
    """One metric; the series of a histogram end in `_bucket`, `_sum` and `_count`."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    labels: tuple[str, ...]
    help: str


_ALL = (
    Family(
        "geocrew_jobs",
        "gauge",
        ("status", "job_type"),
        "Jobs waiting and running now; completed, failed and cancelled: attempts that ended so, ever",
    ),
    Family(
        "geocrew_oldest_queued_seconds",
        "gauge",
        ("job_type",),
        "How long the oldest job that is due has waited; 0 when none is",
    ),
    Family(
        "geocrew_oldest_cancelling_seconds",
        "gauge",
        ("job_type",),
        "How long ago the cancellation was asked for that has taken no effect the longest; 0 when none",
    ),
    Family("geocrew_queue_wait_seconds", "histogram", ("job_type",), "From due to claimed"),
    Family(
        "geocrew_job_duration_seconds",
        "histogram",
        ("job_type", "outcome"),
        "From claimed to the end of the attempt: completed, failed, cancelled or retried",
    ),
    Family(
        "geocrew_cancel_latency_seconds",
        "histogram",
        ("job_type",),
        "From the request to cancel a running job to its end",
    ),
    Family(
        "geocrew_jobs_rescued_total",
        "counter",
        ("job_type", "reason"),
        "Jobs taken from a worker that was silent for longer than their lease",
    ),
    Family(
        "geocrew_jobs_retried_total",
        "counter",
        ("job_type", "reason"),
        "Attempts that failed and were queued again",
    ),
    Family(
        "geocrew_jobs_quarantined_total",
        "counter",
        ("job_type",),
        "Jobs failed because they took too many processes or workers down",
    ),
    Family(
        "geocrew_stale_writes_blocked_total",
        "counter",
        ("job_type",),
        "Ends of attempts that came after the lease was lost and were refused",
    ),
    Family(
        "geocrew_result_rows_total",
        "counter",
        ("job_type",),
        "Rows of the datasets that completed jobs have published; a raster has none",
    ),
    Family(
        "geocrew_db_errors_total",
        "counter",
        ("sqlstate_class",),
        "Errors met in PostgreSQL, by the first two characters of the SQLSTATE; none: a lost session",
    ),
    Family(
        "geocrew_workers_live", "gauge", ("job_type",), "Workers heard of lately that take this type"
    ),
    Family(
        "geocrew_worker_heartbeat_age_seconds",
        "gauge",
        ("job_type",),
        "The oldest heartbeat among live workers of this type; with none alive, of the last one",
    ),
    Family(
        "geocrew_workers_waiting",
        "gauge",
        ("reason",),
        "Live workers that claim nothing for a while, by what they wait for",
    ),
    Family("geocrew_disk_free_bytes", "gauge", ("directory",), "Space this user may still write to"),
    Family(
        "geocrew_disk_size_bytes", "gauge", ("directory",), "Size of the file system of the directory"
    ),
    Family("geocrew_database_up", "gauge", (), "1 when the database answered this scrape, else 0"),
    Family(
        "geocrew_database_writable", "gauge", (), "0 on a standby, or when transactions are read-only"
    ),
    Family(
        "geocrew_database_connections",
        "gauge",
        ("state",),
        "Sessions on the server (used), and how many ordinary users may have (limit)",
    ),
    Family("geocrew_clock_offset_seconds", "gauge", (), "The database's clock minus this machine's"),
    Family(
        "geocrew_schema_version", "gauge", (), "Number of the newest migration applied; 0 without any"
    ),
    Family(
        "geocrew_staging_relations", "gauge", (), "Tables being built; those of dead attempts are swept"
    ),
    Family(
        "geocrew_scrape_failures",
        "gauge",
        (),
        "Groups of metrics that this scrape could not read; the log of `geocrew metrics` says why",
    ),
)
FAMILIES = {each.name: each for each in _ALL}
