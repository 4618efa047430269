"""What a hot spot time series keeps, adds, leaves out and counts."""

from pathlib import Path
from typing import Any, LiteralString

import pytest
from psycopg import sql
from tests.integration.analyses.compare import same
from tests.integration.analyses.layers import add_dataset
from tests.integration.analyses.timeseries import JOB, MODES, add_series, corner, grid, run
from tests.run_analysis import Row, Run, run_analysis

from geocrew.analyses.hotspot_timeseries import ANALYSIS
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.kernels.space_time import KINDS

SCORES = ("gi_z", "gi_p", "gi_bin", "neighbors", "hotspot_class")
TRENDS = ("trend_z", "trend_p", "pattern")
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize(
    "rule",
    [
        {"distance": 1.5, "correction": "fdr"},
        {"neighbor_type": "knn", "k_neighbors": 4},
    ],
)
def test_each_period_is_a_hot_spot_analysis_of_its_own(
    shared: Connection, rule: dict[str, Any], mode: str
) -> None:
    rows = grid(["a", "b", "c"])
    whole = run(shared, add_series(shared, rows), time_periods=["a", "b", "c"], output_mode=mode, **rule)
    found = {row["id"]: row for row in whole.rows()}
    names = [*SCORES, *(["gi_p_adjusted"] if "correction" in rule else [])]
    for number, period in enumerate("abc"):
        alone = add_series(shared, [row for row in rows if row[2] == period])
        hot = run_analysis(
            shared, "hotspot_analysis", {"dataset_id": alone, "value_field": "value"} | rule
        )
        for row in hot.rows():
            for name in names:
                assert same(found[row["id"]][name], row[name]), (row["id"], name)
            assert found[row["id"]]["period"] == period
        described = whole.counts["periods"][number]
        assert described["period"] == period
        for name in ("n", "n_islands", "classes", "neighbors", "mean", "s"):
            assert described[name] == hot.counts[name]
    assert len(found) == len(rows)


@pytest.mark.parametrize("mode", MODES)
def test_rows_without_value_place_or_time(shared: Connection, mode: str) -> None:
    rows: list[Any] = [
        *grid(["a", "b"]),
        (901, None, "a", "0/0", "POINT(0 0)"),
        (902, NAN, "a", "0/1", "POINT(0 1)"),
        (903, INF, "b", "0/2", "POINT(0 2)"),
        (904, 3.0, "b", "0/3", None),
        (905, 3.0, "b", "new", "POINT EMPTY"),
        (906, 3.0, None, "0/0", "POINT(0 0)"),
        (907, 3.0, "z", "0/0", "POINT(0 0)"),
    ]
    result = run(
        shared,
        add_series(shared, rows),
        time_periods=["a", "b"],
        location_field="spot",
        output_mode=mode,
    )
    found = {row["id"]: row for row in result.rows()}
    assert sorted(found) == [*range(1, 73), 901, 902, 903, 904, 905]
    for key in range(901, 906):
        assert {found[key][name] for name in SCORES} == {None}
        # A place keeps its trend in a row that has no score.
        assert (found[key]["pattern"] is None) == (key == 905)
    counts = result.counts
    assert (counts["n"], counts["n_null"], counts["n_not_numeric"], counts["n_empty"]) == (72, 3, 2, 2)
    assert (counts["rows_in"], counts["rows_out"], counts["dropped_outside"]) == (79, 77, 2)
    assert counts["dropped"] == [
        {"id": 906, "reason": "its time is NULL"},
        {"id": 907, "reason": "its time is in none of the periods"},
    ]
    assert [each["n_null"] for each in counts["periods"]] == [2, 1]
    assert result.dataset.row_count == 77
    assert result.dataset.bbox == [0, 0, 5, 5]


