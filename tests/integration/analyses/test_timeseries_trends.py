"""Places through the periods: trends and patterns."""

import math
from itertools import groupby
from typing import Any

import numpy as np
import pymannkendall
import pytest
from tests.integration.analyses.timeseries import add_series, corner, grid, run

from geocrew.analyses.parts import trend
from geocrew.datasets.compose import compose
from geocrew.db import Connection

SCORES = ("gi_z", "gi_p", "gi_bin", "neighbors", "hotspot_class")
TRENDS = ("trend_z", "trend_p", "pattern")
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("mode", ["static", "materialized_view"])
def test_income_by_decade(shared: Connection, demo_ids: dict[str, int], mode: str) -> None:
    """Trend by pymannkendall, pattern by the rules read aloud."""
    result = run(
        shared,
        demo_ids["us_state_income"],
        value_field="income",
        time_field="year",
        time_step="year",
        location_field="state",
        neighbor_type="knn",
        k_neighbors=5,
        output_mode=mode,
    )
    rows = sorted(result.rows(), key=lambda row: (row["state"], row["year"]))
    counted: dict[str, int] = {}
    for _, each in groupby(rows, key=lambda row: str(row["state"])):
        place = list(each)
        expected = pymannkendall.original_test([row["gi_z"] for row in place])
        for row in place:
            assert row["trend_z"] == pytest.approx(expected.z, rel=1e-9, abs=1e-12)
            assert row["trend_p"] == pytest.approx(expected.p, rel=1e-9)
            assert row["pattern"] == read_aloud([row["gi_bin"] for row in place], expected)
            assert row["period"] == str(row["year"])
        counted[place[0]["pattern"]] = counted.get(place[0]["pattern"], 0) + 1
    assert {k: v for k, v in result.counts["patterns"].items() if v} == counted
    assert list(result.counts["patterns"])[:3] == ["none", "new hot", "new cold"]
    assert len(result.counts["patterns"]) == 17
    assert result.counts["n_places"] == 48
    assert len(counted) > 5


def read_aloud(bins: list[int], tested: Any) -> str:
    """The documentation's table, for series without change of side."""
    hot, cold = (sum(side * each > 0 for each in bins) for side in (1, -1))
    assert not (hot and cold)
    side, count = ("hot", hot) if hot else ("cold", cold)
    often = count >= 0.9 * len(bins)
    if bins[-1] == 0:
        return f"historical {side}" if often else "none"
    if often:
        stronger = tested.z > 0 if hot else tested.z < 0
        kind = ("intensifying" if stronger else "diminishing") if tested.p <= 0.1 else "persistent"
    elif count == 1:
        kind = "new"
    else:
        kind = "consecutive" if all(bins[-count:]) else "sporadic"
    return f"{kind} {side}"


def test_trends_in_sql_are_those_of_the_kernels(connection: Connection) -> None:
    """Random series with runs, gaps, ties and repeated scores, of every pattern."""
    rng = np.random.default_rng(5)
    rows = []
    for place in range(1, 2501):
        length = int(rng.integers(1, 14))
        z = rng.normal(rng.normal(0, 2), rng.choice([0.05, 1.0, 3.0]), length)
        z += rng.choice([0, 0, 0.4, -0.4]) * np.arange(length)
        z = np.round(z, int(rng.choice([0, 1, 9]))) + rng.normal(0, 1e-13, length)
        if rng.random() < 0.4:
            z[-1] = rng.choice([0.0, -z[-1], 3 * np.sign(z[-1])])
        steps = rng.choice(20, length, replace=False) if rng.random() < 0.9 else np.zeros(length, int)
        bins = np.sign(z) * (np.abs(z) >= 1.7)
        rows += [(place, int(s), float(a), int(b)) for s, a, b in zip(steps, z, bins, strict=True)]
    rng.shuffle(rows)
    connection.execute("CREATE TABLE raw (place int, step int8, gi_z float8, bin int2)")
    with connection.cursor() as cursor, cursor.copy("COPY raw FROM STDIN") as copy:
        for row in rows:
            copy.write_row([int(row[0]), int(row[1]), float(row[2]), int(row[3])])
    select = compose(
        "WITH binned AS (SELECT * FROM raw), {trends} SELECT * FROM trends", trends=trend.trend_ctes()
    )
    by_sql = {row[0]: row[1:] for row in connection.execute(select).fetchall()}
    places, times, scores, sides = zip(*rows, strict=True)
    found = trend.find_trends(
        np.array(places), np.array(times), np.array(scores), np.array(sides, np.int16)
    )
    assert found.repeated > 50
    seen = set()
    for at in range(len(rows)):
        expected = by_sql.get(places[at])
        if expected is None:
            assert math.isnan(found.z[at])
            assert found.pattern[at] == trend.NO_PATTERN
            continue
        assert found.z[at] == expected[0]
        assert found.p[at] == pytest.approx(expected[1], rel=1e-9)
        assert found.pattern[at] == expected[2]
        seen.add(expected[2])
    assert seen == set(range(-8, 9))
    assert sum(found.patterns.values()) == len(by_sql)


