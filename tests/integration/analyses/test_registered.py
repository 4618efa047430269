"""Tables that were there before: odd names, odd keys or none, views, partitions, AR1's layout."""

from typing import Any, LiteralString
from uuid import UUID

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from tests.integration.analyses.compare import assert_same
from tests.integration.analyses.layers import add_dataset
from tests.run_analysis import Row, Run, run_analysis

from geocrew.db import Connection
from geocrew.errors import InvalidParameters, UserError

MODES = ["static", "view", "materialized_view"]
ODD = [
    'he said "no"',
    "it's",
    "two words",
    "Capital",
    "select",
    "50 %s",
    "%(id)s",
    "{value}",
    "{}",
    "{{0}}",
    "back\\slash",
    "größe",
    "x" * 63,
    "ÿ" * 31,
    ".",
    "a;b--c",
]
WRITTEN = {"varchar(9)": "character varying(9)", 'text COLLATE "und-x-icu"': "text"}
RESULTS = ("gi_z", "gi_p", "gi_bin", "neighbors", "hotspot_class")
GRID: LiteralString = "FROM generate_series(1, 20) AS i"


def hotspots(connection: Connection, dataset_id: int, field: str = "value", **params: Any) -> Run:
    chosen = {"dataset_id": dataset_id, "value_field": field, "neighbor_type": "knn", "k_neighbors": 3}
    return run_analysis(connection, "hotspot_analysis", chosen | params)


def outliers(connection: Connection, dataset_id: int, field: str = "value", **params: Any) -> Run:
    return run_analysis(
        connection, "outlier_analysis", {"dataset_id": dataset_id, "value_field": field} | params
    )


def results(run: Run) -> list[Row]:
    return [{"id": row["id"]} | {name: row[name] for name in RESULTS} for row in run.rows()]


@pytest.fixture
def plain(connection: Connection) -> list[Row]:
    """The expected results: the same rows under plain names, ids 1 to 20."""
    connection.execute(
        "CREATE TABLE plain (id integer PRIMARY KEY, value float8, geom geometry(Point, 27700));"
        "INSERT INTO plain SELECT i, i * i % 17, ST_Point(i % 5, i * i % 7, 27700) " + GRID
    )
    return results(hotspots(connection, add_dataset(connection, "plain")))


@pytest.mark.parametrize("mode", MODES)
def test_odd_names(connection: Connection, plain: list[Row], mode: str) -> None:
    schema = f"My {{schema}} %s {mode}"
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    for number, name in enumerate(ODD):
        other = ODD[number - 1]
        table = sql.Identifier(schema, name)
        connection.execute(
            sql.SQL("CREATE TABLE {} AS SELECT id AS {}, value AS {}, geom AS {} FROM plain").format(
                table, *map(sql.Identifier, (other, name, f"{number} {{geom}} %"))
            )
        )
        dataset_id = add_dataset(
            connection, name, schema=schema, key=other, geometry=f"{number} {{geom}} %"
        )
        hot = hotspots(connection, dataset_id, name, output_mode=mode)
        assert_same(results(hot), plain)
        assert hot.dataset.name == f"Hot spots of {name} in {name}"
        assert {other, name} <= set(hot.types())
        for method in ("zscore", "mad"):
            assert (
                len(outliers(connection, dataset_id, name, output_mode=mode, method=method).rows()) == 20
            )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("key_type", "key"),
    [
        ("text", "chr(96 + i)"),
        # Capitals come first by bytes, and after their small letters in a dictionary.
        ('text COLLATE "und-x-icu"', "chr(CASE WHEN i <= 10 THEN 64 ELSE 86 END + i)"),
        ("varchar(9)", "chr(64 + i)"),
        ("uuid", "lpad(i::text, 32, '0')::uuid"),
        ("bigint", "i + 4000000000"),
        ("smallint", "i"),
        ("numeric", "i + 0.5"),
        ("date", "'2020-01-01'::date + i"),
    ],
)
def test_keys_of_any_type(
    connection: Connection, plain: list[Row], key_type: LiteralString, key: LiteralString, mode: str
) -> None:
    keys = sql.SQL(
        "CREATE TABLE keyed AS SELECT ({})::{} AS id, value, geom"
        " FROM plain, LATERAL (SELECT plain.id AS i) AS n ORDER BY random()"
    )
    connection.execute(keys.format(sql.SQL(key), sql.SQL(key_type)))
    run = hotspots(connection, add_dataset(connection, "keyed"), output_mode=mode)
    assert run.types()["source_id"] == WRITTEN.get(key_type, key_type)
    assert "id_1" not in run.types()
    found = results(run)
    if key_type == "bigint":
        found = [row | {"id": row["id"] - 4_000_000_000} for row in found]
    assert_same(found, plain)
    if key_type == "uuid":
        assert run.rows()[0]["source_id"] == UUID(int=1)


