"""Relations that are there already become datasets, untouched."""

import pyproj
import pytest
from psycopg import sql

from geocrew.datasets import catalog, reference_systems
from geocrew.datasets.layer import open_layer
from geocrew.datasets.registry import register
from geocrew.db import Connection
from geocrew.errors import NotFound, RefusedInput, UserError

ODD = ['a"b', "it's", "a b", "Select", "select", "x" * 63, "é;--", "%s", "{}"]


def make(connection: Connection, *statements: str) -> None:
    for each in statements:
        connection.execute(each)


@pytest.mark.parametrize("name", ODD)
def test_odd_names(name: str, connection: Connection) -> None:
    parts = {"n": sql.Identifier(name), "t": sql.Identifier(name, name)}
    connection.execute(sql.SQL("CREATE SCHEMA {n}").format(**parts))
    connection.execute(
        sql.SQL("CREATE TABLE {t} ({n} geometry(PointZ, 27700), key text PRIMARY KEY)").format(**parts)
    )
    connection.execute(
        sql.SQL("INSERT INTO {t} VALUES ('SRID=27700;POINT Z (1 2 3)', 'a'), (NULL, 'b')").format(
            **parts
        )
    )
    found = register(connection, name, name)
    assert catalog.get(connection, found.id) == found
    assert (found.registered, found.kind, found.name) == (True, "table", name)
    assert (found.schema_name, found.table_name, found.geometry_column, found.key_column) == (
        name,
        name,
        name,
        "key",
    )
    assert (found.geometry_type, found.srid) == ("PointZ", 27700)
    assert (found.row_count, found.null_geometry_count, found.bbox) == (2, 1, [1, 2, 1, 2])


@pytest.mark.parametrize(
    ("definition", "key"),
    [
        ("id int PRIMARY KEY", "id"),
        ("id int", None),
        ("a int, b int, PRIMARY KEY (a, b)", None),
        ("a int UNIQUE", None),
        ("a text NOT NULL UNIQUE, b int NOT NULL UNIQUE", "b"),
        ("a text PRIMARY KEY, b int NOT NULL UNIQUE", "a"),
    ],
)
def test_keys(definition: str, key: str | None, connection: Connection) -> None:
    make(connection, f"CREATE TABLE t ({definition}, geom geometry(Point, 4326))")
    assert register(connection, "public", "t").key_column == key


def test_partial_and_expression_indexes_are_no_keys(connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE t (a int NOT NULL, geom geometry(Point, 4326))",
        "CREATE UNIQUE INDEX ON t (a) WHERE a > 0",
        "CREATE UNIQUE INDEX ON t (abs(a))",
    )
    assert register(connection, "public", "t").key_column is None


def test_a_parent_with_children_has_no_key(connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry(Point, 4326))",
        "CREATE TABLE child () INHERITS (t)",
    )
    assert register(connection, "public", "t").key_column is None


@pytest.mark.parametrize(
    ("create", "kind"),
    [
        ("CREATE VIEW t AS SELECT * FROM base", "view"),
        ("CREATE MATERIALIZED VIEW t AS SELECT * FROM base", "materialized_view"),
        ("CREATE TABLE t (LIKE base INCLUDING ALL) PARTITION BY RANGE (id)", "table"),
        (
            "CREATE FOREIGN TABLE t (geom geometry(Point, 4326)) SERVER s OPTIONS (table_name 'base')",
            "table",
        ),
    ],
)
def test_kinds_of_relation(create: str, kind: str, connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE base (id int PRIMARY KEY, geom geometry(Point, 4326))",
        "INSERT INTO base VALUES (1, 'SRID=4326;POINT(1 2)')",
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'none')",
    )
    make(connection, create)
    if "FOREIGN" in create:
        make(
            connection,
            f"ALTER SERVER s OPTIONS (SET dbname '{connection.info.dbname}', ADD host "
            f"'{connection.info.host}')",
            f"CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user '{connection.info.user}')",
        )
    found = register(connection, "public", "t")
    assert (found.kind, found.geometry_type, found.srid) == (kind, "Point", 4326)
    assert found.row_count == (0 if "PARTITION" in create else 1)


