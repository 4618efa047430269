"""What every worker does every few seconds for all of them: nobody leads, every step may be repeated."""

import structlog

from geocrew.datasets import rasters, staging
from geocrew.db import Connection
from geocrew.queue import rescue, retention
from geocrew.queue.tallies import Tallies
from geocrew.settings import Settings

log = structlog.get_logger()


def look_after(connection: Connection, settings: Settings, tallies: Tallies) -> None:
    """Rescue lapsed jobs, end impossible ones, sweep what dead attempts left, prune, add the tallies."""
    _rescue(connection, settings, tallies)
    for job_id in rescue.reject_unknown(connection):
        log.warning("job.rejected", job_id=job_id)
    for relation in staging.sweep(connection, lambda: rescue.live_leases(connection)):
        log.info("staging.swept", relation=relation)
    _sweep_rasters(connection, settings)
    if settings.keep_days is not None and (pruned := retention.prune(connection, settings.keep_days)):
        log.info("jobs.pruned", count=pruned)
    tallies.flush(connection)


def _rescue(connection: Connection, settings: Settings, tallies: Tallies) -> None:
    for job_id, job_type, attempt, status in rescue.rescue(connection, settings.crash_limit):
        quarantined = status == "failed"
        event = "job.quarantined" if quarantined else "job.rescued"
        log.warning(event, job_id=job_id, job_type=job_type, attempt=attempt, status=status)
        tallies.count("jobs_rescued", job_type, "lapsed")
        if quarantined:
            tallies.count("jobs_quarantined", job_type)


def _sweep_rasters(connection: Connection, settings: Settings) -> None:
    try:
        swept = rasters.sweep_orphans(
            connection, settings.raster_dir, lambda: rescue.live_leases(connection)
        )
    except OSError as error:  # a directory that is not ours to tidy is no reason to stop working
        log.warning("raster.not_swept", error=str(error))
        return
    for file in swept:
        log.info("raster.swept", file=file.name)