@pytest.mark.parametrize("mode", MODES)
def test_no_key_at_all(connection: Connection, plain: list[Row], mode: str) -> None:
    connection.execute("CREATE TABLE keyless AS SELECT * FROM plain ORDER BY id")
    dataset_id = add_dataset(connection, "keyless", key=None)
    run = hotspots(connection, dataset_id, output_mode=mode)
    assert_same(results(run), plain)
    assert run.column("id_1") == run.column("source_id") == list(range(1, 21))
    assert outliers(connection, dataset_id, output_mode=mode).column("id") == list(range(1, 21))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["view", "materialized_view", "partitioned", "inherited"])
def test_relations_that_are_no_plain_tables(
    connection: Connection, plain: list[Row], kind: str, mode: str
) -> None:
    if kind == "partitioned":
        connection.execute(
            "CREATE TABLE source (LIKE plain, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
            "CREATE TABLE low PARTITION OF source FOR VALUES FROM (0) TO (10);"
            "CREATE TABLE high PARTITION OF source FOR VALUES FROM (10) TO (100);"
            "INSERT INTO source SELECT * FROM plain"
        )
    elif kind == "inherited":  # the first row of each table has the address (0,1), and one version
        connection.execute(
            "CREATE TABLE source (LIKE plain, PRIMARY KEY (id));"
            "CREATE TABLE child () INHERITS (source);"
            "WITH low AS (INSERT INTO source SELECT * FROM plain WHERE id < 10)"
            "INSERT INTO child SELECT * FROM plain WHERE id >= 10"
        )
    else:
        made = sql.SQL("CREATE {} source AS SELECT * FROM plain")
        connection.execute(made.format(sql.SQL("VIEW" if kind == "view" else "MATERIALIZED VIEW")))
    dataset_id = add_dataset(connection, "source", kind="view" if kind == "view" else "table")
    assert_same(results(hotspots(connection, dataset_id, output_mode=mode)), plain)
    assert len(outliers(connection, dataset_id, output_mode=mode).rows()) == 20


def test_a_view_without_key_can_only_be_stored(connection: Connection, plain: list[Row]) -> None:
    connection.execute("CREATE VIEW source AS SELECT value, geom FROM plain ORDER BY id")
    dataset_id = add_dataset(connection, "source", key=None, kind="view")
    assert_same(results(hotspots(connection, dataset_id)), plain)
    with pytest.raises(UserError, match=r'no unique key.*choose output_mode "static"'):
        hotspots(connection, dataset_id, output_mode="view")


def test_results_can_be_analysed_again(connection: Connection, plain: list[Row]) -> None:
    connection.execute("CREATE TABLE first AS SELECT * FROM plain")
    dataset_id = add_dataset(connection, "first")
    for mode in MODES:
        stored = hotspots(connection, dataset_id, output_mode=mode)
        assert_same(results(stored), plain)
        again = hotspots(connection, stored.dataset.id, "gi_z", output_mode=mode)
        assert {"gi_z", "gi_z_1", "source_id", "source_id_1"} <= set(again.types())
        assert again.column("gi_z_1") == stored.column("gi_z")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("value_type", "values"),
    [
        ("integer", ["1", "5", "2", "7", "-2147483648", None]),
        ("bigint", ["1", "5", "2", "7", "9007199254740993", None]),
        ("float4", ["1", "5.5", "2", "7", "NaN", "-Infinity", None]),
        ("numeric", ["1", "5.5", "2", "7", "NaN", "Infinity", "1e400", "-1e400", "1e-400", None]),
        ("numeric(6, 2)", ["1", "5.5", "2", "7", "NaN", None]),
    ],
)
def test_numbers_of_any_type(
    connection: Connection, value_type: LiteralString, values: list[str | None], mode: str
) -> None:
    connection.execute(
        f"CREATE TABLE numbers (id int PRIMARY KEY, value {value_type}, geom geometry(Point, 27700))"
    )
    for number, value in enumerate(values):
        connection.execute(
            "INSERT INTO numbers VALUES (%s, %s, ST_Point(%s, 0, 27700))", (number, value, number)
        )
    dataset_id = add_dataset(connection, "numbers")
    usable = [n for n, each in enumerate(values) if each is not None and abs(float(each)) < 1e99]
    for run, column in (
        (hotspots(connection, dataset_id, output_mode=mode, k_neighbors=2), "gi_z"),
        (outliers(connection, dataset_id, output_mode=mode), "outlier_score"),
    ):
        found = [row["id"] for row in run.rows() if row[column] is not None]
        assert found == usable
        assert run.counts["n"] == len(usable)
        assert run.counts["n_null"] == len(values) - len(usable)
        assert run.counts["n_not_numeric"] == len(values) - len(usable) - 1
        assert run.types()["value"] == value_type.replace(" ", "").replace("float4", "real")


