"""How the queue is: its schema, its workers, jobs and files that nobody looks after."""

from collections.abc import Iterator

from geocrew import analyses
from geocrew.datasets import rasters
from geocrew.db import Connection, statement
from geocrew.ops.finding import Finding, State
from geocrew.ops.liveness import live_workers, served_types
from geocrew.ops.wording import name_jobs
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
        yield Finding("jobs", "problem", f"{name_jobs(lapsed)}: worker lost and not rescued", advice)
    if cancelling:
        advice = f"geocrew jobs why {cancelling[0]}; then look into the worker's log, restart it"
        message = f"{name_jobs(cancelling)}: cancelled over a minute ago and still there"
        yield Finding("jobs", "problem", message, advice)
    if waiting:
        advice = f"geocrew jobs why {waiting[0]}; or more workers: geocrew worker --concurrency N"
        yield Finding("jobs", "warning", f"{name_jobs(waiting)}: due for over ten minutes", advice)
    if not (lapsed or cancelling or waiting):
        yield Finding("jobs", "ok", "none is stuck")


def check_pauses(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield live workers that claim nothing for now, and what they wait for."""
    workers = live_workers(connection, settings)
    waiting = [each for each in workers if each.state == "waiting"]
    for each in waiting:
        message = f"waits and claims nothing: {each.reason or 'an error'}"
        yield Finding(
            f"worker {each.name}", "warning", message, "it goes on by itself once that is mended"
        )
    if not waiting:
        yield Finding("pauses", "ok", f"none of {len(workers)} live workers waits for anything but jobs")


def check_quarantine(connection: Connection) -> Iterator[Finding]:
    """Yield jobs that took process or worker down too often."""
    row = connection.execute(statement(_SQL, "quarantined")).fetchone()
    if row and row[0]:
        message = f"{name_jobs(row[0])}: failed because they took their process down again and again"
        advice = f"geocrew jobs show {row[0][0]}, and the worker's log of that time"
        yield Finding("quarantine", "warning", message, advice)
    else:
        yield Finding("quarantine", "ok", "no job of the last seven days")


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
        advice = "any worker sweeps them: start one; by hand only those whose names lack the database"
        yield Finding("leftovers", "warning", message, advice)
    if not (staged or files):
        yield Finding("leftovers", "ok", "none")
