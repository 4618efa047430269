"""Every error that PostgreSQL can raise here has its class; each is raised for real."""

import errno
import os
from pathlib import Path

import psycopg
import pytest

from geocrew.db import Connection, connect
from geocrew.error_classes import classify, timeouts_told, waiting_reason
from geocrew.errors import LeaseLost, SourceChanged, StatementTimeout, UserError
from geocrew.local import account
from tests.cluster import Cluster
from tests.waiting import wait_for

ENDED = (StatementTimeout, psycopg.errors.QueryCanceled)


def _raised(connection: Connection, *statements: str) -> psycopg.Error:
    try:
        for statement in statements:
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return error
    raise AssertionError(f"{statements} raised nothing")


@pytest.mark.parametrize(
    ("statement", "state", "kind", "says"),
    [
        ("SELECT 1/0", "22012", "user", "division by zero"),
        ("SELECT 'x'::int", "22P02", "user", "invalid input syntax"),
        ("SELECT * FROM nowhere", "42P01", "user", 'relation "nowhere" does not exist'),
        ("INSERT INTO background_jobs (job_type) VALUES ('')", "23514", "user", "job_type_length"),
        ("DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", "P0001", "user", "no"),
        ("SELECT pg_cancel_backend(pg_backend_pid())", "57014", "retry", "user request"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "57P01", "retry", "administrator command"),
        (
            "SET temp_file_limit = 64; SET work_mem = 64; SELECT generate_series(1, 99999) i ORDER BY 1",
            "53400",
            "resource",
            "temp_file_limit",
        ),
        (
            "SET default_transaction_read_only = on; DELETE FROM background_jobs",
            "25006",
            "unavailable",
            "the database is read-only",
        ),
        ("SELECT ('[' || repeat('[', 1000000))::jsonb", "54001", "resource", "too deeply nested"),
        (
            "SELECT ST_Difference('POLYGON((0 0,2 2,2 0,0 2,0 0))'::geometry, ST_MakeEnvelope(0,0,3,1))",
            "XX000",
            "user",
            "TopologyException",
        ),
        (
            "SELECT ST_IsValid('POLYHEDRALSURFACE Z (((0 0 0,0 1 0,1 1 0,0 0 0)))'::geometry)",
            "XX000",
            "user",
            "a shape cannot be worked on: Unknown geometry type: 13 - PolyhedralSurface",
        ),
        ("DO $$ BEGIN RAISE SQLSTATE 'XX000'; END $$", "XX000", "bug", "internal error"),
        ("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", "40001", "retry", "40001"),
        ("DO $$ BEGIN RAISE SQLSTATE '53100'; END $$", "53100", "resource", "disk is full"),
        ("DO $$ BEGIN RAISE SQLSTATE '53200'; END $$", "53200", "resource", "out of memory"),
        ("DO $$ BEGIN RAISE SQLSTATE '53300'; END $$", "53300", "unavailable", "no connection left"),
        ("DO $$ BEGIN RAISE SQLSTATE '57P03'; END $$", "57P03", "unavailable", "starting or stopping"),
        ("DO $$ BEGIN RAISE SQLSTATE '58030'; END $$", "58030", "retry", "58030"),
    ],
)
def test_sqlstates(connection: Connection, statement: str, state: str, kind: str, says: str) -> None:
    found = classify(
        _raised(connection, *statement.split("; ") if "DO" not in statement else [statement])
    )
    assert (found.sqlstate, found.kind) == (state, kind)
    assert says in found.message
    assert "SELECT" not in found.message
    assert found.disk_full == (state == "53100")


