"""Which series and labels a PromQL expression speaks of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import promql_parser
from promql_parser import AggregateExpr, BinaryExpr, Expr, MatrixSelector, VectorSelector

# Variables of Grafana and what it might put in their place.
_VARIABLES = {"$__rate_interval": "5m", "$job_type": "a"}


@dataclass
class Mentions:
    """Series, labels that are grouped or joined by, and (series, label, operator, value) of matchers."""

    names: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    matchers: list[tuple[str, str, str, str]] = field(default_factory=list)


def read_expression(text: str) -> Mentions:
    """Parse an expression; a mistake in it raises ValueError."""
    for variable, value in _VARIABLES.items():
        text = text.replace(variable, value)
    found = Mentions()
    for node in _nodes(promql_parser.parse(text)):
        if isinstance(node, MatrixSelector):
            _read_selector(node.vector_selector, found)
        elif isinstance(node, VectorSelector):
            _read_selector(node, found)
        elif isinstance(node, AggregateExpr) and node.modifier is not None:
            found.labels |= set(node.modifier.labels)
        elif isinstance(node, BinaryExpr) and node.modifier is not None and node.modifier.matching:
            found.labels |= set(node.modifier.matching.labels)
    return found


def label_references(template: str) -> set[str]:
    """Return the labels that a text of an alert or a legend shows."""
    return set(re.findall(r"\$labels\.(\w+)", template)) | set(re.findall(r"\{\{(\w+)\}\}", template))


def _read_selector(selector: VectorSelector, found: Mentions) -> None:
    name = selector.name or ""
    found.names.add(name)
    for each in selector.matchers.matchers:
        found.matchers.append((name, each.name, str(each.op), each.value))


def _nodes(expression: Expr) -> Iterator[Expr]:
    nodes: list[Expr] = []
    promql_parser.walk(expression, nodes.append)
    return iter(nodes)
