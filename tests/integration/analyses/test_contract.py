"""What a result keeps, adds, leaves out and counts."""

import math
from typing import Any

import pytest
from psycopg import sql
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import Run, run_analysis

from geocrew.analyses.hotspot_analysis import ANALYSIS as HOTSPOT
from geocrew.analyses.outlier_analysis import ANALYSIS as OUTLIER
from geocrew.analysis import Analysis
from geocrew.datasets import catalog
from geocrew.db import Connection

NAN, INF = float("nan"), float("inf")
MODES = ["static", "view", "materialized_view"]
BOTH = [("hotspot_analysis", {"distance": 1}), ("outlier_analysis", {})]
RESULTS = {
    "hotspot_analysis": ["gi_z", "gi_p", "gi_bin", "neighbors", "hotspot_class"],
    "outlier_analysis": ["outlier_score", "is_outlier"],
}


def run(connection: Connection, job_type: str, dataset_id: int, **params: Any) -> Run:
    return run_analysis(
        connection, job_type, {"dataset_id": dataset_id, "value_field": "value"} | params
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_rows_without_value_or_place_stay_with_null_results(
    shared: Connection, job_type: str, params: dict[str, Any], mode: str
) -> None:
    rows = [
        (1, 1.0, "POINT(0 0)"),
        (2, 5.0, "POINT(1 0)"),
        (3, 3.0, "POINT(2 0)"),
        (4, None, "POINT(0 0)"),
        (5, NAN, "POINT(1 0)"),
        (6, INF, "POINT(2 0)"),
        (7, -INF, "POINT(0 1)"),
        (8, 4.0, None),
        (9, 4.0, "POINT EMPTY"),
        (10, None, None),
        (11, 2.0, "POINT(NaN 1)"),
        (12, 2.0, "POINT(1 Infinity)"),
        (13, 2.0, "POINT(3 0)"),
    ]
    dataset_id = add_table(shared, [*rows[:10], rows[12]], geometry_type="Point")
    for key, value, place in ((11, 2.0, (NAN, 1.0)), (12, 2.0, (1.0, INF))):
        shared.execute(
            "INSERT INTO places VALUES (%s, %s, ST_SetSRID(ST_MakePoint(%s, %s), 27700))",
            (key, value, *place),
        )
    result = run(shared, job_type, dataset_id, output_mode=mode, **params)
    found = {row["id"]: row for row in result.rows()}
    assert sorted(found) == list(range(1, 14))
    for key, row in found.items():
        given = {each[0]: each[1] for each in rows}[key]
        assert row["value"] == given or math.isnan(row["value"])
        # A point that is nowhere is no valid shape; an empty one is.
        assert (row["geom"] is None) == (key in (8, 10, 11, 12)), key
        results = [row[name] for name in RESULTS[job_type]]
        assert (None not in results) if key in (1, 2, 3, 13) else (set(results) == {None}), key
    counts = result.counts
    assert (counts["n"], counts["n_null"], counts["n_not_numeric"], counts["n_empty"]) == (4, 5, 3, 4)
    assert counts["rows_in"] == counts["rows_out"] == 13
    assert result.dataset.row_count == 13
    assert result.dataset.null_geometry_count == 4


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("correction", ["none", "fdr"])
def test_islands_are_no_tests(shared: Connection, mode: str, correction: str) -> None:
    rows = [(i, float(i % 4), f"POINT({i % 5} {i // 5})") for i in range(15)]
    rows += [(90, 500.0, "POINT(100 100)"), (91, -500.0, "POINT(200 200)")]
    dataset_id = add_table(shared, rows)
    result = run(
        shared, "hotspot_analysis", dataset_id, distance=1.5, correction=correction, output_mode=mode
    )
    for row in result.rows()[-2:]:
        assert [row["gi_z"], row["gi_p"], row["gi_bin"], row["neighbors"]] == [None, None, None, 0]
        assert row["hotspot_class"] == "not significant"
        assert correction == "none" or row["gi_p_adjusted"] is None
    assert result.counts["n_islands"] == 2
    assert result.counts["neighbors"]["min"] == 0
    assert sum(result.counts["classes"].values()) == result.counts["n"] == 17
    if correction == "fdr":  # the largest p is adjusted by m / m: with m = 15 tests it stays
        tested = [row for row in result.rows() if row["gi_p"] is not None]
        largest = max(tested, key=lambda row: row["gi_p"])
        assert largest["gi_p_adjusted"] == pytest.approx(largest["gi_p"], rel=1e-12)
        smallest = min(tested, key=lambda row: row["gi_p"])
        assert smallest["gi_p_adjusted"] <= smallest["gi_p"] * 15 * (1 + 1e-12)


@pytest.mark.parametrize("mode", ["static", "view"])
def test_fdr_classes_come_from_the_adjusted_p(shared: Connection, mode: str) -> None:
    rows = [
        (i, float((i * 37) % 11) + 20 * (i in (6, 7, 11, 12)), f"POINT({i % 5} {i // 5})")
        for i in range(25)
    ]
    dataset_id = add_table(shared, rows)
    levels = {0.01: "99%", 0.05: "95%", 0.1: "90%"}
    bins = {"99%": 3, "95%": 2, "90%": 1}
    for correction, deciding in (("none", "gi_p"), ("fdr", "gi_p_adjusted")):
        result = run(
            shared, "hotspot_analysis", dataset_id, distance=1, correction=correction, output_mode=mode
        )
        for row in result.rows():
            passed = next((name for level, name in levels.items() if row[deciding] <= level), None)
            side = "hot" if row["gi_z"] > 0 else "cold"
            assert row["hotspot_class"] == (f"{passed} {side}" if passed else "not significant")
            assert row["gi_bin"] == (bins[passed] if passed else 0) * (1 if side == "hot" else -1)
    assert {row["hotspot_class"] for row in result.rows()} > {"not significant"}


@pytest.mark.parametrize("mode", MODES)
def test_attributes_are_kept_with_name_and_type(connection: Connection, mode: str) -> None:
    connection.execute(
        "CREATE DOMAIN percent AS numeric(5, 2) CHECK (VALUE <= 100);"
        "CREATE TYPE mood AS ENUM ('sad', 'glad');"
        "CREATE TABLE kept (id smallint PRIMARY KEY, value integer NOT NULL, code char(3),"
        " share percent, feeling mood, tags text[], seen timestamptz, blob bytea,"
        " spot geometry(PointZ, 4326), shape geometry(Point, 27700), geom text, gi_z text, gi_z_1 int,"
        " outlier_score bool,"
        " source_id uuid,"
        ' "Id" int);'
        "INSERT INTO kept SELECT i, i % 4, 'ab', i, 'glad', '{a,b}', 'epoch', '\\x00ff',"
        " 'SRID=4326;POINT Z (1 2 3)', ST_Point(i, 0, 27700), 'g', 'z', 1, true,"
        " '00000000-0000-0000-0000-000000000001', i FROM generate_series(1, 9) AS i"
    )
    dataset_id = add_dataset(connection, "kept", geometry="shape")
    result = run(connection, "hotspot_analysis", dataset_id, distance=2, output_mode=mode)
    assert result.types() == {
        "id": "bigint",
        "source_id": "smallint",
        "value": "integer",
        "code": "character(3)",
        "share": "percent",
        "feeling": "mood",
        "tags": "text[]",
        "seen": "timestamp with time zone",
        "blob": "bytea",
        "spot": "geometry(PointZ,4326)",
        "geom_1": "text",
        "gi_z_2": "text",
        "gi_z_1": "integer",
        "outlier_score": "boolean",
        "source_id_1": "uuid",
        "Id": "integer",
        "gi_z": "double precision",
        "gi_p": "double precision",
        "gi_bin": "smallint",
        "neighbors": "integer",
        "hotspot_class": "text",
        "geom": "geometry(Point,27700)",
    }
    row = result.rows()[0]
    assert (row["id"], row["source_id"], row["gi_z_1"], row["gi_z_2"]) == (1, 1, 1, "z")
    assert (row["geom"], row["geom_1"]) == ("SRID=27700;POINT(1 0)", "g")


@pytest.mark.parametrize(
    ("analysis", "params"),
    [
        (HOTSPOT, {"distance": 1, "correction": "fdr", "permutations": 9}),
        (OUTLIER, {"method": "local_moran", "distance": 1}),
    ],
)
def test_columns_are_added_as_declared(
    shared: Connection, analysis: Analysis[Any], params: dict[str, Any]
) -> None:
    dataset_id = add_table(shared, [(i, float(i % 3), f"POINT({i} 0)") for i in range(9)])
    types = run(shared, analysis.job_type, dataset_id, **params).types()
    written = {"double precision": "float8", "smallint": "int2", "integer": "int4", "boolean": "bool"}
    added = {
        name: written.get(kind, kind)
        for name, kind in types.items()
        if name not in ("id", "source_id", "value", "geom")
    }
    assert added == {column.name: column.sql_type for column in analysis.columns}


@pytest.mark.parametrize("mode", ["table", "materialized_view"])
def test_stored_results_have_a_unique_id_and_a_spatial_index(shared: Connection, mode: str) -> None:
    dataset_id = add_table(shared, [(i, float(i % 3), f"POINT({i} 0)") for i in range(9)])
    params = {} if mode == "table" else {"output_mode": mode}
    result = run(shared, "outlier_analysis", dataset_id, **params)
    assert result.dataset.kind == mode
    found = shared.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = %s ORDER BY 1", (result.dataset.table_name,)
    ).fetchall()
    definitions = [row[0] for row in found]
    assert any("UNIQUE" in each and each.endswith("btree (id)") for each in definitions)
    assert any(each.endswith("gist (geom)") for each in definitions)
    assert not any("geocrew_staging" in each or "_out_" in each for each in definitions)


