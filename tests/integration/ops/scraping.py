"""A scrape, read as Prometheus reads it."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from geocrew.db import Connection
from geocrew.ops.metrics import exposition
from geocrew.queue import consume, presence, produce
from geocrew.queue.presence import Presence
from geocrew.queue.tallies import Tallies
from geocrew.settings import Settings

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scrape:
    """The series of one scrape, found by name and labels."""

    def __init__(self, text: str) -> None:
        self.families: list[Metric] = list(text_string_to_metric_families(text))
        self.series: Series = {
            (each.name, frozenset(each.labels.items())): each.value
            for family in self.families
            for each in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self.series[name, frozenset(labels.items())]

    def labels(self, name: str, label: str) -> set[str]:
        return {dict(labels)[label] for each, labels in self.series if each == name}


def scrape(url: str, directory: Path) -> Scrape:
    """Scrape a database that must answer every question."""
    told: list[str] = []
    found = Scrape(exposition(lambda: url, Settings(data_dir=directory), told.append))
    assert told == []
    return found


def live_through(connection: Connection) -> None:
    """Bring about at least one sample of every metric that a database can have."""
    presence.register_types(connection, ["a", "b"])
    presence.announce(connection, Presence("me", ["a", "b"], 2, "1", 100, "working"))
    ids = [produce.enqueue(connection, "a", {}) for _ in range(4)]
    consume.claim(connection, ["a"], "me", 60, 2)
    produce.cancel(connection, ids[0])
    tallies = Tallies()
    for metric in ("queue_wait_seconds", "cancel_latency_seconds"):
        tallies.observe(metric, 0.3, "a")
    for outcome in ("completed", "failed", "cancelled", "retried"):
        tallies.observe("job_duration_seconds", 2.0, "a", outcome)
    tallies.count("jobs_rescued", "a", "lapsed")
    tallies.count("jobs_retried", "a", "crashed")
    tallies.count("jobs_quarantined", "a")
    tallies.count("stale_writes_blocked", "a")
    tallies.count("result_rows", "a", number=20)
    tallies.count("db_errors", reason="57")
    tallies.flush(connection)


def samples(found: Scrape) -> Iterator[tuple[str, set[str]]]:
    """Yield each series' name and the names of its labels."""
    for name, labels in found.series:
        yield name, {label for label, _ in labels}
