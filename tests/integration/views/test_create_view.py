"""What a view has whatever its query: an id, one geometry, counts; and what its maker is told."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.run_analysis import Run, run_analysis
from tests.waiting import wait_for

from geocrew import analyses
from geocrew.datasets import catalog, registry
from geocrew.db import Connection, connect
from geocrew.errors import InvalidParameters, UserError
from geocrew.views import create


@pytest.fixture
def source(connection: Connection) -> int:
    """`odd`: a registered table with names that need quotes, shapes of no declared type, a NULL."""
    connection.execute(
        'CREATE SCHEMA "Town Hall"; CREATE TABLE "Town Hall"."odd ""one"""'
        ' (gid int PRIMARY KEY, id text, "SELECT" int, "a b" text, shape geometry);'
        'INSERT INTO "Town Hall"."odd ""one""" VALUES'
        " (1, 'x', 1, 'one', 'SRID=27700;POLYGON((0 0, 1 0, 1 1, 0 0))'),"
        " (2, 'x', 2, 'two', 'SRID=27700;MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)))'),"
        " (3, 'y', NULL, NULL, 'SRID=27700;POLYGON EMPTY'), (4, 'z', 4, 'four', NULL)"
    )
    return registry.register(connection, "Town Hall", 'odd "one"').id


def view(connection: Connection, source: int, query: str, **params: Any) -> Run:
    given = {"source_dataset_id": source, "query": query.replace("{}", f"spatial_data_{source}")}
    return run_analysis(connection, "create_view", given | params)


def told(connection: Connection, source: int, query: str, **params: Any) -> str:
    with pytest.raises(UserError) as caught:
        view(connection, source, query, **params)
    left = "SELECT count(*) FROM pg_class WHERE relnamespace = 'geocrew_staging'::regnamespace"
    assert connection.execute(left).fetchone() == (0,)
    return str(caught.value)


@pytest.mark.parametrize("materialized", [False, True])
def test_a_row_id_is_made_and_shapes_become_one_type(
    connection: Connection, source: int, materialized: bool
) -> None:
    run = view(connection, source, "SELECT * FROM {}", materialized=materialized)
    assert run.types() == {
        "id": "bigint",
        "gid": "integer",
        "id_1": "text",
        "SELECT": "integer",
        "a b": "text",
        "geom": "geometry(MultiPolygon,27700)",
    }
    assert [row["gid"] for row in run.rows()] == [1, 2, 3, 4]
    assert run.rows()[0]["geom"] == "SRID=27700;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"
    dataset = run.dataset
    assert (dataset.row_count, dataset.null_geometry_count, dataset.srid) == (4, 1, 27700)
    assert (dataset.bbox, dataset.key_column, dataset.geometry_type) == (
        [0, 0, 1, 1],
        "id",
        "MultiPolygon",
    )
    counts = run.counts
    assert (counts["rows_in"], counts["rows_out"], counts["n_empty"]) == (4, 4, 2)


@pytest.mark.parametrize("materialized", [False, True])
def test_a_reserved_dataset_becomes_a_view_of_a_role_without_login(
    connection: Connection, source: int, materialized: bool
) -> None:
    reserved = catalog.reserve(connection, "waiting")
    given = {
        "output_dataset_id": reserved,
        "output_name": 'My "view" of %s',
        "materialized": materialized,
    }
    for more in ({"query": f"SELECT gid AS id, shape FROM spatial_data_{source}"}, {"columns": ["a b"]}):
        params = {"source_dataset_id": source} | given | more
        run = run_analysis(connection, "create_view", params)
        assert catalog.get(connection, run.dataset.id) == run.dataset
        assert (run.dataset.id == reserved, run.dataset.name) == ("query" in more, 'My "view" of %s')
        owner = connection.execute(
            "SELECT rolname, rolcanlogin, rolsuper FROM pg_class"
            " JOIN pg_roles ON pg_roles.oid = relowner WHERE pg_class.oid = to_regclass(%s)",
            (run.relation.as_string(connection),),
        ).fetchone()
        assert owner == ("geocrew_views", False, False)
        given["output_dataset_id"] = catalog.reserve(connection, "another")


