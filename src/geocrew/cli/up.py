"""`geocrew up`: database and all workers in one terminal."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from geocrew.cli.options import Concurrency
from geocrew.cli.output import notice

if TYPE_CHECKING:
    from geocrew.settings import Settings
    from geocrew.worker.stop import StopRequest


def up(concurrency: Concurrency = 1) -> None:
    """Run database and all workers in one terminal.

    Ctrl-C or SIGTERM stop all in order; twice Ctrl-C hands running jobs back to the queue at once.
    Without GEOCREW_DATABASE_URL the private database is started, and stopped at the end if it was not
    running before.
    """
    from geocrew.cli.session import read_settings
    from geocrew.worker.stop import StopRequest

    settings = read_settings()
    with StopRequest() as stop:
        # A terminal that closes asks to stop like any other.
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        with running_database(settings) as url:
            migrate_database(url)
            if not stop.count:
                _run_crew(settings, url, concurrency, stop)


@contextmanager
def running_database(settings: "Settings") -> Iterator[str]:
    """Yield the database's address; a private one that was not running is started, and stopped again."""
    if settings.database_url:
        yield settings.database_url
        return
    from geocrew import local
    from geocrew.cli.session import database_directory

    directory = database_directory(settings)
    was_running = local.status(directory).state == "running"
    url = local.start(directory)
    notice(f"database {'found running' if was_running else 'started'}: {url}")
    try:
        yield url
    finally:
        if not was_running:
            local.stop(directory)
            notice("database stopped")


def migrate_database(url: str) -> None:
    """Apply missing migrations and say which."""
    from geocrew.db import connect
    from geocrew.schema.migrate import migrate

    with connect(url, "geocrew migrate") as connection:
        applied = migrate(connection)
    if applied:
        notice(f"database migrated: {', '.join(applied)}")


def _run_crew(settings: "Settings", url: str, concurrency: int, stop: "StopRequest") -> None:
    from geocrew.cli.crew import Crew
    from geocrew.ops import logs
    from geocrew.worker.preload import preload
    from geocrew.worker.serve import serve

    notice("loading the analyses")
    preload()
    from geocrew import analyses

    # Here, where standard output is still the terminal or file that the lines will go to.
    logs.configure()
    names = list(analyses.load())
    width = max(len(name) for name in names)

    def work(name: str) -> None:
        if settings.log_dir is not None:
            logs.keep_file(settings.log_dir, name)
        serve(url, [name], concurrency, settings)

    def show(name: str, line: str) -> None:
        try:
            sys.stdout.write(f"{name:<{width}} | {line}\n")
            sys.stdout.flush()
        except BrokenPipeError:  # nobody reads any longer, which asks to stop like a signal
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            signal.raise_signal(signal.SIGTERM)

    notice(f"workers: {', '.join(names)}; Ctrl-C stops all")
    # A worker gives its jobs `drain_seconds`, and then, if the database is away, one lease.
    Crew(names, work, show, stop).run(settings.drain_seconds + settings.lease_seconds + 5)
    notice("workers stopped")
