"""What is wrong with a set-up, in plain words: machine, server, queue."""

from collections.abc import Callable, Iterator

import psycopg

from geocrew import local
from geocrew.db import Connection, connect
from geocrew.errors import GeocrewError
from geocrew.ops import (
    machine_checks,
    parameter_checks,
    queue_checks,
    server_checks,
    settings_checks,
    version_checks,
)
from geocrew.ops.finding import Finding
from geocrew.ops.systemd.check import find_problems
from geocrew.settings import Settings

_START = "geocrew db start, or name a database in GEOCREW_DATABASE_URL"


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each check; what depends on a database that cannot be reached is left out."""
    private = not settings.database_url
    yield from settings_checks.check_settings(settings)
    yield version_checks.check_versions()
    yield from machine_checks.check_directories(settings)
    yield machine_checks.check_drivers()
    yield from find_problems() or [Finding("units", "ok", "none is installed: geocrew systemd install")]
    url = settings.database_url
    if not url:
        directory = settings.data_dir / "postgres"
        try:
            state = local.status(directory).state
        except GeocrewError as error:
            yield Finding("database", "problem", str(error), _START)
            return
        if state != "running":
            yield Finding("database", "problem", f"the private database is {state}", _START)
            return
        url = local.url(directory)
    try:
        connection = connect(url, "geocrew doctor", statement_timeout="10s")
    except psycopg.Error as error:
        advice = "start the server, or correct GEOCREW_DATABASE_URL"
        yield Finding("database", "problem", " ".join(str(error).split()), advice)
        return
    with connection:
        yield Finding("database", "ok", "reachable")
        yield from _examine_database(connection, settings, private)


def _examine_database(connection: Connection, settings: Settings, private: bool) -> Iterator[Finding]:
    yield from _guarded("PostgreSQL", lambda: server_checks.check_server(connection))
    yield from _guarded("role", lambda: server_checks.check_role(connection, private))
    yield from _guarded("extensions", lambda: server_checks.check_extensions(connection))
    yield from _guarded("clock", lambda: server_checks.check_clock(connection))
    migrations = list(_guarded("migrations", lambda: queue_checks.check_migrations(connection)))
    yield from migrations
    if any(each.state == "problem" for each in migrations):
        return
    yield from _guarded("rights", lambda: server_checks.check_rights(connection))
    yield from _guarded("role of views", lambda: server_checks.check_view_role(connection))
    yield from _guarded("parameters", lambda: parameter_checks.check_parameters(connection))
    yield from _guarded("workers", lambda: queue_checks.check_workers(connection, settings))
    yield from _guarded("pauses", lambda: queue_checks.check_pauses(connection, settings))
    yield from _guarded("jobs", lambda: queue_checks.check_jobs(connection))
    yield from _guarded("quarantine", lambda: queue_checks.check_quarantine(connection))
    yield from _guarded("leftovers", lambda: queue_checks.check_leftovers(connection, settings))


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Make a finding of a check that cannot be made."""
    try:
        yield from check()
    except psycopg.Error as error:
        message = error.diag.message_primary or " ".join(str(error).split())
        yield Finding(name, "problem", f"cannot be checked: {message}")
    except GeocrewError as error:
        yield Finding(name, "problem", str(error))
