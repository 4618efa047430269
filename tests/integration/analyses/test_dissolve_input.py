"""What dissolve makes of odd input: shapes, types of keys, names, and other kinds of tables."""

from typing import Any, LiteralString

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from tests.integration.analyses.layers import add_dataset, add_table
from tests.integration.analyses.test_dissolve import MODES, box, dissolve, shapes, towns
from tests.run_analysis import run_analysis

from geocrew.analyses.parts import groups_shapes
from geocrew.db import Connection, connect
from geocrew.errors import SourceChanged, UserError
from geocrew.kernels.coverage import unite

BOW_TIE = "POLYGON((20 0, 22 2, 22 0, 20 2, 20 0))"
FLAT = "POLYGON((50 0, 51 0, 52 0, 50 0))"


def broken(connection: Connection) -> int:
    rows = [(1, 1.0, box(0, 0, 1, 1)), (2, 1.0, BOW_TIE), (3, 1.0, FLAT), (4, 2.0, box(9, 0, 10, 1))]
    return add_table(connection, rows, geometry_type="Polygon")


@pytest.mark.parametrize("mode", MODES)
def test_invalid_shapes(connection: Connection, mode: str) -> None:
    params = {"dissolve_field": "value", "output_mode": mode}
    run = dissolve(connection, broken(connection), **params)
    query = sql.SQL("SELECT ST_Area(geom), ST_IsValid(geom) FROM {} ORDER BY id").format(run.relation)
    assert connection.execute(query).fetchall() == [(3.0, True), (1.0, True)]
    counts = run.counts
    assert run.column("feature_count") == [2, 1]
    assert (counts["rows_in"], counts["rows_out"], counts["n_repaired"], counts["failed"]) == (
        4,
        3,
        1,
        1,
    )
    assert counts["dropped"] == [
        {"id": 3, "reason": "its shape is invalid, and nothing is left of it after repair"}
    ]
    assert "1 invalid shapes could not be repaired and are left out" in counts["notes"]
    run = dissolve(connection, broken(connection), on_invalid="skip", **params)
    assert run.column("feature_count") == [1, 1]
    assert (run.counts["rows_in"], run.counts["rows_out"], run.counts["failed"]) == (4, 2, 2)
    assert [each["id"] for each in run.counts["dropped"]] == [2, 3]
    with pytest.raises(UserError, match="has 2 invalid geometries, the first with id 2, 3"):
        dissolve(connection, broken(connection), on_invalid="fail", **params)


@pytest.mark.parametrize("mode", MODES)
def test_twins_that_are_nothing_beside_a_large_shape_do_not_vanish(
    connection: Connection, mode: str
) -> None:
    small = box(200_000, 0, 200_001, 1)
    rows = [(1, 1.0, box(0, 0, 100_000, 100_000)), (2, 1.0, small), (3, 1.0, small)]
    run = dissolve(
        connection, add_table(connection, rows), dissolve_mode="all", multipart=False, output_mode=mode
    )
    query = sql.SQL("SELECT ST_Area(geom) FROM {} ORDER BY id").format(run.relation)
    assert connection.execute(query).fetchall() == [(1e10,), (1.0,)]


@pytest.mark.parametrize("mode", MODES)
def test_z_m_and_curves(connection: Connection, mode: str) -> None:
    square = "POLYGON ZM(({0} 0 1 7, {1} 0 2 7, {1} 1 3 7, {0} 1 4 7, {0} 0 1 7))"
    rows = [(1, 1.0, square.format(0, 1)), (2, 1.0, square.format(5, 6))]
    params = {"dissolve_field": "value", "output_mode": mode}
    run = dissolve(connection, add_table(connection, rows, geometry_type="PolygonZM"), **params)
    assert run.types()["geom"] == "geometry(MultiPolygonZ,27700)"
    assert "1 0 2" in run.rows()[0]["geom"]
    assert "M values of the shapes are not kept" in run.counts["notes"]
    arc = [(1, 1.0, "CURVEPOLYGON(CIRCULARSTRING(0 0, 2 0, 0 0))"), (2, 1.0, box(8, 8, 9, 9))]
    run = dissolve(connection, add_table(connection, arc), **params)
    query = sql.SQL("SELECT ST_Area(geom) FROM {}").format(run.relation)
    assert connection.execute(query).fetchone() == (pytest.approx(4.1415, abs=0.01),)
    assert "curves were replaced by short straight lines" in run.counts["notes"]


