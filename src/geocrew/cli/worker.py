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
) -> None:
    """Work off jobs.

    SIGTERM or Ctrl-C let running jobs finish and end the worker; a second one hands them back to the
    queue at once.
    """
    # Until the worker listens, nothing is lost by leaving at once.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from geocrew.cli.session import find_url, read_settings
    from geocrew.ops import logs
    from geocrew.worker.serve import serve

    settings = read_settings()
    url = find_url(settings)
    logs.configure()
    serve(url, job_types or [], concurrency, settings)
