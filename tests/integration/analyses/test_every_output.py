"""What every analysis calls, keeps, indexes, counts and tells of in its output."""

from pathlib import Path
from typing import Any

import pytest
import shapely
from tests.integration.analyses.every import BALANCE, CASES, MODES, Case, every
from tests.integration.analyses.layers import add_dataset, add_table
from tests.integration.analyses.rasters import clip, geojson, random_cells, write
from tests.run_analysis import run_analysis

from geocrew.datasets import catalog
from geocrew.db import Connection


@pytest.mark.parametrize("mode", MODES)
@every
def test_a_reserved_dataset_is_filled_under_the_name_that_is_given(
    connection: Connection, squares: int, mask: int, case: Case, mode: str
) -> None:
    reserved = catalog.reserve(connection, "waiting")
    name = 'A "name" of %s {} and ü'
    given = {"output_dataset_id": reserved, "output_name": name, "output_mode": mode}
    run = case.run(connection, squares, mask, **given)
    found = catalog.get(connection, reserved)
    assert (found, found.name) == (run.dataset, name)
    assert (found.table_name, found.kind) == (
        f"spatial_data_{reserved}",
        "table" if mode == "static" else mode,
    )
    assert found.row_count == len(run.rows()) > 0


def test_a_reserved_dataset_becomes_a_raster(connection: Connection, tmp_path: Path) -> None:
    cells = random_cells(1, 40, 40)
    shape = geojson(shapely.box(500_050, 4_999_700, 500_250, 4_999_900))
    reserved = catalog.reserve(connection, "waiting")
    given = {"output_dataset_id": reserved, "output_name": "Relief of %s"}
    clipped = clip(connection, tmp_path / "rasters", write(tmp_path / "x.tif", cells), shape, **given)
    found = catalog.get(connection, reserved)
    assert (clipped.run.dataset.id, found.kind, found.name) == (reserved, "raster", "Relief of %s")
    assert clipped.path.name == found.raster_file


@pytest.mark.parametrize("mode", ["static", "materialized_view"])
@every
def test_what_is_stored_has_a_unique_id_and_a_spatial_index(
    connection: Connection, squares: int, mask: int, case: Case, mode: str
) -> None:
    run = case.run(connection, squares, mask, output_mode=mode)
    found = connection.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = %s", (run.dataset.table_name,)
    ).fetchall()
    definitions = [row[0] for row in found]
    assert any("UNIQUE" in each and each.endswith("btree (id)") for each in definitions)
    assert any(each.endswith("gist (geom)") for each in definitions)
    assert run.dataset.key_column == "id"


@every
def test_a_view_that_computes_shapes_says_so(
    connection: Connection, squares: int, mask: int, case: Case
) -> None:
    """Squares are written as MultiPolygon, so that even those which stay as they are are computed."""
    notes = case.run(connection, squares, mask, output_mode="view").counts["notes"]
    (said,) = [each for each in notes if "cannot use the spatial index" in each]
    assert 'output_mode "materialized_view"' in said


@every
def test_the_balance_sheet_is_in_every_result(
    connection: Connection, squares: int, mask: int, case: Case
) -> None:
    counts = case.run(connection, squares, mask).counts
    assert counts["rows_in"] == 20 == sum(counts[name] for name in BALANCE)
    named = {"n_empty", "n_repaired", "n_skipped", "dropped", "notes"}
    assert named <= set(counts)
    if "value_field" in case.fields:
        assert {"n", "n_null", "n_not_numeric"} <= set(counts)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["timeseries", "nearest", "clip", "erase"])