@pytest.mark.parametrize("mode", MODES)
def test_mixed_dimensions(connection: Connection, mode: str) -> None:
    rows = [(1, 1.0, box(0, 0, 1, 1)), (2, 1.0, "POINT(1 1)"), (3, 2.0, "MULTIPOINT(1 1)")]
    params = {"dissolve_field": "value", "output_mode": mode}
    dataset_id = add_table(connection, rows)
    with pytest.raises(UserError, match=f"dataset {dataset_id} mixes .*: 2 points, 1 polygons; make a"):
        dissolve(connection, dataset_id, **params)
    rows = [(1, 1.0, "GEOMETRYCOLLECTION(POINT(0 0), LINESTRING(0 0, 1 1))")]
    with pytest.raises(UserError, match="1 collections"):
        dissolve(connection, add_table(connection, rows), **params)
    rows = [(1, 1.0, box(0, 0, 1, 1)), (2, 1.0, "POINT EMPTY"), (3, 1.0, "GEOMETRYCOLLECTION EMPTY")]
    run = dissolve(connection, add_table(connection, rows), **params)
    assert run.types()["geom"] == "geometry(MultiPolygon,27700)"
    assert shapes(run) == ["MULTIPOLYGON(((0 0,0 1,1 1,1 0,0 0)))"]
    rows = [(1, 1.0, "LINESTRING(0 0, 1 1)"), (2, 1.0, "POLYGON((5 5, 6 6, 5 5, 5 5))")]
    run = dissolve(connection, add_table(connection, rows), **params)
    assert shapes(run) == ["MULTILINESTRING((0 0,1 1))"]
    assert (run.counts["rows_out"], run.counts["failed"]) == (1, 1)


KEYS: list[tuple[LiteralString, list[Any], list[str | None]]] = [
    ("text", ["b", "a", "b", None, "B", ""], ["", "B", "a", "b", None]),
    ('text COLLATE "und-x-icu"', ["b", "a", "b", None, "B", ""], ["", "B", "a", "b", None]),
    ("varchar(3)", ["b", "a", "b", None], ["a", "b", None]),
    ("char(3)", ["b", "a", "b", None], ["a  ", "b  ", None]),
    ("integer", [10, 9, 10, None], ["9", "10", None]),
    ("bigint", [4000000000, 9, None], ["9", "4000000000", None]),
    ("boolean", [True, False, True, None], ["False", "True", None]),
    ("date", ["2020-01-02", "2019-12-31", None], ["2019-12-31", "2020-01-02", None]),
    ("float8", [0.5, -0.0, 0.0, "NaN", "-Infinity", None], ["-inf", "-0.0", "0.5", "nan", None]),
    ("float4", [0.5, 0.25, None], ["0.25", "0.5", None]),
    ("numeric", ["1.00", "1.0", "1", "0.5", None], ["0.5", "1", None]),
    ("numeric(6, 2)", ["1", "0.5", None], ["0.50", "1.00", None]),
    ("jsonb", [Jsonb({"a": 1}), Jsonb({"a": 1}), Jsonb(None), None], ["None", "{'a': 1}", None]),
    ("text[]", [["b"], ["a"], ["b"], None], ["['a']", "['b']", None]),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("key_type", "values", "expected"), KEYS)
