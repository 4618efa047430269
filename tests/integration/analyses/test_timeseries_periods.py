"""Which rows a period takes, and what is said of one that takes none."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

import pytest
from psycopg.types.json import Jsonb
from tests.integration.analyses.layers import add_dataset
from tests.integration.analyses.timeseries import JOB, MODES, add_series, grid, run
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection
from geocrew.errors import InvalidParameters, UserError

DAYS = [date(2019, 12, 31), date(2020, 1, 1), date(2020, 3, 5), date(2020, 3, 31), date(2020, 4, 1)]


def dated(connection: Connection, time_type: LiteralString, times: list[Any]) -> int:
    return add_series(connection, grid(times, side=4), time_type=time_type)


def taken(result: Run) -> list[tuple[str, Any]]:
    """Period and time of the rows, each pair once."""
    return sorted({(row["period"], row["seen"]) for row in result.rows()}, key=str)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("time_type", ["date", "timestamp"])
def test_iso_prefixes(shared: Connection, time_type: LiteralString, mode: str) -> None:
    times: list[Any] = DAYS
    if time_type == "timestamp":  # the last moment of each day
        times = [datetime(*day.timetuple()[:3], 23, 59, 59, 999_999) for day in DAYS]  # noqa: DTZ001 (no zone)
    dataset_id = dated(shared, time_type, times)
    for periods, expected in {
        ("2020", "2019"): {"2019": [0], "2020": [1, 2, 3, 4]},
        ("2020-03", "2020-04"): {"2020-03": [2, 3], "2020-04": [4]},
        ("2020-Q1", "2019-Q4"): {"2019-Q4": [0], "2020-Q1": [1, 2, 3]},
        ("2020-W01", "2020-W14"): {"2020-W01": [0, 1], "2020-W14": [3, 4]},
        ("2020-03-05", "2020-04"): {"2020-03-05": [2], "2020-04": [4]},
    }.items():
        result = run(shared, dataset_id, time_periods=list(periods), output_mode=mode)
        pairs = [(label, times[at]) for label, rows in expected.items() for at in rows]
        assert taken(result) == sorted(pairs, key=str)
        # Time has an order of its own.
        assert [each["period"] for each in result.counts["periods"]] == sorted(periods)


@pytest.mark.parametrize("mode", ["static", "view"])
def test_hours_and_seconds(shared: Connection, mode: str) -> None:
    first = datetime(2020, 3, 5, 13, 59, 58)  # noqa: DTZ001 (a column without a zone)
    times = [first + timedelta(seconds=each) for each in range(5)]
    dataset_id = dated(shared, "timestamp(0)", times)
    result = run(
        shared, dataset_id, time_periods=["2020-03-05T14", "2020-03-05 13:59"], output_mode=mode
    )
    labels = ["2020-03-05 13:59"] * 2 + ["2020-03-05T14"] * 3
    assert taken(result) == list(zip(labels, times, strict=True))
    one = run(shared, dataset_id, time_periods=["2020-03-05T14:00:01"], output_mode=mode)
    assert taken(one) == [("2020-03-05T14:00:01", times[3])]


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_times_with_a_zone_are_read_in_utc(shared: Connection, zone: str, mode: str) -> None:
    times = [datetime(2019, 12, 31, 23, 30, tzinfo=UTC), datetime(2020, 1, 1, 0, 30, tzinfo=UTC)]
    dataset_id = dated(shared, "timestamptz", times)
    shared.execute("SELECT set_config('timezone', %s, false)", (zone,))
    try:
        for given in ({"time_periods": ["2019", "2020"]}, {"time_step": "year"}):
            result = run(shared, dataset_id, output_mode=mode, **given)
            assert taken(result) == list(zip(["2019", "2020"], times, strict=True))
    finally:
        shared.execute("RESET timezone")


@pytest.mark.parametrize(
    ("time_type", "ordered"),
    [
        ("float8", ["-Infinity", "-2", "-1.5", "3", "10", "Infinity", "NaN"]),
        ("numeric", ["-2", "3", "3.5", "1000000000000000000000", "1000000000000000000001", "NaN"]),
        ("bigint", ["-9007199254740993", "-9007199254740992", "5"]),
    ],
)
def test_numbers_are_in_their_order_however_they_are_named(
    shared: Connection, time_type: LiteralString, ordered: list[str]
) -> None:
    dataset_id = dated(shared, time_type, ordered)
    for given in (ordered, ordered[::-1], [*ordered[2:], *ordered[:2]], [ordered[-1], *ordered[:-1]]):
        result = run(shared, dataset_id, time_periods=given)
        assert [each["period"] for each in result.counts["periods"]] == ordered


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("time_type", ["date", "timestamp", "timestamptz"])
def test_infinite_and_ancient_times_are_in_no_period(
    connection: Connection, time_type: LiteralString, mode: str
) -> None:
    dataset_id = dated(connection, time_type, ["2020-05-01", "2021-05-01"])
    for key, seen in enumerate(["infinity", "-infinity", "0044-03-15 BC", "12020-01-01"], start=900):
        connection.execute(
            f"INSERT INTO series VALUES (%s, 1, %s::{time_type}, 'x', ST_Point(0, 0, 27700))",
            (key, seen),
        )
    for given in ({"time_periods": ["2020", "2021"]}, {"time_step": "month"}):
        result = run(connection, dataset_id, output_mode=mode, **given)
        assert max(result.column("id")) == 32
        assert result.counts["dropped_outside"] == 4
        assert len(result.counts["periods"]) == 2


@pytest.mark.parametrize(
    ("step", "labels"),
    [
        ("year", ["2019", "2020"]),
        ("quarter", ["2019-Q4", "2020-Q1", "2020-Q2"]),
        ("month", ["2019-12", "2020-01", "2020-03", "2020-04"]),
        ("week", ["2020-W01", "2020-W10", "2020-W14"]),
        ("day", [day.isoformat() for day in DAYS]),
    ],
)
@pytest.mark.parametrize("mode", ["static", "view"])
def test_calendar_steps(shared: Connection, step: str, labels: list[str], mode: str) -> None:
    dataset_id = dated(shared, "date", DAYS)
    result = run(shared, dataset_id, time_step=step, output_mode=mode)
    assert [each["period"] for each in result.counts["periods"]] == labels
    named = run(shared, dataset_id, time_periods=labels[::-1], output_mode=mode)
    assert named.rows() == result.rows()
    assert named.counts == result.counts


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("time_type", "times", "labels"),
    [
        (
            "text",
            ["spring", "Spring", "it's", "{a,b}", '"%s"', "größe", ""],
            ["it's", "{a,b}", '"%s"', "größe"],
        ),
        ('text COLLATE "und-x-icu"', ["a", "A", "ä"], ["ä", "a"]),
        ("char(8)", ["late", "early"], ["late", "early"]),
        ("integer", [999, 2020, 2021], ["2021", "999"]),
        ("float8", [2020, 2021.5], ["2021.5", "2020"]),
        ("boolean", [True, False], ["true", "false"]),
    ],
)
def test_text_equality(
    shared: Connection, time_type: LiteralString, times: list[Any], labels: list[str], mode: str
) -> None:
    result = run(shared, dated(shared, time_type, times), time_periods=labels, output_mode=mode)
    written = {
        str(row["seen"]).strip().lower()
        if time_type == "boolean"
        else str(row["seen"]).strip().removesuffix(".0"): row["period"]
        for row in result.rows()
    }
    assert written == {label: label for label in labels}
    in_order = sorted(labels, key=float) if time_type in ("integer", "float8") else labels
    assert [each["period"] for each in result.counts["periods"]] == in_order
    assert result.counts["dropped_outside"] == 16 * (len(times) - len(labels))


@pytest.mark.parametrize("mode", ["static", "view"])
def test_keys_of_properties(connection: Connection, mode: str) -> None:
    """AR1's layout: value, time and location in one JSONB column."""
    connection.execute(
        "CREATE TABLE features (id integer PRIMARY KEY, properties jsonb, geom geometry(Point, 27700))"
    )
    for key, value, seen, spot, place in grid([2020, 2021]):
        held = {"value": value, "year": seen, "spot": spot}
        connection.execute(
            "INSERT INTO features VALUES (%s, %s, ST_GeomFromText(%s, 27700))", (key, Jsonb(held), place)
        )
    types = {"value": "real", "year": "integer", "spot": "text"}
    dataset_id = add_dataset(connection, "features", properties=("properties", types))
    given = {"time_field": "year", "location_field": "spot", "output_mode": mode}
    named = run(connection, dataset_id, time_periods=["2021", "2020"], **given)
    assert named.counts["n_places"] == 36
    assert named.rows() == run(connection, dataset_id, time_step="year", **given).rows()
    assert named.column("period") == ["2020"] * 36 + ["2021"] * 36