@pytest.mark.parametrize(
    ("rows", "geometry_type", "srid"),
    [
        (["SRID=27700;POINT(0 0)"], "Point", 27700),
        (
            ["SRID=3857;POLYGON((0 0,0 1,1 1,0 0))", "SRID=3857;MULTIPOLYGON(((0 0,0 1,1 1,0 0)))"],
            "MultiPolygon",
            3857,
        ),
        (["LINESTRING(0 0,1 1)", "POINT(0 0)"], "Geometry", 0),
        ([], "Geometry", 0),
    ],
)
def test_columns_that_declare_nothing_are_read(
    rows: list[str], geometry_type: str, srid: int, connection: Connection
) -> None:
    make(
        connection,
        "CREATE TABLE t (geom geometry)",
    )
    for each in rows:
        connection.execute("INSERT INTO t VALUES (%s)", [each])
    found = register(connection, "public", "t")
    assert (found.geometry_type, found.srid) == (geometry_type, srid)


def test_several_srids_are_refused_with_counts(connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE t (geom geometry)",
        "INSERT INTO t VALUES ('SRID=4326;POINT(0 0)'), ('SRID=4326;LINESTRING(0 0,1 1)'), "
        "('SRID=3857;POINT(0 0)')",
    )
    with pytest.raises(
        RefusedInput, match=r'"geom" of public.t mixes several SRIDs \(3857: 1 rows, 4326: 2 rows\)'
    ):
        register(connection, "public", "t")
    assert catalog.listed(connection) == []


def test_what_is_no_dataset(connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE plain (id int)",
        "CREATE TABLE round (id int, place geography(Point))",
        "CREATE TABLE two (a geometry(Point, 4326), b geometry(Point, 4326))",
    )
    with pytest.raises(NotFound, match=r'no table or view "gone" in schema "public"'):
        register(connection, "public", "gone")
    with pytest.raises(RefusedInput, match=r'"public"."plain" has no geometry column'):
        register(connection, "public", "plain")
    with pytest.raises(RefusedInput, match=r'geography column "place"; register a view that casts it'):
        register(connection, "public", "round")
    with pytest.raises(RefusedInput, match=r'geometry_column=….*"a", "b"'):
        register(connection, "public", "two")
    with pytest.raises(RefusedInput, match=r'no geometry column "c"; it has: "a", "b"'):
        register(connection, "public", "two", geometry_column="c")
    first = register(connection, "public", "two", geometry_column="b")
    assert first.geometry_column == "b"
    with pytest.raises(UserError, match=rf'"public"."two" is dataset {first.id} already'):
        register(connection, "public", "two", geometry_column="a")


@pytest.mark.parametrize("kind", ["TABLE", "VIEW"])
def test_what_is_temporary_is_no_dataset(connection: Connection, kind: str) -> None:
    make(connection, f"CREATE TEMPORARY {kind} t AS SELECT 1 AS id, ST_Point(1, 2, 4326) AS geom")
    own = connection.execute("SELECT pg_my_temp_schema()::regnamespace::text").fetchone()
    for schema in (own or ("",))[0], "pg_temp":
        with pytest.raises(RefusedInput, match=rf'"{schema}"."t" is temporary: .* make a permanent'):
            register(connection, schema, "t")


AR1 = (
    "CREATE TABLE spatial_data_77 (id serial PRIMARY KEY, feature_id text, geometry_type text, "
    "properties jsonb,"
    " geometry jsonb, geom geometry(Geometry, 4326), created_at timestamp DEFAULT now())"
)