@pytest.mark.parametrize("srid", [27700, 4326])
@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_stored_views_are_refreshed_whatever_the_search_path(
    connection: Connection, job_type: str, params: dict[str, Any], srid: int
) -> None:
    """A restored dump, and PostgreSQL 17 always, refreshes them with an empty one."""
    points = [(i, float(i % 3), f"POINT({i} 0)") for i in range(9)]
    dataset_id = add_table(connection, points, srid=srid)
    result = run(connection, job_type, dataset_id, output_mode="materialized_view", **params)
    with connection.transaction():
        connection.execute("SET LOCAL search_path TO pg_catalog")
        connection.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(result.relation))
    assert len(result.rows()) == 9


@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_a_view_says_what_it_costs(shared: Connection, job_type: str, params: dict[str, Any]) -> None:
    points = [(i, float(i % 3), f"POINT({i} 0)") for i in range(9)]
    stored = add_table(shared, points, geometry_type="Point", table="stored")
    assert run(shared, job_type, stored, **params).counts["notes"] == []
    stored_view = run(shared, job_type, stored, output_mode="view", **params).counts["notes"]
    assert len(stored_view) == 1
    assert "materialized_view" in stored_view[0]
    assert "spatial index" not in stored_view[0].split(";")[0]
    lines = [(i, float(i % 3), f"LINESTRING({i} 0, {i + 1} 1)") for i in range(9)]
    computed = add_table(shared, lines, geometry_type="LineString", table="computed")
    (note,) = run(shared, job_type, computed, output_mode="view", **params).counts["notes"]
    assert "cannot use the spatial index" in note
    assert 'output_mode "materialized_view"' in note


