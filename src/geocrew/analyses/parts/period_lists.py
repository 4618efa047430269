"""Which periods there are, and which rows are in none."""

import json
from typing import Any, LiteralString

from geocrew.analyses.parts.periods import Timing
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.texts import as_text
from geocrew.db import Connection
from geocrew.errors import UserError

MOST = 1000
_SHOWN = 20
_STEPPED: LiteralString = (
    "SELECT (row_number() OVER (ORDER BY min({sort}), {label}))::int4 AS step, {label} AS period{bounds}"
    " FROM {rows} WHERE {kept} AND {label} IS NOT NULL GROUP BY {label}"
)


def find_periods(connection: Connection, features: Features, timing: Timing) -> tuple[str, ...]:
    """Return the labels of the periods in order; raises UserError for one that has no rows."""
    listed = list_periods(features, timing)
    if not timing.named:
        query = compose(
            "SELECT period FROM ({listed}) AS p ORDER BY step LIMIT {most}", listed=listed, most=MOST + 1
        )
        labels = tuple(row[0] for row in connection.execute(query).fetchall())
        _check_number(timing, labels)
        return labels
    query = compose(
        "SELECT DISTINCT p.period FROM {rows} JOIN ({listed}) AS p ON p.period = {label} WHERE {kept}",
        rows=features.rows("s"),
        listed=listed,
        label=timing.label("s"),
        kept=features.kept("s"),
    )
    found = {row[0] for row in connection.execute(query).fetchall()}
    missing = [f'"{label}"' for label in timing.named if label not in found]
    if missing:
        raise UserError(
            f"time_periods {_shortened(missing)} {'has' if len(missing) == 1 else 'have'} no rows in"
            f' {timing.layer.described}; periods of time_field "{timing.field.name}":'
            f" {_shortened(_there(connection, features, timing)) or 'none'}"
        )
    return timing.named


def _check_number(timing: Timing, labels: tuple[str, ...]) -> None:
    name = f'time_field "{timing.field.name}" of {timing.layer.described}'
    if not labels:
        raise UserError(f"{name} holds no time in any row")
    if len(labels) > MOST:
        raise UserError(f"{name} has more than {MOST} periods; choose a longer time_step")


def _there(connection: Connection, features: Features, timing: Timing) -> list[str]:
    query = compose(
        "SELECT {there} FROM {rows} WHERE {kept} AND {there} IS NOT NULL GROUP BY {there}"
        " ORDER BY min({sort}), {there} LIMIT {shown}",
        there=timing.there("s"),
        rows=features.rows("s"),
        kept=features.kept("s"),
        sort=timing.sort("s"),
        shown=_SHOWN + 1,
    )
    return [row[0] for row in connection.execute(query).fetchall()]


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def list_periods(features: Features, timing: Timing) -> Expression:
    """Return a SELECT of (step, period), and (since, until) where periods take time.

    Of what was named, or of the calendar steps that have rows when it is read.
    """
    bounds = compose("")
    if timing.bounds is not None:
        bounds = compose(", {bounds}", bounds=timing.bounds("s"))
    if timing.named:
        listed = list_labels(timing.named)
        return compose("SELECT step, period{bounds} FROM ({listed}) AS l", bounds=bounds, listed=listed)
    return compose(
        _STEPPED,
        bounds=bounds,
        sort=timing.sort("s"),
        label=timing.label("s"),
        rows=features.rows("s"),
        kept=features.kept("s"),
    )


def list_labels(labels: tuple[str, ...]) -> Expression:
    """Return a SELECT of (step, period) that numbers the labels from 1."""
    return compose(
        "SELECT step::int4, period FROM jsonb_array_elements_text({labels}::jsonb)"
        " WITH ORDINALITY AS listed(period, step)",
        labels=json.dumps(labels),
    )


def find_outside(
    connection: Connection, features: Features, timing: Timing, labels: tuple[str, ...]
) -> tuple[int, list[dict[str, Any]]]:
    """Count the rows that are in no period, and name the first thousand with the reason."""
    query = compose(
        "SELECT {name}, {timeless}, count(*) OVER () FROM {rows} WHERE {kept}"
        " AND NOT COALESCE({label} IN (SELECT period FROM ({listed}) AS p), false)"
        " ORDER BY {name} LIMIT 1000",
        name=features.layer.rank("s") or compose("s.ctid"),
        timeless=compose("{text} IS NULL", text=as_text(timing.field, "s")),
        rows=features.rows("s"),
        kept=features.kept("s"),
        label=timing.label("s"),
        listed=list_labels(labels),
    )
    rows = connection.execute(query).fetchall()
    reason = {True: "its time is NULL", False: "its time is in none of the periods"}
    named = [
        {"id": row if isinstance(row, int) else str(row), "reason": reason[timeless]}
        for row, timeless, _ in rows
    ]
    return (rows[0][2] if rows else 0), named