@pytest.mark.parametrize("mode", ["static", "view"])
def test_places_are_equal_shapes_or_equal_locations(shared: Connection, mode: str) -> None:
    rows: list[Any] = [
        (key, value, time, spot, place.replace("POINT(", "POINT(1") if time == "b" else place)
        for key, value, time, spot, place in grid("ab")
    ]
    rows.append((500, 4.0, "a", None, "POINT(3 7)"))
    rows.append((501, 5.0, "b", None, "POINT(13 7)"))
    dataset_id = add_series(shared, rows)
    moved = run(shared, dataset_id, time_periods=["a", "b"], output_mode=mode)
    assert set(moved.column("pattern")) == {None}
    assert (moved.counts["n_places"], sum(moved.counts["patterns"].values())) == (0, 0)
    named = run(shared, dataset_id, time_periods=["a", "b"], location_field="spot", output_mode=mode)
    assert named.counts["n_places"] == 36
    found = {row["id"]: [row[name] for name in TRENDS] for row in named.rows()}
    assert found[500] == found[501] == [None] * 3  # NULL is no place
    assert None not in [value for key in range(1, 73) for value in found[key]]


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("held", ["numeric", "jsonb"])
def test_equal_numbers_name_one_place(connection: Connection, held: str, mode: str) -> None:
    dataset_id = add_series(connection, grid("ab"))
    number = "(id - 1) % 36 * CASE WHEN id > 36 THEN 1.00 ELSE 1 END"
    if held == "numeric":
        connection.execute("ALTER TABLE series ADD number numeric")
        connection.execute(f"UPDATE series SET number = {number}".encode())
    else:
        connection.execute("ALTER TABLE series ADD properties jsonb")
        bag = f"jsonb_build_object('value', value, 'seen', seen, 'number', {number})"
        connection.execute(f"UPDATE series SET properties = {bag}".encode())
        connection.execute(
            "UPDATE geocrew.datasets SET properties_column = 'properties', properties_fields ="
            """ '{"value": "real", "seen": "text", "number": "real"}' WHERE id = %s""",
            (dataset_id,),
        )
    result = run(
        connection, dataset_id, time_periods=["a", "b"], location_field="number", output_mode=mode
    )
    assert result.counts["n_places"] == 36
    assert None not in result.column("trend_z")


@pytest.mark.parametrize("geometry", ["Point", "Polygon", "Geometry"])
def test_shapes_are_equal_to_the_last_vertex(shared: Connection, geometry: Any) -> None:
    rows: list[Any] = grid("abc")
    if geometry != "Point":
        rows = [
            (*row[:4], "POLYGON(({0} {1}, {0}.5 {1}, {0} {1}.5, {0} {1}))".format(*corner(row[4])))
            for row in rows
        ]
    result = run(shared, add_series(shared, rows, geometry_type=geometry), time_periods=["a", "b", "c"])
    assert result.counts["n_places"] == 36
    assert None not in result.column("trend_z")


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize(("kind", "z"), [("PointM", ""), ("PointZM", " 7"), ("MultiPointM", "")])
def test_an_m_makes_no_other_place(shared: Connection, kind: Any, z: str, mode: str) -> None:
    """M is not kept in the output, and often it is the time."""
    rows: list[Any] = [
        (*row[:4], f"{kind.removesuffix('M')}M({' '.join(corner(row[4]))}{z} {row[0]})".upper())
        for row in grid("ab")
    ]
    dataset_id = add_series(shared, rows, geometry_type=kind)
    result = run(shared, dataset_id, time_periods=["a", "b"], output_mode=mode)
    assert result.counts["n_places"] == 36
    assert None not in result.column("trend_z")


@pytest.mark.parametrize("mode", ["static", "view"])
def test_a_place_with_two_scores_in_one_period_has_no_trend(shared: Connection, mode: str) -> None:
    rows: list[Any] = [*grid("abc"), (800, 5.0, "b", "2/2", "POINT(2 2)")]
    rows.append((801, None, "c", "3/3", "POINT(3 3)"))  # no score, so nothing is in doubt
    result = run(shared, add_series(shared, rows), time_periods=["a", "b", "c"], output_mode=mode)
    by_spot: dict[str, set[Any]] = {}
    for row in result.rows():
        by_spot.setdefault(row["spot"], set()).add(row["pattern"])
    assert [spot for spot, patterns in by_spot.items() if patterns == {None}] == ["2/2"]
    assert (result.counts["n_places"], result.counts["n_places_repeated"]) == (35, 1)
    (line,) = [line for line, level in result.context.lines if "several rows" in line]
    assert "1 places have several rows in one period" in line
    assert "location_field" in line


@pytest.mark.parametrize("mode", ["static", "view"])
def test_places_missing_from_some_periods(shared: Connection, mode: str) -> None:
    rows = [row for row in grid("abcdef") if not (row[3] == "1/1" and row[2] in "bd")]
    rows = [row for row in rows if not (row[3] == "4/4" and row[2] != "c")]
    result = run(shared, add_series(shared, rows), time_periods=list("abcdef"), output_mode=mode)
    gaps = [row for row in result.rows() if row["spot"] == "1/1"]
    expected = pymannkendall.original_test([row["gi_z"] for row in gaps])
    assert [row["period"] for row in gaps] == ["a", "c", "e", "f"]
    for row in gaps:
        assert row["trend_z"] == pytest.approx(expected.z, abs=1e-12)
        assert row["trend_p"] == pytest.approx(expected.p)
    (once,) = [row for row in result.rows() if row["spot"] == "4/4"]
    assert [once[name] for name in TRENDS] == [None] * 3
    assert once["gi_z"] is not None


@pytest.mark.parametrize("mode", ["static", "view"])
def test_scores_that_differ_by_rounding_alone_are_ties(shared: Connection, mode: str) -> None:
    """The same map every year, in other units: no place has a trend."""
    rows = [
        (number * 36 + key, value * 1.1**number + 1e6 * number, f"{number}", spot, place)
        for number in range(6)
        for key, value, _, spot, place in grid("a")
    ]
    result = run(shared, add_series(shared, rows), time_periods=list("012345"), output_mode=mode)
    assert set(result.column("trend_z")) == {0.0}
    assert set(result.column("trend_p")) == {1.0}
    assert set(result.column("pattern")) <= {"none", "persistent hot", "persistent cold"}
    assert len(set(result.column("pattern"))) > 1
