"""Start a worker: load what its jobs need, check the database, work until asked to stop."""

from collections.abc import Sequence

import psycopg
import structlog

from geocrew.db import connect
from geocrew.errors import ConfigurationError
from geocrew.schema.migrate import pending
from geocrew.settings import Settings
from geocrew.worker.notify import Notifier
from geocrew.worker.preload import preload
from geocrew.worker.stop import StopRequest

log = structlog.get_logger()

_SILENT = Notifier(None)


def serve(
    url: str,
    job_types: Sequence[str],
    concurrency: int,
    settings: Settings,
    notifier: Notifier = _SILENT,
) -> None:
    """Work off jobs of `job_types` (all, when empty) until SIGTERM or SIGINT.

    Raises NotFound for a job type that is unknown, ConfigurationError for a database that lacks
    migrations; a database that is away is waited for.
    """
    preload()
    from geocrew import analyses  # noqa: PLC0415 (after preload has tamed numpy's threads)
    from geocrew.worker.loop import Worker  # noqa: PLC0415 (as above)

    known = [name for analysis in analyses.load().values() for name in analysis.names]
    chosen = [name for each in job_types for name in analyses.find(each).names] or known
    with StopRequest() as stop:
        _check_schema(url)
        Worker(url, chosen, known, concurrency, settings, stop, notifier).run()


def _check_schema(url: str) -> None:
    """Refuse a database that this build does not fit; one that is away is the loop's business."""
    try:
        with connect(url, "geocrew worker start") as connection:
            missing = pending(connection)
    except psycopg.OperationalError as error:
        log.warning("database.lost", error=str(error).strip())
        return
    if missing:
        raise ConfigurationError(
            f"the database lacks migrations {', '.join(missing)}; run: geocrew db migrate"
        )
