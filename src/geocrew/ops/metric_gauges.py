"""Gauges: how queue, workers, server and disks are at the moment of the scrape."""

import time
from collections import Counter

from geocrew.db import Connection, statement
from geocrew.ops.disks import directories, room
from geocrew.ops.liveness import is_alive, known_types
from geocrew.ops.metric_sheet import Sheet
from geocrew.queue import observe
from geocrew.settings import Settings

_SQL = "geocrew.ops.sql"
# What workers say that they wait for (error_classes.py), in words for a label.
_REASONS = {
    "the database's disk is full": "database_disk",
    "the worker's disk is full": "worker_disk",
    "the database has no connection left": "connections",
    "the database is starting or stopping": "starting",
    "the database is read-only": "read_only",
    "the worker's machine has no process or descriptor left": "machine",
}


def read_disks(settings: Settings, sheet: Sheet) -> None:
    """Put down the room in each directory; raises OSError."""
    for name, directory in directories(settings).items():
        free, size = room(directory)
        sheet.put("geocrew_disk_free_bytes", free, name)
        sheet.put("geocrew_disk_size_bytes", size, name)


def read_server(connection: Connection, sheet: Sheet) -> None:
    """Put down whether the server can be written to, how full it is and what its clock says."""
    before = time.time()
    rows = connection.execute(statement(_SQL, "database")).fetchall()
    after = time.time()
    for writable, used, limit, clock in rows:
        sheet.put("geocrew_database_writable", writable)
        sheet.put("geocrew_database_connections", used, "used")
        sheet.put("geocrew_database_connections", limit, "limit")
        # Within the time that the question took, the clocks may agree.
        offset = clock - before if clock < before else max(0.0, clock - after)
        sheet.put("geocrew_clock_offset_seconds", offset)


def read_structure(connection: Connection, sheet: Sheet) -> None:
    """Put down the schema's version and the number of relations that are being built."""
    for version, relations in connection.execute(statement(_SQL, "structure")):
        sheet.put("geocrew_schema_version", version)
        sheet.put("geocrew_staging_relations", relations)


def read_queue(connection: Connection, sheet: Sheet) -> None:
    """Put down what waits and what runs; finished jobs are not looked at, however many there are."""
    for job_type, jobs, oldest in connection.execute(statement(_SQL, "queue_depth")):
        sheet.put("geocrew_jobs", jobs, "queued", job_type)
        sheet.put("geocrew_oldest_queued_seconds", oldest, job_type)
    for job_type, jobs, cancelling in connection.execute(statement(_SQL, "running_jobs")):
        sheet.put("geocrew_jobs", jobs, "running", job_type)
        sheet.put("geocrew_oldest_cancelling_seconds", cancelling, job_type)


def read_workers(connection: Connection, settings: Settings, sheet: Sheet) -> None:
    """Put down how many workers take each type, when they were heard of, and what they wait for."""
    workers = observe.workers(connection)
    alive = [each for each in workers if is_alive(each, settings)]
    for job_type in known_types(connection):
        ages = [each.silent_seconds for each in alive if job_type in each.job_types]
        gone = [each.silent_seconds for each in workers if job_type in each.job_types]
        sheet.put("geocrew_workers_live", len(ages), job_type)
        if gone:
            sheet.put("geocrew_worker_heartbeat_age_seconds", max(ages) if ages else min(gone), job_type)
    waiting = Counter(
        _REASONS.get(each.reason or "", "other") for each in alive if each.state == "waiting"
    )
    for reason in (*_REASONS.values(), "other"):
        sheet.put("geocrew_workers_waiting", waiting[reason], reason)