@pytest.mark.parametrize("mode", MODES)
def test_the_layout_of_ar1(connection: Connection, plain: list[Row], mode: str) -> None:
    """All attributes in one JSONB column; its keys are the fields, numeric by guarded cast."""
    connection.execute(
        "CREATE TABLE spatial_features (id serial PRIMARY KEY, geom geometry NOT NULL, properties jsonb,"
        " created_at timestamptz DEFAULT now())"
    )
    keys = ["value", 'it\'s "odd" {0} %s', "50 %", ""]
    for key, value, geom in connection.execute("SELECT id, value, geom FROM plain").fetchall():
        properties = dict.fromkeys(keys, value) | {keys[1]: f" {value:g} ", "name": f"n{key}"}
        connection.execute(
            "INSERT INTO spatial_features VALUES (%s, %s, %s)", (key, geom, Jsonb(properties))
        )
    odd = [{}, None, {"value": None}, {"value": "many"}, {"value": [1]}, {"value": True}, {"value": ""}]
    for each in odd:
        connection.execute(
            "INSERT INTO spatial_features (id, geom, properties) SELECT max(id) + 1, min(geom), %s"
            " FROM spatial_features",
            (None if each is None else Jsonb(each),),
        )
    fields = dict.fromkeys(keys, "real") | {"name": "text"}
    dataset_id = add_dataset(connection, "spatial_features", properties=("properties", fields))
    for key in keys[:3]:
        run = hotspots(connection, dataset_id, key, output_mode=mode)
        assert_same(results(run)[:20], plain)
        assert {row["gi_z"] for row in run.rows()[20:]} == {None}
        not_numeric = 4 if key == "value" else 0
        counts = run.counts
        assert (counts["n"], counts["n_null"], counts["n_not_numeric"]) == (20, 7, not_numeric)
        assert run.types()["properties"] == "jsonb"
        assert outliers(connection, dataset_id, key, output_mode=mode).counts["n_null"] == 7
    with pytest.raises(
        InvalidParameters, match=r'"name" is text, not numeric, .*numeric fields: .*value'
    ):
        hotspots(connection, dataset_id, "name")
    with pytest.raises(InvalidParameters, match='"created_at" is not in'):
        hotspots(connection, dataset_id, "created_at")


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_hardly_any_rows(connection: Connection, plain: list[Row], rows: int) -> None:
    assert plain
    connection.execute(
        sql.SQL("CREATE TABLE few AS SELECT * FROM plain ORDER BY id LIMIT {}").format(sql.Literal(rows))
    )
    for geometry in ("geometry(Point, 27700)", "geometry"):
        connection.execute(f"ALTER TABLE few ALTER geom TYPE {geometry}")
        connection.execute("DELETE FROM geocrew.datasets WHERE table_name = 'few'")
        dataset_id = add_dataset(connection, "few")
        with pytest.raises(UserError, match=f'"value" of dataset {dataset_id} has {rows} usable values'):
            run_analysis(
                connection,
                "hotspot_analysis",
                {"dataset_id": dataset_id, "value_field": "value", "distance": 1},
            )
        if rows < 2:
            with pytest.raises(UserError, match=f'"value" of dataset {dataset_id} has {rows} usable'):
                outliers(connection, dataset_id)
        else:
            assert len(outliers(connection, dataset_id).rows()) == 2
