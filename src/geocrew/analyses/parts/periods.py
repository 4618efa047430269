"""Which period a row is in: by the text of a field, by a span of time, or by steps of the calendar."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal, LiteralString

from geocrew.analyses.parts import spans
from geocrew.analyses.parts.spans import Span, read_span
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.datasets.texts import as_number, as_text, as_time
from geocrew.errors import InvalidParameters

TimeStep = Literal["year", "quarter", "month", "week", "day"]

_FORMS: dict[TimeStep, str] = {
    "year": spans.YEAR,
    "quarter": spans.QUARTER,
    "month": spans.MONTH,
    "week": spans.WEEK,
    "day": spans.DAY,
}
# Both bounds are searched for in sorted arrays: as quick for a thousand periods as for two.
_NUMBER: dict[str, LiteralString] = {
    "date": "width_bucket({time}, {sinces}::date[])",
    "timestamp": "width_bucket({time}, {sinces}::timestamp[])",
}
_SPANS: dict[str, LiteralString] = {
    "date": "CASE WHEN {time} < ({untils}::date[])[{number}] THEN {number} END",
    "timestamp": "CASE WHEN {time} < ({untils}::timestamp[])[{number}] THEN {number} END",
}
# Years of four digits only, so that labels sort as time does.
_FORMED: LiteralString = (
    "CASE WHEN {time} >= '0001-01-01' AND {time} < '10000-01-01'"
    ' THEN to_char({time}::timestamp, {form}) COLLATE "C" END'
)
_LENGTHS: dict[TimeStep, str] = {
    "year": "1 year",
    "quarter": "3 months",
    "month": "1 month",
    "week": "7 days",
    "day": "1 day",
}
# A label is made of each period, not of each row: to_char takes four times as long as all the rest.
_CALENDAR: LiteralString = """
    SELECT (row_number() OVER (ORDER BY since))::int4 AS step,
        to_char(since, {form}) COLLATE "C" AS period, since, since + {length}::interval AS until
    FROM (
        SELECT DISTINCT date_trunc({step}, {time}::timestamp) AS since
        FROM {rows} WHERE {kept} AND {time} >= '0001-01-01' AND {time} < '10000-01-01'
    ) AS periods
"""


@dataclass(frozen=True)
class Calendar:
    """Periods of the calendar, as many as rows are in."""

    field: Field
    step: TimeStep

    def listed(self, features: Features) -> Expression:
        """Return a SELECT of (step, period, since, until)."""
        return compose(
            _CALENDAR,
            form=_FORMS[self.step],
            length=_LENGTHS[self.step],
            step=self.step,
            time=as_time(self.field, "s"),
            rows=features.rows("s"),
            kept=features.kept("s"),
        )


@dataclass(frozen=True)
class Timing:
    """How a row of `layer` gets its period, before any row is read.

    `named` are the periods that were asked for, in order, empty for calendar steps. `label` and `sort`
    make, of an alias, the SQL of a row's period (NULL for none) and of what orders periods; `there`
    makes what names the periods there are. Periods that take time are in the `calendar`, or `bounds`
    lists their `since` and `until` and `number` makes, of an alias, which of them a row is in, from 1:
    to compare with these is quicker than to make a label of each row.
    """

    layer: Layer
    field: Field
    named: tuple[str, ...]
    label: Callable[[str], Expression]
    sort: Callable[[str], Expression]
    there: Callable[[str], Expression]
    bounds: Expression | None = None
    number: Callable[[str], Expression] | None = None
    calendar: Calendar | None = None

    def fixed(self, labels: tuple[str, ...]) -> "Timing":
        """Return the timing of these of its periods, in which a row is found without its label."""
        return self if self.calendar is None else _by_span(self.layer, self.field, labels)

    def during(self, alias: str) -> Expression:
        """Return the condition that a row is in the period `during`, a row of an outer SELECT."""
        if self.bounds is None and self.calendar is None:
            return compose("{label} = during.period", label=self.label(alias))
        time = as_time(self.field, alias)
        return compose("({time} >= during.since AND {time} < during.until)", time=time)


def timing_of(
    layer: Layer, field: Field, time_periods: tuple[str, ...] | None, time_step: TimeStep | None
) -> Timing:
    """Return how periods are told apart; raises InvalidParameters for what the field cannot mean."""
    timed = field.type in ("date", "timestamp") and field.properties_column is None
    if time_step is not None:
        return _by_step(layer, field, time_step, timed)
    if timed:
        return _by_span(layer, field, time_periods or ())
    return _by_text(layer, field, time_periods or ())


def _by_text(layer: Layer, field: Field, labels: tuple[str, ...]) -> Timing:
    """Text equality; periods keep their order but for numbers, which have one of their own."""

    def text(alias: str) -> Expression:
        return as_text(field, alias)

    sort = field.number if field.numeric else text
    if field.numeric:
        labels = _in_order(labels)
    return Timing(layer, field, labels, text, sort, text)


def _in_order(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Sort numbers, NaN after all others as in PostgreSQL; labels as they are where one is no number."""
    try:
        numbers = [Decimal(label) for label in labels]
    except ArithmeticError:
        return labels
    keys = [(each.is_nan(), Decimal() if each.is_nan() else each) for each in numbers]
    return tuple(label for _, label in sorted(zip(keys, labels, strict=True)))