def test_columns_are_added_as_declared(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE kept AS SELECT i AS id, i % 7 AS value, 'p' || i % 2 AS period, 1 AS trend_z,"
        " 'x' AS pattern, 0.5 AS gi_z, ST_Point(i / 2, 0, 27700) AS geom"
        " FROM generate_series(0, 19) AS i"
    )
    given = {"time_field": "period", "time_periods": ["p0", "p1"], "correction": "fdr"}
    result = run(connection, add_dataset(connection, "kept"), **given)
    written = {"double precision": "float8", "smallint": "int2", "integer": "int4"}
    names = ["id", "source_id", "value", "period_1", "trend_z_1", "pattern_1", "gi_z_1"]
    types = result.types()
    assert list(types)[: len(names)] == names
    assert [name for name in types if name in {each.name for each in ANALYSIS.columns}] == [
        "period",
        "gi_z",
        "gi_p",
        "gi_p_adjusted",
        "gi_bin",
        "neighbors",
        "hotspot_class",
        "trend_z",
        "trend_p",
        "pattern",
    ]
    added = {
        name: written.get(kind, kind) for name, kind in types.items() if name not in (*names, "geom")
    }
    assert added == {column.name: column.sql_type for column in ANALYSIS.columns}
    assert result.column("period") == result.column("period_1")


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_left_in_the_workshop(shared: Connection, mode: str) -> None:
    rows = [(*row[:4], "POLYGON((0 0, 0 1, 1 0, 1 1, 0 0))") for row in grid("ab")]
    rows = [(*row[:4], row[4].replace("0 0", f"{-row[0]} 0")) for row in rows]
    dataset_id = add_series(shared, rows, geometry_type="Polygon")
    result = run(shared, dataset_id, time_periods=["a"], output_mode=mode, distance=3)
    assert result.counts["dropped_outside"] == 36
    left = "SELECT relname FROM pg_class WHERE relnamespace = 'geocrew_staging'::regnamespace"
    assert shared.execute(left).fetchall() == []
    assert result.dataset.row_count == 36


def test_the_order_of_rows_changes_no_bit(shared: Connection) -> None:
    rows = grid("abcd")
    given = {"time_periods": list("abcd"), "neighbor_type": "knn", "k_neighbors": 3}
    before = bits(run(shared, add_series(shared, rows), **given))
    assert bits(run(shared, add_series(shared, rows[::-1]), **given)) == before
    shuffled = sorted(rows, key=lambda row: (row[0] * 37) % 145)
    assert bits(run(shared, add_series(shared, shuffled), **given)) == before


def bits(result: Run) -> list[Any]:
    query = sql.SQL(
        "SELECT id, float8send(gi_z), float8send(gi_p), float8send(trend_z), float8send(trend_p),"
        " pattern FROM {} ORDER BY id"
    )
    return result.context.connection.execute(query.format(result.relation)).fetchall()