@pytest.mark.parametrize("language", ["C", "C.UTF-8"])
def test_a_timeout_is_told_from_a_cancel_in_any_language(
    cluster_directory: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """A server with its translations speaks German here where its locale is not C."""
    monkeypatch.setitem(account._ENVIRONMENT, "LANGUAGE", "de")
    server = Cluster(cluster_directory, lc_messages=language)
    server.start()
    found = []
    with connect(server.url("postgres"), "test", statement_timeout="10ms") as session:
        for statement in ("SELECT pg_sleep(5)", "SELECT pg_cancel_backend(pg_backend_pid())"):
            with pytest.raises(ENDED) as caught, timeouts_told(session), session.transaction():
                session.execute(statement.encode())
            found.append(classify(caught.value))
    timeout, cancel = found
    says = "a statement took longer than the server allows (statement_timeout)"
    assert (timeout.sqlstate, timeout.kind, timeout.message) == ("57014", "resource", says)
    assert (cancel.sqlstate, cancel.kind) == ("57014", "retry")


def test_what_is_not_granted_says_who_must_grant_it(connection: Connection) -> None:
    """A table of which a column is missing, and a schema."""
    connection.execute(
        "CREATE TABLE closed (a int, b int); CREATE SCHEMA shut; CREATE TABLE shut.open ();"
        " CREATE ROLE stranger; GRANT SELECT (a) ON closed TO stranger;"
        " GRANT SELECT ON shut.open TO stranger"
    )
    try:
        connection.execute("SET ROLE stranger")
        found = [
            classify(_raised(connection, f"SELECT * FROM {each}")) for each in ("closed", "shut.open")
        ]
    finally:
        connection.execute("RESET ROLE; DROP OWNED BY stranger; DROP ROLE stranger")
    assert [(each.sqlstate, each.kind) for each in found] == [("42501", "user")] * 2
    advice = "its owner must grant it to the role that the worker connects as"
    assert f"permission denied for table closed: {advice}" in found[0].message
    assert f"permission denied for schema shut: {advice}" in found[1].message


def test_lock_timeout_is_retried(connection: Connection, database: str) -> None:
    connection.execute("CREATE TABLE contended ()")
    with connect(database, "other", lock_timeout="10ms") as other, connection.transaction():
        connection.execute("LOCK contended")
        found = classify(_raised(other, "DROP TABLE contended"))
    assert (found.sqlstate, found.kind) == ("55P03", "retry")


def test_idle_transaction_that_was_ended_is_retried(database: str, connection: Connection) -> None:
    with connect(database, "idle", idle_in_transaction_session_timeout="1ms") as idle:
        idle.execute("BEGIN")
        gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
        wait_for(lambda: (connection.execute(gone, (idle.info.backend_pid,)).fetchone() or [False])[0])
        found = classify(_raised(idle, "SELECT 1"))
    assert found.kind == "retry"


def test_lost_connection_has_no_state(database: str, connection: Connection) -> None:
    with connect(database, "victim") as victim:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (victim.info.backend_pid,))
        error = _raised(victim, "SELECT 1", "SELECT 1")
    assert classify(error).kind == "retry"


def test_no_connection_left(database: str, connection: Connection) -> None:
    connection.execute("CREATE ROLE narrow LOGIN CONNECTION LIMIT 0")
    try:
        with pytest.raises(psycopg.OperationalError) as caught:
            connect(psycopg.conninfo.make_conninfo(database, user="narrow"), "narrow")
    finally:
        connection.execute("DROP ROLE narrow")
    found = classify(caught.value)
    assert (found.kind, found.message) == ("unavailable", "the database has no connection left")
    assert waiting_reason(caught.value) == "the database has no connection left"


def test_server_that_is_not_there() -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        connect("postgresql://127.0.0.1:1/none", "nobody")
    assert classify(caught.value).kind == "retry"
    assert waiting_reason(caught.value) == "the database does not answer"


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (UserError("distance must be positive"), "user", "distance must be positive"),
        (SourceChanged("rows moved"), "retry", "rows moved"),
        (LeaseLost("job 1"), "lease_lost", ""),
        (MemoryError(), "out_of_memory", ""),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/secret"), "resource", "disk is full"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "retry", "Too many open files"),
        (OSError(errno.EIO, os.strerror(errno.EIO), "/srv/secret"), "retry", "Input/output error"),
        (PermissionError(errno.EACCES, "no", "/srv/secret"), "bug", "internal error (PermissionError)"),
        (ZeroDivisionError("secret detail"), "bug", "internal error (ZeroDivisionError)"),
    ],
)
def test_kinds_of_python(error: Exception, kind: str, says: str) -> None:
    found = classify(error)
    assert found.kind == kind
    assert says in found.message
    assert "secret" not in found.message
    assert found.disk_full == (getattr(error, "errno", None) == errno.ENOSPC)