@pytest.mark.parametrize(
    "name", ["50 %s", "{}", "%(id)s", "back\\slash", "it's", "select", "x" * 63, "ÿ" * 31]
)
def test_columns_of_odd_names_are_chosen_and_compared(connection: Connection, name: str) -> None:
    connection.execute(
        sql.SQL(
            "CREATE TABLE named AS SELECT i AS id, i * 2 AS {}, ST_Point(i, i, 4326) AS geom"
            " FROM generate_series(1, 5) AS i"
        ).format(sql.Identifier(name))
    )
    named = registry.register(connection, "public", "named").id
    quoted = name.replace('"', '""')
    for where in (f'"{quoted}" > 6', {"op": ">", "args": [{"property": name}, 6]}):
        params = {"source_dataset_id": named, "columns": [name], "where": where}
        assert run_analysis(connection, "create_view", params).column(name) == [8, 10]


@pytest.mark.parametrize("materialized", [False, True])
def test_what_shapes_lose_is_told(connection: Connection, materialized: bool) -> None:
    connection.execute(
        "CREATE TABLE bent (id int PRIMARY KEY, geom geometry); INSERT INTO bent VALUES"
        " (1, 'SRID=27700;CIRCULARSTRING M(0 0 1, 1 1 2, 2 0 3)')"
    )
    bent = registry.register(connection, "public", "bent").id
    run = view(connection, bent, "SELECT * FROM {}", materialized=materialized)
    assert run.types()["geom"] == "geometry(MultiLineString,27700)"
    assert run.counts["notes"][:2] == [
        "M values of the shapes are not kept",
        "curves were replaced by short straight lines",
    ]


def test_a_chosen_id_is_kept(connection: Connection, source: int) -> None:
    run = view(connection, source, "SELECT gid + 10 AS id, shape FROM {}")
    assert run.column("id") == [11, 12, 13, 14]
    assert list(run.types()) == ["id", "geom"]


@pytest.mark.parametrize("materialized", [False, True])
@pytest.mark.parametrize("chosen", ["1 AS id", '"SELECT" AS id'])
def test_an_id_that_identifies_nothing_is_refused(
    connection: Connection, source: int, chosen: str, materialized: bool
) -> None:
    message = told(connection, source, f"SELECT {chosen}, shape FROM {{}}", materialized=materialized)
    assert 'query yields an "id" that does not identify its rows' in message
    assert "a row id is made" in message


def test_numbers_do_not_depend_on_the_order_of_rows(connection: Connection, source: int) -> None:
    first = view(connection, source, "SELECT id, shape FROM {}").rows()
    connection.execute('UPDATE "Town Hall"."odd ""one""" SET gid = gid WHERE gid < 3')
    assert view(connection, source, "SELECT id, shape FROM {}").rows() == first