def test_attributes_are_kept_with_name_and_type(
    connection: Connection, mask: int, name: str, mode: str
) -> None:
    connection.execute(
        "CREATE DOMAIN percent AS numeric(5, 2) CHECK (VALUE <= 100); CREATE TYPE mood AS ENUM ('glad');"
        "CREATE TABLE kept AS SELECT i::smallint AS id, i % 4 AS value, 'a' AS seen, 0 AS part,"
        " 'ab'::char(3) AS code, 1.5::percent AS share, 'glad'::mood AS feeling,"
        " '{a,b}'::text[] AS tags, 'epoch'::timestamptz AS moment, '\\x00ff'::bytea AS blob,"
        " '{}'::jsonb AS doc,"
        " 'SRID=4326;POINT Z (1 2 3)'::geometry(PointZ, 4326) AS spot, 'g' AS geom, 's' AS source_id,"
        " 1 AS source_id_1, 'v'::varchar(7) AS text, interval '1 day' AS span, 1::int8 AS \"Id\","
        " ST_MakeEnvelope(i, 0, i + 1, 2, 27700)::geometry(Polygon, 27700) AS shape"
        " FROM generate_series(1, 9) AS i"
    )
    dataset = add_dataset(connection, "kept", geometry="shape")
    run = CASES[name].run(connection, dataset, mask, output_mode=mode, **_one_period(name))
    types, expected = (
        run.types(),
        {
            "id": "bigint",
            "source_id": "smallint",
            "value": "integer",
            "code": "character(3)",
            "share": "percent",
            "feeling": "mood",
            "tags": "text[]",
            "moment": "timestamp with time zone",
            "blob": "bytea",
            "doc": "jsonb",
            "spot": "geometry(PointZ,4326)",
            "geom_1": "text",
            "source_id_2": "text",
            "source_id_1": "integer",
            "text": "character varying(7)",
            "span": "interval",
            "Id": "bigint",
            "geom": "geometry(MultiPolygon,27700)",
        },
    )
    assert {column: types.get(column) for column in expected} == expected
    (row, *_) = run.rows()
    assert (row["geom_1"], row["source_id_2"], row["source_id_1"], row["tags"]) == (
        "g",
        "s",
        1,
        ["a", "b"],
    )


def _one_period(name: str) -> dict[str, Any]:
    return {"time_periods": ["a"]} if name == "timeseries" else {}


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("name", ["nearest", "dissolve", "clip", "erase"])
def test_a_thousand_dropped_rows_are_named_at_most(
    connection: Connection, mask: int, name: str, mode: str
) -> None:
    """Those left out for their shape and those that have none, together."""
    connection.execute(
        "CREATE TABLE many AS SELECT i AS id, i % 3 AS value, i % 3 AS part, CASE WHEN i > 605 THEN NULL"
        " WHEN i > 5 THEN 'SRID=27700;POLYGON((0 0, 3 3, 3 0, 0 3, 0 0))'"
        " ELSE 'SRID=27700;POLYGON((0 0, 0 4, 1 4, 0 0))' END::geometry(Polygon, 27700) AS geom"
        " FROM generate_series(1, 1205) AS i"
    )
    dataset = add_dataset(connection, "many")
    counts = CASES[name].run(connection, dataset, mask, output_mode=mode, on_invalid="skip").counts
    assert counts["rows_in"] == 1205 == sum(counts[each] for each in BALANCE)
    assert (counts["failed"], counts["n_skipped"]) == (600, 600)
    assert counts["dropped_empty"] == counts["n_empty"] == 600
    assert len({each["id"] for each in counts["dropped"]}) == len(counts["dropped"]) == 1000
    assert all(each["reason"] for each in counts["dropped"])


def places(count: int) -> list[Any]:
    return [(i, float(i * i % 7), f"POINT({i} 0)") for i in range(count)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("unit", "srid", "factor", "word"),
    [
        ("auto", 27700, 1.0, "metres"),
        ("dataset", 27700, 1.0, "metres"),
        ("m", 27700, 1.0, "metres"),
        ("km", 27700, 1e-3, "kilometres"),
        ("ft", 27700, 1 / 0.3048, "feet"),
        ("mi", 27700, 1 / 1609.344, "miles"),
        ("auto", 2263, 1.0, "US survey feet"),
        ("m", 2263, 1200 / 3937, "metres"),
    ],
)
def test_distances_are_in_the_unit_that_is_asked_for(
    connection: Connection, mode: str, unit: str, srid: int, factor: float, word: str
) -> None:
    """One apart in the dataset's unit; what is as far as max_distance counts."""
    source = add_table(connection, places(4), srid=srid)
    given = {"source_dataset_id": source, "target_dataset_id": source, "output_mode": mode}
    run = run_analysis(connection, "nearest", given | {"distance_unit": unit, "limit": 9})
    expected = sorted(abs(i - j) * factor for i in range(4) for j in range(4) if i != j)
    assert sorted(run.column("distance")) == pytest.approx(expected, rel=1e-9)
    reach = given | {"distance_unit": unit, "max_distance": 1.5 * factor}
    near = run_analysis(connection, "nearest", reach | {"limit": 9})
    assert near.column("source_id") == [0, 1, 1, 2, 2, 3]
    name = near.relation.as_string(connection)
    said = connection.execute(
        "SELECT col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attname = 'distance'",
        (name,),
    ).fetchone()
    assert said == (f"distance to the target, in {word}",)