@pytest.mark.parametrize("on_invalid", ["repair", "skip", "fail"])
def test_invalid_shapes(shared: Connection, on_invalid: str) -> None:
    square = "POLYGON(({0} {1}, {2} {1}, {2} {3}, {0} {3}, {0} {1}))"
    bow = "POLYGON(({0} {1}, {2} {3}, {2} {1}, {0} {3}, {0} {1}))"
    rows: list[Any] = []
    for key, value, time, spot, place in grid("ab"):
        x, y = map(float, corner(place))
        shape = bow if spot == "1/1" else square
        rows.append((key, value, time, spot, shape.format(x, y, x + 0.5, y + 0.5)))
    dataset_id = add_series(shared, rows, geometry_type="Polygon")
    given: Row = {"time_periods": ["a", "b"], "on_invalid": on_invalid}
    if on_invalid == "fail":
        with pytest.raises(UserError, match="2 invalid geometries, the first with id 8, 44"):
            run(shared, dataset_id, **given)
        return
    result = run(shared, dataset_id, **given)
    counts = result.counts
    assert (counts["n_repaired"], counts["n_skipped"]) == ((2, 0) if on_invalid == "repair" else (0, 2))
    assert counts["rows_in"] == 72 == counts["rows_out"] + counts["failed"]
    assert counts["n_places"] == (36 if on_invalid == "repair" else 35)
    view = run(shared, dataset_id, output_mode="view", **given)
    assert view.column("trend_z") == pytest.approx(result.column("trend_z"), abs=1e-12)
    assert view.dataset.row_count == counts["rows_out"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("time_type", "times"),
    [
        ("numeric", ["2020", "2021.50", "2020.0", "NaN", "1e400"]),
        ("float8", ["2020", "2021.5", "2020", "NaN", "-Infinity"]),
        ("jsonb", ["2020", "2021.50", '"2020.0"', '"late"', "1e400"]),
    ],
)
def test_equal_numbers_are_one_period_and_what_is_none_is_outside(
    connection: Connection, time_type: LiteralString, times: list[str], mode: str
) -> None:
    dataset_id = add_series(connection, grid(times, side=4), time_type=time_type)
    given: dict[str, Any] = {"time_step": "year", "output_mode": mode}
    if time_type == "jsonb":
        connection.execute(
            "ALTER TABLE series ADD properties jsonb;"
            "UPDATE series SET properties = jsonb_build_object('value', value, 'seen', seen)"
        )
        connection.execute(
            "UPDATE geocrew.datasets SET properties_column = 'properties',"
            """ properties_fields = '{"value": "real", "seen": "real"}' WHERE id = %s""",
            (dataset_id,),
        )
    result = run(connection, dataset_id, **given)
    assert result.column("period") == ["2020"] * 16 + ["2021.5"] * 16 + ["2020"] * 16
    assert [each["period"] for each in result.counts["periods"]] == ["2020", "2021.5"]
    assert result.counts["dropped_outside"] == 32
    reasons = {each["reason"] for each in result.counts["dropped"]}
    assert reasons == {"its time is in none of the periods"}


def test_few_features_are_warned_of(shared: Connection) -> None:
    rows = grid("ab", side=3)
    result = run(shared, add_series(shared, rows), time_periods=["a", "b"], distance=100)
    messages = [message for message, level in result.context.lines if level == "warning"]
    assert any("fewer than 30 features in periods a, b" in each for each in messages)
    assert any("all others as neighbours in periods a, b" in each for each in messages)
    assert set(result.column("gi_z")) == {None}
    assert set(result.column("pattern")) == {None}


def test_progress_grows_with_the_periods(shared: Connection) -> None:
    result = run(shared, add_series(shared, grid("abcd")), time_periods=list("abcd"))
    shares = [share for share, _ in result.context.steps]
    assert shares == sorted(shares)
    assert sum(0.3 < share < 0.56 for share in shares) >= 4


def test_the_documentation_names_the_patterns() -> None:
    text = (Path(__file__).parents[3] / "docs" / "analyses" / f"{JOB}.md").read_text("utf-8")
    for kind in KINDS[1:]:
        assert f"| {kind} hot |" in text


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize(
    "rule", [{"neighbor_type": "queen"}, {"neighbor_type": "rook"}, {"distance": "auto"}]
)
def test_rules_that_look_at_all_rows_first(shared: Connection, rule: dict[str, Any], mode: str) -> None:
    cells = [
        (*row[:4], f"POLYGON(({x} {y}, {x + 1} {y}, {x + 1} {y + 1}, {x} {y + 1}, {x} {y}))")
        for row in grid("ab")
        for x, y in [tuple(int(each) for each in row[3].split("/"))]
    ]
    whole = run(
        shared,
        add_series(shared, cells, geometry_type="Polygon"),
        time_periods=["a", "b"],
        output_mode=mode,
        **rule,
    )
    found = {row["id"]: row for row in whole.rows()}
    for period in "ab":
        alone = [row for row in cells if row[2] == period]
        dataset_id = add_series(shared, alone, geometry_type="Polygon")
        params = {"dataset_id": dataset_id, "value_field": "value"} | rule
        for row in run_analysis(shared, "hotspot_analysis", params).rows():
            assert all(same(found[row["id"]][name], row[name]) for name in SCORES), row["id"]
