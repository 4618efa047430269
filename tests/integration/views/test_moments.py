"""Dates and times in conditions: days are whole days in UTC, whatever stands beside them."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.run_analysis import run_analysis

from geocrew.datasets import registry
from geocrew.db import Connection
from geocrew.errors import InvalidParameters

FIRST = date(2020, 1, 1)
HOURS = 72
MOMENTS = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(HOURS)]
NOON = datetime(2020, 1, 2, 12, tzinfo=UTC)
COMPARISONS: dict[str, Any] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "t_after": lambda a, b: a > b,
    "t_before": lambda a, b: a < b,
    "t_equals": lambda a, b: a == b,
}
LITERALS = [
    ({"date": "2020-01-02"}, FIRST + timedelta(days=1)),
    ({"timestamp": "2020-01-02T12:00:00Z"}, NOON),
    ({"timestamp": "2020-01-02T12:00:00"}, NOON),
    ({"timestamp": "2020-01-03T00:00:00+12:00"}, NOON),
    ("2020-01-02T12:00:00", NOON),
    ("2020-01-02", FIRST + timedelta(days=1)),
]


@pytest.fixture
def hours(connection: Connection) -> int:
    """Three days of hours, row 1 the first, read by a session far from UTC."""
    connection.execute(
        "CREATE TABLE hours (id int PRIMARY KEY, day date, bare timestamp, zoned timestamptz,"
        " geom geometry(Point, 4326)); INSERT INTO hours SELECT i + 1, (bare)::date, bare,"
        " bare AT TIME ZONE 'UTC', NULL FROM generate_series(0, 71) AS i,"
        " LATERAL (SELECT timestamp '2020-01-01 00:00' + i * interval '1 hour' AS bare) AS b;"
        "SET TIME ZONE 'Pacific/Auckland'"
    )
    return registry.register(connection, "public", "hours").id


def ids(connection: Connection, source: int, where: Any) -> list[int]:
    params = {"source_dataset_id": source, "where": where}
    return run_analysis(connection, "create_view", params).column("id")


def said(name: str, *args: Any) -> dict[str, Any]:
    return {"op": name, "args": list(args)}


def value(field: str, moment: datetime) -> date | datetime:
    return moment.date() if field == "day" else moment


def beside(one: date | datetime, other: date | datetime) -> tuple[date, date]:
    """Both as days where one of them is a day."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one, other
    first, second = (each.date() if isinstance(each, datetime) else each for each in (one, other))
    return first, second


@pytest.mark.parametrize("field", ["day", "bare", "zoned"])
def test_a_day_is_whole_and_in_utc(connection: Connection, hours: int, field: str) -> None:
    for (literal, meant), (name, true) in itertools.product(LITERALS, COMPARISONS.items()):
        expected = [
            number
            for number, moment in enumerate(MOMENTS, start=1)
            if true(*beside(value(field, moment), meant))
        ]
        found = ids(connection, hours, said(name, {"property": field}, literal))
        assert found == expected, (field, name, literal)


def test_a_literal_may_come_first(connection: Connection, hours: int) -> None:
    day, noon = {"date": "2020-01-02"}, {"timestamp": "2020-01-02T12:00:00Z"}
    assert ids(connection, hours, said("<", day, {"property": "zoned"})) == [*range(49, 73)]
    assert ids(connection, hours, said(">=", day, {"property": "bare"})) == [*range(1, 49)]
    assert ids(connection, hours, said("<=", noon, {"property": "day"})) == [*range(25, 73)]
    assert ids(connection, hours, said("=", noon, day)) == [*range(1, 73)]


@pytest.mark.parametrize("pair", [*itertools.permutations(["day", "bare", "zoned"], 2)])
def test_fields_of_two_kinds_meet_in_utc(
    connection: Connection, hours: int, pair: tuple[str, str]
) -> None:
    one, other = ({"property": each} for each in pair)
    assert ids(connection, hours, said("=", one, other)) == [*range(1, 73)]
    assert ids(connection, hours, said("<", one, other)) == []


@pytest.mark.parametrize("field", ["bare", "zoned"])
@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (("between", {"date": "2020-01-01"}, {"date": "2020-01-02"}), range(1, 49)),
        (("between", "2020-01-02", "2020-01-02T12:00:00Z"), range(25, 38)),
        (("in", [{"date": "2020-01-02"}, {"timestamp": "2020-01-01T01:00:00Z"}]), [2, *range(25, 49)]),
        (("t_intersects", {"date": "2020-01-03"}), range(49, 73)),
        (("t_intersects", {"interval": ["2020-01-02", "2020-01-02"]}), range(25, 49)),
        (("t_intersects", {"interval": ["..", "2020-01-01"]}), range(1, 25)),
        (("t_during", {"interval": ["2020-01-02", "2020-01-02"]}), range(26, 49)),
        (("t_during", {"interval": ["2020-01-01T22:00:00", "2020-01-02T01:00:00Z"]}), [24, 25]),
        (("t_during", {"interval": [{"property": "day"}, {"property": "day"}]}), None),
        (("t_during", {"interval": ["..", ".."]}), range(1, 73)),
        (("<=", {"date": "9999-12-31"}), range(1, 73)),
        ((">", {"date": "9999-12-31"}), []),
    ],
)
def test_spans(
    connection: Connection, hours: int, field: str, condition: tuple[Any, ...], rows: Any
) -> None:
    midnights = [1, 25, 49]
    expected = [each for each in range(1, 73) if each not in midnights] if rows is None else [*rows]
    name, *others = condition
    assert ids(connection, hours, said(name, {"property": field}, *others)) == expected


def test_days_and_intervals_of_times(connection: Connection, hours: int) -> None:
    interval = {"interval": ["2020-01-01T12:00:00Z", "2020-01-03T00:00:00Z"]}
    day = {"property": "day"}
    assert ids(connection, hours, said("t_during", day, interval)) == [*range(25, 49)]
    assert ids(connection, hours, said("t_intersects", day, interval)) == [*range(1, 73)]


def test_an_index_serves(connection: Connection, hours: int) -> None:
    connection.execute("CREATE INDEX ON hours (zoned); SET enable_seqscan = off")
    params = {"source_dataset_id": hours, "where": "zoned = DATE('2020-01-02')"}
    made = run_analysis(connection, "create_view", params).dataset
    plan = connection.execute(f"EXPLAIN SELECT * FROM {made.table_name}").fetchall()
    assert "Index Cond" in str(plan)


@pytest.mark.parametrize("name", ["t_during", "t_intersects"])
def test_operations_have_no_duration(connection: Connection, hours: int, name: str) -> None:
    interval = {"interval": ["2020-01-01", "2020-01-02"]}
    deep: Any = {"property": "day"}
    for _ in range(35):
        deep = said(name, deep, interval)
    with pytest.raises(InvalidParameters, match=f'"{name}" takes a field and an interval'):
        ids(connection, hours, deep)


@pytest.mark.parametrize("text", ["soon", "now", "2020-13-01", "2020-01-01T25:00:00Z"])
def test_text_beside_a_time_is_one(connection: Connection, hours: int, text: str) -> None:
    with pytest.raises(InvalidParameters, match=f'where: "{text}" is no date'):
        ids(connection, hours, said(">", {"property": "zoned"}, text))