def test_a_plain_column_is_the_table_s_own(connection: Connection) -> None:
    """The spatial index of the table serves the view."""
    connection.execute(
        "CREATE TABLE many (id int PRIMARY KEY, geom geometry(Point, 4326));"
        "INSERT INTO many SELECT i, ST_Point(i % 180, i % 90, 4326) FROM generate_series(1, 20000) AS i;"
        "CREATE INDEX many_geom ON many USING gist (geom); ANALYZE many"
    )
    source = registry.register(connection, "public", "many").id
    run = view(connection, source, "SELECT id, geom FROM {} WHERE id > 5")
    box = "ST_MakeEnvelope(10, 10, 10.5, 10.5, 4326)"
    plan = connection.execute(f"EXPLAIN SELECT * FROM {run.dataset.table_name} WHERE geom && {box}")
    assert any("many_geom" in line for (line,) in plan.fetchall())
    assert run.counts["notes"] == ["the view finds its rows anew whenever it is read."]
    computed = view(connection, source, "SELECT ST_Buffer(geom, 1) AS geom FROM {}")
    assert "cannot use the spatial index" in computed.counts["notes"][0]
    assert '"materialized": true' in computed.counts["notes"][0]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT gid FROM {}", "query yields no geometry column, and a view has one; columns: gid"),
        (
            "SELECT shape, ST_Centroid(shape) AS middle FROM {}",
            'query yields several geometry columns ("shape", "middle"); a view has one',
        ),
        (
            "SELECT ST_SetSRID(ST_Centroid(shape), 4326)::geography AS place FROM {}",
            'query yields no geometry column, and a view has one; cast "place" to geometry',
        ),
        (
            "SELECT CASE WHEN gid = 1 THEN shape ELSE ST_Transform(shape, 4326) END AS g FROM {}",
            '"g" holds shapes of several SRIDs (SRID 4326: 2 rows, SRID 27700: 1 rows);',
        ),
        (
            "SELECT ST_SetSRID(shape, 0) AS g FROM {}",
            '"g" has lost its SRID on the way (ST_Extent and boxes have none);',
        ),
        (
            "SELECT ST_SetSRID(shape, 990099) AS g FROM {}",
            "srid 990099 is not in the table spatial_ref_sys",
        ),
        ("SELECT shape, gid, gid FROM {}", 'query: column "gid" specified more than once'),
        ("SELECT shape, gid + 'x' FROM {}", 'query: invalid input syntax for type integer: "x"'),
        ("SELECT shape, 1 / (gid - 1) AS x FROM {} WHERE 1 / 0 = 1", "query: division by zero"),
        (
            "SELECT shape, abs(shape) FROM {}",
            "query: function pg_catalog.abs(geometry) does not exist",
        ),
        ("SELECT id, shape FROM {} GROUP BY id", 'query: column "spatial_data_'),
        ("SELECT ROW(1, 2) AS r, shape FROM {}", 'query: column "r" has pseudo-type record'),
        ("SELECT nothing, shape FROM {}", 'query: "nothing" is no column of what the query reads'),
    ],
)
def test_what_is_wrong_is_told(connection: Connection, source: int, query: str, message: str) -> None:
    assert told(connection, source, query).startswith(message)


@pytest.fixture
def bulk(connection: Connection) -> int:
    connection.execute(
        "CREATE TABLE bulk AS SELECT i, ST_Point(i, i, 4326) AS geom FROM generate_series(1, 9999) AS i"
    )
    return registry.register(connection, "public", "bulk").id


def test_what_takes_too_long_to_read_is_stopped(
    connection: Connection, bulk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "READ_SECONDS", 0.2)
    slow = "SELECT a.geom FROM {} AS a, {} AS b, {} AS c WHERE sqrt(a.i + b.i + c.i) < 0"
    message = told(connection, bulk, slow)
    assert message.startswith("query takes too long (10 s to plan, 0.2 s to read all)")
    assert '"materialized": true' in message
    row = connection.execute("SHOW statement_timeout").fetchone()
    assert row == ("0",)


def test_a_query_that_somebody_cancels_has_not_taken_too_long(
    connection: Connection, database: str, bulk: int
) -> None:
    slow = "SELECT a.geom FROM {} AS a, {} AS b, {} AS c WHERE sqrt(a.i + b.i + c.i) < 0"
    cancel = (
        "SELECT bool_or(pg_cancel_backend(pid)) FROM pg_stat_activity"
        " WHERE pid = %s AND state = 'active' AND query NOT LIKE 'EXPLAIN%%' AND query LIKE '%%query%%'"
        " AND clock_timestamp() > query_start + interval '0.2 s'"
    )
    with ThreadPoolExecutor() as pool, connect(database, "canceller") as other:
        made = pool.submit(view, connection, bulk, slow)
        pid = connection.info.backend_pid
        wait_for(lambda: (other.execute(cancel, (pid,)).fetchone() or [None])[0], 30, "the query")
        with pytest.raises(psycopg.errors.QueryCanceled):
            made.result(30)


