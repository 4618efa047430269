"""`geocrew worker`: work off jobs until asked to stop."""

import signal
import sys
from typing import Annotated

import typer

from geocrew.cli.options import Concurrency


def worker(
    job_types: Annotated[
        list[str] | None,
        typer.Argument(metavar="[JOB_TYPE]...", help="All job types, when none is named."),
    ] = None,
    concurrency: Concurrency = 1,
    name: Annotated[
        str | None,
        typer.Option(
            help="Names the log file worker_NAME.log in GEOCREW_LOG_DIR; the job types, if not given."
        ),
    ] = None,
) -> None:
    """Work off jobs.

    SIGTERM or Ctrl-C let running jobs finish and end the worker; a second one hands them back to the
    queue at once.
    """
    # Until the worker listens, nothing is lost by leaving at once.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from geocrew.cli.session import find_url, read_settings
    from geocrew.ops import logs
    from geocrew.worker.notify import Notifier
    from geocrew.worker.serve import serve

    settings = read_settings()
    url = find_url(settings)
    logs.configure()
    if settings.log_dir is not None:
        logs.keep_file(settings.log_dir, name or "+".join(job_types or ["all"])[:64])
    serve(url, job_types or [], concurrency, settings, Notifier.from_environment())