def test_keys_of_any_type(
    connection: Connection, key_type: LiteralString, values: list[Any], expected: list[Any], mode: str
) -> None:
    connection.execute(
        sql.SQL("CREATE TABLE keyed (id int PRIMARY KEY, key {}, geom geometry(Point, 27700))").format(
            sql.SQL(key_type)
        )
    )
    for number, value in enumerate(values):
        connection.execute(
            "INSERT INTO keyed VALUES (%s, %s, ST_Point(%s, 0, 27700))", (number, value, number)
        )
    run = dissolve(connection, add_dataset(connection, "keyed"), dissolve_field="key", output_mode=mode)
    found = [None if key is None else str(key) for key in run.column("key")]
    if key_type == "jsonb":  # JSON's null is a value, and reads as None too
        found, expected = [str(each) for each in found], [str(each) for each in expected]
    assert found == expected
    assert sum(run.column("feature_count")) == len(values)
    declared = connection.execute(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'keyed'::regclass AND attname = 'key'"
    ).fetchone()
    assert declared == (run.types()["key"],)


@pytest.mark.parametrize("mode", MODES)
def test_the_layout_of_ar1(connection: Connection, mode: str) -> None:
    connection.execute(
        "CREATE TABLE spatial_features (id serial PRIMARY KEY, geom geometry NOT NULL, properties jsonb)"
    )
    odd = 'it\'s "odd" {0} %s'
    for properties in (
        {"state": "A", "people": 10, odd: 1},
        {"state": "A", "people": " 32 "},
        {"state": "A", "people": "many"},
        {"state": 5, "people": None},
        {"state": None, "people": 7},
        {"people": 8},
        None,
    ):
        connection.execute(
            "INSERT INTO spatial_features (geom, properties) VALUES (ST_Point(1, 1, 27700), %s)",
            (None if properties is None else Jsonb(properties),),
        )
    fields = {"state": "text", "people": "real", odd: "integer"}
    dataset_id = add_dataset(connection, "spatial_features", properties=("properties", fields))
    run = dissolve(
        connection,
        dataset_id,
        dissolve_field="state",
        aggregation_fields={"people": ["sum", "count", "first"], odd: "sum", "state": "max"},
        output_mode=mode,
    )
    assert run.column("state") == ["5", "A", None]
    assert run.column("feature_count") == [1, 3, 3]
    assert run.column("people_sum") == [None, 42.0, 15.0]
    assert run.column("people_count") == [0, 3, 2]
    assert run.column("people_first") == [None, 10.0, 7.0]
    assert run.column(f"{odd}_sum") == [None, 1.0, None]
    assert run.column("state_max") == ["5", "A", None]
    assert run.counts["n_not_numeric"] == {"people": 1, odd: 0}
    run = dissolve(
        connection,
        dataset_id,
        dissolve_mode="custom",
        custom_field="people",
        custom_groups=[{"name": "ten", "values": [10]}, {"name": "rest", "values": ["many", 7.0]}],
        output_mode=mode,
    )
    assert run.column("feature_count") == [1, 2]


ODD = [
    'he said "no"',
    "select",
    "50 %s",
    "{value}",
    "back\\slash",
    "x" * 63,
    "ÿ" * 31,
    "id",
    "geom",
    "feature_count",
]


def test_large_numbers_of_ar1_come_to_the_same_in_any_order(connection: Connection) -> None:
    """They are float8, of which 2^53 + 1 is none: the order of the rows must not decide."""
    sums = []
    for order in ("value", "-value"):
        connection.execute("DROP TABLE IF EXISTS numbered")
        connection.execute(
            "CREATE TABLE numbered AS SELECT ST_Point(1, 1, 27700) AS geom,"
            " jsonb_build_object('people', value) AS properties"
            " FROM unnest(ARRAY[1, 1, 1, 9007199254740992]) AS value ORDER BY " + order
        )
        layout = ("properties", {"people": "integer"})
        dataset_id = add_dataset(connection, "numbered", key=None, properties=layout)
        run = dissolve(connection, dataset_id, dissolve_mode="all", aggregation_fields={"people": "sum"})
        sums += run.column("people_sum")
        connection.execute("DELETE FROM geocrew.datasets WHERE id = %s", (dataset_id,))
    assert sums == [2.0**53 + 4] * 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ODD)