def test_a_view_of_steps_takes_in_periods_to_come(shared: Connection) -> None:
    dataset_id = dated(shared, "date", DAYS[1:3])
    view = run(shared, dataset_id, time_step="month", output_mode="view")
    shared.execute(
        "INSERT INTO series SELECT id + 500, value * value, '2020-06-01', spot, geom FROM series"
    )
    static = run(shared, dataset_id, time_step="month")
    assert sorted(set(view.column("period"))) == ["2020-01", "2020-03", "2020-06"]
    assert view.column("gi_z") == pytest.approx(static.column("gi_z"), rel=1e-9, abs=1e-12)
    assert view.column("pattern") == static.column("pattern")


@pytest.mark.parametrize(
    ("time_type", "times", "label", "said"),
    [
        ("integer", [1999, 2009], "2031", ['"2031" has no rows in dataset', "1999, 2009"]),
        ("text", ["late", "early"], "Late", ['"Late" has no rows', '"seen": early, late']),
        ("date", DAYS, "2021", ['"2021" has no rows', "2019, 2020"]),
        ("date", DAYS, "2020-02", ['"2020-02" has no rows', "2019-12, 2020-01, 2020-03, 2020-04"]),
        ("timestamp", DAYS, "2021-W02", ["2020-W01, 2020-W10, 2020-W14"]),
        ("integer", list(range(30)), "77", ["17, 18, 19 …"]),
    ],
)
def test_a_period_without_rows(
    shared: Connection, time_type: LiteralString, times: list[Any], label: str, said: list[str]
) -> None:
    dataset_id = dated(shared, time_type, times)
    with pytest.raises(UserError) as caught:
        run(shared, dataset_id, time_periods=[label])
    for words in said:
        assert words in str(caught.value)
    assert "time_periods" in str(caught.value)