def test_few_features_and_full_neighbourhoods_are_warned_of(shared: Connection) -> None:
    dataset_id = add_table(shared, [(i, float(i), f"POINT({i} 0)") for i in range(5)])
    result = run(shared, "hotspot_analysis", dataset_id, distance=100)
    messages = [message for message, level in result.context.lines if level == "warning"]
    assert any("5 features are few" in each for each in messages)
    assert any("all others as neighbours" in each for each in messages)
    assert result.column("gi_z") == [None] * 5
    assert result.column("neighbors") == [4] * 5
    assert result.column("hotspot_class") == ["not significant"] * 5


def test_a_reserved_dataset_is_filled(shared: Connection) -> None:
    dataset_id = add_table(shared, [(i, float(i % 3), f"POINT({i} 0)") for i in range(9)])
    reserved = catalog.reserve(shared, "waiting")
    result = run(
        shared, "outlier_analysis", dataset_id, output_dataset_id=reserved, output_name="Strange ones"
    )
    found = catalog.get(shared, reserved)
    assert (found.id, found.name, found.table_name) == (
        reserved,
        "Strange ones",
        f"spatial_data_{reserved}",
    )
    assert result.dataset.id == reserved


def test_nothing_is_left_in_the_workshop(shared: Connection) -> None:
    dataset_id = add_table(
        shared,
        [(i, float(i % 3), f"POLYGON(({i} 0, {i} 1, {i + 1} 0, {i + 1} 1, {i} 0))") for i in range(9)],
    )
    for mode in MODES:
        run(shared, "hotspot_analysis", dataset_id, distance=1, output_mode=mode)
    assert (
        shared.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'geocrew_staging'::regnamespace"
        ).fetchall()
        == []
    )
