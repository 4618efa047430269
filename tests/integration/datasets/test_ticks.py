"""What a statement that runs tells of itself."""

from math import gcd
from threading import Thread

import pytest
from psycopg import sql
from tests.held import holding, make_held
from tests.waiting import wait_for

from geocrew.datasets.catalog import OPERATOR
from geocrew.datasets.layer import open_layer
from geocrew.datasets.registry import register
from geocrew.datasets.ticks import Ticks, ticks_over
from geocrew.db import Connection, connect

MIB = 2**20
EACH = 4 * MIB
SIZES = [(1, EACH), (5, 900 * EACH), (127, 50 * EACH), (200_000, 64 * EACH)]
STEPS = [1, 7, 10, 128, 1000, 4096, 100_000, -64]


def count(connection: Connection, ticks: Ticks, rows: int, step: int = 1) -> tuple[int, list[float]]:
    """Count rows numbered in steps, each told of; return the count and the shares heard."""
    heard: list[float] = []
    query = sql.SQL("SELECT count(*) FROM generate_series(1, {}) AS i WHERE {}").format(
        rows, ticks.each(sql.SQL("(i * {}::bigint)").format(step))
    )
    with ticks.heard(connection, heard.append):
        row = connection.execute(query).fetchone()
    return (row or (0,))[0], heard


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("rows", "size"), [(1, EACH), (5, 900 * EACH), (127, 50 * EACH), (200_000, 64 * EACH)]
)
def test_a_row_for_so_many_bytes_is_told_of(shared: Connection, rows: int, size: int, step: int) -> None:
    counted, heard = count(shared, Ticks(rows, size), rows, step)
    assert counted == rows
    assert heard == sorted(heard)
    assert 0 < len(heard) <= min(rows, 2 * size // EACH)
    assert heard[-1] == pytest.approx(1, abs=0.02) if step == 1 else heard[-1] <= 1


def test_no_step_of_ids_hits_all() -> None:
    """But for steps that somebody has chosen so."""
    sizes = [Ticks(rows, 64 * EACH).every for rows in range(0, 10_000_000, 997)]
    assert all(gcd(each, 10) == 1 for each in sizes)


def test_an_estimate_may_be_wrong(shared: Connection) -> None:
    assert count(shared, Ticks(100_000, 64 * EACH), 50_000)[1][-1] == pytest.approx(0.5, abs=0.02)
    assert count(shared, Ticks(100_000, 64 * EACH), 200_000)[1][-1] == 1
    assert count(shared, Ticks(0, 64 * EACH), 3) == (3, [1, 1, 1])


def test_of_what_is_done_in_no_time_nothing_is_told(shared: Connection) -> None:
    assert count(shared, Ticks(10_000, EACH - 1), 10_000) == (10_000, [])
    assert Ticks(10_000, EACH - 1).each(sql.SQL("i")) == sql.SQL("true")


def test_size_counts_what_is_kept_apart(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE big AS SELECT i AS id, ST_Buffer(ST_Point(i, 0, 27700), 1, 5000) AS geom"
        " FROM generate_series(1, 40) AS i; ANALYZE big"
    )
    dataset = register(connection, "public", "big")
    ticks = ticks_over(connection, open_layer(connection, dataset.id, OPERATOR))
    assert ticks.rows == 40
    assert 10 * MIB < ticks.size < 20 * MIB
    assert ticks_over(connection, open_layer(connection, dataset.id, OPERATOR), 7) == Ticks(
        7, ticks.size
    )


def test_a_row_without_a_number_stays(shared: Connection) -> None:
    query = sql.SQL("SELECT {}").format(Ticks(5000, 64 * EACH).each(sql.SQL("NULL::bigint")))
    assert shared.execute(query).fetchone() == (True,)


def test_a_session_that_wants_no_messages_hears(database: str) -> None:
    """So are those of jobs."""
    with connect(database, "quiet", client_min_messages="error") as connection:
        assert len(count(connection, Ticks(1000, 64 * EACH), 1000)[1]) > 50
        connection.execute("SELECT geocrew.tick()")  # nobody listens any more


def test_parallel_workers_are_heard(connection: Connection) -> None:
    connection.execute("CREATE TABLE many AS SELECT generate_series(1, 200000) AS i")
    connection.execute(
        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;"
        " SET parallel_leader_participation = off"
    )
    ticks, heard = Ticks(200_000, 64 * EACH), list[float]()
    query = sql.SQL("SELECT count(*) FROM many WHERE {}").format(ticks.each(sql.SQL("i")))
    plan = connection.execute(sql.SQL("EXPLAIN {}").format(query)).fetchall()
    assert any("Parallel" in row[0] for row in plan)
    with ticks.heard(connection, heard.append):
        assert connection.execute(query).fetchone() == (200_000,)
    assert heard[-1] == pytest.approx(1, abs=0.02)


def test_a_process_that_writes_and_has_parallel_workers_may_tell(connection: Connection) -> None:
    """It cannot start commands then, as asking for a setting does in a volatile function."""
    connection.execute("CREATE TABLE many AS SELECT generate_series(1, 200000) AS i")
    connection.execute(
        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0"
    )
    ticks, heard = Ticks(200_000, 64 * EACH), list[float]()
    query = sql.SQL("CREATE TABLE made AS SELECT * FROM many WHERE {}").format(ticks.each(sql.SQL("i")))
    plan = connection.execute(sql.SQL("EXPLAIN {}").format(query)).fetchall()
    assert any("Parallel" in row[0] for row in plan)
    with ticks.heard(connection, heard.append):
        assert connection.execute(query).rowcount == 200_000
    assert heard[-1] == pytest.approx(1, abs=0.02)


def test_it_is_told_while_the_statement_runs(database: str, connection: Connection) -> None:
    make_held(connection, 501)
    ticks, heard = Ticks(1000, 64 * EACH), list[float]()
    query = sql.SQL(
        "CREATE TABLE made AS SELECT * FROM (SELECT i, held(ST_Point(i, 0))"
        " FROM generate_series(1, 1000) AS i OFFSET 0) AS made WHERE {}"
    ).format(ticks.each(sql.SQL("i")))

    def write() -> None:
        with connect(database, "writer") as writer, ticks.heard(writer, heard.append):
            writer.execute(query)

    thread = Thread(target=write)
    with holding(connection, 501):
        thread.start()
        wait_for(lambda: heard and heard[-1] >= 0.49, 30, f"half of it to be told: {heard}")
        assert heard[-1] < 0.51
    thread.join()
    assert heard[-1] == pytest.approx(1, abs=0.02)
