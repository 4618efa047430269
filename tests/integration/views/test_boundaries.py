"""What holds whatever a query says: whose data it reads, what its names come to mean, who makes it."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.run_analysis import Run, run_analysis

from geocrew.datasets import registry
from geocrew.db import Connection, connect
from geocrew.errors import ConfigurationError, NotFound, UserError
from geocrew.schema.migrate import migrate
from geocrew.submit import submit
from geocrew.views import allowed, definition
from geocrew.views.definition import verify
from geocrew.views.role import confined, grant
from geocrew.views.tables import ReadableTables

if TYPE_CHECKING:
    from tests.cluster import Cluster

TWO, THREE = 2, 3


def add_places(connection: Connection, name: str, user_id: int = 1, schema: str = "public") -> int:
    table = sql.Identifier(schema, name)
    connection.execute(
        sql.SQL(
            "CREATE TABLE {0} (id int PRIMARY KEY, title text, geom geometry(Point, 4326));"
            "INSERT INTO {0} SELECT i, 'p' || i, ST_Point(i, i, 4326) FROM generate_series(1, 5) AS i"
        ).format(table)
    )
    return registry.register(connection, schema, name, user_id=user_id).id


def view(connection: Connection, source: int, query: str, user_id: int = 1, **params: Any) -> Run:
    given = {"source_dataset_id": source, "query": query} | params
    return run_analysis(connection, "create_view", given, user_id=user_id)


@pytest.fixture
def ours(connection: Connection) -> int:
    return add_places(connection, "ours", TWO)


@pytest.fixture
def theirs(connection: Connection) -> int:
    return add_places(connection, "theirs", THREE)


def refusal(connection: Connection, source: int, query: str, user_id: int = TWO) -> str:
    """The same words when a job is submitted and when it is run."""
    params = {"source_dataset_id": source, "query": query}
    with pytest.raises(UserError) as at_submit:
        submit(connection, "create_view", params, user_id=user_id)
    with pytest.raises(UserError) as at_run:
        view(connection, source, query, user_id)
    assert str(at_submit.value) == str(at_run.value)
    assert connection.execute("SELECT count(*) FROM background_jobs").fetchone() == (0,)
    return str(at_run.value)


def test_another_users_dataset_does_not_exist(connection: Connection, ours: int, theirs: int) -> None:
    known = "datasets' tables: ours (at character 15)"
    for name in (f"spatial_data_{theirs}", "theirs", "spatial_data_999", "nothing"):
        told = refusal(connection, ours, f"SELECT * FROM {name}")
        assert told == f'query: table "{name}" is not a dataset; {known}'
    told = refusal(connection, ours, "SELECT * FROM public.theirs")
    assert told == f'query: table "public"."theirs" is not a dataset; {known}'
    with pytest.raises(NotFound) as hidden:
        view(connection, theirs, f"SELECT * FROM spatial_data_{ours}", TWO)
    with pytest.raises(NotFound) as missing:
        view(connection, 999, f"SELECT * FROM spatial_data_{ours}", TWO)
    assert str(hidden.value) == (
        f"source_dataset_id: dataset {theirs} does not exist; datasets of features: {ours} (ours)"
    )
    assert str(missing.value) == str(hidden.value).replace(str(theirs), "999")
    with pytest.raises(NotFound):
        run_analysis(
            connection, "create_view", {"source_dataset_id": theirs, "columns": ["title"]}, user_id=TWO
        )


def test_a_view_of_theirs_is_no_way_to_their_data(
    connection: Connection, ours: int, theirs: int
) -> None:
    made = view(connection, theirs, f"SELECT * FROM spatial_data_{theirs}", THREE)
    told = refusal(connection, ours, f"SELECT * FROM spatial_data_{made.dataset.id}")
    assert "is not a dataset" in told
    mine = view(connection, ours, f"SELECT * FROM spatial_data_{ours}", TWO)
    again = view(connection, ours, f"SELECT id, geom FROM spatial_data_{mine.dataset.id}", TWO)
    assert again.dataset.row_count == 5


def test_the_operator_reads_all(connection: Connection, ours: int, theirs: int) -> None:
    query = f"SELECT id, o.geom FROM spatial_data_{ours} o JOIN spatial_data_{theirs} t USING (id)"
    assert view(connection, ours, query).dataset.row_count == 5


def test_readers_need_rights_of_their_own(connection: Connection, ours: int) -> None:
    made = view(connection, ours, f"SELECT * FROM spatial_data_{ours}")
    role = sql.Identifier(f"reader_{uuid4().hex[:8]}")
    connection.execute(
        sql.SQL("CREATE ROLE {0}; GRANT SELECT ON {1} TO {0}").format(role, made.relation)
    )
    try:
        count = sql.SQL("SELECT count(*) FROM {}").format(made.relation)
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="ours"):
                connection.execute(count)
        connection.execute(sql.SQL("GRANT SELECT ON ours TO {}").format(role))
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
            assert connection.execute(count).fetchone() == (5,)
    finally:
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))


def test_nobodys_functions_and_operators_are_taken_for_others(connection: Connection, ours: int) -> None:
    """CVE-2018-1058: what is in `public` under a known name, or fits better, is not called."""
    connection.execute(
        "CREATE FUNCTION public.abs(integer) RETURNS integer LANGUAGE sql AS 'SELECT -77';"
        "CREATE FUNCTION public.theft(text, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';"
        "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = integer, FUNCTION = public.theft)"
    )
    made = view(connection, ours, f"SELECT id, abs(-id) AS a, geom FROM spatial_data_{ours}")
    assert made.column("a") == [1, 2, 3, 4, 5]
    with pytest.raises(UserError) as caught:
        view(connection, ours, f"SELECT id, geom FROM spatial_data_{ours} WHERE title = 1")
    assert str(caught.value) == "query comes to use what no view may: function theft(text,integer)"


@pytest.mark.parametrize(
    ("written", "stranger"),
    [
        ("(1259).pg_get_viewdef", "function pg_get_viewdef(oid)"),
        ("('server_version'::text).current_setting", "function current_setting(text)"),
        ("s.pg_column_size", 'function pg_column_size("any")'),
        ("(s).pg_typeof::text", 'function pg_typeof("any")'),
        ("('pg_class'::text).regclass::text", "function regclass(text)"),
        ("(1259).regclass::text", "type regclass"),
        ("('1'::text).xid::text", "type xid"),
        ("(s.id).odd_number", "type odd_number"),
        ("(s.geom).st_pointonsurface", "function st_pointonsurface(geometry)"),
    ],
)
def test_a_call_that_is_written_as_a_field_is_a_call(
    connection: Connection, ours: int, monkeypatch: pytest.MonkeyPatch, written: str, stranger: str
) -> None:
    """(x).f is f(x), and a column may bear any name."""
    crashing = frozenset({"st_pointonsurface"})
    monkeypatch.setattr(definition, "crashing_functions", lambda _connection: crashing)
    connection.execute("CREATE DOMAIN public.odd_number AS integer CHECK (value <> 0)")
    name = stranger.partition(" ")[2].partition("(")[0]
    query = f"SELECT s.geom, {written} AS {name} FROM spatial_data_{ours} AS s"
    with pytest.raises(UserError) as caught:
        view(connection, ours, query)
    assert str(caught.value) == f"query comes to use what no view may: {stranger}"


def test_a_call_that_is_written_as_a_field_may_be_one_of_the_list(
    connection: Connection, ours: int
) -> None:
    query = f"SELECT id, geom, ('7'::text).int4 AS int4 FROM spatial_data_{ours}"
    assert view(connection, ours, query).column("int4") == [7] * 5


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("select", "stranger"),
    [
        ("SELECT * FROM pg_catalog.pg_class", "table pg_class"),
        ("SELECT 1 FROM ours WHERE EXISTS (SELECT 1 FROM pg_authid)", "table pg_authid"),
        ("SELECT 1 WHERE pg_sleep(1) IS NULL", "function pg_sleep(double precision)"),
        ("SELECT random()", "function random()"),
        ("SELECT (SELECT nextval('background_jobs_id_seq'))", "function nextval(regclass)"),
        ("SELECT 1 WHERE pg_notify('a', 'b') IS NULL", "function pg_notify(text,text)"),
        ("SELECT * FROM pg_ls_dir('/')", "function pg_ls_dir(text)"),
    ],
)
def test_the_second_boundary_holds_alone(connection: Connection, select: str, stranger: str) -> None:
    """As if the guard had let it through."""
    connection.execute(f"CREATE VIEW geocrew_staging.v AS {select}")
    table = ReadableTables(connection, 1).find(None, "ours")
    with pytest.raises(UserError, match="comes to use what no view may") as caught:
        verify(connection, "geocrew_staging", "v", [table], "query")
    assert stranger in str(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM theirs",
        "SELECT * FROM geocrew.datasets",
        "SELECT * FROM background_jobs",
        "INSERT INTO ours VALUES (9)",
        "CREATE TABLE x (a int)",
        "CREATE TEMP TABLE x (a int)",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_authid",
        "COPY ours TO PROGRAM 'id'",
    ],
)
def test_the_role_can_read_what_was_granted_and_nothing_else(
    connection: Connection, ours: int, theirs: int, statement: str
) -> None:
    assert ours != theirs
    grant(connection, [ReadableTables(connection, 1).find(None, "ours")])
    with confined(connection, "public", 5):
        assert connection.execute("SELECT count(*) FROM ours").fetchone() == (5,)
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
    with pytest.raises(refused), confined(connection, "public", 5):
        connection.execute(statement)
    assert connection.execute("SELECT current_user = session_user").fetchone() == (True,)


@pytest.fixture
def worker(cluster: Cluster) -> Iterator[tuple[Connection, Connection]]:
    """A superuser's session, and one of a user who owns a migrated database and may do nothing else."""
    name = f"worker_{uuid4().hex[:8]}"
    url = cluster.create_database(name)
    with connect(url, "super") as admin:
        admin.execute(sql.SQL("CREATE ROLE {0} LOGIN").format(sql.Identifier(name)))
        admin.execute(
            sql.SQL(
                "ALTER DATABASE {0} OWNER TO {0}; ALTER SCHEMA public OWNER TO {0};"
                " CREATE EXTENSION postgis"
            ).format(sql.Identifier(name))
        )
        try:
            with connect(make_conninfo(url, user=name), "worker") as session:
                migrate(session)
                yield admin, session
        finally:
            admin.execute(sql.SQL("DROP OWNED BY {0} CASCADE").format(sql.Identifier(name)))
            cluster.drop_database(name)
            with connect(cluster.url("postgres"), "super") as elsewhere:
                elsewhere.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_an_ordinary_user_needs_the_membership_and_no_more(
    worker: tuple[Connection, Connection],
) -> None:
    admin, session = worker
    source = add_places(session, "ours")
    query = f"SELECT title, geom FROM spatial_data_{source}"
    with pytest.raises(ConfigurationError, match="GRANT geocrew_views TO the worker's user"):
        view(session, source, query)
    name = sql.Identifier(session.info.user)
    admin.execute(sql.SQL("GRANT geocrew_views TO {}").format(name))
    assert view(session, source, query).dataset.row_count == 5
    stored = view(session, source, query, materialized=True)
    session.execute("INSERT INTO ours VALUES (6, 'p6', 'SRID=4326;POINT(6 6)')")
    assert (
        run_analysis(session, "refresh_view", {"dataset_id": stored.dataset.id}).dataset.row_count == 6
    )