def test_several_periods_without_rows(shared: Connection) -> None:
    with pytest.raises(UserError, match=r'time_periods "3", "4" have no rows in dataset .*: 1, 2'):
        run(shared, dated(shared, "integer", [1, 2]), time_periods=["3", "1", "4"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "time_periods is required, or time_step (year, quarter, month, week, day) in its place"),
        ({"time_periods": ["a"], "time_step": "year"}, "time_periods and time_step exclude each other"),
        ({"time_periods": []}, "time_periods "),
        ({"time_periods": "2020"}, "time_periods "),
        ({"time_periods": [2020]}, "time_periods.0 should be a valid string, not 2020"),
        ({"time_periods": ["a", "b", "a"]}, 'time_periods names "a" 2 times'),
        ({"time_periods": ["a\0"]}, "time_periods holds a NUL character"),
        ({"time_periods": [str(each) for each in range(1001)]}, "time_periods "),
        (
            {"time_step": "decade"},
            "time_step should be 'year', 'quarter', 'month', 'week' or 'day', not",
        ),
    ],
)
def test_parameters_that_contradict(shared: Connection, given: dict[str, Any], said: str) -> None:
    whole = {"dataset_id": 1, "value_field": "value", "time_field": "seen", "distance": 1} | given
    with pytest.raises(InvalidParameters) as caught:
        run_analysis(shared, JOB, whole)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("time_type", "given", "said"),
    [
        (
            "date",
            {"time_periods": ["May"]},
            '"May" is no period of the date field "seen"; write 2020, 2020-Q1',
        ),
        (
            "date",
            {"time_periods": ["2020-03-05T14"]},
            '"2020-03-05T14" is less than a day, but "seen" is a date',
        ),
        ("date", {"time_periods": ["2020-03", "2020"]}, '"2020" and "2020-03" overlap'),
        ("date", {"time_periods": ["9999-05", "9999"]}, '"9999" and "9999-05" overlap'),
        ("text", {"time_step": "year"}, 'time_step "year" needs a date or timestamp field'),
        ("integer", {"time_step": "month"}, 'time_field "seen" is integer in dataset'),
        ("date", {"time_step": "year", "time_field": "sen"}, 'time_field "sen" is not in dataset'),
        ("date", {"time_step": "year", "location_field": "x"}, "fields: id, value, seen, spot"),
        (
            "date",
            {"time_step": "year", "value_field": "spot"},
            'value_field "spot" is text, not numeric',
        ),
    ],
)
def test_fields_that_do_not_fit(
    connection: Connection, time_type: LiteralString, given: dict[str, Any], said: str
) -> None:
    dataset_id = add_series(connection, [], time_type=time_type)
    with pytest.raises(InvalidParameters) as caught:
        run(connection, dataset_id, **given)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "given", "said"),
    [
        ("UPDATE series SET value = NULL WHERE seen = 'b' AND id > 18", {}, "2 usable values"),
        ("UPDATE series SET value = 7 WHERE seen = 'b'", {}, "does not vary: all 16 values are 7"),
        ("", {"neighbor_type": "knn", "k_neighbors": 16}, "choose at most 15"),
    ],
)
def test_a_period_of_which_nothing_can_be_said(
    connection: Connection, change: LiteralString, given: dict[str, Any], said: str
) -> None:
    dataset_id = dated(connection, "text", ["a", "b"])
    connection.execute(change or "SELECT")
    with pytest.raises(UserError) as caught:
        run(connection, dataset_id, time_periods=["a", "b"], **given)
    assert said in str(caught.value)
    assert f'value_field "value" of dataset {dataset_id} in period "' in str(caught.value)


def test_more_periods_than_can_be(connection: Connection) -> None:
    rows = [(i, 1.0, date(2000, 1, 1) + timedelta(days=i), "x", "POINT(0 0)") for i in range(1001)]
    dataset_id = add_series(connection, rows, time_type="date")
    with pytest.raises(UserError, match="more than 1000 periods; choose a longer time_step"):
        run(connection, dataset_id, time_step="day")
    connection.execute("UPDATE series SET seen = NULL")
    with pytest.raises(UserError, match=f'time_field "seen" of dataset {dataset_id} holds no time'):
        run(connection, dataset_id, time_step="day")