def test_ar1_layout(connection: Connection) -> None:
    make(connection, AR1)
    rows = [
        '{"n": 1, "r": 1.5, "dirty": "12", "code": "x7", "yes": true, "deep": {"a": 1}, "nul": null}',
        r"""{"it's \"q": 1}""",
        '{"n": "2", "r": 2, "dirty": "3.5", "code": "7", "yes": false, "deep": [1], "mixed": "a"}',
        '{"n": 3, "r": "1e3", "dirty": "n/a", "code": "abc", "yes": null, "mixed": 5}',
        '{"vast": 1e400}',
        "[1, 2]",
        "null",
    ]
    for each in rows:
        connection.execute(
            "INSERT INTO spatial_data_77 (properties, geom) VALUES (%s, 'SRID=4326;POINT(0 0)')", [each]
        )
    found = register(connection, "public", "spatial_data_77")
    assert found.properties_column == "properties"
    assert found.properties_fields == {
        "n": "integer",
        "r": "real",
        "dirty": "real",
        "code": "text",
        "yes": "boolean",
        "deep": "json",
        "it's \"q": "integer",
        "mixed": "integer",
        "vast": "text",
    }
    assert found.source["not_castable"] == {"dirty": 1, "mixed": 1}
    assert 'field "dirty": 1 values are no numbers and count as NULL' in found.source["notes"]
    assert (found.key_column, found.geometry_column, found.geometry_type) == ("id", "geom", "Point")


def test_domains_over_domains_are_what_they_are_at_bottom(connection: Connection) -> None:
    make(
        connection,
        "CREATE DOMAIN amount AS numeric(9, 2) CHECK (VALUE >= 0); CREATE DOMAIN price AS amount;"
        "CREATE DOMAIN shape AS geometry; CREATE DOMAIN site AS shape",
        "CREATE TABLE priced (id int PRIMARY KEY, price price, geom site)",
        "INSERT INTO priced VALUES (1, 3.5, 'SRID=27700;POINT(1 2)'), (2, 4, 'SRID=27700;POINT(3 4)')",
    )
    found = register(connection, "public", "priced")
    assert (found.geometry_type, found.srid) == ("Point", 27700)
    layer = open_layer(connection, found.id, found.user_id)
    assert {each.name: each.type for each in layer.fields} == {"id": "integer", "price": "real"}


def test_grads_are_refused(connection: Connection) -> None:
    """All geographic systems in grads, as pyproj knows them, and no others."""
    rows = connection.execute(
        "SELECT auth_srid, srtext FROM spatial_ref_sys"
        " WHERE auth_name = 'EPSG' AND srtext LIKE 'GEOGCS%'"
    ).fetchall()
    units = {srid: pyproj.CRS.from_wkt(text).axis_info[0].unit_name for srid, text in rows}
    grads = {srid for srid, unit in units.items() if unit == "grad"}
    assert 4807 in grads
    for srid in grads:
        with pytest.raises(RefusedInput, match=f"srid {srid} measures in grads"):
            reference_systems.check(connection, srid)
    assert all(reference_systems.check(connection, srid) for srid in set(units) - grads)


@pytest.mark.parametrize("force", ["ST_Force2D", "ST_Force3DM", "ST_Force4D"])
@pytest.mark.parametrize("multi", ["", "ST_Multi"])
def test_shapes_with_m_are_described_like_others(connection: Connection, force: str, multi: str) -> None:
    """GeometryType calls a point with M, but without Z, by a name of its own."""
    shapes = ("ST_Point(1, 2)", "ST_Point('NaN', 4)", "ST_Point(5, 'Infinity')", "ST_Point(3, 7)")
    rows = ", ".join(f"({multi}({force}({shape})))" for shape in shapes)
    connection.execute(f"CREATE TABLE t AS SELECT geom FROM (VALUES {rows}) AS v(geom)".encode())
    found = register(connection, "public", "t")
    assert found.bbox == [1, 2, 3, 7]
    kind = "MultiPoint" if multi else "Point"
    assert found.geometry_type == kind + ("Z" if force == "ST_Force4D" else "")
