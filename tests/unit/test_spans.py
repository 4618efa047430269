"""ISO periods and the time they take."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrew.analyses.parts.spans import read_span

BY_HAND = [
    ("2020", "2020-01-01", "2021-01-01"),
    ("0001", "0001-01-01", "0002-01-01"),
    ("9999", "9999-01-01", "10000-01-01"),
    ("2020-Q1", "2020-01-01", "2020-04-01"),
    ("2019-Q4", "2019-10-01", "2020-01-01"),
    ("2020-02", "2020-02-01", "2020-03-01"),
    ("1900-02", "1900-02-01", "1900-03-01"),
    ("2019-12", "2019-12-01", "2020-01-01"),
    ("2020-W01", "2019-12-30", "2020-01-06"),
    ("2020-W53", "2020-12-28", "2021-01-04"),
    ("2020-02-29", "2020-02-29", "2020-03-01"),
    ("9999-12-31", "9999-12-31", "10000-01-01"),
]


@pytest.mark.parametrize(("label", "since", "until"), BY_HAND)
def test_by_hand(label: str, since: str, until: str) -> None:
    span = read_span(label)
    assert span is not None
    assert (span.label, span.since) == (label, f"{since}T00:00:00")
    assert span.until == (f"{until}T00:00:00")


@pytest.mark.parametrize(
    ("label", "until"),
    [
        ("2020-03-05T14", "2020-03-05T15:00:00"),
        ("2020-03-05 14:59", "2020-03-05T15:00:00"),
        ("2020-12-31T23:59:59", "2021-01-01T00:00:00"),
    ],
)
def test_parts_of_a_day(label: str, until: str) -> None:
    span = read_span(label)
    assert span is not None
    assert span.since == (label.replace(" ", "T") + ":00:00")[:19]
    assert span.until == until


@pytest.mark.parametrize(
    "label",
    ["", "x", "20", "202", "20200", "0000", "2020-", "2020-0", "2020-00", "2020-13", "2020-Q0", " 2020"],
)
def test_what_is_no_year_or_month(label: str) -> None:
    assert read_span(label) is None


@pytest.mark.parametrize(
    "label",
    ["2020-Q5", "2020-W00", "2019-W53", "2019-02-29", "2020-1-1", "2020/01", "2020-03-05T", "2020\n"],
)
def test_what_is_no_quarter_week_or_day(label: str) -> None:
    assert read_span(label) is None


@pytest.mark.parametrize(
    "label",
    [
        "2020-03-05T24",
        "2020-03-05T14:60",
        "2020-03-05T14:00Z",
        "-2020",
        "March 2020",
        "\u0662\u0660\u0662\u0660",
    ],
)
def test_what_is_no_time(label: str) -> None:
    assert read_span(label) is None


@given(st.dates(date(1, 1, 4), date(9998, 12, 31)))
def test_a_day_lies_in_its_periods(day: date) -> None:
    year, week, _ = day.isocalendar()
    labels = [
        f"{day.year:04}",
        f"{day.year:04}-Q{(day.month + 2) // 3}",
        f"{day.year:04}-{day.month:02}",
        f"{year:04}-W{week:02}",
        day.isoformat(),
    ]
    lengths = []
    for label in labels:
        span = read_span(label)
        assert span is not None
        since, until = (
            datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (span.since, span.until)
        )
        assert since.date() <= day < until.date()
        lengths.append(until - since)
    assert lengths[3:] == [timedelta(days=7), timedelta(days=1)]
    assert timedelta(days=365) <= lengths[0] <= timedelta(days=366)
    assert timedelta(days=90) <= lengths[1] <= timedelta(days=92)
    assert timedelta(days=28) <= lengths[2] <= timedelta(days=31)