def test_tables_that_are_not_ours_to_grant_are_named(worker: tuple[Connection, Connection]) -> None:
    admin, session = worker
    name = sql.Identifier(session.info.user)
    admin.execute(
        sql.SQL(
            "GRANT geocrew_views TO {0}; CREATE SCHEMA town; CREATE TABLE town.trees"
            " (id int PRIMARY KEY, geom geometry(Point, 4326)); GRANT USAGE ON SCHEMA town TO {0};"
            " GRANT SELECT ON town.trees TO {0}"
        ).format(name)
    )
    source = registry.register(session, "town", "trees").id
    with pytest.raises(UserError) as caught:
        view(session, source, "SELECT * FROM town.trees")
    assert "not ours to grant" in str(caught.value)
    advice = str(caught.value).split("must let views read it: ")[1]
    admin.execute(advice)
    assert view(session, source, "SELECT * FROM town.trees").dataset.row_count == 0


def test_no_function_on_the_lists_is_volatile_or_unknown(connection: Connection) -> None:
    names = sorted(allowed.BUILTIN_FUNCTIONS | allowed.SPATIAL_FUNCTIONS)
    found = connection.execute(
        "SELECT proname::text, bool_or(provolatile = 'v' AND prokind <> 'a') FROM pg_proc"
        " WHERE proname = ANY (%s) GROUP BY 1",
        (names,),
    ).fetchall()
    assert [name for name, volatile in found if volatile] == []
    assert {*names} == {name for name, _ in found}
