"""Dashboard, alert rules and docs name what a real scrape exposes, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.ops.promql import label_references, read_expression
from tests.integration.ops.scraping import Scrape, live_through, scrape

from geocrew.db import Connection
from geocrew.ops.metric_families import FAMILIES

ROOT = Path(__file__).parents[3]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "monitoring/grafana-dashboard.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((ROOT / "monitoring/alerts.yml").read_text())
PAGE = (ROOT / "docs/monitoring.md").read_text()
# What Prometheus adds to every series that it scrapes.
ADDED = {"instance", "job"}


def _rules() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def _targets() -> Iterator[tuple[str, str, str]]:
    """Yield (panel, expression, legend)."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], target["legendFormat"]


def _expressions() -> list[tuple[str, str]]:
    rules = [(rule["alert"], rule["expr"]) for rule in _rules()]
    return rules + [(title, expression) for title, expression, _ in _targets()]


@pytest.fixture
def found(connection: Connection, database: str, tmp_path: Path) -> Scrape:
    """A scrape of a database with some jobs."""
    live_through(connection)
    return scrape(database, tmp_path)


def test_every_expression_speaks_of_series_and_labels_that_exist(found: Scrape) -> None:
    labels: dict[str, set[str]] = {}
    values: dict[tuple[str, str], set[str]] = {}
    for name, named in found.series:
        labels.setdefault(name, set()).update(label for label, _ in named)
        for label, value in named:
            values.setdefault((name, label), set()).add(value)
    for title, expression in _expressions():
        told = read_expression(expression)
        assert told.names, title
        assert told.names <= set(labels), f"{title}: {told.names - set(labels)}"
        known = set().union(*(labels[name] for name in told.names)) | ADDED
        assert told.labels <= known, f"{title}: {told.labels - known}"
        for name, label, operator, value in told.matchers:
            assert label in labels[name], f"{title}: {name} has no label {label}"
            choices = value.split("|") if operator.endswith("Re") else [value]
            assert set(choices) <= values[name, label], f"{title}: {label} is never {value}"


def test_texts_show_labels_that_their_expression_has(found: Scrape) -> None:
    labels: dict[str, set[str]] = {}
    for name, named in found.series:
        labels.setdefault(name, set()).update(label for label, _ in named)
    texts = [(title, expression, legend) for title, expression, legend in _targets()]
    for rule in _rules():
        texts += [(rule["alert"], rule["expr"], text) for text in rule["annotations"].values()]
    for title, expression, text in texts:
        shown, told = label_references(text), read_expression(expression)
        kept = set().union(*(labels[name] for name in told.names))
        assert shown <= (told.labels or kept), f"{title}: {text}"


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {re.sub("_(bucket|count|sum)$", "", name) for _, expression, _ in _targets()
             for name in read_expression(expression).names}  # fmt: skip
    assert shown == set(FAMILIES)


def test_the_dashboard_is_laid_out() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        covered = {
            (place["x"] + column, place["y"] + line)
            for column in range(place["w"])
            for line in range(place["h"])
        }
        assert not covered & cells, panel["title"]
        cells |= covered
    (_, variable) = DASHBOARD["templating"]["list"]
    name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]  # fails the test
    assert label in FAMILIES[name].labels


def test_alerts_have_what_their_reader_needs() -> None:
    names = [rule["alert"] for rule in _rules()]
    assert len(set(names)) == len(names)
    for rule in _rules():
        assert re.fullmatch("Geocrew[A-Za-z]+", rule["alert"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[sm]", rule.get("for", "1m"))
        assert f"`{rule['alert']}`" in PAGE, f"docs/monitoring.md does not explain {rule['alert']}"


def test_the_page_has_every_metric_with_its_labels_and_meaning() -> None:
    rows = re.findall(r"^\| `(geocrew_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    expected = [
        (each.name, each.kind, ", ".join(f"`{label}`" for label in each.labels) or "none", each.help)
        for each in FAMILIES.values()
    ]
    assert rows == expected