@pytest.mark.parametrize("materialized", [False, True])
def test_what_takes_too_long_to_plan_is_stopped(
    connection: Connection, bulk: int, monkeypatch: pytest.MonkeyPatch, materialized: bool
) -> None:
    monkeypatch.setattr(create, "PLAN_SECONDS", 0.001)
    joins = "".join(f" JOIN {{}} AS t{i} USING (i)" for i in range(60))
    message = told(connection, bulk, f"SELECT t.geom FROM {{}} AS t{joins}", materialized=materialized)
    assert message.startswith("query takes too long (0.001 s to plan")


def test_a_stored_view_may_take_as_long_as_its_job(
    connection: Connection, bulk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "READ_SECONDS", 0.02)
    each = "(SELECT sum(sqrt(a.i + b.i)) FROM {} AS b)"
    slow = f"SELECT a.i AS id, a.geom FROM {{}} AS a WHERE a.i <= 200 AND {each} > 0"
    assert told(connection, bulk, slow).startswith("query takes too long")
    assert view(connection, bulk, slow, materialized=True).dataset.row_count == 200


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "query, or columns and where in its place, is required"),
        ({"query": "SELECT 1", "columns": ["a"]}, "query and columns exclude each other"),
        (
            {"query": "SELECT 1", "where": "a = 1", "columns": ["a"]},
            "query and columns and where exclude",
        ),
        ({"query": ""}, "query should have at least 1 character"),
        ({"columns": []}, "columns should have at least 1 item"),
        ({"query": "x" * 20_001}, "query should have at most 20000 characters"),
        ({"query": "SELECT 1", "output_mode": "view"}, 'unknown parameter "output_mode"'),
    ],
)
def test_parameters_are_checked(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidParameters, match=problem):
        analyses.find("create_view").parse({"source_dataset_id": 1} | given)


def test_rasters_are_no_tables(connection: Connection, source: int) -> None:
    reserved = catalog.reserve(connection, "waiting")
    assert f"dataset {reserved} is a reserved; a view reads tables" in told(
        connection, source, f"SELECT shape FROM {{}} JOIN spatial_data_{reserved} USING (id)"
    )


def test_two_tables_of_one_name_need_their_schema(connection: Connection, source: int) -> None:
    connection.execute(
        "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.t (id int, geom geometry(Point, 4326));"
        "CREATE TABLE b.t (id int, geom geometry(Point, 4326))"
    )
    one, two = registry.register(connection, "a", "t").id, registry.register(connection, "b", "t").id
    message = told(connection, source, "SELECT * FROM t")
    assert f'table "t" may be a.t ({one}), b.t ({two}); write SCHEMA.TABLE' in message
    assert view(connection, source, "SELECT id, geom FROM b.t").counts["read_dataset_ids"] == [two]


def test_a_foreign_table_is_read_through_a_view_of_its_owner(connection: Connection) -> None:
    server = sql.SQL(
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname {}, host {})"
    ).format(connection.info.dbname, connection.info.host)
    mapping = sql.SQL("CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere OPTIONS (user {})")
    connection.execute("CREATE EXTENSION postgres_fdw")
    connection.execute(server)
    connection.execute(mapping.format(connection.info.user))
    connection.execute(
        "CREATE TABLE near (id int PRIMARY KEY, geom geometry(Point, 27700));"
        "INSERT INTO near SELECT i, ST_Point(i, i, 27700) FROM generate_series(1, 5) AS i;"
        "CREATE FOREIGN TABLE far (id int, geom geometry(Point, 27700)) SERVER elsewhere"
        " OPTIONS (table_name 'near');"
        "CREATE VIEW seen AS SELECT * FROM far"
    )
    far = registry.register(connection, "public", "far").id
    seen = registry.register(connection, "public", "seen").id
    said = told(connection, far, "SELECT id, geom FROM {}")
    assert said == (
        "query reads a foreign table with the rights of geocrew_views, which has no user mapping for its"
        " server; make a view or a materialized view of the table and register that, which is read with"
        " its owner's rights"
    )
    for materialized in (False, True):
        run = view(connection, seen, "SELECT id, geom FROM {} WHERE id > 3", materialized=materialized)
        assert run.column("id") == [4, 5]
