"""How the queue is: its schema, its workers, jobs and files that nobody looks after."""

from collections.abc import Iterator, Sequence

from geocrew import analyses
from geocrew.datasets import rasters
from geocrew.db import Connection, statement
from geocrew.ops.finding import Finding, State
from geocrew.ops.liveness import served_types
from geocrew.schema.migrate import pending
from geocrew.settings import Settings

_SQL = "geocrew.ops.sql"


def check_migrations(connection: Connection) -> Iterator[Finding]:
    """Yield what the schema lacks."""
    missing = pending(connection)
    if missing:
        yield Finding("migrations", "problem", f"missing: {', '.join(missing)}", "geocrew db migrate")
    else:
        yield Finding("migrations", "ok", "all applied")


def check_workers(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each job type: no worker is a problem as soon as a job waits for one."""
    served = served_types(connection, settings)
    queued: dict[str, int] = dict(connection.execute(statement(_SQL, "queued_types")).fetchall())
    for job_type in analyses.load():
        name, waiting = f"worker for {job_type}", queued.get(job_type, 0)
        if job_type in served:
            yield Finding(name, "ok", f"alive; {waiting} jobs wait")
        else:
            state: State = "problem" if waiting else "warning"
            advice = f"geocrew worker {job_type}, or geocrew up for all"
            yield Finding(name, state, f"none is alive; {waiting} jobs wait", advice)


def check_jobs(connection: Connection) -> Iterator[Finding]:
    """Yield jobs that a living worker would have moved on."""
    row = connection.execute(statement(_SQL, "job_health")).fetchone()
    lapsed, cancelling, waiting = row or (None, None, None)
    if lapsed:
        advice = "any worker rescues them: start one"
        yield Finding("jobs", "problem", f"{_ids(lapsed)} lost their worker and are not rescued", advice)
    if cancelling:
        advice = "look at the worker's log, restart it"
        yield Finding(
            "jobs", "problem", f"{_ids(cancelling)} should have been cancelled a minute ago", advice
        )
    if waiting:
        advice = "start more workers: geocrew worker --concurrency N"
        yield Finding("jobs", "warning", f"{_ids(waiting)} have waited for over ten minutes", advice)
    if not (lapsed or cancelling or waiting):
        yield Finding("jobs", "ok", "none is stuck")


def check_leftovers(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield what dead attempts and imports have left: relations in staging, raster files."""
    row = connection.execute(statement(_SQL, "leftovers")).fetchone()
    staged = row[0] if row else 0
    files = rasters.orphans(connection, settings.raster_dir)
    if staged:
        message = f"{staged} half-built tables of dead attempts"
        yield Finding("leftovers", "warning", message, "any worker sweeps them: start one")
    if files:
        message = f"{len(files)} raster files that no dataset points to, e.g. {files[0]}"
        yield Finding("leftovers", "warning", message, "remove them by hand")
    if not (staged or files):
        yield Finding("leftovers", "ok", "none")


def _ids(ids: Sequence[int]) -> str:
    shown = ", ".join(str(each) for each in ids[:5])
    return (
        f"job {shown}" if len(ids) == 1 else f"{len(ids)} jobs ({shown}{' …' if len(ids) > 5 else ''})"
    )
