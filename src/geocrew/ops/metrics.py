"""Metrics for Prometheus: read from the database at each scrape, so that none is lost with a process."""

from collections.abc import Callable, Iterator

import psycopg
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from geocrew.db import Connection
from geocrew.errors import GeocrewError
from geocrew.ops.metric_gauges import (
    read_disks,
    read_queue,
    read_server,
    read_structure,
    read_workers,
)
from geocrew.ops.metric_sheet import Sheet
from geocrew.ops.metric_tallies import read_tallies
from geocrew.ops.probe import Address, probe
from geocrew.settings import Settings

Tell = Callable[[str], None]


class DatabaseCollector(Collector):
    """Reads everything at each scrape; what cannot be read is left out, counted, and told once."""

    def __init__(self, address: Address, settings: Settings, tell: Tell) -> None:
        self._address, self._settings, self._tell = address, settings, tell
        self._told: list[str] = []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; a database that is down is one of them, never an error."""
        sheet, failures = Sheet(), list[str]()
        try:
            with probe(self._address, "metrics") as connection:
                self._read(connection, sheet, failures)
                sheet.put("geocrew_database_up", 1)
        except (psycopg.Error, GeocrewError) as error:
            failures = [f"database: {_words(error)}"]
            sheet = Sheet()
            sheet.put("geocrew_database_up", 0)
            sheet.put("geocrew_database_writable", 0)
        try:
            read_disks(self._settings, sheet)
        except OSError as error:
            failures.append(f"disks: {_words(error)}")
        sheet.put("geocrew_scrape_failures", len(failures))
        self._report(failures)
        return sheet.metrics()

    def _read(self, connection: Connection, sheet: Sheet, failures: list[str]) -> None:
        """Read each group by itself: a database without migrations still says that it is there."""
        groups: dict[str, Callable[[], None]] = {
            "server": lambda: read_server(connection, sheet),
            "structure": lambda: read_structure(connection, sheet),
            "queue": lambda: read_queue(connection, sheet),
            "workers": lambda: read_workers(connection, self._settings, sheet),
            "tallies": lambda: read_tallies(connection, sheet),
        }
        for name, read in groups.items():
            try:
                read()
            except psycopg.Error as error:
                if connection.closed:
                    raise
                failures.append(f"{name}: {_words(error)}")

    def _report(self, failures: list[str]) -> None:
        """Say what has changed, not the same every fifteen seconds."""
        if failures != self._told:
            for each in failures:
                self._tell(f"cannot read {each}")
            self._told = failures


def registry(address: Address, settings: Settings, tell: Tell) -> CollectorRegistry:
    """Return a registry of geocrew's metrics alone."""
    made = CollectorRegistry()
    made.register(DatabaseCollector(address, settings, tell))
    return made


def exposition(address: Address, settings: Settings, tell: Tell) -> str:
    """Return one scrape in Prometheus' text format."""
    return generate_latest(registry(address, settings, tell)).decode()


def _words(error: Exception) -> str:
    diag = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return diag or " ".join(str(error).split())
