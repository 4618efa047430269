"""Which periods there are, and which rows are in none."""

import json
from typing import Any, LiteralString

import numpy as np

from geocrew.analyses.parts.periods import Timing
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.texts import as_text
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.kernels.arrays import SmallInts

MOST = 1000
_SHOWN = 20
_STEPPED: LiteralString = (
    "SELECT (row_number() OVER (ORDER BY min({sort}), {label}))::int4 AS step, {label} AS period"
    " FROM {rows} WHERE {kept} AND {label} IS NOT NULL GROUP BY {label}"
)


def find_periods(connection: Connection, features: Features, timing: Timing) -> tuple[str, ...]:
    """Return the labels of the periods in order; raises UserError where there are none, or too many."""
    if timing.named:
        return timing.named
    query = compose(
        "SELECT period FROM ({listed}) AS p ORDER BY step LIMIT {most}",
        listed=list_periods(features, timing),
        most=MOST + 1,
    )
    labels = tuple(row[0] for row in connection.execute(query).fetchall())
    _check_number(timing, labels)
    return labels


def check_periods(
    connection: Connection, features: Features, timing: Timing, labels: tuple[str, ...], steps: SmallInts
) -> None:
    """Raise UserError for a period that none of the rows is in; steps (n,) number theirs from 1."""
    found = set(np.unique(steps).tolist())
    missing = [f'"{label}"' for step, label in enumerate(labels, start=1) if step not in found]
    if missing:
        raise UserError(
            f"time_periods {_shortened(missing)} {'has' if len(missing) == 1 else 'have'} no rows in"
            f' {timing.layer.described}; periods of time_field "{timing.field.name}":'
            f" {_shortened(_there(connection, features, timing)) or 'none'}"
        )


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
    if timing.calendar is not None:
        return timing.calendar.listed(features)
    if timing.named:
        bounds = compose("") if timing.bounds is None else compose(", {all}", all=timing.bounds)
        listed = list_labels(timing.named)
        return compose("SELECT step, period{bounds} FROM ({listed}) AS l", bounds=bounds, listed=listed)
    return compose(
        _STEPPED,
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


def name_outside(
    connection: Connection, features: Features, timing: Timing, labels: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Name the first thousand rows that are in no period, with the reason."""
    query = compose(
        "SELECT {name}, {timeless} FROM {rows} WHERE {kept}"
        " AND NOT COALESCE({label} IN (SELECT period FROM ({listed}) AS p), false)"
        " ORDER BY {name} LIMIT 1000",
        name=features.layer.rank("s") or compose("s.ctid"),
        timeless=compose("{text} IS NULL", text=as_text(timing.field, "s")),
        rows=features.rows("s"),
        kept=features.kept("s"),
        label=timing.label("s"),
        listed=list_labels(labels),
    )
    reason = {True: "its time is NULL", False: "its time is in none of the periods"}
    return [
        {"id": row if isinstance(row, int) else str(row), "reason": reason[timeless]}
        for row, timeless in connection.execute(query).fetchall()
    ]
