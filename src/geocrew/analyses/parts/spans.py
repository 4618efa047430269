"""Periods as ISO 8601 writes them, from a year to a second, and the time that each takes."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

YEAR, QUARTER, MONTH, WEEK, DAY = "YYYY", 'YYYY-"Q"Q', "YYYY-MM", 'IYYY-"W"IW', "YYYY-MM-DD"
SECOND = 'YYYY-MM-DD"T"HH24:MI:SS'

_MONTHS = re.compile(r"(\d{4})(?:-Q([1-4])|-(\d\d))?", re.ASCII)
_WEEK = re.compile(r"(\d{4})-W(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d))?)?)?", re.ASCII)


@dataclass(frozen=True)
class Span:
    """From `since` to before `until`, as PostgreSQL reads them; `form` is to_char's of its kind."""

    label: str
    since: str
    until: str
    form: str


def read_span(label: str) -> Span | None:
    """Return the span that a label names, None where it is no date or part of one."""
    try:
        if found := _MONTHS.fullmatch(label):
            return _span(label, *_whole_months(found[1], found[2], found[3]))
        if found := _WEEK.fullmatch(label):
            monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
            return _span(label, monday, timedelta(days=7), WEEK)
        if found := _TIME.fullmatch(label):
            return _part_of_day(label, date.fromisoformat(found[1]), [found[2], found[3], found[4]])
    except ValueError:  # a month 13, a year 0
        return None
    return None


def _whole_months(year: str, quarter: str | None, month: str | None) -> tuple[date, timedelta, str]:
    number = 3 * int(quarter) - 2 if quarter else int(month or 1)
    count, form = (3, QUARTER) if quarter else (1, MONTH) if month else (12, YEAR)
    first = date(int(year), number, 1)
    # The year 2000 + y % 400 has the same calendar as year y, and a year after it.
    alike = 2000 + first.year % 400
    last = number + count
    after = date(alike + (last - 1) // 12, (last - 1) % 12 + 1, 1)
    return first, after - first.replace(year=alike), form


def _part_of_day(label: str, day: date, parts: list[str | None]) -> Span:
    given = [int(part) for part in parts if part is not None]
    if not given:
        return _span(label, day, timedelta(days=1), DAY)
    clock = ":".join(f"{part:02}" for part in [*given, 0, 0][:3])
    length = timedelta(seconds=(3600, 60, 1)[len(given) - 1])
    return _span(label, datetime.fromisoformat(f"{day}T{clock}+00:00"), length, SECOND)


def _span(label: str, first: date, length: timedelta, form: str) -> Span:
    begin = first if isinstance(first, datetime) else datetime.combine(first, time(), UTC)
    try:
        end = _written(begin + length)
    except OverflowError:
        end = "10000-01-01T00:00:00"  # after Python's last year, not PostgreSQL's
    return Span(label, _written(begin), end, form)


def _written(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat()