def test_odd_names(connection: Connection, name: str, mode: str) -> None:
    connection.execute(
        sql.SQL(
            "CREATE TABLE {0} AS SELECT i AS key, i % 2 AS {0}, ST_Point(i, 0, 27700) AS shape"
            " FROM generate_series(1, 4) AS i"
        ).format(sql.Identifier(name))
    )
    dataset_id = add_dataset(connection, name, key="key", geometry="shape")
    params = {"aggregation_fields": {name: ["sum", "max", "sum"], "key": "min"}, "output_mode": mode}
    run = dissolve(connection, dataset_id, dissolve_field=name, **params)
    taken = name in ("id", "geom", "feature_count")
    key = f"{name}_1" if taken else name
    cut = name.encode()[:59].decode(errors="ignore")
    again = f"{cut}_sum".encode()[:61].decode(errors="ignore") + "_1"
    assert list(run.types()) == [
        "id", key, "feature_count", f"{cut}_sum", f"{cut}_max", again, "key_min", "geom"
    ]  # fmt: skip
    assert run.column(key) == [0, 1]
    assert run.column(f"{cut}_sum") == run.column(again) == [0, 2]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["view", "partitioned", "keyless"])
def test_relations_of_other_kinds(connection: Connection, kind: str, mode: str) -> None:
    towns(connection)
    if kind == "partitioned":
        connection.execute(
            "CREATE TABLE source (LIKE towns) PARTITION BY RANGE (id);"
            "CREATE TABLE low PARTITION OF source FOR VALUES FROM (0) TO (3);"
            "CREATE TABLE high PARTITION OF source FOR VALUES FROM (3) TO (100);"
            "INSERT INTO source SELECT * FROM towns"
        )
    else:
        connection.execute("CREATE VIEW source AS SELECT * FROM towns")
    key = None if kind == "keyless" else "id"
    dataset_id = add_dataset(connection, "source", key=key, kind="view" if kind == "view" else "table")
    run = dissolve(connection, dataset_id, dissolve_field="state", output_mode=mode)
    assert run.column("feature_count") == [2, 2, 1]
    if kind == "keyless" and mode != "static":
        with pytest.raises(UserError, match=r'no unique key.*"first".*output_mode "static"'):
            dissolve(
                connection,
                dataset_id,
                dissolve_field="state",
                aggregation_fields={"people": "first"},
                output_mode=mode,
            )


def test_a_change_while_shapes_are_read(
    connection: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_shapes, "_BATCH_BYTES", 1)
    dataset_id = towns(connection)

    def change(_share: float, message: str) -> None:
        if message == "merging shapes":  # the job's own session is busy with them
            with connect(database, "another") as other:
                other.execute("UPDATE towns SET people = 5 WHERE id = 3")

    with pytest.raises(SourceChanged, match=f"dataset {dataset_id} was changed"):
        run_analysis(
            connection,
            "dissolve",
            {"source_dataset_id": dataset_id, "dissolve_field": "state"},
            on_progress=change,
        )


def test_a_group_that_cannot_be_merged_fails_alone(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unite_singles(shapes: Any, *others: Any) -> Any:
        return unite(shapes, *others) if len(shapes) == 1 else None

    monkeypatch.setattr("geocrew.analyses.parts.groups_shapes.unite", unite_singles)
    run = dissolve(connection, towns(connection), dissolve_field="state")
    assert run.column("state") == [None]
    counts = run.counts
    assert (counts["rows_in"], counts["rows_out"], counts["failed"], counts["n_groups"]) == (7, 1, 4, 1)
    reasons = {each["id"]: each["reason"] for each in counts["dropped"]}
    assert reasons[1] == "the shapes of its group could not be merged"
    assert sorted(reasons) == [1, 2, 3, 5, 6, 7]
