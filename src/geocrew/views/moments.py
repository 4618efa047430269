"""Dates and times in a condition: a date is a whole day in UTC, whatever the zone of the session.

Beside a time a day equals each of its moments and comes before those of later days, so that of <, = and
> always one is true.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, LiteralString

from psycopg import sql

from geocrew.datasets.fields import Field
from geocrew.errors import InvalidParameters

Kind = Literal["date", "timestamp", "timestamptz"]

COMPARISONS: dict[str, LiteralString] = {
    "=": "({0} = {1})",
    "<>": "({0} <> {1})",
    "<": "({0} < {1})",
    "<=": "({0} <= {1})",
    ">": "({0} > {1})",
    ">=": "({0} >= {1})",
}
# What a time must be to stand so to a day, of which {1} is the first moment and {2} the first after it.
_BESIDE_A_DAY: dict[str, LiteralString] = {
    "=": "({0} >= {1} AND {0} < {2})",
    "<>": "({0} < {1} OR {0} >= {2})",
    "<": "({0} < {1})",
    "<=": "({0} < {2})",
    ">": "({0} >= {2})",
    ">=": "({0} >= {1})",
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Moment:
    """A field or a literal that is a date or a time; `literal` is None for a field, else in UTC."""

    kind: Kind
    field: sql.Composable
    literal: date | datetime | None = None

    @property
    def is_day(self) -> bool:
        """Whether it is a whole day."""
        return self.kind == "date"

    def day(self) -> sql.Composable:
        """Return the day that it is, or is in."""
        if self.literal is not None:
            whole = self.literal.date() if isinstance(self.literal, datetime) else self.literal
            return _written(whole.isoformat(), "date")
        return self.field if self.is_day else sql.SQL("{}::date").format(self._bare())

    def time(self, kind: Kind) -> sql.Composable:
        """Return it as a time with or without zone; of a day its first moment."""
        if self.literal is not None:
            return _first(self.literal, kind)
        if self.kind == kind:
            return self.field
        bare = self._bare()
        return bare if kind == "timestamp" else sql.SQL("({} AT TIME ZONE 'UTC')").format(bare)

    def after(self, kind: Kind) -> sql.Composable:
        """Return the first moment after a day."""
        if self.literal is None:
            return Moment("date", sql.SQL("({} + 1)").format(self.field)).time(kind)
        if self.literal == date.max:
            return _written("10000-01-01T00:00:00+00:00", kind)
        return _first(self.literal + timedelta(days=1), kind)

    def _bare(self) -> sql.Composable:
        """Return a field as a time in UTC without zone."""
        if self.kind == "timestamptz":
            return sql.SQL("({} AT TIME ZONE 'UTC')").format(self.field)
        return sql.SQL("{}::timestamp").format(self.field) if self.is_day else self.field


def moment_field(field: Field, value: sql.Composable) -> Moment | None:
    """Return a column of dates or times, None for any other field."""
    if field.properties_column is not None or field.type not in ("date", "timestamp"):
        return None
    kinds: dict[str, Kind] = {"date": "date", "timestamp": "timestamp", "timestamptz": "timestamptz"}
    return Moment(kinds[field.type_name], value)


def moment_literal(value: Any) -> Moment:
    """Return a date or time as it is written, in UTC where no offset says otherwise.

    Raises InvalidParameters for what is neither.
    """
    if isinstance(value, Mapping):
        value = value.get("date", value.get("timestamp"))
    try:
        if len(str(value)) == len("2020-01-31"):
            day = date.fromisoformat(str(value))
            return Moment("date", sql.Literal(day.isoformat()), day)
        time = datetime.fromisoformat(str(value))
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        problem = f'where: "{value}" is no date (2020-01-31) or time (2020-01-31T12:00:00Z)'
        raise InvalidParameters([problem]) from error
    written = time.isoformat().replace("+00:00", "Z")  # as times are written in fields of text
    return Moment("timestamptz", sql.Literal(written), time)


def compare(name: str, one: Moment, other: Moment) -> sql.Composable:
    """Return the condition that `one` stands so to `other`; `name` is one of COMPARISONS."""
    if one.is_day and not other.is_day:
        return compare(_TURNED.get(name, name), other, one)
    template = sql.SQL(COMPARISONS[name])
    if one.is_day:
        return template.format(one.day(), other.day())
    if not other.is_day:
        kind = _common(one, other)
        return template.format(one.time(kind), other.time(kind))
    if one.literal is not None or other.literal is None:
        return template.format(one.day(), other.day())
    # The field as it is, so that its index serves.
    bounds = other.time(one.kind), other.after(one.kind)
    return sql.SQL(_BESIDE_A_DAY[name]).format(one.field, *bounds)


def during(value: Moment, start: Moment | None, end: Moment | None) -> sql.Composable:
    """Return the condition that a moment is after the start of an interval and before its end.

    None is no end. Days reach from the first moment of the first to the last of the last.
    """
    parts = []
    if start is not None:
        parts.append(_beyond(">", value, start))
    if end is not None:
        parts.append(_beyond("<", value, end))
    return sql.SQL(" AND ").join(parts)


def _beyond(name: Literal["<", ">"], value: Moment, end: Moment) -> sql.Composable:
    if value.is_day or not end.is_day:
        return compare(name, value, end)
    kind = value.kind
    bound = end.time(kind) if name == ">" else end.after(kind)
    return sql.SQL(COMPARISONS[name]).format(value.time(kind), bound)


def _common(one: Moment, other: Moment) -> Kind:
    """Return the kind of the field, without zone where there are two kinds of them."""
    kinds = {each.kind for each in (one, other) if each.literal is None}
    return "timestamp" if "timestamp" in kinds else "timestamptz"


def _first(literal: date | datetime, kind: Kind) -> sql.Composable:
    if not isinstance(literal, datetime):
        literal = datetime(literal.year, literal.month, literal.day, tzinfo=UTC)
    return _written(literal.isoformat(), kind)


def _written(text: str, kind: Kind) -> sql.Composable:
    """Return a literal; its offset is UTC's, which a time without zone leaves out."""
    return sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(kind))