def _by_span(layer: Layer, field: Field, labels: tuple[str, ...]) -> Timing:
    found = sorted((_read(field, label) for label in labels), key=lambda span: span.since)
    for one, other in pairwise(found):
        if len(other.since) < len(one.until) or other.since < one.until:  # 9999 ends in the year 10000
            raise InvalidParameters(
                [f'time_periods "{one.label}" and "{other.label}" overlap; a row has one period']
            )
    labels = tuple(span.label for span in found)
    sinces, untils = _array(span.since for span in found), _array(span.until for span in found)

    def number(alias: str) -> Expression:
        time = as_time(field, alias)
        bucket = compose(_NUMBER[field.type], time=time, sinces=sinces)
        return compose(_SPANS[field.type], time=time, number=bucket, untils=untils)

    return Timing(
        layer,
        field,
        labels,
        lambda alias: compose(
            "({labels}::text[])[{number}]", labels=_array(labels), number=number(alias)
        ),
        lambda alias: as_time(field, alias),
        _formed(field, found[-1].form),
        compose(
            "({sinces}::timestamp[])[step] AS since, ({untils}::timestamp[])[step] AS until",
            sinces=sinces,
            untils=untils,
        ),
        number,
    )


def _read(field: Field, label: str) -> Span:
    span = read_span(label)
    choices = "write 2020, 2020-Q1, 2020-03, 2020-W12 or 2020-03-05"
    if span is None:
        raise InvalidParameters(
            [f'time_periods "{label}" is no period of the {field.type} field "{field.name}"; {choices}']
        )
    if field.type == "date" and span.form == spans.SECOND:
        raise InvalidParameters(
            [f'time_periods "{label}" is less than a day, but "{field.name}" is a date; {choices}']
        )
    return span


def _by_step(layer: Layer, field: Field, step: TimeStep, timed: bool) -> Timing:
    if timed:
        formed = _formed(field, _FORMS[step])
        return Timing(layer, field, (), formed, formed, formed, calendar=Calendar(field, step))
    if step == "year" and field.numeric:
        return Timing(layer, field, (), _numbered(field), field.number, _numbered(field))
    problem = (
        f'time_step "{step}" needs a date or timestamp field (or, for year, a numeric one), but'
        f' time_field "{field.name}" is {field.type} in {layer.described}; name time_periods instead'
    )
    raise InvalidParameters([problem])


def _formed(field: Field, form: str) -> Callable[[str], Expression]:
    return lambda alias: compose(_FORMED, time=as_time(field, alias), form=form)


def _numbered(field: Field) -> Callable[[str], Expression]:
    """Make the text of a number, 2020 of 2020.0 and of a JSON text; NULL for what is none, as NaN."""
    return lambda alias: compose(
        "CASE WHEN {number} IS NOT NULL THEN {text} END",
        number=field.number(alias),
        text=as_number(field, alias),
    )


def _array(items: Iterable[str]) -> str:
    """Write an array; dates and parts of dates need no quotes in one."""
    return "{" + ",".join(items) + "}"
